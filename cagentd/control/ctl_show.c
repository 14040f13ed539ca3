/* Answers all that is known of one intermediary, worker by worker. */
#include <string.h>

#include "cagentd/control/control.h"
#include "cagentd/control/ctl_answer.h"
#include "cagentd/control/ctl_row.h"
#include "wire/wire.h"

/* Fresher than the row's own sums, which are those of the last look. */
struct sums {
	int64_t in_flight, attempts, successes, charged, up, down, warm;
	bool borne, swallowed; /* greeting and request at once, by a worker */
	int64_t failures[SLAB_REASONS];
	uint32_t connect[HIST_BUCKETS], handshake[HIST_BUCKETS],
	    first_byte[HIST_BUCKETS];
};

static void
add_sample(struct sums *s, const struct slab_sample *one)
{
	uint32_t i;

	s->in_flight += one->in_flight;
	s->attempts += (int64_t)one->attempts;
	s->successes += (int64_t)one->successes;
	s->charged += (int64_t)one->charged;
	s->up += (int64_t)one->bytes_up;
	s->down += (int64_t)one->bytes_down;
	s->warm += one->warm;
	s->borne |= one->eager == SLAB_EAGER_YES;
	s->swallowed |= one->eager == SLAB_EAGER_NO;
	for (i = 0; i < SLAB_REASONS; i++)
		s->failures[i] += (int64_t)one->failures[i];
	for (i = 0; i < HIST_BUCKETS; i++) {
		s->connect[i] += one->connect[i];
		s->handshake[i] += one->handshake[i];
		s->first_byte[i] += one->first_byte[i];
	}
}

static json_t *
worker(uint32_t index, const struct slab_sample *s)
{
	json_t *o = json_object();

	ctl_set_int(o, "worker", index);
	ctl_set_int(o, "in_flight", s->in_flight);
	ctl_set_int(o, "attempts", (int64_t)s->attempts);
	ctl_set_int(o, "successes", (int64_t)s->successes);
	return o;
}

/* The workers' parts, and their sums. */
static json_t *
workers(const struct ctl_query *q, const struct table_row *row, struct sums *s)
{
	const struct ranking *r = &q->control->ranking;
	json_t *list = json_array();
	struct slab_sample sample;
	uint32_t i;

	for (i = 0; i < SETTINGS_WORKERS_MAX; i++) {
		if (r->slabs[i] == NULL)
			continue;
		slab_sample(r->slabs[i], row->slot, q->now_us, &sample);
		if (sample.incarnation != row->incarnation)
			memset(&sample, 0, sizeof(sample));
		add_sample(s, &sample);
		json_array_append_new(list, worker(i, &sample));
	}
	return list;
}

static json_t *
times(const uint32_t count[HIST_BUCKETS])
{
	json_t *o = json_object();

	ctl_set_int(o, "p50_us", hist_quantile_us(count, 0.5));
	ctl_set_int(o, "p95_us", hist_quantile_us(count, 0.95));
	return o;
}

static json_t *
failures(const struct sums *s)
{
	json_t *o = json_object();
	uint32_t i;

	for (i = 0; i < REASON_COUNT; i++) {
		if (s->failures[i] != 0)
			ctl_set_int(o, wire_reason_word((enum wire_reason)i),
			    s->failures[i]);
	}
	return o;
}

void
ctl_show(struct ctl_query *q)
{
	const struct table_row *row =
	    table_find(q->control->ranking.table, q->args[0]);
	json_t *answer, *o, *list;
	struct sums s = {0};

	if (row == NULL) {
		ctl_refuse(q, CTL_NOT_FOUND, "no intermediary is named %.64s",
		    q->args[0]);
		return;
	}
	list = workers(q, row, &s);
	o = ctl_row(row);
	ctl_set_int(o, "in_flight", s.in_flight);
	ctl_set_int(o, "attempts", s.attempts);
	ctl_set_int(o, "successes", s.successes);
	ctl_set_int(o, "charged", s.charged);
	ctl_set_int(o, "bytes_up", s.up);
	ctl_set_int(o, "bytes_down", s.down);
	ctl_set_int(o, "warm", s.warm);
	ctl_set_text(o, "at_once",
	    s.borne	  ? "yes"
	    : s.swallowed ? "no"
			  : "unknown");
	ctl_set(o, "failures", failures(&s));
	ctl_set(o, "connect", times(s.connect));
	ctl_set(o, "handshake", times(s.handshake));
	ctl_set(o, "first_byte", times(s.first_byte));
	ctl_set(o, "workers", list);
	answer = ctl_head();
	ctl_set(answer, "intermediary", o);
	ctl_say(q, answer);
}
