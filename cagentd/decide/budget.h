#ifndef CAGENTD_BUDGET_H
#define CAGENTD_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

/*
 * How much a worker may try beyond the first attempt of each request, so that
 * help does not become load.  Pure: the clock is passed in.
 *
 * Retries: when everything is down, trying again only adds load.  A worker
 * that has met BUDGET_DOWN_FAILURES failures of intermediaries' own, and no
 * proof of any of them meanwhile nor in the last BUDGET_DOWN_US, lets one
 * request in BUDGET_DOWN_SHARE have a second try.  All counts are since the
 * last proof.
 *
 * Hedges, and replays of what got no answer: a bucket that gains a percentage
 * of an attempt with each request, and one a second so that a quiet host has
 * them, too (as finagle's RetryBudget has it).  BUDGET_HEDGES at most are saved
 * up, and beneath them BUDGET_REPLAYS that hedges may not touch: a hedge saves
 * a client some time, a replay the request.
 */
#define BUDGET_DOWN_FAILURES 50
#define BUDGET_DOWN_US	     1000000
#define BUDGET_DOWN_SHARE    5
#define BUDGET_HEDGES	     20
#define BUDGET_REPLAYS	     10

struct budget {
	int64_t proved_us;
	uint64_t failures, requests, retries; /* since then */
	int64_t saved;	   /* up, in millionths of an attempt */
	int64_t filled_us; /* up to when a second's gain was counted */
};

/* With all its hedges; a zeroed one has none yet. */
void budget_init(struct budget *, int64_t now_us);
/* A request begins.  percent: of the requests that may have an attempt more. */
void budget_request(struct budget *, int64_t percent, int64_t now_us);
/* An intermediary has failed by its own fault. */
void budget_failed(struct budget *);
/* Some intermediary has brought a first byte. */
void budget_proved(struct budget *, int64_t now_us);
/* May a request that failed be tried once more?  Counted if so. */
bool budget_retry(struct budget *, int64_t now_us);
/* May an attempt more be made for one that is under way?  Taken if so. */
bool budget_hedge(struct budget *);
/* The same for one that stands and gets no answer. */
bool budget_replay(struct budget *);

#endif
