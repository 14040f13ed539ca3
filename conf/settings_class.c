/* Owns the classes of traffic: the sections [class], those built in, and how
 * they are found. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "conf/settings_build.h"

#define QUEUE_MAX     100
#define QUEUE_WAIT_MS 3000

static void
init(struct settings_class *c, const char *name)
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
		init(&s->classes[i], names[i]);
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
		if (!s->classes[i].gone &&
		    strcmp(s->classes[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

uint8_t
settings_class_since(
    const struct settings *s, const struct settings *before, uint8_t class)
{
	if (class < CLASS_BUILT_IN || s == before)
		return class;
	if (class < s->classes_n && class < before->classes_n &&
	    strcmp(s->classes[class].name, before->classes[class].name) == 0)
		return class;
	return CLASS_NORMAL;
}

/* Of all that are said, NULL after the last; returns how many. */
static uint32_t
list_names(
    const struct settings *s, const char *names[SETTINGS_CLASSES_MAX + 1])
{
	uint32_t i, n = 0;

	for (i = 0; i < s->classes_n; i++) {
		if (!s->classes[i].gone)
			names[n++] = s->classes[i].name;
	}
	names[n] = NULL;
	return n;
}

uint8_t
settings_class_mark(const struct settings *s, uint32_t class)
{
	return class < s->classes_n && s->classes[class].dscp > 0
		   ? (uint8_t)s->classes[class].dscp
		   : 0;
}

bool
settings_class_may(const struct settings *s, uint32_t class, uint16_t rank)
{
	const struct settings_class *c;

	if (class >= s->classes_n)
		return true;
	c = &s->classes[class];
	return c->ranks_n == 0 ||
	       (rank <= SETTINGS_RANK_MAX &&
		   (c->ranks[rank / 64] >> rank % 64 & 1) != 0);
}

const char *
settings_class_list(const struct settings *s, char *out, size_t size)
{
	const char *names[SETTINGS_CLASSES_MAX + 1];
	uint32_t i, n = list_names(s, names);
	size_t at = 0;

	out[0] = '\0';
	for (i = 0; i < n && at < size; i++)
		at += (size_t)snprintf(out + at, size - at, "%s%s",
		    i == 0	? ""
		    : i + 1 < n ? ", "
				: " or ",
		    names[i]);
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

	if (i >= 0)
		return i;
	list_names(b->s, names);
	near = conf_nearest(w->word, names);
	conf_error_at(ctx, w->line, "'%s': expected %s, found '%s'%s%s%s", key,
	    settings_class_list(b->s, list, sizeof(list)), w->word,
	    near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
	    near != NULL ? "'?" : "");
	return -1;
}

/* --- what a section says --- */

static const struct conf_word full_words[] = {
    {"wait", FULL_WAIT},
    {"next-tier", FULL_NEXT_TIER},
    {"refuse", FULL_REFUSE},
    {NULL, 0},
};

static int
set_guarantee(struct conf_ctx *ctx, void *record, const char *value)
{
	struct build_class *c = record;

	return settings_rates(ctx, value, &c->guarantee);
}

/* Of the link nobody knows how much a ceiling is to be. */
static int
set_rates(const struct conf_ctx *ctx, const char *value, struct build_rates *r)
{
	return settings_rates(ctx, value, r) != 0 || r->up_percent ||
		       r->down_percent
		   ? -1
		   : 0;
}

static int
set_ceiling(struct conf_ctx *ctx, void *record, const char *value)
{
	struct build_class *c = record;

	return set_rates(ctx, value, &c->ceiling);
}

static int
set_user_ceiling(struct conf_ctx *ctx, void *record, const char *value)
{
	struct build_class *c = record;

	return set_rates(ctx, value, &c->user_ceiling);
}

static int
set_tunnel_ceiling(struct conf_ctx *ctx, void *record, const char *value)
{
	struct build_class *c = record;

	return set_rates(ctx, value, &c->tunnel_ceiling);
}

/* RFC 2474 (cs), 2597 (af), 3246 (ef), 8622 (le); -1: none of them. */
static int
code_point(const char *w)
{
	size_t len = strlen(w);
	int64_t n = settings_number(w, 63);

	if (n >= 0)
		return (int)n;
	if (strcmp(w, "ef") == 0)
		return 46;
	if (strcmp(w, "le") == 0)
		return 1;
	if (len == 3 && strncmp(w, "cs", 2) == 0 && w[2] >= '0' && w[2] <= '7')
		return (w[2] - '0') * 8;
	if (len == 4 && strncmp(w, "af", 2) == 0 && w[2] >= '1' &&
	    w[2] <= '4' && w[3] >= '1' && w[3] <= '3')
		return (w[2] - '0') * 8 + (w[3] - '0') * 2;
	return -1;
}

static int
set_dscp(struct conf_ctx *ctx, void *record, const char *value)
{
	struct build_class *c = record;
	int dscp = code_point(value);

	(void)ctx;
	if (dscp >= 0 && c->class != NULL)
		c->class->dscp = dscp;
	return dscp >= 0 ? 0 : -1;
}

static int
add_tier(struct conf_ctx *ctx, void *record, const char *value)
{
	struct build_class *c = record;

	if (c->tiers_n == SETTINGS_TIERS_MAX) {
		conf_error(ctx, "'tier': expected at most %d of them",
		    SETTINGS_TIERS_MAX);
		return -1;
	}
	return settings_keep_word(ctx, value, &c->tiers[c->tiers_n++]);
}

#define AT(field) offsetof(struct build_class, field)
#define A_RATE	  "a rate like 50mbit or 10mbit up, 50mbit down"
#define RATE(word, fn, text)                                                   \
	{                                                                      \
		.key = word, .type = CONF_CUSTOM, .parse = fn, .expects = text \
	}

const struct conf_option settings_class_options[] = {
    {.key = "priority",
	.type = CONF_INT,
	.offset = AT(priority),
	.min = 0,
	.max = SETTINGS_PRIORITY_MAX},
    {.key = "weight",
	.type = CONF_INT,
	.offset = AT(weight),
	.min = 1,
	.max = 1000},
    RATE("guarantee", set_guarantee, A_RATE ", or a share like 20%"),
    RATE("ceiling", set_ceiling, A_RATE),
    RATE("user-ceiling", set_user_ceiling, A_RATE),
    RATE("tunnel-ceiling", set_tunnel_ceiling, A_RATE),
    {.key = "dscp",
	.type = CONF_CUSTOM,
	.parse = set_dscp,
	.expects = "a number from 0 to 63, cs0 to cs7, af11 to af43, ef or le"},
    {.key = "tier",
	.type = CONF_CUSTOM,
	.parse = add_tier,
	.repeats = true,
	.expects = "a rank from 1 to 1000 or a tier's name"},
    {.key = "when-full",
	.type = CONF_ENUM,
	.offset = AT(when_full),
	.words = full_words},
    {.key = "queue",
	.type = CONF_INT,
	.offset = AT(queue_max),
	.min = 1,
	.max = 10000},
    {.key = "queue-wait",
	.type = CONF_MS,
	.offset = AT(queue_wait_ms),
	.min = 10,
	.max = 60000},
    {.key = NULL},
};

/* The index of a new one, or -1: its own of old, one that nobody has had yet,
 * or one of those that are gone, the sooner if they were before. */
static int
find_place(struct build *b, const char *name)
{
	struct settings *s = b->s;
	int i, other = -1;

	for (i = CLASS_BUILT_IN; i < (int)s->classes_n; i++) {
		if (!s->classes[i].gone)
			continue;
		if (strcmp(s->classes[i].name, name) == 0)
			return i;
		if (other < 0 ||
		    (b->classes[i].rested && !b->classes[other].rested))
			other = i;
	}
	if (s->classes_n < SETTINGS_CLASSES_MAX)
		return (int)s->classes_n++;
	return other;
}

void *
settings_class_begin(struct conf_ctx *ctx, void *build, const char *name)
{
	struct build *b = build;
	struct settings *s = b->s;
	struct build_class *c;
	int i = settings_class(s, name);

	if (!settings_name_ok(ctx, name))
		return NULL;
	if (i >= 0 && b->classes[i].said) {
		/* The parser lets no name stand twice: it is a policy's. */
		c = &b->dropped_class;
		memset(c, 0, sizeof(*c));
		return c;
	}
	if (i < 0) {
		i = find_place(b, name);
		if (i >= 0)
			init(&s->classes[i], name);
	}
	if (i < 0) {
		conf_error(ctx,
		    "expected at most %d classes, the %d built in among them",
		    SETTINGS_CLASSES_MAX, CLASS_BUILT_IN);
		return NULL;
	}
	c = &b->classes[i];
	c->class = &s->classes[i];
	c->class->by_policy = b->in_policy;
	c->said = true;
	c->priority = c->class->priority;
	return c;
}
