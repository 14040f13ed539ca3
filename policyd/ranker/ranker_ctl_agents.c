/* Tells who is registered, and takes orders about who may be. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "policyd/common/pdctl.h"
#include "policyd/ranker/ranker.h"
#include "policyd/ranker/ranker_ctl_answer.h"
#include "policyd/ranker/ranker_ctl_line.h"
#include "policyd/ranker/ranker_ctl_say.h"
#include "trust/keyfile.h"

/* When the policy was issued that the agent has; 0: it is not known. */
static int64_t
issued_s(const struct ranker *r, const struct store_agent *a)
{
	const struct trust_mark mark = {a->policy.epoch, a->policy.serial};
	const struct ranker_policy *p;

	LIST_FOREACH (p, &r->policies, next) {
		if (trust_compare(verified_mark(p->v), mark) == 0)
			return verified_envelope(p->v)->issued_s;
	}
	return 0;
}

static const char *
state_word(const struct ranker *r, const struct store_agent *a)
{
	const struct ranker_agent *live = ranker_agent(r, a->id);

	if (live != NULL && live->conn != 0)
		return "connected";
	return a->seen_s == 0 ? "never seen" : "away";
}

static json_t *
agent_object(const struct ranker *r, const struct store_agent *a)
{
	json_t *o = json_object();
	char key[KEYFILE_B64_LEN];

	ranker_ctl_set_text(o, "name", a->name);
	ranker_ctl_set_text(o, "group", a->group);
	ranker_ctl_set_text(o, "state", state_word(r, a));
	ranker_ctl_set_text(o, "software", a->software);
	ranker_ctl_set_text(o, "key", keyfile_base64(a->key, key));
	ranker_ctl_set_int(o, "added_s", a->added_s);
	ranker_ctl_set_int(o, "seen_s", a->seen_s);
	ranker_ctl_set_int(o, "root_epoch", a->root_epoch);
	ranker_ctl_set_int(o, "policy_epoch", a->policy.epoch);
	ranker_ctl_set_int(o, "policy_serial", (int64_t)a->policy.serial);
	ranker_ctl_set_int(o, "policy_issued_s", issued_s(r, a));
	ranker_ctl_set_int(o, "rank_epoch", a->rank.epoch);
	ranker_ctl_set_int(o, "rank_serial", (int64_t)a->rank.serial);
	ranker_ctl_set_text(o, "nack", a->nack_code);
	ranker_ctl_set_text(o, "nack_text", a->nack_text);
	return o;
}

static void
refuse_store(struct ranker_ctl_query *q, int error)
{
	struct ranker_why why = {.code = ""};

	ranker_ctl_refuse_why(q, ranker_disk_why(q->ranker, error, &why), &why);
}

static bool
tell(void *arg, const struct store_agent *a)
{
	struct ranker_ctl_query *q = arg;

	ranker_ctl_say(q, agent_object(q->ranker, a));
	return !q->failed;
}

void
ranker_ctl_agents(struct ranker_ctl_query *q)
{
	ranker_ctl_say(q, ranker_ctl_head());
	if (store_agents(q->ranker->store, tell, q) != 0)
		q->failed = true;
}

/* Names to choose the nearest from. */
struct names {
	char (*at)[MANAGE_NAME_MAX + 1];
	size_t n, cap;
};

static bool
collect(void *arg, const struct store_agent *a)
{
	struct names *names = arg;

	if (names->n == names->cap)
		return false;
	memcpy(names->at[names->n++], a->name, sizeof(a->name));
	return true;
}

static void
refuse_unknown(struct ranker_ctl_query *q, const char *name)
{
	struct names names = {.cap = 0};
	const char **words = NULL;
	int64_t n = 0;
	size_t i;

	if (store_agents_count(q->ranker->store, &n) == 0) {
		names.at = calloc((size_t)n + 1, sizeof(*names.at));
		words = calloc((size_t)n + 1, sizeof(*words));
		names.cap = names.at != NULL && words != NULL ? (size_t)n : 0;
	}
	if (names.cap == 0 ||
	    store_agents(q->ranker->store, collect, &names) != 0) {
		ranker_ctl_refuse(q, RANKER_CTL_NOT_FOUND,
		    "no agent is called \"%.64s\"", name);
	} else {
		for (i = 0; i < names.n; i++)
			words[i] = names.at[i];
		ranker_ctl_refuse_name(q, "no agent is called", name, words);
	}
	free(names.at);
	free(words);
}

void
ranker_ctl_agent(struct ranker_ctl_query *q)
{
	const char *name = ranker_ctl_arg(q->line, 0);
	struct store_agent a;
	json_t *answer;
	int error = store_agent_by_name(q->ranker->store, name, &a);

	if (error == -ENOENT) {
		refuse_unknown(q, name);
	} else if (error != 0) {
		refuse_store(q, error);
	} else {
		answer = ranker_ctl_head();
		ranker_ctl_set(answer, "agent", agent_object(q->ranker, &a));
		ranker_ctl_say(q, answer);
	}
}

/* --- orders --- */

static bool
name_ok(struct ranker_ctl_query *q, const char *name)
{
	if (manage_name_ok(name))
		return true;
	ranker_ctl_refuse(q, RANKER_CTL_USAGE,
	    "expected a name of a-z, 0-9, '-', '_' and '.', found \"%.64s\"",
	    name);
	return false;
}

void
ranker_ctl_agent_add(struct ranker_ctl_query *q)
{
	const char *name = ranker_ctl_arg(q->line, 0);
	const char *group = ranker_ctl_arg(q->line, 1);
	const char *key = ranker_ctl_arg(q->line, 2);
	struct store_agent a = {.added_s = q->now_s};
	char by[RANKER_CTL_BY_MAX];
	struct ranker_why why;
	int error;

	if (!name_ok(q, name) || !name_ok(q, group))
		return;
	if (!keyfile_unbase64(key, strlen(key), a.key)) {
		ranker_ctl_refuse(q, RANKER_CTL_USAGE,
		    "expected BASE64 of a public key, found %.64s", key);
		return;
	}
	memcpy(a.name, name, strlen(name) + 1);
	memcpy(a.group, group, strlen(group) + 1);
	error = ranker_agent_add(q->ranker, &a, ranker_ctl_by(q, by), &why);
	if (error != 0)
		ranker_ctl_refuse_why(q, error, &why);
	else
		ranker_ctl_done(q, "%s of group %s may come", name, group);
}

void
ranker_ctl_agent_remove(struct ranker_ctl_query *q)
{
	const char *name = ranker_ctl_arg(q->line, 0);
	char by[RANKER_CTL_BY_MAX];
	struct ranker_why why;
	int error =
	    ranker_agent_remove(q->ranker, name, ranker_ctl_by(q, by), &why);

	if (error == -ENOENT)
		refuse_unknown(q, name);
	else if (error != 0)
		ranker_ctl_refuse_why(q, error, &why);
	else
		ranker_ctl_done(q,
		    "%s is known no longer; it keeps the policy that it has, "
		    "and gets no other",
		    name);
}

void
ranker_ctl_token(struct ranker_ctl_query *q)
{
	const char *hex = ranker_ctl_arg(q->line, 0);
	const char *group = ranker_ctl_arg(q->line, 1);
	char by[RANKER_CTL_BY_MAX];
	uint8_t hash[PDCTL_HASH_LEN];
	struct ranker_why why;
	int64_t for_s;
	size_t len;
	int error;

	if (!name_ok(q, group))
		return;
	if (sodium_hex2bin(
		hash, sizeof(hash), hex, strlen(hex), NULL, &len, NULL) != 0 ||
	    len != sizeof(hash) ||
	    !ranker_ctl_number(
		ranker_ctl_arg(q->line, 2), 1, PDCTL_FOR_MAX_S, &for_s)) {
		ranker_ctl_refuse(q, RANKER_CTL_USAGE,
		    "expected the hash of a token, a group and seconds");
		return;
	}
	error = ranker_token_add(q->ranker, hash, group, q->now_s + for_s,
	    ranker_ctl_by(q, by), &why);
	if (error != 0)
		ranker_ctl_refuse_why(q, error, &why);
	else
		ranker_ctl_done(
		    q, "the token is good for one agent of group %s", group);
}
