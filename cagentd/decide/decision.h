#ifndef CAGENTD_DECISION_H
#define CAGENTD_DECISION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cagentd/decide/path.h"

/*
 * Recorded choices, and their replay.  What path_pick() was given and what it
 * returned becomes a record; what it was given from the table becomes another,
 * written before the first choice from each publication of it.  The same
 * function run on the same input must come to the same again.
 *
 * Only what the choice depends on is kept: names of intermediaries, but no
 * destination and no configuration.  Records are big-endian, and several
 * workers write them into one file:
 *
 *	magic(4) version(1) kind(1) worker(2) length(4) content checksum(4)
 *
 * A change of the content, or of what path_pick() looks at, is a new version.
 */
#define DECISION_MAGIC	     0x63446563u /* "cDec" */
#define DECISION_VERSION     3
#define DECISION_RECORD_MAX  (128 * 1024)
#define DECISION_WORKERS_MAX SETTINGS_WORKERS_MAX
#define DECISION_TRIED_MAX   32
#define DECISION_TIMES_MAX   64

enum decision_kind {
	DECISION_TABLE = 1,
	DECISION_PICK = 2
};

/* Which intermediaries can carry the destination. */
enum decision_host {
	DECISION_HOST_NONE,
	DECISION_HOST_NOT_SOCKS4A,
	DECISION_HOST_ANY,
	DECISION_HOST_DATAGRAMS /* of any; SOCKS5 alone can */
};

struct decision_outcome {
	bool picked; /* the rest is zero unless */
	uint32_t slot, incarnation;
	uint16_t rank;
	bool trial;
	uint64_t cost;
	enum path_why why;
	bool avoided, spilled, passed;
};

struct decision_load {
	uint32_t slot;
	struct path_load load;
};

struct decision_in_flight {
	uint32_t slot, n;
};

struct decision_tier {
	uint16_t rank;
	bool listed; /* the request's class, among whom it is for */
};

struct decision {
	uint64_t generation; /* of the table */
	uint64_t seed;	     /* before */
	int64_t now_us;
	uint32_t times_max;
	struct verdict verdict; /* its intermediary is the one named so: */
	char via[TABLE_NAME_MAX + 1];
	/* What was looked for; of caches and services these rows, a bit each,
	 * were wanted. */
	enum table_duty duty;
	uint8_t wanted[TABLE_ROWS_MAX / 8];
	enum decision_host host;
	uint32_t tried_n;
	struct path_tried tried[DECISION_TRIED_MAX];
	/* Was the table made from the request's settings?  Else these rows of
	 * it are configured there as well, a bit each. */
	bool same_settings;
	uint8_t configured[TABLE_ROWS_MAX / 8];
	/* What they say of the class: the tiers that it may use (none: all),
	 * and, unless they are the same, whom the tiers are for. */
	uint32_t ranks_n;
	uint16_t ranks[SETTINGS_TIERS_MAX];
	uint32_t tiers_n;
	struct decision_tier tiers[SETTINGS_TIERS_MAX];
	bool asked; /* q.in_flight was there; what it said is below */
	uint32_t in_flight_n;
	struct decision_in_flight in_flight[TABLE_ROWS_MAX];
	uint32_t loads_n; /* those that are not all zero */
	struct decision_load loads[TABLE_ROWS_MAX];
	struct decision_outcome outcome;
};

/* What is to be written: the query as it was, the seed before, and the pick or
 * NULL. */
struct decision_made {
	uint32_t worker;
	const struct path_query *query;
	uint64_t seed;
	const struct path_pick *pick;
};

/* The whole record into buf of DECISION_RECORD_MAX bytes; its length, 0 when
 * it cannot be expressed. */
size_t decision_encode(const struct decision_made *, uint8_t *buf);
size_t decision_table_encode(
    uint32_t worker, const struct table *, uint8_t *buf);

struct decision_record {
	enum decision_kind kind;
	uint32_t worker;
	const uint8_t *content; /* borrowed from the input */
	size_t len;
};

/* The bytes of the record that begins here, WIRE_MORE when it is cut short,
 * WIRE_BAD when none of this version begins here. */
int decision_record_decode(
    const uint8_t *in, size_t len, struct decision_record *out);
/* 0 or -EPROTO, and then *out is undefined.  What passes is safe to replay. */
int decision_decode(const struct decision_record *, struct decision *out);
/* Only what path_pick() looks at; the rest of *out is zero. */
int decision_table_decode(const struct decision_record *, struct table *out);

/* What a replay needs of memory; zeroed before first use. */
struct decision_replay {
	struct settings settings;
	/* One more for a name that no row has. */
	struct settings_intermediary intermediaries[TABLE_ROWS_MAX + 1];
	struct path_load loads[TABLE_ROWS_MAX];
	uint32_t in_flight[TABLE_ROWS_MAX];
};

/*
 * Choose again, from the table of that generation and its index.  *out is what
 * it comes to; returns whether that is what was recorded.
 */
bool decision_replay(struct decision_replay *, const struct table *,
    const struct path_index *, const struct decision *,
    struct decision_outcome *out);

#endif
