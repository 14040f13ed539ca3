/* Decides, from rules and lists alone, what kind of path a request gets. */
#include "cagentd/decide/classify.h"

#include <string.h>

#include "cagentd/decide/rules.h"
#include "cagentd/decide/serves.h"
#include "conf/match.h"

static bool
domain_listed(const struct settings *s, enum match_kind kind, uint32_t id,
    const struct wire_host *host)
{
	struct match_walk w;

	if (host->kind != WIRE_HOST_NAME)
		return false;
	match_domains(&w, s->match, kind, host->name);
	return match_has(&w, id);
}

static bool
network_listed(
    const struct settings *s, enum match_kind kind, const struct net_ip *ip)
{
	struct match_walk w;

	match_networks(&w, s->match, kind, ip, 0);
	return match_has(&w, 0);
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

static bool may_pass(
    const struct settings *, const struct verdict *, const struct wire_host *);

void
classify(const struct settings *s, const struct wire_host *host,
    const struct client *c, const struct asked *asked, struct verdict *out)
{
	const struct settings_rule *r;
	struct net_ip ip = host_ip(host);

	*out = (struct verdict){.class = CLASS_NORMAL,
	    .rule = rules_find(s, host, c, asked, NULL),
	    .service = -1};
	if (out->rule >= 0) {
		r = &s->rules[out->rule];
		out->via = r->via;
		out->tier = r->via_tier;
		out->intermediary = r->via_intermediary;
		if (r->has_class) {
			out->class = r->class;
			out->class_set = true;
		}
		out->replay = r->replay;
	}
	serves_classify(s, host, asked, out->intermediary, out);
	if (out->via == VIA_DEFAULT) {
		out->direct_first =
		    network_listed(s, MATCH_DIRECT_NETWORK, &ip) ||
		    domain_listed(s, MATCH_DIRECT_DOMAIN, 0, host);
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
is_listed(const struct settings *s, enum match_kind kind, uint32_t id,
    const struct net_ip *ip)
{
	int in = special_of(ip);
	uint8_t least = 0;
	struct match_walk w;

	if (in >= 0 && special[in].scope != SCOPE_PRIVATE)
		least = special[in].net.len;
	match_networks(&w, s->match, kind, ip, least);
	return match_has(&w, id);
}

/* By [direct], or by that rule (-1: none). */
static bool
network_said(const struct settings *s, int32_t rule, const struct net_ip *ip)
{
	return is_listed(s, MATCH_DIRECT_NETWORK, 0, ip) ||
	       (rule >= 0 &&
		   is_listed(s, MATCH_RULE_NETWORK, (uint32_t)rule, ip));
}

static bool
domain_said(const struct settings *s, int32_t rule, const struct wire_host *h)
{
	return rule >= 0 &&
	       domain_listed(s, MATCH_RULE_DOMAIN, (uint32_t)rule, h);
}

/* 10.0.0.0/8 through an intermediary is another network than ours: who lists
 * 0.0.0.0/0 has not thought of that. */
static bool
may_learn(const struct settings *s, const struct net_ip *ip)
{
	int in = special_of(ip);
	struct match_walk w;

	match_networks(
	    &w, s->match, MATCH_LEARN, ip, in >= 0 ? special[in].net.len : 0);
	return match_has(&w, 0);
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
	struct net_ip ip = host_ip(host), at = final_ip(&ip);

	if (v->via == VIA_DENY || v->via == VIA_DIRECT)
		return true; /* nobody is asked */
	if (host->kind == WIRE_HOST_NAME)
		return s->pass_loopback || v->direct_first ||
		       !is_localhost(host) || domain_said(s, v->rule, host);
	if (classify_own(s, &at, host->port) == OWN_YES)
		return false;
	if (network_said(s, v->rule, &at))
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
	int32_t rule = v->via == VIA_DIRECT ? v->rule : -1;
	struct net_ip at = final_ip(ip);
	bool listed;

	if (classify_own(s, &at, host->port) == OWN_YES)
		return false;
	if (v->learned)
		return may_learn(s, ip) && may_learn(s, &at);
	if (network_said(s, rule, &at))
		return true;
	listed = domain_listed(s, MATCH_DIRECT_DOMAIN, 0, host) ||
		 domain_said(s, rule, host);
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
	return network_listed(s, MATCH_ACCESS, source);
}

bool
classify_exempt(const struct settings *s, const struct net_ip *source)
{
	return network_listed(s, MATCH_EXEMPT, source);
}

int32_t
classify_limits(const struct settings *s, const struct client *c)
{
	struct lookup_ids ids;
	struct match_walk w;

	if (c->login[0] != '\0')
		match_exactly(&w, s->match, MATCH_LIMITS_LOGIN, c->login,
		    strlen(c->login));
	else if (c->has_uid)
		match_exactly(
		    &w, s->match, MATCH_LIMITS_USER, &c->uid, sizeof(c->uid));
	else
		return -1;
	return match_next(&w, &ids) ? (int32_t)ids.id[0] : -1;
}
