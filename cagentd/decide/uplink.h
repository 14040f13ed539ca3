#ifndef CAGENTD_UPLINK_H
#define CAGENTD_UPLINK_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/table.h"

/*
 * Is it them, or is it us?  A time-out, a silence or an unreachable
 * intermediary may as well be a dead uplink of this host, which charges
 * nobody.  (A refusal may not: a packet has come back.)  Pure: counts and the
 * clock are passed in.
 *
 * What was charged for such a failure is held back until it is known who it
 * was:
 *  - another path has worked while the attempts went on, after the first had
 *    begun and before the last had sent its SYN again: no single outage of
 *    ours explains them all, so all are believed;
 *  - another path has worked later: they may be one outage, and are believed
 *    as one failure;
 *  - an own success: they are forgotten.
 * With less than two enabled intermediaries nothing is held back: there is
 * nothing to tell one from the other by, nor another one to go to.
 *
 * All that serve and were ever tried, at least two, timed out or were
 * unreachable since the last success of any: the uplink is down; two thirds are
 * enough when for a second nobody has heard of the others.  The first success
 * brings it back; what was held back until then, and attempts that began
 * before, are forgotten: they cannot bring it down again either.
 *
 * Only ranked intermediaries count as other paths.  What goes direct is mostly
 * near, and says nothing of the way to them; and while none of them works, none
 * needs to be moved.  Caches and services are near, too; what is charged to
 * them is believed at once, as there is always a next step after them.
 */
#define UPLINK_ROWS_MIN 2
#define UPLINK_CELL_US	250000	/* how exactly successes are dated */
#define UPLINK_CELLS	64	/* so that 16 s are known */
#define UPLINK_RTT_US	250000	/* what was under way still comes */
#define UPLINK_GRACE_US 1000000 /* for a witness to be heard */
#define UPLINK_SYN_US	1000000 /* until TCP sends its SYN again */
/* What is charged only once another path has answered was begun so long
 * before, or later. */
#define UPLINK_LATE_US 1000000

/* Of one intermediary, since the last look. */
struct uplink_news {
	uint64_t successes;
	uint64_t failures; /* of any kind, whoever is to blame */
	uint64_t charged;
	uint64_t timeouts, unreachable, silences; /* of the failures */
	int64_t ok_us;	 /* monotonic: of the newest success */
	int64_t took_us; /* the timeouts, how long at most */
	/* The answer: charged failures to be believed now. */
	uint64_t believed;
};

struct uplink_row { /* by slot; zeroed for a new tenant */
	uint32_t incarnation;
	uint64_t held;		/* back */
	int64_t from_us, to_us; /* they began, the last sent its SYN again */
	/* The last look with a failure of any kind; and with one like that. */
	uint64_t tried_look, lost_look;
};

struct uplink {		  /* zeroed at the start */
	int64_t since_us; /* monotonic: down since; 0: it is not */
	int64_t back_us;
	uint64_t look, alive_look; /* the number of this one, with a success */
	int64_t looked_us;
	int64_t cell;	/* the newest */
	uint64_t marks; /* cells with a success; bit 0 is the newest */
	/* Of the enabled ones that serve: those of whom anything is known, and
	 * those who are lost; since when so many. */
	uint32_t known_n, lost_n;
	int64_t most_us;
	struct uplink_row rows[TABLE_ROWS_MAX];
};

enum uplink_turn {
	UPLINK_SAME,
	UPLINK_DOWN, /* from now on */
	UPLINK_UP
};

/* Look at the news of all rows at once; news is by row of the table. */
enum uplink_turn uplink_look(struct uplink *, const struct table *,
    struct uplink_news *news, int64_t mono_us);
/* Has it timed out or been unreachable since the last success of any? */
bool uplink_lost(const struct uplink *, const struct table_row *);

#endif
