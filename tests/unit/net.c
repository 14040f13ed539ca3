/* Addresses in every spelling. */
#include "base/net.h"

#include <arpa/inet.h>

#include <errno.h>
#include <string.h>

#include "tests/unit/unit.h"

#define N(a) (sizeof(a) / sizeof(*(a)))

static const struct {
	const char *in, *want; /* NULL: refused */
} ips[] = {
    {"192.0.2.1", "192.0.2.1"},
    {"0.0.0.0", "0.0.0.0"},
    {"255.255.255.255", "255.255.255.255"},
    {"::", "::"},
    {"::1", "::1"},
    {"2001:DB8:0:0::1", "2001:db8::1"},
    {"[2001:db8::1]", "2001:db8::1"},
    {"::ffff:192.0.2.1", "192.0.2.1"},
    {"[::ffff:7f00:1]", "127.0.0.1"},
    {"0:0:0:0:0:ffff:7f00:0001", "127.0.0.1"},
    {"::192.0.2.1", "::192.0.2.1"},
    {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
	"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    {"", NULL},
    {"127.1", NULL},
    {"2130706433", NULL},
    {"0x7f.0.0.1", NULL},
    {"0177.0.0.1", NULL},
    {"127.0.0.01", NULL},
    {"127.0.0.256", NULL},
    {"127.0.0.1.", NULL},
    {"127.0.0.1 ", NULL},
    {" 127.0.0.1", NULL},
    {"127.0.0", NULL},
    {"127.0.0.1.1", NULL},
    {"fe80::1%lo", NULL},
    {"[127.0.0.1]", NULL},
    {"[::1", NULL},
    {"::1]", NULL},
    {"[]", NULL},
    {"[", NULL},
    {"[::1]x", NULL},
    {"[[::1]]", NULL},
    {":::", NULL},
    {"1:2:3:4:5:6:7:8:9", NULL},
    {"12345::", NULL},
    {"::ffff:127.1", NULL},
    {"localhost", NULL},
    {"[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255:ffff:ffff:ffff]", NULL},
};

static void
test_ip(void)
{
	char out[NET_IP_STRLEN];
	struct net_ip ip;
	size_t i;
	int r;

	for (i = 0; i < N(ips); i++) {
		r = net_ip_parse(ips[i].in, &ip);
		CHECK(r == (ips[i].want != NULL ? 0 : -EINVAL), "\"%s\": %d",
		    ips[i].in, r);
		if (r == 0 && ips[i].want != NULL)
			CHECK_STR(net_ip_format(&ip, out), ips[i].want);
	}
}

static struct net_ip
ip_of(const char *s)
{
	struct net_ip ip = {0};

	CHECK(net_ip_parse(s, &ip) == 0, "%s", s);
	return ip;
}

static void
test_ip_equal(void)
{
	struct net_ip a = ip_of("127.0.0.1"), b = ip_of("::ffff:127.0.0.1");
	struct net_ip c = ip_of("7f00:1::"), none = {0};
	char out[NET_IP_STRLEN];

	CHECK(net_ip_equal(&a, &b), "v4-mapped is not v4");
	CHECK(!net_ip_equal(&a, &c), "the same first bytes, another family");
	CHECK(!net_ip_equal(&a, &none), "equal to none");
	b.bytes[3] = 2;
	CHECK(!net_ip_equal(&a, &b), "127.0.0.1 is 127.0.0.2");
	CHECK_STR(net_ip_format(&none, out), "none");
}

static const struct {
	const char *in;
	int ret, len;
	const char *inside, *outside;
} prefixes[] = {
    {"10.0.0.0/8", 0, 8, "10.255.255.255", "11.0.0.0"},
    {"0.0.0.0/0", 0, 0, "255.1.2.3", "::1"},
    {"::/0", 0, 0, "2001:db8::1", "1.2.3.4"},
    {"192.0.2.1", 0, 32, "192.0.2.1", "192.0.2.0"},
    {"192.0.2.128/25", 0, 25, "192.0.2.200", "192.0.2.127"},
    {"192.0.2.6/31", 0, 31, "192.0.2.7", "192.0.2.8"},
    {"::1", 0, 128, "::1", "::"},
    {"2001:db8::/33", 0, 33, "2001:db8:7fff::", "2001:db8:8000::"},
    {"fe80::/10", 0, 10, "febf::1", "fec0::1"},
    {"::ffff:10.0.0.0/104", 0, 8, "10.1.1.1", "11.1.1.1"},
    {"::ffff:10.0.0.1", 0, 32, "10.0.0.1", "10.0.0.2"},
    {"::ffff:0.0.0.0/96", 0, 0, "1.2.3.4", "::1"},
    {"::ffff:0.0.0.0/95", -EINVAL, 0, NULL, NULL},
    {"10.0.0.1/8", -ERANGE, 0, NULL, NULL},
    {"192.0.2.1/31", -ERANGE, 0, NULL, NULL},
    {"2001:db8::1/127", -ERANGE, 0, NULL, NULL},
    {"::ffff:10.0.0.1/104", -ERANGE, 0, NULL, NULL},
    {"10.0.0.0/33", -EINVAL, 0, NULL, NULL},
    {"::/129", -EINVAL, 0, NULL, NULL},
    {"10.0.0.0/", -EINVAL, 0, NULL, NULL},
    {"10.0.0.0/08", -EINVAL, 0, NULL, NULL},
    {"10.0.0.0/+8", -EINVAL, 0, NULL, NULL},
    {"10.0.0.0/8 ", -EINVAL, 0, NULL, NULL},
    {"10.0.0.0/-1", -EINVAL, 0, NULL, NULL},
    {"10.0.0.0/4294967304", -EINVAL, 0, NULL, NULL},
    {"10.0.0.0/8/8", -EINVAL, 0, NULL, NULL},
    {"10/8", -EINVAL, 0, NULL, NULL},
    {"[::1]/128", -EINVAL, 0, NULL, NULL},
    {"/8", -EINVAL, 0, NULL, NULL},
    {"", -EINVAL, 0, NULL, NULL},
};

static void
test_prefix(void)
{
	struct net_prefix p;
	struct net_ip none = {0}, in, out;
	size_t i;
	int r;

	for (i = 0; i < N(prefixes); i++) {
		r = net_prefix_parse(prefixes[i].in, &p);
		CHECK(r == prefixes[i].ret, "\"%s\": %d", prefixes[i].in, r);
		if (r != 0 || prefixes[i].ret != 0)
			continue;
		in = ip_of(prefixes[i].inside);
		out = ip_of(prefixes[i].outside);
		CHECK(p.len == prefixes[i].len, "%s: length %d", prefixes[i].in,
		    p.len);
		CHECK(net_prefix_contains(&p, &in), "%s: %s is not in it",
		    prefixes[i].in, prefixes[i].inside);
		CHECK(!net_prefix_contains(&p, &out), "%s: %s is in it",
		    prefixes[i].in, prefixes[i].outside);
		CHECK(!net_prefix_contains(&p, &none), "%s: none is in it",
		    prefixes[i].in);
	}
}

static const struct {
	const char *in, *host; /* NULL: refused */
	uint16_t port;
} hostports[] = {
    {"proxy.example:1080", "proxy.example", 1080},
    {"192.0.2.1:65535", "192.0.2.1", 65535},
    {"[2001:db8::1]:80", "2001:db8::1", 80},
    {"h:1", "h", 1},
    {"h:0", NULL, 0},
    {"h:65536", NULL, 0},
    {"h:99999999999999999999", NULL, 0},
    {"h:", NULL, 0},
    {"h", NULL, 0},
    {"", NULL, 0},
    {":80", NULL, 0},
    {"h:+80", NULL, 0},
    {"h:080", NULL, 0},
    {"h: 80", NULL, 0},
    {"h:80 ", NULL, 0},
    {"h:0x50", NULL, 0},
    {"2001:db8::1:80", NULL, 0},
    {"a:b:80", NULL, 0},
    {"[::1]", NULL, 0},
    {"[::1]80", NULL, 0},
    {"[::1:80", NULL, 0},
    {"::1]:80", NULL, 0},
    {"[]:80", NULL, 0},
    {"[:80", NULL, 0},
    {"[h]:80", NULL, 0},
    {"[192.0.2.1]:80", NULL, 0},
    {"[:]:80", NULL, 0},
    {"0123456789abcdef:80", NULL, 0}, /* one byte over the 16 given */
    {"0123456789abcde:80", "0123456789abcde", 80},
};

static void
test_hostport(void)
{
	char host[16], longest[NET_HOST_MAX + 8], big[512];
	uint16_t port;
	size_t i;
	int r;

	for (i = 0; i < N(hostports); i++) {
		r = net_hostport_split(
		    hostports[i].in, host, sizeof(host), &port, false);
		CHECK(r == (hostports[i].host != NULL ? 0 : -EINVAL),
		    "\"%s\": %d", hostports[i].in, r);
		if (r != 0 || hostports[i].host == NULL)
			continue;
		CHECK_STR(host, hostports[i].host);
		CHECK_INT(port, hostports[i].port);
	}
	CHECK_INT(
	    net_hostport_split("h:0", host, sizeof(host), &port, true), 0);
	memset(longest, 'a', sizeof(longest));
	memcpy(longest + NET_HOST_MAX, ":80", 4);
	CHECK_INT(net_hostport_split(longest, big, sizeof(big), &port, 0), 0);
	memcpy(longest + NET_HOST_MAX, "a:80", 5);
	CHECK_INT(
	    net_hostport_split(longest, big, sizeof(big), &port, 0), -EINVAL);
}

static const struct {
	const char *in;
	bool ok;
} names[] = {
    {"a", true},
    {"example", true},
    {"Proxy-1.example", true},
    {"_dns.example", true},
    {"1.example", true},
    {"xn--bcher-kva.example", true},
    {"3com", true},
    {"a.0xfg", true},
    {"", false},
    {".", false},
    {"a.", false},
    {".a", false},
    {"a..b", false},
    {"a b", false},
    {"a/b", false},
    {"a@b", false},
    {"a%b", false},
    {"a#b", false},
    {"a:b", false},
    {"a\r\nb", false},
    {"b\xc3\xbc"
     "cher.example",
	false},
    {"127.0.0.1", false},
    {"127.1", false},
    {"2130706433", false},
    {"0x7f000001", false},
    {"0X7F.0x1", false},
    {"a.0x", false},
    {"::1", false},
};

static void
test_name(void)
{
	char s[NET_HOST_MAX + 2];
	size_t i;

	for (i = 0; i < N(names); i++)
		CHECK(net_name_valid(names[i].in, strlen(names[i].in)) ==
			  names[i].ok,
		    "\"%s\" should be %d", names[i].in, names[i].ok);
	CHECK(!net_name_valid("a\0b", 3), "a NUL inside");
	CHECK(net_name_valid("abc..", 3), "reads beyond len");
	memset(s, 'a', sizeof(s));
	CHECK(net_name_valid(s, 63), "a label of 63");
	CHECK(!net_name_valid(s, 64), "a label of 64");
	for (i = 63; i < sizeof(s); i += 64)
		s[i] = '.';
	CHECK(net_name_valid(s, 253), "a name of 253");
	CHECK(!net_name_valid(s, 254), "a name of 254");
}

static const struct {
	const char *in, *want; /* NULL: refused */
} addrs[] = {
    {"127.0.0.1:1080", "127.0.0.1:1080"},
    {"127.0.0.1:0", "127.0.0.1:0"},
    {"[::1]:1080", "[::1]:1080"},
    {"[::ffff:127.0.0.1]:80", "127.0.0.1:80"},
    {"unix:/run/x.sock", "unix:/run/x.sock"},
    {"unix:run/x.sock", NULL},
    {"unix:", NULL},
    {"/run/x.sock", NULL},
    {"localhost:80", NULL},
    {"127.1:80", NULL},
    {"127.0.0.1", NULL},
    {"127.0.0.1:65536", NULL},
    {"::1:80", NULL},
    {"", NULL},
};

static void
test_addr(void)
{
	char path[128] = "unix:/", out[NET_ADDR_STRLEN];
	union net_addr a;
	struct net_ip ip;
	size_t i;
	int r;

	for (i = 0; i < N(addrs); i++) {
		r = net_addr_parse(addrs[i].in, &a);
		CHECK((r > 0) == (addrs[i].want != NULL), "\"%s\": %d",
		    addrs[i].in, r);
		if (r <= 0 || addrs[i].want == NULL)
			continue;
		CHECK_INT(r, net_addr_len(&a));
		CHECK_STR(net_addr_format(&a, out), addrs[i].want);
	}
	memset(path + 6, 'x', 106);
	CHECK(net_addr_parse(path, &a) > 0, "a path of 107 bytes");
	CHECK_STR(net_addr_format(&a, out), path);
	path[112] = 'x';
	CHECK_INT(net_addr_parse(path, &a), -EINVAL);
	CHECK_INT(net_addr_parse("[::1]:443", &a), sizeof(struct sockaddr_in6));
	net_addr_ip(&a, &ip);
	CHECK_INT(ip.family, 6);
	CHECK_INT(net_addr_port(&a), 443);
	memset(&a, 0, sizeof(a));
	CHECK_INT(net_addr_len(&a), 0);
	CHECK_STR(net_addr_format(&a, out), "none");
	a.sa.sa_family = AF_UNIX; /* an unnamed client's */
	CHECK_INT(net_addr_len(&a), offsetof(struct sockaddr_un, sun_path));
	CHECK_STR(net_addr_format(&a, out), "unix:");
	net_addr_ip(&a, &ip);
	CHECK_INT(ip.family, 0);
}

static const char *const others[] = {
    "127.0.0.1:80",
    "127.0.0.2:80",
    "127.0.0.1:81",
    "[7f00:1::]:80",
    "unix:/a",
    "unix:/ab",
};

static void
test_addr_equal(void)
{
	union net_addr a, b;
	size_t i, j;

	for (i = 0; i < N(others) * N(others); i++) {
		j = i / N(others);
		net_addr_parse(others[i % N(others)], &a);
		net_addr_parse(others[j], &b);
		CHECK(net_addr_equal(&a, &b) == (i % N(others) == j),
		    "%s and %s", others[i % N(others)], others[j]);
	}
	net_addr_parse("127.0.0.1:80", &a);
	b = (union net_addr){.in = a.in};
	b.in.sin_zero[0] = 1; /* means nothing */
	CHECK(net_addr_equal(&a, &b), "padding counts");
}

/* A kernel's dual-stack socket hands out v4 peers as v4-mapped. */
static void
test_addr_mapped(void)
{
	union net_addr a = {.in6 = {.sin6_family = AF_INET6}};
	char out[NET_ADDR_STRLEN];
	struct net_ip ip;

	inet_pton(AF_INET6, "::ffff:192.0.2.1", &a.in6.sin6_addr);
	a.in6.sin6_port = htons(80);
	net_addr_ip(&a, &ip);
	CHECK_INT(ip.family, 4);
	CHECK_STR(net_addr_format(&a, out), "192.0.2.1:80");
}

static const struct unit_case cases[] = {
    {"ip", test_ip},
    {"ip equality", test_ip_equal},
    {"prefix", test_prefix},
    {"host:port", test_hostport},
    {"host names", test_name},
    {"addresses", test_addr},
    {"address equality", test_addr_equal},
    {"v4-mapped sockaddr", test_addr_mapped},
};

UNIT_MAIN("net", cases)
