/* Addresses as text and as bytes, and sockets made to order; resolves no
 * names and never blocks. */
#include "base/net.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define UNIX_PREFIX "unix:"

static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};

static void
ip_from_v6(const uint8_t in[16], struct net_ip *out)
{
	memset(out, 0, sizeof(*out));
	if (memcmp(in, v4_mapped, sizeof(v4_mapped)) == 0) {
		out->family = 4;
		memcpy(out->bytes, in + sizeof(v4_mapped), 4);
		return;
	}
	out->family = 6;
	memcpy(out->bytes, in, 16);
}

static void
ip_from_v4(const void *in, struct net_ip *out)
{
	memset(out, 0, sizeof(*out));
	out->family = 4;
	memcpy(out->bytes, in, 4);
}

/* No brackets.  glibc's inet_pton() is strict: four decimal parts without
 * leading zeros, no zone, nothing after. */
static int
ip_parse_bare(const char *s, struct net_ip *out)
{
	uint8_t bytes[16];

	if (inet_pton(AF_INET, s, bytes) == 1)
		ip_from_v4(bytes, out);
	else if (inet_pton(AF_INET6, s, bytes) == 1)
		ip_from_v6(bytes, out);
	else
		return -EINVAL;
	return 0;
}

int
net_ip_parse(const char *s, struct net_ip *out)
{
	char bare[NET_IP_STRLEN];
	size_t len = strlen(s);

	if (s[0] != '[')
		return ip_parse_bare(s, out);
	if (len < 2 || len - 2 >= sizeof(bare) || s[len - 1] != ']')
		return -EINVAL;
	memcpy(bare, s + 1, len - 2);
	bare[len - 2] = '\0';
	if (strchr(bare, ':') == NULL)
		return -EINVAL;
	return ip_parse_bare(bare, out);
}

const char *
net_ip_format(const struct net_ip *ip, char out[NET_IP_STRLEN])
{
	if (ip->family == 0)
		snprintf(out, NET_IP_STRLEN, "none");
	else
		inet_ntop(ip->family == 4 ? AF_INET : AF_INET6, ip->bytes, out,
		    NET_IP_STRLEN);
	return out;
}

static size_t
ip_len(const struct net_ip *ip)
{
	return ip->family == 4 ? 4 : ip->family == 6 ? 16 : 0;
}

bool
net_ip_equal(const struct net_ip *a, const struct net_ip *b)
{
	return a->family == b->family &&
	       memcmp(a->bytes, b->bytes, ip_len(a)) == 0;
}

/* Decimal digits alone, no leading zero, at most max; -1 otherwise. */
static int
decimal(const char *s, int max)
{
	int v = 0;

	if (s[0] == '\0' || (s[0] == '0' && s[1] != '\0'))
		return -1;
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9')
			return -1;
		v = v * 10 + (*s - '0');
		if (v > max)
			return -1;
	}
	return v;
}

/* Do the first n bits of a and b agree? */
static bool
bits_equal(const uint8_t *a, const uint8_t *b, size_t n)
{
	size_t whole = n / 8;
	unsigned int mask = 0xff00u >> (n % 8) & 0xff;

	return memcmp(a, b, whole) == 0 &&
	       (mask == 0 || ((a[whole] ^ b[whole]) & mask) == 0);
}

static bool
bits_zero_after(const struct net_ip *ip, size_t n)
{
	size_t i;

	for (i = n; i < ip_len(ip) * 8; i++) {
		if ((ip->bytes[i / 8] & (0x80 >> i % 8)) != 0)
			return false;
	}
	return true;
}

/* The longest: v4-mapped v6 with a length. */
#define PREFIX_STRLEN (NET_IP_STRLEN + 4)

int
net_prefix_parse(const char *s, struct net_prefix *out)
{
	char text[PREFIX_STRLEN];
	char *slash;
	int bits, len;

	if (strlen(s) >= sizeof(text) || s[0] == '[')
		return -EINVAL;
	memcpy(text, s, strlen(s) + 1);
	slash = strchr(text, '/');
	if (slash != NULL)
		*slash = '\0';
	if (net_ip_parse(text, &out->ip) != 0)
		return -EINVAL;
	bits = strchr(text, ':') != NULL ? 128 : 32;
	len = slash == NULL ? bits : decimal(slash + 1, bits);
	if (len == -1)
		return -EINVAL;
	if (bits == 128 && out->ip.family == 4)
		len -= 96; /* was v4-mapped */
	if (len < 0)
		return -EINVAL;
	out->len = (uint8_t)len;
	return bits_zero_after(&out->ip, out->len) ? 0 : -ERANGE;
}

bool
net_prefix_contains(const struct net_prefix *p, const struct net_ip *ip)
{
	return ip->family != 0 && p->ip.family == ip->family &&
	       bits_equal(p->ip.bytes, ip->bytes, p->len);
}

int
net_hostport_split(
    const char *s, char *host, size_t host_size, uint16_t *port, bool port0_ok)
{
	const char *colon = strrchr(s, ':');
	bool bracketed = s[0] == '[';
	struct net_ip ip;
	size_t len;
	int n;

	if (colon == NULL)
		return -EINVAL;
	n = decimal(colon + 1, UINT16_MAX);
	if (n == -1 || (n == 0 && !port0_ok))
		return -EINVAL;
	len = (size_t)(colon - s);
	if (bracketed) {
		if (len < 2 || s[len - 1] != ']')
			return -EINVAL;
		s++;
		len -= 2;
	}
	if (len == 0 || len > NET_HOST_MAX || len >= host_size)
		return -EINVAL;
	memcpy(host, s, len);
	host[len] = '\0';
	if ((strchr(host, ':') != NULL) != bracketed)
		return -EINVAL;
	if (bracketed && ip_parse_bare(host, &ip) != 0)
		return -EINVAL;
	*port = (uint16_t)n;
	return 0;
}

/* Would inet_aton() take a name that ends in this label for an address? */
static bool
label_is_number(const char *s, size_t len)
{
	size_t hex = len >= 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
	const char *digits = hex ? "0123456789abcdefABCDEF" : "0123456789";
	size_t i;

	for (i = hex ? 2 : 0; i < len; i++) {
		if (strchr(digits, s[i]) == NULL)
			return false;
	}
	return true;
}

static bool
name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool
net_name_valid(const char *s, size_t len)
{
	size_t i, start = 0;

	if (len == 0 || len > NET_HOST_MAX)
		return false;
	for (i = 0; i < len; i++) {
		if (s[i] != '.') {
			if (!name_char(s[i]) || i - start >= 63)
				return false;
			continue;
		}
		if (i == start)
			return false;
		start = i + 1;
	}
	return start < len && !label_is_number(s + start, len - start);
}

bool
net_name_below(const char *domain, const char *name)
{
	size_t dlen = strlen(domain);
	size_t nlen = strlen(name);

	if (dlen > nlen || strcmp(name + (nlen - dlen), domain) != 0)
		return false;
	return dlen == nlen || name[nlen - dlen - 1] == '.';
}

int
net_addr_parse(const char *s, union net_addr *out)
{
	char host[NET_IP_STRLEN];
	struct net_ip ip;
	uint16_t port;
	size_t len;

	memset(out, 0, sizeof(*out));
	if (strncmp(s, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0) {
		s += strlen(UNIX_PREFIX);
		len = strlen(s);
		if (s[0] != '/' || len >= sizeof(out->un.sun_path))
			return -EINVAL;
		out->un.sun_family = AF_UNIX;
		memcpy(out->un.sun_path, s, len);
		return (int)net_addr_len(out);
	}
	if (net_hostport_split(s, host, sizeof(host), &port, true) != 0 ||
	    ip_parse_bare(host, &ip) != 0)
		return -EINVAL;
	return (int)net_addr_make(&ip, port, out);
}

socklen_t
net_addr_make(const struct net_ip *ip, uint16_t port, union net_addr *out)
{
	memset(out, 0, sizeof(*out));
	if (ip->family == 4) {
		out->in.sin_family = AF_INET;
		out->in.sin_port = htons(port);
		memcpy(&out->in.sin_addr, ip->bytes, 4);
	} else if (ip->family == 6) {
		out->in6.sin6_family = AF_INET6;
		out->in6.sin6_port = htons(port);
		memcpy(&out->in6.sin6_addr, ip->bytes, 16);
	}
	return net_addr_len(out);
}

socklen_t
net_addr_len(const union net_addr *a)
{
	size_t len;

	switch (a->sa.sa_family) {
	case AF_INET:
		return sizeof(a->in);
	case AF_INET6:
		return sizeof(a->in6);
	case AF_UNIX:
		len = strnlen(a->un.sun_path, sizeof(a->un.sun_path) - 1);
		len = len > 0 ? len + 1 : 0;
		return (
		    socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	default:
		return 0;
	}
}

void
net_addr_ip(const union net_addr *a, struct net_ip *out)
{
	if (a->sa.sa_family == AF_INET)
		ip_from_v4(&a->in.sin_addr, out);
	else if (a->sa.sa_family == AF_INET6)
		ip_from_v6(a->in6.sin6_addr.s6_addr, out);
	else
		memset(out, 0, sizeof(*out));
}

uint16_t
net_addr_port(const union net_addr *a)
{
	if (a->sa.sa_family == AF_INET)
		return ntohs(a->in.sin_port);
	if (a->sa.sa_family == AF_INET6)
		return ntohs(a->in6.sin6_port);
	return 0;
}

bool
net_addr_equal(const union net_addr *a, const union net_addr *b)
{
	struct net_ip ip_a, ip_b;

	if (a->sa.sa_family == AF_UNIX) {
		return b->sa.sa_family == AF_UNIX &&
		       strncmp(a->un.sun_path, b->un.sun_path,
			   sizeof(a->un.sun_path)) == 0;
	}
	net_addr_ip(a, &ip_a);
	net_addr_ip(b, &ip_b);
	return b->sa.sa_family != AF_UNIX && net_ip_equal(&ip_a, &ip_b) &&
	       net_addr_port(a) == net_addr_port(b);
}

const char *
net_addr_format(const union net_addr *a, char out[NET_ADDR_STRLEN])
{
	char text[NET_IP_STRLEN];
	struct net_ip ip;

	net_addr_ip(a, &ip);
	if (a->sa.sa_family == AF_UNIX) {
		snprintf(out, NET_ADDR_STRLEN, UNIX_PREFIX "%.*s",
		    (int)sizeof(a->un.sun_path), a->un.sun_path);
	} else if (ip.family == 0) {
		snprintf(out, NET_ADDR_STRLEN, "none");
	} else {
		snprintf(out, NET_ADDR_STRLEN,
		    ip.family == 6 ? "[%s]:%u" : "%s:%u",
		    net_ip_format(&ip, text), net_addr_port(a));
	}
	return out;
}

int
net_bare_socket(int family)
{
	int fd;

	fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return fd == -1 ? -errno : fd;
}

int
net_stream_socket(int family)
{
	int fd = net_bare_socket(family), on = 1, err;

	if (fd >= 0 && family != AF_UNIX &&
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == -1) {
		err = errno;
		close(fd);
		return -err;
	}
	return fd;
}

int
net_mark(int fd, uint8_t dscp)
{
	int family, value = dscp << 2; /* the other two bits are ECN's */
	socklen_t len = sizeof(family);
	bool v6;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) == -1)
		return -errno;
	v6 = family == AF_INET6;
	return setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP,
		   v6 ? IPV6_TCLASS : IP_TOS, &value, sizeof(value)) == -1
		   ? -errno
		   : 0;
}

/* A size that is set is one that stays, unless the lock is taken off again: where
 * that cannot be (before Linux 5.14), none is set.  Half of it is for what the
 * kernel has of its own with each packet. */
int
net_first_window(int fd, uint32_t bytes)
{
	const int size = bytes < INT_MAX ? (int)bytes : INT_MAX, none = 0;

	if (setsockopt(fd, SOL_SOCKET, SO_BUF_LOCK, &none, sizeof(none)) ==
		-1 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_BUF_LOCK, &none, sizeof(none)) == -1)
		return -errno;
	return 0;
}
