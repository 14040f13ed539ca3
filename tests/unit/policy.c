/* What the control process accepts of signed messages, what it refuses, and
 * what it knows of that after a restart. */
#include <sys/mman.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cagentd/control/policy.h"
#include "conf/bundle.h"
#include "conf/policy_rank.h"
#include "tests/unit/trust_sample.h"
#include "tests/unit/unit.h"

#define CONF                                                        \
	"[agent]\ngroup = ours\n[policy]\nroot = /root\nnetwork = " \
	"192.0.2.0/24\nmin-intermediaries = 0\n"
#define ONE "[intermediary \"one\"]\ntype = http\naddress = 192.0.2.1:80\n"
#define FAR "[intermediary \"far\"]\ntype = http\naddress = 203.0.113.1:80\n"

/* A control process: the file outlives it. */
struct rig {
	int fd;
	struct events events;
	struct policy policy;
	struct settings *settings;
	struct policy_answer answer;
};

static struct bundle *
bundle_with(const char *conf, const struct sample *root)
{
	struct bundle *b = bundle_new();

	CHECK_INT(bundle_put(b, SETTINGS_MAIN, "f", 1), 0);
	CHECK_INT(bundle_put(b, "conf:f", conf, strlen(conf)), 0);
	CHECK_INT(
	    bundle_put(b, "file:/root", (const char *)root->data, root->len),
	    0);
	return b;
}

static void
start_with(struct rig *r, const char *conf, uint32_t root_version)
{
	struct root root = sample_root(root_version);
	struct conf_errors e = {0};
	struct settings *s = NULL;
	struct sample message;
	struct bundle *b;

	sample_sign_root(&message, &root, "12");
	b = bundle_with(conf, &message);
	CHECK_INT(settings_parse(b, &s, &e), 0);
	CHECK_STR(e.text, "");
	log_level_set(LOG_LEVEL_ERROR);
	memset(&r->events, 0, sizeof(r->events));
	policy_init(&r->policy, &r->events);
	r->settings = policy_start(&r->policy, dup(r->fd), b, s, SAMPLE_NOW);
	settings_unref(s);
}

static void
start(struct rig *r)
{
	r->fd = memfd_create("state", MFD_CLOEXEC);
	start_with(r, CONF, 1);
}

static void
stop(struct rig *r)
{
	policy_free(&r->policy);
	settings_unref(r->settings);
}

static void
finish(struct rig *r)
{
	stop(r);
	close(r->fd);
}

static enum policy_outcome
take(struct rig *r, const struct sample *s, int64_t now_s)
{
	return policy_take(&r->policy, s->data, s->len, now_s, &r->answer);
}

static enum policy_outcome
take_policy(struct rig *r, uint64_t serial, const char *body, const char *by)
{
	struct sample s;

	sample_sign(&s, sample_header(ENVELOPE_POLICY, 1, serial), body, by);
	return take(r, &s, SAMPLE_NOW);
}

static uint64_t
held(const struct rig *r)
{
	struct settings_body body;

	return policy_body(&r->policy, &body) ? body.serial : 0;
}

static void
accepts(void)
{
	struct settings_body body;
	struct rig r;

	start(&r);
	CHECK_STR(r.policy.fault, "");
	CHECK_INT(held(&r), 0);
	CHECK_INT(take_policy(&r, 7, ONE, "4"), POLICY_TO_APPLY);
	CHECK(policy_body(&r.policy, &body), "a body");
	CHECK_INT(body.serial, 7);
	CHECK_INT(body.epoch, 1);
	CHECK_INT(body.len, strlen(ONE));
	CHECK(memcmp(body.text, ONE, body.len) == 0, "the text");
	CHECK_INT(take_policy(&r, 7, ONE, "4"), POLICY_ALREADY);
	CHECK_INT(take_policy(&r, 7, ONE ONE, "4"), POLICY_REFUSED);
	CHECK_STR(r.answer.code, "same-serial");
	CHECK_INT(take_policy(&r, 6, ONE, "4"), POLICY_REFUSED);
	CHECK_STR(r.answer.code, "rollback");
	CHECK(strstr(r.answer.text, "higher serial") != NULL, "%s",
	    r.answer.text);
	CHECK_INT(held(&r), 7);
	CHECK_INT(take_policy(&r, 8, "[limits]\n", "5"), POLICY_TO_APPLY);
	CHECK_INT(held(&r), 8);
	finish(&r);
}

static void
refuses(void)
{
	static const struct {
		const char *body, *by, *code;
	} cases[] = {
	    {ONE, "8", "unknown-key"},
	    {ONE, "6", "wrong-role"},
	    {ONE, "1", "wrong-role"},
	    {FAR, "4", "bad-policy"},
	    {"[agent]\n", "4", "bad-policy"},
	    {"rubbish", "4", "bad-policy"},
	    {"[rule \"r\"]\nvia = intermediary two\n", "4", "bad-policy"},
	};
	uint64_t generation;
	struct sample s;
	struct rig r;
	size_t i;

	start(&r);
	CHECK_INT(take_policy(&r, 1, ONE, "4"), POLICY_TO_APPLY);
	generation = r.policy.store.generation;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		CHECK_INT(take_policy(&r, 2, cases[i].body, cases[i].by),
		    POLICY_REFUSED);
		CHECK_STR(r.answer.code, cases[i].code);
	}
	CHECK_INT(policy_take(
		      &r.policy, (const uint8_t *)"", 0, SAMPLE_NOW, &r.answer),
	    POLICY_REFUSED);
	sample_sign(&s, sample_header(ENVELOPE_RANK, 1, 1),
	    "[rank]\npolicy-serial = 1\n", "6");
	CHECK_INT(take(&r, &s, SAMPLE_NOW), POLICY_REFUSED);
	CHECK_INT(r.policy.store.generation, generation);
	CHECK_INT(held(&r), 1);
	/* None of them has used up the serial. */
	CHECK_INT(take_policy(&r, 2, ONE, "4"), POLICY_TO_APPLY);
	finish(&r);
}

/* Every single bit, and every length. */
static void
mutants(void)
{
	struct sample s, bad;
	struct rig r;
	size_t i;

	start(&r);
	sample_sign(&s, sample_header(ENVELOPE_POLICY, 1, 2), ONE, "4");
	for (i = 0; i < s.len * 8; i++) {
		bad = s;
		bad.data[i / 8] ^= (uint8_t)(1 << i % 8);
		CHECK_INT(take(&r, &bad, SAMPLE_NOW), POLICY_REFUSED);
	}
	for (i = 0; i < s.len; i++)
		CHECK_INT(
		    policy_take(&r.policy, s.data, i, SAMPLE_NOW, &r.answer),
		    POLICY_REFUSED);
	CHECK_INT(held(&r), 0);
	CHECK_INT(r.policy.store.generation, 2);
	CHECK_INT(take(&r, &s, SAMPLE_NOW), POLICY_TO_APPLY);
	finish(&r);
}

/* As the master does it. */
static void
put_in_force(struct rig *r, const char *conf)
{
	struct root root = sample_root(1);
	struct settings_body body;
	struct settings *s = NULL;
	struct conf_errors e = {0};
	struct sample message;
	struct bundle *b;

	sample_sign_root(&message, &root, "12");
	b = bundle_with(conf, &message);
	CHECK(policy_body(&r->policy, &body), "no body");
	CHECK_INT(settings_change_policy(b, &body, &s, &e), 0);
	CHECK_STR(e.text, "");
	policy_configure(&r->policy, b, s, SAMPLE_NOW);
	settings_unref(s);
	CHECK(policy_in_force(&r->policy), "not in force");
}

static void
clocks(void)
{
	struct envelope e = sample_header(ENVELOPE_POLICY, 1, 2);
	struct sample s;
	struct rig r;

	start(&r);
	e.expires_s = SAMPLE_NOW + 1000;
	sample_sign(&s, e, ONE, "4");
	CHECK_INT(take(&r, &s, e.expires_s), POLICY_REFUSED);
	CHECK_STR(r.answer.code, "expired");
	/* The clock is set back: that one is refused for good. */
	CHECK_INT(take(&r, &s, SAMPLE_NOW), POLICY_REFUSED);
	CHECK_STR(r.answer.code, "expired");
	CHECK_INT(take_policy(&r, 3, ONE, "4"), POLICY_TO_APPLY);
	CHECK(!policy_clock(&r.policy, SAMPLE_NOW), "not stale");
	CHECK(policy_clock(&r.policy, SAMPLE_NOW + SAMPLE_DAY), "stale");
	CHECK(!policy_clock(&r.policy, SAMPLE_NOW + SAMPLE_DAY), "said once");
	CHECK(!policy_clock(&r.policy, SAMPLE_NOW), "the clock set back");
	CHECK(r.policy.stale, "stale all the same");
	CHECK_INT(held(&r), 3);
	/* Its own time of issue is a lower bound of what time it is. */
	e.serial = 4;
	e.issued_s = SAMPLE_NOW - 5000;
	e.expires_s = SAMPLE_NOW - 2000;
	sample_sign(&s, e, ONE, "4");
	CHECK_INT(take(&r, &s, SAMPLE_NOW - 4000), POLICY_REFUSED);
	CHECK_STR(r.answer.code, "expired");
	CHECK_INT(take_policy(&r, 5, ONE, "4"), POLICY_TO_APPLY);
	CHECK(!r.policy.stale, "a new one is not stale");
	finish(&r);
}

/* A restart with the clock set back makes nothing fresh. */
static void
stale_for_good(void)
{
	struct envelope e = sample_header(ENVELOPE_POLICY, 1, 4);
	struct sample s;
	struct rig r;

	start(&r);
	CHECK_INT(take_policy(&r, 3, ONE, "4"), POLICY_TO_APPLY);
	CHECK(policy_clock(&r.policy, SAMPLE_NOW + SAMPLE_DAY), "stale");
	stop(&r);
	start_with(&r, CONF, 1);
	CHECK_INT(held(&r), 3);
	CHECK(r.policy.stale, "after a restart");
	e.expires_s = SAMPLE_NOW + 1000;
	sample_sign(&s, e, ONE, "4");
	CHECK_INT(take(&r, &s, SAMPLE_NOW), POLICY_TO_APPLY);
	CHECK(!r.policy.stale, "a new one");
	stop(&r);
	start_with(&r, CONF, 1);
	CHECK(!r.policy.stale, "a new one, after a restart");
	/* Not seen to expire, but a rank says that it is later by now. */
	put_in_force(&r, CONF);
	e.type = ENVELOPE_RANK;
	e.issued_s = SAMPLE_NOW + 2000;
	e.expires_s = SAMPLE_NOW + 3000;
	sample_sign(&s, e, "[rank]\npolicy-serial = 4\n", "6");
	CHECK_INT(take(&r, &s, e.issued_s), POLICY_TAKEN);
	stop(&r);
	start_with(&r, CONF, 1);
	CHECK(r.policy.stale, "by the rank's time");
	finish(&r);
}

/* The online key may be a little ahead of our clock, and cannot move it on, so
 * that all policies seem to have expired. */
static void
no_rank_moves_the_clock(void)
{
	struct envelope e = sample_header(ENVELOPE_RANK, 1, 1);
	struct sample s;
	struct rig r;
	int i;

	start(&r);
	CHECK_INT(take_policy(&r, 7, ONE, "4"), POLICY_TO_APPLY);
	put_in_force(&r, CONF);
	for (i = 1; i <= 5; i++) {
		e.serial = (uint64_t)i;
		e.issued_s = SAMPLE_NOW + i * VERIFY_SKEW_S;
		sample_sign(&s, e, "[rank]\npolicy-serial = 7\n", "6");
		CHECK_INT(take(&r, &s, SAMPLE_NOW),
		    i == 1 ? POLICY_TAKEN : POLICY_REFUSED);
		CHECK_STR(r.answer.code, i == 1 ? "" : "from-the-future");
	}
	CHECK(!policy_clock(&r.policy, SAMPLE_NOW), "stale");
	finish(&r);
}

static enum policy_outcome
take_root(struct rig *r, uint32_t version, const char *by,
    const uint8_t *revoked, size_t revoked_n)
{
	struct root root = sample_root(version);
	struct sample s;
	size_t i, k;

	for (i = 0; i < revoked_n; i++) {
		for (k = 0; k < root.keys_n; k++) {
			if (root.keys[k].name[1] == '0' + revoked[i])
				break;
		}
		CHECK(k < root.keys_n, "no key %u", revoked[i]);
		memcpy(root.revoked[root.revoked_n++], root.keys[k].id,
		    ENVELOPE_KEY_ID_LEN);
		root.keys_n--;
		memmove(&root.keys[k], &root.keys[k + 1],
		    (root.keys_n - k) * sizeof(root.keys[k]));
	}
	sample_sign_root(&s, &root, by);
	return take(r, &s, SAMPLE_NOW);
}

/* Only a root that says so ends a policy. */
static void
revoked(void)
{
	struct sample s;
	struct rig r;

	start(&r);
	CHECK_INT(take_policy(&r, 7, ONE, "4"), POLICY_TO_APPLY);
	put_in_force(&r, CONF);
	CHECK(!policy_is_left_over(&r.policy), "held");
	/* Another's key: it stays. */
	CHECK_INT(
	    take_root(&r, 2, "12", (const uint8_t[]){5}, 1), POLICY_TAKEN);
	CHECK_INT(held(&r), 7);
	CHECK(policy_is_settled(&r.policy), "in force");
	CHECK_INT(
	    take_root(&r, 3, "12", (const uint8_t[]){4}, 1), POLICY_TO_APPLY);
	CHECK_INT(held(&r), 0);
	CHECK(r.policy.held.policy == NULL, "held");
	CHECK(policy_is_left_over(&r.policy), "the master has it still");
	CHECK(!policy_is_settled(&r.policy), "settled");
	stop(&r);
	start_with(&r, CONF, 1);
	CHECK_INT(held(&r), 0);
	CHECK_INT(r.settings->intermediaries_n, 0);
	CHECK(policy_is_settled(&r.policy), "nothing is in force");
	/* And it is never taken again. */
	CHECK_INT(take_policy(&r, 7, ONE, "4"), POLICY_REFUSED);
	CHECK_STR(r.answer.code, "old-root");
	sample_sign(&s, sample_header(ENVELOPE_POLICY, 3, 1), ONE, "4");
	CHECK_INT(take(&r, &s, SAMPLE_NOW), POLICY_REFUSED);
	CHECK_STR(r.answer.code, "unknown-key");
	sample_sign(&s, sample_header(ENVELOPE_POLICY, 3, 1), ONE, "5");
	CHECK_INT(take(&r, &s, SAMPLE_NOW), POLICY_TO_APPLY);
	finish(&r);
}

/* Of two signatures where one is enough the other one carries it. */
static void
revoked_one_of_two(void)
{
	struct rig r;

	start(&r);
	CHECK_INT(take_policy(&r, 7, ONE, "45"), POLICY_TO_APPLY);
	CHECK_INT(
	    take_root(&r, 2, "12", (const uint8_t[]){4}, 1), POLICY_TAKEN);
	CHECK_INT(held(&r), 7);
	stop(&r);
	start_with(&r, CONF, 1);
	CHECK_INT(held(&r), 7);
	finish(&r);
}

static void
restarts(void)
{
	struct rig r;

	start(&r);
	CHECK_INT(take_policy(&r, 7, ONE, "4"), POLICY_TO_APPLY);
	stop(&r);
	start_with(&r, CONF, 1);
	CHECK_STR(r.policy.fault, "");
	CHECK_INT(held(&r), 7);
	CHECK_INT(r.settings->intermediaries_n, 1);
	CHECK_INT(take_policy(&r, 7, "[limits]\n", "4"), POLICY_REFUSED);
	CHECK_INT(take_policy(&r, 8, ONE, "4"), POLICY_TO_APPLY);
	stop(&r);
	/* The configuration allows it no more: kept, and not in force. */
	start_with(&r,
	    "[agent]\ngroup = ours\n[policy]\nroot = /root\nnetwork = "
	    "198.51.100.0/24\n",
	    1);
	CHECK_INT(held(&r), 0);
	CHECK_INT(r.settings->intermediaries_n, 0);
	CHECK_INT(take_policy(&r, 8, "[limits]\n", "4"), POLICY_REFUSED);
	stop(&r);
	start_with(&r, CONF, 1);
	CHECK_INT(held(&r), 8);
	finish(&r);
}

static void
roots(void)
{
	struct root second = sample_root(2), third = sample_root(3);
	struct sample s;
	struct rig r;

	start(&r);
	CHECK_INT(take_policy(&r, 7, ONE, "4"), POLICY_TO_APPLY);
	sample_sign_root(&s, &third, "12");
	CHECK_INT(take(&r, &s, SAMPLE_NOW), POLICY_REFUSED);
	CHECK_STR(r.answer.code, "skipped-root");
	sample_sign_root(&s, &second, "1");
	CHECK_INT(take(&r, &s, SAMPLE_NOW), POLICY_REFUSED);
	CHECK_STR(r.answer.code, "too-few-signatures");
	sample_sign_root(&s, &second, "12");
	CHECK_INT(take(&r, &s, SAMPLE_NOW), POLICY_TAKEN);
	CHECK_INT(take(&r, &s, SAMPLE_NOW), POLICY_ALREADY);
	CHECK_INT(held(&r), 7);
	CHECK_INT(take_policy(&r, 8, ONE, "4"), POLICY_REFUSED);
	CHECK_STR(r.answer.code, "old-root");
	stop(&r);
	start_with(&r, CONF, 1);
	CHECK_INT(held(&r), 7);
	/* A new epoch: serials begin anew. */
	sample_sign(&s, sample_header(ENVELOPE_POLICY, 2, 1), ONE, "4");
	CHECK_INT(take(&r, &s, SAMPLE_NOW), POLICY_TO_APPLY);
	CHECK_INT(held(&r), 1);
	stop(&r);
	/* The one that is held, and the next one, may be handed out, too. */
	start_with(&r, CONF, 2);
	CHECK_INT(held(&r), 1);
	stop(&r);
	start_with(&r, CONF, 3);
	CHECK_INT(held(&r), 1);
	CHECK_STR(r.policy.fault, "");
	stop(&r);
	/* Another one is another beginning. */
	start_with(&r, CONF, 1);
	CHECK_INT(held(&r), 0);
	CHECK_INT(take_policy(&r, 1, ONE, "4"), POLICY_TO_APPLY);
	finish(&r);
}

static void
spoil(int fd, off_t at)
{
	uint8_t byte = 0;

	CHECK_INT(pread(fd, &byte, 1, at), 1);
	byte ^= 1;
	CHECK_INT(pwrite(fd, &byte, 1, at), 1);
}

static void
damaged(void)
{
	struct rig r;

	start(&r);
	CHECK_INT(take_policy(&r, 7, ONE, "4"), POLICY_TO_APPLY);
	stop(&r);
	spoil(r.fd, 200);
	spoil(r.fd, POLICY_STORE_SLOT + 200);
	start_with(&r, CONF, 1);
	CHECK(strstr(r.policy.fault, "policy.state is damaged") != NULL, "%s",
	    r.policy.fault);
	CHECK_INT(r.settings->intermediaries_n, 0);
	CHECK_INT(take_policy(&r, 6, ONE, "4"), POLICY_REFUSED);
	CHECK_INT(take_policy(&r, 8, ONE, "4"), POLICY_REFUSED);
	CHECK_STR(r.answer.code, "no-policy");
	finish(&r);
}

static void
not_kept(void)
{
	struct rig r;
	int fd;

	start(&r);
	CHECK_INT(take_policy(&r, 1, ONE, "4"), POLICY_TO_APPLY);
	fd = r.policy.store.fd;
	r.policy.store.fd = -1;
	CHECK_INT(take_policy(&r, 2, "[limits]\n", "4"), POLICY_REFUSED);
	CHECK_STR(r.answer.code, "not-kept");
	CHECK_INT(held(&r), 1);
	r.policy.store.fd = fd;
	CHECK_INT(take_policy(&r, 2, "[limits]\n", "4"), POLICY_TO_APPLY);
	finish(&r);
}

static void
none_allowed(void)
{
	struct policy p;
	struct events events = {0};
	struct policy_answer a;

	policy_init(&p, &events);
	CHECK_INT(policy_take(&p, (const uint8_t *)"x", 1, SAMPLE_NOW, &a),
	    POLICY_REFUSED);
	CHECK(strstr(a.text, "no [policy]") != NULL, "%s", a.text);
	policy_free(&p);
}

static void
audiences(void)
{
	struct envelope e = sample_header(ENVELOPE_POLICY, 1, 2);
	struct sample s;
	struct rig r;

	start(&r);
	memcpy(e.audience, "theirs", 7);
	sample_sign(&s, e, ONE, "4");
	CHECK_INT(take(&r, &s, SAMPLE_NOW), POLICY_REFUSED);
	CHECK_STR(r.answer.code, "wrong-audience");
	memcpy(e.audience, "ours", 5);
	sample_sign(&s, e, ONE, "4");
	CHECK_INT(take(&r, &s, SAMPLE_NOW), POLICY_TO_APPLY);
	stop(&r);
	start_with(&r,
	    "[agent]\ngroup = other\n[policy]\nroot = /root\nnetwork = "
	    "192.0.2.0/24\nmin-intermediaries = 0\n",
	    1);
	CHECK_INT(held(&r), 0);
	finish(&r);
}

#define LOCAL \
	CONF "[intermediary \"own\"]\ntype = http\naddress = 192.0.2.9:80\n"
#define TIERS                                                               \
	ONE "[intermediary \"two\"]\ntype = http\naddress = 192.0.2.2:80\n" \
	    "tier = 2\n[intermediary \"vip\"]\ntype = http\naddress = "     \
	    "192.0.2.3:80\ntier = gold\n[tier \"gold\"]\nrank = 3\n"        \
	    "reserved-for = critical\n"

static enum policy_outcome
take_rank(struct rig *r, uint64_t serial, const char *body)
{
	struct sample s;

	sample_sign(&s, sample_header(ENVELOPE_RANK, 1, serial), body, "6");
	return take(r, &s, SAMPLE_NOW);
}

#define RANK "[rank]\npolicy-serial = 7\n"

static void
ranks(void)
{
	const struct policy_rank_row *row;
	struct rig r;

	r.fd = memfd_create("state", MFD_CLOEXEC);
	start_with(&r, LOCAL, 1);
	CHECK_INT(take_rank(&r, 1, RANK), POLICY_REFUSED);
	CHECK_STR(r.answer.code, "another-policy");
	CHECK_INT(take_policy(&r, 7, TIERS, "4"), POLICY_TO_APPLY);
	CHECK_INT(take_rank(&r, 1, RANK), POLICY_REFUSED);
	put_in_force(&r, LOCAL);
	CHECK_INT(take_rank(&r, 5,
		      RANK "[intermediary \"one\"]\ntier = 2\nweight = 3\n"
			   "[intermediary \"two\"]\nstate = drain\n"),
	    POLICY_TAKEN);
	row = policy_rank_find(policy_ranks(&r.policy), "one");
	CHECK(row != NULL && row->tier == 2 && row->weight == 3, "one");
	row = policy_rank_find(policy_ranks(&r.policy), "two");
	CHECK(row != NULL && row->tier == 0 && row->drain, "two");
	CHECK(policy_rank_find(policy_ranks(&r.policy), "vip") == NULL, "vip");
	CHECK_INT(take_rank(&r, 5, RANK), POLICY_REFUSED);
	CHECK_STR(r.answer.code, "same-serial");
	stop(&r);
	start_with(&r, LOCAL, 1);
	CHECK(policy_rank_find(policy_ranks(&r.policy), "two") != NULL,
	    "after a restart");
	put_in_force(&r, LOCAL);
	CHECK(policy_rank_find(policy_ranks(&r.policy), "two") != NULL,
	    "in force again");
	/* A new policy starts without one; serials go on. */
	CHECK_INT(take_policy(&r, 8, TIERS, "4"), POLICY_TO_APPLY);
	CHECK(policy_ranks(&r.policy) == NULL, "of another policy");
	put_in_force(&r, LOCAL);
	CHECK_INT(take_rank(&r, 6, RANK), POLICY_REFUSED);
	CHECK_STR(r.answer.code, "another-policy");
	CHECK_INT(
	    take_rank(&r, 4, "[rank]\npolicy-serial = 8\n"), POLICY_REFUSED);
	CHECK_STR(r.answer.code, "rollback");
	CHECK_INT(
	    take_rank(&r, 6, "[rank]\npolicy-serial = 8\n"), POLICY_TAKEN);
	finish(&r);
}

/* A heartbeat is held, and is nothing new. */
static void
ranks_again(void)
{
	uint64_t told;
	struct rig r;

	r.fd = memfd_create("state", MFD_CLOEXEC);
	start_with(&r, LOCAL, 1);
	CHECK_INT(take_policy(&r, 7, TIERS, "4"), POLICY_TO_APPLY);
	put_in_force(&r, LOCAL);
	CHECK_INT(take_rank(&r, 1, RANK), POLICY_TAKEN);
	told = r.events.last_id;
	CHECK_INT(take_rank(&r, 2, RANK), POLICY_TAKEN);
	CHECK_INT(r.events.last_id, told);
	CHECK_INT(take_rank(&r, 1, RANK), POLICY_REFUSED);
	told = r.events.last_id;
	CHECK_INT(take_rank(&r, 3, RANK "[intermediary \"one\"]\nweight = 3\n"),
	    POLICY_TAKEN);
	CHECK_INT(r.events.last_id, told + 1);
	finish(&r);
}

/* What the online key alone cannot do. */
static void
rank_limits(void)
{
	static const char *const bodies[] = {
	    "[intermediary \"three\"]\ntier = 1\n",
	    "[intermediary \"own\"]\nstate = drain\n",
	    "[intermediary \"one\"]\ntier = 9\n",
	    "[intermediary \"one\"]\ntier = 3\n",
	    "[intermediary \"vip\"]\ntier = 1\n",
	    "[intermediary \"one\"]\nweight = 0\n",
	    "[intermediary \"one\"]\naddress = 192.0.2.66:80\n",
	    "[intermediary \"one\"]\ntier = 2\n[intermediary \"one\"]\n",
	    "[rule \"r\"]\nvia = default\n",
	    "[direct]\nnetwork = 0.0.0.0/0\n",
	    "[limits]\nattempts = 1\n",
	};
	uint64_t generation;
	char body[512];
	struct rig r;
	size_t i;

	r.fd = memfd_create("state", MFD_CLOEXEC);
	start_with(&r, LOCAL, 1);
	CHECK_INT(take_policy(&r, 7, TIERS, "4"), POLICY_TO_APPLY);
	put_in_force(&r, LOCAL);
	generation = r.policy.store.generation;
	for (i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		snprintf(body, sizeof(body), RANK "%s", bodies[i]);
		CHECK_INT(take_rank(&r, 1, body), POLICY_REFUSED);
		CHECK_STR(r.answer.code, "bad-rank");
	}
	CHECK_INT(r.policy.store.generation, generation);
	CHECK(policy_ranks(&r.policy) == NULL, "none was taken");
	finish(&r);
}

/* Over a restart, and what it does not tell. */
static void
is_remembered(void)
{
	const struct policy_past *past;
	struct root second = sample_root(2);
	int fd = memfd_create("history", MFD_CLOEXEC);
	struct sample s;
	struct rig r;

	r.fd = memfd_create("state", MFD_CLOEXEC);
	start_with(&r, LOCAL, 1);
	policy_remember(&r.policy, dup(fd));
	CHECK_INT(take_policy(&r, 7, TIERS, "4"), POLICY_TO_APPLY);
	put_in_force(&r, LOCAL);
	CHECK_INT(take_policy(&r, 7, TIERS, "4"), POLICY_ALREADY);
	CHECK_INT(take_rank(&r, 5, RANK), POLICY_TAKEN);
	CHECK_INT(take_policy(&r, 6, ONE, "5"), POLICY_REFUSED);
	sample_sign_root(&s, &second, "12");
	CHECK_INT(take(&r, &s, SAMPLE_NOW), POLICY_TAKEN);
	stop(&r);
	start_with(&r, LOCAL, 1);
	policy_remember(&r.policy, dup(fd));
	CHECK_INT(policy_history_n(r.policy.history), 3);
	past = policy_history_at(r.policy.history, 0);
	CHECK_INT(past->kind, POLICY_PAST_TAKEN);
	CHECK_INT(past->serial, 7);
	CHECK_INT(past->when_s, SAMPLE_NOW);
	CHECK(strstr(past->text, "for *, until ") == past->text &&
		  strstr(past->text, ", signed by ") != NULL,
	    "%s", past->text);
	CHECK(past == policy_history_find(r.policy.history, 7), "found");
	past = policy_history_at(r.policy.history, 1);
	CHECK_INT(past->kind, POLICY_PAST_REFUSED);
	CHECK_STR(past->code, "rollback");
	CHECK_INT(past->serial, 6);
	past = policy_history_at(r.policy.history, 2);
	CHECK_INT(past->type, ENVELOPE_ROOT);
	CHECK_INT(past->epoch, 2);
	finish(&r);
	close(fd);
}

static const struct unit_case cases[] = {
    {"accepts what is newer", accepts},
    {"refuses, and nothing has changed", refuses},
    {"no mutant of a message", mutants},
    {"clocks", clocks},
    {"restarts", restarts},
    {"roots", roots},
    {"groups", audiences},
    {"ranks", ranks},
    {"ranks again", ranks_again},
    {"what a rank cannot say", rank_limits},
    {"a damaged state", damaged},
    {"what cannot be kept is not taken", not_kept},
    {"no [policy]", none_allowed},
    {"is remembered", is_remembered},
    {"stale for good", stale_for_good},
    {"no rank moves the clock", no_rank_moves_the_clock},
    {"revoked", revoked},
    {"revoked, one of two", revoked_one_of_two},
};

UNIT_MAIN("policy", cases)
