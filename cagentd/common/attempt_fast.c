/* Owns the doubt about a connection whose first bytes ride in its SYN: that it
 * was connected says nothing then.  Says no byte itself. */
#include "base/net_fast.h"
#include "cagentd/common/attempt_impl.h"

bool
attempt_fast_may(const struct attempt *a)
{
	const struct attempt_target *t = &a->target;

	/* Bare or direct, they are the client's; a trial of all at once
	 * measures its patience by the connecting. */
	return t->fast && !a->plain && !t->direct && !t->bare && !t->greet &&
	       !t->secure && t->manner != ATTEMPT_TRYING;
}

/* Has it been connected, ever?  If so, when and how is noted. */
static bool
stands(struct attempt *a)
{
	struct net_fast seen;
	int64_t at_us;

	if (net_fast_look(a->stream.fd, &seen) != 0)
		return true; /* nothing is known to the contrary */
	a->lost |= seen.lost;
	at_us = a->connecting_us + seen.rtt_us;
	if (at_us > loop_now_us(a->loop))
		at_us = loop_now_us(a->loop);
	if (seen.stands && at_us > a->connected_us)
		a->connected_us = at_us;
	return seen.stands;
}

void
attempt_fast_watch(struct attempt *a)
{
	int64_t at_us = loop_now_us(a->loop) + RACE_DELAY_US;

	/* Of a lone address the kernel sends the SYN again, and without. */
	if (a->unproven && a->addresses.ips_n > 1 && at_us < a->deadline_us)
		attempt_arm(a, at_us);
}

bool
attempt_fast_is_over(struct attempt *a)
{
	bool late = loop_now_us(a->loop) >= a->deadline_us;

	if (!a->unproven)
		return false;
	if (stands(a)) {
		if (!late)
			attempt_arm(a, a->deadline_us);
		return !late;
	}
	if (!late) {
		attempt_plainly(a);
		return true;
	}
	a->connected_us = 0;
	attempt_finish(a, REASON_HOP_TIMEOUT, NULL);
	return true;
}

bool
attempt_fast_was_none(struct attempt *a)
{
	if (!a->unproven)
		return false;
	a->unproven = false;
	if (stands(a))
		return false;
	/* By which it will be known what is wrong, or that it was this. */
	attempt_plainly(a);
	return true;
}

void
attempt_fast_proven(struct attempt *a)
{
	if (a->unproven)
		(void)stands(a);
	a->unproven = false;
}
