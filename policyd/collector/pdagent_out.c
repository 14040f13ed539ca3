/* Owns what is sent to one agent: answers between whole signed messages, and of
 * those never more than one; decides nothing about what it said. */
#include <sys/socket.h>

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "base/buf.h"
#include "base/mono.h"
#include "policyd/collector/pdagent_impl.h"
#include "policyd/collector/pdroom.h"

#define ANSWER_LEN_MAX 512

static void on_sent(struct loop *, struct op *, const struct op_result *);

bool
pdagent_is_sending(const struct pdagent *a)
{
	return loop_op_active(&a->send);
}

/* Let the loop send this.  Takes b, NULL allowed: out of memory. */
static void
send_rest(struct pdagent *a, struct buf *b)
{
	int error = -ENOMEM;

	if (b != NULL)
		error = loop_send(a->room->loop, &a->send, a->fd, b, on_sent);
	if (error != 0) {
		pdagent_close(a, strerror(-error));
		return;
	}
	a->sent_us = loop_now_us(a->room->loop);
	pdagent_watch(a);
}

/* All there is, or what the kernel takes and the rest by the loop. */
static void
send_answers(struct pdagent *a)
{
	struct buf *b = a->answers;
	ssize_t n;

	n = loop_send_now(a->room->loop, a->fd, buf_bytes(b), b->len);
	if (n < 0) {
		pdagent_close(a, strerror((int)-n));
		return;
	}
	a->answers = NULL;
	buf_consume(b, (size_t)n);
	if (b->len > 0)
		send_rest(a, b);
	else
		buf_free(b);
}

/* A note belongs to many: a piece of it is copied only for who is slow. */
static void
send_note(struct pdagent *a)
{
	size_t left = a->note->len - a->note_at;
	const uint8_t *from = a->note->bytes + a->note_at;
	ssize_t n = loop_send_now(a->room->loop, a->fd, from, left);

	if (n < 0) {
		pdagent_close(a, strerror((int)-n));
		return;
	}
	a->note_at += (size_t)n;
	left -= (size_t)n;
	if (left > 0) {
		from += n;
		left = left < PDAGENT_CHUNK ? left : PDAGENT_CHUNK;
		a->note_at += left;
		send_rest(a, buf_copy(from, left));
	}
}

static void
note_done(struct pdagent *a)
{
	pdnote_unref(a->note);
	a->note = NULL;
	a->note_at = 0;
}

/* The next thing to send, and its beginning: false when there is none, or
 * when the loop is at it. */
static bool
send_next(struct pdagent *a)
{
	struct pdnote *n;

	if (a->state == PDAGENT_CLOSED || pdagent_is_sending(a))
		return false;
	if (a->note != NULL && a->note_at == a->note->len)
		note_done(a);
	if (a->note != NULL) {
		send_note(a);
		return true;
	}
	if (a->answers != NULL) {
		send_answers(a);
		return true;
	}
	if (a->state != PDAGENT_KNOWN)
		return false;
	n = pdshelf_next(&a->room->shelf, a->group, &a->has);
	if (n == NULL)
		return false;
	a->note = pdnote_ref(n);
	return true;
}

void
pdagent_push(struct pdagent *a)
{
	while (send_next(a))
		continue;
	/* It reads the last word, and closes: a reset would take that away. */
	if (a->state == PDAGENT_LEAVING && !pdagent_is_sending(a))
		loop_shutdown(a->room->loop, a->fd);
}

static void
on_sent(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct pdagent *a = container_of(op, struct pdagent, send);

	(void)loop; /* the room knows it */
	if (r->res < 0) {
		pdagent_close(a, strerror(-r->res));
		return;
	}
	pdagent_push(a);
	if (a->reading == PDAGENT_HELD_SLOW && a->answers == NULL)
		pdagent_resume(a);
}

static void
answer(struct pdagent *a, const struct manage_answer *said, bool nack)
{
	struct sealed s = {.type = nack ? SEALED_NACK : SEALED_ACK,
	    .sequence = pdroom_sequence(a->room),
	    .issued_s = mono_wall_us() / 1000000};
	uint8_t body[ANSWER_LEN_MAX];
	uint8_t out[SEALED_HEADER_LEN + sizeof(body) + SEALED_TAG_LEN];
	int n;

	if (a->state == PDAGENT_CLOSED)
		return;
	randombytes_buf(s.nonce, sizeof(s.nonce));
	n = manage_answer_encode(said, nack, body, sizeof(body));
	if (n > 0)
		n = sealed_pair_encode(
		    &a->pair, &s, body, (size_t)n, out, sizeof(out));
	if (n <= 0 || buf_extend(&a->answers, out, (size_t)n) != 0) {
		pdagent_close(a, "no answer can be made");
		return;
	}
	pdagent_push(a);
	if (a->answers != NULL && a->answers->len > PDAGENT_ANSWERS_MAX &&
	    a->reading == PDAGENT_READS)
		a->reading = PDAGENT_HELD_SLOW;
}

void
pdagent_ack(struct pdagent *a, enum sealed_type of, uint64_t sequence)
{
	answer(a,
	    &(struct manage_answer){.of = (uint8_t)of,
		.sequence = sequence,
		.interval_ms = of == SEALED_REGISTER ? a->interval_ms : 0},
	    false);
}

/* A code of the ranker's is a word as it stands, or "refused". */
static void
set_code(struct manage_answer *said, const char *code)
{
	size_t len = strspn(code, "abcdefghijklmnopqrstuvwxyz0123456789-");

	if (len == 0 || len > MANAGE_CODE_MAX || code[len] != '\0')
		code = "refused";
	memcpy(said->code, code, strlen(code) + 1);
}

void
pdagent_nack(struct pdagent *a, enum sealed_type of, uint64_t sequence,
    const char *code, const char *text)
{
	struct manage_answer said = {.of = (uint8_t)of,
	    .sequence = sequence,
	    .sequence_floor = a->sequence};

	set_code(&said, code);
	manage_text_set(said.text, text);
	answer(a, &said, true);
}

void
pdagent_dismiss(struct pdagent *a, const char *code, const char *text)
{
	if (a->state == PDAGENT_CLOSED || a->state == PDAGENT_LEAVING)
		return;
	/* What has not been begun need not be sent any more, and what it has
	 * said is not looked at. */
	if (a->note != NULL && a->note_at == 0)
		note_done(a);
	if (a->reading == PDAGENT_HELD_TURN)
		TAILQ_REMOVE(&a->room->reports, a, report_turn);
	a->reading = PDAGENT_READS;
	pdagent_change(a, PDAGENT_LEAVING);
	pdagent_nack(a, SEALED_REGISTER, a->greeting, code, text);
	pdagent_read(a);
}
