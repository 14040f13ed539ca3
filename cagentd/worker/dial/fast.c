/* Owns what is known of who does not get bytes that ride in a SYN; sends
 * none. */
#include "cagentd/worker/dial/fast.h"

void
fast_ask(struct record *r, struct record_hop h, int64_t now_us,
    struct attempt_target *t)
{
	struct slab_row *s;

	if (!t->fast)
		return;
	s = record_row(r, h);
	t->fast = s != NULL && now_us >= atomic_load_explicit(
					     &s->fast_us, memory_order_relaxed);
}

void
fast_learn(struct record *r, struct record_hop h,
    const struct attempt_result *a, int64_t now_us)
{
	struct slab_row *s;

	if (!a->fast_failed)
		return;
	s = record_row(r, h);
	if (s != NULL)
		atomic_store_explicit(
		    &s->fast_us, now_us + FAST_AGAIN_US, memory_order_relaxed);
}
