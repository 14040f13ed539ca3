/* Owns of which class an association's datagrams are: what they may take of the
 * link, their marks, what is counted and shown of them; sends nothing. */
#include "cagentd/worker/quota.h"
#include "cagentd/worker/relay/turns.h"
#include "cagentd/worker/socks/associate_impl.h"

static struct slab_class *
row(struct associate *a, uint8_t class)
{
	return &a->slab->classes[class % SLAB_CLASSES];
}

void
associate_class_begin(struct associate *a)
{
	struct tunnels_about about = {.began_us = associate_now_us(a),
	    .class = CLASS_NORMAL,
	    .why = SLAB_CLASS_BY_DEFAULT,
	    .slot = TUNNELS_DIRECT};
	char text[USAGE_NAME_MAX + 1];
	const char *name = quota_name(&a->client, text);
	uint64_t user = usage_hash(&a->slab->usage, name);

	a->flows[PACE_UP] = (struct pace_flow){.user = user, .way = PACE_UP};
	a->flows[PACE_DOWN] =
	    (struct pace_flow){.user = user, .way = PACE_DOWN};
	about.user = user;
	tunnels_name(&about, name);
	tunnels_dest(&about, "udp");
	a->row = tunnels_take(&a->slab->live, &about);
}

/* It is counted and shown as of that class. */
static void
put(struct associate *a, uint8_t class, uint8_t why)
{
	if (a->judged != NULL)
		slab_down(&row(a, a->class)->tunnels);
	a->class = class;
	slab_up(&row(a, class)->tunnels);
	tunnels_class(a->row, class, why, 0);
}

void
associate_class_is(struct associate *a, const struct associate_dest *d)
{
	uint8_t class = d->verdict.class;
	uint8_t why =
	    d->verdict.class_set ? SLAB_CLASS_BY_RULE : SLAB_CLASS_BY_DEFAULT;

	if (a->judged == NULL)
		slab_add(&row(a, class)->began[why], 1);
	else if (a->class != class)
		slab_add(&row(a, class)->came, 1);
	put(a, class, why);
	settings_ref(d->settings);
	settings_unref(a->judged);
	a->judged = d->settings;
}

uint8_t
associate_class(const struct associate *a, const struct settings *s,
    const struct verdict *v)
{
	return settings_class_since(*a->settings, s, v->class);
}

void
associate_reclass(struct associate *a)
{
	uint8_t class;

	if (a->judged == NULL)
		return;
	class = settings_class_since(*a->settings, a->judged, a->class);
	if (class != a->class)
		put(a, class, SLAB_CLASS_BY_DEFAULT);
}

void
associate_class_end(struct associate *a)
{
	if (a->judged != NULL)
		slab_down(&row(a, a->class)->tunnels);
	settings_unref(a->judged);
	a->judged = NULL;
	tunnels_drop(&a->slab->live, a->row);
	a->row = NULL;
}

/*
 * Is there room for so many bytes?  They are taken then.  What is small is
 * asked for: that is let in up to the bucket's end, as it can not wait for
 * more, and behind who waits of a class before it.  The rest is owed.
 */
static bool
take(struct associate *a, struct pace_flow *flow, size_t len)
{
	const struct pacer pacer = {a->turns->state, &a->turns->plan};
	size_t most = len < ASSOCIATE_ASKS ? len : ASSOCIATE_ASKS, got;
	int64_t again_ns;

	got =
	    pace_ask(&pacer, flow, most, associate_now_us(a) * 1000, &again_ns);
	if (got > 0 && got < len)
		(void)turns_charge(a->turns, flow, len - got);
	return got > 0;
}

/*
 * A datagram is a frame of its own, however small, and nothing acknowledges it:
 * reckoned was as for a stream.  One that came for nothing has come all the
 * same.
 */
static void
correct(struct associate *a, enum pace_way way, size_t len, bool taken)
{
	enum pace_way back = way == PACE_UP ? PACE_DOWN : PACE_UP;
	int64_t frame = (int64_t)len + ASSOCIATE_FRAME;

	if (taken) {
		frame -= pace_reckoned(len, 0);
		turns_correct(a->turns, back, -pace_reckoned(0, len));
	}
	if (taken || way == PACE_DOWN)
		turns_correct(a->turns, way, frame);
}

bool
associate_admit(
    struct associate *a, uint8_t class, enum pace_way way, size_t len)
{
	struct pace_flow *flow = &a->flows[way];

	if (a->turns == NULL || !turns_limited(a->turns, class, way))
		return true;
	if (len == 0)
		len = 1; /* it is a datagram all the same */
	flow->class = class;
	if (!turns_lined(a->turns, class, way)) {
		(void)turns_charge(a->turns, flow, len);
		correct(a, way, len, true);
		return true;
	}
	if (take(a, flow, len)) {
		correct(a, way, len, true);
		return true;
	}
	correct(a, way, len, false);
	slab_add(&row(a, class)->datagrams_dropped, 1);
	associate_drop(a);
	return false;
}

void
associate_class_moved(
    struct associate *a, uint8_t class, enum pace_way way, size_t len)
{
	struct slab_class *c = row(a, class);

	slab_add(way == PACE_UP ? &c->bytes_up : &c->bytes_down, len);
	tunnels_moved(a->row, way == PACE_UP, len);
}
