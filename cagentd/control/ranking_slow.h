#ifndef CAGENTD_RANKING_SLOW_H
#define CAGENTD_RANKING_SLOW_H

#include <stdint.h>

#include "cagentd/control/ranking.h"
#include "cagentd/decide/slow.h"

struct ranking_sum;

/* Per slot: how long handshakes took of late, and what that is held against. */
struct ranking_slow {
	struct slow_window window;
	uint32_t limit_us; /* 0: nothing to compare it with */
	uint16_t lower;	   /* the rank for a slow one; 0: none */
};

/* The limits that the configuration names. */
void ranking_slow_settings(struct ranking *, const struct settings *);
/* Take a row's handshakes. */
void ranking_slow_see(struct ranking *, struct table_row *,
    const struct ranking_sum *, int64_t mono_us);
/* After all rows were seen: the limit for each. */
void ranking_slow_compare(struct ranking *);

#endif
