#ifndef POLICYD_ORDER_H
#define POLICYD_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "policyd/decide/fuse.h"
#include "wire/manage.h"

/*
 * Where each intermediary of one group is to stand: what the policy says,
 * moved by the estimates, moved by an administrator's override.  Pure but for
 * its own memory of the past; the clock is passed in.
 *
 * An intermediary is lowered by one tier when it is bad (success under
 * success_min, or slower than slow_factor times the median of the group's
 * others and by slow_over) for bad_for, and comes back when it has been well
 * for good_for.  One that is dead is drained, as is one that asks for it.
 * Never into or out of a reserved tier; never the last one of all that can be
 * used: nothing is drained when all would be.
 */
#define ORDER_REASON_MAX 95

struct order_rules {
	uint32_t success_min_permille; /* 800 */
	uint32_t slow_factor_percent;  /* 200 */
	uint32_t slow_over_us;	       /* 50 ms */
	int64_t bad_for_us;	       /* 30 s */
	int64_t good_for_us;	       /* 60 s */
};

/* An intermediary of the policy in force. */
struct order_member {
	char name[MANAGE_NAME_MAX + 1];
	uint16_t tier;	 /* of the policy */
	uint32_t weight; /* likewise */
	bool reserved;	 /* that tier is for some classes alone */
	struct fuse_estimate estimate;
	/* An administrator's word, which is stronger than all of that. */
	bool use;   /* in the best tier, whatever is seen */
	bool avoid; /* no new requests */
};

enum order_why {
	ORDER_POLICY, /* as the policy has it */
	ORDER_USE,
	ORDER_AVOID,
	ORDER_DEAD,
	ORDER_DRAIN, /* it asked for it */
	ORDER_FAILING,
	ORDER_SLOW,
	ORDER_LAST, /* would be drained, but there is no other */
	ORDER_WHY_COUNT
};
/* A stable word: "policy", "use", "avoid", "dead", ... */
const char *order_why_word(enum order_why);

/* What became of it, and what must be remembered for the next time. */
struct order_state {
	char name[MANAGE_NAME_MAX + 1];
	uint16_t tier;
	uint32_t weight;
	bool drain;
	enum order_why why;
	char reason[ORDER_REASON_MAX + 1]; /* for people */
	bool lowered;
	int64_t bad_since_us, good_since_us; /* 0: it is not */
	int64_t changed_us;		     /* tier, weight or drain */
};

/*
 * Decide on all members at once.  states: of the last time by name in any
 * order, states_n of them (those that are new begin as the policy has them);
 * out holds members_n, in the order of members.  tiers: the ranks that are not
 * reserved, rising.  Returns true when anything that agents are told (tier,
 * weight, drain) differs from before, or *next_us, when to look again at the
 * latest, though nothing comes in.
 */
struct order_group {
	const struct order_member *members;
	uint32_t members_n;
	const uint16_t *tiers;
	uint32_t tiers_n;
	const struct order_state *states;
	uint32_t states_n;
};
bool order_step(const struct order_rules *, const struct order_group *,
    int64_t now_us, struct order_state *out, int64_t *next_us);

#endif
