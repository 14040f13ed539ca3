/* cagent-ctl against the real daemon: every command, its exit status, what it
 * says and its JSON; and against none. */
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "cagent-ctl/field.h"
#include "cagent-ctl/verb.h"
#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_net.h"

#define N(a)	 (sizeof(a) / sizeof(*(a)))
#define ARGS_MAX 8
#define EVENT_MS 10000

/* An agent with an intermediary that works and one that refuses. */
struct scene {
	struct rig_server origin;
	struct rig_peer peer;
	struct rig_agent agent;
};

static void
setup(struct scene *s)
{
	static char listen[32];

	memset(s, 0, sizeof(*s));
	rig_origin_start(&s->origin, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	rig_agent_init(&s->agent, "agent");
	snprintf(listen, sizeof(listen), "127.0.0.1:%u", rig_port("127.0.0.1"));
	s->agent.listen = listen;
	rig_peer_start(&s->peer, RIG_PEER_MICROSOCKS, "peer");
	rig_agent_intermediary(
	    &s->agent, "good", "socks5", "127.0.0.1", s->peer.port);
	rig_agent_intermediary(
	    &s->agent, "bad", "http", "127.0.0.1", rig_port("127.0.0.1"));
	rig_agent_add(&s->agent, "[tier \"gold\"]\nrank = 2\n");
	rig_agent_start(&s->agent);
}

static void
teardown(struct scene *s)
{
	rig_agent_stop(&s->agent);
	rig_server_stop(&s->origin);
}

static void
request(struct scene *s)
{
	struct rig_proxy p = rig_agent_proxy(&s->agent, RIG_SOCKS5);
	struct rig_conn c;
	enum rig_fail f;

	f = rig_dial(&c, &p, "127.0.0.1", s->origin.port, 10000);
	if (f == RIG_OK)
		f = rig_http_get(&c, 1000);
	CHECK(f == RIG_OK, "%s: %s", rig_fail_word(f), c.text);
	rig_conn_close(&c);
}

/* Run it; the exit status and a text somewhere in its output are as wanted. */
static void
expect(struct rig_agent *a, int code, const char *said, const char *const *args)
{
	struct rig_output o;

	rig_ctl(a, &o, args);
	CHECK(o.code == code &&
		  (strstr(o.out, said) != NULL || strstr(o.err, said) != NULL),
	    "%s %s: exit %d, wanted %d and \"%s\":\n%s%s",
	    args[0] != NULL ? args[0] : "(summary)",
	    args[0] != NULL && args[1] != NULL ? args[1] : "", o.code, code,
	    said, o.out, o.err);
	rig_output_free(&o);
}

#define EXPECT(a, code, said, ...) \
	expect(a, code, said, (const char *const[]){__VA_ARGS__, NULL})

/* The first line of its JSON; the caller frees it. */
static json_t *
ask_json(struct rig_agent *a, int code, const char *const *args)
{
	const char *all[ARGS_MAX + 2] = {"--json"};
	struct rig_output o;
	json_t *doc;
	size_t i;

	for (i = 0; args[i] != NULL && i < ARGS_MAX; i++)
		all[i + 1] = args[i];
	rig_ctl(a, &o, all);
	o.out[strcspn(o.out, "\n")] = '\0';
	doc = json_loads(o.out, JSON_REJECT_DUPLICATES, NULL);
	CHECK(o.code == code && doc != NULL, "%s: exit %d: %s%s",
	    args[0] != NULL ? args[0] : "(summary)", o.code, o.out, o.err);
	CHECK_INT(field_number(doc, "schema"), 1);
	CHECK(json_is_boolean(field_value(doc, "ok")), "no \"ok\"");
	rig_output_free(&o);
	return doc;
}

#define ASK(a, code, ...) \
	ask_json(a, code, (const char *const[]){__VA_ARGS__, NULL})

static bool
explained(const struct field *f, const char *key)
{
	size_t len = strlen(key);

	for (; f->name != NULL; f++) {
		if (strncmp(f->name, key, len) == 0 &&
		    (f->name[len] == '\0' || f->name[len] == '.'))
			return true;
	}
	return false;
}

/* All names in what the list is about are in the list. */
static void
check_explained(const char *verb, const json_t *doc, const struct field_list *l)
{
	json_t *at =
	    (json_t *)(uintptr_t)(*l->path != '\0' ? field_value(doc, l->path)
						   : doc);
	const char *key;
	void *it;

	if (json_is_array(at))
		at = json_array_get(at, 0);
	CHECK(json_is_object(at), "%s: no \"%s\"", verb, l->path);
	for (it = json_object_iter(at); it != NULL;
	     it = json_object_iter_next(at, it)) {
		key = json_object_iter_key(it);
		CHECK(explained(l->fields, key), "%s: \"%s\" is not explained",
		    verb, key);
	}
}

/* Each command, in words and in JSON. */
static void
t_commands(void)
{
	static const struct {
		const char *args[ARGS_MAX];
		const char *said;
	} all[] = {
	    {{NULL}, "of 2 intermediaries usable"},
	    {{"status"}, "no path left"},
	    {{"tiers"}, "TIER"},
	    {{"show", "good"}, "socks5"},
	    {{"why", "good"}, "good: "},
	    {{"route", "http://127.0.0.1/x", "--user=0"}, "would be picked"},
	    {{"classes"}, "interactive"},
	    {{"tunnels"}, "good"},
	    {{"top", "--interval=0.1"}, "127.0.0.1:"},
	    {{"events", "-n", "3"}, ""},
	};
	const struct field_list *const *list;
	const struct verb *v;
	struct rig_conn open;
	struct rig_proxy proxy;
	struct scene s;
	json_t *doc;
	size_t i;

	setup(&s);
	request(&s);
	request(&s);
	/* One that stays open, to be shown. */
	proxy = rig_agent_proxy(&s.agent, RIG_SOCKS5);
	CHECK(rig_dial(&open, &proxy, "127.0.0.1", s.origin.port, 10000) ==
		  RIG_OK,
	    "%s", open.text);
	for (i = 0; i < N(all); i++) {
		expect(&s.agent, 0, all[i].said, all[i].args);
		doc = ask_json(&s.agent, 0, all[i].args);
		v = all[i].args[0] != NULL ? verb_find(all[i].args[0]) : verbs;
		/* The events come on lines of their own. */
		for (list = v->fields; *list != NULL; list++) {
			if (strcmp(v->name, "events") != 0 || list == v->fields)
				check_explained(v->name, doc, *list);
		}
		CHECK(field_true(doc, "ok"), "%s is not ok", v->name);
		json_decref(doc);
	}
	/* tests/integ/learned.c has more of it. */
	EXPECT(&s.agent, 0, "Nothing is learned", "learned");
	rig_conn_close(&open);
	teardown(&s);
}

/* What is wrong with the question, and what was meant. */
static void
t_mistakes(void)
{
	struct scene s;
	json_t *doc;

	setup(&s);
	EXPECT(&s.agent, 2, "did you mean \"status\"?", "statsu");
	EXPECT(&s.agent, 2, "did you mean --json?", "--jsn");
	EXPECT(&s.agent, 2, "something is missing", "show");
	EXPECT(&s.agent, 2, "cannot be an intermediary's name", "show", "a b");
	EXPECT(&s.agent, 2, "cannot be an intermediary's name", "why", "a\nb");
	EXPECT(&s.agent, 1, "did you mean \"good\"?", "why", "goood");
	EXPECT(&s.agent, 1, "no intermediary is named", "drain", "zzz");
	EXPECT(&s.agent, 2, "tier", "pin", "good", "platinum");
	EXPECT(&s.agent, 2, "tier", "pin", "good", "0");
	EXPECT(&s.agent, 2, "the host is missing", "route", "http://");
	EXPECT(&s.agent, 2, "class", "route", "a:1", "--class", "fast");
	EXPECT(&s.agent, 2, "there is no user", "route", "a", "--user=nosuch");
	doc = ASK(&s.agent, 1, "show", "nobody");
	CHECK(strcmp(field_string(doc, "code"), "not-found") == 0,
	    "code \"%s\"", field_string(doc, "code"));
	json_decref(doc);
	teardown(&s);
}

static void
check_row(
    struct rig_agent *a, const char *name, const char *field, const char *want)
{
	json_t *doc = ASK(a, 0, "show", name);
	const json_t *row = json_object_get(doc, "intermediary");
	char number[24];
	const char *got = field_string(row, field);

	snprintf(number, sizeof(number), "%lld",
	    (long long)field_number(row, field));
	if (json_is_integer(field_value(row, field)))
		got = number;
	CHECK(strcmp(got, want) == 0, "%s of %s is \"%s\", not \"%s\"", field,
	    name, got, want);
	json_decref(doc);
}

static void
t_orders(void)
{
	struct scene s;
	json_t *doc;

	setup(&s);
	EXPECT(&s.agent, 0, "good", "drain", "good");
	check_row(&s.agent, "good", "admin", "drain");
	EXPECT(&s.agent, 0, "already", "drain", "good");
	doc = ASK(&s.agent, 0, "drain", "good");
	CHECK(!field_true(doc, "ok"), "done twice");
	CHECK(strcmp(field_string(doc, "code"), "already") == 0, "code %s",
	    field_string(doc, "code"));
	json_decref(doc);
	EXPECT(&s.agent, 0, "drain", "tiers");
	EXPECT(&s.agent, 0, "bad", "drain", "bad");
	EXPECT(&s.agent, 4, "no usable intermediary", "status");
	EXPECT(&s.agent, 4, "no usable intermediary", "tiers");
	EXPECT(&s.agent, 4, "no usable intermediary", "--json");
	EXPECT(&s.agent, 4, "0 of 2 usable", "doctor");
	EXPECT(&s.agent, 0, "good", "enable", "good");
	check_row(&s.agent, "good", "admin", "enabled");
	EXPECT(&s.agent, 0, "good", "pin", "good", "gold");
	check_row(&s.agent, "good", "tier", "2");
	check_row(&s.agent, "good", "tier_pinned", "2");
	EXPECT(&s.agent, 0, "2 gold", "tiers");
	EXPECT(&s.agent, 0, "good", "unpin", "good");
	check_row(&s.agent, "good", "tier", "1");
	EXPECT(&s.agent, 0, "pinned to tier 2", "events");
	teardown(&s);
}

static void
t_not_running(void)
{
	static const char *const verbs_of_one[] = {
	    "show", "why", "drain", "enable", "unpin", "route"};
	struct rig_agent a;
	json_t *doc;
	size_t i;

	rig_agent_init(&a, "agent");
	expect(&a, 3, "cagentd is not running", (const char *const[]){NULL});
	EXPECT(&a, 3, "start it", "status");
	EXPECT(&a, 3, "cagentd is not running", "learned");
	EXPECT(&a, 3, "cagentd is not running", "tiers");
	EXPECT(&a, 3, "cagentd is not running", "events", "-f");
	EXPECT(&a, 3, "cagentd is not running", "pin", "a", "1");
	for (i = 0; i < N(verbs_of_one); i++)
		EXPECT(&a, 3, "cagentd is not running", verbs_of_one[i], "a");
	EXPECT(&a, 4, "cagentd is not running", "doctor");
	doc = ASK(&a, 3, "status");
	CHECK(strcmp(field_string(doc, "code"), "not-running") == 0,
	    "code \"%s\"", field_string(doc, "code"));
	json_decref(doc);
	EXPECT(&a, 0, "usage:", "--help");
	EXPECT(&a, 0, "SHOWN AS", "tiers", "--describe");
	EXPECT(&a, 0, "cagent-ctl ", "--version");
}

/* The table needs no answer of its writer. */
static void
t_stopped(void)
{
	struct scene s;
	pid_t control;
	json_t *doc;

	setup(&s);
	request(&s);
	EXPECT(&s.agent, 0, "good", "tiers");
	control = rig_agent_child(&s.agent, "control");
	REQUIRE(control > 0, "there is no control process");
	kill(control, SIGSTOP);
	EXPECT(&s.agent, 4, "does not answer; this table is", "tiers");
	doc = ASK(&s.agent, 4, "tiers");
	CHECK(json_is_false(field_value(doc, "control_answers")),
	    "a stopped process answers");
	CHECK_INT(json_array_size(json_object_get(doc, "rows")), 2);
	json_decref(doc);
	kill(control, SIGCONT);
	teardown(&s);
}

/* A daemon that was killed leaves its files. */
static void
t_killed(void)
{
	struct scene s;

	setup(&s);
	rig_proc_kill(&s.agent.proc);
	EXPECT(&s.agent, 3, "nobody listens", "status");
	EXPECT(&s.agent, 3, "it left this table", "tiers");
	EXPECT(&s.agent, 3, "good", "tiers");
	EXPECT(&s.agent, 4, "cagentd is not running", "doctor");
	rig_server_stop(&s.origin);
}

static void
t_config(void)
{
	struct rig_agent a;
	json_t *doc;

	rig_agent_init(&a, "agent");
	rig_agent_write(&a);
	EXPECT(&a, 0, ": ok", "config", "check", a.path);
	rig_agent_key(&a, "lisen = 127.0.0.1:1");
	rig_agent_write(&a);
	EXPECT(&a, 1, "listen", "config", "check", a.path);
	doc = ASK(&a, 1, "config", "check", a.path);
	CHECK(!field_true(doc, "ok"), "a bad file is ok");
	CHECK(json_array_size(json_object_get(doc, "errors")) == 1, "errors");
	json_decref(doc);
	EXPECT(&a, 2, "config check [FILE]", "config", "chck");
	EXPECT(&a, 1, "No such file", "config", "check", "/nonexistent");
}

static const json_t *
check_named(const json_t *doc, const char *name)
{
	const json_t *checks = json_object_get(doc, "checks");
	size_t i;

	for (i = 0; i < json_array_size(checks); i++) {
		if (strcmp(field_string(json_array_get(checks, i), "name"),
			name) == 0)
			return json_array_get(checks, i);
	}
	return NULL;
}

static void
check_result(const json_t *doc, const char *name, const char *want)
{
	const json_t *check = check_named(doc, name);
	const char *got = field_string(check, "result");

	CHECK(strcmp(got, want) == 0, "%s: \"%s\", not \"%s\": %s", name, got,
	    want, field_string(check, "text"));
	CHECK((strcmp(got, "warn") != 0 && strcmp(got, "fail") != 0) ||
		  *field_string(check, "fix") != '\0',
	    "%s has no fix", name);
}

/* What is well is ok; what was broken is told, with a cure. */
static void
t_doctor(void)
{
	static const char *const well[] = {"daemon", "control", "processes",
	    "restarts", "event loop", "intermediaries", "listener", "table",
	    "files", "configuration", "clock"};
	struct scene s;
	pid_t worker;
	json_t *doc;
	size_t i;

	setup(&s);
	doc = ASK(&s.agent, geteuid() == 0 ? 0 : 4, "doctor", s.agent.path);
	for (i = 0; i < N(well); i++)
		check_result(doc, well[i], "ok");
	check_result(doc, "sandbox of worker", geteuid() == 0 ? "ok" : "warn");
	json_decref(doc);
	worker = rig_agent_child(&s.agent, "worker 0");
	kill(worker, SIGKILL);
	rig_agent_await_child(&s.agent, "worker 0", worker, 10000);
	EXPECT(&s.agent, 0, "good", "drain", "good");
	rig_agent_key(&s.agent, "nonsense = 1");
	rig_agent_write(&s.agent);
	CHECK_INT(chmod(s.agent.run_dir, 0777), 0);
	doc = ASK(&s.agent, 4, "doctor", s.agent.path);
	check_result(doc, "restarts", "warn");
	check_result(doc, "intermediaries", "warn");
	check_result(doc, "configuration", "fail");
	check_result(doc, "files", "fail");
	CHECK(strcmp(field_string(doc, "worst"), "fail") == 0, "worst is %s",
	    field_string(doc, "worst"));
	json_decref(doc);
	teardown(&s);
}

static void
ctl_path(char out[static PATH_MAX])
{
	const char *set = getenv("CAGENT_CTL");
	ssize_t len;
	int up;

	if (set != NULL) {
		snprintf(out, PATH_MAX, "%s", set);
		return;
	}
	len = readlink("/proc/self/exe", out, PATH_MAX - 64);
	REQUIRE(len > 0, "/proc/self/exe: %s", strerror(errno));
	out[len] = '\0';
	for (up = 0; up < 3; up++)
		*strrchr(out, '/') = '\0';
	snprintf(out + strlen(out), 64, "/bin/cagent-ctl");
}

/* Start it, to run on; its words are in its log. */
static void
start(struct rig_agent *a, struct rig_proc *p, const char *const *args)
{
	static char program[PATH_MAX];
	const char *argv[ARGS_MAX + 4] = {program, "--run-dir", a->run_dir};
	struct rig_spawn spawn = {.name = "follower", .argv = argv};
	size_t i;

	ctl_path(program);
	for (i = 0; args[i] != NULL && i < ARGS_MAX; i++)
		argv[i + 3] = args[i];
	rig_proc_start(p, &spawn);
}

/* What runs on ends with 0 when it is interrupted. */
static void
interrupt(struct rig_proc *p)
{
	rig_proc_signal(p, SIGINT);
	CHECK_INT(rig_proc_wait(p, 5000), 0);
	CHECK(WIFEXITED(p->status) && WEXITSTATUS(p->status) == 0,
	    "interrupted, it ends with status %d", p->status);
}

static void
t_follow(void)
{
	static const char *const words[] = {"events", "-f", "-n0", NULL};
	static const char *const json[] = {"--json", "events", "-f", NULL};
	struct rig_wait w = {.timeout_ms = EVENT_MS};
	struct scene s;
	struct rig_proc p;

	setup(&s);
	start(&s.agent, &p, json);
	CHECK_INT(rig_proc_wait_log(&p, "\"last_id\"", &w), 0);
	EXPECT(&s.agent, 0, "good", "drain", "good");
	CHECK_INT(rig_proc_wait_log(&p, "\"kind\":\"admin\"", &w), 0);
	interrupt(&p);
	start(&s.agent, &p, words);
	/* It says nothing before there is something to say. */
	do {
		EXPECT(&s.agent, 0, "", "enable", "good");
		EXPECT(&s.agent, 0, "", "drain", "good");
		w.timeout_ms = 200;
	} while (
	    rig_proc_wait_log(&p, "admin   good: drained", &w) == -ETIMEDOUT);
	w.timeout_ms = EVENT_MS;
	rig_agent_stop(&s.agent);
	CHECK_INT(rig_proc_wait_log(&p, "has ended the list", &w), 0);
	CHECK_INT(rig_proc_wait(&p, 5000), 0);
	CHECK_INT(WEXITSTATUS(p.status), 1);
	rig_server_stop(&s.origin);
}

static void
t_watch(void)
{
	static const char *const args[] = {
	    "tiers", "--json", "--watch=0.1", NULL};
	struct rig_wait w = {.timeout_ms = EVENT_MS};
	struct scene s;
	struct rig_proc p;

	setup(&s);
	start(&s.agent, &p, args);
	CHECK_INT(rig_proc_wait_log(&p, "\"admin\":\"enabled\"", &w), 0);
	EXPECT(&s.agent, 0, "good", "drain", "good");
	CHECK_INT(rig_proc_wait_log(&p, "\"admin\":\"drain\"", &w), 0);
	/* It outlives the daemon, and says so. */
	rig_agent_stop(&s.agent);
	CHECK_INT(rig_proc_wait_log(&p, "cagentd is not running", &w), 0);
	interrupt(&p);
	rig_server_stop(&s.origin);
}

/* Standard files that are closed, full, or read by one who leaves. */
static void
t_output(void)
{
	static const struct {
		const char *script;
		int code;
		const char *said; /* "" nothing at all */
	} all[] = {
	    {"\"$0\" tiers >&-", 0, ""},
	    {"\"$0\" tiers <&- >&- 2>&-", 0, ""},
	    {"\"$0\" events -f -n0 | true", 0, ""},
	    {"\"$0\" tiers --watch=0.1 | head -n 1 >/dev/null", 0, ""},
	    /* A pipe whose reader has left before the first byte. */
	    {"mkfifo p; exec 3<>p 4>p 3<&-; \"$0\" tiers >&4", 0, ""},
	    {"\"$0\" tiers >/dev/full", 1, "No space left"},
	    {"\"$0\" tiers >/dev/full 2>&-", 1, ""},
	    {"NO_COLOR=1 TERM=xterm \"$0\" tiers | grep -c UP >&2", 0, "1"},
	    {"exec \"$0\" \"$(head -c 120000 /dev/zero | tr '\\0' a)\"", 2,
		"unknown command \"aaaa"},
	};
	char program[PATH_MAX], env[RIG_PATH_MAX + 16];
	const char *const more[] = {env, NULL};
	struct rig_output o;
	struct scene s;
	size_t i;

	setup(&s);
	ctl_path(program);
	snprintf(env, sizeof(env), "CAGENT_RUN_DIR=%s", s.agent.run_dir);
	for (i = 0; i < N(all); i++) {
		const char *const argv[] = {
		    "sh", "-c", all[i].script, program, NULL};
		struct rig_spawn spawn = {.name = "output",
		    .argv = argv,
		    .env = more,
		    .dir = rig_dir()};

		rig_run(&o, &spawn, 15000);
		CHECK(o.code == all[i].code && strstr(o.err, all[i].said) &&
			  (*all[i].said != '\0' || o.err_len == 0),
		    "%s: exit %d: %s", all[i].script, o.code, o.err);
		rig_output_free(&o);
	}
	teardown(&s);
}

/* Another user neither sees nor orders. */
static void
t_other_user(void)
{
	static const char *const commands[] = {"status", "tiers", "drain"};
	char program[PATH_MAX];
	struct rig_output o;
	struct scene s;
	size_t i;

	setup(&s);
	ctl_path(program);
	for (i = 0; i < N(commands); i++) {
		const char *const argv[] = {program, "--run-dir",
		    s.agent.run_dir, commands[i], i == 2 ? "good" : NULL, NULL};
		struct rig_spawn spawn = {
		    .name = "other", .argv = argv, .uid = 64999};

		rig_run(&o, &spawn, 15000);
		CHECK(o.code == 1 &&
			  strstr(o.err, "permission denied: ask as root"),
		    "%s: exit %d: %s%s", commands[i], o.code, o.out, o.err);
		rig_output_free(&o);
	}
	teardown(&s);
}

static void
set_sections(struct rig_agent *a, const char *classes)
{
	a->sections_len = 0;
	a->sections[0] = '\0';
	rig_agent_direct(a);
	rig_agent_add(a, "%s", classes);
}

/* What is said of a class; -1: there is none of that name. */
static long long
class_number(struct rig_agent *a, const char *name, const char *key)
{
	json_t *doc = ASK(a, 0, "classes");
	const json_t *list = json_object_get(doc, "classes"), *one;
	long long n = -1;
	size_t i;

	json_array_foreach(list, i, one)
	{
		if (strcmp(field_string(one, "name"), name) == 0)
			n = field_number(one, key);
	}
	json_decref(doc);
	return n;
}

static void
await_class(
    struct rig_agent *a, const char *name, const char *key, long long want)
{
	int64_t deadline_ms = rig_now_ms() + EVENT_MS;

	while (class_number(a, name, key) != want)
		REQUIRE(rig_pause(deadline_ms), "%s of %s is %lld, not %lld",
		    key, name, class_number(a, name, key), want);
}

/* What runs in a class, and was counted, goes by its name: whatever comes above
 * it, and when it goes. */
static void
t_classes(void)
{
	struct rig_server echo;
	struct rig_agent a;
	struct rig_conn c;
	struct rig_proxy proxy;
	char calls[128], both[256];
	pid_t control;

	rig_origin_start(&echo, RIG_ORIGIN_ECHO, "127.0.0.1", 0, NULL);
	snprintf(calls, sizeof(calls),
	    "[class \"calls\"]\n[rule \"calls\"]\nport = %u\nclass = calls\n",
	    echo.port);
	snprintf(both, sizeof(both), "[class \"first\"]\n%s", calls);
	rig_agent_init(&a, "agent");
	set_sections(&a, calls);
	rig_agent_start(&a);
	proxy = rig_agent_proxy(&a, RIG_SOCKS5);
	REQUIRE(rig_dial(&c, &proxy, "127.0.0.1", echo.port, 10000) == RIG_OK,
	    "%s", c.text);
	CHECK(rig_echo(&c, 1, 0, 5000) == RIG_OK, "%s", c.text);
	await_class(&a, "calls", "bytes_down", 5000);
	set_sections(&a, both);
	rig_agent_write(&a);
	REQUIRE(rig_agent_reload(&a, EVENT_MS, NULL) == 0, "refused");
	await_class(&a, "first", "tunnels", 0);
	CHECK_INT(class_number(&a, "calls", "tunnels"), 1);
	CHECK_INT(class_number(&a, "calls", "bytes_down"), 5000);
	EXPECT(&a, 0, "calls", "tunnels", "class=calls");
	/* One that is started anew knows as well. */
	control = rig_agent_child(&a, "control");
	kill(control, SIGKILL);
	rig_agent_await_child(&a, "control", control, EVENT_MS);
	CHECK(rig_echo(&c, 1, 5000, 5000) == RIG_OK, "%s", c.text);
	await_class(&a, "calls", "bytes_down", 10000);
	CHECK_INT(class_number(&a, "first", "bytes_down"), 0);
	set_sections(&a, "");
	rig_agent_write(&a);
	REQUIRE(rig_agent_reload(&a, EVENT_MS, NULL) == 0, "refused");
	await_class(&a, "first", "tunnels", -1);
	CHECK_INT(class_number(&a, "calls", "tunnels"), 1);
	CHECK(rig_echo(&c, 1, 10000, 5000) == RIG_OK, "%s", c.text);
	rig_conn_close(&c);
	await_class(&a, "calls", "tunnels", -1);
	rig_agent_stop(&a);
	rig_server_stop(&echo);
}

static const struct rig_case cases[] = {
    {"commands", t_commands, 0, 0},
    {"mistakes", t_mistakes, 0, 0},
    {"orders", t_orders, 0, 0},
    {"not-running", t_not_running, 0, 0},
    {"stopped", t_stopped, 0, 0},
    {"killed", t_killed, 0, 0},
    {"config", t_config, 0, 0},
    {"doctor", t_doctor, 0, 0},
    {"follow", t_follow, 0, 0},
    {"watch", t_watch, 0, 0},
    {"output", t_output, 0, 0},
    {"classes over reloads", t_classes, 0, 0},
    {"other-user", t_other_user, 0, RIG_NEEDS_ROOT},
};

RIG_MAIN("ctl", cases, NULL)
