#ifndef CAGENTD_EVENTS_H
#define CAGENTD_EVENTS_H

#include <stdint.h>

#include "shm/table.h"

/*
 * The last things that changed, for cagent-ctl events; each is also logged.
 * A ring: the oldest is overwritten, and ids tell a reader what it missed.
 */
#define EVENTS_MAX	1024
#define EVENTS_TEXT_MAX 159

/* A stable word each, events_kind_word(). */
enum event_kind {
	EVENT_STATE,  /* the observed column of an intermediary */
	EVENT_TIER,   /* its effective tier */
	EVENT_ADMIN,  /* an administrator's order */
	EVENT_CONFIG, /* added, removed, changed by a reload */
	EVENT_UPLINK, /* our own: suspected dead, alive again */
	EVENT_POLICY, /* a signed message was taken, refused, or is stale */
	EVENT_LINK,   /* the connection to a manager: made, lost, refused */
	EVENT_NOTE,   /* from the master: reloads, deaths */
	EVENT_KIND_COUNT
};
const char *events_kind_word(enum event_kind);

struct event {
	uint64_t id; /* from 1, rising by 1 */
	int64_t wall_us;
	enum event_kind kind;
	enum table_why why;
	char name[TABLE_NAME_MAX + 1]; /* the intermediary, or "" */
	char text[EVENTS_TEXT_MAX + 1];
};

struct events {
	uint64_t last_id;
	struct event ring[EVENTS_MAX];
	/* Called after an event was added; NULL: nobody follows. */
	void (*added)(void *arg, const struct event *);
	void *arg;
};

void events_add(struct events *, enum event_kind, const char *name,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* The same, with why it came about. */
void events_add_why(struct events *, enum event_kind, enum table_why,
    const char *name, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* The event of that id, or NULL when it is overwritten or yet to come. */
const struct event *events_get(const struct events *, uint64_t id);
/* The oldest id that is still there; last_id + 1 when there is none. */
uint64_t events_first(const struct events *);

#endif
