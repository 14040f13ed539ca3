/* The acts of somebody who has taken over a worker; owns no set-up and no
 * verdict. */
#include "tests/integ/rig_attack.h"

#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shm/slab.h"
#include "shm/table.h"

static int
result(long rc)
{
	return rc == -1 ? errno : 0;
}

static char *const no_args[] = {NULL};

void
attack_load(struct attack_arms *a)
{
	int fd, mount_id;
	struct stat st;

	fd = open("/bin/true", O_RDONLY | O_CLOEXEC);
	if (fd != -1 && fstat(fd, &st) == 0 &&
	    (a->image = malloc((size_t)st.st_size)) != NULL &&
	    read(fd, a->image, (size_t)st.st_size) == st.st_size)
		a->image_len = (size_t)st.st_size;
	close(fd);
	a->handle = calloc(1, sizeof(*a->handle) + MAX_HANDLE_SZ);
	if (a->handle == NULL)
		return;
	a->handle->handle_bytes = MAX_HANDLE_SZ;
	if (name_to_handle_at(
		a->table_fd, "", a->handle, &mount_id, AT_EMPTY_PATH) == -1) {
		free(a->handle);
		a->handle = NULL;
	}
}

static const char *
in_run_dir(const struct attack_arms *a, const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", a->run_dir, name);
	return path;
}

static int
reopen(int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return result(open(path, O_RDWR | O_CLOEXEC));
}

int
attack_passwd(const struct attack_arms *a)
{
	(void)a;
	return result(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

int
attack_create(const struct attack_arms *a)
{
	return result(
	    open(in_run_dir(a, "new"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

int
attack_unlink(const struct attack_arms *a)
{
	return result(unlink(in_run_dir(a, "tiers")));
}

int
attack_exec(const struct attack_arms *a)
{
	(void)a;
	/* On success /bin/true is what exits with 0. */
	return result(execv("/bin/true", no_args));
}

int
attack_memfd_exec(const struct attack_arms *a)
{
	int fd;

	if (a->image_len == 0)
		return ATTACK_UNPREPARED;
	fd = memfd_create("x", MFD_CLOEXEC);
	if (fd == -1)
		return errno;
	if (write(fd, a->image, a->image_len) != (ssize_t)a->image_len)
		return errno;
	return result(fexecve(fd, no_args, no_args));
}

int
attack_table_mprotect(const struct attack_arms *a)
{
	return result(mprotect(a->table, table_size(), PROT_READ | PROT_WRITE));
}

int
attack_table_remap(const struct attack_arms *a)
{
	return mmap(NULL, table_size(), PROT_READ | PROT_WRITE, MAP_SHARED,
		   a->table_fd, 0) == MAP_FAILED
		   ? errno
		   : 0;
}

int
attack_table_pwrite(const struct attack_arms *a)
{
	return result(pwrite(a->table_fd, "x", 1, 0));
}

int
attack_table_ftruncate(const struct attack_arms *a)
{
	return result(ftruncate(a->table_fd, 1));
}

int
attack_table_self_mem(const struct attack_arms *a)
{
	int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);

	if (fd == -1)
		return errno;
	return result(pwrite(fd, "x", 1, (off_t)(uintptr_t)a->table));
}

int
attack_table_reopen(const struct attack_arms *a)
{
	return reopen(a->table_fd);
}

int
attack_table_path(const struct attack_arms *a)
{
	return result(open(in_run_dir(a, "tiers"), O_RDWR | O_CLOEXEC));
}

int
attack_table_handle(const struct attack_arms *a)
{
	if (a->handle == NULL)
		return ATTACK_UNPREPARED;
	return result(
	    open_by_handle_at(a->table_fd, a->handle, O_RDWR | O_CLOEXEC));
}

int
attack_table_chmod(const struct attack_arms *a)
{
	return result(fchmod(a->table_fd, 0666));
}

int
attack_slab_mprotect(const struct attack_arms *a)
{
	return result(mprotect(a->other, a->slab_len, PROT_READ | PROT_WRITE));
}

int
attack_slab_reopen(const struct attack_arms *a)
{
	return reopen(a->other_fd);
}

int
attack_slab_shrink(const struct attack_arms *a)
{
	return result(ftruncate(a->own_fd, 1));
}

int
attack_slab_seal(const struct attack_arms *a)
{
	return result(fcntl(a->own_fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
}

int
attack_ptrace(const struct attack_arms *a)
{
	return result(ptrace(PTRACE_SEIZE, a->master, NULL, NULL));
}

int
attack_ptrace_fellow(const struct attack_arms *a)
{
	return result(ptrace(PTRACE_SEIZE, a->fellow, NULL, NULL));
}

/* The master's word, by an address that is none of ours. */
static struct iovec
far_word(const struct attack_arms *a)
{
	struct iovec iov = {.iov_len = sizeof(int)};

	memcpy(&iov.iov_base, &a->word, sizeof(iov.iov_base));
	return iov;
}

int
attack_vm_writev(const struct attack_arms *a)
{
	int evil = 666;
	struct iovec here = {&evil, sizeof(evil)}, there = far_word(a);

	return result(process_vm_writev(a->master, &here, 1, &there, 1, 0));
}

int
attack_vm_readv(const struct attack_arms *a)
{
	int seen;
	struct iovec here = {&seen, sizeof(seen)}, there = far_word(a);

	return result(process_vm_readv(a->master, &here, 1, &there, 1, 0));
}

int
attack_steal_fd(const struct attack_arms *a)
{
	long pidfd = syscall(SYS_pidfd_open, a->master, 0u);

	if (pidfd == -1)
		return errno;
	return result(syscall(SYS_pidfd_getfd, (int)pidfd, 0, 0u));
}

int
attack_kill(const struct attack_arms *a)
{
	return result(kill(a->master, SIGTERM));
}

int
attack_kill_fellow(const struct attack_arms *a)
{
	return result(kill(a->fellow, SIGTERM));
}

/* Let the kernel signal pid, in our name, when a datagram comes. */
static int
io_signal(pid_t pid)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	    .sin_port = htons(9)};
	int from = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int to = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct pollfd p = {.fd = to, .events = POLLIN};
	socklen_t len = sizeof(in);

	/* Sending, even to nobody, is what gives it a port without bind. */
	if (from == -1 || to == -1 ||
	    sendto(to, "", 1, 0, (struct sockaddr *)&in, sizeof(in)) == -1 ||
	    getsockname(to, (struct sockaddr *)&in, &len) == -1)
		return ATTACK_UNPREPARED;
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fcntl(to, F_SETSIG, SIGTERM) == -1 ||
	    fcntl(to, F_SETOWN, pid) == -1 ||
	    fcntl(to, F_SETFL, O_ASYNC | O_NONBLOCK) == -1)
		return errno;
	if (sendto(from, "", 1, 0, (struct sockaddr *)&in, sizeof(in)) == -1 ||
	    poll(&p, 1, 2000) != 1)
		return ATTACK_UNPREPARED;
	return 0;
}

int
attack_io_signal(const struct attack_arms *a)
{
	return io_signal(a->master);
}

int
attack_io_signal_fellow(const struct attack_arms *a)
{
	return io_signal(a->fellow);
}

int
attack_listener_end(const struct attack_arms *a)
{
	return result(shutdown(a->listener, SHUT_RDWR));
}

int
attack_listener_filter(const struct attack_arms *a)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_fprog prog = {1, &nothing};

	return result(setsockopt(
	    a->listener, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)));
}

int
attack_listener_block(const struct attack_arms *a)
{
	return result(fcntl(a->listener, F_SETFL, 0));
}

int
attack_bind(const struct attack_arms *a)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	    .sin_port = htons(1081)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)a;
	if (fd == -1)
		return ATTACK_UNPREPARED;
	return result(bind(fd, (struct sockaddr *)&in, sizeof(in)));
}

int
attack_share(const struct attack_arms *a)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const int on = 1;

	(void)a;
	if (fd == -1)
		return ATTACK_UNPREPARED;
	return result(
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)));
}

int
attack_listen(const struct attack_arms *a)
{
	struct sockaddr_in in = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)a;
	if (fd == -1)
		return ATTACK_UNPREPARED;
	if (bind(fd, (struct sockaddr *)&in, sizeof(in)) == -1)
		return errno;
	return result(listen(fd, 1));
}

int
attack_netlink(const struct attack_arms *a)
{
	(void)a;
	return result(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
}

int
attack_packet(const struct attack_arms *a)
{
	(void)a;
	return result(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
}

int
attack_raw(const struct attack_arms *a)
{
	(void)a;
	return result(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP));
}

int
attack_control(const struct attack_arms *a)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return errno;
	snprintf(un.sun_path, sizeof(un.sun_path), "%s/control", a->run_dir);
	return result(connect(fd, (struct sockaddr *)&un, sizeof(un)));
}

int
attack_socketpair(const struct attack_arms *a)
{
	int fds[2];

	(void)a;
	return result(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
}

int
attack_fork(const struct attack_arms *a)
{
	pid_t pid = fork();

	(void)a;
	if (pid == 0)
		_exit(0);
	return result(pid);
}

int
attack_setuid(const struct attack_arms *a)
{
	(void)a;
	return result(setuid(0));
}

int
attack_setgid(const struct attack_arms *a)
{
	(void)a;
	return result(setgid(0));
}

/* Lower, which needs no right but that of the call. */
int
attack_limits(const struct attack_arms *a)
{
	struct rlimit rl = {100, 100};

	(void)a;
	return result(setrlimit(RLIMIT_NOFILE, &rl));
}

int
attack_mount(const struct attack_arms *a)
{
	return result(mount("none", a->run_dir[0] != '\0' ? a->run_dir : "/",
	    "tmpfs", 0, NULL));
}

int
attack_chroot(const struct attack_arms *a)
{
	(void)a;
	return result(chroot("/"));
}

int
attack_userns(const struct attack_arms *a)
{
	(void)a;
	return result(unshare(CLONE_NEWUSER));
}

int
attack_keyctl(const struct attack_arms *a)
{
	(void)a;
	return result(
	    syscall(SYS_add_key, "user", "cagent-attack", "x", (size_t)1, -2));
}

int
attack_bpf(const struct attack_arms *a)
{
	union bpf_attr attr;

	(void)a;
	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = 4;
	attr.value_size = 4;
	attr.max_entries = 1;
	return result(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)));
}

int
attack_perf(const struct attack_arms *a)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
	    .size = sizeof(attr),
	    .config = PERF_COUNT_SW_CPU_CLOCK};

	(void)a;
	return result(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0ul));
}

int
attack_io_uring(const struct attack_arms *a)
{
	struct io_uring_params p = {0};

	(void)a;
	return result(syscall(SYS_io_uring_setup, 4u, &p));
}

int
attack_map_slab(const struct attack_arms *a)
{
	struct slab *slab;

	return -slab_map(a->other_fd, false, &slab);
}

int
attack_half_close(const struct attack_arms *a)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1 ||
	    getsockname(a->listener, (struct sockaddr *)&sa, &len) == -1 ||
	    connect(fd, (struct sockaddr *)&sa, len) == -1)
		return errno;
	return result(shutdown(fd, SHUT_WR));
}
