/* Attacks named after those of the conformance suite of TUF, on a running
 * agent by way of cagent-ctl; those on the verifier alone are the unit
 * tests'. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_policy.h"

#define EXPIRY_MS 15000

static struct rig_agent agent;
static char file[RIG_PATH_MAX];

static const char body[] = "[limits]\nattempts = 3\n";

static void
setup(const struct root *root)
{
	char path[RIG_PATH_MAX];

	rig_path(path, "root");
	rig_path(file, "message");
	if (root == NULL)
		rig_policy_root(path, 1);
	else
		rig_policy_write_root(
		    path, root, &(struct rig_signed){.key = 1});
	rig_agent_init(&agent, "agent");
	rig_agent_key(&agent, "check-interval = 0s");
	rig_agent_add(&agent,
	    "[policy]\nroot = %s\nnetwork = 127.0.0.0/8\n"
	    "min-intermediaries = 0\n",
	    path);
	rig_agent_start(&agent);
}

static json_t *
ask(const char *verb)
{
	const char *const args[] = {verb, "--json", NULL};
	struct rig_output o;
	json_t *doc;

	rig_ctl(&agent, &o, args);
	doc = json_loads(o.out, 0, NULL);
	REQUIRE(doc != NULL, "%s: %s", verb, o.err);
	rig_output_free(&o);
	return doc;
}

static long long
status_number(const char *name)
{
	json_t *doc = ask("status");
	long long n = json_integer_value(json_object_get(doc, name));

	json_decref(doc);
	return n;
}

static bool
is_stale(void)
{
	json_t *doc = ask("status");
	bool stale = json_is_true(json_object_get(doc, "policy_stale"));

	json_decref(doc);
	return stale;
}

static void
load_is(int code, const char *says, const char *what)
{
	const char *const args[] = {"policy", "load", file, NULL};
	long long was = status_number("generation");
	struct rig_output o;

	rig_ctl(&agent, &o, args);
	CHECK(o.code == code &&
		  (strstr(o.out, says) != NULL || strstr(o.err, says) != NULL),
	    "%s: exit %d, \"%s\" \"%s\", not %d and \"%s\"", what, o.code,
	    o.out, o.err, code, says);
	rig_output_free(&o);
	CHECK(code == 0 || status_number("generation") == was,
	    "%s: another table", what);
}

static void
signed_is(
    const struct rig_signed *m, int code, const char *says, const char *what)
{
	rig_policy_write(file, m);
	load_is(code, says, what);
}

static void
policy_is(uint32_t epoch, uint64_t serial, int code, const char *says)
{
	char what[64];

	snprintf(what, sizeof(what), "policy %llu of root %u",
	    (unsigned long long)serial, epoch);
	signed_is(
	    &(struct rig_signed){
		.epoch = epoch, .serial = serial, .body = body},
	    code, says, what);
}

static void
root_is(uint32_t version, int code, const char *says)
{
	rig_policy_root(file, version);
	load_is(code, says, "a root");
}

static void
t_new_root_version(void)
{
	setup(NULL);
	root_is(2, 0, "root 2 is trusted");
	root_is(3, 0, "root 3 is trusted");
	root_is(5, 1, "left out");
	root_is(2, 1, "root 3 is in force already, found 2\n");
	root_is(1, 1, "root 3 is in force already, found 1\n");
	load_is(1, "found 1\n", "the same again");
	rig_policy_root_by(file, 4, 9);
	load_is(1, "signature", "a root by a stranger");
	rig_policy_root_by(file, 4, 2);
	load_is(1, "signature", "a root by the policy key");
	root_is(4, 0, "root 4 is trusted");
	rig_agent_stop(&agent);
}

static void
t_rollback(void)
{
	setup(NULL);
	policy_is(1, 7, 0, "in force");
	policy_is(1, 6, 1, "above 7");
	signed_is(&(struct rig_signed){.serial = 7, .body = "[limits]\n"}, 1,
	    "above 7", "the same serial, another text");
	rig_agent_stop(&agent);
	rig_agent_start(&agent);
	policy_is(1, 6, 1, "above 7");
	policy_is(1, 0, 1, "above 7");
	policy_is(1, 8, 0, "in force");
	CHECK_INT(status_number("policy_serial"), 8);
	rig_agent_stop(&agent);
}

/* Nothing newer comes, and what there is expires: it is said to be stale, also
 * after a restart; what has expired is not taken for new. */
static void
t_freeze(void)
{
	int64_t until = rig_now_ms() + EXPIRY_MS;

	setup(NULL);
	signed_is(
	    &(struct rig_signed){
		.serial = 7, .body = body, .issued_s = -100, .expires_s = 2},
	    0, "in force", "one that expires soon");
	while (!is_stale() && rig_pause(until))
		continue;
	CHECK(is_stale(), "it has not expired");
	CHECK_INT(status_number("policy_serial"), 7);
	signed_is(
	    &(struct rig_signed){
		.serial = 8, .body = body, .issued_s = -100, .expires_s = -1},
	    1, "expired", "one that has expired");
	rig_agent_stop(&agent);
	rig_agent_start(&agent);
	CHECK(is_stale(), "fresh by a restart");
	CHECK_INT(status_number("policy_serial"), 7);
	policy_is(1, 9, 0, "in force");
	CHECK(!is_stale(), "a new one is stale");
	rig_agent_stop(&agent);
}

static void
rank_is(uint64_t serial, uint64_t policy, int code, const char *says)
{
	char text[64];

	snprintf(text, sizeof(text), "[rank]\npolicy-serial = %llu\n",
	    (unsigned long long)policy);
	signed_is(
	    &(struct rig_signed){
		.type = ENVELOPE_RANK, .serial = serial, .body = text},
	    code, says, "a rank");
}

static void
t_mix_and_match(void)
{
	setup(NULL);
	policy_is(1, 7, 0, "in force");
	rank_is(1, 7, 0, "in force");
	rank_is(2, 6, 1, "made for policy 6");
	rank_is(2, 8, 1, "made for policy 8");
	policy_is(1, 8, 0, "in force");
	rank_is(2, 7, 1, "made for policy 7");
	rank_is(1, 8, 1, "above 1");
	rank_is(2, 8, 0, "in force");
	root_is(2, 0, "trusted");
	rank_is(3, 8, 1, "root 1");
	policy_is(1, 9, 1, "root 1");
	policy_is(3, 9, 1, "root 3");
	rig_agent_stop(&agent);
}

/* A stolen key has used up the serials: a new root sets them free. */
static void
t_fast_forward(void)
{
	setup(NULL);
	policy_is(1, UINT64_MAX, 0, "in force");
	/* The same bytes: signed in another second it would be another. */
	load_is(0, "accepted before", "it once more");
	policy_is(1, 8, 1, "above 18446744073709551615");
	root_is(2, 0, "trusted");
	policy_is(2, 1, 0, "in force");
	CHECK_INT(status_number("policy_serial"), 1);
	rig_agent_stop(&agent);
	rig_agent_start(&agent);
	CHECK_INT(status_number("policy_serial"), 1);
	rig_agent_stop(&agent);
}

static void
t_key_rotation(void)
{
	struct root root = {
	    .version = 2, .root_threshold = 1, .policy_threshold = 1};

	setup(NULL);
	policy_is(1, 7, 0, "in force");
	rig_policy_key(&root, 5, ROOT_ROLE_ROOT);
	rig_policy_key(&root, 6, ROOT_ROLE_POLICY);
	rig_policy_write_root(file, &root, &(struct rig_signed){.key = 5});
	load_is(1, "by root keys of root 1", "by the new key alone");
	rig_policy_write_root(file, &root, &(struct rig_signed){.key = 1});
	load_is(1, "by root keys of root 2", "by the old key alone");
	rig_policy_write_root(
	    file, &root, &(struct rig_signed){.key = 1, .also = 5});
	load_is(0, "root 2 is trusted", "by both");
	CHECK_INT(status_number("policy_serial"), 7);
	signed_is(&(struct rig_signed){.epoch = 2, .serial = 1, .body = body},
	    1, "root 2 does not name", "a policy by the old key");
	signed_is(
	    &(struct rig_signed){
		.epoch = 2, .serial = 1, .body = body, .key = 6},
	    0, "in force", "a policy by the new key");
	/* The old root key can begin nothing any more. */
	rig_policy_root(file, 3);
	load_is(1, "by root keys of root 2", "root 3 by the old key");
	rig_agent_stop(&agent);
}

/* Two must sign: nobody counts twice. */
static void
t_threshold(void)
{
	struct root root = {
	    .version = 1, .root_threshold = 1, .policy_threshold = 2};
	const struct rig_signed one = {.serial = 7, .body = body, .key = 2};
	struct rig_signed two = one;
	const size_t len = ENVELOPE_KEY_ID_LEN + ENVELOPE_SIGNATURE_LEN;
	size_t n;
	char *data;
	FILE *f;

	rig_policy_key(&root, 1, ROOT_ROLE_ROOT);
	rig_policy_key(&root, 2, ROOT_ROLE_POLICY);
	rig_policy_key(&root, 4, ROOT_ROLE_POLICY);
	setup(&root);
	signed_is(&one, 1, "expected 2 signatures", "one");
	/* The same signature twice. */
	data = rig_read(file, &n);
	REQUIRE(data != NULL && n > len + 1, "%zu bytes", n);
	data[n - len - 1] = 2;
	f = fopen(file, "w");
	REQUIRE(f != NULL && fwrite(data, 1, n, f) == n &&
		    fwrite(data + n - len, 1, len, f) == len,
	    "%s", file);
	fclose(f);
	free(data);
	load_is(1, "repeated signatures", "the same key twice");
	two.also = 9;
	signed_is(&two, 1, "does not name", "and a stranger");
	two.also = 1;
	signed_is(&two, 1, "does not let", "and the root key");
	two.also = 4;
	signed_is(&two, 0, "in force", "both");
	/* A root in which one key has two names. */
	root.version = 2;
	root.keys_n = 2;
	rig_policy_key(&root, 2, ROOT_ROLE_POLICY);
	snprintf(root.keys[2].name, sizeof(root.keys[2].name), "other");
	rig_policy_write_root(file, &root, &(struct rig_signed){.key = 1});
	load_is(1, "is the same key as", "one key, two names");
	rig_agent_stop(&agent);
}

static const struct rig_case cases[] = {
    {"test_new_root_version", t_new_root_version, 0, 0},
    {"test_rollback", t_rollback, 0, 0},
    {"test_freeze", t_freeze, 0, 0},
    {"test_mix_and_match", t_mix_and_match, 0, 0},
    {"test_fast_forward_recovery", t_fast_forward, 0, 0},
    {"test_key_rotation", t_key_rotation, 0, 0},
    {"test_threshold", t_threshold, 0, 0},
};
RIG_MAIN("policy_tuf", cases, NULL)
