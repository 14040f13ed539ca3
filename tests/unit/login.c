/* A worker's logins, before a verifier that answers when the test says so. */
#include "cagentd/worker/who/login.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/loop.h"
#include "cagentd/common/msg.h"
#include "cagentd/worker/who/login_guess.h"
#include "cagentd/worker/who/login_known.h"
#include "conf/match.h"
#include "tests/unit/fake.h"
#include "tests/unit/unit.h"

#define ASKED_SEEN 64
#define MARK	   7

struct answer {
	struct rig *rig;
	struct login *login;
	int n;
	enum login_answer got;
};

struct rig {
	struct loop *loop;
	struct logins *logins;
	struct chan *verifier;
	struct msg_login asked[ASKED_SEEN];
	int asked_n;
	struct settings settings;
	struct client client;
	struct answer answers[LOGIN_WAITING_MAX + 8];
	int answers_n;
	int fds;
};

static void
question(void *arg, struct chan *c, const struct chan_msg *m)
{
	struct rig *rig = arg;

	(void)c;
	CHECK(rig->asked_n < ASKED_SEEN, "too many questions");
	CHECK_INT(m->type, MSG_LOGIN);
	CHECK_INT(
	    msg_login_decode(m->data, m->len, &rig->asked[rig->asked_n]), 0);
	rig->asked_n++;
}

static void
gone(void *arg, struct chan *c, const char *why)
{
	(void)arg, (void)c;
	CHECK(why == NULL, "the verifier's channel: %s", why);
}

static void
attach(struct rig *rig)
{
	const struct chan_owner owner = {question, gone, rig};
	int fds[2];

	chan_free(rig->verifier);
	rig_must(chan_pair(fds), "chan_pair");
	rig_must(chan_new(&rig->verifier, rig->loop, fds[0], &procs_rules,
		     ROLE_VERIFIER, ROLE_WORKER, &owner),
	    "chan_new");
	CHECK_INT(logins_attach(rig->logins, fds[1]), 0);
	rig_settle(rig->loop);
}

static void
use_mark(struct rig *rig, uint64_t mark)
{
	rig->settings.users_mark = mark;
	logins_use(rig->logins, &rig->settings);
}

static void
come_from(struct rig *rig, uint8_t last)
{
	rig->client.source =
	    (struct net_ip){.family = 4, .bytes = {192, 0, 2, last}};
}

static struct rig *
rig_new(void)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	log_level_set(LOG_LEVEL_ERROR);
	rig->fds = fake_open_fds();
	rig->loop = rig_loop();
	rig_must(logins_new(&rig->logins, rig->loop), "logins_new");
	rig->settings.login_remember_ms = 3600000;
	use_mark(rig, MARK);
	come_from(rig, 1);
	attach(rig);
	return rig;
}

static void
rig_free(struct rig *rig)
{
	int i;

	for (i = 0; i < rig->answers_n; i++) {
		CHECK(rig->answers[i].n <= 1, "told twice");
		login_cancel(rig->answers[i].login);
	}
	chan_free(rig->verifier);
	logins_free(rig->logins);
	loop_free(rig->loop);
	CHECK_INT(fake_open_fds(), rig->fds);
	free(rig);
}

static void
done(void *arg, enum login_answer got)
{
	struct answer *a = arg;

	a->login = NULL;
	a->n++;
	a->got = got;
}

/* What came of it at once. */
static enum login_answer
try(struct rig *rig, const char *user, const char *password)
{
	struct answer *a = &rig->answers[rig->answers_n++];
	const struct login_claim claim = {&rig->client, user, password};
	enum login_answer now;

	a->rig = rig;
	now = login_check(rig->logins, &claim, done, a, &a->login);
	CHECK_INT(a->n, 0);
	CHECK((now == LOGIN_LATER) == (a->login != NULL), "%d", (int)now);
	rig_settle(rig->loop);
	return now;
}

/* The verifier's answer to the i-th question, by that users file. */
static void
verdict(struct rig *rig, int i, enum msg_verdict v, uint64_t mark)
{
	const struct msg_verified m = {rig->asked[i].id, v, mark};
	uint8_t buf[CHAN_DATA_MAX];

	CHECK(i < rig->asked_n, "no question %d", i);
	CHECK_INT(chan_send(rig->verifier, MSG_VERIFIED, buf,
		      msg_verified_encode(&m, buf), NULL, 0),
	    0);
	rig_settle(rig->loop);
}

static void
remembers_what_was_right(void)
{
	struct rig *rig = rig_new();

	CHECK_INT(try(rig, "alice", "secret"), LOGIN_LATER);
	CHECK_INT(rig->asked_n, 1);
	CHECK_STR(rig->asked[0].user, "alice");
	CHECK_STR(rig->asked[0].password, "secret");
	CHECK_INT(rig->answers[0].n, 0);
	verdict(rig, 0, MSG_VERIFY_RIGHT, MARK);
	CHECK_INT(rig->answers[0].n, 1);
	CHECK_INT(rig->answers[0].got, LOGIN_RIGHT);
	CHECK_INT(try(rig, "alice", "secret"), LOGIN_RIGHT);
	come_from(rig, 2); /* from anywhere */
	CHECK_INT(try(rig, "alice", "secret"), LOGIN_RIGHT);
	/* And nothing else. */
	CHECK_INT(try(rig, "alice", "secre"), LOGIN_LATER);
	CHECK_INT(try(rig, "alices", "ecret"), LOGIN_LATER);
	CHECK_INT(try(rig, "Alice", "secret"), LOGIN_LATER);
	CHECK_INT(rig->asked_n, 4);
	rig_free(rig);
}

static void
another_file_forgets_all(void)
{
	struct rig *rig = rig_new();

	try(rig, "alice", "secret");
	verdict(rig, 0, MSG_VERIFY_RIGHT, MARK);
	CHECK_INT(try(rig, "alice", "secret"), LOGIN_RIGHT);
	use_mark(rig, MARK); /* a reload that changes nothing here */
	CHECK_INT(try(rig, "alice", "secret"), LOGIN_RIGHT);
	use_mark(rig, MARK + 1);
	CHECK_INT(try(rig, "alice", "secret"), LOGIN_LATER);
	/* An answer by the file before is none. */
	verdict(rig, 1, MSG_VERIFY_RIGHT, MARK);
	CHECK_INT(rig->answers[3].n, 0);
	CHECK_INT(rig->asked_n, 3);
	verdict(rig, 2, MSG_VERIFY_WRONG, MARK + 1);
	CHECK_INT(rig->asked_n, 3);
	rig_free(rig);
}

/* A name that is not there looks the same up to the verifier. */
static void
asks_for_whatever_name(void)
{
	static char x255[256];
	struct rig *rig = rig_new();

	memset(x255, 'x', 255);
	CHECK_INT(try(rig, "nobody", "secret"), LOGIN_LATER);
	CHECK_INT(try(rig, "", ""), LOGIN_LATER);
	CHECK_INT(try(rig, x255, x255), LOGIN_LATER);
	CHECK_INT(rig->asked_n, 3);
	CHECK_STR(rig->asked[0].user, "nobody");
	CHECK_STR(rig->asked[1].user, "");
	CHECK_STR(rig->asked[1].password, "");
	CHECK_STR(rig->asked[2].user, x255);
	CHECK_STR(rig->asked[2].password, x255);
	rig_free(rig);
}

/* A wrong one is told late, and the owner may leave meanwhile. */
static void
tells_late_of_wrong_ones(void)
{
	struct rig *rig = rig_new();
	int64_t began = mono_us();

	try(rig, "alice", "wrong");
	try(rig, "alice", "wrong too");
	verdict(rig, 0, MSG_VERIFY_WRONG, MARK);
	verdict(rig, 1, MSG_VERIFY_WRONG, MARK);
	CHECK_INT(rig->answers[0].n, 0);
	login_cancel(rig->answers[1].login);
	rig->answers[1].login = NULL;
	RIG_UNTIL(rig->loop, rig->answers[0].n == 1);
	CHECK_INT(rig->answers[0].got, LOGIN_WRONG);
	CHECK(mono_us() - began >= LOGIN_DELAY_US, "at once");
	CHECK_INT(rig->answers[1].n, 0);
	rig_free(rig);
}

/* Those who say the same are one question. */
static void
asks_once_for_the_same(void)
{
	struct rig *rig = rig_new();
	int i;

	for (i = 0; i < 6; i++)
		CHECK_INT(try(rig, "alice", "secret"), LOGIN_LATER);
	CHECK_INT(rig->asked_n, 1);
	verdict(rig, 0, MSG_VERIFY_RIGHT, MARK);
	for (i = 0; i < 6; i++)
		CHECK_INT(rig->answers[i].got, LOGIN_RIGHT);
	CHECK_INT(rig->asked_n, 1);
	rig_free(rig);
}

/* One who asks a hundred times is not before one who asks once. */
static void
takes_sources_by_turns(void)
{
	struct rig *rig = rig_new();
	char password[24];
	int i;

	for (i = 0; i < 20; i++) {
		snprintf(password, sizeof(password), "guess %d", i);
		CHECK_INT(try(rig, "alice", password), LOGIN_LATER);
	}
	CHECK_INT(rig->asked_n, LOGIN_ASKED_MAX);
	come_from(rig, 2);
	CHECK_INT(try(rig, "bob", "secret"), LOGIN_LATER);
	verdict(rig, 0, MSG_VERIFY_WRONG, MARK);
	CHECK_INT(rig->asked_n, LOGIN_ASKED_MAX + 1);
	CHECK_STR(rig->asked[LOGIN_ASKED_MAX].user, "bob");
	rig_free(rig);
}

static void
stops_a_source_that_guesses(void)
{
	struct rig *rig = rig_new();
	char password[24];
	int i;

	try(rig, "alice", "secret");
	verdict(rig, 0, MSG_VERIFY_RIGHT, MARK);
	for (i = 0; i < 30; i++) {
		snprintf(password, sizeof(password), "guess %d", i);
		try(rig, "alice", password);
	}
	for (i = 1; i < rig->asked_n; i++)
		verdict(rig, i, MSG_VERIFY_WRONG, MARK);
	/* Those that were on their way when it was one too many. */
	CHECK(rig->asked_n <= 1 + LOGIN_FAILURES_MAX + LOGIN_ASKED_MAX,
	    "%d asked", rig->asked_n);
	CHECK_INT(try(rig, "alice", "guess again"), LOGIN_WRONG);
	CHECK_INT(rig->answers[30].got, LOGIN_WRONG);
	CHECK_INT(rig->answers[30].n, 1);
	/* What is remembered goes on, and so do others. */
	CHECK_INT(try(rig, "alice", "secret"), LOGIN_RIGHT);
	come_from(rig, 2);
	i = rig->asked_n;
	CHECK_INT(try(rig, "bob", "secret"), LOGIN_LATER);
	CHECK_INT(rig->asked_n, i + 1);
	rig_free(rig);
}

/* Who leaves once he has asked is counted all the same. */
static void
counts_who_has_left(void)
{
	struct rig *rig = rig_new();
	char password[24];
	struct answer *a;
	int i;

	for (i = 0; i < LOGIN_FAILURES_MAX; i++) {
		snprintf(password, sizeof(password), "guess %d", i);
		try(rig, "alice", password);
		a = &rig->answers[i];
		login_cancel(a->login);
		a->login = NULL;
		verdict(rig, i, MSG_VERIFY_WRONG, MARK);
		CHECK_INT(a->n, 0);
	}
	CHECK_INT(try(rig, "alice", "again"), LOGIN_WRONG);
	rig_free(rig);
}

static void
is_busy_past_its_bound(void)
{
	struct rig *rig = rig_new();
	char password[24];
	int i;

	for (i = 0; i < LOGIN_WAITING_MAX; i++) {
		snprintf(password, sizeof(password), "p%d", i);
		CHECK_INT(try(rig, "alice", password), LOGIN_LATER);
	}
	CHECK_INT(try(rig, "alice", "one more"), LOGIN_BUSY);
	verdict(rig, 0, MSG_VERIFY_BUSY, MARK);
	CHECK_INT(rig->answers[0].got, LOGIN_BUSY);
	CHECK_INT(try(rig, "alice", "one more"), LOGIN_LATER);
	rig_free(rig);
}

static void
outlives_a_verifier(void)
{
	struct rig *rig = rig_new();

	try(rig, "alice", "secret");
	chan_free(rig->verifier);
	rig->verifier = NULL;
	rig_settle(rig->loop);
	try(rig, "bob", "secret");
	CHECK_INT(rig->asked_n, 1);
	attach(rig);
	CHECK_INT(rig->asked_n, 3);
	CHECK_STR(rig->asked[1].user, "alice");
	verdict(rig, 1, MSG_VERIFY_RIGHT, MARK);
	verdict(rig, 2, MSG_VERIFY_RIGHT, MARK);
	CHECK_INT(rig->answers[0].got, LOGIN_RIGHT);
	CHECK_INT(rig->answers[1].got, LOGIN_RIGHT);
	/* One that verifiers die of is not asked for ever. */
	try(rig, "mallory", "poison");
	attach(rig);
	attach(rig);
	CHECK_INT(rig->answers[2].n, 0);
	attach(rig);
	CHECK_INT(rig->answers[2].n, 1);
	CHECK_INT(rig->answers[2].got, LOGIN_BUSY);
	rig_free(rig);
}

static void
knows_who_must(void)
{
	static struct net_prefix exempt[2];
	struct settings s = {.login_exempt = exempt, .login_exempt_n = 2};
	struct client c = {.source = {.family = 4, .bytes = {127, 0, 0, 1}}};

	net_prefix_parse("127.0.0.0/8", &exempt[0]);
	net_prefix_parse("2001:db8::/32", &exempt[1]);
	CHECK_INT(match_make(&s, &s.match), 0);
	CHECK_INT(login_need(&s, &c), LOGIN_NONE);
	snprintf(s.users_file, sizeof(s.users_file), "/u");
	CHECK_INT(login_need(&s, &c), LOGIN_MAY);
	c.source.bytes[0] = 126;
	CHECK_INT(login_need(&s, &c), LOGIN_MUST);
	c.has_uid = true; /* of this host, and yet over the network */
	CHECK_INT(login_need(&s, &c), LOGIN_MUST);
	c.source.family = 0;
	CHECK_INT(login_need(&s, &c), LOGIN_MAY);
	c.has_uid = false; /* nobody knows whence */
	CHECK_INT(login_need(&s, &c), LOGIN_MUST);
	match_free(s.match);
}

static void
forgets_in_time(void)
{
	struct login_known *k = calloc(1, sizeof(*k));
	uint8_t mark[LOGIN_MARK_LEN], other[LOGIN_MARK_LEN];
	char password[24];
	int i, n = 0;

	login_known_init(k);
	login_known_mark(k, 1, "a", "b", mark);
	login_known_mark(k, 2, "a", "b", other);
	CHECK(memcmp(mark, other, sizeof(mark)) != 0, "of two files");
	login_known_put(k, mark, 1000);
	CHECK(login_known_has(k, mark, 999), "still");
	CHECK(!login_known_has(k, mark, 1000), "no longer");
	CHECK(!login_known_has(k, other, 999), "another");
	/* However many there are. */
	for (i = 0; i < 5000; i++) {
		snprintf(password, sizeof(password), "%d", i);
		login_known_mark(k, 1, "a", password, mark);
		login_known_put(k, mark, 2000 + i);
		CHECK(login_known_has(k, mark, 1999), "the latest");
	}
	for (i = 0; i < 5000; i++) {
		snprintf(password, sizeof(password), "%d", i);
		login_known_mark(k, 1, "a", password, mark);
		n += login_known_has(k, mark, 1999);
	}
	CHECK(n <= LOGIN_SETS * LOGIN_WAYS && n > LOGIN_SETS, "%d", n);
	login_known_forget(k);
	CHECK(!login_known_has(k, mark, 1999), "after all was forgotten");
	free(k);
}

static void
delays_double(void)
{
	struct login_guesses *g = calloc(1, sizeof(*g));
	struct client c = {
	    .source = {.family = 6, .bytes = {0x20, 1, [15] = 1}}};
	struct login_source a, b, uid;
	int64_t want = LOGIN_DELAY_US;
	int i;

	login_guesses_init(g);
	login_source_of(&c, &a);
	c.source.bytes[8] = 9; /* of the same /64 */
	login_source_of(&c, &b);
	CHECK(login_source_same(&a, &b), "of one /64");
	c.source.bytes[7] = 9;
	login_source_of(&c, &b);
	CHECK(!login_source_same(&a, &b), "of another");
	c.has_uid = true;
	login_source_of(&c, &uid);
	for (i = 0; i < LOGIN_FAILURES_MAX; i++) {
		CHECK(!login_guess_stopped(g, &a, 100), "after %d", i);
		CHECK_INT(login_guess_failed(g, &a, 100 + i), want);
		want = want * 2 < LOGIN_DELAY_MAX_US ? want * 2
						     : LOGIN_DELAY_MAX_US;
	}
	CHECK(login_guess_stopped(g, &a, 100 + i), "after all");
	CHECK(!login_guess_stopped(g, &b, 100 + i), "another");
	CHECK(!login_guess_stopped(g, &uid, 100 + i), "a user");
	CHECK(login_guess_stopped(g, &a, 99 + LOGIN_WINDOW_US), "still");
	CHECK(!login_guess_stopped(g, &a, 100 + LOGIN_WINDOW_US), "over");
	CHECK_INT(
	    login_guess_failed(g, &a, 100 + LOGIN_WINDOW_US), LOGIN_DELAY_US);
	free(g);
}

static const struct unit_case cases[] = {
    {"remembers what was right", remembers_what_was_right},
    {"another file forgets all", another_file_forgets_all},
    {"asks for whatever name", asks_for_whatever_name},
    {"tells late of wrong ones", tells_late_of_wrong_ones},
    {"asks once for the same", asks_once_for_the_same},
    {"takes sources by turns", takes_sources_by_turns},
    {"stops a source that guesses", stops_a_source_that_guesses},
    {"counts who has left", counts_who_has_left},
    {"is busy past its bound", is_busy_past_its_bound},
    {"outlives a verifier", outlives_a_verifier},
    {"knows who must", knows_who_must},
    {"forgets in time", forgets_in_time},
    {"delays double", delays_double},
};

UNIT_MAIN("login", cases)
