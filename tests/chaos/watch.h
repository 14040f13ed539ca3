#ifndef TESTS_CHAOS_WATCH_H
#define TESTS_CHAOS_WATCH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "shm/slab.h"
#include "shm/table.h"
#include "tests/integ/rig_agent.h"

/*
 * What an agent does to its ranks, seen from outside: every change of state
 * or tier in the table that it publishes, and the counts of its workers.
 */
#define WATCH_CHANGES_MAX 512
#define WATCH_SLABS_MAX	  8

struct watch_change {
	int64_t us;
	char name[TABLE_NAME_MAX + 1];
	uint8_t observed, observed_was;
	uint16_t tier, tier_was;
	bool demoted; /* not to be used, or in a worse tier than at home */
	char reason[TABLE_REASON_MAX + 1];
};

struct watch {
	struct table_reader *reader;
	struct table *now, *next; /* the thread's */
	struct slab *slabs[WATCH_SLABS_MAX];
	unsigned int slabs_n;
	pthread_t thread;
	atomic_uint stop, changes_n;
	struct watch_change changes[WATCH_CHANGES_MAX];
};

/* Of an agent that is ready; ends the case when it cannot. */
void watch_start(struct watch *, const struct rig_agent *);
void watch_stop(struct watch *);

/* All of these may be asked while it watches.  name NULL: of all. */
unsigned int watch_tier_changes(const struct watch *, const char *name);
/* The most of them in any window of that length. */
unsigned int watch_most_within(
    const struct watch *, const char *name, int64_t window_us);
/* The first demotion, or NULL. */
const struct watch_change *watch_demotion(
    const struct watch *, const char *name);

/* Attempts at all intermediaries up to now. */
uint64_t watch_attempts(const struct watch *);

#endif
