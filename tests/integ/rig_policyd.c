/* Makes keys for, configures, starts, reloads and stops the policy server
 * under test. */
#include "tests/integ/rig_policyd.h"

#include <sys/stat.h>

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integ/rig_agent.h"

#define RUN_MS	 15000
#define TEXT_MAX 16384 /* of a configuration */

void
rig_policyd_program(char *out, size_t cap)
{
	const char *set = getenv("CAGENT_POLICYD");
	char *slash;

	if (set != NULL) {
		REQUIRE(strlcpy(out, set, cap) < cap, "%s: too long", set);
		return;
	}
	rig_agent_program(out, cap);
	slash = strrchr(out, '/');
	REQUIRE(slash != NULL && strlcpy(slash + 1, "cagent-policyd",
				     cap - (size_t)(slash + 1 - out)) < 64,
	    "%s: no path", out);
	REQUIRE(access(out, X_OK) == 0, "%s: %s", out, strerror(errno));
}

static void
run(struct rig_policyd *p, struct rig_output *o, const char *const *args,
    bool ask)
{
	char program[PATH_MAX];
	const char *argv[RIG_ARGS_MAX] = {program};
	const struct rig_spawn s = {
	    .name = "cagent-policyd", .argv = argv, .uid = p->uid};
	size_t n = 1;

	rig_policyd_program(program, sizeof(program));
	for (; *args != NULL && n + 3 < RIG_ARGS_MAX; args++)
		argv[n++] = *args;
	if (ask) {
		argv[n++] = "--run-dir";
		argv[n++] = p->run_dir;
	}
	argv[n] = NULL;
	rig_run(o, &s, RUN_MS);
}

void
rig_policyd_run(
    struct rig_policyd *p, struct rig_output *o, const char *const *args)
{
	run(p, o, args, false);
}

void
rig_policyd_ask(
    struct rig_policyd *p, struct rig_output *o, const char *const *args)
{
	run(p, o, args, true);
}

/* It must work. */
static void
must(struct rig_policyd *p, const char *const *args, bool ask)
{
	struct rig_output o;

	run(p, &o, args, ask);
	REQUIRE(o.code == 0, "cagent-policyd %s: exit %d: %s", args[0], o.code,
	    o.err);
	rig_output_free(&o);
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
rig_policyd_key(struct rig_policyd *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	append(p->lines, sizeof(p->lines) - 1, &p->lines_len, fmt, ap);
	va_end(ap);
	p->lines[p->lines_len++] = '\n';
	p->lines[p->lines_len] = '\0';
}

void
rig_policyd_add(struct rig_policyd *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	append(p->sections, sizeof(p->sections), &p->sections_len, fmt, ap);
	va_end(ap);
}

void
rig_policyd_init_as(struct rig_policyd *p, const char *name, unsigned int uid)
{
	memset(p, 0, sizeof(*p));
	p->name = name;
	p->uid = uid;
	rig_path(p->path, "%s.ini", name);
	rig_path(p->home, "%s.home", name);
	rig_path(p->run_dir, "%s.home/run", name);
	rig_path(p->state_dir, "%s.home/state", name);
	rig_path(p->keys, "%s.home/keys", name);
	REQUIRE(mkdir(p->home, 0755) == 0, "%s: %s", p->home, strerror(errno));
	REQUIRE(uid == 0 || chown(p->home, uid, uid) == 0, "chown: %s",
	    strerror(errno));
	must(p, (const char *const[]){"init", p->keys, NULL}, false);
}

void
rig_policyd_init(struct rig_policyd *p, const char *name)
{
	rig_policyd_init_as(p, name, 0);
}

static bool
says(const struct rig_policyd *p, const char *key)
{
	size_t len = strlen(key);
	const char *line;

	for (line = p->lines; line != NULL && *line != '\0';
	     line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, len) == 0 && line[len] == ' ')
			return true;
	}
	return false;
}

/* "key = value", where the test has not said it. */
__attribute__((format(printf, 4, 5))) static void
fill(struct rig_policyd *p, char *text, const char *key, const char *fmt, ...)
{
	size_t len = strlen(text);
	va_list ap;

	if (says(p, key))
		return;
	len += (size_t)snprintf(text + len, TEXT_MAX - len, "%s = ", key);
	va_start(ap, fmt);
	append(text, TEXT_MAX, &len, fmt, ap);
	va_end(ap);
	strlcat(text, "\n", TEXT_MAX);
}

static void
fill_users(struct rig_policyd *p, char *text)
{
	if (geteuid() != 0 || p->uid != 0)
		return;
	fill(p, text, "collector-user", "%d", RIG_UID_COLLECTOR);
	fill(p, text, "prober-user", "%d", RIG_UID_PROBER);
	fill(p, text, "ranker-user", "%d", RIG_UID_RANKER);
	fill(p, text, "signer-user", "%d", RIG_UID_SIGNER);
	fill(p, text, "page-user", "%d", RIG_UID_PAGE);
}

void
rig_policyd_write(struct rig_policyd *p)
{
	char text[TEXT_MAX] = "[policyd]\n";

	fill(p, text, "listen", "127.0.0.1:0");
	fill(p, text, "page", "127.0.0.1:0");
	fill(p, text, "run-dir", "%s", p->run_dir);
	fill(p, text, "state-dir", "%s", p->state_dir);
	fill(p, text, "log-level", "debug");
	fill(p, text, "root", "%s/root.1", p->keys);
	fill(p, text, "rank-key", "%s/online.key", p->keys);
	fill(p, text, "seal-key", "%s/seal.key", p->keys);
	fill_users(p, text);
	strlcat(text, p->lines, sizeof(text));
	strlcat(text, p->sections, sizeof(text));
	rig_write(p->path, text, 0644);
}

/* The port of the address that a log line ends with. */
static uint16_t
await_port(struct rig_policyd *p, const char *text, struct rig_wait *w)
{
	int rc = rig_proc_wait_log(&p->proc, text, w);
	const char *colon;
	uint16_t port;

	REQUIRE(rc == 0, "%s never says \"%s\": %s", p->name, text,
	    rc == -ESRCH ? "it has ended" : strerror(-rc));
	colon = strrchr(w->line, ':');
	port = colon != NULL ? (uint16_t)strtoul(colon + 1, NULL, 10) : 0;
	REQUIRE(port != 0, "no port in \"%s\"", w->line);
	return port;
}

void
rig_policyd_start(struct rig_policyd *p)
{
	char program[PATH_MAX], line[512] = "";
	const char *const argv[] = {program, "serve", "-f", p->path, NULL};
	const struct rig_spawn s = {
	    .name = p->name, .argv = argv, .uid = p->uid, .env = p->env};
	struct rig_wait w = {.timeout_ms = RIG_POLICYD_START_MS,
	    .line = line,
	    .line_cap = sizeof(line)};
	int rc;

	rig_policyd_program(program, sizeof(program));
	rig_policyd_write(p);
	/* One of that name may have run before. */
	if (p->proc.name[0] != '\0')
		w.mark = rig_proc_mark(&p->proc);
	rig_proc_start(&p->proc, &s);
	p->port = await_port(p, "listening on ", &w);
	if (strstr(p->lines, "page = none") == NULL)
		p->page = await_port(p, "page on ", &w);
	w.line = NULL;
	rc = rig_proc_wait_log(&p->proc, " ready: ", &w);
	REQUIRE(rc == 0, "%s does not get ready: %s", p->name,
	    rc == -ESRCH ? "it has ended" : strerror(-rc));
}

int
rig_policyd_reload(struct rig_policyd *p, int timeout_ms, char *line)
{
	char text[512] = "";
	struct rig_wait w = {.mark = rig_proc_mark(&p->proc),
	    .timeout_ms = timeout_ms,
	    .line = text,
	    .line_cap = sizeof(text)};
	int rc;

	rig_policyd_write(p);
	rig_proc_signal(&p->proc, SIGHUP);
	/* "reloaded" or "reload refused". */
	rc = rig_proc_wait_log(&p->proc, " reload", &w);
	if (rc != 0)
		return rc;
	if (line != NULL)
		snprintf(line, sizeof(text), "%s", text);
	return strstr(text, "reloaded") != NULL ? 0 : 1;
}

void
rig_policyd_stop(struct rig_policyd *p)
{
	int code = rig_proc_stop(&p->proc, RIG_POLICYD_STOP_MS);

	CHECK(code == 0, "%s stopped with %d, not 0", p->name, code);
}

/* A zombie has none. */
static void
read_cmdline(pid_t pid, char *out, size_t cap)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	f = fopen(path, "re");
	out[f != NULL ? fread(out, 1, cap - 1, f) : 0] = '\0';
	if (f != NULL)
		fclose(f);
}

pid_t
rig_policyd_child(const struct rig_policyd *p, const char *role)
{
	pid_t pids[RIG_DESCENDANTS_MAX];
	char title[64], line[256];
	size_t i, n;

	if (p->proc.pid == 0)
		return 0;
	snprintf(title, sizeof(title), "cagent-policyd: %s", role);
	n = rig_descendants(p->proc.pid, pids, RIG_DESCENDANTS_MAX);
	for (i = 0; i < n; i++) {
		read_cmdline(pids[i], line, sizeof(line));
		if (strcmp(line, title) == 0)
			return pids[i];
	}
	return 0;
}

pid_t
rig_policyd_await_child(
    const struct rig_policyd *p, const char *role, pid_t not, int timeout_ms)
{
	int64_t deadline = rig_now_ms() + timeout_ms;
	pid_t pid;

	for (;;) {
		pid = rig_policyd_child(p, role);
		if (pid != 0 && pid != not )
			return pid;
		REQUIRE(rig_pause(deadline), "no (new) %s after %d ms", role,
		    timeout_ms);
	}
}

void
rig_policyd_sign(struct rig_policyd *p, const char *file, const char *audience,
    const char *body)
{
	char text[RIG_PATH_MAX], key[RIG_PATH_MAX + 16],
	    root[RIG_PATH_MAX + 16];

	rig_path(text, "%s.body", p->name);
	rig_write(text, body, 0644);
	snprintf(key, sizeof(key), "%s/admin.key", p->keys);
	snprintf(root, sizeof(root), "%s/root.1", p->keys);
	must(p,
	    (const char *const[]){"sign", "policy", text, "--key", key,
		"--root", root, "--audience", audience, "--expires", "30d",
		"-o", file, NULL},
	    false);
}

void
rig_policyd_publish(
    struct rig_policyd *p, const char *audience, const char *body)
{
	char file[RIG_PATH_MAX];

	rig_path(file, "%s.home/policy", p->name);
	rig_policyd_sign(p, file, audience, body);
	must(p, (const char *const[]){"publish", file, NULL}, true);
}

void
rig_policyd_token(
    struct rig_policyd *p, const char *group, char path[static RIG_PATH_MAX])
{
	static unsigned int made;
	struct rig_output o;

	run(p, &o,
	    (const char *const[]){"token", "new", "--group", group, NULL},
	    true);
	REQUIRE(o.code == 0, "token new: exit %d: %s", o.code, o.err);
	rig_path(path, "%s.token%u", p->name, made++);
	rig_write(path, o.out, 0600);
	rig_output_free(&o);
}
