#ifndef POLICYD_PROBER_DUE_H
#define POLICYD_PROBER_DUE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * When one intermediary is probed next.  Pure: clock and lots are passed in.
 *
 * At once when it is new, then each interval with a tenth of jitter; and soon
 * again while its row of failures, or once dead of successes, is not long
 * enough to say something, so that a death is seen within seconds.
 */
#define PROBER_DUE_FAST	   5	  /* soon: that part of the interval */
#define PROBER_DUE_SOON_US 200000 /* and not sooner */
#define PROBER_DUE_UNSURE  3	  /* repeated soon that often in a row */

struct prober_due_rules {
	int64_t interval_us;
	uint32_t fall, rise; /* as fuse_rules' */
};

struct prober_due {
	int64_t at_us; /* INT64_MAX: under way */
	int64_t begun_us;
	uint32_t failed_row, passed_row, unsure_row;
	bool dead;
};

enum prober_says {
	PROBER_PASSED,
	PROBER_FAILED,
	PROBER_UNSURE /* the target's failure, perhaps */
};

void prober_due_new(struct prober_due *, int64_t now_us);
void prober_due_begin(struct prober_due *, int64_t now_us);
void prober_due_end(struct prober_due *, const struct prober_due_rules *,
    enum prober_says, int64_t now_us, uint64_t *seed);

#endif
