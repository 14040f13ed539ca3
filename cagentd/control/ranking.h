#ifndef CAGENTD_RANKING_H
#define CAGENTD_RANKING_H

#include <stdbool.h>
#include <stdint.h>

#include "cagentd/control/events.h"
#include "cagentd/decide/due.h"
#include "cagentd/decide/rank.h"
#include "conf/settings.h"
#include "shm/slab.h"
#include "shm/table.h"

/*
 * The control process's picture of all intermediaries: what the configuration
 * names, what the slabs tell, where rank.c puts each; and the only writer of
 * the tier table.
 */
struct policy_rank;

struct ranking {
	struct table *table; /* what is, or will next be, published */
	struct table_writer *writer;
	struct events *events;
	const struct policy_rank *rank; /* borrowed; NULL: none is in force */
	struct slab *slabs[SETTINGS_WORKERS_MAX]; /* read-only; NULL: none */
	struct rank_state *states;		  /* by slot */
	struct ranking_seen *seen;		  /* by slot */
	struct rank_seen *fresh; /* by row, of the present look */
	struct uplink *uplink;
	struct uplink_news *news;     /* by row, of the present look */
	int64_t attempt_us, check_us; /* what an attempt, a check may take */
	uint64_t direct; /* connections, before the uplink was suspected */
	uint32_t *incarnations;			/* by slot: the newest tenant */
	struct ranking_slow *slow;		/* by slot */
	uint32_t slow_over_us[TABLE_TIERS_MAX]; /* of table->tiers[i] */
	int64_t slow_at_us;			/* when next to be measured */
	struct due_state *checks;		/* by slot */
	struct due_rules due;
	struct wire_host check_target; /* that the checks were made for */
	uint64_t checks_made;
	uint64_t turns; /* how often one was ejected, or has come back */
	uint64_t seed;
	bool dirty; /* something is to be published */
};

/* What an earlier control process saw is worth nothing when it is so old; an
 * administrator's orders stand. */
#define RANKING_STALE_US 900000000ll

/* Map table_fd for writing and take up what an earlier control process left
 * in it.  fatal() on failure. */
void ranking_init(struct ranking *, int table_fd, struct events *);
void ranking_free(struct ranking *);
/* fd is closed.  0 or -errno. */
int ranking_slab(struct ranking *, uint32_t worker, int fd);
/* The configuration's intermediaries and tiers; those that are the same as
 * before keep their state. */
void ranking_settings(struct ranking *, const struct settings *);
/* Fold the slabs, rank, and publish if something changed.  Returns when it
 * wants to be called again (mono_us()), INT64_MAX for never. */
int64_t ranking_step(struct ranking *);
void ranking_publish(struct ranking *);
/* Has anything gone direct since our own uplink is suspected? */
bool ranking_goes_direct(const struct ranking *);
/* Can one count on it now?  On one that is on trial, not yet. */
bool ranking_takes(const struct table_row *);
/* The same, and it is an intermediary that may be the last one. */
bool ranking_usable(const struct table_row *);

/* An administrator's orders: 0, -ENOENT (no such intermediary), -EALREADY,
 * -EINVAL (it is in no tier).  Published at once. */
int ranking_drain(
    struct ranking *, const char *name, bool drain, const char *by);
/* tier 0: unpin. */
int ranking_pin(
    struct ranking *, const char *name, uint16_t tier, const char *by);

#endif
