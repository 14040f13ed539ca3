/* Owns the clients of the contests; knows nothing of who is measured. */
#include "tests/bench/load.h"

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/stuff.h"
#include "tests/integ/rig.h"
#include "tests/integ/rig_net.h"

#define EVENTS_N   256
#define TURN_MAX   (4 * STUFF_RUN)
#define STRIDE	   7919 /* a prime: no two of STUFF_PERIOD start alike */
#define ANSWER_LEN 10	/* of SOCKS5, with an IPv4 address */

struct tunnel {
	int fd;
	enum {
		CONNECTING,
		GREETED,
		ASKED,
		PASSING
	} state;
	uint32_t events;
	int64_t began_us;
	int32_t setup_us, first_us;
	uint8_t in[ANSWER_LEN];
	size_t in_n;
	struct stuff_ask ask;
	uint64_t sent, got; /* sent: with the ask */
};

struct load {
	const struct load_plan *plan;
	struct load_result *out;
	int ep;
	unsigned int begun, ended;
};

static struct load_result *shared;
static uint8_t lent[STUFF_RUN];

const char *
load_error_word(enum load_error e)
{
	static const char *const words[LOAD_ERRORS] = {
	    "not connected", "refused", "cut", "wrong bytes", "late"};

	return words[e];
}

unsigned int
load_failed(const struct load_result *r)
{
	unsigned int n = 0;
	int i;

	for (i = 0; i < LOAD_ERRORS; i++)
		n += r->errors[i];
	return n;
}

double
load_percentile(const int32_t *sorted, unsigned int n, double p)
{
	if (n == 0)
		return 0;
	return sorted[(unsigned int)(p / 100 * (n - 1) + 0.5)];
}

static void
watch(struct load *l, struct tunnel *t, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = t};
	int how = t->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;

	if (t->events == events)
		return;
	t->events = events;
	epoll_ctl(l->ep, how, t->fd, &ev);
}

static void
ended(struct load *l, struct tunnel *t)
{
	close(t->fd);
	free(t);
	l->ended++;
}

static void
fail(struct load *l, struct tunnel *t, enum load_error e)
{
	l->out->errors[e]++;
	ended(l, t);
}

static void
well(struct load *l, struct tunnel *t)
{
	struct load_result *r = l->out;

	r->done++;
	r->bytes += l->plan->up + l->plan->down;
	if (r->setups_n < LOAD_SETUPS_MAX) {
		r->setup_us[r->setups_n] = t->setup_us;
		r->first_us[r->setups_n++] = t->first_us;
	}
	ended(l, t);
}

/* false: it has failed. */
static bool
say(struct load *l, struct tunnel *t, const void *bytes, size_t len)
{
	if (send(t->fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len)
		return true;
	fail(l, t, t->state == PASSING ? LOAD_CUT : LOAD_REFUSED);
	return false;
}

static void
begin(struct load *l)
{
	struct tunnel *t = calloc(1, sizeof(*t));
	struct sockaddr_storage to;
	socklen_t len;

	if (t == NULL)
		_exit(1);
	l->begun++;
	t->began_us = rig_now_us();
	t->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	t->ask = (struct stuff_ask){.start = (uint64_t)l->begun * STRIDE,
	    .up = l->plan->up,
	    .down = l->plan->down};
	rig_net_addr(l->plan->host, l->plan->port, &to, &len);
	if (t->fd == -1 || (connect(t->fd, (struct sockaddr *)&to, len) == -1 &&
			       errno != EINPROGRESS))
		fail(l, t, LOAD_CONNECT);
	else
		watch(l, t, EPOLLOUT);
}

static void
connected(struct load *l, struct tunnel *t, uint32_t events)
{
	if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
		fail(l, t, LOAD_CONNECT);
		return;
	}
	t->state = GREETED;
	watch(l, t, EPOLLIN);
	say(l, t, "\5\1\0", 3);
}

/* The whole of an answer of SOCKS: 1, not yet: 0, -1: it has failed. */
static int
answer(struct load *l, struct tunnel *t, size_t want)
{
	ssize_t n = recv(t->fd, t->in + t->in_n, want - t->in_n, 0);

	if (n == -1 && errno == EAGAIN)
		return 0;
	if (n <= 0) {
		fail(l, t, LOAD_REFUSED);
		return -1;
	}
	t->in_n += (size_t)n;
	if (t->in_n < want)
		return 0;
	t->in_n = 0;
	if (t->in[0] == 5 && t->in[1] == 0)
		return 1;
	fail(l, t, LOAD_REFUSED);
	return -1;
}

static void
greeted(struct load *l, struct tunnel *t)
{
	uint8_t request[ANSWER_LEN] = {5, 1, 0, 1, 127, 0, 0, 1};

	if (answer(l, t, 2) != 1)
		return;
	request[8] = (uint8_t)(l->plan->origin >> 8);
	request[9] = (uint8_t)l->plan->origin;
	t->state = ASKED;
	say(l, t, request, sizeof(request));
}

static uint64_t
to_send(const struct load *l)
{
	return STUFF_ASK_LEN + l->plan->up;
}

/* What goes up; false: it has failed. */
static bool
give(struct load *l, struct tunnel *t)
{
	uint8_t first[STUFF_ASK_LEN + 1024];
	size_t turn = 0, len, more;
	uint64_t left;
	ssize_t n;

	/* The question and the beginning, as an application writes them. */
	if (t->sent == 0) {
		more = l->plan->up < 1024 ? (size_t)l->plan->up : 1024;
		stuff_ask_encode(first, &t->ask);
		memcpy(first + STUFF_ASK_LEN, stuff_at(t->ask.start), more);
		if (!say(l, t, first, STUFF_ASK_LEN + more))
			return false;
		t->sent = STUFF_ASK_LEN + more;
	}
	while (t->sent < to_send(l) && turn < TURN_MAX) {
		left = to_send(l) - t->sent;
		len = left < STUFF_RUN ? (size_t)left : STUFF_RUN;
		n = send(t->fd,
		    stuff_at(t->ask.start + t->sent - STUFF_ASK_LEN), len,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n == -1 && errno == EAGAIN)
			break;
		if (n == -1) {
			fail(l, t, LOAD_CUT);
			return false;
		}
		t->sent += (uint64_t)n;
		turn += (size_t)n;
	}
	watch(l, t,
	    t->sent < to_send(l) ? EPOLLIN | EPOLLOUT : (uint32_t)EPOLLIN);
	return true;
}

static void
take(struct load *l, struct tunnel *t)
{
	size_t turn = 0;
	ssize_t n;

	while (turn < TURN_MAX) {
		n = recv(t->fd, lent, sizeof(lent), 0);
		if (n == -1 && errno == EAGAIN)
			return;
		if (n <= 0) {
			fail(l, t, LOAD_CUT);
			return;
		}
		if (t->got == 0)
			t->first_us = (int32_t)(rig_now_us() - t->began_us);
		if (t->got + (uint64_t)n > l->plan->down ||
		    !stuff_is(
			t->ask.start + STUFF_DOWN + t->got, lent, (size_t)n)) {
			fail(l, t, LOAD_WRONG);
			return;
		}
		t->got += (uint64_t)n;
		turn += (size_t)n;
		if (t->got == l->plan->down && t->sent == to_send(l)) {
			well(l, t);
			return;
		}
		if ((size_t)n < sizeof(lent))
			return;
	}
}

static void
serve(struct load *l, struct tunnel *t, uint32_t events)
{
	switch (t->state) {
	case CONNECTING:
		connected(l, t, events);
		return;
	case GREETED:
		greeted(l, t);
		return;
	case ASKED:
		if (answer(l, t, ANSWER_LEN) != 1)
			return;
		t->state = PASSING;
		t->setup_us = (int32_t)(rig_now_us() - t->began_us);
		give(l, t);
		return;
	case PASSING:
		if ((events & EPOLLOUT) != 0 && !give(l, t))
			return;
		if ((events & ~(uint32_t)EPOLLOUT) != 0)
			take(l, t);
		return;
	}
}

static int
ascending(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return x < y ? -1 : x > y;
}

static void
run(struct load *l)
{
	struct epoll_event ev[EVENTS_N];
	int64_t began_us = rig_now_us();
	int64_t end_ms = rig_now_ms() + l->plan->timeout_ms;
	int i, n;

	l->ep = epoll_create1(EPOLL_CLOEXEC);
	for (;;) {
		while (l->begun < l->plan->total &&
		       l->begun - l->ended < l->plan->flight)
			begin(l);
		if (l->ended == l->plan->total)
			break;
		n = epoll_wait(l->ep, ev, EVENTS_N, rig_left_ms(end_ms));
		if (n == 0 && rig_left_ms(end_ms) == 0) {
			l->out->errors[LOAD_LATE] += l->plan->total - l->ended;
			break;
		}
		for (i = 0; i < n; i++)
			serve(l, ev[i].data.ptr, ev[i].events);
	}
	l->out->took_us = rig_now_us() - began_us;
}

const struct load_result *
load_run(const struct load_plan *plan)
{
	struct load l = {.plan = plan};
	int status = -1;
	pid_t pid;

	if (shared == NULL)
		shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(shared != MAP_FAILED, "mmap: %s", strerror(errno));
	memset(shared, 0, sizeof(*shared));
	stuff_init();
	l.out = shared;
	pid = fork();
	REQUIRE(pid != -1, "fork: %s", strerror(errno));
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run(&l);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	REQUIRE(status == 0, "the clients ended with status %d", status);
	qsort(shared->setup_us, shared->setups_n, sizeof(int32_t), ascending);
	qsort(shared->first_us, shared->setups_n, sizeof(int32_t), ascending);
	return shared;
}
