/* Plain HTTP through the agent: a real origin, real intermediaries. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_net.h"
#include "tests/integ/rig_nginx.h"

#define REQUESTS    1000
#define EACH	    100 /* by one connection, */
#define BATCH	    10	/* of which so many at once */
#define KEPT	    30	/* of one kind, by one connection */
#define TIMEOUT_MS  15000
#define REQUEST_MAX 8192

/* --- a client that reads what comes as strictly as it can --- */

struct web_client {
	int fd;
	size_t len; /* unread */
	char in[256 * 1024];
};

struct web_answer {
	int status;
	char head[8192];
	size_t len;
	char content[128 * 1024];
};

static void
fill(struct web_client *c)
{
	struct pollfd p = {c->fd, POLLIN, 0};
	ssize_t n;

	REQUIRE(poll(&p, 1, TIMEOUT_MS) == 1, "no answer in time");
	n = read(c->fd, c->in + c->len, sizeof(c->in) - c->len - 1);
	REQUIRE(n > 0, "the connection has ended: %s",
	    n == 0 ? "closed" : strerror(errno));
	c->len += (size_t)n;
	c->in[c->len] = '\0';
}

static void
used(struct web_client *c, size_t n)
{
	c->len -= n;
	memmove(c->in, c->in + n, c->len + 1);
}

static size_t
to_line_end(struct web_client *c)
{
	char *end;

	while ((end = strstr(c->in, "\r\n")) == NULL)
		fill(c);
	return (size_t)(end - c->in) + 2;
}

static void
take(struct web_client *c, struct web_answer *a, size_t n)
{
	REQUIRE(a->len + n <= sizeof(a->content), "too much content");
	while (c->len < n)
		fill(c);
	memcpy(a->content + a->len, c->in, n);
	a->len += n;
	used(c, n);
}

static void
take_chunks(struct web_client *c, struct web_answer *a)
{
	size_t n, line;

	do {
		line = to_line_end(c);
		n = strtoul(c->in, NULL, 16);
		used(c, line);
		take(c, a, n);
		line = to_line_end(c);
		REQUIRE(line == 2, "no line's end behind a chunk");
		used(c, 2);
	} while (n > 0);
}

static void
read_answer(struct web_client *c, const char *method, struct web_answer *a)
{
	const char *field;
	char *end;
	size_t n;

	a->len = 0;
	while ((end = strstr(c->in, "\r\n\r\n")) == NULL)
		fill(c);
	n = (size_t)(end - c->in) + 4;
	REQUIRE(n < sizeof(a->head), "a long head");
	memcpy(a->head, c->in, n);
	a->head[n] = '\0';
	used(c, n);
	REQUIRE(strncmp(a->head, "HTTP/1.1 ", 9) == 0, "%s", a->head);
	a->status = (int)strtol(a->head + 9, NULL, 10);
	if (strcmp(method, "HEAD") == 0 || a->status == 204 || a->status == 304)
		return;
	if (strcasestr(a->head, "\r\nTransfer-Encoding: chunked\r\n") != NULL) {
		take_chunks(c, a);
		return;
	}
	field = strcasestr(a->head, "\r\nContent-Length:");
	REQUIRE(field != NULL, "no length: %s", a->head);
	take(c, a, strtoul(field + 17, NULL, 10));
}

static void
open_client(struct web_client *c, const struct rig_agent *agent)
{
	c->fd = rig_net_connect("127.0.0.1", agent->port, TIMEOUT_MS);
	REQUIRE(c->fd >= 0, "connect: %s", strerror(-c->fd));
	c->len = 0;
	c->in[0] = '\0';
}

static void
tell(const struct web_client *c, const char *text, size_t len)
{
	struct pollfd p = {c->fd, POLLOUT, 0};
	ssize_t n;

	while (len > 0) {
		REQUIRE(poll(&p, 1, TIMEOUT_MS) == 1, "it reads nothing");
		n = write(c->fd, text, len);
		REQUIRE(n > 0, "write: %s", strerror(errno));
		text += n;
		len -= (size_t)n;
	}
}

/* --- requests of all kinds, and what is to come of them --- */

enum kind {
	GET,
	HEAD,
	RANGE,
	SAME, /* If-None-Match */
	NONE, /* 204 */
	POST,
	POST_CHUNKED,
	PUT,
	GOT, /* what was PUT before */
	OPTIONS,
	KINDS
};

static const char *const methods[KINDS] = {[GET] = "GET",
    [HEAD] = "HEAD",
    [RANGE] = "GET",
    [SAME] = "GET",
    [NONE] = "GET",
    [POST] = "POST",
    [POST_CHUNKED] = "POST",
    [PUT] = "PUT",
    [GOT] = "GET",
    [OPTIONS] = "OPTIONS"};

static char etag[128];

/* The content that request i sends, if it does. */
static size_t
content_of(unsigned int i, char *out)
{
	size_t n = 1 + i * 37 % 3000, k;

	for (k = 0; k < n; k++)
		out[k] = (char)('A' + (i + k) % 26);
	return n;
}

static size_t
write_request(
    const struct rig_nginx *origin, unsigned int i, enum kind kind, char *out)
{
	char content[4096], rest[256] = "", path[64] = "/files/f";
	size_t len, n = 0;

	if (kind == RANGE)
		snprintf(
		    rest, sizeof(rest), "Range: bytes=%u-%u\r\n", i, i + 499);
	if (kind == SAME)
		snprintf(rest, sizeof(rest), "If-None-Match: %s\r\n", etag);
	if (kind == NONE)
		snprintf(path, sizeof(path), "/none");
	if (kind == POST || kind == POST_CHUNKED || kind == OPTIONS)
		snprintf(path, sizeof(path), "/say");
	if (kind == PUT)
		snprintf(path, sizeof(path), "/put/%u", i);
	if (kind == GOT)
		snprintf(path, sizeof(path), "/put/%u", i - 1);
	if (kind == POST || kind == POST_CHUNKED || kind == PUT)
		n = content_of(i, content);
	if (kind == POST || kind == PUT)
		snprintf(rest, sizeof(rest), "Content-Length: %zu\r\n", n);
	if (kind == POST_CHUNKED)
		snprintf(rest, sizeof(rest),
		    "Transfer-Encoding: chunked\r\n\r\n%zx", n);
	len = (size_t)snprintf(out, REQUEST_MAX,
	    "%s http://127.0.0.1:%u%s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
	    "%s\r\n",
	    methods[kind], origin->port, path, origin->port, rest);
	memcpy(out + len, content, n);
	len += n;
	if (kind == POST_CHUNKED)
		len += (size_t)snprintf(
		    out + len, REQUEST_MAX - len, "\r\n0\r\n\r\n");
	return len;
}

static void
check_file(const struct web_answer *a, size_t from, size_t n, unsigned int i)
{
	size_t k;

	CHECK(a->len == n, "request %u: %zu bytes, not %zu", i, a->len, n);
	for (k = 0; k < n && k < a->len; k++) {
		if (a->content[k] == rig_nginx_byte(from + k))
			continue;
		CHECK(false, "request %u: byte %zu is wrong", i, k);
		return;
	}
}

static void
check_answer(const struct web_answer *a, unsigned int i, enum kind kind)
{
	static const int statuses[KINDS] = {[GET] = 200,
	    [HEAD] = 200,
	    [RANGE] = 206,
	    [SAME] = 304,
	    [NONE] = 204,
	    [POST] = 200,
	    [POST_CHUNKED] = 200,
	    [PUT] = 201,
	    [GOT] = 200,
	    [OPTIONS] = 200};
	char want[4096];
	size_t n;

	CHECK(a->status == statuses[kind], "request %u (%s): %s", i,
	    methods[kind], a->head);
	if (kind == GET)
		check_file(a, 0, RIG_NGINX_FILE, i);
	if (kind == RANGE)
		check_file(a, i, 500, i);
	if (kind == HEAD)
		CHECK(strstr(a->head, "\r\nContent-Length: 5000\r\n") != NULL,
		    "request %u: %s", i, a->head);
	if (kind == GOT) {
		n = content_of(i - 1, want);
		CHECK(a->len == n && memcmp(a->content, want, n) == 0,
		    "request %u: what was put is not what was got", i);
	}
	if (kind == POST) {
		n = (size_t)snprintf(want, sizeof(want), "POST %zu",
		    (size_t)(1 + i * 37 % 3000));
		CHECK(a->len == n && memcmp(a->content, want, n) == 0,
		    "request %u: %.*s", i, (int)a->len, a->content);
	}
	if (kind == POST_CHUNKED || kind == OPTIONS)
		CHECK(a->len >= 4 && memcmp(a->content, methods[kind], 4) == 0,
		    "request %u: %.*s", i, (int)a->len, a->content);
}

/* --- */

struct scene {
	struct rig_nginx origin;
	struct rig_agent agent;
	struct rig_peer peers[2];
	struct web_client client;
	struct web_answer answer;
};

static struct scene *
scene_new(void)
{
	static struct scene s;

	memset(&s, 0, sizeof(s));
	rig_nginx_start(&s.origin);
	rig_agent_init(&s.agent, "agent");
	s.agent.workers = 1;
	rig_agent_key(&s.agent, "drain-timeout = 1s");
	return &s;
}

static void
add_peer(struct scene *s, unsigned int i, enum rig_peer_kind kind)
{
	static const char *const names[] = {"one", "two"};

	rig_peer_start(&s->peers[i], kind, names[i]);
	rig_agent_intermediary(&s->agent, names[i], s->peers[i].type,
	    s->peers[i].address, s->peers[i].port);
}

static void
learn_etag(struct scene *s)
{
	char text[REQUEST_MAX], *at;
	size_t len = write_request(&s->origin, 0, HEAD, text);

	open_client(&s->client, &s->agent);
	tell(&s->client, text, len);
	read_answer(&s->client, "HEAD", &s->answer);
	at = strstr(s->answer.head, "\r\nETag: ");
	REQUIRE(at != NULL, "no ETag: %s", s->answer.head);
	at += 8;
	snprintf(etag, sizeof(etag), "%.*s", (int)strcspn(at, "\r"), at);
	close(s->client.fd);
}

/* What is PUT is got by the request behind it, in order. */
static enum kind
kind_of(unsigned int i)
{
	return (enum kind)(i % KINDS);
}

static void
run_requests(struct scene *s, unsigned int total)
{
	static char text[BATCH * REQUEST_MAX];
	unsigned int i, k;
	size_t len;

	for (i = 0; i < total; i += BATCH) {
		if (i % EACH == 0)
			open_client(&s->client, &s->agent);
		for (len = 0, k = i; k < i + BATCH; k++)
			len += write_request(
			    &s->origin, k, kind_of(k), text + len);
		tell(&s->client, text, len);
		for (k = i; k < i + BATCH; k++) {
			read_answer(
			    &s->client, methods[kind_of(k)], &s->answer);
			check_answer(&s->answer, k, kind_of(k));
		}
		if (i % EACH == EACH - BATCH) {
			CHECK_INT(s->client.len, 0);
			close(s->client.fd);
		}
	}
}

/* The origin writes its log after its answers. */
static void
await_seen(const struct scene *s, const char *in, unsigned int requests,
    struct rig_nginx_seen *seen)
{
	int64_t deadline = rig_now_ms() + 5000;

	do
		rig_nginx_seen(&s->origin, in, seen);
	while (seen->requests < requests && rig_pause(deadline));
	CHECK_INT(seen->requests, requests);
}

/* As many GETs by one connection come to the origin by one. */
static void
count_connections(struct scene *s)
{
	struct rig_nginx_seen seen;
	char text[512];
	int i, n;

	open_client(&s->client, &s->agent);
	for (i = 0; i < KEPT; i++) {
		n = snprintf(text, sizeof(text),
		    "GET http://127.0.0.1:%u/files/f?reuse HTTP/1.1\r\n"
		    "Host: x\r\n\r\n",
		    s->origin.port);
		tell(&s->client, text, (size_t)n);
		read_answer(&s->client, "GET", &s->answer);
		check_file(&s->answer, 0, RIG_NGINX_FILE, (unsigned int)i);
	}
	close(s->client.fd);
	await_seen(s, "?reuse", KEPT, &seen);
	CHECK(seen.connections == 1, "%u connections", seen.connections);
	rig_nginx_seen(&s->origin, "", &seen);
	rig_note("%u requests by %u connections to the origin", seen.requests,
	    seen.connections);
}

static void
finish(struct scene *s)
{
	rig_agent_stop(&s->agent);
	rig_proc_kill(&s->origin.proc);
}

static void
t_direct(void)
{
	struct scene *s = scene_new();

	rig_agent_direct(&s->agent);
	rig_agent_start(&s->agent);
	learn_etag(s);
	run_requests(s, REQUESTS);
	count_connections(s);
	finish(s);
}

static void
t_squid(void)
{
	struct scene *s = scene_new();

	add_peer(s, 0, RIG_PEER_SQUID);
	rig_agent_start(&s->agent);
	learn_etag(s);
	run_requests(s, REQUESTS);
	count_connections(s);
	finish(s);
}

/* A tunnel through SOCKS, for one host.  It sends in pieces of 1 KiB, each of
 * which waits for the one before to be acknowledged, so there are few. */
static void
t_microsocks(void)
{
	struct scene *s = scene_new();

	add_peer(s, 0, RIG_PEER_MICROSOCKS);
	rig_agent_start(&s->agent);
	learn_etag(s);
	run_requests(s, EACH);
	count_connections(s);
	finish(s);
}

#define CLIENTS 20

static void
ask_all(struct scene *s, struct web_client *clients, bool read_them)
{
	char text[REQUEST_MAX];
	size_t len;
	int i;

	for (i = 0; i < CLIENTS; i++) {
		len = write_request(&s->origin, (unsigned int)i,
		    i % 2 == 0 ? NONE : SAME, text);
		tell(&clients[i], text, len);
	}
	for (i = 0; i < CLIENTS && read_them; i++) {
		read_answer(&clients[i], "GET", &s->answer);
		check_answer(
		    &s->answer, (unsigned int)i, i % 2 == 0 ? NONE : SAME);
	}
}

/* Requests are under way when the intermediary dies, and others follow on
 * connections that are kept to it: all are answered, by the other one. */
static void
t_kill(void)
{
	static struct web_client clients[CLIENTS];
	struct scene *s = scene_new();
	unsigned int answered = 0;
	int i, round;

	add_peer(s, 0, RIG_PEER_TINYPROXY);
	add_peer(s, 1, RIG_PEER_SQUID);
	rig_agent_start(&s->agent);
	learn_etag(s);
	for (i = 0; i < CLIENTS; i++)
		open_client(&clients[i], &s->agent);
	for (round = 0; round < 3; round++)
		ask_all(s, clients, true);
	ask_all(s, clients, false);
	rig_peer_kill(&s->peers[0]);
	for (i = 0; i < CLIENTS; i++) {
		read_answer(&clients[i], "GET", &s->answer);
		answered += s->answer.status == (i % 2 == 0 ? 204 : 304);
	}
	CHECK_INT(answered, CLIENTS);
	rig_note("one of two killed: %u of %u answered", answered, CLIENTS);
	for (round = 0; round < 3; round++)
		ask_all(s, clients, true);
	for (i = 0; i < CLIENTS; i++)
		close(clients[i].fd);
	finish(s);
}

/* None of these may let /evil through to the origin, directly or by way of
 * an intermediary that is less strict than we are. */
static void
t_smuggling(void)
{
	static const char *const rows[] = {
	    "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	    "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n",
	    "Content-Length: 0\r\nContent-Length: 40\r\n\r\n",
	    "Content-Length: +40\r\n\r\n",
	    "Content-Length : 40\r\n\r\n",
	    "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
	    "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
	    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n"
	     "0\r\n\r\n"),
	    "X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	    "X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	    "X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	    "Connection: content-length\r\nContent-Length: 40\r\n\r\n",
	    "Connection: connection\r\n\r\n",
	    "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n",
	    "Transfer-Encoding: chunked\r\n\r\n5;\na\r\nhello\r\n0\r\n\r\n",
	    "Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\n\n",
	};
	struct scene *s = scene_new();
	struct rig_nginx_seen seen;
	char text[2048];
	size_t i;
	int n;

	add_peer(s, 0, RIG_PEER_SQUID);
	rig_agent_add(&s->agent, "[rule \"straight\"]\ndomain = localhost\n"
				 "via = direct\n");
	rig_agent_add(&s->agent, "[direct]\ndomain = localhost\n"
				 "network = 127.0.0.0/8\n");
	rig_agent_start(&s->agent);
	for (i = 0; i < 2 * sizeof(rows) / sizeof(*rows); i++) {
		n = snprintf(text, sizeof(text),
		    "POST http://%s:%u/say HTTP/1.1\r\nHost: x\r\n%s"
		    "GET http://127.0.0.1:%u/evil HTTP/1.1\r\nHost: x\r\n\r\n",
		    i % 2 == 0 ? "127.0.0.1" : "localhost", s->origin.port,
		    rows[i / 2], s->origin.port);
		open_client(&s->client, &s->agent);
		tell(&s->client, text, (size_t)n);
		read_answer(&s->client, "POST", &s->answer);
		CHECK(s->answer.status == 400 || s->answer.status == 501,
		    "row %zu: %s", i / 2, s->answer.head);
		close(s->client.fd);
	}
	/* The log is written in order, after the answer: once this one is in
	 * it, all are. */
	n = snprintf(text, sizeof(text),
	    "GET http://127.0.0.1:%u/last HTTP/1.1\r\nHost: x\r\n\r\n",
	    s->origin.port);
	open_client(&s->client, &s->agent);
	tell(&s->client, text, (size_t)n);
	read_answer(&s->client, "GET", &s->answer);
	CHECK_INT(s->answer.status, 404);
	await_seen(s, "/last", 1, &seen);
	rig_nginx_seen(&s->origin, "/evil", &seen);
	CHECK_INT(seen.requests, 0);
	finish(s);
}

static const struct rig_case cases[] = {
    {"direct", t_direct, 0, 0},
    {"squid", t_squid, 0, 0},
    {"microsocks", t_microsocks, 0, 0},
    {"kill", t_kill, 0, 0},
    {"smuggling", t_smuggling, 0, 0},
};

RIG_MAIN("web", cases, NULL)
