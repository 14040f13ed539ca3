/* Owns the check of what rights each process has given up. */
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cagent-ctl/doctor/doctor.h"
#include "cagent-ctl/field.h"

#define LANDLOCK_VERSION 1u

/* When a level is missing, who could have given it. */
enum giver {
	FROM_ANY,  /* nothing special: something is wrong */
	FROM_ROOT, /* cagentd must be started as root */
	FROM_KERNEL
};

static const struct level {
	const char *word;
	enum giver giver;
	int abi; /* FROM_KERNEL: the Landlock ABI that brings it */
	const char *without;
} levels[] = {
    {"uid", FROM_ROOT, 0, "shares a user with the other processes"},
    {"chroot", FROM_ROOT, 0, "sees the whole file tree"},
    {"caps", FROM_ANY, 0, "keeps root's capabilities"},
    {"no-new-privs", FROM_ANY, 0, "could gain rights by a set-uid program"},
    {"rlimits", FROM_ANY, 0, "could fork and dump core"},
    {"seccomp", FROM_ANY, 0, "may make every system call"},
    {"landlock", FROM_KERNEL, 1, "may open whatever its user may"},
    {"no-bind", FROM_KERNEL, 4, "could listen on ports of its own"},
    {"scoped", FROM_KERNEL, 6, "may signal processes outside"},
};

int
doctor_landlock_abi(void)
{
	long abi = syscall(
	    SYS_landlock_create_ruleset, NULL, (size_t)0, LANDLOCK_VERSION);

	return abi > 0 ? (int)abi : 0;
}

static bool
has_level(const json_t *child, const char *word)
{
	const json_t *list = json_object_get(child, "sandbox");
	const char *s;
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		s = json_string_value(json_array_get(list, i));
		if (s != NULL && strcmp(s, word) == 0)
			return true;
	}
	return false;
}

struct missing {
	char text[512];
	bool root, any;
};

/* What one process lacks that it could have on this kernel. */
static void
child_missing(const json_t *child, int abi, struct missing *m)
{
	const struct level *l;
	size_t i, len;

	for (i = 0; i < sizeof(levels) / sizeof(*levels); i++) {
		l = &levels[i];
		if (has_level(child, l->word) ||
		    (l->giver == FROM_KERNEL && abi < l->abi))
			continue;
		len = strlen(m->text);
		snprintf(m->text + len, sizeof(m->text) - len,
		    "%sno %s (it %s)", len > 0 ? ", " : "", l->word,
		    l->without);
		if (l->giver == FROM_ROOT)
			m->root = true;
		else
			m->any = true;
	}
}

static const char *
fix_for(const struct missing *m)
{
	if (m->any)
		return "the kernel has it, but it could not be applied: see "
		       "cagentd's log at the start";
	return "start cagentd as root: only then can each process get a user "
	       "and a root directory of its own";
}

static void
check_role(struct doctor *d, const char *role, int abi)
{
	const json_t *children = json_object_get(d->status, "children"), *child;
	struct missing m = {.text = ""};
	char name[40];
	size_t i, n = 0;

	/* Processes of a role are alike; the first that lacks something is
	 * told. */
	for (i = 0; i < json_array_size(children); i++) {
		child = json_array_get(children, i);
		if (strcmp(field_string(child, "role"), role) != 0 ||
		    strcmp(field_string(child, "state"), "ready") != 0)
			continue;
		n++;
		if (m.text[0] == '\0')
			child_missing(child, abi, &m);
	}
	if (n == 0)
		return;
	snprintf(name, sizeof(name), "sandbox of %s", role);
	if (m.text[0] == '\0')
		doctor_add(d, name, DOCTOR_OK, "",
		    "has given up all that this kernel lets it");
	else
		doctor_add(d, name, DOCTOR_WARN, fix_for(&m), "%s", m.text);
}

void
doctor_sandbox(struct doctor *d)
{
	int abi = doctor_landlock_abi();

	if (d->status == NULL)
		return;
	check_role(d, "worker", abi);
	check_role(d, "control", abi);
	check_role(d, "resolver", abi);
}
