/* Configures, starts, reloads and stops the daemon under test. */
#include "tests/integ/rig_agent.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
program_path(char out[static PATH_MAX], const char *env, const char *name)
{
	const char *set = getenv(env);
	ssize_t len;
	char *slash;
	int up;

	if (set != NULL) {
		snprintf(out, PATH_MAX, "%s", set);
		return;
	}
	/* build/tests/integ/PROGRAM: three up, then bin. */
	len = readlink("/proc/self/exe", out, PATH_MAX - 64);
	REQUIRE(len > 0, "/proc/self/exe: %s", strerror(errno));
	out[len] = '\0';
	for (up = 0; up < 3; up++) {
		slash = strrchr(out, '/');
		REQUIRE(slash != NULL, "this test is not below build/");
		*slash = '\0';
	}
	snprintf(out + strlen(out), 64, "/bin/%s", name);
	REQUIRE(access(out, X_OK) == 0, "%s: %s", out, strerror(errno));
}

void
rig_agent_program(char *out, size_t cap)
{
	char program[PATH_MAX];

	program_path(program, "CAGENTD", "cagentd");
	REQUIRE(strlcpy(out, program, cap) < cap, "%s: too long", program);
}

__attribute__((format(printf, 4, 0))) static void
append(char *text, size_t cap, size_t *len, const char *fmt, va_list ap)
{
	int more = vsnprintf(text + *len, cap - *len, fmt, ap);

	REQUIRE(more >= 0 && (size_t)more < cap - *len,
	    "the configuration is too long");
	*len += (size_t)more;
}

void
rig_agent_key(struct rig_agent *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	append(a->keys, sizeof(a->keys) - 1, &a->keys_len, fmt, ap);
	va_end(ap);
	a->keys[a->keys_len++] = '\n';
	a->keys[a->keys_len] = '\0';
}

void
rig_agent_add(struct rig_agent *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	append(a->sections, sizeof(a->sections), &a->sections_len, fmt, ap);
	va_end(ap);
}

void
rig_agent_init(struct rig_agent *a, const char *name)
{
	memset(a, 0, sizeof(*a));
	a->name = name;
	a->workers = 2;
	rig_path(a->path, "%s.ini", name);
	rig_path(a->run_dir, "%s.run", name);
}

void
rig_agent_direct(struct rig_agent *a)
{
	rig_agent_add(a, "[direct]\nnetwork = 127.0.0.0/8\nnetwork = ::1/128\n"
			 "domain = localhost\ndomain = test\n");
}

void
rig_agent_intermediary(struct rig_agent *a, const char *name, const char *type,
    const char *address, uint16_t port)
{
	rig_agent_add(a,
	    "[intermediary \"%s\"]\ntype = %s\naddress = %s:%u\ntier = 1\n",
	    name, type, address, port);
}

void
rig_agent_write(struct rig_agent *a)
{
	char text[sizeof(a->keys) + sizeof(a->sections) + 2048], users[160];
	const char *loop = getenv("CAGENT_TEST_LOOP");

	/* What a case asks for itself is not for the runner to say. */
	if (strstr(a->keys, "event-loop") != NULL)
		loop = NULL;
	users[0] = '\0';
	if (geteuid() == 0 && a->uid == 0) {
		snprintf(users, sizeof(users),
		    "control-user = %d:%d\nworker-user = %d:%d\n"
		    "resolver-user = %d:%d\nverifier-user = %d:%d\n",
		    RIG_UID_CONTROL, RIG_UID_CONTROL, RIG_UID_WORKER,
		    RIG_UID_WORKER, RIG_UID_RESOLVER, RIG_UID_RESOLVER,
		    RIG_UID_VERIFIER, RIG_UID_VERIFIER);
	}
	snprintf(text, sizeof(text),
	    "[agent]\nlisten = %s\nworkers = %u\nrun-dir = %s\n%s"
	    "state-dir = %s/%s.state\nlog-level = %s\n"
	    "%s%s\n%s%s%s%s",
	    a->listen != NULL ? a->listen : "127.0.0.1:0", a->workers,
	    a->run_dir, a->guarded ? "" : "pass-loopback = yes\n", rig_dir(),
	    a->name, a->log_level != NULL ? a->log_level : "debug",
	    loop != NULL ? "event-loop = " : "", loop != NULL ? loop : "",
	    rig_isolated() ? "nameserver = 127.0.0.1\n" : "", users, a->keys,
	    a->sections);
	rig_write(a->path, text, 0644);
}

void
rig_agent_start(struct rig_agent *a)
{
	char program[PATH_MAX], line[512] = "", *colon;
	const char *const argv[] = {program, "-f", a->path, NULL};
	const struct rig_spawn s = {.name = a->name,
	    .argv = argv,
	    .files = a->files,
	    .uid = a->uid,
	    .env = a->env};
	struct rig_wait w = {.timeout_ms = RIG_AGENT_START_MS,
	    .line = line,
	    .line_cap = sizeof(line)};
	int rc;

	program_path(program, "CAGENTD", "cagentd");
	rig_agent_write(a);
	/* One of that name may have run before. */
	if (a->proc.name[0] != '\0')
		w.mark = rig_proc_mark(&a->proc);
	rig_proc_start(&a->proc, &s);
	rc = rig_proc_wait_log(&a->proc, "listening on ", &w);
	REQUIRE(rc == 0, "%s does not listen: %s", a->name,
	    rc == -ESRCH ? "it has ended" : strerror(-rc));
	colon = strrchr(line, ':');
	a->port = colon != NULL ? (uint16_t)strtoul(colon + 1, NULL, 10) : 0;
	REQUIRE(a->port != 0, "no port in \"%s\"", line);
	w.line = NULL;
	rc = rig_proc_wait_log(&a->proc, "ready", &w);
	REQUIRE(rc == 0, "%s does not get ready: %s", a->name,
	    rc == -ESRCH ? "it has ended" : strerror(-rc));
}

int
rig_agent_reload(struct rig_agent *a, int timeout_ms, char *line)
{
	char text[512] = "";
	struct rig_wait w = {.mark = rig_proc_mark(&a->proc),
	    .timeout_ms = timeout_ms,
	    .line = text,
	    .line_cap = sizeof(text)};
	int rc;

	rig_proc_signal(&a->proc, SIGHUP);
	/* "reloaded" or "reload refused". */
	rc = rig_proc_wait_log(&a->proc, "reload", &w);
	if (rc != 0)
		return rc;
	if (line != NULL)
		snprintf(line, sizeof(text), "%s", text);
	return strstr(text, "reloaded") != NULL ? 0 : 1;
}

void
rig_agent_stop(struct rig_agent *a)
{
	int code = rig_proc_stop(&a->proc, RIG_AGENT_STOP_MS);

	CHECK(code == 0, "%s stopped with %d, not 0", a->name, code);
}

void
rig_agent_test(struct rig_agent *a, struct rig_output *o)
{
	char program[PATH_MAX];
	const char *const argv[] = {program, "-t", "-f", a->path, NULL};
	const struct rig_spawn s = {.name = "cagentd-t", .argv = argv};

	program_path(program, "CAGENTD", "cagentd");
	rig_agent_write(a);
	rig_run(o, &s, 10000);
}

void
rig_ctl(struct rig_agent *a, struct rig_output *o, const char *const *args)
{
	char program[PATH_MAX];
	const char *argv[RIG_ARGS_MAX] = {
	    program, "--run-dir", a->run_dir, NULL};
	const struct rig_spawn s = {.name = "cagent-ctl", .argv = argv};
	size_t i;

	program_path(program, "CAGENT_CTL", "cagent-ctl");
	for (i = 0; args[i] != NULL && i + 4 < RIG_ARGS_MAX; i++)
		argv[i + 3] = args[i];
	argv[i + 3] = NULL;
	rig_run(o, &s, 15000);
}

void
rig_agent_has_loop(struct rig_agent *a, const char *loop)
{
	static const char *const args[] = {"status", "--json", NULL};
	struct rig_wait now = {.timeout_ms = 0};
	bool ring = strcmp(loop, "io_uring") == 0;
	struct rig_output o;

	if (ring &&
	    rig_proc_wait_log(&a->proc, "io_uring cannot be had", &now) == 0)
		rig_skip("io_uring cannot be had");
	rig_ctl(a, &o, args);
	CHECK((strstr(o.out, "\"loop\":\"io_uring\"") != NULL) == ring,
	    "%s is not what the worker has: %s", loop, o.out);
	rig_output_free(&o);
}

long long
rig_agent_count(struct rig_agent *a, const char *key)
{
	static const char *const args[] = {"status", "--json", NULL};
	struct rig_output o;
	const char *at;
	char want[64];
	long long n;

	rig_ctl(a, &o, args);
	snprintf(want, sizeof(want), "\"%s\":", key);
	at = strstr(o.out, want);
	REQUIRE(at != NULL, "no %s in %s", want, o.out);
	n = strtoll(at + strlen(want), NULL, 10);
	rig_output_free(&o);
	return n;
}

void
rig_agent_serves(struct rig_agent *a, const char *host, const char *when)
{
	struct rig_proxy p = rig_agent_proxy(a, RIG_SOCKS5H);
	static struct rig_server origin;
	struct rig_conn c;
	enum rig_fail f;

	if (origin.port == 0)
		rig_origin_start(
		    &origin, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	f = rig_dial(&c, &p, host, origin.port, 5000);
	if (f == RIG_OK)
		f = rig_http_get(&c, 1000);
	rig_conn_close(&c);
	CHECK(f == RIG_OK, "%s: %s: %s: %s", when, host, rig_fail_word(f),
	    c.text);
}

struct rig_proxy
rig_agent_proxy(const struct rig_agent *a, enum rig_proto proto)
{
	return (struct rig_proxy){proto, "127.0.0.1", a->port, NULL, NULL};
}

void
rig_agent_proxies(
    const struct rig_agent *a, struct rig_proxy out[RIG_AGENT_PROXIES])
{
	static const enum rig_proto protos[RIG_AGENT_PROXIES] = {
	    RIG_SOCKS4, RIG_SOCKS4A, RIG_SOCKS5, RIG_SOCKS5H, RIG_CONNECT};
	size_t i;

	for (i = 0; i < RIG_AGENT_PROXIES; i++)
		out[i] = rig_agent_proxy(a, protos[i]);
}
