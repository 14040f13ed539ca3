/* policyd/store: opening and checking, transactions, faults of the disk. */
#include "policyd/store/store.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policyd/store/store_impl.h"
#include "tests/unit/unit.h"

#define NOW INT64_C(1800000000)

static char dir[64], path[96];
static char why[STORE_WHY_MAX];

static void
in_new_dir(void)
{
	snprintf(dir, sizeof(dir), "/tmp/cagent-store-XXXXXX");
	CHECK(mkdtemp(dir) != NULL, "mkdtemp: %s", strerror(errno));
	snprintf(path, sizeof(path), "%s/policyd.db", dir);
}

static void
out_of_dir(void)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	char file[128];
	size_t i;

	for (i = 0; i < 3; i++) {
		snprintf(file, sizeof(file), "%s%s", path, ends[i]);
		unlink(file);
	}
	CHECK_INT(rmdir(dir), 0);
}

static struct store *
opened(void)
{
	struct store *s = NULL;
	int error = store_open(path, &s, why);

	CHECK(error == 0, "open: %s", why);
	return s;
}

static int64_t
number(struct store *s, const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	int64_t n = -1;

	if (sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL) == SQLITE_OK &&
	    sqlite3_step(stmt) == SQLITE_ROW)
		n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return n;
}

static int
add_event(struct store *s, const char *text)
{
	struct store_event e = {.at_s = NOW, .kind = "test"};

	snprintf(e.text, sizeof(e.text), "%s", text);
	return store_event_add(s, &e);
}

static int
add_committed(struct store *s, const char *text)
{
	int error = store_begin(s);

	if (error == 0)
		error = add_event(s, text);
	if (error == 0)
		error = store_commit(s);
	if (error != 0)
		store_rollback(s);
	return error;
}

static void
test_open(void)
{
	struct store *s;

	in_new_dir();
	s = opened();
	CHECK_INT(number(s, "PRAGMA user_version"), STORE_VERSION);
	CHECK_INT(number(s, "PRAGMA synchronous"), 2);
	CHECK_INT(number(s, "PRAGMA foreign_keys"), 1);
	CHECK_INT(number(s, "SELECT journal_mode = 'wal' FROM "
			    "pragma_journal_mode"),
	    1);
	CHECK_INT(add_committed(s, "one"), 0);
	store_close(s);
	s = opened();
	CHECK_INT(number(s, "SELECT count(*) FROM event"), 1);
	store_close(s);
	store_close(NULL);
	out_of_dir();
}

static void
test_no_directory(void)
{
	struct store *s;

	snprintf(path, sizeof(path), "/tmp/cagent-none/policyd.db");
	CHECK(store_open(path, &s, why) < 0, "opened");
	CHECK(strstr(why, path) != NULL, "why: %s", why);
	CHECK(s == NULL, "a store");
}

static void
test_rollback(void)
{
	struct store *s;

	in_new_dir();
	s = opened();
	CHECK_INT(store_begin(s), 0);
	CHECK_INT(add_event(s, "gone"), 0);
	store_rollback(s);
	store_rollback(s); /* harmless */
	CHECK_INT(number(s, "SELECT count(*) FROM event"), 0);
	CHECK_INT(add_committed(s, "stays"), 0);
	CHECK_INT(number(s, "SELECT count(*) FROM event"), 1);
	store_close(s);
	out_of_dir();
}

/* --- what is not ours, or damaged --- */

static void
write_file(const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CHECK_INT(write(fd, text, len), (ssize_t)len);
	close(fd);
}

static int64_t
file_sum(void)
{
	int fd = open(path, O_RDONLY);
	uint64_t sum = 0;
	uint8_t buf[4096];
	ssize_t n, i;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		for (i = 0; i < n; i++)
			sum = sum * 31 + buf[i];
	}
	close(fd);
	return (int64_t)(sum >> 1);
}

static void
is_refused(const char *what, const char *text)
{
	int64_t before = file_sum();
	struct store *s;

	CHECK_INT(store_open(path, &s, why), -EBADMSG);
	CHECK(strstr(why, text) != NULL, "%s: why: %s", what, why);
	CHECK(file_sum() == before, "%s: it was written to", what);
}

static void
test_not_a_database(void)
{
	char text[4096];

	in_new_dir();
	memset(text, 'x', sizeof(text));
	write_file(text, sizeof(text));
	is_refused("text", "not a database");
	out_of_dir();
}

static void
test_of_others(void)
{
	sqlite3 *db;

	in_new_dir();
	sqlite3_open(path, &db);
	sqlite3_exec(db, "CREATE TABLE t (a); INSERT INTO t VALUES (1)", NULL,
	    NULL, NULL);
	sqlite3_close(db);
	is_refused("another's", "not a policy server's");
	out_of_dir();
}

static void
test_later_version(void)
{
	struct store *s;

	in_new_dir();
	s = opened();
	CHECK_INT(store_exec(s, "PRAGMA user_version = 99"), 0);
	store_close(s);
	is_refused("later", "later version");
	out_of_dir();
}

static void
fill(struct store *s, int rows)
{
	struct store_event e = {.at_s = NOW, .kind = "fill"};
	int i;

	memset(e.text, 'y', sizeof(e.text) - 1);
	CHECK_INT(store_begin(s), 0);
	for (i = 0; i < rows; i++)
		CHECK_INT(store_event_add(s, &e), 0);
	CHECK_INT(store_commit(s), 0);
}

/* A page in the middle, and the file's end. */
static void
test_damaged(void)
{
	struct store *s;
	char junk[4096];
	struct stat st;
	int fd;

	in_new_dir();
	s = opened();
	fill(s, 2000);
	store_close(s);
	CHECK_INT(stat(path, &st), 0);
	memset(junk, 0xa5, sizeof(junk));
	fd = open(path, O_WRONLY);
	CHECK_INT(pwrite(fd, junk, sizeof(junk), st.st_size / 8192 * 4096),
	    (ssize_t)sizeof(junk));
	close(fd);
	is_refused("a page", "damaged");
	CHECK_INT(truncate(path, st.st_size / 2), 0);
	is_refused("cut", "damaged");
	out_of_dir();
}

/* --- a full disk --- */

static void
test_full(void)
{
	struct store *s;
	char sql[64];
	int error = 0, i;

	in_new_dir();
	s = opened();
	snprintf(sql, sizeof(sql), "PRAGMA max_page_count = %lld",
	    (long long)number(s, "PRAGMA page_count") + 4);
	CHECK_INT(number(s, sql) > 0, 1);
	for (i = 0; i < 1000 && error == 0; i++)
		error = add_committed(s, "it will be full at some time");
	CHECK_INT(error, -ENOSPC);
	CHECK(strstr(store_why(s), "full") != NULL, "why: %s", store_why(s));
	CHECK_INT(number(s, "SELECT count(*) FROM event"), i - 1);
	CHECK_INT(number(s, "PRAGMA max_page_count = 100000"), 100000);
	CHECK_INT(add_committed(s, "there is room again"), 0);
	store_close(s);
	out_of_dir();
}

/* A write that fails for another reason: no file may grow any more. */
static void
write_fails(void)
{
	struct rlimit none = {4096, 4096};
	struct store *s;
	int error = 0, i;

	signal(SIGXFSZ, SIG_IGN);
	if (store_open(path, &s, why) != 0 ||
	    setrlimit(RLIMIT_FSIZE, &none) != 0)
		_exit(1);
	for (i = 0; i < 100 && error == 0; i++)
		error = add_committed(s, "into a log that cannot grow");
	_exit(error == -EIO || error == -ENOSPC ? 0 : 2);
}

static void
test_io_error(void)
{
	struct store *s;
	int status;
	pid_t pid;

	in_new_dir();
	store_close(opened());
	pid = fork();
	if (pid == 0)
		write_fails();
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK_INT(status, 0);
	s = opened();
	CHECK_INT(add_committed(s, "it is sound"), 0);
	store_close(s);
	out_of_dir();
}

/* --- killed --- */

/* In another process, which ends without a word. */
static void
killed(int (*what)(struct store *))
{
	pid_t pid = fork();
	struct store *s;
	int status;

	if (pid == 0) {
		if (store_open(path, &s, why) != 0 || what(s) != 0)
			_exit(1);
		raise(SIGKILL);
	}
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status), "it has failed");
}

static uint64_t serial; /* that the test has seen last */

static int
within(struct store *s)
{
	uint64_t mine;
	int error = store_begin(s);

	if (error == 0)
		error = add_event(s, "never");
	if (error == 0)
		error = store_rank_serial(s, 1, NOW, &mine);
	return error;
}

static int
after(struct store *s)
{
	return within(s) != 0 ? -1 : store_commit(s);
}

static uint64_t
next_serial(struct store *s, uint32_t epoch, int64_t now_s)
{
	uint64_t n = 0;

	CHECK_INT(store_begin(s), 0);
	CHECK_INT(store_rank_serial(s, epoch, now_s, &n), 0);
	CHECK_INT(store_commit(s), 0);
	return n;
}

static void
test_killed(void)
{
	struct store *s;
	int i;

	in_new_dir();
	store_close(opened());
	for (i = 0; i < 10; i++) {
		killed(within);
		killed(after);
		s = opened();
		CHECK_INT(number(s, "SELECT count(*) FROM event"), i + 1);
		CHECK_INT(number(s, "SELECT integrity_check = 'ok' FROM "
				    "pragma_integrity_check"),
		    1);
		store_close(s);
	}
	s = opened();
	/* Of those that were never committed nobody has heard. */
	CHECK_INT(next_serial(s, 1, NOW), NOW * 1000 + 10);
	store_close(s);
	out_of_dir();
}

static void
rises(struct store *s, int64_t now_s)
{
	uint64_t n = next_serial(s, 1, now_s);

	CHECK(n > serial, "at %lld: %llu after %llu", (long long)now_s,
	    (unsigned long long)n, (unsigned long long)serial);
	serial = n;
}

static void
test_serials(void)
{
	struct store *s;
	int i;

	in_new_dir();
	s = opened();
	serial = 0;
	rises(s, 0);
	rises(s, -5);
	rises(s, INT64_MAX);
	rises(s, NOW);
	rises(s, NOW - 31536000); /* the clock is set back */
	for (i = 0; i < 100; i++)
		rises(s, NOW);
	rises(s, NOW + 31536000);
	store_close(s);
	s = opened();
	rises(s, NOW);
	/* Another root counts by itself. */
	CHECK_INT(next_serial(s, 2, NOW), NOW * 1000);
	rises(s, NOW);
	store_close(s);
	out_of_dir();
}

/* A store that was lost. */
static void
test_serials_anew(void)
{
	struct store *s;

	in_new_dir();
	s = opened();
	serial = 0;
	rises(s, NOW);
	rises(s, NOW);
	store_close(s);
	CHECK_INT(unlink(path), 0);
	s = opened();
	rises(s, NOW + 1);
	store_close(s);
	out_of_dir();
}

/* Two at once: the second one waits, and finds what the first has written. */
static void
test_reader_beside(void)
{
	struct store *s, *reader;

	in_new_dir();
	s = opened();
	reader = opened();
	CHECK_INT(store_begin(s), 0);
	CHECK_INT(add_event(s, "one"), 0);
	CHECK_INT(number(reader, "SELECT count(*) FROM event"), 0);
	CHECK_INT(store_commit(s), 0);
	CHECK_INT(number(reader, "SELECT count(*) FROM event"), 1);
	store_close(reader);
	store_close(s);
	out_of_dir();
}

static const struct unit_case cases[] = {
    {"it is made, and opened again", test_open},
    {"nowhere", test_no_directory},
    {"what is rolled back is gone", test_rollback},
    {"a file that is no database", test_not_a_database},
    {"another program's database", test_of_others},
    {"a later version's", test_later_version},
    {"a damaged one is refused and left as it is", test_damaged},
    {"a full disk, and room again", test_full},
    {"a write that fails", test_io_error},
    {"killed before and after a commit", test_killed},
    {"no serial twice, whatever the clock says", test_serials},
    {"no serial twice when the store is lost", test_serials_anew},
    {"a reader beside", test_reader_beside},
};

UNIT_MAIN("store", cases)
