#ifndef TRUST_TRUST_H
#define TRUST_TRUST_H

#include <stdbool.h>
#include <stdint.h>

/* What all of trust/ shares: why a message is refused, how new one is. */
#define TRUST_WHY_MAX 240

enum trust_fault {
	TRUST_FINE,
	TRUST_MALFORMED, /* not one whole message */
	TRUST_TYPE,	 /* of another kind than expected */
	TRUST_AUDIENCE,	 /* for another group */
	TRUST_EPOCH_OLD, /* under a root that was replaced */
	TRUST_EPOCH_NEW, /* under a root that is not known here yet */
	TRUST_KEY,	 /* signed by a key that the root does not name */
	TRUST_ROLE,	 /* signed by a key that may sign other things */
	TRUST_KEY_EXPIRED,
	TRUST_THRESHOLD,    /* too few signatures */
	TRUST_SIGNATURE,    /* a signature is wrong */
	TRUST_ROOT_EXPIRED, /* the root in force is not in force any more */
	TRUST_ROLLBACK,	    /* older than what was seen */
	TRUST_SAME,	    /* of the very serial that was seen last */
	TRUST_SKIPPED,	    /* a root that leaves out a version */
	TRUST_FUTURE,	    /* issued later than now */
	TRUST_EXPIRED,
	TRUST_BODY, /* a root's or a rank's body cannot be read */
	TRUST_MIX,  /* a rank for another policy than that in force */
	TRUST_MEMORY
};
/* A stable word: "rollback", "wrong-audience". */
const char *trust_fault_word(enum trust_fault);

struct trust_why {
	enum trust_fault fault;
	char text[TRUST_WHY_MAX]; /* what was expected and found */
};

/* How new a message is: first by epoch, then by serial.  Zero: never seen. */
struct trust_mark {
	uint32_t epoch;
	uint64_t serial;
};
/* < 0, 0, > 0 */
int trust_compare(struct trust_mark a, struct trust_mark b);

/* Fills why; always false. */
bool trust_refuse(struct trust_why *, enum trust_fault, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
