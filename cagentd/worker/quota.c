/*
 * Decides whether a user has too much already; counts in this worker's slab
 * and takes what the others' say for hostile.
 */
#include "cagentd/worker/quota.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

#define MILLION 1000000

void
quota_init(struct quota *q, struct slab *own, struct slab *const *slabs)
{
	*q = (struct quota){.own = own, .slabs = slabs};
}

static const char *
source_name(const struct net_ip *source, char out[USAGE_NAME_MAX + 1])
{
	struct net_ip ip = *source;
	char text[NET_IP_STRLEN];

	/* Who has a network of v6 has 2^64 addresses in it. */
	if (ip.family == 6)
		memset(ip.bytes + 8, 0, 8);
	snprintf(out, USAGE_NAME_MAX + 1, "%s%s", net_ip_format(&ip, text),
	    ip.family == 6 ? "/64" : "");
	return out;
}

const char *
quota_name(const struct client *c, char out[static USAGE_NAME_MAX + 1])
{
	if (c->login[0] != '\0')
		snprintf(out, USAGE_NAME_MAX + 1, "login %s", c->login);
	else if (c->has_uid)
		snprintf(
		    out, USAGE_NAME_MAX + 1, "uid %u", (unsigned int)c->uid);
	else if (c->source.family != 0)
		return source_name(&c->source, out);
	else
		snprintf(out, USAGE_NAME_MAX + 1, "unknown");
	return out;
}

/* What the configuration says of this user, or NULL. */
static const struct settings_user *
exception(const struct settings *s, const struct client *c)
{
	int32_t i = classify_limits(s, c);

	return i >= 0 ? &s->user_limits[i] : NULL;
}

static void
set_limits(
    const struct settings *s, const struct client *c, struct quota_seat *seat)
{
	const struct settings_user *u = exception(s, c);

	seat->connections = s->user_connections;
	seat->rate = s->user_rate;
	seat->burst = s->user_burst;
	if (u != NULL && u->connections_max >= 0)
		seat->connections = u->connections_max;
	if (u != NULL && u->rate_max >= 0) {
		seat->rate = u->rate_max;
		seat->burst = 0;
	}
	if (u != NULL && u->burst_max > 0)
		seat->burst = u->burst_max;
	if (seat->burst == 0)
		seat->burst = seat->rate;
}

static bool
is_limited(const struct settings *s)
{
	return s->user_connections > 0 || s->user_rate > 0 ||
	       s->user_limits_n > 0;
}

static uint64_t
sum(const struct quota *q,
    uint64_t (*of)(const struct usage *, uint64_t hash, uint64_t span),
    uint64_t hash, uint64_t span)
{
	uint64_t n = 0;
	uint32_t i;

	for (i = 0; i < SETTINGS_WORKERS_MAX; i++) {
		if (q->slabs[i] != NULL)
			n += of(&q->slabs[i]->usage, hash, span);
	}
	return n;
}

static uint64_t
connections_of(const struct usage *u, uint64_t hash, uint64_t span)
{
	(void)span; /* now */
	return usage_connections(u, hash);
}

static uint64_t
requests_of(const struct usage *u, uint64_t hash, uint64_t span)
{
	return usage_requests(u, hash, span);
}

static void
say(struct quota *q, int64_t now_us, const char *name, const char *what)
{
	uint64_t missed;

	if (!logpace_may(&q->pace, now_us, &missed))
		return;
	if (missed > 0)
		log_warnx("%s: %s (and %" PRIu64 " such lines more)", name,
		    what, missed);
	else
		log_warnx("%s: %s", name, what);
}

enum quota_answer
quota_enter(struct quota *q, const struct settings *s, const struct client *c,
    struct quota_seat *seat, int64_t now_us)
{
	char name[USAGE_NAME_MAX + 1], text[64];
	struct usage *own = &q->own->usage;
	uint64_t hash;

	if (!is_limited(s)) {
		quota_leave(seat);
		return QUOTA_OK;
	}
	hash = usage_hash(own, quota_name(c, name));
	if (seat->entry != NULL && seat->hash == hash)
		return QUOTA_OK;
	quota_leave(seat);
	set_limits(s, c, seat);
	seat->hash = hash;
	seat->entry = usage_enter(own, hash, name, now_us);
	if (seat->entry == NULL) {
		say(q, now_us, name, "not counted: too many users at once");
		return QUOTA_OK;
	}
	usage_up(seat->entry);
	if (seat->connections == 0 ||
	    sum(q, connections_of, hash, 0) <= (uint64_t)seat->connections)
		return QUOTA_OK;
	usage_refuse(seat->entry);
	quota_leave(seat);
	snprintf(text, sizeof(text), "has %" PRId64 " connections already",
	    seat->connections);
	if (!seat->said)
		say(q, now_us, name, text);
	seat->said = true;
	return QUOTA_CONNECTIONS;
}

/* In how long a burst's worth of requests has been made up for. */
static int64_t
span_us(const struct quota_seat *seat)
{
	int64_t us = seat->burst * MILLION / seat->rate;

	return us > 0 ? us : 1;
}

/*
 * A window that slides: of the span before this one as much counts as still
 * lies within a span of now.  When would there be room for one more, if the
 * present one and that before it had so many requests, into this span?
 */
static int64_t
free_at(int64_t before, int64_t present, int64_t burst, int64_t span)
{
	int64_t room = burst - 1 - present;

	if (room >= 0)
		return before > room ? span - room * span / before : 0;
	/* It is the next one's "before" by then. */
	return span + span - (burst - 1) * span / present;
}

static int64_t
at_most(uint64_t n, int64_t max)
{
	return n < (uint64_t)max ? (int64_t)n : max;
}

enum quota_answer
quota_request(struct quota *q, const struct quota_seat *seat, int64_t now_us,
    int64_t *retry_us)
{
	int64_t span, into, before, present, at;
	uint64_t number;

	*retry_us = 0;
	if (seat->entry == NULL || seat->rate == 0)
		return QUOTA_OK;
	span = span_us(seat);
	number = (uint64_t)(now_us / span);
	into = now_us % span;
	/* No more than is let through in one: what another worker claims
	 * beyond that is no reason to wait for longer. */
	before =
	    at_most(sum(q, requests_of, seat->hash, number - 1), seat->burst);
	present = at_most(sum(q, requests_of, seat->hash, number), seat->burst);
	at = free_at(before, present, seat->burst, span);
	if (at <= into) {
		usage_count(seat->entry, number, now_us);
		return QUOTA_OK;
	}
	*retry_us = at - into;
	usage_refuse(seat->entry);
	return QUOTA_RATE;
}

void
quota_leave(struct quota_seat *seat)
{
	if (seat->entry != NULL)
		usage_down(seat->entry);
	seat->entry = NULL;
}
