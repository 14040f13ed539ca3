#ifndef POLICYD_STORE_READ_IMPL_H
#define POLICYD_STORE_READ_IMPL_H

#include <sqlite3.h>

#include "policyd/store/store_read.h"

/* What store_read*.c share.  Nobody else includes this. */

/* What was found of one intermediary's place the last time: the rows that it
 * took need not be read again. */
struct store_known {
	char group[MANAGE_NAME_MAX + 1], name[MANAGE_NAME_MAX + 1];
	int64_t id; /* of the newest row that was read */
	int64_t since_s;
	bool since_known;
};

struct store_reader {
	char *path;		   /* owned */
	sqlite3 *db;		   /* owned; NULL: not open */
	uint64_t dev, ino;	   /* of what is open */
	int64_t until_us;	   /* mono_us() */
	struct store_known *known; /* owned, sorted by group and name */
	size_t known_n;
	char why[STORE_WHY_MAX];
};

/* A negative errno for what SQLite has just said; it is kept for
 * store_reader_why(). */
int store_read_fail(struct store_reader *);

/* NULL when it cannot be had: binding to it does nothing, and
 * store_read_row() then fails. */
sqlite3_stmt *store_read_prepare(struct store_reader *, const char *sql);
/* 1: a row; 0: no more; -errno. */
int store_read_row(struct store_reader *, sqlite3_stmt *);

void store_read_bind(sqlite3_stmt *, int at, const char *text);
/* Cut to cap; "" for NULL. */
void store_read_text(sqlite3_stmt *, int at, char *out, size_t cap);
/* Clamped to what the type holds. */
uint32_t store_read_u32(sqlite3_stmt *, int at);

#endif
