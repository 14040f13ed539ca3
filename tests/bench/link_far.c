/* The destinations behind the limited link; knows nothing of who is measured.
 */
#include "tests/bench/link_far.h"

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integ/rig.h"
#include "tests/integ/rig_net.h"

#define EVENTS_N 256
#define PIECE	 (64 * 1024)

struct guest {
	int fd;
	unsigned int port; /* its index */
	bool listens, said;
	uint8_t what;
};

static uint8_t lent[PIECE];
static int ep;

static void
watch(struct guest *g, int how, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = g};

	epoll_ctl(ep, how, g->fd, &ev);
}

static void
welcome(const struct guest *listener)
{
	const int on = 1;
	struct guest *g;
	int fd;

	while ((fd = accept4(listener->fd, NULL, NULL,
		    SOCK_CLOEXEC | SOCK_NONBLOCK)) != -1) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		g = calloc(1, sizeof(*g));
		if (g == NULL)
			_exit(1);
		g->fd = fd;
		g->port = listener->port;
		watch(g, EPOLL_CTL_ADD, EPOLLIN);
	}
}

/* false: it has gone. */
static bool
heed(struct guest *g, _Atomic uint64_t *got)
{
	ssize_t n = recv(g->fd, lent, g->said ? sizeof(lent) : 1, 0);

	if (n == -1 && errno == EAGAIN)
		return true;
	if (n <= 0)
		return false;
	if (!g->said) {
		g->said = true;
		g->what = lent[0];
		if (g->what == LINK_DOWN)
			watch(g, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
		return true;
	}
	if (g->what == LINK_UP)
		atomic_fetch_add_explicit(
		    &got[g->port], (uint64_t)n, memory_order_relaxed);
	/* So few are on their way that there is room. */
	return g->what != LINK_PING ||
	       send(g->fd, lent, (size_t)n, MSG_NOSIGNAL) == n;
}

static void
serve(struct guest *g, uint32_t events, _Atomic uint64_t *got)
{
	bool stays = true;

	if (g->listens) {
		welcome(g);
		return;
	}
	if ((events & ~(uint32_t)EPOLLOUT) != 0)
		stays = heed(g, got);
	if (stays && (events & EPOLLOUT) != 0)
		stays = send(g->fd, lent, sizeof(lent), MSG_NOSIGNAL) != -1 ||
			errno == EAGAIN;
	if (stays)
		return;
	close(g->fd);
	free(g);
}

static void
run(struct guest listeners[static LINK_PORTS], _Atomic uint64_t *got)
{
	struct epoll_event ev[EVENTS_N];
	int i, n;

	ep = epoll_create1(EPOLL_CLOEXEC);
	for (i = 0; i < LINK_PORTS; i++)
		watch(&listeners[i], EPOLL_CTL_ADD, EPOLLIN);
	for (;;) {
		n = epoll_wait(ep, ev, EVENTS_N, -1);
		for (i = 0; i < n; i++)
			serve(ev[i].data.ptr, ev[i].events, got);
	}
}

void
link_far_start(struct link_far *f)
{
	struct guest listeners[LINK_PORTS];
	unsigned int i;
	pid_t pid;

	memset(f, 0, sizeof(*f));
	f->got = mmap(NULL, LINK_PORTS * sizeof(*f->got),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(f->got != MAP_FAILED, "memory");
	for (i = 0; i < LINK_PORTS; i++) {
		listeners[i] = (struct guest){.port = i, .listens = true};
		listeners[i].fd =
		    rig_net_listen("127.0.0.1", &f->ports[i], 1024);
		REQUIRE(listeners[i].fd >= 0, "a destination: %s",
		    strerror(-listeners[i].fd));
	}
	pid = fork();
	REQUIRE(pid != -1, "fork: %s", strerror(errno));
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run(listeners, f->got);
	}
	for (i = 0; i < LINK_PORTS; i++)
		close(listeners[i].fd);
}
