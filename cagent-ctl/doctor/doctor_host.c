/* Owns the checks of the machine: its clock, limits and kernel. */
#include <sys/resource.h>
#include <sys/utsname.h>

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cagent-ctl/doctor/doctor.h"
#include "cagent-ctl/field.h"
#include "cagent-ctl/format.h"

/* This was written then; a clock before it is wrong. */
#define YEAR_2026_US 1767225600000000ll
/* A tunnel takes two descriptors. */
#define FILES_FEW 4096
#define FILES_OWN 64
#define LIMIT_FIX                                                     \
	"raise LimitNOFILE in the systemd unit, or \"ulimit -n\" in " \
	"/etc/default/cagentd, and restart cagentd"

static void
check_clock(struct doctor *d)
{
	char now[FORMAT_LEN];

	format_date(d->now_us, now);
	if (d->now_us < YEAR_2026_US)
		doctor_add(d, "clock", DOCTOR_FAIL,
		    "set it, and keep it right by NTP (timedatectl set-ntp "
		    "true): signed policies expire by it",
		    "%s cannot be", now);
	else if (d->status != NULL &&
		 field_number(d->status, "started_us") > d->now_us + 1000000)
		doctor_add(d, "clock", DOCTOR_WARN,
		    "keep the clock right by NTP (timedatectl set-ntp true)",
		    "%s is before cagentd's start: the clock was set back",
		    now);
	else
		doctor_add(d, "clock", DOCTOR_OK, "", "%s", now);
}

/* The soft limit of open files of a process; 0 when it cannot be read. */
static uint64_t
files_limit(int64_t pid)
{
	static const char name[] = "Max open files";
	char path[64], line[256];
	uint64_t soft = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%" PRId64 "/limits", pid);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	while (soft == 0 && fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, name, sizeof(name) - 1) == 0)
			soft = strtoull(line + sizeof(name) - 1, NULL, 10);
	}
	fclose(f);
	return soft;
}

/* Files that a process has open, or -1: only root may look. */
static int64_t
files_open(int64_t pid)
{
	struct dirent *e;
	char path[64];
	int64_t n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%" PRId64 "/fd", pid);
	dir = opendir(path);
	if (dir == NULL)
		return -1;
	while ((e = readdir(dir)) != NULL)
		n += e->d_name[0] != '.';
	closedir(dir);
	return n;
}

struct files {
	uint64_t limit;	 /* the lowest of the workers' */
	int64_t fullest; /* percent; -1: not known */
};

static struct files
worker_files(const struct doctor *d)
{
	const json_t *children = json_object_get(d->status, "children"), *child;
	struct files f = {0, -1};
	uint64_t limit;
	int64_t open;
	size_t i;

	for (i = 0; i < json_array_size(children); i++) {
		child = json_array_get(children, i);
		if (strcmp(field_string(child, "role"), "worker") != 0)
			continue;
		limit = files_limit(field_number(child, "pid"));
		open = files_open(field_number(child, "pid"));
		if (limit != 0 && (f.limit == 0 || limit < f.limit))
			f.limit = limit;
		if (limit != 0 && open * 100 / (int64_t)limit > f.fullest)
			f.fullest = open * 100 / (int64_t)limit;
	}
	return f;
}

static void
check_files(struct doctor *d)
{
	int64_t pauses = field_number(d->status, "accept_pauses");
	struct files f = worker_files(d);
	uint64_t tunnels = f.limit > FILES_OWN ? (f.limit - FILES_OWN) / 2 : 0;

	if (f.limit == 0)
		doctor_add(d, "files open", DOCTOR_SKIP, "",
		    "the workers' limits cannot be read");
	else if (f.fullest > 90)
		doctor_add(d, "files open", DOCTOR_FAIL, LIMIT_FIX,
		    "a worker has %lld %% of its %llu files open",
		    (long long)f.fullest, (unsigned long long)f.limit);
	else
		doctor_add(d, "files open",
		    f.limit < FILES_FEW ? DOCTOR_WARN : DOCTOR_OK, LIMIT_FIX,
		    "a worker may open %llu files: about %llu tunnels each",
		    (unsigned long long)f.limit, (unsigned long long)tunnels);
	if (pauses > 0)
		doctor_add(d, "accept pauses", DOCTOR_WARN, LIMIT_FIX,
		    "workers ran out of files and stopped accepting %lld "
		    "times",
		    (long long)pauses);
}

/* What a daemon started from here would get. */
static void
check_ulimit(struct doctor *d)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		return;
	doctor_add(d, "files open",
	    rl.rlim_max < FILES_FEW ? DOCTOR_WARN : DOCTOR_OK, LIMIT_FIX,
	    "started from here, a process may open %llu files (hard limit)",
	    (unsigned long long)rl.rlim_max);
}

static void
check_kernel(struct doctor *d)
{
	int abi = doctor_landlock_abi();
	bool seccomp =
	    access("/proc/sys/kernel/seccomp/actions_avail", F_OK) == 0;
	struct utsname u;

	if (uname(&u) == -1)
		return;
	doctor_add(d, "kernel", abi > 0 && seccomp ? DOCTOR_OK : DOCTOR_WARN,
	    "take a kernel with both (Debian's has them; Landlock may have to "
	    "be named in the boot option lsm=): without them a process that "
	    "was taken over can do more",
	    "%s: %s, Landlock %s%d%s", u.release,
	    seccomp ? "seccomp" : "no seccomp", abi > 0 ? "ABI " : "missing (",
	    abi, abi > 0 ? (abi < 4 ? " (no rules for ports)" : "") : ")");
}

void
doctor_host(struct doctor *d)
{
	check_clock(d);
	if (d->status != NULL)
		check_files(d);
	else
		check_ulimit(d);
	check_kernel(d);
}
