/* Addresses in every spelling, and listeners made and refused. */
#include "base/net.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static int
sockopt(int fd, int level, int name)
{
	int v = -1;
	socklen_t len = sizeof(v);

	getsockopt(fd, level, name, &v, &len);
	return v;
}

static void
listen_inet(const char *where)
{
	union net_addr a;
	socklen_t len = sizeof(a);
	int fd, second, client, conn;

	CHECK(net_addr_parse(where, &a) > 0, "%s", where);
	fd = net_listen(&a, 16, 0);
	CHECK(fd >= 0, "%s: %s", where, strerror(-fd));
	if (fd < 0)
		return;
	CHECK(getsockname(fd, &a.sa, &len) == 0, "getsockname");
	CHECK(net_addr_port(&a) != 0, "no port");
	CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0, "not CLOEXEC");
	CHECK((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0, "blocking");
	CHECK_INT(sockopt(fd, SOL_SOCKET, SO_REUSEADDR), 1);
	if (a.sa.sa_family == AF_INET6)
		CHECK_INT(sockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY), 1);
	second = net_listen(&a, 16, 0);
	CHECK_INT(second, -EADDRINUSE);
	client = socket(a.sa.sa_family, SOCK_STREAM, 0);
	CHECK(connect(client, &a.sa, net_addr_len(&a)) == 0, "connect");
	conn = accept(fd, NULL, NULL);
	CHECK(conn != -1, "accept: %s", strerror(errno));
	CHECK_INT(sockopt(conn, IPPROTO_TCP, TCP_NODELAY), 1);
	close(conn);
	close(client);
	close(fd);
}

static void
test_listen_inet(void)
{
	listen_inet("127.0.0.1:0");
	if (access("/proc/net/if_inet6", R_OK) == 0)
		listen_inet("[::1]:0");
}

static void
test_listen_refused(void)
{
	union net_addr a;
	char out[NET_ADDR_STRLEN];
	int fd;

	memset(&a, 0, sizeof(a));
	fd = net_listen(&a, 1, 0);
	CHECK(fd < 0, "a socket of no family: %s", net_addr_format(&a, out));
	net_addr_parse("unix:/nonexistent/x", &a);
	CHECK_INT(net_listen(&a, 1, 0600), -ENOENT);
}

static unsigned int
mode_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

static void
test_listen_unix(void)
{
	char dir[] = "/tmp/cagent-net-XXXXXX", text[64];
	const char *path = text + 5;
	union net_addr a;
	mode_t mask;
	int fd, again, file;

	CHECK(mkdtemp(dir) != NULL, "mkdtemp");
	snprintf(text, sizeof(text), "unix:%s/s", dir);
	CHECK(net_addr_parse(text, &a) > 0, "%s", text);
	mask = umask(077);
	fd = net_listen(&a, 1, 0666);
	CHECK(fd >= 0, "listen: %s", strerror(-fd));
	CHECK_INT(mode_of(path), 0666);
	again = net_listen(&a, 1, 0600);
	CHECK_INT(again, -EADDRINUSE);
	CHECK_INT(mode_of(path), 0666);
	close(fd); /* leaves a dead one */
	umask(0);
	fd = net_listen(&a, 1, 0600);
	CHECK(fd >= 0, "a dead socket in the way: %s", strerror(-fd));
	CHECK_INT(mode_of(path), 0600);
	umask(mask);
	close(fd);
	unlink(path);
	file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(file);
	again = net_listen(&a, 1, 0600);
	CHECK_INT(again, -EADDRINUSE);
	CHECK(access(path, F_OK) == 0, "a file of somebody's was removed");
	unlink(path);
	rmdir(dir);
}

/* A listener whose queue is full is not a dead one. */
static void
test_listen_unix_busy(void)
{
	char dir[] = "/tmp/cagent-net-XXXXXX", text[64];
	int fd, again, c[8];
	union net_addr a;
	size_t i;

	CHECK(mkdtemp(dir) != NULL, "mkdtemp");
	snprintf(text, sizeof(text), "unix:%s/s", dir);
	CHECK(net_addr_parse(text, &a) > 0, "%s", text);
	fd = net_listen(&a, 1, 0600);
	for (i = 0; i < N(c); i++) {
		c[i] = net_stream_socket(AF_UNIX);
		(void)connect(c[i], &a.sa, net_addr_len(&a));
	}
	CHECK(errno == EAGAIN, "the queue is not full: %s", strerror(errno));
	again = net_listen(&a, 1, 0600);
	CHECK_INT(again, -EADDRINUSE);
	for (i = 0; i < N(c); i++)
		close(c[i]);
	close(fd);
	unlink(text + 5);
	rmdir(dir);
}

static void
test_stream_socket(void)
{
	int fd = net_stream_socket(AF_INET);

	CHECK(fd >= 0, "%s", strerror(-fd));
	CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0, "not CLOEXEC");
	CHECK((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0, "blocking");
	CHECK_INT(sockopt(fd, IPPROTO_TCP, TCP_NODELAY), 1);
	close(fd);
	CHECK_INT(net_stream_socket(12345), -EAFNOSUPPORT);
}

static const struct unit_case cases[] = {
    {"ip", test_ip},
    {"ip equality", test_ip_equal},
    {"prefix", test_prefix},
    {"host:port", test_hostport},
    {"host names", test_name},
    {"addresses", test_addr},
    {"v4-mapped sockaddr", test_addr_mapped},
    {"listen on TCP", test_listen_inet},
    {"listen refused", test_listen_refused},
    {"listen on a unix socket", test_listen_unix},
    {"a busy unix socket is alive", test_listen_unix_busy},
    {"stream socket", test_stream_socket},
};

UNIT_MAIN("net", cases)
