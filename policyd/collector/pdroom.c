/* Owns the set of all agents' connections, their turns with the ranker and the
 * sending to all; what one says is pdagent's. */
#include "policyd/collector/pdroom.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mono.h"

#define LOOK_AT_CLOCK 16 /* agents between two looks */

static int
id_cmp(const struct pdagent *a, const struct pdagent *b)
{
	return a->id < b->id ? -1 : a->id > b->id;
}

/* Public keys: there is nothing to learn from how long it takes. */
static int
key_cmp(const struct pdagent *a, const struct pdagent *b)
{
	return memcmp(a->pair.peer, b->pair.peer, SEALED_KEY_LEN);
}

/* Not all of what it makes is used. */
#define OURS __attribute__((unused)) static
RB_GENERATE_INTERNAL(pdroom_ids, pdagent, by_id, id_cmp, OURS)
RB_GENERATE_INTERNAL(pdroom_keys, pdagent, by_key, key_cmp, OURS)

static struct pdagent *
by_id(struct pdroom *r, uint64_t id)
{
	struct pdagent want = {.id = id};

	return RB_FIND(pdroom_ids, &r->ids, &want);
}

struct pdagent *
pdroom_find(struct pdroom *r, const uint8_t key[SEALED_KEY_LEN])
{
	struct pdagent want;

	memcpy(want.pair.peer, key, SEALED_KEY_LEN);
	return RB_FIND(pdroom_keys, &r->of_key, &want);
}

uint64_t
pdroom_sequence(struct pdroom *r)
{
	uint64_t now = (uint64_t)mono_wall_us();

	r->last_sequence = now > r->last_sequence ? now : r->last_sequence + 1;
	return r->last_sequence;
}

/* --- what is remembered of who has gone --- */

static struct pdroom_past *
past_of(struct pdroom *r, const struct pdagent *a, uint64_t *who)
{
	memcpy(who, a->pair.peer, sizeof(*who));
	return &r->past[*who % PDROOM_PAST_N];
}

void
pdroom_recall(struct pdroom *r, struct pdagent *a)
{
	struct pdagent *other = pdroom_find(r, a->pair.peer);
	struct pdroom_past *p;
	uint64_t who;

	p = past_of(r, a, &who);
	if (other != NULL)
		a->quota = other->quota;
	else if (p->who == who)
		a->quota = p->quota;
}

static void
remember(struct pdroom *r, const struct pdagent *a)
{
	struct pdroom_past *p;
	uint64_t who;

	if (a->state == PDAGENT_GREETING ||
	    pdquota_is_full(&a->quota, loop_now_us(r->loop)))
		return;
	p = past_of(r, a, &who);
	p->who = who;
	p->quota = a->quota;
}

/* --- who is there --- */

void
pdroom_enter(struct pdroom *r, struct pdagent *a)
{
	a->room = r;
	a->id = ++r->last_id;
	RB_INSERT(pdroom_ids, &r->ids, a);
	TAILQ_INSERT_TAIL(&r->all, a, entry);
	r->n++;
}

void
pdroom_know(struct pdroom *r, struct pdagent *a)
{
	a->is_keyed = true;
	RB_INSERT(pdroom_keys, &r->of_key, a);
	r->known_n++;
}

static void
on_reap(struct loop *loop, struct op *op, const struct op_result *res)
{
	struct pdroom *r = container_of(op, struct pdroom, reap);
	struct pdagent *a;

	(void)res; /* time is the only news */
	while ((a = TAILQ_FIRST(&r->dead)) != NULL) {
		TAILQ_REMOVE(&r->dead, a, entry);
		free(a);
	}
	/* Its place has just been left: it fits. */
	(void)loop_timer(loop, op, INT64_MAX, on_reap);
	if (r->changed != NULL)
		r->changed(r->arg);
}

void
pdroom_leave(struct pdroom *r, struct pdagent *a)
{
	remember(r, a);
	if (a->is_keyed) {
		RB_REMOVE(pdroom_keys, &r->of_key, a);
		r->known_n--;
	}
	if (a->asks)
		TAILQ_REMOVE(&r->hellos, a, hello_turn);
	if (a->reading == PDAGENT_HELD_TURN)
		TAILQ_REMOVE(&r->reports, a, report_turn);
	a->is_keyed = a->asks = false;
	a->reading = PDAGENT_READS;
	pdguests_remove(&r->guests, &a->guest);
	RB_REMOVE(pdroom_ids, &r->ids, a);
	TAILQ_REMOVE(&r->all, a, entry);
	TAILQ_INSERT_TAIL(&r->dead, a, entry);
	r->n--;
	if (r->push_left > r->n)
		r->push_left = r->n;
	/* Armed since the start: that needs no memory. */
	(void)loop_timer(r->loop, &r->reap, loop_now_us(r->loop), on_reap);
}

/* --- turns with the ranker --- */

void
pdroom_wants_hello(struct pdroom *r, struct pdagent *a)
{
	if (a->asks)
		return;
	a->asks = true;
	TAILQ_INSERT_TAIL(&r->hellos, a, hello_turn);
}

void
pdroom_turns(struct pdroom *r)
{
	struct pdagent *a;

	while ((a = TAILQ_FIRST(&r->hellos)) != NULL &&
	       pdline_has_hello_room(&r->line)) {
		TAILQ_REMOVE(&r->hellos, a, hello_turn);
		a->asks = false;
		if (!pdagent_hello(a))
			return;
	}
	while ((a = TAILQ_FIRST(&r->reports)) != NULL && pdagent_report(a))
		continue;
}

static void
on_welcome(void *arg, const struct pdmsg_welcome *w)
{
	struct pdroom *r = arg;
	struct pdagent *a = by_id(r, w->agent);

	if (a != NULL)
		pdagent_welcome(a, w);
	pdroom_turns(r);
}

static void
on_stored(void *arg, uint64_t agent, uint64_t sequence)
{
	struct pdroom *r = arg;
	struct pdagent *a = by_id(r, agent);

	if (a != NULL)
		pdagent_stored(a, sequence);
	pdroom_turns(r);
}

static void
on_unstored(void *arg, uint64_t agent, uint64_t sequence, const char *code,
    const char *text)
{
	struct pdroom *r = arg;
	struct pdagent *a = by_id(r, agent);

	if (a != NULL)
		pdagent_unstored(a, sequence, code, text);
	pdroom_turns(r);
}

static void
on_expel(void *arg, uint64_t agent)
{
	struct pdagent *a = by_id(arg, agent);

	if (a != NULL) {
		a->is_told = false; /* and the ranker knows that it goes */
		pdagent_close(a, "it is known no longer");
	}
}

static void
on_lost(void *arg)
{
	struct pdroom *r = arg;
	struct pdagent *a, *next;

	TAILQ_FOREACH_SAFE (a, &r->all, entry, next)
		pdagent_alone(a);
}

static void
on_broken(void *arg, const char *why)
{
	struct pdroom *r = arg;

	r->broken(r->arg, why);
}

void
pdroom_line(struct pdroom *r, int fd)
{
	int error = pdline_open(&r->line, fd);

	if (error != 0) {
		r->broken(r->arg, strerror(-error));
		return;
	}
	pdroom_turns(r);
}

/* --- sending to all --- */

/* Each in turn moves to the end of the list, so that all have been looked at
 * when as many have been as there are. */
static void
on_push(struct loop *loop, struct op *op, const struct op_result *res)
{
	struct pdroom *r = container_of(op, struct pdroom, push);
	int64_t until_us = mono_us() + PDROOM_SLICE_US;
	struct pdagent *a;
	uint32_t done = 0;

	(void)res; /* time is the only news */
	while (r->push_left > 0) {
		if (++done % LOOK_AT_CLOCK == 0 && mono_us() > until_us)
			break;
		a = TAILQ_FIRST(&r->all);
		TAILQ_REMOVE(&r->all, a, entry);
		TAILQ_INSERT_TAIL(&r->all, a, entry);
		r->push_left--;
		pdagent_push(a);
	}
	/* Its place has just been left: it fits. */
	(void)loop_timer(loop, op,
	    r->push_left > 0 ? loop_now_us(loop) : INT64_MAX, on_push);
}

static void
on_publish(void *arg, const uint8_t *message, size_t len)
{
	struct pdroom *r = arg;
	int error = pdshelf_put(&r->shelf, message, len);

	if (error == -EPROTO) {
		log_errx("the ranker published what is no message");
		return;
	}
	if (error != 0) {
		r->broken(r->arg, strerror(-error));
		return;
	}
	r->push_left = r->n;
	/* Armed since the start: that needs no memory. */
	(void)loop_timer(r->loop, &r->push, loop_now_us(r->loop), on_push);
}

/* --- life --- */

int
pdroom_init(struct pdroom *r, struct loop *loop, const struct pdconf *conf,
    const struct sealed_keys *keys)
{
	const struct pdline_owner owner = {on_welcome, on_stored, on_unstored,
	    on_expel, on_publish, on_lost, on_broken, r};

	memset(r, 0, sizeof(*r));
	r->loop = loop;
	r->conf = conf;
	r->keys = keys;
	TAILQ_INIT(&r->all);
	TAILQ_INIT(&r->dead);
	TAILQ_INIT(&r->hellos);
	TAILQ_INIT(&r->reports);
	RB_INIT(&r->ids);
	RB_INIT(&r->of_key);
	pdguests_init(&r->guests);
	pdshelf_init(&r->shelf);
	pdline_init(&r->line, loop, &owner);
	/* No number that one before us has used. */
	r->last_id = (uint64_t)mono_wall_us();
	r->past = calloc(PDROOM_PAST_N, sizeof(*r->past));
	r->scratch = malloc(PDLINE_REPORT_HEAD + SEALED_BODY_MAX);
	if (r->past != NULL && r->scratch != NULL &&
	    loop_timer(loop, &r->push, INT64_MAX, on_push) == 0 &&
	    loop_timer(loop, &r->reap, INT64_MAX, on_reap) == 0)
		return 0;
	pdroom_free(r);
	return -ENOMEM;
}

void
pdroom_free(struct pdroom *r)
{
	struct op_result now = {0};
	struct pdagent *a, *next;

	pdline_free(&r->line);
	r->changed = NULL;
	TAILQ_FOREACH_SAFE (a, &r->all, entry, next)
		pdagent_close(a, NULL);
	on_reap(r->loop, &r->reap, &now);
	loop_cancel(r->loop, &r->reap);
	loop_cancel(r->loop, &r->push);
	pdshelf_free(&r->shelf);
	free(r->past);
	free(r->scratch);
	r->past = NULL;
	r->scratch = NULL;
}
