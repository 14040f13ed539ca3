/* Owns the HTTP server of the page: connections, their limits, and what every
 * answer carries; knows not what the API says. */
#include "policyd/page/page_http.h"

#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <microhttpd.h>

#include "base/log.h"
#include "base/loop.h"
#include "base/mono.h"
#include "base/net.h"
#include "policyd/page/page_assets.h"
#include "policyd/page/page_error.h"
#include "policyd/page/page_host.h"

#define LISTENERS_MAX 8
#define SWEEP_US      INT64_C(1000000)

struct listener {
	struct page_http *http;
	struct MHD_Daemon *daemon;
	struct op readable;
	bool loopback;
};

/* A connection, for its deadline. */
struct link {
	LIST_ENTRY(link) entry;
	int fd; /* libmicrohttpd's */
	int64_t began_us;
};

struct page_http {
	struct loop *loop;
	struct page_site site;
	struct op timer;
	int64_t swept_us;
	LIST_HEAD(, link) links;
	uint32_t listeners_n;
	struct listener listeners[LISTENERS_MAX];
};

/* What has been asked. */
struct request {
	bool told;     /* we have been called for it before */
	bool too_long; /* target is "" */
	char target[PAGE_HTTP_TARGET_MAX + 1];
};

/* Nothing from elsewhere is loaded, run, framed or sent to. */
static const char *const headers[][2] = {
    {"Content-Security-Policy",
	"default-src 'none'; script-src 'self'; style-src 'self'; "
	"img-src 'self'; connect-src 'self'; base-uri 'none'; "
	"form-action 'none'; frame-ancestors 'none'; "
	"require-trusted-types-for 'script'"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Permissions-Policy", "camera=(), geolocation=(), microphone=()"},
};

static bool
add(struct MHD_Response *r, const char *name, const char *value)
{
	return MHD_add_response_header(r, name, value) == MHD_YES;
}

/* The response is taken.  MHD_NO closes the connection. */
static enum MHD_Result
queue(struct MHD_Connection *c, unsigned int status, struct MHD_Response *r,
    const char *type, const char *cache)
{
	enum MHD_Result result = MHD_NO;
	bool ok =
	    add(r, "Content-Type", type) && add(r, "Cache-Control", cache);
	size_t i;

	for (i = 0; ok && i < sizeof(headers) / sizeof(*headers); i++)
		ok = add(r, headers[i][0], headers[i][1]);
	if (ok)
		result = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return result;
}

/* what: a header that goes with it, or NULL. */
static enum MHD_Result
answer_json(struct MHD_Connection *c, struct page_answer *a,
    const char *const header[2])
{
	struct MHD_Response *r;

	if (a->body == NULL)
		return MHD_NO;
	r = MHD_create_response_from_buffer(
	    strlen(a->body), a->body, MHD_RESPMEM_MUST_FREE);
	if (r == NULL) {
		free(a->body);
		return MHD_NO;
	}
	if (header != NULL && !add(r, header[0], header[1])) {
		MHD_destroy_response(r);
		return MHD_NO;
	}
	return queue(c, a->status, r, "application/json", "no-store");
}

static enum MHD_Result
refuse(struct MHD_Connection *c, unsigned int status, const char *why)
{
	static const char *const close_it[] = {"Connection", "close"};
	static const char *const allow[] = {"Allow", "GET, HEAD"};
	struct page_answer a;

	page_error(&a, status, why);
	return answer_json(
	    c, &a, status == MHD_HTTP_METHOD_NOT_ALLOWED ? allow : close_it);
}

static enum MHD_Result
answer_file(struct MHD_Connection *c, const struct page_asset *file)
{
	const char *has =
	    MHD_lookup_connection_value(c, MHD_HEADER_KIND, "If-None-Match");
	char tag[PAGE_ASSETS_TAG_LEN];
	bool same;
	struct MHD_Response *r;
	void *data;

	page_assets_tag(file, tag);
	same = has != NULL && strstr(has, tag) != NULL;
	/* Not written to: the constructor has no const for it. */
	memcpy(&data, &file->data, sizeof(data));
	r = MHD_create_response_from_buffer(
	    same ? 0 : file->len, data, MHD_RESPMEM_PERSISTENT);
	if (r == NULL || !add(r, "ETag", tag)) {
		if (r != NULL)
			MHD_destroy_response(r);
		return MHD_NO;
	}
	return queue(c, same ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_OK, r,
	    file->type, "no-cache");
}

/* Every Host header, of which there must not be two. */
static enum MHD_Result
count_host(
    void *arg, enum MHD_ValueKind kind, const char *key, const char *value)
{
	unsigned int *bad = arg;

	(void)kind;
	if (strcasecmp(key, "Host") != 0)
		return MHD_YES;
	*bad += value == NULL || !page_host_is_loopback(value) ? 2 : 1;
	return MHD_YES;
}

/* HTTP/1.0 may leave Host out; no browser does. */
static bool
host_ok(const struct listener *l, struct MHD_Connection *c)
{
	unsigned int bad = 0;

	if (!l->loopback)
		return true;
	MHD_get_connection_values(c, MHD_HEADER_KIND, count_host, &bad);
	return bad <= 1;
}

/* Does it announce a body? */
static bool
has_body(struct MHD_Connection *c)
{
	const char *len =
	    MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Length");

	return (len != NULL && strcmp(len, "0") != 0) ||
	       MHD_lookup_connection_value(
		   c, MHD_HEADER_KIND, "Transfer-Encoding") != NULL;
}

/* Once its head is there: what is wrong with it is said before any body. */
static enum MHD_Result
begin(const struct listener *l, struct MHD_Connection *c,
    const struct request *q, const char *method)
{
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return refuse(c, MHD_HTTP_METHOD_NOT_ALLOWED,
		    "only GET and HEAD are answered");
	if (q->too_long)
		return refuse(c, MHD_HTTP_URI_TOO_LONG, "too long a target");
	if (!host_ok(l, c))
		return refuse(c, MHD_HTTP_FORBIDDEN,
		    "call this server localhost, 127.0.0.1 or [::1]");
	if (has_body(c))
		return refuse(
		    c, MHD_HTTP_BAD_REQUEST, "a request has no body here");
	return MHD_YES;
}

static enum MHD_Result
answer(
    struct page_http *http, struct MHD_Connection *c, const struct request *q)
{
	size_t len = strcspn(q->target, "?");
	struct page_asset file;
	struct page_answer a = {0};

	if (page_assets_find(q->target, len, &file))
		return answer_file(c, &file);
	if (strncmp(q->target, PAGE_HTTP_API, sizeof(PAGE_HTTP_API) - 1) != 0)
		page_error(&a, MHD_HTTP_NOT_FOUND, "there is no such page");
	else if (mono_us() - loop_now_us(http->loop) > PAGE_HTTP_TURN_US)
		page_error(&a, MHD_HTTP_SERVICE_UNAVAILABLE,
		    "too much is asked at once");
	else
		http->site.answer(http->site.arg, q->target, &a);
	return answer_json(c, &a, NULL);
}

/* Called when the head is there, for each piece of a body, and at the end. */
static enum MHD_Result
handle(void *arg, struct MHD_Connection *c, const char *url, const char *method,
    const char *version, const char *upload, size_t *upload_len, void **context)
{
	struct listener *l = arg;
	struct request *q = *context;

	(void)url;
	(void)version;
	(void)upload;
	if (q == NULL || *upload_len != 0)
		return MHD_NO;
	if (!q->told) {
		q->told = true;
		return begin(l, c, q, method);
	}
	return answer(l->http, c, q);
}

/* The target as it was sent: what libmicrohttpd makes of it is not used. */
static void *
requested(void *arg, const char *target, struct MHD_Connection *c)
{
	struct request *q = calloc(1, sizeof(*q));

	(void)arg;
	(void)c;
	if (q == NULL)
		return NULL;
	q->too_long = strlen(target) > PAGE_HTTP_TARGET_MAX;
	if (!q->too_long)
		snprintf(q->target, sizeof(q->target), "%s", target);
	return q;
}

static void
completed(void *arg, struct MHD_Connection *c, void **context,
    enum MHD_RequestTerminationCode how)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct listener *l = arg;
	struct link *link = info != NULL ? info->socket_context : NULL;

	(void)how;
	free(*context);
	*context = NULL;
	if (link != NULL)
		link->began_us = loop_now_us(l->http->loop);
}

static void
connection(void *arg, struct MHD_Connection *c, void **context,
    enum MHD_ConnectionNotificationCode what)
{
	struct listener *l = arg;
	struct link *link = *context;

	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (link != NULL)
			LIST_REMOVE(link, entry);
		free(link);
		*context = NULL;
		return;
	}
	/* Without one it still has libmicrohttpd's own time-out. */
	link = calloc(1, sizeof(*link));
	if (link == NULL)
		return;
	link->fd = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)
		       ->connect_fd;
	link->began_us = loop_now_us(l->http->loop);
	LIST_INSERT_HEAD(&l->http->links, link, entry);
	*context = link;
}

static void logged(void *arg, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

/* What a peer did wrong: for whoever looks for it. */
static void
logged(void *arg, const char *fmt, va_list ap)
{
	char line[256];
	int len;

	(void)arg;
	if (!log_enabled(LOG_LEVEL_DEBUG))
		return;
	len = vsnprintf(line, sizeof(line), fmt, ap);
	if (len > 0)
		log_debug("http: %.*s", (int)strcspn(line, "\r\n"), line);
}

/*
 * A peer that sends a byte now and then is never idle.  What has gone on for
 * too long is shut down, which libmicrohttpd sees as its end.
 */
static void
sweep(struct page_http *http)
{
	int64_t now_us = loop_now_us(http->loop);
	struct link *link;

	if (now_us - http->swept_us < SWEEP_US)
		return;
	http->swept_us = now_us;
	LIST_FOREACH (link, &http->links, entry) {
		if (now_us - link->began_us > http->site.request_ms * 1000)
			(void)shutdown(link->fd, SHUT_RDWR); /* may be gone */
	}
}

static op_fn timer_due;

/* Let all listeners do what they can, and see when to come back. */
static void
turn(struct page_http *http)
{
	int64_t wait_us = -1;
	MHD_UNSIGNED_LONG_LONG ms;
	uint32_t i;

	sweep(http); /* here, as who is busy gets no timer */
	for (i = 0; i < http->listeners_n; i++) {
		struct MHD_Daemon *d = http->listeners[i].daemon;

		(void)MHD_run(d); /* what fails is a connection's */
		if (MHD_get_timeout(d, &ms) == MHD_YES && ms < 1000 &&
		    (wait_us < 0 || (int64_t)ms * 1000 < wait_us))
			wait_us = (int64_t)ms * 1000;
	}
	/* For the sweep, and for longer time-outs as well. */
	if (wait_us < 0 && !LIST_EMPTY(&http->links))
		wait_us = SWEEP_US;
	if (wait_us < 0)
		loop_cancel(http->loop, &http->timer);
	else if (loop_timer(http->loop, &http->timer,
		     loop_now_us(http->loop) + wait_us, timer_due) != 0)
		fatalx("no timer for the page");
}

static void
timer_due(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct page_http *http = container_of(op, struct page_http, timer);

	(void)loop;
	(void)r;
	turn(http);
}

static void
readable(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct listener *l = container_of(op, struct listener, readable);

	(void)loop;
	if (r->res < 0 || !r->more)
		fatalx("the page's listener is broken: %d", r->res);
	turn(l->http);
}

/* Whom does it let in? */
static int
loopback(int fd, bool *out)
{
	union net_addr addr = {0};
	socklen_t len = sizeof(addr);
	struct net_ip ip;

	if (getsockname(fd, &addr.sa, &len) == -1)
		return -errno;
	net_addr_ip(&addr, &ip);
	*out = (ip.family == 4 && ip.bytes[0] == 127) ||
	       (ip.family == 6 &&
		   memcmp(ip.bytes, &in6addr_loopback, sizeof(ip.bytes)) == 0);
	return 0;
}

static int
listen_on(struct page_http *http, struct listener *l, int fd)
{
	const union MHD_DaemonInfo *info;
	int rc = loopback(fd, &l->loopback);

	if (rc != 0)
		return rc;
	l->http = http;
	l->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL,
	    NULL, handle, l, MHD_OPTION_EXTERNAL_LOGGER, logged, NULL,
	    MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	    (size_t)PAGE_HTTP_HEAD_MAX, MHD_OPTION_CONNECTION_LIMIT,
	    (unsigned int)PAGE_HTTP_MAX, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
	    (unsigned int)PAGE_HTTP_IP_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
	    (unsigned int)PAGE_HTTP_IDLE_S, MHD_OPTION_STRICT_FOR_CLIENT, 1,
	    MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_URI_LOG_CALLBACK,
	    requested, l, MHD_OPTION_NOTIFY_COMPLETED, completed, l,
	    MHD_OPTION_NOTIFY_CONNECTION, connection, l, MHD_OPTION_END);
	if (l->daemon == NULL)
		return -EIO;
	info = MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (info == NULL || info->epoll_fd == -1)
		return -ENOTSUP;
	return loop_poll(
	    http->loop, &l->readable, info->epoll_fd, POLLIN, readable);
}

int
page_http_new(struct page_http **out, struct loop *loop, const int *listeners,
    uint32_t n, const struct page_site *site)
{
	struct page_http *http;
	uint32_t i;
	int rc = 0;

	if (n > LISTENERS_MAX)
		return -E2BIG;
	http = calloc(1, sizeof(*http));
	if (http == NULL)
		return -ENOMEM;
	http->loop = loop;
	http->site = *site;
	LIST_INIT(&http->links);
	for (i = 0; i < n && rc == 0; i++) {
		http->listeners_n++;
		rc = listen_on(http, &http->listeners[i], listeners[i]);
	}
	if (rc != 0) {
		page_http_free(http);
		return rc;
	}
	*out = http;
	return 0;
}

void
page_http_free(struct page_http *http)
{
	uint32_t i;

	if (http == NULL)
		return;
	loop_cancel(http->loop, &http->timer);
	for (i = 0; i < http->listeners_n; i++) {
		loop_cancel(http->loop, &http->listeners[i].readable);
		if (http->listeners[i].daemon != NULL)
			MHD_stop_daemon(http->listeners[i].daemon);
	}
	free(http);
}
