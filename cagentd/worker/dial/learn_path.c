/* Reads out of a dial what there is to learn; changes nothing in it. */
#include "cagentd/worker/dial/learn_path.h"

/* Stood and was silent, but so was the client: perhaps it was its turn. */
static bool
was_not_asked(const struct dial_try *t)
{
	return t->direct && t->stood && t->unasked &&
	       t->reason == REASON_TIMEOUT;
}

void
learn_path_dialed(struct learn *l, const struct dial *d, const struct dialed *r)
{
	const struct dial_try *t;

	/* The direct way of a learned destination is not what stands. */
	if (!d->verdict.learned || (r->try != NULL && r->try->direct))
		return;
	for (t = d->tries; t < d->tries + d->tries_n; t++) {
		if (t->direct && !was_not_asked(t))
			learn_failed(l, d->settings, d->host, t->reason,
			    r->reason == REASON_OK);
	}
}

/* The destination spoke first by another path: so it should have. */
static void
spoke_first(struct learn *l, const struct dial *d)
{
	const struct dial_try *t;

	for (t = d->tries; t < d->tries + d->tries_n; t++) {
		if (was_not_asked(t))
			learn_failed(l, d->settings, d->host, t->reason, true);
	}
}

void
learn_path_judged(struct learn *l, struct settings *s, const struct dial *d,
    enum wire_reason reason, bool asked)
{
	bool direct = d->tries[d->standing].direct;

	if (reason == REASON_OK) {
		if (!asked)
			spoke_first(l, d);
		learn_proved(l, s, d->host, &d->verdict, direct);
	} else if (d->verdict.learned && direct && asked &&
		   reason != REASON_CANCELLED) {
		learn_failed(l, s, d->host, reason, true);
	}
}
