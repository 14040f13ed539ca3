/* Owns the tables of the store, and how an older store becomes a newer one.
 * Reads and writes no row of theirs. */
#include "policyd/store/store_impl.h"

#include <errno.h>
#include <stdio.h>

/*
 * Version 1.  Times *_s are seconds since 1970; grp is a group, "*" for all.
 *
 * Rows of what was observed name agents by number and have no foreign key:
 * they age out by themselves, and to look for them would make the removal of
 * an agent slow.  That number is never used again.  seen grows by one row an
 * agent, intermediary and report, and so has no more than one index: new rows
 * go to its end, as they do to the table's.
 *
 * message: roots and policies stay, the newest one is in force; of ranks there
 * is one an audience.
 * rank_serial: the highest that was given out under a root.
 */
static const char version_1[] =
    "CREATE TABLE agent ("
    "	id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "	key BLOB NOT NULL UNIQUE,"
    "	name TEXT NOT NULL UNIQUE,"
    "	grp TEXT NOT NULL,"
    "	software TEXT NOT NULL,"
    "	added_s INTEGER NOT NULL,"
    "	seen_s INTEGER NOT NULL,"
    "	sequence INTEGER NOT NULL,"
    "	root_epoch INTEGER NOT NULL,"
    "	policy_epoch INTEGER NOT NULL,"
    "	policy_serial INTEGER NOT NULL,"
    "	rank_epoch INTEGER NOT NULL,"
    "	rank_serial INTEGER NOT NULL,"
    "	nack_code TEXT NOT NULL,"
    "	nack_text TEXT NOT NULL"
    ") STRICT;"
    "CREATE TABLE token ("
    "	hash BLOB PRIMARY KEY,"
    "	grp TEXT NOT NULL,"
    "	expires_s INTEGER NOT NULL,"
    "	used_s INTEGER"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE seen ("
    "	id INTEGER PRIMARY KEY,"
    "	at_s INTEGER NOT NULL,"
    "	agent INTEGER NOT NULL,"
    "	name TEXT NOT NULL,"
    "	observed INTEGER NOT NULL,"
    "	tier INTEGER NOT NULL,"
    "	attempts INTEGER NOT NULL,"
    "	successes INTEGER NOT NULL,"
    "	charged INTEGER NOT NULL,"
    "	bytes_up INTEGER NOT NULL,"
    "	bytes_down INTEGER NOT NULL,"
    "	in_flight INTEGER NOT NULL,"
    "	handshake_p50_us INTEGER NOT NULL,"
    "	first_byte_p50_us INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX seen_at ON seen(at_s);"
    "CREATE TABLE probe ("
    "	id INTEGER PRIMARY KEY,"
    "	at_s INTEGER NOT NULL,"
    "	name TEXT NOT NULL,"
    "	ok INTEGER NOT NULL,"
    "	reason TEXT NOT NULL,"
    "	connect_us INTEGER NOT NULL,"
    "	handshake_us INTEGER NOT NULL,"
    "	first_byte_us INTEGER NOT NULL,"
    "	bytes_s INTEGER NOT NULL,"
    "	load_percent INTEGER" /* NULL: not known */
    ") STRICT;"
    "CREATE INDEX probe_at ON probe(at_s);"
    "CREATE INDEX probe_name ON probe(name, at_s);"
    "CREATE TABLE place ("
    "	id INTEGER PRIMARY KEY,"
    "	at_s INTEGER NOT NULL,"
    "	grp TEXT NOT NULL,"
    "	name TEXT NOT NULL,"
    "	tier INTEGER NOT NULL,"
    "	weight INTEGER NOT NULL,"
    "	drain INTEGER NOT NULL,"
    "	why TEXT NOT NULL,"
    "	reason TEXT NOT NULL,"
    "	success_permille INTEGER NOT NULL,"
    "	latency_us INTEGER NOT NULL,"
    "	agents INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX place_at ON place(at_s);"
    "CREATE INDEX place_name ON place(grp, name, at_s);"
    "CREATE TABLE event ("
    "	id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "	at_s INTEGER NOT NULL,"
    "	kind TEXT NOT NULL,"
    "	grp TEXT NOT NULL,"
    "	subject TEXT NOT NULL,"
    "	text TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX event_at ON event(at_s);"
    "CREATE TABLE message ("
    "	id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "	type INTEGER NOT NULL," /* enum envelope_type */
    "	audience TEXT NOT NULL,"
    "	epoch INTEGER NOT NULL,"
    "	serial INTEGER NOT NULL,"
    "	issued_s INTEGER NOT NULL,"
    "	expires_s INTEGER NOT NULL,"
    "	author TEXT NOT NULL,"
    "	at_s INTEGER NOT NULL,"
    "	bytes BLOB NOT NULL,"
    "	UNIQUE (type, audience, epoch, serial)"
    ") STRICT;"
    "CREATE TABLE rank_serial ("
    "	epoch INTEGER PRIMARY KEY,"
    "	last INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE override ("
    "	id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "	grp TEXT NOT NULL,"
    "	use TEXT NOT NULL,"   /* names, between them blanks */
    "	avoid TEXT NOT NULL," /* likewise */
    "	from_s INTEGER NOT NULL,"
    "	until_s INTEGER NOT NULL,"
    "	ended_s INTEGER," /* NULL: by nobody */
    "	author TEXT NOT NULL,"
    "	why TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX override_until ON override(until_s);";

/* By the version that they lead from. */
static const char *const steps[STORE_VERSION] = {version_1};

static int
number(struct store *s, const char *sql, int64_t *out)
{
	sqlite3_stmt *stmt = NULL;
	int code = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	if (code == SQLITE_ROW)
		*out = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return code == SQLITE_ROW ? 0 : store_fail(s, "read");
}

static int
step(struct store *s, int64_t from)
{
	char mark[96];
	int error;

	snprintf(mark, sizeof(mark),
	    "PRAGMA user_version = %d; PRAGMA application_id = %d",
	    (int)from + 1, STORE_APPLICATION);
	error = store_exec(s, "BEGIN IMMEDIATE");
	if (error != 0)
		return error;
	error = store_exec(s, steps[from]);
	if (error == 0)
		error = store_exec(s, mark);
	if (error == 0)
		error = store_exec(s, "COMMIT");
	if (error != 0)
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return error;
}

static int
refuse(struct store *s, const char *text)
{
	snprintf(s->why, sizeof(s->why), "%s", text);
	return -EBADMSG;
}

int
store_schema_check(struct store *s, int64_t *version)
{
	int64_t application = 0, tables = 0;
	int error = number(s, "PRAGMA application_id", &application);

	if (error == 0)
		error = number(s, "PRAGMA user_version", version);
	if (error == 0)
		error =
		    number(s, "SELECT count(*) FROM sqlite_schema", &tables);
	if (error != 0)
		return error;
	if (tables == 0 && *version == 0)
		return 0; /* it is new */
	if (application != STORE_APPLICATION)
		return refuse(s, "it is a database, but not a policy server's");
	if (*version > STORE_VERSION || *version < 0)
		return refuse(s, "a later version of this program made it");
	return 0;
}

int
store_schema(struct store *s, int64_t version)
{
	int error = 0;

	for (; version < STORE_VERSION && error == 0; version++)
		error = step(s, version);
	return error;
}
