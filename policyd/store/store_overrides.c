/* Owns the store's overrides: what an administrator has ordered for a while. */
#include <errno.h>
#include <string.h>

#include "policyd/store/store_impl.h"

int
store_override_add(struct store *s, struct store_override *o)
{
	sqlite3_stmt *stmt = store_statement(s, STORE_OVERRIDE_ADD,
	    "INSERT INTO override (grp, use, avoid, from_s, until_s, author,"
	    " why) VALUES (?, ?, ?, ?, ?, ?, ?)");
	int error;

	store_bind_text(stmt, 1, o->group);
	store_bind_text(stmt, 2, o->use);
	store_bind_text(stmt, 3, o->avoid);
	(void)sqlite3_bind_int64(stmt, 4, o->from_s);
	(void)sqlite3_bind_int64(stmt, 5, o->until_s);
	store_bind_text(stmt, 6, o->by);
	store_bind_text(stmt, 7, o->why);
	error = store_run(s, stmt);
	if (error == 0)
		o->id = sqlite3_last_insert_rowid(s->db);
	return error;
}

int
store_override_end(struct store *s, int64_t id, int64_t now_s)
{
	sqlite3_stmt *stmt = store_statement(s, STORE_OVERRIDE_END,
	    "UPDATE override SET ended_s = ?2 WHERE id = ?1"
	    " AND ended_s IS NULL AND until_s > ?2");
	int error;

	(void)sqlite3_bind_int64(stmt, 1, id);
	(void)sqlite3_bind_int64(stmt, 2, now_s);
	error = store_run(s, stmt);
	if (error == 0 && sqlite3_changes(s->db) == 0)
		error = -ENOENT;
	return error;
}

static void
read_override(sqlite3_stmt *stmt, struct store_override *o)
{
	memset(o, 0, sizeof(*o));
	o->id = sqlite3_column_int64(stmt, 0);
	store_column_text(stmt, 1, o->group, sizeof(o->group));
	store_column_text(stmt, 2, o->use, sizeof(o->use));
	store_column_text(stmt, 3, o->avoid, sizeof(o->avoid));
	o->from_s = sqlite3_column_int64(stmt, 4);
	o->until_s = sqlite3_column_int64(stmt, 5);
	store_column_text(stmt, 6, o->by, sizeof(o->by));
	store_column_text(stmt, 7, o->why, sizeof(o->why));
}

/* One that a clock set back has put into the future is in force, too: who
 * gave the order meant from then on. */
int
store_overrides(struct store *s, int64_t now_s,
    bool (*each)(void *arg, const struct store_override *), void *arg)
{
	sqlite3_stmt *stmt = store_statement(s, STORE_OVERRIDE_ALL,
	    "SELECT id, grp, use, avoid, from_s, until_s, author, why"
	    " FROM override WHERE until_s > ? AND ended_s IS NULL"
	    " ORDER BY id");
	struct store_override o;
	int n;

	(void)sqlite3_bind_int64(stmt, 1, now_s);
	while ((n = store_row(s, stmt)) == 1) {
		read_override(stmt, &o);
		if (each(arg, &o))
			continue;
		store_done(stmt);
		return 0;
	}
	return n;
}
