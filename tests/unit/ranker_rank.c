/* policyd/ranker: what is published, ranks and orders, and who signs them. */
#include "conf/policy_rank.h"
#include "policyd/store/store_impl.h"
#include "tests/unit/ranker_rig.h"

static struct rig *
started(void)
{
	struct rig *g = rig_new();

	rig_start(g);
	return g;
}

/* With a policy for all and one agent in "blue", which has its first rank. */
static struct rig *
ranked(void)
{
	struct rig *g = started();

	CHECK_INT(rig_publish(g, "*", 7), 0);
	rig_token(g, "t", "blue");
	CHECK_STR(rig_hello(g, 1, 1, "aann", "t"), "blue");
	AWAIT(g, published_n, 3); /* root, policy, rank */
	CHECK_INT(g->published.e.type, ENVELOPE_RANK);
	CHECK_STR(g->published.e.audience, "blue");
	return g;
}

/* As an agent reads it. */
static struct policy_rank *
parsed(struct rig *g)
{
	struct conf_errors *e = calloc(1, sizeof(*e));
	const struct ranker_policy *p = ranker_policy(&g->ranker, "blue");
	struct policy_rank *rank = policy_rank_parse("rank", g->published.body,
	    strlen(g->published.body), p->settings, e);

	CHECK(rank != NULL, "an agent refuses it: %s", e->text);
	free(e);
	return rank != NULL ? rank : calloc(1, sizeof(*rank));
}

static uint64_t
highest(struct rig *g)
{
	sqlite3_stmt *stmt = NULL;
	int64_t n = 0;

	if (sqlite3_prepare_v2(g->ranker.store->db,
		"SELECT max(last) FROM rank_serial", -1, &stmt,
		NULL) == SQLITE_OK &&
	    sqlite3_step(stmt) == SQLITE_ROW)
		n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return (uint64_t)n;
}

/* --- what is published --- */

static void
test_policy(void)
{
	struct sample s;
	struct rig *g = started();
	struct envelope e = rig_header(ENVELOPE_POLICY, 1, 9);

	CHECK_INT(rig_publish(g, "*", 7), 0);
	CHECK_INT(rig_publish(g, "*", 7), -EINVAL);
	CHECK_STR(g->why.code, "same-serial");
	CHECK_INT(rig_publish(g, "*", 6), -EINVAL);
	CHECK_STR(g->why.code, "rollback");
	/* For some of those that have a newer one. */
	CHECK_INT(rig_publish(g, "blue", 5), -EINVAL);
	CHECK_STR(g->why.code, "rollback");
	CHECK_INT(rig_publish(g, "blue", 8), 0);
	CHECK_INT(rig_publish(g, "*", 8), -EINVAL);
	CHECK_INT(rig_publish(g, "red", 8), 0);
	CHECK_INT(rig_publish_body(g, "red", 9, "[nonsense]\n"), -EINVAL);
	CHECK_STR(g->why.code, "bad-body");
	/* By the rank key, and a rank that was not made here. */
	sample_sign(&s, e, BODY, "6");
	CHECK_INT(
	    ranker_publish_message(&g->ranker, s.data, s.len, "test", &g->why),
	    -EINVAL);
	CHECK_STR(g->why.code, "wrong-role");
	e.type = ENVELOPE_RANK;
	sample_sign(&s, e, "[rank]\npolicy-serial = 7\n", "6");
	CHECK_INT(
	    ranker_publish_message(&g->ranker, s.data, s.len, "test", &g->why),
	    -EINVAL);
	CHECK_STR(g->why.code, "wrong-type");
	CHECK_INT(ranker_publish_message(
		      &g->ranker, s.data, s.len - 1, "test", &g->why),
	    -EINVAL);
	CHECK_STR(g->why.code, "malformed");
	CHECK_STR(
	    ranker_policy(&g->ranker, "blue")->settings->tiers[0].name, "gold");
	CHECK_INT(
	    verified_mark(ranker_policy(&g->ranker, "blue")->v).serial, 8);
	CHECK_INT(
	    verified_mark(ranker_policy(&g->ranker, "green")->v).serial, 7);
	rig_free(g);
}

static int
publish_root(struct rig *g, uint32_t version, const char *by)
{
	struct sample s;

	rig_root(&s, version, by);
	return ranker_publish_message(
	    &g->ranker, s.data, s.len, "test", &g->why);
}

static void
test_root(void)
{
	struct rig *g = ranked();
	int signs;

	CHECK_INT(publish_root(g, 3, "12"), -EINVAL);
	CHECK_STR(g->why.code, "skipped-root");
	CHECK_INT(publish_root(g, 2, "1"), -EINVAL);
	CHECK_STR(g->why.code, "too-few-signatures");
	CHECK_INT(publish_root(g, 2, "12"), 0);
	CHECK_INT(verified_mark(ranker_root(&g->ranker)).epoch, 2);
	/* The policy goes on, but no rank can be made for it any more. */
	signs = g->signs;
	TAILQ_FIRST(&g->ranker.groups)->moved = true;
	ranker_soon(&g->ranker);
	CHECK_INT(rig_publish(g, "red", 20), -EINVAL);
	CHECK_STR(g->why.code, "old-root");
	CHECK_INT(loop_turn(g->loop, 100000), 0);
	CHECK_INT(loop_turn(g->loop, 100000), 0);
	CHECK_INT(g->signs, signs);
	rig_free(g);
}

/* A root that revokes the key takes the policy away. */
static void
test_revoked(void)
{
	struct rig *g = ranked();
	struct root root = sample_root(2);
	char text[ROOT_TEXT_MAX];
	struct sample s;

	memcpy(root.revoked[root.revoked_n++], root.keys[3].id,
	    sizeof(root.keys[3].id));
	memmove(&root.keys[3], &root.keys[4], 3 * sizeof(root.keys[0]));
	root.keys_n--;
	CHECK(root_format(&root, text) > 0, "no room");
	sample_sign(&s, rig_header(ENVELOPE_ROOT, 2, 0), text, "12");
	CHECK_INT(
	    ranker_publish_message(&g->ranker, s.data, s.len, "test", &g->why),
	    0);
	CHECK(ranker_policy(&g->ranker, "blue") == NULL, "it goes on");
	CHECK(ranker_group(&g->ranker, "blue")->rank == NULL, "its rank, too");
	rig_restart(g);
	CHECK(ranker_policy(&g->ranker, "blue") == NULL, "it is back");
	rig_free(g);
}

/* Who comes anew gets all: roots by version, policies, ranks. */
static void
test_again(void)
{
	struct rig *g = ranked();

	CHECK_INT(rig_publish(g, "red", 8), 0);
	AWAIT(g, published_n, 5);
	g->published_n = 0;
	g->published.order[0] = '\0';
	rig_plug(g, PDPROC_COLLECTOR);
	AWAIT(g, published_n, 5);
	CHECK(strncmp(g->published.order, "1* 2", 4) == 0, "%s",
	    g->published.order);
	CHECK(strstr(g->published.order, "3blue 3red") != NULL, "%s",
	    g->published.order);
	CHECK_INT(g->ranker.connected, 0);
	/* And a ranker that comes anew has it from the store. */
	g->published_n = 0;
	g->mute = true;
	rig_restart(g);
	AWAIT(g, published_n, 5);
	rig_free(g);
}

static void
test_wrong_root(void)
{
	struct rig *g = started();
	struct sample other;
	struct root root = sample_root(1);
	char text[ROOT_TEXT_MAX];

	rig_stop(g);
	CHECK_INT(loop_new(&g->loop), 0);
	root.policy_threshold = 2;
	root_format(&root, text);
	sample_sign(&other, rig_header(ENVELOPE_ROOT, 1, 0), text, "12");
	CHECK(!rig_open(g, &other), "another root of that version");
	CHECK_STR(g->why.code, "root");
	rig_free(g);
}

static void
test_probes(void)
{
	struct rig *g = started();
	uint64_t first;

	CHECK_INT(rig_publish(g, "*", 7), 0);
	ranker_soon(&g->ranker);
	UNTIL(g, g->probes.items_n > 0);
	CHECK_INT(g->probes.items_n, 4);
	CHECK_STR(g->probes.items[1].name, "s2");
	CHECK_STR(g->probes.items[1].host, "h2");
	CHECK_INT(g->probes.items[1].port, 8080);
	CHECK_INT(g->probes.items[1].type, HOP_HTTP);
	first = g->probes.serial;
	g->probes.items_n = 0;
	rig_plug(g, PDPROC_PROBER);
	UNTIL(g, g->probes.items_n > 0);
	CHECK(g->probes.serial > first, "its serial does not rise");
	rig_free(g);
}

/* --- ranks --- */

static void
test_first_rank(void)
{
	struct rig *g = ranked();
	struct policy_rank *rank = parsed(g);

	CHECK_STR(g->published.body, "[rank]\npolicy-serial = 7\n");
	CHECK_INT(rank->rows_n, 0);
	CHECK_INT(g->published.e.serial, highest(g));
	CHECK_INT(g->published.e.expires_s - g->published.e.issued_s, 7200);
	free(rank);
	rig_free(g);
}

static void
order(struct rig *g, const char *use, const char *avoid, int64_t for_s)
{
	struct store_override o = {.group = "*", .by = "test"};

	snprintf(o.use, sizeof(o.use), "%s", use);
	snprintf(o.avoid, sizeof(o.avoid), "%s", avoid);
	o.from_s = ranker_now_s();
	o.until_s = o.from_s + for_s;
	CHECK_INT(ranker_override(&g->ranker, &o, &g->why), 0);
	CHECK(o.id > 0, "it has no number");
}

/* "Use S1 and S3, but not S2", until it is over. */
static void
test_order(void)
{
	const struct policy_rank_row *row;
	struct rig *g = ranked();
	struct policy_rank *rank;
	uint64_t serial = g->published.e.serial;

	order(g, "s1 s3", "s2", 2);
	AWAIT(g, published_n, 4);
	CHECK(g->published.e.serial > serial, "the serial has not risen");
	rank = parsed(g);
	row = policy_rank_find(rank, "s2");
	CHECK(row != NULL && row->drain == 1, "s2 is not drained: %s",
	    g->published.body);
	row = policy_rank_find(rank, "s3");
	CHECK(row != NULL && row->tier == 1, "s3 does not come up: %s",
	    g->published.body);
	CHECK(policy_rank_find(rank, "s1") == NULL, "%s", g->published.body);
	CHECK(policy_rank_find(rank, "s9") == NULL, "%s", g->published.body);
	free(rank);
	/* It is over by itself. */
	AWAIT(g, published_n, 5);
	CHECK_STR(g->published.body, "[rank]\npolicy-serial = 7\n");
	CHECK_INT(g->ranker.overrides_n, 0);
	rig_free(g);
}

static void
test_order_ends(void)
{
	struct store_override bad = {.group = "blue", .use = "s7"};
	struct rig *g = ranked();

	CHECK_INT(ranker_override(&g->ranker, &bad, &g->why), -EINVAL);
	CHECK_STR(g->why.code, "not-found");
	bad.use[0] = '\0';
	CHECK_INT(ranker_override(&g->ranker, &bad, &g->why), -EINVAL);
	CHECK_STR(g->why.code, "usage");
	order(g, "", "s1", 1000);
	AWAIT(g, published_n, 4);
	rig_restart(g);
	CHECK_INT(g->ranker.overrides_n, 1);
	CHECK_INT(
	    ranker_override_end(&g->ranker, 99, "test", &g->why), -ENOENT);
	CHECK_INT(ranker_override_end(
		      &g->ranker, g->ranker.overrides[0].id, "test", &g->why),
	    0);
	CHECK_INT(g->ranker.overrides_n, 0);
	UNTIL(g, strstr(g->published.body, "s1") == NULL);
	CHECK_STR(g->published.body, "[rank]\npolicy-serial = 7\n");
	rig_free(g);
}

/* A serial that the signer has seen is on the disk, and never used again. */
static void
test_serials(void)
{
	struct rig *g = ranked();
	uint64_t serial;

	g->mute = true;
	order(g, "", "s1", 1000);
	AWAIT(g, signs, 2);
	serial = highest(g);
	CHECK(serial > g->published.e.serial, "nothing was kept");
	g->mute = false;
	rig_restart(g);
	AWAIT(g, signs, 3);
	while (
	    g->published.e.serial <= serial && loop_turn(g->loop, 100000) == 0)
		continue;
	CHECK(g->published.e.serial > serial, "used twice");
	rig_free(g);
}

/* What comes back signed by another key goes to nobody. */
static void
test_forged(void)
{
	struct rig *g = ranked();
	int signs = g->signs;

	g->forge = true;
	order(g, "", "s1", 1000);
	AWAIT(g, signs, signs + 1);
	CHECK_INT(loop_turn(g->loop, 100000), 0);
	CHECK_INT(g->published_n, 3);
	CHECK_STR(g->published.body, "[rank]\npolicy-serial = 7\n");
	rig_free(g);
}

/* The signer begins anew while it has something. */
static void
test_signer_gone(void)
{
	struct rig *g = ranked();

	g->mute = true;
	order(g, "", "s1", 1000);
	AWAIT(g, signs, 2);
	g->mute = false;
	rig_plug(g, PDPROC_SIGNER);
	AWAIT(g, published_n, 4);
	CHECK(strstr(g->published.body, "\"s1\"]\nstate = drain") != NULL, "%s",
	    g->published.body);
	rig_free(g);
}

/* --- the text --- */

static void
test_body(void)
{
	struct ranker_place places[4] = {0};
	struct rig *g = ranked();
	const struct ranker_policy *p = ranker_policy(&g->ranker, "blue");
	static const uint16_t tiers[] = {1, 1, 2, 9};
	char text[512];
	size_t i, n;

	for (i = 0; i < 4; i++) {
		snprintf(places[i].state.name, 8, "s");
		places[i].state.tier = tiers[i];
		places[i].state.weight = i == 1 ? 20 : 10;
	}
	places[0].state.tier = 2;
	places[1].state.weight = 5;
	places[1].state.drain = true;
	places[2].state.tier = 9; /* which is reserved: it is not said */
	places[3].state.tier = 1; /* likewise */
	places[3].state.weight = 0;
	n = ranker_body(p, places, text, sizeof(text));
	CHECK_INT(n, strlen(text));
	CHECK_STR(text, "[rank]\npolicy-serial = 7\n\n"
			"[intermediary \"s1\"]\ntier = 2\n\n"
			"[intermediary \"s2\"]\nweight = 5\nstate = drain\n");
	for (i = 0; i < n; i++)
		CHECK_INT(ranker_body(p, places, text, i), 0);
	rig_free(g);
}

static const struct unit_case cases[] = {
    {"a policy, and what is none", test_policy},
    {"the next root", test_root},
    {"a root that revokes", test_revoked},
    {"all of it again", test_again},
    {"a store of another root", test_wrong_root},
    {"what is to be probed", test_probes},
    {"the first rank", test_first_rank},
    {"an order, until it is over", test_order},
    {"an order that is ended", test_order_ends},
    {"no serial twice", test_serials},
    {"a signer that lies", test_forged},
    {"a signer that begins anew", test_signer_gone},
    {"a rank says what differs", test_body},
};

UNIT_MAIN("ranker_rank", cases)
