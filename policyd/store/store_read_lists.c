/* Owns how the page reads lists: agents, events, overrides, what was
 * published. */
#include <string.h>

#include "policyd/store/store_read_impl.h"

static void
read_mark(sqlite3_stmt *stmt, int at, struct manage_mark *out)
{
	out->epoch = store_read_u32(stmt, at);
	out->serial = (uint64_t)sqlite3_column_int64(stmt, at + 1);
}

int
store_read_marks(struct store_reader *r,
    bool (*each)(void *arg, const struct store_mark *), void *arg)
{
	sqlite3_stmt *stmt = store_read_prepare(r,
	    "SELECT type, audience, epoch, serial, issued_s, expires_s, at_s,"
	    " author, length(bytes) FROM message"
	    " ORDER BY type, epoch, serial, audience");
	struct store_mark m = {0};
	int n;

	while ((n = store_read_row(r, stmt)) == 1) {
		m.type = (enum envelope_type)sqlite3_column_int(stmt, 0);
		store_read_text(stmt, 1, m.audience, sizeof(m.audience));
		m.epoch = store_read_u32(stmt, 2);
		m.serial = (uint64_t)sqlite3_column_int64(stmt, 3);
		m.issued_s = sqlite3_column_int64(stmt, 4);
		m.expires_s = sqlite3_column_int64(stmt, 5);
		m.at_s = sqlite3_column_int64(stmt, 6);
		store_read_text(stmt, 7, m.by, sizeof(m.by));
		m.len = sqlite3_column_int64(stmt, 8);
		if (!each(arg, &m))
			break;
	}
	sqlite3_finalize(stmt);
	return n < 0 ? n : 0;
}

int
store_read_overrides(struct store_reader *r, int64_t now_s,
    bool (*each)(void *arg, const struct store_override *), void *arg)
{
	sqlite3_stmt *stmt = store_read_prepare(r,
	    "SELECT id, grp, use, avoid, from_s, until_s, author, why"
	    " FROM override WHERE until_s > ? AND ended_s IS NULL"
	    " ORDER BY id");
	struct store_override o = {0};
	int n;

	(void)sqlite3_bind_int64(stmt, 1, now_s);
	while ((n = store_read_row(r, stmt)) == 1) {
		o.id = sqlite3_column_int64(stmt, 0);
		store_read_text(stmt, 1, o.group, sizeof(o.group));
		store_read_text(stmt, 2, o.use, sizeof(o.use));
		store_read_text(stmt, 3, o.avoid, sizeof(o.avoid));
		o.from_s = sqlite3_column_int64(stmt, 4);
		o.until_s = sqlite3_column_int64(stmt, 5);
		store_read_text(stmt, 6, o.by, sizeof(o.by));
		store_read_text(stmt, 7, o.why, sizeof(o.why));
		if (!each(arg, &o))
			break;
	}
	sqlite3_finalize(stmt);
	return n < 0 ? n : 0;
}

static void
read_agent(sqlite3_stmt *stmt, struct store_agent *a)
{
	a->id = sqlite3_column_int64(stmt, 0);
	store_read_text(stmt, 1, a->name, sizeof(a->name));
	store_read_text(stmt, 2, a->group, sizeof(a->group));
	store_read_text(stmt, 3, a->software, sizeof(a->software));
	a->added_s = sqlite3_column_int64(stmt, 4);
	a->seen_s = sqlite3_column_int64(stmt, 5);
	a->root_epoch = store_read_u32(stmt, 6);
	read_mark(stmt, 7, &a->policy);
	read_mark(stmt, 9, &a->rank);
	store_read_text(stmt, 11, a->nack_code, sizeof(a->nack_code));
	store_read_text(stmt, 12, a->nack_text, sizeof(a->nack_text));
}

int
store_read_agents(struct store_reader *r, const char *group, const char *after,
    bool (*each)(void *arg, const struct store_agent *), void *arg)
{
	sqlite3_stmt *stmt = store_read_prepare(r,
	    "SELECT id, name, grp, software, added_s, seen_s, root_epoch,"
	    " policy_epoch, policy_serial, rank_epoch, rank_serial,"
	    " nack_code, nack_text FROM agent"
	    " WHERE name > ?1 AND ?2 IN ('', grp) ORDER BY name");
	struct store_agent a = {0};
	int n;

	store_read_bind(stmt, 1, after);
	store_read_bind(stmt, 2, group);
	while ((n = store_read_row(r, stmt)) == 1) {
		read_agent(stmt, &a);
		if (!each(arg, &a))
			break;
	}
	sqlite3_finalize(stmt);
	return n < 0 ? n : 0;
}

int
store_read_events(struct store_reader *r, const struct store_event_query *q,
    bool (*each)(void *arg, int64_t id, const struct store_event *), void *arg)
{
	/* By id, which rises with time but for a clock that was set. */
	sqlite3_stmt *stmt = store_read_prepare(r,
	    "SELECT id, at_s, kind, grp, subject, text FROM event"
	    " WHERE (?1 = 0 OR id < ?1) AND ?2 IN ('', grp)"
	    " AND ?3 IN ('', subject) AND +at_s >= ?4"
	    " ORDER BY id DESC");
	struct store_event e = {0};
	int n;

	(void)sqlite3_bind_int64(stmt, 1, q->before_id);
	store_read_bind(stmt, 2, q->group);
	store_read_bind(stmt, 3, q->subject);
	(void)sqlite3_bind_int64(stmt, 4, q->since_s);
	while ((n = store_read_row(r, stmt)) == 1) {
		e.at_s = sqlite3_column_int64(stmt, 1);
		store_read_text(stmt, 2, e.kind, sizeof(e.kind));
		store_read_text(stmt, 3, e.group, sizeof(e.group));
		store_read_text(stmt, 4, e.subject, sizeof(e.subject));
		store_read_text(stmt, 5, e.text, sizeof(e.text));
		if (!each(arg, sqlite3_column_int64(stmt, 0), &e))
			break;
	}
	sqlite3_finalize(stmt);
	return n < 0 ? n : 0;
}
