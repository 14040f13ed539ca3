/* Whole client connections, from accept to their end, in one process. */
#include "cagentd/worker/session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "cagentd/worker/session_impl.h"
#include "tests/unit/session_rig.h"
#include "tests/unit/unit.h"

static void
serves_every_protocol(void)
{
	struct rig *rig;
	size_t i;
	int fd;

	for (i = 0; i < SHAKES; i++) {
		rig = rig_new();
		add(rig, FAKE_ECHO);
		configure(rig, "");
		fd = open_tunnel(rig, i);
		CHECK_INT(gauge(&rig->agent->slab.clients), 1);
		CHECK_INT(gauge(&rig->agent->slab.tunnels), 1);
		AGENT_CHECK(rig->agent, 0, 1, 0, 0, 1);
		say(fd, LIT("ping"));
		expect(rig, fd, "ping", 4);
		AGENT_CHECK(rig->agent, 0, 1, 1, 0, 1);
		shutdown(fd, SHUT_WR);
		CHECK_INT(end_of(rig, fd), 0);
		RIG_UNTIL(rig->agent->loop, LIST_EMPTY(&rig->sessions));
		AGENT_CHECK(rig->agent, 0, 1, 1, 0, 0);
		CHECK_INT(AGENT_GET(&rig->agent->slab.served), 1);
		CHECK_INT(AGENT_GET(&rig->agent->slab.rows[0].bytes_up), 4);
		CHECK_INT(AGENT_GET(&rig->agent->slab.rows[0].bytes_down), 4);
		rig_free(rig);
	}
}

/* Its limits and its mark are those of the class that it has come to be of. */
static void
follows_its_behaviour(void)
{
	struct rig *rig = rig_new();
	struct session *s;
	struct relay *r;
	int fd, i, mark = -1;
	socklen_t len = sizeof(mark);

	add(rig, FAKE_ECHO);
	configure(rig, "[class \"bulk\"]\ndscp = cs1\n");
	fd = open_tunnel(rig, 0);
	s = LIST_FIRST(&rig->sessions);
	r = &s->relay;
	CHECK_INT(r->class, CLASS_NORMAL);
	r->moved(r, RELAY_CLIENT, 400);
	for (i = 0; i < 100; i++)
		r->moved(r, RELAY_UPSTREAM, 10000);
	CHECK_INT(s->class.class, CLASS_BULK);
	CHECK_INT(r->class, CLASS_BULK);
	getsockopt(
	    r->side[RELAY_UPSTREAM].stream.fd, IPPROTO_IP, IP_TOS, &mark, &len);
	CHECK_INT(mark, 8 << 2);
	say(fd, LIT("ping"));
	expect(rig, fd, "ping", 4);
	rig_free(rig);
}

static void
passes_early_bytes_both_ways(void)
{
	struct rig *rig;
	char text[256];
	size_t i;
	int fd;

	for (i = 0; i < SHAKES; i++) {
		rig = rig_new();
		add(rig, FAKE_BANNER);
		configure(rig, "");
		fd = connect_client(rig);
		memcpy(text, shakes[i].ask, shakes[i].ask_len);
		memcpy(text + shakes[i].ask_len, "early", 5);
		say(fd, text, shakes[i].ask_len + 5);
		get_tunnel(rig, fd, i);
		expect(rig, fd, "helloearly", 10);
		AGENT_CHECK(rig->agent, 0, 1, 1, 0, 1);
		rig_free(rig);
	}
}

/* All that is left to be read has this text in it. */
static void
expect_page(struct rig *rig, int fd, const char *text)
{
	char got[4096] = "";
	int error;

	take(rig, fd, got, sizeof(got) - 1, &error);
	CHECK_INT(error, 0);
	CHECK(strstr(got, text) != NULL, "%s", got);
}

static void
tells_what_went_wrong(void)
{
	struct rig *rig;
	size_t i;
	int fd;

	for (i = 0; i < SHAKES; i++) {
		rig = rig_new();
		add(rig, FAKE_REPLY)->code = 5;
		configure(rig, "[agent]\nattempts = 1\n");
		fd = connect_client(rig);
		say(fd, shakes[i].ask, shakes[i].ask_len);
		expect(rig, fd, shakes[i].refused, shakes[i].refused_len);
		if (i == 2)
			expect_page(rig, fd, "hop-0 (tier 1): ");
		CHECK_INT(end_of(rig, fd), 0);
		CHECK_INT(
		    AGENT_GET(&rig->agent->slab.refused[REASON_REFUSED]), 1);
		AGENT_CHECK(rig->agent, 0, 1, 0, 0, 0);
		rig_free(rig);
	}
}

static void
denies_by_rule(void)
{
	struct rig *rig = rig_new();
	struct fake *f = add(rig, FAKE_ECHO);
	int fd;

	configure(rig, "[rule \"r\"]\ndomain = example.com\nvia = deny\n");
	fd = connect_client(rig);
	say(fd, shakes[0].ask, shakes[0].ask_len);
	expect(rig, fd, "\5\0\5\2\0\1\0\0\0\0\0\0", 12);
	CHECK_INT(end_of(rig, fd), 0);
	CHECK_INT(f->accepted, 0);
	CHECK_INT(AGENT_GET(&rig->agent->slab.refused[REASON_DENIED]), 1);
	rig_free(rig);
}

static void
ends_bad_handshakes(void)
{
	struct rig *rig = rig_new();
	int fd;

	configure(rig, "[agent]\nhandshake-timeout = 100ms\n");
	fd = connect_client(rig);
	say(fd, LIT("GET / HTTP/1.1\r\n\r\n"));
	expect(rig, fd, "HTTP/1.1 400 ", 13);
	fd = connect_client(rig);
	say(fd, LIT("\5\1"));
	CHECK_INT(end_of(rig, fd), 0);
	CHECK_INT(AGENT_GET(&rig->agent->slab.bad_handshakes), 2);
	rig_free(rig);
}

static void
has_a_page_and_dials_nobody_for_it(void)
{
	struct rig *rig = rig_new();
	struct fake *f = add(rig, FAKE_ECHO);
	int fd;

	configure(rig, "");
	fd = connect_client(rig);
	say(fd, LIT("GET /proxy.pac HTTP/1.1\r\nHost: a\r\n\r\n"));
	expect(rig, fd, "HTTP/1.1 200 OK\r\n", 17);
	fd = connect_client(rig);
	say(fd, LIT("POST /x HTTP/1.1\r\nHost: a\r\n"
		    "Content-Length: 2\r\n\r\nhi"));
	expect(rig, fd, "HTTP/1.1 405 ", 13);
	CHECK_INT(f->accepted, 0);
	CHECK_INT(AGENT_GET(&rig->agent->slab.bad_handshakes), 0);
	rig_free(rig);
}

static void
fails_over_on_the_same_connection(void)
{
	struct rig *rig;
	size_t i;
	int fd;

	for (i = 0; i < SHAKES; i++) {
		rig = rig_new();
		add(rig, FAKE_CLOSED);
		add(rig, FAKE_HANG_UP);
		add(rig, FAKE_ECHO);
		configure(rig, "");
		fd = open_tunnel(rig, i);
		say(fd, LIT("ping"));
		expect(rig, fd, "ping", 4);
		AGENT_CHECK(rig->agent, 0, 1, 0, 1, 0);
		AGENT_CHECK(rig->agent, 1, 1, 0, 1, 0);
		AGENT_CHECK(rig->agent, 2, 1, 1, 0, 1);
		rig_free(rig);
	}
}

/* The path stands, is told, and breaks when the first bytes come: they go
 * another way, once, and the client sees nothing of it. */
static void
sends_a_broken_flight_another_way(void)
{
	struct rig *rig;
	size_t i;
	int fd;

	for (i = 0; i < SHAKES; i++) {
		rig = rig_new();
		add(rig, i == 0 ? FAKE_RST : FAKE_LIAR);
		add(rig, FAKE_ECHO);
		configure(rig, "");
		fd = open_tunnel(rig, i);
		say(fd, hello, HELLO_LEN);
		expect(rig, fd, hello, HELLO_LEN);
		CHECK_INT(rig->fakes[0]->got_len, HELLO_LEN);
		CHECK_INT(rig->fakes[1]->got_len, HELLO_LEN);
		say(fd, LIT("more"));
		expect(rig, fd, "more", 4);
		AGENT_CHECK(rig->agent, 0, 1, 0, 1, 0);
		AGENT_CHECK(rig->agent, 1, 1, 1, 0, 1);
		CHECK_INT(gauge(&rig->agent->slab.tunnels), 1);
		CHECK_INT(AGENT_GET(&rig->agent->slab.served), 1);
		rig_free(rig);
	}
}

/* The flight came with the request. */
static void
sends_an_early_flight_another_way(void)
{
	struct rig *rig = rig_new();
	char text[256];
	int fd;

	add(rig, FAKE_LIAR);
	add(rig, FAKE_BANNER);
	configure(rig, "");
	fd = connect_client(rig);
	memcpy(text, shakes[0].ask, shakes[0].ask_len);
	memcpy(text + shakes[0].ask_len, hello, HELLO_LEN);
	say(fd, text, shakes[0].ask_len + HELLO_LEN);
	get_tunnel(rig, fd, 0);
	expect(rig, fd, "hello", 5);
	expect(rig, fd, hello, HELLO_LEN);
	AGENT_CHECK(rig->agent, 0, 1, 0, 1, 0);
	AGENT_CHECK(rig->agent, 1, 1, 1, 0, 1);
	rig_free(rig);
}

/* No way serves: not an empty answer, a reset; and nobody's fault. */
static void
breaks_off_when_all_ways_break(void)
{
	struct rig *rig = rig_new();
	int fd;

	add(rig, FAKE_LIAR);
	add(rig, FAKE_RST);
	add(rig, FAKE_ECHO);
	configure(rig, "");
	fd = open_tunnel(rig, 0);
	say(fd, hello, HELLO_LEN);
	CHECK_INT(end_of(rig, fd), ECONNRESET);
	AGENT_CHECK(rig->agent, 0, 1, 0, 0, 0);
	AGENT_CHECK(rig->agent, 1, 1, 0, 0, 0);
	AGENT_CHECK(rig->agent, 2, 0, 0, 0, 0);
	rig_free(rig);
}

static void
sends_nothing_unsafe_twice(void)
{
	struct rig *rig = rig_new();
	int fd;

	add(rig, FAKE_LIAR);
	add(rig, FAKE_ECHO);
	configure(rig, "");
	fd = open_tunnel(rig, 0);
	say(fd, LIT("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"));
	CHECK_INT(end_of(rig, fd), 0);
	CHECK_INT(rig->fakes[1]->accepted, 0);
	close_client(rig, 0, false);
	RIG_UNTIL(rig->agent->loop, LIST_EMPTY(&rig->sessions));
	AGENT_CHECK(rig->agent, 0, 1, 0, 0, 0);
	CHECK_INT(
	    AGENT_GET(&rig->agent->slab.rows[0].failures[REASON_HOP_HUNG_UP]),
	    1);
	rig_free(rig);
}

/* A client that leaves before anything came: no success, no failure of the
 * intermediary's. */
static void
counts_nothing_for_a_client_that_leaves(void)
{
	struct rig *rig = rig_new();

	add(rig, FAKE_MUTE);
	configure(rig, "");
	open_tunnel(rig, 0);
	close_client(rig, 0, true);
	RIG_UNTIL(rig->agent->loop, LIST_EMPTY(&rig->sessions));
	AGENT_CHECK(rig->agent, 0, 1, 0, 0, 0);
	CHECK_INT(
	    AGENT_GET(&rig->agent->slab.rows[0].failures[REASON_CANCELLED]), 1);
	rig_free(rig);
}

static void
notices_a_client_that_resets_while_dialing(void)
{
	struct rig *rig = rig_new();
	int fd;

	add(rig, FAKE_CLOSED);
	add(rig, FAKE_SILENT);
	configure(rig, "");
	fd = connect_client(rig);
	say(fd, shakes[0].ask, shakes[0].ask_len);
	RIG_UNTIL(rig->agent->loop, rig->fakes[1]->requests == 1);
	close_client(rig, 0, true);
	RIG_UNTIL(rig->agent->loop, LIST_EMPTY(&rig->sessions));
	rig_free(rig);
}

static void
outlives_a_reload(void)
{
	struct rig *rig = rig_new();
	struct settings *old;
	struct agent *a = rig->agent;
	int fd, late;

	add(rig, FAKE_CLOSED);
	add(rig, FAKE_ECHO);
	configure(rig, "");
	late = connect_client(rig);
	say(late, shakes[0].ask, 7);
	rig_settle(a->loop);
	old = a->settings;
	agent_settings(a, "");
	rig->env.settings = a->settings;
	settings_unref(old);
	say(late, shakes[0].ask + 7, shakes[0].ask_len - 7);
	get_tunnel(rig, late, 0);
	fd = open_tunnel(rig, 0);
	say(fd, LIT("new"));
	expect(rig, fd, "new", 3);
	say(late, LIT("old"));
	expect(rig, late, "old", 3);
	rig_free(rig);
}

/* Of what its own configuration names nothing is left: it goes by the one
 * that is there now. */
static void
follows_a_reload(void)
{
	struct rig *rig = rig_new();
	struct agent *a = rig->agent;
	struct settings *old;
	int late;

	add(rig, FAKE_ECHO);
	configure(rig, "");
	late = connect_client(rig);
	say(late, shakes[0].ask, 7);
	rig_settle(a->loop);
	old = a->settings;
	memcpy(strstr(a->conf, "hop-0"), "hop-x", 5);
	memcpy(a->table.rows[0].name, "hop-x", 5);
	agent_settings(a, "");
	a->settings->serial = a->table.conf_serial = 2;
	rig->env.settings = a->settings;
	settings_unref(old);
	say(late, shakes[0].ask + 7, shakes[0].ask_len - 7);
	get_tunnel(rig, late, 0);
	say(late, LIT("new"));
	expect(rig, late, "new", 3);
	rig_free(rig);
}

/* The index of a class is another name's: its tunnels are normal, also one
 * that began before that and was classified after. */
static void
leaves_a_class_that_is_another(void)
{
	struct rig *rig = rig_new();
	struct agent *a = rig->agent;
	struct slab_class *own, *normal;
	struct settings *old;
	size_t len;
	int fd, late;

	add(rig, FAKE_ECHO);
	len = strlen(a->conf);
	configure(
	    rig, "[class \"a\"]\n[rule \"a\"]\nprotocol = socks5\nclass = a\n");
	own = &rig->env.slab->classes[CLASS_BUILT_IN];
	normal = &rig->env.slab->classes[CLASS_NORMAL];
	late = connect_client(rig);
	say(late, shakes[0].ask, 7);
	fd = open_tunnel(rig, 0);
	CHECK_INT(own->tunnels, 1);
	old = a->settings;
	a->conf[len] = '\0';
	agent_settings(a, "[class \"a\"]\n[class \"b\"]\n");
	rig->env.settings = a->settings;
	session_reclass(&rig->sessions);
	settings_unref(old);
	CHECK_INT(own->tunnels, 1);
	CHECK_INT(normal->tunnels, 0);
	old = a->settings;
	a->conf[len] = '\0';
	agent_settings(a, "[class \"b\"]\n");
	rig->env.settings = a->settings;
	session_reclass(&rig->sessions);
	settings_unref(old);
	CHECK_INT(own->tunnels, 0);
	CHECK_INT(normal->tunnels, 1);
	say(late, shakes[0].ask + 7, shakes[0].ask_len - 7);
	get_tunnel(rig, late, 0);
	CHECK_INT(own->tunnels, 0);
	CHECK_INT(normal->tunnels, 2);
	say(fd, LIT("on"));
	expect(rig, fd, "on", 2);
	CHECK_INT(own->bytes_up, 0);
	rig_free(rig);
}

/* In each of its states: all is given back. */
static void
can_be_killed(void)
{
	static const enum fake_script scripts[] = {FAKE_STALLED, FAKE_SILENT,
	    FAKE_ECHO, FAKE_BANNER, FAKE_LIAR, FAKE_REPLY};
	struct rig *rig;
	size_t i;
	int turns, k;
	char text[256];

	memcpy(text, shakes[0].ask, shakes[0].ask_len);
	memcpy(text + shakes[0].ask_len, hello, HELLO_LEN);
	for (i = 0; i < sizeof(scripts) / sizeof(*scripts); i++) {
		for (turns = 0; turns < 14; turns++) {
			rig = rig_new();
			add(rig, scripts[i])->code = 1;
			add(rig, scripts[i])->code = 1;
			configure(rig, "");
			connect_client(rig);
			say(rig->client[0], text,
			    turns == 0 ? 5 : shakes[0].ask_len + HELLO_LEN);
			for (k = 0; k < turns; k++)
				loop_turn(rig->agent->loop, 0);
			if (!LIST_EMPTY(&rig->sessions))
				session_kill(LIST_FIRST(&rig->sessions));
			CHECK(LIST_EMPTY(&rig->sessions), "killed");
			rig_free(rig);
		}
	}
}

static uint32_t
draw(uint64_t *seed, uint32_t n)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*seed >> 33) % n;
}

static void
act(struct rig *rig, uint64_t *seed)
{
	static const char *const words[] = {
	    "GET / HTTP/1.1\r\n\r\n", "x", hello, "POST / HTTP/1.1\r\n\r\n"};
	uint32_t i = draw(seed, (uint32_t)rig->clients_n);
	const char *word = words[draw(seed, 4)];
	int fd = rig->client[i];
	ssize_t n;

	switch (draw(seed, 16)) {
	case 0:
		close_client(rig, (int)i, true);
		return;
	case 1:
		close_client(rig, (int)i, false);
		return;
	case 2:
		shutdown(fd, SHUT_WR);
		return;
	case 3:
		if (!LIST_EMPTY(&rig->sessions) && draw(seed, 4) == 0)
			session_kill(LIST_FIRST(&rig->sessions));
		return;
	default:
		n = send(fd, word, strlen(word), MSG_NOSIGNAL | MSG_DONTWAIT);
		(void)n; /* it may be gone */
	}
}

/* Many clients that do anything at any time: in the end nothing is left. */
static void
survives_chaos(void)
{
	static const enum fake_script scripts[8] = {FAKE_LIAR, FAKE_RST,
	    FAKE_CLOSED, FAKE_REPLY, FAKE_ECHO, FAKE_BANNER, FAKE_HANG_UP,
	    FAKE_ECHO};
	uint64_t seed;
	struct rig *rig;
	int i, round, fd;
	size_t k;

	for (round = 0; round < 8; round++) {
		seed = (uint64_t)round;
		rig = rig_new();
		for (i = 0; i < 8; i++) {
			add(rig, scripts[i])->code = 1;
			rig->agent->table.rows[i].tier =
			    rig->agent->table.rows[i].tier_conf = 1;
		}
		path_index_build(&rig->agent->index, &rig->agent->table);
		configure(rig, "");
		rig->agent->seed = seed;
		for (i = 0; i < CLIENTS_MAX; i++) {
			fd = connect_client(rig);
			k = draw(&seed, SHAKES);
			say(fd, shakes[k].ask, shakes[k].ask_len);
			act(rig, &seed);
			loop_turn(rig->agent->loop, 0);
		}
		for (i = 0; i < 600; i++) {
			act(rig, &seed);
			loop_turn(rig->agent->loop, 0);
		}
		rig_free(rig);
	}
}

static const struct unit_case cases[] = {
    {"serves every protocol", serves_every_protocol},
    {"follows its behaviour", follows_its_behaviour},
    {"passes early bytes both ways", passes_early_bytes_both_ways},
    {"tells what went wrong", tells_what_went_wrong},
    {"denies by rule", denies_by_rule},
    {"ends bad handshakes", ends_bad_handshakes},
    {"has a page, and dials nobody for it", has_a_page_and_dials_nobody_for_it},
    {"fails over on the same connection", fails_over_on_the_same_connection},
    {"sends a broken flight another way", sends_a_broken_flight_another_way},
    {"sends an early flight another way", sends_an_early_flight_another_way},
    {"breaks off when all ways break", breaks_off_when_all_ways_break},
    {"sends nothing unsafe twice", sends_nothing_unsafe_twice},
    {"counts nothing for who leaves", counts_nothing_for_a_client_that_leaves},
    {"notices a client that resets while dialing",
	notices_a_client_that_resets_while_dialing},
    {"outlives a reload", outlives_a_reload},
    {"follows a reload", follows_a_reload},
    {"leaves a class that is another", leaves_a_class_that_is_another},
    {"can be killed", can_be_killed},
    {"survives chaos", survives_chaos},
};

UNIT_MAIN("session", cases)
