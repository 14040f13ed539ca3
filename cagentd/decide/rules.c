/* Finds the rule for a request without going through all of them. */
#include "cagentd/decide/rules.h"

#include <string.h>

#include "cagentd/decide/asks.h"
#include "conf/match.h"

/* Whether a rule's own list has it is looked up beyond so many. */
#define SCAN_MAX 8

/* What a rule need not be asked again, as it was found by it. */
enum known {
	KNOWN_NOTHING,
	KNOWN_DESTINATION
};

struct search {
	const struct settings *settings;
	const struct wire_host *host;
	const struct client *client;
	const struct asked *asked;
	struct net_ip ip; /* of the host, where it is one */
	uint32_t best;	  /* so far; UINT32_MAX: none */
	struct rules_cost cost;
};

static bool
has(struct search *f, struct match_walk *w, uint32_t rule)
{
	bool found = match_has(w, rule);

	f->cost.keys += w->looks;
	return found;
}

static bool
domain_matches(struct search *f, const struct settings_rule *r, uint32_t rule)
{
	struct match_walk w;
	size_t i;

	if (f->host->kind != WIRE_HOST_NAME)
		return false;
	if (r->domains_n > SCAN_MAX) {
		match_domains(
		    &w, f->settings->match, MATCH_RULE_DOMAIN, f->host->name);
		return has(f, &w, rule);
	}
	for (i = 0; i < r->domains_n; i++) {
		if (net_name_below(r->domains[i], f->host->name))
			return true;
	}
	return false;
}

static bool
network_matches(struct search *f, const struct settings_rule *r, uint32_t rule)
{
	struct match_walk w;
	size_t i;

	if (r->networks_n > SCAN_MAX) {
		match_networks(
		    &w, f->settings->match, MATCH_RULE_NETWORK, &f->ip, 0);
		return has(f, &w, rule);
	}
	for (i = 0; i < r->networks_n; i++) {
		if (net_prefix_contains(&r->networks[i], &f->ip))
			return true;
	}
	return false;
}

static bool
port_matches(struct search *f, const struct settings_rule *r, uint32_t rule)
{
	uint16_t port = f->host->port;
	struct match_walk w;
	size_t i;

	if (r->ports_n > SCAN_MAX) {
		match_ports(&w, f->settings->match, MATCH_RULE_PORT, port);
		return has(f, &w, rule);
	}
	for (i = 0; i < r->ports_n; i++) {
		if (port >= r->ports[i].first && port <= r->ports[i].last)
			return true;
	}
	return r->ports_n == 0;
}

static bool
matches(struct search *f, uint32_t rule, enum known known)
{
	const struct settings_rule *r = &f->settings->rules[rule];

	if (!port_matches(f, r, rule) ||
	    !asks_match(f->settings, rule, f->client, f->asked))
		return false;
	if (known == KNOWN_DESTINATION ||
	    (r->domains_n == 0 && r->networks_n == 0))
		return true;
	return domain_matches(f, r, rule) || network_matches(f, r, rule);
}

/* Those rules that a walk leads to, as far as they come before the best. */
static void
try(struct search *f, struct match_walk *w, enum known known)
{
	struct lookup_ids ids;
	uint32_t i;

	while (match_next(w, &ids)) {
		for (i = 0; i < ids.n && ids.id[i] < f->best; i++) {
			f->cost.rules++;
			if (matches(f, ids.id[i], known))
				f->best = ids.id[i];
		}
	}
	f->cost.keys += w->looks;
}

static void
by_destination(struct search *f)
{
	const struct match *m = f->settings->match;
	struct match_walk w;

	if (f->host->kind == WIRE_HOST_NAME) {
		match_domains(
		    &w, m, MATCH_RULE_DOMAIN | MATCH_FIRST, f->host->name);
		try(f, &w, KNOWN_DESTINATION);
	}
	match_networks(&w, m, MATCH_RULE_NETWORK | MATCH_FIRST, &f->ip, 0);
	try(f, &w, KNOWN_DESTINATION);
}

/* The first part alone, or the whole of it: see asks_service(). */
static void
by_service(struct search *f)
{
	const char *service = f->client->service;
	size_t part = strcspn(service, "/");
	const struct match *m = f->settings->match;
	struct match_walk w;

	if (part == 0)
		return;
	match_exactly(&w, m, MATCH_RULE_SERVICE | MATCH_FIRST, service, part);
	try(f, &w, KNOWN_NOTHING);
	if (service[part] == '\0')
		return;
	match_exactly(
	    &w, m, MATCH_RULE_SERVICE | MATCH_FIRST, service, strlen(service));
	try(f, &w, KNOWN_NOTHING);
}

static void
by_client(struct search *f)
{
	const struct match *m = f->settings->match;
	const struct client *c = f->client;
	struct match_walk w;

	if (c->has_uid) {
		match_exactly(&w, m, MATCH_RULE_USER | MATCH_FIRST, &c->uid,
		    sizeof(c->uid));
		try(f, &w, KNOWN_NOTHING);
	}
	if (c->login[0] != '\0') {
		match_exactly(&w, m, MATCH_RULE_LOGIN | MATCH_FIRST, c->login,
		    strlen(c->login));
		try(f, &w, KNOWN_NOTHING);
	}
	by_service(f);
	match_networks(&w, m, MATCH_RULE_SOURCE | MATCH_FIRST, &c->source, 0);
	try(f, &w, KNOWN_NOTHING);
}

/* What is left to tell a rule by. */
static void
by_rest(struct search *f)
{
	const struct match *m = f->settings->match;
	struct match_walk w;

	if (f->asked != NULL) {
		match_paths(
		    &w, m, MATCH_RULE_PATH | MATCH_FIRST, f->asked->path);
		try(f, &w, KNOWN_NOTHING);
	}
	match_ports(&w, m, MATCH_RULE_PORT | MATCH_FIRST, f->host->port);
	try(f, &w, KNOWN_NOTHING);
	match_exactly(&w, m, MATCH_RULE_REST | MATCH_FIRST, "", 0);
	try(f, &w, KNOWN_NOTHING);
}

int32_t
rules_find(const struct settings *s, const struct wire_host *host,
    const struct client *c, const struct asked *asked, struct rules_cost *cost)
{
	struct search f = {.settings = s,
	    .host = host,
	    .client = c,
	    .asked = asked,
	    .best = UINT32_MAX};

	if (s->rules_n == 0)
		return -1;
	if (host->kind == WIRE_HOST_V4 || host->kind == WIRE_HOST_V6) {
		f.ip.family = host->kind == WIRE_HOST_V4 ? 4 : 6;
		memcpy(f.ip.bytes, host->ip, sizeof(f.ip.bytes));
	}
	by_destination(&f);
	by_client(&f);
	by_rest(&f);
	if (cost != NULL) {
		cost->keys += f.cost.keys;
		cost->rules += f.cost.rules;
	}
	return f.best != UINT32_MAX ? (int32_t)f.best : -1;
}
