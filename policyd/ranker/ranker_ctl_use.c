/* Takes an administrator's overrides: whether they make sense is seen here,
 * what they come to is the ranking's. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/common/pdctl.h"
#include "policyd/ranker/ranker.h"
#include "policyd/ranker/ranker_ctl.h"
#include "policyd/ranker/ranker_ctl_answer.h"
#include "policyd/ranker/ranker_ctl_line.h"
#include "policyd/ranker/ranker_ctl_say.h"
#include "policyd/ranker/ranker_rank.h"
#include "trust/when.h"

static bool
append(char list[STORE_NAMES_MAX], const char *name)
{
	size_t len = strlen(list);
	int n;

	if (ranker_override_names(list, name))
		return true;
	n = snprintf(list + len, STORE_NAMES_MAX - len, "%s%s",
	    len > 0 ? " " : "", name);
	return n >= 0 && (size_t)n < STORE_NAMES_MAX - len;
}

/* "a b" into "a, b" */
static const char *
commas(const char *list, char *out, size_t size)
{
	size_t len = 0, n;

	out[0] = '\0';
	for (; *list != '\0' && len + 1 < size; list += n + (list[n] == ' ')) {
		n = strcspn(list, " ");
		len += (size_t)snprintf(out + len, size - len, "%s%.*s",
		    len > 0 ? ", " : "", (int)n, list);
	}
	return out;
}

/* --- the order --- */

static bool
read_word(struct ranker_ctl_query *q, const char *word,
    struct store_override *o, int64_t *for_s)
{
	const char *v;
	bool ok = false;

	if ((v = ranker_ctl_value(word, "use")) != NULL)
		ok = manage_name_ok(v) && append(o->use, v);
	else if ((v = ranker_ctl_value(word, "not")) != NULL)
		ok = manage_name_ok(v) && append(o->avoid, v);
	else if ((v = ranker_ctl_value(word, "for")) != NULL)
		ok = ranker_ctl_number(v, 1, PDCTL_FOR_MAX_S, for_s);
	else if ((v = ranker_ctl_value(word, "group")) != NULL)
		ok = envelope_audience_ok(v) &&
		     strlcpy(o->group, v, sizeof(o->group)) < sizeof(o->group);
	else if ((v = ranker_ctl_value(word, "why")) != NULL)
		ok = strlcpy(o->why, v, sizeof(o->why)) < sizeof(o->why);
	if (!ok)
		ranker_ctl_refuse(q, RANKER_CTL_USAGE,
		    "not a word of an order, or too long a one: %.64s", word);
	return ok;
}

static bool
read_order(struct ranker_ctl_query *q, struct store_override *o)
{
	char by[RANKER_CTL_BY_MAX];
	int64_t for_s = 0;
	const char *word;
	int i;

	*o = (struct store_override){.group = "*", .from_s = q->now_s};
	for (i = 0; (word = ranker_ctl_arg(q->line, i)) != NULL; i++) {
		if (!read_word(q, word, o, &for_s))
			return false;
	}
	if (for_s == 0 || (o->use[0] == '\0' && o->avoid[0] == '\0')) {
		ranker_ctl_refuse(q, RANKER_CTL_USAGE,
		    "expected intermediaries to use or not to use, and until "
		    "when");
		return false;
	}
	o->until_s = q->now_s + for_s;
	snprintf(o->by, sizeof(o->by), "%s", ranker_ctl_by(q, by));
	return true;
}

/* --- does it make sense? --- */

static bool
is_for(const char *group, const struct ranker_group *g)
{
	return strcmp(group, "*") == 0 || strcmp(group, g->name) == 0;
}

static const struct settings_intermediary *
named(const struct settings *s, const char *name)
{
	int i = settings_intermediary(s, name);

	return i < 0 ? NULL : &s->intermediaries[i];
}

/* Somebody's policy names it, of those that the order is for. */
static bool
is_known(
    const struct ranker *r, const struct store_override *o, const char *name)
{
	const struct ranker_policy *p;

	if (strcmp(o->group, "*") != 0) {
		p = ranker_policy(r, o->group);
		return p != NULL && named(p->settings, name) != NULL;
	}
	LIST_FOREACH (p, &r->policies, next) {
		if (named(p->settings, name) != NULL)
			return true;
	}
	return false;
}

/* The names of all policies that it could have meant; the caller frees. */
static const char **
known_names(const struct ranker *r, const struct store_override *o)
{
	const struct ranker_policy *p, *own = ranker_policy(r, o->group);
	const char **words;
	size_t n = 0;
	uint32_t i;

	LIST_FOREACH (p, &r->policies, next)
		n += p->settings->intermediaries_n;
	words = calloc(n + 1, sizeof(*words));
	n = 0;
	LIST_FOREACH (p, &r->policies, next) {
		if (words == NULL || (own != NULL && p != own))
			continue;
		for (i = 0; i < p->settings->intermediaries_n; i++)
			words[n++] = p->settings->intermediaries[i].name;
	}
	return words;
}

static bool
names_ok(struct ranker_ctl_query *q, const struct store_override *o,
    const char *list)
{
	char name[MANAGE_NAME_MAX + 1];
	const char **words;
	size_t n;

	for (; *list != '\0'; list += n + (list[n] == ' ')) {
		n = strcspn(list, " ");
		snprintf(name, sizeof(name), "%.*s", (int)n, list);
		if (is_known(q->ranker, o, name))
			continue;
		words = known_names(q->ranker, o);
		if (words != NULL)
			ranker_ctl_refuse_name(q,
			    "no policy in force names an intermediary", name,
			    words);
		else
			q->failed = true;
		free(words);
		return false;
	}
	return true;
}

static bool
group_ok(struct ranker_ctl_query *q, const struct store_override *o)
{
	const struct ranker_group *g;
	const char **words;
	size_t n = 0;

	if (strcmp(o->group, "*") == 0 ||
	    ranker_group(q->ranker, o->group) != NULL)
		return true;
	TAILQ_FOREACH (g, &q->ranker->groups, next)
		n++;
	words = calloc(n + 1, sizeof(*words));
	if (words == NULL) {
		q->failed = true;
		return false;
	}
	n = 0;
	TAILQ_FOREACH (g, &q->ranker->groups, next)
		words[n++] = g->name;
	ranker_ctl_refuse_name(
	    q, "no agent and no policy is of a group", o->group, words);
	free(words);
	return false;
}

static bool
contradicts(struct ranker_ctl_query *q, const struct store_override *o)
{
	char name[MANAGE_NAME_MAX + 1];
	const char *list;
	size_t n;

	for (list = o->use; *list != '\0'; list += n + (list[n] == ' ')) {
		n = strcspn(list, " ");
		snprintf(name, sizeof(name), "%.*s", (int)n, list);
		if (!ranker_override_names(o->avoid, name))
			continue;
		ranker_ctl_refuse(q, RANKER_CTL_USAGE,
		    "%s is both to be used and not to be used", name);
		return true;
	}
	return false;
}

enum word {
	WORD_NONE,
	WORD_USE,
	WORD_AVOID
};

/* What this order and those before it say of one; the newest wins. */
static enum word
word_of(const struct ranker *r, const struct store_override *new,
    const struct ranker_group *g, const char *name)
{
	enum word word = WORD_NONE;
	const struct store_override *o;
	uint32_t i;

	for (i = 0; i <= r->overrides_n; i++) {
		o = i < r->overrides_n ? &r->overrides[i] : new;
		if (o == NULL || !is_for(o->group, g))
			continue;
		if (ranker_override_names(o->use, name))
			word = WORD_USE;
		else if (ranker_override_names(o->avoid, name))
			word = WORD_AVOID;
	}
	return word;
}

/* How many a group could use for anything with that order (NULL: as it is);
 * *left: that no order forbids. */
static uint32_t
usable(const struct ranker *r, const struct store_override *new,
    const struct ranker_group *g, uint32_t *left)
{
	const struct settings *s = g->policy->settings;
	const struct settings_tier *tier;
	const struct fuse_estimate *seen;
	uint32_t i, n = 0;
	enum word word;

	*left = 0;
	for (i = 0; i < s->intermediaries_n; i++) {
		tier = settings_tier(s, s->intermediaries[i].tier);
		word = word_of(r, new, g, s->intermediaries[i].name);
		if (word == WORD_AVOID ||
		    (tier != NULL && tier->reserved_for != 0))
			continue;
		++*left;
		seen = i < g->places_n ? &g->places[i].estimate : NULL;
		n += word == WORD_USE || seen == NULL ||
		     (!seen->dead && !seen->drain);
	}
	return n;
}

static bool
leaves_some(struct ranker_ctl_query *q, const struct store_override *o)
{
	const struct ranker_group *g;
	uint32_t before, after, before_left, left;

	TAILQ_FOREACH (g, &q->ranker->groups, next) {
		if (g->policy == NULL || !is_for(o->group, g))
			continue;
		before = usable(q->ranker, NULL, g, &before_left);
		after = usable(q->ranker, o, g, &left);
		if (after > 0 || (left > 0 && before == 0) || before_left == 0)
			continue;
		ranker_ctl_refuse(q, RANKER_CTL_REFUSED,
		    "that would leave group %s no usable intermediary%s",
		    g->name, left > 0 ? ": all others are dead or drain" : "");
		return false;
	}
	return true;
}

/* Each is looked through for each intermediary, whenever ranks are made. */
static bool
has_room(struct ranker_ctl_query *q)
{
	if (q->ranker->overrides_n < RANKER_CTL_ORDERS_MAX)
		return true;
	ranker_ctl_refuse(q, RANKER_CTL_REFUSED,
	    "%d overrides are in force already: end one first",
	    RANKER_CTL_ORDERS_MAX);
	return false;
}

/* --- the verbs --- */

static void
set_list(json_t *o, const char *key, const char *list)
{
	json_t *names = json_array();
	size_t n;

	for (; *list != '\0'; list += n + (list[n] == ' ')) {
		n = strcspn(list, " ");
		json_array_append_new(names, json_stringn(list, n));
	}
	ranker_ctl_set(o, key, names);
}

static void
set_override(json_t *answer, const struct store_override *o)
{
	ranker_ctl_set_int(answer, "id", o->id);
	ranker_ctl_set_text(answer, "group", o->group);
	set_list(answer, "use", o->use);
	set_list(answer, "avoid", o->avoid);
	ranker_ctl_set_int(answer, "from_s", o->from_s);
	ranker_ctl_set_int(answer, "until_s", o->until_s);
	ranker_ctl_set_text(answer, "by", o->by);
	ranker_ctl_set_text(answer, "why", o->why);
}

static void
say_ordered(struct ranker_ctl_query *q, const struct store_override *o)
{
	char use[STORE_NAMES_MAX * 2], avoid[STORE_NAMES_MAX * 2];
	char text[4 * STORE_NAMES_MAX + 256], when[WHEN_STRLEN];
	json_t *answer = ranker_ctl_head();

	commas(o->use, use, sizeof(use));
	commas(o->avoid, avoid, sizeof(avoid));
	snprintf(text, sizeof(text),
	    "override %" PRId64 ": %s%s%s%s%s, for %s, until %s", o->id,
	    *use != '\0' ? "use " : "", use,
	    *use != '\0' && *avoid != '\0' ? ", " : "",
	    *avoid != '\0' ? "not " : "", avoid,
	    strcmp(o->group, "*") == 0 ? "all groups" : o->group,
	    when_format(o->until_s, when));
	ranker_ctl_set_text(answer, "message", text);
	set_override(answer, o);
	ranker_ctl_say(q, answer);
}

/* An order is always followed by a rank, also where it changes nothing: so
 * what an agent says to that rank, it says to the order. */
static void
rank_anew(struct ranker *r, const char *group)
{
	struct ranker_group *g;

	TAILQ_FOREACH (g, &r->groups, next) {
		if (g->policy != NULL && is_for(group, g))
			g->moved = true;
	}
	ranker_soon(r);
}

void
ranker_ctl_use(struct ranker_ctl_query *q)
{
	struct ranker_why why;
	struct store_override o;
	int error;

	if (!read_order(q, &o) || !group_ok(q, &o) || contradicts(q, &o) ||
	    !names_ok(q, &o, o.use) || !names_ok(q, &o, o.avoid) ||
	    !leaves_some(q, &o) || !has_room(q))
		return;
	error = ranker_override(q->ranker, &o, &why);
	if (error != 0) {
		ranker_ctl_refuse_why(q, error, &why);
		return;
	}
	rank_anew(q->ranker, o.group);
	say_ordered(q, &o);
}

void
ranker_ctl_overrides(struct ranker_ctl_query *q)
{
	uint32_t i;
	json_t *o;

	ranker_ctl_say(q, ranker_ctl_head());
	for (i = 0; i < q->ranker->overrides_n; i++) {
		if (q->ranker->overrides[i].until_s <= q->now_s)
			continue;
		o = json_object();
		set_override(o, &q->ranker->overrides[i]);
		ranker_ctl_say(q, o);
	}
}

void
ranker_ctl_override_end(struct ranker_ctl_query *q)
{
	char by[RANKER_CTL_BY_MAX], group[MANAGE_NAME_MAX + 1] = "*", text[64];
	struct ranker *r = q->ranker;
	struct ranker_why why = {.code = ""};
	json_t *answer;
	int64_t id;
	uint32_t i;
	int error;

	if (!ranker_ctl_number(ranker_ctl_arg(q->line, 0), 1, INT64_MAX, &id)) {
		ranker_ctl_refuse(q, RANKER_CTL_USAGE,
		    "expected an override's number, found %.64s",
		    ranker_ctl_arg(q->line, 0));
		return;
	}
	for (i = 0; i < r->overrides_n; i++) {
		if (r->overrides[i].id == id)
			memcpy(group, r->overrides[i].group, sizeof(group));
	}
	error = ranker_override_end(r, id, ranker_ctl_by(q, by), &why);
	if (error == -ENOENT) {
		ranker_ctl_refuse(q, RANKER_CTL_NOT_FOUND,
		    "no override %" PRId64 " is in force", id);
	} else if (error != 0) {
		ranker_ctl_refuse_why(q, error, &why);
	} else {
		rank_anew(r, group);
		answer = ranker_ctl_head();
		snprintf(
		    text, sizeof(text), "override %" PRId64 " has ended", id);
		ranker_ctl_set_text(answer, "message", text);
		ranker_ctl_set_int(answer, "id", id);
		ranker_ctl_set_text(answer, "group", group);
		ranker_ctl_say(q, answer);
	}
}
