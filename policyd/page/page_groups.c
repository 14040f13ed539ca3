/* Owns /api/v1/groups: who stands where in each group, and since when. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/page/page_asked.h"

struct build {
	const struct page_asked *asked;
	json_t *groups; /* owned; by name */
	struct page_marks marks;
	bool failed;
};

/* Borrowed; NULL: no memory. */
static json_t *
group(struct build *b, const char *name)
{
	json_t *g = json_object_get(b->groups, name);

	if (g != NULL)
		return g;
	g = json_pack("{s:o?, s:{s:i, s:i, s:i, s:i}, s:n, s:n, s:[]}", "group",
	    page_asked_text(name), "agents", "known", 0, "silent", 0, "behind",
	    0, "refusing", 0, "policy", "rank", "intermediaries");
	if (g == NULL || json_object_set_new(b->groups, name, g) != 0)
		return NULL;
	return g;
}

static json_t *
intermediary(const struct store_stand *s)
{
	const struct store_place *p = &s->last;
	json_t *o = json_object();

	if (page_asked_set(o, "name", page_asked_text(p->name)) &&
	    page_asked_set(o, "tier", json_integer(p->tier)) &&
	    page_asked_set(o, "weight", json_integer(p->weight)) &&
	    page_asked_set(o, "drain", json_boolean(p->drain)) &&
	    page_asked_set(o, "why", page_asked_text(p->why)) &&
	    page_asked_set(o, "reason", page_asked_text(p->reason)) &&
	    page_asked_set(o, "since_s", json_integer(s->since_s)) &&
	    page_asked_set(o, "since_known", json_boolean(s->since_known)) &&
	    page_asked_set(o, "updated_s", json_integer(p->at_s)) &&
	    page_asked_set(
		o, "success_permille", json_integer(p->success_permille)) &&
	    page_asked_set(o, "latency_us",
		p->latency_us > 0 ? json_integer(p->latency_us)
				  : json_null()) &&
	    page_asked_set(o, "agents", json_integer(p->agents)))
		return o;
	json_decref(o);
	return NULL;
}

static bool
add_stand(void *arg, const struct store_stand *s)
{
	struct build *b = arg;
	json_t *g;

	if (!s->named)
		return true; /* it is of the past */
	g = group(b, s->last.group);
	b->failed =
	    g == NULL || !page_asked_add(json_object_get(g, "intermediaries"),
			     intermediary(s));
	return !b->failed;
}

static bool
count(json_t *agents, const char *what)
{
	json_t *n = json_object_get(agents, what);

	return n != NULL && json_integer_set(n, json_integer_value(n) + 1) == 0;
}

static bool
add_agent(void *arg, const struct store_agent *a)
{
	struct build *b = arg;
	uint32_t bits = page_trouble(b->asked, &b->marks, a);
	json_t *g = group(b, a->group);
	json_t *n = json_object_get(g, "agents");

	b->failed =
	    !count(n, "known") ||
	    ((bits & PAGE_TROUBLE_SILENT) != 0 && !count(n, "silent")) ||
	    ((bits & PAGE_TROUBLE_BEHIND) != 0 && !count(n, "behind")) ||
	    ((bits & PAGE_TROUBLE_REFUSED) != 0 && !count(n, "refusing"));
	return !b->failed;
}

/* Groups that so far are but an audience, and what is in force in each. */
static bool
add_marks(struct build *b)
{
	const char *name;
	json_t *g;
	size_t i;

	for (i = 0; i < b->marks.n; i++) {
		if (strcmp(b->marks.all[i].audience, "*") != 0 &&
		    group(b, b->marks.all[i].audience) == NULL)
			return false;
	}
	json_object_foreach(b->groups, name, g)
	{
		const struct store_mark *policy =
		    page_marks_find(&b->marks, ENVELOPE_POLICY, name);
		const struct store_mark *rank =
		    page_marks_find(&b->marks, ENVELOPE_RANK, name);

		if ((policy != NULL && !page_asked_set(g, "policy",
					   page_asked_mark(policy))) ||
		    (rank != NULL &&
			!page_asked_set(g, "rank", page_asked_mark(rank))))
			return false;
	}
	return true;
}

static int
by_name(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* From the object by name, an array in the order of names. */
static json_t *
in_order(json_t *groups)
{
	size_t n = json_object_size(groups), i = 0;
	const char **names = calloc(n + 1, sizeof(*names));
	json_t *out = json_array(), *g;
	const char *name;

	if (names == NULL) {
		json_decref(out);
		return NULL;
	}
	json_object_foreach(groups, name, g) names[i++] = name;
	qsort(names, n, sizeof(*names), by_name);
	for (i = 0; i < n; i++) {
		if (json_array_append(out, json_object_get(groups, names[i])) !=
		    0) {
			json_decref(out);
			out = NULL;
		}
	}
	free(names);
	return out;
}

int
page_asked_groups(const struct page_asked *a, json_t *doc)
{
	struct build b = {.asked = a, .groups = json_object()};
	int rc = page_marks_read(a->reader, &b.marks);

	if (rc == 0)
		rc = store_read_stands(a->reader, add_stand, &b);
	if (rc == 0 && !b.failed)
		rc = store_read_agents(a->reader, "", "", add_agent, &b);
	if (rc == 0 && (b.failed || !add_marks(&b) ||
			   !page_asked_set(doc, "groups", in_order(b.groups))))
		rc = -ENOMEM;
	page_marks_free(&b.marks);
	json_decref(b.groups);
	return rc;
}
