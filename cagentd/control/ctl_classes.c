/* Answers how traffic is spread over its classes, all workers together. */
#include "cagentd/control/ctl_classes.h"

#include <stdio.h>
#include <string.h>

#include "cagentd/control/control.h"
#include "cagentd/control/ctl_answer.h"
#include "conf/settings.h"

/* Numbers in a slab are a worker's word: clamped, so that no sum over the
 * workers passes what a JSON integer holds. */
#define COUNT_MAX (1ull << 48)
#define BYTES_MAX (1ull << 53)
#define GAUGE_MAX (1u << 20)

struct sums {
	int64_t tunnels, came, up, down, waiting, admitted, refused, dropped;
	int64_t began[SLAB_CLASS_WHYS];
	uint32_t setup[HIST_BUCKETS], waited[HIST_BUCKETS];
};

static int64_t
get(const _Atomic uint64_t *p, uint64_t max)
{
	uint64_t v = atomic_load_explicit(p, memory_order_relaxed);

	return (int64_t)(v < max ? v : max);
}

static void
add_hist(uint32_t sums[HIST_BUCKETS], const struct hist *h)
{
	uint32_t i;

	for (i = 0; i < HIST_BUCKETS; i++)
		sums[i] +=
		    atomic_load_explicit(&h->count[i], memory_order_relaxed);
}

static void
add(struct sums *s, const struct slab_class *c)
{
	uint32_t i, n;

	n = atomic_load_explicit(&c->tunnels, memory_order_relaxed);
	s->tunnels += n < GAUGE_MAX ? n : GAUGE_MAX;
	s->came += get(&c->came, COUNT_MAX);
	s->up += get(&c->bytes_up, BYTES_MAX);
	s->down += get(&c->bytes_down, BYTES_MAX);
	n = atomic_load_explicit(&c->waiting, memory_order_relaxed);
	s->waiting += n < GAUGE_MAX ? n : GAUGE_MAX;
	s->admitted += get(&c->admitted, COUNT_MAX);
	s->dropped += get(&c->datagrams_dropped, COUNT_MAX);
	for (i = 0; i < SLAB_FULL_WHYS; i++)
		s->refused += get(&c->refused_full[i], COUNT_MAX);
	for (i = 0; i < SLAB_CLASS_WHYS; i++)
		s->began[i] += get(&c->began[i], COUNT_MAX);
	add_hist(s->setup, &c->setup);
	add_hist(s->waited, &c->waited);
}

const char *
ctl_class_why(unsigned int why)
{
	static const char *const words[SLAB_CLASS_WHYS] = {
	    [SLAB_CLASS_BY_DEFAULT] = "default",
	    [SLAB_CLASS_BY_RULE] = "rule",
	    [SLAB_CLASS_BY_HISTORY] = "history",
	    [SLAB_CLASS_BY_BEHAVIOUR] = "behaviour",
	};

	return why < SLAB_CLASS_WHYS ? words[why] : "";
}

const char *
ctl_class_name(const struct settings *s, unsigned int class,
    char out[static CTL_CLASS_LEN])
{
	if (class < s->classes_n)
		return s->classes[class].name;
	snprintf(out, CTL_CLASS_LEN, "class %u", class % 1000);
	return out;
}

static json_t *
quantiles(const uint32_t count[HIST_BUCKETS])
{
	json_t *o = json_object();

	ctl_set_int(o, "p50_us", hist_quantile_us(count, 0.5));
	ctl_set_int(o, "p95_us", hist_quantile_us(count, 0.95));
	return o;
}

/* What the host's own link is said to carry, bit/s; 0: nothing is said. */
static json_t *
link_json(const struct settings *s)
{
	json_t *o = json_object();

	ctl_set_int(o, "up", s->link.up * 8);
	ctl_set_int(o, "down", s->link.down * 8);
	return o;
}

static struct sums
sum_up(const struct control *c, uint32_t index)
{
	struct sums s = {0};
	uint32_t i;

	for (i = 0; i < SETTINGS_WORKERS_MAX; i++) {
		if (c->ranking.slabs[i] != NULL)
			add(&s, &c->ranking.slabs[i]->classes[index]);
	}
	return s;
}

/* NULL: there is no such class any more, and nothing runs in it. */
static json_t *
class_json(const struct control *c, uint32_t index)
{
	const struct settings *conf = c->settings;
	const struct sums s = sum_up(c, index);
	json_t *o, *began;
	char name[CTL_CLASS_LEN];
	uint32_t i;

	if (conf->classes[index].gone && s.tunnels == 0)
		return NULL;
	o = json_object();
	began = json_object();
	for (i = 0; i < SLAB_CLASS_WHYS; i++)
		ctl_set_int(began, ctl_class_why(i), s.began[i]);
	ctl_set_text(o, "name", ctl_class_name(conf, index, name));
	ctl_set_int(o, "priority", conf->classes[index].priority);
	ctl_set_int(o, "weight", conf->classes[index].weight);
	ctl_set_int(o, "tunnels", s.tunnels);
	ctl_set(o, "began", began);
	ctl_set_int(o, "came", s.came);
	ctl_set(o, "setup", quantiles(s.setup));
	ctl_set_int(o, "waiting", s.waiting);
	ctl_set_int(o, "admitted", s.admitted);
	ctl_set(o, "waited", quantiles(s.waited));
	ctl_set_int(o, "refused_full", s.refused);
	ctl_set_int(o, "datagrams_dropped", s.dropped);
	ctl_set_int(o, "bytes_up", s.up);
	ctl_set_int(o, "bytes_down", s.down);
	return o;
}

void
ctl_class_list(struct ctl_query *q)
{
	const struct control *c = q->control;
	json_t *answer = ctl_head(), *list = json_array(), *one;
	uint32_t i;

	for (i = 0; i < c->settings->classes_n && i < SLAB_CLASSES; i++) {
		one = class_json(c, i);
		if (one != NULL)
			json_array_append_new(list, one);
	}
	ctl_set_int(answer, "now_us", q->now_us);
	ctl_set(answer, "behaviour", json_boolean(c->settings->behaviour));
	ctl_set(answer, "link", link_json(c->settings));
	ctl_set(answer, "classes", list);
	ctl_say(q, answer);
}
