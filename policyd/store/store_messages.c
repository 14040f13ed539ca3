/* Owns the store's signed messages and the serials of ranks. */
#include <errno.h>

#include "policyd/store/store_impl.h"

/* So many serials a second are ahead of the clock at the most: a store that
 * was lost, and begins anew, still gives out none twice. */
#define SERIALS_A_SECOND 1000

int
store_message_put(struct store *s, const struct store_message *m)
{
	const struct envelope *e = m->envelope;
	sqlite3_stmt *stmt = store_statement(s, STORE_MESSAGE_PUT,
	    "INSERT OR REPLACE INTO message (type, audience, slot, epoch,"
	    " serial, issued_s, expires_s, author, at_s, bytes)"
	    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");

	(void)sqlite3_bind_int(stmt, 1, (int)e->type);
	store_bind_text(stmt, 2, e->audience);
	(void)sqlite3_bind_int64(
	    stmt, 3, e->type == ENVELOPE_ROOT ? e->epoch : 0);
	(void)sqlite3_bind_int64(stmt, 4, e->epoch);
	(void)sqlite3_bind_int64(stmt, 5, (int64_t)e->serial);
	(void)sqlite3_bind_int64(stmt, 6, e->issued_s);
	(void)sqlite3_bind_int64(stmt, 7, e->expires_s);
	store_bind_text(stmt, 8, m->by);
	(void)sqlite3_bind_int64(stmt, 9, m->at_s);
	(void)sqlite3_bind_blob64(stmt, 10, m->message, m->len, SQLITE_STATIC);
	return store_run(s, stmt);
}

int
store_messages(struct store *s,
    bool (*each)(void *arg, const uint8_t *message, size_t len), void *arg)
{
	sqlite3_stmt *stmt = store_statement(s, STORE_MESSAGE_ALL,
	    "SELECT bytes FROM message ORDER BY type, slot, epoch, serial");
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
