#ifndef POLICYD_RANKER_WINDOW_H
#define POLICYD_RANKER_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "policyd/decide/fuse.h"
#include "wire/manage.h"

/*
 * What was seen of one intermediary of late, in bounded memory.  The clock is
 * passed in; what is older than the window is not asked any more.
 */

/* What a report says above the one before, of one intermediary. */
struct ranker_diff {
	uint64_t attempts, successes, charged; /* the last two <= attempts */
	uint64_t bytes_up, bytes_down;
	uint32_t handshake_p50_us, first_byte_p50_us; /* 0: none was made */
};

/*
 * Between two rows of one instance, whose counters only grow, and wrap.  What
 * cannot be (more than DIFF_MAX attempts, more successes than attempts) is
 * clamped: an agent can say what it likes, and it harms only its own word.
 */
#define RANKER_DIFF_MAX UINT64_C(1000000000)
void ranker_diff(const struct manage_row *before, const struct manage_row *now,
    struct ranker_diff *out);
/* The middle of the bucket that the median is in; 0: there is none. */
uint32_t ranker_p50_us(
    const struct manage_hist *before, const struct manage_hist *now);

/* Of one agent. */
#define RANKER_WINDOW_SLOTS 5 /* each a quarter of the window, one is filling */
struct ranker_window {
	struct {
		int64_t nth; /* quarter since the clock began; 0: empty */
		uint64_t attempts, successes, charged;
	} slots[RANKER_WINDOW_SLOTS];
	int64_t handshake_at_us, first_byte_at_us;
	uint32_t handshake_p50_us, first_byte_p50_us;
};
void ranker_window_add(struct ranker_window *, int64_t now_us,
    int64_t window_us, const struct ranker_diff *);
/* false when there is nothing within the window. */
bool ranker_window_sum(const struct ranker_window *, int64_t now_us,
    int64_t window_us, struct fuse_agent *out);

/* Of the probes. */
#define RANKER_PROBES_MAX 64
struct ranker_probe {
	int64_t at_us;	  /* it ended */
	int64_t begun_us; /* or later, when that is not known */
	bool ok;
	uint32_t handshake_us, first_byte_us; /* when ok */
};
struct ranker_probes {
	struct ranker_probe ring[RANKER_PROBES_MAX];
	uint32_t next, n;
	uint32_t failed_row, passed_row;
	int64_t passed_us, failing_us; /* as fuse.h has them */
	bool dead;		       /* by the last estimate */
	int64_t load_at_us;	       /* 0: it has told none */
	uint32_t load_percent;
	bool drain;
};
void ranker_probes_add(struct ranker_probes *, const struct ranker_probe *);
void ranker_probes_sum(const struct ranker_probes *, int64_t now_us,
    int64_t window_us, struct fuse_probe *out);

#endif
