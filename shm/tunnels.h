#ifndef SHM_TUNNELS_H
#define SHM_TUNNELS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * A worker's live tunnels, a row each, in its slab: for people to look at.  One
 * writer, and readers that take it for hostile: a sequence number a row, odd
 * while it changes hands.  A bit for each row that is taken says where to look;
 * the lowest free one is taken first, so that as few pages as possible are ever
 * touched.  A tunnel for which there is no row is not shown.
 */
#define TUNNELS_ROWS	 16384
#define TUNNELS_WORDS	 (TUNNELS_ROWS / 64)
#define TUNNELS_USER_MAX 31
#define TUNNELS_DEST_MAX 47
#define TUNNELS_DIRECT	 UINT32_MAX /* as slot */

struct tunnels_row {
	_Atomic uint32_t sequence;
	_Atomic uint32_t class; /* and whys, and set-up */
	_Atomic uint32_t slot;	/* of the tier table */
	_Atomic uint32_t incarnation;
	_Atomic int64_t began_us; /* mono_us(); 0: nobody's */
	_Atomic uint64_t user;	  /* usage_hash() */
	_Atomic uint64_t up, down;
	_Atomic uint64_t name[(TUNNELS_USER_MAX + 1) / 8];
	_Atomic uint64_t dest[(TUNNELS_DEST_MAX + 1) / 8];
};

/* Zeroed it is empty. */
struct tunnels {
	_Atomic uint64_t taken[TUNNELS_WORDS];
	_Atomic uint64_t full[TUNNELS_WORDS / 64]; /* words without a 0 */
	struct tunnels_row rows[TUNNELS_ROWS];
};

/* What a tunnel is, for the writer, and as a reader gets it: every number
 * clamped to what is possible, texts printable ASCII. */
struct tunnels_about {
	int64_t began_us;
	uint64_t user;
	uint8_t class, why; /* enum slab_class_why */
	uint8_t behave_why; /* enum behave_why: any number */
	uint32_t slot, incarnation;
	int64_t setup_us; /* how long it took; 0: not known.  Told as exactly as
			   * shm/hist.h does */
	char name[TUNNELS_USER_MAX + 1]; /* cut at its end */
	char dest[TUNNELS_DEST_MAX + 1]; /* "host:port", cut at its start */
	uint64_t up, down;
};
/* Texts of any length; what does not fit becomes "...". */
void tunnels_name(struct tunnels_about *, const char *name);
void tunnels_dest(struct tunnels_about *, const char *dest);

/* Any reader.  Row i, or false: nobody's, or just changing hands. */
bool tunnels_at(const struct tunnels *, uint32_t i, int64_t now_us,
    struct tunnels_about *out);
/* The first row from i on that seems to be taken; TUNNELS_ROWS: none. */
uint32_t tunnels_next(const struct tunnels *, uint32_t i);

/* The writer alone; a row of NULL is allowed wherever there is one. */

/* A worker, or its successor, begins: nobody is there. */
void tunnels_start(struct tunnels *);
/* A row for it, or NULL: all are taken. */
struct tunnels_row *tunnels_take(
    struct tunnels *, const struct tunnels_about *);
void tunnels_drop(struct tunnels *, struct tunnels_row *);
void tunnels_moved(struct tunnels_row *, bool up, uint64_t len);
void tunnels_class(
    struct tunnels_row *, uint8_t class, uint8_t why, uint8_t behave_why);
void tunnels_via(struct tunnels_row *, uint32_t slot, uint32_t incarnation);

#endif
