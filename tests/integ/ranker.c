/*
 * The ranker as the fleet sees it: what was acknowledged is in the store,
 * whoever is killed; a full disk, a damaged store, a signer that dies.
 * POLICYD_KILLS of the environment: how often somebody is killed.
 */
#include <sys/mount.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "tests/integ/rig_guest.h"

#define GUESTS	    3
#define KILLS	    20
#define WAIT_MS	    15000
#define REPORTS_MAX 1000000
#define POLICY                                                          \
	"[tier \"gold\"]\nrank = 1\n[tier \"silver\"]\nrank = 2\n"      \
	"[intermediary \"s1\"]\ntype = socks5\naddress = 127.0.0.1:1\n" \
	"tier = 1\n[intermediary \"s2\"]\ntype = socks5\n"              \
	"address = 127.0.0.1:2\ntier = 1\n"

static struct rig_policyd server;
static struct rig_guest guests[GUESTS];

/* By what a report calls itself: was it acknowledged? */
static bool acked[REPORTS_MAX];
static uint32_t reports_n, acked_n;

static void
start(void)
{
	rig_policyd_init(&server, "server");
	rig_policyd_add(&server,
	    "[quota]\nmessages = 100000\nbytes = 1g\n[ranking]\nwindow = 10s\n");
	rig_policyd_key(&server, "report-interval = 1s");
	rig_policyd_start(&server);
	rig_policyd_publish(&server, "*", POLICY);
}

static void
come(struct rig_guest *g, const char *name)
{
	char token[65];

	rig_guest_token(&server, "blue", token);
	rig_guest_init(g, &server, name);
	CHECK_INT(rig_guest_register(g, &server, token), 0);
}

static void
store_path(char out[RIG_PATH_MAX + 16])
{
	snprintf(out, RIG_PATH_MAX + 16, "%s/policyd.db", server.state_dir);
}

static sqlite3 *
open_store(void)
{
	char path[RIG_PATH_MAX + 16];
	sqlite3 *db;

	store_path(path);
	REQUIRE(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) ==
		    SQLITE_OK,
	    "%s: %s", path, sqlite3_errmsg(db));
	sqlite3_busy_timeout(db, 5000);
	return db;
}

/* The first column of each row. */
static void
each_row(sqlite3 *db, const char *sql, void (*row)(const char *))
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

	CHECK(rc == SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(db));
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
		row((const char *)sqlite3_column_text(stmt, 0));
	CHECK(rc == SQLITE_DONE, "%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_finalize(stmt);
}

/* --- killed --------------------------------------------------------------- */

/* Each report has a number, which is in the store with it. */
static bool
report(struct rig_guest *g)
{
	struct manage_row row = {.name = "s1",
	    .tier = 1,
	    .in_flight = reports_n,
	    .attempts = reports_n,
	    .successes = reports_n};

	REQUIRE(reports_n < REPORTS_MAX, "too many reports");
	reports_n++;
	return g->fd != -1 && rig_guest_report(g, &row) == 0;
}

/* Reports are numbered as their sequences are: by g and what is waited for. */
struct round {
	uint32_t first[GUESTS];	   /* number of its first report */
	uint64_t sequence[GUESTS]; /* before that */
};

#define BURST 8

static void
send_round(struct round *r)
{
	int i, n;

	for (i = 0; i < GUESTS; i++) {
		r->first[i] = reports_n;
		r->sequence[i] = guests[i].sequence;
		for (n = 0; n < BURST; n++)
			(void)report(&guests[i]); /* it may be gone */
	}
}

/* What was under way is lost or not: only what is acknowledged counts. */
static void
read_answers(const struct round *r, int i, int timeout_ms)
{
	struct rig_guest *g = &guests[i];
	int64_t deadline_ms = rig_now_ms() + timeout_ms;
	uint64_t nth;
	int left = BURST, rc = 0;

	while (left > 0 && rc >= 0 && g->fd != -1) {
		rc = rig_guest_next(g, rig_left_ms(deadline_ms));
		if (rc != 1 || g->answer.of != SEALED_REPORT)
			continue;
		left--;
		nth = g->answer.sequence - r->sequence[i] - 1;
		if (g->nack || nth >= BURST)
			continue;
		acked[r->first[i] + nth] = true;
		acked_n++;
	}
	if (rc < 0 && rc != -ETIMEDOUT)
		rig_guest_close(g);
}

static void
all_come(void)
{
	int64_t deadline_ms = rig_now_ms() + WAIT_MS;
	int i, rc = -1;

	for (i = 0; i < GUESTS; i++) {
		while (
		    (guests[i].fd == -1 || rc != 0) && rig_pause(deadline_ms)) {
			rc = rig_guest_register(&guests[i], &server, "");
			if (rc == 0)
				break;
			rig_guest_close(&guests[i]);
		}
		REQUIRE(guests[i].fd != -1, "%s cannot come: %d %s",
		    guests[i].name, rc, guests[i].answer.code);
		rc = 0;
	}
}

/* The ranker, and every fifth time all of the server at once. */
static void
kill_some(int nth)
{
	pid_t ranker;
	int i;

	if (nth % 5 != 4) {
		ranker = rig_policyd_child(&server, "ranker");
		if (ranker > 0)
			kill(ranker, SIGKILL);
		return;
	}
	rig_proc_kill(&server.proc);
	for (i = 0; i < GUESTS; i++)
		rig_guest_close(&guests[i]);
	rig_policyd_start(&server);
}

/* After a moment that is another one each time: before, while and after the
 * reports of the round are stored. */
static void
one_kill(int nth)
{
	struct round r;
	int i;

	send_round(&r);
	(void)poll(NULL, 0, nth % 10);
	kill_some(nth);
	for (i = 0; i < GUESTS; i++)
		read_answers(&r, i, 300);
	for (i = 0; i < GUESTS; i++)
		rig_guest_close(&guests[i]);
	all_come();
	/* And a round that nobody disturbs: it is acknowledged. */
	send_round(&r);
	for (i = 0; i < GUESTS; i++)
		read_answers(&r, i, WAIT_MS);
}

static uint32_t found;

static void
check_ok(const char *text)
{
	CHECK(strcmp(text, "ok") == 0, "integrity_check: %s", text);
}

static void
check_seen(const char *text)
{
	unsigned long n = strtoul(text, NULL, 10);

	CHECK(n < reports_n, "a report that nobody made: %s", text);
	if (n < reports_n && acked[n]) {
		acked[n] = false;
		found++;
	}
}

static void
check_twice(const char *text)
{
	CHECK(false, "%s is in there twice", text);
}

static void
t_kills(void)
{
	const char *asked = getenv("POLICYD_KILLS");
	int kills = KILLS, i;
	char name[16];
	sqlite3 *db;

	if (asked != NULL)
		kills = (int)strtol(asked, NULL, 10);
	start();
	for (i = 0; i < GUESTS; i++) {
		snprintf(name, sizeof(name), "g%d", i);
		come(&guests[i], name);
	}
	for (i = 0; i < kills; i++)
		one_kill(i);
	rig_policyd_stop(&server);
	db = open_store();
	each_row(db, "PRAGMA integrity_check", check_ok);
	each_row(db, "SELECT in_flight FROM seen", check_seen);
	each_row(db,
	    "SELECT in_flight FROM seen GROUP BY in_flight HAVING count(*) > 1",
	    check_twice);
	sqlite3_close(db);
	CHECK(acked_n >= (uint32_t)(kills * GUESTS * BURST),
	    "only %u were acknowledged", acked_n);
	CHECK_INT(found, acked_n);
	rig_note("%d kills, %u reports, %u acknowledged, %u of these in the "
		 "store",
	    kills, reports_n, acked_n, found);
}

/* --- the disk ------------------------------------------------------------- */

static void
mount_small(const char *options, unsigned long flags)
{
	REQUIRE(mount("tmpfs", server.state_dir, "tmpfs", flags, options) == 0,
	    "mount: %s", strerror(errno));
}

static bool
is_acked(struct rig_guest *g)
{
	int rc;

	if (!report(g))
		return false;
	do {
		rc = rig_guest_next(g, RIG_GUEST_MS);
	} while (rc == 2 || (rc == 1 && g->answer.of != SEALED_REPORT));
	CHECK(rc == 1, "no answer: %s", strerror(-rc));
	return rc == 1 && !g->nack;
}

static void
fill(const char *name)
{
	char path[RIG_PATH_MAX + 32];
	static char zeros[65536];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", server.state_dir, name);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	REQUIRE(fd != -1, "%s: %s", path, strerror(errno));
	while (write(fd, zeros, sizeof(zeros)) > 0)
		continue;
	while (write(fd, zeros, 1) > 0)
		continue;
	CHECK_INT(errno, ENOSPC);
	close(fd);
}

static void
t_full(void)
{
	char path[RIG_PATH_MAX + 32], options[64];
	int64_t deadline_ms;
	int n;

	rig_policyd_init(&server, "server");
	REQUIRE(mkdir(server.state_dir, 0750) == 0, "mkdir");
	snprintf(options, sizeof(options), "size=4m,mode=0750,uid=%d,gid=%d",
	    RIG_UID_RANKER, RIG_UID_RANKER);
	mount_small(options, 0);
	rig_policyd_add(&server, "[quota]\nmessages = 100000\nbytes = 1g\n");
	rig_policyd_start(&server);
	rig_policyd_publish(&server, "*", POLICY);
	come(&guests[0], "first");
	come(&guests[1], "second");
	CHECK(rig_guest_await_rank(&guests[0], "[rank]", WAIT_MS), "no rank");
	CHECK(is_acked(&guests[0]), "not acknowledged: %s",
	    guests[0].answer.code);
	fill("ballast");
	for (n = 0; n < 20000 && is_acked(&guests[0]); n++)
		continue;
	CHECK(strcmp(guests[0].answer.code, "read-only") == 0, "%s",
	    guests[0].answer.code);
	/* Who comes now gets what was signed last. */
	memset(&guests[1].policy, 0, sizeof(guests[1].policy));
	memset(&guests[1].rank, 0, sizeof(guests[1].rank));
	guests[1].body[0] = '\0';
	CHECK_INT(rig_guest_register(&guests[1], &server, ""), 0);
	CHECK(rig_guest_await_rank(&guests[1], "[rank]", WAIT_MS),
	    "nothing is pushed");
	CHECK(guests[1].policy.serial != 0, "no policy");
	/* There is room again. */
	snprintf(path, sizeof(path), "%s/ballast", server.state_dir);
	CHECK_INT(unlink(path), 0);
	deadline_ms = rig_now_ms() + WAIT_MS;
	while (!is_acked(&guests[0]) && rig_pause(deadline_ms))
		continue;
	CHECK(!guests[0].nack, "still %s", guests[0].answer.code);
	rig_policyd_stop(&server);
	CHECK_INT(umount2(server.state_dir, MNT_DETACH), 0);
}

static void
damage(void)
{
	char path[RIG_PATH_MAX + 16], junk[4096];
	struct stat st;
	int fd;

	store_path(path);
	memset(junk, 0xa5, sizeof(junk));
	fd = open(path, O_RDWR);
	REQUIRE(fd != -1 && fstat(fd, &st) == 0, "%s", path);
	CHECK_INT(pwrite(fd, junk, sizeof(junk), st.st_size / 8192 * 4096),
	    (ssize_t)sizeof(junk));
	close(fd);
}

static void
t_damaged(void)
{
	char path[RIG_PATH_MAX + 16], program[RIG_PATH_MAX];
	const char *const argv[] = {program, "serve", "-f", server.path, NULL};
	const struct rig_spawn spawn = {.name = "again", .argv = argv};
	const struct rig_wait wait = {.timeout_ms = WAIT_MS};
	struct rig_proc again;
	char *before, *after;
	size_t before_len, after_len;

	start();
	come(&guests[0], "first");
	rig_policyd_stop(&server);
	damage();
	store_path(path);
	before = rig_read(path, &before_len);
	rig_policyd_program(program, sizeof(program));
	rig_proc_start(&again, &spawn);
	CHECK_INT(rig_proc_wait_log(&again, "the file is damaged", &wait), 0);
	CHECK_INT(rig_proc_wait_port(&again, "127.0.0.1", server.port, 0),
	    -ETIMEDOUT);
	rig_proc_kill(&again);
	after = rig_read(path, &after_len);
	CHECK(before_len == after_len && memcmp(before, after, after_len) == 0,
	    "the file has changed");
	free(before);
	free(after);
}

/* --- the signer ----------------------------------------------------------- */

static void
use_s1(const char * not )
{
	struct rig_output o;

	rig_policyd_ask(&server, &o,
	    (const char *const[]){
		"use", "s1", "--not", not, "--for", "1h", NULL});
	/* It says that no agent has acknowledged it: ours never does. */
	CHECK(strstr(o.out, "override") != NULL, "use: %s %s", o.out, o.err);
	rig_output_free(&o);
}

static void
t_signer(void)
{
	pid_t signer;

	start();
	come(&guests[0], "first");
	CHECK(rig_guest_await_rank(&guests[0], "[rank]", WAIT_MS), "no rank");
	signer = rig_policyd_child(&server, "signer");
	REQUIRE(signer > 0, "no signer");
	kill(signer, SIGKILL);
	use_s1("s2");
	CHECK(rig_guest_await_rank(
		  &guests[0], "[intermediary \"s2\"]\nstate = drain", WAIT_MS),
	    "the order does not arrive: %s", guests[0].body);
	rig_policyd_stop(&server);
}

static const struct rig_case cases[] = {
    {"kills", t_kills, 570, 0},
    {"full", t_full, 120, RIG_NEEDS_NETNS},
    {"damaged", t_damaged, 0, 0},
    {"signer", t_signer, 0, 0},
};

RIG_MAIN("ranker", cases, NULL)
