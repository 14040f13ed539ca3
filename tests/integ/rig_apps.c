/* Runs applications as users do, through an agent's port. */
#include "tests/integ/rig_apps.h"

#include <stdio.h>
#include <string.h>

#include "tests/integ/rig_net.h"
#include "tests/integ/rig_pattern.h"
#include "tests/integ/rig_peers.h"

#define APP_MS 30000

/* One run. */
struct run {
	enum rig_app app;
	struct rig_places *places;
	struct rig_output *o;
	char port[8]; /* the agent's */
	char url[128];
	char dir[16]; /* a clone goes here */
};

typedef bool run_fn(struct run *);

bool
rig_app_bytes(const char *data, size_t len)
{
	return len == RIG_APP_BYTES && rig_pattern_check(RIG_SEED_HTTP, 0,
					   (const uint8_t *)data, len) == len;
}

static bool
exec_app(struct run *r, const char *const *argv, const char *const *env)
{
	const struct rig_spawn spawn = {.name = rig_app_word(r->app),
	    .argv = argv,
	    .env = env,
	    .dir = r->places->dir};

	rig_run(r->o, &spawn, APP_MS);
	return r->o->code == 0;
}

static bool
got_bytes(const struct run *r)
{
	return rig_app_bytes(r->o->out, r->o->out_len);
}

static void
bytes_url(struct run *r, const char *host)
{
	snprintf(r->url, sizeof(r->url), "http://%s:%u/bytes/%d", host,
	    r->places->origin.port, RIG_APP_BYTES);
}

static bool
run_curl(struct run *r)
{
	static const char *const options[] = {
	    [RIG_APP_CURL4] = "--socks4",
	    [RIG_APP_CURL4A] = "--socks4a",
	    [RIG_APP_CURL5] = "--socks5",
	    [RIG_APP_CURL5H] = "--socks5-hostname",
	    [RIG_APP_CURL_CONNECT] = "--proxy",
	    [RIG_APP_CURL_HTTP] = "--proxy",
	};
	bool named = r->app != RIG_APP_CURL4 && r->app != RIG_APP_CURL5;
	char proxy[64];
	const char *const argv[] = {"curl", "-sS", "--max-time", "20",
	    options[r->app], proxy, r->url,
	    r->app == RIG_APP_CURL_HTTP ? NULL : "--proxytunnel", NULL};

	snprintf(proxy, sizeof(proxy), "127.0.0.1:%s", r->port);
	bytes_url(r, named ? r->places->host : "127.0.0.1");
	return exec_app(r, argv, NULL) && got_bytes(r);
}

/* Is the clone the repository? */
static bool
cloned(const struct run *r)
{
	char script[400];
	const char *const argv[] = {"sh", "-c", script, NULL};
	const struct rig_spawn spawn = {
	    .name = "compare", .argv = argv, .dir = r->places->dir};
	struct rig_output o;
	bool ok;

	snprintf(script, sizeof(script),
	    "test \"$(git -C %s rev-parse HEAD)\" = \"$(cat head)\" && "
	    "cmp %s/numbers work/numbers",
	    r->dir, r->dir);
	rig_run(&o, &spawn, APP_MS);
	ok = o.code == 0;
	rig_output_free(&o);
	return ok;
}

static bool
run_git(struct run *r)
{
	char proxy[80], home[RIG_PATH_MAX + 8];
	const char *const argv[] = {
	    "git", "-c", proxy, "clone", "-q", r->url, r->dir, NULL};
	const char *const env[] = {
	    home, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", NULL};

	snprintf(home, sizeof(home), "HOME=%s", r->places->dir);
	snprintf(proxy, sizeof(proxy), "http.proxy=%s://127.0.0.1:%s",
	    r->app == RIG_APP_GIT_HTTP ? "http" : "socks5h", r->port);
	snprintf(r->url, sizeof(r->url), "http://%s:%u/repo.git",
	    r->places->host, r->places->origin.port);
	return exec_app(r, argv, env) && cloned(r);
}

static bool
run_wget(struct run *r)
{
	bool tls = r->app == RIG_APP_WGET;
	char proxy[80];
	const char *const argv[] = {"wget", "-q", "-O", "-",
	    "--no-check-certificate", "--tries=1", "--timeout=20", r->url,
	    NULL};
	const char *const env[] = {proxy, NULL};

	snprintf(proxy, sizeof(proxy), "%s_proxy=http://127.0.0.1:%s",
	    tls ? "https" : "http", r->port);
	snprintf(r->url, sizeof(r->url), "%s://%s:%u/file",
	    tls ? "https" : "http", r->places->host,
	    (unsigned int)(tls ? r->places->tls_port : r->places->origin.port));
	return exec_app(r, argv, env) && got_bytes(r);
}

static void
proxy_command(const struct run *r, char *out, size_t cap)
{
	snprintf(out, cap, "ProxyCommand=nc -X %s -x 127.0.0.1:%s %%h %%p",
	    r->app == RIG_APP_SSH4	    ? "4"
	    : r->app == RIG_APP_SSH_CONNECT ? "connect"
					    : "5",
	    r->port);
}

static bool
run_ssh(struct run *r)
{
	const char *argv[RIG_SSH_OPTIONS_MAX + 8] = {"ssh"};
	char port[8], command[128];
	size_t n = 1;

	snprintf(port, sizeof(port), "%u", r->places->sshd_port);
	proxy_command(r, command, sizeof(command));
	n += rig_ssh_options(argv + n);
	argv[n++] = "-o";
	argv[n++] = command;
	argv[n++] = "-p";
	argv[n++] = port;
	argv[n++] = "127.0.0.1";
	argv[n++] = "seq 1 20000 | cksum";
	argv[n] = NULL;
	return exec_app(r, argv, NULL) &&
	       strcmp(r->o->out, "3231941463 108894\n") == 0;
}

static bool
run_git_ssh(struct run *r)
{
	const char *options[RIG_SSH_OPTIONS_MAX + 1];
	char ssh[2048] = "GIT_SSH_COMMAND=ssh", command[128],
	     url[RIG_PATH_MAX + 64], home[RIG_PATH_MAX + 8];
	const char *const argv[] = {"git", "clone", "-q", url, r->dir, NULL};
	const char *const env[] = {home, ssh, "GIT_CONFIG_NOSYSTEM=1", NULL};
	size_t i, n = rig_ssh_options(options), len;

	proxy_command(r, command, sizeof(command));
	for (i = 0; i < n; i++) {
		len = strlen(ssh);
		snprintf(ssh + len, sizeof(ssh) - len, " %s", options[i]);
	}
	len = strlen(ssh);
	snprintf(ssh + len, sizeof(ssh) - len, " -o '%s'", command);
	snprintf(home, sizeof(home), "HOME=%s", r->places->dir);
	snprintf(url, sizeof(url), "ssh://127.0.0.1:%u%s/repo.git",
	    r->places->sshd_port, r->places->dir);
	return exec_app(r, argv, env) && cloned(r);
}

/* It speaks no HTTP of its own: a head goes in, one comes out.  Several
 * intermediaries take the half-close that would follow for the end. */
static bool
run_socat(struct run *r)
{
	char script[512];
	const char *const argv[] = {"sh", "-c", script, NULL};
	const char *body;

	snprintf(script, sizeof(script),
	    "printf 'GET /bytes/%d HTTP/1.0\r\n\r\n' | "
	    "socat -t 20 - %s:127.0.0.1:%s:%u,%s=%s,shut-none",
	    RIG_APP_BYTES, r->app == RIG_APP_SOCAT4A ? "SOCKS4A" : "PROXY",
	    r->places->host, r->places->origin.port,
	    r->app == RIG_APP_SOCAT4A ? "socksport" : "proxyport", r->port);
	if (!exec_app(r, argv, NULL))
		return false;
	body = strstr(r->o->out, "\r\n\r\n");
	return body != NULL &&
	       rig_app_bytes(
		   body + 4, r->o->out_len - (size_t)(body + 4 - r->o->out));
}

/* It takes the place of the C library's calls in a program that knows of no
 * proxy. */
static bool
run_proxychains(struct run *r)
{
	char conf[RIG_PATH_MAX], text[256];
	const char *const argv[] = {"proxychains4", "-q", "-f", conf, "curl",
	    "-sS", "--max-time", "20", r->url, NULL};

	rig_path(conf, "proxychains.conf");
	snprintf(text, sizeof(text),
	    "strict_chain\nproxy_dns\n[ProxyList]\nsocks5 127.0.0.1 %s\n",
	    r->port);
	rig_write(conf, text, 0644);
	bytes_url(r, r->places->host);
	return exec_app(r, argv, NULL) && got_bytes(r);
}

static const struct {
	const char *word;
	run_fn *run;
	bool is_web;
} apps[RIG_APPS] = {
    [RIG_APP_CURL4] = {"curl4", run_curl, false},
    [RIG_APP_CURL4A] = {"curl4a", run_curl, false},
    [RIG_APP_CURL5] = {"curl5", run_curl, false},
    [RIG_APP_CURL5H] = {"curl5h", run_curl, false},
    [RIG_APP_CURL_CONNECT] = {"curlconn", run_curl, false},
    [RIG_APP_CURL_HTTP] = {"curlhttp", run_curl, true},
    [RIG_APP_GIT] = {"git", run_git, false},
    [RIG_APP_GIT_HTTP] = {"githttp", run_git, true},
    [RIG_APP_WGET] = {"wget", run_wget, false},
    [RIG_APP_WGET_HTTP] = {"wgethttp", run_wget, true},
    [RIG_APP_SSH4] = {"ssh4", run_ssh, false},
    [RIG_APP_SSH5] = {"ssh5", run_ssh, false},
    [RIG_APP_SSH_CONNECT] = {"sshconn", run_ssh, false},
    [RIG_APP_GIT_SSH] = {"gitssh", run_git_ssh, false},
    [RIG_APP_SOCAT4A] = {"socat4a", run_socat, false},
    [RIG_APP_SOCAT_CONNECT] = {"socatcon", run_socat, false},
    [RIG_APP_PROXYCHAINS] = {"pxchains", run_proxychains, false},
};

const char *
rig_app_word(enum rig_app app)
{
	return apps[app].word;
}

bool
rig_app_is_web(enum rig_app app)
{
	return apps[app].is_web;
}

bool
rig_app_run(
    enum rig_app app, struct rig_places *p, uint16_t port, struct rig_output *o)
{
	struct run r = {.app = app, .places = p, .o = o};

	snprintf(r.port, sizeof(r.port), "%u", port);
	snprintf(r.dir, sizeof(r.dir), "clone%d", (int)app);
	return apps[app].run(&r);
}
