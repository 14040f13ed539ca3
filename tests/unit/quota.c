/* What one user may have: over several workers, by login, uid or address. */
#include "cagentd/worker/quota.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "tests/unit/settings_sample.h"
#include "tests/unit/unit.h"

#define WORKERS 3
#define NOW_US	1000000000ll

struct rig {
	struct slab *slabs[SETTINGS_WORKERS_MAX];
	struct quota quota[WORKERS];
	struct settings *s;
};

static struct rig
rig_new(const char *conf)
{
	struct conf_errors e = {0};
	struct rig r = {0};
	int i;

	log_level_set(LOG_LEVEL_ERROR);
	CHECK_INT(sample_parse(conf, &r.s, &e), 0);
	CHECK_STR(e.text, "");
	for (i = 0; i < WORKERS; i++)
		r.slabs[i * 2] = calloc(1, sizeof(struct slab));
	return r;
}

/* Where it will stay. */
static void
rig_start(struct rig *r)
{
	int i;

	for (i = 0; i < WORKERS; i++)
		quota_init(&r->quota[i], r->slabs[i * 2], r->slabs);
}

static void
rig_done(struct rig *r)
{
	int i;

	for (i = 0; i < WORKERS; i++)
		free(r->slabs[i * 2]);
	settings_unref(r->s);
}

static struct client
uid_client(uid_t uid)
{
	return (struct client){.has_uid = true, .uid = uid};
}

static struct client
login_client(const char *name)
{
	struct client c = {0};

	snprintf(c.login, sizeof(c.login), "%s", name);
	return c;
}

static struct client
source_client(const char *text)
{
	struct client c = {0};

	CHECK_INT(net_ip_parse(text, &c.source), 0);
	return c;
}

static enum quota_answer
enter(
    struct rig *r, int worker, const struct client *c, struct quota_seat *seat)
{
	return quota_enter(&r->quota[worker], r->s, c, seat, NOW_US);
}

static void
limits_hold_over_all_workers(void)
{
	struct rig r = rig_new("[agent]\nuser-connections = 4\n");
	struct client a = uid_client(1000), b = uid_client(1001);
	struct quota_seat seats[6] = {0}, other = {0};
	int i;

	rig_start(&r);
	for (i = 0; i < 4; i++)
		CHECK_INT(enter(&r, i % WORKERS, &a, &seats[i]), QUOTA_OK);
	for (i = 0; i < WORKERS; i++)
		CHECK_INT(enter(&r, i, &a, &seats[4]), QUOTA_CONNECTIONS);
	CHECK(seats[4].entry == NULL, "no seat");
	CHECK_INT(enter(&r, 0, &b, &other), QUOTA_OK);
	quota_leave(&seats[1]);
	quota_leave(&seats[1]);
	CHECK_INT(enter(&r, 2, &a, &seats[4]), QUOTA_OK);
	CHECK_INT(enter(&r, 1, &a, &seats[5]), QUOTA_CONNECTIONS);
	/* Another look at one that sits is no second one. */
	CHECK_INT(enter(&r, 0, &a, &seats[0]), QUOTA_OK);
	rig_done(&r);
}

static void
nothing_is_counted_without_limits(void)
{
	struct rig r = rig_new("");
	struct client a = uid_client(1000);
	struct quota_seat seat = {0};
	int64_t retry_us;

	rig_start(&r);
	CHECK_INT(enter(&r, 0, &a, &seat), QUOTA_OK);
	CHECK(seat.entry == NULL, "not counted");
	CHECK_INT(
	    quota_request(&r.quota[0], &seat, NOW_US, &retry_us), QUOTA_OK);
	quota_leave(&seat);
	rig_done(&r);
}

static void
a_login_moves_a_connection(void)
{
	struct rig r = rig_new("[agent]\nuser-connections = 1\n");
	struct client c = source_client("192.0.2.1");
	struct quota_seat first = {0}, second = {0}, third = {0};

	rig_start(&r);
	CHECK_INT(enter(&r, 0, &c, &first), QUOTA_OK);
	CHECK_INT(enter(&r, 1, &c, &second), QUOTA_CONNECTIONS);
	snprintf(c.login, sizeof(c.login), "alice");
	CHECK_INT(enter(&r, 0, &c, &first), QUOTA_OK);
	c.login[0] = '\0';
	CHECK_INT(enter(&r, 1, &c, &second), QUOTA_OK);
	c = login_client("alice");
	CHECK_INT(enter(&r, 2, &c, &third), QUOTA_CONNECTIONS);
	/* One that sat elsewhere has no seat now. */
	CHECK_INT(enter(&r, 1, &c, &second), QUOTA_CONNECTIONS);
	CHECK(second.entry == NULL, "no seat");
	quota_leave(&first);
	CHECK_INT(enter(&r, 2, &c, &third), QUOTA_OK);
	rig_done(&r);
}

static void
users_are_told_apart(void)
{
	static const struct {
		const char *login;
		int uid; /* -1: unknown */
		const char *source, *want;
	} rows[] = {
	    {"", -1, NULL, "unknown"},
	    {"", -1, "192.0.2.1", "192.0.2.1"},
	    {"", -1, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
	    {"", 0, "127.0.0.1", "uid 0"},
	    {"", 1000, NULL, "uid 1000"},
	    {"root", 1000, "127.0.0.1", "login root"},
	    {"0", -1, NULL, "login 0"},
	};
	char name[USAGE_NAME_MAX + 1];
	struct client c;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		c = login_client(rows[i].login);
		c.has_uid = rows[i].uid >= 0;
		c.uid = (uid_t)rows[i].uid;
		if (rows[i].source != NULL)
			c.source = source_client(rows[i].source).source;
		CHECK_STR(quota_name(&c, name), rows[i].want);
	}
	/* The longest login is not cut. */
	memset(c.login, 'x', sizeof(c.login) - 1);
	c.login[sizeof(c.login) - 1] = '\0';
	CHECK_INT(strlen(quota_name(&c, name)), 6 + sizeof(c.login) - 1);
}

static int
seats_of(struct rig *r, const struct client *c)
{
	struct quota_seat seats[20] = {0};
	int i, n;

	for (n = 0; n < 20; n++) {
		if (enter(r, n % WORKERS, c, &seats[n]) != QUOTA_OK)
			break;
	}
	for (i = 0; i < n; i++)
		quota_leave(&seats[i]);
	return n;
}

static void
exceptions_are_for_whom_they_name(void)
{
	struct rig r = rig_new("[agent]\nuser-connections = 5\n"
			       "[user \"someone\"]\nmax-connections = 2\n"
			       "[login \"someone\"]\nmax-connections = 3\n"
			       "[user \"77\"]\nmax-connections = 0\n"
			       "[login \"77\"]\nmax-rate = 1\n");
	struct client c = uid_client(1234);

	rig_start(&r);
	CHECK_INT(seats_of(&r, &c), 2);
	snprintf(c.login, sizeof(c.login), "other");
	CHECK_INT(seats_of(&r, &c), 5); /* the login, not the uid */
	snprintf(c.login, sizeof(c.login), "someone");
	CHECK_INT(seats_of(&r, &c), 3);
	c = uid_client(77);
	CHECK_INT(seats_of(&r, &c), 20);
	c = login_client("77");
	CHECK_INT(seats_of(&r, &c), 5);
	rig_done(&r);
}

/* How many pass at once, at that worker and time. */
static int
requests(struct rig *r, int worker, const struct quota_seat *seat, int64_t at)
{
	int64_t retry_us;
	int n = 0;

	while (n < 1000 && quota_request(&r->quota[worker], seat, at,
			       &retry_us) == QUOTA_OK)
		n++;
	CHECK(n == 1000 || retry_us > 0, "says when");
	return n;
}

static void
a_rate_holds_over_all_workers(void)
{
	struct rig r = rig_new("[agent]\nuser-rate = 10\nuser-burst = 20\n");
	struct client c = login_client("alice"), d = login_client("bob");
	struct quota_seat seats[WORKERS] = {0}, other = {0};
	int i, n = 0;

	rig_start(&r);
	for (i = 0; i < WORKERS; i++)
		CHECK_INT(enter(&r, i, &c, &seats[i]), QUOTA_OK);
	CHECK_INT(enter(&r, 0, &d, &other), QUOTA_OK);
	for (i = 0; i < 1000; i++) {
		int64_t retry_us;

		n += quota_request(&r.quota[i % WORKERS], &seats[i % WORKERS],
			 NOW_US, &retry_us) == QUOTA_OK;
	}
	CHECK_INT(n, 20);
	CHECK_INT(requests(&r, 0, &other, NOW_US), 20);
	/* A burst is of two seconds here. */
	CHECK_INT(requests(&r, 1, &seats[1], NOW_US + 2000000), 0);
	CHECK_INT(requests(&r, 1, &seats[1], NOW_US + 3000000), 10);
	CHECK_INT(requests(&r, 0, &seats[0], NOW_US + 60000000), 20);
	rig_done(&r);
}

/* Asking whenever one may, for a minute: neither more nor much less than the
 * rate; and what is told of when to come back is true. */
static void
a_rate_is_kept_for_long(void)
{
	struct rig r = rig_new("[agent]\nuser-rate = 7\nuser-burst = 5\n");
	struct client c = login_client("alice");
	struct quota_seat seat = {0};
	int64_t at = NOW_US, retry_us, end = NOW_US + 60000000;
	int n = 0, refusals = 0;

	rig_start(&r);
	CHECK_INT(enter(&r, 0, &c, &seat), QUOTA_OK);
	while (at < end) {
		if (quota_request(&r.quota[0], &seat, at, &retry_us) ==
		    QUOTA_OK) {
			n++;
			refusals = 0;
			continue;
		}
		CHECK(++refusals < 3 && retry_us > 0, "it was worth waiting");
		at += retry_us;
	}
	CHECK(n <= 60 * 7 + 5 && n >= 60 * 7 * 3 / 4, "%d in a minute", n);
	rig_done(&r);
}

static void
odd_rates_do_no_harm(void)
{
	static const char *const confs[] = {
	    "[agent]\nuser-rate = 1\n",
	    "[agent]\nuser-rate = 1\nuser-burst = 100000\n",
	    "[agent]\nuser-rate = 100000\nuser-burst = 1\n",
	    "[agent]\nuser-rate = 100000\nuser-burst = 100000\n",
	    "[agent]\nuser-burst = 3\nuser-connections = 9\n",
	    "[login \"alice\"]\nmax-rate = 0\nmax-burst = 2\n",
	};
	static const int want[] = {1, 1000, 1, 1000, 1000, 1000};
	struct client c = login_client("alice");
	struct quota_seat seat;
	struct rig r;
	size_t i;

	for (i = 0; i < sizeof(want) / sizeof(*want); i++) {
		r = rig_new(confs[i]);
		rig_start(&r);
		memset(&seat, 0, sizeof(seat));
		CHECK_INT(enter(&r, 0, &c, &seat), QUOTA_OK);
		CHECK_INT(requests(&r, 0, &seat, NOW_US), want[i]);
		rig_done(&r);
	}
}

/* A worker that lies can have users refused, and no more. */
static void
a_hostile_slab_does_no_more_than_refuse(void)
{
	struct rig r =
	    rig_new("[agent]\nuser-connections = 9\nuser-rate = 5\n");
	struct client c = login_client("alice");
	struct quota_seat seat = {0}, more = {0};
	int64_t retry_us;

	rig_start(&r);
	CHECK_INT(enter(&r, 0, &c, &seat), QUOTA_OK);
	memset(&r.slabs[2]->usage, 0xff, sizeof(r.slabs[2]->usage));
	for (uint32_t i = 0; i < USAGE_ENTRIES; i++)
		r.slabs[2]->usage.hashes[i] = seat.hash;
	CHECK_INT(enter(&r, 0, &c, &more), QUOTA_CONNECTIONS);
	CHECK_INT(
	    quota_request(&r.quota[0], &seat, NOW_US, &retry_us), QUOTA_OK);
	rig_done(&r);
}

static void
a_full_table_counts_nobody_more(void)
{
	struct rig r =
	    rig_new("[agent]\nuser-connections = 1\nuser-rate = 1\n");
	static struct quota_seat seats[USAGE_ENTRIES * 4];
	struct quota_seat last = {0}, again = {0};
	struct client c;
	uid_t uid;

	rig_start(&r);
	memset(seats, 0, sizeof(seats));
	for (uid = 0; uid < USAGE_ENTRIES * 4; uid++) {
		c = uid_client(uid);
		CHECK_INT(enter(&r, 0, &c, &seats[uid]), QUOTA_OK);
	}
	c = uid_client(uid);
	CHECK_INT(enter(&r, 0, &c, &last), QUOTA_OK);
	CHECK_INT(enter(&r, 0, &c, &again), QUOTA_OK);
	CHECK(last.entry == NULL && again.entry == NULL, "not counted");
	CHECK_INT(requests(&r, 0, &last, NOW_US), 1000);
	/* Who is in it is counted as ever. */
	c = uid_client(0);
	CHECK(seats[0].entry != NULL, "the first has its place");
	CHECK_INT(enter(&r, 0, &c, &last), QUOTA_CONNECTIONS);
	CHECK_INT(enter(&r, 1, &c, &last), QUOTA_CONNECTIONS);
	rig_done(&r);
}

static const struct unit_case cases[] = {
    {"limits hold over all workers", limits_hold_over_all_workers},
    {"nothing is counted without limits", nothing_is_counted_without_limits},
    {"a login moves a connection", a_login_moves_a_connection},
    {"users are told apart", users_are_told_apart},
    {"exceptions are for whom they name", exceptions_are_for_whom_they_name},
    {"a rate holds over all workers", a_rate_holds_over_all_workers},
    {"a rate is kept for long", a_rate_is_kept_for_long},
    {"odd rates do no harm", odd_rates_do_no_harm},
    {"a hostile slab does no more than refuse",
	a_hostile_slab_does_no_more_than_refuse},
    {"a full table counts nobody more", a_full_table_counts_nobody_more},
};

UNIT_MAIN("quota", cases)
