/* Owns what the agent itself has to say to a browser; connects to nobody. */
#include "cagentd/worker/web/page.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "cagentd/decide/pac.h"
#include "wire/http.h"
#include "wire/http_head.h"

#define HEAD_MAX 512
#define PAGE_MAX 2048

static const char type_page[] = "text/html; charset=utf-8";
static const char type_pac[] = "application/x-ns-proxy-autoconfig";

struct answer {
	int status;
	const char *phrase;
	const char *type;
	const char *fields; /* more of them, or "" */
	bool head;	    /* without its content */
};

/* The content's bytes are written by the caller, behind what there is. */
static struct buf *
begin(const struct answer *a, size_t len)
{
	struct buf *b = buf_new(HEAD_MAX + len + 1);
	int n;

	if (b == NULL)
		return NULL;
	/* Without a type of its own no other site's page can run the script
	 * and read from it what is listed as direct. */
	n = snprintf((char *)buf_tail(b), HEAD_MAX,
	    "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
	    "Cache-Control: no-cache\r\nX-Content-Type-Options: nosniff\r\n"
	    "Cross-Origin-Resource-Policy: same-origin\r\n"
	    "Content-Security-Policy: default-src 'none'; "
	    "frame-ancestors 'none'\r\n%sConnection: close\r\n\r\n",
	    a->status, a->phrase, a->type, len, a->fields);
	buf_added(b, (size_t)n);
	return b;
}

static struct buf *
script(const struct answer *a, const struct settings *s, const char *at)
{
	size_t len = pac_encode(s, at, NULL, 0);
	struct buf *b = begin(a, len);

	if (b == NULL || a->head)
		return b;
	pac_encode(s, at, (char *)buf_tail(b), len + 1);
	buf_added(b, len);
	return b;
}

static struct buf *
page(const struct answer *a, const char *at)
{
	char text[PAGE_MAX];
	struct buf *b;
	int n;

	n = snprintf(text, sizeof(text),
	    "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
	    "<title>cagent</title>\n<h1>cagent</h1>\n"
	    "<p>%s</p>\n"
	    "<p>It speaks SOCKS4, SOCKS4a, SOCKS5 and HTTP.  To use it, enter "
	    "in your browser's settings, as the address of its automatic "
	    "proxy configuration,</p>\n"
	    "<pre>http://%s<a href=\"/proxy.pac\">/proxy.pac</a></pre>\n"
	    "<p>or <code>%s</code> as its proxy.  Programs of the command "
	    "line take it from their environment:</p>\n"
	    "<pre>eval \"$(cagent-ctl env --shell)\"</pre>\n"
	    "<p>One request, to try it:</p>\n"
	    "<pre>curl --proxy socks5h://%s https://www.example.com/</pre>\n"
	    "</html>\n",
	    a->status == 200   ? "This is cagent, a proxy, not a web site."
	    : a->status == 405 ? "This is cagent, a proxy: it has pages to "
				 "read and takes nothing."
			       : "This is cagent, a proxy: it has no such "
				 "page.",
	    at, at, at);
	b = begin(a, (size_t)n);
	if (b == NULL || a->head)
		return b;
	/* Its room was asked for. */
	(void)buf_append(b, text, (size_t)n);
	return b;
}

static bool
is_loopback(const struct net_ip *ip)
{
	static const uint8_t v6[16] = {[15] = 1};

	return ip->family == 4 ? ip->bytes[0] == 127
			       : memcmp(ip->bytes, v6, sizeof(v6)) == 0;
}

/* Is addr one that clients connect to for a proxy? */
static bool
is_listener(const struct settings *s, const union net_addr *addr)
{
	uint32_t i;

	for (i = 0; i < s->listeners_n; i++) {
		if (s->listener_kinds[i] == LISTENER_PROXY &&
		    net_addr_equal(&s->bound[i], addr))
			return true;
	}
	return false;
}

/* The address that the browser has used, if it is one of ours: at. */
static bool
take_host(const struct http_field *f, const struct settings *s,
    const union net_addr *own, char at[NET_ADDR_STRLEN])
{
	char text[NET_ADDR_STRLEN], host[NET_ADDR_STRLEN];
	union net_addr addr;
	struct net_ip ip;
	uint16_t port;

	snprintf(text, sizeof(text), "%.*s", (int)f->value_len, f->value);
	if (f->value_len > 64)
		return false;
	if (net_hostport_split(text, host, sizeof(host), &port, false) != 0) {
		strlcat(text, ":80", sizeof(text));
		if (net_hostport_split(
			text, host, sizeof(host), &port, false) != 0)
			return false;
	}
	net_addr_ip(own, &ip);
	if (strcasecmp(host, "localhost") == 0 && is_loopback(&ip) &&
	    port == net_addr_port(own)) {
		snprintf(at, NET_ADDR_STRLEN, "localhost:%u", port);
		return true;
	}
	if (net_ip_parse(host, &ip) != 0)
		return false;
	net_addr_make(&ip, port, &addr);
	if (!net_addr_equal(&addr, own) && !is_listener(s, &addr))
		return false;
	net_addr_format(&addr, at);
	return true;
}

/* A unix socket is nothing that a browser could be told of. */
static const union net_addr *
first_port(const struct settings *s, const union net_addr *own)
{
	uint32_t i;

	if (own->sa.sa_family != AF_UNIX)
		return own;
	for (i = 0; i < s->listeners_n; i++) {
		if (s->listener_kinds[i] == LISTENER_PROXY &&
		    net_addr_port(&s->bound[i]) != 0)
			return &s->bound[i];
	}
	return own;
}

/* Where we are, in words of our own or of the browser's when they mean us. */
static void
find_us(const struct settings *s, const union net_addr *own,
    const uint8_t *head, size_t len, char at[NET_ADDR_STRLEN])
{
	struct http_field field;
	size_t pos = 0;

	while (http_head_next(head, len, &pos, &field)) {
		if (http_field_is(&field, "Host") &&
		    take_host(&field, s, own, at))
			return;
	}
	net_addr_format(first_port(s, own), at);
}

static bool
is_path(const char *target, const char *path)
{
	size_t len = strcspn(target, "?");

	return strlen(path) == len && memcmp(target, path, len) == 0;
}

struct buf *
page_answer(const struct settings *s, const union net_addr *own,
    const uint8_t *head, size_t len)
{
	struct answer a = {200, "OK", type_page, "", false};
	char at[NET_ADDR_STRLEN];
	struct http_request r;
	size_t scanned = 0;
	bool pac;
	int n, status;

	n = http_request_decode(head, len, &scanned, &r, &status);
	if (n <= 0)
		return NULL;
	find_us(s, own, head, (size_t)n, at);
	pac = is_path(r.target, "/proxy.pac") || is_path(r.target, "/wpad.dat");
	a.head = strcmp(r.method, "HEAD") == 0;
	if (!a.head && strcmp(r.method, "GET") != 0) {
		a.status = 405;
		a.phrase = "Method Not Allowed";
		a.fields = "Allow: GET, HEAD\r\n";
	} else if (pac && first_port(s, own)->sa.sa_family != AF_UNIX) {
		a.type = type_pac;
	} else if (!is_path(r.target, "/")) {
		a.status = 404;
		a.phrase = "Not Found";
	}
	explicit_bzero(&r, sizeof(r));
	return a.type == type_pac ? script(&a, s, at) : page(&a, at);
}
