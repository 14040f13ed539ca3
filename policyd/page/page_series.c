/* Owns /api/v1/series: how one intermediary did over time. */
#include <errno.h>
#include <stdlib.h>

#include "policyd/page/page_asked.h"
#include "policyd/page/page_line.h"

#define SINCE_S 3600 /* unless it is said */

struct lines {
	bool any;
	struct page_line tier, latency, success;
	struct page_line probe_latency, probe_success;
};

static bool
add_place(void *arg, const struct store_place *p)
{
	struct lines *l = arg;

	l->any = true;
	page_line_add(&l->tier, p->at_s, p->drain ? PAGE_LINE_NONE : p->tier);
	page_line_add(&l->latency, p->at_s,
	    p->latency_us > 0 ? p->latency_us : PAGE_LINE_NONE);
	page_line_add(&l->success, p->at_s,
	    p->success_permille <= 1000 ? p->success_permille : 1000);
	return true;
}

static bool
add_probes(void *arg, const struct store_probed *p)
{
	struct lines *l = arg;

	l->any = true;
	page_line_add(&l->probe_latency, p->at_s,
	    p->latency_us > 0 ? p->latency_us : PAGE_LINE_NONE);
	page_line_add(&l->probe_success, p->at_s,
	    p->made > 0 ? 1000 * p->passed / p->made : PAGE_LINE_NONE);
	return true;
}

static json_t *
points(struct page_line *l)
{
	json_t *out = json_array();
	uint32_t i;

	page_line_end(l);
	for (i = 0; i < l->n; i++) {
		const struct page_point *p = &l->points[i];
		json_t *pair = json_array();

		if (!page_asked_add(pair, json_integer(p->at_s)) ||
		    !page_asked_add(pair, p->value == PAGE_LINE_NONE
					      ? json_null()
					      : json_integer(p->value))) {
			json_decref(pair);
			json_decref(out);
			return NULL;
		}
		if (!page_asked_add(out, pair)) {
			json_decref(out);
			return NULL;
		}
	}
	return out;
}

static bool
fill(json_t *doc, const struct page_asked *a, struct lines *l, int64_t since_s)
{
	return page_asked_set(doc, "group", page_asked_text(a->query->group)) &&
	       page_asked_set(doc, "name", page_asked_text(a->query->name)) &&
	       page_asked_set(doc, "since_s", json_integer(since_s)) &&
	       page_asked_set(doc, "until_s", json_integer(a->now_s)) &&
	       page_asked_set(doc, "tier", points(&l->tier)) &&
	       page_asked_set(doc, "latency_us", points(&l->latency)) &&
	       page_asked_set(doc, "success_permille", points(&l->success)) &&
	       page_asked_set(
		   doc, "probe_latency_us", points(&l->probe_latency)) &&
	       page_asked_set(
		   doc, "probe_success_permille", points(&l->probe_success));
}

int
page_asked_series(const struct page_asked *a, json_t *doc)
{
	struct lines *l = calloc(1, sizeof(*l));
	struct store_history_query q = {.group = a->query->group,
	    .name = a->query->name,
	    .since_s = a->query->since_s};
	int rc;

	if (l == NULL)
		return -ENOMEM;
	if ((a->query->given & PAGE_QUERY_SINCE) == 0)
		q.since_s = a->now_s > SINCE_S ? a->now_s - SINCE_S : 0;
	page_line_init(&l->tier, PAGE_LINE_WORST, q.since_s, a->now_s);
	page_line_init(&l->latency, PAGE_LINE_MEAN, q.since_s, a->now_s);
	page_line_init(&l->success, PAGE_LINE_MEAN, q.since_s, a->now_s);
	l->probe_latency = l->probe_success = l->latency;
	rc = store_read_history(a->reader, &q, add_place, l);
	if (rc == 0 && !l->any)
		rc = PAGE_ASKED_NONE;
	if (rc == 0)
		rc = store_read_probes(
		    a->reader, &q, l->latency.step_s, add_probes, l);
	if (rc == 0 && !fill(doc, a, l, q.since_s))
		rc = -ENOMEM;
	free(l);
	return rc;
}
