/* Stands before libc in a worker and lets every so-manieth system call fail,
 * as the kernel might; keeps the kernel's promises about readiness. */
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fault/inject.h"

#define OWED_MAX 4096

/*
 * Who was told EAGAIN, or was given less than there was, must hear of it
 * again: the kernel would report an edge once there is room or data.  It does
 * not know of our lie, so the edge is ours to make.
 */
static struct {
	uint32_t mask; /* as registered */
	uint32_t owed; /* EPOLLIN, EPOLLOUT */
	bool ends;     /* EPOLLRDHUP was told */
	uint64_t data;
} fds[FDS_MAX];
static int owed[OWED_MAX];
static int owed_n;

static struct fault_plan *plan;

static struct {
	int (*accept4)(int, struct sockaddr *, socklen_t *, int);
	int (*close)(int);
	int (*connect)(int, const struct sockaddr *, socklen_t);
	int (*epoll_ctl)(int, int, int, struct epoll_event *);
	int (*epoll_wait)(int, struct epoll_event *, int, int);
	int (*getsockopt)(int, int, int, void *, socklen_t *);
	int (*pipe2)(int[2], int);
	ssize_t (*read)(int, void *, size_t);
	ssize_t (*recv)(int, void *, size_t, int);
	ssize_t (*recvmsg)(int, struct msghdr *, int);
	ssize_t (*send)(int, const void *, size_t, int);
	ssize_t (*sendmsg)(int, const struct msghdr *, int);
	int (*setsockopt)(int, int, int, const void *, socklen_t);
	int (*socket)(int, int, int);
	ssize_t (*splice)(int, off64_t *, int, off64_t *, size_t, unsigned int);
	ssize_t (*write)(int, const void *, size_t);
} real;

void *
fault_real(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

static void
find(void *slot, const char *name)
{
	void *fn = fault_real(name);

	memcpy(slot, &fn, sizeof(fn));
}

#define FIND(name) find(&real.name, #name)

static void
find_all(void)
{
	FIND(accept4);
	FIND(close);
	FIND(connect);
	FIND(epoll_ctl);
	FIND(epoll_wait);
	FIND(getsockopt);
	FIND(pipe2);
	FIND(read);
	FIND(recv);
	FIND(recvmsg);
	FIND(send);
	FIND(sendmsg);
	FIND(setsockopt);
	FIND(socket);
	FIND(splice);
	FIND(write);
}

/* The constructors of other libraries may come before ours. */
#define REAL(name) (real.name == NULL ? find_all() : (void)0, real.name)

/* While it may still open files; in a worker, and nowhere else. */
__attribute__((constructor)) static void
begin(int argc, char **argv)
{
	const char *path = getenv("FAULT_PLAN");
	bool worker = false;
	void *map;
	int i, fd;

	for (i = 1; i < argc; i++)
		worker = worker || strcmp(argv[i], "worker") == 0;
	if (path == NULL || !worker)
		return;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd == -1)
		abort();
	map = mmap(
	    NULL, sizeof(*plan), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		abort();
	REAL(close)(fd);
	plan = map;
}

bool
fault_due(enum fault_call call)
{
	uint32_t every;
	uint64_t n;

	if (plan == NULL || (atomic_load(&plan->calls) & FAULT_BIT(call)) == 0)
		return false;
	every = atomic_load(&plan->every);
	n = atomic_fetch_add(&plan->seen[call], 1) + atomic_load(&plan->offset);
	if (every == 0 || n % every != every - 1)
		return false;
	atomic_fetch_add(&plan->failed[call], 1);
	return true;
}

int
fault_error(void)
{
	return plan != NULL ? atomic_load(&plan->error) : 0;
}

uint32_t
fault_ring(void)
{
	return plan != NULL ? atomic_load(&plan->ring) : 0;
}

static bool
is_short(void)
{
	return fault_error() == 0;
}

static int
fail(void)
{
	errno = fault_error();
	return -1;
}

void
fault_owe(int fd, uint32_t event)
{
	int kept = errno;

	if (fd >= 0 && fd < FDS_MAX && owed_n < OWED_MAX) {
		if (fds[fd].owed == 0)
			owed[owed_n++] = fd;
		fds[fd].owed |= event;
	}
	errno = kept;
}

static int
fail_on(int fd, uint32_t event)
{
	fail();
	if (errno == EAGAIN)
		fault_owe(fd, event);
	return -1;
}

size_t
fault_less(size_t len)
{
	return len > 1 ? (len < 200 ? 1 : len / 3) : len;
}

int
accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	return fault_due(FAULT_ACCEPT) ? fail()
				       : REAL(accept4)(fd, sa, len, flags);
}

int
connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	if (!fault_due(FAULT_CONNECT))
		return REAL(connect)(fd, sa, len);
	/* Interrupted, it goes on. */
	if (fault_error() == EINTR && REAL(connect)(fd, sa, len) == -1 &&
	    errno != EINPROGRESS)
		return -1;
	return fail();
}

int
socket(int domain, int type, int protocol)
{
	return fault_due(FAULT_SOCKET) ? fail()
				       : REAL(socket)(domain, type, protocol);
}

ssize_t
recv(int fd, void *out, size_t len, int flags)
{
	/* Once its end is known, the kernel gives all that there is. */
	if ((flags & MSG_PEEK) != 0 || !fault_due(FAULT_RECV) ||
	    (is_short() && fd < FDS_MAX && fds[fd].ends))
		return REAL(recv)(fd, out, len, flags);
	if (!is_short())
		return fail_on(fd, EPOLLIN);
	fault_owe(fd, EPOLLIN);
	return REAL(recv)(fd, out, fault_less(len), flags);
}

ssize_t
send(int fd, const void *in, size_t len, int flags)
{
	if (!fault_due(FAULT_SEND))
		return REAL(send)(fd, in, len, flags);
	if (!is_short())
		return fail_on(fd, EPOLLOUT);
	fault_owe(fd, EPOLLOUT);
	return REAL(send)(fd, in, fault_less(len), flags);
}

ssize_t
recvmsg(int fd, struct msghdr *msg, int flags)
{
	return fault_due(FAULT_RECVMSG) ? fail_on(fd, EPOLLIN)
					: REAL(recvmsg)(fd, msg, flags);
}

ssize_t
sendmsg(int fd, const struct msghdr *msg, int flags)
{
	return fault_due(FAULT_SENDMSG) ? fail_on(fd, EPOLLOUT)
					: REAL(sendmsg)(fd, msg, flags);
}

ssize_t
read(int fd, void *out, size_t len)
{
	return fault_due(FAULT_READ) ? fail_on(fd, EPOLLIN)
				     : REAL(read)(fd, out, len);
}

ssize_t __read_chk(int, void *, size_t, size_t);

ssize_t
__read_chk(int fd, void *out, size_t len, size_t room)
{
	if (len > room)
		abort();
	return read(fd, out, len);
}

ssize_t
write(int fd, const void *in, size_t len)
{
	return fault_due(FAULT_WRITE) ? fail_on(fd, EPOLLOUT)
				      : REAL(write)(fd, in, len);
}

ssize_t
splice(int in, off64_t *in_at, int out, off64_t *out_at, size_t len,
    unsigned int flags)
{
	if (!fault_due(FAULT_SPLICE))
		return REAL(splice)(in, in_at, out, out_at, len, flags);
	/* Interrupted, it is called again, and nobody waits. */
	if (is_short() || fault_error() == EAGAIN) {
		fault_owe(in, EPOLLIN);
		fault_owe(out, EPOLLOUT);
	}
	if (!is_short())
		return fail();
	return REAL(splice)(in, in_at, out, out_at, fault_less(len), flags);
}

int
pipe2(int out[2], int flags)
{
	return fault_due(FAULT_PIPE) ? fail() : REAL(pipe2)(out, flags);
}

int
setsockopt(int fd, int level, int name, const void *in, socklen_t len)
{
	return level == IPPROTO_TCP && fault_due(FAULT_SETSOCKOPT)
		   ? fail()
		   : REAL(setsockopt)(fd, level, name, in, len);
}

int
getsockopt(int fd, int level, int name, void *out, socklen_t *len)
{
	return fault_due(FAULT_GETSOCKOPT)
		   ? fail()
		   : REAL(getsockopt)(fd, level, name, out, len);
}

static void
forget(int fd)
{
	if (fd < 0 || fd >= FDS_MAX)
		return;
	fds[fd].mask = 0;
	fds[fd].owed = 0;
}

int
close(int fd)
{
	int rc;

	forget(fd);
	if (fd >= 0 && fd < FDS_MAX)
		fds[fd].ends = false;
	rc = REAL(close)(fd);
	return rc == 0 && fault_due(FAULT_CLOSE) ? fail() : rc;
}

/* To register makes the kernel look anew, so nothing is owed any more. */
int
epoll_ctl(int epfd, int how, int fd, struct epoll_event *ev)
{
	if (how != EPOLL_CTL_DEL && fault_due(FAULT_EPOLL_CTL))
		return fail();
	forget(fd);
	if (how != EPOLL_CTL_DEL && fd >= 0 && fd < FDS_MAX) {
		fds[fd].mask = ev->events;
		fds[fd].data = ev->data.u64;
	}
	return REAL(epoll_ctl)(epfd, how, fd, ev);
}

int
fault_owed(uint32_t *events)
{
	int fd;

	if (owed_n == 0)
		return -1;
	fd = owed[--owed_n];
	*events = fds[fd].owed;
	fds[fd].owed = 0;
	return fd;
}

static int
pay(struct epoll_event *out, int n, int max)
{
	uint32_t events;
	int fd;

	while (n < max && (fd = fault_owed(&events)) != -1) {
		events &= fds[fd].mask;
		/* What is not edge-triggered is reported anyway. */
		if (events == 0 || (fds[fd].mask & EPOLLET) == 0)
			continue;
		out[n].events = events;
		out[n++].data.u64 = fds[fd].data;
	}
	return n;
}

/* The number of the fd is the lower half of what it is registered with. */
static void
note_ends(const struct epoll_event *ev, int n)
{
	uint32_t fd;
	int i;

	for (i = 0; i < n; i++) {
		fd = (uint32_t)ev[i].data.u64;
		if (fd < FDS_MAX && fds[fd].data == ev[i].data.u64 &&
		    (ev[i].events & EPOLLRDHUP) != 0)
			fds[fd].ends = true;
	}
}

int
epoll_wait(int epfd, struct epoll_event *out, int max, int timeout)
{
	int n;

	if (fault_due(FAULT_WAIT))
		return fail();
	n = REAL(epoll_wait)(epfd, out, max, owed_n > 0 ? 0 : timeout);
	if (n < 0)
		return n;
	note_ends(out, n);
	return pay(out, n, max);
}
