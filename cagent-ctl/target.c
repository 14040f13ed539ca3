/* Owns reading a destination from a URL or a host and port; resolves none. */
#include "cagent-ctl/target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PORT_HTTPS 443

static uint16_t
scheme_port(const char *scheme, size_t len)
{
	static const struct {
		const char *scheme;
		uint16_t port;
	} ports[] = {{"http", 80}, {"https", PORT_HTTPS}, {"ws", 80},
	    {"wss", PORT_HTTPS}, {"ftp", 21}, {"ftps", 990}, {"ssh", 22},
	    {"sftp", 22}, {"git", 9418}, {"rsync", 873}, {"ldap", 389},
	    {"ldaps", 636}, {"imap", 143}, {"imaps", 993}, {"smtp", 25}};
	size_t i;

	for (i = 0; i < sizeof(ports) / sizeof(*ports); i++) {
		if (strlen(ports[i].scheme) == len &&
		    strncasecmp(ports[i].scheme, scheme, len) == 0)
			return ports[i].port;
	}
	return 0;
}

static int
bad(struct target *t, const char *why)
{
	t->why = why;
	return -EINVAL;
}

static int
set_port(struct target *t, const char *digits, size_t len)
{
	unsigned long port = 0;
	size_t i;

	if (len == 0)
		return 0; /* "host:" is allowed by RFC 3986 section 3.2.3 */
	for (i = 0; i < len; i++) {
		if (digits[i] < '0' || digits[i] > '9')
			return bad(t, "the port is not a number");
		if (port <= UINT16_MAX)
			port = port * 10 + (unsigned long)(digits[i] - '0');
	}
	if (port == 0 || port > UINT16_MAX)
		return bad(t, "the port is not between 1 and 65535");
	t->host.port = (uint16_t)port;
	t->guessed = false;
	return 0;
}

static int
set_host(struct target *t, const char *host, size_t len)
{
	if (len == 0)
		return bad(t, "the host is missing");
	if (wire_host_set(&t->host, host, len) != 0)
		return bad(t, "the host is neither a name in letters, digits, "
			      "'-', '_' and dots nor an address");
	return 0;
}

/* "host", "host:port", "[v6]:port"; a bare v6 address has no port. */
static int
set_authority(struct target *t, const char *s, size_t len)
{
	const char *colon = memrchr(s, ':', len);
	const char *end = len > 0 && *s == '[' ? memchr(s, ']', len) : NULL;

	if (len > 0 && *s == '[' && end == NULL)
		return bad(t, "the ']' is missing");
	if (end != NULL && end + 1 < s + len && end[1] != ':')
		return bad(t, "only a port may follow the ']'");
	if (colon == NULL || (end != NULL && colon < end) ||
	    (end == NULL && memchr(s, ':', (size_t)(colon - s)) != NULL))
		return set_host(t, s, len);
	if (set_port(t, colon + 1, (size_t)(s + len - colon - 1)) != 0)
		return -EINVAL;
	return set_host(t, s, (size_t)(colon - s));
}

int
target_parse(const char *text, struct target *t)
{
	const char *s = text, *login;
	const char *slashes = strstr(text, "://");
	bool http = false;
	size_t len;

	memset(t, 0, sizeof(*t));
	t->guessed = true;
	t->host.port = PORT_HTTPS;
	if (slashes != NULL && slashes < text + strcspn(text, "/?#")) {
		/* slashes[0] is the colon before the first slash. */
		t->host.port = scheme_port(text, (size_t)(slashes - text));
		s = slashes + 3;
		http = slashes - text == 4 && strncasecmp(text, "http", 4) == 0;
	}
	len = strcspn(s, "/?#\\");
	if (http) {
		t->path = s + len;
		t->path_len = strcspn(t->path, "?#");
	}
	login = memrchr(s, '@', len);
	if (login != NULL) {
		len -= (size_t)(login + 1 - s);
		s = login + 1;
	}
	if (set_authority(t, s, len) != 0)
		return -EINVAL;
	return t->host.port != 0 ? 0
				 : bad(t, "the scheme has no port of its own: "
					  "write HOST:PORT");
}
