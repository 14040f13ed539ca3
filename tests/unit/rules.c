/* The rule for a request is what comparing all of them one by one would find,
 * and takes no longer to find among ten thousand than among ten. */
#include "cagentd/decide/rules.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cagentd/decide/asks.h"
#include "cagentd/decide/draw.h"
#include "tests/unit/settings_sample.h"
#include "tests/unit/unit.h"

#define TEXT_MAX (4u << 20)

static struct {
	char *at;
	size_t len;
} text;

static void __attribute__((format(printf, 1, 2))) put(const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text.at + text.len, TEXT_MAX - text.len, fmt, ap);
	va_end(ap);
	CHECK(n >= 0 && (size_t)n < TEXT_MAX - text.len, "room for the text");
	text.len += (size_t)n;
}

static struct settings *
parse(void)
{
	struct settings *s = NULL;
	struct conf_errors e = {0};
	int error = sample_parse(text.at, &s, &e);

	CHECK(error == 0 && s != NULL, "the sample is good: %s", e.text);
	text.len = 0;
	return s;
}

/* --- what there was before there was an index --- */

static bool
is_in(const struct net_prefix *nets, size_t n, const struct net_ip *ip)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (net_prefix_contains(&nets[i], ip))
			return true;
	}
	return false;
}

static bool
goes_there(const struct settings_rule *r, const struct wire_host *h)
{
	struct net_ip ip = {0};
	size_t i;

	if (r->domains_n == 0 && r->networks_n == 0)
		return true;
	for (i = 0; h->kind == WIRE_HOST_NAME && i < r->domains_n; i++) {
		if (net_name_below(r->domains[i], h->name))
			return true;
	}
	if (h->kind == WIRE_HOST_NAME)
		return false;
	ip.family = h->kind == WIRE_HOST_V4 ? 4 : 6;
	memcpy(ip.bytes, h->ip, sizeof(ip.bytes));
	return is_in(r->networks, r->networks_n, &ip);
}

static bool
comes_from(const struct settings_rule *r, const struct client *c)
{
	bool user = r->users_n == 0, login = r->logins_n == 0,
	     service = r->services_n == 0;
	size_t i;

	for (i = 0; i < r->users_n; i++)
		user |= c->has_uid && r->users[i] == c->uid;
	for (i = 0; i < r->logins_n; i++)
		login |= strcmp(r->logins[i], c->login) == 0;
	for (i = 0; i < r->services_n; i++)
		service |= asks_service(r->services[i], c->service);
	return user && login && service &&
	       (r->sources_n == 0 ||
		   is_in(r->sources, r->sources_n, &c->source));
}

static bool
asks_so(const struct settings_rule *r, const struct client *c,
    const struct asked *a, uint16_t p)
{
	bool method = r->methods_n == 0, path = r->paths_n == 0,
	     port = r->ports_n == 0;
	size_t i;

	for (i = 0; i < r->methods_n; i++)
		method |= a != NULL && strcmp(r->methods[i], a->method) == 0;
	for (i = 0; i < r->paths_n; i++)
		path |= a != NULL &&
			strncmp(r->paths[i], a->path, strlen(r->paths[i])) == 0;
	for (i = 0; i < r->ports_n; i++)
		port |= p >= r->ports[i].first && p <= r->ports[i].last;
	return method && path && port &&
	       (r->protocols == 0 || (r->protocols & 1u << c->protocol) != 0);
}

static int32_t
one_by_one(const struct settings *s, const struct wire_host *h,
    const struct client *c, const struct asked *a)
{
	const struct settings_rule *r;
	uint32_t i;

	for (i = 0; i < s->rules_n; i++) {
		r = &s->rules[i];
		if (asks_so(r, c, a, h->port) && comes_from(r, c) &&
		    goes_there(r, h))
			return (int32_t)i;
	}
	return -1;
}

/* --- rules and requests, of few words so that they meet --- */

static uint64_t seed;

static uint32_t
any(uint32_t n)
{
	return draw_below(&seed, n);
}

/* How many of that kind of key: mostly none or few, and sometimes more than
 * are gone through one by one. */
static uint32_t
some(void)
{
	uint32_t n = any(16);

	return n < 8 ? 0 : n < 15 ? 1 + any(2) : 9 + any(8);
}

static const char *
a_name(char out[64])
{
	static const char *const labels[] = {"a", "b", "aa", "ab", "example"};
	uint32_t n = 1 + any(4);
	size_t len = 0;

	while (n-- > 0)
		len += (size_t)snprintf(out + len, 64 - len, "%s%s",
		    labels[any(5)], n > 0 ? "." : "");
	return out;
}

static const char *
a_v4(char out[64], uint32_t bits)
{
	uint32_t ip = (10u << 24 | any(4) << 22 | any(3) << 16 | any(3) << 8 |
			  any(4) << 6 | any(3)) &
		      (uint32_t)(0xffffffff00000000u >> bits);

	snprintf(out, 64, "%u.%u.%u.%u", ip >> 24, ip >> 16 & 255,
	    ip >> 8 & 255, ip & 255);
	return out;
}

static const char *
a_network(char out[80])
{
	static const uint32_t lens4[] = {0, 8, 9, 10, 16, 24, 25, 31, 32};
	static const struct {
		const char *at;
		uint32_t len;
	} nets6[] = {{"::", 0}, {"2001:db8::", 32}, {"2001:db8:1::", 48},
	    {"2001:db8:1:1::", 64}, {"2001:db8:1:1:8000::", 65},
	    {"2001:db8:1:1::1", 128}, {"2001:db8::2", 127}};
	char ip[64];
	uint32_t i;

	if (any(3) == 0) {
		i = any(7);
		snprintf(out, 80, "%s/%u", nets6[i].at, nets6[i].len);
	} else {
		i = lens4[any(9)];
		snprintf(out, 80, "%s/%u", a_v4(ip, i), i);
	}
	return out;
}

static const char *const services[] = {"a.service", "b.service", "*.service",
    "a*", "a.service/x", "user@1.service/x", "user@*.service/*"};
static const char *const paths[] = {
    "/", "/a", "/ab", "/abc", "/abcd", "/abcde/f", "/b", "/b/c/d/e/f"};
static const char *const methods[] = {"GET", "PUT"};
static const char *const protocols[] = {"socks4", "socks5", "http"};

static void
put_who(void)
{
	char word[80];
	uint32_t n;

	for (n = some(); n > 0; n--)
		put("user = %u\n", any(12));
	for (n = some(); n > 0; n--)
		put("login = l%u\n", any(12));
	for (n = any(12) == 0 ? 1 + any(2) : 0; n > 0; n--)
		put("service = %s\n", services[any(7)]);
	for (n = any(4) == 0 ? some() : 0; n > 0; n--)
		put("source = %s\n", a_network(word));
}

static void
put_rule(uint32_t i)
{
	char word[80];
	uint32_t n, port;

	put("[rule \"r%u\"]\nvia = direct\n", i);
	for (n = some(); n > 0; n--)
		put("domain = %s\n", a_name(word));
	for (n = some(); n > 0; n--)
		put("network = %s\n", a_network(word));
	for (n = some(); n > 0; n--) {
		port = 1 + any(40);
		put("port = %u-%u\n", port,
		    any(8) == 0 ? 65535 - any(2) : port + any(5));
	}
	if (any(3) == 0)
		put_who();
	if (any(8) == 0)
		put("protocol = %s\n", protocols[any(3)]);
	if (any(12) == 0)
		put("method = %s\n", methods[any(2)]);
	for (n = any(12) == 0 ? 1 + any(2) : 0; n > 0; n--)
		put("path = %s\n", paths[any(8)]);
}

struct request {
	struct wire_host host;
	struct client client;
	struct asked asked;
	bool plain;
};

static void
a_client(struct client *c)
{
	static const char *const at[] = {
	    "", "a.service", "b.service/x", "a.service/x", "user@1.service/x"};
	char word[64];

	*c = (struct client){.protocol = PROTOCOL_SOCKS5};
	if (any(4) == 0)
		c->protocol = PROTOCOL_SOCKS4;
	c->has_uid = any(2) == 0;
	c->uid = any(12);
	if (any(2) == 0)
		snprintf(c->login, sizeof(c->login), "l%u", any(12));
	snprintf(c->service, sizeof(c->service), "%s", at[any(5)]);
	if (any(4) != 0)
		net_ip_parse(any(4) == 0 ? "2001:db8:1:1::1" : a_v4(word, 32),
		    &c->source);
}

static void
a_request(struct request *r)
{
	static const char *const v6[] = {"2001:db8:1:1::1", "2001:db8::3",
	    "2001:db9::", "2001:db8:1:1:8000::1"};
	char word[64];
	const char *host = any(2) == 0	 ? a_name(word)
			   : any(3) == 0 ? v6[any(4)]
					 : a_v4(word, 32);

	memset(r, 0, sizeof(*r));
	CHECK(wire_host_set(&r->host, host, strlen(host)) == 0, "%s", host);
	r->host.port = (uint16_t)(any(16) == 0 ? 65534 + any(2) : 1 + any(45));
	a_client(&r->client);
	r->plain = any(3) == 0;
	if (!r->plain)
		return;
	r->client.protocol = PROTOCOL_HTTP;
	r->asked =
	    (struct asked){.method = methods[any(2)], .path = paths[any(8)]};
}

#define SETS	 300
#define REQUESTS 400

static void
finds_what_a_scan_finds(void)
{
	uint32_t set, i, n, bad = 0, found = 0;
	struct settings *s;
	struct request r;
	const struct asked *a;
	int32_t want, got;

	for (set = 0; set < SETS; set++) {
		seed = set;
		n = 1 + any(set % 8 == 0 ? 200 : 24);
		for (i = 0; i < n; i++)
			put_rule(i);
		s = parse();
		for (i = 0; s != NULL && i < REQUESTS; i++) {
			a_request(&r);
			a = r.plain ? &r.asked : NULL;
			want = one_by_one(s, &r.host, &r.client, a);
			got = rules_find(s, &r.host, &r.client, a, NULL);
			found += want > 0;
			if (want != got && bad++ < 5)
				CHECK(false, "set %u, request %u: %d, not %d",
				    set, i, got, want);
		}
		settings_unref(s);
	}
	CHECK_INT(bad, 0);
	CHECK(found > SETS * REQUESTS / 4, "%u requests found one", found);
}

/* --- what it takes --- */

static struct rules_cost
cost_of(const struct settings *s, const struct request *r, int32_t want)
{
	struct rules_cost cost = {0};

	CHECK_INT(rules_find(s, &r->host, &r->client,
		      r->plain ? &r->asked : NULL, &cost),
	    want);
	return cost;
}

static struct request
request_of(const char *host)
{
	struct request r = {.client = {.protocol = PROTOCOL_SOCKS5}};

	CHECK(wire_host_set(&r.host, host, strlen(host)) == 0, "%s", host);
	r.host.port = 443;
	return r;
}

/* One rule of many kinds each, and one at the end for all that is left. */
static struct settings *
mixed(uint32_t n)
{
	uint32_t i;

	for (i = 0; i + 1 < n; i++) {
		put("[rule \"r%u\"]\nvia = direct\n", i);
		switch (i % 5) {
		case 0:
			put("domain = d%u.example\n", i);
			break;
		case 1:
			put("network = 10.%u.%u.0/24\n", i / 256 % 256,
			    i % 256);
			break;
		case 2:
			put("domain = all.example\nlogin = l%u\n", i);
			break;
		case 3:
			put("port = 443\nuser = %u\n", i);
			break;
		case 4:
			put("domain = all.example\nsource = 10.%u.%u.0/24\n",
			    i / 256 % 256, i % 256);
			break;
		}
	}
	put("[rule \"last\"]\nvia = direct\n");
	return parse();
}

static void
ten_thousand_cost_as_much_as_ten(void)
{
	static const char *const hosts[] = {"www.d5.example", "10.0.6.1",
	    "www.all.example", "a.b.c.d.e.f.example", "192.0.2.1"};
	struct settings *few = mixed(10), *many = mixed(10000);
	struct rules_cost a, b;
	struct request r;
	size_t i;

	for (i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
		r = request_of(hosts[i]);
		snprintf(r.client.login, sizeof(r.client.login), "l7");
		r.client.has_uid = true;
		r.client.uid = 8;
		net_ip_parse("10.0.9.1", &r.client.source);
		a = cost_of(
		    few, &r, rules_find(few, &r.host, &r.client, NULL, NULL));
		b = cost_of(
		    many, &r, rules_find(many, &r.host, &r.client, NULL, NULL));
		CHECK(b.keys <= a.keys + 2 && b.rules <= a.rules + 2,
		    "%s: %u keys, %u rules; of ten %u and %u", hosts[i], b.keys,
		    b.rules, a.keys, a.rules);
		CHECK(b.rules <= 6 && b.keys <= 32, "%s: %u keys, %u rules",
		    hosts[i], b.keys, b.rules);
	}
	settings_unref(few);
	settings_unref(many);
}

/* Ten thousand that differ by one key alone, whatever that is. */
static void
any_one_key_is_enough(void)
{
	static const char *const keys[] = {"domain = d%u.example\n",
	    "domain = one.example\nlogin = l%u\n",
	    "domain = one.example\nuser = %u\n", "login = l%u\n", "user = %u\n",
	    "domain = one.example\nservice = s%u.service\n", "port = %u\n",
	    "path = /%u/\n"};
	struct settings *s;
	struct rules_cost c;
	struct request r;
	uint32_t i;
	size_t k;

	for (k = 0; k < sizeof(keys) / sizeof(*keys); k++) {
		for (i = 1; i <= 10000; i++) {
			put("[rule \"r%u\"]\nvia = direct\n", i);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			put(keys[k], i);
#pragma GCC diagnostic pop
		}
		s = parse();
		r = request_of(k == 0 ? "a.d9000.example" : "one.example");
		r.host.port = 9000;
		snprintf(r.client.login, sizeof(r.client.login), "l9000");
		snprintf(r.client.service, sizeof(r.client.service),
		    "s9000.service");
		r.client.has_uid = true;
		r.client.uid = 9000;
		r.plain = true;
		r.asked = (struct asked){.method = "GET", .path = "/9000/x"};
		c = cost_of(s, &r, 8999);
		/* Of the paths one in ten begins with a 9. */
		CHECK(c.rules <= 20, "%s: %u rules", keys[k], c.rules);
		settings_unref(s);
	}
}

/* One rule may have a long list of each kind. */
static void
long_lists_cost_no_more(void)
{
	struct settings *s;
	struct rules_cost c;
	struct request r;
	uint32_t i;

	put("[rule \"long\"]\nvia = direct\n");
	for (i = 0; i < 10000; i++)
		put("domain = d%u.example\nnetwork = 10.%u.%u.0/24\n"
		    "login = l%u\nuser = %u\nsource = 10.%u.%u.0/24\n",
		    i, i / 256, i % 256, i, i, i / 256, i % 256);
	s = parse();
	r = request_of("d9999.example");
	snprintf(r.client.login, sizeof(r.client.login), "l9999");
	r.client.has_uid = true;
	r.client.uid = 9999;
	net_ip_parse("10.39.15.1", &r.client.source);
	c = cost_of(s, &r, 0);
	CHECK(
	    c.rules == 1 && c.keys < 20, "%u keys, %u rules", c.keys, c.rules);
	r.client.uid = 10000;
	cost_of(s, &r, -1);
	settings_unref(s);
}

static const struct unit_case cases[] = {
    {"finds what a scan finds", finds_what_a_scan_finds},
    {"ten thousand cost as much as ten", ten_thousand_cost_as_much_as_ten},
    {"any one key is enough", any_one_key_is_enough},
    {"long lists cost no more", long_lists_cost_no_more},
};

int
main(void)
{
	text.at = malloc(TEXT_MAX);
	if (text.at == NULL)
		return 1;
	return unit_main("rules", cases, sizeof(cases) / sizeof(*cases));
}
