/* What single steps cost, beside what the libraries below them take for the
 * same bytes: verifying a signed message, storing a report's rows. */
#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "policyd/store/store.h"
#include "tests/bench/bench.h"
#include "tests/bench/sim.h"
#include "tests/integ/rig.h"
#include "tests/integ/rig_policy.h"
#include "tests/integ/rig_proc.h"
#include "trust/verify.h"

#define LINE \
	"# a line of a policy that says nothing, of sixty-four bytes.....\n"
#define BATCH_N 64 /* reports in a transaction */

/* --- verifying --- */

static struct verified *
first_root(uint8_t **message, size_t *len)
{
	struct trust_why why;
	char path[RIG_PATH_MAX];
	struct verified *v;

	rig_path(path, "root");
	rig_policy_root(path, 1);
	*message = (uint8_t *)rig_read(path, len);
	REQUIRE(*message != NULL, "%s", path);
	v = verify_root_first(*message, *len, &why);
	REQUIRE(v != NULL, "the root: %s", why.text);
	return v;
}

static double
us_each(double began_s, unsigned int n)
{
	return (bench_cpu_s() - began_s) * 1e6 / n;
}

static bool
verify_raw(const struct envelope *e, const uint8_t *key)
{
	crypto_sign_ed25519ph_state st;

	crypto_sign_ed25519ph_init(&st);
	crypto_sign_ed25519ph_update(&st,
	    (const unsigned char *)ENVELOPE_DOMAIN, sizeof(ENVELOPE_DOMAIN));
	crypto_sign_ed25519ph_update(&st, e->covered, e->covered_len);
	return crypto_sign_ed25519ph_final_verify(
		   &st, e->signatures[0].bytes, key) == 0;
}

static const uint8_t *
signer_of(const struct verified *root, const struct envelope *e)
{
	const struct root *r = verified_root(root);
	uint32_t i;

	for (i = 0; i < r->keys_n; i++) {
		if (memcmp(r->keys[i].id, e->signatures[0].key_id,
			ENVELOPE_KEY_ID_LEN) == 0)
			return r->keys[i].key;
	}
	REQUIRE(false, "nobody in the root has signed it");
	return NULL;
}

static void
row_of(const char *what, const struct verified *root, const uint8_t *message,
    size_t len, bool is_root)
{
	unsigned int i, n = (unsigned int)((bench_is_short() ? 1 : 20) *
					   (len < 100000 ? 200 : 10));
	struct verify ctx = {
	    .mode = VERIFY_ALONE, .root = root, .now_s = time(NULL)};
	enum envelope_fault fault;
	struct trust_why why;
	const uint8_t *key;
	struct verified *v;
	struct envelope e;
	double ours, raw;
	size_t bad = 0;

	REQUIRE(envelope_decode(message, len, &e, &fault) > 0, "%s", what);
	key = signer_of(root, &e);
	ours = bench_cpu_s();
	for (i = 0; i < n; i++) {
		v = is_root ? verify_root_first(message, len, &why)
			    : verify_message(&ctx, message, len, &why);
		bad += v == NULL;
		verified_free(v);
	}
	ours = us_each(ours, n);
	raw = bench_cpu_s();
	for (i = 0; i < n; i++)
		bad += !verify_raw(&e, key);
	raw = us_each(raw, n);
	CHECK_INT(bad, 0);
	bench_row(what, ours, "us", ours / raw, "libsodium's Ed25519ph");
}

void
bench_verify(void)
{
	static const struct {
		const char *what;
		size_t len;
	} rows[] = {{"verify a policy of 512 B", 512},
	    {"verify a policy of 16 KiB", 16 << 10},
	    {"verify a policy of 1 MiB", (1 << 20) - 64}};
	uint8_t *message = malloc(ENVELOPE_MAX), *root_message;
	char *body = malloc((1 << 20) + sizeof(LINE));
	size_t i, len, root_len;
	struct verified *root;

	root = first_root(&root_message, &root_len);
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		for (len = 0; len + sizeof(LINE) - 1 <= rows[i].len;
		     len += sizeof(LINE) - 1)
			memcpy(body + len, LINE, sizeof(LINE));
		len = rig_policy_sign(message, ENVELOPE_MAX,
		    &(struct rig_signed){.serial = 1, .body = body});
		row_of(rows[i].what, root, message, len, false);
	}
	row_of("verify a root", root, root_message, root_len, true);
	verified_free(root);
	free(root_message);
	free(message);
	free(body);
}

/* --- storing --- */

static void
must_sql(sqlite3 *db, const char *sql)
{
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

	REQUIRE(rc == SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(db));
}

/* The least that has the same numbers on the disk. */
static double
insert_raw(unsigned int reports)
{
	char path[RIG_PATH_MAX];
	sqlite3_stmt *stmt;
	unsigned int i, k;
	int64_t began_us;
	sqlite3 *db;
	int column;

	rig_path(path, "raw.db");
	REQUIRE(sqlite3_open(path, &db) == SQLITE_OK, "%s", path);
	must_sql(db, "PRAGMA journal_mode = WAL");
	must_sql(db, "PRAGMA synchronous = FULL");
	must_sql(db,
	    "CREATE TABLE seen (id INTEGER PRIMARY KEY, name TEXT, a, b, c, d,"
	    " e, f, g, h, i, j, k, l)");
	REQUIRE(sqlite3_prepare_v2(db,
		    "INSERT INTO seen (name, a, b, c, d, e, f, g, h, i, j, k,"
		    " l) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		    -1, &stmt, NULL) == SQLITE_OK,
	    "prepare");
	began_us = rig_now_us();
	for (i = 0; i < reports; i++) {
		if (i % BATCH_N == 0)
			must_sql(db, "BEGIN");
		for (k = 0; k < SIM_ROWS; k++) {
			sqlite3_bind_text(stmt, 1, "hop-01", -1, SQLITE_STATIC);
			for (column = 2; column <= 13; column++)
				sqlite3_bind_int64(stmt, column, i * 1000 + k);
			REQUIRE(sqlite3_step(stmt) == SQLITE_DONE, "insert");
			sqlite3_reset(stmt);
		}
		if (i % BATCH_N == BATCH_N - 1)
			must_sql(db, "COMMIT");
	}
	began_us = rig_now_us() - began_us;
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return reports / ((double)began_us / 1e6);
}

static double
insert_ours(unsigned int reports)
{
	char path[RIG_PATH_MAX], why[STORE_WHY_MAX];
	struct store_seen row = {.agent = 1, .name = "hop-01"};
	struct store *store;
	unsigned int i, k;
	int64_t began_us;

	rig_path(path, "ours.db");
	REQUIRE(store_open(path, &store, why) == 0, "%s", why);
	began_us = rig_now_us();
	for (i = 0; i < reports; i++) {
		if (i % BATCH_N == 0)
			REQUIRE(store_begin(store) == 0, "begin");
		for (k = 0; k < SIM_ROWS; k++) {
			row.at_s = row.in_flight = i;
			row.attempts = row.successes = i * 1000 + k;
			REQUIRE(store_seen_add(store, &row) == 0, "%s",
			    store_why(store));
		}
		if (i % BATCH_N == BATCH_N - 1)
			REQUIRE(store_commit(store) == 0, "commit");
	}
	began_us = rig_now_us() - began_us;
	store_close(store);
	return reports / ((double)began_us / 1e6);
}

void
bench_insert(void)
{
	unsigned int n = BATCH_N * (bench_is_short() ? 4 : 200);
	double raw = insert_raw(n), ours = insert_ours(n);

	bench_row("rows of a report alone, 64 reports at once", ours, "/s",
	    ours / raw, "bare SQLite");
}
