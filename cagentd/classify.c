/* Decides, from rules and lists alone, what kind of path a request gets. */
#include "cagentd/classify.h"

#include <string.h>

/* "example.com" matches itself and what is below it. */
static bool
domain_matches(const char *domain, const char *name)
{
	size_t dlen = strlen(domain);
	size_t nlen = strlen(name);

	if (dlen > nlen || strcmp(name + (nlen - dlen), domain) != 0)
		return false;
	return dlen == nlen || name[nlen - dlen - 1] == '.';
}

static bool
any_domain(char *const *domains, size_t n, const struct wire_host *host)
{
	size_t i;

	if (host->kind != WIRE_HOST_NAME)
		return false;
	for (i = 0; i < n; i++) {
		if (domain_matches(domains[i], host->name))
			return true;
	}
	return false;
}

static bool
any_network(
    const struct net_prefix *networks, size_t n, const struct net_ip *ip)
{
	size_t i;

	if (ip->family == 0)
		return false;
	for (i = 0; i < n; i++) {
		if (net_prefix_contains(&networks[i], ip))
			return true;
	}
	return false;
}

static struct net_ip
host_ip(const struct wire_host *host)
{
	struct net_ip ip = {0};

	if (host->kind == WIRE_HOST_V4)
		ip.family = 4;
	else if (host->kind == WIRE_HOST_V6)
		ip.family = 6;
	if (ip.family != 0)
		memcpy(ip.bytes, host->ip, sizeof(ip.bytes));
	return ip;
}

static bool
destination_matches(const struct settings_rule *r, const struct wire_host *host)
{
	struct net_ip ip = host_ip(host);

	if (r->domains_n == 0 && r->networks_n == 0)
		return true;
	return any_domain(r->domains, r->domains_n, host) ||
	       any_network(r->networks, r->networks_n, &ip);
}

static bool
port_matches(const struct settings_rule *r, uint16_t port)
{
	size_t i;

	for (i = 0; i < r->ports_n; i++) {
		if (port >= r->ports[i].first && port <= r->ports[i].last)
			return true;
	}
	return r->ports_n == 0;
}

static bool
user_matches(const struct settings_rule *r, const struct client *c)
{
	size_t i;

	for (i = 0; i < r->users_n; i++) {
		if (c->has_uid && r->users[i] == c->uid)
			return true;
	}
	return r->users_n == 0;
}

static bool
rule_matches(const struct settings_rule *r, const struct wire_host *host,
    const struct client *c)
{
	if (r->protocols != 0 && (r->protocols & 1u << c->protocol) == 0)
		return false;
	return port_matches(r, host->port) && user_matches(r, c) &&
	       destination_matches(r, host);
}

void
classify(const struct settings *s, const struct wire_host *host,
    const struct client *c, struct verdict *out)
{
	const struct settings_rule *r;
	struct net_ip ip = host_ip(host);
	uint32_t i;

	*out = (struct verdict){.class = CLASS_NORMAL, .rule = -1};
	for (i = 0; i < s->rules_n; i++) {
		r = &s->rules[i];
		if (!rule_matches(r, host, c))
			continue;
		out->rule = (int32_t)i;
		out->via = r->via;
		out->tier = r->via_tier;
		out->intermediary = r->via_intermediary;
		if (r->has_class)
			out->class = r->class;
		break;
	}
	if (out->via == VIA_DEFAULT) {
		out->direct_first =
		    any_network(
			s->direct_networks, s->direct_networks_n, &ip) ||
		    any_domain(s->direct_domains, s->direct_domains_n, host);
	}
}

bool
classify_access(const struct settings *s, const struct net_ip *source)
{
	return any_network(s->access, s->access_n, source);
}
