#ifndef CAGENTD_TURNS_H
#define CAGENTD_TURNS_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "shm/pace.h"

/*
 * Who of those that have bytes to move is served next, and with how many.  A
 * turn is one way of one tunnel that is bulk, or limited.  What is neither,
 * or little of a class that passes (TURNS_PASSES) on a link of known rate, is
 * never in line, but served as it comes, so that a keystroke passes by
 * everything here.
 *
 * Once a turn of the loop, after its events, those in line are served: classes
 * by priority, those of one priority by weight, within a class one after the
 * other, a quantum each (deficit round robin, Shreedhar and Varghese 1995;
 * bytes can be cut anywhere, so there is no deficit to carry).  Who is of lower
 * priority gets what is left of the loop's turn, and at least
 * TURNS_LEAST bytes of it, so that nobody starves.
 *
 * Where rates limit (shm/pace.h), nobody is served more than they allow; then
 * the class, or the tunnel alone if it has a limit of its own, waits until they
 * do.
 */
/* Priorities up to this one are in line only where they have a ceiling, are
 * bulk, or are too much for the link: else they count on its account. */
#define TURNS_PASSES  1
#define TURNS_QUANTUM (1024u * 1024)	 /* one turn at a time: a pipe */
#define TURNS_BYTES   (2u * 1024 * 1024) /* all, in one turn of the loop */
#define TURNS_LEAST   (64u * 1024)

/* What a turn's owner says after it was served. */
enum turn_after {
	TURN_MORE, /* there is more to move now */
	TURN_DONE, /* there is not: it is out of line until turns_join() */
	TURN_GONE  /* it does not exist any more */
};

struct turn;
/* Move at most allowed bytes; *moved: how many it were.  An enum turn_after. */
typedef int turn_fn(struct turn *, size_t allowed, size_t *moved);

/* Zeroed before first use but for what its owner sets. */
struct turn {
	struct pace_flow flow; /* the owner's */
	turn_fn *serve;	       /* the owner's */
	size_t want;	       /* likewise: no more is asked for; 0: any */
	TAILQ_ENTRY(turn) entry;
	struct turns *turns; /* NULL: not in line, and does not wait */
	struct op wait;	     /* for its own limit */
	uint8_t line;	     /* which it is in */
};
TAILQ_HEAD(turn_list, turn);

#define TURNS_LINES (PACE_CLASSES * PACE_BOTH_WAYS)

struct turns {
	struct loop *loop;
	struct pace_state *state; /* NULL: nothing has a limit */
	struct pace_plan plan;	  /* zeroed: likewise */
	struct turn_list lines[TURNS_LINES];
	int64_t held_ns[TURNS_LINES]; /* until then the line waits; 0: not */
	struct op timer;
	bool set;	  /* the timer */
	uint32_t workers; /* who share the link, this one among them */
	uint32_t active[PACE_BOTH_WAYS]; /* that move something, of late */
};

/* state is borrowed. */
void turns_init(struct turns *, struct loop *, struct pace_state *);
/* From here on by that plan, which so many workers go by. */
void turns_use(struct turns *, const struct pace_plan *, uint32_t workers);
void turns_fini(struct turns *);

/* It has something to move: in line, at its class's end; idempotent. */
void turns_join(struct turns *, struct turn *);
/* It has not, or ends; idempotent. */
void turns_leave(struct turn *);
/* Its class has changed. */
void turns_move(struct turn *, uint8_t class);

/* Does anything limit it? */
bool turns_limited(const struct turns *, uint8_t class, enum pace_way);
/* Must all that is of that class be in line to move any byte? */
bool turns_lined(const struct turns *, uint8_t class, enum pace_way);
/* One more, or less, moves something that way. */
void turns_active(struct turns *, enum pace_way, bool);
/* How many that are, both ways. */
uint32_t turns_sharing(const struct turns *);
/* What one of that class may come to, in bytes a second: its share of the
 * link, or half more than it had of late, and no ceiling's more; 0: nothing
 * limits it. */
int64_t turns_expect(
    const struct turns *, uint8_t class, enum pace_way, int64_t had);
/* So many bytes more (or less) than was reckoned go on the link's account. */
void turns_correct(struct turns *, enum pace_way, int64_t bytes);
/* Moved out of line: from when on, by loop_now_us()'s clock, more may be. */
int64_t turns_charge(struct turns *, struct pace_flow *, size_t n);

#endif
