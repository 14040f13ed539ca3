/* The agent's processes: what each may say, and what each may do. */
#include "cagentd/common/procs.h"

#include <linux/capability.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "cagentd/common/msg.h"
#include "conf/settings.h"

#define M (1u << ROLE_MASTER)
#define C (1u << ROLE_CONTROL)
#define W (1u << ROLE_WORKER)
#define R (1u << ROLE_RESOLVER)
#define V (1u << ROLE_VERIFIER)

/* Type, from, to, least and most bytes, least and most fds. */
static const struct chan_rule rules[MSG_COUNT] = {
    [MSG_CONF] = {"conf", M, C | W | R | V, 8, 8, 1, 1},
    [MSG_TABLE] = {"table", M, C | W, 0, 0, 1, 1},
    [MSG_SLAB] = {"slab", M, C | W, 8, 8, 1, CHAN_FDS_MAX},
    [MSG_TRAFFIC] = {"traffic", M, C | W, 0, 0, 1, 1},
    [MSG_WAKE] = {"wake", M, C | W, 0, 0, 1, 1},
    [MSG_LISTENERS] = {"listeners", M, W, 0, CHAN_FDS_MAX, 0, CHAN_FDS_MAX},
    [MSG_CONTROL_SOCKET] = {"control-socket", M, C, 0, 0, 1, 1},
    [MSG_RESOLVER] = {"resolver", M, C | W | R, 8, 8, 1, 1},
    [MSG_VERIFIER] = {"verifier", M, W | V, 8, 8, 1, 1},
    [MSG_POLICY_STATE] = {"policy-state", M, C, 0, 0, 3, 3},
    [MSG_IDENTITY] = {"identity", M, C, MSG_IDENTITY_MIN, MSG_IDENTITY_MAX, 0,
	0},
    [MSG_CGROUP] = {"cgroup", W, M, 8, 8, 0, 0},
    [MSG_SERVICE] = {"service", M, W, 8, 8 + MSG_SERVICE_MAX, 0, 0},
    [MSG_POLICY] = {"policy", C, M, 56, 56, 0, 0},
    [MSG_START] = {"start", M, C | W | R | V, 0, 0, 0, 0},
    [MSG_READY] = {"ready", C | W | R | V, M, 8, 8, 0, 0},
    [MSG_ALIVE] = {"alive", C | W | R | V, M, 0, 0, 0, 0},
    [MSG_DRAIN] = {"drain", M, C | W | R | V, 0, 0, 0, 0},
    [MSG_LOG] = {"log", M, C | W | R | V, 0, 0, 1, 1},
    [MSG_DECISIONS] = {"decisions", M, W, 0, 0, 0, 1},
    [MSG_CHILD] = {"child", M, C, 28, 28, 0, 0},
    [MSG_NOTE] = {"note", M, C, 1, 1024, 0, 0},
    [MSG_RESOLVE] = {"resolve", C | W, R, 9, 8 + NET_HOST_MAX, 0, 0},
    [MSG_RESOLVED] = {"resolved", R, C | W, 14, 14 + 17 * 16, 0, 0},
    [MSG_LOGIN] = {"login", W, V, 10, 10 + 255 + 255, 0, 0},
    [MSG_VERIFIED] = {"verified", V, W, 17, 17, 0, 0},
};

const struct chan_rules procs_rules = {rules, MSG_COUNT};

/* What every child's loop, log and memory need. */
#define SYSCALLS_COMMON                                                        \
	"brk", "clock_gettime", "clock_nanosleep", "close", "close_range",     \
	    "epoll_ctl", "epoll_pwait", "epoll_wait", "exit", "exit_group",    \
	    "fcntl", "futex", "getpid", "getrandom", "gettid", "gettimeofday", \
	    "lseek", "madvise", "mlock", "mmap", "mprotect", "mremap",         \
	    "munlock", "munmap", "poll", "ppoll", "read", "recvmsg",           \
	    "restart_syscall", "rt_sigprocmask", "rt_sigreturn", "sendmsg",    \
	    "sendto", "write"

static const char *const control_syscalls[] = {SYSCALLS_COMMON, "accept4",
    "connect", "fdatasync", "getsockopt", "pread64", "pwrite64", "recvfrom",
    "setsockopt", "shutdown", "socket", NULL};

#define SYSCALLS_WORKER                                                      \
	SYSCALLS_COMMON, "accept4", "connect", "getpeername", "getsockname", \
	    "getsockopt", "pipe2", "recvfrom", "setsockopt", "shutdown",     \
	    "socket", "splice"

/*
 * With what is served the rights grow.  Datagrams are taken on the address
 * that the client knows, which takes a bind; who waits for a connection must
 * listen.  No filter can look at the address that is bound to: that nobody's
 * place is taken is seen to by Landlock, which leaves only TCP ports of the
 * kernel's choice, and by SO_REUSEADDR and SO_REUSEPORT, which are not among
 * the options that may be set.
 */
static const char *const worker_syscalls[] = {SYSCALLS_WORKER, NULL};
static const char *const worker_udp_syscalls[] = {
    SYSCALLS_WORKER, "bind", NULL};
static const char *const worker_bind_syscalls[] = {
    SYSCALLS_WORKER, "bind", "listen", NULL};

static const char *const resolver_syscalls[] = {SYSCALLS_COMMON, "bind",
    "connect", "getpeername", "getsockname", "getsockopt", "ioctl", "recvfrom",
    "setsockopt", "socket", "writev", NULL};

static const char *const verifier_syscalls[] = {SYSCALLS_COMMON, NULL};

/*
 * What a call must not be able to do by its argument.  fcntl: make the kernel
 * signal others in our name, or change how a listener behaves that all
 * workers share.  shutdown, setsockopt: the same, by ending or filtering it.
 */
static const int channel_fcntls[] = {
    F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GET_SEALS, -1};
static const int resolver_fcntls[] = {
    F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL, -1};
/*
 * Bulk goes through pipes, which are made when they are needed: made before,
 * each worker would hold its user's quota for ever.  Whoever has taken over a
 * worker can spend that quota (of the workers' user alone, who then go without
 * pipes), resize a pipe that was inherited (as far as the quota lets him, and
 * never below what is in it), and with splice move bytes between descriptors
 * that he may read and write anyway.  No vmsplice and no tee: with them pages
 * of the kernel's would be had in two places.
 */
static const int worker_fcntls[] = {
    F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GET_SEALS, F_SETPIPE_SZ, -1};
static const int pipe_flags[] = {O_NONBLOCK | O_CLOEXEC, -1};
static const int splice_flags[] = {SPLICE_F_MOVE | SPLICE_F_NONBLOCK, -1};
static const int half_close[] = {SHUT_WR, -1};
/* Level and name: some numbers mean one thing to a socket, another to TCP. */
static const int control_options[] = {IPPROTO_TCP, TCP_NODELAY, -1};
static const int worker_options[] = {SOL_SOCKET, SO_LINGER, SOL_SOCKET,
    SO_RCVLOWAT, SOL_SOCKET, SO_RCVBUF, SOL_SOCKET, SO_BUF_LOCK, SOL_SOCKET,
    SO_MAX_PACING_RATE, IPPROTO_TCP, TCP_NODELAY, IPPROTO_TCP, TCP_CONGESTION,
    IPPROTO_TCP, TCP_FASTOPEN_CONNECT, IPPROTO_TCP, TCP_WINDOW_CLAMP,
    IPPROTO_TCP, TCP_NOTSENT_LOWAT, IPPROTO_IP, IP_TOS, IPPROTO_IPV6,
    IPV6_TCLASS, -1};

static const struct sandbox_arg control_args[] = {
    {"fcntl", 1, channel_fcntls, false},
    {"setsockopt", 1, control_options, true}, {NULL, 0, NULL, false}};
static const struct sandbox_arg worker_args[] = {
    {"fcntl", 1, worker_fcntls, false}, {"pipe2", 1, pipe_flags, false},
    {"splice", 5, splice_flags, false}, {"shutdown", 1, half_close, false},
    {"setsockopt", 1, worker_options, true}, {NULL, 0, NULL, false}};
static const struct sandbox_arg resolver_args[] = {
    {"fcntl", 1, resolver_fcntls, false}, {NULL, 0, NULL, false}};

static const struct sandbox_arg verifier_args[] = {
    {"fcntl", 1, channel_fcntls, false}, {NULL, 0, NULL, false}};

static const int inet_families[] = {AF_INET, AF_INET6, -1};

const char *
procs_role_word(enum proc_role role)
{
	switch (role) {
	case ROLE_MASTER:
		return "master";
	case ROLE_CONTROL:
		return "control";
	case ROLE_WORKER:
		return "worker";
	case ROLE_RESOLVER:
		return "resolver";
	case ROLE_VERIFIER:
		return "verifier";
	case ROLE_COUNT:
		break;
	}
	return "?";
}

int
procs_role_parse(const char *word)
{
	int role;

	for (role = 0; role < ROLE_COUNT; role++) {
		if (strcmp(word, procs_role_word((enum proc_role)role)) == 0)
			return role;
	}
	return -1;
}

void
procs_rights(
    enum proc_role role, const struct settings *s, struct sandbox_spec *out)
{
	static const struct sandbox_spec nothing = {
	    .uid = (uid_t)-1, .gid = (gid_t)-1};

	*out = nothing;
	switch (role) {
	case ROLE_MASTER:
		/* What it takes to start children and open listeners.  A
		 * reload must not fail where the start did not, be it on a
		 * password file or a socket in a user's directory; to who
		 * still is uid 0 the last adds little. */
		out->keep_caps = 1ull << CAP_SETUID | 1ull << CAP_SETGID |
				 1ull << CAP_SETPCAP | 1ull << CAP_SYS_CHROOT |
				 1ull << CAP_KILL |
				 1ull << CAP_NET_BIND_SERVICE |
				 1ull << CAP_DAC_OVERRIDE;
		return;
	case ROLE_CONTROL:
		out->uid = s->control_user.uid;
		out->gid = s->control_user.gid;
		out->syscalls = control_syscalls;
		out->args = control_args;
		out->families = inet_families;
		break;
	case ROLE_WORKER:
		out->uid = s->worker_user.uid;
		out->gid = s->worker_user.gid;
		out->syscalls = s->bind	 ? worker_bind_syscalls
				: s->udp ? worker_udp_syscalls
					 : worker_syscalls;
		out->listens = s->bind;
		out->args = worker_args;
		out->families = inet_families;
		break;
	case ROLE_RESOLVER:
		out->uid = s->resolver_user.uid;
		out->gid = s->resolver_user.gid;
		out->syscalls = resolver_syscalls;
		out->args = resolver_args;
		out->families = inet_families;
		break;
	case ROLE_VERIFIER:
		out->uid = s->verifier_user.uid;
		out->gid = s->verifier_user.gid;
		out->syscalls = verifier_syscalls;
		out->args = verifier_args;
		break;
	case ROLE_COUNT:
		break;
	}
	out->chroot_dir = s->run_dir;
	out->no_files = true;
	out->scoped = true;
	out->no_fork = true;
}
