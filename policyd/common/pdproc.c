/* The policy server's processes: what each may say, and what each may do. */
#include "policyd/common/pdproc.h"

#include <linux/capability.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "policyd/common/pdconf.h"

#define M   (1u << PDPROC_MASTER)
#define C   (1u << PDPROC_COLLECTOR)
#define P   (1u << PDPROC_PROBER)
#define R   (1u << PDPROC_RANKER)
#define S   (1u << PDPROC_SIGNER)
#define W   (1u << PDPROC_PAGE)
#define ALL (C | P | R | S | W)

#define BLOB	8, CHAN_DATA_MAX, 0, 0
#define FEW	1, 1024, 0, 0
#define NOTHING 0, 0, 0, 0

/* Type, from, to, least and most bytes, least and most fds. */
static const struct chan_rule rules[PDMSG_COUNT] = {
    [PDMSG_CONF] = {"conf", M, ALL, BLOB},
    [PDMSG_LISTENERS] = {"listeners", M, C | W, 0, 0, 0, CHAN_FDS_MAX},
    [PDMSG_CONTROL] = {"control", M, R, 0, 0, 1, 1},
    [PDMSG_LINE] = {"line", M, ALL, 1, 1, 1, 1},
    [PDMSG_START] = {"start", M, ALL, NOTHING},
    [PDMSG_READY] = {"ready", ALL, M, 8, 8, 0, 0},
    [PDMSG_ALIVE] = {"alive", ALL, M, NOTHING},
    [PDMSG_DRAIN] = {"drain", M, ALL, NOTHING},
    [PDMSG_LOG] = {"log", M, ALL, 0, 0, 1, 1},
    [PDMSG_HELLO] = {"hello", C, R, FEW},
    [PDMSG_WELCOME] = {"welcome", R, C, FEW},
    [PDMSG_REPORT] = {"report", C, R, BLOB},
    [PDMSG_STORED] = {"stored", R, C, 16, CHAN_DATA_MAX, 0, 0},
    [PDMSG_UNSTORED] = {"unstored", R, C, 16, CHAN_DATA_MAX, 0, 0},
    [PDMSG_ANSWER] = {"answer", C, R, 9, 1024, 0, 0},
    [PDMSG_GONE] = {"gone", C, R, 8, 8, 0, 0},
    [PDMSG_EXPEL] = {"expel", R, C, 8, 8, 0, 0},
    [PDMSG_PUBLISH] = {"publish", R, C, BLOB},
    [PDMSG_PROBE] = {"probe", R, P, BLOB},
    [PDMSG_PROBED] = {"probed", P, R, FEW},
    [PDMSG_SIGN] = {"sign", R, S, BLOB},
    [PDMSG_SIGNED] = {"signed", S, R, BLOB},
    [PDMSG_STATE] = {"state", R, W, 2, 1024, 0, 0},
};

const struct chan_rules pdproc_rules = {rules, PDMSG_COUNT};

/* What every child's loop, log, memory and channels need. */
#define SYSCALLS_COMMON                                                        \
	"brk", "clock_gettime", "clock_nanosleep", "close", "close_range",     \
	    "epoll_ctl", "epoll_pwait", "epoll_wait", "exit", "exit_group",    \
	    "fcntl", "futex", "getpid", "getrandom", "gettid", "gettimeofday", \
	    "lseek", "madvise", "mlock", "mmap", "mprotect", "mremap",         \
	    "munlock", "munmap", "poll", "ppoll", "read", "recvmsg",           \
	    "restart_syscall", "rt_sigprocmask", "rt_sigreturn", "sendmsg",    \
	    "sendto", "write"

/* What SQLite asks of the files in its directory. */
#define SYSCALLS_STORE                                                      \
	"access", "faccessat", "faccessat2", "fstat", "fstatfs", "fstat64", \
	    "getcwd", "geteuid", "getuid", "lstat", "newfstatat", "open",   \
	    "openat", "pread64", "readlink", "readlinkat", "stat", "statx"

static const char *const collector_syscalls[] = {SYSCALLS_COMMON, "accept4",
    "getpeername", "getsockname", "getsockopt", "recvfrom", "setsockopt",
    "shutdown", NULL};

static const char *const prober_syscalls[] = {SYSCALLS_COMMON, "bind",
    "connect", "getpeername", "getsockname", "getsockopt", "ioctl", "recvfrom",
    "setsockopt", "shutdown", "socket", "writev", NULL};

static const char *const ranker_syscalls[] = {SYSCALLS_COMMON, SYSCALLS_STORE,
    "accept4", "fallocate", "fchmod", "fchown", "fdatasync", "fsync",
    "ftruncate", "getsockname", "getsockopt", "pwrite64", "recvfrom",
    "shutdown", "unlink", "unlinkat", NULL};

static const char *const signer_syscalls[] = {SYSCALLS_COMMON, NULL};

/* libmicrohttpd, which has no threads here: what a connection takes. */
static const char *const page_syscalls[] = {SYSCALLS_COMMON, SYSCALLS_STORE,
    "accept4", "getpeername", "getsockname", "getsockopt", "recvfrom",
    "setsockopt", "shutdown", "writev", NULL};

/*
 * What a call must not be able to do by its argument.  fcntl: make the kernel
 * signal others in our name.  ioctl: anything but asking how much there is to
 * read.
 */
static const int channel_fcntls[] = {F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, -1};
static const int prober_fcntls[] = {
    F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL, -1};
static const int store_fcntls[] = {F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL,
    F_SETFL, F_GETLK, F_SETLK, F_SETLKW, -1};
static const int collector_options[] = {
    IPPROTO_TCP, TCP_NODELAY, SOL_SOCKET, SO_LINGER, -1};

static const struct sandbox_arg collector_args[] = {
    {"fcntl", 1, channel_fcntls, false},
    {"setsockopt", 1, collector_options, true}, {NULL, 0, NULL, false}};
static const struct sandbox_arg prober_args[] = {
    {"fcntl", 1, prober_fcntls, false}, {NULL, 0, NULL, false}};
static const struct sandbox_arg store_args[] = {
    {"fcntl", 1, store_fcntls, false}, {NULL, 0, NULL, false}};
static const struct sandbox_arg signer_args[] = {
    {"fcntl", 1, channel_fcntls, false}, {NULL, 0, NULL, false}};

static const int inet_families[] = {AF_INET, AF_INET6, -1};

const char *
pdproc_role_word(enum pdproc_role role)
{
	switch (role) {
	case PDPROC_MASTER:
		return "master";
	case PDPROC_COLLECTOR:
		return "collector";
	case PDPROC_PROBER:
		return "prober";
	case PDPROC_RANKER:
		return "ranker";
	case PDPROC_SIGNER:
		return "signer";
	case PDPROC_PAGE:
		return "page";
	case PDPROC_COUNT:
		break;
	}
	return "?";
}

int
pdproc_role_parse(const char *word)
{
	int role;

	for (role = 0; role < PDPROC_COUNT; role++) {
		if (strcmp(word, pdproc_role_word((enum pdproc_role)role)) == 0)
			return role;
	}
	return -1;
}

static void
become(struct sandbox_spec *out, const struct settings_account *who)
{
	out->uid = who->uid;
	out->gid = who->gid;
}

/* What it takes to start children and open listeners, and at a reload to read
 * what the start could. */
static void
master_rights(struct sandbox_spec *out)
{
	out->keep_caps = 1ull << CAP_SETUID | 1ull << CAP_SETGID |
			 1ull << CAP_SETPCAP | 1ull << CAP_SYS_CHROOT |
			 1ull << CAP_KILL | 1ull << CAP_NET_BIND_SERVICE |
			 1ull << CAP_DAC_OVERRIDE;
}

/* No file but those of the store. */
static void
store_rights(struct sandbox_spec *out, const struct pdconf *c, bool read_only)
{
	out->args = store_args;
	out->chroot_dir = c->state_dir;
	out->files_dir = c->state_dir;
	out->files_read_only = read_only;
}

void
pdproc_rights(
    enum pdproc_role role, const struct pdconf *c, struct sandbox_spec *out)
{
	*out = (struct sandbox_spec){.uid = (uid_t)-1, .gid = (gid_t)-1};
	if (role == PDPROC_MASTER) {
		master_rights(out);
		return;
	}
	out->chroot_dir = c->run_dir;
	out->no_files = out->scoped = out->no_fork = true;
	switch (role) {
	case PDPROC_COLLECTOR:
		become(out, &c->collector_user);
		out->syscalls = collector_syscalls;
		out->args = collector_args;
		out->nofile = (rlim_t)c->agents_max + PDPROC_GUESTS_FDS +
			      PDPROC_OTHER_FDS;
		break;
	case PDPROC_PROBER:
		become(out, &c->prober_user);
		out->syscalls = prober_syscalls;
		out->args = prober_args;
		out->families = inet_families;
		/* A probe, and beside it a question for the load. */
		out->nofile = 2 * (rlim_t)c->probes_max + PDPROC_OTHER_FDS;
		break;
	case PDPROC_RANKER:
		become(out, &c->ranker_user);
		out->syscalls = ranker_syscalls;
		store_rights(out, c, false);
		break;
	case PDPROC_SIGNER:
		become(out, &c->signer_user);
		out->syscalls = signer_syscalls;
		out->args = signer_args;
		break;
	case PDPROC_PAGE:
		become(out, &c->page_user);
		/* By its group it reads what the ranker writes. */
		out->gid = c->ranker_user.gid;
		out->syscalls = page_syscalls;
		store_rights(out, c, true);
		break;
	case PDPROC_MASTER:
	case PDPROC_COUNT:
		break;
	}
}
