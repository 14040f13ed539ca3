#ifndef CAGENTD_CTL_ROUTE_H
#define CAGENTD_CTL_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "cagentd/control/ctl_learned.h"
#include "cagentd/decide/classify.h"
#include "cagentd/decide/path.h"

struct control;

/* A request that nobody makes, and what would become of it. */
struct ctl_route {
	struct control *control; /* read only */
	struct wire_host host;
	struct client client;
	/* Of a plain HTTP request, by its path; else it is a tunnel. */
	struct asked asked;
	bool datagrams; /* are to be relayed, over SOCKS5 */
	bool has_class; /* asked for; else the rules' */
	uint8_t class;	/* index in the settings */
	struct verdict verdict;
	struct ctl_learned_sum learned;
	int64_t now_us; /* mono_us() */
	/* By row. */
	enum path_skip skip[TABLE_ROWS_MAX];
	uint64_t cost[TABLE_ROWS_MAX];
	uint32_t in_flight[TABLE_ROWS_MAX];
	/* Eligible rows as they would be tried: services and caches, then
	 * by tier and cost; those on trial at the end of each. */
	uint32_t order_n;
	uint16_t order[TABLE_ROWS_MAX];
	/* Those before it are full, and its class takes nothing less. */
	bool held;
	struct path_full full;
	/* What path.c wants to know. */
	struct path_query query;
	struct path_index index;
	struct path_load loads[TABLE_ROWS_MAX];
};

/*
 * Find the way: control, host, client, asked and has_class are set.  The same
 * functions that workers pick by, over the same table; what is not known here
 * is what one worker alone has seen lately (its handshakes, whom it avoids, its
 * trials, what content came).
 */
void ctl_route_find(struct ctl_route *, int64_t now_us);

/* Is it tried before a direct connection? */
bool ctl_route_is_step(const struct ctl_route *, uint32_t row);
/* What the content is said to be, and by whom: NULL when nothing tells. */
json_t *ctl_route_content(const struct ctl_route *);
/* What would be tried, a sentence each. */
json_t *ctl_route_steps(const struct ctl_route *);

#endif
