/* Owns the life of one agent's connection: its states, their deadlines, and
 * what the ranker says about it. */
#include "policyd/collector/pdagent.h"

#include <sys/socket.h>

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/net.h"
#include "policyd/collector/pdagent_impl.h"
#include "policyd/collector/pdroom.h"

static const char *const state_words[] = {
    [PDAGENT_GREETING] = "greeting",
    [PDAGENT_ASKED] = "asked",
    [PDAGENT_KNOWN] = "known",
    [PDAGENT_LEAVING] = "leaving",
    [PDAGENT_CLOSED] = "closed",
};

static bool
may_become(enum pdagent_state from, enum pdagent_state to)
{
	switch (to) {
	case PDAGENT_GREETING:
		return false;
	case PDAGENT_ASKED:
		return from == PDAGENT_GREETING;
	case PDAGENT_KNOWN:
		return from == PDAGENT_ASKED;
	case PDAGENT_LEAVING:
		return from == PDAGENT_ASKED || from == PDAGENT_KNOWN;
	case PDAGENT_CLOSED:
		return from != PDAGENT_CLOSED;
	}
	return false;
}

const char *
pdagent_name(const struct pdagent *a, char out[MANAGE_NAME_MAX + 1])
{
	struct manage_register r;

	if (a->said == NULL ||
	    manage_register_decode(a->said, a->said_len, &r) == WIRE_BAD)
		return "a guest";
	memcpy(out, r.name, sizeof(r.name));
	return out;
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
silence_ends(const struct pdagent *a)
{
	return a->heard_us + PDAGENT_SILENCES * (int64_t)a->interval_ms * 1000;
}

static int64_t
deadline(const struct pdagent *a)
{
	int64_t at_us = INT64_MAX;

	switch (a->state) {
	case PDAGENT_GREETING:
		return a->begun_us + PDAGENT_REGISTER_US;
	case PDAGENT_ASKED:
		return a->begun_us + PDAGENT_WELCOME_US;
	case PDAGENT_LEAVING:
		return a->begun_us + PDAGENT_LEAVE_US;
	case PDAGENT_KNOWN:
		break;
	case PDAGENT_CLOSED:
		return INT64_MAX;
	}
	if (a->reading == PDAGENT_READS)
		at_us = silence_ends(a);
	if (a->reading == PDAGENT_READS && a->in != NULL)
		at_us = earlier(at_us, a->begun_us + PDAGENT_MESSAGE_US);
	if (a->reading == PDAGENT_HELD_TURN)
		at_us = earlier(at_us, a->turn_us + PDAGENT_WAIT_US);
	if (pdagent_is_sending(a))
		at_us = earlier(at_us, a->sent_us + PDAGENT_STALL_US);
	return at_us;
}

/* Of one that is known: what of all that has come to pass? */
static void
on_deadline(struct pdagent *a, int64_t now_us)
{
	if (pdagent_is_sending(a) && now_us >= a->sent_us + PDAGENT_STALL_US)
		pdagent_close(a, "it reads nothing");
	else if (a->reading == PDAGENT_HELD_TURN)
		pdagent_refuse(a);
	else if (now_us >= silence_ends(a))
		pdagent_close(a, "it has not been heard of for too long");
	else
		pdagent_close(a, "half a message for too long");
}

static void
on_timer(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct pdagent *a = container_of(op, struct pdagent, timer);
	int64_t now_us = loop_now_us(loop);

	(void)r; /* time is the only news */
	if (now_us >= deadline(a)) {
		switch (a->state) {
		case PDAGENT_GREETING:
			pdagent_close(a, "it did not register in time");
			break;
		case PDAGENT_ASKED:
			pdagent_dismiss(a, "busy", "nobody can let it in now");
			break;
		case PDAGENT_KNOWN:
			on_deadline(a, now_us);
			break;
		case PDAGENT_LEAVING:
			pdagent_close(a, NULL);
			break;
		case PDAGENT_CLOSED:
			break;
		}
	}
	/* Its place has just been left: it fits. */
	if (a->state != PDAGENT_CLOSED)
		(void)loop_timer(loop, op, deadline(a), on_timer);
}

/* A deadline that moves away is found out when the timer comes. */
void
pdagent_watch(struct pdagent *a)
{
	int64_t at_us = deadline(a);

	if (a->state == PDAGENT_CLOSED ||
	    (loop_op_active(&a->timer) && a->timer.at_us <= at_us))
		return;
	/* Armed since the start, or from its own callback, which does it. */
	if (loop_op_active(&a->timer))
		(void)loop_timer(a->room->loop, &a->timer, at_us, on_timer);
}

void
pdagent_change(struct pdagent *a, enum pdagent_state to)
{
	if (!may_become(a->state, to))
		fatalx("agent: from %s to %s", state_words[a->state],
		    state_words[to]);
	a->state = to;
	a->begun_us = loop_now_us(a->room->loop);
	if (to != PDAGENT_CLOSED)
		pdagent_watch(a);
}

void
pdagent_close(struct pdagent *a, const char *why)
{
	char name[MANAGE_NAME_MAX + 1];
	struct pdroom *r = a->room;

	if (a->state == PDAGENT_CLOSED)
		return;
	if (why != NULL && a->state == PDAGENT_KNOWN)
		log_info("agent %s: %s", pdagent_name(a, name), why);
	else if (why != NULL && log_enabled(LOG_LEVEL_DEBUG))
		log_debug("%s: %s", pdagent_name(a, name), why);
	if (a->is_told)
		pdline_gone(&r->line, a->id);
	pdroom_leave(r, a);
	pdagent_change(a, PDAGENT_CLOSED);
	loop_close(r->loop, a->fd);
	a->fd = -1;
	loop_cancel(r->loop, &a->timer);
	loop_cancel(r->loop, &a->held);
	if (a->in != NULL)
		r->pending -= a->in->cap;
	buf_free(a->in);
	buf_free(a->answers);
	pdnote_unref(a->note);
	pdshelf_leave(a->group);
	free(a->said);
	a->in = a->answers = NULL;
	a->note = NULL;
	a->group = NULL;
	a->said = NULL;
	sodium_memzero(&a->pair, sizeof(a->pair));
}

void
pdagent_start(struct pdroom *r, int fd)
{
	struct pdagent *a = calloc(1, sizeof(*a));
	struct pdguest *gone;
	union net_addr peer;
	socklen_t len = sizeof(peer);
	struct net_ip ip = {0};

	if (a == NULL) {
		loop_close(r->loop, fd);
		log_warnx("out of memory for an agent");
		return;
	}
	if (getpeername(fd, &peer.sa, &len) == 0)
		net_addr_ip(&peer, &ip);
	a->fd = fd;
	pdroom_enter(r, a);
	a->begun_us = loop_now_us(r->loop);
	a->nacked_us = a->begun_us - PDAGENT_NACK_US;
	if (loop_timer(r->loop, &a->timer, deadline(a), on_timer) != 0) {
		pdagent_close(a, strerror(ENOMEM));
		return;
	}
	gone = pdguests_add(&r->guests, &a->guest, &ip);
	if (gone != NULL)
		pdagent_close(container_of(gone, struct pdagent, guest),
		    "too many wait at the door");
	pdagent_read(a);
}

/* --- what the ranker says --- */

bool
pdagent_hello(struct pdagent *a)
{
	struct pdmsg_hello h = {.agent = a->id, .issued_s = a->issued_s};
	struct pdroom *r = a->room;
	int error;

	if (manage_register_decode(a->said, a->said_len, &h.said) == WIRE_BAD)
		fatalx("agent: what it said has changed");
	if (a->state == PDAGENT_KNOWN)
		h.issued_s = PDMSG_HELLO_AGAIN;
	a->greeting = a->sequence;
	h.sequence = a->greeting;
	memcpy(h.key, a->pair.peer, sizeof(h.key));
	h.said.root_epoch = a->took.root_epoch;
	h.said.policy = a->took.policy;
	h.said.rank = a->took.rank;
	error = pdline_hello(&r->line, &h);
	if (error == 0) {
		a->is_told = true;
		return true;
	}
	pdroom_wants_hello(r, a);
	if (error != -EPIPE)
		r->broken(r->arg, strerror(-error));
	return false;
}

/* The token has been used, or was not needed. */
static bool
forget_token(struct pdagent *a)
{
	uint8_t body[PDAGENT_REGISTER_MAX];
	struct manage_register r;
	int n;

	if (manage_register_decode(a->said, a->said_len, &r) == WIRE_BAD)
		return false;
	r.token[0] = '\0';
	n = manage_register_encode(&r, body, sizeof(body));
	if (n <= 0 || n > a->said_len)
		return false;
	sodium_memzero(a->said, a->said_len);
	memcpy(a->said, body, (size_t)n);
	a->said_len = (uint16_t)n;
	return true;
}

static bool
join(struct pdagent *a, const char *group)
{
	struct pdgroup *g = pdshelf_join(&a->room->shelf, group);

	pdshelf_leave(a->group);
	a->group = g;
	return g != NULL;
}

static void
let_in(struct pdagent *a)
{
	struct pdagent *other = pdroom_find(a->room, a->pair.peer);

	/* Of one whose register is played again the first stays. */
	if (other != NULL && other->sequence >= a->greeting) {
		a->sequence = other->sequence;
		pdagent_dismiss(
		    a, "old-sequence", "that sequence has been used");
		return;
	}
	if (other == NULL &&
	    a->room->known_n >= (uint64_t)a->room->conf->agents_max) {
		pdagent_dismiss(
		    a, "full", "there are as many agents as may be");
		return;
	}
	if (other != NULL)
		pdagent_close(other, "it has come again");
	if (!forget_token(a)) {
		pdagent_close(a, "what it said has changed");
		return;
	}
	pdguests_remove(&a->room->guests, &a->guest);
	pdroom_know(a->room, a);
	a->heard_us = loop_now_us(a->room->loop);
	pdagent_change(a, PDAGENT_KNOWN);
	pdagent_ack(a, SEALED_REGISTER, a->greeting);
	pdagent_push(a);
	pdagent_read(a);
}

void
pdagent_welcome(struct pdagent *a, const struct pdmsg_welcome *w)
{
	char name[MANAGE_NAME_MAX + 1];

	if (!a->is_told || w->sequence != a->greeting ||
	    (a->state != PDAGENT_ASKED && a->state != PDAGENT_KNOWN))
		return;
	if (!w->welcome) {
		log_debug("agent %s: refused: %s: %s", pdagent_name(a, name),
		    w->code, w->text); /* the ranker logs it */
		if (a->sequence < w->sequence_floor)
			a->sequence = w->sequence_floor;
		a->is_told = false;
		pdagent_dismiss(a, w->code, w->text);
		return;
	}
	if (!join(a, w->group)) {
		pdagent_close(a, strerror(ENOMEM));
		return;
	}
	a->is_greeted = true;
	a->interval_ms = w->interval_ms;
	if (a->interval_ms == 0)
		a->interval_ms = (uint32_t)a->room->conf->report_interval_ms;
	if (a->state == PDAGENT_ASKED)
		let_in(a);
	else
		pdagent_push(a);
}

void
pdagent_stored(struct pdagent *a, uint64_t sequence)
{
	if (a->reading != PDAGENT_HELD_STORE || a->storing != sequence)
		return;
	a->reading = PDAGENT_READS;
	pdagent_ack(a, SEALED_REPORT, sequence);
	if (a->reading == PDAGENT_READS)
		pdagent_resume(a);
}

void
pdagent_unstored(
    struct pdagent *a, uint64_t sequence, const char *code, const char *text)
{
	if (a->reading != PDAGENT_HELD_STORE || a->storing != sequence)
		return;
	a->reading = PDAGENT_READS;
	pdagent_nack(a, SEALED_REPORT, sequence, code, text);
	if (a->reading == PDAGENT_READS)
		pdagent_resume(a);
}

void
pdagent_alone(struct pdagent *a)
{
	a->is_told = a->is_greeted = false;
	if (a->state == PDAGENT_ASKED || a->state == PDAGENT_KNOWN)
		pdroom_wants_hello(a->room, a);
	if (a->reading == PDAGENT_HELD_STORE)
		pdagent_unstored(
		    a, a->storing, "busy", "it cannot be stored now");
}
