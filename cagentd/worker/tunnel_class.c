/* Decides of which class a tunnel is, and counts it; moves no byte. */
#include "cagentd/worker/tunnel_class.h"

#include <string.h>

#include "cagentd/worker/quota.h"

static const uint8_t class_of[BEHAVE_KINDS] = {
    [BEHAVE_INTERACTIVE] = CLASS_INTERACTIVE,
    [BEHAVE_NORMAL] = CLASS_NORMAL,
    [BEHAVE_BULK] = CLASS_BULK,
};

static struct slab_class *
row(const struct tunnel_class_env *env, const struct tunnel_class *c)
{
	return &env->slab->classes[c->class % SLAB_CLASSES];
}

static int64_t
seconds(int64_t now_us)
{
	return now_us / 1000000;
}

/* What its like have been, or -1. */
static int
expected(struct tunnel_class *c, const struct tunnel_class_env *env,
    const struct tunnel_class_of *of, int64_t now_us)
{
	char host[WIRE_HOST_STRLEN];

	if (env->traffic == NULL)
		return -1;
	c->past = history_hash(&env->traffic->history, c->user,
	    wire_host_format(of->host, host), of->host->port);
	return history_expect(&env->traffic->history, c->past, seconds(now_us));
}

void
tunnel_class_begin(struct tunnel_class *c, const struct tunnel_class_env *env,
    const struct tunnel_class_of *of, int64_t now_us)
{
	char name[USAGE_NAME_MAX + 1];
	enum behave_kind kind = BEHAVE_NORMAL;
	int was;

	memset(c, 0, sizeof(*c));
	c->user = usage_hash(&env->slab->usage, quota_name(of->client, name));
	c->class = (uint8_t)of->verdict->class;
	if (of->verdict->class_set) {
		c->why = SLAB_CLASS_BY_RULE;
		return;
	}
	if (!of->behaviour)
		return;
	c->watched = true;
	was = expected(c, env, of, now_us);
	if (was >= 0 && was < BEHAVE_KINDS) {
		kind = (enum behave_kind)was;
		c->class = class_of[kind];
		c->why = SLAB_CLASS_BY_HISTORY;
	}
	behave_start(&c->behave, kind, now_us);
}

void
tunnel_class_stands(struct tunnel_class *c, const struct tunnel_class_env *env,
    int64_t setup_us)
{
	if (c->counted)
		return;
	c->counted = true;
	slab_up(&row(env, c)->tunnels);
	slab_add(&row(env, c)->began[c->why], 1);
	if (setup_us > 0)
		hist_add(&row(env, c)->setup, setup_us);
}

static void
change(
    struct tunnel_class *c, const struct tunnel_class_env *env, uint8_t class)
{
	if (c->counted)
		slab_down(&row(env, c)->tunnels);
	c->class = class;
	if (c->counted)
		slab_up(&row(env, c)->tunnels);
}

void
tunnel_class_put(
    struct tunnel_class *c, const struct tunnel_class_env *env, uint8_t class)
{
	change(c, env, class);
	c->why = SLAB_CLASS_BY_DEFAULT;
}

bool
tunnel_class_moved(struct tunnel_class *c, const struct tunnel_class_env *env,
    bool up, size_t len, int64_t now_us)
{
	struct slab_class *r = row(env, c);

	slab_add(up ? &r->bytes_up : &r->bytes_down, len);
	if (!c->watched || !behave_saw(&c->behave, up, len, now_us))
		return false;
	change(c, env, class_of[c->behave.kind]);
	c->why = SLAB_CLASS_BY_BEHAVIOUR;
	slab_add(&row(env, c)->came, 1);
	return true;
}

void
tunnel_class_end(
    struct tunnel_class *c, const struct tunnel_class_env *env, int64_t now_us)
{
	if (!c->counted)
		return;
	c->counted = false;
	slab_down(&row(env, c)->tunnels);
	if (env->traffic != NULL && c->watched && behave_knows(&c->behave))
		history_add(&env->traffic->history, c->past, c->behave.kind,
		    seconds(now_us));
}
