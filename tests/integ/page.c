/* The policy server's API: what it says of a store that is known. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/integ/rig_web.h"
#include "tests/integ/rig_page.h"
#include "tests/integ/rig_policyd.h"

#define N(a)	(sizeof(a) / sizeof(*(a)))
#define DAY	86400
#define HTTP_MS 20000

/* A filled store, and the page over it. */
static int64_t
start(struct rig_page *p)
{
	char store[RIG_PATH_MAX];
	int64_t now_s = (int64_t)time(NULL);

	rig_path(store, "policyd.db");
	rig_page_fill(store, now_s);
	rig_page_start(p, store);
	return now_s;
}

static const json_t *
field(const json_t *o, const char *name)
{
	const json_t *v = json_object_get(o, name);

	CHECK(v != NULL, "there is no \"%s\"", name);
	return v;
}

static const char *
word(const json_t *o, const char *name)
{
	const char *s = json_string_value(field(o, name));

	CHECK(s != NULL, "\"%s\" is no string", name);
	return s != NULL ? s : "";
}

static long long
number(const json_t *o, const char *name)
{
	const json_t *v = field(o, name);

	CHECK(json_is_integer(v), "\"%s\" is no number", name);
	return (long long)json_integer_value(v);
}

/* Of an array the one whose key is value. */
static const json_t *
one(const json_t *array, const char *key, const char *value)
{
	const json_t *o;
	size_t i;

	CHECK(json_is_array(array), "no array");
	json_array_foreach(array, i, o)
	{
		const char *is = json_string_value(json_object_get(o, key));

		if (is != NULL && strcmp(is, value) == 0)
			return o;
	}
	CHECK(false, "there is none whose \"%s\" is \"%s\"", key, value);
	return NULL;
}

/* The manual, which tells every field. */
static bool
is_told(const char *name)
{
	static char *manual;
	size_t len = strlen(name);
	const char *at;

	if (manual == NULL)
		manual = rig_read("doc/cagent-policyd-api.7", NULL);
	REQUIRE(manual != NULL, "there is no manual");
	for (at = manual; (at = strstr(at, name)) != NULL; at += len) {
		if (at[-1] == ' ' && strchr(" \n", at[len]) != NULL)
			return true;
	}
	return false;
}

/* What stands in the manual is there, and nothing else: letters say the type,
 * s string, i integer, b boolean, a array, o object, in capitals: or null. */
static void
shape(const json_t *o, const char *what, const char *const *fields)
{
	size_t n = 0;

	for (; *fields != NULL; fields++, n++) {
		const json_t *v = json_object_get(o, *fields + 2);
		char type = **fields;
		bool null = type >= 'A' && type <= 'Z' && json_is_null(v);

		if (type >= 'A' && type <= 'Z')
			type = (char)(type - 'A' + 'a');
		CHECK(null || (type == 's' && json_is_string(v)) ||
			  (type == 'i' && json_is_integer(v)) ||
			  (type == 'b' && json_is_boolean(v)) ||
			  (type == 'a' && json_is_array(v)) ||
			  (type == 'o' && json_is_object(v)),
		    "%s: %s is not as it must be", what, *fields);
		CHECK(is_told(*fields + 2), "%s: the manual tells no \"%s\"",
		    what, *fields + 2);
	}
	CHECK(json_object_size(o) == n, "%s: %zu fields, not %zu", what,
	    json_object_size(o), n);
}

#define SHAPE(o, what, ...) \
	shape(o, what, (const char *const[]){__VA_ARGS__, NULL})

static void
says_status(void)
{
	struct rig_page p = {0};
	int64_t now_s = start(&p);
	json_t *d = rig_web_json(p.port, "/api/v1/status", 200);

	SHAPE(d, "status", "i schema", "b ok", "s version", "i now_s",
	    "i started_s", "b readable", "b writable", "a degraded", "i agents",
	    "i store_bytes", "o newest", "i silent_after_s");
	SHAPE(field(d, "newest"), "newest", "I report_s", "I probe_s",
	    "I rank_s", "I event_s");
	CHECK(json_is_true(field(d, "readable")) &&
		  json_is_true(field(d, "writable")) &&
		  json_array_size(field(d, "degraded")) == 0,
	    "it does not work");
	CHECK_INT(number(d, "agents"), 33);
	CHECK_INT(number(field(d, "newest"), "rank_s"), now_s);
	CHECK(json_is_null(field(field(d, "newest"), "report_s")), "report");
	json_decref(d);
	rig_page_stop(&p);
}

static void
says_read_only(void)
{
	struct rig_page p = {.read_only = true};
	json_t *d;

	start(&p);
	d = rig_web_json(p.port, "/api/v1/status", 200);
	CHECK(json_is_false(field(d, "writable")), "it can be written");
	CHECK(strcmp(json_string_value(json_array_get(field(d, "degraded"), 0)),
		  "nothing is stored: the disk is full") == 0,
	    "it does not say why");
	json_decref(d);
	rig_page_stop(&p);
}

/* No store: it says so, each answer in its way, and goes on once it comes. */
static void
says_no_store(void)
{
	static const char *const all[] = {"groups", "series?group=a&name=b",
	    "agents", "events", "overrides", "policies"};
	struct rig_page p = {0};
	char store[RIG_PATH_MAX], target[64];
	int64_t until_ms;
	json_t *d;
	size_t i;

	rig_path(store, "policyd.db");
	rig_page_start(&p, store);
	for (i = 0; i < N(all); i++) {
		snprintf(target, sizeof(target), "/api/v1/%s", all[i]);
		d = rig_web_json(p.port, target, 503);
		CHECK(
		    strcmp(word(d, "code"), "unavailable") == 0 &&
			strcmp(word(d, "error"), "there is no store yet") == 0,
		    "%s", word(d, "error"));
		json_decref(d);
	}
	d = rig_web_json(p.port, "/api/v1/status", 200);
	CHECK(json_is_false(field(d, "readable")), "it can be read");
	CHECK_INT(json_array_size(field(d, "degraded")), 1);
	json_decref(d);
	rig_page_fill(store, (int64_t)time(NULL));
	until_ms = rig_now_ms() + HTTP_MS;
	do {
		d = rig_web_json(p.port, "/api/v1/status", 200);
		i = json_array_size(field(d, "degraded"));
		json_decref(d);
	} while (i != 0 && rig_pause(until_ms));
	CHECK_INT(i, 0);
	rig_page_stop(&p);
}

static void
says_groups(void)
{
	struct rig_page p = {0};
	int64_t now_s = start(&p);
	json_t *d = rig_web_json(p.port, "/api/v1/groups", 200);
	const json_t *groups = field(d, "groups");
	const json_t *york = one(groups, "group", "new-york"), *i;

	SHAPE(d, "groups", "i schema", "b ok", "i now_s", "a groups");
	CHECK_INT(json_array_size(groups), 3);
	SHAPE(york, "group", "s group", "o agents", "O policy", "O rank",
	    "a intermediaries");
	SHAPE(field(york, "agents"), "agents", "i known", "i silent",
	    "i behind", "i refusing");
	SHAPE(field(york, "policy"), "policy", "s audience", "i epoch",
	    "i serial", "i issued_s", "i expires_s", "i published_s", "s by",
	    "i bytes");
	CHECK_INT(number(field(york, "policy"), "serial"), 7);
	CHECK_INT(number(field(york, "agents"), "known"), 30);
	CHECK_INT(number(field(york, "agents"), "silent"), 1);
	CHECK_INT(number(field(york, "agents"), "behind"), 1);
	CHECK_INT(number(field(york, "agents"), "refusing"), 1);
	CHECK(json_is_null(field(one(groups, "group", "ops"), "rank")),
	    "ops is ranked");
	CHECK_INT(json_array_size(
		      field(one(groups, "group", "london"), "intermediaries")),
	    3);
	i = one(field(york, "intermediaries"), "name", "hq-3");
	SHAPE(i, "intermediary", "s name", "i tier", "i weight", "b drain",
	    "s why", "s reason", "i since_s", "b since_known", "i updated_s",
	    "i success_permille", "I latency_us", "i agents");
	CHECK_INT(number(i, "tier"), 2);
	CHECK_INT(number(i, "since_s"), now_s - 600);
	CHECK_INT(number(i, "updated_s"), now_s);
	CHECK(strcmp(word(i, "why"), "slow") == 0, "%s", word(i, "why"));
	i = one(field(york, "intermediaries"), "name", "hq-4");
	CHECK(json_is_true(field(i, "drain")), "hq-4 is used");
	CHECK(json_is_null(field(i, "latency_us")), "hq-4 has a latency");
	CHECK_INT(number(i, "since_s"), now_s - 1500);
	json_decref(d);
	rig_page_stop(&p);
}

/* The value of a line at that time; -1: nothing, -2: not begun. */
static long long
value_at(const json_t *line, int64_t s)
{
	long long v = -2;
	const json_t *point;
	size_t i;

	json_array_foreach(line, i, point)
	{
		const json_t *y = json_array_get(point, 1);

		if (json_integer_value(json_array_get(point, 0)) > s)
			break;
		v = json_is_null(y) ? -1 : (long long)json_integer_value(y);
	}
	return v;
}

static void
check_series(uint16_t port, int64_t now_s, const char *since, int64_t span_s)
{
	static const char *const lines[] = {"tier", "latency_us",
	    "success_permille", "probe_latency_us", "probe_success_permille"};
	char target[128];
	json_t *d;
	size_t i;

	snprintf(target, sizeof(target),
	    "/api/v1/series?group=new-york&name=hq-3%s", since);
	d = rig_web_json(port, target, 200);
	SHAPE(d, "series", "i schema", "b ok", "i now_s", "s group", "s name",
	    "i since_s", "i until_s", "a tier", "a latency_us",
	    "a success_permille", "a probe_latency_us",
	    "a probe_success_permille");
	CHECK_INT(number(d, "until_s") - number(d, "since_s"), span_s);
	for (i = 0; i < N(lines); i++) {
		size_t n = json_array_size(field(d, lines[i]));

		CHECK(n >= 1 && n <= 500, "%s: %s: %zu points", since, lines[i],
		    n);
	}
	CHECK_INT(value_at(field(d, "tier"), now_s - 700), 1);
	CHECK_INT(value_at(field(d, "tier"), now_s), 2);
	/* Over a month a point is a mean over more than an hour. */
	if (span_s <= DAY) {
		CHECK(value_at(field(d, "latency_us"), now_s) > 250000,
		    "it is fast");
		CHECK(value_at(field(d, "latency_us"), now_s - 1200) < 60000,
		    "it was slow");
	}
	json_decref(d);
}

static void
says_series(void)
{
	struct rig_page p = {0};
	int64_t now_s = start(&p);
	json_t *d;

	check_series(p.port, now_s, "", 3600);
	check_series(p.port, now_s, "&since=-1800", 1800);
	check_series(p.port, now_s, "&since=-80000", 80000);
	check_series(p.port, now_s, "&since=-2592000", 2592000);
	d = rig_web_json(
	    p.port, "/api/v1/series?group=new-york&name=hq-4", 200);
	CHECK_INT(value_at(field(d, "tier"), now_s), -1);
	CHECK_INT(value_at(field(d, "tier"), now_s - 1600), 2);
	CHECK_INT(value_at(field(d, "probe_success_permille"), now_s), 0);
	json_decref(d);
	d = rig_web_json(
	    p.port, "/api/v1/series?group=new-york&name=hq-5", 404);
	CHECK(strcmp(word(d, "code"), "not-found") == 0, "%s", word(d, "code"));
	json_decref(d);
	rig_page_stop(&p);
}

static size_t
count_agents(uint16_t port, const char *query)
{
	char target[128];
	json_t *d;
	size_t n;

	snprintf(target, sizeof(target), "/api/v1/agents%s", query);
	d = rig_web_json(port, target, 200);
	n = json_array_size(field(d, "agents"));
	json_decref(d);
	return n;
}

/* All, some a page. */
static void
page_through(uint16_t port)
{
	char target[160] = "/api/v1/agents?limit=10", last[64] = "";
	const json_t *a, *next;
	size_t i, n = 0, pages = 0;
	json_t *d;

	for (;;) {
		d = rig_web_json(port, target, 200);
		json_array_foreach(field(d, "agents"), i, a)
		{
			CHECK(strcmp(word(a, "name"), last) > 0, "%s after %s",
			    word(a, "name"), last);
			snprintf(last, sizeof(last), "%s", word(a, "name"));
			n++;
		}
		next = field(d, "next");
		pages++;
		if (!json_is_string(next) || pages > 10)
			break;
		snprintf(target, sizeof(target),
		    "/api/v1/agents?limit=10&after=%s",
		    json_string_value(next));
		json_decref(d);
	}
	json_decref(d);
	CHECK_INT(n, 33);
	CHECK_INT(pages, 4);
}

static void
says_agents(void)
{
	struct rig_page p = {0};
	int64_t now_s = start(&p);
	json_t *d = rig_web_json(p.port, "/api/v1/agents", 200);
	const json_t *a = one(field(d, "agents"), "name", "host-03.example");

	SHAPE(d, "agents", "i schema", "b ok", "i now_s", "a agents", "S next");
	SHAPE(a, "agent", "s name", "s group", "s software", "i added_s",
	    "I seen_s", "i root_epoch", "O policy", "O rank", "O refused",
	    "a trouble");
	SHAPE(field(a, "policy"), "policy", "i epoch", "i serial", "b current",
	    "I issued_s");
	CHECK(json_is_false(field(field(a, "policy"), "current")), "current");
	CHECK_INT(number(field(a, "policy"), "serial"), 6);
	CHECK_INT(number(field(a, "policy"), "issued_s"), now_s - 7200 - 86400);
	CHECK(json_is_true(field(field(a, "rank"), "current")), "rank");
	a = one(field(d, "agents"), "name", "host-04.example");
	SHAPE(field(a, "refused"), "refused", "s code", "s text");
	CHECK(strcmp(word(field(a, "refused"), "code"), "limit") == 0, "code");
	json_decref(d);
	CHECK_INT(count_agents(p.port, ""), 33);
	CHECK_INT(count_agents(p.port, "?group=london"), 2);
	CHECK_INT(count_agents(p.port, "?group=none"), 0);
	CHECK_INT(count_agents(p.port, "?trouble=1"), 3);
	CHECK_INT(count_agents(p.port, "?trouble=1&group=london"), 0);
	CHECK_INT(count_agents(p.port, "?limit=5"), 5);
	page_through(p.port);
	rig_page_stop(&p);
}

static void
says_events(void)
{
	struct rig_page p = {0};
	int64_t now_s = start(&p);
	json_t *d = rig_web_json(p.port, "/api/v1/events?limit=6", 200);
	const json_t *events = field(d, "events");
	const json_t *e = json_array_get(events, 0);
	char target[64];

	SHAPE(d, "events", "i schema", "b ok", "i now_s", "a events", "I next");
	SHAPE(e, "event", "i id", "i at_s", "s kind", "s group", "s subject",
	    "s text");
	CHECK_INT(number(e, "at_s"), now_s - 300);
	CHECK(strcmp(word(json_array_get(events, 4), "text"),
		  RIG_PAGE_MARKUP) == 0,
	    "text is changed");
	snprintf(target, sizeof(target), "/api/v1/events?before=%lld",
	    number(d, "next"));
	json_decref(d);
	d = rig_web_json(p.port, target, 200);
	CHECK_INT(json_array_size(field(d, "events")), 100);
	CHECK_INT(number(json_array_get(field(d, "events"), 0), "id"), 150);
	json_decref(d);
	d = rig_web_json(p.port, "/api/v1/events?since=-2000", 200);
	CHECK_INT(json_array_size(field(d, "events")), 3);
	CHECK(json_is_null(field(d, "next")), "there are more");
	json_decref(d);
	d = rig_web_json(
	    p.port, "/api/v1/events?name=hq-4&group=new-york", 200);
	CHECK_INT(json_array_size(field(d, "events")), 1);
	json_decref(d);
	rig_page_stop(&p);
}

static void
says_the_rest(void)
{
	struct rig_page p = {0};
	int64_t now_s = start(&p);
	json_t *d = rig_web_json(p.port, "/api/v1/overrides", 200);
	const json_t *o = json_array_get(field(d, "overrides"), 0);

	SHAPE(d, "overrides", "i schema", "b ok", "i now_s", "a overrides");
	CHECK_INT(json_array_size(field(d, "overrides")), 1);
	SHAPE(o, "override", "i id", "s group", "a use", "a avoid", "i from_s",
	    "i until_s", "s by", "s why");
	CHECK(strcmp(json_string_value(json_array_get(field(o, "use"), 0)),
		  "hq-1") == 0,
	    "use");
	CHECK_INT(number(o, "until_s"), now_s + 1800);
	json_decref(d);
	d = rig_web_json(p.port, "/api/v1/policies", 200);
	SHAPE(d, "policies", "i schema", "b ok", "i now_s", "a policies");
	CHECK_INT(json_array_size(field(d, "policies")), 5);
	o = one(field(d, "policies"), "type", "policy");
	SHAPE(o, "policy", "s type", "b in_force", "s audience", "i epoch",
	    "i serial", "i issued_s", "i expires_s", "i published_s", "s by",
	    "i bytes");
	CHECK_INT(number(o, "serial"), 7);
	CHECK(json_is_true(field(o, "in_force")), "it is not in force");
	json_decref(d);
	rig_page_stop(&p);
}

/* --- the process itself --- */

static void
await_writable(uint16_t port, bool want)
{
	int64_t until_ms = rig_now_ms() + HTTP_MS;
	bool is;
	json_t *d;

	do {
		d = rig_web_json(port, "/api/v1/status", 200);
		is = json_is_true(field(d, "writable"));
		json_decref(d);
	} while (is != want && rig_pause(until_ms));
	CHECK(is == want, "writable: %d", is);
}

/* That the group has it, as soon as the ranker has said so. */
static void
await_intermediary(uint16_t port, const char *group, const char *name)
{
	int64_t until_ms = rig_now_ms() + HTTP_MS;
	const json_t *g, *i;
	bool is = false;
	size_t n, k;
	json_t *d;

	do {
		d = rig_web_json(port, "/api/v1/groups", 200);
		json_array_foreach(field(d, "groups"), n, g)
		{
			json_array_foreach(field(g, "intermediaries"), k, i)
			    is |= strcmp(word(g, "group"), group) == 0 &&
				  strcmp(word(i, "name"), name) == 0;
		}
		json_decref(d);
	} while (!is && rig_pause(until_ms));
	CHECK(is, "%s has no %s", group, name);
}

/* In its sandbox, beside the ranker that has the store open. */
static void
in_its_process(void)
{
	static const char *const all[] = {
	    "groups", "agents", "events", "overrides", "policies", "status"};
	struct rig_policyd s;
	struct rig_web h;
	char target[64];
	size_t i;
	json_t *d;

	rig_policyd_init(&s, "server");
	rig_policyd_start(&s);
	rig_policyd_publish(&s, "demo",
	    "[intermediary \"hq-1\"]\ntype = socks5\n"
	    "address = 127.0.0.1:9\ntier = 1\n");
	await_writable(s.page, true);
	await_intermediary(s.page, "demo", "hq-1");
	for (i = 0; i < N(all); i++) {
		snprintf(target, sizeof(target), "/api/v1/%s", all[i]);
		json_decref(rig_web_json(s.page, target, 200));
	}
	d = rig_web_json(s.page, "/api/v1/policies", 200);
	CHECK(one(field(d, "policies"), "type", "policy") != NULL, "none");
	json_decref(d);
	rig_web_get(&h, s.page, "/", "");
	CHECK_INT(h.status, 200);
	rig_web_free(&h);
	rig_policyd_stop(&s);
}

static const struct rig_case cases[] = {
    {"status", says_status, 0, 0},
    {"status: the store is read-only", says_read_only, 0, 0},
    {"no store, until there is one", says_no_store, 0, 0},
    {"groups and their intermediaries", says_groups, 0, 0},
    {"series, however long", says_series, 0, 0},
    {"agents, by group, trouble, page", says_agents, 0, 0},
    {"events", says_events, 0, 0},
    {"overrides and policies", says_the_rest, 0, 0},
    {"in its own process", in_its_process, 0, 0},
};
RIG_MAIN("page", cases, NULL)
