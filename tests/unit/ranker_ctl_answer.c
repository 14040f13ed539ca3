/* What the policy server's verbs answer, and what they refuse. */
#include "policyd/ranker/ranker_ctl_answer.h"

#include "policyd/store/store_impl.h"
#include "tests/unit/ranker_ctl_rig.h"

#define N(a)  (sizeof(a) / sizeof(*(a)))
#define KEY_1 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define KEY_2 "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

/* Before anything was published. */
static void
empty(void)
{
	static const char *const lists[] = {"policy\n", "overrides\n",
	    "agents\n", "ranks\n", "events\n", "events since=5 max=9\n"};
	json_t *lines;
	size_t i;

	start();
	for (i = 0; i < N(lists); i++) {
		lines = ask(lists[i]);
		head(lines, true);
		CHECK_INT(json_array_size(lines), i >= 4 ? 2 : 1);
		json_decref(lines);
	}
	lines = ask("history\n");
	CHECK_INT(json_array_size(lines), 2);
	CHECK_STR(str(json_array_get(lines, 1), "type"), "root");
	CHECK_STR(str(json_array_get(lines, 1), "by"), "configuration");
	CHECK_INT(strlen(str(json_array_get(lines, 1), "hash")), 16);
	json_decref(lines);
	lines = ask("status\n");
	CHECK_STR(str(head(lines, true), "version"), CAGENT_VERSION);
	CHECK_INT(num(head(lines, true), "agents"), 0);
	CHECK_INT(num(head(lines, true), "root_epoch"), 1);
	CHECK_INT(
	    json_array_size(json_object_get(head(lines, true), "no_line_to")),
	    4);
	json_decref(lines);
	expect_code(ask("why s1\n"), "not-found");
	expect_code(ask("body 7\n"), "not-found");
	expect_code(ask("agent a\n"), "not-found");
	expect_code(ask("agent-remove a\n"), "not-found");
	expect_code(ask("override-end 1\n"), "not-found");
	expect_code(ask("use use=s1 for=60\n"), "not-found");
	stop();
}

static const struct {
	const char *line;
	const char *code;
} bad_lines[] = {
    {"\n", "usage"},
    {" status\n", "usage"},
    {"status \n", "usage"},
    {"status\r\n", "usage"},
    {"why \xff\n", "usage"},
    {"STATUS\n", "unknown-verb"},
    {"{\"verb\":\"status\"}\n", "unknown-verb"},
    {"GET / HTTP/1.1\n", "unknown-verb"},
    {"status now\n", "usage"},
    {"publish\n", "usage"},
    {"publish 0\n", "usage"},
    {"publish -1\n", "usage"},
    {"publish 1050000\n", "usage"}, /* ENVELOPE_MAX is less */
    {"publish 99999999999999999999\n", "usage"},
    {"publish 500 please\n", "usage"},
    {"delivery\n", "usage"},
    {"delivery table\n", "usage"},
    {"body\n", "usage"},
    {"body x\n", "usage"},
    {"body -7\n", "usage"},
    {"use\n", "usage"},
    {"use for=60\n", "usage"},
    {"use for=60 group=york\n", "usage"},
    {"use use=s1 group=york\n", "usage"},
    {"use use=s1 for=0\n", "usage"},
    {"use use=s1 for=-5\n", "usage"},
    {"use use=s1 for=31622401\n", "usage"},
    {"use use= for=60\n", "usage"},
    {"use use=S1 for=60\n", "usage"},
    {"use use=s1 for=60 group=York\n", "usage"},
    {"use use=s1 for=60 force=yes\n", "usage"},
    {"override-end x\n", "usage"},
    {"override-end 0\n", "usage"},
    {"token 00 york 60\n", "usage"},
    {"token zz york 60\n", "usage"},
    {"agent-add A york AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
	"usage"},
    {"agent-add a york AAAA\n", "usage"},
    {"agent-add a york AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\n",
	"usage"},
    {"why\n", "usage"},
    {"events now\n", "usage"},
    {"events max=0\n", "usage"},
    {"events max=10001\n", "usage"},
    {"events after=-1\n", "usage"},
};

static void
errors(void)
{
	size_t i;

	start();
	for (i = 0; i < N(bad_lines); i++)
		expect_code(ask(bad_lines[i].line), bad_lines[i].code);
	alive();
	stop();
}

/* What no agent would take gets no further, and changes nothing. */
static void
publish_refuses(void)
{
	struct envelope e;
	struct sample s;
	uint8_t byte;
	size_t i;

	start();
	published("york", 20, RIG_POLICY);
	sign_policy(&s, "york", 20, RIG_POLICY);
	expect_done(publish(&s, ""),
	    "policy 20 of root 1 for york was published "
	    "already");
	sign_policy(&s, "york", 19, RIG_POLICY);
	expect_refusal(publish(&s, ""), "refused", "above 20");
	sign_policy(&s, "york", 20, RIG_POLICY "; other\n");
	expect_refusal(publish(&s, ""), "refused", "same-serial");
	sign_policy(&s, "*", 19, RIG_POLICY);
	expect_refusal(publish(&s, ""), "refused", "above 20");
	sign_policy(&s, "york", 21, "[tier \"gold\"]\nrnak = 1\n");
	expect_refusal(publish(&s, ""), "refused", "rnak");
	sample_sign(&s, sample_header(ENVELOPE_RANK, 1, 5),
	    "[rank]\npolicy-serial = 20\n", "6");
	expect_refusal(publish(&s, ""), "refused", "makes these itself");
	/* Signed by the online key, by nobody's, under another root. */
	sample_sign(&s, sample_header(ENVELOPE_POLICY, 1, 21), RIG_POLICY, "6");
	expect_refusal(publish(&s, ""), "refused", "");
	sample_sign(&s, sample_header(ENVELOPE_POLICY, 1, 21), RIG_POLICY, "8");
	expect_refusal(publish(&s, ""), "refused", "does not name");
	sample_sign(&s, sample_header(ENVELOPE_POLICY, 2, 21), RIG_POLICY, "4");
	expect_refusal(publish(&s, ""), "refused", "");
	e = sample_header(ENVELOPE_POLICY, 1, 21);
	e.expires_s = SAMPLE_NOW - 1;
	sample_sign(&s, e, RIG_POLICY, "4");
	expect_refusal(publish(&s, ""), "refused", "expired");
	/* Cut, with more after it, and a bit of each byte flipped. */
	sign_policy(&s, "york", 21, RIG_POLICY);
	s.len--;
	expect_refusal(publish(&s, ""), "refused", "one whole");
	s.data[++s.len] = 0;
	s.len++;
	expect_refusal(publish(&s, ""), "refused", "one whole");
	s.len--;
	for (i = 0; i < s.len; i++) {
		byte = s.data[i];
		s.data[i] ^= (uint8_t)(1u << i % 8);
		expect_code(publish(&s, " force"), "refused");
		s.data[i] = byte;
	}
	CHECK_INT(verified_mark(LIST_FIRST(&rig.policies)->v).serial, 20);
	expect_done(publish(&s, ""), "is published, for york");
	stop();
}

static void
publish_nothing(void)
{
	struct sample s;
	json_t *lines;

	start();
	sign_policy(&s, "*", 7, "; nothing\n");
	expect_refusal(publish(&s, ""), "refused", "names no intermediary");
	CHECK(LIST_EMPTY(&rig.policies), "published");
	lines = publish(&s, " force");
	CHECK_STR(str(head(lines, true), "message"),
	    "policy 7 of root 1 for * is published, for all agents");
	CHECK(*str(head(lines, true), "warning") != '\0', "no warning");
	json_decref(lines);
	stop();
}

static void
past(void)
{
	json_t *lines;
	const json_t *o;

	start();
	published("york", 7, RIG_POLICY);
	published("york", 9, RIG_POLICY "; nine\n");
	published("leeds", 9, RIG_POLICY "; leeds\n");
	lines = ask("history\n");
	CHECK_INT(json_array_size(lines), 5);
	o = json_array_get(lines, 3);
	CHECK_STR(str(o, "audience"), "york");
	CHECK_INT(num(o, "serial"), 7);
	CHECK(json_is_false(json_object_get(o, "in_force")), "7 is in force");
	CHECK_STR(str(o, "by"), "uid 0");
	json_decref(lines);
	lines = ask("body 7\n");
	CHECK_STR(str(head(lines, true), "body"), RIG_POLICY);
	json_decref(lines);
	expect_refusal(ask("body 9\n"), "usage", "--audience");
	lines = ask("body 9 leeds\n");
	CHECK_STR(str(head(lines, true), "body"), RIG_POLICY "; leeds\n");
	json_decref(lines);
	expect_code(ask("body 7 leeds\n"), "not-found");
	lines = ask("policy york\n");
	CHECK_INT(json_array_size(lines), 2);
	o = json_array_get(lines, 1);
	CHECK_INT(num(o, "serial"), 9);
	CHECK_INT(num(o, "at_s"), SAMPLE_NOW);
	CHECK_STR(json_string_value(
		      json_array_get(json_object_get(o, "signed_by"), 0)),
	    "k4");
	json_decref(lines);
	stop();
}

/* Who of those connected has it, and who says no. */
static void
delivery(void)
{
	struct store_agent a;
	json_t *lines;
	const json_t *o;

	start();
	published("york", 20, RIG_POLICY);
	published("leeds", 30, RIG_POLICY);
	rig_agent("y1", "york", 20);
	rig_agent("y2", "york", 19);
	rig_agent("y3", "york", 0);
	rig_agent("l1", "leeds", 30);
	rig_ok(store_agent_by_name(rig.store, "y3", &a), "y3");
	snprintf(a.nack_code, sizeof(a.nack_code), "limits");
	snprintf(a.nack_text, sizeof(a.nack_text), "not there");
	rig_ok(ranker_begin(&rig), "begin");
	rig_ok(ranker_end(&rig, store_agent_update(rig.store, &a)), "update");
	lines = ask("delivery policy york\n");
	o = head(lines, true);
	CHECK_INT(num(o, "connected"), 3);
	CHECK_INT(num(o, "have"), 1);
	CHECK_INT(num(o, "refused"), 1);
	CHECK_STR(
	    json_string_value(json_array_get(json_object_get(o, "waiting"), 0)),
	    "y2");
	o = json_array_get(json_object_get(o, "nacks"), 0);
	CHECK_STR(str(o, "agent"), "y3");
	CHECK_STR(str(o, "code"), "limits");
	CHECK_STR(str(o, "text"), "not there");
	json_decref(lines);
	lines = ask("delivery policy *\n");
	CHECK_INT(num(head(lines, true), "connected"), 4);
	CHECK_INT(num(head(lines, true), "have"), 2);
	json_decref(lines);
	lines = ask("delivery root\n");
	CHECK_INT(num(head(lines, true), "connected"), 4);
	CHECK_INT(num(head(lines, true), "have"), 0);
	json_decref(lines);
	/* What was refused before is no answer to the next one. */
	published("york", 21, RIG_POLICY);
	lines = ask("delivery policy york\n");
	o = head(lines, true);
	CHECK_INT(num(o, "have"), 0);
	CHECK_INT(num(o, "refused"), 0);
	CHECK_INT(json_array_size(json_object_get(o, "waiting")), 3);
	json_decref(lines);
	/* Nobody signs here: what is to come is said to be. */
	lines = ask("delivery rank york\n");
	CHECK(json_is_true(json_object_get(head(lines, true), "pending")),
	    "no rank is waited for");
	json_decref(lines);
	lines = ask("status\n");
	CHECK_INT(json_array_size(lines), 3);
	o = json_array_get(lines, 2);
	CHECK_STR(str(o, "group"), "york");
	CHECK_INT(num(o, "connected"), 3);
	CHECK_INT(num(o, "have_policy"), 0);
	json_decref(lines);
	stop();
}

/* --- orders --- */

static struct ranker_place *
place(const char *group, const char *name)
{
	struct ranker_group *g = ranker_group(&rig, group);
	uint32_t i;

	for (i = 0; g != NULL && i < g->places_n; i++) {
		if (strcmp(g->places[i].state.name, name) == 0)
			return &g->places[i];
	}
	fprintf(stderr, "no place of %s for %s\n", name, group);
	abort();
}

static void
orders_begin(void)
{
	start();
	ranker_rank_start(&rig);
	published("york", 7, RIG_POLICY);
	published("leeds", 7, RIG_POLICY);
	pass(1100000);
}

static void
expect_why(const char *group, const char *name, enum order_why why)
{
	pass(100000);
	CHECK(place(group, name)->state.why == why, "%s for %s: %s, not %s",
	    name, group, order_why_word(place(group, name)->state.why),
	    order_why_word(why));
}

static void
use(void)
{
	json_t *lines;
	const json_t *o;

	orders_begin();
	lines = ask("use use=s1 use=s3 not=s2 for=7200 group=york "
		    "why=new disks, \"two\"\n");
	o = head(lines, true);
	CHECK_STR(str(o, "message"),
	    "override 1: use s1, s3, not s2, for york, until "
	    "2027-01-15T10:00:01Z");
	CHECK_STR(str(o, "why"), "new disks, \"two\"");
	CHECK_STR(str(o, "by"), "uid 0");
	CHECK_INT(num(o, "id"), 1);
	json_decref(lines);
	expect_why("york", "s1", ORDER_USE);
	expect_why("york", "s2", ORDER_AVOID);
	expect_why("york", "s3", ORDER_USE);
	expect_why("leeds", "s2", ORDER_POLICY);
	CHECK_INT(place("york", "s3")->state.tier, 1);
	CHECK(place("york", "s2")->state.drain, "s2 is used");
	/* The newer word wins, for whom it is said. */
	expect_done(ask("use use=s2 not=s1 for=60\n"), "override 2");
	expect_why("york", "s2", ORDER_USE);
	expect_why("york", "s1", ORDER_AVOID);
	expect_why("york", "s3", ORDER_USE);
	expect_why("leeds", "s1", ORDER_AVOID);
	lines = ask("overrides\n");
	CHECK_INT(json_array_size(lines), 3);
	CHECK_STR(str(json_array_get(lines, 2), "group"), "*");
	json_decref(lines);
	lines = ask("ranks york\n");
	CHECK_INT(json_array_size(lines), 5);
	o = json_array_get(lines, 1);
	CHECK_STR(str(o, "name"), "s1");
	CHECK_STR(str(o, "why"), "avoid");
	CHECK(json_is_true(json_object_get(o, "drain")), "it does not drain");
	json_decref(lines);
	/* Ended by somebody, and by the clock. */
	expect_done(ask("override-end 1\n"), "has ended");
	expect_code(ask("override-end 1\n"), "not-found");
	expect_why("york", "s3", ORDER_POLICY);
	pass(61000000);
	pass(1100000);
	expect_why("york", "s1", ORDER_POLICY);
	expect_why("leeds", "s1", ORDER_POLICY);
	lines = ask("overrides\n");
	CHECK_INT(json_array_size(lines), 1);
	json_decref(lines);
	stop();
}

static void
use_refuses(void)
{
	char line[PDCTL_LINE_MAX] = "use";
	json_t *lines;
	int i;

	orders_begin();
	expect_refusal(
	    ask("use use=s11 for=60\n"), "not-found", "did you mean \"s1\"?");
	expect_refusal(ask("use not=nobody for=60\n"), "not-found", "nobody");
	expect_refusal(ask("use use=s1 for=60 group=yrk\n"), "not-found",
	    "did you mean \"york\"?");
	expect_refusal(ask("use use=s1 not=s1 for=60\n"), "usage", "both");
	/* The reserved one is no way out for others. */
	expect_refusal(ask("use not=s1 not=s2 not=s3 for=60\n"), "refused",
	    "no usable intermediary");
	expect_done(ask("use not=s1 not=s2 for=60 group=york\n"), "not s1, s2");
	expect_refusal(ask("use not=s3 for=60\n"), "refused", "york");
	expect_refusal(
	    ask("use not=s3 for=60 group=york\n"), "refused", "york");
	expect_done(ask("use not=s3 for=60 group=leeds\n"), "not s3");
	expect_done(ask("use not=s3 use=s1 for=60 group=york\n"), "use s1");
	/* What is dead is none, unless it is said to be used. */
	place("leeds", "s2")->estimate.dead = true;
	expect_refusal(
	    ask("use not=s1 for=60 group=leeds\n"), "refused", "dead or drain");
	place("leeds", "s2")->estimate.dead = true;
	expect_done(ask("use not=s1 use=s2 for=60 group=leeds\n"), "use s2");
	CHECK_INT(rig.overrides_n, 4);
	for (i = 4; i < RANKER_CTL_ORDERS_MAX; i++)
		expect_done(ask("use use=s1 for=60\n"), "use s1");
	expect_refusal(ask("use use=s1 for=60\n"), "refused", "end one");
	expect_done(ask("override-end 2\n"), "has ended");
	expect_done(ask("use use=s1 for=60\n"), "use s1");
	/* What cannot be kept is not done. */
	expect_done(ask("override-end 3\n"), "has ended");
	CHECK_INT(sqlite3_exec(rig.store->db, "PRAGMA query_only = ON", NULL,
		      NULL, NULL),
	    SQLITE_OK);
	expect_refusal(ask("use use=s2 for=60\n"), "store", "");
	expect_code(ask("override-end 1\n"), "store");
	expect_code(ask("agent-add a york " KEY_1 "\n"), "store");
	CHECK_INT(rig.overrides_n, RANKER_CTL_ORDERS_MAX - 1);
	lines = ask("status\n");
	CHECK(
	    strstr(str(head(lines, true), "read_only_why"), "readonly") != NULL,
	    "it does not say why");
	json_decref(lines);
	for (i = 0; i < 100; i++)
		snprintf(line + strlen(line), sizeof(line) - strlen(line),
		    " use=a-name-of-20-bytes-%02d", i);
	strlcat(line, " for=60\n", sizeof(line));
	expect_refusal(ask(line), "usage", "too long");
	stop();
}

/* --- agents --- */

static void
agents(void)
{
	json_t *lines;
	const json_t *o;

	start();
	published("york", 20, RIG_POLICY);
	expect_done(ask("agent-add lap-1 york " KEY_1 "\n"), "may come");
	expect_refusal(
	    ask("agent-add lap-1 york " KEY_2 "\n"), "refused", "lap-1");
	expect_refusal(
	    ask("agent-add lap-2 york " KEY_1 "\n"), "refused", "lap-2");
	rig_agent("lap-3", "york", 20);
	lines = ask("agents\n");
	CHECK_INT(json_array_size(lines), 3);
	o = json_array_get(lines, 1);
	CHECK_STR(str(o, "name"), "lap-1");
	CHECK_STR(str(o, "state"), "never seen");
	CHECK_STR(str(o, "key"), KEY_1);
	o = json_array_get(lines, 2);
	CHECK_STR(str(o, "state"), "connected");
	CHECK_INT(num(o, "policy_serial"), 20);
	CHECK_INT(num(o, "policy_issued_s"), SAMPLE_NOW - 1000);
	json_decref(lines);
	lines = ask("agent lap-3\n");
	CHECK_STR(
	    str(json_object_get(head(lines, true), "agent"), "group"), "york");
	json_decref(lines);
	expect_refusal(
	    ask("agent lap3\n"), "not-found", "did you mean \"lap-3\"?");
	expect_done(ask("agent-remove lap-3\n"), "known no longer");
	expect_code(ask("agent-remove lap-3\n"), "not-found");
	stop();
}

/* Only what the hash is of opens the door, once. */
static void
tokens(void)
{
	uint8_t hash[PDCTL_HASH_LEN];
	char hex[2 * PDCTL_HASH_LEN + 1], group[MANAGE_NAME_MAX + 1];
	char line[160];

	start();
	pdctl_token_hash("mellon", hash);
	sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
	snprintf(line, sizeof(line), "token %s york 60\n", hex);
	expect_done(ask(line), "good for one agent of group york");
	expect_refusal(ask(line), "refused", "made before");
	rig_ok(ranker_begin(&rig), "begin");
	CHECK_INT(
	    store_token_use(rig.store, hash, SAMPLE_NOW + 61, group), -ENOENT);
	CHECK_INT(store_token_use(rig.store, hash, SAMPLE_NOW + 59, group), 0);
	CHECK_STR(group, "york");
	CHECK_INT(
	    store_token_use(rig.store, hash, SAMPLE_NOW + 59, group), -ENOENT);
	rig_ok(ranker_end(&rig, 0), "end");
	stop();
}

static void
events(void)
{
	char line[64];
	json_t *lines;
	long long last;

	start();
	published("york", 7, RIG_POLICY);
	lines = ask("events\n");
	CHECK_INT(json_array_size(lines), 3);
	last = num(json_array_get(lines, 2), "id");
	CHECK_STR(str(json_array_get(lines, 2), "kind"), "policy");
	CHECK_STR(str(json_array_get(lines, 2), "group"), "york");
	json_decref(lines);
	published("york", 8, RIG_POLICY);
	snprintf(line, sizeof(line), "events after=%lld max=1\n", last);
	lines = ask(line);
	CHECK_INT(json_array_size(lines), 2);
	CHECK(num(json_array_get(lines, 1), "id") > last, "an old one");
	json_decref(lines);
	snprintf(line, sizeof(line), "events since=%lld\n",
	    (long long)SAMPLE_NOW + 1);
	lines = ask(line);
	CHECK_INT(json_array_size(lines), 1);
	json_decref(lines);
	stop();
}

static const struct unit_case cases[] = {
    {"nothing yet", empty},
    {"errors", errors},
    {"publish: what no agent takes", publish_refuses},
    {"publish: no intermediary", publish_nothing},
    {"what was published", past},
    {"delivery", delivery},
    {"use", use},
    {"use: refusals", use_refuses},
    {"agents", agents},
    {"tokens", tokens},
    {"events", events},
};

UNIT_MAIN("ranker_ctl_answer", cases)
