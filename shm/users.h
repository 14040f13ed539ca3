#ifndef SHM_USERS_H
#define SHM_USERS_H

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
#define USERS_SETS     512
#define USERS_WAYS     8
#define USERS_ENTRIES  (USERS_SETS * USERS_WAYS)
#define USERS_NAME_MAX 79
#define USERS_KEY_LEN  16

/*
 * A window: a number of requests, and in the upper bits which span of time it
 * is of.  The present one and the one before it have a place each.
 */
struct users_entry {
	_Atomic uint32_t connections; /* now */
	_Atomic uint32_t refused;     /* wraps */
	_Atomic int64_t used_us;      /* mono_us() */
	_Atomic uint64_t windows[2];
	_Atomic uint64_t name[(USERS_NAME_MAX + 1) / 8];
};

/* Zeroed it is empty, but has no key. */
struct users {
	uint8_t key[USERS_KEY_LEN]; /* as it was made; for ever */
	_Atomic uint64_t homeless;  /* times that there was no place */
	_Atomic uint64_t hashes[USERS_ENTRIES]; /* 0: a free place */
	struct users_entry entries[USERS_ENTRIES];
};

/* Never 0.  name: at most USERS_NAME_MAX bytes count. */
uint64_t users_hash(const struct users *, const char *name);

/* Any reader; every value clamped to what is possible. */

/* 0 when it is not there. */
uint32_t users_connections(const struct users *, uint64_t hash);
/* Requests in the span of that number. */
uint32_t users_requests(const struct users *, uint64_t hash, uint64_t span);
/* What is in place i, or false: nobody, or rubbish. */
struct users_sample {
	char name[USERS_NAME_MAX + 1]; /* printable, never empty */
	uint64_t hash;
	uint32_t connections, refused;
	int64_t used_us;
};
bool users_at(const struct users *, uint32_t i, struct users_sample *out);

/* The writer alone. */

/* A worker, or its successor, begins: no connection is left. */
void users_start(struct users *);
/*
 * The user's entry, a new one if there is none; NULL: there is no place.  It
 * stays the user's for as long as it has a connection, and at least until
 * the next call.
 */
struct users_entry *users_enter(
    struct users *, uint64_t hash, const char *name, int64_t now_us);
void users_up(struct users_entry *);
void users_down(struct users_entry *); /* never below 0 */
void users_count(struct users_entry *, uint64_t span, int64_t now_us);
void users_refuse(struct users_entry *);

#endif
