/* `cagent-ctl top` against the real daemon: its JSON, and its live view on a
 * terminal, with keys, other sizes, and an agent that goes and comes back. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "cagent-ctl/field.h"
#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_net.h"
#include "tests/integ/rig_pty.h"

#define BLOCK	    4096
#define WAIT_MS	    15000
#define ALL_OF_IT   "\f"
#define LEAVE_XTERM "\033[?1049l"

/* An agent, and a tunnel through it that has served. */
struct scene {
	struct rig_server origin;
	struct rig_peer peer;
	struct rig_agent agent;
	struct rig_conn tunnel;
	char destination[64];
	char program[RIG_PATH_MAX];
	struct rig_pty pty;
	uint64_t at; /* of what goes through the tunnel */
	atomic_bool enough;
};

/* There and back. */
static enum rig_fail
exchange(struct scene *s)
{
	enum rig_fail f = rig_echo(&s->tunnel, 7, s->at, BLOCK);

	s->at += BLOCK;
	return f;
}

static struct scene *
setup(void)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct rig_proxy p;
	char *slash;

	REQUIRE(s != NULL, "out of memory");
	rig_origin_start(&s->origin, RIG_ORIGIN_ECHO, "127.0.0.1", 0, NULL);
	rig_agent_init(&s->agent, "agent");
	rig_peer_start(&s->peer, RIG_PEER_MICROSOCKS, "peer");
	rig_agent_intermediary(
	    &s->agent, "good", "socks5", "127.0.0.1", s->peer.port);
	rig_agent_add(&s->agent, "[link]\nbandwidth = 1gbit up, 1gbit down\n");
	rig_agent_start(&s->agent);
	p = rig_agent_proxy(&s->agent, RIG_SOCKS5);
	REQUIRE(rig_dial(&s->tunnel, &p, "127.0.0.1", s->origin.port,
		    WAIT_MS) == RIG_OK,
	    "%s", s->tunnel.text);
	REQUIRE(exchange(s) == RIG_OK, "%s", s->tunnel.text);
	snprintf(s->destination, sizeof(s->destination), "127.0.0.1:%u",
	    s->origin.port);
	rig_agent_program(s->program, sizeof(s->program));
	slash = strrchr(s->program, '/');
	REQUIRE(slash != NULL, "%s", s->program);
	snprintf(slash, 16, "/cagent-ctl");
	if (getenv("CAGENT_CTL") != NULL)
		snprintf(
		    s->program, sizeof(s->program), "%s", getenv("CAGENT_CTL"));
	return s;
}

static void
teardown(struct scene *s)
{
	rig_conn_close(&s->tunnel);
	rig_agent_stop(&s->agent);
	rig_server_stop(&s->origin);
	free(s);
}

/* Bytes that go to and fro for as long as somebody looks. */
static void *
talk(void *arg)
{
	struct scene *s = arg;

	while (!atomic_load(&s->enough) && exchange(s) == RIG_OK)
		rig_conn_renew(&s->tunnel, WAIT_MS);
	return NULL;
}

static const json_t *
row(const json_t *doc, const char *list, const char *key, const char *value)
{
	const json_t *rows = json_object_get(doc, list);
	size_t i;

	for (i = 0; i < json_array_size(rows); i++) {
		if (strcmp(field_string(json_array_get(rows, i), key), value) ==
		    0)
			return json_array_get(rows, i);
	}
	return NULL;
}

static json_t *
ask(struct scene *s)
{
	static const char *const args[] = {
	    "top", "--json", "--interval=0.3", NULL};
	struct rig_output o;
	json_t *doc;

	rig_ctl(&s->agent, &o, args);
	doc = json_loads(o.out, JSON_REJECT_DUPLICATES, NULL);
	REQUIRE(
	    o.code == 0 && doc != NULL, "exit %d: %s%s", o.code, o.out, o.err);
	rig_output_free(&o);
	return doc;
}

/* The rows of that tunnel, of its user, class and intermediary. */
static void
check_moves(struct scene *s, const json_t *doc)
{
	const json_t *t = row(doc, "tunnels", "destination", s->destination);
	const json_t *rows[] = {t,
	    row(doc, "users", "user", field_string(t, "user")),
	    row(doc, "classes", "name", field_string(t, "class")),
	    row(doc, "intermediaries", "name", "good"),
	    json_object_get(doc, "totals")};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		REQUIRE(rows[i] != NULL, "row %zu is not there", i);
		CHECK(field_number(rows[i], "rate_up") > 0,
		    "row %zu: nothing goes up", i);
		CHECK(field_number(rows[i], "rate_down") > 0,
		    "row %zu: nothing comes down", i);
	}
	CHECK(field_number(t, "setup_us") > 0, "no set-up time");
	CHECK(field_number(rows[1], "setup.p95_us") ==
		  field_number(t, "setup_us"),
	    "the user's set-up time is another");
	CHECK(field_number(rows[3], "tunnels") == 1, "not one tunnel");
	CHECK_INT(field_number(rows[4], "link_up"), 1000000000);
	CHECK(field_number(rows[2], "setup.p50_us") > 0, "none of the class");
}

static void
t_json(void)
{
	struct scene *s = setup();
	pthread_t thread;
	json_t *doc;

	REQUIRE(pthread_create(&thread, NULL, talk, s) == 0, "no thread");
	doc = ask(s);
	check_moves(s, doc);
	json_decref(doc);
	atomic_store(&s->enough, true);
	pthread_join(thread, NULL);
	teardown(s);
}

static void
start(struct scene *s, const char *term, const char *filter)
{
	const char *const argv[] = {s->program, "--run-dir", s->agent.run_dir,
	    "top", "--interval=0.2", filter, NULL};
	const struct rig_pty_start how = {argv, term, 24, 100};

	rig_pty_start(&s->pty, &how);
}

static void
t_live(void)
{
	struct scene *s = setup();

	start(s, "xterm", NULL);
	rig_pty_see(&s->pty, s->destination, NULL, WAIT_MS);
	rig_pty_see(&s->pty, "1 tunnels (1)", NULL, WAIT_MS);
	rig_pty_see(&s->pty, "DESTINATION", NULL, WAIT_MS);
	/* What the second look says. */
	rig_pty_see(&s->pty, ", over ", ALL_OF_IT, WAIT_MS);
	rig_pty_see(&s->pty, " of 1.0G)", ALL_OF_IT, WAIT_MS);
	rig_pty_press(&s->pty, "3");
	rig_pty_see(&s->pty, "PRIO", ALL_OF_IT, WAIT_MS);
	rig_pty_see(&s->pty, "interactive", ALL_OF_IT, WAIT_MS);
	rig_pty_press(&s->pty, "\t");
	rig_pty_see(&s->pty, "STATE", ALL_OF_IT, WAIT_MS);
	rig_pty_see(&s->pty, "good", ALL_OF_IT, WAIT_MS);
	rig_pty_press(&s->pty, "h");
	rig_pty_see(&s->pty, "the other way around", ALL_OF_IT, WAIT_MS);
	rig_pty_press(&s->pty, "1/via=nobody\r");
	rig_pty_see(&s->pty, "There is none.", ALL_OF_IT, WAIT_MS);
	rig_pty_see(&s->pty, "filter: via=nobody", ALL_OF_IT, WAIT_MS);
	rig_pty_press(&s->pty, "\033");
	rig_pty_see(&s->pty, s->destination, ALL_OF_IT, WAIT_MS);
	rig_pty_press(&s->pty, "p");
	rig_pty_see(&s->pty, ", paused", ALL_OF_IT, WAIT_MS);
	rig_pty_press(&s->pty, "q");
	CHECK_INT(rig_pty_end(&s->pty, WAIT_MS), 0);
	CHECK(strstr(s->pty.seen, LEAVE_XTERM) != NULL,
	    "it has not left its screen");
	teardown(s);
}

/* Other sizes, down to none; a signal; another terminal. */
static void
t_sizes(void)
{
	static const struct {
		unsigned short rows, cols;
	} sizes[] = {{1, 1}, {2, 9}, {5, 20}, {7, 300}, {200, 3}};
	struct scene *s = setup();
	size_t i;

	start(s, "vt100", "via=good");
	rig_pty_see(&s->pty, s->destination, NULL, WAIT_MS);
	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		rig_pty_resize(&s->pty, sizes[i].rows, sizes[i].cols);
		rig_pty_press(&s->pty, "2\th1");
	}
	rig_pty_resize(&s->pty, 24, 80);
	rig_pty_press(&s->pty, "1");
	rig_pty_see(&s->pty, s->destination, ALL_OF_IT, WAIT_MS);
	rig_pty_see(&s->pty, "filter: via=good", ALL_OF_IT, WAIT_MS);
	kill(s->pty.pid, SIGTERM);
	CHECK_INT(rig_pty_end(&s->pty, WAIT_MS), 0);
	teardown(s);
}

/* It outlives the agent, says so, and finds the next one. */
static void
t_away(void)
{
	struct scene *s = setup();

	start(s, "xterm", NULL);
	rig_pty_see(&s->pty, ", over ", ALL_OF_IT, WAIT_MS);
	rig_conn_close(&s->tunnel);
	rig_agent_stop(&s->agent);
	rig_pty_see(&s->pty, "cagentd is not running, for", ALL_OF_IT, WAIT_MS);
	rig_agent_start(&s->agent);
	rig_pty_press(&s->pty, "1");
	rig_pty_see(&s->pty, "1 tunnels (0)", ALL_OF_IT, WAIT_MS);
	rig_pty_press(&s->pty, "1");
	rig_pty_see(&s->pty, ", over ", ALL_OF_IT, WAIT_MS);
	rig_pty_press(&s->pty, "\003");
	CHECK_INT(rig_pty_end(&s->pty, WAIT_MS), 0);
	teardown(s);
}

static void
t_terminals(void)
{
	static const char *const bad[] = {"no-such-terminal", "dumb"};
	struct scene *s = setup();
	size_t i;

	for (i = 0; i < 2; i++) {
		start(s, bad[i], NULL);
		rig_pty_see(&s->pty, "say --json for one look", NULL, WAIT_MS);
		CHECK_INT(rig_pty_end(&s->pty, WAIT_MS), 1);
	}
	rig_conn_close(&s->tunnel);
	rig_agent_stop(&s->agent);
	start(s, "xterm", NULL);
	rig_pty_see(&s->pty, "cagentd is not running", NULL, WAIT_MS);
	CHECK_INT(rig_pty_end(&s->pty, WAIT_MS), 3);
	rig_server_stop(&s->origin);
	free(s);
}

static const struct rig_case cases[] = {
    {"json", t_json, 0, 0},
    {"live", t_live, 0, 0},
    {"sizes", t_sizes, 0, 0},
    {"away", t_away, 0, 0},
    {"terminals", t_terminals, 0, 0},
};

RIG_MAIN("top", cases, NULL)
