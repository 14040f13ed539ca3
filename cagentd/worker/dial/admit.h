#ifndef CAGENTD_ADMIT_H
#define CAGENTD_ADMIT_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "conf/settings.h"
#include "shm/slab.h"

/*
 * Who waits for intermediaries that are at their connection limits, in order:
 * by priority of their class, then first come, first served.  Who waits in this
 * worker stands in its slab, too, by slot and priority, so that nobody is
 * overtaken from another worker either: who asks finds full what another waits
 * for that goes before it.  Among those of one priority that wait in different
 * workers there is no order.
 *
 * Nothing here looks at a clock or at an intermediary.
 */
#define ADMIT_SLOTS (TABLE_ROWS_MAX / 64)

struct admit_place { /* of one who waits; zeroed before first use */
	TAILQ_ENTRY(admit_place) entry;
	bool waiting;
	uint8_t class;
	uint8_t priority;
	int64_t since_us, until_us;
	uint64_t slots[ADMIT_SLOTS]; /* any of which will do */
};
TAILQ_HEAD(admit_list, admit_place);

struct admit {
	struct slab *slab;	   /* ours */
	struct slab *const *slabs; /* of all workers, with NULLs */
	uint32_t slabs_n;
	struct admit_list places;
	struct admit_place *next; /* of a walk that is under way */
	/* Whose question it is that is asked: its priority, and where it
	 * stands already; NULL: it has just come. */
	bool asking;
	uint32_t priority;
	const struct admit_place *asker;
};

void admit_init(struct admit *, struct slab *own, struct slab *const *slabs,
    uint32_t slabs_n);

/* At the end of those of its priority: 0, or -ENOBUFS when as many of its
 * class wait here as may.  class: its number, of these settings. */
int admit_enter(struct admit *, struct admit_place *, uint8_t class,
    const struct settings_class *, const uint64_t slots[static ADMIT_SLOTS]);
/* It waits for these from now on. */
void admit_move(struct admit *, struct admit_place *,
    const uint64_t slots[static ADMIT_SLOTS]);
/* It waits no more; idempotent. */
void admit_leave(struct admit *, struct admit_place *);

/* The questions from here on are of one of that priority, which has that
 * place (or none); until admit_asked(). */
void admit_ask(struct admit *, uint32_t priority, const struct admit_place *);
void admit_asked(struct admit *);
/* Does anybody wait for it who goes before who asks? */
bool admit_is_taken(const struct admit *, uint32_t slot);

/* One after the other in order; places may go meanwhile, also this one. */
struct admit_place *admit_first(struct admit *);
struct admit_place *admit_next(struct admit *);
/* The soonest that anybody has waited long enough; INT64_MAX: nobody waits. */
int64_t admit_soonest_us(const struct admit *);

#endif
