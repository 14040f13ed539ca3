/* Owns what is known of who bears a handshake all at once; says none. */
#include "cagentd/worker/dial/eager.h"

/* In the slab's word, behind the state. */
#define LOGIN	     (1u << 8) /* it asks for the login */
#define DOUBTS_SHIFT 16
#define DOUBTS_MAX   6u /* one more would double beyond EAGER_LONG_US */

static uint32_t
get(const struct slab_row *s)
{
	return atomic_load_explicit(&s->eager, memory_order_relaxed);
}

static void
put(struct slab_row *s, enum slab_eager state, uint32_t notes, int64_t at_us)
{
	atomic_store_explicit(&s->eager_us, at_us, memory_order_relaxed);
	atomic_store_explicit(&s->eager,
	    (uint32_t)state | (notes & ~SLAB_EAGER), memory_order_relaxed);
}

static bool
is_due(const struct slab_row *s, int64_t now_us)
{
	return now_us >=
	       atomic_load_explicit(&s->eager_us, memory_order_relaxed);
}

void
eager_ask(struct record *r, struct record_hop h, int64_t now_us,
    struct attempt_target *t)
{
	struct slab_row *s = record_row(r, h);
	uint32_t word;

	t->manner = ATTEMPT_STEPWISE;
	if (s == NULL || t->type != HOP_SOCKS5 || t->associate)
		return;
	word = get(s);
	t->no_login = (word & LOGIN) == 0;
	/* The login that it asked for is not there any more. */
	if (!t->no_login && t->user == NULL)
		return;
	switch (word & SLAB_EAGER) {
	case SLAB_EAGER_YES:
		t->manner = ATTEMPT_EAGER;
		return;
	case SLAB_EAGER_DUE:
	case SLAB_EAGER_TRYING:
	case SLAB_EAGER_NO:
		break;
	default:
		return;
	}
	if (!is_due(s, now_us))
		return;
	t->manner = ATTEMPT_TRYING;
	put(s, SLAB_EAGER_TRYING, word, now_us + EAGER_TRIAL_US);
}

/* It has served in steps. */
static void
learn_steps(struct slab_row *s, bool login, int64_t now_us)
{
	uint32_t word = get(s), state = word & SLAB_EAGER;

	if (login != ((word & LOGIN) != 0)) {
		word ^= LOGIN;
		if (state == SLAB_EAGER_YES)
			state = SLAB_EAGER_UNKNOWN;
		atomic_store_explicit(&s->eager, state | (word & ~SLAB_EAGER),
		    memory_order_relaxed);
	}
	if (state == SLAB_EAGER_UNKNOWN)
		put(s, SLAB_EAGER_DUE, word, now_us);
}

static void
learn_doubt(struct slab_row *s, int64_t now_us)
{
	uint32_t word = get(s), doubts = word >> DOUBTS_SHIFT;
	int64_t wait = EAGER_AGAIN_US << (doubts < DOUBTS_MAX ? doubts : 0);

	if (doubts < DOUBTS_MAX)
		word += 1u << DOUBTS_SHIFT;
	else
		wait = EAGER_LONG_US;
	put(s, SLAB_EAGER_DUE, word, now_us + wait);
}

void
eager_learn(struct record *r, struct record_hop h,
    const struct attempt_result *a, int64_t now_us)
{
	struct slab_row *s;

	if (a->news == ATTEMPT_NO_NEWS)
		return;
	s = record_row(r, h);
	if (s == NULL)
		return;
	switch (a->news) {
	case ATTEMPT_NO_NEWS:
		return;
	case ATTEMPT_NEWS_STEPWISE:
		learn_steps(s, a->logged_in, now_us);
		return;
	case ATTEMPT_NEWS_BORNE:
		put(s, SLAB_EAGER_YES, get(s) & LOGIN, now_us);
		return;
	case ATTEMPT_NEWS_SWALLOWED:
		put(s, SLAB_EAGER_NO, get(s), now_us + EAGER_LONG_US);
		return;
	case ATTEMPT_NEWS_UNSURE:
		learn_doubt(s, now_us);
		return;
	case ATTEMPT_NEWS_DOUBT: /* it has to serve in steps again first */
		put(s, SLAB_EAGER_UNKNOWN, get(s), now_us);
		return;
	}
}
