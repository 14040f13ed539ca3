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

/* On the disk before anybody hears of it. */
static int
take_serial(
    struct ranker *r, struct ranker_group *g, uint32_t epoch, uint64_t *serial)
{
	int error = ranker_begin(r);
	uint32_t i;

	if (error != 0)
		return error;
	error = store_rank_serial(r->store, epoch, ranker_now_s(), serial);
	if (error == 0)
		error = record_places(r, g, is_due(r, g));
	error = ranker_end(r, error);
	for (i = 0; i < g->places_n && error == 0; i++)
		g->places[i].unsaved = false;
	return error;
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
start(struct ranker *r, struct ranker_group *g, uint32_t epoch)
{
	struct envelope e = {
	    .type = ENVELOPE_RANK, .epoch = epoch, .issued_s = ranker_now_s()};
	int error = take_serial(r, g, epoch, &e.serial);

	if (error != 0) {
		again(r, g);
		return;
	}
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

void
ranker_sign(struct ranker *r, struct ranker_group *g)
{
	int64_t now_us = loop_now_us(r->loop);

	if (g->signing != 0 && now_us - g->signing_us > SIGNER_US) {
		log_errx("group %s: the signer does not answer", g->name);
		again(r, g);
	}
	if (g->signing != 0 || now_us < g->retry_us ||
	    (!g->moved && !is_due(r, g)) || r->lines[PDPROC_SIGNER] == NULL ||
	    r->read_only || !root_allows(r, g))
		return;
	start(r, g, verified_mark(g->policy->v).epoch);
}

/* --- from the signer --- */

/* They are answered in the order of their serials. */
static struct ranker_group *
first_signing(struct ranker *r)
{
	struct ranker_group *g, *first = NULL;

	TAILQ_FOREACH (g, &r->groups, next) {
		if (g->signing != 0 &&
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
	return g != NULL && g->signing == e.serial ? g : NULL;
}

static int
keep(struct ranker *r, const struct verified *v)
{
	struct store_message m = {.envelope = verified_envelope(v),
	    .by = "ranker",
	    .at_s = ranker_now_s()};
	int error = ranker_begin(r);

	if (error != 0)
		return error;
	m.message = verified_message(v, &m.len);
	return ranker_end(r, store_message_put(r->store, &m));
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

	if (g == NULL || g->policy == NULL)
		return; /* of a policy that was replaced meanwhile */
	v = len > 0 ? check(r, g, data, len) : NULL;
	if (v == NULL || keep(r, v) != 0) {
		if (len == 0)
			log_errx("group %s: the signer refuses", g->name);
		verified_free(v);
		again(r, g);
		return;
	}
	g->signing = 0;
	g->ranked_us = loop_now_us(r->loop);
	verified_free(g->rank);
	g->rank = v;
	ranker_publish(r, v);
	if (g->moved)
		ranker_soon(r);
}

void
ranker_signer_gone(struct ranker *r)
{
	struct ranker_group *g;

	TAILQ_FOREACH (g, &r->groups, next) {
		if (g->signing == 0)
			continue;
		g->signing = 0;
		g->moved = true;
	}
}
