#ifndef BASE_NET_H
#define BASE_NET_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An IP address without a port; v4 is never kept as v4-mapped v6. */
struct net_ip {
	uint8_t family;	   /* 4 or 6; 0: none */
	uint8_t bytes[16]; /* network order; 4 or 16 of them */
};

/* A prefix: bits beyond len are zero. */
struct net_prefix {
	struct net_ip ip;
	uint8_t len;
};

/* Something to connect to or listen on. */
union net_addr {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
};

#define NET_IP_STRLEN	46
#define NET_ADDR_STRLEN 128
#define NET_HOST_MAX	253 /* bytes of a domain name, RFC 1035 section 2.3.4 */

/* "192.0.2.1", "2001:db8::1", "[2001:db8::1]"; no zone.  0 or -EINVAL.
 * A v4-mapped address becomes v4. */
int net_ip_parse(const char *s, struct net_ip *out);
const char *net_ip_format(const struct net_ip *, char out[NET_IP_STRLEN]);
bool net_ip_equal(const struct net_ip *, const struct net_ip *);

/* "10.0.0.0/8", "::1" (a host).  0, -EINVAL, or -ERANGE when bits are set
 * beyond the prefix length. */
int net_prefix_parse(const char *s, struct net_prefix *out);
bool net_prefix_contains(const struct net_prefix *, const struct net_ip *);

/*
 * Split "host:port", "[v6]:port" or "v4:port"; the host without brackets.
 * host holds host_size bytes.  0 or -EINVAL (no port, port 0 unless
 * port0_ok, over 65535, empty or over-long host, bare v6).
 */
int net_hostport_split(
    const char *s, char *host, size_t host_size, uint16_t *port, bool port0_ok);

/* Is s a host name in letters, digits, '-', '_' and dots, with labels of
 * 1..63 bytes, 253 in all, no trailing dot?  A last label that is a number
 * ("127.1", "0x7f000001") makes it none: resolvers take it for an address. */
bool net_name_valid(const char *s, size_t len);

/* "example.com" has itself and what is below it; both in lower case. */
bool net_name_below(const char *domain, const char *name);

/* From "unix:/path" or host:port where the host is an address literal;
 * port 0 is allowed.  returns the length for bind or connect, or -EINVAL. */
int net_addr_parse(const char *s, union net_addr *out);
socklen_t net_addr_make(
    const struct net_ip *, uint16_t port, union net_addr *out);
socklen_t net_addr_len(const union net_addr *);
/* The IP of an inet address (v4-mapped becomes v4); family 0 for others. */
void net_addr_ip(const union net_addr *, struct net_ip *out);
uint16_t net_addr_port(const union net_addr *);
bool net_addr_equal(const union net_addr *, const union net_addr *);
const char *net_addr_format(const union net_addr *, char out[NET_ADDR_STRLEN]);

/*
 * Bind and listen: CLOEXEC, non-blocking, SO_REUSEADDR, IPV6_V6ONLY,
 * TCP_NODELAY and, on the loopback, congestion control that does not pace
 * (both inherited by what is accepted).  A dead unix socket in the way is
 * removed; a live one is -EADDRINUSE.  mode: of a unix socket.
 * returns the fd or -errno.
 */
int net_listen(const union net_addr *, int backlog, unsigned int mode);

/*
 * For a listener at that address, or a connection to it: over the loopback
 * there is no path that sending at a pace would spare, and where the system's
 * default is BBR, pacing's timers are a third of what bulk costs.  Does
 * nothing for other addresses, or where it cannot be had.
 */
void net_unpace(int fd, const union net_addr *);

/* Is it an address of an interface of this host, as things stand?  No packet
 * is sent.  Of the loopback networks only the address itself counts. */
bool net_is_here(const struct net_ip *);

/* A CLOEXEC, non-blocking stream socket with TCP_NODELAY where it applies;
 * fd or -errno. */
int net_stream_socket(int family);
/* The same without that, for who leaves it to loop_prompt(). */
int net_bare_socket(int family);
/* The mark of what a TCP socket sends from now on, six bits (RFC 2474); 0 or
 * -errno. */
int net_mark(int fd, uint8_t dscp);
/* Before it connects: the window that it begins to receive by, in bytes, from
 * where the kernel lets it grow as ever; 0 or -errno. */
int net_first_window(int fd, uint32_t bytes);

#endif
