/* Owns the store's signed messages and the serials of ranks. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/store/store_impl.h"

/* So many serials a second are ahead of the clock at the most: a store that
 * was lost, and begins anew, still gives out none twice. */
#define SERIALS_A_SECOND 1000

/* All ranks of that audience. */
static int
drop_ranks(struct store *s, const char *audience)
{
	sqlite3_stmt *stmt = store_statement(s, STORE_MESSAGE_DROP,
	    "DELETE FROM message WHERE type = ? AND audience = ?");

	(void)sqlite3_bind_int(stmt, 1, ENVELOPE_RANK);
	store_bind_text(stmt, 2, audience);
	return store_run(s, stmt);
}

int
store_message_put(struct store *s, const struct store_message *m)
{
	const struct envelope *e = m->envelope;
	sqlite3_stmt *stmt;
	int error;

	if (e->type == ENVELOPE_RANK) {
		error = drop_ranks(s, e->audience);
		if (error != 0)
			return error;
	}
	stmt = store_statement(s, STORE_MESSAGE_PUT,
	    "INSERT INTO message (type, audience, epoch, serial, issued_s,"
	    " expires_s, author, at_s, bytes)"
	    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
	(void)sqlite3_bind_int(stmt, 1, (int)e->type);
	store_bind_text(stmt, 2, e->audience);
	(void)sqlite3_bind_int64(stmt, 3, e->epoch);
	(void)sqlite3_bind_int64(stmt, 4, (int64_t)e->serial);
	(void)sqlite3_bind_int64(stmt, 5, e->issued_s);
	(void)sqlite3_bind_int64(stmt, 6, e->expires_s);
	store_bind_text(stmt, 7, m->by);
	(void)sqlite3_bind_int64(stmt, 8, m->at_s);
	(void)sqlite3_bind_blob64(stmt, 9, m->message, m->len, SQLITE_STATIC);
	return store_run(s, stmt);
}

/* A serial above INT64_MAX is no agent's: it comes to nothing here. */
int
store_messages(struct store *s,
    bool (*each)(void *arg, const uint8_t *message, size_t len), void *arg)
{
	sqlite3_stmt *stmt = store_statement(s, STORE_MESSAGE_ALL,
	    "SELECT bytes FROM message AS m WHERE type = 1 OR NOT EXISTS"
	    " (SELECT 1 FROM message AS n WHERE n.type = m.type"
	    "  AND n.audience = m.audience"
	    "  AND (n.epoch, n.serial) > (m.epoch, m.serial))"
	    " ORDER BY type, epoch, serial");
	const uint8_t *bytes;
	int n;

	while ((n = store_row(s, stmt)) == 1) {
		bytes = sqlite3_column_blob(stmt, 0);
		if (each(arg, bytes, (size_t)sqlite3_column_bytes(stmt, 0)))
			continue;
		store_done(stmt);
		return 0;
	}
	return n;
}

static void
read_header(sqlite3_stmt *stmt, struct envelope *e)
{
	memset(e, 0, sizeof(*e));
	e->type = (enum envelope_type)sqlite3_column_int(stmt, 0);
	store_column_text(stmt, 1, e->audience, sizeof(e->audience));
	e->epoch = (uint32_t)sqlite3_column_int64(stmt, 2);
	e->serial = (uint64_t)sqlite3_column_int64(stmt, 3);
	e->issued_s = sqlite3_column_int64(stmt, 4);
	e->expires_s = sqlite3_column_int64(stmt, 5);
}

int
store_history(struct store *s,
    bool (*each)(void *arg, const struct store_message *), void *arg)
{
	sqlite3_stmt *stmt = store_statement(s, STORE_MESSAGE_HISTORY,
	    "SELECT type, audience, epoch, serial, issued_s, expires_s,"
	    " author, at_s, id FROM message WHERE type IN (1, 2)"
	    " ORDER BY at_s DESC, type DESC, epoch DESC, serial DESC");
	char by[MANAGE_NAME_MAX + 1];
	struct envelope e;
	struct store_message m = {.envelope = &e, .by = by};
	int n;

	while ((n = store_row(s, stmt)) == 1) {
		read_header(stmt, &e);
		store_column_text(stmt, 6, by, sizeof(by));
		m.at_s = sqlite3_column_int64(stmt, 7);
		m.id = sqlite3_column_int64(stmt, 8);
		if (each(arg, &m))
			continue;
		store_done(stmt);
		return 0;
	}
	return n;
}

static int
copy_bytes(sqlite3_stmt *stmt, uint8_t **bytes, size_t *len)
{
	const void *from = sqlite3_column_blob(stmt, 0);

	*len = (size_t)sqlite3_column_bytes(stmt, 0);
	*bytes = malloc(*len + 1);
	if (*bytes == NULL || from == NULL) {
		free(*bytes);
		*bytes = NULL;
		return -ENOMEM;
	}
	memcpy(*bytes, from, *len);
	return 0;
}

int
store_message_get(struct store *s, int64_t id, uint8_t **bytes, size_t *len)
{
	sqlite3_stmt *stmt = store_statement(
	    s, STORE_MESSAGE_GET, "SELECT bytes FROM message WHERE id = ?");
	int n;

	(void)sqlite3_bind_int64(stmt, 1, id);
	n = store_row(s, stmt);
	if (n <= 0)
		return n == 0 ? -ENOENT : n;
	n = copy_bytes(stmt, bytes, len);
	store_done(stmt);
	return n;
}

int
store_rank_serial(
    struct store *s, uint32_t epoch, int64_t now_s, uint64_t *serial)
{
	sqlite3_stmt *stmt = store_statement(s, STORE_RANK_SERIAL,
	    "INSERT INTO rank_serial (epoch, last) VALUES (?1, ?2)"
	    " ON CONFLICT (epoch) DO UPDATE"
	    " SET last = max(last + 1, excluded.last) RETURNING last");
	int64_t least = 1;
	int n;

	if (now_s > 0 && now_s < INT64_MAX / SERIALS_A_SECOND)
		least = now_s * SERIALS_A_SECOND;
	(void)sqlite3_bind_int64(stmt, 1, epoch);
	(void)sqlite3_bind_int64(stmt, 2, least);
	n = store_row(s, stmt);
	if (n <= 0)
		return n < 0 ? n : -EIO;
	*serial = (uint64_t)sqlite3_column_int64(stmt, 0);
	return store_run(s, stmt);
}
