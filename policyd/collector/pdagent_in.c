/* Owns what comes from one agent: cuts it into messages, opens them, and says
 * what becomes of each; what has not been opened is believed in nothing but
 * its length. */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "policyd/collector/pdagent_impl.h"
#include "policyd/collector/pdroom.h"

/* Of a message of which a part is there. */
#define IN_MIN 512

static void on_recv(struct loop *, struct op *, const struct op_result *);

/* --- what has come and is not a message yet --- */

static void
in_free(struct pdagent *a)
{
	if (a->in == NULL)
		return;
	a->room->pending -= a->in->cap;
	buf_free(a->in);
	a->in = NULL;
}

/* Twice the room, so that a dribbler costs no more than others, but no more
 * than the message is known to need. */
static size_t
in_cap(const uint8_t *first, size_t had, size_t want)
{
	size_t cap = want > IN_MIN / 2 ? 2 * want : IN_MIN;
	struct sealed s;
	int whole = sealed_peek(first, had, &s);

	return whole > 0 && (size_t)whole >= want && (size_t)whole < cap
		   ? (size_t)whole
		   : cap;
}

/* Room for more bytes, which are data; -errno. */
static int
in_grow(struct pdagent *a, const uint8_t *data, size_t more)
{
	size_t had = a->in != NULL ? a->in->len : 0, cap;
	struct buf *b;

	cap = had > 0 ? in_cap(buf_bytes(a->in), had, had + more)
		      : in_cap(data, more, more);
	if (a->room->pending + cap > PDROOM_PENDING_MAX)
		return -ENOBUFS;
	b = buf_new(cap);
	if (b == NULL)
		return -ENOMEM;
	if (had > 0)
		(void)buf_append(b, buf_bytes(a->in), had); /* cap is more */
	in_free(a);
	a->in = b;
	a->room->pending += cap;
	return 0;
}

static void
in_keep(struct pdagent *a, const uint8_t *data, size_t len)
{
	int error = 0;

	if (len == 0)
		return;
	if (a->in == NULL || buf_append(a->in, data, len) != 0) {
		error = in_grow(a, data, len);
		if (error == 0)
			error = buf_append(a->in, data, len);
	}
	if (error != 0)
		pdagent_close(a, strerror(-error));
}

/* --- messages --- */

/*
 * The bytes of the message that begins here, 0 when its header is not there
 * yet, or -1: it is not to be had, and the connection is closed.
 */
static int
peek(struct pdagent *a, const uint8_t *data, size_t len, struct sealed *s)
{
	const struct sealed_keys *own = a->room->keys;
	bool greets = a->state == PDAGENT_GREETING;
	const char *why = NULL;
	int n = sealed_peek(data, len, s);

	if (n == WIRE_MORE)
		return 0;
	if (n == WIRE_BAD)
		why = "what it said is no message";
	else if (memcmp(s->receiver, own->public_key, SEALED_KEY_LEN) != 0)
		why = "a message for somebody else";
	else if (greets != (s->type == SEALED_REGISTER))
		why = greets ? "it did not register" : "it registered again";
	else if (s->type == SEALED_REGISTER)
		why = s->body_len > PDAGENT_REGISTER_MAX ? "too long" : NULL;
	else if (memcmp(s->sender, a->pair.peer, SEALED_KEY_LEN) != 0)
		why = "a message by somebody else";
	else if (s->type != SEALED_REPORT && s->body_len > PDAGENT_ANSWER_MAX)
		why = "too long an answer";
	if (why == NULL)
		return n;
	pdagent_close(a, why);
	return -1;
}

bool
pdagent_may_say(struct pdagent *a, size_t len, int64_t *wait_us)
{
	const struct pdconf *conf = a->room->conf;
	const struct pdquota_rules rules = {
	    conf->quota_messages, conf->quota_bytes};

	return pdquota_take(
	    &a->quota, &rules, len, loop_now_us(a->room->loop), wait_us);
}

static void
on_quota(struct loop *loop, struct op *op, const struct op_result *res)
{
	struct pdagent *a = container_of(op, struct pdagent, held);

	(void)loop, (void)res; /* time is the only news */
	if (a->reading == PDAGENT_HELD_QUOTA)
		pdagent_resume(a);
}

/* Too much: said once in a while, and nothing is read until there may be more
 * again. */
static bool
is_within_quota(struct pdagent *a, const struct sealed *s, size_t len)
{
	struct loop *loop = a->room->loop;
	int64_t now_us = loop_now_us(loop), wait_us;

	if (pdagent_may_say(a, len, &wait_us))
		return true;
	if (s->type == SEALED_REPORT &&
	    now_us - a->nacked_us >= PDAGENT_NACK_US) {
		a->nacked_us = now_us;
		pdagent_nack(
		    a, SEALED_REPORT, s->sequence, "quota", PDAGENT_QUOTA);
	}
	if (a->state != PDAGENT_KNOWN)
		return false;
	a->reading = PDAGENT_HELD_QUOTA;
	if (loop_timer(loop, &a->held, now_us + wait_us, on_quota) != 0)
		pdagent_close(a, strerror(ENOMEM));
	return false;
}

/* By who has the key, and not said before.  NULL, or its body; s is filled
 * in. */
static const uint8_t *
open_message(
    struct pdagent *a, const uint8_t *data, size_t len, struct sealed *s)
{
	uint8_t *body = a->room->scratch + PDLINE_REPORT_HEAD;

	if (!sealed_pair_open(&a->pair, data, len, s, body)) {
		pdagent_close(a, "a message that its key did not make");
		return NULL;
	}
	if (s->sequence > a->sequence) {
		a->sequence = s->sequence;
		a->heard_us = loop_now_us(a->room->loop);
		return body;
	}
	if (s->type == SEALED_REPORT)
		pdagent_nack(a, SEALED_REPORT, s->sequence, "old-sequence",
		    "that sequence has been used");
	else
		pdagent_close(a, "an answer that was given before");
	return NULL;
}

/* A report for which there is room. */
static void
forward(struct pdagent *a, const uint8_t *data, size_t len)
{
	struct pdroom *r = a->room;
	struct sealed s;
	const uint8_t *body = open_message(a, data, len, &s);
	int error;

	if (body == NULL)
		return;
	if (!manage_report_ok(body, s.body_len)) {
		pdagent_nack(a, SEALED_REPORT, s.sequence, "malformed",
		    "that is not what a report looks like");
		return;
	}
	error = pdline_report(
	    &r->line, a->id, &s, r->scratch, PDLINE_REPORT_HEAD + s.body_len);
	if (error == 0) {
		a->storing = s.sequence;
		a->reading = PDAGENT_HELD_STORE;
		return;
	}
	pdagent_nack(
	    a, SEALED_REPORT, s.sequence, "busy", "it cannot be stored now");
	/* The end of the channel is on its way, or there will be none. */
	if (error != -EPIPE)
		r->broken(r->arg, strerror(-error));
}

static bool
has_turn(const struct pdagent *a, size_t len)
{
	return a->is_greeted && pdline_has_report_room(&a->room->line, len);
}

static void
say_busy(struct pdagent *a, const uint8_t *data, size_t len)
{
	struct sealed s;

	if (open_message(a, data, len, &s) != NULL)
		pdagent_nack(a, SEALED_REPORT, s.sequence, "busy",
		    "it cannot be stored now");
}

/* false: its turn has not come. */
static bool
take_report(struct pdagent *a, const uint8_t *data, size_t len)
{
	if (TAILQ_EMPTY(&a->room->reports) && has_turn(a, len)) {
		forward(a, data, len);
		return true;
	}
	if (a->room->pending + len > PDROOM_WAITING_MAX) {
		say_busy(a, data, len);
		return true;
	}
	a->reading = PDAGENT_HELD_TURN;
	a->turn_us = loop_now_us(a->room->loop);
	TAILQ_INSERT_TAIL(&a->room->reports, a, report_turn);
	pdagent_watch(a);
	return false;
}

/* What it has taken, for a ranker that begins anew. */
static void
note_taken(struct pdmarks *took, const struct manage_answer *said)
{
	if (said->of == ENVELOPE_ROOT)
		took->root_epoch = said->what.epoch;
	else if (said->of == ENVELOPE_POLICY)
		took->policy = said->what;
	else
		took->rank = said->what;
}

static void
take_answer(struct pdagent *a, const uint8_t *data, size_t len)
{
	struct manage_answer said;
	struct sealed s;
	const uint8_t *body = open_message(a, data, len, &s);
	bool nack;

	if (body == NULL)
		return;
	nack = s.type == SEALED_NACK;
	if (manage_answer_decode(body, s.body_len, nack, &said) == WIRE_BAD ||
	    said.of > ENVELOPE_RANK) {
		pdagent_close(a, "an answer that is none");
		return;
	}
	if (!nack)
		note_taken(&a->took, &said);
	if (a->is_greeted)
		pdline_answer(&a->room->line, a->id, nack, body, s.body_len);
}

/* One whole message: false when it has to be kept for later. */
static bool
take(struct pdagent *a, const uint8_t *data, size_t len, const struct sealed *s)
{
	if (s->type == SEALED_REGISTER) {
		pdagent_register(a, data, len);
		return true;
	}
	if (!is_within_quota(a, s, len))
		return true;
	if (s->type == SEALED_REPORT)
		return take_report(a, data, len);
	take_answer(a, data, len);
	return true;
}

/* --- reading --- */

static bool
may_take(const struct pdagent *a)
{
	return (a->state == PDAGENT_GREETING || a->state == PDAGENT_KNOWN) &&
	       a->reading == PDAGENT_READS;
}

/* The bytes that are done with. */
static size_t
take_all(struct pdagent *a, const uint8_t *data, size_t len)
{
	size_t used = 0;
	struct sealed s;
	int n;

	while (may_take(a) && used < len) {
		n = peek(a, data + used, len - used, &s);
		if (n <= 0 || (size_t)n > len - used ||
		    !take(a, data + used, (size_t)n, &s))
			break;
		used += (size_t)n;
	}
	return used;
}

/* Read from the socket if there is somebody for it. */
static void
follow(struct pdagent *a)
{
	bool reads = may_take(a) || a->state == PDAGENT_LEAVING;
	int error;

	if (a->state == PDAGENT_CLOSED)
		return;
	if (!reads) {
		loop_cancel(a->room->loop, &a->recv);
	} else if (!loop_op_active(&a->recv)) {
		error = loop_recv(a->room->loop, &a->recv, a->fd, on_recv);
		if (error != 0)
			pdagent_close(a, strerror(-error));
	}
}

/* What is left of data is kept; a message that has begun must end in time. */
static void
keep_rest(struct pdagent *a, const uint8_t *data, size_t len)
{
	bool begins = a->in == NULL;

	if (a->state == PDAGENT_CLOSED || a->state == PDAGENT_LEAVING)
		return;
	if (a->state == PDAGENT_ASKED && len > 0) {
		pdagent_close(a, "it goes on before it is let in");
		return;
	}
	in_keep(a, data, len);
	if (begins && a->state == PDAGENT_KNOWN) {
		a->begun_us = loop_now_us(a->room->loop);
		pdagent_watch(a);
	}
}

void
pdagent_read(struct pdagent *a)
{
	struct buf *b = a->in;
	size_t used;

	if (b != NULL) {
		used = take_all(a, buf_bytes(b), b->len);
		/* A closed one has none any more. */
		if (a->in != NULL)
			buf_consume(a->in, used);
		if (used > 0 && a->state == PDAGENT_KNOWN)
			a->begun_us = loop_now_us(a->room->loop);
		if (a->in != NULL &&
		    (a->in->len == 0 || a->state == PDAGENT_LEAVING))
			in_free(a);
	}
	if (a->in != NULL && a->state == PDAGENT_ASKED)
		pdagent_close(a, "it goes on before it is let in");
	follow(a);
}

void
pdagent_resume(struct pdagent *a)
{
	if (a->state == PDAGENT_CLOSED)
		return;
	a->reading = PDAGENT_READS;
	if (a->state == PDAGENT_KNOWN)
		a->begun_us = a->heard_us = loop_now_us(a->room->loop);
	pdagent_read(a);
	pdagent_watch(a);
}

static void
on_recv(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct pdagent *a = container_of(op, struct pdagent, recv);
	size_t used;

	(void)loop; /* the room knows it */
	if (r->res <= 0) {
		pdagent_close(a, r->res < 0 ? strerror(-r->res) : "it left");
		return;
	}
	if (a->state == PDAGENT_LEAVING)
		return; /* so that its own end is seen */
	if (a->in != NULL) {
		in_keep(a, r->data, (size_t)r->res);
		pdagent_read(a);
		return;
	}
	used = take_all(a, r->data, (size_t)r->res);
	keep_rest(a, r->data + used, (size_t)r->res - used);
	follow(a);
}

bool
pdagent_report(struct pdagent *a)
{
	struct sealed s;
	size_t len = (size_t)sealed_peek(buf_bytes(a->in), a->in->len, &s);

	if (!has_turn(a, len))
		return false;
	TAILQ_REMOVE(&a->room->reports, a, report_turn);
	a->reading = PDAGENT_READS;
	forward(a, buf_bytes(a->in), len);
	if (a->in != NULL)
		buf_consume(a->in, len);
	if (a->reading == PDAGENT_READS)
		pdagent_resume(a);
	return true;
}

void
pdagent_refuse(struct pdagent *a)
{
	struct sealed s;
	size_t len = (size_t)sealed_peek(buf_bytes(a->in), a->in->len, &s);

	TAILQ_REMOVE(&a->room->reports, a, report_turn);
	a->reading = PDAGENT_READS;
	say_busy(a, buf_bytes(a->in), len);
	if (a->in != NULL)
		buf_consume(a->in, len);
	if (a->reading == PDAGENT_READS)
		pdagent_resume(a);
}
