/* Takes a process's rights away by a spec; knows no role and gives none back. */
#include "base/sandbox.h"

#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <seccomp.h>
#include <string.h>
#include <unistd.h>

#define CAP_BIT(cap) (1ull << (cap))
#define CAP_BITS     64

/*
 * Landlock by its kernel interface: the libc headers of the oldest system we
 * build on know less than the newest kernel we run on.  The kernel takes the
 * whole struct as long as the fields it does not know are zero.
 */
#define LANDLOCK_VERSION   1u
#define LANDLOCK_FS_ABI1   ((1ull << 13) - 1)
#define LANDLOCK_REFER	   (1ull << 13) /* ABI 2 */
#define LANDLOCK_TRUNCATE  (1ull << 14) /* ABI 3 */
#define LANDLOCK_IOCTL_DEV (1ull << 15) /* ABI 5 */
#define LANDLOCK_BIND_TCP  (1ull << 0)	/* ABI 4 */
#define LANDLOCK_SCOPES	   3ull		/* ABI 6: abstract sockets, signals */
#define LANDLOCK_BENEATH   1u		/* the kinds of rule */
#define LANDLOCK_PORT	   2u
#define LANDLOCK_READ	   (1ull << 2 | 1ull << 3) /* files, directories */
/* Files: write, remove, make. */
#define LANDLOCK_WRITE (1ull << 1 | 1ull << 5 | 1ull << 8 | LANDLOCK_TRUNCATE)

struct landlock_ruleset {
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};

struct landlock_beneath {
	uint64_t allowed;
	int32_t dir_fd;
} __attribute__((packed));

struct landlock_port {
	uint64_t allowed;
	uint64_t port; /* 0: any that the kernel picks */
};

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANDBOX_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define SANDBOX_ASAN 1
#endif

#ifdef SANDBOX_ASAN
/* What the sanitizer's runtime itself calls, none of it an act of interest. */
static const char *const runtime_syscalls[] = {"mmap", "munmap", "mprotect",
    "madvise", "write", "getpid", "gettid", "sigaltstack", "rt_sigprocmask",
    "sched_yield", "futex", "exit", "exit_group", NULL};

/* The leak checker attaches a tracer at exit, and dies when it must not. */
int __lsan_is_turned_off(void);

int
__lsan_is_turned_off(void)
{
	return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 1;
}
#else
static const char *const runtime_syscalls[] = {NULL};
#endif

/* Lower a limit, never raise it: raising would need a privilege. */
static int
limit(int what, rlim_t value)
{
	struct rlimit rl;

	if (getrlimit(what, &rl) == -1)
		return -errno;
	if (rl.rlim_max > value)
		rl.rlim_max = value;
	rl.rlim_cur = rl.rlim_max;
	return setrlimit(what, &rl) == -1 ? -errno : 0;
}

static int
limits_apply(const struct sandbox_spec *spec, uint32_t *reached)
{
	int rc;

	if ((rc = limit(RLIMIT_CORE, 0)) != 0)
		return rc;
	if (spec->nofile != 0 && (rc = limit(RLIMIT_NOFILE, spec->nofile)) != 0)
		return rc;
	if (spec->no_fork && (rc = limit(RLIMIT_NPROC, 0)) != 0)
		return rc;
	*reached |= SANDBOX_RLIMITS;
	return 0;
}

static int
chroot_apply(const char *dir, uint32_t *reached)
{
	if (chroot(dir) == -1)
		return 0;
	/* Inside with a working directory outside is no jail at all. */
	if (chdir("/") == -1)
		return -errno;
	*reached |= SANDBOX_CHROOT;
	return 0;
}

/* Of want, what we have. */
static int
caps_owned(uint64_t want, uint64_t *owned)
{
	unsigned int cap;

	*owned = 0;
	if (capng_get_caps_process() != 0)
		return -EPERM;
	for (cap = 0; cap <= CAP_LAST_CAP; cap++) {
		if ((want & CAP_BIT(cap)) != 0 &&
		    capng_have_capability(CAPNG_PERMITTED, cap))
			*owned |= CAP_BIT(cap);
	}
	return 0;
}

/* 0, or -errno when some could not be dropped. */
static int
bounding_drop(uint64_t keep)
{
	int rc = 0;
	int cap;

	for (cap = 0; cap < CAP_BITS; cap++) {
		if ((keep & CAP_BIT(cap)) != 0)
			continue;
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1 &&
		    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == -1)
			rc = -errno;
	}
	return rc;
}

static int
caps_drop(uint64_t keep)
{
	unsigned int cap;

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == -1)
		return -errno;
	capng_clear(CAPNG_SELECT_CAPS);
	for (cap = 0; cap <= CAP_LAST_CAP; cap++) {
		if ((keep & CAP_BIT(cap)) != 0)
			capng_update(
			    CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, cap);
	}
	return capng_apply(CAPNG_SELECT_CAPS) != 0 ? -EPERM : 0;
}

static int
ids_change(const struct sandbox_spec *spec)
{
	/* Else the change itself would take what is to be kept. */
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == -1 ||
	    setgroups(0, NULL) == -1 ||
	    setresgid(spec->gid, spec->gid, spec->gid) == -1 ||
	    setresuid(spec->uid, spec->uid, spec->uid) == -1 ||
	    prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) == -1)
		return -errno;
	return 0;
}

/* All ids are the wanted ones and there is no way back from them. */
static bool
ids_final(const struct sandbox_spec *spec, uint64_t caps)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	if (getresuid(&ruid, &euid, &suid) == -1 || ruid != spec->uid ||
	    euid != spec->uid || suid != spec->uid)
		return false;
	if (getresgid(&rgid, &egid, &sgid) == -1 || rgid != spec->gid ||
	    egid != spec->gid || sgid != spec->gid)
		return false;
	if (spec->uid != 0 && (caps & CAP_BIT(CAP_SETUID)) == 0 &&
	    (setuid(0) == 0 || setresuid((uid_t)-1, 0, (uid_t)-1) == 0))
		return false;
	return spec->gid == 0 || (caps & CAP_BIT(CAP_SETGID)) != 0 ||
	       (setgid(0) == -1 && setresgid((gid_t)-1, 0, (gid_t)-1) == -1);
}

/* Ids and capabilities; the bounding set goes first, while it may. */
static int
rights_apply(const struct sandbox_spec *spec, bool root, uint32_t *reached)
{
	uint64_t keep;
	int rc;

	if ((rc = caps_owned(spec->keep_caps, &keep)) != 0)
		return rc;
	/* Without root it often may not; no_new_privs makes up for it. */
	if ((rc = bounding_drop(keep)) != 0 && root)
		return rc;
	if (root && spec->uid != (uid_t)-1 && (rc = ids_change(spec)) != 0)
		return rc;
	if ((rc = caps_drop(keep)) != 0)
		return rc;
	*reached |= SANDBOX_CAPS;
	if (spec->uid == (uid_t)-1)
		return 0;
	if (ids_final(spec, keep))
		*reached |= SANDBOX_UID;
	else if (root)
		return -EPERM;
	return 0;
}

/* Where this cannot be had, no file can be: whoever needs one says so. */
static void
landlock_beneath(int ruleset, const struct sandbox_spec *spec, bool chrooted,
    uint64_t handled)
{
	struct landlock_beneath rule = {
	    .allowed =
		(LANDLOCK_READ | (spec->files_read_only ? 0 : LANDLOCK_WRITE)) &
		handled};

	rule.dir_fd = open(
	    chrooted ? "/" : spec->files_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (rule.dir_fd == -1)
		return;
	(void)syscall(
	    SYS_landlock_add_rule, ruleset, LANDLOCK_BENEATH, &rule, 0u);
	close(rule.dir_fd);
}

static void
landlock_port_0(int ruleset)
{
	const struct landlock_port rule = {.allowed = LANDLOCK_BIND_TCP};

	(void)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_PORT, &rule, 0u);
}

static void
landlock_apply(const struct sandbox_spec *spec, uint32_t *reached)
{
	struct landlock_ruleset rs = {0};
	uint32_t bits = 0;
	long abi, fd;

	abi = syscall(
	    SYS_landlock_create_ruleset, NULL, (size_t)0, LANDLOCK_VERSION);
	if (spec->no_files && abi >= 1) {
		rs.fs = LANDLOCK_FS_ABI1 | (abi >= 2 ? LANDLOCK_REFER : 0) |
			(abi >= 3 ? LANDLOCK_TRUNCATE : 0) |
			(abi >= 5 ? LANDLOCK_IOCTL_DEV : 0);
		bits |= SANDBOX_LANDLOCK;
	}
	if (spec->no_files && abi >= 4) {
		rs.net = LANDLOCK_BIND_TCP;
		bits |= SANDBOX_NO_BIND;
	}
	if (spec->scoped && abi >= 6) {
		rs.scoped = LANDLOCK_SCOPES;
		bits |= SANDBOX_SCOPED;
	}
	if (bits == 0)
		return;
	fd = syscall(SYS_landlock_create_ruleset, &rs, sizeof(rs), 0u);
	if (fd == -1)
		return;
	if (spec->no_files && spec->files_dir != NULL)
		landlock_beneath(
		    (int)fd, spec, (*reached & SANDBOX_CHROOT) != 0, rs.fs);
	if (rs.net != 0 && spec->listens)
		landlock_port_0((int)fd);
	if (syscall(SYS_landlock_restrict_self, (int)fd, 0u) == 0)
		*reached |= bits;
	close((int)fd);
}

/* Only the lower half of the argument counts: the kernel takes an int. */
static int
pairs_allow(scmp_filter_ctx ctx, int nr, unsigned int arg, const int *values)
{
	int rc = 0;

	for (; values[0] != -1 && rc == 0; values += 2)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, nr, 2,
		    SCMP_CMP(arg, SCMP_CMP_MASKED_EQ, UINT32_MAX,
			(scmp_datum_t)values[0]),
		    SCMP_CMP(arg + 1, SCMP_CMP_MASKED_EQ, UINT32_MAX,
			(scmp_datum_t)values[1]));
	return rc;
}

static int
values_allow(scmp_filter_ctx ctx, int nr, unsigned int arg, const int *values)
{
	int rc = 0;

	for (; *values != -1 && rc == 0; values++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, nr, 1,
		    SCMP_CMP(arg, SCMP_CMP_MASKED_EQ, UINT32_MAX,
			(scmp_datum_t)*values));
	return rc;
}

static int
syscall_allow(
    scmp_filter_ctx ctx, const char *name, const struct sandbox_spec *spec)
{
	int nr = seccomp_syscall_resolve_name(name);
	const struct sandbox_arg *a;

	if (nr == __NR_SCMP_ERROR)
		return 0; /* newer than the library */
	if (spec->families != NULL && nr == SCMP_SYS(socket))
		return values_allow(ctx, nr, 0, spec->families);
	for (a = spec->args; a != NULL && a->syscall != NULL; a++) {
		if (strcmp(a->syscall, name) == 0)
			return (a->pairs ? pairs_allow : values_allow)(
			    ctx, nr, a->arg, a->values);
	}
	return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, nr, 0);
}

static int
seccomp_apply(const struct sandbox_spec *spec, uint32_t *reached)
{
	const char *const *name;
	scmp_filter_ctx ctx;
	int rc;

	ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (ctx == NULL)
		return -ENOMEM;
	rc = seccomp_attr_set(
	    ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (rc == 0)
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	for (name = spec->syscalls; *name != NULL && rc == 0; name++)
		rc = syscall_allow(ctx, *name, spec);
	for (name = runtime_syscalls; *name != NULL && rc == 0; name++)
		rc = syscall_allow(ctx, *name, spec);
	if (rc == 0 && spec->also != NULL)
		rc = syscall_allow(ctx, spec->also, spec);
	if (rc == 0 && seccomp_load(ctx) == 0)
		*reached |= SANDBOX_SECCOMP;
	seccomp_release(ctx);
	return rc;
}

int
sandbox_apply(const struct sandbox_spec *spec, uint32_t *reached)
{
	bool root = geteuid() == 0;
	int rc;

	*reached = 0;
	if ((rc = limits_apply(spec, reached)) != 0)
		return rc;
	if (root && spec->chroot_dir != NULL &&
	    (rc = chroot_apply(spec->chroot_dir, reached)) != 0)
		return rc;
	if ((rc = rights_apply(spec, root, reached)) != 0)
		return rc;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
		*reached |= SANDBOX_NO_NEW_PRIVS;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		return -errno;
	landlock_apply(spec, reached);
	if (spec->syscalls != NULL)
		return seccomp_apply(spec, reached);
	return 0;
}

const char *
sandbox_format(uint32_t reached, char out[SANDBOX_STRLEN])
{
	static const struct {
		uint32_t bit;
		const char *word;
	} words[] = {
	    {SANDBOX_UID, "uid"},
	    {SANDBOX_CAPS, "caps"},
	    {SANDBOX_CHROOT, "chroot"},
	    {SANDBOX_NO_NEW_PRIVS, "no-new-privs"},
	    {SANDBOX_RLIMITS, "rlimits"},
	    {SANDBOX_SECCOMP, "seccomp"},
	    {SANDBOX_LANDLOCK, "landlock"},
	    {SANDBOX_NO_BIND, "no-bind"},
	    {SANDBOX_SCOPED, "scoped"},
	};
	size_t i;

	out[0] = '\0';
	for (i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if ((reached & words[i].bit) == 0)
			continue;
		if (out[0] != '\0')
			strlcat(out, " ", SANDBOX_STRLEN);
		strlcat(out, words[i].word, SANDBOX_STRLEN);
	}
	if (out[0] == '\0')
		strlcpy(out, "none", SANDBOX_STRLEN);
	return out;
}
