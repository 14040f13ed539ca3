#ifndef POLICYD_PROBER_BLAME_H
#define POLICYD_PROBER_BLAME_H

#include <stdbool.h>
#include <stdint.h>

#include "policyd/common/pdconf.h"
#include "probe/probe.h"

/*
 * Is it the intermediary, or is it the target?  Pure: clock and outcomes are
 * passed in.
 *
 * What failed before the intermediary was asked for the target is its own.  Of
 * the rest the target is to blame when through no other intermediary it has
 * answered of late, though another target has answered somebody; or when there
 * is but one target, and more than one intermediary to tell.
 */
struct prober_blame {
	uint32_t targets_n;
	int64_t window_us; /* "of late" */
	/* The newest answers of each target, through two of them. */
	struct {
		struct {
			uint64_t who; /* 0: nobody yet */
			int64_t at_us;
		} by[2];
	} seen[PDCONF_TARGETS_MAX];
};

/* who: a number of the intermediary, from 1. */
void prober_blame_passed(
    struct prober_blame *, uint32_t target, uint64_t who, int64_t now_us);
/* who has failed there; of_n: how many there are. */
struct prober_failure {
	uint32_t target;
	uint64_t who;
	uint32_t of_n;
	enum wire_reason reason;
	enum probe_phase phase;
};
bool prober_blame_target(
    const struct prober_blame *, const struct prober_failure *, int64_t now_us);

#endif
