/* Decides which index a class has, so that a name keeps its own; knows nothing
 * else of classes. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conf/bundle.h"
#include "conf/settings_build.h"

/* Before the name of one that was gone already; no name has it. */
#define GONE '!'

/* The indices are those of the settings; those built in are not looked at. */
struct places {
	struct {
		char name[SETTINGS_NAME_MAX + 1];
		bool gone;
	} at[SETTINGS_CLASSES_MAX];
	uint32_t n;
};

static void
add(struct places *p, const char *name, size_t len, bool gone)
{
	if (p->n == SETTINGS_CLASSES_MAX || len > SETTINGS_NAME_MAX)
		return;
	memcpy(p->at[p->n].name, name, len);
	p->at[p->n].name[len] = '\0';
	p->at[p->n++].gone = gone;
}

static void
get(struct bundle *b, struct places *p)
{
	const char *text;
	size_t len;
	int error;
	bool gone;

	p->n = CLASS_BUILT_IN;
	text = bundle_get(b, SETTINGS_PLACES, &len, &error);
	while (text != NULL && *text != '\0') {
		gone = *text == GONE;
		text += gone;
		len = strcspn(text, "\n");
		add(p, text, len, gone);
		text += len;
		text += *text != '\0';
	}
}

static int
put(struct bundle *b, const struct places *p)
{
	char text[SETTINGS_CLASSES_MAX * (SETTINGS_NAME_MAX + 3)];
	size_t len = 0;
	uint32_t i;

	text[0] = '\0';
	for (i = CLASS_BUILT_IN; i < p->n; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		    "%s%s\n", p->at[i].gone ? (const char[]){GONE, '\0'} : "",
		    p->at[i].name);
	return bundle_set(b, SETTINGS_PLACES, text, len);
}

void
settings_places_read(struct build *b)
{
	struct settings *s = b->s;
	struct places p;
	uint32_t i;

	get(b->bundle, &p);
	for (i = CLASS_BUILT_IN; i < p.n; i++) {
		memcpy(s->classes[i].name, p.at[i].name, sizeof(p.at[i].name));
		s->classes[i].gone = true;
		b->classes[i].rested = p.at[i].gone;
	}
	s->classes_n = p.n;
}

int
settings_places_write(struct bundle *b, const struct settings *s)
{
	struct places p = {.n = CLASS_BUILT_IN};
	const struct settings_class *c;
	uint32_t i;

	for (i = CLASS_BUILT_IN; i < s->classes_n; i++) {
		c = &s->classes[i];
		add(&p, c->name, strlen(c->name), c->gone);
	}
	return put(b, &p);
}

static bool
keeps(const struct settings *s, const struct places *p)
{
	uint32_t i;
	int now;

	for (i = CLASS_BUILT_IN; i < p->n; i++) {
		now = settings_class(s, p->at[i].name);
		if (now >= 0 && now != (int)i)
			return false;
	}
	return true;
}

static bool
has(const struct places *p, const char *name)
{
	uint32_t i;

	for (i = CLASS_BUILT_IN; i < p->n; i++) {
		if (strcmp(p->at[i].name, name) == 0)
			return true;
	}
	return false;
}

/* For one more: nobody's, or that of one which s does not say. */
static uint32_t
free_place(const struct places *p, const struct settings *s)
{
	uint32_t i, other = p->n;

	if (p->n < SETTINGS_CLASSES_MAX)
		return p->n;
	for (i = CLASS_BUILT_IN; i < p->n; i++) {
		if (settings_class(s, p->at[i].name) >= 0)
			continue;
		if (other == p->n || (p->at[i].gone && !p->at[other].gone))
			other = i;
	}
	return other;
}

/* Each name its own, and the new ones what is left. */
static void
order(struct places *p, const struct settings *s)
{
	const struct settings_class *c;
	uint32_t i, at;

	for (i = CLASS_BUILT_IN; i < s->classes_n; i++) {
		c = &s->classes[i];
		if (c->gone || has(p, c->name))
			continue;
		at = free_place(p, s);
		if (at == SETTINGS_CLASSES_MAX) /* there are no more of them */
			return;
		memcpy(p->at[at].name, c->name, sizeof(c->name));
		p->at[at].gone = false;
		if (at == p->n)
			p->n++;
	}
}

int
settings_places_settle(struct bundle *b, const struct settings *s)
{
	struct places p;
	int error;

	get(b, &p);
	if (keeps(s, &p))
		return settings_places_write(b, s);
	order(&p, s);
	error = put(b, &p);
	return error != 0 ? error : 1;
}
