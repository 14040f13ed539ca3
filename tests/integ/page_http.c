/* The policy server's page as those see it who send it what they must not, or
 * send slowly, or are many; and the files that it consists of. */
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "policyd/page/page_http.h"
#include "policyd/store/store.h"
#include "tests/integ/rig_web.h"
#include "tests/integ/rig_net.h"
#include "tests/integ/rig_page.h"
#include "tests/integ/rig.h"

#define N(a)	   (sizeof(a) / sizeof(*(a)))
#define HTTP_MS	   20000
#define READERS	   200
#define EACH_READS 20

/* A filled store, and the page over it. */
static void
start(struct rig_page *p)
{
	char store[RIG_PATH_MAX];
	int64_t now_s = (int64_t)time(NULL);

	rig_path(store, "policyd.db");
	rig_page_fill(store, now_s);
	rig_page_start(p, store);
}

/* --- what is refused --- */

static void
refuses_parameters(void)
{
	static const struct {
		int status;
		const char *target;
	} rows[] = {
	    {400, "/api/v1/status?x=1"},
	    {400, "/api/v1/groups?group=a"},
	    {400, "/api/v1/series"},
	    {400, "/api/v1/series?group=new-york"},
	    {400, "/api/v1/series?group=new-york&name="},
	    {400, "/api/v1/series?group=new-york&name=hq-1&since=yesterday"},
	    {400, "/api/v1/series?group=new-york&name=hq-1&name=hq-2"},
	    {400, "/api/v1/agents?group='%20OR%201=1"},
	    {400, "/api/v1/agents?limit=1001"},
	    {400, "/api/v1/agents?limit=0"},
	    {400, "/api/v1/events?before=%00"},
	    {400, "/api/v1/events?since=1&since=2"},
	    {400, "/api/v1/events?"
		  "&"},
	    {404, "/api/"},
	    {404, "/api/v1"},
	    {404, "/api/v1/"},
	    {404, "/api/v1/status/"},
	    {404, "/api/v2/status"},
	    {404, "/api/v1/../v1/status"},
	    {404, "/api/v1/stat%75s"},
	    {404, "/../../etc/passwd"},
	    {404, "/..%2f..%2fetc/passwd"},
	    {404, "//etc/passwd"},
	    {404, "/policyd.db"},
	    {404, "/page.js/"},
	    {404, "/favicon.ico"},
	    {404, "http://127.0.0.1/api/v1/status"},
	};
	struct rig_page p = {0};
	size_t i;

	start(&p);
	for (i = 0; i < N(rows); i++)
		json_decref(
		    rig_web_json(p.port, rows[i].target, rows[i].status));
	rig_page_stop(&p);
}

static void
send_raw(uint16_t port, int status, const char *request)
{
	struct rig_web h;

	rig_web_raw(&h, port, request, strlen(request), HTTP_MS);
	CHECK(h.status == status, "%d, not %d, to:\n%.200s\n%.300s", h.status,
	    status, request, h.text);
	CHECK(
	    h.ms < HTTP_MS, "it keeps the connection after:\n%.200s", request);
	rig_web_free(&h);
}

#define HOST  "Host: localhost\r\n"
#define CLOSE "Connection: close\r\n\r\n"

static void
refuses_requests(void)
{
	struct rig_page p = {.request_ms = 3000};

	start(&p);
	send_raw(p.port, 405, "POST / HTTP/1.1\r\n" HOST CLOSE);
	send_raw(p.port, 405,
	    "POST /api/v1/status HTTP/1.1\r\n" HOST
	    "Content-Length: 5\r\n" CLOSE "hello");
	send_raw(p.port, 405,
	    "PUT /api/v1/status HTTP/1.1\r\n" HOST
	    "Transfer-Encoding: chunked\r\n" CLOSE "5\r\nhello\r\n0\r\n\r\n");
	send_raw(p.port, 405, "DELETE /api/v1/agents HTTP/1.1\r\n" HOST CLOSE);
	send_raw(p.port, 405, "OPTIONS * HTTP/1.1\r\n" HOST CLOSE);
	send_raw(p.port, 405, "CONNECT a.example:1 HTTP/1.1\r\n" HOST CLOSE);
	send_raw(p.port, 405, "get / HTTP/1.1\r\n" HOST CLOSE);
	send_raw(p.port, 400,
	    "GET / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n" CLOSE "hello");
	send_raw(p.port, 400,
	    "GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n" CLOSE
	    "0\r\n\r\n");
	send_raw(p.port, 400, "GET / HTTP/1.1\r\n" CLOSE); /* no Host */
	send_raw(p.port, 0, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
	send_raw(p.port, 0, "SSH-2.0-OpenSSH_9.2\r\n");
	rig_page_stop(&p);
}

/* A site that has given itself a name that leads here. */
static void
refuses_names(void)
{
	struct rig_page p = {0};

	start(&p);
	send_raw(p.port, 200, "GET / HTTP/1.1\r\nHost: localhost\r\n" CLOSE);
	send_raw(p.port, 200, "GET / HTTP/1.1\r\nHost: [::1]:80\r\n" CLOSE);
	send_raw(p.port, 200, "GET / HTTP/1.0\r\n" CLOSE);
	send_raw(p.port, 403, "GET / HTTP/1.1\r\nHost: a.example\r\n" CLOSE);
	send_raw(p.port, 403,
	    "GET /api/v1/groups HTTP/1.1\r\nHost: localhost.a.example\r\n" CLOSE);
	send_raw(p.port, 403,
	    "GET / HTTP/1.1\r\nHost: localhost\r\nHost: a.example\r\n" CLOSE);
	send_raw(p.port, 403,
	    "GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n" CLOSE);
	rig_page_stop(&p);
}

static void
refuses_too_much(void)
{
	static char big[200000];
	struct rig_page p = {.request_ms = 3000};
	struct rig_web h;
	int len;

	start(&p);
	memset(big, 'a', sizeof(big) - 1);
	memcpy(big, "GET /", 5);
	snprintf(
	    big + 1500, sizeof(big) - 1500, "%s", " HTTP/1.1\r\n" HOST CLOSE);
	send_raw(p.port, 414, big);
	/* A header without end, and very many. */
	memset(big, 'a', sizeof(big) - 1);
	len = snprintf(big, 100, "GET / HTTP/1.1\r\n" HOST "X: ");
	big[len] = 'a';
	rig_web_raw(&h, p.port, big, sizeof(big) - 1, HTTP_MS);
	CHECK((h.status == 431 || h.status == 413 || h.status == 0) &&
		  h.ms < HTTP_MS,
	    "a giant header: %d", h.status);
	rig_web_free(&h);
	for (len = 40; len + 5 < (int)sizeof(big); len += 5)
		memcpy(big + len, "X:y\r\n", 5);
	rig_web_raw(&h, p.port, big, (size_t)len, HTTP_MS);
	CHECK(h.status != 200 && h.ms < HTTP_MS, "many headers: %d", h.status);
	rig_web_free(&h);
	send_raw(p.port, 200, "GET / HTTP/1.1\r\n" HOST CLOSE);
	rig_page_stop(&p);
}

/* One that sends a byte now and then has the time of a request, no longer;
 * many of them keep nobody else out. */
static void
outlasts_the_slow(void)
{
	static const char drip[] = "GET / HTTP/1.1\r\nHost: localhost\r\nX: y";
	struct rig_page p = {.request_ms = 2000};
	int fds[100], open = (int)N(fds);
	int64_t until_ms;
	size_t i, sent = 0;

	start(&p);
	for (i = 0; i < N(fds); i++) {
		fds[i] = rig_net_connect("127.0.0.1", p.port, HTTP_MS);
		REQUIRE(fds[i] >= 0, "connect: %s", strerror(-fds[i]));
	}
	until_ms = rig_now_ms() + HTTP_MS;
	while (open > 0 && rig_left_ms(until_ms) > 0) {
		char c = sent < sizeof(drip) - 1 ? drip[sent] : 'y';

		for (i = 0; i < N(fds); i++) {
			char in[16];

			if (fds[i] == -1)
				continue;
			(void)send(
			    fds[i], &c, 1, MSG_NOSIGNAL); /* may be shut */
			if (recv(fds[i], in, sizeof(in), 0) == -1 &&
			    errno == EAGAIN)
				continue;
			close(fds[i]);
			fds[i] = -1;
			open--;
		}
		sent++;
		send_raw(p.port, 200, "GET / HTTP/1.1\r\n" HOST CLOSE);
		(void)rig_pause(until_ms);
	}
	CHECK(open == 0, "%d connections still stand", open);
	CHECK(sent > 3, "they stood for %zu bytes only", sent);
	rig_page_stop(&p);
}

/* One address has its share; when it has given it back, it is served again. */
static void
limits_an_address(void)
{
	struct rig_page p = {.request_ms = 2000};
	int fds[PAGE_HTTP_IP_MAX + 20], refused = 0;
	struct rig_web h;
	int64_t until_ms;
	size_t i;

	start(&p);
	for (i = 0; i < N(fds); i++) {
		fds[i] = rig_net_connect("127.0.0.1", p.port, HTTP_MS);
		REQUIRE(fds[i] >= 0, "connect: %s", strerror(-fds[i]));
	}
	for (i = 0; i < N(fds); i++) {
		struct pollfd pfd = {fds[i], POLLIN, 0};

		refused += poll(&pfd, 1, i < PAGE_HTTP_IP_MAX ? 0 : 1000) == 1;
	}
	CHECK(refused >= 20, "only %d were refused", refused);
	for (i = 0; i < N(fds); i++)
		close(fds[i]);
	until_ms = rig_now_ms() + HTTP_MS;
	do {
		rig_web_get(&h, p.port, "/", "");
		i = h.status == 200;
		rig_web_free(&h);
	} while (i == 0 && rig_pause(until_ms));
	CHECK(i == 1, "nobody is served any more");
	rig_page_stop(&p);
}

/* However much is asked at once, a turn of the loop has its limit: else the
 * master would take the process for dead. */
static void
limits_a_turn(void)
{
	static const char get[] =
	    "GET /api/v1/events?limit=%zu HTTP/1.1\r\n" HOST CLOSE;
	struct rig_page p = {.fault = RIG_PAGE_THINKS};
	unsigned int answered = 0, refused = 0;
	char text[256], in[64];
	int fds[24];
	size_t i;

	start(&p);
	for (i = 0; i < N(fds); i++) {
		int len = snprintf(text, sizeof(text), get, i + 1);

		fds[i] = rig_net_connect("127.0.0.1", p.port, HTTP_MS);
		REQUIRE(fds[i] >= 0 && send(fds[i], text, (size_t)len,
					   MSG_NOSIGNAL) == len,
		    "cannot ask");
	}
	for (i = 0; i < N(fds); i++) {
		struct pollfd pfd = {fds[i], POLLIN, 0};

		REQUIRE(poll(&pfd, 1, HTTP_MS) == 1 &&
			    recv(fds[i], in, sizeof(in), 0) == sizeof(in),
		    "no answer");
		answered += memcmp(in, "HTTP/1.1 200 ", 13) == 0;
		refused += memcmp(in, "HTTP/1.1 503 ", 13) == 0;
		close(fds[i]);
	}
	CHECK(answered >= 4 && refused >= 1 && answered + refused == N(fds),
	    "%u answered, %u refused", answered, refused);
	rig_page_stop(&p);
}

/* --- the files --- */

static void
serves_files(void)
{
	static const char *const rows[][2] = {{"/", "text/html"},
	    {"/page.css", "text/css"}, {"/page.js", "text/javascript"},
	    {"/plot.js", "text/javascript"}, {"/icon.svg", "image/svg+xml"}};
	static const char *const headers[] = {
	    "\r\nContent-Security-Policy: default-src 'none'; ",
	    "\r\nX-Content-Type-Options: nosniff\r\n",
	    "\r\nX-Frame-Options: DENY\r\n",
	    "\r\nReferrer-Policy: no-referrer\r\n"};
	struct rig_page p = {0};
	char match[64], *tag;
	struct rig_web h;
	size_t i, k;

	start(&p);
	for (i = 0; i < N(rows); i++) {
		rig_web_get(&h, p.port, rows[i][0], "");
		CHECK(h.status == 200 && strlen(h.body) > 100 &&
			  strstr(h.text, rows[i][1]) != NULL,
		    "%s: %d", rows[i][0], h.status);
		for (k = 0; k < N(headers); k++)
			CHECK(strstr(h.text, headers[k]) != NULL, "%s: no %s",
			    rows[i][0], headers[k] + 2);
		CHECK(strstr(h.text, "Set-Cookie") == NULL, "a cookie");
		tag = strstr(h.text, "\r\nETag: \"");
		CHECK(tag != NULL, "%s: no tag", rows[i][0]);
		snprintf(match, sizeof(match), "If-None-Match: %.18s\r\n",
		    tag != NULL ? tag + 8 : "");
		rig_web_free(&h);
		rig_web_get(&h, p.port, rows[i][0], match);
		CHECK(h.status == 304 && h.body[0] == '\0', "%s: %d again",
		    rows[i][0], h.status);
		rig_web_free(&h);
	}
	rig_web_raw(&h, p.port, "HEAD / HTTP/1.1\r\n" HOST CLOSE,
	    strlen("HEAD / HTTP/1.1\r\n" HOST CLOSE), HTTP_MS);
	CHECK(h.status == 200 && h.body[0] == '\0', "HEAD: %s", h.body);
	rig_web_free(&h);
	rig_page_stop(&p);
}

/* --- readers and a writer --- */

struct writer {
	const char *store;
	atomic_bool stop;
	unsigned int commits;
	int64_t longest_us;
};

static void *
keep_writing(void *arg)
{
	struct writer *w = arg;
	char why[STORE_WHY_MAX];
	struct store *s;

	REQUIRE(store_open(w->store, &s, why) == 0, "%s", why);
	while (!atomic_load(&w->stop)) {
		struct store_place p = {.at_s = (int64_t)time(NULL),
		    .group = "new-york",
		    .name = "hq-1",
		    .tier = 1,
		    .why = "policy"};
		int64_t begin_us = rig_now_us(), took_us;
		int rc = store_begin(s);

		if (rc == 0)
			rc = store_place_add(s, &p);
		if (rc == 0)
			rc = store_commit(s);
		CHECK(rc == 0, "write: %d: %s", rc, store_why(s));
		took_us = rig_now_us() - begin_us;
		if (took_us > w->longest_us)
			w->longest_us = took_us;
		w->commits++;
	}
	store_close(s);
	return NULL;
}

struct reader {
	int fd;
	unsigned int left;
	size_t len;
	char in[16384];
};

static void
ask(struct reader *r, uint16_t port)
{
	static const char *const targets[] = {"groups", "agents?limit=10",
	    "events?limit=10", "series?group=new-york&name=hq-1", "status"};
	char text[256];
	int len = snprintf(text, sizeof(text),
	    "GET /api/v1/%s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n",
	    targets[r->left % N(targets)], port);

	r->len = 0;
	REQUIRE(send(r->fd, text, (size_t)len, MSG_NOSIGNAL) == len,
	    "cannot ask: %s", strerror(errno));
}

/* Is a whole answer there?  Checks its begin. */
static bool
answered(struct reader *r)
{
	const char *head, *length;

	r->in[r->len] = '\0';
	head = strstr(r->in, "\r\n\r\n");
	length = strstr(r->in, "\r\nContent-Length: ");
	if (head == NULL || length == NULL)
		return false;
	if (r->len - (size_t)(head + 4 - r->in) <
	    strtoul(length + 18, NULL, 10))
		return false;
	CHECK(strncmp(head + 4, "{\"schema\":1,\"ok\":true,", 22) == 0,
	    "%.300s", r->in);
	return true;
}

/* Answers are longer than what is kept of them: the rest is counted. */
static bool
read_some(struct reader *r, uint16_t port)
{
	ssize_t n = recv(r->fd, r->in + r->len, sizeof(r->in) - 1 - r->len, 0);

	REQUIRE(n > 0 && r->len + (size_t)n < sizeof(r->in) - 1,
	    "the connection ends, or the answer does not: %s", strerror(errno));
	r->len += (size_t)n;
	if (!answered(r))
		return true;
	if (--r->left == 0)
		return false;
	ask(r, port);
	return true;
}

static void
many_readers(void)
{
	static struct reader readers[READERS];
	static struct pollfd polls[READERS];
	struct rig_page p = {0};
	struct writer w = {.store = p.store};
	int64_t until_ms;
	pthread_t thread;
	size_t i, busy = READERS;

	start(&p);
	REQUIRE(
	    pthread_create(&thread, NULL, keep_writing, &w) == 0, "no thread");
	for (i = 0; i < READERS; i++) {
		struct reader *r = &readers[i];

		r->fd = rig_net_connect("127.0.0.1", p.port, HTTP_MS);
		REQUIRE(r->fd >= 0, "connect: %s", strerror(-r->fd));
		r->left = EACH_READS;
		polls[i] = (struct pollfd){r->fd, POLLIN, 0};
		ask(r, p.port);
	}
	until_ms = rig_now_ms() + 40000;
	while (busy > 0 && rig_left_ms(until_ms) > 0) {
		if (poll(polls, READERS, rig_left_ms(until_ms)) <= 0)
			continue;
		for (i = 0; i < READERS; i++) {
			if (polls[i].revents == 0 ||
			    read_some(&readers[i], p.port))
				continue;
			close(readers[i].fd);
			polls[i].fd = -1;
			busy--;
		}
	}
	CHECK(busy == 0, "%zu readers got no answer", busy);
	atomic_store(&w.stop, true);
	pthread_join(thread, NULL);
	CHECK(w.commits > 5, "the writer came to %u commits", w.commits);
	CHECK(w.longest_us < 5000000, "a commit took %lld ms",
	    (long long)w.longest_us / 1000);
	rig_page_stop(&p);
}

static const struct rig_case cases[] = {
    {"parameters and paths that are refused", refuses_parameters, 0, 0},
    {"requests that are refused", refuses_requests, 0, 0},
    {"names that are refused", refuses_names, 0, 0},
    {"more than there is room for", refuses_too_much, 0, 0},
    {"clients that are slow on purpose", outlasts_the_slow, 0, 0},
    {"one address has its share", limits_an_address, 0, 0},
    {"more than there is time for", limits_a_turn, 0, 0},
    {"the page's files", serves_files, 0, 0},
    {"200 readers beside a writer", many_readers, 0, 0},
};
RIG_MAIN("page_http", cases, NULL)
