/* What is left of a process's rights, and when the sandbox must refuse. */
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <linux/capability.h>

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/sandbox.h"
#include "tests/unit/unit.h"

#define NOBODY 65534

/* How a child ends that did not come to its act; no errno is that large. */
#define APPLY_FAILED 255
#define NOT_REACHED  254
#define NOT_PREPARED 253

#define BECOME .uid = NOBODY, .gid = NOBODY
#define KEEP   .uid = (uid_t)-1, .gid = (gid_t)-1, .keep_caps = UINT64_MAX

static const char *const sys_ending[] = {"exit_group", "getpid", NULL};
static const char *const sys_thread[] = {"exit_group", "exit", "read", "write",
    "futex", "madvise", "rt_sigprocmask", "munmap", NULL};
static const int fam_none[] = {-1};

static const struct sandbox_spec spec_uid = {BECOME};
static const struct sandbox_spec spec_nothing = {KEEP};
static const struct sandbox_spec spec_seccomp = {KEEP, .syscalls = sys_ending};
static const struct sandbox_spec spec_thread = {KEEP, .syscalls = sys_thread};

/* What a child does: 0 or an errno becomes its exit status. */
typedef int act_fn(void);

/* Run act in a child, behind spec unless NULL: its exit status or -signal. */
static int
attempt(const struct sandbox_spec *spec, uint32_t bits, act_fn *act)
{
	uint32_t reached = 0;
	int status = 0;
	pid_t pid;

	pid = fork();
	if (pid == 0) {
		if (spec != NULL && sandbox_apply(spec, &reached) != 0)
			_exit(APPLY_FAILED);
		if ((reached & bits) != bits)
			_exit(NOT_REACHED);
		_exit(act());
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid, "child: %s",
	    strerror(errno));
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void
expect(const struct sandbox_spec *spec, uint32_t bits, act_fn *act, int want)
{
	int got = attempt(spec, bits, act);

	CHECK_INT(got, want);
}

static bool
cannot_run(void)
{
	if (geteuid() == 0)
		return false;
	unit_skip("needs root");
	return true;
}

/* 0 when exactly the capabilities of want are left, and no other group. */
static int
rights_left(uint64_t want)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];
	uint64_t bounding = 0, effective, permitted, inheritable;
	int cap;

	if (syscall(SYS_capget, &head, data) == -1)
		return errno;
	for (cap = 0; cap < 64; cap++) {
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1)
			bounding |= 1ull << cap;
	}
	effective = data[0].effective | (uint64_t)data[1].effective << 32;
	permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
	if (effective != want || permitted != want || inheritable != 0)
		return 1;
	if (bounding != want)
		return 2;
	return getgroups(0, NULL) == 0 ? 0 : 3;
}

static int
act_one_cap_left(void)
{
	return rights_left(1ull << CAP_NET_BIND_SERVICE);
}

static int
act_no_cap_left(void)
{
	return rights_left(0);
}

static int
act_apply_with_group(void)
{
	const gid_t group = NOBODY - 1;
	uint32_t reached;

	if (setgroups(1, &group) == -1)
		return NOT_PREPARED;
	if (sandbox_apply(&spec_uid, &reached) != 0)
		return APPLY_FAILED;
	return rights_left(0);
}

static void
case_caps_exact(void)
{
	static const struct sandbox_spec one = {
	    BECOME, .keep_caps = 1ull << CAP_NET_BIND_SERVICE};

	if (cannot_run())
		return;
	expect(&one, SANDBOX_UID | SANDBOX_CAPS, act_one_cap_left, 0);
	expect(&spec_uid, SANDBOX_UID | SANDBOX_CAPS, act_no_cap_left, 0);
	expect(NULL, 0, act_apply_with_group, 0);
	CHECK(attempt(NULL, 0, act_no_cap_left) != 0, "root has none");
}

/* Ends with the -errno of an apply that a lack of cap must make fail. */
static int
apply_without(unsigned int cap)
{
	uint32_t reached;

	if (capng_get_caps_process() != 0)
		return NOT_PREPARED;
	capng_update(CAPNG_DROP, CAPNG_EFFECTIVE | CAPNG_PERMITTED, cap);
	if (capng_apply(CAPNG_SELECT_CAPS) != 0)
		return NOT_PREPARED;
	return -sandbox_apply(&spec_uid, &reached);
}

static int
act_apply_no_setuid(void)
{
	return apply_without(CAP_SETUID);
}

static int
act_apply_no_setgid(void)
{
	return apply_without(CAP_SETGID);
}

static int
act_apply_no_setpcap(void)
{
	return apply_without(CAP_SETPCAP);
}

static int
act_apply_all_caps(void)
{
	return apply_without(CAP_LAST_CAP);
}

static void
case_root_stuck(void)
{
	if (cannot_run())
		return;
	expect(NULL, 0, act_apply_no_setuid, EPERM);
	expect(NULL, 0, act_apply_no_setgid, EPERM);
	expect(NULL, 0, act_apply_no_setpcap, EPERM);
	expect(NULL, 0, act_apply_all_caps, 0);
}

/* An ordinary user gets all that needs no root, and no error. */
static int
act_apply_unprivileged(void)
{
	static const struct sandbox_spec all = {.uid = 1,
	    .gid = 1,
	    .chroot_dir = "/tmp",
	    .syscalls = sys_ending,
	    .families = fam_none,
	    .no_files = true,
	    .scoped = true,
	    .nofile = 32,
	    .no_fork = true};
	uint32_t reached = 0, want;
	long abi = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, 1u);

	if (geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) == -1)
		return NOT_PREPARED;
	if (sandbox_apply(&all, &reached) != 0)
		return APPLY_FAILED;
	want = SANDBOX_CAPS | SANDBOX_NO_NEW_PRIVS | SANDBOX_RLIMITS |
	       SANDBOX_SECCOMP | (abi >= 1 ? SANDBOX_LANDLOCK : 0) |
	       (abi >= 4 ? SANDBOX_NO_BIND : 0) |
	       (abi >= 6 ? SANDBOX_SCOPED : 0);
	return reached == want ? 0 : NOT_REACHED;
}

static void
case_unprivileged(void)
{
	expect(NULL, 0, act_apply_unprivileged, 0);
}

static int
act_no_core(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_CORE, &rl) == -1)
		return errno;
	return rl.rlim_cur == 0 && rl.rlim_max == 0 ? 0 : EPERM;
}

static void
case_no_core(void)
{
	expect(&spec_nothing, 0, act_no_core, 0);
}

/*
 * The other gates of the same kernel have other numbers: a filter that let
 * them by would be none.  The call itself need not work.
 */
static int
act_foreign_arch(void)
{
#ifdef __x86_64__
	syscall(0x40000000L | SYS_getpid); /* x32 */
#endif
	return 0;
}

static void
case_foreign_arch(void)
{
#ifdef __x86_64__
	expect(NULL, 0, act_foreign_arch, 0);
	expect(&spec_seccomp, SANDBOX_SECCOMP, act_foreign_arch, -SIGSYS);
#else
	unit_skip("knows the foreign calls of x86-64 only");
#endif
}

/* The filter binds the threads that are already there, too. */
static void *
thread_open(void *arg)
{
	const int *fds = arg;
	char c;

	/* Starting a thread takes calls that the filter need not allow. */
	if (write(fds[1], "", 1) != 1 || read(fds[2], &c, 1) != 1)
		_exit(NOT_PREPARED);
	_exit(open("/etc/passwd", O_RDONLY | O_CLOEXEC) == -1 ? errno : 0);
}

static int
thread_child(const struct sandbox_spec *spec)
{
	uint32_t reached;
	pthread_t thread;
	int fds[4];
	char c;

	if (pipe2(fds, O_CLOEXEC) == -1 || pipe2(fds + 2, O_CLOEXEC) == -1 ||
	    pthread_create(&thread, NULL, thread_open, fds) != 0 ||
	    read(fds[0], &c, 1) != 1)
		return NOT_PREPARED;
	if (spec != NULL && sandbox_apply(spec, &reached) != 0)
		return APPLY_FAILED;
	if (write(fds[3], "", 1) != 1)
		return NOT_PREPARED;
	pthread_join(thread, NULL);
	return NOT_PREPARED;
}

static int
act_thread_sandboxed(void)
{
	return thread_child(&spec_thread);
}

static int
act_thread_free(void)
{
	return thread_child(NULL);
}

static void
case_all_threads(void)
{
	expect(NULL, 0, act_thread_sandboxed, EPERM);
	expect(NULL, 0, act_thread_free, 0);
}

static void
case_format(void)
{
	char out[SANDBOX_STRLEN];

	CHECK_STR(sandbox_format(0, out), "none");
	CHECK_STR(
	    sandbox_format(SANDBOX_UID | SANDBOX_SECCOMP, out), "uid seccomp");
	CHECK_STR(sandbox_format(UINT32_MAX, out),
	    "uid caps chroot no-new-privs rlimits seccomp landlock no-bind "
	    "scoped");
}

static const struct unit_case cases[] = {
    {"caps_exact", case_caps_exact},
    {"root_stuck", case_root_stuck},
    {"unprivileged", case_unprivileged},
    {"no_core", case_no_core},
    {"foreign_arch", case_foreign_arch},
    {"all_threads", case_all_threads},
    {"format", case_format},
};

UNIT_MAIN("sandbox_level", cases)
