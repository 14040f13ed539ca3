#ifndef TESTS_INTEG_RIG_PAGE_H
#define TESTS_INTEG_RIG_PAGE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The policy server's page alone, over a store that was filled by hand: the
 * same server as in its process, in a thread of the case.
 */
#define RIG_PAGE_THINKS_MS 500
enum rig_page_fault {
	RIG_PAGE_FINE,
	RIG_PAGE_ERRORS, /* the API answers with errors */
	RIG_PAGE_CLOSES, /* or closes instead */
	RIG_PAGE_THINKS	 /* or takes RIG_PAGE_THINKS_MS for each */
};
struct rig_page {
	int64_t request_ms; /* 0: as it is */
	enum rig_page_fault fault;
	bool read_only; /* the ranker says so */
	uint16_t port;
	int stop[2]; /* a pipe */
	pthread_t thread;
	char store[256];
};

/* Listens on 127.0.0.1, on a port of its own; the first three are set. */
void rig_page_start(struct rig_page *, const char *store);
void rig_page_stop(struct rig_page *);

/*
 * Make a store, as it is after a day with three groups:
 *   new-york  hq-1 and hq-2 in tier 1, hq-3 slow, lowered to 2 ten minutes ago;
 *	       hq-4 dead, not used; 30 agents, a2 silent, a3 with an older
 *	       policy, a4 refused one
 *   london    hq-1..hq-3 as the policy has them; 2 agents
 *   ops       one agent, nothing ranked
 * an override for new-york for another half hour, and events, among them
 * RIG_PAGE_MARKUP, which must not become markup.
 */
#define RIG_PAGE_MARKUP "<img src=x onerror=alert(1)>\"'&amp;"
void rig_page_fill(const char *store, int64_t now_s);

#endif
