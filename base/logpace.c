/* Decides whether a line is one too many; writes none. */
#include "base/logpace.h"

bool
logpace_may(struct logpace *p, int64_t now_us, uint64_t *missed)
{
	*missed = 0;
	if (p->lines == 0 || now_us - p->since_us >= LOGPACE_SPAN_US) {
		p->since_us = now_us;
		p->lines = 0;
	}
	if (p->lines == LOGPACE_LINES) {
		p->missed++;
		return false;
	}
	p->lines++;
	*missed = p->missed;
	p->missed = 0;
	return true;
}
