/* Owns what agents report: what is new in it since the report before, into
 * the store and into the window.  Whether it is on the disk is the batch's. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "policyd/ranker/ranker_batch.h"
#include "policyd/ranker/ranker_rank.h"

/* However seldom an agent reports, it is heard of once a day. */
#define WINDOW_MAX_US (INT64_C(2) * 86400 * 1000000)
#define QUICK_N	      8

/* However short the window, who reports in time has a say all the time. */
int64_t
ranker_window_us(const struct ranker *r)
{
	int64_t two_ms = 2 * r->conf->report_interval_ms;

	return (r->conf->window_ms > two_ms ? r->conf->window_ms : two_ms) *
	       1000;
}

int64_t
ranker_longest_us(const struct ranker *r)
{
	int64_t base_us = ranker_window_us(r);

	return r->longest_us > base_us ? r->longest_us : base_us;
}

static int
by_known(const void *a, const void *b)
{
	const struct ranker_row *x = a, *y = b;

	return x->known < y->known ? -1 : x->known > y->known;
}

static struct ranker_row *
find_row(const struct ranker_agent *a, uint32_t known)
{
	struct ranker_row key = {.known = known};

	if (a->rows_n == 0)
		return NULL;
	return bsearch(&key, a->rows, a->rows_n, sizeof(key), by_known);
}

/* Index of what the policy of the agent's group names so, or -1. */
static int
named(struct ranker *r, const struct ranker_agent *a, const char *name)
{
	const struct ranker_policy *p = a->group->policy;

	if (p == NULL || settings_intermediary(p->settings, name) < 0)
		return -1;
	return ranker_known(r, name);
}

/*
 * What is new since the last report.  Of another instance all is, as its
 * counters began anew; a ranker that has just begun cannot know since when the
 * counters run, and so takes no word from the first report.  false: nothing.
 */
static bool
news(const struct ranker_agent *a, const struct manage_report *report,
    const struct manage_row *row, uint32_t known, struct ranker_diff *out)
{
	static const struct manage_row zero;
	const struct ranker_row *last = find_row(a, known);

	if (!a->reported)
		return false;
	if (a->instance != report->instance || last == NULL)
		ranker_diff(&zero, row, out);
	else
		ranker_diff(&last->last, row, out);
	return true;
}

/* --- reading --- */

struct reader {
	const uint8_t *at;
	size_t left;
	struct manage_report report;
};

static bool
read_head(struct reader *in, const struct ranker_item *item)
{
	int n = manage_report_decode(item->body, item->len, &in->report);

	if (n == WIRE_BAD || (size_t)n > item->len)
		return false;
	in->at = item->body + n;
	in->left = item->len - (size_t)n;
	return true;
}

static bool
read_row(struct reader *in, struct manage_row *row)
{
	int n = manage_row_decode(in->at, in->left, row);

	if (n == WIRE_BAD || (size_t)n > in->left)
		return false;
	in->at += n;
	in->left -= (size_t)n;
	return true;
}

/* --- within the transaction --- */

static int
store_row(struct ranker *r, const struct ranker_agent *a,
    const struct reader *in, const struct manage_row *row)
{
	struct store_seen seen = {.agent = a->id,
	    .at_s = ranker_now_s(),
	    .observed = row->observed,
	    .tier = row->tier,
	    .in_flight = row->in_flight};
	int known = named(r, a, row->name);
	const struct ranker_row *last;
	struct ranker_diff d;

	if (known < 0)
		return 0; /* counted when it is stored */
	if (!news(a, &in->report, row, (uint32_t)known, &d))
		memset(&d, 0, sizeof(d));
	last = find_row(a, (uint32_t)known);
	/* One that rests is not worth a row, but that it changed is. */
	if (d.attempts == 0 && d.bytes_up == 0 && d.bytes_down == 0 &&
	    last != NULL && last->last.observed == row->observed &&
	    last->last.tier == row->tier)
		return 0;
	snprintf(seen.name, sizeof(seen.name), "%s", row->name);
	seen.attempts = d.attempts;
	seen.successes = d.successes;
	seen.charged = d.charged;
	seen.bytes_up = d.bytes_up;
	seen.bytes_down = d.bytes_down;
	seen.handshake_p50_us = d.handshake_p50_us;
	seen.first_byte_p50_us = d.first_byte_p50_us;
	return store_seen_add(r->store, &seen);
}

/* Is it one, from somebody we know, and new? */
static struct ranker_agent *
admit(struct ranker *r, struct ranker_item *item)
{
	struct ranker_agent *a = ranker_agent_of(r, item->conn);

	if (a == NULL) {
		ranker_refuse(item, "unknown-agent",
		    "it is not registered here: come again");
		return NULL;
	}
	if (item->sequence <= a->sequence) {
		ranker_refuse(item, "old-sequence",
		    "expected a sequence above %" PRIu64 ", found %" PRIu64,
		    a->sequence, item->sequence);
		return NULL;
	}
	if (!manage_report_ok(item->body, item->len)) {
		ranker_refuse(item, "malformed", "it is not a report");
		return NULL;
	}
	return a;
}

int
ranker_report_store(struct ranker *r, struct ranker_item *item)
{
	struct ranker_agent *a = admit(r, item);
	struct manage_row row;
	struct reader in;
	uint16_t i;
	int error = 0;

	if (a == NULL || !read_head(&in, item))
		return 0;
	for (i = 0; i < in.report.rows_n && error == 0; i++) {
		if (read_row(&in, &row))
			error = store_row(r, a, &in, &row);
	}
	if (error != 0)
		return error;
	error =
	    store_agent_heard(r->store, a->id, item->sequence, ranker_now_s());
	if (error == -ENOENT) {
		ranker_refuse(item, "unknown-agent", "it is known no longer");
		return 0;
	}
	return error;
}

/* --- when it is on the disk --- */

/* The window goes on, the counters are the new ones. */
static void
keep_row(struct ranker *r, const struct ranker_agent *a,
    const struct reader *in, const struct manage_row *row,
    struct ranker_row *out)
{
	int64_t now_us = loop_now_us(r->loop);
	const struct ranker_row *last = find_row(a, out->known);
	struct ranker_diff d;

	out->last = *row;
	if (last != NULL)
		out->window = last->window;
	/* What came to be long ago, while nobody heard, says nothing of now. */
	if (now_us - a->reported_us <= a->window_us &&
	    news(a, &in->report, row, out->known, &d))
		ranker_window_add(&out->window, now_us, a->window_us, &d);
}

static void
set_window(struct ranker *r, struct ranker_agent *a, int64_t window_us)
{
	uint32_t i;

	a->window_us = window_us;
	a->quick_n = 0;
	if (window_us > r->longest_us)
		r->longest_us = window_us;
	/* What is counted in parts of another window is none of this one. */
	for (i = 0; i < a->rows_n; i++)
		memset(&a->rows[i].window, 0, sizeof(a->rows[i].window));
}

/*
 * How often an agent reports, its own configuration and its policy have a say
 * in, too.  Its window grows by doubling until two reports fit, and shrinks
 * when many in a row have come much sooner.
 */
static void
keep_pace(struct ranker *r, struct ranker_agent *a)
{
	int64_t gap_us = loop_now_us(r->loop) - a->reported_us;
	int64_t want_us = ranker_window_us(r);

	if (a->window_us < want_us)
		set_window(r, a, want_us);
	if (!a->reported || a->reported_conn != a->conn)
		return; /* it was away meanwhile */
	while (want_us < 2 * gap_us && want_us < WINDOW_MAX_US)
		want_us *= 2;
	if (want_us > a->window_us)
		set_window(r, a, want_us);
	else if (want_us == a->window_us)
		a->quick_n = 0;
	else if (++a->quick_n >= QUICK_N)
		set_window(r, a, want_us);
}

static void
keep_rows(struct ranker *r, struct ranker_agent *a, struct reader *in)
{
	struct ranker_row *rows = calloc(in->report.rows_n + 1u, sizeof(*rows));
	struct ranker_row *fit;
	struct manage_row row;
	uint32_t n = 0;
	uint16_t i;
	int known;

	if (rows == NULL)
		fatalx("out of memory");
	for (i = 0; i < in->report.rows_n && read_row(in, &row); i++) {
		known = named(r, a, row.name);
		if (known < 0) {
			a->unknown++;
			continue;
		}
		rows[n].known = (uint32_t)known;
		keep_row(r, a, in, &row, &rows[n++]);
	}
	qsort(rows, n, sizeof(*rows), by_known);
	/* Rows that are not named here take no room. */
	fit = reallocarray(rows, n + 1u, sizeof(*rows));
	free(a->rows);
	a->rows = fit != NULL ? fit : rows;
	a->rows_n = n;
}

void
ranker_report_stored(struct ranker *r, struct ranker_item *item)
{
	struct ranker_agent *a = ranker_agent_of(r, item->conn);
	struct reader in;

	if (a == NULL || !read_head(&in, item))
		return;
	r->reports++;
	keep_pace(r, a);
	keep_rows(r, a, &in);
	a->sequence = item->sequence;
	a->unsaved = false;
	a->instance = in.report.instance;
	a->reported = true;
	a->reported_conn = a->conn;
	a->reported_us = loop_now_us(r->loop);
	if (in.report.why == MANAGE_EJECTED)
		ranker_soon(r);
}

/* --- what a group's agents say of one --- */

uint32_t
ranker_group_saw(const struct ranker *r, const struct ranker_group *g,
    uint32_t known, struct fuse_agent *out)
{
	int64_t now_us = loop_now_us(r->loop);
	const struct ranker_agent *a;
	const struct ranker_row *row;
	uint32_t n = 0;

	LIST_FOREACH (a, &g->agents, in_group) {
		row = find_row(a, known);
		if (row != NULL && ranker_window_sum(&row->window, now_us,
				       a->window_us, &out[n]))
			n++;
	}
	return n;
}
