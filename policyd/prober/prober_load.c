/* Decides what an intermediary's word on its load means; asks nobody. */
#include "policyd/prober/prober_load.h"

enum pdmsg_load
prober_load_agent(const struct load_agent *a, uint16_t *percent)
{
	*percent =
	    a->percent < 0 || a->percent > 100 ? 100 : (uint16_t)a->percent;
	switch (a->state) {
	case LOAD_DOWN:
	case LOAD_FAILED:
	case LOAD_STOPPED:
		*percent = 0;
		return PDMSG_LOAD_DOWN;
	case LOAD_STATE_UNSAID:
	case LOAD_UP:
		break;
	}
	if (a->admin == LOAD_DRAIN || a->admin == LOAD_MAINT) {
		*percent = 0;
		return PDMSG_LOAD_DRAIN;
	}
	return PDMSG_LOAD_WEIGHT;
}

enum pdmsg_load
prober_load_metric(double value, int64_t full, uint16_t *percent)
{
	double left = 100 - 100 * (value / (double)full);

	/* In this order also what is no number comes to something. */
	if (left >= 100)
		*percent = 100;
	else if (left > 0)
		*percent = left < 1 ? 1 : (uint16_t)left;
	else
		*percent = 0;
	return PDMSG_LOAD_WEIGHT;
}
