#ifndef TESTS_UNIT_ROOM_H
#define TESTS_UNIT_ROOM_H

/*
 * The collector's room with a ranker and agents of the test on the same loop:
 * what they do is done in turns of it, so that nothing waits.
 */
#include <sys/socket.h>

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/chan.h"
#include "policyd/collector/pdagent_impl.h"
#include "policyd/collector/pdroom.h"
#include "policyd/common/pdfield.h"
#include "policyd/common/pdproc.h"
#include "tests/unit/unit.h"

#define TURNS	  2000
#define REPORTS_N 64
#define NOW_S	  1700000000

/* --- the ranker of the test --- */

struct report {
	uint64_t agent, sequence;
	size_t len;
};

struct rig {
	struct loop *loop;
	struct pdconf conf;
	struct sealed_keys keys;
	struct pdroom room;
	struct chan *ranker;
	struct blob blob;
	bool is_mute;	  /* it answers no hello */
	bool keeps;	  /* it answers no report */
	const char *no;	  /* it lets nobody in, with that code */
	uint64_t floor;	  /* with a refusal */
	const char *lost; /* why the room is broken */
	struct pdmsg_hello hello;
	uint32_t hellos_n, answers_n, gone_n, reports_n;
	struct report reports[REPORTS_N];
	uint8_t answer[600];
	size_t answer_len;
};

static inline void
welcome(struct rig *t, const struct pdmsg_hello *h)
{
	struct pdmsg_welcome w = {.agent = h->agent,
	    .sequence = h->sequence,
	    .welcome = t->no == NULL,
	    .interval_ms = 60000,
	    .sequence_floor = t->floor};
	uint8_t buf[CHAN_DATA_MAX];

	memcpy(w.group, h->said.group, sizeof(w.group));
	snprintf(w.code, sizeof(w.code), "%s", t->no != NULL ? t->no : "");
	snprintf(w.text, sizeof(w.text), "because of the test");
	CHECK_INT(chan_send(t->ranker, PDMSG_WELCOME, buf,
		      pdmsg_welcome_encode(&w, buf), NULL, 0),
	    0);
}

static inline void
say_stored(struct rig *t, const struct report *r)
{
	uint8_t buf[16];

	pdfield_put(pdfield_put(buf, r->agent, 8), r->sequence, 8);
	CHECK_INT(
	    chan_send(t->ranker, PDMSG_STORED, buf, sizeof(buf), NULL, 0), 0);
}

static inline void
on_report(struct rig *t, const struct chan_msg *m)
{
	struct pdfield f;
	struct report *r;

	if (blob_take(&t->blob, m) != 1)
		return;
	f = (struct pdfield){t->blob.data, t->blob.len, false};
	r = &t->reports[t->reports_n++ % REPORTS_N];
	r->agent = pdfield_get(&f, 8);
	r->sequence = pdfield_get(&f, 8);
	CHECK_INT(pdfield_get(&f, 8), NOW_S);
	r->len = f.left;
	CHECK(manage_report_ok(f.at, f.left), "what comes is a report");
	if (!t->keeps)
		say_stored(t, r);
}

static inline void
on_message(void *arg, struct chan *c, const struct chan_msg *m)
{
	struct rig *t = arg;

	(void)c;
	if (m->type == PDMSG_HELLO) {
		CHECK_INT(pdmsg_hello_decode(m->data, m->len, &t->hello), 0);
		t->hellos_n++;
		if (!t->is_mute)
			welcome(t, &t->hello);
	} else if (m->type == PDMSG_REPORT) {
		on_report(t, m);
	} else if (m->type == PDMSG_ANSWER) {
		t->answers_n++;
		t->answer_len = m->len;
		memcpy(t->answer, m->data, m->len);
	} else if (m->type == PDMSG_GONE) {
		t->gone_n++;
	}
}

static inline void
on_closed(void *arg, struct chan *c, const char *why)
{
	(void)arg, (void)c;
	CHECK(why == NULL, "%s", why);
}

static inline void
on_broken(void *arg, const char *why)
{
	((struct rig *)arg)->lost = why;
}

static inline void
ranker_comes(struct rig *t)
{
	const struct chan_owner owner = {on_message, on_closed, t};
	int fds[2];

	CHECK_INT(chan_pair(fds), 0);
	CHECK_INT(chan_new(&t->ranker, t->loop, fds[1], &pdproc_rules,
		      PDPROC_RANKER, PDPROC_COLLECTOR, &owner),
	    0);
	chan_queue_max(t->ranker, 4096);
	pdroom_line(&t->room, fds[0]);
}

static inline void
ranker_goes(struct rig *t)
{
	chan_free(t->ranker);
	t->ranker = NULL;
	blob_free(&t->blob);
}

static inline struct sealed_keys
keys_of(uint8_t n)
{
	struct sealed_keys k;

	memset(k.secret_key, n, sizeof(k.secret_key));
	crypto_scalarmult_base(k.public_key, k.secret_key);
	return k;
}

static inline void
rig_init(struct rig *t)
{
	memset(t, 0, sizeof(*t));
	t->keys = keys_of(200);
	t->conf.quota_messages = 60;
	t->conf.quota_bytes = 4 << 20;
	t->conf.report_interval_ms = 60000;
	t->conf.agents_max = 1000;
	CHECK_INT(loop_new(&t->loop), 0);
	CHECK_INT(pdroom_init(&t->room, t->loop, &t->conf, &t->keys), 0);
	t->room.broken = on_broken;
	t->room.arg = t;
	ranker_comes(t);
}

static inline void
rig_fini(struct rig *t)
{
	CHECK(t->lost == NULL, "%s", t->lost);
	pdroom_free(&t->room);
	CHECK_INT(t->room.pending, 0);
	chan_free(t->ranker);
	blob_free(&t->blob);
	loop_free(t->loop);
}

static inline void
turns(struct rig *t, int n)
{
	while (n-- > 0)
		CHECK_INT(loop_turn(t->loop, 0), 0);
}

#define AWAIT(t, cond)                                            \
	do {                                                      \
		int left_ = TURNS;                                \
		while (left_-- > 0 && !(cond))                    \
			CHECK_INT(loop_turn((t)->loop, 0), 0);    \
		CHECK(left_ >= 0, "it comes to pass: %s", #cond); \
	} while (0)

/* --- an agent of the test --- */

struct peer {
	struct rig *rig;
	struct sealed_keys keys;
	int fd;
	uint64_t sequence;
	uint8_t *in;
	size_t in_len;
	/* The last of each that came. */
	bool nack;
	struct manage_answer said;
	uint32_t answers_n, notes_n;
	struct envelope note;
	char notes[256]; /* "r1.1 p1.2", all that came */
};

#define PEER_IN (4u << 20)

static inline void
peer_open(struct rig *t, struct peer *p, uint8_t key)
{
	int fds[2];

	memset(p, 0, sizeof(*p));
	p->rig = t;
	p->keys = keys_of(key);
	p->sequence = 100;
	p->in = malloc(PEER_IN);
	CHECK_INT(socketpair(AF_UNIX,
		      SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
	    0);
	p->fd = fds[1];
	pdagent_start(&t->room, fds[0]);
}

static inline void
peer_close(struct peer *p)
{
	close(p->fd);
	free(p->in);
	p->in = NULL;
	p->fd = -1;
}

static inline size_t
seal(struct peer *p, enum sealed_type type, const uint8_t *body, size_t len,
    uint8_t *out, size_t cap)
{
	struct sealed s = {
	    .type = type, .sequence = ++p->sequence, .issued_s = NOW_S};
	int n;

	memcpy(s.receiver, p->rig->keys.public_key, sizeof(s.receiver));
	randombytes_buf(s.nonce, sizeof(s.nonce));
	n = sealed_encode(&s, body, len, &p->keys, out, cap);
	CHECK(n > 0, "seal");
	return (size_t)n;
}

static inline size_t
make_register(struct peer *p, const char *name, uint8_t *out, size_t cap)
{
	struct manage_register r = {
	    .group = "ny", .software = "test", .token = "once"};
	uint8_t body[512];
	int n;

	snprintf(r.name, sizeof(r.name), "%s", name);
	n = manage_register_encode(&r, body, sizeof(body));
	CHECK(n > 0, "register");
	return seal(p, SEALED_REGISTER, body, (size_t)n, out, cap);
}

/* With that many rows of 60 bytes and more. */
static inline size_t
make_report(struct peer *p, uint16_t rows, uint8_t *out, size_t cap)
{
	struct manage_report head = {.instance = 1, .rows_n = rows};
	struct manage_row row = {.attempts = 3, .successes = 2};
	uint8_t *body = malloc(SEALED_BODY_MAX);
	size_t used, n;
	int got = manage_report_encode(&head, body, SEALED_BODY_MAX);
	uint16_t i;

	for (i = 0, used = (size_t)got; i < rows; i++, used += (size_t)got) {
		snprintf(row.name, sizeof(row.name), "hop-%05u", i);
		got = manage_row_encode(
		    &row, body + used, SEALED_BODY_MAX - used);
		CHECK(got > 0, "row");
	}
	n = seal(p, SEALED_REPORT, body, used, out, cap);
	free(body);
	return n;
}

static inline void
send_all(struct peer *p, const uint8_t *data, size_t len)
{
	size_t at = 0;
	ssize_t n;

	while (at < len) {
		n = send(p->fd, data + at, len - at, MSG_NOSIGNAL);
		if (n == -1 && errno != EAGAIN)
			return; /* it has been closed */
		at += n > 0 ? (size_t)n : 0;
		turns(p->rig, 2);
	}
}

static inline void
take_note(struct peer *p, const struct envelope *e)
{
	static const char letters[] = "?rpk";
	size_t used = strlen(p->notes);

	p->note = *e;
	p->notes_n++;
	snprintf(p->notes + used, sizeof(p->notes) - used, "%s%c%u.%u",
	    used > 0 ? " " : "", letters[e->type], e->epoch,
	    (unsigned int)e->serial);
}

static inline size_t
take_one(struct peer *p)
{
	enum envelope_fault fault;
	struct envelope e;
	struct sealed s;
	uint8_t body[1024];
	int n = sealed_peek(p->in, p->in_len, &s);

	if (n > 0 && (size_t)n <= p->in_len) {
		CHECK(
		    sealed_open(p->in, (size_t)n, &p->keys, &s, body), "seal");
		p->nack = s.type == SEALED_NACK;
		CHECK(manage_answer_decode(
			  body, s.body_len, p->nack, &p->said) > 0,
		    "an answer");
		p->answers_n++;
		return (size_t)n;
	}
	n = envelope_decode(p->in, p->in_len, &e, &fault);
	if (n > 0)
		take_note(p, &e);
	return n > 0 ? (size_t)n : 0;
}

/* Everything that is there: false at the end of the stream. */
static inline bool
peer_read(struct peer *p)
{
	ssize_t n;
	size_t used;

	n = recv(p->fd, p->in + p->in_len, PEER_IN - p->in_len, 0);
	if (n == 0 || (n == -1 && errno != EAGAIN))
		return false;
	p->in_len += n > 0 ? (size_t)n : 0;
	while ((used = take_one(p)) > 0) {
		memmove(p->in, p->in + used, p->in_len - used);
		p->in_len -= used;
	}
	return true;
}

static inline bool
is_closed(struct peer *p)
{
	while (recv(p->fd, p->in, PEER_IN, 0) > 0)
		continue;
	return !peer_read(p);
}

static inline void
peer_register(struct peer *p, const char *name)
{
	uint8_t out[1024];
	uint32_t before = p->answers_n;

	send_all(p, out, make_register(p, name, out, sizeof(out)));
	AWAIT(p->rig, peer_read(p) && p->answers_n > before);
}

static inline void
peer_comes(struct rig *t, struct peer *p, uint8_t key, const char *name)
{
	peer_open(t, p, key);
	peer_register(p, name);
	CHECK(!p->nack && p->said.of == SEALED_REGISTER, "it is let in: %s",
	    p->said.code);
}

static inline void
peer_reports(struct peer *p)
{
	uint8_t out[1024];

	send_all(p, out, make_report(p, 2, out, sizeof(out)));
}

static inline void
await_answer(struct peer *p, const char *code)
{
	uint32_t before = p->answers_n;

	AWAIT(p->rig, peer_read(p) && p->answers_n > before);
	CHECK_STR(p->nack ? p->said.code : "", code);
}

static inline struct pdagent *
agent_of(struct peer *p)
{
	return pdroom_find(&p->rig->room, p->keys.public_key);
}

/* --- what is published --- */

static inline void
publish(struct rig *t, enum envelope_type type, uint32_t epoch, uint64_t serial,
    const char *audience, size_t body_len)
{
	struct envelope e = {.type = type,
	    .epoch = epoch,
	    .serial = serial,
	    .expires_s = 100,
	    .body_len = body_len};
	uint8_t *message = malloc(ENVELOPE_MAX), *body;
	int n;

	body = malloc(body_len + 1);
	memset(body, 'a', body_len + 1);
	e.body = body;
	memcpy(e.audience, audience, strlen(audience));
	n = envelope_encode(&e, message, ENVELOPE_MAX);
	CHECK(n > 0, "envelope");
	memset(message + n, 1, 81);
	CHECK_INT(
	    blob_send(t->ranker, PDMSG_PUBLISH, message, (size_t)n + 81), 0);
	free(message);
	free(body);
}

#endif
