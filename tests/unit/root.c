/* The body of a root: what it may say, line by line. */
#include "trust/root.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "tests/unit/trust_sample.h"
#include "tests/unit/unit.h"

#define A     "iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=" /* seed 01.. */
#define B     "gTl3Dqh9F19Wo1Rmw0x+zMuNipG07jeiXfYPW4/Js5Q=" /* seed 02.. */
#define HEAD  "[root]\nversion = 1\nroot-threshold = 1\npolicy-threshold = 1\n"
#define KEY_A "[key \"a\"]\npublic = " A "\nrole = root\nrole = policy\n"

static struct conf_errors errors;
static struct root root;

static int
parse(const char *text)
{
	return root_parse("r", text, strlen(text), &root, &errors);
}

static void
keys_are_as_said(void)
{
	char a[KEYFILE_B64_LEN], b[KEYFILE_B64_LEN];

	CHECK_STR(keyfile_base64(sample_key(1).public_key, a), A);
	CHECK_STR(keyfile_base64(sample_key(2).public_key, b), B);
}

static void
is_read(void)
{
	uint8_t id[ENVELOPE_KEY_ID_LEN];
	const struct root_key *k;

	CHECK_INT(parse("[root]\nversion = 4294967295\nroot-threshold = 1\n"
			"policy-threshold = 1\n" KEY_A
			"expires = 2027-01-01T00:00:00Z\n"
			"[key \"online.1\"]\npublic = " B "\nrole = rank\n"),
	    0);
	CHECK_STR(errors.text, "");
	CHECK_INT(root.version, UINT32_MAX);
	CHECK_INT(root.keys_n, 2);
	CHECK_STR(root.keys[0].name, "a");
	CHECK_INT(root.keys[0].roles, ROOT_ROLE_ROOT | ROOT_ROLE_POLICY);
	CHECK_INT(root.keys[0].expires_s, 1798761600);
	CHECK_STR(root.keys[1].name, "online.1");
	CHECK(root.keys[1].expires_s == ROOT_NEVER, "never");
	CHECK_INT(root_count(&root, ROOT_ROLE_ROOT), 1);
	CHECK_INT(root_count(&root, ROOT_ROLE_SEAL), 0);
	CHECK_INT(root_threshold(&root, ROOT_ROLE_RANK), 1);
	envelope_key_id(sample_key(2).public_key, id);
	k = root_find(&root, id, ROOT_ROLE_RANK);
	CHECK(k == &root.keys[1], "by id");
	CHECK(root_find(&root, id, ROOT_ROLE_POLICY | ROOT_ROLE_ROOT) == NULL,
	    "by role");
}

static void
is_written_and_read(void)
{
	struct root want = sample_root(7);
	char text[ROOT_TEXT_MAX], again[ROOT_TEXT_MAX];
	size_t n;
	uint32_t i;

	want.keys[3].expires_s = SAMPLE_NOW;
	want.revoked_n = 2;
	memset(want.revoked[0], 0xa5, sizeof(want.revoked[0]));
	memset(want.revoked[1], 0x0f, sizeof(want.revoked[1]));
	n = root_format(&want, text);
	CHECK(n > 0, "room");
	CHECK_INT(root_parse("r", text, n, &root, &errors), 0);
	CHECK_STR(errors.text, "");
	CHECK_INT(root.version, 7);
	CHECK_INT(root.root_threshold, 2);
	CHECK_INT(root.policy_threshold, 1);
	CHECK_INT(root.keys_n, SAMPLE_KEYS);
	for (i = 0; i < SAMPLE_KEYS; i++)
		CHECK(memcmp(&root.keys[i], &want.keys[i],
			  sizeof(root.keys[i])) == 0,
		    "key %u", i);
	CHECK_INT(root.revoked_n, 2);
	CHECK(root_revokes(&root, want.revoked[0]), "the first");
	CHECK(root_revokes(&root, want.revoked[1]), "the second");
	CHECK(!root_revokes(&root, root.keys[0].id), "a key of its own");
	CHECK_INT(root_format(&root, again), n);
	CHECK(memcmp(text, again, n) == 0, "the same text");
}

static void
its_own_key_is_not_revoked(void)
{
	struct root want = sample_root(7);
	char text[ROOT_TEXT_MAX];
	size_t n;

	want.revoked_n = 1;
	memcpy(want.revoked[0], want.keys[4].id, sizeof(want.revoked[0]));
	n = root_format(&want, text);
	CHECK(root_parse("r", text, n, &root, &errors) != 0, "accepted");
	CHECK(strstr(errors.text, "[key \"k5\"] is 'revoked'") != NULL, "%s",
	    errors.text);
}

/* The longest there can be. */
static void
has_room_for_all(void)
{
	struct root want = {
	    .version = UINT32_MAX, .root_threshold = 8, .policy_threshold = 8};
	char text[ROOT_TEXT_MAX];
	uint8_t i;
	size_t n;

	for (i = 0; i < ROOT_KEYS_MAX; i++) {
		sample_add_key(&want, i, ROOT_ROLE_ROOT | ROOT_ROLE_POLICY);
		memset(want.keys[i].name, 'x', ROOT_NAME_MAX);
		want.keys[i].name[0] = (char)('a' + i / 26);
		want.keys[i].name[1] = (char)('a' + i % 26);
		want.keys[i].expires_s = SAMPLE_NOW;
	}
	want.revoked_n = ROOT_REVOKED_MAX;
	for (i = 0; i < ROOT_REVOKED_MAX; i++)
		memset(want.revoked[i], i, sizeof(want.revoked[i]));
	n = root_format(&want, text);
	CHECK(n > 0, "room");
	CHECK_INT(root_parse("r", text, n, &root, &errors), 0);
	CHECK_STR(errors.text, "");
	CHECK_INT(root.keys_n, ROOT_KEYS_MAX);
	CHECK_INT(root.revoked_n, ROOT_REVOKED_MAX);
}

static void
refuses_one_key_too_many(void)
{
	size_t cap = 128 * (ROOT_KEYS_MAX + 2), at = 0;
	char *text = malloc(cap), b64[KEYFILE_B64_LEN];
	int i;

	at = (size_t)snprintf(text, cap, HEAD);
	for (i = 0; i <= ROOT_KEYS_MAX; i++)
		at += (size_t)snprintf(text + at, cap - at,
		    "[key \"k%d\"]\npublic = %s\nrole = root\nrole = policy\n",
		    i, keyfile_base64(sample_key((uint8_t)i).public_key, b64));
	CHECK_INT(parse(text) != 0, 1);
	CHECK(
	    strstr(errors.text, "at most 64 keys") != NULL, "%s", errors.text);
	free(text);
}

static void
refuses(void)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
	    {"", "r:1: expected a section [root]"},
	    {KEY_A, "r:1: expected a section [root]"},
	    {HEAD, "expected at least 1 keys with 'role = root'"},
	    {"[root]\nversion = 0\nroot-threshold = 1\npolicy-threshold = "
	     "1\n" KEY_A,
		"r:2: "},
	    {"[root]\nversion = 4294967296\nroot-threshold = 1\n"
	     "policy-threshold = 1\n" KEY_A,
		"r:2: "},
	    {"[root]\nversion = -1\nroot-threshold = 1\npolicy-threshold = "
	     "1\n" KEY_A,
		"r:2: "},
	    {"[root]\nversion = 1\nroot-threshold = 0\npolicy-threshold = "
	     "1\n" KEY_A,
		"r:3: "},
	    {"[root]\nversion = 1\nroot-threshold = 9\npolicy-threshold = "
	     "1\n" KEY_A,
		"r:3: "},
	    {"[root]\nversion = 1\nroot-threshold = 2\npolicy-threshold = "
	     "1\n" KEY_A,
		"expected at least 2 keys with 'role = root'"},
	    {"[root]\nversion = 1\nroot-threshold = 1\npolicy-threshold = "
	     "2\n" KEY_A,
		"expected at least 2 keys with 'role = policy'"},
	    {"[root]\nversion = 1\nroot-threshold = 1\n" KEY_A,
		"lacks 'policy-threshold'"},
	    {"[root]\nversion = 1\nversion = 1\nroot-threshold = 1\n"
	     "policy-threshold = 1\n" KEY_A,
		"r:3: 'version' is set at line 2 already"},
	    {HEAD "rank-threshold = 1\n" KEY_A, "r:5: unknown key"},
	    {HEAD "revoked = 0123\n" KEY_A, "r:5: 'revoked': expected a key's"},
	    {HEAD "revoked = 0123456789abcdef0123456789abcdeF\n" KEY_A,
		"r:5: 'revoked': expected a key's"},
	    {HEAD "revoked = 0123456789abcdef0123456789abcdef00\n" KEY_A,
		"r:5: 'revoked': expected a key's"},
	    {HEAD "revoked = 0123456789abcdef0123456789abcdef\n"
		  "revoked = 0123456789abcdef0123456789abcdef\n" KEY_A,
		"r:6: expected at most 64 keys"},
	    {HEAD KEY_A "[keys \"b\"]\n", "unknown section [keys]"},
	    {HEAD KEY_A KEY_A, "stands at line 5 already"},
	    /* One key under two names would fill a threshold alone. */
	    {HEAD KEY_A "[key \"b\"]\npublic = " A "\nrole = root\n",
		"r:9: [key \"b\"] is the same key as [key \"a\"]"},
	    {HEAD KEY_A "[key \"b\"]\nrole = root\n", "lacks 'public'"},
	    {HEAD KEY_A "[key \"b\"]\npublic = " B "\n", "lacks 'role'"},
	    {HEAD KEY_A "[key \"b\"]\npublic = " B "\nrole = admin\n",
		"r:11: "},
	    {HEAD KEY_A "[key \"b\"]\npublic = " B
			"\nrole = root\nrole = root\n",
		"r:12: 'role = root' stands twice"},
	    {HEAD KEY_A "[key \"b\"]\npublic = " B "\nrole = rank\nrole = "
			"policy\n",
		"no role beside 'rank'"},
	    {HEAD KEY_A "[key \"b\"]\npublic = " B "\nrole = seal\nrole = "
			"rank\n",
		"no role beside"},
	    {HEAD KEY_A "[key \"b\"]\npublic = " B "\nrole = seal\nrole = "
			"root\n",
		"no role beside 'seal'"},
	    {HEAD KEY_A "[key \"B\"]\npublic = " B "\nrole = root\n",
		"expected a name of a-z"},
	    {HEAD KEY_A "[key \"*\"]\npublic = " B "\nrole = root\n",
		"expected a name of a-z"},
	    {HEAD KEY_A "[key \"b\"]\npublic = AAAA\nrole = root\n", "r:10: "},
	    /* Anybody can sign for these. */
	    {HEAD KEY_A
		"[key \"b\"]\npublic = "
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nrole = root\n",
		"not an Ed25519 public key"},
	    {HEAD KEY_A
		"[key \"b\"]\npublic = "
		"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nrole = root\n",
		"not an Ed25519 public key"},
	    {HEAD KEY_A "[key \"b\"]\npublic = " B "\nrole = root\n"
			"expires = tomorrow\n",
		"r:12: "},
	    {HEAD KEY_A "[key \"b\"]\npublic = " B "\nrole = root\n"
			"expires = 2027-02-30T00:00:00Z\n",
		"r:12: "},
	};
	size_t i;

	CHECK_INT(parse(HEAD KEY_A), 0);
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		CHECK(parse(cases[i].text) != 0, "case %zu is taken", i);
		CHECK(strstr(errors.text, cases[i].want) != NULL,
		    "case %zu: want '%s', got '%s'", i, cases[i].want,
		    errors.text);
	}
}

static const struct unit_case cases[] = {
    {"keys are as said", keys_are_as_said},
    {"is read", is_read},
    {"is written and read", is_written_and_read},
    {"its own key is not revoked", its_own_key_is_not_revoked},
    {"has room for all", has_room_for_all},
    {"refuses one key too many", refuses_one_key_too_many},
    {"refuses", refuses},
};
UNIT_MAIN("root", cases)
