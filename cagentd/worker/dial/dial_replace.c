/* Owns whether what stands and says nothing may be replaced by another path,
 * and when; replaces nothing. */
#include "cagentd/worker/dial/dial.h"
#include "cagentd/worker/dial/dial_steps.h"
#include "cagentd/worker/dial/dial_tries.h"

/* Stood, and was given up for its silence; dial_again() has named that. */
static bool
was_mute(const struct dial_try *t)
{
	return t->direct ? t->stood && t->reason == REASON_TIMEOUT
			 : t->reason == REASON_HOP_MUTE;
}

int64_t
dial_patience_us(const struct dial *d)
{
	uint32_t i;

	for (i = 0; i < d->tries_n; i++) {
		if (was_mute(&d->tries[i]))
			return 0;
	}
	return path_stall_us(d->env->index, d->tries[d->standing].rank);
}

/* Has the intermediary that stands failed of late? */
static bool
is_in_doubt(const struct dial *d)
{
	const struct dial_try *t = &d->tries[d->standing];
	const struct path_load *l = &d->env->record->loads[t->hop.slot];

	return !t->direct && l->incarnation == t->hop.incarnation &&
	       (l->failures > 0 ||
		   loop_now_us(d->env->loop) < l->avoid_until_us);
}

/* The deadline was that of what stands: dial_again() has its own.  But what
 * may yet answer is not given up to end there. */
bool
dial_may_replace(struct dial *d, bool asked)
{
	struct path_pick pick;

	/* Each step has its one try, which is none beyond the first. */
	if (dial_steps_follow(d))
		return true;
	if (dial_tries_all(d) || d->settings->hedge_percent == 0 ||
	    dial_steps_choose(d, TABLE_RANKED, &pick) != 0)
		return false;
	/* Who waits for a word has no request to lose. */
	return (asked ? budget_replay(d->env->budget)
		      : budget_hedge(d->env->budget)) ||
	       is_in_doubt(d);
}
