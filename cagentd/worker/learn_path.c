/* Reads out of a dial what there is to learn; changes nothing in it. */
#include "cagentd/worker/learn_path.h"

void
learn_path_dialed(struct learn *l, const struct dial *d, const struct dialed *r)
{
	uint32_t i;

	/* The direct way of a learned destination is not what stands. */
	if (!d->verdict.learned || (r->try != NULL && r->try->direct))
		return;
	for (i = 0; i < d->tries_n; i++) {
		if (d->tries[i].direct)
			learn_failed(l, d->settings, d->host,
			    d->tries[i].reason, r->reason == REASON_OK);
	}
}

void
learn_path_judged(struct learn *l, struct settings *s, const struct dial *d,
    enum wire_reason reason)
{
	bool direct = d->tries[d->standing].direct;

	if (reason == REASON_OK)
		learn_proved(l, s, d->host, &d->verdict, direct);
	else if (d->verdict.learned && direct && reason != REASON_CANCELLED)
		learn_failed(l, s, d->host, reason, true);
}
