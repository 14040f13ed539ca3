#ifndef SHM_USAGE_H
#define SHM_USAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * How many connections each user has at a worker, and how many requests of
 * late: a table in the worker's slab.  One writer; the other workers read it,
 * as hostile input, to count a user over all of them, and the control process
 * to show it.  A user goes by the hash of its name under a key that all slabs
 * of this agent share and no client knows, so that none can choose whom to
 * crowd out.
 *
 * Fixed size: a set is chosen by the hash, and in a full one a user without a
 * connection makes room, who has been quiet for longest first.  One for whom
 * there is no place is not counted.
 */
#define USAGE_SETS     512
#define USAGE_WAYS     8
#define USAGE_ENTRIES  (USAGE_SETS * USAGE_WAYS)
#define USAGE_NAME_MAX 79
#define USAGE_KEY_LEN  16

/*
 * A window: a number of requests, and in the upper bits which span of time it
 * is of.  The present one and the one before it have a place each.
 */
struct usage_entry {
	_Atomic uint32_t connections; /* now */
	_Atomic uint32_t refused;     /* wraps */
	_Atomic int64_t used_us;      /* mono_us() */
	_Atomic uint64_t windows[2];
	_Atomic uint64_t name[(USAGE_NAME_MAX + 1) / 8];
};

/* Zeroed it is empty, but has no key. */
struct usage {
	uint8_t key[USAGE_KEY_LEN]; /* as it was made; for ever */
	_Atomic uint64_t homeless;  /* times that there was no place */
	_Atomic uint64_t hashes[USAGE_ENTRIES]; /* 0: a free place */
	struct usage_entry entries[USAGE_ENTRIES];
};

/* Never 0.  name: at most USAGE_NAME_MAX bytes count. */
uint64_t usage_hash(const struct usage *, const char *name);

/* Any reader; every value clamped to what is possible. */

/* 0 when it is not there. */
uint32_t usage_connections(const struct usage *, uint64_t hash);
/* Requests in the span of that number. */
uint32_t usage_requests(const struct usage *, uint64_t hash, uint64_t span);
/* What is in place i, or false: nobody, or rubbish. */
struct usage_sample {
	char name[USAGE_NAME_MAX + 1]; /* printable, never empty */
	uint64_t hash;
	uint32_t connections, refused;
	int64_t used_us;
};
bool usage_at(const struct usage *, uint32_t i, struct usage_sample *out);

/* The writer alone. */

/* A worker, or its successor, begins: no connection is left. */
void usage_start(struct usage *);
/*
 * The user's entry, a new one if there is none; NULL: there is no place.  It
 * stays the user's for as long as it has a connection, and at least until
 * the next call.
 */
struct usage_entry *usage_enter(
    struct usage *, uint64_t hash, const char *name, int64_t now_us);
void usage_up(struct usage_entry *);
void usage_down(struct usage_entry *); /* never below 0 */
void usage_count(struct usage_entry *, uint64_t span, int64_t now_us);
void usage_refuse(struct usage_entry *);

#endif
