/* Decides what a failure says, and of whom; keeps no count of it. */
#include "cagentd/decide/blame.h"

enum blame
blame_of(enum wire_reason reason)
{
	switch (reason) {
	case REASON_HOP_REFUSED:
	case REASON_HOP_TIMEOUT:
	case REASON_HOP_CLOSED:
	case REASON_HOP_BAD:
	case REASON_HOP_AUTH:
	case REASON_HOP_TLS:
	case REASON_HOP_CERT:
		return BLAME_HOP;
	case REASON_REFUSED:
	case REASON_HOST_UNREACHABLE:
	case REASON_NET_UNREACHABLE:
	case REASON_TIMEOUT:
	case REASON_HOP_UNREACHABLE:
	case REASON_HOP_FAILED:
	case REASON_HOP_SILENT:
	case REASON_HOP_HUNG_UP:
	case REASON_HOP_MUTE:
		return BLAME_IF_CORROBORATED;
	case REASON_OK:
	case REASON_NAME_UNKNOWN:
	case REASON_NAME_FAILED:
	case REASON_HOP_UNSUPPORTED:
	case REASON_HOP_DENIED:
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
	return BLAME_NOBODY;
}

/* How much a reason says about the destination; the highest is told. */
static int
weight(enum wire_reason reason)
{
	switch (reason) {
	case REASON_REFUSED:
	case REASON_NAME_UNKNOWN:
		return 9;
	case REASON_HOST_UNREACHABLE:
	case REASON_NET_UNREACHABLE:
		return 8;
	case REASON_TIMEOUT:
		return 7;
	case REASON_HOP_DENIED:
	case REASON_NAME_FAILED:
		return 6;
	case REASON_HOP_FAILED:
		return 5;
	case REASON_HOP_SILENT:
		return 4;
	case REASON_HOP_HUNG_UP:
	case REASON_HOP_MUTE:
		return 3;
	case REASON_HOP_REFUSED:
	case REASON_HOP_UNREACHABLE:
	case REASON_HOP_TIMEOUT:
	case REASON_HOP_CLOSED:
	case REASON_HOP_BAD:
	case REASON_HOP_AUTH:
	case REASON_HOP_TLS:
	case REASON_HOP_CERT:
	case REASON_HOP_UNSUPPORTED:
	case REASON_OVERLOAD:
	case REASON_FULL:
		return 2;
	case REASON_DENIED:
	case REASON_NO_PATH:
	case REASON_UNSUPPORTED:
	case REASON_BAD_REQUEST:
	case REASON_LIMITED:
		return 1;
	case REASON_OK:
	case REASON_CANCELLED:
	case REASON_COUNT:
		break;
	}
	return 0;
}

enum wire_reason
blame_truest(enum wire_reason a, enum wire_reason b)
{
	return weight(b) > weight(a) ? b : a;
}

bool
blame_answered(enum wire_reason reason)
{
	return weight(reason) >= 5;
}

bool
blame_definite(enum wire_reason reason)
{
	return weight(reason) >= 7;
}
