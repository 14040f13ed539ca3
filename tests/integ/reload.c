/* SIGHUP: what changes, what must not, and what is refused. */
#include <sys/stat.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_load.h"
#include "tests/integ/rig_net.h"

#define RELOADS	  100
#define RELOAD_MS 5000

struct scene {
	struct rig_server origin, echo;
	struct rig_peer peer;
	struct rig_agent agent;
	struct rig_proxy proxies[RIG_AGENT_PROXIES];
	struct rig_load load;
	struct rig_streams streams;
};

static void
setup(struct scene *s)
{
	memset(s, 0, sizeof(*s));
	rig_origin_start(&s->origin, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	rig_origin_start(&s->echo, RIG_ORIGIN_ECHO, "127.0.0.1", 0, NULL);
	rig_agent_init(&s->agent, "agent");
	rig_peer_start(&s->peer, RIG_PEER_MICROSOCKS, "peer");
	rig_agent_intermediary(
	    &s->agent, "peer", "socks5", "127.0.0.1", s->peer.port);
	rig_agent_start(&s->agent);
	rig_agent_proxies(&s->agent, s->proxies);
	s->load.proxies = s->proxies;
	s->load.proxies_n = RIG_AGENT_PROXIES;
	s->load.host = "127.0.0.1";
	s->load.port = s->origin.port;
	s->load.bytes = 1000;
	s->load.flight = 10;
	s->load.timeout_ms = 10000;
}

static void
teardown(struct scene *s)
{
	rig_agent_stop(&s->agent);
	rig_server_stop(&s->origin);
	rig_server_stop(&s->echo);
}

static enum rig_fail
get(struct scene *s, struct rig_conn *c)
{
	enum rig_fail f;

	f = rig_dial(c, &s->proxies[2], "127.0.0.1", s->origin.port, 10000);
	if (f == RIG_OK)
		f = rig_http_get(c, 1000);
	rig_conn_close(c);
	return f;
}

/* The sections of a configuration, with another weight each time. */
static void
set_sections(struct scene *s, unsigned int weight)
{
	s->agent.sections_len = 0;
	s->agent.sections[0] = '\0';
	rig_agent_intermediary(
	    &s->agent, "peer", "socks5", "127.0.0.1", s->peer.port);
	rig_agent_add(&s->agent, "weight = %u\n", weight);
}

static void
t_hundred(void)
{
	static struct scene s;
	unsigned int i, reloaded = 0, from;
	char line[512];
	int rc;

	setup(&s);
	rig_streams_start(
	    &s.streams, 8, &s.proxies[2], "127.0.0.1", s.echo.port);
	rig_load_start(&s.load);
	REQUIRE(rig_load_reach(&s.load, 50, 10000), "load does not move");
	for (i = 0; i < RELOADS; i++) {
		set_sections(&s, 1 + i % 20);
		rig_agent_write(&s.agent);
		rc = rig_agent_reload(&s.agent, RELOAD_MS, line);
		if (rc != 0)
			break;
		reloaded++;
	}
	CHECK(reloaded == RELOADS, "reload %u: %d: %s", reloaded, rc, line);
	from = atomic_load(&s.load.done);
	CHECK(rig_load_reach(&s.load, from + 50, 10000), "load has stopped");
	rig_load_end(&s.load);
	CHECK(
	    rig_streams_move(&s.streams, 50000, 10000), "tunnels do not move");
	rig_streams_end(&s.streams);
	for (i = 0; i < 8; i++) {
		CHECK(s.streams.stream[i].fail == RIG_OK, "a tunnel broke: %s",
		    s.streams.stream[i].conn.text);
	}
	rig_load_report(&s.load, "100 reloads", 0);
	teardown(&s);
}

static unsigned int
line_of(const char *text, const char *what)
{
	const char *hit = strstr(text, what), *p;
	unsigned int line = 1;

	REQUIRE(hit != NULL, "no \"%s\" in the file", what);
	for (p = text; p < hit; p++)
		line += *p == '\n';
	return line;
}

/* A file with one mistake: refused by its line, with the nearest key, by the
 * daemon and by -t alike; and what was in force still is. */
static void
typo(struct scene *s, const char *text, const char *what, const char *nearest)
{
	char line[512] = "", at[RIG_PATH_MAX + 16], *file;
	struct rig_output o;
	struct rig_conn c;
	size_t mark = rig_proc_mark(&s->agent.proc);
	struct rig_wait w = {.mark = mark,
	    .timeout_ms = RELOAD_MS,
	    .line = line,
	    .line_cap = sizeof(line)};
	int rc;

	set_sections(s, 10);
	rig_agent_add(&s->agent, "%s", text);
	rig_agent_test(&s->agent, &o);
	file = rig_read(s->agent.path, NULL);
	snprintf(at, sizeof(at), "%s:%u", s->agent.path, line_of(file, what));
	CHECK(o.code != 0, "-t takes \"%s\"", what);
	CHECK(strstr(o.err, at) != NULL && strstr(o.err, nearest) != NULL,
	    "-t on \"%s\" says \"%s\", not %s and \"%s\"", what, o.err, at,
	    nearest);
	rig_output_free(&o);
	rc = rig_agent_reload(&s->agent, RELOAD_MS, NULL);
	CHECK(rc == 1, "a reload with \"%s\": %d", what, rc);
	rc = rig_proc_wait_log(&s->agent.proc, at, &w);
	CHECK(rc == 0, "the log does not say %s", at);
	CHECK(strstr(line, nearest) != NULL, "the log says \"%s\", not \"%s\"",
	    line, nearest);
	CHECK(get(s, &c) == RIG_OK, "after it: %s", c.text);
}

static void
t_typo(void)
{
	static struct scene s;
	struct rig_output o;
	char line[512];

	setup(&s);
	typo(&s, "[intermediary \"x\"]\ntype = socks5\nadress = 127.0.0.1:1\n",
	    "adress", "address");
	typo(&s, "[intermediry \"x\"]\ntype = socks5\naddress = 127.0.0.1:1\n",
	    "[intermediry", "intermediary");
	typo(&s, "[intermediary \"x\"]\ntype = sokcs5\naddress = 127.0.0.1:1\n",
	    "sokcs5", "socks5");
	typo(&s, "wieght = 3\n", "wieght", "weight");
	typo(&s, "weight = 3\n", "weight = 3", "weight");
	typo(&s, "[rule \"r\"]\nvia = intermediary pere\n", "pere", "peer");
	set_sections(&s, 3);
	rig_agent_test(&s.agent, &o);
	CHECK(o.code == 0 && o.out_len == 0 && o.err_len == 0,
	    "-t on a good file: exit %d, \"%s%s\"", o.code, o.out, o.err);
	rig_output_free(&o);
	CHECK(rig_agent_reload(&s.agent, RELOAD_MS, line) == 0,
	    "a good file after bad ones: %s", line);
	teardown(&s);
}

/* Unreadable, missing, a folder, a fifo: each refused without a hang. */
static void
t_no_file(void)
{
	static struct scene s;
	struct rig_conn c;

	setup(&s);
	REQUIRE(unlink(s.agent.path) == 0, "unlink");
	CHECK_INT(rig_agent_reload(&s.agent, RELOAD_MS, NULL), 1);
	REQUIRE(mkdir(s.agent.path, 0755) == 0, "mkdir");
	CHECK_INT(rig_agent_reload(&s.agent, RELOAD_MS, NULL), 1);
	REQUIRE(rmdir(s.agent.path) == 0, "rmdir");
	REQUIRE(mkfifo(s.agent.path, 0644) == 0, "mkfifo");
	CHECK_INT(rig_agent_reload(&s.agent, RELOAD_MS, NULL), 1);
	CHECK(get(&s, &c) == RIG_OK, "after these: %s", c.text);
	REQUIRE(unlink(s.agent.path) == 0, "unlink");
	rig_agent_write(&s.agent);
	CHECK_INT(rig_agent_reload(&s.agent, RELOAD_MS, NULL), 0);
	CHECK(get(&s, &c) == RIG_OK, "after the repair: %s", c.text);
	teardown(&s);
}

/* An intermediary that goes and one that comes: the next requests know. */
static void
t_change(void)
{
	static struct scene s;
	struct rig_peer other = {.address = NULL};
	struct rig_conn c;
	int64_t deadline;
	enum rig_fail f;

	setup(&s);
	rig_peer_start(&other, RIG_PEER_TINYPROXY, "other");
	s.agent.sections_len = 0;
	rig_agent_intermediary(
	    &s.agent, "other", "http", "127.0.0.1", other.port);
	rig_agent_write(&s.agent);
	REQUIRE(rig_agent_reload(&s.agent, RELOAD_MS, NULL) == 0, "refused");
	rig_peer_kill(&s.peer);
	f = get(&s, &c);
	CHECK(f == RIG_OK, "through the new one: %s", c.text);
	s.agent.sections_len = 0;
	rig_agent_add(&s.agent, "[rule \"no\"]\nnetwork = 127.0.0.0/8\n"
				"via = deny\n");
	rig_agent_write(&s.agent);
	REQUIRE(rig_agent_reload(&s.agent, RELOAD_MS, NULL) == 0, "refused");
	/* That it is in force is logged before all workers have it. */
	deadline = rig_now_ms() + RELOAD_MS;
	do {
		f = get(&s, &c);
	} while (f == RIG_OK && rig_pause(deadline));
	CHECK(f == RIG_FAIL_REPLY && c.code == 2, "a denied one: %s, code %d",
	    rig_fail_word(f), c.code);
	teardown(&s);
}

static bool
accepts(uint16_t port)
{
	struct rig_conn c;
	bool ok = rig_open(&c, "127.0.0.1", port, 1000) == RIG_OK;

	rig_conn_close(&c);
	return ok;
}

/* Listeners come and go; one that stays keeps its port, also when that was
 * chosen by the kernel. */
static void
t_listeners(void)
{
	static struct scene s;
	uint16_t second = rig_port("127.0.0.1");
	struct rig_conn c;
	int64_t deadline;
	size_t keys;

	setup(&s);
	keys = s.agent.keys_len;
	rig_agent_key(&s.agent, "listen = 127.0.0.1:%u", second);
	rig_agent_write(&s.agent);
	CHECK_INT(rig_agent_reload(&s.agent, RELOAD_MS, NULL), 0);
	CHECK(get(&s, &c) == RIG_OK, "the first listener: %s", c.text);
	CHECK(accepts(second), "the second listener is not there");
	s.agent.keys_len = keys;
	s.agent.keys[keys] = '\0';
	rig_agent_write(&s.agent);
	CHECK_INT(rig_agent_reload(&s.agent, RELOAD_MS, NULL), 0);
	CHECK(get(&s, &c) == RIG_OK, "the first listener: %s", c.text);
	/* The workers let go of it in their own time. */
	deadline = rig_now_ms() + 3000;
	while (accepts(second) && rig_pause(deadline))
		;
	CHECK(!accepts(second), "the second listener is still there");
	teardown(&s);
}

/* A port that is taken: refused, nothing lost. */
static void
t_port_taken(void)
{
	static struct scene s;
	struct rig_conn c;
	char line[512] = "";
	size_t keys;

	setup(&s);
	keys = s.agent.keys_len;
	rig_agent_key(&s.agent, "listen = 127.0.0.1:%u", s.echo.port);
	rig_agent_write(&s.agent);
	CHECK_INT(rig_agent_reload(&s.agent, RELOAD_MS, line), 1);
	CHECK(get(&s, &c) == RIG_OK, "after it: %s", c.text);
	s.agent.keys_len = keys;
	s.agent.keys[keys] = '\0';
	rig_agent_write(&s.agent);
	CHECK_INT(rig_agent_reload(&s.agent, RELOAD_MS, line), 0);
	teardown(&s);
}

static const struct rig_case cases[] = {
    {"hundred", t_hundred, 180, 0},
    {"typo", t_typo, 60, 0},
    {"no-file", t_no_file, 60, 0},
    {"change", t_change, 60, 0},
    {"listeners", t_listeners, 60, 0},
    {"port-taken", t_port_taken, 60, 0},
};

RIG_MAIN("reload", cases, NULL)
