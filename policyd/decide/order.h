#ifndef POLICYD_ORDER_H
#define POLICYD_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "policyd/decide/fuse.h"
#include "wire/manage.h"

/*
 * Where each intermediary of one group is to stand: what the policy says,
 * moved by the estimates, moved by an administrator's override.  Pure but for
 * its own memory of the past; the clock is passed in, and is never 0.
 *
 *   well ──bad for bad_for──> lowered ──nothing bad for good_for──> well
 *   well, lowered ──dead to the probes──> drained ──alive──> as before
 *
 * Bad: fewer successes than success_min, to the agents or to the probes; or a
 * handshake or first byte slower than slow_factor times the median of the
 * others and by slow_over, to the agents, or when those do not say, to the
 * probes.  The others are those of its tier in the policy that can be used, or
 * where it is alone there, those of worse tiers.  To come back takes half of
 * the way from the bar to the others, or to 100 %.
 *
 * Lowered: in the next worse tier that is not reserved; where there is none,
 * ORDER_LOWERED_PERCENT of its weight.  It then gets little traffic, so that
 * silence brings it back like good news does; but each fall after the first
 * doubles how long that takes, up to ORDER_AGAIN_MAX_US, and how long a death or
 * a wish must be over to be believed so, until it was well for
 * ORDER_FORGET_US.
 *
 * Drained: dead, or it asks for it.  Never the last one of all that can be
 * used: when all would be drained, those are kept that are drained for the
 * least of reasons.
 *
 * When most have gone bad within ORDER_AT_ONCE_US, that is rather the way to
 * them, and nothing moves for ORDER_HOLD_US, or for ever when none is well.
 * Nobody is dead before another one has answered a probe that was begun after
 * the first that this one failed.
 *
 * No intermediary is moved twice within ORDER_GAP_US, nor its weight twice in
 * ORDER_WEIGHT_GAP_US, but by overrides, by the policy, and to keep the last.
 * None is moved into or out of a reserved tier.
 */
#define ORDER_REASON_MAX      95
#define ORDER_LOWERED_PERCENT 10
#define ORDER_LOAD_STEP	      10 /* percent; less is not followed */
#define ORDER_GAP_US	      10000000ll
#define ORDER_WEIGHT_GAP_US   30000000ll
#define ORDER_AT_ONCE_US      60000000ll
#define ORDER_HOLD_US	      300000000ll
#define ORDER_AGAIN_MAX_US    600000000ll
#define ORDER_FORGET_US	      600000000ll
#define ORDER_NEWS_US	      120000000ll

struct order_rules {
	uint32_t success_min_permille; /* 800 */
	uint32_t slow_factor_percent;  /* 200 */
	uint32_t slow_over_us;	       /* 50 ms */
	int64_t bad_for_us;	       /* 30 s */
	int64_t good_for_us;	       /* 60 s */
	int64_t news_us; /* how long estimates hold what was seen; 0:
			    ORDER_NEWS_US */
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

/* What became of it, and what must be remembered for the next time; zeroed
 * but for the name where nothing is. */
struct order_state {
	char name[MANAGE_NAME_MAX + 1];
	uint16_t tier;
	uint32_t weight;
	bool drain;
	enum order_why why;
	char reason[ORDER_REASON_MAX + 1]; /* for people */

	/* Underneath overrides. */
	bool lowered, gone;		 /* gone: dead, or by its own wish */
	enum order_why lowered_for;	 /* ORDER_FAILING or ORDER_SLOW */
	enum order_why gone_for;	 /* ORDER_DEAD or ORDER_DRAIN */
	char note[ORDER_REASON_MAX + 1]; /* on its last fall or rise */
	uint32_t falls;			 /* in a row */
	uint32_t load_percent;		 /* that was followed */
	bool bad_by_reports;		 /* then probes cannot deny it */
	bool held, overridden;		 /* the last time */
	uint16_t home;			 /* the policy's, of the last time; 0:
					    there was none */
	uint32_t home_weight;
	/* Monotonic, 0: it is not, or never was. */
	int64_t bad_since_us, good_since_us; /* good: or silent */
	int64_t down_since_us;		     /* failing or dead */
	int64_t back_since_us;		     /* neither dead nor asking */
	int64_t news_us;		     /* the newest */
	int64_t back_us;    /* failures before that are paid for */
	int64_t changed_us; /* tier, weight or drain */
};

/*
 * Decide on all members at once.  states: of the last time by name in any
 * order, states_n of them (those that are new begin as the policy has them);
 * out holds members_n, in the order of members.  tiers: the ranks that are not
 * reserved, rising.  Returns true when anything that agents are told (tier,
 * weight, drain) differs from before; *next_us: when to look again at the
 * latest, though nothing comes in, or INT64_MAX.
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
