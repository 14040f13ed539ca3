/* What is told to programs that know nothing of us yet: browsers by the
 * port's own pages, shells by cagent-ctl env. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integ/rig_agent.h"

#define TIMEOUT_MS 10000

static const char node[] = "/usr/bin/node";

/* What FindProxyForURL() says of each of argv[2..], a line each. */
static const char ask_script[] =
    "require('vm').runInThisContext(require('fs').readFileSync("
    "process.argv[2], 'utf8'));\n"
    "process.argv.slice(3).forEach(function (h) {\n"
    "  console.log(FindProxyForURL('http://' + h + '/', h));\n"
    "});\n";

/* The answer to a request at the agent's port, without its head, in a file. */
static void
fetch(const struct rig_agent *a, const char *request, const char *path)
{
	static char text[65536];
	struct rig_conn c;
	const char *body;
	size_t len;

	REQUIRE(rig_open(&c, "127.0.0.1", a->port, TIMEOUT_MS) == RIG_OK &&
		    rig_send(&c, request, strlen(request)) == RIG_OK,
	    "the port: %s", c.text);
	REQUIRE(rig_recv_all(&c, text, sizeof(text) - 1, &len) == RIG_OK,
	    "an answer: %s", c.text);
	rig_conn_close(&c);
	text[len] = '\0';
	CHECK(strncmp(text, "HTTP/1.1 200 OK\r\n", 17) == 0, "status: %.80s",
	    text);
	body = strstr(text, "\r\n\r\n");
	REQUIRE(body != NULL, "a head: %.80s", text);
	rig_write(path, body + 4, 0644);
}

struct asked {
	const char *host;
	bool direct;
};

static const struct asked rows[] = {
    {"localhost", true},
    {"x.localhost", true},
    {"127.0.0.1", true},
    {"127.255.0.1", true},
    {"::1", true},
    {"[::1]", true},
    {"::ffff:127.0.0.1", true},
    {"intranet", true},
    {"www.corp.example", true},
    {"WWW.Corp.Example", true},
    {"corp.example", true},
    {"corp.example.", true},
    {"10.1.2.3", true},
    {"::ffff:a01:203", true},
    {"2001:db8:5::1", true},
    {"2001:db8:5:0:0:0:0:1", true},
    {"xcorp.example", false},
    {"corp.example.evil", false},
    {"secret.corp.example", false},
    {"a.secret.corp.example", false},
    {"deny", false},
    {"www.example.com", false},
    {"11.1.2.3", false},
    {"10.1.2.3.example", false},
    {"10.1.2.256", false},
    {"10.1.2", false},
    {"012.1.2.3", false},
    {"10.9.9.9", false},
    {"2001:db8:6::1", false},
    {"2001:db8:5::1::2", false},
    {"2001:db8:5", false},
    {"2001:db8:5::12345", false},
    {"::", false},
    {"example.localhost.example", false},
    {"__proto__.example", false},
};
#define ROWS (sizeof(rows) / sizeof(*rows))

static void
check_script(const struct rig_agent *a, const char *path, const char *other)
{
	const char *argv[ROWS + 5] = {node, "-", path};
	char script[RIG_PATH_MAX], agent[128], *line, *rest;
	struct rig_output o;
	size_t i;

	rig_path(script, "ask.js");
	rig_write(script, ask_script, 0644);
	argv[1] = script;
	for (i = 0; i < ROWS; i++)
		argv[3 + i] = rows[i].host;
	rig_run(
	    &o, &(struct rig_spawn){.name = "node", .argv = argv}, TIMEOUT_MS);
	REQUIRE(o.code == 0, "node: %s", o.err);
	snprintf(agent, sizeof(agent),
	    "PROXY 127.0.0.1:%u; SOCKS5 127.0.0.1:%u%s", a->port, a->port,
	    other);
	rest = o.out;
	for (i = 0; i < ROWS; i++) {
		line = strsep(&rest, "\n");
		REQUIRE(line != NULL, "a line for %s", rows[i].host);
		CHECK(strcmp(line, rows[i].direct ? "DIRECT" : agent) == 0,
		    "%s: %s", rows[i].host, line);
	}
	rig_output_free(&o);
}

static const char lists[] =
    "[direct]\nnetwork = 10.0.0.0/8\nnetwork = 2001:db8:5::/48\n"
    "domain = corp.example\n"
    "[rule \"secret\"]\ndomain = secret.corp.example\n"
    "domain = deny\nnetwork = 10.9.0.0/16\nvia = deny\n";

static void
tells_browsers(void)
{
	struct rig_agent a;
	char path[RIG_PATH_MAX];

	if (access(node, X_OK) == -1)
		rig_skip("no %s to run the script with", node);
	rig_path(path, "proxy.pac");
	rig_agent_init(&a, "agent");
	rig_agent_add(&a, "%s", lists);
	rig_agent_start(&a);
	fetch(
	    &a, "GET /proxy.pac HTTP/1.1\r\nHost: evil.example\r\n\r\n", path);
	check_script(&a, path, "");
	rig_agent_stop(&a);

	rig_agent_init(&a, "open");
	rig_agent_key(&a, "no-path = direct");
	rig_agent_add(&a, "%s", lists);
	rig_agent_start(&a);
	fetch(&a, "GET /wpad.dat HTTP/1.0\r\n\r\n", path);
	check_script(&a, path, "; DIRECT");
	rig_agent_stop(&a);
}

/* `cagent-ctl env` with more arguments, from a daemon or from a file. */
static void
check_env(struct rig_agent *a, const char *file, const char *at)
{
	const char *const env[] = {"env", file, NULL};
	const char *const shell[] = {"env", "--shell", file, NULL};
	char path[RIG_PATH_MAX], line[RIG_PATH_MAX + 64], want[1024];
	const char *const sh[] = {"sh", "-c", NULL, NULL};
	const char *argv[4];
	struct rig_output o;

	snprintf(want, sizeof(want),
	    "ALL_PROXY=socks5h://%s\nall_proxy=socks5h://%s\n"
	    "HTTPS_PROXY=http://%s\nhttps_proxy=http://%s\n"
	    "http_proxy=http://%s\n"
	    "NO_PROXY=localhost,127.0.0.1,127.0.0.0/8,::1\n"
	    "no_proxy=localhost,127.0.0.1,127.0.0.0/8,::1\n",
	    at, at, at, at, at);
	rig_ctl(a, &o, env);
	CHECK(
	    o.code == 0 && strcmp(o.out, want) == 0, "env: %s%s", o.out, o.err);
	rig_output_free(&o);

	/* As a shell takes it. */
	rig_ctl(a, &o, shell);
	CHECK_INT(o.code, 0);
	rig_path(path, "env.sh");
	rig_write(path, o.out, 0644);
	rig_output_free(&o);
	snprintf(line, sizeof(line),
	    ". %s; printenv ALL_PROXY https_proxy NO_PROXY", path);
	memcpy(argv, sh, sizeof(argv));
	argv[2] = line;
	rig_run(
	    &o, &(struct rig_spawn){.name = "sh", .argv = argv}, TIMEOUT_MS);
	snprintf(want, sizeof(want),
	    "socks5h://%s\nhttp://%s\n"
	    "localhost,127.0.0.1,127.0.0.0/8,::1\n",
	    at, at);
	CHECK(o.code == 0 && strcmp(o.out, want) == 0, "in a shell: %s%s",
	    o.out, o.err);
	rig_output_free(&o);
}

static void
check_refusal(
    struct rig_agent *a, const char *const *argv, int code, const char *text)
{
	struct rig_output o;

	rig_ctl(a, &o, argv);
	CHECK(o.code == code && o.out_len == 0 && strstr(o.err, text) != NULL,
	    "%s: %d, %s%s", argv[1], o.code, o.out, o.err);
	rig_output_free(&o);
}

static void
tells_shells(void)
{
	char at[64], file[RIG_PATH_MAX], none[RIG_PATH_MAX];
	const char *const rules[] = {"env", "--transparent", NULL};
	const char *const both[] = {"env", "--transparent", "--shell", NULL};
	const char *const bad[] = {"env", none, NULL};
	const char *const sockets[] = {"env", file, NULL};
	struct rig_agent a;

	rig_path(file, "other.ini");
	rig_path(none, "none.ini");
	rig_agent_init(&a, "agent");
	rig_agent_start(&a);
	snprintf(at, sizeof(at), "127.0.0.1:%u", a.port);
	check_env(&a, NULL, at);
	check_refusal(&a, rules, 1, "no transparent listener");
	check_refusal(&a, both, 2, "not both");
	check_refusal(&a, bad, 1, "No such file");
	rig_write(file,
	    "[agent]\nlisten = unix:/x\nlisten = [::]:1080\n"
	    "[access]\nnetwork = ::/0\n",
	    0644);
	rig_agent_stop(&a);
	/* What is not running can still be asked for by its configuration. */
	check_env(&a, file, "[::1]:1080");
	rig_write(file, "[agent]\nlisten = unix:/x\n", 0644);
	check_refusal(&a, sockets, 1, "no listener");
	rig_write(file, "[agent]\nlisten = nowhere\n", 0644);
	check_refusal(&a, sockets, 1, "other.ini:2: 'listen': expected");
}

static const struct rig_case cases[] = {
    {"tells browsers", tells_browsers, 0, 0},
    {"tells shells", tells_shells, 0, 0},
};

RIG_MAIN("front", cases, NULL)
