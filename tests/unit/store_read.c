/* What the page reads of the store: that it is what was written, of one
 * moment, within its time, beside a writer, and never a write. */
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "policyd/store/store_read.h"
#include "tests/unit/unit.h"

#define N(a)	 (sizeof(a) / sizeof(*(a)))
#define LIMIT_US INT64_C(20000000)

static char dir[64], path[96];
static struct store *store;
static struct store_reader *reader;

static void
file(char out[static 96], const char *name)
{
	snprintf(out, 96, "%s/%s", dir, name);
}

static void
open_both(void)
{
	char why[STORE_WHY_MAX];

	snprintf(dir, sizeof(dir), "/tmp/store_read.XXXXXX");
	CHECK(mkdtemp(dir) != NULL, "no folder");
	file(path, "db");
	CHECK(store_open(path, &store, why) == 0, "%s", why);
	CHECK_INT(store_reader_new(path, &reader), 0);
}

static void
close_both(void)
{
	static const char *const names[] = {
	    "db", "db-wal", "db-shm", "other", "other-wal", "other-shm"};
	char name[96];
	size_t i;

	store_reader_free(reader);
	store_close(store);
	for (i = 0; i < N(names); i++) {
		file(name, names[i]);
		(void)unlink(name); /* may be missing */
	}
	CHECK_INT(rmdir(dir), 0);
}

/* A row of a thing for all. */
static void
put_place(const char *group, const char *name, int64_t at_s, int tier)
{
	struct store_place p = {.at_s = at_s,
	    .tier = (uint16_t)tier,
	    .weight = 100,
	    .drain = tier == 0,
	    .success_permille = 990,
	    .latency_us = 1234,
	    .agents = 3};

	snprintf(p.group, sizeof(p.group), "%s", group);
	snprintf(p.name, sizeof(p.name), "%s", name);
	snprintf(p.why, sizeof(p.why), "%s", tier == 1 ? "policy" : "slow");
	CHECK_INT(store_place_add(store, &p), 0);
}

static void
put_event(const char *group, const char *subject, int64_t at_s)
{
	struct store_event e = {.at_s = at_s};

	snprintf(e.kind, sizeof(e.kind), "rank");
	snprintf(e.group, sizeof(e.group), "%s", group);
	snprintf(e.subject, sizeof(e.subject), "%s", subject);
	snprintf(e.text, sizeof(e.text), "at %lld", (long long)at_s);
	CHECK_INT(store_event_add(store, &e), 0);
}

static void
begin(void)
{
	CHECK_INT(store_begin(store), 0);
}

static void
commit(void)
{
	CHECK_INT(store_commit(store), 0);
}

/* --- collecting --- */

struct seen {
	char text[4096];
	size_t len;
	int stop_after;
};

static void note(struct seen *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
note(struct seen *s, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(s->text + s->len, sizeof(s->text) - s->len, fmt, ap);
	va_end(ap);
	if (n > 0 && (size_t)n < sizeof(s->text) - s->len)
		s->len += (size_t)n;
}

static bool
more(struct seen *s)
{
	return --s->stop_after != 0;
}

static bool
see_stand(void *arg, const struct store_stand *s)
{
	note(arg, "%s/%s %u since %lld%s%s; ", s->last.group, s->last.name,
	    s->last.tier, (long long)s->since_s, s->since_known ? "" : "?",
	    s->named ? "" : " gone");
	return more(arg);
}

static bool
see_place(void *arg, const struct store_place *p)
{
	note(arg, "%lld:%u ", (long long)p->at_s, p->tier);
	return more(arg);
}

static bool
see_event(void *arg, int64_t id, const struct store_event *e)
{
	note(arg, "%lld@%lld ", (long long)id, (long long)e->at_s);
	return more(arg);
}

static bool
see_agent(void *arg, const struct store_agent *a)
{
	note(arg, "%s/%s %u.%llu ", a->group, a->name, a->policy.epoch,
	    (unsigned long long)a->policy.serial);
	return more(arg);
}

static bool
see_mark(void *arg, const struct store_mark *m)
{
	note(arg, "%d %s %u.%llu %lld by %s, %lld; ", (int)m->type, m->audience,
	    m->epoch, (unsigned long long)m->serial, (long long)m->issued_s,
	    m->by, (long long)m->len);
	return more(arg);
}

static bool
see_override(void *arg, const struct store_override *o)
{
	note(arg, "%s +%s -%s until %lld by %s: %s; ", o->group, o->use,
	    o->avoid, (long long)o->until_s, o->by, o->why);
	return more(arg);
}

static bool
see_probe(void *arg, const struct store_probed *p)
{
	note(arg, "%lld: %lld/%lld %lld; ", (long long)p->at_s,
	    (long long)p->passed, (long long)p->made, (long long)p->latency_us);
	return more(arg);
}

static const char *
stands(void)
{
	static struct seen s;

	s = (struct seen){0};
	CHECK_INT(store_reader_begin(reader, LIMIT_US), 0);
	CHECK_INT(store_read_stands(reader, see_stand, &s), 0);
	store_reader_end(reader);
	return s.text;
}

/* --- cases --- */

static void
where_they_stand(void)
{
	open_both();
	CHECK_STR(stands(), "");
	begin();
	put_place("york", "hq-1", 10, 1);
	put_place("york", "hq-2", 10, 1);
	put_place("york", "hq-1", 20, 1);
	put_place("york", "hq-2", 20, 2);
	put_place("lon", "hq-2", 15, 1);
	commit();
	CHECK_STR(stands(), "lon/hq-2 1 since 15; york/hq-1 1 since 10; "
			    "york/hq-2 2 since 20; ");
	/* Goes on from what is known. */
	begin();
	put_place("york", "hq-2", 30, 2);
	put_place("york", "hq-2", 40, 2);
	put_place("york", "hq-1", 40, 0);
	put_place("a", "z", 40, 1);
	commit();
	CHECK_STR(stands(), "a/z 1 since 40; lon/hq-2 1 since 15; "
			    "york/hq-1 0 since 40; york/hq-2 2 since 20; ");
	CHECK_STR(stands(), "a/z 1 since 40; lon/hq-2 1 since 15; "
			    "york/hq-1 0 since 40; york/hq-2 2 since 20; ");
	close_both();
}

/* No more than so many rows are gone back; but what is known stays known. */
static void
long_stand(void)
{
	int i;

	open_both();
	begin();
	put_place("g", "n", 1, 2);
	for (i = 2; i <= 6000; i++)
		put_place("g", "n", i, 1);
	commit();
	CHECK_STR(stands(), "g/n 1 since 4500?; ");
	begin();
	put_place("g", "n", 6001, 1);
	commit();
	CHECK_STR(stands(), "g/n 1 since 4500?; ");
	close_both();
}

static void
put_policy(const char *group, uint64_t serial, const char *body)
{
	struct envelope e = {.type = ENVELOPE_POLICY,
	    .epoch = 2,
	    .serial = serial,
	    .issued_s = 77,
	    .expires_s = 99};
	const struct store_message m = {.envelope = &e,
	    .message = (const uint8_t *)body,
	    .len = strlen(body),
	    .by = "alice",
	    .at_s = 78};

	snprintf(e.audience, sizeof(e.audience), "%s", group);
	CHECK_INT(store_message_put(store, &m), 0);
}

/* By the newest policy for the group or for all; a group without has all. */
static void
who_is_named(void)
{
	struct seen s = {0};

	open_both();
	begin();
	put_place("york", "hq-1", 10, 1);
	put_place("york", "hq-10", 10, 1);
	put_place("lon", "hq-1", 10, 1);
	put_policy("york", 8, "[intermediary \"hq-1\"]\n");
	put_policy(
	    "york", 9, "[rule \"hq-1\"]\n[intermediary \t \"hq-10\" ]\n");
	commit();
	CHECK_STR(stands(), "lon/hq-1 1 since 10; york/hq-1 1 since 10 gone; "
			    "york/hq-10 1 since 10; ");
	begin();
	put_policy("*", 10, "[intermediary \"hq-1\"]\n");
	commit();
	CHECK_STR(stands(), "lon/hq-1 1 since 10; york/hq-1 1 since 10; "
			    "york/hq-10 1 since 10 gone; ");
	CHECK_INT(store_reader_begin(reader, LIMIT_US), 0);
	CHECK_INT(store_read_marks(reader, see_mark, &s), 0);
	store_reader_end(reader);
	CHECK_STR(s.text, "2 york 2.8 77 by alice, 22; "
			  "2 york 2.9 77 by alice, 40; "
			  "2 * 2.10 77 by alice, 22; ");
	close_both();
}

static const char *
history(int64_t since_s)
{
	const struct store_history_query q = {"g", "n", since_s};
	static struct seen s;

	s = (struct seen){0};
	CHECK_INT(store_reader_begin(reader, LIMIT_US), 0);
	CHECK_INT(store_read_history(reader, &q, see_place, &s), 0);
	store_reader_end(reader);
	return s.text;
}

static void
what_was_before(void)
{
	open_both();
	begin();
	put_place("g", "n", 10, 1);
	put_place("g", "n", 20, 2);
	put_place("g", "n", 30, 1);
	put_place("g", "other", 25, 7);
	put_place("other", "n", 25, 7);
	commit();
	CHECK_STR(history(0), "10:1 20:2 30:1 ");
	CHECK_STR(history(10), "10:1 20:2 30:1 ");
	CHECK_STR(history(19), "10:1 20:2 30:1 ");
	CHECK_STR(history(20), "20:2 30:1 ");
	CHECK_STR(history(99), "30:1 ");
	close_both();
}

static void
probes_by_step(void)
{
	const struct store_history_query q = {"", "n", 100};
	struct store_probe p = {.load_percent = -1};
	struct seen s = {0};
	int64_t at_s;

	open_both();
	begin();
	for (at_s = 90; at_s < 130; at_s += 5) {
		p.at_s = at_s;
		p.ok = at_s % 10 == 0;
		p.connect_us = 1;
		p.handshake_us = 10;
		p.first_byte_us = (uint32_t)at_s;
		snprintf(p.name, sizeof(p.name), "n");
		CHECK_INT(store_probe_add(store, &p), 0);
		snprintf(p.name, sizeof(p.name), "m");
		CHECK_INT(store_probe_add(store, &p), 0);
	}
	commit();
	CHECK_INT(store_reader_begin(reader, LIMIT_US), 0);
	CHECK_INT(store_read_probes(reader, &q, 20, see_probe, &s), 0);
	store_reader_end(reader);
	CHECK_STR(s.text, "100: 2/4 116; 120: 1/2 131; ");
	close_both();
}

static void
add_agent(const char *name, const char *group, uint64_t serial)
{
	struct store_agent a = {.policy = {1, serial}};

	memset(a.key, name[0], sizeof(a.key));
	snprintf(a.name, sizeof(a.name), "%s", name);
	snprintf(a.group, sizeof(a.group), "%s", group);
	CHECK_INT(store_agent_add(store, &a), 0);
	CHECK_INT(store_agent_update(store, &a), 0);
}

static const char *
agents(const char *group, const char *after, int n)
{
	static struct seen s;

	s = (struct seen){.stop_after = n};
	CHECK_INT(store_reader_begin(reader, LIMIT_US), 0);
	CHECK_INT(store_read_agents(reader, group, after, see_agent, &s), 0);
	store_reader_end(reader);
	return s.text;
}

static void
agents_by_name(void)
{
	open_both();
	begin();
	add_agent("c", "g", 3);
	add_agent("a", "g", 4);
	add_agent("b", "h", 5);
	commit();
	CHECK_STR(agents("", "", 0), "g/a 1.4 h/b 1.5 g/c 1.3 ");
	CHECK_STR(agents("g", "", 0), "g/a 1.4 g/c 1.3 ");
	CHECK_STR(agents("", "a", 0), "h/b 1.5 g/c 1.3 ");
	CHECK_STR(agents("", "a", 1), "h/b 1.5 ");
	CHECK_STR(agents("x", "", 0), "");
	close_both();
}

static const char *
events(const struct store_event_query *q)
{
	static struct seen s;

	s = (struct seen){0};
	CHECK_INT(store_reader_begin(reader, LIMIT_US), 0);
	CHECK_INT(store_read_events(reader, q, see_event, &s), 0);
	store_reader_end(reader);
	return s.text;
}

static void
events_newest_first(void)
{
	open_both();
	begin();
	put_event("g", "n", 10);
	put_event("g", "m", 20);
	put_event("h", "n", 30);
	put_event("", "", 25);
	commit();
	CHECK_STR(events(&(struct store_event_query){0, 0, "", ""}),
	    "4@25 3@30 2@20 1@10 ");
	CHECK_STR(
	    events(&(struct store_event_query){20, 4, "", ""}), "3@30 2@20 ");
	CHECK_STR(
	    events(&(struct store_event_query){0, 0, "g", ""}), "2@20 1@10 ");
	CHECK_STR(
	    events(&(struct store_event_query){0, 0, "", "n"}), "3@30 1@10 ");
	close_both();
}

static void
overrides_in_force(void)
{
	struct store_override o = {.group = "*",
	    .use = "a b",
	    .avoid = "c",
	    .from_s = 10,
	    .until_s = 100,
	    .by = "root",
	    .why = "x"};
	struct seen s = {0};

	open_both();
	begin();
	CHECK_INT(store_override_add(store, &o), 0);
	CHECK_INT(store_override_add(store, &o), 0);
	CHECK_INT(store_override_end(store, o.id, 20), 0);
	o.until_s = 50;
	CHECK_INT(store_override_add(store, &o), 0);
	commit();
	CHECK_INT(store_reader_begin(reader, LIMIT_US), 0);
	CHECK_INT(store_read_overrides(reader, 50, see_override, &s), 0);
	store_reader_end(reader);
	CHECK_STR(s.text, "* +a b -c until 100 by root: x; ");
	close_both();
}

/* What is committed while it reads comes with the next begin. */
static void
one_moment(void)
{
	struct seen s = {0};

	open_both();
	begin();
	put_event("g", "n", 10);
	commit();
	CHECK_INT(store_reader_begin(reader, LIMIT_US), 0);
	begin();
	put_event("g", "n", 20);
	CHECK_INT(store_commit(store), 0); /* nobody holds the writer up */
	CHECK_INT(store_read_events(reader,
		      &(struct store_event_query){0, 0, "", ""}, see_event, &s),
	    0);
	store_reader_end(reader);
	CHECK_STR(s.text, "1@10 ");
	CHECK_STR(
	    events(&(struct store_event_query){0, 0, "", ""}), "2@20 1@10 ");
	/* Nor does a transaction that is under way hold up the reader. */
	begin();
	put_event("g", "n", 30);
	CHECK_STR(
	    events(&(struct store_event_query){0, 0, "", ""}), "2@20 1@10 ");
	store_rollback(store);
	close_both();
}

static bool
see_nothing(void *arg, const struct store_place *p)
{
	(void)p;
	++*(unsigned int *)arg;
	return true;
}

static void
takes_no_longer(void)
{
	const struct store_history_query q = {"g", "n", 0};
	unsigned int n = 0;
	int i;

	open_both();
	begin();
	for (i = 0; i < 20000; i++)
		put_place("g", "n", i, 1);
	commit();
	CHECK_INT(store_reader_begin(reader, LIMIT_US), 0);
	CHECK_INT(store_read_history(reader, &q, see_nothing, &n), 0);
	store_reader_end(reader);
	CHECK_INT(n, 20000);
	/* The time is over before it begins to look. */
	CHECK_INT(store_reader_begin(reader, 0), 0);
	n = 0;
	CHECK_INT(store_read_history(reader, &q, see_nothing, &n), -ETIMEDOUT);
	CHECK(n < 20000, "all was read");
	store_reader_end(reader);
	CHECK_INT(store_reader_begin(reader, LIMIT_US), 0);
	n = 0;
	CHECK_INT(store_read_history(reader, &q, see_nothing, &n), 0);
	CHECK_INT(n, 20000);
	store_reader_end(reader);
	close_both();
}

/* As one does who puts another file in a store's place: what a reader has open
 * is not removed by the writer's end. */
static void
drop_logs(void)
{
	static const char *const names[] = {
	    "db-wal", "db-shm", "other-wal", "other-shm"};
	char name[96];
	size_t i;

	for (i = 0; i < N(names); i++) {
		file(name, names[i]);
		(void)unlink(name); /* may be missing */
	}
}

/* More than there is time for: each time some of it is found, until all is
 * known. */
static void
comes_to_an_end(void)
{
	unsigned int tries = 0;
	struct seen s;
	char name[16];
	int i, k, rc;

	open_both();
	begin();
	for (i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		for (k = 0; k < 1000; k++)
			put_place("g", name, k, 1);
	}
	commit();
	do {
		s = (struct seen){0};
		CHECK_INT(store_reader_begin(reader, tries * 50), 0);
		rc = store_read_stands(reader, see_stand, &s);
		store_reader_end(reader);
		CHECK(rc == 0 || rc == -ETIMEDOUT, "%d", rc);
	} while (rc != 0 && ++tries < 1000);
	CHECK(rc == 0 && tries > 0, "%u tries", tries);
	CHECK(strncmp(s.text, "g/n0 1 since 0; g/n1 1 since 0; ", 32) == 0,
	    "%s", s.text);
	close_both();
}

/* There is none yet, it comes, it is replaced, it is no store. */
static void
comes_and_goes(void)
{
	struct store_reader *r;
	struct store *other;
	char name[96], why[STORE_WHY_MAX];
	FILE *f;

	open_both();
	file(name, "other");
	CHECK_INT(store_reader_new(name, &r), 0);
	CHECK_INT(store_reader_begin(r, LIMIT_US), -ENOENT);
	CHECK_STR(store_reader_why(r), "there is no store yet");
	CHECK(store_open(name, &other, why) == 0, "%s", why);
	CHECK_INT(store_reader_begin(r, LIMIT_US), 0);
	store_reader_end(r);
	store_reader_free(r); /* the last to close writes all into the file */
	store_close(other);
	/* The one that is open goes, and the other comes in its place. */
	begin();
	put_event("g", "n", 10);
	commit();
	CHECK_INT(store_reader_begin(reader, LIMIT_US), 0);
	store_reader_end(reader);
	store_close(store);
	drop_logs();
	CHECK_INT(rename(name, path), 0);
	CHECK(store_open(path, &store, why) == 0, "%s", why);
	CHECK_STR(events(&(struct store_event_query){0, 0, "", ""}), "");
	f = fopen(name, "w");
	CHECK(f != NULL, "no file");
	if (f != NULL) {
		fprintf(f, "%8192s", "no database at all");
		fclose(f);
	}
	CHECK_INT(store_reader_new(name, &r), 0);
	CHECK_INT(store_reader_begin(r, LIMIT_US), -EBADMSG);
	CHECK(strstr(store_reader_why(r), "not a database") != NULL, "%s",
	    store_reader_why(r));
	store_reader_free(r);
	close_both();
}

/* Another program's database, and a store of another version. */
static void
not_ours(void)
{
	struct store_reader *r;
	char name[96];
	sqlite3 *db;

	open_both();
	file(name, "other");
	CHECK_INT(store_reader_new(name, &r), 0);
	CHECK_INT(sqlite3_open(name, &db), SQLITE_OK);
	CHECK_INT(sqlite3_exec(db, "CREATE TABLE t (x)", NULL, NULL, NULL), 0);
	CHECK_INT(store_reader_begin(r, LIMIT_US), -ENOENT);
	CHECK_INT(
	    sqlite3_exec(db, "PRAGMA user_version = 1000", NULL, NULL, NULL),
	    0);
	CHECK_INT(store_reader_begin(r, LIMIT_US), -EBADMSG);
	sqlite3_close(db);
	store_reader_free(r);
	close_both();
}

/* In a process of its own, as somebody who may write neither the store nor
 * beside it: 0 when it could be read. */
static int
read_as_nobody(void)
{
	struct seen s = {0};
	int rc;

	if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
		return 1;
	rc = store_reader_begin(reader, LIMIT_US);
	if (rc != 0)
		return 2;
	rc = store_read_events(
	    reader, &(struct store_event_query){0, 0, "", ""}, see_event, &s);
	store_reader_end(reader);
	return rc == 0 && strcmp(s.text, "1@10 ") == 0 ? 0 : 3;
}

static void
needs_no_write(void)
{
	static const char *const names[] = {"db", "db-wal", "db-shm"};
	char name[96];
	int status = -1;
	pid_t pid;
	size_t i;

	open_both();
	begin();
	put_event("g", "n", 10);
	commit();
	CHECK_INT(chmod(dir, 0555), 0);
	for (i = 0; i < N(names); i++) {
		file(name, names[i]);
		CHECK_INT(chmod(name, 0444), 0);
	}
	pid = fork();
	if (pid == 0)
		_exit(read_as_nobody());
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid, "no process");
	CHECK(status == 0, "it could not read: %x", (unsigned int)status);
	CHECK_INT(chmod(dir, 0700), 0);
	close_both();
}

static void
totals(void)
{
	struct store_totals t;
	const struct store_seen seen = {.agent = 1, .at_s = 44, .name = "n"};

	open_both();
	CHECK_INT(store_reader_begin(reader, LIMIT_US), 0);
	CHECK_INT(store_read_totals(reader, &t), 0);
	store_reader_end(reader);
	CHECK(t.agents == 0 && t.event_s == 0 && t.bytes > 0, "empty");
	begin();
	add_agent("a", "g", 1);
	put_event("g", "n", 10);
	put_place("g", "n", 20, 1);
	CHECK_INT(store_seen_add(store, &seen), 0);
	commit();
	CHECK_INT(store_reader_begin(reader, LIMIT_US), 0);
	CHECK_INT(store_read_totals(reader, &t), 0);
	store_reader_end(reader);
	CHECK(t.agents == 1 && t.event_s == 10 && t.place_s == 20 &&
		  t.report_s == 44 && t.probe_s == 0,
	    "%lld agents, %lld %lld %lld", (long long)t.agents,
	    (long long)t.event_s, (long long)t.place_s, (long long)t.report_s);
	close_both();
}

static const struct unit_case cases[] = {
    {"where each stands, and since when", where_they_stand},
    {"one that has stood for long", long_stand},
    {"who is named, what was published", who_is_named},
    {"a history begins with what was before", what_was_before},
    {"probes by steps of time", probes_by_step},
    {"agents by name, group, page", agents_by_name},
    {"events, newest first", events_newest_first},
    {"overrides in force", overrides_in_force},
    {"one moment, and nobody waits", one_moment},
    {"no longer than is allowed", takes_no_longer},
    {"much, some at a time", comes_to_an_end},
    {"a store that comes, goes, is none", comes_and_goes},
    {"a database that is not ours", not_ours},
    {"what may not be written", needs_no_write},
    {"totals", totals},
};
UNIT_MAIN("store_read", cases)
