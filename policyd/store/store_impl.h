#ifndef POLICYD_STORE_IMPL_H
#define POLICYD_STORE_IMPL_H

#include <sqlite3.h>

#include "policyd/store/store.h"

/* What store*.c share.  Nobody else includes this, but for tests. */
enum store_sql {
	STORE_BEGIN,
	STORE_COMMIT,
	STORE_ROLLBACK,
	STORE_AGENT_BY_KEY,
	STORE_AGENT_BY_NAME,
	STORE_AGENT_BY_ID,
	STORE_AGENT_HEARD,
	STORE_AGENT_COUNT,
	STORE_AGENT_ADD,
	STORE_AGENT_UPDATE,
	STORE_AGENT_REMOVE,
	STORE_AGENT_ALL,
	STORE_TOKEN_ADD,
	STORE_TOKEN_USE,
	STORE_SEEN_ADD,
	STORE_PROBE_ADD,
	STORE_PLACE_ADD,
	STORE_PLACE_LAST,
	STORE_PLACE_SINCE,
	STORE_EVENT_ADD,
	STORE_EVENT_LAST,
	STORE_MESSAGE_PUT,
	STORE_MESSAGE_DROP,
	STORE_MESSAGE_ALL,
	STORE_MESSAGE_HISTORY,
	STORE_MESSAGE_GET,
	STORE_RANK_SERIAL,
	STORE_OVERRIDE_ADD,
	STORE_OVERRIDE_END,
	STORE_OVERRIDE_ALL,
	STORE_PRUNE_SEEN,
	STORE_PRUNE_PROBE,
	STORE_PRUNE_PLACE,
	STORE_PRUNE_EVENT,
	STORE_PRUNE_TOKEN,
	STORE_SQL_COUNT
};

struct store {
	sqlite3 *db;				   /* owned */
	sqlite3_stmt *statements[STORE_SQL_COUNT]; /* owned; NULL: yet */
	char why[STORE_WHY_MAX];
};

/* Is it a store of ours, or empty?  Then bring the tables from that version up
 * to STORE_VERSION, a step at a time, each in a transaction of its own. */
#define STORE_VERSION	  1
#define STORE_APPLICATION 0x43414753 /* "CAGS" */
int store_schema_check(struct store *, int64_t *version);
int store_schema(struct store *, int64_t version);

/* A negative errno for what SQLite has just said, kept for store_why(). */
int store_fail(struct store *, const char *what);
/* The same for a result code. */
int store_errno(sqlite3 *, int code);

/* The statement, made from sql when it is used first, without its last
 * bindings.  NULL when it cannot be made: binding to it does nothing, and
 * what then runs it fails. */
sqlite3_stmt *store_statement(struct store *, enum store_sql, const char *sql);
/* To its end, which resets it: 0 or -errno. */
int store_run(struct store *, sqlite3_stmt *);
/* 1: there is a row, and store_done() is to be called when it was read; 0: no
 * (more); -errno.  After both it is reset. */
int store_row(struct store *, sqlite3_stmt *);
void store_done(sqlite3_stmt *);
/* One statement without parameters. */
int store_exec(struct store *, const char *sql);

/* Strings are the caller's until the statement has run. */
void store_bind_text(sqlite3_stmt *, int at, const char *);
/* What is above INT64_MAX is stored as that. */
void store_bind_count(sqlite3_stmt *, int at, uint64_t);
/* Cut to cap; "" for NULL. */
void store_column_text(sqlite3_stmt *, int at, char *out, size_t cap);

#endif
