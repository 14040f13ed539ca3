/* Decides how often children may be started again; starts none. */
#include "cagentd/master/pace.h"

#define MINUTE_US INT64_C(60000000)

bool
pace_start(struct pace *p, bool worker, int64_t now_us, int64_t *wait_us)
{
	struct proc_throttle *t = &p->throttle;
	uint32_t i, starts_n = 0;
	int64_t oldest = now_us;

	for (i = 0; i < PROC_FORKS_A_MINUTE && i < t->next; i++) {
		if (now_us - t->starts_us[i] >= MINUTE_US)
			continue;
		starts_n++;
		if (t->starts_us[i] < oldest)
			oldest = t->starts_us[i];
	}
	if (worker && starts_n >= PROC_FORKS_A_MINUTE - PACE_NOT_OF_WORKERS) {
		*wait_us = oldest + MINUTE_US - now_us;
		return false;
	}
	return proc_throttle_take(t, now_us, wait_us);
}

void
pace_undo(struct pace *p)
{
	/* What stood in that place before was over a minute old. */
	if (p->throttle.next > 0)
		p->throttle.next--;
}

bool
pace_say(struct pace *p, int64_t now_us)
{
	if (p->said_us != 0 && now_us - p->said_us < PACE_SAY_US)
		return false;
	p->said_us = now_us;
	return true;
}
