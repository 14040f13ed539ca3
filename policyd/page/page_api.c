/* Owns the API's front: which path is answered by whom, the moment of the
 * store that an answer is from, status, errors. */
#include "policyd/page/page_api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <microhttpd.h>

#include "base/mono.h"
#include "policyd/page/page_asked.h"
#include "policyd/page/page_cache.h"
#include "policyd/page/page_error.h"

struct page_api {
	struct store_reader *reader; /* owned */
	int64_t started_s, silent_s;
	struct page_state state;
	struct page_cache cache;
};

static const struct route {
	const char *path; /* below PAGE_HTTP_API */
	int (*answer)(const struct page_asked *, json_t *doc);
	struct page_query_rules rules;
} routes[] = {
    {"v1/groups", page_asked_groups, {0, 0}},
    {"v1/series", page_asked_series,
	{PAGE_QUERY_GROUP | PAGE_QUERY_NAME | PAGE_QUERY_SINCE,
	    PAGE_QUERY_GROUP | PAGE_QUERY_NAME}},
    {"v1/agents", page_asked_agents,
	{PAGE_QUERY_GROUP | PAGE_QUERY_AFTER | PAGE_QUERY_LIMIT |
		PAGE_QUERY_TROUBLE,
	    0}},
    {"v1/events", page_asked_events,
	{PAGE_QUERY_GROUP | PAGE_QUERY_NAME | PAGE_QUERY_SINCE |
		PAGE_QUERY_BEFORE | PAGE_QUERY_LIMIT,
	    0}},
    {"v1/overrides", page_asked_overrides, {0, 0}},
    {"v1/policies", page_asked_policies, {0, 0}},
    {"v1/status", NULL, {0, 0}}, /* also without a store */
};

int
page_api_new(const char *store_path, int64_t silent_s, struct page_api **out)
{
	struct page_api *a = calloc(1, sizeof(*a));

	if (a == NULL || store_reader_new(store_path, &a->reader) != 0) {
		free(a);
		return -ENOMEM;
	}
	a->started_s = mono_wall_us() / 1000000;
	a->silent_s = silent_s;
	*out = a;
	return 0;
}

void
page_api_free(struct page_api *a)
{
	if (a == NULL)
		return;
	store_reader_free(a->reader);
	page_cache_free(&a->cache);
	free(a);
}

void
page_api_state(struct page_api *a, const struct page_state *state)
{
	a->state = *state;
}

/* --- status --- */

static json_t *
second(int64_t at_s)
{
	return at_s > 0 ? json_integer(at_s) : json_null();
}

/* What does not work, as sentences. */
static json_t *
degraded(const struct page_api *a, int rc)
{
	json_t *out = json_array();
	bool ok = true;

	if (rc != 0)
		ok = page_asked_add(out, json_sprintf("nothing can be read: %s",
					     store_reader_why(a->reader)));
	if (ok && !a->state.running)
		ok = page_asked_add(out,
		    json_string("the ranker is away: nothing is stored and "
				"nothing ranked anew"));
	if (ok && a->state.running && a->state.read_only)
		ok = page_asked_add(out,
		    json_sprintf("nothing is stored: %s",
			a->state.why[0] != '\0' ? a->state.why
						: "the store is read-only"));
	if (ok)
		return out;
	json_decref(out);
	return NULL;
}

static json_t *
newest(const struct store_totals *t)
{
	return json_pack("{s:o?, s:o?, s:o?, s:o?}", "report_s",
	    second(t->report_s), "probe_s", second(t->probe_s), "rank_s",
	    second(t->place_s), "event_s", second(t->event_s));
}

static int
answer_status(struct page_api *a, int64_t now_s, json_t *doc)
{
	struct store_totals t = {0};
	int rc = store_reader_begin(a->reader, PAGE_API_READ_US);
	bool writable = a->state.running && !a->state.read_only;

	if (rc == 0) {
		rc = store_read_totals(a->reader, &t);
		store_reader_end(a->reader);
	}
	if (page_asked_set(doc, "version", json_string(CAGENT_VERSION)) &&
	    page_asked_set(doc, "now_s", json_integer(now_s)) &&
	    page_asked_set(doc, "started_s", json_integer(a->started_s)) &&
	    page_asked_set(doc, "readable", json_boolean(rc == 0)) &&
	    page_asked_set(doc, "writable", json_boolean(writable)) &&
	    page_asked_set(doc, "degraded", degraded(a, rc)) &&
	    page_asked_set(doc, "agents", json_integer(t.agents)) &&
	    page_asked_set(doc, "store_bytes", json_integer(t.bytes)) &&
	    page_asked_set(doc, "newest", newest(&t)) &&
	    page_asked_set(doc, "silent_after_s", json_integer(a->silent_s)))
		return 0;
	return -ENOMEM;
}

/* --- the rest --- */

static int
read_store(struct page_api *a, const struct route *r,
    const struct page_query *q, int64_t now_s, json_t *doc)
{
	const struct page_asked asked = {.reader = a->reader,
	    .query = q,
	    .now_s = now_s,
	    .silent_s = a->silent_s};
	int rc = store_reader_begin(a->reader, PAGE_API_READ_US);

	if (rc != 0)
		return rc;
	rc = r->answer(&asked, doc);
	store_reader_end(a->reader);
	if (rc == 0 && !page_asked_set(doc, "now_s", json_integer(now_s)))
		rc = -ENOMEM;
	return rc;
}

static void
failed(struct page_api *a, int rc, struct page_answer *out)
{
	if (rc == PAGE_ASKED_NONE)
		page_error(out, MHD_HTTP_NOT_FOUND,
		    "that group has no such intermediary");
	else if (rc == -ENOMEM)
		page_error(
		    out, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
	else if (rc == -ETIMEDOUT)
		page_error(out, MHD_HTTP_SERVICE_UNAVAILABLE,
		    "it takes too long: ask for less");
	else
		page_error(out, MHD_HTTP_SERVICE_UNAVAILABLE,
		    store_reader_why(a->reader));
}

static void
answer(struct page_api *a, const struct route *r, const char *query,
    struct page_answer *out)
{
	int64_t now_s = mono_wall_us() / 1000000;
	char why[PAGE_QUERY_WHY_MAX];
	struct page_query q;
	json_t *doc;
	int rc;

	if (page_query_parse(query, &r->rules, now_s, &q, why) != 0) {
		page_error(out, MHD_HTTP_BAD_REQUEST, why);
		return;
	}
	doc = json_pack("{s:i, s:b}", "schema", 1, "ok", 1);
	rc = r->answer != NULL ? read_store(a, r, &q, now_s, doc)
			       : answer_status(a, now_s, doc);
	out->status = MHD_HTTP_OK;
	out->body = rc == 0 ? json_dumps(doc, JSON_COMPACT) : NULL;
	json_decref(doc);
	if (rc != 0)
		failed(a, rc, out);
}

static const struct route *
find(const char *path, size_t len)
{
	size_t i;

	for (i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
		if (strlen(routes[i].path) == len &&
		    memcmp(routes[i].path, path, len) == 0)
			return &routes[i];
	}
	return NULL;
}

void
page_api_answer(struct page_api *a, const char *target, struct page_answer *out)
{
	const char *path = target + sizeof(PAGE_HTTP_API) - 1;
	size_t len = strcspn(path, "?");
	const struct route *r = find(path, len);
	const struct page_cached *had;
	struct page_cached now;

	if (r == NULL) {
		page_error(out, MHD_HTTP_NOT_FOUND, "there is no such answer");
		return;
	}
	had = page_cache_find(&a->cache, target, mono_us());
	if (had != NULL) {
		out->status = had->status;
		out->body = strdup(had->body);
		return;
	}
	answer(a, r, path[len] == '?' ? path + len + 1 : "", out);
	if (out->body == NULL || out->status != MHD_HTTP_OK)
		return;
	now = (struct page_cached){
	    .body = out->body, .status = out->status, .at_us = mono_us()};
	page_cache_put(&a->cache, target, &now);
}
