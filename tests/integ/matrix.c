/* Real clients through real intermediaries, every pair of them, by one port
 * of the agent. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_net.h"
#include "tests/integ/rig_ns.h"
#include "tests/integ/rig_pattern.h"

#define BYTES	  100000
#define CLIENT_MS 30000

enum client {
	CLIENT_SOCKS4,
	CLIENT_SOCKS4A,
	CLIENT_SOCKS5,
	CLIENT_SOCKS5H,
	CLIENT_CONNECT,
	CLIENT_GIT,
	CLIENT_WGET,
	CLIENT_SSH4,
	CLIENT_SSH5,
	CLIENT_SSHC,
	CLIENT_GIT_SSH,
	CLIENTS
};

static const char *const client_words[CLIENTS] = {"curl4", "curl4a", "curl5",
    "curl5h", "curlconn", "git", "wget", "ssh4", "ssh5", "sshconn", "gitssh"};

enum way {
	WAY_DANTED,
	WAY_MICROSOCKS,
	WAY_SQUID,
	WAY_TINYPROXY,
	WAY_SSH,
	WAY_AGENT_SOCKS5,
	WAY_AGENT_SOCKS4A,
	WAY_AGENT_HTTP,
	WAY_DIRECT,
	WAYS
};
static const char *const way_words[WAYS] = {"danted", "microsocks", "squid",
    "tinyproxy", "ssh -D", "cagentd socks5", "cagentd socks4a", "cagentd http",
    "direct"};

enum cell {
	CELL_NONE,
	CELL_OK,
	CELL_FAILED
};

/* Filled by the cases, printed by the runner. */
struct matrix {
	unsigned char cell[WAYS][CLIENTS];
};
_Static_assert(sizeof(struct matrix) <= RIG_SHARED_LEN, "too many cells");

struct scene {
	struct rig_server origin;
	struct rig_proc tls, sshd;
	uint16_t tls_port, sshd_port;
	struct rig_agent agent, back;
	struct rig_peer peer;
	const char *host; /* the origin's name */
	char port[8];	  /* the agent's */
	char dir[RIG_PATH_MAX];
};

static void
run_ok(const char *what, const struct rig_spawn *s)
{
	struct rig_output o;

	rig_run(&o, s, CLIENT_MS);
	REQUIRE(o.code == 0, "%s: exit %d: %s%s", what, o.code, o.out, o.err);
	rig_output_free(&o);
}

/* A repository to clone, as files for the dumb HTTP protocol. */
static void
make_repository(const struct scene *s)
{
	static const char script[] =
	    "set -e; export HOME=\"$PWD\" GIT_CONFIG_NOSYSTEM=1\n"
	    "git init -q -b main work; cd work\n"
	    "git config user.email rig@example.com; git config user.name rig\n"
	    "seq 1 5000 >numbers; git add numbers; git commit -q -m one\n"
	    "seq 1 6000 >numbers; git commit -q -a -m two; cd ..\n"
	    "git clone -q --bare work repo.git\n"
	    "git -C repo.git update-server-info\n"
	    "git -C repo.git rev-parse HEAD >head\n";
	const char *const argv[] = {"sh", "-c", script, NULL};
	const struct rig_spawn spawn = {
	    .name = "repository", .argv = argv, .dir = s->dir};

	run_ok("git init", &spawn);
}

/* A web server with TLS, for what only CONNECT carries. */
static void
start_tls(struct scene *s)
{
	const char *const key[] = {"openssl", "req", "-x509", "-newkey", "ec",
	    "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
	    "tls.key", "-out", "tls.crt", "-days", "2", "-subj",
	    "/CN=origin.test", NULL};
	struct rig_spawn spawn = {
	    .name = "openssl", .argv = key, .dir = s->dir};
	char accept[32];
	const char *const server[] = {"openssl", "s_server", "-accept", accept,
	    "-key", "tls.key", "-cert", "tls.crt", "-WWW", "-quiet", NULL};

	run_ok("openssl req", &spawn);
	s->tls_port = rig_port("127.0.0.1");
	snprintf(accept, sizeof(accept), "127.0.0.1:%u", s->tls_port);
	spawn.name = "tls";
	spawn.argv = server;
	rig_proc_start(&s->tls, &spawn);
	REQUIRE(
	    rig_proc_wait_port(&s->tls, "127.0.0.1", s->tls_port, 10000) == 0,
	    "openssl s_server does not accept");
}

static void
prepare(struct scene *s)
{
	char path[2 * RIG_PATH_MAX];
	uint8_t bytes[BYTES];
	FILE *f;

	memset(s, 0, sizeof(*s));
	s->host = rig_isolated() ? RIG_NAME : "localhost";
	rig_path(s->dir, "www");
	snprintf(path, sizeof(path), "mkdir %s", s->dir);
	REQUIRE(system(path) == 0, "%s", path);
	snprintf(path, sizeof(path), "%s/file", s->dir);
	f = fopen(path, "we");
	rig_pattern_fill(RIG_SEED_HTTP, 0, bytes, BYTES);
	REQUIRE(f != NULL && fwrite(bytes, BYTES, 1, f) == 1 && fclose(f) == 0,
	    "%s", path);
	make_repository(s);
	start_tls(s);
	if (rig_isolated())
		rig_dns_start();
	rig_origin_start(&s->origin, RIG_ORIGIN_HTTP, "127.0.0.1", 0, s->dir);
	s->sshd_port = rig_port("127.0.0.1");
	rig_sshd_start(&s->sshd, s->sshd_port);
	rig_agent_init(&s->agent, "agent");
}

static bool
right_bytes(const struct rig_output *o)
{
	return o->out_len == BYTES &&
	       rig_pattern_check(
		   RIG_SEED_HTTP, 0, (const uint8_t *)o->out, BYTES) == BYTES;
}

static void
client_curl(struct scene *s, enum client c, struct rig_output *o, bool *ok)
{
	static const char *const options[] = {"--socks4", "--socks4a",
	    "--socks5", "--socks5-hostname", "--proxy"};
	bool named = c != CLIENT_SOCKS4 && c != CLIENT_SOCKS5;
	char proxy[64], url[128];
	const char *const argv[] = {"curl", "-sS", "--max-time", "20",
	    "--proxytunnel", options[c], proxy, url, NULL};
	const struct rig_spawn spawn = {.name = "curl", .argv = argv};

	snprintf(proxy, sizeof(proxy), "127.0.0.1:%s", s->port);
	snprintf(url, sizeof(url), "http://%s:%u/bytes/%d",
	    named ? s->host : "127.0.0.1", s->origin.port, BYTES);
	rig_run(o, &spawn, CLIENT_MS);
	*ok = o->code == 0 && right_bytes(o);
}

/* Is the clone the repository? */
static bool
cloned(const struct scene *s, const char *to)
{
	char script[400];
	const char *const argv[] = {"sh", "-c", script, NULL};
	const struct rig_spawn spawn = {
	    .name = "compare", .argv = argv, .dir = s->dir};
	struct rig_output o;
	bool ok;

	snprintf(script, sizeof(script),
	    "test \"$(git -C %s rev-parse HEAD)\" = \"$(cat head)\" && "
	    "cmp %s/numbers work/numbers",
	    to, to);
	rig_run(&o, &spawn, CLIENT_MS);
	ok = o.code == 0;
	rig_output_free(&o);
	return ok;
}

static void
client_git(struct scene *s, struct rig_output *o, bool *ok)
{
	char proxy[80], url[128], home[RIG_PATH_MAX + 8];
	const char *const argv[] = {
	    "git", "-c", proxy, "clone", "-q", url, "by-http", NULL};
	const char *const env[] = {
	    home, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", NULL};
	const struct rig_spawn spawn = {
	    .name = "git", .argv = argv, .env = env, .dir = s->dir};

	snprintf(home, sizeof(home), "HOME=%s", s->dir);
	snprintf(
	    proxy, sizeof(proxy), "http.proxy=socks5h://127.0.0.1:%s", s->port);
	snprintf(
	    url, sizeof(url), "http://%s:%u/repo.git", s->host, s->origin.port);
	rig_run(o, &spawn, CLIENT_MS);
	*ok = o->code == 0 && cloned(s, "by-http");
}

static void
client_wget(struct scene *s, struct rig_output *o, bool *ok)
{
	char proxy[80], url[128];
	const char *const argv[] = {"wget", "-q", "-O", "-",
	    "--no-check-certificate", "--tries=1", "--timeout=20", url, NULL};
	const char *const env[] = {proxy, NULL};
	const struct rig_spawn spawn = {
	    .name = "wget", .argv = argv, .env = env};

	snprintf(
	    proxy, sizeof(proxy), "https_proxy=http://127.0.0.1:%s", s->port);
	snprintf(url, sizeof(url), "https://%s:%u/file", s->host, s->tls_port);
	rig_run(o, &spawn, CLIENT_MS);
	*ok = o->code == 0 && right_bytes(o);
}

static void
proxy_command(const struct scene *s, enum client c, char *out, size_t cap)
{
	snprintf(out, cap, "ProxyCommand=nc -X %s -x 127.0.0.1:%s %%h %%p",
	    c == CLIENT_SSH4   ? "4"
	    : c == CLIENT_SSHC ? "connect"
			       : "5",
	    s->port);
}

static void
client_ssh(struct scene *s, enum client c, struct rig_output *o, bool *ok)
{
	const char *argv[RIG_SSH_OPTIONS_MAX + 8] = {"ssh"};
	const struct rig_spawn spawn = {.name = "ssh", .argv = argv};
	char port[8], command[128];
	size_t n = 1;

	snprintf(port, sizeof(port), "%u", s->sshd_port);
	proxy_command(s, c, command, sizeof(command));
	n += rig_ssh_options(argv + n);
	argv[n++] = "-o";
	argv[n++] = command;
	argv[n++] = "-p";
	argv[n++] = port;
	argv[n++] = "127.0.0.1";
	argv[n++] = "seq 1 20000 | cksum";
	argv[n] = NULL;
	rig_run(o, &spawn, CLIENT_MS);
	*ok = o->code == 0 && strcmp(o->out, "3231941463 108894\n") == 0;
}

static void
client_git_ssh(struct scene *s, struct rig_output *o, bool *ok)
{
	const char *options[RIG_SSH_OPTIONS_MAX + 1];
	char ssh[2048] = "GIT_SSH_COMMAND=ssh", command[128],
	     url[RIG_PATH_MAX + 64], home[RIG_PATH_MAX + 8];
	const char *const argv[] = {"git", "clone", "-q", url, "by-ssh", NULL};
	const char *const env[] = {home, ssh, "GIT_CONFIG_NOSYSTEM=1", NULL};
	const struct rig_spawn spawn = {
	    .name = "git-ssh", .argv = argv, .env = env, .dir = s->dir};
	size_t i, n = rig_ssh_options(options), len;

	proxy_command(s, CLIENT_SSH5, command, sizeof(command));
	for (i = 0; i < n; i++) {
		len = strlen(ssh);
		snprintf(ssh + len, sizeof(ssh) - len, " %s", options[i]);
	}
	len = strlen(ssh);
	snprintf(ssh + len, sizeof(ssh) - len, " -o '%s'", command);
	snprintf(home, sizeof(home), "HOME=%s", s->dir);
	snprintf(url, sizeof(url), "ssh://127.0.0.1:%u%s/repo.git",
	    s->sshd_port, s->dir);
	rig_run(o, &spawn, CLIENT_MS);
	*ok = o->code == 0 && cloned(s, "by-ssh");
}

static void
run_client(struct scene *s, enum client c, struct rig_output *o, bool *ok)
{
	switch (c) {
	case CLIENT_SOCKS4:
	case CLIENT_SOCKS4A:
	case CLIENT_SOCKS5:
	case CLIENT_SOCKS5H:
	case CLIENT_CONNECT:
		client_curl(s, c, o, ok);
		return;
	case CLIENT_GIT:
		client_git(s, o, ok);
		return;
	case CLIENT_WGET:
		client_wget(s, o, ok);
		return;
	case CLIENT_SSH4:
	case CLIENT_SSH5:
	case CLIENT_SSHC:
		client_ssh(s, c, o, ok);
		return;
	case CLIENT_GIT_SSH:
		client_git_ssh(s, o, ok);
		return;
	case CLIENTS:
		break;
	}
	REQUIRE(false, "no client %d", (int)c);
}

static void
run_way(enum way way)
{
	static const char *const types[] = {"socks5", "socks4a", "http"};
	struct matrix *m = rig_shared();
	static struct scene s;
	struct rig_output o;
	int c;
	bool ok;

	prepare(&s);
	if (way == WAY_DIRECT) {
		rig_agent_direct(&s.agent);
	} else if (way >= WAY_AGENT_SOCKS5) {
		rig_agent_init(&s.back, "back");
		rig_agent_direct(&s.back);
		rig_agent_start(&s.back);
		rig_agent_intermediary(&s.agent, "back",
		    types[way - WAY_AGENT_SOCKS5], "127.0.0.1", s.back.port);
	} else {
		rig_peer_start(&s.peer, (enum rig_peer_kind)way, "peer");
		rig_agent_intermediary(
		    &s.agent, "peer", s.peer.type, "127.0.0.1", s.peer.port);
	}
	rig_agent_start(&s.agent);
	snprintf(s.port, sizeof(s.port), "%u", s.agent.port);
	for (c = 0; c < CLIENTS; c++) {
		run_client(&s, (enum client)c, &o, &ok);
		m->cell[way][c] = ok ? CELL_OK : CELL_FAILED;
		CHECK(ok, "%s through %s: exit %d: %.300s", client_words[c],
		    way_words[way], o.code, o.err);
		rig_output_free(&o);
	}
	rig_agent_stop(&s.agent);
	rig_server_stop(&s.origin);
}

#define WAY(name, which)           \
	static void t_##name(void) \
	{                          \
		run_way(which);    \
	}

WAY(danted, WAY_DANTED)
WAY(microsocks, WAY_MICROSOCKS)
WAY(squid, WAY_SQUID)
WAY(tinyproxy, WAY_TINYPROXY)
WAY(ssh, WAY_SSH)
WAY(agent_socks5, WAY_AGENT_SOCKS5)
WAY(agent_socks4a, WAY_AGENT_SOCKS4A)
WAY(agent_http, WAY_AGENT_HTTP)
WAY(direct, WAY_DIRECT)

/* IPv6 to and through the agent, and its unix socket. */
static void
t_families(void)
{
	char proxy6[64], proxyunix[RIG_PATH_MAX + 40], url[64];
	const char *const by6[] = {
	    "curl", "-sS", "--max-time", "20", "--proxy", proxy6, url, NULL};
	const char *const byunix[] = {
	    "curl", "-sS", "--max-time", "20", "--proxy", proxyunix, url, NULL};
	struct rig_spawn spawn = {.name = "curl"};
	struct rig_server origin;
	struct rig_output o;
	struct rig_agent a;
	uint16_t port = rig_port("::1");

	rig_origin_start(&origin, RIG_ORIGIN_HTTP, "::1", 0, NULL);
	rig_agent_init(&a, "agent");
	rig_agent_direct(&a);
	rig_agent_key(&a, "listen = [::1]:%u", port);
	rig_agent_key(&a, "listen = unix:%s/agent.sock", rig_dir());
	rig_agent_start(&a);
	snprintf(proxy6, sizeof(proxy6), "socks5h://[::1]:%u", port);
	snprintf(proxyunix, sizeof(proxyunix),
	    "socks5h://localhost%s/agent.sock", rig_dir());
	snprintf(
	    url, sizeof(url), "http://[::1]:%u/bytes/%d", origin.port, BYTES);
	spawn.argv = by6;
	rig_run(&o, &spawn, CLIENT_MS);
	CHECK(o.code == 0 && right_bytes(&o), "by v6: exit %d: %s", o.code,
	    o.err);
	rig_output_free(&o);
	spawn.argv = byunix;
	rig_run(&o, &spawn, CLIENT_MS);
	CHECK(o.code == 0 && right_bytes(&o), "by unix socket: exit %d: %s",
	    o.code, o.err);
	rig_output_free(&o);
	rig_agent_stop(&a);
	rig_server_stop(&origin);
}

static void
report(void)
{
	static const char *const cells[] = {"-", "ok", "FAILED"};
	const struct matrix *m = rig_shared();
	int w, c;

	printf("\n  | %-16s", "");
	for (c = 0; c < CLIENTS; c++)
		printf(" %-8s", client_words[c]);
	printf("\n");
	for (w = 0; w < WAYS; w++) {
		printf("  | %-16s", way_words[w]);
		for (c = 0; c < CLIENTS; c++)
			printf(" %-8s", cells[m->cell[w][c]]);
		printf("\n");
	}
	printf("\n");
}

static const struct rig_case cases[] = {
    {"danted", t_danted, 120, 0},
    {"microsocks", t_microsocks, 120, 0},
    {"squid", t_squid, 120, 0},
    {"tinyproxy", t_tinyproxy, 120, 0},
    {"ssh", t_ssh, 120, 0},
    {"agent-socks5", t_agent_socks5, 120, 0},
    {"agent-socks4a", t_agent_socks4a, 120, 0},
    {"agent-http", t_agent_http, 120, 0},
    {"direct", t_direct, 120, 0},
    {"families", t_families, 60, 0},
};

RIG_MAIN("matrix", cases, report)
