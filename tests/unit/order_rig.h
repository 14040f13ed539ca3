#ifndef TESTS_ORDER_RIG_H
#define TESTS_ORDER_RIG_H

#include <stdio.h>
#include <string.h>

#include "policyd/decide/order.h"
#include "tests/unit/unit.h"

/* A group of some intermediaries that is looked at each second. */
#define RIG_MAX 16
#define S	1000000ll
#define MS	1000

static const struct order_rules rules = {.success_min_permille = 800,
    .slow_factor_percent = 200,
    .slow_over_us = 50 * MS,
    .bad_for_us = 30 * S,
    .good_for_us = 60 * S};

static struct {
	struct order_member members[RIG_MAX];
	struct order_state states[RIG_MAX];
	uint16_t tiers[4];
	struct order_group group;
	int64_t now_us, next_us;
	uint32_t changes;
} rig;

/* So many, all well, in tier 1; tiers 1, 2 and 5 are not reserved. */
static inline void
rig_begin(uint32_t n)
{
	struct order_member *m;
	uint32_t i;

	memset(&rig, 0, sizeof(rig));
	for (i = 0; i < n; i++) {
		m = &rig.members[i];
		snprintf(m->name, sizeof(m->name), "s%u", i);
		m->tier = 1;
		m->weight = 100;
		m->estimate = (struct fuse_estimate){.source = FUSE_PROBES,
		    .success_permille = 1000,
		    .load_percent = 100,
		    .reports.success_permille = 1000,
		    .probes = {true, 1000, 20 * MS, 30 * MS}};
	}
	rig.tiers[0] = 1;
	rig.tiers[1] = 2;
	rig.tiers[2] = 5;
	rig.group = (struct order_group){.members = rig.members,
	    .members_n = n,
	    .tiers = rig.tiers,
	    .tiers_n = 3,
	    .states = rig.states};
	rig.now_us = 1000 * S;
}

static inline bool
rig_look(void)
{
	struct order_state out[RIG_MAX];
	bool changed;

	changed = order_step(&rules, &rig.group, rig.now_us, out, &rig.next_us);
	memcpy(rig.states, out, sizeof(out));
	rig.group.states_n = rig.group.members_n;
	rig.changes += changed;
	return changed;
}

/* Looks each second; the second in which something changed, or -1. */
static inline int
rig_change_within(int seconds)
{
	bool changed;
	int i;

	for (i = 0; i < seconds; i++) {
		changed = rig_look();
		rig.now_us += S;
		if (changed)
			return i;
	}
	return -1;
}

/* What agents say of it. */
static inline void
rig_reports(uint32_t i, uint32_t permille, uint32_t handshake_ms)
{
	struct fuse_estimate *e = &rig.members[i].estimate;

	e->reports = (struct fuse_side){true, permille, handshake_ms * MS, 0};
	e->source = FUSE_BOTH;
	e->agents = 3;
	e->success_permille = permille < e->probes.success_permille
				  ? permille
				  : e->probes.success_permille;
}

static inline void
rig_silent(uint32_t i)
{
	rig.members[i].estimate.reports =
	    (struct fuse_side){.success_permille = 1000};
	rig.members[i].estimate.source = FUSE_PROBES;
}

static inline void
rig_probes(uint32_t i, uint32_t permille, uint32_t handshake_ms)
{
	struct fuse_estimate *e = &rig.members[i].estimate;

	e->probes =
	    (struct fuse_side){true, permille, handshake_ms * MS, 30 * MS};
	e->success_permille = permille;
}

#endif
