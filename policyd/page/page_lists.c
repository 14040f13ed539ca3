/* Owns /api/v1/agents, events, overrides and policies: lists as the store has
 * them. */
#include <errno.h>
#include <string.h>

#include "policyd/page/page_asked.h"

#define AGENTS 500 /* unless a limit is given */
#define EVENTS 100

struct list {
	const struct page_asked *asked;
	const struct page_marks *marks;
	json_t *rows; /* owned until it is in the document */
	int64_t limit;
	bool more, failed;
};

static int64_t
limit_of(const struct page_query *q, int64_t otherwise)
{
	return (q->given & PAGE_QUERY_LIMIT) != 0 ? q->limit : otherwise;
}

/* Takes row: is there room for it? */
static bool
add_row(struct list *l, json_t *row)
{
	l->failed = !page_asked_add(l->rows, row);
	return !l->failed;
}

static bool
is_full(struct list *l)
{
	l->more = (int64_t)json_array_size(l->rows) >= l->limit;
	return l->more;
}

static int
finish(struct list *l, int rc, json_t *doc, const char *key)
{
	if (rc == 0 && !l->failed && page_asked_set(doc, key, l->rows))
		return 0;
	if (rc != 0 || l->failed)
		json_decref(l->rows);
	return rc != 0 ? rc : -ENOMEM;
}

/* --- agents --- */

/* What an agent of that group has accepted last of a type.  When that was
 * issued is known while it is kept: of ranks, only of the newest. */
static json_t *
held(const struct page_marks *marks, enum envelope_type type, const char *group,
    const struct manage_mark *has)
{
	const struct store_mark *now = page_marks_find(marks, type, group);
	const struct store_mark *that =
	    page_marks_exact(marks, type, group, has);

	if (has->epoch == 0)
		return json_null();
	return json_pack("{s:I, s:I, s:b, s:o?}", "epoch",
	    (json_int_t)has->epoch, "serial", (json_int_t)has->serial,
	    "current", that != NULL && that == now, "issued_s",
	    that != NULL ? json_integer(that->issued_s) : json_null());
}

static json_t *
refused(const struct store_agent *a)
{
	if (a->nack_code[0] == '\0')
		return json_null();
	return json_pack("{s:o?, s:o?}", "code", page_asked_text(a->nack_code),
	    "text", page_asked_text(a->nack_text));
}

static json_t *
troubles(uint32_t bits)
{
	static const struct {
		uint32_t bit;
		const char *word;
	} words[] = {
	    {PAGE_TROUBLE_SILENT, "silent"},
	    {PAGE_TROUBLE_BEHIND, "behind"},
	    {PAGE_TROUBLE_REFUSED, "refusing"},
	};
	json_t *out = json_array();
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if ((bits & words[i].bit) != 0 &&
		    !page_asked_add(out, json_string(words[i].word))) {
			json_decref(out);
			return NULL;
		}
	}
	return out;
}

static json_t *
agent(const struct list *l, const struct store_agent *a, uint32_t bits)
{
	json_t *o = json_object();

	if (page_asked_set(o, "name", page_asked_text(a->name)) &&
	    page_asked_set(o, "group", page_asked_text(a->group)) &&
	    page_asked_set(o, "software", page_asked_text(a->software)) &&
	    page_asked_set(o, "added_s", json_integer(a->added_s)) &&
	    page_asked_set(o, "seen_s",
		a->seen_s > 0 ? json_integer(a->seen_s) : json_null()) &&
	    page_asked_set(o, "root_epoch", json_integer(a->root_epoch)) &&
	    page_asked_set(o, "policy",
		held(l->marks, ENVELOPE_POLICY, a->group, &a->policy)) &&
	    page_asked_set(
		o, "rank", held(l->marks, ENVELOPE_RANK, a->group, &a->rank)) &&
	    page_asked_set(o, "refused", refused(a)) &&
	    page_asked_set(o, "trouble", troubles(bits)))
		return o;
	json_decref(o);
	return NULL;
}

static bool
add_agent(void *arg, const struct store_agent *a)
{
	struct list *l = arg;
	uint32_t bits = page_trouble(l->asked, l->marks, a);

	if (l->asked->query->trouble && bits == 0)
		return true;
	if (is_full(l))
		return false;
	return add_row(l, agent(l, a, bits));
}

int
page_asked_agents(const struct page_asked *a, json_t *doc)
{
	struct page_marks marks;
	struct list l = {
	    .asked = a, .marks = &marks, .limit = limit_of(a->query, AGENTS)};
	json_t *last;
	int rc = page_marks_read(a->reader, &marks);

	if (rc != 0)
		return rc;
	l.rows = json_array();
	rc = store_read_agents(
	    a->reader, a->query->group, a->query->after, add_agent, &l);
	rc = finish(&l, rc, doc, "agents");
	page_marks_free(&marks);
	if (rc != 0)
		return rc;
	last = json_array_get(l.rows, json_array_size(l.rows) - 1);
	last = json_object_get(last, "name");
	return page_asked_set(
		   doc, "next", l.more ? json_incref(last) : json_null())
		   ? 0
		   : -ENOMEM;
}

/* --- events --- */

static bool
add_event(void *arg, int64_t id, const struct store_event *e)
{
	struct list *l = arg;
	json_t *o;

	if (is_full(l))
		return false;
	o = json_pack("{s:I, s:I, s:o?, s:o?, s:o?, s:o?}", "id",
	    (json_int_t)id, "at_s", (json_int_t)e->at_s, "kind",
	    page_asked_text(e->kind), "group", page_asked_text(e->group),
	    "subject", page_asked_text(e->subject), "text",
	    page_asked_text(e->text));
	return add_row(l, o);
}

int
page_asked_events(const struct page_asked *a, json_t *doc)
{
	const struct store_event_query q = {.since_s = a->query->since_s,
	    .before_id = a->query->before,
	    .group = a->query->group,
	    .subject = a->query->name};
	struct list l = {.asked = a, .limit = limit_of(a->query, EVENTS)};
	json_t *last;
	int rc;

	l.rows = json_array();
	rc = store_read_events(a->reader, &q, add_event, &l);
	rc = finish(&l, rc, doc, "events");
	if (rc != 0)
		return rc;
	last = json_array_get(l.rows, json_array_size(l.rows) - 1);
	last = json_object_get(last, "id");
	return page_asked_set(
		   doc, "next", l.more ? json_incref(last) : json_null())
		   ? 0
		   : -ENOMEM;
}

/* --- overrides, policies --- */

/* Names with blanks between them, as an array. */
static json_t *
names(const char *text)
{
	json_t *out = json_array();

	while (*text != '\0') {
		size_t len = strcspn(text, " ");

		if (len > 0 && !page_asked_add(out, json_stringn(text, len))) {
			json_decref(out);
			return NULL;
		}
		text += len;
		text += strspn(text, " ");
	}
	return out;
}

static bool
add_override(void *arg, const struct store_override *o)
{
	return add_row(arg,
	    json_pack("{s:I, s:o?, s:o?, s:o?, s:I, s:I, s:o?, s:o?}", "id",
		(json_int_t)o->id, "group", page_asked_text(o->group), "use",
		names(o->use), "avoid", names(o->avoid), "from_s",
		(json_int_t)o->from_s, "until_s", (json_int_t)o->until_s, "by",
		page_asked_text(o->by), "why", page_asked_text(o->why)));
}

int
page_asked_overrides(const struct page_asked *a, json_t *doc)
{
	struct list l = {.asked = a, .rows = json_array()};

	return finish(&l,
	    store_read_overrides(a->reader, a->now_s, add_override, &l), doc,
	    "overrides");
}

static const char *
type_word(enum envelope_type type)
{
	switch (type) {
	case ENVELOPE_ROOT:
		return "root";
	case ENVELOPE_POLICY:
		return "policy";
	case ENVELOPE_RANK:
		return "rank";
	}
	return "?";
}

/* No later one is for the same. */
static bool
in_force(const struct page_marks *all, const struct store_mark *m)
{
	const struct store_mark *best =
	    page_marks_find(all, m->type, m->audience);

	return best != NULL && best->epoch == m->epoch &&
	       best->serial == m->serial;
}

static json_t *
policy(const struct page_marks *all, const struct store_mark *m)
{
	json_t *o = page_asked_mark(m);

	if (page_asked_set(o, "type", json_string(type_word(m->type))) &&
	    page_asked_set(o, "in_force", json_boolean(in_force(all, m))))
		return o;
	json_decref(o);
	return NULL;
}

int
page_asked_policies(const struct page_asked *a, json_t *doc)
{
	struct page_marks all;
	struct list l = {.asked = a};
	int rc = page_marks_read(a->reader, &all);
	size_t i;

	if (rc != 0)
		return rc;
	l.rows = json_array();
	for (i = all.n; i > 0 && !l.failed; i--)
		add_row(&l, policy(&all, &all.all[i - 1]));
	page_marks_free(&all);
	return finish(&l, 0, doc, "policies");
}
