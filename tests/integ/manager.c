/* The agent and those who manage it: it registers, reports, takes signed
 * messages from its policy server and from nobody else, and serves on whatever
 * they do. */
#include <sys/stat.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_manager.h"
#include "tests/integ/rig_policy.h"
#include "trust/keyfile.h"

#define WAIT_MS 10000
#define USER	64950u

struct scene {
	struct rig_server origin;
	struct rig_peer peer;
	struct rig_agent agent;
	struct rig_manager server;
	struct manage_register said;
	char root[RIG_PATH_MAX], state[RIG_PATH_MAX];
	char with_peer[512]; /* the body of a policy */
};

static uint8_t message[ENVELOPE_MAX];

/* All but the agent's start. */
static void
prepare(struct scene *s)
{
	char token[RIG_PATH_MAX];

	memset(s, 0, sizeof(*s));
	rig_origin_start(&s->origin, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	rig_peer_start(&s->peer, RIG_PEER_MICROSOCKS, "peer");
	rig_manager_start(&s->server, RIG_POLICY_SEAL);
	rig_path(s->root, "root");
	rig_path(token, "token");
	rig_path(s->state, "agent.state");
	rig_policy_root(s->root, 1);
	rig_write(token, "t0ken\n", 0600);
	snprintf(s->with_peer, sizeof(s->with_peer),
	    "[intermediary \"peer\"]\ntype = socks5\naddress = 127.0.0.1:%u\n",
	    s->peer.port);
	rig_agent_init(&s->agent, "agent");
	rig_agent_key(&s->agent, "check-interval = 0s");
	rig_agent_key(&s->agent, "group = ours");
	rig_agent_add(&s->agent,
	    "[policy]\nroot = %s\nnetwork = 127.0.0.0/8\n"
	    "min-intermediaries = 0\nserver = 127.0.0.1:%u\n"
	    "token-file = %s\nname = web-7\nreport-interval = 1s\n",
	    s->root, s->server.port, token);
}

static void
setup(struct scene *s)
{
	prepare(s);
	rig_agent_start(&s->agent);
	rig_manager_let_in(&s->server, 600000, &s->said);
}

static void
teardown(struct scene *s)
{
	rig_manager_stop(&s->server);
	rig_agent_stop(&s->agent);
	rig_server_stop(&s->origin);
}

static json_t *
ask(struct scene *s, const char *const *args)
{
	struct rig_output o;
	json_t *doc;

	rig_ctl(&s->agent, &o, args);
	doc = json_loads(o.out, 0, NULL);
	REQUIRE(doc != NULL, "%s: no JSON: %s%s", args[0], o.out, o.err);
	rig_output_free(&o);
	return doc;
}

static long long
status_number(struct scene *s, const char *name)
{
	const char *const args[] = {"status", "--json", NULL};
	json_t *doc = ask(s, args);
	long long n = json_integer_value(json_object_get(doc, name));

	json_decref(doc);
	return n;
}

/* Of the i-th link. */
static void
link_text(struct scene *s, size_t i, const char *name, char out[256])
{
	const char *const args[] = {"policy", "server", "--json", NULL};
	json_t *doc = ask(s, args);
	const char *text = json_string_value(json_object_get(
	    json_array_get(json_object_get(doc, "links"), i), name));

	snprintf(out, 256, "%s", text != NULL ? text : "(none)");
	json_decref(doc);
}

static void
await_link(struct scene *s, const char *name, const char *want)
{
	int64_t deadline = rig_now_ms() + WAIT_MS;
	char text[256];

	do
		link_text(s, 0, name, text);
	while (strstr(text, want) == NULL && rig_pause(deadline));
	CHECK(strstr(text, want) != NULL, "%s: \"%s\", not \"%s\"", name, text,
	    want);
}

static void
await_serial(struct scene *s, long long want)
{
	int64_t deadline = rig_now_ms() + WAIT_MS;

	while (status_number(s, "policy_serial") != want && rig_pause(deadline))
		continue;
	CHECK_INT(status_number(s, "policy_serial"), want);
}

static enum rig_fail
get(struct scene *s)
{
	struct rig_proxy p = rig_agent_proxy(&s->agent, RIG_SOCKS5);
	struct rig_conn c;
	enum rig_fail f;

	f = rig_dial(&c, &p, "127.0.0.1", s->origin.port, 10000);
	if (f == RIG_OK)
		f = rig_http_get(&c, 1000);
	rig_conn_close(&c);
	return f;
}

/* true: acknowledged. */
static bool
push(struct scene *s, const struct rig_signed *m, struct manage_answer *a)
{
	size_t len = rig_policy_sign(message, sizeof(message), m);

	rig_manager_send(&s->server, message, len);
	return rig_manager_answered(&s->server, a);
}

static void
must_push(struct scene *s, uint64_t serial, const char *body)
{
	struct manage_answer a = {.code = ""};

	CHECK(push(s, &(struct rig_signed){.serial = serial, .body = body}, &a),
	    "policy %llu: %s: %s", (unsigned long long)serial, a.code, a.text);
	CHECK_INT(a.of, ENVELOPE_POLICY);
	CHECK_INT(a.what.epoch, 1);
	CHECK_INT(a.what.serial, serial);
	CHECK_INT(status_number(s, "policy_serial"), (long long)serial);
}

static void
t_registers(void)
{
	const char *const key[] = {"policy", "key", NULL};
	static struct scene s;
	char path[RIG_PATH_MAX + 16], text[KEYFILE_B64_LEN];
	struct rig_output o;
	struct stat st;

	prepare(&s);
	rig_agent_start(&s.agent);
	rig_manager_let_in(&s.server, 600000, &s.said);
	CHECK(strcmp(s.said.name, "web-7") == 0, "name %s", s.said.name);
	CHECK(strcmp(s.said.group, "ours") == 0, "group %s", s.said.group);
	CHECK(strcmp(s.said.token, "t0ken") == 0, "token %s", s.said.token);
	CHECK_INT(s.said.root_epoch, 1);
	CHECK_INT(s.said.policy.serial, 0);
	await_link(&s, "state", "up");
	rig_ctl(&s.agent, &o, key);
	keyfile_base64(s.server.fake.agent, text);
	CHECK(strncmp(o.out, text, strlen(text)) == 0, "key %s, not %s", o.out,
	    text);
	rig_output_free(&o);
	snprintf(path, sizeof(path), "%s/agent.key", s.state);
	CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600,
	    "%s: %s, mode %o", path, strerror(errno), (unsigned int)st.st_mode);
	/* The same one, over restarts; the token may be gone. */
	memcpy(message, s.server.fake.agent, 32);
	rig_path(path, "token");
	CHECK(unlink(path) == 0, "unlink");
	rig_agent_stop(&s.agent);
	rig_agent_start(&s.agent);
	rig_manager_let_in(&s.server, 600000, &s.said);
	CHECK(memcmp(message, s.server.fake.agent, 32) == 0, "another key");
	CHECK(s.said.token[0] == '\0', "token %s", s.said.token);
	teardown(&s);
}

static void
t_reports(void)
{
	static struct scene s;
	struct manage_report head;
	struct manage_row row = {.name = ""};
	uint64_t sequence, instance = 0;
	int i;

	prepare(&s);
	rig_agent_add(&s.agent, "[reports]\ninterval = 1s\n%s", s.with_peer);
	rig_agent_start(&s.agent);
	rig_manager_let_in(&s.server, 600000, &s.said);
	sequence = s.server.fake.head.sequence;
	for (i = 0; i < 5; i++)
		CHECK(get(&s) == RIG_OK, "request %d", i);
	/* Those without an answer cost nothing. */
	for (i = 0; i < 4 && row.successes < 5; i++) {
		REQUIRE(rig_manager_report(&s.server, "peer", &head, &row),
		    "no report");
		CHECK(s.server.fake.head.sequence > sequence, "sequence");
		sequence = s.server.fake.head.sequence;
		CHECK(instance == 0 || instance == head.instance, "instance");
		instance = head.instance;
		CHECK_INT(head.why, MANAGE_INTERVAL);
	}
	CHECK_INT(row.attempts, 5);
	CHECK_INT(row.successes, 5);
	CHECK_INT(row.tier, 1);
	CHECK(row.bytes_down >= 5000, "%llu bytes",
	    (unsigned long long)row.bytes_down);
	CHECK(head.served >= 5, "served %llu", (unsigned long long)head.served);
	rig_manager_ack(&s.server, 0);
	/* Another connection, another process: counts go on, or begin anew. */
	rig_manager_let_in(&s.server, 600000, &s.said);
	REQUIRE(rig_manager_report(&s.server, "peer", &head, &row), "no more");
	CHECK_INT(row.successes, 5);
	CHECK(head.instance == instance, "instance");
	kill(rig_agent_child(&s.agent, "control"), SIGKILL);
	rig_manager_let_in(&s.server, 600000, &s.said);
	CHECK(s.server.fake.head.sequence > sequence, "sequence");
	REQUIRE(rig_manager_report(&s.server, "peer", &head, &row), "no more");
	CHECK(head.instance != instance, "the same instance");
	CHECK_INT(row.attempts, 0);
	teardown(&s);
}

static void
t_ejection(void)
{
	static struct scene s;
	struct manage_report head;
	struct manage_row row;
	int64_t from;
	int i;

	prepare(&s);
	rig_agent_add(&s.agent,
	    "%s[intermediary \"other\"]\ntype = socks5\n"
	    "address = 127.0.0.1:%u\ntier = 2\n",
	    s.with_peer, s.peer.port);
	rig_agent_start(&s.agent);
	rig_manager_let_in(&s.server, 600000, &s.said);
	REQUIRE(rig_manager_report(&s.server, "peer", &head, &row), "first");
	rig_manager_ack(&s.server, 0);
	rig_peer_kill(&s.peer);
	for (i = 0; i < 5; i++)
		(void)get(&s);
	from = rig_now_ms();
	REQUIRE(rig_manager_report(&s.server, "peer", &head, &row),
	    "no report of it");
	CHECK(rig_now_ms() - from < 1000, "after %lld ms",
	    (long long)(rig_now_ms() - from));
	CHECK_INT(head.why, MANAGE_EJECTED);
	/* Which, as no other is usable, is on trial a moment later. */
	CHECK(row.observed == 3 || row.observed == 4, "observed %u",
	    row.observed);
	CHECK(row.charged > 0, "nothing is charged");
	teardown(&s);
}

static void
t_policy(void)
{
	static struct scene s;
	struct manage_answer a = {.code = ""};
	char text[ROOT_TEXT_MAX];

	setup(&s);
	CHECK(get(&s) == RIG_FAIL_REPLY, "without a policy");
	must_push(&s, 5, s.with_peer);
	CHECK(get(&s) == RIG_OK, "by policy 5");
	must_push(&s, 6, "[limits]\nattempts = 3\n");
	CHECK(get(&s) == RIG_FAIL_REPLY, "by policy 6");
	must_push(&s, 7, s.with_peer);
	CHECK(push(&s,
		  &(struct rig_signed){.type = ENVELOPE_RANK,
		      .serial = 1,
		      .body = "[rank]\npolicy-serial = 7\n"
			      "[intermediary \"peer\"]\nstate = drain\n"},
		  &a),
	    "a rank: %s", a.text);
	CHECK_INT(a.of, ENVELOPE_RANK);
	CHECK(get(&s) == RIG_FAIL_REPLY, "by the rank");
	rig_policy_root_text(text, 2);
	CHECK(push(&s,
		  &(struct rig_signed){
		      .type = ENVELOPE_ROOT, .epoch = 2, .body = text},
		  &a),
	    "a root: %s", a.text);
	CHECK(get(&s) == RIG_OK, "without the rank");
	/* A policy and its rank in one breath. */
	rig_manager_send(&s.server, message,
	    rig_policy_sign(message, sizeof(message),
		&(struct rig_signed){
		    .epoch = 2, .serial = 1, .body = s.with_peer}));
	CHECK(push(&s,
		  &(struct rig_signed){.type = ENVELOPE_RANK,
		      .epoch = 2,
		      .serial = 1,
		      .body = "[rank]\npolicy-serial = 1\n"},
		  &a),
	    "both: %s", a.text);
	CHECK_INT(a.of, ENVELOPE_POLICY);
	CHECK(rig_manager_answered(&s.server, &a), "the rank: %s", a.text);
	CHECK_INT(a.of, ENVELOPE_RANK);
	/* What it has is said when it comes back. */
	rig_manager_let_in(&s.server, 600000, &s.said);
	CHECK_INT(s.said.root_epoch, 2);
	CHECK_INT(s.said.policy.epoch, 2);
	CHECK_INT(s.said.policy.serial, 1);
	CHECK_INT(s.said.rank.serial, 1);
	teardown(&s);
}

/* As long as a message can be, in pieces. */
static void
t_long(void)
{
	static char body[ENVELOPE_BODY_MAX + 1];
	static struct scene s;
	struct manage_answer a = {.code = ""};
	size_t n, len, at;

	setup(&s);
	n = strlen(s.with_peer);
	memcpy(body, s.with_peer, n);
	memset(body + n, ';', ENVELOPE_BODY_MAX - n);
	for (n += 63; n < ENVELOPE_BODY_MAX; n += 64)
		body[n] = '\n';
	len = rig_policy_sign(message, sizeof(message),
	    &(struct rig_signed){.serial = 9, .body = body});
	CHECK(len > ENVELOPE_BODY_MAX, "%zu bytes", len);
	for (at = 0; at < len; at += n) {
		n = len - at < 50000 ? len - at : 50000;
		rig_manager_send(&s.server, message + at, n);
	}
	CHECK(rig_manager_answered(&s.server, &a), "%s: %s", a.code, a.text);
	CHECK_INT(a.what.serial, 9);
	CHECK(get(&s) == RIG_OK, "by a long policy");
	teardown(&s);
}

/* What is refused, and how that is said. */
static const struct {
	struct rig_signed m;
	const char *code;
} bads[] = {
    {{.serial = 6, .body = "[limits]\n", .key = 9}, "unknown-key"},
    {{.serial = 6, .body = "[limits]\n", .key = 3}, "wrong-role"},
    {{.serial = 4, .body = "[limits]\n"}, "rollback"},
    {{.serial = 5, .body = "[limits]\n"}, "same-serial"},
    {{.serial = 6, .body = "[limits]\n", .issued_s = -100, .expires_s = -50},
	"expired"},
    {{.serial = 7, .body = "[limits]\n", .issued_s = 4000, .expires_s = 5000},
	"from-the-future"},
    {{.serial = 7, .body = "[limits]\n", .audience = "theirs"},
	"wrong-audience"},
    {{.serial = 7, .body = "[limits]\n", .epoch = 2}, "unknown-root"},
    {{.type = ENVELOPE_ROOT, .epoch = 3, .body = "[root]\n"}, "skipped-root"},
    {{.serial = 7, .body = "[agent]\nworkers = 4\n"}, "bad-policy"},
    {{.serial = 7, .body = "[limits]\nattempts = 0\n"}, "bad-policy"},
    {{.type = ENVELOPE_RANK, .serial = 1, .body = "[rank]\n"}, "bad-body"},
};

static void
t_refuses(void)
{
	static struct scene s;
	struct manage_answer a;
	long long was;
	size_t i;

	setup(&s);
	must_push(&s, 5, s.with_peer);
	was = status_number(&s, "generation");
	for (i = 0; i < sizeof(bads) / sizeof(*bads); i++) {
		memset(&a, 0, sizeof(a));
		CHECK(!push(&s, &bads[i].m, &a), "case %zu is taken", i);
		CHECK(strcmp(a.code, bads[i].code) == 0, "case %zu: %s (%s)", i,
		    a.code, a.text);
		CHECK(a.text[0] != '\0', "case %zu: no reason", i);
		CHECK_INT(status_number(&s, "generation"), was);
	}
	CHECK_INT(status_number(&s, "policy_serial"), 5);
	CHECK(get(&s) == RIG_OK, "after all that");
	teardown(&s);
}

/* What cannot be read as a message: told, and the connection ends. */
static void
t_malformed(void)
{
	static const char *const what[] = {
	    "a huge body", "what follows", "a flipped type", "no end"};
	static struct scene s;
	struct manage_answer a;
	long long was;
	int64_t rss;
	pid_t control;
	size_t i, len;

	setup(&s);
	must_push(&s, 5, s.with_peer);
	was = status_number(&s, "generation");
	control = rig_agent_child(&s.agent, "control");
	rss = rig_rss_kb(control);
	for (i = 0; i < 4; i++) {
		len = rig_policy_sign(message, sizeof(message),
		    &(struct rig_signed){.serial = 4, .body = "[limits]\n"});
		if (i == 0)
			memset(message + 8, 0xff, 4);
		if (i == 1)
			memcpy(message + len, "and more", 9);
		if (i == 2)
			message[5] = 77;
		if (i == 3)
			len -= 3;
		rig_manager_send(&s.server, message, len + (i == 1 ? 9 : 0));
		if (i == 1) {
			CHECK(!rig_manager_answered(&s.server, &a), "taken");
			CHECK(strcmp(a.code, "rollback") == 0, "%s", a.code);
		}
		if (i == 3) {
			rig_manager_hang_up(&s.server);
		} else {
			CHECK(!rig_manager_answered(&s.server, &a), "%s: taken",
			    what[i]);
			CHECK(strcmp(a.code, "malformed") == 0, "%s: %s",
			    what[i], a.code);
			CHECK(rig_manager_is_left(&s.server, WAIT_MS),
			    "%s: it stays", what[i]);
		}
		rig_manager_let_in(&s.server, 600000, &s.said);
		CHECK_INT(s.said.policy.serial, 5);
	}
	CHECK_INT(status_number(&s, "generation"), was);
	CHECK(rig_rss_kb(control) - rss < 1024, "%lld KiB more",
	    (long long)(rig_rss_kb(control) - rss));
	CHECK(get(&s) == RIG_OK, "after all that");
	teardown(&s);
}

/* One that is not who it should be, or does not know how. */
static void
t_liars(void)
{
	static const uint8_t garbage[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
	static struct scene s;
	struct manage_answer a = {.of = SEALED_REGISTER};
	struct manager_fake right;
	uint8_t out[1024];
	size_t len, i;

	prepare(&s);
	rig_agent_add(&s.agent, "%s", s.with_peer);
	rig_agent_start(&s.agent);
	REQUIRE(rig_manager_accept(&s.server, WAIT_MS), "no agent comes");
	rig_manager_send(&s.server, garbage, sizeof(garbage) - 1);
	await_link(&s, "why", "no message of ours");
	/* Another key. */
	REQUIRE(rig_manager_accept(&s.server, WAIT_MS), "no agent comes");
	REQUIRE(rig_manager_hear(&s.server, WAIT_MS), "no register");
	right = s.server.fake;
	memset(s.server.fake.keys.secret_key, 8, 32);
	crypto_scalarmult_base(
	    s.server.fake.keys.public_key, s.server.fake.keys.secret_key);
	rig_manager_ack(&s.server, 1000);
	await_link(&s, "why", "another key");
	s.server.fake.keys = right.keys;
	CHECK(get(&s) == RIG_OK, "meanwhile");
	/* What was said before, said again. */
	REQUIRE(rig_manager_accept(&s.server, WAIT_MS), "no agent comes");
	REQUIRE(rig_manager_hear(&s.server, WAIT_MS), "no register");
	a.sequence = right.head.sequence;
	rig_manager_answer(&s.server, &a, false);
	/* The right one, byte by byte. */
	a.sequence = s.server.fake.head.sequence;
	a.interval_ms = 600000;
	await_link(&s, "state", "registering");
	len = manager_fake_answer(&s.server.fake, &a, false, out, sizeof(out));
	for (i = 0; i < len; i++)
		rig_manager_send(&s.server, out + i, 1);
	await_link(&s, "state", "up");
	must_push(&s, 3, s.with_peer);
	teardown(&s);
}

static void
t_refused(void)
{
	const char *const doctor[] = {"doctor", NULL};
	static struct scene s;
	struct manage_answer a = {
	    .of = SEALED_REGISTER, .code = "bad-token", .text = "it was used"};
	struct rig_output o;

	prepare(&s);
	rig_agent_add(&s.agent, "%s", s.with_peer);
	rig_agent_start(&s.agent);
	REQUIRE(rig_manager_accept(&s.server, WAIT_MS), "no agent comes");
	REQUIRE(rig_manager_hear(&s.server, WAIT_MS), "no register");
	a.sequence = s.server.fake.head.sequence;
	rig_manager_answer(&s.server, &a, true);
	await_link(&s, "why", "it refuses us: bad-token: it was used");
	rig_ctl(&s.agent, &o, doctor);
	CHECK(strstr(o.out, "bad-token") != NULL &&
		  strstr(o.out, "agent add") != NULL,
	    "doctor: %s", o.out);
	rig_output_free(&o);
	CHECK(get(&s) == RIG_OK, "meanwhile");
	/* It knows a later word of ours than we do. */
	REQUIRE(rig_manager_accept(&s.server, WAIT_MS), "no agent comes");
	REQUIRE(rig_manager_hear(&s.server, WAIT_MS), "no register");
	snprintf(a.code, sizeof(a.code), "old-sequence");
	a.sequence = s.server.fake.head.sequence;
	a.sequence_floor = a.sequence + 1000000000ull;
	rig_manager_answer(&s.server, &a, true);
	rig_manager_let_in(&s.server, 600000, &s.said);
	CHECK(s.server.fake.head.sequence > a.sequence_floor, "above it");
	teardown(&s);
}

/* The agent needs nobody to serve. */
static void
t_away(void)
{
	static struct scene s;
	pid_t control;
	int64_t rss, until;

	setup(&s);
	must_push(&s, 5, s.with_peer);
	control = rig_agent_child(&s.agent, "control");
	rss = rig_rss_kb(control);
	rig_manager_stop(&s.server);
	for (until = rig_now_ms() + 2000; rig_now_ms() < until;)
		CHECK(get(&s) == RIG_OK, "without a server");
	CHECK_INT(status_number(&s, "policy_serial"), 5);
	CHECK(rig_rss_kb(control) - rss < 1024, "%lld KiB more",
	    (long long)(rig_rss_kb(control) - rss));
	rig_manager_restart(&s.server);
	rig_manager_let_in(&s.server, 600000, &s.said);
	CHECK_INT(s.said.policy.serial, 5);
	must_push(&s, 6, s.with_peer);
	teardown(&s);
}

/* Another management application, by policy: reports, and nothing else. */
static void
t_subscriber(void)
{
	static struct rig_manager other;
	static struct scene s;
	struct manage_report head;
	struct manage_row row;
	char body[1024], key[KEYFILE_B64_LEN];
	size_t len;

	setup(&s);
	rig_manager_start(&other, 7);
	keyfile_base64(other.fake.keys.public_key, key);
	snprintf(body, sizeof(body),
	    "%s[subscriber \"capacity\"]\naddress = 127.0.0.1:%u\nkey = %s\n"
	    "interval = 1s\n",
	    s.with_peer, other.port, key);
	must_push(&s, 5, body);
	rig_manager_let_in(&other, 600000, &s.said);
	CHECK(s.said.token[0] == '\0', "it got the token");
	CHECK(strcmp(s.said.name, "web-7") == 0, "name %s", s.said.name);
	REQUIRE(rig_manager_report(&other, "peer", &head, &row), "no report");
	rig_manager_ack(&other, 0);
	REQUIRE(rig_manager_report(&other, "peer", &head, &row), "no second");
	rig_manager_ack(&other, 0);
	/* Signed by the right key, and still not its to say. */
	len = rig_policy_sign(message, sizeof(message),
	    &(struct rig_signed){.serial = 6, .body = s.with_peer});
	rig_manager_send(&other, message, len);
	CHECK(rig_manager_is_left(&other, WAIT_MS), "it stays");
	CHECK_INT(status_number(&s, "policy_serial"), 5);
	/* Gone with the policy. */
	rig_manager_let_in(&other, 600000, &s.said);
	must_push(&s, 7, s.with_peer);
	CHECK(rig_manager_is_left(&other, WAIT_MS), "it stays");
	rig_manager_stop(&other);
	teardown(&s);
}

/* A subscriber of the configuration alone, and no root: by a reload, after
 * which the key is made. */
static void
t_without_root(void)
{
	static struct rig_manager other;
	static struct scene s;
	struct manage_report head;
	struct manage_row row;
	char key[KEYFILE_B64_LEN];

	memset(&s, 0, sizeof(s));
	rig_peer_start(&s.peer, RIG_PEER_MICROSOCKS, "peer");
	rig_manager_start(&other, 7);
	keyfile_base64(other.fake.keys.public_key, key);
	rig_agent_init(&s.agent, "agent");
	rig_path(s.state, "agent.state");
	REQUIRE(mkdir(s.agent.run_dir, 0700) == 0 && mkdir(s.state, 0700) == 0,
	    "directories");
	if (geteuid() == 0) {
		s.agent.uid = USER;
		REQUIRE(chown(s.agent.run_dir, USER, USER) == 0 &&
			    chown(s.state, USER, USER) == 0,
		    "directories");
	}
	rig_agent_key(&s.agent, "check-interval = 0s");
	rig_agent_intermediary(
	    &s.agent, "peer", "socks5", "127.0.0.1", s.peer.port);
	rig_agent_start(&s.agent);
	rig_agent_add(&s.agent,
	    "[subscriber \"capacity\"]\naddress = 127.0.0.1:%u\nkey = %s\n",
	    other.port, key);
	rig_agent_write(&s.agent);
	CHECK_INT(rig_agent_reload(&s.agent, WAIT_MS, NULL), 0);
	rig_manager_let_in(&other, 600000, &s.said);
	CHECK(s.said.name[0] != '\0', "no name");
	CHECK_INT(s.said.root_epoch, 0);
	REQUIRE(rig_manager_report(&other, "peer", &head, &row), "no report");
	CHECK(strcmp(row.name, "peer") == 0, "no row");
	rig_manager_stop(&other);
	rig_agent_stop(&s.agent);
}

static void
t_last(void)
{
	static struct scene s;
	struct manage_report head = {.why = MANAGE_INTERVAL};
	struct manage_row row;

	setup(&s);
	await_link(&s, "state", "up");
	rig_proc_signal(&s.agent.proc, SIGTERM);
	while (rig_manager_report(&s.server, "", &head, &row))
		rig_manager_ack(&s.server, 0);
	CHECK_INT(head.why, MANAGE_LAST);
	teardown(&s);
}

/* A root that revokes the policy's key, and one that has text to say which no
 * answer can hold as it stands. */
static void
t_revoked(void)
{
	static struct scene s;
	struct manage_answer a = {.code = ""};
	struct root root = {
	    .version = 2, .root_threshold = 1, .policy_threshold = 1};
	char text[ROOT_TEXT_MAX];
	size_t n;

	setup(&s);
	must_push(&s, 5, s.with_peer);
	CHECK(get(&s) == RIG_OK, "by policy 5");
	CHECK(!push(&s,
		  &(struct rig_signed){
		      .serial = 6, .body = "[\xe2\x80\xae\xc2\x85]\n"},
		  &a),
	    "a section that nobody knows is taken");
	CHECK(strcmp(a.code, "bad-policy") == 0, "%s: %s", a.code, a.text);
	rig_policy_key(&root, 1, ROOT_ROLE_ROOT);
	rig_policy_key(&root, 2, ROOT_ROLE_POLICY);
	rig_policy_key(&root, 5, ROOT_ROLE_POLICY);
	rig_policy_key(&root, RIG_POLICY_SEAL, ROOT_ROLE_SEAL);
	memcpy(root.revoked[root.revoked_n++], root.keys[1].id,
	    sizeof(root.keys[1].id));
	root.keys[1] = root.keys[2];
	root.keys[2] = root.keys[3];
	root.keys_n = 3;
	n = root_format(&root, text);
	REQUIRE(n > 0, "root_format");
	CHECK(push(&s,
		  &(struct rig_signed){
		      .type = ENVELOPE_ROOT, .epoch = 2, .body = text},
		  &a),
	    "root 2: %s", a.text);
	CHECK_INT(a.of, ENVELOPE_ROOT);
	await_serial(&s, 0);
	CHECK(get(&s) == RIG_FAIL_REPLY, "by a policy that is revoked");
	CHECK(push(&s,
		  &(struct rig_signed){
		      .epoch = 2, .serial = 1, .body = s.with_peer, .key = 5},
		  &a),
	    "policy 1 of root 2: %s", a.text);
	CHECK(get(&s) == RIG_OK, "by policy 1 of root 2");
	teardown(&s);
}

static const struct rig_case cases[] = {
    {"it registers", t_registers, 0, 0},
    {"it reports", t_reports, 0, 0},
    {"an ejection is told at once", t_ejection, 0, 0},
    {"signed messages are taken", t_policy, 0, 0},
    {"a long one", t_long, 0, 0},
    {"what is refused, and changes nothing", t_refuses, 0, 0},
    {"what is no message", t_malformed, 0, 0},
    {"a server that lies", t_liars, 0, 0},
    {"a server that refuses", t_refused, 0, 0},
    {"no server", t_away, 0, 0},
    {"a subscriber", t_subscriber, 0, 0},
    {"without root, and without a policy", t_without_root, 0, 0},
    {"the last word", t_last, 0, 0},
    {"a policy that is revoked", t_revoked, 0, 0},
};

RIG_MAIN("manager", cases, NULL)
