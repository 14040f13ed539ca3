/* Owns the read-only connection to the store: opening it again when it has
 * come or was replaced, snapshots, the time they may take, errors. */
#include "policyd/store/store_read.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mono.h"
#include "policyd/store/store_read_impl.h"

/* As store_schema.c writes them. */
#define APPLICATION 0x43414753
#define VERSION	    1

#define LOOK_STEPS 2000 /* of SQLite's machine, between looks at the clock */
#define BUSY_MS	   200	/* nobody of ours keeps a reader waiting for longer */

int
store_reader_new(const char *path, struct store_reader **out)
{
	struct store_reader *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return -ENOMEM;
	r->path = strdup(path);
	if (r->path == NULL) {
		free(r);
		return -ENOMEM;
	}
	*out = r;
	return 0;
}

static void
close_db(struct store_reader *r)
{
	sqlite3_close(r->db);
	r->db = NULL;
	free(r->known);
	r->known = NULL;
	r->known_n = 0;
}

void
store_reader_free(struct store_reader *r)
{
	if (r == NULL)
		return;
	close_db(r);
	free(r->path);
	free(r);
}

const char *
store_reader_why(const struct store_reader *r)
{
	return r->why;
}

int
store_read_fail(struct store_reader *r)
{
	int code = sqlite3_extended_errcode(r->db);

	if (code == SQLITE_OK || code == SQLITE_MISUSE) {
		snprintf(r->why, sizeof(r->why), "the store: not to be read");
		return -EIO;
	}
	snprintf(r->why, sizeof(r->why), "the store: %s (%d)",
	    sqlite3_errmsg(r->db), code);
	switch (code & 0xff) {
	case SQLITE_INTERRUPT:
		return -ETIMEDOUT;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EBADMSG;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	default:
		return -EIO;
	}
}

sqlite3_stmt *
store_read_prepare(struct store_reader *r, const char *sql)
{
	sqlite3_stmt *stmt = NULL;

	/* NULL says that it failed; why is found by store_read_row(). */
	(void)sqlite3_prepare_v2(r->db, sql, -1, &stmt, NULL);
	return stmt;
}

int
store_read_row(struct store_reader *r, sqlite3_stmt *stmt)
{
	int code;

	if (stmt == NULL)
		return store_read_fail(r);
	code = sqlite3_step(stmt);
	if (code == SQLITE_ROW)
		return 1;
	return code == SQLITE_DONE ? 0 : store_read_fail(r);
}

void
store_read_bind(sqlite3_stmt *stmt, int at, const char *text)
{
	(void)sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC);
}

void
store_read_text(sqlite3_stmt *stmt, int at, char *out, size_t cap)
{
	const char *text = (const char *)sqlite3_column_text(stmt, at);

	snprintf(out, cap, "%s", text != NULL ? text : "");
}

uint32_t
store_read_u32(sqlite3_stmt *stmt, int at)
{
	int64_t n = sqlite3_column_int64(stmt, at);

	if (n < 0)
		return 0;
	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

/* --- opening, snapshots --- */

static int
too_long(void *arg)
{
	const struct store_reader *r = arg;

	return mono_us() > r->until_us;
}

static int
number(struct store_reader *r, const char *sql, int64_t *out)
{
	sqlite3_stmt *stmt = store_read_prepare(r, sql);
	int n = store_read_row(r, stmt);

	*out = n == 1 ? sqlite3_column_int64(stmt, 0) : 0;
	sqlite3_finalize(stmt);
	return n < 0 ? n : 0;
}

/* Is it one that we know? */
static int
check(struct store_reader *r)
{
	int64_t application, version;
	int rc = number(r, "PRAGMA application_id", &application);

	if (rc == 0)
		rc = number(r, "PRAGMA user_version", &version);
	if (rc != 0)
		return rc;
	if (application == 0 && version == 0) {
		snprintf(r->why, sizeof(r->why), "the store is being made");
		return -ENOENT;
	}
	if (application == APPLICATION && version == VERSION)
		return 0;
	snprintf(r->why, sizeof(r->why),
	    "the store: expected one of version %d, found something else",
	    VERSION);
	return -EBADMSG;
}

static int
open_db(struct store_reader *r)
{
	int flags =
	    SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	int rc;

	if (sqlite3_open_v2(r->path, &r->db, flags, NULL) != SQLITE_OK) {
		rc = store_read_fail(r);
		close_db(r);
		return rc;
	}
	(void)sqlite3_busy_timeout(r->db, BUSY_MS);
	(void)sqlite3_db_config(r->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(r->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_progress_handler(r->db, LOOK_STEPS, too_long, r);
	rc = sqlite3_exec(r->db, "PRAGMA temp_store = MEMORY", NULL, NULL,
		 NULL) == SQLITE_OK
		 ? check(r)
		 : store_read_fail(r);
	if (rc != 0)
		close_db(r);
	return rc;
}

/* What lies under the name may have come, gone, or be another one. */
static int
look(struct store_reader *r)
{
	struct stat st;

	if (stat(r->path, &st) == -1) {
		int rc = -errno;

		close_db(r);
		snprintf(r->why, sizeof(r->why),
		    rc == -ENOENT ? "there is no store yet" : "the store: %s",
		    strerror(-rc));
		return rc;
	}
	if (r->db != NULL && (r->dev != st.st_dev || r->ino != st.st_ino))
		close_db(r);
	if (r->db != NULL)
		return 0;
	r->dev = st.st_dev;
	r->ino = st.st_ino;
	return open_db(r);
}

int
store_reader_begin(struct store_reader *r, int64_t limit_us)
{
	int64_t any;
	int rc;

	r->until_us = mono_us() + limit_us;
	rc = look(r);
	if (rc != 0)
		return rc;
	/* The first read takes the snapshot. */
	if (sqlite3_exec(r->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK) {
		rc = store_read_fail(r);
		close_db(r);
		return rc;
	}
	rc = number(r, "SELECT count(*) FROM sqlite_schema", &any);
	if (rc == 0)
		return 0;
	/* Whatever it was, it begins anew the next time. */
	close_db(r);
	return rc;
}

void
store_reader_end(struct store_reader *r)
{
	r->until_us = INT64_MAX;
	if (sqlite3_exec(r->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		close_db(r);
}

int
store_read_totals(struct store_reader *r, struct store_totals *out)
{
	const struct {
		const char *sql;
		int64_t *to;
	} all[] = {
	    {"SELECT count(*) FROM agent", &out->agents},
	    {"SELECT max(at_s) FROM seen", &out->report_s},
	    {"SELECT max(at_s) FROM probe", &out->probe_s},
	    {"SELECT max(at_s) FROM place", &out->place_s},
	    {"SELECT max(at_s) FROM event", &out->event_s},
	    {"SELECT page_count * page_size"
	     " FROM pragma_page_count, pragma_page_size",
		&out->bytes},
	};
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < sizeof(all) / sizeof(*all); i++)
		rc = number(r, all[i].sql, all[i].to);
	return rc;
}
