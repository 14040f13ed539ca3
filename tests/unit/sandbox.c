/* Each control of the sandbox alone: the act it forbids fails with it, and
 * succeeds without it. */
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sandbox.h"
#include "tests/unit/unit.h"

#define NOBODY	 65534
#define KEEP_ALL UINT64_MAX

/* How a child ends that did not come to its act; no errno is that large. */
#define APPLY_FAILED 255
#define NOT_REACHED  254
#define NOT_PREPARED 253

/* What an act works on: made before the child loses its rights. */
static struct {
	char dir[64];
	char path[96];
	int ro_fd; /* of path, read-only */
	int rw_fd; /* of path */
	int dir_fd;
	int listener; /* TCP, loopback */
	uint16_t port;
	int abstract; /* a listening abstract unix socket */
	struct stat cwd;
	struct sockaddr_un abstract_sa;
	socklen_t abstract_len;
} fix;

/* An act: 0 when it succeeded, else its errno. */
typedef int act_fn(void);

static int
result(long rc)
{
	return rc == -1 ? errno : 0;
}

static int
act_open(void)
{
	return result(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static int
act_create(void)
{
	return result(
	    openat(fix.dir_fd, "new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int
act_make_and_remove(void)
{
	int error = act_create();

	return error != 0 ? error : result(unlinkat(fix.dir_fd, "new", 0));
}

static int
act_read_file(void)
{
	return result(openat(fix.dir_fd, "file", O_RDONLY | O_CLOEXEC));
}

static int
act_exec(void)
{
	char arg0[] = "true";
	char *const argv[] = {arg0, NULL};

	/* On success /bin/true is what exits with 0. */
	return result(execv("/bin/true", argv));
}

static int
act_socket_unix(void)
{
	return result(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int
act_socket_netlink(void)
{
	return result(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
}

/* The kernel ignores the upper half of the argument; so must the filter. */
static int
socket_wide(long family)
{
	return result(syscall(
	    SYS_socket, 0x100000000L | family, SOCK_STREAM | SOCK_CLOEXEC, 0L));
}

static int
act_socket_unix_wide(void)
{
	return socket_wide(AF_UNIX);
}

static int
act_socket_inet_wide(void)
{
	return socket_wide(AF_INET);
}

static int
act_socket_inet(void)
{
	return result(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int
act_bind(void)
{
	struct sockaddr_in in = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return NOT_PREPARED;
	return result(bind(fd, (struct sockaddr *)&in, sizeof(in)));
}

static int
act_connect(void)
{
	struct sockaddr_in in = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return NOT_PREPARED;
	in.sin_port = fix.port;
	return result(connect(fd, (struct sockaddr *)&in, sizeof(in)));
}

static int
act_connect_abstract(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return NOT_PREPARED;
	return result(
	    connect(fd, (struct sockaddr *)&fix.abstract_sa, fix.abstract_len));
}

static int
act_ptrace(void)
{
	return result(ptrace(PTRACE_SEIZE, getppid(), NULL, NULL));
}

static int
act_kill(void)
{
	return result(kill(getppid(), SIGWINCH)); /* ignored by default */
}

static int
act_kill_self(void)
{
	return result(kill(getpid(), SIGWINCH));
}

/* By which the kernel would send signals in our name. */
static int
act_set_owner(void)
{
	return result(fcntl(fix.listener, F_SETOWN, getppid()));
}

static int
act_get_flags(void)
{
	return result(fcntl(fix.listener, F_GETFL));
}

/* One number that means an option to a socket and another to TCP. */
static int
set_option(int level)
{
	int v = 1;

	return result(
	    setsockopt(fix.listener, level, SO_KEEPALIVE, &v, sizeof(v)));
}

static int
act_set_keepalive(void)
{
	return set_option(SOL_SOCKET);
}

static int
act_set_of_tcp(void)
{
	return set_option(IPPROTO_TCP);
}

static int
act_mount(void)
{
	if (unshare(CLONE_NEWNS) == -1 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
		return errno;
	return result(mount("none", fix.dir, "tmpfs", 0, NULL));
}

static int
act_chroot(void)
{
	return result(chroot(fix.dir));
}

static int
act_setuid(void)
{
	return result(setuid(0));
}

static int
act_setgid(void)
{
	return result(setgid(0));
}

static int
act_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return result(pid);
}

static int
act_raise_limit(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		return NOT_PREPARED;
	rl.rlim_cur = rl.rlim_max = 64;
	return result(setrlimit(RLIMIT_NOFILE, &rl));
}

static int
act_many_fds(void)
{
	int i, fd;

	for (i = 0; i < 64; i++) {
		fd = dup(STDERR_FILENO);
		if (fd == -1)
			return errno;
	}
	return 0;
}

/* A read-only fd is made writable by opening it anew. */
static int
act_reopen(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fix.ro_fd);
	return result(open(path, O_RDWR | O_CLOEXEC));
}

static int
act_ftruncate(void)
{
	return result(ftruncate(fix.rw_fd, 1));
}

static int
act_truncate(void)
{
	return result(truncate(fix.path, 1));
}

static int
act_unlink(void)
{
	return result(unlink(fix.path));
}

static int
act_stay_outside(void)
{
	struct stat st;

	if (stat(".", &st) == -1)
		return NOT_PREPARED;
	return st.st_ino == fix.cwd.st_ino && st.st_dev == fix.cwd.st_dev
		   ? 0
		   : EPERM;
}

static int
act_dumpable(void)
{
	return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1 ? 0 : EPERM;
}

static int
act_new_privs(void)
{
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 ? 0 : EPERM;
}

/* What any filter must leave: how a child ends. */
#define ENDING "exit_group", "exit"
static const char *const sys_ending[] = {
    ENDING, "getppid", "getpid", "no_such_call", "getpid", NULL};
static const char *const sys_socket[] = {ENDING, "socket", NULL};
static const char *const sys_dial[] = {ENDING, "socket", "connect", NULL};
static const char *const sys_fcntl[] = {ENDING, "fcntl", "getppid", NULL};
static const int fcntl_flags[] = {F_GETFL, F_SETFL, -1};
static const struct sandbox_arg args_fcntl[] = {
    {"fcntl", 1, fcntl_flags, false}, {NULL, 0, NULL, false}};
static const char *const sys_options[] = {ENDING, "setsockopt", NULL};
static const int options[] = {SOL_SOCKET, SO_KEEPALIVE, -1};
static const struct sandbox_arg args_options[] = {
    {"setsockopt", 1, options, true}, {NULL, 0, NULL, false}};
static const int fam_inet[] = {AF_INET, AF_INET6, -1};
static const int fam_none[] = {-1};

#define STAY   .uid = (uid_t)-1, .gid = (gid_t)-1
#define KEEP   STAY, .keep_caps = KEEP_ALL
#define BECOME .uid = NOBODY, .gid = NOBODY

/* One control each. */
static const struct sandbox_spec spec_nothing = {KEEP};
static const struct sandbox_spec spec_seccomp = {KEEP, .syscalls = sys_ending};
static const struct sandbox_spec spec_inet = {
    KEEP, .syscalls = sys_socket, .families = fam_inet};
static const struct sandbox_spec spec_no_family = {
    KEEP, .syscalls = sys_socket, .families = fam_none};
static const struct sandbox_spec spec_fcntl = {
    KEEP, .syscalls = sys_fcntl, .args = args_fcntl};
static const struct sandbox_spec spec_options = {
    KEEP, .syscalls = sys_options, .args = args_options};
static const struct sandbox_spec spec_dial = {KEEP, .syscalls = sys_dial};
static const struct sandbox_spec spec_files = {KEEP, .no_files = true};
static const struct sandbox_spec spec_beneath = {
    KEEP, .no_files = true, .files_dir = fix.dir};
static const struct sandbox_spec spec_reading = {
    KEEP, .no_files = true, .files_dir = fix.dir, .files_read_only = true};
static const struct sandbox_spec spec_inside = {
    KEEP, .no_files = true, .files_dir = fix.dir, .chroot_dir = fix.dir};
static const struct sandbox_spec spec_scoped = {KEEP, .scoped = true};
static const struct sandbox_spec spec_caps = {STAY};
static const struct sandbox_spec spec_uid = {BECOME};
static const struct sandbox_spec spec_limits = {STAY, .nofile = 32};
static const struct sandbox_spec spec_no_fork = {BECOME, .no_fork = true};
static const struct sandbox_spec spec_chroot = {KEEP, .chroot_dir = fix.dir};

/*
 * name, control, bits it must reach, act, errno with the control on (0: must
 * still be allowed), whether root is needed, Landlock ABI needed.
 */
#define ACTS(X)                                                            \
	X(seccomp_open, seccomp, SECCOMP, open, EPERM, 0, 0)               \
	X(seccomp_create, seccomp, SECCOMP, create, EPERM, 0, 0)           \
	X(seccomp_exec, seccomp, SECCOMP, exec, EPERM, 0, 0)               \
	X(seccomp_fork, seccomp, SECCOMP, fork, EPERM, 0, 0)               \
	X(seccomp_ptrace, seccomp, SECCOMP, ptrace, EPERM, 0, 0)           \
	X(seccomp_kill, seccomp, SECCOMP, kill, EPERM, 0, 0)               \
	X(seccomp_reopen, seccomp, SECCOMP, reopen, EPERM, 0, 0)           \
	X(seccomp_ftruncate, seccomp, SECCOMP, ftruncate, EPERM, 0, 0)     \
	X(seccomp_mount, seccomp, SECCOMP, mount, EPERM, 1, 0)             \
	X(seccomp_chroot, seccomp, SECCOMP, chroot, EPERM, 1, 0)           \
	X(seccomp_bind, dial, SECCOMP, bind, EPERM, 0, 0)                  \
	X(seccomp_dial, dial, SECCOMP, connect, 0, 0, 0)                   \
	X(family_unix, inet, SECCOMP, socket_unix, EPERM, 0, 0)            \
	X(family_netlink, inet, SECCOMP, socket_netlink, EPERM, 0, 0)      \
	X(family_unix_wide, inet, SECCOMP, socket_unix_wide, EPERM, 0, 0)  \
	X(family_inet_wide, inet, SECCOMP, socket_inet_wide, 0, 0, 0)      \
	X(family_inet, inet, SECCOMP, socket_inet, 0, 0, 0)                \
	X(family_none, no_family, SECCOMP, socket_inet, EPERM, 0, 0)       \
	X(fcntl_owner, fcntl, SECCOMP, set_owner, EPERM, 0, 0)             \
	X(fcntl_flags, fcntl, SECCOMP, get_flags, 0, 0, 0)                 \
	X(option_is, options, SECCOMP, set_keepalive, 0, 0, 0)             \
	X(option_of_tcp, options, SECCOMP, set_of_tcp, EPERM, 0, 0)        \
	X(landlock_file, files, LANDLOCK, read_file, EACCES, 0, 1)         \
	X(landlock_open, files, LANDLOCK, open, EACCES, 0, 1)              \
	X(landlock_create, files, LANDLOCK, create, EACCES, 0, 1)          \
	X(landlock_exec, files, LANDLOCK, exec, EACCES, 0, 1)              \
	X(landlock_unlink, files, LANDLOCK, unlink, EACCES, 0, 1)          \
	X(landlock_reopen, files, LANDLOCK, reopen, EACCES, 0, 1)          \
	X(landlock_ptrace, files, LANDLOCK, ptrace, EPERM, 0, 1)           \
	X(landlock_truncate, files, LANDLOCK, truncate, EACCES, 0, 3)      \
	X(landlock_bind, files, NO_BIND, bind, EACCES, 0, 4)               \
	X(landlock_connect, files, LANDLOCK, connect, 0, 0, 1)             \
	X(beneath_open, beneath, LANDLOCK, open, EACCES, 0, 1)             \
	X(beneath_exec, beneath, LANDLOCK, exec, EACCES, 0, 1)             \
	X(beneath_create, beneath, LANDLOCK, create, 0, 0, 1)              \
	X(beneath_remove, beneath, LANDLOCK, make_and_remove, 0, 0, 1)     \
	X(beneath_reopen, beneath, LANDLOCK, reopen, 0, 0, 1)              \
	X(beneath_truncate, beneath, LANDLOCK, truncate, 0, 0, 3)          \
	X(beneath_bind, beneath, NO_BIND, bind, EACCES, 0, 4)              \
	X(beneath_chroot, inside, LANDLOCK, create, 0, 1, 1)               \
	X(reading_open, reading, LANDLOCK, open, EACCES, 0, 1)             \
	X(reading_file, reading, LANDLOCK, read_file, 0, 0, 1)             \
	X(reading_create, reading, LANDLOCK, create, EACCES, 0, 1)         \
	X(reading_unlink, reading, LANDLOCK, unlink, EACCES, 0, 1)         \
	X(reading_reopen, reading, LANDLOCK, reopen, EACCES, 0, 1)         \
	X(reading_truncate, reading, LANDLOCK, truncate, EACCES, 0, 3)     \
	X(scoped_kill, scoped, SCOPED, kill, EPERM, 0, 6)                  \
	X(scoped_kill_self, scoped, SCOPED, kill_self, 0, 0, 6)            \
	X(scoped_abstract, scoped, SCOPED, connect_abstract, EPERM, 0, 6)  \
	X(caps_mount, caps, CAPS, mount, EPERM, 1, 0)                      \
	X(caps_chroot, caps, CAPS, chroot, EPERM, 1, 0)                    \
	X(uid_setuid, uid, UID, setuid, EPERM, 1, 0)                       \
	X(uid_setgid, uid, UID, setgid, EPERM, 1, 0)                       \
	X(uid_reopen, uid, UID, reopen, EACCES, 1, 0)                      \
	X(uid_kill, uid, UID, kill, EPERM, 1, 0)                           \
	X(uid_ptrace, uid, UID, ptrace, EPERM, 1, 0)                       \
	X(limits_many_fds, limits, RLIMITS, many_fds, EMFILE, 0, 0)        \
	X(limits_raise, limits, RLIMITS, raise_limit, EPERM, 0, 0)         \
	X(limits_fork, no_fork, RLIMITS, fork, EAGAIN, 1, 0)               \
	X(chroot_open, chroot, CHROOT, open, ENOENT, 1, 0)                 \
	X(chroot_cwd, chroot, CHROOT, stay_outside, EPERM, 1, 0)           \
	X(always_undumpable, nothing, NO_NEW_PRIVS, dumpable, EPERM, 0, 0) \
	X(always_no_new_privs, nothing, NO_NEW_PRIVS, new_privs, EPERM, 0, 0)

static int
listen_on(int family, struct sockaddr *sa, socklen_t len)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(bind(fd, sa, len) == 0, "bind: %s", strerror(errno));
	CHECK(listen(fd, 8) == 0, "listen: %s", strerror(errno));
	return fd;
}

static void
fix_init(void)
{
	struct sockaddr_in in = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(in);

	memset(&fix, 0, sizeof(fix));
	CHECK(stat(".", &fix.cwd) == 0, "stat: %s", strerror(errno));
	snprintf(fix.dir, sizeof(fix.dir), "/tmp/sandbox.XXXXXX");
	CHECK(mkdtemp(fix.dir) != NULL, "mkdtemp: %s", strerror(errno));
	snprintf(fix.path, sizeof(fix.path), "%s/file", fix.dir);
	fix.rw_fd = open(fix.path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	fix.ro_fd = open(fix.path, O_RDONLY | O_CLOEXEC);
	fix.dir_fd = open(fix.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(fix.rw_fd != -1 && fix.ro_fd != -1 && fix.dir_fd != -1,
	    "files in %s: %s", fix.dir, strerror(errno));
	fix.listener = listen_on(AF_INET, (struct sockaddr *)&in, sizeof(in));
	getsockname(fix.listener, (struct sockaddr *)&in, &len);
	fix.port = in.sin_port;
	/* An empty unix address makes the kernel pick an abstract one. */
	fix.abstract_sa.sun_family = AF_UNIX;
	fix.abstract = listen_on(
	    AF_UNIX, (struct sockaddr *)&fix.abstract_sa, sizeof(sa_family_t));
	fix.abstract_len = sizeof(fix.abstract_sa);
	getsockname(fix.abstract, (struct sockaddr *)&fix.abstract_sa,
	    &fix.abstract_len);
}

static void
fix_fini(void)
{
	unlinkat(fix.dir_fd, "new", 0);	 /* some acts make it */
	unlinkat(fix.dir_fd, "file", 0); /* one removes it */
	CHECK(rmdir(fix.dir) == 0, "rmdir %s: %s", fix.dir, strerror(errno));
	close(fix.rw_fd);
	close(fix.ro_fd);
	close(fix.dir_fd);
	close(fix.listener);
	close(fix.abstract);
}

static int
wait_status(pid_t pid)
{
	int status = 0;

	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid, "child: %s",
	    strerror(errno));
	return status;
}

/* In a child, behind spec unless it is NULL: the act's errno. */
static int
attempt(const struct sandbox_spec *spec, uint32_t bits, act_fn *act)
{
	uint32_t reached = 0;
	int status;
	pid_t pid;

	pid = fork();
	if (pid == 0) {
		if (spec != NULL && sandbox_apply(spec, &reached) != 0)
			_exit(APPLY_FAILED);
		if ((reached & bits) != bits)
			_exit(NOT_REACHED);
		_exit(act());
	}
	status = wait_status(pid);
	if (WIFSIGNALED(status))
		return -WTERMSIG(status);
	return WEXITSTATUS(status);
}

static long
landlock_abi(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, 1u);
}

static bool
cannot_run(bool needs_root, long abi)
{
	if (needs_root && geteuid() != 0)
		unit_skip("needs root");
	else if (landlock_abi() < abi)
		unit_skip("this kernel's Landlock is too old");
	else
		return false;
	return true;
}

static void
with_and_without(
    const struct sandbox_spec *spec, uint32_t bits, act_fn *act, int want)
{
	int got;

	fix_init();
	got = attempt(spec, bits, act);
	CHECK(got == want, "with the control: %d (%s), not %d", got,
	    got > 0 ? strerror(got) : "", want);
	got = attempt(NULL, 0, act);
	CHECK(
	    got == 0, "without it: %d (%s)", got, got > 0 ? strerror(got) : "");
	fix_fini();
}

#define X(name, control, bit, what, want, root, abi)                   \
	static void case_##name(void)                                  \
	{                                                              \
		if (cannot_run(root, abi))                             \
			return;                                        \
		with_and_without(                                      \
		    &spec_##control, SANDBOX_##bit, act_##what, want); \
	}
ACTS(X)
#undef X

#define X(name, ...) {#name, case_##name},
static const struct unit_case cases[] = {ACTS(X)};
#undef X

UNIT_MAIN("sandbox", cases)
