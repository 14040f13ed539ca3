/* Owns what reports and probes of late come to, by intermediary.  Pure. */
#include "policyd/ranker/ranker_window.h"

#include <stdlib.h>
#include <string.h>

/* The buckets of an agent's histograms: wire/manage.h. */
#define OCTAVE_FIRST 6
#define STEPS	     4

/* A counter that has gone back says nothing. */
static uint64_t
grown(uint64_t before, uint64_t now)
{
	uint64_t n = now - before;

	if (n > INT64_MAX)
		return 0;
	return n > RANKER_DIFF_MAX ? RANKER_DIFF_MAX : n;
}

static uint32_t
grown_count(uint32_t before, uint32_t now)
{
	uint32_t n = now - before;

	return n > INT32_MAX ? 0 : n;
}

static uint32_t
lower_us(uint32_t bucket)
{
	uint32_t octave, step;

	if (bucket == 0)
		return 0;
	octave = OCTAVE_FIRST + (bucket - 1) / STEPS;
	step = (bucket - 1) % STEPS;
	return (STEPS + step) << (octave - 2);
}

uint32_t
ranker_p50_us(const struct manage_hist *before, const struct manage_hist *now)
{
	uint64_t total = 0, seen = 0;
	uint32_t i;

	for (i = 0; i < MANAGE_BUCKETS; i++)
		total += grown_count(before->count[i], now->count[i]);
	if (total == 0)
		return 0;
	for (i = 0; i < MANAGE_BUCKETS - 1; i++) {
		seen += grown_count(before->count[i], now->count[i]);
		if (seen * 2 >= total)
			return (lower_us(i) + lower_us(i + 1)) / 2;
	}
	return lower_us(MANAGE_BUCKETS - 1);
}

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void
ranker_diff(const struct manage_row *before, const struct manage_row *now,
    struct ranker_diff *out)
{
	out->attempts = grown(before->attempts, now->attempts);
	out->successes =
	    least(grown(before->successes, now->successes), out->attempts);
	out->charged =
	    least(grown(before->charged, now->charged), out->attempts);
	out->bytes_up = now->bytes_up - before->bytes_up;
	out->bytes_down = now->bytes_down - before->bytes_down;
	if (out->bytes_up > INT64_MAX)
		out->bytes_up = 0;
	if (out->bytes_down > INT64_MAX)
		out->bytes_down = 0;
	out->handshake_p50_us =
	    ranker_p50_us(&before->handshake, &now->handshake);
	out->first_byte_p50_us =
	    ranker_p50_us(&before->first_byte, &now->first_byte);
}

/* --- of one agent --- */

/* Which quarter of a window it is; never 0. */
static int64_t
quarter(int64_t now_us, int64_t window_us)
{
	int64_t len_us = window_us / (RANKER_WINDOW_SLOTS - 1);

	return now_us / (len_us > 0 ? len_us : 1) + 1;
}

void
ranker_window_add(struct ranker_window *w, int64_t now_us, int64_t window_us,
    const struct ranker_diff *d)
{
	int64_t nth = quarter(now_us, window_us);
	uint32_t i = (uint32_t)(nth % RANKER_WINDOW_SLOTS);

	if (w->slots[i].nth != nth) {
		memset(&w->slots[i], 0, sizeof(w->slots[i]));
		w->slots[i].nth = nth;
	}
	w->slots[i].attempts += d->attempts;
	w->slots[i].successes += d->successes;
	w->slots[i].charged += d->charged;
	if (d->handshake_p50_us != 0) {
		w->handshake_p50_us = d->handshake_p50_us;
		w->handshake_at_us = now_us;
	}
	if (d->first_byte_p50_us != 0) {
		w->first_byte_p50_us = d->first_byte_p50_us;
		w->first_byte_at_us = now_us;
	}
}

bool
ranker_window_sum(const struct ranker_window *w, int64_t now_us,
    int64_t window_us, struct fuse_agent *out)
{
	int64_t nth = quarter(now_us, window_us), age;
	uint32_t i;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < RANKER_WINDOW_SLOTS; i++) {
		age = nth - w->slots[i].nth;
		if (w->slots[i].nth == 0 || age < 0 ||
		    age >= RANKER_WINDOW_SLOTS)
			continue;
		out->attempts += w->slots[i].attempts;
		out->successes += w->slots[i].successes;
		out->charged += w->slots[i].charged;
	}
	if (now_us - w->handshake_at_us <= window_us)
		out->handshake_p50_us = w->handshake_p50_us;
	if (now_us - w->first_byte_at_us <= window_us)
		out->first_byte_p50_us = w->first_byte_p50_us;
	return out->attempts > 0;
}

/* --- of the probes --- */

void
ranker_probes_add(struct ranker_probes *p, const struct ranker_probe *probe)
{
	p->ring[p->next] = *probe;
	p->next = (p->next + 1) % RANKER_PROBES_MAX;
	if (p->n < RANKER_PROBES_MAX)
		p->n++;
	if (probe->ok) {
		p->failed_row = 0;
		p->passed_row += p->passed_row < UINT32_MAX;
		p->passed_us = probe->begun_us;
	} else {
		p->passed_row = 0;
		if (p->failed_row == 0)
			p->failing_us = probe->begun_us;
		p->failed_row += p->failed_row < UINT32_MAX;
	}
}

static int
by_value(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static uint32_t
median(uint32_t *values, uint32_t n)
{
	if (n == 0)
		return 0;
	qsort(values, n, sizeof(*values), by_value);
	return values[n / 2];
}

void
ranker_probes_sum(const struct ranker_probes *p, int64_t now_us,
    int64_t window_us, struct fuse_probe *out)
{
	uint32_t handshakes[RANKER_PROBES_MAX], firsts[RANKER_PROBES_MAX];
	uint32_t handshakes_n = 0, firsts_n = 0, i;
	const struct ranker_probe *probe;

	memset(out, 0, sizeof(*out));
	out->load_percent = 100;
	out->was_dead = p->dead;
	for (i = 0; i < p->n; i++) {
		probe = &p->ring[i];
		if (now_us - probe->at_us > window_us)
			continue;
		out->made++;
		out->passed += probe->ok;
		if (probe->ok && probe->handshake_us > 0)
			handshakes[handshakes_n++] = probe->handshake_us;
		if (probe->ok && probe->first_byte_us > 0)
			firsts[firsts_n++] = probe->first_byte_us;
	}
	out->failed_row = p->failed_row;
	out->passed_row = p->passed_row;
	out->passed_us = p->passed_us;
	out->failing_us = p->failed_row > 0 ? p->failing_us : 0;
	out->handshake_p50_us = median(handshakes, handshakes_n);
	out->first_byte_p50_us = median(firsts, firsts_n);
	if (p->load_at_us != 0 && now_us - p->load_at_us <= window_us) {
		out->load_percent = p->load_percent;
		out->drain = p->drain;
	}
}
