#ifndef TESTS_UNIT_RELAY_RIG_H
#define TESTS_UNIT_RELAY_RIG_H

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cagentd/worker/relay/relay.h"
#include "tests/unit/fake.h"
#include "tests/unit/unit.h"

/* A tunnel between two connections of the test's own. */
#define BULK (16u << 20)

struct tunnel {
	struct loop *loop;
	struct relay relay;
	struct relay_start start;
	int client, upstream; /* the far ends: the test's */
	int n, answered;
	enum relay_end end;
	enum relay_side where;
	int fds;
};

static inline void
done(struct relay *r, enum relay_end end, enum relay_side where)
{
	struct tunnel *t = container_of(r, struct tunnel, relay);

	t->n++;
	t->end = end;
	t->where = where;
}

static inline void
answered(struct relay *r)
{
	container_of(r, struct tunnel, relay)->answered++;
}

static inline struct tunnel *
tunnel_new(void)
{
	struct tunnel *t = calloc(1, sizeof(*t));
	int fds[2];

	t->fds = fake_open_fds();
	t->loop = rig_loop();
	rig_tcp_pair(fds);
	t->client = fds[0];
	t->start.client = fds[1];
	rig_tcp_pair(fds);
	t->upstream = fds[0];
	t->start.upstream = stream_plain(fds[1]);
	t->start.idle_us = 60000000;
	t->start.answered = answered;
	return t;
}

static inline void
tunnel_start(struct tunnel *t)
{
	relay_start(&t->relay, t->loop, &t->start, done);
	CHECK_INT(t->n, 0);
}

static inline struct tunnel *
tunnel_open(bool keep_flight)
{
	struct tunnel *t = tunnel_new();

	t->start.keep_flight = keep_flight;
	tunnel_start(t);
	return t;
}

static inline void
tunnel_free(struct tunnel *t)
{
	relay_cancel(&t->relay);
	rig_settle(t->loop);
	loop_close(t->loop, t->client);
	loop_close(t->loop, t->upstream);
	loop_free(t->loop);
	CHECK_INT(fake_open_fds(), t->fds);
	free(t);
}

static inline void
hang_up(struct tunnel *t, int *fd, bool reset)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};

	if (reset)
		setsockopt(*fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	loop_close(t->loop, *fd);
	*fd = -1;
}

/* Turn the loop until fd has text to read, and take it. */
static inline void
expect(struct tunnel *t, int fd, const char *text, size_t len)
{
	char got[65536];
	size_t n = 0;
	ssize_t k = -1;
	int64_t end_us = mono_us() + RIG_DEADLINE_US;

	while (n < len && k != 0 && mono_us() < end_us) {
		k = recv(fd, got + n, len - n, MSG_DONTWAIT);
		if (k > 0)
			n += (size_t)k;
		else if (k == -1 && errno != EAGAIN)
			break;
		loop_turn(t->loop, n < len ? 1000 : 0);
	}
	CHECK(n == len && (n == 0 || memcmp(got, text, n) == 0),
	    "%zu bytes of %zu", n, len);
}

/* What the end of the stream at fd looks like: 0 or -errno. */
static inline int
end_of(struct tunnel *t, int fd)
{
	int64_t end_us = mono_us() + RIG_DEADLINE_US;
	ssize_t k = -1;
	char byte;

	errno = EAGAIN;
	while (k == -1 && errno == EAGAIN && mono_us() < end_us) {
		loop_turn(t->loop, 1000);
		k = recv(fd, &byte, 1, MSG_DONTWAIT);
	}
	return k == -1 ? -errno : (int)k;
}

static inline uint8_t
pattern(size_t i)
{
	return (uint8_t)(i * 31 + (i >> 8) * 7 + (i >> 16));
}

/* One direction of a bulk transfer, pushed and pulled by hand. */
struct bulk {
	int from, to;
	size_t sent, got;
	bool ended, wrong;
	int error;
};

static inline void
bulk_push(struct bulk *b)
{
	uint8_t chunk[32768];
	size_t i, n = sizeof(chunk);
	ssize_t k;

	if (b->sent == BULK)
		return;
	if (n > BULK - b->sent)
		n = BULK - b->sent;
	for (i = 0; i < n; i++)
		chunk[i] = pattern(b->sent + i);
	k = send(b->from, chunk, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (k > 0)
		b->sent += (size_t)k;
	if (b->sent == BULK)
		CHECK_INT(shutdown(b->from, SHUT_WR), 0);
}

static inline void
bulk_pull(struct bulk *b)
{
	uint8_t chunk[50000];
	ssize_t i, k = recv(b->to, chunk, sizeof(chunk), MSG_DONTWAIT);

	for (i = 0; i < k; i++)
		b->wrong |= chunk[i] != pattern(b->got + (size_t)i);
	if (k > 0)
		b->got += (size_t)k;
	b->ended |= k == 0;
	if (k == -1 && errno != EAGAIN)
		b->error = errno;
}

#endif
