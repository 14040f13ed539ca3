/* Owns what probes add up to; asks no clock and probes nothing. */
#include "probe/verdict.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum verdict
verdict_of(const struct probe_result *r)
{
	switch (r->reason) {
	case REASON_OK:
		return VERDICT_OK;
	case REASON_HOP_REFUSED:
	case REASON_HOP_UNREACHABLE:
		return VERDICT_DEAD;
	case REASON_HOP_TIMEOUT:
		return r->phase == PROBE_CONNECTING ? VERDICT_DEAD
						    : VERDICT_MUTE;
	case REASON_HOP_SILENT:
		return VERDICT_MUTE;
	case REASON_HOP_CLOSED:
	case REASON_HOP_HUNG_UP:
		return VERDICT_HANGS_UP;
	case REASON_HOP_TLS:
		return VERDICT_RUBBISH;
	case REASON_HOP_BAD:
		return r->phase == PROBE_READING ? VERDICT_WRONG
						 : VERDICT_RUBBISH;
	case REASON_HOP_FAILED:
		return r->phase == PROBE_READING ? VERDICT_WRONG
						 : VERDICT_UNREACHED;
	case REASON_HOP_AUTH:
	case REASON_HOP_CERT:
	case REASON_HOP_DENIED:
	case REASON_HOP_UNSUPPORTED:
		return VERDICT_REFUSES;
	case REASON_HOP_MUTE:
		return VERDICT_LIES;
	case REASON_REFUSED:
		return r->phase == PROBE_WAITING ? VERDICT_HANGS_UP
						 : VERDICT_UNREACHED;
	case REASON_TIMEOUT:
		return r->phase == PROBE_WAITING ? VERDICT_MUTE
						 : VERDICT_UNREACHED;
	case REASON_HOST_UNREACHABLE:
	case REASON_NET_UNREACHABLE:
	case REASON_NAME_UNKNOWN:
	case REASON_NAME_FAILED:
		return VERDICT_UNREACHED;
	case REASON_DENIED:
	case REASON_NO_PATH:
	case REASON_OVERLOAD:
	case REASON_UNSUPPORTED:
	case REASON_BAD_REQUEST:
	case REASON_LIMITED:
	case REASON_FULL:
	case REASON_CANCELLED:
	case REASON_COUNT:
		break;
	}
	return VERDICT_LOCAL;
}

static int
by_size(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The p-th part of a hundred of n values, which are sorted; -1 of none.  The
 * nearest rank: always a value that was measured. */
static int64_t
rank_of(const int64_t *sorted, uint32_t n, uint32_t p)
{
	return n == 0 ? -1 : sorted[((uint64_t)n * p + 99) / 100 - 1];
}

/* One measure of each probe that succeeded, sorted: how many there are. */
static uint32_t
collect(const struct probe_result *r, uint32_t n,
    int64_t (*measure)(const struct probe_result *), int64_t *out)
{
	uint32_t i, m = 0;

	for (i = 0; i < n; i++) {
		if (r[i].reason == REASON_OK && measure(&r[i]) >= 0)
			out[m++] = measure(&r[i]);
	}
	qsort(out, m, sizeof(*out), by_size);
	return m;
}

static int64_t
connect_of(const struct probe_result *r)
{
	return r->connect_us;
}

static int64_t
handshake_of(const struct probe_result *r)
{
	return r->handshake_us;
}

static int64_t
first_of(const struct probe_result *r)
{
	return r->first_us;
}

static int64_t
total_of(const struct probe_result *r)
{
	return r->total_us;
}

static int64_t
rate_of(const struct probe_result *r)
{
	if (r->phase != PROBE_MEASURING || r->rate_us <= 0 ||
	    r->rate_bytes < VERDICT_RATE_MIN)
		return -1;
	return (int64_t)((double)r->rate_bytes * 1e6 / (double)r->rate_us);
}

/* The most frequent kind of failure; of equals the latest. */
static uint32_t
find_example(const struct probe_result *r, uint32_t n)
{
	uint32_t count[VERDICT_COUNT] = {0}, i, best = n;
	enum verdict v;

	for (i = 0; i < n; i++) {
		v = verdict_of(&r[i]);
		if (v == VERDICT_OK)
			continue;
		count[v]++;
		if (best == n || count[v] >= count[verdict_of(&r[best])])
			best = i;
	}
	return best;
}

int
verdict_sum(const struct probe_result *r, uint32_t n, struct verdict_sum *out)
{
	struct verdict_sum s = {.n = n, .others_us = -1};
	int64_t *v = calloc(n > 0 ? n : 1, sizeof(*v));
	uint32_t m;

	if (v == NULL)
		return -ENOMEM;
	m = collect(r, n, connect_of, v);
	s.connect_us = rank_of(v, m, 50);
	m = collect(r, n, handshake_of, v);
	s.handshake_us = rank_of(v, m, 50);
	m = collect(r, n, first_of, v);
	s.first_us = rank_of(v, m, 50);
	m = collect(r, n, rate_of, v);
	s.rate = rank_of(v, m, 50);
	s.ok_n = m = collect(r, n, total_of, v);
	s.total_us = rank_of(v, m, 50);
	s.p95_us = rank_of(v, m, 95);
	s.min_us = m > 0 ? v[0] : -1;
	s.max_us = rank_of(v, m, 100);
	free(v);
	s.example = find_example(r, n);
	if (n == 0)
		s.verdict = VERDICT_NONE;
	else if (s.ok_n == n)
		s.verdict = VERDICT_OK;
	else
		s.verdict =
		    s.ok_n > 0 ? VERDICT_FLAKY : verdict_of(&r[s.example]);
	*out = s;
	return 0;
}

int
verdict_compare(struct verdict_sum *const *sums, uint32_t n)
{
	int64_t *v = calloc(n > 0 ? n : 1, sizeof(*v));
	uint32_t i, j, m;

	if (v == NULL)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		for (j = m = 0; j < n; j++) {
			if (j != i && sums[j]->total_us >= 0)
				v[m++] = sums[j]->total_us;
		}
		qsort(v, m, sizeof(*v), by_size);
		sums[i]->others_us = rank_of(v, m, 50);
		if (sums[i]->verdict == VERDICT_OK && m > 0 &&
		    sums[i]->p95_us / VERDICT_SLOW_FACTOR >
			sums[i]->others_us &&
		    sums[i]->p95_us - sums[i]->others_us >
			VERDICT_SLOW_FLOOR_US)
			sums[i]->verdict = VERDICT_SLOW;
	}
	free(v);
	return 0;
}

static const struct {
	const char *word, *colour;
} verdicts[] = {
    [VERDICT_NONE] = {"none", "yellow"},
    [VERDICT_OK] = {"ok", "green"},
    [VERDICT_SLOW] = {"slow", "yellow"},
    [VERDICT_FLAKY] = {"flaky", "yellow"},
    [VERDICT_LIES] = {"lies", "red"},
    [VERDICT_MUTE] = {"mute", "red"},
    [VERDICT_REFUSES] = {"refuses", "red"},
    [VERDICT_UNREACHED] = {"unreached", "red"},
    [VERDICT_WRONG] = {"wrong", "red"},
    [VERDICT_RUBBISH] = {"rubbish", "red"},
    [VERDICT_HANGS_UP] = {"hangs-up", "red"},
    [VERDICT_DEAD] = {"dead", "red"},
    [VERDICT_LOCAL] = {"local", "red"},
};

_Static_assert(sizeof(verdicts) / sizeof(*verdicts) == VERDICT_COUNT,
    "a verdict lacks words");

const char *
verdict_word(enum verdict v)
{
	return verdicts[v].word;
}

const char *
verdict_colour(enum verdict v)
{
	return verdicts[v].colour;
}

/* Of what went wrong once the tunnel stood; NULL: earlier. */
static const char *
late_failure(const struct probe_result *r, const struct probe_via *via,
    enum query_kind kind)
{
	if (r->phase == PROBE_MEASURING)
		return "it breaks off while data comes";
	if (r->phase == PROBE_READING && kind == QUERY_TLS)
		return "what comes back is not TLS";
	if (r->phase == PROBE_READING)
		return "what comes back is not an HTTP answer";
	if (r->phase != PROBE_WAITING)
		return NULL;
	if (r->reason == REASON_HOP_BAD)
		return "it sends data before any was asked for";
	if (via->direct)
		return r->closed ? "it connects, then closes without a byte"
				 : "it connects, and no byte comes";
	return r->closed ? "it says yes, then closes without a byte"
			 : "it says yes, and no byte comes";
}

const char *
verdict_failure(const struct probe_result *r, const struct probe_via *via,
    enum query_kind kind, char out[VERDICT_TEXT_MAX])
{
	const char *late = late_failure(r, via, kind);

	if (r->reason == REASON_OVERLOAD)
		snprintf(out, VERDICT_TEXT_MAX,
		    "this host is out of sockets, memory or ports");
	else if (r->phase == PROBE_READING && r->status >= 500)
		snprintf(out, VERDICT_TEXT_MAX,
		    "the target answers with status %d", r->status);
	else if (late != NULL)
		snprintf(out, VERDICT_TEXT_MAX, "%s", late);
	else if (r->code >= 0)
		snprintf(out, VERDICT_TEXT_MAX, "%s (%s %d)",
		    wire_reason_text(r->reason),
		    via->type == HOP_HTTP ? "status" : "reply", r->code);
	else
		snprintf(
		    out, VERDICT_TEXT_MAX, "%s", wire_reason_text(r->reason));
	return out;
}
