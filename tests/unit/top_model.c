/* What two looks at an agent say together, and which rows of it are shown. */
#include "cagent-ctl/top/top_model.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cagent-ctl/field.h"
#include "cagent-ctl/top/top_pick.h"
#include "cagent-ctl/top/top_view.h"
#include "tests/unit/unit.h"

#define N(a)	  (sizeof(a) / sizeof(*(a)))
#define SECOND_US 1000000ll
#define WALL_US	  1700000000000000ll

static const struct top_filter everything;

/* An answer, with ' for ". */
static json_t *
answer(const char *text)
{
	char buf[4096];
	json_t *doc;
	char *p;

	snprintf(buf, sizeof(buf), "%s", text);
	for (p = buf; *p != '\0'; p++) {
		if (*p == '\'')
			*p = '"';
	}
	doc = json_loads(buf, JSON_DECODE_ANY, NULL);
	CHECK(doc != NULL, "no JSON: %s", text);
	return doc;
}

/* One tunnel; began_s: seconds after the first look. */
struct at {
	const char *id, *user, *class, *via, *destination;
	int began_s, up, down, setup_us;
};

static json_t *
tunnels_at(int at_s, const struct at *t, size_t n)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < n; i++)
		json_array_append_new(list,
		    json_pack("{s:s, s:I, s:s, s:s, s:s, s:s, s:i, s:i, s:i}",
			"id", t[i].id, "began_us",
			(json_int_t)(WALL_US + t[i].began_s * SECOND_US),
			"destination", t[i].destination, "user", t[i].user,
			"class", t[i].class, "via", t[i].via, "bytes_up",
			t[i].up, "bytes_down", t[i].down, "setup_us",
			t[i].setup_us));
	return json_pack("{s:I, s:i, s:o}", "now_us",
	    (json_int_t)(WALL_US + at_s * SECOND_US), "left_out", 0, "tunnels",
	    list);
}

/* The model of two looks 2 s apart; both are let go of. */
static json_t *
model(struct top_look *before, struct top_look *now, const struct top_filter *f)
{
	json_t *doc;

	before->at_us = 100 * SECOND_US;
	now->at_us = 102 * SECOND_US;
	doc = top_model(before, now, f);
	CHECK(doc != NULL, "no model");
	top_look_fini(before);
	top_look_fini(now);
	return doc;
}

static const json_t *
row(const json_t *doc, const char *list, const char *key, const char *value)
{
	const json_t *rows = json_object_get(doc, list);
	size_t i;

	for (i = 0; i < json_array_size(rows); i++) {
		if (strcmp(field_string(json_array_get(rows, i), key), value) ==
		    0)
			return json_array_get(rows, i);
	}
	CHECK(0, "no %s of %s \"%s\"", list, key, value);
	return NULL;
}

static const struct at before_all[] = {
    {"0.0.1", "login al", "bulk", "a", "x.example:443", -9, 100, 1000, 200},
    {"0.1.2", "login al", "normal", "direct", "y.example:80", -8, 50, 0, 400},
    {"0.2.3", "uid 7", "bulk", "a", "z.example:22", -7, 900, 900, 0},
};
static const struct at now_all[] = {
    {"0.0.1", "login al", "bulk", "a", "x.example:443", -9, 350, 501000, 200},
    {"0.1.2", "login al", "normal", "direct", "y.example:80", -8, 50, 0, 400},
    {"0.2.3", "uid 7", "bulk", "a", "z.example:22", -7, 100, 900, 0},
    {"0.3.4", "uid 7", "bulk", "b", "new.example:1", 1, 25, 0, 90},
    {"0.4.5", "uid 8", "critical", "b", "old.example:1", -5, 25, 0, 0},
};

static json_t *
both(const struct top_filter *f)
{
	struct top_look before = {
	    .tunnels = tunnels_at(0, before_all, N(before_all))};
	struct top_look now = {.tunnels = tunnels_at(2, now_all, N(now_all))};

	return model(&before, &now, f);
}

static void
rates_of_tunnels(void)
{
	json_t *doc = both(&everything);
	const json_t *r = row(doc, "tunnels", "id", "0.0.1");

	CHECK_INT(field_number(r, "rate_up"), 250 * 8 / 2);
	CHECK_INT(field_number(r, "rate_down"), 2000000);
	CHECK_INT(field_number(r, "age_us"), 11 * SECOND_US);
	CHECK_INT(field_number(r, "bytes_down"), 501000);
	r = row(doc, "tunnels", "id", "0.1.2");
	CHECK_INT(json_is_integer(field_value(r, "rate_up")), 1);
	CHECK_INT(field_number(r, "rate_up"), 0);
	/* Its count fell: what it has was moved since. */
	r = row(doc, "tunnels", "id", "0.2.3");
	CHECK_INT(field_number(r, "rate_up"), 100 * 8 / 2);
	/* It began between the looks. */
	r = row(doc, "tunnels", "id", "0.3.4");
	CHECK_INT(field_number(r, "rate_up"), 25 * 8 / 2);
	CHECK_INT(field_number(r, "setup_us"), 90);
	/* It was there, and not told of. */
	r = row(doc, "tunnels", "id", "0.4.5");
	CHECK_INT(json_is_null(field_value(r, "rate_up")), 1);
	json_decref(doc);
}

static void
no_look_before(void)
{
	struct top_look none = {0};
	struct top_look now = {.tunnels = tunnels_at(2, now_all, N(now_all))};
	json_t *doc;
	size_t i;

	now.at_us = SECOND_US;
	doc = top_model(&none, &now, &everything);
	for (i = 0; i < N(now_all); i++)
		CHECK(json_is_null(field_value(
			  row(doc, "tunnels", "id", now_all[i].id), "rate_up")),
		    "a rate over no time");
	CHECK(json_is_null(
		  field_value(row(doc, "users", "user", "uid 7"), "rate_down")),
	    "a rate of a user over no time");
	CHECK_INT(field_number(doc, "interval_us"), 0);
	json_decref(doc);
	/* The clock stands, or goes back: the same. */
	none.at_us = 2 * SECOND_US;
	doc = top_model(&none, &now, &everything);
	CHECK_INT(field_number(doc, "interval_us"), 0);
	json_decref(doc);
	top_look_fini(&now);
}

static void
sums_of_users(void)
{
	struct top_filter f = {0};
	json_t *doc = both(&everything);
	const json_t *r = row(doc, "users", "user", "login al");

	CHECK_INT(json_array_size(json_object_get(doc, "users")), 3);
	CHECK_INT(field_number(r, "tunnels"), 2);
	CHECK_INT(field_number(r, "rate_up"), 1000);
	CHECK_INT(field_number(r, "bytes_up"), 400);
	CHECK_INT(field_number(r, "setup.p50_us"), 200);
	CHECK_INT(field_number(r, "setup.p95_us"), 400);
	r = row(doc, "users", "user", "uid 7");
	CHECK_INT(field_number(r, "rate_up"), 400 + 100);
	/* One of its two is not known. */
	CHECK_INT(field_number(r, "setup.p50_us"), 90);
	r = row(doc, "users", "user", "uid 8");
	CHECK(json_is_null(field_value(r, "rate_up")), "not known of any");
	CHECK_INT(field_number(r, "setup.p95_us"), 0);
	json_decref(doc);
	/* Only bulk counts. */
	CHECK_INT(top_filter_add(&f, "class=bulk"), 0);
	doc = both(&f);
	CHECK_INT(json_array_size(json_object_get(doc, "users")), 2);
	CHECK_INT(
	    field_number(row(doc, "users", "user", "login al"), "tunnels"), 1);
	json_decref(doc);
}

static void
rates_of_classes(void)
{
	struct top_look before = {
	    .classes = answer("{'classes': ["
			      "{'name': 'a', 'bytes_up': 100, 'bytes_down': 9},"
			      "{'name': 'b', 'bytes_up': 500}]}")};
	struct top_look now = {
	    .classes = answer(
		"{'link': {'up': 8000, 'down': 0}, 'classes': ["
		"{'name': 'b', 'bytes_up': 20, 'priority': 3, 'tunnels': 4},"
		"{'name': 'a', 'bytes_up': 300, 'bytes_down': 9,"
		" 'setup': {'p50_us': 5, 'p95_us': 6}},"
		"{'name': 'c', 'bytes_up': 7}]}"),
	    .status = answer("{'clients': 6, 'tunnels': 5, 'waiting': 2,"
			     " 'version': '9', 'started_us': 77}")};
	json_t *doc = model(&before, &now, &everything);
	const json_t *r = row(doc, "classes", "name", "a");
	char text[TOP_RATE_MAX];

	CHECK_INT(field_number(r, "rate_up"), 800);
	CHECK_INT(field_number(r, "rate_down"), 0);
	CHECK_INT(field_number(r, "setup.p95_us"), 6);
	/* The agent was begun anew: 20 since. */
	r = row(doc, "classes", "name", "b");
	CHECK_INT(field_number(r, "rate_up"), 80);
	CHECK_INT(field_number(r, "tunnels"), 4);
	r = row(doc, "classes", "name", "c");
	CHECK(json_is_null(field_value(r, "rate_up")), "a new class's");
	r = json_object_get(doc, "totals");
	CHECK_INT(field_number(r, "rate_up"), 880);
	CHECK_INT(field_number(r, "link_up"), 8000);
	CHECK_STR(top_view_rate(r, true, text), "880bit/s (11% of 8.0k)");
	CHECK_STR(top_view_rate(r, false, text), "0bit/s");
	CHECK_STR(top_view_rate(NULL, true, text), "-");
	CHECK_INT(field_number(r, "clients"), 6);
	CHECK_INT(field_number(r, "waiting"), 2);
	CHECK_STR(field_string(doc, "version"), "9");
	CHECK_INT(field_number(doc, "started_us"), 77);
	json_decref(doc);
}

static void
of_intermediaries(void)
{
	struct top_look before = {
	    .tunnels = tunnels_at(0, before_all, N(before_all))};
	struct top_look now = {.tunnels = tunnels_at(2, now_all, N(now_all)),
	    .table = answer("{'rows': ["
			    "{'name': 'a', 'tier': 2, 'observed': 'up',"
			    " 'bytes_up': 1000, 'in_flight': 3,"
			    " 'handshake': {'p50_us': 10, 'p95_us': 20}},"
			    "{'name': 'idle', 'tier': 1}]}")};
	struct top_filter f = {0};
	const json_t *r;
	json_t *doc;

	/* These are of all tunnels, whatever the filter is. */
	CHECK_INT(top_filter_add(&f, "user=al"), 0);
	doc = model(&before, &now, &f);
	r = row(doc, "intermediaries", "name", "a");
	CHECK_INT(field_number(r, "tunnels"), 2);
	CHECK_INT(field_number(r, "rate_up"), 1000 + 400);
	CHECK_INT(field_number(r, "bytes_up"), 1000 + 350 + 100);
	CHECK_INT(field_number(r, "handshake.p95_us"), 20);
	CHECK_STR(field_string(r, "observed"), "up");
	r = row(doc, "intermediaries", "name", "idle");
	CHECK_INT(field_number(r, "tunnels"), 0);
	CHECK(json_is_integer(field_value(r, "rate_up")), "idle is known");
	r = row(doc, "intermediaries", "name", "direct");
	CHECK_INT(field_number(r, "bytes_up"), 50);
	/* "b" is not in the table. */
	CHECK_INT(json_array_size(json_object_get(doc, "intermediaries")), 3);
	json_decref(doc);
}

/* The ids of the tunnels that are picked, joined. */
static const char *
picked(const struct top_filter *f, const char *by, bool reverse, int64_t limit)
{
	static char text[256];
	struct top_order order = {top_view_column(TOP_TUNNELS, by), reverse};
	json_t *doc = both(&everything);
	json_t *rows = top_pick(
	    json_object_get(doc, "tunnels"), TOP_TUNNELS, f, &order, limit);
	size_t i, len = 0;

	text[0] = '\0';
	for (i = 0; i < json_array_size(rows); i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
		    i > 0 ? " " : "",
		    field_string(json_array_get(rows, i), "id"));
	json_decref(rows);
	json_decref(doc);
	return text;
}

static void
orders(void)
{
	static const struct {
		const char *by;
		bool reverse;
		int64_t limit;
		const char *want;
	} cases[] = {
	    {"rate_up", false, -1, "0.0.1 0.2.3 0.3.4 0.1.2 0.4.5"},
	    {"rate_up", true, -1, "0.4.5 0.1.2 0.3.4 0.2.3 0.0.1"},
	    {"rate_up", false, 2, "0.0.1 0.2.3"},
	    {"rate_up", false, 0, ""},
	    /* Those that are equal stand by their identity either way. */
	    {"user", false, -1, "0.0.1 0.1.2 0.2.3 0.3.4 0.4.5"},
	    {"user", true, -1, "0.4.5 0.2.3 0.3.4 0.0.1 0.1.2"},
	    {"destination", false, 2, "0.3.4 0.4.5"},
	    {"age", false, -1, "0.0.1 0.1.2 0.2.3 0.4.5 0.3.4"},
	    {"setup", false, -1, "0.1.2 0.0.1 0.3.4 0.2.3 0.4.5"},
	};
	size_t i;

	for (i = 0; i < N(cases); i++)
		CHECK_STR(picked(&everything, cases[i].by, cases[i].reverse,
			      cases[i].limit),
		    cases[i].want);
}

/* What is served in order stands in that order; what is in none, last. */
static void
ranks(void)
{
	json_t *rows = answer("[{'name': 'n', 'tier': 0}, {'name': 'm',"
			      " 'tier': 2}, {'name': 'o', 'tier': 1}]");
	struct top_order order = {
	    top_view_column(TOP_INTERMEDIARIES, "tier"), false};
	json_t *got =
	    top_pick(rows, TOP_INTERMEDIARIES, &everything, &order, -1);

	CHECK_STR(field_string(json_array_get(got, 0), "name"), "o");
	CHECK_STR(field_string(json_array_get(got, 2), "name"), "n");
	json_decref(got);
	json_decref(rows);
}

static void
filters(void)
{
	static const struct {
		const char *line, *want;
	} cases[] = {
	    {"", "0.0.1 0.1.2 0.2.3 0.3.4 0.4.5"},
	    {"  class=bulk ", "0.0.1 0.2.3 0.3.4"},
	    {"class=bulk user=al", "0.0.1"},
	    {"user=login", ""},
	    {"via=direct", "0.1.2"},
	    {"host=EXAMPLE:1", "0.3.4 0.4.5"},
	    {"host=bulk", ""},
	    {"BULK uid", "0.2.3 0.3.4"},
	    {"x.ex", "0.0.1"},
	    /* No column that is shown, and no such key. */
	    {"0.0.1", ""},
	    {"name=x", ""},
	    {"e e e e e e e e nothing", "0.0.1 0.1.2 0.2.3 0.3.4 0.4.5"},
	};
	char line[TOP_LINE_MAX];
	struct top_filter f;
	size_t i;

	for (i = 0; i < N(cases); i++) {
		snprintf(line, sizeof(line), "%s", cases[i].line);
		top_filter_read(&f, line);
		CHECK(strcmp(picked(&f, "user", false, -1), cases[i].want) == 0,
		    "\"%s\": %s", cases[i].line, picked(&f, "user", false, -1));
	}
	memset(&f, 0, sizeof(f));
	CHECK_INT(top_filter_add(&f, "name=x"), -EINVAL);
	for (i = 0; i < TOP_TEXTS_MAX; i++)
		CHECK_INT(top_filter_add(&f, "x"), 0);
	CHECK_INT(top_filter_add(&f, "x"), -E2BIG);
}

/* Each key is for the views that have it. */
static void
keys_of_views(void)
{
	static const struct {
		enum top_view view;
		const char *word, *row;
		size_t n;
	} cases[] = {
	    {TOP_USERS, "user=al", "{'user': 'login al'}", 1},
	    {TOP_USERS, "user=al", "{'user': 'login bo'}", 0},
	    {TOP_USERS, "via=a", "{'user': 'login bo'}", 1},
	    {TOP_CLASSES, "class=x", "{'name': 'x'}", 1},
	    {TOP_CLASSES, "class=x", "{'name': 'y'}", 0},
	    {TOP_CLASSES, "user=x", "{'name': 'y'}", 1},
	    {TOP_INTERMEDIARIES, "via=x", "{'name': 'y'}", 0},
	    {TOP_INTERMEDIARIES, "UP", "{'name': 'y', 'observed': 'up'}", 1},
	};
	struct top_order order;
	struct top_filter f;
	json_t *rows, *got;
	size_t i;

	for (i = 0; i < N(cases); i++) {
		order = (struct top_order){top_view_first(cases[i].view), 0};
		memset(&f, 0, sizeof(f));
		CHECK_INT(top_filter_add(&f, cases[i].word), 0);
		rows = json_pack("[o]", answer(cases[i].row));
		got = top_pick(rows, cases[i].view, &f, &order, -1);
		CHECK(json_array_size(got) == cases[i].n, "case %zu: %zu", i,
		    json_array_size(got));
		json_decref(got);
		json_decref(rows);
	}
}

static void
words(void)
{
	char word[TOP_WORD_MAX];
	unsigned int v;

	for (v = 0; v < TOP_VIEWS; v++) {
		CHECK_INT(top_view_find(top_view_name((enum top_view)v)), v);
		CHECK(top_view_first((enum top_view)v) > 0, "view %u", v);
	}
	CHECK_INT(top_view_find("nothing"), TOP_VIEWS);
	CHECK_INT(top_view_column(TOP_TUNNELS, "p95"), -1);
	CHECK_INT(top_view_column(TOP_USERS, "p95"),
	    top_view_column(TOP_USERS, "setup.p95_us"));
	CHECK_STR(top_view_word(
		      &top_view_tunnels[top_view_column(TOP_TUNNELS, "age_us")],
		      word),
	    "age");
}

static void
quantiles(void)
{
	int64_t us[20];
	size_t i;

	for (i = 0; i < 20; i++)
		us[i] = (int64_t)i + 1;
	CHECK_INT(top_quantile(us, 0, 0.5), 0);
	CHECK_INT(top_quantile(us, 1, 0.95), 1);
	CHECK_INT(top_quantile(us, 20, 0.5), 10);
	CHECK_INT(top_quantile(us, 20, 0.95), 19);
	CHECK_INT(top_quantile(us, 20, 1), 20);
	CHECK_INT(top_quantile(us, 3, 0), 1);
}

static void
check_numbers(const json_t *doc, const char *list)
{
	const json_t *rows = json_object_get(doc, list), *v;
	json_t *o;
	size_t i;
	void *it;

	CHECK(json_is_array(rows), "%s is no list", list);
	for (i = 0; i < json_array_size(rows); i++) {
		o = json_array_get(rows, i);
		for (it = json_object_iter(o); it != NULL;
		     it = json_object_iter_next(o, it)) {
			v = json_object_iter_value(it);
			CHECK(!json_is_integer(v) ||
				  (json_integer_value(v) >= 0 &&
				      json_integer_value(v) <= 1ll << 53),
			    "%s.%s is %lld", list, json_object_iter_key(it),
			    (long long)json_integer_value(v));
		}
	}
}

/* Whatever the other side says, there is a model, and its numbers are sane. */
static void
hostile(void)
{
	static const char *const all[] = {"null", "[]", "{}", "7", "'x'",
	    "{'tunnels': 7, 'classes': {}, 'rows': 'x', 'link': []}",
	    "{'tunnels': [null, 1, [], {}], 'classes': [null, 1, [], {}],"
	    " 'rows': [null, 1, [], {}], 'now_us': -1}",
	    "{'now_us': 9223372036854775807, 'tunnels': ["
	    "{'id': 'a', 'began_us': -9223372036854775807, 'bytes_up': -1,"
	    " 'bytes_down': 9223372036854775807, 'setup_us': 1e300},"
	    "{'id': 'a', 'user': 7, 'via': {}, 'bytes_up': 1e300},"
	    "{'id': 7, 'user': 'x', 'via': 'direct', 'bytes_up': 'x'},"
	    "{'user': 'x', 'bytes_up': 9223372036854775807},"
	    "{'user': 'x', 'bytes_up': 9223372036854775807}]}",
	    "{'link': {'up': 1e300, 'down': -5}, 'classes': ["
	    "{'name': 'a', 'bytes_up': 9223372036854775807, 'setup': 3},"
	    "{'name': 'a', 'bytes_up': 9223372036854775807},"
	    "{'name': [], 'bytes_up': -3, 'setup': {'p50_us': 'x'}}]}",
	    "{'rows': [{'name': 'direct', 'tier': -7, 'observed': 5,"
	    " 'bytes_up': 9223372036854775807, 'handshake': []}]}"};
	struct top_look before, now;
	unsigned int v;
	size_t i, j;
	json_t *doc;

	for (i = 0; i < N(all) * N(all); i++) {
		j = i / N(all);
		before = (struct top_look){answer(all[j]), answer(all[j]),
		    answer(all[j]), answer(all[j]), 0};
		now = (struct top_look){answer(all[i % N(all)]),
		    answer(all[i % N(all)]), answer(all[i % N(all)]),
		    answer(all[i % N(all)]), 0};
		doc = model(&before, &now, &everything);
		for (v = 0; v < TOP_VIEWS; v++)
			check_numbers(doc, top_view_name((enum top_view)v));
		json_decref(doc);
	}
}

static const struct unit_case cases[] = {
    {"rates of tunnels", rates_of_tunnels},
    {"no look before", no_look_before},
    {"sums of users", sums_of_users},
    {"rates of classes", rates_of_classes},
    {"of intermediaries", of_intermediaries},
    {"orders", orders},
    {"ranks", ranks},
    {"filters", filters},
    {"keys of views", keys_of_views},
    {"words", words},
    {"quantiles", quantiles},
    {"hostile", hostile},
};

UNIT_MAIN("top_model", cases)
