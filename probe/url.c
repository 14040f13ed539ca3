/* Owns how intermediaries and targets are written as URLs; must not do I/O nor
 * say a password again. */
#include "probe/url.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/conf.h"

/* The parts of a URL, borrowed from its text. */
struct parts {
	const char *scheme, *login, *host, *rest;
	size_t scheme_len, login_len, host_len;
	bool has_login;
	uint16_t port; /* 0: none */
};

struct hop_scheme {
	const char *name;
	enum hop_type type;
	bool direct;
	bool secure;
	int port; /* the usual one, for advice */
};

static const struct hop_scheme hop_schemes[] = {
    {"socks5", HOP_SOCKS5, false, false, 1080},
    {"socks5h", HOP_SOCKS5, false, false, 1080},
    {"socks4a", HOP_SOCKS4A, false, false, 1080},
    {"http", HOP_HTTP, false, false, 8080},
    {"https", HOP_HTTP, false, true, 3128},
    {"direct", HOP_SOCKS5, true, false, 0}};

static const struct {
	const char *name;
	enum query_kind kind;
	uint16_t port;
} target_schemes[] = {
    {"http", QUERY_HTTP, 80}, {"https", QUERY_TLS, 443}, {"tcp", QUERY_TCP, 0}};

#define N(a) (sizeof(a) / sizeof(*(a)))

__attribute__((format(printf, 2, 3))) static int
bad(char why[URL_WHY_MAX], const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	vsnprintf(why, URL_WHY_MAX, fmt, ap);
	va_end(ap);
	for (s = why; *s != '\0'; s++) {
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			*s = '?';
	}
	return -EINVAL;
}

static int
split_port(
    struct parts *p, const char *digits, size_t len, char why[URL_WHY_MAX])
{
	unsigned long port = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		if (!isdigit((unsigned char)digits[i]))
			return bad(why, "the port \"%.*s\" is not a number",
			    (int)(len < 32 ? len : 32), digits);
		if (port <= UINT16_MAX)
			port = port * 10 + (unsigned long)(digits[i] - '0');
	}
	if (len > 0 && (port == 0 || port > UINT16_MAX))
		return bad(why, "the port is not between 1 and 65535");
	p->port = (uint16_t)port;
	return 0;
}

/* "host", "host:port", "[v6]:port". */
static int
split_host(struct parts *p, const char *s, size_t len, char why[URL_WHY_MAX])
{
	const char *colon = memrchr(s, ':', len);
	const char *end = len > 0 && *s == '[' ? memchr(s, ']', len) : NULL;

	p->host = s;
	p->host_len = len;
	if (len > 0 && *s == '[' && end == NULL)
		return bad(why, "the ']' is missing");
	if (end != NULL && end + 1 < s + len && end[1] != ':')
		return bad(why, "only a port may follow the ']'");
	if (colon == NULL || (end != NULL && colon < end))
		return 0;
	if (end == NULL && memchr(s, ':', (size_t)(colon - s)) != NULL)
		return bad(why, "an IPv6 address stands in brackets: [%.*s]",
		    (int)(len < 64 ? len : 64), s);
	p->host_len = (size_t)(colon - s);
	return split_port(p, colon + 1, (size_t)(s + len - colon - 1), why);
}

static int
split(const char *text, struct parts *p, char why[URL_WHY_MAX])
{
	const char *slashes = strstr(text, "://"), *s, *at;
	size_t len;

	*p = (struct parts){.scheme = "", .host = "", .rest = ""};
	if (strnlen(text, URL_MAX + 1) > URL_MAX)
		return bad(why, "over %d bytes long", URL_MAX);
	if (slashes == NULL || slashes != text + strcspn(text, ":/?#@"))
		return bad(why, "no scheme");
	p->scheme = text;
	p->scheme_len = (size_t)(slashes - text);
	s = slashes + 3;
	len = strcspn(s, "/?#\\");
	p->rest = s + len;
	at = memrchr(s, '@', len);
	if (at != NULL) {
		p->has_login = true;
		p->login = s;
		p->login_len = (size_t)(at - s);
		len -= p->login_len + 1;
		s = at + 1;
	}
	return split_host(p, s, len, why);
}

static bool
scheme_is(const struct parts *p, const char *name)
{
	return strlen(name) == p->scheme_len &&
	       strncasecmp(p->scheme, name, p->scheme_len) == 0;
}

static int
set_host(const struct parts *p, struct wire_host *host, char why[URL_WHY_MAX])
{
	if (p->host_len == 0)
		return bad(why, "the host is missing");
	if (wire_host_set(host, p->host, p->host_len) != 0)
		return bad(why,
		    "the host \"%.*s\" is neither a name in letters, digits, "
		    "'-', '_' and dots nor an address",
		    (int)(p->host_len < 64 ? p->host_len : 64), p->host);
	host->port = p->port;
	return 0;
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undo %XX.  A control character in a login is a mistake or an attack. */
static int
unescape(const char *s, size_t len, char out[URL_LOGIN_MAX + 1])
{
	size_t i, n = 0;
	int c;

	for (i = 0; i < len; i++) {
		c = (unsigned char)s[i];
		if (c == '%') {
			if (len - i < 3 || hex(s[i + 1]) < 0 ||
			    hex(s[i + 2]) < 0)
				return -EINVAL;
			c = hex(s[i + 1]) * 16 + hex(s[i + 2]);
			i += 2;
		}
		if (c < ' ' || c == 0x7f || n == URL_LOGIN_MAX)
			return -EINVAL;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return 0;
}

static int
set_login(const struct parts *p, struct url_hop *h, char why[URL_WHY_MAX])
{
	const char *colon = memchr(p->login, ':', p->login_len);
	size_t user_len =
	    colon != NULL ? (size_t)(colon - p->login) : p->login_len;

	if (user_len == 0)
		return bad(why, "the user before the '@' is missing");
	h->has_user = true;
	if (unescape(p->login, user_len, h->user) != 0)
		return bad(why,
		    "the user: at most %d bytes, no control characters, and "
		    "%%25 for a '%%'",
		    URL_LOGIN_MAX);
	if (colon == NULL)
		return 0;
	h->has_password = true;
	if (unescape(colon + 1, p->login_len - user_len - 1, h->password) != 0)
		return bad(why,
		    "the password: at most %d bytes, no control characters, "
		    "and %%25 for a '%%'",
		    URL_LOGIN_MAX);
	return 0;
}

/* What else somebody may have meant by a scheme that is none of ours. */
static int
bad_hop_scheme(const struct parts *p, char why[URL_WHY_MAX])
{
	static const struct {
		const char *name, *advice;
	} known[] = {
	    {"socks", "write socks5:// or socks4a://"},
	    {"socks4", "SOCKS4 carries no names: write socks4a://"},
	    {"tcp", "that is a target: --target tcp://..."},
	};
	const char *names[N(hop_schemes) + 1] = {NULL}, *near;
	char scheme[16];
	size_t i;

	for (i = 0; i < N(known); i++) {
		if (scheme_is(p, known[i].name))
			return bad(why, "%s", known[i].advice);
	}
	for (i = 0; i < N(hop_schemes); i++)
		names[i] = hop_schemes[i].name;
	snprintf(scheme, sizeof(scheme), "%.*s",
	    (int)(p->scheme_len < 15 ? p->scheme_len : 15), p->scheme);
	near = conf_nearest(scheme, names);
	if (near != NULL)
		return bad(why, "unknown scheme \"%s\": did you mean %s://?",
		    scheme, near);
	return bad(why,
	    "unknown scheme \"%s\": socks5://, socks4a://, http://, "
	    "https:// or direct://",
	    scheme);
}

static int
set_hop(const struct parts *p, const struct hop_scheme *s, struct url_hop *h,
    char why[URL_WHY_MAX])
{
	h->type = s->type;
	h->direct = s->direct;
	h->secure = s->secure;
	if (s->direct) {
		if (p->host_len == 0 && !p->has_login &&
		    p->rest[strspn(p->rest, "/")] == '\0')
			return 0;
		return bad(why, "direct:// has no host of its own: "
				"--target says where to");
	}
	if (set_host(p, &h->host, why) != 0 ||
	    (p->has_login && set_login(p, h, why) != 0))
		return -EINVAL;
	if (p->port == 0)
		return bad(why, "the port is missing: %s://%.*s:%d is usual",
		    s->name, (int)(p->host_len < 64 ? p->host_len : 64),
		    p->host, s->port);
	if (strcmp(p->rest, "") != 0 && strcmp(p->rest, "/") != 0)
		return bad(why, "nothing may follow the port; what is to be "
				"reached is said by --target");
	return 0;
}

int
url_hop_parse(const char *text, struct url_hop *h, char why[URL_WHY_MAX])
{
	struct parts p;
	size_t i;

	memset(h, 0, sizeof(*h));
	if (split(text, &p, why) != 0) {
		if (p.scheme_len == 0 && strlen(text) <= URL_MAX)
			return bad(why, "no scheme: write socks5://HOST:PORT, "
					"socks4a://HOST:PORT or "
					"http://HOST:PORT");
		return -EINVAL;
	}
	for (i = 0; i < N(hop_schemes); i++) {
		if (scheme_is(&p, hop_schemes[i].name))
			return set_hop(&p, &hop_schemes[i], h, why);
	}
	return bad_hop_scheme(&p, why);
}

static int
set_path(const struct parts *p, struct query *q, char why[URL_WHY_MAX])
{
	size_t len = strcspn(p->rest, "#"), i, n = 0;

	if (len == 0 || *p->rest == '?')
		q->path[n++] = '/';
	if (n + len > QUERY_PATH_MAX)
		return bad(why, "the path is over %d bytes", QUERY_PATH_MAX);
	for (i = 0; i < len; i++) {
		if (p->rest[i] <= ' ' || p->rest[i] > '~' || p->rest[i] == '\\')
			return bad(why, "the path has a character that a URL "
					"writes as %%XX");
		q->path[n++] = p->rest[i];
	}
	q->path[n] = '\0';
	return 0;
}

static int
bad_target_scheme(const struct parts *p, char why[URL_WHY_MAX])
{
	const char *names[N(target_schemes) + 1] = {NULL}, *near;
	char scheme[16];
	size_t i;

	for (i = 0; i < N(target_schemes); i++)
		names[i] = target_schemes[i].name;
	snprintf(scheme, sizeof(scheme), "%.*s",
	    (int)(p->scheme_len < 15 ? p->scheme_len : 15), p->scheme);
	near = conf_nearest(scheme, names);
	if (near != NULL)
		return bad(why, "unknown scheme \"%s\": did you mean %s://?",
		    scheme, near);
	return bad(
	    why, "unknown scheme \"%s\": http://, https:// or tcp://", scheme);
}

int
url_target_parse(const char *text, struct query *q, char why[URL_WHY_MAX])
{
	struct parts p;
	size_t i = 0;

	memset(q, 0, sizeof(*q));
	if (split(text, &p, why) != 0) {
		if (p.scheme_len == 0 && strlen(text) <= URL_MAX)
			return bad(why, "no scheme: write http://HOST/, "
					"https://HOST/ or tcp://HOST:PORT");
		return -EINVAL;
	}
	while (i < N(target_schemes) && !scheme_is(&p, target_schemes[i].name))
		i++;
	if (i == N(target_schemes))
		return bad_target_scheme(&p, why);
	q->kind = target_schemes[i].kind;
	if (p.has_login)
		return bad(
		    why, "a login is not sent to a target: leave it out");
	if (set_host(&p, &q->host, why) != 0 || set_path(&p, q, why) != 0)
		return -EINVAL;
	if (q->host.port == 0)
		q->host.port = target_schemes[i].port;
	if (q->host.port == 0)
		return bad(why, "the port is missing: tcp://HOST:PORT");
	if (q->kind == QUERY_TCP && strcmp(q->path, "/") != 0)
		return bad(why, "nothing may follow the port");
	return 0;
}

const char *
url_hop_scheme(const struct url_hop *h)
{
	if (h->direct)
		return "direct";
	switch (h->type) {
	case HOP_SOCKS5:
		return "socks5";
	case HOP_SOCKS4A:
		return "socks4a";
	case HOP_HTTP:
		break;
	}
	return h->secure ? "https" : "http";
}

const char *
url_hop_format(const struct url_hop *h, char out[URL_HOP_STRLEN])
{
	char host[WIRE_HOST_STRLEN], user[3 * URL_LOGIN_MAX + 2];
	const char *s;
	size_t n = 0;

	for (s = h->user; *s != '\0'; s++) {
		if (isalnum((unsigned char)*s) || strchr("-._~", *s) != NULL)
			user[n++] = *s;
		else
			n += (size_t)snprintf(
			    user + n, 4, "%%%02X", (unsigned char)*s);
	}
	if (h->has_user)
		user[n++] = '@';
	user[n] = '\0';
	snprintf(out, URL_HOP_STRLEN, "%s://%s%s", url_hop_scheme(h), user,
	    h->direct ? "" : wire_host_format(&h->host, host));
	return out;
}

const char *
url_target_format(const struct query *q, char out[URL_TARGET_STRLEN])
{
	const char *scheme = "tcp";
	char host[WIRE_HOST_STRLEN];

	if (q->kind == QUERY_HTTP)
		scheme = "http";
	else if (q->kind == QUERY_TLS)
		scheme = "https";
	snprintf(out, URL_TARGET_STRLEN, "%s://%s%s", scheme,
	    wire_host_format(&q->host, host),
	    q->kind == QUERY_HTTP ? q->path : "");
	return out;
}
