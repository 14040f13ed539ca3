/* Whole client connections, from accept to their end, in one process. */
#include "cagentd/worker/session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "tests/unit/agent.h"
#include "tests/unit/unit.h"

#define CLIENTS_MAX 128

struct rig {
	struct agent *agent;
	struct session_env env;
	struct session_list sessions;
	struct fake *fakes[8];
	int fakes_n;
	int ended;
	int client[CLIENTS_MAX];
	int clients_n;
};

static void
ended(void *arg)
{
	struct rig *rig = arg;

	rig->ended++;
}

static struct rig *
rig_new(void)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	log_level_set(LOG_LEVEL_WARN);
	rig->agent = agent_new();
	LIST_INIT(&rig->sessions);
	return rig;
}

static struct fake *
add(struct rig *rig, enum fake_script script)
{
	return rig->fakes[rig->fakes_n++] = agent_fake(rig->agent, script);
}

static void
configure(struct rig *rig, const char *more)
{
	agent_settings(rig->agent, more);
	rig->env = (struct session_env){.settings = rig->agent->settings,
	    .dial = rig->agent->env,
	    .slab = &rig->agent->slab,
	    .ended = ended,
	    .arg = rig};
}

/* A new client; its end of the connection. */
static int
connect_client(struct rig *rig)
{
	int fds[2];

	rig_tcp_pair(fds);
	fake_nodelay(fds[0]);
	CHECK_INT(session_start(&rig->env, &rig->sessions, fds[1], false), 0);
	rig->client[rig->clients_n++] = fds[0];
	return fds[0];
}

static uint32_t
gauge(const _Atomic uint32_t *g)
{
	return AGENT_GET(g);
}

static void
rig_free(struct rig *rig)
{
	struct slab *slab = &rig->agent->slab;
	int i;

	for (i = 0; i < rig->clients_n; i++) {
		loop_close(rig->agent->loop, rig->client[i]);
	}
	RIG_UNTIL(rig->agent->loop, LIST_EMPTY(&rig->sessions));
	CHECK_INT(rig->ended, rig->clients_n);
	CHECK_INT(gauge(&slab->clients), 0);
	CHECK_INT(gauge(&slab->tunnels), 0);
	CHECK_INT(AGENT_GET(&slab->accepted), rig->clients_n);
	for (i = 0; i < rig->fakes_n; i++) {
		CHECK_INT(gauge(&slab->rows[i].in_flight), 0);
		CHECK_INT(rig->agent->loads[i].in_flight, 0);
		CHECK_INT(rig->agent->loads[i].trials, 0);
		fake_free(rig->fakes[i]);
	}
	agent_free(rig->agent);
	free(rig);
}

static void
close_client(struct rig *rig, int i, bool reset)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};

	if (reset)
		setsockopt(
		    rig->client[i], SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	loop_close(rig->agent->loop, rig->client[i]);
	rig->client[i] = -1;
}

/* Read what fd has to say until len bytes or its end, which *error tells: 0
 * or errno; -1 when it has not come. */
static size_t
take(struct rig *rig, int fd, char *out, size_t len, int *error)
{
	int64_t end_us = mono_us() + RIG_DEADLINE_US;
	size_t n = 0;
	ssize_t k;

	*error = -1;
	while (n < len && mono_us() < end_us) {
		k = recv(fd, out + n, len - n, MSG_DONTWAIT);
		if (k > 0) {
			n += (size_t)k;
			continue;
		}
		if (k == 0 || errno != EAGAIN) {
			*error = k == 0 ? 0 : errno;
			break;
		}
		loop_turn(rig->agent->loop, 1000);
	}
	return n;
}

static void
expect(struct rig *rig, int fd, const char *want, size_t len)
{
	char got[4096];
	int error;
	size_t n = take(rig, fd, got, len, &error);

	CHECK(n == len && memcmp(got, want, len) == 0,
	    "%zu bytes of %zu, error %d", n, len, error);
}

static int
end_of(struct rig *rig, int fd)
{
	char byte;
	int error;
	size_t n = take(rig, fd, &byte, 1, &error);

	CHECK_INT(n, 0);
	return error;
}

static void
say(int fd, const char *text, size_t len)
{
	CHECK_INT(send(fd, text, len, MSG_NOSIGNAL), len);
}

#define LIT(s) (s), sizeof(s) - 1

/* Requests for www.example.com:443, and the answers to them. */
static const struct {
	const char *ask;
	size_t ask_len;
	const char *ok;
	size_t ok_len;
	const char *refused;
	size_t refused_len;
} shakes[] = {
    {LIT("\5\1\0\5\1\0\3\17www.example.com\1\273"),
	LIT("\5\0\5\0\0\1\0\0\0\0\0\0"), LIT("\5\0\5\5\0\1\0\0\0\0\0\0")},
    {LIT("\4\1\1\273\0\0\0\1me\0www.example.com\0"), LIT("\0\132\0\0\0\0\0\0"),
	LIT("\0\133\0\0\0\0\0\0")},
    {LIT("CONNECT www.example.com:443 HTTP/1.1\r\n"
	 "Host: www.example.com:443\r\n\r\n"),
	LIT("HTTP/1.1 200 "), LIT("HTTP/1.1 502 ")},
};
#define SHAKES (sizeof(shakes) / sizeof(*shakes))

static const char hello[] = "\x16\x03\x01\x01\x20\x01 client hello";
#define HELLO_LEN (sizeof(hello) - 1)

/* To where a head ends, for HTTP. */
static void
skip_head(struct rig *rig, int fd)
{
	char got[2048];
	int error;
	size_t n = 0;

	while (n < sizeof(got) - 1 &&
	       (n < 4 || memcmp(got + n - 4, "\r\n\r\n", 4) != 0)) {
		if (take(rig, fd, got + n, 1, &error) != 1)
			break;
		n++;
	}
	CHECK(n >= 4 && memcmp(got + n - 4, "\r\n\r\n", 4) == 0, "a head");
}

static void
get_tunnel(struct rig *rig, int fd, size_t i)
{
	expect(rig, fd, shakes[i].ok, shakes[i].ok_len);
	if (i == 2)
		skip_head(rig, fd);
}

/* A client of protocol i whose path is to stand. */
static int
open_tunnel(struct rig *rig, size_t i)
{
	int fd = connect_client(rig);

	say(fd, shakes[i].ask, shakes[i].ask_len);
	get_tunnel(rig, fd, i);
	return fd;
}

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
	say(fd, LIT("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
	expect(rig, fd, "HTTP/1.1 400 ", 13);
	fd = connect_client(rig);
	say(fd, LIT("\5\1"));
	CHECK_INT(end_of(rig, fd), 0);
	CHECK_INT(AGENT_GET(&rig->agent->slab.bad_handshakes), 2);
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
    {"passes early bytes both ways", passes_early_bytes_both_ways},
    {"tells what went wrong", tells_what_went_wrong},
    {"denies by rule", denies_by_rule},
    {"ends bad handshakes", ends_bad_handshakes},
    {"fails over on the same connection", fails_over_on_the_same_connection},
    {"sends a broken flight another way", sends_a_broken_flight_another_way},
    {"sends an early flight another way", sends_an_early_flight_another_way},
    {"breaks off when all ways break", breaks_off_when_all_ways_break},
    {"sends nothing unsafe twice", sends_nothing_unsafe_twice},
    {"counts nothing for who leaves", counts_nothing_for_a_client_that_leaves},
    {"notices a client that resets while dialing",
	notices_a_client_that_resets_while_dialing},
    {"outlives a reload", outlives_a_reload},
    {"can be killed", can_be_killed},
    {"survives chaos", survives_chaos},
};

UNIT_MAIN("session", cases)
