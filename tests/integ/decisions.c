/* The record of decisions: under load, across reloads and deaths, each choice
 * comes to the same when it is made again. */
#include <sys/stat.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_bad.h"
#include "tests/integ/rig_load.h"

#define REQUESTS 1000
#define FLIGHT	 50

struct scene {
	struct rig_server origin, bad;
	struct rig_peer peers[3];
	struct rig_agent agent;
	struct rig_proxy proxies[RIG_AGENT_PROXIES];
	struct rig_load load;
	char file[RIG_PATH_MAX];
};

/* Four intermediaries: two good ones, of which one has a limit, a bad one, and
 * one that is in the second tier. */
static void
prepare(struct scene *s)
{
	static const char *const names[] = {"one", "limited", "spare"};
	unsigned int i;

	memset(s, 0, sizeof(*s));
	rig_path(s->file, "decisions");
	rig_origin_start(&s->origin, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	rig_agent_init(&s->agent, "agent");
	for (i = 0; i < 3; i++) {
		rig_peer_start(&s->peers[i], RIG_PEER_MICROSOCKS, names[i]);
		rig_agent_add(&s->agent,
		    "[intermediary \"%s\"]\ntype = socks5\n"
		    "address = 127.0.0.1:%u\ntier = %u\n%s",
		    names[i], s->peers[i].port, i == 2 ? 2 : 1,
		    i == 1 ? "max-connections = 10\n" : "");
	}
	rig_bad_start(&s->bad, RIG_BAD_CLOSE, "socks5");
	rig_agent_intermediary(
	    &s->agent, "bad", "socks5", "127.0.0.1", s->bad.port);
}

static void
ready(struct scene *s)
{
	rig_agent_start(&s->agent);
	rig_agent_proxies(&s->agent, s->proxies);
	s->load.proxies = s->proxies;
	s->load.proxies_n = RIG_AGENT_PROXIES;
	s->load.host = "127.0.0.1";
	s->load.port = s->origin.port;
	s->load.bytes = 500;
	s->load.total = REQUESTS;
	s->load.flight = FLIGHT;
	s->load.timeout_ms = 15000;
}

static void
finish(struct scene *s, const char *what, unsigned int failed)
{
	CHECK(rig_load_reach(&s->load, REQUESTS, 40000), "%u of %u done",
	    atomic_load(&s->load.done), REQUESTS);
	rig_load_end(&s->load);
	rig_load_report(&s->load, what, failed);
	rig_agent_stop(&s->agent);
	rig_server_stop(&s->bad);
	rig_server_stop(&s->origin);
}

static void
replay(const char *file, struct rig_output *o)
{
	char program[RIG_PATH_MAX];
	const char *const argv[] = {program, "-r", file, NULL};
	const struct rig_spawn spawn = {.name = "cagentd-r", .argv = argv};

	rig_agent_program(program, sizeof(program));
	rig_run(o, &spawn, 30000);
}

/* How many choices there are, all of which come to the same. */
static unsigned int
same(const char *file)
{
	struct rig_output o;
	unsigned int decisions = 0, tables = 0, workers = 0;

	replay(file, &o);
	rig_note("%.*s", (int)strcspn(o.out, "\n"), o.out);
	CHECK_INT(o.code, 0);
	CHECK(sscanf(o.out, "%u decisions of %u tables by %u workers",
		  &decisions, &tables, &workers) == 3 &&
		  strstr(o.out, "all the same") != NULL,
	    "%s%s", o.out, o.err);
	CHECK(tables >= workers && workers <= 2, "%u tables by %u workers",
	    tables, workers);
	rig_output_free(&o);
	return decisions;
}

static void
t_load(void)
{
	static struct scene s;
	struct stat st;

	prepare(&s);
	rig_agent_key(&s.agent, "decisions = %s", s.file);
	ready(&s);
	rig_load_start(&s.load);
	REQUIRE(rig_load_reach(&s.load, 300, 30000), "load does not move");
	rig_peer_kill(&s.peers[0]);
	finish(&s, "one bad, one killed", 0);
	CHECK(stat(s.file, &st) == 0, "no file");
	CHECK_INT(st.st_mode, S_IFREG | 0600);
	CHECK(same(s.file) > REQUESTS, "there were retries, too");
}

/* The settings of requests that began before are of another make than the
 * table, and what is configured differs. */
static void
t_reload(void)
{
	static struct scene s;
	char *log, path[RIG_PATH_MAX];

	prepare(&s);
	rig_agent_key(&s.agent, "decisions = %s", s.file);
	ready(&s);
	rig_load_start(&s.load);
	REQUIRE(rig_load_reach(&s.load, 200, 30000), "load does not move");
	rig_agent_add(&s.agent,
	    "[intermediary \"new\"]\ntype = socks5\naddress = 127.0.0.1:%u\n"
	    "[rule \"new\"]\nport = 1-65535\nvia = intermediary new\n",
	    s.peers[2].port);
	rig_agent_write(&s.agent);
	CHECK_INT(rig_agent_reload(&s.agent, 10000, NULL), 0);
	finish(&s, "reloaded", 0);
	CHECK(same(s.file) >= REQUESTS, "too few are recorded");
	rig_path(path, "agent.log");
	log = rig_read(path, NULL);
	REQUIRE(log != NULL, "no log");
	CHECK(strstr(log, "decisions:") == NULL, "the log complains");
	free(log);
}

/* A worker that is killed may leave half a record; the next one begins with
 * the table. */
static void
t_kill(void)
{
	static struct scene s;
	pid_t worker;
	int i;

	prepare(&s);
	rig_agent_key(&s.agent, "decisions = %s", s.file);
	ready(&s);
	rig_load_start(&s.load);
	for (i = 0; i < 3; i++) {
		REQUIRE(
		    rig_load_reach(&s.load, 200 * (unsigned int)(i + 1), 30000),
		    "load does not move");
		worker = rig_agent_child(&s.agent, "worker 0");
		REQUIRE(worker > 0, "no worker");
		kill(worker, SIGKILL);
		rig_agent_await_child(&s.agent, "worker 0", worker, 10000);
	}
	finish(&s, "a worker killed three times", 3 * FLIGHT);
	CHECK(same(s.file) > REQUESTS / 2, "too few are recorded");
}

/* Reload with this file, NULL: none, instead of the one before. */
static int
record_in(struct scene *s, const char *file)
{
	s->agent.keys_len = 0;
	s->agent.keys[0] = '\0';
	if (file != NULL)
		rig_agent_key(&s->agent, "decisions = %s", file);
	rig_agent_write(&s->agent);
	return rig_agent_reload(&s->agent, 10000, NULL);
}

/* On and off by reload; what cannot be is refused. */
static void
t_switch(void)
{
	static struct scene s;
	char other[RIG_PATH_MAX];
	unsigned int before;

	prepare(&s);
	ready(&s);
	rig_agent_serves(&s.agent, "127.0.0.1", "without");
	CHECK(access(s.file, F_OK) == -1, "nobody asked for it");
	CHECK_INT(record_in(&s, s.file), 0);
	rig_agent_serves(&s.agent, "127.0.0.1", "with");
	before = same(s.file);
	CHECK(before > 0, "none is recorded");
	rig_path(other, "link");
	CHECK_INT(symlink(s.file, other), 0);
	CHECK_INT(record_in(&s, other), 1);
	rig_path(other, "fifo");
	CHECK_INT(mkfifo(other, 0600), 0);
	CHECK_INT(record_in(&s, other), 1);
	CHECK_INT(record_in(&s, rig_dir()), 1);
	rig_agent_serves(&s.agent, "127.0.0.1", "still with");
	CHECK(same(s.file) > before, "a refused reload ended it");
	CHECK_INT(record_in(&s, NULL), 0);
	before = same(s.file);
	rig_agent_serves(&s.agent, "127.0.0.1", "without again");
	CHECK_INT(same(s.file), before);
	rig_agent_stop(&s.agent);
	rig_server_stop(&s.bad);
	rig_server_stop(&s.origin);
}

/* That it would be seen: a file that is none, and one byte that is wrong. */
static void
t_control(void)
{
	struct rig_output o;
	char path[RIG_PATH_MAX];

	rig_path(path, "rubbish");
	rig_write(path, "this is no record of decisions", 0600);
	replay(path, &o);
	CHECK_INT(o.code, 2);
	CHECK(strstr(o.err, "not a record of decisions") != NULL, "%s", o.err);
	rig_output_free(&o);
	rig_path(path, "missing");
	replay(path, &o);
	CHECK_INT(o.code, 2);
	rig_output_free(&o);
}

static const struct rig_case cases[] = {
    {"load", t_load, 90, 0},
    {"reload", t_reload, 90, 0},
    {"kill", t_kill, 90, 0},
    {"switch", t_switch, 60, 0},
    {"control", t_control, 30, 0},
};

RIG_MAIN("decisions", cases, NULL)
