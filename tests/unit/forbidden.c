/* Addresses that no client may reach directly, in every spelling and by every
 * way in: refused as a host, or by what is decided of it. */
#include <errno.h>
#include <string.h>

#include "cagentd/decide/classify.h"
#include "tests/unit/settings_sample.h"
#include "wire/intake.h"

/* All is direct: where it may not be, nothing else has refused it. */
static const char open_conf[] =
    "[agent]\nno-path = direct\nlisten = 127.0.0.1:1080\n"
    "listen = 192.0.2.7:3128\n[access]\nnetwork = 127.0.0.0/8\n"
    "[direct]\nnetwork = 0.0.0.0/0\nnetwork = ::/0\ndomain = example\n";

static const char *const forbidden[] = {
    "127.0.0.1",
    "127.0.0.2",
    "127.255.255.254",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "0177.0.0.1",
    "0x7f.0.0.1",
    "0x7f000001",
    "2130706433",
    "017700000001",
    "0X7F.1",
    "::1",
    "[::1]",
    "0:0:0:0:0:0:0:1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "[::FFFF:127.0.0.1]",
    "::127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::7f00:1",
    "2002:7f00:1::1",
    "2001:0:1::80ff:fffe",
    "0.0.0.0",
    "0",
    "0.0.0.1",
    "0.255.255.255",
    "::",
    "[::]",
    "::ffff:0.0.0.0",
    "169.254.169.254",
    "169.254.0.1",
    "0xa9fea9fe",
    "2852039166",
    "0251.0376.0251.0376",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "169.254.169.254.",
    "fd00:ec2::254",
    "FD00:0EC2::0254",
    "168.63.129.16",
    "100.100.100.200",
    "192.0.0.192",
    "::ffff:100.100.100.200",
    "fe80::1",
    "FE80::1",
    "febf::1",
    "fe80::1%eth0",
    "[fe80::1%25eth0]",
    "fe80::1%1",
    "::1%lo",
    "224.0.0.1",
    "239.255.255.250",
    "255.255.255.255",
    "240.0.0.1",
    "ff02::1",
    "ff0e::1",
    "127\343\200\2020\343\200\2020.1",
    "127.0.0.1\343\200\202",
    "\342\221\240\342\221\241.0.0.1",
    "127.0.0.1#",
    "127.0.0.1/",
    "127.0.0.1@",
    "127.0.0.1%00",
    "[127.0.0.1]",
    "::ffff:127.1",
    "1.2.3.4.5",
    "127.0.0.1..",
    "..",
    ".",
    "",
};
#define FORBIDDEN (sizeof(forbidden) / sizeof(*forbidden))

static struct settings *
parse(const char *text)
{
	struct settings *s = NULL;
	struct conf_errors e = {0};

	CHECK(
	    sample_parse(text, &s, &e) == 0 && s != NULL, "sample: %s", e.text);
	return s;
}

static struct net_ip
ip_of(const struct wire_host *h)
{
	struct net_ip ip = {.family = h->kind == WIRE_HOST_V4 ? 4 : 6};

	memcpy(ip.bytes, h->ip, sizeof(ip.bytes));
	return ip;
}

static bool
may(const struct settings *s, const struct wire_host *h,
    const struct net_ip *ip)
{
	const struct client c = {.protocol = PROTOCOL_SOCKS5};
	struct verdict v;

	classify(s, h, &c, NULL, &v);
	return v.via != VIA_DENY && classify_direct(s, &v, h, ip);
}

static void
refuses_every_spelling(void)
{
	struct settings *s = parse(open_conf);
	struct wire_host h;
	struct net_ip ip;
	size_t i;

	for (i = 0; i < FORBIDDEN; i++) {
		memset(&h, 0, sizeof(h));
		h.port = 80;
		if (wire_host_set(&h, forbidden[i], strlen(forbidden[i])) != 0)
			continue; /* no host at all */
		CHECK(h.kind != WIRE_HOST_NAME, "%s is no name", forbidden[i]);
		ip = ip_of(&h);
		CHECK(!may(s, &h, &ip), "%s is refused", forbidden[i]);
	}
	settings_unref(s);
}

/* Names that resolve there. */
static void
refuses_what_names_resolve_to(void)
{
	struct settings *s = parse(open_conf);
	struct wire_host name = {.port = 80};
	struct net_ip ip;
	size_t i, n = 0;

	CHECK_INT(wire_host_set(&name, "rebound.example", 15), 0);
	for (i = 0; i < FORBIDDEN; i++) {
		if (net_ip_parse(forbidden[i], &ip) != 0)
			continue;
		n++;
		CHECK(!may(s, &name, &ip), "a name for %s", forbidden[i]);
	}
	CHECK(n >= 30, "%zu addresses", n);
	settings_unref(s);
}

/* Each way in has the host set by the same function, or as bytes. */
static void
takes_bytes_like_text(void)
{
	static const uint8_t mapped[16] = {[10] = 0xff, 0xff, 127, 0, 0, 1};
	struct settings *s = parse(open_conf);
	struct wire_host h = {.port = 80};
	struct net_ip ip;

	wire_host_set_v6(&h, mapped);
	CHECK_INT(h.kind, WIRE_HOST_V4);
	ip = ip_of(&h);
	CHECK(!may(s, &h, &ip), "a mapped address");
	settings_unref(s);
}

static void
refuses_own_listeners(void)
{
	static const struct {
		const char *host;
		uint16_t port;
		bool may;
	} rows[] = {
	    {"192.0.2.7", 3128, false},
	    {"::ffff:192.0.2.7", 3128, false},
	    {"64:ff9b::192.0.2.7", 3128, false},
	    {"2002:c000:207::1", 3128, false},
	    {"192.0.2.7", 3129, true},
	    {"192.0.2.8", 3128, true},
	    {"127.0.0.1", 1080, false},
	    {"0.0.0.0", 1080, false},
	};
	struct settings *s = parse(open_conf);
	struct wire_host h;
	struct net_ip ip;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		memset(&h, 0, sizeof(h));
		h.port = rows[i].port;
		CHECK_INT(
		    wire_host_set(&h, rows[i].host, strlen(rows[i].host)), 0);
		ip = ip_of(&h);
		CHECK(may(s, &h, &ip) == rows[i].may, "%s port %u",
		    rows[i].host, rows[i].port);
	}
	settings_unref(s);
}

/* The controls: what is listed for itself is let through. */
static void
lets_through_what_is_named(void)
{
	static const char conf[] =
	    "[direct]\nnetwork = 127.0.0.0/8\nnetwork = ::1\n"
	    "network = 169.254.169.254\nnetwork = fe80::/10\n";
	static const char *const named[] = {"127.0.0.1", "::1",
	    "::ffff:127.0.0.1", "169.254.169.254", "fe80::1", "192.0.2.1"};
	struct settings *s = parse(conf);
	struct wire_host h;
	struct net_ip ip;
	size_t i;

	for (i = 0; i < sizeof(named) / sizeof(*named); i++) {
		memset(&h, 0, sizeof(h));
		h.port = 80;
		CHECK_INT(wire_host_set(&h, named[i], strlen(named[i])), 0);
		ip = ip_of(&h);
		CHECK(may(s, &h, &ip), "%s is listed", named[i]);
	}
	settings_unref(s);
}

/* What an intermediary would be asked for. */
static bool
is_passed(const struct settings *s, const char *host, uint16_t port)
{
	const struct client c = {.protocol = PROTOCOL_SOCKS5};
	struct wire_host h = {.port = port};
	struct verdict v;

	if (wire_host_set(&h, host, strlen(host)) != 0)
		return false;
	classify(s, &h, &c, NULL, &v);
	CHECK(v.forbidden == (v.via == VIA_DENY), "%s: forbidden", host);
	return v.via != VIA_DENY;
}

#define HOP "[intermediary \"a\"]\ntype = socks5\naddress = 192.0.2.1:1080\n"

static void
asks_no_intermediary(void)
{
	static const char *const far[] = {"192.0.2.1", "10.1.2.3",
	    "192.168.1.1", "2001:db8::1", "fd00::1", "example.com",
	    "notlocalhost", "localhost.example"};
	static const char *const near[] = {
	    "localhost", "LOCALHOST.", "a.localhost"};
	struct settings *s = parse("[agent]\nlisten = 127.0.0.1:1080\n" HOP);
	size_t i;

	for (i = 0; i < sizeof(forbidden) / sizeof(*forbidden); i++)
		CHECK(!is_passed(s, forbidden[i], 80), "%s", forbidden[i]);
	for (i = 0; i < sizeof(near) / sizeof(*near); i++)
		CHECK(!is_passed(s, near[i], 80), "%s", near[i]);
	for (i = 0; i < sizeof(far) / sizeof(*far); i++)
		CHECK(is_passed(s, far[i], 80), "%s", far[i]);
	settings_unref(s);
}

/* Each of those who may say so. */
static void
asks_for_what_is_named(void)
{
	struct settings *s = parse("[agent]\nlisten = 127.0.0.1:1080\n"
				   "pass-loopback = yes\n" HOP);

	CHECK(is_passed(s, "127.0.0.1", 80), "passed");
	CHECK(is_passed(s, "::1", 80), "passed");
	CHECK(is_passed(s, "localhost", 80), "passed");
	CHECK(!is_passed(s, "127.0.0.1", 1080), "ourselves");
	CHECK(!is_passed(s, "64:ff9b::127.0.0.1", 1080), "ourselves");
	CHECK(!is_passed(s, "169.254.169.254", 80), "metadata");
	settings_unref(s);
	s = parse(HOP "[rule \"a\"]\nnetwork = 169.254.0.0/16\n"
		      "network = 127.0.0.1\nvia = tier 1\n");
	CHECK(is_passed(s, "169.254.169.254", 80), "by its rule");
	CHECK(is_passed(s, "127.0.0.1", 80), "by its rule");
	CHECK(!is_passed(s, "127.0.0.2", 80), "beside it");
	settings_unref(s);
	s = parse(HOP "[direct]\nnetwork = 127.0.0.0/8\n");
	CHECK(is_passed(s, "127.0.0.1", 80), "by [direct]");
	CHECK(!is_passed(s, "::1", 80), "not listed");
	settings_unref(s);
}

static const struct unit_case cases[] = {
    {"refuses every spelling", refuses_every_spelling},
    {"refuses what names resolve to", refuses_what_names_resolve_to},
    {"takes bytes like text", takes_bytes_like_text},
    {"refuses own listeners", refuses_own_listeners},
    {"lets through what is named", lets_through_what_is_named},
    {"asks no intermediary", asks_no_intermediary},
    {"asks for what is named", asks_for_what_is_named},
};

UNIT_MAIN("forbidden", cases)
