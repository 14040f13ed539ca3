/* Channels: round trips, every broken rule by name, stuck and vanished peers,
 * and that no fd is ever lost. */
#include "base/chan.h"

#include <sys/socket.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/loop.h"
#include "tests/unit/unit.h"

enum {
	ALICE,
	BOB,
	CAROL
};
#define A (1u << ALICE)
#define B (1u << BOB)
#define C (1u << CAROL)

enum {
	T_PLAIN,
	T_FDS,
	T_BIG,
	T_BACK,
	T_OTHER,
	T_COUNT
};

static const struct chan_rule rows[T_COUNT] = {
    [T_PLAIN] = {"plain", A, B, 0, 64, 0, 0},
    [T_FDS] = {"fds", A, B, 1, 8, 1, 3},
    [T_BIG] = {"big", A | B, A | B, 0, CHAN_DATA_MAX, 0, CHAN_FDS_MAX},
    [T_BACK] = {"back", B, A, 4, 4, 0, 0},
    [T_OTHER] = {"other", A, C, 0, 0, 0, 0},
};
static const struct chan_rules rules = {rows, T_COUNT};

#define MAGIC 0x63684131u

/* Bob's end of a channel, whose other end Alice's hands hold bare. */
struct bob {
	struct loop *loop;
	struct chan *chan;
	int alice;
	int fds_before;
	int messages;
	int closed;
	bool free_in_closed;
	bool gone; /* closed with why NULL */
	char why[64];
	uint32_t type;
	size_t len;
	size_t fds_n;
	int take; /* fds to take of each message */
	int taken[CHAN_FDS_MAX];
	uint8_t data[CHAN_DATA_MAX];
};

static int
count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	CHECK(d != NULL, "/proc/self/fd: %s", strerror(errno));
	while (d != NULL && readdir(d) != NULL)
		n++;
	if (d != NULL)
		closedir(d);
	return n;
}

static void
bob_message(void *arg, struct chan *c, const struct chan_msg *m)
{
	struct bob *b = arg;
	size_t i;

	(void)c; /* is b->chan */
	b->messages++;
	b->type = m->type;
	b->len = m->len;
	b->fds_n = m->fds_n;
	if (m->len > 0)
		memcpy(b->data, m->data, m->len);
	for (i = 0; i < (size_t)b->take && i < m->fds_n; i++) {
		b->taken[i] = m->fds[i];
		m->fds[i] = -1;
	}
}

static void
bob_closed(void *arg, struct chan *c, const char *why)
{
	struct bob *b = arg;

	b->closed++;
	b->gone = why == NULL;
	snprintf(b->why, sizeof(b->why), "%s", why != NULL ? why : "gone");
	if (b->free_in_closed) {
		chan_free(c);
		b->chan = NULL;
	}
}

static void
bob_join(struct bob *b)
{
	struct chan_owner owner = {bob_message, bob_closed, b};
	int fds[2], rc;

	rc = chan_pair(fds);
	CHECK_INT(rc, 0);
	b->alice = fds[0];
	rc = chan_new(&b->chan, b->loop, fds[1], &rules, BOB, ALICE, &owner);
	CHECK_INT(rc, 0);
}

static void
bob_init(struct bob *b)
{
	int rc;

	memset(b, 0, sizeof(*b));
	b->fds_before = count_fds();
	rc = loop_new(&b->loop);
	CHECK_INT(rc, 0);
	bob_join(b);
}

static void
bob_leave(struct bob *b)
{
	chan_free(b->chan);
	b->chan = NULL;
	if (b->alice != -1)
		close(b->alice);
	b->alice = -1;
}

static void
bob_fini(struct bob *b)
{
	bob_leave(b);
	loop_free(b->loop);
	CHECK_INT(count_fds(), b->fds_before);
}

static void
turns(struct bob *b, int n)
{
	while (n-- > 0)
		loop_turn(b->loop, 0);
}

/* Turn until so many messages and ends have come. */
static void
until(struct bob *b, int messages, int closed)
{
	int i;

	for (i = 0; i < 1000; i++) {
		if (b->messages >= messages && b->closed >= closed)
			break;
		loop_turn(b->loop, 10000);
	}
	CHECK_INT(b->messages, messages);
	CHECK_INT(b->closed, closed);
}

/* What a hostile peer sends: any bytes, any fds. */
static ssize_t
raw_send(int fd, void *bytes, size_t len, const int *fds, size_t fds_n)
{
	union {
		struct cmsghdr head;
		uint8_t bytes[CMSG_SPACE(sizeof(int) * 64)];
	} control;
	struct iovec iov = {bytes, len};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};

	memset(&control, 0, sizeof(control));
	if (fds_n > 0) {
		mh.msg_control = &control;
		mh.msg_controllen = CMSG_SPACE(sizeof(int) * fds_n);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int) * fds_n);
		memcpy(CMSG_DATA(&control.head), fds, sizeof(int) * fds_n);
	}
	return sendmsg(fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void
put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static uint8_t datagram[8 + CHAN_DATA_MAX + 64];

/* A message as it should be made; fds: so many copies of stderr. */
static void
raw_message(int fd, uint32_t type, size_t len, size_t fds_n)
{
	int fds[64];
	size_t i;
	ssize_t sent;

	for (i = 0; i < fds_n; i++)
		fds[i] = STDERR_FILENO;
	put32(datagram, MAGIC);
	put32(datagram + 4, type);
	sent = raw_send(fd, datagram, 8 + len, fds, fds_n);
	CHECK_INT(sent, (ssize_t)(8 + len));
}

/* An fd that was passed is the same file, and does not outlive an exec. */
static void
check_taken(int got, int sent)
{
	char c = 0;

	CHECK((fcntl(got, F_GETFD) & FD_CLOEXEC) != 0, "not CLOEXEC");
	CHECK(write(sent, "x", 1) == 1, "write: %s", strerror(errno));
	CHECK(read(got, &c, 1) == 1 && c == 'x', "read: %s", strerror(errno));
	close(got);
}

static void
case_round_trip(void)
{
	struct chan_owner owner = {bob_message, bob_closed, NULL};
	struct chan *alice = NULL;
	struct bob b, a;
	int p[2], fds[2], rc;

	bob_init(&b);
	memset(&a, 0, sizeof(a));
	owner.arg = &a;
	rc = chan_new(&alice, b.loop, b.alice, &rules, ALICE, BOB, &owner);
	CHECK_INT(rc, 0);
	b.alice = -1;
	CHECK(pipe2(p, O_CLOEXEC) == 0, "pipe: %s", strerror(errno));
	fds[0] = p[0];
	fds[1] = STDERR_FILENO;
	b.take = 1; /* the other is for the channel to close */
	rc = chan_send(alice, T_FDS, "abc", 3, fds, 2);
	CHECK_INT(rc, 0);
	until(&b, 1, 0);
	CHECK_INT(b.type, T_FDS);
	CHECK_INT(b.len, 3);
	CHECK_INT(b.fds_n, 2);
	CHECK(memcmp(b.data, "abc", 3) == 0, "data differ");
	check_taken(b.taken[0], p[1]);
	rc = chan_send(b.chan, T_BACK, "wxyz", 4, NULL, 0);
	CHECK_INT(rc, 0);
	while (a.messages == 0)
		loop_turn(b.loop, 10000);
	CHECK_INT(a.type, T_BACK);
	CHECK(a.len == 4 && memcmp(a.data, "wxyz", 4) == 0, "data differ");
	chan_free(alice);
	until(&b, 1, 1);
	close(p[0]);
	close(p[1]);
	bob_fini(&b);
}

/* Sizes and numbers at the limits of their rules pass. */
static void
case_limits(void)
{
	static const struct {
		uint32_t type;
		size_t len, fds_n;
	} good[] = {
	    {T_PLAIN, 0, 0},
	    {T_PLAIN, 64, 0},
	    {T_FDS, 1, 1},
	    {T_FDS, 8, 3},
	    {T_BIG, CHAN_DATA_MAX, CHAN_FDS_MAX},
	};
	struct bob b;
	size_t i;

	bob_init(&b);
	for (i = 0; i < sizeof(good) / sizeof(*good); i++) {
		raw_message(b.alice, good[i].type, good[i].len, good[i].fds_n);
		until(&b, (int)i + 1, 0);
		CHECK_INT(b.type, good[i].type);
		CHECK_INT(b.len, good[i].len);
		CHECK_INT(b.fds_n, good[i].fds_n);
	}
	bob_fini(&b);
}

static void
case_broken_rules(void)
{
	static const struct {
		uint32_t type;
		size_t len, fds_n;
		const char *why;
	} bad[] = {
	    {T_COUNT, 0, 0, "unknown type"},
	    {UINT32_MAX, 0, 0, "unknown type"},
	    {T_BACK, 4, 0, "back: wrong sender"},
	    {T_OTHER, 0, 0, "other: wrong receiver"},
	    {T_FDS, 0, 1, "fds: too short"},
	    {T_FDS, 9, 1, "fds: too long"},
	    {T_PLAIN, 65, 0, "plain: too long"},
	    {T_BIG, CHAN_DATA_MAX + 1, 0, "big: too long"},
	    {T_FDS, 1, 0, "fds: too few fds"},
	    {T_FDS, 1, 4, "fds: too many fds"},
	    {T_PLAIN, 0, 1, "plain: too many fds"},
	    {T_BIG, 0, CHAN_FDS_MAX + 1, "big: truncated control data"},
	    {T_BIG, 0, 64, "big: truncated control data"},
	};
	struct bob b;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		bob_init(&b);
		raw_message(b.alice, bad[i].type, bad[i].len, bad[i].fds_n);
		raw_message(b.alice, T_PLAIN, 0, 0); /* never heard */
		until(&b, 0, 1);
		CHECK_STR(b.why, bad[i].why);
		turns(&b, 3);
		until(&b, 0, 1);
		CHECK_INT(
		    chan_send(b.chan, T_BACK, "abcd", 4, NULL, 0), -EPIPE);
		bob_fini(&b);
	}
}

static void
case_not_ours(void)
{
	struct bob b;
	int err = STDERR_FILENO;
	size_t len;

	put32(datagram, MAGIC);
	put32(datagram + 4, T_PLAIN);
	for (len = 0; len < 8; len++) {
		bob_init(&b);
		raw_send(b.alice, datagram, len, NULL, 0);
		until(&b, 0, 1);
		CHECK_STR(b.why, "not a message of ours");
		bob_fini(&b);
	}
	bob_init(&b);
	raw_send(b.alice, datagram, 0, &err, 1);
	until(&b, 0, 1);
	CHECK_STR(b.why, "not a message of ours");
	bob_fini(&b);
	bob_init(&b);
	put32(datagram, MAGIC + 1);
	raw_send(b.alice, datagram, 8, &err, 1);
	until(&b, 0, 1);
	CHECK_STR(b.why, "not a message of ours");
	bob_fini(&b);
}

static void
case_foreign_control(void)
{
	struct chan_owner owner = {bob_message, bob_closed, NULL};
	const int on = 1;
	struct bob b;
	int fds[2];

	bob_init(&b);
	bob_leave(&b);
	CHECK_INT(chan_pair(fds), 0);
	CHECK_INT(
	    setsockopt(fds[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	owner.arg = &b;
	b.alice = fds[0];
	CHECK_INT(
	    chan_new(&b.chan, b.loop, fds[1], &rules, BOB, ALICE, &owner), 0);
	raw_message(b.alice, T_FDS, 1, 1);
	until(&b, 0, 1);
	CHECK_STR(b.why, "foreign control data");
	bob_fini(&b);
}

/* Messages that come late, all, in order, each with its fd. */
static void
drain(struct bob *b, int first, int n)
{
	struct bob got;
	struct chan_msg m;
	int fds[CHAN_FDS_MAX];
	uint8_t *buf = malloc(CHAN_DATA_MAX);
	int i, rc;

	memset(&got, 0, sizeof(got));
	for (i = 0; i < n; i++) {
		rc = chan_wait(b->alice, &rules, ALICE, BOB, 0, buf, fds, &m);
		if (rc == -ETIMEDOUT) {
			loop_turn(b->loop, 10000);
			rc = chan_wait(
			    b->alice, &rules, ALICE, BOB, 0, buf, fds, &m);
		}
		CHECK(rc == 0, "message %d: %d", i, rc);
		if (rc != 0)
			break;
		CHECK(m.fds_n == 1 && m.len == CHAN_DATA_MAX &&
			  buf[0] == (uint8_t)(first + i),
		    "message %d is another", i);
		close(fds[0]);
	}
	free(buf);
}

static void
drained(struct bob *b)
{
	static uint8_t buf[CHAN_DATA_MAX];
	int fds[CHAN_FDS_MAX], rc;
	struct chan_msg m;

	rc = chan_wait(b->alice, &rules, ALICE, BOB, 0, buf, fds, &m);
	CHECK_INT(rc, -ETIMEDOUT);
}

/* Send messages numbered from first, until the queue is full. */
static int
fill(struct bob *b, int first, int limit)
{
	static uint8_t data[CHAN_DATA_MAX];
	int err = STDERR_FILENO;
	int n, rc;

	for (n = 0; n < limit; n++) {
		data[0] = (uint8_t)(first + n);
		rc = chan_send(b->chan, T_BIG, data, sizeof(data), &err, 1);
		if (rc != 0) {
			CHECK_INT(rc, -ENOBUFS);
			break;
		}
	}
	return n;
}

static void
case_queue_limit(void)
{
	struct bob b;
	int n;

	bob_init(&b);
	n = fill(&b, 0, 1000);
	CHECK(n > CHAN_QUEUE_MAX && n < 256, "took %d", n);
	drain(&b, 0, n);
	drained(&b);
	/* It has recovered, and keeps the order. */
	n = fill(&b, 0, 1000);
	CHECK(n > CHAN_QUEUE_MAX, "took %d", n);
	drain(&b, 0, n);
	drained(&b);
	until(&b, 0, 0);
	bob_fini(&b);
}

/* Without fds a queue may be as long as its owner can use it. */
static void
case_queue_longer(void)
{
	static uint8_t data[CHAN_DATA_MAX];
	struct bob b;
	int n, usual, rc = 0;

	bob_init(&b);
	usual = fill(&b, 0, 1000);
	chan_queue_max(b.chan, 1000);
	for (n = usual; n < 2000; n++) {
		data[0] = (uint8_t)n;
		rc = chan_send(b.chan, T_BIG, data, sizeof(data), NULL, 0);
		if (rc != 0)
			break;
	}
	CHECK_INT(rc, -ENOBUFS);
	CHECK_INT(n - usual, 1000 - CHAN_QUEUE_MAX);
	/* What stood in line before still comes first. */
	drain(&b, 0, usual);
	bob_fini(&b);
}

/* Room in the socket is not for who comes last while others wait. */
static void
case_queue_order(void)
{
	struct bob b;
	int n;

	bob_init(&b);
	n = fill(&b, 0, 40);
	CHECK_INT(n, 40);
	drain(&b, 0, 3);
	n = fill(&b, 40, 1);
	CHECK_INT(n, 1);
	drain(&b, 3, 38);
	drained(&b);
	bob_fini(&b);
}

static void
case_free_with_queue(void)
{
	struct bob b;

	bob_init(&b);
	fill(&b, 0, 1000);
	bob_fini(&b); /* counts the fds */
}

/* A peer that left unread what we sent shows as a reset first. */
static void
case_peer_gone(void)
{
	struct bob b;

	bob_init(&b);
	CHECK_INT(chan_send(b.chan, T_BACK, "abcd", 4, NULL, 0), 0);
	raw_message(b.alice, T_PLAIN, 1, 0);
	raw_message(b.alice, T_PLAIN, 2, 0);
	close(b.alice);
	b.alice = -1;
	until(&b, 2, 1); /* what it said before is heard */
	CHECK(b.gone, "closed: %s", b.why);
	turns(&b, 3);
	until(&b, 2, 1);
	CHECK_INT(chan_send(b.chan, T_BACK, "abcd", 4, NULL, 0), -EPIPE);
	bob_fini(&b);
}

/* The same, but we find out by sending. */
static void
case_peer_reset(void)
{
	struct bob b;

	bob_init(&b);
	b.free_in_closed = true;
	CHECK_INT(chan_send(b.chan, T_BACK, "abcd", 4, NULL, 0), 0);
	raw_message(b.alice, T_PLAIN, 1, 0);
	close(b.alice);
	b.alice = -1;
	CHECK_INT(chan_send(b.chan, T_BACK, "abcd", 4, NULL, 0), -EPIPE);
	CHECK_INT(chan_send(b.chan, T_BACK, "abcd", 4, NULL, 0), -EPIPE);
	CHECK_INT(b.closed, 0); /* starting something never calls back */
	until(&b, 1, 1);
	CHECK(b.gone, "closed: %s", b.why);
	CHECK(b.chan == NULL, "not freed");
	bob_fini(&b);
}

static void
case_gone_with_queue(void)
{
	struct bob b;

	bob_init(&b);
	fill(&b, 0, 1000);
	raw_message(b.alice, T_PLAIN, 1, 0);
	close(b.alice);
	b.alice = -1;
	until(&b, 1, 1);
	CHECK(b.gone, "closed: %s", b.why);
	bob_fini(&b);
}

/* More than is taken in one turn of the loop. */
static void
case_burst(void)
{
	struct bob b;
	int i;

	bob_init(&b);
	for (i = 0; i < 100; i++)
		raw_message(b.alice, T_FDS, 1, 3);
	until(&b, 100, 0);
	bob_fini(&b);
}

static void
case_send_forbidden(void)
{
	struct chan_msg m;
	struct bob b;
	int fds[CHAN_FDS_MAX + 1] = {0};
	uint8_t *buf = calloc(1, CHAN_DATA_MAX + 1);

	bob_init(&b);
	CHECK_INT(chan_send(b.chan, T_COUNT, NULL, 0, NULL, 0), -EINVAL);
	CHECK_INT(chan_send(b.chan, T_PLAIN, NULL, 0, NULL, 0), -EINVAL);
	CHECK_INT(chan_send(b.chan, T_BACK, buf, 3, NULL, 0), -EINVAL);
	CHECK_INT(chan_send(b.chan, T_BACK, buf, 5, NULL, 0), -EINVAL);
	CHECK_INT(chan_send(b.chan, T_BACK, buf, 4, fds, 1), -EINVAL);
	CHECK_INT(
	    chan_send(b.chan, T_BIG, buf, CHAN_DATA_MAX + 1, NULL, 0), -EINVAL);
	CHECK_INT(
	    chan_send(b.chan, T_BIG, buf, 0, fds, CHAN_FDS_MAX + 1), -EINVAL);
	CHECK_INT(chan_wait(b.alice, &rules, ALICE, BOB, 0, buf, fds, &m),
	    -ETIMEDOUT);
	free(buf);
	bob_fini(&b);
}

static void
case_wait(void)
{
	static uint8_t buf[CHAN_DATA_MAX];
	struct chan_msg m;
	int fds[CHAN_FDS_MAX], pair[2], before = count_fds();

	CHECK_INT(chan_pair(pair), 0);
	CHECK_INT(chan_wait(pair[1], &rules, BOB, ALICE, 0, buf, fds, &m),
	    -ETIMEDOUT);
	CHECK_INT(chan_wait(pair[1], &rules, BOB, ALICE, 5, buf, fds, &m),
	    -ETIMEDOUT);
	datagram[8] = 'q';
	raw_message(pair[0], T_FDS, 1, 2);
	CHECK_INT(
	    chan_wait(pair[1], &rules, BOB, ALICE, 1000, buf, fds, &m), 0);
	CHECK(m.type == T_FDS && m.len == 1 && m.data[0] == 'q', "wrong data");
	CHECK(m.fds_n == 2 && m.fds == fds, "%zu fds", m.fds_n);
	close(fds[0]);
	close(fds[1]);
	raw_message(pair[0], T_FDS, 1, 4);
	CHECK_INT(chan_wait(pair[1], &rules, BOB, ALICE, 1000, buf, fds, &m),
	    -EPROTO);
	raw_send(pair[0], datagram, 0, NULL, 0);
	CHECK_INT(chan_wait(pair[1], &rules, BOB, ALICE, 1000, buf, fds, &m),
	    -EPROTO);
	raw_message(pair[0], T_PLAIN, 3, 0);
	close(pair[0]);
	CHECK_INT(
	    chan_wait(pair[1], &rules, BOB, ALICE, 1000, buf, fds, &m), 0);
	CHECK_INT(
	    chan_wait(pair[1], &rules, BOB, ALICE, 1000, buf, fds, &m), -EPIPE);
	close(pair[1]);
	CHECK_INT(count_fds(), before);
}

static uint32_t
next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* A message that is right but for some bytes, its length or its fds. */
static void
mutant_send(int fd, uint32_t *seed)
{
	static const uint32_t lens[] = {0, 1, 4, 7, 8, 9, 12, 16, 17, 72, 73,
	    8 + CHAN_DATA_MAX, 9 + CHAN_DATA_MAX};
	size_t len = lens[next_random(seed) % (sizeof(lens) / sizeof(*lens))];
	size_t i, fds_n = 0;
	int fds[32];

	put32(datagram, MAGIC);
	put32(datagram + 4, next_random(seed) % (T_COUNT + 1));
	if (next_random(seed) % 4 == 0)
		datagram[next_random(seed) % 8] = (uint8_t)next_random(seed);
	if (next_random(seed) % 2 == 0)
		fds_n = next_random(seed) % 20;
	for (i = 0; i < fds_n; i++)
		fds[i] = STDERR_FILENO;
	raw_send(fd, datagram, len, fds, fds_n);
}

static void
case_mutants(void)
{
	uint32_t seed = 20240607;
	struct bob b;
	int i, ends = 0;

	bob_init(&b);
	for (i = 0; i < 10000; i++) {
		mutant_send(b.alice, &seed);
		turns(&b, 1);
		if (b.closed == 0)
			continue;
		CHECK(!b.gone, "mutant %d: taken for the end", i);
		ends++;
		b.closed = 0;
		bob_leave(&b);
		bob_join(&b);
	}
	until(&b, b.messages, 0);
	CHECK(b.messages > 500, "only %d passed", b.messages);
	CHECK(ends > 2000, "only %d ended the channel", ends);
	CHECK_INT(b.messages + ends, 10000);
	bob_fini(&b);
}

static void
case_bad_role(void)
{
	struct chan_owner owner = {bob_message, bob_closed, NULL};
	struct loop *loop = NULL;
	struct chan *c = NULL;
	int fds[2], before = count_fds();

	CHECK_INT(loop_new(&loop), 0);
	CHECK_INT(chan_pair(fds), 0);
	CHECK_INT(
	    chan_new(&c, loop, fds[0], &rules, 32, ALICE, &owner), -EINVAL);
	CHECK_INT(chan_new(&c, loop, fds[1], &rules, BOB, 32, &owner), -EINVAL);
	loop_free(loop);
	CHECK_INT(count_fds(), before); /* the fds were its own */
}

static const struct unit_case cases[] = {
    {"round trip", case_round_trip},
    {"limits", case_limits},
    {"broken rules", case_broken_rules},
    {"not ours", case_not_ours},
    {"foreign control data", case_foreign_control},
    {"queue limit", case_queue_limit},
    {"queue longer", case_queue_longer},
    {"queue order", case_queue_order},
    {"free with a queue", case_free_with_queue},
    {"peer gone", case_peer_gone},
    {"peer reset", case_peer_reset},
    {"peer gone with a queue", case_gone_with_queue},
    {"burst", case_burst},
    {"send what is forbidden", case_send_forbidden},
    {"wait", case_wait},
    {"mutants", case_mutants},
    {"bad role", case_bad_role},
};

UNIT_MAIN("chan", cases)
