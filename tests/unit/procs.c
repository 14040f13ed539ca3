/* The tables of processes and messages: who may say and do what. */
#include "cagentd/common/procs.h"

#include <linux/capability.h>
#include <sys/socket.h>

#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/settings_sample.h"
#include "tests/unit/unit.h"

#define BIT(role) (1u << (role))
#define ALL	  (BIT(ROLE_COUNT) - 1)
#define CHILDREN  (ALL & ~BIT(ROLE_MASTER))

static void
roles(void)
{
	int role;

	for (role = 0; role < ROLE_COUNT; role++)
		CHECK_INT(
		    procs_role_parse(procs_role_word((enum proc_role)role)),
		    role);
	CHECK_INT(procs_role_parse("?"), -1);
	CHECK_INT(procs_role_parse(""), -1);
	CHECK_INT(procs_role_parse("Worker"), -1);
	CHECK_INT(procs_role_parse("worker "), -1);
}

static void
bounds(void)
{
	const struct chan_rule *r, *other;
	uint32_t i, j;

	CHECK_INT(procs_rules.rows_n, MSG_COUNT);
	for (i = 0; i < procs_rules.rows_n; i++) {
		r = &procs_rules.rows[i];
		CHECK(r->name != NULL && r->name[0] != '\0', "row %u", i);
		CHECK(r->from != 0 && (r->from & ~ALL) == 0 && r->to != 0 &&
			  (r->to & ~ALL) == 0 && (r->from & r->to) == 0,
		    "%s: roles", r->name);
		CHECK(r->len_min <= r->len_max && r->len_max <= CHAN_DATA_MAX,
		    "%s: length", r->name);
		CHECK(r->fds_min <= r->fds_max && r->fds_max <= CHAN_FDS_MAX,
		    "%s: fds", r->name);
		for (j = 0; j < i; j++) {
			other = &procs_rules.rows[j];
			CHECK(strcmp(r->name, other->name) != 0, "%s twice",
			    r->name);
		}
	}
}

/* A bit for each message that a role may send to another. */
static uint32_t
may_say(enum proc_role from, enum proc_role to)
{
	uint32_t i, bits = 0;

	for (i = 0; i < procs_rules.rows_n; i++) {
		if ((procs_rules.rows[i].from & BIT(from)) != 0 &&
		    (procs_rules.rows[i].to & BIT(to)) != 0)
			bits |= BIT(i);
	}
	return bits;
}

/* What a child taken over could say, and nothing else. */
static void
children_say_little(void)
{
	const uint32_t alive = BIT(MSG_READY) | BIT(MSG_ALIVE);
	uint32_t i;

	CHECK_INT(may_say(ROLE_CONTROL, ROLE_MASTER), alive | BIT(MSG_POLICY));
	CHECK_INT(may_say(ROLE_WORKER, ROLE_MASTER), alive | BIT(MSG_CGROUP));
	CHECK_INT(may_say(ROLE_RESOLVER, ROLE_MASTER), alive);
	CHECK_INT(may_say(ROLE_WORKER, ROLE_RESOLVER), BIT(MSG_RESOLVE));
	CHECK_INT(may_say(ROLE_RESOLVER, ROLE_WORKER), BIT(MSG_RESOLVED));
	CHECK_INT(may_say(ROLE_CONTROL, ROLE_WORKER), 0);
	CHECK_INT(may_say(ROLE_WORKER, ROLE_CONTROL), 0);
	CHECK_INT(may_say(ROLE_CONTROL, ROLE_RESOLVER), BIT(MSG_RESOLVE));
	CHECK_INT(may_say(ROLE_RESOLVER, ROLE_CONTROL), BIT(MSG_RESOLVED));
	CHECK_INT(may_say(ROLE_VERIFIER, ROLE_MASTER), alive);
	CHECK_INT(may_say(ROLE_WORKER, ROLE_VERIFIER), BIT(MSG_LOGIN));
	CHECK_INT(may_say(ROLE_VERIFIER, ROLE_WORKER), BIT(MSG_VERIFIED));
	CHECK_INT(may_say(ROLE_VERIFIER, ROLE_CONTROL), 0);
	CHECK_INT(may_say(ROLE_CONTROL, ROLE_VERIFIER), 0);
	/* The master must not even receive an fd from a child. */
	for (i = 0; i < procs_rules.rows_n; i++) {
		if ((procs_rules.rows[i].from & CHILDREN) != 0)
			CHECK_INT(procs_rules.rows[i].fds_max, 0);
	}
}

static void
who_gets_what(void)
{
	const struct chan_rule *r = procs_rules.rows;

	CHECK_INT(r[MSG_CONF].to, CHILDREN);
	CHECK_INT(r[MSG_START].to, CHILDREN);
	CHECK_INT(r[MSG_DRAIN].to, CHILDREN);
	CHECK_INT(r[MSG_LISTENERS].to, BIT(ROLE_WORKER));
	CHECK_INT(r[MSG_DECISIONS].to, BIT(ROLE_WORKER));
	CHECK_INT(r[MSG_CONTROL_SOCKET].to, BIT(ROLE_CONTROL));
	CHECK_INT(r[MSG_IDENTITY].to, BIT(ROLE_CONTROL));
	CHECK_INT(r[MSG_TABLE].to & BIT(ROLE_RESOLVER), 0);
	CHECK_INT(r[MSG_SLAB].to & BIT(ROLE_RESOLVER), 0);
	CHECK_INT(r[MSG_TABLE].to & BIT(ROLE_VERIFIER), 0);
	CHECK_INT(r[MSG_SLAB].to & BIT(ROLE_VERIFIER), 0);
	CHECK(r[MSG_LISTENERS].fds_max >= SETTINGS_LISTENERS_MAX,
	    "listeners do not fit");
}

static struct settings *
sample(void)
{
	struct conf_errors e;
	struct settings *s = NULL;

	CHECK_INT(sample_parse("[agent]\nrun-dir = /r\n", &s, &e), 0);
	return s;
}

static bool
lists(const char *const *names, const char *name)
{
	for (; *names != NULL; names++) {
		if (strcmp(*names, name) == 0)
			return true;
	}
	return false;
}

/* A name that the library does not know allows nothing, silently. */
static void
check_syscalls(enum proc_role role, const struct sandbox_spec *spec)
{
	static const char *const never[] = {"execve", "execveat", "fork",
	    "vfork", "clone", "clone3", "kill", "tkill", "tgkill", "ptrace",
	    "open", "openat", "openat2", "creat", "unlink", "rename", "chmod",
	    "chown", "mount", "pidfd_open", "pidfd_getfd", "pidfd_send_signal",
	    "process_vm_readv", "process_vm_writev", "bpf", "io_uring_setup",
	    "userfaultfd", "keyctl", "memfd_create", "setuid", "prctl",
	    "seccomp", "setrlimit", "prlimit64", "socketpair"};
	const char *const *p;
	size_t i;

	for (p = spec->syscalls; *p != NULL; p++)
		CHECK(seccomp_syscall_resolve_name(*p) != __NR_SCMP_ERROR,
		    "%s: %s is no system call", procs_role_word(role), *p);
	for (i = 0; i < sizeof(never) / sizeof(*never); i++)
		CHECK(!lists(spec->syscalls, never[i]), "%s may %s",
		    procs_role_word(role), never[i]);
}

static bool
may_family(const struct sandbox_spec *spec, int family)
{
	const int *f = spec->families;

	if (f == NULL)
		return true;
	while (*f != -1 && *f != family)
		f++;
	return *f != -1;
}

static void
rights_of_children(void)
{
	static const uid_t uids[ROLE_COUNT] = {0, 901, 902, 903, 904};
	struct settings *s = sample();
	struct sandbox_spec spec;
	int role;

	for (role = ROLE_CONTROL; role < ROLE_COUNT; role++) {
		memset(&spec, 0xa5, sizeof(spec));
		procs_rights((enum proc_role)role, s, &spec);
		CHECK_INT(spec.uid, uids[role]);
		CHECK_INT(spec.gid, uids[role]);
		CHECK(spec.keep_caps == 0, "%d keeps capabilities", role);
		CHECK_STR(spec.chroot_dir, "/r");
		CHECK(spec.no_files && spec.no_fork && spec.scoped, "%d", role);
		check_syscalls((enum proc_role)role, &spec);
		if (role == ROLE_VERIFIER) {
			CHECK(!lists(spec.syscalls, "socket") &&
				  !lists(spec.syscalls, "connect") &&
				  !lists(spec.syscalls, "accept4"),
			    "the verifier has a way out");
			continue;
		}
		CHECK(!may_family(&spec, AF_UNIX), "%d: unix sockets", role);
		CHECK(!may_family(&spec, AF_NETLINK), "%d: netlink", role);
		CHECK(!may_family(&spec, AF_PACKET), "%d: packets", role);
		CHECK(may_family(&spec, AF_INET), "%d: no v4", role);
		CHECK(may_family(&spec, AF_INET6), "%d: no v6", role);
	}
	procs_rights(ROLE_CONTROL, s, &spec);
	CHECK(!lists(spec.syscalls, "bind"), "control may bind");
	CHECK(!lists(spec.syscalls, "listen"), "control may listen");
	procs_rights(ROLE_RESOLVER, s, &spec);
	CHECK(!lists(spec.syscalls, "listen"), "the resolver may listen");
	settings_unref(s);
}

/* A worker has no right that nothing it serves takes. */
static void
rights_to_listen(void)
{
	static const struct {
		bool udp, bind;
	} rows[] = {{false, false}, {true, false}, {false, true}, {true, true}};
	struct settings *s = sample();
	struct sandbox_spec spec;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		s->udp = rows[i].udp;
		s->bind = rows[i].bind;
		procs_rights(ROLE_WORKER, s, &spec);
		CHECK(lists(spec.syscalls, "bind") == (i != 0), "bind %zu", i);
		CHECK(lists(spec.syscalls, "listen") == rows[i].bind,
		    "listen %zu", i);
		CHECK(spec.listens == rows[i].bind, "ports %zu", i);
		CHECK(spec.no_files, "%zu", i);
	}
	settings_unref(s);
}

static void
rights_of_the_master(void)
{
	static const int never[] = {CAP_SYS_ADMIN, CAP_SYS_PTRACE,
	    CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_MODULE, CAP_SYS_RAWIO,
	    CAP_SETFCAP, CAP_MKNOD, CAP_FOWNER, CAP_CHOWN};
	struct settings *s = sample();
	struct sandbox_spec spec;
	size_t i;

	memset(&spec, 0xa5, sizeof(spec));
	procs_rights(ROLE_MASTER, s, &spec);
	CHECK_INT(spec.uid, (uid_t)-1);
	CHECK(spec.chroot_dir == NULL && !spec.no_files && !spec.no_fork,
	    "it has children to start and files to read again");
	CHECK((spec.keep_caps & 1ull << CAP_SETUID) != 0 &&
		  (spec.keep_caps & 1ull << CAP_NET_BIND_SERVICE) != 0,
	    "it could not start a child or open a listener");
	for (i = 0; i < sizeof(never) / sizeof(*never); i++)
		CHECK((spec.keep_caps & 1ull << never[i]) == 0,
		    "it keeps capability %d", never[i]);
	settings_unref(s);
}

static const struct unit_case cases[] = {
    {"roles", roles},
    {"bounds", bounds},
    {"children say little", children_say_little},
    {"who gets what", who_gets_what},
    {"rights of children", rights_of_children},
    {"rights to listen", rights_to_listen},
    {"rights of the master", rights_of_the_master},
};

UNIT_MAIN("procs", cases)
