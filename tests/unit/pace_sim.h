#ifndef TESTS_PACE_SIM_H
#define TESTS_PACE_SIM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shm/pace.h"
#include "shm/pace_word.h"
#include "tests/unit/unit.h"

/*
 * Workers that share a link, in a time of their own: each serves its flows in
 * random order, takes some time for each ask, wakes when the first of its
 * flows may ask again, and a random while late.  Seeded: the same every time.
 */
#define SIM_FLOWS   32
#define SIM_WORKERS 4
#define SIM_START   (50000 * INT64_C(1000000000))
#define SIM_MS	    INT64_C(1000000)
#define SIM_S	    INT64_C(1000000000)
#define SIM_ASK_NS  2000
#define SIM_LATE_NS 300000
#define SIM_MOVES   (1 << 20)

#define MBIT INT64_C(125000)

struct sim_flow {
	struct pace_flow pace;
	uint32_t worker;
	int64_t at_ns;	 /* asks again */
	int64_t left;	 /* to send; SIM_ENDLESS */
	uint32_t unused; /* of 100 bytes it gets, it gives so many back */
	size_t want;	 /* in one ask; 0: all that is left */
	int64_t moved;
	int64_t waited_ns; /* the longest from the first refusal to bytes */
	int64_t since_ns;  /* waits from then on, or 0 */
};
#define SIM_ENDLESS INT64_MAX

struct sim_move {
	int64_t at_ns;
	uint32_t flow, n;
};

struct sim {
	struct pace_state *state; /* owned */
	struct pace_plan plan;
	struct pacer pacer;
	struct sim_flow flows[SIM_FLOWS];
	uint32_t flows_n, workers_n;
	int64_t now_ns[SIM_WORKERS];
	uint32_t wakes;
	uint64_t random;
	struct sim_move *moves; /* owned */
	size_t moves_n;
};

static inline uint32_t
sim_random(struct sim *s, uint32_t below)
{
	s->random = s->random * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(s->random >> 33) % below;
}

static inline void
sim_init(struct sim *s, uint32_t workers_n)
{
	uint32_t w;

	memset(s, 0, sizeof(*s));
	s->state = aligned_alloc(64, sizeof(*s->state));
	s->moves = calloc(SIM_MOVES, sizeof(*s->moves));
	if (s->state == NULL || s->moves == NULL)
		exit(1);
	memset(s->state, 0, sizeof(*s->state));
	s->pacer = (struct pacer){.state = s->state, .plan = &s->plan};
	s->workers_n = workers_n;
	s->random = 1 + workers_n;
	for (w = 0; w < SIM_WORKERS; w++)
		s->now_ns[w] = SIM_START;
}

static inline void
sim_fini(struct sim *s)
{
	free(s->state);
	free(s->moves);
}

static inline struct pace_class_plan *
sim_class(struct sim *s, uint8_t priority, uint16_t weight)
{
	struct pace_class_plan *c = &s->plan.classes[s->plan.classes_n++];

	c->priority = priority;
	c->weight = weight;
	return c;
}

static inline struct sim_flow *
sim_flow(struct sim *s, uint8_t class, int64_t left)
{
	uint32_t i = s->flows_n++;
	struct sim_flow *f = &s->flows[i];

	*f = (struct sim_flow){.pace = {.user = 1, .class = class},
	    .worker = i % s->workers_n,
	    .at_ns = SIM_START,
	    .left = left};
	return f;
}

static inline void
sim_ask(struct sim *s, struct sim_flow *f, int64_t now_ns)
{
	int64_t again_ns, left = f->left < 1 << 30 ? f->left : 1 << 30;
	size_t n, unused;

	if (f->want != 0 && (int64_t)f->want < left)
		left = (int64_t)f->want;
	n = pace_ask(&s->pacer, &f->pace, (size_t)left, now_ns, &again_ns);
	if ((int64_t)n > left || (n == 0 && again_ns <= now_ns))
		CHECK(false, "%zu of %lld, again in %lld ns", n,
		    (long long)left, (long long)(again_ns - now_ns));
	if (n == 0) {
		f->at_ns = again_ns;
		f->since_ns = f->since_ns != 0 ? f->since_ns : now_ns;
		return;
	}
	unused = n * f->unused / 100;
	pace_refund(&s->pacer, &f->pace, unused);
	n -= unused;
	if (f->since_ns != 0 && now_ns - f->since_ns > f->waited_ns)
		f->waited_ns = now_ns - f->since_ns;
	f->since_ns = 0;
	f->moved += (int64_t)n;
	if (f->left != SIM_ENDLESS)
		f->left -= (int64_t)n;
	if (s->moves_n < SIM_MOVES)
		s->moves[s->moves_n++] = (struct sim_move){.at_ns = now_ns,
		    .flow = (uint32_t)(f - s->flows),
		    .n = (uint32_t)n};
}

/* One ask of a worker, or it sleeps until there is one. */
static inline void
sim_step(struct sim *s, uint32_t w)
{
	uint32_t i, k, first = sim_random(s, s->flows_n);
	int64_t next = INT64_MAX;
	struct sim_flow *f;

	for (i = 0; i < s->flows_n; i++) {
		k = (first + i) % s->flows_n;
		f = &s->flows[k];
		if (f->worker != w || f->left == 0)
			continue;
		if (f->at_ns <= s->now_ns[w]) {
			sim_ask(s, f, s->now_ns[w]);
			s->now_ns[w] += SIM_ASK_NS;
			return;
		}
		next = f->at_ns < next ? f->at_ns : next;
	}
	s->now_ns[w] = next;
	if (next != INT64_MAX) {
		s->now_ns[w] += sim_random(s, SIM_LATE_NS);
		s->wakes++;
	}
}

/* All workers, until then. */
static inline void
sim_run(struct sim *s, int64_t until_ns)
{
	uint32_t w, first;

	for (;;) {
		first = 0;
		for (w = 1; w < s->workers_n; w++) {
			if (s->now_ns[w] < s->now_ns[first])
				first = w;
		}
		if (s->now_ns[first] >= until_ns)
			break;
		sim_step(s, first);
	}
	for (w = 0; w < s->workers_n; w++)
		s->now_ns[w] = until_ns;
}

/* All bytes of a class (or all: -1), since the last time. */
static inline int64_t
sim_moved(struct sim *s, int class)
{
	int64_t sum = 0;
	uint32_t i;

	for (i = 0; i < s->flows_n; i++) {
		if (class < 0 || s->flows[i].pace.class == class)
			sum += s->flows[i].moved;
	}
	return sum;
}

static inline void
sim_forget(struct sim *s)
{
	uint32_t i;

	for (i = 0; i < s->flows_n; i++)
		s->flows[i].moved = s->flows[i].waited_ns = 0;
	s->moves_n = 0;
	s->wakes = 0;
}

#endif
