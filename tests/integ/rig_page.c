/* Owns the page under test: its server in a thread, and a store with something
 * to see. */
#include "tests/integ/rig_page.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/loop.h"
#include "base/net.h"
#include "policyd/page/page_api.h"
#include "policyd/page/page_error.h"
#include "policyd/page/page_http.h"
#include "policyd/store/store.h"
#include "tests/integ/rig.h"

#define DAY	 86400
#define SILENT_S 180
#define N(a)	 (sizeof(a) / sizeof(*(a)))

/* --- the server --- */

struct server {
	struct loop *loop;
	struct op stop;
	struct page_api *api;
	enum rig_page_fault fault;
};

static void
answer(void *arg, const char *target, struct page_answer *out)
{
	const struct server *s = arg;

	switch (s->fault) {
	case RIG_PAGE_FINE:
		page_api_answer(s->api, target, out);
		break;
	case RIG_PAGE_ERRORS:
		page_error(out, 503, "the store is in the wash");
		break;
	case RIG_PAGE_CLOSES:
		out->body = NULL;
		break;
	case RIG_PAGE_THINKS:
		(void)poll(NULL, 0, RIG_PAGE_THINKS_MS);
		page_api_answer(s->api, target, out);
		break;
	}
}

static void
stopped(struct loop *loop, struct op *op, const struct op_result *r)
{
	(void)op;
	(void)r;
	loop_stop(loop);
}

struct begin {
	struct rig_page *page;
	int listener;
};

static void *
serve(void *arg)
{
	const struct begin *b = arg;
	int stop = b->page->stop[0], listener = b->listener;
	const struct page_state state = {.running = true,
	    .read_only = b->page->read_only,
	    .why = "the disk is full"};
	struct server s = {.fault = b->page->fault};
	const struct page_site site = {answer, &s,
	    b->page->request_ms > 0 ? b->page->request_ms
				    : PAGE_HTTP_REQUEST_MS};
	struct page_http *http = NULL;

	REQUIRE(page_api_new(b->page->store, SILENT_S, &s.api) == 0 &&
		    loop_new(&s.loop) == 0 &&
		    page_http_new(&http, s.loop, &listener, 1, &site) == 0 &&
		    loop_poll(s.loop, &s.stop, stop, POLLIN, stopped) == 0,
	    "the page does not start");
	page_api_state(s.api, &state);
	CHECK(loop_run(s.loop) == 0, "the page's loop failed");
	page_http_free(http);
	page_api_free(s.api);
	loop_cancel(s.loop, &s.stop);
	loop_free(s.loop);
	return NULL;
}

void
rig_page_start(struct rig_page *p, const char *store)
{
	static struct begin b;
	union net_addr addr;
	socklen_t len = sizeof(addr);

	snprintf(p->store, sizeof(p->store), "%s", store);
	REQUIRE(net_addr_parse("127.0.0.1:0", &addr) > 0, "address");
	b.page = p;
	b.listener = net_listen(&addr, 512, 0);
	REQUIRE(b.listener >= 0, "no listener");
	REQUIRE(getsockname(b.listener, &addr.sa, &len) == 0, "no name");
	p->port = net_addr_port(&addr);
	REQUIRE(pipe2(p->stop, O_CLOEXEC | O_NONBLOCK) == 0, "no pipe");
	REQUIRE(pthread_create(&p->thread, NULL, serve, &b) == 0, "no thread");
}

void
rig_page_stop(struct rig_page *p)
{
	REQUIRE(write(p->stop[1], "", 1) == 1, "cannot stop the page");
	REQUIRE(pthread_join(p->thread, NULL) == 0, "no thread");
	close(p->stop[0]);
	close(p->stop[1]);
}

/* --- the store --- */

static void
ok(int rc, const char *what)
{
	REQUIRE(rc == 0, "store: %s: %d", what, rc);
}

static void
add_message(struct store *s, const struct envelope *e, const char *body)
{
	uint8_t bytes[1024] = "CAGE";
	size_t len = strlen(body);
	const struct store_message m = {.envelope = e,
	    .message = bytes,
	    .len = ENVELOPE_HEADER_LEN + len,
	    .by = "alice",
	    .at_s = e->issued_s};

	REQUIRE(m.len <= sizeof(bytes), "too long a body");
	memcpy(bytes + ENVELOPE_HEADER_LEN, body, len);
	ok(store_message_put(s, &m), "message");
}

static void
messages(struct store *s, int64_t now_s)
{
	struct envelope e = {.type = ENVELOPE_ROOT,
	    .epoch = 1,
	    .serial = 1,
	    .issued_s = now_s - 30 * DAY,
	    .expires_s = now_s + 300 * DAY,
	    .audience = "*"};

	add_message(s, &e, "");
	e = (struct envelope){.type = ENVELOPE_POLICY,
	    .epoch = 1,
	    .serial = 7,
	    .issued_s = now_s - 7200,
	    .expires_s = now_s + 30 * DAY,
	    .audience = "*"};
	add_message(s, &e,
	    "[intermediary \"hq-1\"]\n[intermediary \"hq-2\"]\n"
	    "[intermediary \"hq-3\"]\n[intermediary \"hq-4\"]\n");
	e.serial = 6;
	e.issued_s -= DAY;
	add_message(s, &e, "");
	e.type = ENVELOPE_RANK;
	e.serial = (uint64_t)now_s * 1000;
	e.issued_s = now_s - 20;
	e.expires_s = now_s + 3580;
	snprintf(e.audience, sizeof(e.audience), "new-york");
	add_message(s, &e, "[rank]\n");
	snprintf(e.audience, sizeof(e.audience), "london");
	add_message(s, &e, "[rank]\n");
}

/* One of 30 in new-york, two in london, one in ops. */
static void
add_agent(struct store *s, unsigned int i, int64_t now_s)
{
	struct store_agent a = {.added_s = now_s - DAY,
	    .seen_s = now_s - i % 30,
	    .sequence = 1000 + i,
	    .root_epoch = 1,
	    .policy = {1, 7},
	    .rank = {1, (uint64_t)now_s * 1000}};

	memset(a.key, (int)i + 1, sizeof(a.key));
	snprintf(a.name, sizeof(a.name), "host-%02u.example", i);
	snprintf(a.group, sizeof(a.group), "%s",
	    i < 30 ? "new-york" : (i < 32 ? "london" : "ops"));
	snprintf(a.software, sizeof(a.software), "cagentd 0.1.0");
	if (i == 2)
		a.seen_s = now_s - 5000;
	if (i == 3)
		a.policy.serial = 6;
	if (i == 4) {
		snprintf(a.nack_code, sizeof(a.nack_code), "limit");
		snprintf(a.nack_text, sizeof(a.nack_text),
		    "hq-9: 192.0.2.9 is in no network that is allowed here");
	}
	ok(store_agent_add(s, &a), "agent");
	ok(store_agent_update(s, &a), "agent");
}

/* What one of four intermediaries was like t seconds ago. */
static void
place_at(struct store_place *p, unsigned int i, bool york, int64_t ago_s)
{
	/* Up and down, 0..1000. */
	uint32_t t = (uint32_t)((p->at_s + 700 * i) % 5000);
	uint32_t wave = (t < 2500 ? t : 5000 - t) * 2 / 5;

	snprintf(p->name, sizeof(p->name), "hq-%u", i + 1);
	p->tier = i < 2 ? 1 : (i == 2 && york ? 1 : 2);
	p->weight = 100;
	p->success_permille = 1000 - wave / 100;
	p->latency_us = 24000 + 9000 * i + 8 * wave;
	p->agents = york ? 29 : 2;
	snprintf(p->why, sizeof(p->why), "policy");
	p->reason[0] = '\0';
	if (york && i == 2 && ago_s < 900)
		p->latency_us += 260000;
	if (york && i == 2 && ago_s <= 600) {
		p->tier = 2;
		snprintf(p->why, sizeof(p->why), "slow");
		snprintf(p->reason, sizeof(p->reason),
		    "301 ms, the others 34 ms: tier 2 until it has been well "
		    "for 60 s");
	}
	if (york && i == 3 && ago_s <= 1500) {
		p->drain = true;
		p->success_permille = 0;
		p->latency_us = 0;
		snprintf(p->why, sizeof(p->why), "dead");
		snprintf(p->reason, sizeof(p->reason),
		    "3 probes in a row failed: connection refused");
	}
}

static void
history(struct store *s, int64_t now_s)
{
	static const char *const groups[] = {"london", "new-york"};
	/* One that the policy names no more. */
	struct store_place gone = {.at_s = now_s - DAY,
	    .group = "new-york",
	    .name = "hq-9",
	    .tier = 1,
	    .why = "policy"};
	int64_t ago_s;
	unsigned int g, i;

	ok(store_place_add(s, &gone), "place");
	for (ago_s = DAY; ago_s >= 0; ago_s -= 60) {
		for (g = 0; g < 2; g++) {
			for (i = 0; i < 3 + g; i++) {
				struct store_place p = {.at_s = now_s - ago_s};

				snprintf(
				    p.group, sizeof(p.group), "%s", groups[g]);
				place_at(&p, i, g == 1, ago_s);
				ok(store_place_add(s, &p), "place");
			}
		}
	}
}

static void
probes(struct store *s, int64_t now_s)
{
	int64_t ago_s;
	unsigned int i;

	for (ago_s = 7200; ago_s >= 0; ago_s -= 10) {
		for (i = 0; i < 4; i++) {
			struct store_probe p = {.at_s = now_s - ago_s,
			    .ok = i != 3 || ago_s > 1530,
			    .load_percent = -1};

			snprintf(p.name, sizeof(p.name), "hq-%u", i + 1);
			snprintf(p.reason, sizeof(p.reason), "%s",
			    p.ok ? "ok" : "refused");
			p.connect_us = p.ok ? 6000 : 0;
			p.handshake_us = p.ok ? 7000 : 0;
			p.first_byte_us =
			    p.ok ? 8000 + 9000 * i +
				       (uint32_t)(ago_s * 7919 % 6000)
				 : 0;
			ok(store_probe_add(s, &p), "probe");
		}
	}
}

static void
events(struct store *s, int64_t now_s)
{
	static const struct {
		int64_t ago_s;
		const char *kind, *group, *subject, *text;
	} rows[] = {
	    {7200, "policy", "", "", "policy 1.7 published by alice"},
	    {5000, "agent", "new-york", "host-02.example", RIG_PAGE_MARKUP},
	    {3000, "nack", "new-york", "host-04.example",
		"limit: hq-9: 192.0.2.9 is in no network that is allowed "
		"here"},
	    {1500, "rank", "new-york", "hq-4",
		"not used: 3 probes in a row failed: connection refused"},
	    {600, "rank", "new-york", "hq-3",
		"tier 1 to 2: 301 ms, the others 34 ms"},
	    {300, "override", "new-york", "",
		"root: use hq-1, avoid hq-4: its rack is being moved"},
	};
	struct store_event e;
	size_t i;

	for (i = 0; i < 150; i++) {
		e = (struct store_event){.at_s = now_s - DAY + 100 * (int)i};
		snprintf(e.kind, sizeof(e.kind), "agent");
		snprintf(e.group, sizeof(e.group), "new-york");
		snprintf(e.subject, sizeof(e.subject), "host-%02u.example",
		    (unsigned int)i % 30);
		snprintf(e.text, sizeof(e.text), "came in, number %zu", i);
		ok(store_event_add(s, &e), "event");
	}
	for (i = 0; i < N(rows); i++) {
		e = (struct store_event){.at_s = now_s - rows[i].ago_s};
		snprintf(e.kind, sizeof(e.kind), "%s", rows[i].kind);
		snprintf(e.group, sizeof(e.group), "%s", rows[i].group);
		snprintf(e.subject, sizeof(e.subject), "%s", rows[i].subject);
		snprintf(e.text, sizeof(e.text), "%s", rows[i].text);
		ok(store_event_add(s, &e), "event");
	}
}

void
rig_page_fill(const char *path, int64_t now_s)
{
	struct store_override o = {.group = "new-york",
	    .use = "hq-1",
	    .avoid = "hq-4",
	    .from_s = now_s - 300,
	    .until_s = now_s + 1800,
	    .by = "root",
	    .why = "its rack is being moved"};
	char why[STORE_WHY_MAX];
	struct store *s;
	unsigned int i;

	REQUIRE(store_open(path, &s, why) == 0, "%s", why);
	ok(store_begin(s), "begin");
	messages(s, now_s);
	for (i = 0; i < 33; i++)
		add_agent(s, i, now_s);
	history(s, now_s);
	probes(s, now_s);
	events(s, now_s);
	ok(store_override_add(s, &o), "override");
	ok(store_commit(s), "commit");
	store_close(s);
}
