/* Signed policy, from a file to in force in all processes; what is refused,
 * and what outlives what. */
#include <sys/wait.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_policy.h"

#define RELOAD_MS 5000

struct scene {
	struct rig_server origin;
	struct rig_peer peer;
	struct rig_agent agent;
	char root[RIG_PATH_MAX], file[RIG_PATH_MAX];
	char with_peer[512]; /* the body of a policy */
};

static void
prepare(struct scene *s)
{
	memset(s, 0, sizeof(*s));
	rig_origin_start(&s->origin, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	rig_peer_start(&s->peer, RIG_PEER_MICROSOCKS, "peer");
	rig_path(s->root, "root");
	rig_path(s->file, "message");
	snprintf(s->with_peer, sizeof(s->with_peer),
	    "[intermediary \"peer\"]\ntype = socks5\naddress = 127.0.0.1:%u\n",
	    s->peer.port);
}

static void
start(struct scene *s)
{
	rig_agent_init(&s->agent, "agent");
	rig_agent_key(&s->agent, "check-interval = 0s");
	rig_agent_key(&s->agent, "group = ours");
	rig_agent_add(&s->agent,
	    "[policy]\nroot = %s\nnetwork = 127.0.0.0/8\n"
	    "min-intermediaries = 0\n",
	    s->root);
	rig_agent_start(&s->agent);
}

static void
setup(struct scene *s)
{
	prepare(s);
	rig_policy_root(s->root, 1);
	start(s);
}

static void
teardown(struct scene *s)
{
	rig_agent_stop(&s->agent);
	rig_server_stop(&s->origin);
}

static int
load_file(struct scene *s, char text[512])
{
	const char *const args[] = {"policy", "load", s->file, NULL};
	struct rig_output o;
	int code;

	rig_ctl(&s->agent, &o, args);
	snprintf(text, 512, "%s%s", o.out, o.err);
	code = o.code;
	rig_output_free(&o);
	return code;
}

static int
load_signed(struct scene *s, const struct rig_signed *m, char text[512])
{
	rig_policy_write(s->file, m);
	return load_file(s, text);
}

/* One that must be taken. */
static void
load(struct scene *s, uint64_t serial, const char *body)
{
	char text[512];
	int code = load_signed(
	    s, &(struct rig_signed){.serial = serial, .body = body}, text);

	CHECK(code == 0 && strstr(text, "is in force") != NULL,
	    "policy %llu: exit %d, \"%s\"", (unsigned long long)serial, code,
	    text);
}

/* A number of an answer in JSON. */
static long long
ask_number(struct scene *s, const char *const *args, const char *name)
{
	struct rig_output o;
	long long n = -1;
	json_t *doc;

	rig_ctl(&s->agent, &o, args);
	doc = json_loads(o.out, 0, NULL);
	if (json_is_integer(json_object_get(doc, name)))
		n = json_integer_value(json_object_get(doc, name));
	json_decref(doc);
	rig_output_free(&o);
	return n;
}

static long long
status_number(struct scene *s, const char *name)
{
	const char *const args[] = {"status", "--json", NULL};

	return ask_number(s, args, name);
}

static long long
serial_in_force(struct scene *s)
{
	return status_number(s, "policy_serial");
}

static enum rig_fail
get(struct scene *s, struct rig_conn *c)
{
	struct rig_proxy p = rig_agent_proxy(&s->agent, RIG_SOCKS5);
	enum rig_fail f;

	f = rig_dial(c, &p, "127.0.0.1", s->origin.port, 10000);
	if (f == RIG_OK)
		f = rig_http_get(c, 1000);
	rig_conn_close(c);
	return f;
}

static void
serves(struct scene *s, const char *when)
{
	struct rig_conn c;

	CHECK(get(s, &c) == RIG_OK, "%s: %s", when, c.text);
}

static void
t_in_force(void)
{
	const char *const show[] = {"policy", "show", NULL};
	const char *const history[] = {"policy", "history", NULL};
	static struct scene s;
	const char *const diff[] = {"policy", "diff", s.file, NULL};
	struct rig_output o;
	struct rig_conn c;
	char body[1024];

	setup(&s);
	CHECK(get(&s, &c) == RIG_FAIL_REPLY, "without a policy: %s", c.text);
	load(&s, 1, s.with_peer);
	serves(&s, "by policy 1");
	CHECK_INT(serial_in_force(&s), 1);
	load(&s, 2, "[limits]\nattempts = 3\n");
	CHECK(get(&s, &c) == RIG_FAIL_REPLY, "by policy 2: %s", c.text);
	snprintf(body, sizeof(body),
	    "%s[rule \"no\"]\nnetwork = 127.0.0.0/8\nvia = deny\n",
	    s.with_peer);
	load(&s, 3, body);
	CHECK(get(&s, &c) == RIG_FAIL_REPLY && c.code == 2,
	    "by policy 3: %s, code %d", c.text, c.code);
	load(&s, 10, s.with_peer);
	serves(&s, "by policy 10");
	rig_ctl(&s.agent, &o, show);
	CHECK(o.code == 0 && strstr(o.out, "in-force") != NULL &&
		  strstr(o.out, "key2") != NULL &&
		  strstr(o.out, s.with_peer) != NULL,
	    "policy show: %s%s", o.out, o.err);
	rig_output_free(&o);
	rig_ctl(&s.agent, &o, diff);
	CHECK(o.code == 0 && strstr(o.out, "nothing would change") != NULL,
	    "policy diff: %s%s", o.out, o.err);
	rig_output_free(&o);
	rig_write(s.file, "[limits]\nattempts = 3\n", 0644);
	rig_ctl(&s.agent, &o, diff);
	CHECK(o.code == 0 && strstr(o.out, "\n+attempts = 3\n") != NULL &&
		  strstr(o.out, "\n-type = socks5\n") != NULL,
	    "policy diff: %s%s", o.out, o.err);
	rig_output_free(&o);
	rig_ctl(&s.agent, &o, history);
	CHECK(o.code == 0 && strstr(o.out, "policy 3 ") != NULL &&
		  strstr(o.out, "policy 10 ") != NULL &&
		  strstr(o.out, "configuration") == NULL,
	    "policy history: %s%s", o.out, o.err);
	rig_output_free(&o);
	teardown(&s);
}

/* What is refused, and a word of the reason. */
struct bad {
	struct rig_signed m;
	const char *why;
};

static const struct bad bads[] = {
    {{.serial = 6, .body = "[limits]\n", .key = 9}, "key"},
    {{.serial = 6, .body = "[limits]\n", .key = 3}, "key"},
    {{.serial = 4, .body = "[limits]\n"}, "higher serial"},
    {{.serial = 5, .body = "[limits]\n"}, "higher serial"},
    {{.serial = 6, .body = "[limits]\n", .issued_s = -100, .expires_s = -50},
	"expired"},
    {{.serial = 6, .body = "[limits]\n"}, "expired before"},
    {{.serial = 7, .body = "[limits]\n", .issued_s = 4000, .expires_s = 5000},
	"clock"},
    {{.serial = 7, .body = "[limits]\n", .audience = "theirs"}, "theirs"},
    {{.serial = 7, .body = "[limits]\n", .epoch = 2}, "root 2"},
    {{.type = ENVELOPE_ROOT, .epoch = 3, .body = "[root]\n"}, "left out"},
    {{.serial = 7,
	 .body = "[intermediary \"x\"]\ntype = http\naddress = "
		 "192.0.2.1:80\n"},
	"allows none at 192.0.2.1"},
    {{.serial = 7, .body = "[agent]\nworkers = 4\n"}, "policy:1"},
    {{.serial = 7, .body = "[limits]\nattempts = 0\n"}, "policy:2"},
};

static void
refuse(struct scene *s, const char *what, const char *why)
{
	long long was = status_number(s, "generation"), is;
	char text[512];
	int code = load_file(s, text);

	CHECK(code == 1, "%s: exit %d, \"%s\"", what, code, text);
	CHECK(strstr(text, why) != NULL, "%s: \"%s\", not \"%s\"", what, text,
	    why);
	is = status_number(s, "generation");
	CHECK(is == was && was > 0, "%s: generation %lld, was %lld", what, is,
	    was);
}

static void
write_bytes(const char *path, const char *data, size_t len)
{
	FILE *f = fopen(path, "w");

	REQUIRE(f != NULL && fwrite(data, 1, len, f) == len, "%s", path);
	fclose(f);
}

static void
t_refused(void)
{
	static struct scene s;
	char name[32], *data;
	size_t i, len;

	setup(&s);
	load(&s, 5, s.with_peer);
	for (i = 0; i < sizeof(bads) / sizeof(*bads); i++) {
		snprintf(name, sizeof(name), "case %zu", i);
		rig_policy_write(s.file, &bads[i].m);
		refuse(&s, name, bads[i].why);
	}
	rig_policy_write(
	    s.file, &(struct rig_signed){.serial = 7, .body = s.with_peer});
	data = rig_read(s.file, &len);
	write_bytes(s.file, data, len - 1);
	refuse(&s, "cut", "too early");
	write_bytes(s.file, data, len + 1); /* the NUL behind it */
	refuse(&s, "with more", "follows");
	data[len - 5] ^= 1;
	write_bytes(s.file, data, len);
	refuse(&s, "with a flipped bit", "signature");
	free(data);
	CHECK_INT(serial_in_force(&s), 5);
	serves(&s, "after all that");
	load(&s, 8, "[limits]\n");
	teardown(&s);
}

static void
t_restart(void)
{
	static struct scene s;
	pid_t control;
	char *group;

	setup(&s);
	load(&s, 7, s.with_peer);
	CHECK_INT(rig_agent_reload(&s.agent, RELOAD_MS, NULL), 0);
	CHECK_INT(serial_in_force(&s), 7);
	serves(&s, "after SIGHUP");
	group = strstr(s.agent.keys, "ours");
	REQUIRE(group != NULL, "no group");
	memcpy(group, "news", 4);
	rig_agent_write(&s.agent);
	CHECK_INT(rig_agent_reload(&s.agent, RELOAD_MS, NULL), 1);
	memcpy(group, "ours", 4);
	control = rig_agent_child(&s.agent, "control");
	REQUIRE(kill(control, SIGKILL) == 0, "kill");
	rig_agent_await_child(&s.agent, "control", control, 10000);
	serves(&s, "after the control process");
	rig_agent_stop(&s.agent);
	rig_agent_start(&s.agent);
	serves(&s, "after a restart");
	CHECK_INT(serial_in_force(&s), 7);
	load(&s, 8, "[limits]\n");
	teardown(&s);
}

/* A new root: what is in force stays, the next policy is made under it. */
static void
t_root(void)
{
	static struct scene s;
	char text[512];

	setup(&s);
	load(&s, 5, s.with_peer);
	rig_policy_root(s.file, 2);
	CHECK(load_file(&s, text) == 0, "root 2: %s", text);
	serves(&s, "under root 2");
	rig_agent_stop(&s.agent);
	rig_agent_start(&s.agent);
	serves(&s, "under root 2, after a restart");
	rig_policy_write(
	    s.file, &(struct rig_signed){.serial = 7, .body = s.with_peer});
	refuse(&s, "under the root before", "root 1");
	CHECK(load_signed(&s,
		  &(struct rig_signed){
		      .epoch = 2, .serial = 1, .body = s.with_peer},
		  text) == 0,
	    "the first policy under root 2: %s", text);
	CHECK_INT(serial_in_force(&s), 1);
	teardown(&s);
}

static void
tested(struct scene *s, int code, const char *says)
{
	struct rig_output o;

	rig_agent_test(&s->agent, &o);
	CHECK(o.code == code && strstr(o.err, says) != NULL &&
		  (*says != '\0' || *o.err == '\0'),
	    "cagentd -t: exit %d, \"%s\"", o.code, o.err);
	rig_output_free(&o);
}

/* What cagentd -t says of the root. */
static void
t_tested(void)
{
	static const char root[] = "[root]\nversion = 1\nroot-threshold = 1\n"
				   "policy-threshold = 1\n";
	static struct scene s;
	char *data;
	size_t len;

	setup(&s);
	tested(&s, 0, "");
	data = rig_read(s.root, &len);
	REQUIRE(data != NULL && len > 0, "%s", s.root);
	data[len - 1] ^= 1;
	write_bytes(s.root, data, len);
	tested(&s, 1, "not a root to go by: the signature of the key 'key1'");
	data[len - 1] ^= 1;
	write_bytes(s.root, data, len - 1);
	tested(&s, 1, "not a root to go by");
	rig_policy_write(
	    s.root, &(struct rig_signed){
			.type = ENVELOPE_ROOT, .epoch = 1, .body = root});
	tested(&s, 1, "expected at least 1 keys");
	free(data);
	rig_policy_root_until(s.root, 1, -5);
	tested(&s, 0, "warning: root 1 has expired at");
	REQUIRE(unlink(s.root) == 0, "unlink");
	tested(&s, 1, "No such file");
	teardown(&s);
}

static void
policyd(const char *const *args)
{
	char program[RIG_PATH_MAX], *slash;
	const char *argv[RIG_ARGS_MAX] = {program};
	const struct rig_spawn spawn = {
	    .name = "policyd", .argv = argv, .dir = rig_dir()};
	struct rig_output o;
	size_t i;

	rig_agent_program(program, sizeof(program));
	slash = strrchr(program, '/');
	snprintf(slash, sizeof(program) - (size_t)(slash - program),
	    "/cagent-policyd");
	for (i = 0; args[i] != NULL; i++)
		argv[i + 1] = args[i];
	rig_run(&o, &spawn, 10000);
	REQUIRE(o.code == 0, "cagent-policyd %s: %s", args[0], o.err);
	rig_output_free(&o);
}

/* From the keys to in force, with the programs that people use. */
static void
t_policyd(void)
{
	static const char *const init[] = {"init", "keys", NULL};
	const char *sign[] = {"sign", "policy", "body", "--key",
	    "keys/admin.key", "--root", "keys/root.1", "--audience", "ours",
	    "--serial", "4", "--expires", "1d", "-o", "message", NULL};
	const char *verify[] = {"policy", "verify", NULL, "--root", NULL, NULL};
	char body[RIG_PATH_MAX], text[512];
	static struct scene s;
	struct rig_output o;

	prepare(&s);
	policyd(init);
	rig_path(s.root, "keys/root.1");
	rig_path(body, "body");
	rig_write(body, s.with_peer, 0644);
	policyd(sign);
	start(&s);
	verify[2] = s.file;
	verify[4] = s.root;
	rig_ctl(&s.agent, &o, verify);
	CHECK(o.code == 0 && strstr(o.out, "admin") != NULL,
	    "policy verify: %s%s", o.out, o.err);
	rig_output_free(&o);
	CHECK(load_file(&s, text) == 0, "%s", text);
	serves(&s, "by a policy of cagent-policyd");
	CHECK_INT(serial_in_force(&s), 4);
	CHECK_INT(load_file(&s, text), 0);
	CHECK(strstr(text, "accepted before") != NULL, "again: %s", text);
	teardown(&s);
}

/* Ten gigabytes of nothing are refused by their length. */
static void
t_huge(void)
{
	static struct scene s;
	struct rig_output o;
	char text[512];
	const char *const line[] = {"policy", "diff", s.file, NULL};

	setup(&s);
	rig_write(s.file, "", 0644);
	REQUIRE(truncate(s.file, 10ll << 30) == 0, "truncate");
	CHECK(load_file(&s, text) == 1 && strstr(text, "larger") != NULL,
	    "load: %s", text);
	rig_ctl(&s.agent, &o, line);
	CHECK(o.code == 1, "diff: %s", o.err);
	rig_output_free(&o);
	teardown(&s);
}

static int
load_rank(struct scene *s, uint64_t serial, const char *text, char out[512])
{
	char body[512];

	snprintf(body, sizeof(body), "[rank]\npolicy-serial = 1\n%s", text);
	return load_signed(s,
	    &(struct rig_signed){
		.type = ENVELOPE_RANK, .serial = serial, .body = body},
	    out);
}

/* The ranking: drained, back, and over a restart. */
static void
t_rank(void)
{
	static struct scene s;
	struct rig_conn c;
	char text[512];

	setup(&s);
	load(&s, 1, s.with_peer);
	serves(&s, "without a rank");
	CHECK(load_rank(
		  &s, 1, "[intermediary \"peer\"]\nstate = drain\n", text) == 0,
	    "drain: %s", text);
	CHECK(get(&s, &c) == RIG_FAIL_REPLY, "drained: %s", c.text);
	rig_agent_stop(&s.agent);
	rig_agent_start(&s.agent);
	CHECK(get(&s, &c) == RIG_FAIL_REPLY, "still drained: %s", c.text);
	CHECK(load_rank(&s, 1, "", text) == 1, "the same serial: %s", text);
	CHECK(load_rank(&s, 2, "[intermediary \"x\"]\n", text) == 1 &&
		  strstr(text, "names no intermediary x") != NULL,
	    "another's: %s", text);
	CHECK(load_rank(&s, 2, "[intermediary \"peer\"]\nweight = 3\n", text) ==
		  0,
	    "back: %s", text);
	serves(&s, "back again");
	teardown(&s);
}

static const struct rig_case cases[] = {
    {"a policy is in force", t_in_force, 0, 0},
    {"what is refused, and changes nothing", t_refused, 0, 0},
    {"it outlives reloads, restarts and the control process", t_restart, 0, 0},
    {"another root", t_root, 0, 0},
    {"the root is tested", t_tested, 0, 0},
    {"a rank", t_rank, 0, 0},
    {"with keys and signatures of cagent-policyd", t_policyd, 0, 0},
    {"a huge file", t_huge, 0, 0},
};

RIG_MAIN("policy", cases, NULL)
