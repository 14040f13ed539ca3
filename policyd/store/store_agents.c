/* Owns the store's agents and one-time tokens. */
#include <errno.h>
#include <string.h>

#include "policyd/store/store_impl.h"

#define COLUMNS                                                              \
	"id, key, name, grp, software, added_s, seen_s, sequence,"           \
	" root_epoch, policy_epoch, policy_serial, rank_epoch, rank_serial," \
	" nack_code, nack_text"

static void
read_mark(sqlite3_stmt *stmt, int at, struct manage_mark *mark)
{
	mark->epoch = (uint32_t)sqlite3_column_int64(stmt, at);
	mark->serial = (uint64_t)sqlite3_column_int64(stmt, at + 1);
}

static void
read_agent(sqlite3_stmt *stmt, struct store_agent *a)
{
	const void *key = sqlite3_column_blob(stmt, 1);

	memset(a, 0, sizeof(*a));
	a->id = sqlite3_column_int64(stmt, 0);
	if (key != NULL && sqlite3_column_bytes(stmt, 1) == sizeof(a->key))
		memcpy(a->key, key, sizeof(a->key));
	store_column_text(stmt, 2, a->name, sizeof(a->name));
	store_column_text(stmt, 3, a->group, sizeof(a->group));
	store_column_text(stmt, 4, a->software, sizeof(a->software));
	a->added_s = sqlite3_column_int64(stmt, 5);
	a->seen_s = sqlite3_column_int64(stmt, 6);
	a->sequence = (uint64_t)sqlite3_column_int64(stmt, 7);
	a->root_epoch = (uint32_t)sqlite3_column_int64(stmt, 8);
	read_mark(stmt, 9, &a->policy);
	read_mark(stmt, 11, &a->rank);
	store_column_text(stmt, 13, a->nack_code, sizeof(a->nack_code));
	store_column_text(stmt, 14, a->nack_text, sizeof(a->nack_text));
}

static int
read_one(struct store *s, sqlite3_stmt *stmt, struct store_agent *out)
{
	int n = store_row(s, stmt);

	if (n == 0)
		return -ENOENT;
	if (n < 0)
		return n;
	read_agent(stmt, out);
	store_done(stmt);
	return 0;
}

int
store_agent_by_key(
    struct store *s, const uint8_t key[SEALED_KEY_LEN], struct store_agent *out)
{
	sqlite3_stmt *stmt = store_statement(s, STORE_AGENT_BY_KEY,
	    "SELECT " COLUMNS " FROM agent WHERE key = ?");

	(void)sqlite3_bind_blob(stmt, 1, key, SEALED_KEY_LEN, SQLITE_STATIC);
	return read_one(s, stmt, out);
}

int
store_agent_by_name(struct store *s, const char *name, struct store_agent *out)
{
	sqlite3_stmt *stmt = store_statement(s, STORE_AGENT_BY_NAME,
	    "SELECT " COLUMNS " FROM agent WHERE name = ?");

	store_bind_text(stmt, 1, name);
	return read_one(s, stmt, out);
}

int
store_agent_by_id(struct store *s, int64_t id, struct store_agent *out)
{
	sqlite3_stmt *stmt = store_statement(
	    s, STORE_AGENT_BY_ID, "SELECT " COLUMNS " FROM agent WHERE id = ?");

	(void)sqlite3_bind_int64(stmt, 1, id);
	return read_one(s, stmt, out);
}

/* From ?2 on, in the order of COLUMNS; what is unsigned is kept bit by bit. */
static void
bind_agent(sqlite3_stmt *stmt, const struct store_agent *a)
{
	store_bind_text(stmt, 2, a->name);
	store_bind_text(stmt, 3, a->group);
	store_bind_text(stmt, 4, a->software);
	(void)sqlite3_bind_int64(stmt, 5, a->seen_s);
	(void)sqlite3_bind_int64(stmt, 6, (int64_t)a->sequence);
	(void)sqlite3_bind_int64(stmt, 7, a->root_epoch);
	(void)sqlite3_bind_int64(stmt, 8, a->policy.epoch);
	(void)sqlite3_bind_int64(stmt, 9, (int64_t)a->policy.serial);
	(void)sqlite3_bind_int64(stmt, 10, a->rank.epoch);
	(void)sqlite3_bind_int64(stmt, 11, (int64_t)a->rank.serial);
	store_bind_text(stmt, 12, a->nack_code);
	store_bind_text(stmt, 13, a->nack_text);
}

int
store_agent_add(struct store *s, struct store_agent *a)
{
	sqlite3_stmt *stmt = store_statement(s, STORE_AGENT_ADD,
	    "INSERT INTO agent (key, name, grp, software, seen_s, sequence,"
	    " root_epoch, policy_epoch, policy_serial, rank_epoch,"
	    " rank_serial, nack_code, nack_text, added_s) VALUES (?1, ?2, ?3,"
	    " ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)");
	int error;

	(void)sqlite3_bind_blob(stmt, 1, a->key, sizeof(a->key), SQLITE_STATIC);
	bind_agent(stmt, a);
	(void)sqlite3_bind_int64(stmt, 14, a->added_s);
	error = store_run(s, stmt);
	if (error == 0)
		a->id = sqlite3_last_insert_rowid(s->db);
	return error;
}

/* What was to change one agent. */
static int
run_one(struct store *s, sqlite3_stmt *stmt)
{
	int error = store_run(s, stmt);

	if (error == 0 && sqlite3_changes(s->db) == 0)
		return -ENOENT;
	return error;
}

int
store_agent_update(struct store *s, const struct store_agent *a)
{
	sqlite3_stmt *stmt = store_statement(s, STORE_AGENT_UPDATE,
	    "UPDATE agent SET name = ?2, grp = ?3, software = ?4, seen_s = ?5,"
	    " sequence = ?6, root_epoch = ?7, policy_epoch = ?8,"
	    " policy_serial = ?9, rank_epoch = ?10, rank_serial = ?11,"
	    " nack_code = ?12, nack_text = ?13 WHERE id = ?1");

	(void)sqlite3_bind_int64(stmt, 1, a->id);
	bind_agent(stmt, a);
	return run_one(s, stmt);
}

int
store_agent_heard(
    struct store *s, int64_t id, uint64_t sequence, int64_t seen_s)
{
	sqlite3_stmt *stmt = store_statement(s, STORE_AGENT_HEARD,
	    "UPDATE agent SET sequence = ?2, seen_s = ?3 WHERE id = ?1");

	(void)sqlite3_bind_int64(stmt, 1, id);
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)sequence);
	(void)sqlite3_bind_int64(stmt, 3, seen_s);
	return run_one(s, stmt);
}

int
store_agent_remove(struct store *s, int64_t id)
{
	sqlite3_stmt *stmt = store_statement(
	    s, STORE_AGENT_REMOVE, "DELETE FROM agent WHERE id = ?");

	(void)sqlite3_bind_int64(stmt, 1, id);
	return run_one(s, stmt);
}

int
store_agents_count(struct store *s, int64_t *n)
{
	sqlite3_stmt *stmt =
	    store_statement(s, STORE_AGENT_COUNT, "SELECT count(*) FROM agent");
	int got = store_row(s, stmt);

	if (got <= 0)
		return got == 0 ? -EIO : got;
	*n = sqlite3_column_int64(stmt, 0);
	store_done(stmt);
	return 0;
}

int
store_agents(struct store *s,
    bool (*each)(void *arg, const struct store_agent *), void *arg)
{
	sqlite3_stmt *stmt = store_statement(
	    s, STORE_AGENT_ALL, "SELECT " COLUMNS " FROM agent ORDER BY name");
	struct store_agent a;
	int n;

	while ((n = store_row(s, stmt)) == 1) {
		read_agent(stmt, &a);
		if (each(arg, &a))
			continue;
		store_done(stmt);
		return 0;
	}
	return n;
}

int
store_token_add(struct store *s, const uint8_t hash[STORE_HASH_LEN],
    const char *group, int64_t expires_s)
{
	sqlite3_stmt *stmt = store_statement(s, STORE_TOKEN_ADD,
	    "INSERT INTO token (hash, grp, expires_s) VALUES (?, ?, ?)");

	(void)sqlite3_bind_blob(stmt, 1, hash, STORE_HASH_LEN, SQLITE_STATIC);
	store_bind_text(stmt, 2, group);
	(void)sqlite3_bind_int64(stmt, 3, expires_s);
	return store_run(s, stmt);
}

int
store_token_use(struct store *s, const uint8_t hash[STORE_HASH_LEN],
    int64_t now_s, char group[MANAGE_NAME_MAX + 1])
{
	sqlite3_stmt *stmt = store_statement(s, STORE_TOKEN_USE,
	    "UPDATE token SET used_s = ?2 WHERE hash = ?1 AND used_s IS NULL"
	    " AND expires_s > ?2 RETURNING grp");
	int n;

	(void)sqlite3_bind_blob(stmt, 1, hash, STORE_HASH_LEN, SQLITE_STATIC);
	(void)sqlite3_bind_int64(stmt, 2, now_s);
	n = store_row(s, stmt);
	if (n == 0)
		return -ENOENT;
	if (n < 0)
		return n;
	store_column_text(stmt, 0, group, MANAGE_NAME_MAX + 1);
	return store_run(s, stmt);
}
