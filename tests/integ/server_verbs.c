/*
 * The administrator's commands, each against a policy server that runs, with
 * agents that take what is published and one that does not; and what is said
 * to those who ask for what cannot be.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_policyd.h"

#define WORDS_MAX 30
#define SETTLE_MS 20000
#define IDLE	  300
#define KEY_1	  "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static const char policy[] = "[tier \"gold\"]\nrank = 1\n"
			     "[tier \"spare\"]\nrank = 2\n"
			     "[intermediary \"s1\"]\ntype = socks5\n"
			     "address = 127.0.0.1:9\ntier = gold\n"
			     "[intermediary \"s2\"]\ntype = socks5\n"
			     "address = 127.0.0.2:9\ntier = gold\n"
			     "[intermediary \"s3\"]\ntype = socks5\n"
			     "address = 127.0.0.3:9\ntier = spare\n";

static const char four[] = "[intermediary \"s4\"]\ntype = socks5\n"
			   "address = 127.0.0.1:9\ntier = 1\n";

static struct rig_policyd server;

/* A command line of single words, "@NAME" a file of the case. */
struct words {
	char text[1024], files[WORDS_MAX][RIG_PATH_MAX];
	const char *at[WORDS_MAX + 1];
};

static const char *const *
split(struct words *w, const char *line)
{
	char *rest = w->text, *word;
	size_t n = 0;

	REQUIRE(strlcpy(w->text, line, sizeof(w->text)) < sizeof(w->text), "%s",
	    line);
	while ((word = strsep(&rest, " ")) != NULL && n < WORDS_MAX) {
		if (word[0] == '@') {
			rig_path(w->files[n], "%s", word + 1);
			word = w->files[n];
		}
		w->at[n++] = word;
	}
	w->at[n] = NULL;
	return w->at;
}

/* It must end with code, and say so. */
static void
ask(int code, const char *says, const char *line)
{
	struct rig_output o;
	struct words w;

	rig_policyd_ask(&server, &o, split(&w, line));
	CHECK(o.code == code, "%s: exit %d, not %d: %s%s", line, o.code, code,
	    o.out, o.err);
	CHECK(strstr(o.out, says) != NULL || strstr(o.err, says) != NULL,
	    "%s: nothing of '%s' in: %s%s", line, says, o.out, o.err);
	rig_output_free(&o);
}

#define OK(says, line)	  ask(0, says, line)
#define FAILS(says, line) ask(1, says, line)

/* The one object that a command with --json prints. */
static json_t *
ask_json(int code, const char *line)
{
	struct rig_output o;
	struct words w;
	json_t *doc;

	rig_policyd_ask(&server, &o, split(&w, line));
	CHECK(o.code == code, "%s: exit %d: %s", line, o.code, o.err);
	doc = json_loads(o.out, JSON_REJECT_DUPLICATES, NULL);
	REQUIRE(json_is_object(doc), "%s: no object: %s", line, o.out);
	/* What is published is, though not all agents have it. */
	CHECK(json_is_true(json_object_get(doc, "ok")) == (code != 3), "%s: %s",
	    line, o.out);
	rig_output_free(&o);
	return doc;
}

static long long
number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

/* Sign a body as a policy into a file of the case; serial NULL: the time. */
static void
sign(const char *file, const char *audience, const char *serial,
    const char *body)
{
	char text[RIG_PATH_MAX], line[1000];
	struct rig_output o;
	struct words w;

	rig_path(text, "body");
	rig_write(text, body, 0644);
	snprintf(line, sizeof(line),
	    "sign policy @body --key %s/admin.key --root %s/root.1 --audience "
	    "%s --expires 30d -o @%s --serial %s",
	    server.keys, server.keys, audience, file,
	    serial != NULL ? serial : "auto");
	rig_policyd_run(&server, &o, split(&w, line));
	REQUIRE(o.code == 0, "%s: %s", line, o.err);
	rig_output_free(&o);
}

static void
begin(void)
{
	rig_policyd_init(&server, "server");
	rig_policyd_key(&server, "heartbeat = 60s");
	rig_policyd_start(&server);
}

/* --- without agents --- */

static void
t_no_server(void)
{
	static const char *const lines[] = {"status", "agents", "ranks",
	    "events", "events -F", "overrides", "override end 1",
	    "use s1 --for 1h", "policy show", "policy history",
	    "policy diff 1 2", "policy rollback 1 -o @x", "why s1",
	    "token new --group york", "agent show a", "agent remove a",
	    ("agent add a --group york --key " KEY_1), "publish @p"};
	struct rig_output o;
	struct words w;
	json_t *doc;
	size_t i;

	rig_policyd_init(&server, "server");
	sign("p", "york", NULL, policy);
	for (i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		ask(3, "no policy server is running", lines[i]);
	doc = ask_json(3, "agents --json");
	CHECK(strcmp(json_string_value(json_object_get(doc, "code")),
		  "not-running") == 0,
	    "code");
	json_decref(doc);
	/* By its configuration. */
	rig_policyd_write(&server);
	rig_policyd_run(&server, &o, split(&w, "status -f @server.ini"));
	CHECK(o.code == 3 && strstr(o.err, server.run_dir) != NULL, "%d: %s",
	    o.code, o.err);
	rig_output_free(&o);
	rig_policyd_run(&server, &o, split(&w, "status -f @nothing.ini"));
	CHECK(o.code == 1 && strstr(o.err, "nothing.ini") != NULL, "%d: %s",
	    o.code, o.err);
	rig_output_free(&o);
}

/* A command that needs no server, which must work. */
static void
offline(const char *line)
{
	struct rig_output o;
	struct words w;

	rig_policyd_run(&server, &o, split(&w, line));
	REQUIRE(o.code == 0, "%s: %s", line, o.err);
	rig_output_free(&o);
}

static void
t_publish(void)
{
	begin();
	sign("p10", "york", "10", policy);
	sign("p20", "york", "20", four);
	sign("old", "york", "5", policy);
	sign("twin", "york", "20", policy);
	sign("none", "york", "30", "; nothing\n");
	OK("no policy was published", "policy show");
	OK("root 1 was published", "events");
	OK("for york", "publish @p10 @p20 --wait --timeout 5s");
	OK("already", "publish @p20");
	FAILS("rollback", "publish @old");
	FAILS("same-serial", "publish @twin");
	FAILS("names no intermediary", "publish @none");
	OK("warning", "publish @none --force");
	FAILS("No such file", "publish @gone");
	FAILS("not a message", "publish @body");
	ask(2, "--timeout", "publish @p20 --timeout soon");
	rig_policyd_stop(&server);
}

/* What another key has signed, and what only the server makes. */
static void
t_foreign(void)
{
	char file[RIG_PATH_MAX], line[1024];

	begin();
	rig_policyd_publish(&server, "york", policy);
	rig_path(file, "rank.ini");
	rig_write(file, "[rank]\npolicy-serial = 30\n", 0644);
	snprintf(line, sizeof(line),
	    "sign rank @rank.ini --key %s/online.key --root %s/root.1 "
	    "--audience york --expires 1h -o @rank",
	    server.keys, server.keys);
	offline(line);
	FAILS("a rank", "publish @rank");
	offline("init @other");
	rig_path(file, "other.ini");
	rig_write(file, policy, 0644);
	offline("sign policy @other.ini --key @other/admin.key --root "
		"@other/root.1 --audience york --expires 1h -o @alien");
	FAILS("does not name", "publish @alien");
	FAILS("root", "publish @other/root.1");
	rig_policyd_stop(&server);
}

/* The way back is a new, higher serial. */
static void
t_past(void)
{
	char file[RIG_PATH_MAX], *body;
	size_t len;

	begin();
	sign("p10", "york", "10", policy);
	sign("p20", "york", "20", four);
	OK("published", "publish @p10 @p20");
	OK("s4", "policy show --audience york");
	OK("uid", "policy history");
	OK("the text of policy 10", "policy rollback 10 -o @back");
	FAILS("not overwritten", "policy rollback 10 -o @back");
	FAILS("no policy of serial 11", "policy rollback 11 -o @back2");
	OK("-[intermediary \"s1\"]", "policy diff 10 20");
	OK("they are the same", "policy diff 10 10");
	rig_path(file, "back");
	body = rig_read(file, &len);
	REQUIRE(body != NULL && strcmp(body, policy) == 0, "another text");
	sign("again", "york", NULL, body);
	free(body);
	OK("is published", "publish @again");
	OK("s3", "policy show");
	rig_policyd_stop(&server);
}

/* Its ranker, killed; until the next one answers. */
static void
kill_ranker(void)
{
	pid_t ranker = rig_policyd_child(&server, "ranker");
	int64_t deadline = rig_now_ms() + SETTLE_MS;
	struct rig_output o;
	struct words w;
	int code;

	kill(ranker, SIGKILL);
	rig_policyd_await_child(&server, "ranker", ranker, SETTLE_MS);
	do {
		rig_policyd_ask(&server, &o, split(&w, "status"));
		code = o.code;
		rig_output_free(&o);
	} while (code != 0 && rig_pause(deadline));
	CHECK_INT(code, 0);
}

static void
t_orders(void)
{
	begin();
	FAILS("no policy in force", "use s1 --for 1h");
	rig_policyd_publish(&server, "york", policy);
	OK("override 1: use s1, s3, not s2, for york",
	    "use s1 s3 --not s2 --for 2h --group york --why disks");
	OK("to be avoided", "why s2");
	OK("use", "ranks --group york");
	OK("override 2: use s2, not s1", "use s2 --not s1 --for 20s");
	OK("to be used", "why s2");
	OK("disks", "overrides");
	FAILS("did you mean \"s1\"", "use s11 --for 1h");
	FAILS("did you mean \"york\"", "use s1 --for 1h --group yrk");
	FAILS("did you mean \"york\"", "ranks --group yrok");
	FAILS("no usable intermediary",
	    "use --not s1 --not s2 --not s3 --for 1h");
	ask(2, "both", "use s1 --not s1 --for 1h");
	ask(2, "at least one", "use --for 1h");
	ask(2, "--for", "use s1 --for never");
	ask(2, "--for", "use s1 --for 367d");
	/* They outlive whom they were given to. */
	kill_ranker();
	OK("disks", "overrides");
	OK("override 1 has ended", "override end 1");
	FAILS("no override 1", "override end 1");
	OK("override 2 has ended", "override end 2");
	OK("no override is in force", "overrides");
	rig_policyd_stop(&server);
}

static void
t_agents(void)
{
	char file[RIG_PATH_MAX];
	struct rig_output o;
	struct words w;
	struct stat st;
	json_t *doc;

	begin();
	OK("no agent is registered", "agents");
	OK("may come", "agent add lap-1 --group york --key " KEY_1);
	FAILS("another agent's", "agent add lap-2 --group york --key " KEY_1);
	FAILS("expected BASE64", "agent add lap-2 --group york --key x");
	ask(2, "--group", "agent add lap-2 --group York --key " KEY_1);
	OK("never seen", "agents");
	OK(KEY_1, "agent show lap-1");
	FAILS("did you mean \"lap-1\"", "agent show lap1");
	OK("known no longer", "agent remove lap-1");
	FAILS("no agent", "agent remove lap-1");
	/* A pipe gets the token alone. */
	rig_policyd_ask(
	    &server, &o, split(&w, "token new --group york --for 1h"));
	CHECK(o.code == 0 && strlen(o.out) >= 25 &&
		  strspn(o.out, "abcdefghijklmnopqrstuvwxyz0123456789") ==
		      strlen(o.out) - 1,
	    "a token: %s", o.out);
	rig_output_free(&o);
	rig_path(file, "token");
	OK("good for one", "token new --group york -o @token");
	CHECK(stat(file, &st) == 0 && (st.st_mode & 07777) == 0600, "mode");
	FAILS("exists", "token new --group york -o @token");
	doc = ask_json(0, "status --json");
	CHECK_INT(json_array_size(json_object_get(doc, "processes")), 6);
	CHECK_INT(number(doc, "agents"), 0);
	CHECK(number(doc, "store_bytes") > 0, "no store");
	json_decref(doc);
	OK("collector", "status");
	OK("a token was made", "events --since 1h");
	rig_policyd_stop(&server);
}

/* Who is nobody there may not even ask. */
static void
t_strangers(void)
{
	char program[RIG_PATH_MAX];
	const char *const argv[] = {
	    program, "status", "--run-dir", server.run_dir, NULL};
	const struct rig_spawn s = {
	    .name = "stranger", .argv = argv, .uid = 64999};
	struct rig_output o;

	begin();
	rig_policyd_program(program, sizeof(program));
	rig_run(&o, &s, SETTLE_MS);
	CHECK(o.code == 1 && strstr(o.err, "permission denied") != NULL,
	    "%d: %s", o.code, o.err);
	rig_output_free(&o);
	rig_policyd_stop(&server);
}

/* Idle peers cost who asks a moment. */
static void
t_idle(void)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fds[IDLE], i, n = 0;

	begin();
	snprintf(
	    to.sun_path, sizeof(to.sun_path), "%.90s/control", server.run_dir);
	for (i = 0; i < IDLE; i++) {
		fds[i] = socket(
		    AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		REQUIRE(fds[i] != -1, "socket");
		n += connect(fds[i], (struct sockaddr *)&to, sizeof(to)) == 0;
	}
	CHECK(n > 64, "only %d", n);
	OK("version", "status");
	for (i = 0; i < IDLE; i++)
		close(fds[i]);
	OK("version", "status");
	rig_policyd_stop(&server);
}

static void
t_events(void)
{
	char program[RIG_PATH_MAX];
	const char *const argv[] = {
	    program, "events", "-F", "--run-dir", server.run_dir, NULL};
	const struct rig_spawn s = {.name = "follower", .argv = argv};
	const struct rig_wait w = {.timeout_ms = SETTLE_MS};
	struct rig_proc p;

	begin();
	rig_policyd_program(program, sizeof(program));
	rig_proc_start(&p, &s);
	CHECK_INT(rig_proc_wait_log(&p, "root 1 was published", &w), 0);
	rig_policyd_publish(&server, "york", policy);
	CHECK_INT(rig_proc_wait_log(&p, "york policy", &w), 0);
	OK("override 1", "use s1 --for 1h");
	CHECK_INT(rig_proc_wait_log(&p, "order", &w), 0);
	rig_proc_kill(&p);
	rig_policyd_stop(&server);
}

/* --- with agents --- */

static void
start_agent(struct rig_agent *a, const char *name, const char *network)
{
	char file[RIG_PATH_MAX], line[128];

	rig_path(file, "%s.token", name);
	snprintf(
	    line, sizeof(line), "token new --group york -o @%s.token", name);
	OK("good for one agent of group york", line);
	rig_agent_init(a, name);
	a->workers = 1;
	rig_agent_key(a, "group = york");
	rig_agent_key(a, "check-interval = 0s");
	rig_agent_add(a,
	    "[policy]\nroot = %s/root.1\nnetwork = %s\nname = %s\n"
	    "server = 127.0.0.1:%u\ntoken-file = %s\n",
	    server.keys, network, name, server.port, file);
	rig_agent_start(a);
}

static void
await_connected(long long n)
{
	int64_t deadline = rig_now_ms() + SETTLE_MS;
	json_t *doc;
	long long got;

	do {
		doc = ask_json(0, "status --json");
		got = number(doc, "connected");
		json_decref(doc);
	} while (got != n && rig_pause(deadline));
	REQUIRE(got == n, "%lld connected, not %lld", got, n);
}

/* An order with all agents that are there: who has it, and when. */
static void
in_force(const char *line, long long of)
{
	json_t *doc = ask_json(0, line);
	const json_t *d = json_object_get(doc, "delivery");

	CHECK_INT(number(d, "connected"), of);
	CHECK_INT(number(d, "have"), of);
	CHECK(number(doc, "took_us") < 1000000, "%s: after %lld us", line,
	    number(doc, "took_us"));
	rig_note("%s: in force at %lld agents after %lld ms", line, of,
	    number(doc, "took_us") / 1000);
	json_decref(doc);
}

static void
t_delivery(void)
{
	static struct rig_agent york[2], other;
	const json_t *d;
	json_t *doc;

	begin();
	rig_policyd_publish(&server, "york", policy);
	start_agent(&york[0], "york-1", "127.0.0.0/8");
	start_agent(&york[1], "york-2", "127.0.0.0/8");
	await_connected(2);
	sign("new", "york", "2000000001", policy);
	OK("2 of 2 connected agents have it", "publish @new --wait");
	in_force("use s1 s3 --not s2 --for 1h --json", 2);
	in_force("use s2 --not s1 --for 1h --group york --json", 2);
	in_force("override end 2 --json", 2);
	OK("york-2", "agents");
	OK("connected", "agent show york-1");
	OK("2 of 2", "use s3 --for 1h");
	/* One that may not do what the policy says. */
	start_agent(&other, "york-3", "192.0.2.0/24");
	await_connected(3);
	sign("newer", "york", "2000000002", policy);
	doc = ask_json(1, "publish @newer --wait --timeout 10s --json");
	d = json_object_get(doc, "delivery");
	CHECK_INT(number(d, "have"), 2);
	CHECK_INT(number(d, "refused"), 1);
	d = json_array_get(json_object_get(d, "nacks"), 0);
	CHECK(strcmp(json_string_value(json_object_get(d, "agent")),
		  "york-3") == 0,
	    "who refuses");
	rig_note("york-3: %s: %s",
	    json_string_value(json_object_get(d, "code")),
	    json_string_value(json_object_get(d, "text")));
	json_decref(doc);
	/* Out at once, and for good. */
	OK("known no longer", "agent remove york-3");
	await_connected(2);
	OK("it was removed", "events");
	rig_agent_stop(&other);
	rig_agent_stop(&york[0]);
	rig_agent_stop(&york[1]);
	rig_policyd_stop(&server);
}

static const struct rig_case cases[] = {
    {"no server", t_no_server, 0, 0},
    {"publish", t_publish, 0, 0},
    {"publish what others have signed", t_foreign, 0, 0},
    {"what was published", t_past, 0, 0},
    {"orders", t_orders, 0, 0},
    {"agents", t_agents, 0, 0},
    {"strangers", t_strangers, 0, RIG_NEEDS_ROOT},
    {"idle peers", t_idle, 0, 0},
    {"events", t_events, 0, 0},
    {"delivery", t_delivery, 90, 0},
};

RIG_MAIN("server_verbs", cases, NULL)
