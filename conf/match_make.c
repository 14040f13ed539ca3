/*
 * Puts the settings' lists and rules where they are found by what they say;
 * finds nothing itself.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/match_impl.h"
#include "conf/settings.h"

/* What a rule may be found by; its domains and networks are alternatives. */
enum way {
	WAY_DESTINATION,
	WAY_LOGIN,
	WAY_USER,
	WAY_SERVICE,
	WAY_SOURCE,
	WAY_PATH,
	WAY_PORT,
	WAYS
};

struct maker {
	struct match *m;
	uint32_t id;
	/* What is done with each key. */
	enum {
		ADD,
		WEIGH,
		ADD_FIRST
	} turn;
	uint32_t most; /* WEIGH: rules that have a key, at most */
};

static void
key(struct maker *k, enum match_kind kind, const void *bytes, size_t len)
{
	uint32_t n;

	switch (k->turn) {
	case ADD:
		lookup_add(k->m->keys, (uint8_t)kind, bytes, len, k->id);
		if (len > k->m->longest[kind])
			k->m->longest[kind] = len;
		break;
	case WEIGH:
		n = lookup_count(k->m->keys, (uint8_t)kind, bytes, len);
		if (n > k->most)
			k->most = n;
		break;
	case ADD_FIRST:
		lookup_add(k->m->keys, (uint8_t)(kind | MATCH_FIRST), bytes,
		    len, k->id);
		break;
	}
}

static void
uses_len(struct maker *k, enum match_kind kind, bool v6, uint32_t bits)
{
	k->m->lens[kind][v6][bits / 64] |= 1ull << bits % 64;
}

static void
words(struct maker *k, enum match_kind kind, char *const *list, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		key(k, kind, list[i], strlen(list[i]));
}

static void
networks(struct maker *k, enum match_kind kind, const struct net_prefix *list,
    size_t n)
{
	uint8_t bytes[MATCH_ADDRESS_KEY];
	size_t i;

	for (i = 0; i < n; i++) {
		match_network_key(&list[i].ip, list[i].len, bytes);
		uses_len(k, kind, list[i].ip.family == 6, list[i].len);
		key(k, kind, bytes, sizeof(bytes));
	}
}

/* What begins with a path begins with its beginning. */
static void
paths(struct maker *k, const struct settings_rule *r)
{
	uint8_t power;
	size_t i;

	for (i = 0; i < r->paths_n; i++) {
		power = match_path_power(strlen(r->paths[i]));
		uses_len(k, MATCH_RULE_PATH, false, power);
		key(k, MATCH_RULE_PATH, r->paths[i], (size_t)1 << power);
	}
}

/* A run of ports as prefixes, as networks are. */
static void
ports(struct maker *k, const struct settings_ports *p)
{
	uint32_t at = p->first, bits;
	uint8_t bytes[MATCH_PORT_KEY];

	while (at <= p->last) {
		bits = 16;
		while (bits > 0 && at % (0x20000u >> bits) == 0 &&
		       at + (0x20000u >> bits) - 1 <= p->last)
			bits--;
		match_port_key((uint16_t)at, (uint8_t)bits, bytes);
		uses_len(k, MATCH_RULE_PORT, false, bits);
		key(k, MATCH_RULE_PORT, bytes, sizeof(bytes));
		at += 0x10000u >> bits;
	}
}

static size_t
exact_services(const struct settings_rule *r)
{
	size_t i, n = 0;

	for (i = 0; i < r->services_n; i++)
		n += strchr(r->services[i], '*') == NULL;
	return n;
}

/* Can a rule be found that way? */
static bool
has_way(const struct settings_rule *r, enum way way)
{
	switch (way) {
	case WAY_DESTINATION:
		return r->domains_n > 0 || r->networks_n > 0;
	case WAY_LOGIN:
		return r->logins_n > 0;
	case WAY_USER:
		return r->users_n > 0;
	case WAY_SERVICE:
		return r->services_n > 0 && exact_services(r) == r->services_n;
	case WAY_SOURCE:
		return r->sources_n > 0;
	case WAY_PATH:
		return r->paths_n > 0;
	case WAY_PORT:
		return r->ports_n > 0;
	case WAYS:
		break;
	}
	return false;
}

static void
keys(struct maker *k, const struct settings_rule *r, enum way way)
{
	size_t i;

	switch (way) {
	case WAY_DESTINATION:
		words(k, MATCH_RULE_DOMAIN, r->domains, r->domains_n);
		networks(k, MATCH_RULE_NETWORK, r->networks, r->networks_n);
		break;
	case WAY_LOGIN:
		words(k, MATCH_RULE_LOGIN, r->logins, r->logins_n);
		break;
	case WAY_USER:
		for (i = 0; i < r->users_n; i++)
			key(k, MATCH_RULE_USER, &r->users[i],
			    sizeof(r->users[i]));
		break;
	case WAY_SERVICE:
		words(k, MATCH_RULE_SERVICE, r->services, r->services_n);
		break;
	case WAY_SOURCE:
		networks(k, MATCH_RULE_SOURCE, r->sources, r->sources_n);
		break;
	case WAY_PATH:
		paths(k, r);
		break;
	case WAY_PORT:
		for (i = 0; i < r->ports_n; i++)
			ports(k, &r->ports[i]);
		break;
	case WAYS:
		break;
	}
}

static void
add_rule(struct maker *k, const struct settings_rule *r)
{
	int way;

	for (way = 0; way < WAYS; way++) {
		if (has_way(r, (enum way)way))
			keys(k, r, (enum way)way);
	}
}

/* Ten thousand rules for one domain, each for another user, are found by the
 * user: by whatever the fewest others have. */
static void
add_first(struct maker *k, const struct settings_rule *r)
{
	uint32_t least = UINT32_MAX;
	enum way best = WAYS;
	int way;

	k->turn = WEIGH;
	for (way = 0; way < WAYS; way++) {
		if (!has_way(r, (enum way)way))
			continue;
		k->most = 0;
		keys(k, r, (enum way)way);
		if (k->most < least) {
			least = k->most;
			best = (enum way)way;
		}
	}
	k->turn = ADD_FIRST;
	if (best == WAYS)
		key(k, MATCH_RULE_REST, "", 0);
	else
		keys(k, r, best);
}

static void
rules(struct maker *k, const struct settings *s)
{
	k->turn = ADD;
	for (k->id = 0; k->id < s->rules_n; k->id++)
		add_rule(k, &s->rules[k->id]);
	for (k->id = 0; k->id < s->rules_n; k->id++)
		add_first(k, &s->rules[k->id]);
}

static void
hops(struct maker *k, const struct settings *s)
{
	const struct settings_intermediary *si;

	k->turn = ADD;
	for (k->id = 0; k->id < s->intermediaries_n; k->id++) {
		si = &s->intermediaries[k->id];
		key(k, MATCH_HOP, si->name, strlen(si->name));
		if (si->duty == DUTY_RANKED)
			continue;
		words(k, MATCH_SERVES_DOMAIN, si->serves.domains,
		    si->serves.domains_n);
		if (si->serves.domains_n == 0)
			key(k, MATCH_SERVES_REST, "", 0);
	}
}

static void
limits(struct maker *k, const struct settings *s)
{
	const struct settings_user *u;

	k->turn = ADD;
	for (k->id = 0; k->id < s->user_limits_n; k->id++) {
		u = &s->user_limits[k->id];
		if (u->login)
			key(k, MATCH_LIMITS_LOGIN, u->name, strlen(u->name));
		else
			key(k, MATCH_LIMITS_USER, &u->uid, sizeof(u->uid));
	}
}

static void
lists(struct maker *k, const struct settings *s)
{
	k->turn = ADD;
	k->id = 0;
	words(k, MATCH_DIRECT_DOMAIN, s->direct_domains, s->direct_domains_n);
	networks(
	    k, MATCH_DIRECT_NETWORK, s->direct_networks, s->direct_networks_n);
	networks(k, MATCH_LEARN, s->direct_learn, s->direct_learn_n);
	networks(k, MATCH_ACCESS, s->access, s->access_n);
	networks(k, MATCH_EXEMPT, s->login_exempt, s->login_exempt_n);
}

int
match_make(const struct settings *s, struct match **out)
{
	struct match *m = calloc(1, sizeof(*m));
	struct maker k = {.m = m};

	*out = NULL;
	if (m != NULL)
		m->keys = lookup_new();
	if (m == NULL || m->keys == NULL) {
		free(m);
		return -ENOMEM;
	}
	rules(&k, s);
	hops(&k, s);
	limits(&k, s);
	lists(&k, s);
	if (lookup_seal(m->keys) != 0) {
		match_free(m);
		return -ENOMEM;
	}
	*out = m;
	return 0;
}
