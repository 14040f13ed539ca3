/* Tells failures of intermediaries from those of targets; counts nobody's. */
#include "policyd/prober/prober_blame.h"

void
prober_blame_passed(
    struct prober_blame *b, uint32_t target, uint64_t who, int64_t now_us)
{
	if (b->seen[target].by[0].who != who)
		b->seen[target].by[1] = b->seen[target].by[0];
	b->seen[target].by[0].who = who;
	b->seen[target].by[0].at_us = now_us;
}

/* Can the target be the cause of that?  A 2xx, and then bytes that are no
 * answer, can; rubbish in the handshake cannot. */
static bool
can_be_targets(enum wire_reason reason, enum probe_phase phase)
{
	switch (reason) {
	case REASON_REFUSED:
	case REASON_HOST_UNREACHABLE:
	case REASON_NET_UNREACHABLE:
	case REASON_TIMEOUT:
	case REASON_NAME_UNKNOWN:
	case REASON_NAME_FAILED:
	case REASON_HOP_DENIED:
	case REASON_HOP_UNSUPPORTED: /* a v6 target, say */
	case REASON_HOP_FAILED:
	case REASON_HOP_SILENT:
	case REASON_HOP_HUNG_UP:
	case REASON_HOP_MUTE:
		return true;
	case REASON_HOP_BAD:
		return phase >= PROBE_WAITING;
	case REASON_OK:
	case REASON_HOP_REFUSED:
	case REASON_HOP_UNREACHABLE:
	case REASON_HOP_TIMEOUT:
	case REASON_HOP_CLOSED:
	case REASON_HOP_AUTH:
	case REASON_HOP_TLS:
	case REASON_HOP_CERT:
	case REASON_DENIED:
	case REASON_NO_PATH:
	case REASON_OVERLOAD:
	case REASON_UNSUPPORTED:
	case REASON_BAD_REQUEST:
	case REASON_LIMITED:
	case REASON_FULL:
	case REASON_CANCELLED:
	case REASON_COUNT:
		break;
	}
	return false;
}

/* Through one that is not `not`; 0: through anybody. */
static bool
has_answered(
    const struct prober_blame *b, uint32_t target, uint64_t not, int64_t now_us)
{
	int i;

	for (i = 0; i < 2; i++) {
		if (b->seen[target].by[i].who != 0 &&
		    b->seen[target].by[i].who !=
			not &&now_us - b->seen[target].by[i].at_us <=
			    b->window_us)
			return true;
	}
	return false;
}

bool
prober_blame_target(const struct prober_blame *b,
    const struct prober_failure *f, int64_t now_us)
{
	uint32_t i;

	if (!can_be_targets(f->reason, f->phase) ||
	    has_answered(b, f->target, f->who, now_us))
		return false;
	if (b->targets_n == 1)
		return f->of_n > 1;
	for (i = 0; i < b->targets_n; i++) {
		if (i != f->target && has_answered(b, i, 0, now_us))
			return true;
	}
	return false;
}
