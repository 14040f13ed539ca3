/* What a running agent is offered by somebody who cannot sign, by somebody who
 * has only the online key, and by somebody who never ends. */
#include <sys/socket.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_policy.h"

#define MESSAGE_LEN 4096
#define BODY_LEN    (MESSAGE_LEN - ENVELOPE_HEADER_LEN - 81)
#define CUTS	    300
#define SPOILT	    700
#define GROWTH_KB   1024
#define ANSWER_MAX  65536
#define CHUNK	    (256 << 10)

struct scene {
	struct rig_server origin;
	struct rig_peer peer, vip;
	struct rig_agent agent;
	char root[RIG_PATH_MAX], file[RIG_PATH_MAX];
	char body[1024]; /* of policy 5, which is in force */
	char answer[ANSWER_MAX];
};

static struct scene s;

/* Offer a message whose length is said to be `said`: true when it is refused,
 * with a reason. */
static bool
is_refused(const void *data, size_t len, uint64_t said)
{
	int fd = rig_control_open(&s.agent, "policy-load %" PRIu64, said);
	const char *error;
	json_t *doc;
	bool refused;

	rig_control_send(fd, data, len);
	shutdown(fd, SHUT_WR);
	rig_control_receive(fd, s.answer, sizeof(s.answer));
	close(fd);
	doc = json_loads(s.answer, 0, NULL);
	error = json_string_value(json_object_get(doc, "error"));
	refused = json_is_false(json_object_get(doc, "ok")) && error != NULL &&
		  *error != '\0';
	json_decref(doc);
	return refused;
}

static long long
status_number(const char *name)
{
	const char *const args[] = {"status", "--json", NULL};
	struct rig_output o;
	long long n = -1;
	json_t *doc;

	rig_ctl(&s.agent, &o, args);
	doc = json_loads(o.out, 0, NULL);
	if (json_is_integer(json_object_get(doc, name)))
		n = json_integer_value(json_object_get(doc, name));
	json_decref(doc);
	rig_output_free(&o);
	return n;
}

static int
load_file(char text[512])
{
	const char *const args[] = {"policy", "load", s.file, NULL};
	struct rig_output o;
	int code;

	rig_ctl(&s.agent, &o, args);
	snprintf(text, 512, "%s%s", o.out, o.err);
	code = o.code;
	rig_output_free(&o);
	return code;
}

static void
load(const struct rig_signed *m)
{
	char text[512];

	rig_policy_write(s.file, m);
	CHECK(load_file(text) == 0, "%s", text);
}

static void
setup(void)
{
	memset(&s, 0, sizeof(s));
	rig_origin_start(&s.origin, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	rig_peer_start(&s.peer, RIG_PEER_MICROSOCKS, "peer");
	rig_peer_start(&s.vip, RIG_PEER_MICROSOCKS, "vip");
	rig_path(s.root, "root");
	rig_path(s.file, "message");
	snprintf(s.body, sizeof(s.body),
	    "[tier \"gold\"]\nrank = 1\nreserved-for = critical\n"
	    "[intermediary \"peer\"]\ntype = socks5\naddress = 127.0.0.1:%u\n"
	    "tier = 2\n"
	    "[intermediary \"vip\"]\ntype = socks5\naddress = 127.0.0.1:%u\n"
	    "tier = gold\n"
	    "[rule \"no\"]\ndomain = denied.example\nvia = deny\n",
	    s.peer.port, s.vip.port);
	rig_policy_root(s.root, 1);
	rig_agent_init(&s.agent, "agent");
	rig_agent_key(&s.agent, "check-interval = 0s");
	rig_agent_key(&s.agent, "group = ours");
	rig_agent_add(
	    &s.agent, "[policy]\nroot = %s\nnetwork = 127.0.0.0/8\n", s.root);
	rig_agent_start(&s.agent);
	load(&(struct rig_signed){.serial = 5, .body = s.body});
}

static void
teardown(void)
{
	rig_agent_stop(&s.agent);
	rig_server_stop(&s.origin);
}

/* --- who cannot sign --- */

/* A policy of 4 KiB that would be taken. */
static char *
good_message(void)
{
	char body[BODY_LEN + 1];
	size_t len = strlen(s.body), n;
	char *data;

	memcpy(body, s.body, len);
	for (n = 0; len < BODY_LEN - 1; len++, n++)
		body[len] = n % 64 == 0 ? ';' : n % 64 == 63 ? '\n' : 'x';
	body[len++] = '\n';
	body[len] = '\0';
	rig_policy_write(
	    s.file, &(struct rig_signed){.serial = 9, .body = body});
	data = rig_read(s.file, &len);
	REQUIRE(data != NULL && len == MESSAGE_LEN, "%zu bytes", len);
	return data;
}

static void
flip_bits(char *data)
{
	size_t bit;

	for (bit = 0; bit < MESSAGE_LEN * 8; bit++) {
		data[bit / 8] ^= (char)(1 << bit % 8);
		CHECK(is_refused(data, MESSAGE_LEN, MESSAGE_LEN), "bit %zu: %s",
		    bit, s.answer);
		data[bit / 8] ^= (char)(1 << bit % 8);
	}
}

static void
cut(const char *data)
{
	size_t i, len;

	for (i = 0; i < CUTS; i++) {
		len = i < 150 ? i + 1 : i * MESSAGE_LEN / CUTS;
		CHECK(
		    is_refused(data, len, len), "%zu bytes: %s", len, s.answer);
		/* And with the length that it ought to have. */
		CHECK(i % 50 != 0 || is_refused(data, len, MESSAGE_LEN),
		    "%zu bytes of all: %s", len, s.answer);
	}
}

static void
spoil(const char *data)
{
	char bad[MESSAGE_LEN + 64];
	unsigned int seed = 7;
	size_t i, at, n, len;

	for (i = 0; i < SPOILT; i++) {
		memcpy(bad, data, MESSAGE_LEN);
		memset(bad + MESSAGE_LEN, (int)i, 64);
		len = MESSAGE_LEN + (size_t)(i % 3 == 0 ? 1 + i % 64 : 0);
		at = (size_t)rand_r(&seed) % MESSAGE_LEN;
		n = 1 + (size_t)rand_r(&seed) % (MESSAGE_LEN - at);
		if (i % 3 == 1)
			memset(bad + at, rand_r(&seed), n);
		if (i % 3 == 2)
			memmove(bad + at, data + at / 2, n);
		if (len == MESSAGE_LEN && memcmp(bad, data, len) == 0)
			continue;
		CHECK(is_refused(bad, len, len), "spoilt %zu: %s", i, s.answer);
	}
}

static void
t_unsigned(void)
{
	long long generation;
	char *data, text[512];

	setup();
	data = good_message();
	generation = status_number("generation");
	flip_bits(data);
	cut(data);
	spoil(data);
	CHECK_INT(status_number("generation"), generation);
	CHECK_INT(status_number("policy_serial"), 5);
	/* It was that alone which was wrong with them. */
	CHECK(load_file(text) == 0, "%s", text);
	CHECK_INT(status_number("policy_serial"), 9);
	CHECK(status_number("generation") > generation, "the same table");
	free(data);
	teardown();
}

/* --- who never ends --- */

/* Streams that many bytes, or until the agent closes; how many were taken. */
static uint64_t
stream(uint64_t said, uint64_t bytes)
{
	static char chunk[CHUNK];
	int fd = rig_control_open(&s.agent, "policy-load %" PRIu64, said);
	uint64_t sent = 0, n;

	memset(chunk, 'x', sizeof(chunk));
	while (sent < bytes) {
		n = rig_control_send(fd, chunk, sizeof(chunk));
		sent += n;
		if (n < sizeof(chunk))
			break;
	}
	rig_control_receive(fd, s.answer, sizeof(s.answer));
	close(fd);
	return sent;
}

struct sizes {
	long master, control;
};

static struct sizes
sizes(void)
{
	return (struct sizes){rig_rss_kb(s.agent.proc.pid),
	    rig_rss_kb(rig_agent_child(&s.agent, "control"))};
}

static void
has_not_grown(const struct sizes *before, const char *what)
{
	struct sizes now = sizes();

	CHECK(now.master - before->master < GROWTH_KB, "%s: master %ld kB, %ld",
	    what, before->master, now.master);
	CHECK(now.control - before->control < GROWTH_KB,
	    "%s: control %ld kB, %ld", what, before->control, now.control);
}

static void
t_endless(void)
{
	static const uint64_t ten_gb = 10ull << 30;
	struct sizes before;
	long long generation;
	uint64_t sent;

	setup();
	/* Once, so that what the first one costs is there. */
	stream(ENVELOPE_MAX, ENVELOPE_MAX);
	generation = status_number("generation");
	before = sizes();
	sent = stream(ten_gb, ten_gb);
	CHECK(strstr(s.answer, "expected a message of at most") != NULL ||
		  sent < ten_gb,
	    "%" PRIu64 " bytes were taken: %s", sent, s.answer);
	CHECK(sent < ten_gb, "all of it was taken");
	rig_note("of 10 GB it took %" PRIu64 " kB", sent >> 10);
	has_not_grown(&before, "10 GB");
	/* What is said to be as long as may be, and goes on. */
	sent = stream(ENVELOPE_MAX, ten_gb);
	CHECK(sent < ten_gb, "all of it was taken");
	has_not_grown(&before, "10 GB behind a message");
	CHECK(is_refused("", 0, ten_gb), "%s", s.answer);
	CHECK(strstr(s.answer, "at most") != NULL, "%s", s.answer);
	CHECK(is_refused("", 0, UINT64_MAX), "%s", s.answer);
	CHECK(is_refused("", 0, 0), "%s", s.answer);
	CHECK_INT(status_number("generation"), generation);
	teardown();
}

/* So many of a text in which # is its number. */
static char *
many(const char *entry, size_t n, size_t max)
{
	const char *rest = strchr(entry, '#') + 1;
	int first = (int)(rest - 1 - entry);
	char *text = malloc(max + 256);
	size_t i, at = 0;

	REQUIRE(text != NULL, "malloc");
	for (i = 0; i < n && at + 128 < max; i++)
		at += (size_t)snprintf(
		    text + at, 128, "%.*s%zu%s", first, entry, i, rest);
	text[at] = '\0';
	return text;
}

/* They cannot be signed: no message is so long.  Those that fit into one are
 * signed, and too many all the same. */
static void
t_entries(void)
{
	static const struct {
		const char *entry, *why;
	} lists[] = {
	    {"[intermediary \"i#\"]\ntype = http\naddress = 127.0.0.1:9\n",
		"at most 1024 intermediaries"},
	    {"[rule \"r#\"]\nvia = deny\n", "at most 10000 rules"},
	    {"[tier \"t#\"]\nrank = 1\n", "at most 64 tiers"},
	    {"[direct]\ndomain = d#\n", "at most 10000"},
	    {"[direct]\nnetwork = 10.0.0.0\n; #\n", "at most 10000"},
	};
	struct sizes before;
	long long generation;
	char *text, line[512];
	size_t i;

	setup();
	generation = status_number("generation");
	before = sizes();
	text = many(lists[0].entry, 1000000, 80u << 20);
	CHECK(strstr(text, "\"i999999\"") != NULL, "not a million");
	CHECK(is_refused(text, strlen(text), strlen(text)), "%s", s.answer);
	has_not_grown(&before, "a million entries");
	free(text);
	for (i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		text = many(lists[i].entry, SIZE_MAX, ENVELOPE_BODY_MAX);
		rig_policy_write(
		    s.file, &(struct rig_signed){.serial = 6, .body = text});
		free(text);
		CHECK(
		    load_file(line) == 1 && strstr(line, lists[i].why) != NULL,
		    "list %zu: %s", i, line);
	}
	CHECK_INT(status_number("generation"), generation);
	CHECK_INT(status_number("policy_serial"), 5);
	/* No control process was lost over it. */
	has_not_grown(&(struct sizes){before.master, before.control + 8192},
	    "as many as fit");
	teardown();
}

/* --- who has the online key --- */

static int
code_of(const char *host)
{
	struct rig_proxy p = rig_agent_proxy(&s.agent, RIG_SOCKS5);
	struct rig_conn c;
	enum rig_fail f = rig_dial(&c, &p, host, s.origin.port, 10000);
	int code = f == RIG_OK ? 0 : c.code;

	if (f == RIG_OK)
		CHECK(rig_http_get(&c, 1000) == RIG_OK, "%s", c.text);
	rig_conn_close(&c);
	return code;
}

/* Who served that far? */
static long long
tunnels_of(const char *name)
{
	const char *const args[] = {"show", name, "--json", NULL};
	const json_t *n;
	struct rig_output o;
	long long used = -1;
	json_t *doc;

	rig_ctl(&s.agent, &o, args);
	doc = json_loads(o.out, 0, NULL);
	n = json_object_get(json_object_get(doc, "intermediary"), "attempts");
	if (json_is_integer(n))
		used = json_integer_value(n);
	json_decref(doc);
	rig_output_free(&o);
	return used;
}

static void
t_online_key(void)
{
	static const struct {
		const char *text, *why;
	} wants[] = {
	    /* an intermediary more */
	    {"[intermediary \"mine\"]\n", "names no intermediary mine"},
	    {"[intermediary \"mine\"]\ntype = socks5\naddress = 127.0.0.1:9\n",
		"unknown key 'type'"},
	    {"[intermediary \"peer\"]\naddress = 127.0.0.1:9\n",
		"unknown key 'address'"},
	    /* lift a deny, change a rule */
	    {"[rule \"no\"]\ndomain = denied.example\nvia = direct\n",
		"unknown section [rule]"},
	    {"[direct]\ndomain = denied.example\n", "unknown section [direct]"},
	    /* open a reserved tier */
	    {"[tier \"gold\"]\nrank = 1\n", "unknown section [tier]"},
	    {"[intermediary \"vip\"]\ntier = 2\n", "is reserved"},
	    {"[intermediary \"peer\"]\ntier = 1\n", "is reserved"},
	    {"[intermediary \"peer\"]\ntier = 7\n", "no tier 7"},
	    /* leave nobody */
	    {"[intermediary \"peer\"]\nstate = drain\n"
	     "[intermediary \"vip\"]\nstate = drain\n",
		"at least 1 intermediaries"},
	    {"[limits]\nattempts = 1\n", "unknown section [limits]"},
	    {"[root]\nversion = 2\n", "unknown section [root]"},
	};
	long long generation;
	char body[512], text[512];
	size_t i;

	setup();
	generation = status_number("generation");
	for (i = 0; i < sizeof(wants) / sizeof(*wants); i++) {
		snprintf(body, sizeof(body), "[rank]\npolicy-serial = 5\n%s",
		    wants[i].text);
		rig_policy_write(s.file,
		    &(struct rig_signed){
			.type = ENVELOPE_RANK, .serial = 1, .body = body});
		CHECK(
		    load_file(text) == 1 && strstr(text, wants[i].why) != NULL,
		    "rank %zu: \"%s\", not \"%s\"", i, text, wants[i].why);
	}
	/* What it signs is no policy, and no root. */
	rig_policy_write(s.file,
	    &(struct rig_signed){.serial = 6, .body = s.body, .key = 3});
	CHECK(load_file(text) == 1 && strstr(text, "does not let") != NULL,
	    "policy: %s", text);
	rig_policy_root_by(s.file, 2, 3);
	CHECK(load_file(text) == 1, "root: %s", text);
	CHECK_INT(status_number("generation"), generation);
	/* Requests come only now: what they count is published, too. */
	CHECK_INT(code_of("127.0.0.1"), 0);
	CHECK_INT(code_of("denied.example"), 2);
	CHECK_INT(tunnels_of("vip"), 0);
	/* That is what it may. */
	load(&(struct rig_signed){.type = ENVELOPE_RANK,
	    .serial = 1,
	    .body = "[rank]\npolicy-serial = 5\n[intermediary \"peer\"]\n"
		    "weight = 3\n"});
	CHECK(status_number("generation") > generation, "the same table");
	CHECK_INT(code_of("127.0.0.1"), 0);
	CHECK_INT(code_of("denied.example"), 2);
	CHECK_INT(tunnels_of("vip"), 0);
	CHECK(tunnels_of("peer") > 0, "nobody served");
	teardown();
}

static const struct rig_case cases[] = {
    {"who cannot sign", t_unsigned, 180, 0},
    {"what never ends", t_endless, 0, 0},
    {"a million entries", t_entries, 0, 0},
    {"the online key alone", t_online_key, 0, 0},
};
RIG_MAIN("policy_hostile", cases, NULL)
