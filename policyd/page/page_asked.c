/* Owns what several answers of the API have in common. */
#include "policyd/page/page_asked.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool
page_asked_set(json_t *object, const char *key, json_t *value)
{
	return value != NULL && json_object_set_new(object, key, value) == 0;
}

bool
page_asked_add(json_t *array, json_t *value)
{
	return value != NULL && json_array_append_new(array, value) == 0;
}

/* Whoever has written it has checked it; a damaged store may have not. */
json_t *
page_asked_text(const char *text)
{
	json_t *s = json_string(text);
	char *plain, *c;

	if (s != NULL)
		return s;
	plain = strdup(text);
	if (plain == NULL)
		return NULL;
	for (c = plain; *c != '\0'; c++) {
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	}
	s = json_string(plain);
	free(plain);
	return s;
}

json_t *
page_asked_mark(const struct store_mark *m)
{
	json_t *o = json_object();

	if (page_asked_set(o, "audience", page_asked_text(m->audience)) &&
	    page_asked_set(o, "epoch", json_integer(m->epoch)) &&
	    page_asked_set(o, "serial", json_integer((json_int_t)m->serial)) &&
	    page_asked_set(o, "issued_s", json_integer(m->issued_s)) &&
	    page_asked_set(o, "expires_s", json_integer(m->expires_s)) &&
	    page_asked_set(o, "published_s", json_integer(m->at_s)) &&
	    page_asked_set(o, "by", page_asked_text(m->by)) &&
	    page_asked_set(o, "bytes", json_integer(m->len)))
		return o;
	json_decref(o);
	return NULL;
}

static bool
keep_mark(void *arg, const struct store_mark *m)
{
	struct page_marks *marks = arg;
	struct store_mark *all =
	    reallocarray(marks->all, marks->n + 1, sizeof(*all));

	marks->failed = all == NULL;
	if (all == NULL)
		return false;
	all[marks->n++] = *m;
	marks->all = all;
	return true;
}

int
page_marks_read(struct store_reader *r, struct page_marks *out)
{
	int rc;

	*out = (struct page_marks){0};
	rc = store_read_marks(r, keep_mark, out);
	if (rc == 0 && out->failed)
		rc = -ENOMEM;
	if (rc != 0)
		page_marks_free(out);
	return rc;
}

void
page_marks_free(struct page_marks *m)
{
	free(m->all);
	*m = (struct page_marks){0};
}

static bool
newer(const struct store_mark *a, const struct store_mark *b)
{
	return a->epoch > b->epoch ||
	       (a->epoch == b->epoch && a->serial > b->serial);
}

static bool
is_for(const struct store_mark *m, enum envelope_type type, const char *group)
{
	return m->type == type && (strcmp(m->audience, "*") == 0 ||
				      strcmp(m->audience, group) == 0);
}

const struct store_mark *
page_marks_find(
    const struct page_marks *m, enum envelope_type type, const char *group)
{
	const struct store_mark *found = NULL;
	size_t i;

	for (i = 0; i < m->n; i++) {
		if (is_for(&m->all[i], type, group) &&
		    (found == NULL || newer(&m->all[i], found)))
			found = &m->all[i];
	}
	return found;
}

const struct store_mark *
page_marks_exact(const struct page_marks *m, enum envelope_type type,
    const char *group, const struct manage_mark *mark)
{
	size_t i;

	for (i = 0; i < m->n; i++) {
		if (is_for(&m->all[i], type, group) &&
		    m->all[i].epoch == mark->epoch &&
		    m->all[i].serial == mark->serial)
			return &m->all[i];
	}
	return NULL;
}

uint32_t
page_trouble(const struct page_asked *a, const struct page_marks *marks,
    const struct store_agent *agent)
{
	const struct store_mark *policy =
	    page_marks_find(marks, ENVELOPE_POLICY, agent->group);
	uint32_t bits = 0;

	if (a->now_s - agent->seen_s > a->silent_s)
		bits |= PAGE_TROUBLE_SILENT;
	if (policy != NULL && (policy->epoch != agent->policy.epoch ||
				  policy->serial != agent->policy.serial))
		bits |= PAGE_TROUBLE_BEHIND;
	if (agent->nack_code[0] != '\0')
		bits |= PAGE_TROUBLE_REFUSED;
	return bits;
}
