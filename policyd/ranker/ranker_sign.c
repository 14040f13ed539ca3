/* Owns how what was decided becomes a signed message: a serial that is on the
 * disk first, the signer, our own check, the disk, the collector. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "policyd/ranker/ranker_rank.h"

/* After a failure it is tried again so much later. */
#define RETRY_US INT64_C(3000000)
/* Ranks that come back within this are stored together. */
#define TOGETHER_US INT64_C(2000)
/* The signer answers within this, or never. */
#define SIGNER_US INT64_C(5000000)
/* Room for what a rank can say of all intermediaries. */
#define BODY_MAX (SETTINGS_INTERMEDIARIES_MAX * (MANAGE_NAME_MAX + 96u) + 64u)

static void
again(struct ranker *r, struct ranker_group *g)
{
	g->signing = 0;
	g->moved = true;
	g->retry_us = loop_now_us(r->loop) + RETRY_US;
}

/* --- what is recorded with it --- */

static int
record_place(struct ranker *r, const struct ranker_group *g,
    const struct ranker_place *p)
{
	struct store_place row = {.at_s = ranker_now_s(),
	    .tier = p->state.tier,
	    .weight = p->state.weight,
	    .drain = p->state.drain,
	    .success_permille = p->estimate.success_permille,
	    .latency_us = p->estimate.latency_us,
	    .agents = p->estimate.agents};
	int error;

	snprintf(row.group, sizeof(row.group), "%s", g->name);
	snprintf(row.name, sizeof(row.name), "%s", p->state.name);
	snprintf(row.why, sizeof(row.why), "%s", order_why_word(p->state.why));
	snprintf(row.reason, sizeof(row.reason), "%s", p->state.reason);
	error = store_place_add(r->store, &row);
	if (error != 0 || !p->unsaved)
		return error;
	return ranker_event(r, "rank", g->name, p->state.name,
	    "tier %u, weight %" PRIu32 "%s: %s%s%s", p->state.tier,
	    p->state.weight, p->state.drain ? ", drained" : "",
	    order_why_word(p->state.why),
	    p->state.reason[0] != '\0' ? ": " : "", p->state.reason);
}

/* All of them with a heartbeat, else those that have moved. */
static int
record_places(struct ranker *r, const struct ranker_group *g, bool all)
{
	uint32_t i;
	int error = 0;

	for (i = 0; i < g->places_n && error == 0; i++) {
		if (all || g->places[i].unsaved)
			error = record_place(r, g, &g->places[i]);
	}
	return error;
}

/* --- to the signer --- */

static bool
is_due(const struct ranker *r, const struct ranker_group *g)
{
	int64_t age_us = loop_now_us(r->loop) - g->ranked_us;

	return g->ranked_us == 0 || age_us >= r->conf->heartbeat_ms * 1000;
}

/* All that need one get it in one transaction: it is on the disk before
 * anybody hears of it. */
static int
take_serials(struct ranker *r)
{
	struct ranker_group *g;
	int error = ranker_begin(r);

	if (error != 0)
		return error;
	TAILQ_FOREACH (g, &r->groups, next) {
		if (!g->wants || error != 0)
			continue;
		error = store_rank_serial(r->store,
		    verified_mark(g->policy->v).epoch, ranker_now_s(),
		    &g->serial);
		if (error == 0)
			error = record_places(r, g, is_due(r, g));
	}
	return ranker_end(r, error);
}

static int
send_to_signer(struct ranker *r, struct ranker_group *g, struct envelope *e,
    char *body, uint8_t *message)
{
	int n;

	e->body = (const uint8_t *)body;
	e->body_len = ranker_body(g->policy, g->places, body, BODY_MAX);
	if (e->body_len == 0)
		return -ENOSPC;
	n = envelope_encode(e, message, ENVELOPE_MAX);
	if (n == WIRE_BAD)
		return -EINVAL;
	return ranker_send_blob(
		   r, PDPROC_SIGNER, PDMSG_SIGN, message, (size_t)n)
		   ? 0
		   : -EPIPE;
}

static int
ask(struct ranker *r, struct ranker_group *g, struct envelope *e)
{
	uint8_t *message = malloc(ENVELOPE_MAX);
	char *body = malloc(BODY_MAX);
	int error = -ENOMEM;

	if (message != NULL && body != NULL)
		error = send_to_signer(r, g, e, body, message);
	free(message);
	free(body);
	return error;
}

static void
start(struct ranker *r, struct ranker_group *g)
{
	struct envelope e = {.type = ENVELOPE_RANK,
	    .epoch = verified_mark(g->policy->v).epoch,
	    .serial = g->serial,
	    .issued_s = ranker_now_s()};
	uint32_t i;
	int error;

	for (i = 0; i < g->places_n; i++)
		g->places[i].unsaved = false;
	e.expires_s = e.issued_s + (r->conf->rank_lifetime_ms + 999) / 1000;
	snprintf(e.audience, sizeof(e.audience), "%s", g->name);
	error = ask(r, g, &e);
	if (error != 0) {
		log_warnx(
		    "group %s: no rank is made: %s", g->name, strerror(-error));
		again(r, g);
		return;
	}
	g->moved = false;
	g->signing = e.serial;
	g->signing_us = loop_now_us(r->loop);
}

/* A policy of a root before is one that agents go on with, but nobody can rank
 * it any more. */
static bool
root_allows(struct ranker *r, const struct ranker_group *g)
{
	const struct verified *root = ranker_root(r);
	bool expired = root != NULL &&
		       verified_envelope(root)->expires_s <= ranker_now_s();

	if (expired && !r->root_expired)
		log_errx("the root has expired: agents take no rank until a "
			 "new one is published");
	r->root_expired = expired;
	return root != NULL && !expired &&
	       verified_mark(root).epoch == verified_mark(g->policy->v).epoch;
}

/* Is there something new to say, or is it time, and can it be said? */
static bool
wants(struct ranker *r, struct ranker_group *g)
{
	int64_t now_us = loop_now_us(r->loop);

	if (g->policy == NULL)
		return false;
	if (g->signing != 0 && g->fresh == NULL &&
	    now_us - g->signing_us > SIGNER_US) {
		log_errx("group %s: the signer does not answer", g->name);
		again(r, g);
	}
	return g->signing == 0 && now_us >= g->retry_us &&
	       (g->moved || is_due(r, g)) && root_allows(r, g);
}

void
ranker_sign(struct ranker *r)
{
	struct ranker_group *g;
	bool any = false;
	int error;

	if (r->lines[PDPROC_SIGNER] == NULL || r->read_only)
		return;
	TAILQ_FOREACH (g, &r->groups, next) {
		g->wants = wants(r, g);
		any |= g->wants;
	}
	if (!any)
		return;
	error = take_serials(r);
	TAILQ_FOREACH (g, &r->groups, next) {
		if (g->wants && error == 0)
			start(r, g);
		else if (g->wants)
			again(r, g);
	}
}

/* --- from the signer --- */

/* They are answered in the order of their serials. */
static struct ranker_group *
first_signing(struct ranker *r)
{
	struct ranker_group *g, *first = NULL;

	TAILQ_FOREACH (g, &r->groups, next) {
		if (g->signing != 0 && g->fresh == NULL &&
		    (first == NULL || g->signing < first->signing))
			first = g;
	}
	return first;
}

static struct ranker_group *
find_signing(struct ranker *r, const uint8_t *data, size_t len)
{
	enum envelope_fault fault;
	struct ranker_group *g;
	struct envelope e;

	if (envelope_decode(data, len, &e, &fault) <= 0)
		return NULL;
	g = ranker_group(r, e.audience);
	return g != NULL && g->fresh == NULL && g->signing == e.serial ? g
								       : NULL;
}

/* All that have come back, in one transaction. */
static int
keep(struct ranker *r)
{
	struct store_message m = {.by = "ranker", .at_s = ranker_now_s()};
	struct ranker_group *g;
	int error = ranker_begin(r);

	if (error != 0)
		return error;
	TAILQ_FOREACH (g, &r->groups, next) {
		if (g->fresh == NULL || error != 0)
			continue;
		m.envelope = verified_envelope(g->fresh);
		m.message = verified_message(g->fresh, &m.len);
		error = store_message_put(r->store, &m);
	}
	return ranker_end(r, error);
}

/* On the disk: it goes to agents. */
static void
put_in_force(struct ranker *r, struct ranker_group *g)
{
	verified_free(g->rank);
	g->rank = g->fresh;
	g->fresh = NULL;
	g->signing = 0;
	g->ranked_us = loop_now_us(r->loop);
	ranker_publish(r, g->rank);
	log_debug("group %s: rank %" PRIu64 " is out", g->name,
	    verified_mark(g->rank).serial);
	if (g->moved)
		ranker_at_once(r);
}

static void
on_publish(struct loop *loop, struct op *op, const struct op_result *res)
{
	struct ranker *r = container_of(op, struct ranker, publish);
	struct ranker_group *g;
	int error = keep(r);

	(void)loop, (void)res; /* time is the only news */
	TAILQ_FOREACH (g, &r->groups, next) {
		if (g->fresh == NULL)
			continue;
		if (error == 0) {
			put_in_force(r, g);
			continue;
		}
		verified_free(g->fresh);
		g->fresh = NULL;
		again(r, g);
	}
}

/* As strictly as an agent will. */
static struct verified *
check(const struct ranker *r, const struct ranker_group *g, const uint8_t *data,
    size_t len)
{
	struct verify ctx = {.mode = VERIFY_NEW,
	    .root = ranker_root(r),
	    .group = g->name,
	    .now_s = ranker_now_s(),
	    .policy = verified_mark(g->policy->v)};
	struct trust_why t;
	struct verified *v;

	if (g->rank != NULL)
		ctx.rank = verified_mark(g->rank);
	v = verify_message(&ctx, data, len, &t);
	if (v == NULL)
		log_errx("group %s: the rank that came back from the signer "
			 "is not one that agents take: %s",
		    g->name, t.text);
	return v;
}

void
ranker_signed(struct ranker *r, const uint8_t *data, size_t len)
{
	struct ranker_group *g =
	    len == 0 ? first_signing(r) : find_signing(r, data, len);
	struct verified *v;
	int64_t at_us;

	if (g == NULL || g->policy == NULL)
		return; /* of a policy that was replaced meanwhile */
	v = len > 0 ? check(r, g, data, len) : NULL;
	if (v == NULL) {
		if (len == 0)
			log_errx("group %s: the signer refuses", g->name);
		again(r, g);
		return;
	}
	g->fresh = v;
	/* When nobody else's is under way, there is nothing to wait for. */
	at_us =
	    loop_now_us(r->loop) + (first_signing(r) != NULL ? TOGETHER_US : 0);
	if (loop_timer(r->loop, &r->publish, at_us, on_publish) != 0)
		fatalx("out of memory");
}

void
ranker_signer_gone(struct ranker *r)
{
	struct ranker_group *g;

	TAILQ_FOREACH (g, &r->groups, next) {
		if (g->signing == 0 || g->fresh != NULL)
			continue;
		g->signing = 0;
		g->moved = true;
	}
}
