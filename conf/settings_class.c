/* Owns the classes of traffic: those built in, and how they are found. */
#include <stdio.h>
#include <string.h>

#include "conf/settings_build.h"

#define QUEUE_MAX     100
#define QUEUE_WAIT_MS 3000

void
settings_class_init(struct settings_class *c, const char *name)
{
	*c = (struct settings_class){.priority = CLASS_NORMAL,
	    .weight = 1,
	    .dscp = -1,
	    .queue_max = QUEUE_MAX,
	    .queue_wait_ms = QUEUE_WAIT_MS};
	snprintf(c->name, sizeof(c->name), "%s", name);
}

void
settings_built_in(struct settings *s)
{
	static const char *const names[CLASS_BUILT_IN] = {
	    [CLASS_CRITICAL] = "critical",
	    [CLASS_INTERACTIVE] = "interactive",
	    [CLASS_NORMAL] = "normal",
	    [CLASS_BULK] = "bulk",
	};
	uint32_t i;

	for (i = 0; i < CLASS_BUILT_IN; i++) {
		settings_class_init(&s->classes[i], names[i]);
		s->classes[i].priority = (uint8_t)i;
	}
	s->classes_n = CLASS_BUILT_IN;
}

const char *
settings_class_name(const struct settings *s, uint32_t class)
{
	return class < s->classes_n ? s->classes[class].name : "?";
}

int
settings_class(const struct settings *s, const char *name)
{
	uint32_t i;

	for (i = 0; i < s->classes_n; i++) {
		if (strcmp(s->classes[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

bool
settings_class_may(const struct settings *s, uint32_t class, uint16_t rank)
{
	const struct settings_class *c = &s->classes[class];

	if (class >= s->classes_n || c->ranks_n == 0)
		return true;
	return rank <= SETTINGS_RANK_MAX &&
	       (c->ranks[rank / 64] >> rank % 64 & 1) != 0;
}

const char *
settings_class_list(const struct settings *s, char *out, size_t size)
{
	uint32_t i;
	size_t at = 0;

	out[0] = '\0';
	for (i = 0; i < s->classes_n && at < size; i++)
		at += (size_t)snprintf(out + at, size - at, "%s%s",
		    i == 0		   ? ""
		    : i + 1 < s->classes_n ? ", "
					   : " or ",
		    s->classes[i].name);
	return out;
}

int
settings_keep_word(
    const struct conf_ctx *ctx, const char *value, struct build_word *w)
{
	if (strlen(value) >= sizeof(w->word))
		return -1;
	memcpy(w->word, value, strlen(value) + 1);
	w->line = conf_line(ctx);
	return 0;
}

int
settings_class_at(struct conf_ctx *ctx, const struct build *b, const char *key,
    const struct build_word *w)
{
	const char *names[SETTINGS_CLASSES_MAX + 1], *near;
	char list[SETTINGS_CLASS_LIST_LEN];
	int i = settings_class(b->s, w->word);
	uint32_t n;

	if (i >= 0)
		return i;
	for (n = 0; n < b->s->classes_n; n++)
		names[n] = b->s->classes[n].name;
	names[n] = NULL;
	near = conf_nearest(w->word, names);
	conf_error_at(ctx, w->line, "'%s': expected %s, found '%s'%s%s%s", key,
	    settings_class_list(b->s, list, sizeof(list)), w->word,
	    near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
	    near != NULL ? "'?" : "");
	return -1;
}
