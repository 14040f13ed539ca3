#ifndef POLICYD_ORDER_IMPL_H
#define POLICYD_ORDER_IMPL_H

#include "policyd/decide/order.h"

/* What order*.c share among themselves. */

/* How one looks now. */
struct order_view {
	bool heard; /* something is said by who called it bad, if any did */
	bool by_reports; /* failing or slow to the agents */
	bool failing, slow;
	bool unproved; /* dead, unless that is our own way */
	bool kept;     /* would be lowered, but nothing better is left */
	/* What made it slow. */
	const char *what;
	uint32_t own_us, others_us;
};

/* Where one is to stand. */
struct order_place {
	uint16_t tier;
	uint32_t weight;
	bool drain;
	bool as_before; /* it is too early to move it */
	enum order_why why, but_for;
};

struct order_run {
	const struct order_rules *rules;
	const struct order_group *group;
	int64_t now_us, next_us;
	struct order_state *out;
	bool held;
	uint32_t down_n, of_n; /* while held */
	struct order_view views[MANAGE_ROWS_MAX];
	struct order_place places[MANAGE_ROWS_MAX];
};

/* How long estimates hold what was seen. */
int64_t order_news_us(const struct order_run *);
/* Look again at that time, if it is to come. */
void order_wake(struct order_run *, int64_t at_us);
/* Is the last change of it long enough ago? */
bool order_may_move(struct order_run *, const struct order_state *);

/* Fill in the views. */
void order_look(struct order_run *);
/* Fall and rise, underneath overrides. */
void order_health(struct order_run *);

#endif
