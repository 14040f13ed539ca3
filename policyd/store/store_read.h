#ifndef POLICYD_STORE_READ_H
#define POLICYD_STORE_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policyd/store/store.h"
#include "wire/envelope.h"
#include "wire/manage.h"

/*
 * The store as the page reads it, beside the ranker: opened read-only, so that
 * it can change nothing, and by snapshots of the write-ahead log, so that it
 * holds up nobody.
 *
 * All reading stands between store_reader_begin() and store_reader_end(), and
 * sees one moment of the store.  A function returns 0, or a negative errno:
 * -ENOENT there is no store yet; -ETIMEDOUT it took longer than was allowed;
 * -EBADMSG the file is damaged, or not a store that we know; -EIO and the like
 * as they come.  each() returns false to stop.
 */
struct store_reader;

/* Does not look at the file yet; path is copied.  0 or -ENOMEM. */
int store_reader_new(const char *path, struct store_reader **);
void store_reader_free(struct store_reader *); /* NULL allowed */
/* What the last failure was, for people. */
const char *store_reader_why(const struct store_reader *);

/* limit_us: how long reading may take in all, up to store_reader_end().  After
 * a failure there is nothing to end. */
int store_reader_begin(struct store_reader *, int64_t limit_us);
void store_reader_end(struct store_reader *);

/* --- what was said --- */

/* A signed message, without itself. */
struct store_mark {
	enum envelope_type type;
	char audience[ENVELOPE_AUDIENCE_MAX + 1];
	uint32_t epoch;
	uint64_t serial;
	int64_t issued_s, expires_s;
	int64_t at_s; /* published */
	char by[MANAGE_NAME_MAX + 1];
	int64_t len; /* bytes */
};
/* All that are kept, also those that others have taken the place of: roots,
 * then policies, then ranks; each by epoch and serial. */
int store_read_marks(struct store_reader *,
    bool (*each)(void *arg, const struct store_mark *), void *arg);

int store_read_overrides(struct store_reader *, int64_t now_s,
    bool (*each)(void *arg, const struct store_override *), void *arg);

/* --- who and what --- */

/* Those with a name above after, in the order of names.  group: "" for all. */
int store_read_agents(struct store_reader *, const char *group,
    const char *after, bool (*each)(void *arg, const struct store_agent *),
    void *arg);

struct store_event_query {
	int64_t since_s;	     /* not older */
	int64_t before_id;	     /* 0: from the newest on */
	const char *group, *subject; /* "": any */
};
/* Newest first; ids are > 0 and rise. */
int store_read_events(struct store_reader *, const struct store_event_query *,
    bool (*each)(void *arg, int64_t id, const struct store_event *), void *arg);

/* Where an intermediary stands for a group. */
struct store_stand {
	struct store_place last; /* at_s: when that was last written */
	int64_t since_s;	 /* its tier, drain and why are what they are */
	bool since_known;	 /* false: for longer than that */
	bool named;		 /* by the policy in force for that group */
};
/* By group and name. */
int store_read_stands(struct store_reader *,
    bool (*each)(void *arg, const struct store_stand *), void *arg);

/* Of one: what held at since_s, and all later rows, oldest first. */
struct store_history_query {
	const char *group, *name;
	int64_t since_s;
};
int store_read_history(struct store_reader *,
    const struct store_history_query *,
    bool (*each)(void *arg, const struct store_place *), void *arg);

/* Its probes of step_s seconds, summed up; those without any are left out. */
struct store_probed {
	int64_t at_s; /* begin of the step */
	int64_t made, passed;
	int64_t latency_us; /* the mean of connect, handshake and first byte
			       together, of those passed; 0: none */
};
int store_read_probes(struct store_reader *, const struct store_history_query *,
    int64_t step_s, bool (*each)(void *arg, const struct store_probed *),
    void *arg);

/* The newest of each; 0: none.  bytes: of the store. */
struct store_totals {
	int64_t agents, report_s, probe_s, place_s, event_s, bytes;
};
int store_read_totals(struct store_reader *, struct store_totals *);

#endif
