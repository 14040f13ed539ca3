/* Decides whether who asks, and how, is whom a rule speaks of. */
#include "cagentd/decide/asks.h"

#include <string.h>

#include "conf/match.h"

/* Whether a rule's own list has it is looked up beyond so many. */
#define SCAN_MAX 8

/* What an asterisk stands for is made longer where what follows it fails;
 * that of an earlier one need not be. */
static bool
glob(const char *p, const char *text, size_t len)
{
	const char *star = NULL, *end = text + len, *resume = text;

	while (text < end) {
		if (*p == '*') {
			star = p++;
			resume = text;
		} else if (*p == *text) {
			p++;
			text++;
		} else if (star != NULL) {
			p = star + 1;
			text = ++resume;
		} else {
			return false;
		}
	}
	p += strspn(p, "*");
	return *p == '\0';
}

bool
asks_service(const char *pattern, const char *service)
{
	size_t len = strchr(pattern, '/') != NULL ? strlen(service)
						  : strcspn(service, "/");

	return len > 0 && glob(pattern, service, len);
}

static bool
user_matches(const struct settings *s, uint32_t rule, const struct client *c)
{
	const struct settings_rule *r = &s->rules[rule];
	struct match_walk w;
	size_t i;

	if (r->users_n > SCAN_MAX) {
		match_exactly(
		    &w, s->match, MATCH_RULE_USER, &c->uid, sizeof(c->uid));
		return c->has_uid && match_has(&w, rule);
	}
	for (i = 0; i < r->users_n; i++) {
		if (c->has_uid && r->users[i] == c->uid)
			return true;
	}
	return r->users_n == 0;
}

static bool
login_matches(const struct settings *s, uint32_t rule, const struct client *c)
{
	const struct settings_rule *r = &s->rules[rule];
	struct match_walk w;
	size_t i;

	if (r->logins_n > SCAN_MAX) {
		match_exactly(
		    &w, s->match, MATCH_RULE_LOGIN, c->login, strlen(c->login));
		return match_has(&w, rule);
	}
	for (i = 0; i < r->logins_n; i++) {
		if (strcmp(r->logins[i], c->login) == 0)
			return true;
	}
	return r->logins_n == 0;
}

static bool
service_matches(const struct settings_rule *r, const struct client *c)
{
	size_t i;

	for (i = 0; i < r->services_n; i++) {
		if (asks_service(r->services[i], c->service))
			return true;
	}
	return r->services_n == 0;
}

static bool
source_matches(const struct settings *s, uint32_t rule, const struct client *c)
{
	const struct settings_rule *r = &s->rules[rule];
	struct match_walk w;
	size_t i;

	if (r->sources_n > SCAN_MAX) {
		match_networks(&w, s->match, MATCH_RULE_SOURCE, &c->source, 0);
		return match_has(&w, rule);
	}
	for (i = 0; i < r->sources_n; i++) {
		if (net_prefix_contains(&r->sources[i], &c->source))
			return true;
	}
	return r->sources_n == 0;
}

static bool
method_matches(const struct settings_rule *r, const struct asked *a)
{
	size_t i;

	for (i = 0; a != NULL && i < r->methods_n; i++) {
		if (strcmp(r->methods[i], a->method) == 0)
			return true;
	}
	return r->methods_n == 0;
}

static bool
path_matches(const struct settings_rule *r, const struct asked *a)
{
	size_t i;

	for (i = 0; a != NULL && i < r->paths_n; i++) {
		if (strncmp(r->paths[i], a->path, strlen(r->paths[i])) == 0)
			return true;
	}
	return r->paths_n == 0;
}

bool
asks_match(const struct settings *s, uint32_t rule, const struct client *c,
    const struct asked *a)
{
	const struct settings_rule *r = &s->rules[rule];

	if (r->protocols != 0 && (r->protocols & 1u << c->protocol) == 0)
		return false;
	return user_matches(s, rule, c) && login_matches(s, rule, c) &&
	       service_matches(r, c) && source_matches(s, rule, c) &&
	       method_matches(r, a) && path_matches(r, a);
}
