/* Decides, from rules and lists alone, what kind of path a request gets. */
#include "cagentd/decide/classify.h"

#include <string.h>

#include "cagentd/decide/asks.h"
#include "cagentd/decide/serves.h"

static bool
any_domain(char *const *domains, size_t n, const struct wire_host *host)
{
	size_t i;

	if (host->kind != WIRE_HOST_NAME)
		return false;
	for (i = 0; i < n; i++) {
		if (net_name_below(domains[i], host->name))
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
rule_matches(const struct settings_rule *r, const struct wire_host *host,
    const struct client *c, const struct asked *asked)
{
	return port_matches(r, host->port) && asks_match(r, c, asked) &&
	       destination_matches(r, host);
}

static bool may_pass(
    const struct settings *, const struct verdict *, const struct wire_host *);

void
classify(const struct settings *s, const struct wire_host *host,
    const struct client *c, const struct asked *asked, struct verdict *out)
{
	const struct settings_rule *r;
	struct net_ip ip = host_ip(host);
	uint32_t i;

	*out =
	    (struct verdict){.class = CLASS_NORMAL, .rule = -1, .service = -1};
	for (i = 0; i < s->rules_n; i++) {
		r = &s->rules[i];
		if (!rule_matches(r, host, c, asked))
			continue;
		out->rule = (int32_t)i;
		out->via = r->via;
		out->tier = r->via_tier;
		out->intermediary = r->via_intermediary;
		if (r->has_class)
			out->class = r->class;
		out->replay = r->replay;
		break;
	}
	serves_classify(s, host, asked, out->intermediary, out);
	if (out->via == VIA_DEFAULT) {
		out->direct_first =
		    any_network(
			s->direct_networks, s->direct_networks_n, &ip) ||
		    any_domain(s->direct_domains, s->direct_domains_n, host);
	}
	if (!may_pass(s, out, host)) {
		out->via = VIA_DENY;
		out->forbidden = true;
	}
}

/* How far an address reaches. */
enum scope {
	SCOPE_PUBLIC,
	SCOPE_PRIVATE,
	SCOPE_LOOPBACK,
	SCOPE_LOCAL /* to this host, this link, or to many */
};

/* The IANA registries of special-purpose addresses, as far as connections to
 * them are of harm; the first that matches decides. */
static const struct {
	struct net_prefix net;
	enum scope scope;
} special[] = {
    {{{4, {127}}, 8}, SCOPE_LOOPBACK},
    {{{4, {0}}, 8}, SCOPE_LOCAL},
    {{{4, {169, 254}}, 16}, SCOPE_LOCAL},
    {{{4, {224}}, 3}, SCOPE_LOCAL}, /* multicast, reserved, broadcast */
    /* What clouds tell their hosts, amid public and private ones. */
    {{{4, {168, 63, 129, 16}}, 32}, SCOPE_LOCAL},
    {{{4, {100, 100, 100, 200}}, 32}, SCOPE_LOCAL},
    {{{4, {192, 0, 0, 192}}, 32}, SCOPE_LOCAL},
    {{{4, {10}}, 8}, SCOPE_PRIVATE},
    {{{4, {172, 16}}, 12}, SCOPE_PRIVATE},
    {{{4, {192, 168}}, 16}, SCOPE_PRIVATE},
    {{{4, {100, 64}}, 10}, SCOPE_PRIVATE},
    {{{4, {192, 0, 0}}, 24}, SCOPE_PRIVATE},
    {{{6, {[15] = 1}}, 128}, SCOPE_LOOPBACK},
    {{{6, {0}}, 96}, SCOPE_LOCAL},
    {{{6, {0xfe, 0x80}}, 10}, SCOPE_LOCAL},
    {{{6, {0xff}}, 8}, SCOPE_LOCAL},
    /* Tunnels and translators that lead to v4 by rules not known here. */
    {{{6, {0x20, 0x01}}, 32}, SCOPE_LOCAL},
    {{{6, {0, 0x64, 0xff, 0x9b, 0, 1}}, 48}, SCOPE_LOCAL},
    /* A cloud's metadata, amid the private ones. */
    {{{6, {0xfd, 0, 0x0e, 0xc2, [14] = 2, [15] = 0x54}}, 128}, SCOPE_LOCAL},
    {{{6, {0xfc}}, 7}, SCOPE_PRIVATE},
    {{{6, {0xfe, 0xc0}}, 10}, SCOPE_PRIVATE},
};

/* Networks of v6 that lead to a v4 address at this byte: mapped, NAT64
 * (RFC 6052), 6to4 (RFC 3056). */
static const struct {
	struct net_prefix net;
	uint8_t at;
} gateways[] = {
    {{{6, {[10] = 0xff, [11] = 0xff}}, 96}, 12},
    {{{6, {0, 0x64, 0xff, 0x9b}}, 96}, 12},
    {{{6, {0x20, 0x02}}, 16}, 2},
};

static struct net_ip
final_ip(const struct net_ip *ip)
{
	struct net_ip v4 = {.family = 4};
	size_t i;

	for (i = 0; i < sizeof(gateways) / sizeof(*gateways); i++) {
		if (net_prefix_contains(&gateways[i].net, ip)) {
			memcpy(v4.bytes, ip->bytes + gateways[i].at, 4);
			return v4;
		}
	}
	return *ip;
}

/* Index in special, or -1. */
static int
special_of(const struct net_ip *ip)
{
	size_t i;

	for (i = 0; i < sizeof(special) / sizeof(*special); i++) {
		if (net_prefix_contains(&special[i].net, ip))
			return (int)i;
	}
	return -1;
}

static enum scope
scope_of(const struct net_ip *ip)
{
	int i = special_of(ip);

	return i >= 0 ? special[i].scope : SCOPE_PUBLIC;
}

/* Are they listed that it belongs to?  Who lists 0.0.0.0/0 has not thought of
 * the loopback and of metadata: what lists those is no wider than they are. */
static bool
is_listed(const struct net_prefix *nets, size_t n, const struct net_ip *ip)
{
	int in = special_of(ip);
	uint8_t least = 0;
	size_t i;

	if (in >= 0 && special[in].scope != SCOPE_PRIVATE)
		least = special[in].net.len;
	for (i = 0; i < n; i++) {
		if (nets[i].len >= least && net_prefix_contains(&nets[i], ip))
			return true;
	}
	return false;
}

/* 10.0.0.0/8 through an intermediary is another network than ours: who lists
 * 0.0.0.0/0 has not thought of that. */
static bool
may_learn(const struct settings *s, const struct net_ip *ip)
{
	int in = special_of(ip);
	uint8_t least = in >= 0 ? special[in].net.len : 0;
	size_t i;

	for (i = 0; i < s->direct_learn_n; i++) {
		if (s->direct_learn[i].len >= least &&
		    net_prefix_contains(&s->direct_learn[i], ip))
			return true;
	}
	return false;
}

static bool
is_any(const struct net_ip *ip)
{
	const struct net_ip any = {.family = ip->family};

	return net_ip_equal(ip, &any);
}

/* Who connects to no address in particular gets to this host, and a listener
 * on all addresses is on every loopback one. */
enum classify_own
classify_own(const struct settings *s, const struct net_ip *ip, uint16_t port)
{
	enum classify_own found = OWN_NO;
	struct net_ip own;
	uint32_t i;

	for (i = 0; i < s->listeners_n; i++) {
		net_addr_ip(&s->bound[i], &own);
		if (own.family == 0 || net_addr_port(&s->bound[i]) != port)
			continue;
		if (net_ip_equal(&own, ip) || is_any(ip) ||
		    (is_any(&own) && scope_of(ip) == SCOPE_LOOPBACK))
			return OWN_YES;
		if (is_any(&own) && own.family == ip->family)
			found = OWN_IF_HERE;
	}
	return found;
}

static bool
is_localhost(const struct wire_host *host)
{
	return host->kind == WIRE_HOST_NAME &&
	       net_name_below("localhost", host->name);
}

/* May an intermediary be asked for it? */
static bool
may_pass(const struct settings *s, const struct verdict *v,
    const struct wire_host *host)
{
	static const struct settings_rule none;
	const struct settings_rule *r =
	    v->rule >= 0 ? &s->rules[v->rule] : &none;
	struct net_ip ip = host_ip(host), at = final_ip(&ip);

	if (v->via == VIA_DENY || v->via == VIA_DIRECT)
		return true; /* nobody is asked */
	if (host->kind == WIRE_HOST_NAME)
		return s->pass_loopback || v->direct_first ||
		       !is_localhost(host) ||
		       any_domain(r->domains, r->domains_n, host);
	if (classify_own(s, &at, host->port) == OWN_YES)
		return false;
	if (is_listed(s->direct_networks, s->direct_networks_n, &at) ||
	    is_listed(r->networks, r->networks_n, &at))
		return true;
	switch (scope_of(&at)) {
	case SCOPE_PUBLIC:
	case SCOPE_PRIVATE:
		return true;
	case SCOPE_LOOPBACK:
		return s->pass_loopback;
	case SCOPE_LOCAL:
		break;
	}
	return false;
}

bool
classify_direct(const struct settings *s, const struct verdict *v,
    const struct wire_host *host, const struct net_ip *ip)
{
	static const struct settings_rule none;
	const struct settings_rule *r =
	    v->rule >= 0 && v->via == VIA_DIRECT ? &s->rules[v->rule] : &none;
	struct net_ip at = final_ip(ip);
	bool listed;

	if (classify_own(s, &at, host->port) == OWN_YES)
		return false;
	if (v->learned)
		return may_learn(s, ip) && may_learn(s, &at);
	if (is_listed(s->direct_networks, s->direct_networks_n, &at) ||
	    is_listed(r->networks, r->networks_n, &at))
		return true;
	listed = any_domain(s->direct_domains, s->direct_domains_n, host) ||
		 any_domain(r->domains, r->domains_n, host);
	switch (scope_of(&at)) {
	case SCOPE_PUBLIC:
		return true;
	case SCOPE_PRIVATE:
		return listed;
	case SCOPE_LOOPBACK:
		return listed && is_localhost(host);
	case SCOPE_LOCAL:
		break;
	}
	return false;
}

bool
classify_access(const struct settings *s, const struct net_ip *source)
{
	return any_network(s->access, s->access_n, source);
}
