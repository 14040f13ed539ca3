/* Owns what is said over the connection to a manager: sealing it, opening and
 * believing the answers.  What signed messages come to is their owner's. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mono.h"
#include "cagentd/control/link.h"

static const uint8_t *
peer_key(const struct link *l)
{
	return l->peer.keys[l->key];
}

/* Also above what an earlier process of ours has used. */
static uint64_t
next_sequence(struct link *l)
{
	uint64_t wall = (uint64_t)mono_wall_us();

	l->sequence = l->sequence + 1 > wall ? l->sequence + 1 : wall;
	return l->sequence;
}

static void on_sent(struct loop *, struct op *, const struct op_result *);

/* Takes b. */
static bool
begin_send(struct link *l, struct buf *b)
{
	int error = loop_send(l->own->loop, &l->send, l->fd, b, on_sent);

	if (error != 0) {
		link_fail(l, "%s", strerror(-error));
		return false;
	}
	l->out_us = loop_now_us(l->own->loop);
	link_watch(l);
	return true;
}

static void
on_sent(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct link *l = container_of(op, struct link, send);
	struct buf *more = l->out;

	if (r->res < 0) {
		link_fail(l, "%s", strerror(-r->res));
		return;
	}
	l->out = NULL;
	l->out_us = 0;
	if (more != NULL)
		begin_send(l, more);
	else if (l->state == LINK_LEAVING)
		loop_shutdown(loop, l->fd);
	else
		link_watch(l);
}

static struct buf *
seal(const struct link *l, struct sealed *head, const uint8_t *body, size_t len)
{
	size_t cap = SEALED_HEADER_LEN + len + SEALED_TAG_LEN;
	struct buf *b = buf_new(cap);
	int n;

	if (b == NULL)
		return NULL;
	head->issued_s = mono_wall_us() / 1000000;
	memcpy(head->receiver, peer_key(l), SEALED_KEY_LEN);
	randombytes_buf(head->nonce, sizeof(head->nonce));
	n = sealed_encode(
	    head, body, len, &l->own->identity->keys, buf_tail(b), cap);
	if (n > 0)
		buf_added(b, (size_t)n);
	else
		buf_free(b);
	return n > 0 ? b : NULL;
}

/* false: the connection has failed. */
static bool
say(struct link *l, enum sealed_type type, const uint8_t *body, size_t len)
{
	struct sealed head = {.type = type, .sequence = next_sequence(l)};
	struct buf *b = seal(l, &head, body, len);
	int error;

	if (b == NULL) {
		link_fail(l, "nothing can be sealed for its key");
		return false;
	}
	if (!loop_op_active(&l->send))
		return begin_send(l, b);
	error = (l->out != NULL ? l->out->len : 0) + b->len > LINK_OUT_MAX
		    ? -ENOBUFS
		    : buf_extend(&l->out, buf_bytes(b), b->len);
	buf_free(b);
	if (error != 0)
		link_fail(l, "it does not read our answers");
	return error == 0;
}

/* An answer to it is waited for. */
static void
ask(struct link *l, uint8_t of)
{
	l->asked[l->asked_n].sequence = l->sequence;
	l->asked[l->asked_n].of = of;
	l->asked[l->asked_n++].at_us = loop_now_us(l->own->loop);
	link_watch(l);
}

bool
link_register(struct link *l)
{
	struct manage_register what = {.name = ""};
	uint8_t body[1024];
	bool server = l->peer.name[0] == '\0';
	int n;

	l->own->introduce(l->own->arg, &what);
	memcpy(what.name, l->peer.as, sizeof(what.name));
	/* It is the policy server's, and nobody else's to see. */
	if (server)
		memcpy(what.token, l->own->identity->token, sizeof(what.token));
	n = manage_register_encode(&what, body, sizeof(body));
	sodium_memzero(&what, sizeof(what));
	if (n < 0) {
		link_fail(l, "who we are cannot be said");
		return false;
	}
	if (!say(l, SEALED_REGISTER, body, (size_t)n))
		return false;
	sodium_memzero(body, sizeof(body));
	ask(l, SEALED_REGISTER);
	return true;
}

bool
link_report(struct link *l, const uint8_t *body, size_t len)
{
	if (l->state != LINK_UP || l->asked_n == LINK_ASKED_MAX ||
	    loop_op_active(&l->send) || !say(l, SEALED_REPORT, body, len))
		return false;
	ask(l, SEALED_REPORT);
	l->reports++;
	l->report_us = mono_wall_us();
	return true;
}

void
link_answer(struct link *l, const struct manage_answer *a, bool nack)
{
	uint8_t body[LINK_IN_ANSWER_MAX];
	int n = manage_answer_encode(a, nack, body, sizeof(body));

	if (l->state != LINK_UP)
		return;
	if (n < 0) {
		link_fail(l, "an answer to it cannot be said");
		return;
	}
	if (nack)
		l->refused_n++;
	else
		l->taken++;
	if (l->refused_n > LINK_REFUSED_MAX)
		link_fail(l, "too much of what it sends is refused");
	else
		say(l, nack ? SEALED_NACK : SEALED_ACK, body, (size_t)n);
}

/* Once: another one could only mean us ill. */
static bool
rise(struct link *l, const struct manage_answer *a)
{
	if (strcmp(a->code, "old-sequence") != 0 || l->raised ||
	    a->sequence_floor > UINT64_MAX / 2)
		return false;
	l->raised = true;
	if (l->sequence < a->sequence_floor)
		l->sequence = a->sequence_floor;
	return true;
}

static void
take_nack(struct link *l, const struct manage_answer *a)
{
	l->nacks++;
	l->nack_us = mono_wall_us();
	memcpy(l->nack_code, a->code, sizeof(l->nack_code));
	memcpy(l->nack_text, a->text, sizeof(l->nack_text));
	if (rise(l, a)) {
		if (l->state == LINK_REGISTERING)
			link_again(l, "it knows a later word of ours");
		return;
	}
	if (l->state == LINK_REGISTERING)
		link_refused(l, a);
	else
		l->own->answered(l->own->arg, l);
}

static void
take_ack(struct link *l, const struct manage_answer *a)
{
	l->acks++;
	l->ack_us = mono_wall_us();
	if (l->state == LINK_REGISTERING)
		link_stands(l, a->interval_ms);
	else
		l->own->answered(l->own->arg, l);
}

/* Is it to something that was said on this connection, and not yet answered?
 * Then it is by now. */
static bool
was_asked(struct link *l, const struct manage_answer *a)
{
	uint32_t i;

	for (i = 0; i < l->asked_n; i++) {
		if (l->asked[i].sequence == a->sequence &&
		    l->asked[i].of == a->of)
			break;
	}
	if (i == l->asked_n)
		return false;
	memmove(&l->asked[i], &l->asked[i + 1],
	    (--l->asked_n - i) * sizeof(l->asked[0]));
	return true;
}

static void
take_sealed(struct link *l, const struct link_in_msg *m)
{
	uint8_t body[LINK_IN_ANSWER_MAX];
	bool nack = m->head.type == SEALED_NACK;
	struct manage_answer a;
	struct sealed head;

	if (memcmp(m->head.receiver, l->own->identity->keys.public_key,
		SEALED_KEY_LEN) != 0)
		link_fail(l, "it answers somebody else");
	else if (memcmp(m->head.sender, peer_key(l), SEALED_KEY_LEN) != 0)
		link_fail(l, "it has another key than it should");
	else if (!sealed_open(
		     m->bytes, m->len, &l->own->identity->keys, &head, body))
		link_fail(l, "it has not the key that it says");
	else if (manage_answer_decode(body, head.body_len, nack, &a) < 0)
		link_fail(l, "its answer cannot be read");
	else if (!was_asked(l, &a)) /* one from before, said again */
		log_debug("an answer to what was not asked");
	else if (nack)
		take_nack(l, &a);
	else
		take_ack(l, &a);
}

static void
take_signed(struct link *l, const struct link_in_msg *m)
{
	uint64_t life = l->life;
	bool answered;

	if (l->state != LINK_UP) {
		link_fail(l, "it does not say whether we may come in");
		return;
	}
	answered = l->own->message(l->own->arg, l, m->bytes, m->len);
	if (life == l->life)
		l->paused = !answered;
}

/* We cannot tell where the next one begins, but what was wrong. */
static void
take_fault(struct link *l, const struct link_in_fault *f)
{
	struct manage_answer a = {.of = f->of, .code = "malformed"};
	uint64_t life = l->life;

	if (f->kind != LINK_IN_SIGNED || l->state != LINK_UP ||
	    l->in.sealed_alone) {
		link_fail(l, "%s", f->text);
		return;
	}
	strlcpy(a.text, f->text, sizeof(a.text));
	link_answer(l, &a, true);
	if (life == l->life)
		link_leave(l, f->text);
}

/* Message by message, until one of them ends the connection or has the next
 * one wait. */
static void
take(struct link *l)
{
	uint64_t life = l->life;
	struct link_in_fault fault;
	struct link_in_msg m;
	int rc = 0;

	while (life == l->life && !l->paused &&
	       (rc = link_in_next(&l->in, &m, &fault)) == 1) {
		if (m.kind == LINK_IN_SEALED)
			take_sealed(l, &m);
		else
			take_signed(l, &m);
		if (life == l->life)
			link_in_done(&l->in, &m);
		l->in_us = 0;
	}
	if (life != l->life)
		return;
	if (rc < 0) {
		take_fault(l, &fault);
		return;
	}
	if (l->in_us == 0 && link_in_waits(&l->in))
		l->in_us = loop_now_us(l->own->loop);
	if (l->paused)
		loop_cancel(l->own->loop, &l->recv);
	link_watch(l);
}

static void
on_recv(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct link *l = container_of(op, struct link, recv);

	(void)loop; /* the link's */
	if (l->state == LINK_LEAVING) {
		if (r->res <= 0)
			link_left(l);
	} else if (r->res < 0)
		link_fail(l, "%s", strerror(-r->res));
	else if (r->res == 0)
		link_fail(l, "%s",
		    l->state == LINK_REGISTERING
			? "it hung up before it had answered"
			: "it hung up");
	else if (link_in_add(&l->in, r->data, (size_t)r->res) != 0)
		link_fail(l, "out of memory");
	else
		take(l);
}

void
link_listen(struct link *l)
{
	int error = loop_recv(l->own->loop, &l->recv, l->fd, on_recv);

	if (error != 0)
		link_fail(l, "%s", strerror(-error));
}

void
link_resume(struct link *l)
{
	uint64_t life = l->life;

	if (!l->paused)
		return;
	l->paused = false;
	take(l);
	if (life == l->life && !l->paused)
		link_listen(l);
}
