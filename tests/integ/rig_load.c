/* Threads that make requests and use tunnels, and count what they saw. */
#include "tests/integ/rig_load.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define ECHO_PIECE 8192
#define LULL_MS	   20

static void
start_thread(pthread_t *t, void *(*fn)(void *), void *arg)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(t, NULL, fn, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	REQUIRE(rc == 0, "cannot start a thread: %s", strerror(rc));
}

static void
note_failure(struct rig_load *l, const struct rig_proxy *p, enum rig_fail f,
    const struct rig_conn *c, int64_t ms)
{
	unsigned int n = atomic_fetch_add(&l->texts_n, 1);

	if (n >= RIG_LOAD_TEXTS)
		return;
	snprintf(l->texts[n], sizeof(l->texts[n]),
	    "%s after %lld ms: %s (code %d): %s", rig_proto_word(p->proto),
	    (long long)ms, rig_fail_word(f), c->code, c->text);
}

static void
one_request(struct rig_load *l, unsigned int number)
{
	const struct rig_proxy *p = &l->proxies[number % l->proxies_n];
	struct rig_sample s = {.start_us = rig_now_us()};
	struct rig_conn c;
	enum rig_fail f;
	long long slowest;
	int64_t ms;

	f = rig_dial(&c, p, l->host, l->port, l->timeout_ms);
	if (f == RIG_OK) {
		s.setup_us = (int32_t)(rig_now_us() - s.start_us);
		f = rig_http_get(&c, l->bytes);
		rig_conn_close(&c);
	}
	s.end_us = rig_now_us();
	s.fail = f;
	if (number < l->samples_max)
		l->samples[number] = s;
	ms = (s.end_us - s.start_us) / 1000;
	if (f != RIG_OK)
		note_failure(l, p, f, &c, ms);
	slowest = atomic_load(&l->slowest_ms);
	while (ms > slowest &&
	       !atomic_compare_exchange_weak(&l->slowest_ms, &slowest, ms))
		;
	atomic_fetch_add(&l->count[f], 1);
	atomic_fetch_add(&l->done, 1);
}

static void *
requests(void *arg)
{
	struct rig_load *l = arg;
	unsigned int number;

	while (!atomic_load(&l->stop)) {
		number = atomic_fetch_add(&l->next, 1);
		if (l->total != 0 && number >= l->total)
			break;
		one_request(l, number);
		/* Without an end, it is there to be disturbed, not to take all
		 * there is of the processor from what disturbs it. */
		if (l->total == 0)
			rig_pause(rig_now_ms() + LULL_MS);
	}
	return NULL;
}

void
rig_load_start(struct rig_load *l)
{
	unsigned int i;

	REQUIRE(l->flight <= RIG_FLIGHT_MAX, "too many in flight");
	for (i = 0; i < l->flight; i++)
		start_thread(&l->threads[i], requests, l);
}

bool
rig_load_reach(struct rig_load *l, unsigned int n, int timeout_ms)
{
	int64_t deadline = rig_now_ms() + timeout_ms;

	while (atomic_load(&l->done) < n) {
		if (!rig_pause(deadline))
			return false;
	}
	return true;
}

void
rig_load_end(struct rig_load *l)
{
	unsigned int i;

	if (l->total == 0)
		atomic_store(&l->stop, 1);
	for (i = 0; i < l->flight; i++)
		pthread_join(l->threads[i], NULL);
}

unsigned int
rig_load_failed(const struct rig_load *l)
{
	return atomic_load(&l->done) - atomic_load(&l->count[RIG_OK]);
}

void
rig_load_report(const struct rig_load *l, const char *what, unsigned int limit)
{
	unsigned int i, failed = rig_load_failed(l);

	rig_note("%s: %u requests, %u failed, slowest %lld ms", what,
	    atomic_load(&l->done), failed,
	    (long long)atomic_load(&l->slowest_ms));
	for (i = 0; i < RIG_FAILS; i++) {
		if (i != RIG_OK && atomic_load(&l->count[i]) > 0) {
			rig_note("%s: %u times %s", what,
			    atomic_load(&l->count[i]),
			    rig_fail_word((enum rig_fail)i));
		}
	}
	for (i = 0; i < atomic_load(&l->texts_n) && i < RIG_LOAD_TEXTS; i++)
		rig_note("%s: %s", what, l->texts[i]);
	CHECK(failed <= limit, "%s: %u requests failed, not at most %u", what,
	    failed, limit);
}

static void *
echoes(void *arg)
{
	struct rig_stream *s = arg;
	uint64_t at = 0;

	while (!atomic_load(&s->all->stop)) {
		rig_conn_renew(&s->conn, s->all->timeout_ms);
		s->fail = rig_echo(&s->conn, s->seed, at, ECHO_PIECE);
		if (s->fail != RIG_OK)
			break;
		at += ECHO_PIECE;
		atomic_store(&s->bytes, at);
		rig_pause(rig_now_ms() + 5);
	}
	/* A number no longer moving tells the others that it is over. */
	if (s->fail != RIG_OK)
		atomic_store(&s->bytes, UINT64_MAX);
	return NULL;
}

void
rig_streams_start(struct rig_streams *all, unsigned int n,
    const struct rig_proxy *p, const char *host, uint16_t port)
{
	struct rig_stream *s;
	enum rig_fail f;
	unsigned int i;

	REQUIRE(n <= RIG_STREAMS_MAX, "too many streams");
	memset(all, 0, sizeof(*all));
	all->n = n;
	all->timeout_ms = 10000;
	for (i = 0; i < n; i++) {
		s = &all->stream[i];
		s->all = all;
		s->seed = 100 + i;
		f = rig_dial(&s->conn, p, host, port, 10000);
		REQUIRE(f == RIG_OK, "tunnel %u: %s: %s", i, rig_fail_word(f),
		    s->conn.text);
		start_thread(&s->thread, echoes, s);
	}
}

bool
rig_streams_move(struct rig_streams *all, uint64_t bytes, int timeout_ms)
{
	int64_t deadline = rig_now_ms() + timeout_ms;
	uint64_t from[RIG_STREAMS_MAX];
	unsigned int i;

	for (i = 0; i < all->n; i++)
		from[i] = atomic_load(&all->stream[i].bytes);
	for (i = 0; i < all->n; i++) {
		while (from[i] != UINT64_MAX &&
		       atomic_load(&all->stream[i].bytes) < from[i] + bytes) {
			if (!rig_pause(deadline))
				return false;
		}
	}
	return true;
}

void
rig_streams_end(struct rig_streams *all)
{
	unsigned int i;

	atomic_store(&all->stop, 1);
	for (i = 0; i < all->n; i++) {
		pthread_join(all->stream[i].thread, NULL);
		rig_conn_close(&all->stream[i].conn);
	}
}
