/* Owns the connection to the store: opening, checking, transactions, errors,
 * statements.  Knows no row of any table. */
#include "policyd/store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mono.h"
#include "policyd/store/store_impl.h"

/* The page reads beside us, and holds no lock for longer than a moment. */
#define BUSY_MS 2000
/* A check of all pages that takes longer is given up: what it has seen was
 * sound, and whoever waits for our start does not for ever. */
#define CHECK_US    4000000
#define CHECK_STEPS 10000
/* Of the log that is kept after a burst. */
#define PRAGMAS                                                     \
	"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"     \
	"PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;"     \
	"PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;" \
	"PRAGMA journal_size_limit = 67108864"

/* Of what the file system has said, when it was that. */
static int
io_errno(sqlite3 *db, int otherwise)
{
	int error = sqlite3_system_errno(db);

	if (error == ENOSPC || error == EDQUOT)
		return -ENOSPC;
	if (error == EROFS)
		return -EROFS;
	return otherwise;
}

int
store_errno(sqlite3 *db, int code)
{
	switch (code & 0xff) {
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EBADMSG;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_CONSTRAINT:
		return -EEXIST;
	default:
		return io_errno(db, -EIO);
	}
}

int
store_fail(struct store *s, const char *what)
{
	int code = sqlite3_extended_errcode(s->db);
	int error = store_errno(s->db, code);

	/* A statement that could not be made, and was then run. */
	if (code == SQLITE_OK || code == SQLITE_MISUSE)
		return -EIO;
	snprintf(s->why, sizeof(s->why), "%s: %s (%d)%s", what,
	    error == -ENOSPC ? "the disk is full" : sqlite3_errmsg(s->db), code,
	    error == -EBADMSG ? ": the file is damaged" : "");
	return error;
}

const char *
store_why(const struct store *s)
{
	return s->why;
}

int
store_exec(struct store *s, const char *sql)
{
	if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	return store_fail(s, "write");
}

/* --- statements --- */

sqlite3_stmt *
store_statement(struct store *s, enum store_sql id, const char *sql)
{
	sqlite3_stmt **stmt = &s->statements[id];

	if (*stmt == NULL &&
	    sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, stmt,
		NULL) != SQLITE_OK) {
		store_fail(s, "prepare");
		return NULL;
	}
	return *stmt;
}

void
store_done(sqlite3_stmt *stmt)
{
	/* What it says is what the last step has said. */
	(void)sqlite3_reset(stmt);
	(void)sqlite3_clear_bindings(stmt);
}

int
store_row(struct store *s, sqlite3_stmt *stmt)
{
	int code, error = 0;

	if (stmt == NULL)
		return -EIO;
	code = sqlite3_step(stmt);
	if (code == SQLITE_ROW)
		return 1;
	if (code != SQLITE_DONE)
		error = store_fail(
		    s, sqlite3_stmt_readonly(stmt) ? "read" : "write");
	store_done(stmt);
	return error;
}

int
store_run(struct store *s, sqlite3_stmt *stmt)
{
	int n;

	do {
		n = store_row(s, stmt);
	} while (n == 1);
	return n;
}

void
store_bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
	(void)sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC);
}

void
store_bind_count(sqlite3_stmt *stmt, int at, uint64_t n)
{
	(void)sqlite3_bind_int64(
	    stmt, at, n > INT64_MAX ? INT64_MAX : (int64_t)n);
}

void
store_column_text(sqlite3_stmt *stmt, int at, char *out, size_t cap)
{
	const char *text = (const char *)sqlite3_column_text(stmt, at);

	snprintf(out, cap, "%s", text != NULL ? text : "");
}

/* --- opening --- */

static int
give_up(void *arg)
{
	const int64_t *until_us = arg;

	return mono_us() > *until_us;
}

/* All pages and what they say of each other: 0, or -errno. */
static int
check(struct store *s)
{
	int64_t until_us = mono_us() + CHECK_US;
	sqlite3_stmt *stmt = NULL;
	char first[160] = "";
	int code;

	sqlite3_progress_handler(s->db, CHECK_STEPS, give_up, &until_us);
	code =
	    sqlite3_prepare_v2(s->db, "PRAGMA quick_check(1)", -1, &stmt, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	if (code == SQLITE_ROW)
		store_column_text(stmt, 0, first, sizeof(first));
	sqlite3_finalize(stmt);
	sqlite3_progress_handler(s->db, 0, NULL, NULL);
	if (code == SQLITE_INTERRUPT)
		return 0;
	if (code != SQLITE_ROW)
		return store_fail(s, "check");
	if (strcmp(first, "ok") == 0)
		return 0;
	first[strcspn(first, "\n")] = '\0';
	snprintf(
	    s->why, sizeof(s->why), "check: %s: the file is damaged", first);
	return -EBADMSG;
}

/* What is refused is left as it is: closing would else write to it what its
 * log holds. */
static void
keep_log(struct store *s, int keep)
{
	(void)sqlite3_db_config(
	    s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep, NULL);
}

static int
prepare(struct store *s, const char *path)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
		    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	int64_t version = 0;
	int error;

	if (sqlite3_open_v2(path, &s->db, flags, NULL) != SQLITE_OK)
		return store_fail(s, "open");
	keep_log(s, 1);
	(void)sqlite3_busy_timeout(s->db, BUSY_MS);
	error = check(s);
	if (error == 0)
		error = store_schema_check(s, &version);
	if (error == 0)
		error = store_exec(s, PRAGMAS);
	if (error == 0)
		error = store_schema(s, version);
	keep_log(s, error != 0);
	return error;
}

int
store_open(const char *path, struct store **out, char why[STORE_WHY_MAX])
{
	struct store *s = calloc(1, sizeof(*s));
	int error;

	*out = NULL;
	snprintf(why, STORE_WHY_MAX, "out of memory");
	if (s == NULL)
		return -ENOMEM;
	error = prepare(s, path);
	if (error == 0) {
		*out = s;
		why[0] = '\0';
		return 0;
	}
	snprintf(why, STORE_WHY_MAX, "%.120s: %.190s", path, s->why);
	store_close(s);
	return error;
}

void
store_close(struct store *s)
{
	size_t i;

	if (s == NULL)
		return;
	for (i = 0; i < STORE_SQL_COUNT; i++)
		sqlite3_finalize(s->statements[i]);
	sqlite3_close(s->db);
	free(s);
}

/* --- transactions --- */

int
store_begin(struct store *s)
{
	return store_run(s, store_statement(s, STORE_BEGIN, "BEGIN IMMEDIATE"));
}

int
store_commit(struct store *s)
{
	return store_run(s, store_statement(s, STORE_COMMIT, "COMMIT"));
}

void
store_rollback(struct store *s)
{
	char why[STORE_WHY_MAX];

	/* Some failures have rolled back already. */
	if (sqlite3_get_autocommit(s->db))
		return;
	memcpy(why, s->why, sizeof(why));
	(void)store_run(s, store_statement(s, STORE_ROLLBACK, "ROLLBACK"));
	memcpy(s->why, why, sizeof(why));
}
