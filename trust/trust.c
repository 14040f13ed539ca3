/* Why a message is refused, and which of two is newer; decides neither. */
#include "trust/trust.h"

#include <stdarg.h>
#include <stdio.h>

const char *
trust_fault_word(enum trust_fault fault)
{
	switch (fault) {
	case TRUST_FINE:
		return "fine";
	case TRUST_MALFORMED:
		return "malformed";
	case TRUST_TYPE:
		return "wrong-type";
	case TRUST_AUDIENCE:
		return "wrong-audience";
	case TRUST_EPOCH_OLD:
		return "old-root";
	case TRUST_EPOCH_NEW:
		return "unknown-root";
	case TRUST_KEY:
		return "unknown-key";
	case TRUST_ROLE:
		return "wrong-role";
	case TRUST_KEY_EXPIRED:
		return "key-expired";
	case TRUST_THRESHOLD:
		return "too-few-signatures";
	case TRUST_SIGNATURE:
		return "bad-signature";
	case TRUST_ROOT_EXPIRED:
		return "root-expired";
	case TRUST_ROLLBACK:
		return "rollback";
	case TRUST_SAME:
		return "same-serial";
	case TRUST_SKIPPED:
		return "skipped-root";
	case TRUST_FUTURE:
		return "from-the-future";
	case TRUST_EXPIRED:
		return "expired";
	case TRUST_BODY:
		return "bad-body";
	case TRUST_MIX:
		return "another-policy";
	case TRUST_MEMORY:
		return "out-of-memory";
	}
	return "?";
}

bool
trust_refuse(
    struct trust_why *why, enum trust_fault fault, const char *fmt, ...)
{
	va_list ap;

	why->fault = fault;
	va_start(ap, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	return false;
}

int
trust_compare(struct trust_mark a, struct trust_mark b)
{
	if (a.epoch != b.epoch)
		return a.epoch < b.epoch ? -1 : 1;
	if (a.serial != b.serial)
		return a.serial < b.serial ? -1 : 1;
	return 0;
}
