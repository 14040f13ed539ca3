/* Takes a signed message from an administrator, and tells how far the newest
 * ones have come. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "policyd/common/pdctl.h"
#include "policyd/ranker/ranker.h"
#include "policyd/ranker/ranker_ctl_answer.h"
#include "policyd/ranker/ranker_ctl_line.h"
#include "policyd/ranker/ranker_ctl_say.h"

static bool
is_same(const struct verified *v, const uint8_t *message, size_t len)
{
	const uint8_t *have;
	size_t have_len;

	have = verified_message(v, &have_len);
	return have_len == len && memcmp(have, message, len) == 0;
}

/* Was this very message published, and is it still the newest one? */
static bool
is_in_force(const struct ranker *r, const uint8_t *message, size_t len)
{
	const struct ranker_policy *p;

	if (r->roots_n > 0 && is_same(ranker_root(r), message, len))
		return true;
	LIST_FOREACH (p, &r->policies, next) {
		if (is_same(p->v, message, len))
			return true;
	}
	return false;
}

/*
 * The warning that somebody must have heard before; "" for none.  It is found
 * in what was verified: nobody else's text is read.
 */
static const char *
harm(struct ranker_ctl_query *q, const struct envelope *e)
{
	const struct verify ctx = {.mode = VERIFY_ALONE,
	    .root = ranker_root(q->ranker),
	    .now_s = q->now_s};
	const char *warning = "";
	struct ranker_why wrong;
	struct trust_why why;
	struct settings *s;
	struct verified *v;

	if (e->type != ENVELOPE_POLICY || ctx.root == NULL)
		return "";
	v = verify_message(&ctx, q->body, q->body_len, &why);
	if (v == NULL)
		return "";
	s = ranker_policy_read(v, &wrong);
	if (s != NULL && s->intermediaries_n == 0)
		warning = "this policy names no intermediary: agents that take "
			  "it have only those of their own configuration";
	settings_unref(s);
	verified_free(v);
	return warning;
}

static bool
is_force(const struct ranker_ctl_query *q)
{
	const char *word = ranker_ctl_arg(q->line, 1);

	return word != NULL && strcmp(word, "force") == 0;
}

/* how: what became of it. */
static void
say_published(struct ranker_ctl_query *q, const struct envelope *e,
    const char *how, const char *warning)
{
	json_t *answer = ranker_ctl_head();
	char title[RANKER_CTL_TITLE_MAX], text[RANKER_CTL_TITLE_MAX + 120];

	ranker_ctl_title(e, title);
	snprintf(text, sizeof(text), "%s %s, for %s", title, how,
	    e->type == ENVELOPE_ROOT || strcmp(e->audience, "*") == 0
		? "all agents"
		: e->audience);
	ranker_ctl_set_text(answer, "message", text);
	ranker_ctl_set_header(answer, e);
	if (*warning != '\0')
		ranker_ctl_set_text(answer, "warning", warning);
	ranker_ctl_say(q, answer);
}

static int
forget_nack(struct ranker *r, int64_t id)
{
	struct store_agent a;
	int error = store_agent_by_id(r->store, id, &a);

	if (error != 0 || a.nack_code[0] == '\0')
		return error == -ENOENT ? 0 : error;
	a.nack_code[0] = a.nack_text[0] = '\0';
	return store_agent_update(r->store, &a);
}

/* What agents have refused before is no answer to what they get now.  When
 * that cannot be written, it is only told too early what they say. */
static void
forget_nacks(struct ranker *r, const struct envelope *e)
{
	const struct ranker_agent *a;
	struct ranker_group *g;
	int error = ranker_begin(r);

	if (error != 0)
		return;
	TAILQ_FOREACH (g, &r->groups, next) {
		if (strcmp(e->audience, "*") != 0 &&
		    strcmp(e->audience, g->name) != 0)
			continue;
		LIST_FOREACH (a, &g->agents, in_group) {
			if (error == 0 && a->conn != 0)
				error = forget_nack(r, a->id);
		}
	}
	(void)ranker_end(r, error);
}

static void
publish(struct ranker_ctl_query *q, const struct envelope *e)
{
	char by[RANKER_CTL_BY_MAX];
	const char *warning = harm(q, e);
	struct ranker_why why;
	int error;

	/* Who asks again wants to know how far it has come. */
	if (is_in_force(q->ranker, q->body, q->body_len)) {
		say_published(q, e, "was published already", "");
		return;
	}
	if (*warning != '\0' && !is_force(q)) {
		ranker_ctl_refuse(q, RANKER_CTL_REFUSED,
		    "%s; if that is meant, say --force", warning);
		return;
	}
	error = ranker_publish_message(
	    q->ranker, q->body, q->body_len, ranker_ctl_by(q, by), &why);
	if (error != 0) {
		ranker_ctl_refuse_why(q, error, &why);
		return;
	}
	forget_nacks(q->ranker, e);
	say_published(q, e, "is published", warning);
}

/* It may take ENVELOPE_MAX bytes, and no byte more is read. */
void
ranker_ctl_publish(struct ranker_ctl_query *q)
{
	const char *word = ranker_ctl_arg(q->line, 0);
	enum envelope_fault fault;
	struct envelope e;
	int64_t want;

	if (!ranker_ctl_number(word, 1, ENVELOPE_MAX, &want) ||
	    (ranker_ctl_arg(q->line, 1) != NULL && !is_force(q))) {
		ranker_ctl_refuse(q, RANKER_CTL_USAGE,
		    "expected a message of at most %d bytes, found one of "
		    "%.20s",
		    ENVELOPE_MAX, word);
		return;
	}
	q->body_want = q->body == NULL ? (size_t)want : 0;
	if (q->body == NULL)
		return;
	if (envelope_decode(q->body, q->body_len, &e, &fault) !=
	    (int)q->body_len)
		ranker_ctl_refuse(q, RANKER_CTL_REFUSED,
		    "expected one whole signed message, found something else");
	else if (e.type == ENVELOPE_RANK)
		ranker_ctl_refuse(q, RANKER_CTL_REFUSED,
		    "a rank: the server makes these itself; an override "
		    "(\"use\") changes them");
	else
		publish(q, &e);
}

/* --- how far it has come --- */

struct tally {
	struct ranker_ctl_query *q;
	enum envelope_type type;
	int64_t connected, have, refused;
	bool pending;
	json_t *waiting, *nacks;
};

static bool
reached(const struct manage_mark *said, struct trust_mark want)
{
	const struct trust_mark mark = {said->epoch, said->serial};

	return trust_compare(mark, want) >= 0;
}

static bool
has_it(const struct tally *t, const struct ranker_group *g,
    const struct store_agent *a)
{
	switch (t->type) {
	case ENVELOPE_ROOT:
		return a->root_epoch >=
		       verified_mark(ranker_root(t->q->ranker)).epoch;
	case ENVELOPE_POLICY:
		return reached(&a->policy, verified_mark(g->policy->v));
	case ENVELOPE_RANK:
		break;
	}
	return reached(&a->rank, verified_mark(g->rank));
}

/* Is there anything that its agents could have? */
static bool
counts(struct tally *t, const struct ranker_group *g)
{
	switch (t->type) {
	case ENVELOPE_ROOT:
		return t->q->ranker->roots_n > 0;
	case ENVELOPE_POLICY:
		return g->policy != NULL;
	case ENVELOPE_RANK:
		break;
	}
	if (g->moved || g->signing != 0)
		t->pending = true;
	return g->rank != NULL;
}

static void
name_nack(struct tally *t, const struct store_agent *a)
{
	json_t *o;

	if (t->refused++ >= PDCTL_NAMED_MAX)
		return;
	o = json_object();
	ranker_ctl_set_text(o, "agent", a->name);
	ranker_ctl_set_text(o, "code", a->nack_code);
	ranker_ctl_set_text(o, "text", a->nack_text);
	json_array_append_new(t->nacks, o);
}

static void
count_agent(struct tally *t, const struct ranker_group *g,
    const struct ranker_agent *agent)
{
	struct store_agent a;

	if (agent->conn == 0 ||
	    store_agent_by_id(t->q->ranker->store, agent->id, &a) != 0)
		return;
	t->connected++;
	if (has_it(t, g, &a))
		t->have++;
	else if (a.nack_code[0] != '\0')
		name_nack(t, &a);
	else if (json_array_size(t->waiting) < PDCTL_NAMED_MAX)
		json_array_append_new(t->waiting, json_string(a.name));
}

static bool
type_of(const char *word, enum envelope_type *out)
{
	static const struct {
		const char *word;
		enum envelope_type type;
	} types[] = {{"root", ENVELOPE_ROOT}, {"policy", ENVELOPE_POLICY},
	    {"rank", ENVELOPE_RANK}};
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(*types); i++) {
		if (strcmp(word, types[i].word) == 0) {
			*out = types[i].type;
			return true;
		}
	}
	return false;
}

void
ranker_ctl_delivery(struct ranker_ctl_query *q)
{
	const char *group = ranker_ctl_arg(q->line, 1);
	struct tally t = {.q = q};
	const struct ranker_agent *agent;
	struct ranker_group *g;
	json_t *answer;

	if (!type_of(ranker_ctl_arg(q->line, 0), &t.type)) {
		ranker_ctl_refuse(q, RANKER_CTL_USAGE,
		    "expected root, policy or rank, found %.64s",
		    ranker_ctl_arg(q->line, 0));
		return;
	}
	t.waiting = json_array();
	t.nacks = json_array();
	TAILQ_FOREACH (g, &q->ranker->groups, next) {
		if ((group != NULL && strcmp(group, "*") != 0 &&
			strcmp(group, g->name) != 0) ||
		    !counts(&t, g))
			continue;
		LIST_FOREACH (agent, &g->agents, in_group)
			count_agent(&t, g, agent);
	}
	answer = ranker_ctl_head();
	ranker_ctl_set_int(answer, "connected", t.connected);
	ranker_ctl_set_int(answer, "have", t.have);
	ranker_ctl_set_int(answer, "refused", t.refused);
	ranker_ctl_set(answer, "pending", json_boolean(t.pending));
	ranker_ctl_set(answer, "waiting", t.waiting);
	ranker_ctl_set(answer, "nacks", t.nacks);
	ranker_ctl_say(q, answer);
}
