/* Owns the settings' lists: how they are put together, found in, and freed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/tls.h"
#include "conf/match.h"
#include "conf/settings_build.h"
#include "conf/users.h"

struct build *
settings_build_new(struct bundle *bundle)
{
	struct build *b = calloc(1, sizeof(*b));

	if (b == NULL || sodium_init() == -1 ||
	    (b->s = calloc(1, sizeof(*b->s))) == NULL) {
		free(b);
		return NULL;
	}
	b->s->refs = 1;
	settings_built_in(b->s);
	STAILQ_INIT(&b->intermediaries);
	STAILQ_INIT(&b->rules);
	b->bundle = bundle;
	return b;
}

static void
add_tier(struct settings *s, const struct settings_tier *t)
{
	uint32_t i = s->tiers_n;

	for (; i > 0 && s->tiers[i - 1].rank > t->rank; i--)
		s->tiers[i] = s->tiers[i - 1];
	s->tiers[i] = *t;
	s->tiers_n++;
}

/* settings_intermediary_end() has counted the ranks. */
static void
move_tiers(struct build *b)
{
	struct settings_tier unnamed = {.rank = 0};
	const struct build_intermediary *i;
	uint32_t t;

	for (t = 0; t < b->tiers_n; t++) {
		if (!b->tiers[t].dropped)
			add_tier(b->s, &b->tiers[t].tier);
	}
	STAILQ_FOREACH(i, &b->intermediaries, next)
	{
		if (i->dropped || i->i.duty != DUTY_RANKED ||
		    settings_tier(b->s, i->i.tier) != NULL)
			continue;
		unnamed.rank = i->i.tier;
		add_tier(b->s, &unnamed);
	}
}

int
settings_move_lists(struct build *b)
{
	struct settings *s = b->s;
	struct build_intermediary *i;
	struct build_rule *r;
	uint32_t caches = 0;

	s->intermediaries =
	    calloc(b->intermediaries_n + 1, sizeof(*s->intermediaries));
	s->rules = calloc(b->rules_n + 1, sizeof(*s->rules));
	if (s->intermediaries == NULL || s->rules == NULL)
		return -ENOMEM;
	move_tiers(b);
	while ((i = STAILQ_FIRST(&b->intermediaries)) != NULL) {
		STAILQ_REMOVE_HEAD(&b->intermediaries, next);
		if (i->i.duty == DUTY_CACHE && !i->dropped)
			i->i.cache_bit = 1u << caches++;
		if (!i->dropped) /* which has no password */
			s->intermediaries[s->intermediaries_n++] = i->i;
		else {
			settings_tls_free(i->i.tls);
			settings_serves_fini(&i->i.serves);
		}
		free(i);
	}
	while ((r = STAILQ_FIRST(&b->rules)) != NULL) {
		STAILQ_REMOVE_HEAD(&b->rules, next);
		s->rules[s->rules_n++] = r->rule;
		free(r);
	}
	return match_make(s, &s->match);
}

void
settings_free_words(char **words, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		free(words[i]);
	free(words);
}

void
settings_serves_fini(struct settings_serves *v)
{
	settings_free_words(v->domains, v->domains_n);
	settings_free_words(v->paths, v->paths_n);
	settings_free_words(v->extensions, v->extensions_n);
	settings_free_words(v->contents, v->contents_n);
	free(v->ports);
}

static void
fini_rule(struct settings_rule *r)
{
	settings_free_words(r->domains, r->domains_n);
	free(r->networks);
	free(r->ports);
	free(r->users);
	settings_free_words(r->logins, r->logins_n);
	settings_free_words(r->services, r->services_n);
	free(r->sources);
	settings_free_words(r->methods, r->methods_n);
	settings_free_words(r->paths, r->paths_n);
}

void
settings_build_fini(struct build *b)
{
	struct build_intermediary *i;
	struct build_rule *r;

	while ((i = STAILQ_FIRST(&b->intermediaries)) != NULL) {
		STAILQ_REMOVE_HEAD(&b->intermediaries, next);
		sodium_free(i->i.password);
		settings_tls_free(i->i.tls);
		settings_serves_fini(&i->i.serves);
		free(i);
	}
	while ((r = STAILQ_FIRST(&b->rules)) != NULL) {
		STAILQ_REMOVE_HEAD(&b->rules, next);
		fini_rule(&r->rule);
		free(r);
	}
	tls_authorities_unref(b->authorities);
	free(b);
}

struct settings *
settings_ref(struct settings *s)
{
	s->refs++;
	return s;
}

static void
fini_intermediary(struct settings_intermediary *si)
{
	sodium_free(si->password);
	settings_tls_free(si->tls);
	settings_serves_fini(&si->serves);
}

void
settings_keep_ranked(struct settings *s)
{
	uint32_t i, n = 0;

	for (i = 0; i < s->intermediaries_n; i++) {
		if (s->intermediaries[i].duty == DUTY_RANKED)
			s->intermediaries[n++] = s->intermediaries[i];
		else
			fini_intermediary(&s->intermediaries[i]);
	}
	s->intermediaries_n = n;
	match_free(s->match);
	/* Without it names are looked for one by one. */
	(void)match_make(s, &s->match);
}

void
settings_unref(struct settings *s)
{
	uint32_t i;

	if (s == NULL || --s->refs > 0)
		return;
	for (i = 0; i < s->intermediaries_n; i++)
		fini_intermediary(&s->intermediaries[i]);
	for (i = 0; i < s->rules_n; i++)
		fini_rule(&s->rules[i]);
	match_free(s->match);
	free(s->intermediaries);
	free(s->rules);
	free(s->user_limits);
	free(s->authorities);
	free(s->access);
	users_free(s->login_users);
	free(s->login_exempt);
	free(s->direct_networks);
	settings_free_words(s->direct_domains, s->direct_domains_n);
	free(s->direct_learn);
	free(s->policy_networks);
	settings_free_words(s->policy_domains, s->policy_domains_n);
	free(s);
}

const struct settings_tier *
settings_tier(const struct settings *s, uint16_t rank)
{
	uint32_t i;

	for (i = 0; i < s->tiers_n; i++) {
		if (s->tiers[i].rank == rank)
			return &s->tiers[i];
	}
	return NULL;
}

int
settings_intermediary(const struct settings *s, const char *name)
{
	struct match_walk w;
	struct lookup_ids ids;
	uint32_t i;

	if (s->match != NULL) {
		match_exactly(&w, s->match, MATCH_HOP, name, strlen(name));
		return match_next(&w, &ids) ? (int)ids.id[0] : -1;
	}

	for (i = 0; i < s->intermediaries_n; i++) {
		if (strcmp(s->intermediaries[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}
