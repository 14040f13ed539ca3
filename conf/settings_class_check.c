/* What is to be true of classes together: their rates against the link and each
 * other, their equals and their tiers. */
#include <string.h>

#include "conf/settings_build.h"

/* What bulk gets of a link that others keep full, in percent. */
#define BULK_PERCENT 5

/* Equals may stand further down in the file. */
static bool
has_equal(const struct build *b, const struct build_class *c)
{
	const struct build_class *other;
	int64_t priority;
	uint32_t i;

	for (i = 0; i < b->s->classes_n; i++) {
		other = &b->classes[i];
		priority =
		    other->said ? other->priority : b->s->classes[i].priority;
		if (other != c && !b->s->classes[i].gone &&
		    priority == c->priority)
			return true;
	}
	return false;
}

/* A policy's may have equals in configurations that it does not know. */
static const char *
trouble(const struct build *b, const struct build_class *c)
{
	if (!b->in_policy && c->weight != 0 && !has_equal(b, c))
		return "'weight' is of use among classes of one 'priority', "
		       "and no other has this one's";
	if (c->when_full == FULL_WAIT)
		return NULL;
	if (c->queue_max != 0)
		return "'queue' wants 'when-full = wait' with it";
	if (c->queue_wait_ms != 0)
		return "'queue-wait' wants 'when-full = wait' with it";
	return NULL;
}

static int
set_tiers(struct conf_ctx *ctx, struct build *b, struct build_class *c)
{
	struct settings_class *to = c->class;
	uint16_t rank;
	uint32_t i;

	for (i = 0; i < c->tiers_n; i++) {
		rank = settings_rank(
		    ctx, b, c->tiers[i].word, c->tiers[i].line, true);
		if (rank == 0)
			return -1;
		if ((to->ranks[rank / 64] >> rank % 64 & 1) == 0)
			to->ranks_n++;
		to->ranks[rank / 64] |= UINT64_C(1) << rank % 64;
	}
	return 0;
}

/* One way of what a class says of rates. */
struct way {
	const char *word;
	int64_t link, *guaranteed, *guaranteed_percent;
	bool percent; /* of the link: */
	int64_t guarantee, ceiling, user_ceiling, tunnel_ceiling;
};

/* Of a link that a policy does not know it is nothing, and never more than its
 * own ceiling. */
static int
resolve_share(struct conf_ctx *ctx, const struct build *b,
    const struct build_class *c, struct way *w)
{
	if (!w->percent)
		return 0;
	*w->guaranteed_percent += w->guarantee;
	if (*w->guaranteed_percent > 100) {
		conf_error_at(ctx, c->guarantee.line,
		    "'guarantee': expected at most 100%% of the link %s for "
		    "all classes, found %lld%%",
		    w->word, (long long)*w->guaranteed_percent);
		return -1;
	}
	if (w->link == 0 && w->guarantee != 0 && !b->in_policy) {
		conf_error_at(ctx, c->guarantee.line,
		    "'guarantee': expected a [link] that says of what it is "
		    "%lld%% %s",
		    (long long)w->guarantee, w->word);
		return -1;
	}
	w->guarantee = w->link * w->guarantee / 100;
	if (b->in_policy && w->ceiling != 0 && w->guarantee > w->ceiling)
		w->guarantee = w->ceiling;
	return 0;
}

static int
too_much(struct conf_ctx *ctx, const char *key, int line, const char *most_of,
    const struct way *w)
{
	conf_error_at(ctx, line, "'%s': expected at most the %s %s", key,
	    most_of, w->word);
	return -1;
}

static int
check_guarantee(
    struct conf_ctx *ctx, const struct build_class *c, const struct way *w)
{
	char link[SETTINGS_RATE_LEN], all[SETTINGS_RATE_LEN];

	if (w->ceiling != 0 && w->guarantee > w->ceiling)
		return too_much(
		    ctx, "guarantee", c->guarantee.line, "ceiling", w);
	*w->guaranteed += w->guarantee;
	if (w->link == 0 || *w->guaranteed <= w->link)
		return 0;
	conf_error_at(ctx, c->guarantee.line,
	    "'guarantee': expected at most the link's %s %s for all classes, "
	    "found %s",
	    settings_rate_text(w->link, link), w->word,
	    settings_rate_text(*w->guaranteed, all));
	return -1;
}

/* Each is within the next wider one.  What is wider than the link is a
 * mistake here, but a policy is for hosts with other links. */
static int
check_ceilings(struct conf_ctx *ctx, const struct build *b,
    const struct build_class *c, const struct way *w)
{
	const struct {
		const char *key, *word;
		int64_t rate;
		int line;
	} rates[] = {
	    {"ceiling", "ceiling", w->ceiling, c->ceiling.line},
	    {"user-ceiling", "user's ceiling", w->user_ceiling,
		c->user_ceiling.line},
	    {"tunnel-ceiling", "", w->tunnel_ceiling, c->tunnel_ceiling.line},
	};
	int64_t most = b->in_policy ? 0 : w->link;
	const char *most_of = "link";
	size_t i;

	for (i = 0; i < sizeof(rates) / sizeof(*rates); i++) {
		if (rates[i].rate == 0)
			continue;
		if (most != 0 && rates[i].rate > most)
			return too_much(
			    ctx, rates[i].key, rates[i].line, most_of, w);
		most = rates[i].rate;
		most_of = rates[i].word;
	}
	return 0;
}

static int
check_way(struct conf_ctx *ctx, const struct build *b,
    const struct build_class *c, struct way *w)
{
	if (resolve_share(ctx, b, c, w) != 0 || check_guarantee(ctx, c, w) != 0)
		return -1;
	return check_ceilings(ctx, b, c, w);
}

static int
set_all_rates(struct conf_ctx *ctx, struct build *b, struct build_class *c)
{
	struct way up = {"up", b->s->link.up, &b->guaranteed.up,
	    &b->guaranteed_percent.up, c->guarantee.up_percent,
	    c->guarantee.said.up, c->ceiling.said.up, c->user_ceiling.said.up,
	    c->tunnel_ceiling.said.up};
	struct way down = {"down", b->s->link.down, &b->guaranteed.down,
	    &b->guaranteed_percent.down, c->guarantee.down_percent,
	    c->guarantee.said.down, c->ceiling.said.down,
	    c->user_ceiling.said.down, c->tunnel_ceiling.said.down};

	if (check_way(ctx, b, c, &up) != 0 || check_way(ctx, b, c, &down) != 0)
		return -1;
	c->class->guarantee =
	    (struct settings_rates){up.guarantee, down.guarantee};
	c->class->ceiling = c->ceiling.said;
	c->class->user_ceiling = c->user_ceiling.said;
	c->class->tunnel_ceiling = c->tunnel_ceiling.said;
	return 0;
}

int
settings_class_end(struct conf_ctx *ctx, void *build, void *record)
{
	struct build_class *c = record;
	struct settings_class *to = c->class;
	const char *why;

	if (to == NULL)
		return 0;
	why = trouble(build, c);
	if (why != NULL) {
		conf_error(ctx, "[class \"%s\"]: %s", to->name, why);
		return -1;
	}
	to->priority = (uint8_t)c->priority;
	if (c->weight != 0)
		to->weight = (uint16_t)c->weight;
	to->when_full = (enum settings_full)c->when_full;
	if (c->queue_max != 0)
		to->queue_max = (uint32_t)c->queue_max;
	if (c->queue_wait_ms != 0)
		to->queue_wait_ms = c->queue_wait_ms;
	return set_tiers(ctx, build, c) != 0 ? -1
					     : set_all_rates(ctx, build, c);
}

/* A share of the link that nobody else was given. */
static int64_t
spare(int64_t link, int64_t guaranteed, int64_t ceiling)
{
	int64_t rate = link * BULK_PERCENT / 100;

	if (rate > link - guaranteed)
		rate = link - guaranteed;
	return ceiling != 0 && rate > ceiling ? ceiling : rate;
}

static void
fill_bulk(struct build *b)
{
	struct settings_class *bulk = &b->s->classes[CLASS_BULK];
	const struct settings_rates *link = &b->s->link;

	if (b->classes[CLASS_BULK].guarantee.line != 0)
		return;
	bulk->guarantee.up =
	    spare(link->up, b->guaranteed.up, bulk->ceiling.up);
	bulk->guarantee.down =
	    spare(link->down, b->guaranteed.down, bulk->ceiling.down);
}

/* A guarantee is given once. */
static void
fill_gone(struct settings_class *c, const struct settings_class *normal)
{
	char name[sizeof(c->name)];

	memcpy(name, c->name, sizeof(name));
	*c = *normal;
	memcpy(c->name, name, sizeof(name));
	c->gone = true;
	c->by_policy = false;
	c->guarantee = (struct settings_rates){0, 0};
}

void
settings_fill_classes(struct build *b)
{
	struct settings *s = b->s;
	uint32_t i;

	fill_bulk(b);
	for (i = CLASS_BUILT_IN; i < s->classes_n; i++) {
		if (s->classes[i].gone)
			fill_gone(&s->classes[i], &s->classes[CLASS_NORMAL]);
	}
}
