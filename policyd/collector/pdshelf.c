/* Owns the signed messages that are to be passed on, and decides which an agent
 * lacks; sends nothing and believes nothing. */
#include "policyd/collector/pdshelf.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct pdnote *
pdnote_ref(struct pdnote *n)
{
	n->refs++;
	return n;
}

void
pdnote_unref(struct pdnote *n)
{
	if (n != NULL && --n->refs == 0)
		free(n);
}

static struct pdnote *
note_new(const struct envelope *e, const uint8_t *message, size_t len)
{
	struct pdnote *n = malloc(sizeof(*n) + len);

	if (n == NULL)
		return NULL;
	n->refs = 1;
	n->type = e->type;
	n->mark = (struct manage_mark){e->epoch, e->serial};
	n->len = len;
	memcpy(n->bytes, message, len);
	return n;
}

void
pdshelf_init(struct pdshelf *s)
{
	memset(s, 0, sizeof(*s));
	LIST_INIT(&s->groups);
	s->all.name[0] = '*';
}

static void
group_free(struct pdgroup *g)
{
	LIST_REMOVE(g, entry);
	pdnote_unref(g->policy);
	pdnote_unref(g->rank);
	free(g);
}

void
pdshelf_free(struct pdshelf *s)
{
	uint32_t i;

	while (!LIST_EMPTY(&s->groups))
		group_free(LIST_FIRST(&s->groups));
	pdnote_unref(s->all.policy);
	pdnote_unref(s->all.rank);
	for (i = 0; i < s->roots_n; i++)
		pdnote_unref(s->roots[i]);
	free(s->roots);
	pdshelf_init(s);
}

/* NULL: out of memory. */
static struct pdgroup *
group_of(struct pdshelf *s, const char *name)
{
	struct pdgroup *g;

	if (strcmp(name, s->all.name) == 0)
		return &s->all;
	LIST_FOREACH (g, &s->groups, entry) {
		if (strcmp(name, g->name) == 0)
			return g;
	}
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return NULL;
	memcpy(g->name, name, strnlen(name, MANAGE_NAME_MAX));
	LIST_INSERT_HEAD(&s->groups, g, entry);
	return g;
}

struct pdgroup *
pdshelf_join(struct pdshelf *s, const char *name)
{
	struct pdgroup *g = group_of(s, name);

	if (g != NULL)
		g->refs++;
	return g;
}

void
pdshelf_leave(struct pdgroup *g)
{
	if (g == NULL || --g->refs > 0)
		return;
	/* What is for a group stays, though nobody of it is here. */
	if (g->policy == NULL && g->rank == NULL && strcmp(g->name, "*") != 0)
		group_free(g);
}

/* In its place by epoch, or in that of the same epoch. */
static int
put_root(struct pdshelf *s, struct pdnote *n)
{
	struct pdnote **roots;
	uint32_t i = s->roots_n;

	while (i > 0 && s->roots[i - 1]->mark.epoch > n->mark.epoch)
		i--;
	if (i > 0 && s->roots[i - 1]->mark.epoch == n->mark.epoch) {
		pdnote_unref(s->roots[i - 1]);
		s->roots[i - 1] = n;
		return 0;
	}
	if (s->roots_n == PDSHELF_ROOTS_MAX)
		return -ENOMEM;
	roots = reallocarray(s->roots, s->roots_n + 1, sizeof(*roots));
	if (roots == NULL)
		return -ENOMEM;
	s->roots = roots;
	memmove(roots + i + 1, roots + i, (s->roots_n - i) * sizeof(*roots));
	roots[i] = n;
	s->roots_n++;
	return 0;
}

static int
put_note(struct pdshelf *s, const char *audience, struct pdnote *n)
{
	struct pdgroup *g;
	struct pdnote **place;

	if (n->type == ENVELOPE_ROOT)
		return put_root(s, n);
	g = group_of(s, audience);
	if (g == NULL)
		return -ENOMEM;
	place = n->type == ENVELOPE_POLICY ? &g->policy : &g->rank;
	pdnote_unref(*place);
	*place = n;
	return 0;
}

int
pdshelf_put(struct pdshelf *s, const uint8_t *message, size_t len)
{
	enum envelope_fault fault;
	struct envelope e;
	struct pdnote *n;
	int error;

	/* Of nothing it says that more is to come, which is 0 as well. */
	if (len == 0 || envelope_decode(message, len, &e, &fault) != (int)len)
		return -EPROTO;
	n = note_new(&e, message, len);
	if (n == NULL)
		return -ENOMEM;
	error = put_note(s, e.audience, n);
	if (error != 0)
		pdnote_unref(n);
	return error;
}

static bool
is_above(const struct manage_mark *a, const struct manage_mark *b)
{
	return a->epoch != b->epoch ? a->epoch > b->epoch
				    : a->serial > b->serial;
}

/* Is there a newer one than it has?  Then it has that. */
static struct pdnote *
newer(struct pdnote *own, struct pdnote *of_all, struct manage_mark *has)
{
	struct pdnote *n = own != NULL ? own : of_all;

	if (n == NULL || !is_above(&n->mark, has))
		return NULL;
	*has = n->mark;
	return n;
}

static struct pdnote *
next_root(const struct pdshelf *s, struct pdmarks *m)
{
	uint32_t i = s->roots_n;

	if (i == 0 || s->roots[i - 1]->mark.epoch <= m->root_epoch)
		return NULL;
	while (i > 0 && s->roots[i - 1]->mark.epoch > m->root_epoch)
		i--;
	m->root_epoch = s->roots[i]->mark.epoch;
	return s->roots[i];
}

struct pdnote *
pdshelf_next(
    const struct pdshelf *s, const struct pdgroup *g, struct pdmarks *m)
{
	struct pdnote *n = next_root(s, m);

	if (n == NULL)
		n = newer(g->policy, s->all.policy, &m->policy);
	if (n == NULL)
		n = newer(g->rank, s->all.rank, &m->rank);
	return n;
}
