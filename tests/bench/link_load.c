/* Owns the clients on the limited link; knows nothing of who is measured. */
#include "tests/bench/link_load.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/load.h"
#include "tests/integ/rig.h"
#include "tests/integ/rig_net.h"

#define EVENTS_N   256
#define PIECE	   (64 * 1024)
#define PING_LEN   64
#define CONNECT_MS 5000

enum {
	GREETED,
	ASKED,
	STANDS
};

static uint8_t lent[PIECE];

static void
fail(struct link_load *l, struct link_tunnel *t)
{
	close(t->fd);
	t->fd = -1;
	l->failed++;
}

static bool
say(struct link_tunnel *t, const void *bytes, size_t len)
{
	return send(t->fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static bool
ping(struct link_tunnel *t)
{
	t->in_n = 0;
	t->asked_us = rig_now_us();
	return say(t, lent, PING_LEN);
}

static bool
begin(struct link_load *l, struct link_tunnel *t)
{
	const uint8_t what = (uint8_t)l->groups[t->group].what;
	struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT, .data.ptr = t};

	t->in_n = 0;
	if (!say(t, &what, 1))
		return false;
	if (what == LINK_UP)
		epoll_ctl(l->ep, EPOLL_CTL_MOD, t->fd, &ev);
	return what != LINK_PING || ping(t);
}

/* The answers of SOCKS, and what is said to them. */
static bool
shake(struct link_load *l, struct link_tunnel *t)
{
	const uint16_t port = l->groups[t->group].port;
	const uint8_t request[10] = {
	    5, 1, 0, 1, 127, 0, 0, 1, (uint8_t)(port >> 8), (uint8_t)port};
	size_t want = t->steps == GREETED ? 2 : 10;
	uint8_t in[10];
	ssize_t n = recv(t->fd, in, want - t->in_n, 0);

	if (n == -1 && errno == EAGAIN)
		return true;
	if (n <= 0 ||
	    (t->in_n < 2 && t->in_n + (size_t)n >= 2 && in[1 - t->in_n] != 0))
		return false;
	t->in_n += (size_t)n;
	if (t->in_n < want)
		return true;
	t->in_n = 0;
	if (++t->steps == ASKED)
		return say(t, request, sizeof(request));
	return begin(l, t);
}

static bool
take(struct link_load *l, struct link_tunnel *t)
{
	ssize_t n = recv(t->fd, lent, sizeof(lent), 0);

	if (n == -1)
		return errno == EAGAIN;
	if (n == 0)
		return false;
	l->groups[t->group].got += (uint64_t)n;
	if (l->groups[t->group].what != LINK_PING)
		return true;
	t->in_n += (size_t)n;
	if (t->in_n < PING_LEN)
		return true;
	if (l->rtts_n < LINK_RTTS)
		l->rtt_us[l->rtts_n++] = (int32_t)(rig_now_us() - t->asked_us);
	return ping(t);
}

static void
serve(struct link_load *l, struct link_tunnel *t, uint32_t events)
{
	bool ok = true;

	if (t->fd == -1)
		return;
	if ((events & ~(uint32_t)EPOLLOUT) != 0)
		ok = t->steps < STANDS ? shake(l, t) : take(l, t);
	if (ok && (events & EPOLLOUT) != 0)
		ok = send(t->fd, lent, sizeof(lent), MSG_NOSIGNAL) != -1 ||
		     errno == EAGAIN;
	if (!ok)
		fail(l, t);
}

void
link_load_start(struct link_load *l, uint16_t proxy)
{
	memset(l, 0, sizeof(*l));
	l->proxy = proxy;
	l->ep = epoll_create1(EPOLL_CLOEXEC);
}

unsigned int
link_load_add(
    struct link_load *l, enum link_what what, unsigned int n, uint16_t port)
{
	const int on = 1;
	struct epoll_event ev = {.events = EPOLLIN};
	struct link_tunnel *t;
	unsigned int i, group = l->groups_n++;

	REQUIRE(group < LINK_GROUPS && l->tunnels_n + n <= LINK_TUNNELS,
	    "more tunnels than there is room for");
	l->groups[group] = (struct link_group){.what = what, .port = port};
	for (i = 0; i < n; i++) {
		t = &l->tunnels[l->tunnels_n++];
		*t = (struct link_tunnel){.group = group};
		t->fd = rig_net_connect("127.0.0.1", l->proxy, CONNECT_MS);
		REQUIRE(t->fd >= 0, "a client: %s", strerror(-t->fd));
		setsockopt(t->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		ev.data.ptr = t;
		epoll_ctl(l->ep, EPOLL_CTL_ADD, t->fd, &ev);
		if (!say(t, "\5\1\0", 3))
			fail(l, t);
	}
	return group;
}

static void
sample(struct link_load *l, int64_t us)
{
	struct link_sample *s = &l->samples[l->samples_n];
	unsigned int i;

	if (l->samples_n == LINK_SAMPLES)
		return;
	s->us = us;
	for (i = 0; i < l->groups_n; i++)
		s->got[i] = l->groups[i].got;
	l->samples_n++;
}

void
link_load_run(struct link_load *l, int ms)
{
	struct epoll_event ev[EVENTS_N];
	int64_t now = rig_now_us(), end = now + (int64_t)ms * 1000;
	int64_t next = now;
	int i, n;

	while (now < end) {
		if (now >= next) {
			sample(l, now);
			next = now + LINK_GRAIN_MS * 1000;
		}
		n = epoll_wait(
		    l->ep, ev, EVENTS_N, (int)((next - now + 999) / 1000));
		for (i = 0; i < n; i++)
			serve(l, ev[i].data.ptr, ev[i].events);
		now = rig_now_us();
	}
	sample(l, now);
}

void
link_load_mark(struct link_load *l)
{
	l->samples_n = 0;
	l->rtts_n = 0;
}

void
link_load_stop(struct link_load *l)
{
	unsigned int i;

	for (i = 0; i < l->tunnels_n; i++) {
		if (l->tunnels[i].fd != -1)
			rig_net_reset(l->tunnels[i].fd);
	}
	close(l->ep);
}

static double
between(const struct link_sample *a, const struct link_sample *b,
    unsigned int group)
{
	return (double)(b->got[group] - a->got[group]) * 1e6 /
	       (double)(b->us - a->us);
}

double
link_load_rate(const struct link_load *l, unsigned int group)
{
	if (l->samples_n < 2)
		return 0;
	return between(&l->samples[0], &l->samples[l->samples_n - 1], group);
}

double
link_load_worst(const struct link_load *l, unsigned int group, int ms)
{
	unsigned int i, j = 0;
	double most = 0, now;

	for (i = 0; i < l->samples_n; i++) {
		while (j < l->samples_n &&
		       l->samples[j].us - l->samples[i].us < (int64_t)ms * 1000)
			j++;
		if (j == l->samples_n)
			break;
		now = between(&l->samples[i], &l->samples[j], group);
		most = now > most ? now : most;
	}
	return most;
}

static int
ascending(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return x < y ? -1 : x > y;
}

double
link_load_rtt_ms(struct link_load *l, double p)
{
	qsort(l->rtt_us, l->rtts_n, sizeof(*l->rtt_us), ascending);
	return load_percentile(l->rtt_us, l->rtts_n, p) / 1e3;
}
