#ifndef SHM_LEARNED_H
#define SHM_LEARNED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * What a worker has learned of destinations: which of them answer without an
 * intermediary.  It lies in the worker's slab, so that a successor takes it
 * up and the control process can show it.  One writer, and readers that take
 * it for hostile: a sequence number an entry, odd while it is written, so that
 * one torn by a killed writer is nobody's until the successor has cleared it.
 *
 * Fixed size: a set is chosen by the key's hash, and in a full one the least
 * useful entry goes, the longest unused of its kind first.  All times are
 * mono_us(), which a slab does not outlive.
 */
#define LEARNED_SETS	128
#define LEARNED_WAYS	8
#define LEARNED_ENTRIES (LEARNED_SETS * LEARNED_WAYS)
#define LEARNED_KEY_MAX 263 /* "host:port" */

/* What has failed is not tried again for so long, and twice as long each time
 * up to 2^LEARNED_DOUBLINGS. */
#define LEARNED_AGAIN_US  600000000ll
#define LEARNED_DOUBLINGS 4

enum learned_state {
	LEARNED_NOTHING, /* an empty place */
	LEARNED_OUTSIDE, /* none that may be learned: a name of elsewhere */
	LEARNED_FAILED,	 /* does not answer without an intermediary */
	LEARNED_DIRECT,	 /* does */
	LEARNED_STATES
};

struct learned_entry {
	_Atomic uint32_t sequence;
	_Atomic uint32_t state;
	_Atomic uint64_t hash;
	_Atomic uint64_t scope;
	_Atomic int64_t since_us;
	_Atomic int64_t used_us;
	_Atomic uint64_t failures;
	_Atomic uint64_t key[(LEARNED_KEY_MAX + 1) / 8];
};

/* Zeroed it is empty. */
struct learned {
	_Atomic uint64_t tried;	    /* direct connections made to find out */
	_Atomic uint64_t found;	    /* of those, that stood */
	_Atomic uint64_t used;	    /* tunnels that answered directly */
	_Atomic uint64_t forgotten; /* was believed, and failed */
	struct learned_entry entries[LEARNED_ENTRIES];
};

/* A copy of an entry, every value clamped to what is possible. */
struct learned_fact {
	char key[LEARNED_KEY_MAX + 1]; /* printable, never empty */
	enum learned_state state;
	uint64_t scope;	  /* under which configuration of what may be learned */
	int64_t since_us; /* when it was learned */
	int64_t used_us;  /* when it last proved true */
	uint32_t failures; /* in a row */
};

/* Any reader; later times than now_us are clamped to it.  False: nothing is
 * known of that key, or there is no entry i. */
bool learned_find(const struct learned *, const char *key, int64_t now_us,
    struct learned_fact *out);
bool learned_at(const struct learned *, uint32_t i, int64_t now_us,
    struct learned_fact *out);

/* Pure.  Is it to be gone by?  age_us: how long without being used. */
bool learned_believed(const struct learned_fact *, uint64_t scope,
    int64_t age_us, int64_t now_us);
/* When it is to be found out again (DIRECT: never). */
int64_t learned_again_us(const struct learned_fact *);

/* The writer alone. */

/* A worker, or its successor, begins: clear what was torn. */
void learned_start(struct learned *);
/*
 * Write the fact down, over what was known of its key.  What was not used
 * since stale_us is in nobody's way.  False: it is of less use than all that
 * is in its place, or its key is too long.
 */
bool learned_put(
    struct learned *, const struct learned_fact *, int64_t stale_us);
/* It has proved true. */
void learned_use(struct learned *, const char *key, int64_t now_us);
void learned_drop(struct learned *, const char *key);

#endif
