/* A real squid as cache, and a service of the test's own that adds a line to
 * pages: who gets what, and what becomes of it when they die. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_net.h"
#include "tests/integ/rig_web.h"

#define NOTE	 "<!-- noted -->\n"
#define BACK_MS	 20000 /* an ejection's 5 s, trials, and some */
#define STORED	 "/stored.txt"
#define BODY_MAX 512

/* What is at the origin, and how often each was asked for. */
static const struct {
	const char *path, *type, *how_long;
} things[] = {
    {STORED, "text/plain", "max-age=600"},
    {"/page", "text/html; charset=utf-8", "no-store"},
    {"/logo.png", "image/png", "no-store"},
    {"/logo", "image/png", "no-store"},
    {"/style", "text/css", "no-store"},
    {"/list/17", "text/html", "no-store"},
    {"/list/18", "text/html", "no-store"},
};
#define THINGS_N (sizeof(things) / sizeof(*things))

static atomic_uint asked[THINGS_N];
static struct rig_server origin, service;
static struct rig_peer squid;
static struct rig_agent agent;

/* The path of the request line, which is or ends a URL; "" if it is none. */
static const char *
path_of(struct rig_link *l, char *out, size_t cap)
{
	char *s = (char *)l->in, *end;

	l->in[l->in_len < sizeof(l->in) ? l->in_len : sizeof(l->in) - 1] = '\0';
	out[0] = '\0';
	s = strchr(s, ' ');
	if (s == NULL || strncmp((char *)l->in, "GET ", 4) != 0)
		return out;
	s++;
	if (strncmp(s, "http://", 7) == 0)
		s = strchr(s + 7, '/');
	end = s != NULL ? strchr(s, ' ') : NULL;
	if (end != NULL)
		snprintf(out, cap, "%.*s", (int)(end - s), s);
	return out;
}

/* The whole of it is less than what a socket takes at once. */
static unsigned int
answer(struct rig_link *l, const char *status, const char *fields,
    const char *body)
{
	char text[2048];
	int len = snprintf(text, sizeof(text),
	    "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\nConnection: close\r\n"
	    "\r\n%s",
	    status, fields, strlen(body), body);

	if (rig_link_write(l, (const uint8_t *)text, (size_t)len) != len)
		rig_server_error(l->server, "a short write");
	return RIG_CLOSE;
}

static unsigned int
origin_step(struct rig_link *l)
{
	char path[256], fields[256], body[300], date[64];
	long head = rig_link_read_head(l);
	time_t now = time(NULL);
	struct tm tm;
	size_t i;

	if (head == 0)
		return RIG_WANT_IN;
	if (head < 0)
		return RIG_CLOSE;
	path_of(l, path, sizeof(path));
	gmtime_r(&now, &tm);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	for (i = 0; i < THINGS_N; i++) {
		if (strcmp(path, things[i].path) != 0)
			continue;
		atomic_fetch_add(&asked[i], 1);
		snprintf(fields, sizeof(fields),
		    "Date: %s\r\nContent-Type: %s\r\nCache-Control: %s\r\n",
		    date, things[i].type, things[i].how_long);
		snprintf(body, sizeof(body), "this is %s\n", path);
		return answer(l, "200 OK", fields, body);
	}
	return answer(l, "404 Not Found", "", "");
}

/* A proxy that makes no tunnels, and adds a line to what it brings. */
static unsigned int
service_step(struct rig_link *l)
{
	char path[256], body[BODY_MAX];
	long head = rig_link_read_head(l);
	struct rig_web page;

	if (head == 0)
		return RIG_WANT_IN;
	if (head < 0)
		return RIG_CLOSE;
	if (path_of(l, path, sizeof(path))[0] == '\0')
		return answer(l, "405 Method Not Allowed", "", "");
	rig_web_get(&page, origin.port, path, "");
	snprintf(body, sizeof(body), "%s" NOTE, page.body);
	rig_web_free(&page);
	atomic_fetch_add(&l->server->served, 1);
	return answer(l, "200 OK", "Content-Type: text/html\r\n", body);
}

static void
start_service(void)
{
	service.address = "127.0.0.1";
	service.step = service_step;
	rig_server_start(&service);
}

static void
start_all(void)
{
	if (!rig_peer_installed(RIG_PEER_SQUID))
		rig_skip("no squid");
	origin.address = "127.0.0.1";
	origin.step = origin_step;
	rig_server_start(&origin);
	start_service();
	squid.caches = true;
	rig_peer_start(&squid, RIG_PEER_SQUID, "squid");
	rig_agent_init(&agent, "agent");
	agent.workers = 1; /* each learns by itself */
	rig_agent_key(&agent, "log-tunnels = yes");
	rig_agent_key(&agent, "check-interval = 1s");
	rig_agent_direct(&agent);
	rig_agent_add(&agent,
	    "[cache \"web\"]\ntype = http\naddress = 127.0.0.1:%u\n"
	    "[service \"notes\"]\ntype = http\naddress = 127.0.0.1:%u\n"
	    "content = text/html\n",
	    squid.port, service.port);
	rig_agent_start(&agent);
}

static void
stop_all(void)
{
	rig_agent_stop(&agent);
	rig_server_stop(&service);
	rig_peer_kill(&squid);
	rig_server_stop(&origin);
}

/* What became of a request: it was served, and by whom? */
struct got {
	bool noted, by_squid, stored;
};

static struct got
get(const char *path, const char *fields)
{
	char url[256], want[256];
	struct rig_web h;
	struct got got;

	snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", origin.port, path);
	snprintf(want, sizeof(want), "this is %s\n", path);
	rig_web_get(&h, agent.port, url, fields);
	CHECK(h.status == 200 && strncmp(h.body, want, strlen(want)) == 0,
	    "%s: %.300s", path, h.text);
	got.noted = strstr(h.body, NOTE) != NULL;
	got.by_squid = strstr(h.text, "\r\nX-Cache: ") != NULL;
	got.stored = strstr(h.text, "\r\nX-Cache: HIT") != NULL;
	rig_web_free(&h);
	return got;
}

static void
a_cache_answers_again(void)
{
	struct got got;

	start_all();
	got = get(STORED, "");
	CHECK(got.by_squid && !got.stored && !got.noted, "the first");
	got = get(STORED, "");
	CHECK(got.by_squid && got.stored, "the second");
	CHECK_INT(atomic_load(&asked[0]), 1);
	stop_all();
}

static const struct {
	const char *path, *fields;
	bool noted;
} parts[] = {
    {"/page", "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n", true},
    {"/page", "Sec-Fetch-Dest: document\r\nAccept: */*\r\n", true},
    {"/logo.png", "Accept: image/avif,image/*,*/*;q=0.8\r\n", false},
    {"/logo.png", "Accept: */*\r\n", false},
    {"/logo", "Sec-Fetch-Dest: image\r\nAccept: */*\r\n", false},
    {"/style", "Accept: text/css,*/*;q=0.1\r\n", false},
    {STORED, "", false},
    /* What does not tell what it is for, and is an image all the same. */
    {"/logo", "Accept: */*\r\n", false},
    {"/logo", "Accept: */*\r\n", false},
    /* A page that does not tell: from the second of its like on. */
    {"/list/17", "Accept: */*\r\n", false},
    {"/list/18", "Accept: */*\r\n", true},
    {"/list/17", "", true},
};

static void
pages_go_to_the_service(void)
{
	unsigned int noted = 0;
	struct got got;
	size_t i;

	start_all();
	for (i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		got = get(parts[i].path, parts[i].fields);
		noted += parts[i].noted;
		CHECK(got.noted == parts[i].noted, "row %zu: %s: %snoted", i,
		    parts[i].path, got.noted ? "" : "not ");
		CHECK(got.by_squid == !parts[i].noted, "row %zu: %s", i,
		    parts[i].path);
		CHECK_INT(atomic_load(&service.served), noted);
	}
	stop_all();
}

/* Until both are used again. */
static void
await_both(void)
{
	int64_t until = rig_now_ms() + BACK_MS;
	bool cache = false, notes = false;

	while (!(cache && notes) && rig_pause(until)) {
		cache = get("/style", "Accept: text/css\r\n").by_squid;
		notes = get("/page", "Accept: text/html\r\n").noted;
	}
	CHECK(cache && notes, "they are back: cache %d, service %d", cache,
	    notes);
}

/* Nobody notices, and when they are well they are used again. */
static void
the_dead_are_passed_over(void)
{
	struct got got;
	int i;

	start_all();
	await_both();
	rig_peer_kill(&squid);
	for (i = 0; i < 20; i++)
		CHECK(!get("/style", "Accept: text/css\r\n").by_squid, "by it");
	got = get("/page", "Accept: text/html\r\n");
	CHECK(got.noted && !got.by_squid, "the service is another matter");
	rig_server_stop(&service);
	for (i = 0; i < 20; i++)
		CHECK(!get("/page", "Accept: text/html\r\n").noted, "by it");
	rig_peer_restart(&squid, "squid-2");
	start_service();
	await_both();
	/* One that takes requests and does nothing. */
	rig_peer_freeze(&squid);
	got = get("/style", "Accept: text/css\r\n");
	CHECK(!got.by_squid, "it cannot have been");
	rig_peer_thaw(&squid);
	stop_all();
}

static void
tells_the_steps(void)
{
	const char *const tiers[] = {"tiers", NULL};
	const char *const why[] = {"why", "web", NULL};
	const char *const route[] = {
	    "route", "http://127.0.0.1/page", "--accept", "text/html", NULL};
	struct rig_output out;

	start_all();
	get("/style", "Accept: text/css\r\n");
	rig_ctl(&agent, &out, tiers);
	CHECK(strstr(out.out, "cache") != NULL &&
		  strstr(out.out, "service") != NULL,
	    "%s", out.out);
	rig_ctl(&agent, &out, why);
	CHECK(strstr(out.out, "as cache") != NULL, "%s", out.out);
	rig_ctl(&agent, &out, route);
	CHECK(strstr(out.out,
		  "1. service: notes\n  2. cache: web\n  3. direct") != NULL,
	    "%s", out.out);
	stop_all();
}

static const struct rig_case cases[] = {
    {"a cache answers the second time", a_cache_answers_again, 0, 0},
    {"pages go to the service, images do not", pages_go_to_the_service, 0, 0},
    {"the dead are passed over", the_dead_are_passed_over, 0, 0},
    {"cagent-ctl tells of them", tells_the_steps, 0, 0},
};

RIG_MAIN("cache", cases, NULL)
