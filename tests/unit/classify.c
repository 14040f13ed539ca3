/* What rules and lists of direct destinations make of requests. */
#include "cagentd/decide/classify.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/settings_sample.h"
#include "tests/unit/unit.h"

static struct settings *
parse(const char *text)
{
	struct settings *s = NULL;
	struct conf_errors e = {0};
	int error = sample_parse(text, &s, &e);

	CHECK(error == 0 && s != NULL, "the sample is good: %d", error);
	return s;
}

static struct wire_host
host_of(const char *text, uint16_t port)
{
	struct wire_host h = {.port = port};

	CHECK(wire_host_set(&h, text, strlen(text)) == 0, "host %s", text);
	return h;
}

static struct verdict
ask(const struct settings *s, const char *host, uint16_t port)
{
	const struct client c = {.protocol = PROTOCOL_SOCKS5};
	struct wire_host h = host_of(host, port);
	struct verdict v;

	memset(&v, 0x5a, sizeof(v));
	classify(s, &h, &c, NULL, &v);
	return v;
}

static const char hops[] = "[intermediary \"a\"]\ntype = socks5\n"
			   "address = 192.0.2.1:1080\ntier = 1\n"
			   "[intermediary \"b\"]\ntype = http\n"
			   "address = 192.0.2.2:3128\ntier = 2\n";

static void
has_defaults(void)
{
	struct settings *s = parse(hops);
	struct verdict v = ask(s, "example.com", 443);

	CHECK_INT(v.via, VIA_DEFAULT);
	CHECK_INT(v.class, CLASS_NORMAL);
	CHECK_INT(v.rule, -1);
	CHECK(!v.direct_first, "nothing is direct");
	settings_unref(s);
}

static void
knows_direct_destinations(void)
{
	static const struct {
		const char *host;
		bool direct;
	} rows[] = {
	    {"10.1.2.3", true},
	    {"11.1.2.3", false},
	    {"2001:db8::1", true},
	    {"2001:db9::1", false},
	    {"::ffff:10.1.2.3", true},
	    {"corp.example", true},
	    {"www.corp.example", true},
	    {"a.b.corp.example", true},
	    {"CORP.example.", true},
	    {"notcorp.example", false},
	    {"corp.example.org", false},
	    {"example", false},
	};
	struct settings *s =
	    parse("[direct]\nnetwork = 10.0.0.0/8\n"
		  "network = 2001:db8::/32\ndomain = corp.example\n");
	struct verdict v;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		v = ask(s, rows[i].host, 80);
		CHECK(v.direct_first == rows[i].direct, "%s: %d", rows[i].host,
		    v.direct_first);
		CHECK_INT(v.via, VIA_DEFAULT);
	}
	settings_unref(s);
}

static void
takes_the_first_rule_that_matches(void)
{
	struct settings *s;
	char text[4096];
	struct verdict v;

	snprintf(text, sizeof(text),
	    "%s"
	    "[rule \"one\"]\ndomain = one.example\nvia = deny\n"
	    "[rule \"two\"]\ndomain = example\nvia = tier 2\nclass = bulk\n"
	    "[rule \"three\"]\nport = 22\nvia = intermediary b\n"
	    "[rule \"four\"]\nclass = interactive\n",
	    hops);
	s = parse(text);
	v = ask(s, "one.example", 22);
	CHECK_INT(v.rule, 0);
	CHECK_INT(v.via, VIA_DENY);
	CHECK_INT(v.class, CLASS_NORMAL);
	v = ask(s, "two.example", 22);
	CHECK_INT(v.rule, 1);
	CHECK_INT(v.via, VIA_TIER);
	CHECK_INT(v.tier, 2);
	CHECK_INT(v.class, CLASS_BULK);
	v = ask(s, "192.0.2.9", 22);
	CHECK_INT(v.rule, 2);
	CHECK_INT(v.via, VIA_INTERMEDIARY);
	CHECK_INT(v.intermediary, 1);
	v = ask(s, "192.0.2.9", 23);
	CHECK_INT(v.rule, 3);
	CHECK_INT(v.via, VIA_DEFAULT);
	CHECK_INT(v.class, CLASS_INTERACTIVE);
	settings_unref(s);
}

/* A rule that only sets the class leaves the lists in force; one that names a
 * path does not. */
static void
rules_come_before_the_lists(void)
{
	struct settings *s;
	char text[4096];

	snprintf(text, sizeof(text),
	    "%s[direct]\ndomain = corp.example\n"
	    "[rule \"c\"]\nport = 1\nclass = bulk\n"
	    "[rule \"v\"]\nport = 2\nvia = tier 1\n"
	    "[rule \"d\"]\nport = 3\nvia = direct\n",
	    hops);
	s = parse(text);
	CHECK(ask(s, "corp.example", 1).direct_first, "class only");
	CHECK(!ask(s, "corp.example", 2).direct_first, "via tier");
	CHECK_INT(ask(s, "elsewhere.example", 3).via, VIA_DIRECT);
	settings_unref(s);
}

static void
matches_ports(void)
{
	struct settings *s = parse("[rule \"r\"]\nport = 443\n"
				   "port = 8000-8010\nvia = deny\n");
	static const struct {
		uint16_t port;
		bool hit;
	} rows[] = {{443, true}, {442, false}, {444, false}, {7999, false},
	    {8000, true}, {8010, true}, {8011, false}, {65535, false}};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		CHECK((ask(s, "a.example", rows[i].port).rule == 0) ==
			  rows[i].hit,
		    "port %u", rows[i].port);
	settings_unref(s);
}

/* Kinds of keys must all match; those of one kind are alternatives. */
static void
kinds_all_match(void)
{
	struct settings *s = parse("[rule \"r\"]\ndomain = a.example\n"
				   "network = 192.0.2.0/24\nport = 443\n"
				   "via = deny\n");

	CHECK_INT(ask(s, "a.example", 443).rule, 0);
	CHECK_INT(ask(s, "192.0.2.77", 443).rule, 0);
	CHECK_INT(ask(s, "a.example", 80).rule, -1);
	CHECK_INT(ask(s, "b.example", 443).rule, -1);
	CHECK_INT(ask(s, "198.51.100.1", 443).rule, -1);
	settings_unref(s);
}

static void
matches_users_that_the_kernel_knows(void)
{
	struct settings *s = parse("[rule \"r\"]\nuser = backup\nvia = deny\n");
	struct wire_host h = host_of("a.example", 1);
	struct client c = {.protocol = PROTOCOL_SOCKS5};
	struct verdict v;

	c.has_uid = true;
	c.uid = 34;
	classify(s, &h, &c, NULL, &v);
	CHECK_INT(v.rule, 0);
	c.uid = 35;
	classify(s, &h, &c, NULL, &v);
	CHECK_INT(v.rule, -1);
	c.uid = 34;
	c.has_uid = false;
	classify(s, &h, &c, NULL, &v);
	CHECK_INT(v.rule, -1);
	settings_unref(s);
}

static void
matches_protocols(void)
{
	struct settings *s =
	    parse("[rule \"r\"]\nprotocol = http\nvia = deny\n");
	struct wire_host h = host_of("a.example", 1);
	struct client c = {.protocol = PROTOCOL_HTTP};
	struct verdict v;

	classify(s, &h, &c, NULL, &v);
	CHECK_INT(v.rule, 0);
	c.protocol = PROTOCOL_SOCKS4A;
	classify(s, &h, &c, NULL, &v);
	CHECK_INT(v.rule, -1);
	settings_unref(s);
}

static bool
may(const struct settings *s, const char *host, uint16_t port, const char *ip)
{
	const struct client c = {.protocol = PROTOCOL_SOCKS5};
	struct wire_host h = host_of(host, port);
	struct net_ip at;
	struct verdict v;

	CHECK(net_ip_parse(ip, &at) == 0, "%s is no address", ip);
	classify(s, &h, &c, NULL, &v);
	return classify_direct(s, &v, &h, &at);
}

/* Without any list: public addresses alone, in whatever spelling. */
static void
keeps_to_public_addresses(void)
{
	static const struct {
		const char *ip;
		bool may;
	} rows[] = {
	    {"8.8.8.8", true},
	    {"1.0.0.1", true},
	    {"9.255.255.255", true},
	    {"11.0.0.0", true},
	    {"100.63.255.255", true},
	    {"100.128.0.0", true},
	    {"126.255.255.255", true},
	    {"128.0.0.0", true},
	    {"169.253.255.255", true},
	    {"169.255.0.0", true},
	    {"172.15.255.255", true},
	    {"172.32.0.0", true},
	    {"192.167.255.255", true},
	    {"192.169.0.0", true},
	    {"223.255.255.255", true},
	    {"2606:4700::1111", true},
	    {"2001:4860:4860::8888", true},
	    {"64:ff9b::808:808", true},
	    {"2002:808:808::1", true},
	    {"::ffff:8.8.8.8", true},
	    {"0.0.0.0", false},
	    {"0.1.2.3", false},
	    {"127.0.0.1", false},
	    {"127.255.255.255", false},
	    {"10.0.0.1", false},
	    {"100.64.0.1", false},
	    {"100.100.100.200", false},
	    {"169.254.169.254", false},
	    {"172.16.0.1", false},
	    {"172.31.255.255", false},
	    {"192.0.0.192", false},
	    {"192.168.1.1", false},
	    {"224.0.0.1", false},
	    {"239.255.255.250", false},
	    {"240.0.0.1", false},
	    {"255.255.255.255", false},
	    {"::", false},
	    {"::1", false},
	    {"::127.0.0.1", false},
	    {"::ffff:127.0.0.1", false},
	    {"::ffff:169.254.169.254", false},
	    {"64:ff9b::7f00:1", false},
	    {"64:ff9b::a9fe:a9fe", false},
	    {"2002:7f00:1::1", false},
	    {"2002:a00:1::", false},
	    {"fe80::1", false},
	    {"febf::1", false},
	    {"fec0::1", false},
	    {"fc00::1", false},
	    {"fd00:ec2::254", false},
	    {"ff02::1", false},
	};
	struct settings *s = parse("");
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		CHECK(may(s, "www.example.com", 80, rows[i].ip) == rows[i].may,
		    "a name that is %s", rows[i].ip);
		if (strcmp(rows[i].ip, "::") != 0)
			CHECK(may(s, rows[i].ip, 80, rows[i].ip) == rows[i].may,
			    "%s itself", rows[i].ip);
	}
	settings_unref(s);
}

static void
goes_where_lists_say(void)
{
	struct settings *s =
	    parse("[direct]\nnetwork = 192.168.0.0/16\nnetwork = ::1\n"
		  "domain = corp.example\ndomain = localhost\n"
		  "[rule \"net\"]\nnetwork = 10.0.0.0/8\nvia = direct\n"
		  "[rule \"dom\"]\ndomain = lab.example\nvia = direct\n"
		  "[rule \"any\"]\nport = 7\nvia = direct\n");

	/* What is listed, by whatever name. */
	CHECK(may(s, "x.example", 1, "192.168.3.4"), "a listed network");
	CHECK(may(s, "x.example", 1, "::1"), "a listed address");
	CHECK(may(s, "::ffff:192.168.3.4", 1, "192.168.3.4"), "mapped");
	/* A listed domain may be private, but no more than that. */
	CHECK(may(s, "a.corp.example", 1, "172.16.1.1"), "private");
	CHECK(!may(s, "a.corp.example", 1, "127.0.0.1"), "rebound");
	CHECK(!may(s, "a.corp.example", 1, "169.254.169.254"), "metadata");
	CHECK(!may(s, "a.corp.example", 1, "fd00:ec2::254"), "metadata");
	CHECK(!may(s, "b.example", 1, "172.16.1.1"), "an unlisted name");
	CHECK(may(s, "localhost", 1, "127.0.0.1"), "localhost is loopback");
	CHECK(!may(s, "localhost", 1, "169.254.169.254"), "and nothing else");
	/* What the rule itself says. */
	CHECK(may(s, "10.1.1.1", 1, "10.1.1.1"), "a rule's network");
	CHECK(may(s, "x.lab.example", 1, "10.1.1.1"), "a rule's domain");
	CHECK(!may(s, "x.lab.example", 1, "127.0.0.1"), "rebound");
	CHECK(!may(s, "x.example", 7, "10.1.1.1"), "a rule for all");
	CHECK(!may(s, "127.0.0.1", 7, "127.0.0.1"), "a rule for all");
	CHECK(may(s, "x.example", 7, "8.8.8.8"), "public");
	settings_unref(s);
}

static void
never_connects_to_itself(void)
{
	struct settings *s = parse("[agent]\nlisten = 127.0.0.1:1080\n"
				   "listen = [::1]:1081\n"
				   "listen = 0.0.0.0:1082\n"
				   "[access]\nnetwork = 127.0.0.0/8\n"
				   "[direct]\nnetwork = 127.0.0.0/8\n"
				   "network = ::1\ndomain = localhost\n");

	CHECK(!may(s, "127.0.0.1", 1080, "127.0.0.1"), "by address");
	CHECK(!may(s, "localhost", 1080, "127.0.0.1"), "by name");
	CHECK(!may(s, "::1", 1081, "::1"), "by address");
	CHECK(!may(s, "127.0.0.1", 1080, "64:ff9b::7f00:1"), "translated");
	CHECK(!may(s, "127.3.2.1", 1082, "127.3.2.1"), "on all addresses");
	CHECK(may(s, "127.0.0.1", 1081, "127.0.0.1"), "another port");
	CHECK(may(s, "127.0.0.2", 1080, "127.0.0.2"), "another address");
	settings_unref(s);
}

static bool
may_learned(
    const struct settings *s, const char *host, uint16_t port, const char *ip)
{
	const struct verdict v = {
	    .rule = -1, .direct_first = true, .learned = true};
	struct wire_host h = host_of(host, port);
	struct net_ip at;

	CHECK(net_ip_parse(ip, &at) == 0, "%s is no address", ip);
	return classify_direct(s, &v, &h, &at);
}

/* What is direct by learning alone, whatever else the lists say. */
static void
learned_keeps_to_its_networks(void)
{
	static const struct {
		const char *ip;
		bool may;
	} rows[] = {
	    {"172.16.0.1", true},
	    {"172.31.255.255", true},
	    {"172.32.0.1", true},
	    {"172.15.255.255", true},
	    {"172.128.0.1", false},
	    {"8.8.8.8", false},
	    {"10.0.0.1", false}, /* a direct network */
	    {"192.0.2.7", true},
	    {"127.1.2.3", true},
	    {"127.0.0.1", true},
	    {"128.0.0.1", false},
	    {"2001:db8::1", true},
	    {"::1", false},
	    {"fd00:ec2::254", false},
	    {"fd00::1", true},
	    {"fe80::1", false},
	    /* Where it leads to is not all: it must be listed itself. */
	    {"64:ff9b::172.16.0.1", false},
	    {"2002:ac10:1::", false},
	};
	struct settings *s =
	    parse("[direct]\nnetwork = 10.0.0.0/8\ndomain = corp.example\n"
		  "learn = 172.0.0.0/9\nlearn = 172.16.0.0/12\n"
		  "learn = 192.0.2.0/24\nlearn = 127.0.0.0/8\n"
		  "learn = 2001:db8::/32\nlearn = fc00::/7\n");
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		CHECK(
		    may_learned(s, rows[i].ip, 443, rows[i].ip) == rows[i].may,
		    "%s", rows[i].ip);
		CHECK(may_learned(s, "a.corp.example", 443, rows[i].ip) ==
			  rows[i].may,
		    "a name at %s", rows[i].ip);
	}
	CHECK(!may_learned(s, "127.0.0.1", 1080, "127.0.0.1"), "ourselves");
	/* Without having been learned they are no more than before. */
	CHECK(!may(s, "172.16.0.1", 443, "172.16.0.1"), "not learned");
	settings_unref(s);
}

static void
learned_needs_special_networks_by_name(void)
{
	static const char *const special[] = {"127.0.0.1", "10.0.0.1",
	    "172.16.0.1", "192.168.0.1", "100.64.0.1", "169.254.169.254",
	    "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1",
	    "ff02::1", "fc00::1", "fd00:ec2::254"};
	struct settings *all = parse("[direct]\nlearn = 0.0.0.0/0\n"
				     "learn = ::/0\n");
	struct settings *no = parse("[direct]\nnetwork = 0.0.0.0/0\n");
	size_t i;

	for (i = 0; i < sizeof(special) / sizeof(*special); i++)
		CHECK(!may_learned(all, special[i], 443, special[i]), "%s",
		    special[i]);
	CHECK(may_learned(all, "8.8.8.8", 443, "8.8.8.8"), "public");
	CHECK(may_learned(all, "2a00::1", 443, "2a00::1"), "public");
	CHECK(!may_learned(all, "64:ff9b::7f00:1", 443, "64:ff9b::7f00:1"),
	    "loopback, translated");
	CHECK(!may_learned(no, "8.8.8.8", 443, "8.8.8.8"), "no list");
	settings_unref(all);
	settings_unref(no);
}

static void
admits_by_source(void)
{
	static const struct {
		const char *ip;
		bool admitted;
	} rows[] = {{"127.0.0.1", false}, {"192.0.2.200", true},
	    {"192.0.3.1", false}, {"2001:db8::5", true}, {"::1", false}};
	struct settings *s = parse(
	    "[access]\nnetwork = 192.0.2.0/24\nnetwork = 2001:db8::/32\n");
	struct net_ip ip, none = {0};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		CHECK_INT(net_ip_parse(rows[i].ip, &ip), 0);
		CHECK(classify_access(s, &ip) == rows[i].admitted, "%s",
		    rows[i].ip);
	}
	CHECK(!classify_access(s, &none), "no address");
	settings_unref(s);
}

static const struct unit_case cases[] = {
    {"has defaults", has_defaults},
    {"knows direct destinations", knows_direct_destinations},
    {"takes the first rule that matches", takes_the_first_rule_that_matches},
    {"rules come before the lists", rules_come_before_the_lists},
    {"matches ports", matches_ports},
    {"kinds all match", kinds_all_match},
    {"matches users that the kernel knows",
	matches_users_that_the_kernel_knows},
    {"matches protocols", matches_protocols},
    {"keeps to public addresses", keeps_to_public_addresses},
    {"goes where lists say", goes_where_lists_say},
    {"never connects to itself", never_connects_to_itself},
    {"learned: its networks alone", learned_keeps_to_its_networks},
    {"learned: special networks must be listed",
	learned_needs_special_networks_by_name},
    {"admits by source", admits_by_source},
};

UNIT_MAIN("classify", cases)
