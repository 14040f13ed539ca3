/* The origin of the contests: sends and checks stuff, and knows nothing of
 * proxies. */
#include "tests/bench/origin.h"

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/stuff.h"
#include "tests/integ/rig.h"
#include "tests/integ/rig_net.h"

#define EVENTS_N 256
#define TURN_MAX (4 * STUFF_RUN) /* bytes of one connection a turn */

struct guest {
	int fd;
	uint8_t ask[STUFF_ASK_LEN];
	size_t ask_n;
	struct stuff_ask asked;
	uint64_t got, sent;
	uint32_t events;
};

static uint8_t lent[STUFF_RUN];

static void
watch(int ep, struct guest *g, int how, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = g};

	if (how == EPOLL_CTL_MOD && g->events == events)
		return;
	g->events = events;
	epoll_ctl(ep, how, g->fd, &ev);
}

static void
leave(struct guest *g, bool reset)
{
	if (reset)
		rig_net_reset(g->fd);
	else
		close(g->fd);
	free(g);
}

/* false: it has gone. */
static bool
take(struct guest *g)
{
	size_t turn = 0;
	ssize_t n;

	while (turn < TURN_MAX) {
		if (g->ask_n < STUFF_ASK_LEN)
			n = recv(g->fd, g->ask + g->ask_n,
			    STUFF_ASK_LEN - g->ask_n, MSG_DONTWAIT);
		else
			n = recv(g->fd, lent, sizeof(lent), MSG_DONTWAIT);
		if (n == -1 && errno == EAGAIN)
			return true;
		if (n <= 0) {
			leave(g, n == -1 || g->got < g->asked.up);
			return false;
		}
		turn += (size_t)n;
		if (g->ask_n == STUFF_ASK_LEN) {
			if (g->got + (uint64_t)n > g->asked.up ||
			    !stuff_is(
				g->asked.start + g->got, lent, (size_t)n)) {
				leave(g, true);
				return false;
			}
			g->got += (uint64_t)n;
			if ((size_t)n < sizeof(lent))
				return true;
			continue;
		}
		g->ask_n += (size_t)n;
		if (g->ask_n == STUFF_ASK_LEN &&
		    !stuff_ask_decode(g->ask, &g->asked)) {
			leave(g, true);
			return false;
		}
	}
	return true;
}

static bool
give(struct guest *g)
{
	/* The last byte says that all has come, and was right. */
	const struct stuff_ask *a = &g->asked;
	uint64_t end = g->got < a->up && a->down > 0 ? a->down - 1 : a->down;
	uint64_t start = a->start + STUFF_DOWN;
	size_t turn = 0, len;
	ssize_t n;

	while (g->sent < end && turn < TURN_MAX) {
		len = end - g->sent < STUFF_RUN ? (size_t)(end - g->sent)
						: STUFF_RUN;
		n = send(g->fd, stuff_at(start + g->sent), len,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n == -1 && errno == EAGAIN)
			return true;
		if (n == -1) {
			leave(g, true);
			return false;
		}
		g->sent += (uint64_t)n;
		turn += (size_t)n;
	}
	return true;
}

static void
serve(int ep, struct guest *g, uint32_t events)
{
	const struct stuff_ask *a = &g->asked;
	uint32_t want = EPOLLIN;

	if ((events & ~(uint32_t)EPOLLOUT) != 0 && !take(g))
		return;
	/* A short request is answered when it is complete, as by a server; a
	 * long one goes both ways at once. */
	if (g->ask_n < STUFF_ASK_LEN || (a->up < STUFF_RUN && g->got < a->up))
		return;
	if (!give(g))
		return;
	if (g->sent + 1 < a->down || (g->sent < a->down && g->got == a->up))
		want |= EPOLLOUT;
	watch(ep, g, EPOLL_CTL_MOD, want);
}

static void
welcome(int ep, int listener)
{
	struct guest *g;
	int fd;

	while ((fd = accept4(listener, NULL, NULL,
		    SOCK_CLOEXEC | SOCK_NONBLOCK)) != -1) {
		g = calloc(1, sizeof(*g));
		if (g == NULL)
			_exit(1);
		g->fd = fd;
		watch(ep, g, EPOLL_CTL_ADD, EPOLLIN);
	}
}

static void
run(int listener)
{
	struct epoll_event ev[EVENTS_N] = {{.events = EPOLLIN}};
	int ep = epoll_create1(EPOLL_CLOEXEC), i, n;

	epoll_ctl(ep, EPOLL_CTL_ADD, listener, &ev[0]);
	for (;;) {
		n = epoll_wait(ep, ev, EVENTS_N, -1);
		for (i = 0; i < n; i++) {
			if (ev[i].data.ptr == NULL)
				welcome(ep, listener);
			else
				serve(ep, ev[i].data.ptr, ev[i].events);
		}
	}
}

uint16_t
origin_start(void)
{
	uint16_t port = 0;
	int listener = rig_net_listen("127.0.0.1", &port, 4096);
	pid_t pid;

	REQUIRE(listener >= 0, "origin: %s", strerror(-listener));
	stuff_init();
	pid = fork();
	REQUIRE(pid != -1, "fork: %s", strerror(errno));
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run(listener);
	}
	close(listener);
	return port;
}
