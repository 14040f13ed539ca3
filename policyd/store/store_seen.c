/* Owns the store's rows of what was observed and what became of it, and how
 * long they are kept. */
#include <errno.h>

#include "policyd/store/store_impl.h"

int
store_seen_add(struct store *s, const struct store_seen *r)
{
	sqlite3_stmt *stmt = store_statement(s, STORE_SEEN_ADD,
	    "INSERT INTO seen (at_s, agent, name, observed, tier, attempts,"
	    " successes, charged, bytes_up, bytes_down, in_flight,"
	    " handshake_p50_us, first_byte_p50_us)"
	    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");

	(void)sqlite3_bind_int64(stmt, 1, r->at_s);
	(void)sqlite3_bind_int64(stmt, 2, r->agent);
	store_bind_text(stmt, 3, r->name);
	(void)sqlite3_bind_int(stmt, 4, r->observed);
	(void)sqlite3_bind_int(stmt, 5, r->tier);
	store_bind_count(stmt, 6, r->attempts);
	store_bind_count(stmt, 7, r->successes);
	store_bind_count(stmt, 8, r->charged);
	store_bind_count(stmt, 9, r->bytes_up);
	store_bind_count(stmt, 10, r->bytes_down);
	(void)sqlite3_bind_int64(stmt, 11, r->in_flight);
	(void)sqlite3_bind_int64(stmt, 12, r->handshake_p50_us);
	(void)sqlite3_bind_int64(stmt, 13, r->first_byte_p50_us);
	return store_run(s, stmt);
}

int
store_probe_add(struct store *s, const struct store_probe *r)
{
	sqlite3_stmt *stmt = store_statement(s, STORE_PROBE_ADD,
	    "INSERT INTO probe (at_s, name, ok, reason, connect_us,"
	    " handshake_us, first_byte_us, bytes_s, load_percent)"
	    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");

	(void)sqlite3_bind_int64(stmt, 1, r->at_s);
	store_bind_text(stmt, 2, r->name);
	(void)sqlite3_bind_int(stmt, 3, r->ok);
	store_bind_text(stmt, 4, r->reason);
	(void)sqlite3_bind_int64(stmt, 5, r->connect_us);
	(void)sqlite3_bind_int64(stmt, 6, r->handshake_us);
	(void)sqlite3_bind_int64(stmt, 7, r->first_byte_us);
	store_bind_count(stmt, 8, r->bytes_s);
	if (r->load_percent >= 0)
		(void)sqlite3_bind_int(stmt, 9, r->load_percent);
	return store_run(s, stmt);
}

int
store_place_add(struct store *s, const struct store_place *r)
{
	sqlite3_stmt *stmt = store_statement(s, STORE_PLACE_ADD,
	    "INSERT INTO place (at_s, grp, name, tier, weight, drain, why,"
	    " reason, success_permille, latency_us, agents)"
	    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");

	(void)sqlite3_bind_int64(stmt, 1, r->at_s);
	store_bind_text(stmt, 2, r->group);
	store_bind_text(stmt, 3, r->name);
	(void)sqlite3_bind_int(stmt, 4, r->tier);
	(void)sqlite3_bind_int64(stmt, 5, r->weight);
	(void)sqlite3_bind_int(stmt, 6, r->drain);
	store_bind_text(stmt, 7, r->why);
	store_bind_text(stmt, 8, r->reason);
	(void)sqlite3_bind_int64(stmt, 9, r->success_permille);
	(void)sqlite3_bind_int64(stmt, 10, r->latency_us);
	(void)sqlite3_bind_int64(stmt, 11, r->agents);
	return store_run(s, stmt);
}

int
store_place_last(struct store *s, const char *group, const char *name,
    struct store_place *out)
{
	sqlite3_stmt *stmt = store_statement(s, STORE_PLACE_LAST,
	    "SELECT at_s, grp, name, tier, weight, drain, why, reason,"
	    " success_permille, latency_us, agents FROM place"
	    " WHERE grp = ? AND name = ? ORDER BY at_s DESC, id DESC LIMIT 1");
	int n;

	store_bind_text(stmt, 1, group);
	store_bind_text(stmt, 2, name);
	n = store_row(s, stmt);
	if (n <= 0)
		return n == 0 ? -ENOENT : n;
	out->at_s = sqlite3_column_int64(stmt, 0);
	store_column_text(stmt, 1, out->group, sizeof(out->group));
	store_column_text(stmt, 2, out->name, sizeof(out->name));
	out->tier = (uint16_t)sqlite3_column_int(stmt, 3);
	out->weight = (uint32_t)sqlite3_column_int64(stmt, 4);
	out->drain = sqlite3_column_int(stmt, 5) != 0;
	store_column_text(stmt, 6, out->why, sizeof(out->why));
	store_column_text(stmt, 7, out->reason, sizeof(out->reason));
	out->success_permille = (uint32_t)sqlite3_column_int64(stmt, 8);
	out->latency_us = (uint32_t)sqlite3_column_int64(stmt, 9);
	out->agents = (uint32_t)sqlite3_column_int64(stmt, 10);
	store_done(stmt);
	return 0;
}

int
store_place_since(
    struct store *s, const struct store_place *p, int64_t *since_s)
{
	sqlite3_stmt *stmt = store_statement(s, STORE_PLACE_SINCE,
	    "SELECT at_s FROM place WHERE grp = ?1 AND name = ?2"
	    " AND tier = ?3 AND weight = ?4 AND drain = ?5"
	    " AND at_s >= coalesce((SELECT at_s FROM place"
	    "  WHERE grp = ?1 AND name = ?2"
	    "  AND (tier <> ?3 OR weight <> ?4 OR drain <> ?5)"
	    "  ORDER BY at_s DESC, id DESC LIMIT 1), 0)"
	    " ORDER BY at_s, id LIMIT 1");
	int n;

	store_bind_text(stmt, 1, p->group);
	store_bind_text(stmt, 2, p->name);
	(void)sqlite3_bind_int64(stmt, 3, p->tier);
	(void)sqlite3_bind_int64(stmt, 4, p->weight);
	(void)sqlite3_bind_int64(stmt, 5, p->drain);
	n = store_row(s, stmt);
	if (n <= 0)
		return n == 0 ? -ENOENT : n;
	*since_s = sqlite3_column_int64(stmt, 0);
	store_done(stmt);
	return 0;
}

int
store_event_add(struct store *s, const struct store_event *e)
{
	sqlite3_stmt *stmt = store_statement(s, STORE_EVENT_ADD,
	    "INSERT INTO event (at_s, kind, grp, subject, text)"
	    " VALUES (?, ?, ?, ?, ?)");

	(void)sqlite3_bind_int64(stmt, 1, e->at_s);
	store_bind_text(stmt, 2, e->kind);
	store_bind_text(stmt, 3, e->group);
	store_bind_text(stmt, 4, e->subject);
	store_bind_text(stmt, 5, e->text);
	return store_run(s, stmt);
}

int
store_events(struct store *s, const struct store_events_query *q,
    bool (*each)(void *arg, int64_t id, const struct store_event *), void *arg)
{
	sqlite3_stmt *stmt = store_statement(s, STORE_EVENT_LAST,
	    "SELECT * FROM (SELECT id, at_s, kind, grp, subject, text"
	    " FROM event WHERE id > ? AND at_s >= ? ORDER BY id DESC LIMIT ?)"
	    " ORDER BY id");
	struct store_event e;
	int got;

	(void)sqlite3_bind_int64(stmt, 1, q->after);
	(void)sqlite3_bind_int64(stmt, 2, q->since_s);
	(void)sqlite3_bind_int64(stmt, 3, q->n);
	while ((got = store_row(s, stmt)) == 1) {
		e.at_s = sqlite3_column_int64(stmt, 1);
		store_column_text(stmt, 2, e.kind, sizeof(e.kind));
		store_column_text(stmt, 3, e.group, sizeof(e.group));
		store_column_text(stmt, 4, e.subject, sizeof(e.subject));
		store_column_text(stmt, 5, e.text, sizeof(e.text));
		if (each(arg, sqlite3_column_int64(stmt, 0), &e))
			continue;
		store_done(stmt);
		return 0;
	}
	return got;
}

static int
prune(struct store *s, enum store_sql id, const char *sql, int64_t before_s,
    bool *more)
{
	sqlite3_stmt *stmt = store_statement(s, id, sql);
	int error;

	(void)sqlite3_bind_int64(stmt, 1, before_s);
	(void)sqlite3_bind_int(stmt, 2, STORE_PRUNE_ROWS);
	error = store_run(s, stmt);
	if (error == 0 && sqlite3_changes(s->db) == STORE_PRUNE_ROWS)
		*more = true;
	return error;
}

#define PRUNE(table)                        \
	"DELETE FROM " table " WHERE id IN" \
	" (SELECT id FROM " table " WHERE at_s < ?1 ORDER BY at_s LIMIT ?2)"

int
store_prune(struct store *s, const struct store_ages *ages, bool *more)
{
	int error;

	*more = false;
	error = prune(
	    s, STORE_PRUNE_SEEN, PRUNE("seen"), ages->seen_before_s, more);
	if (error == 0)
		error = prune(s, STORE_PRUNE_PROBE, PRUNE("probe"),
		    ages->probes_before_s, more);
	if (error == 0)
		error = prune(s, STORE_PRUNE_PLACE, PRUNE("place"),
		    ages->places_before_s, more);
	if (error == 0)
		error = prune(s, STORE_PRUNE_EVENT, PRUNE("event"),
		    ages->events_before_s, more);
	if (error == 0)
		error = prune(s, STORE_PRUNE_TOKEN,
		    "DELETE FROM token WHERE hash IN (SELECT hash FROM token"
		    " WHERE expires_s < ?1 LIMIT ?2)",
		    ages->events_before_s, more);
	return error;
}
