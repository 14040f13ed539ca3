#ifndef CAGENTD_BLAME_H
#define CAGENTD_BLAME_H

#include <stdbool.h>

#include "wire/wire.h"

/* What the failure of a path says, and of whom.  Pure. */
enum blame {
	BLAME_NOBODY,
	BLAME_IF_CORROBORATED, /* once another path reaches the destination */
	BLAME_HOP
};

enum blame blame_of(enum wire_reason);

/* Which of two failures tells the client more; a when they are alike. */
enum wire_reason blame_truest(enum wire_reason a, enum wire_reason b);

/* Did somebody answer for the destination, so that it is pointless to ask the
 * same intermediary again? */
bool blame_answered(enum wire_reason);
/* Is the answer about the destination alone, so that two who give one are to
 * be believed?  (A general failure or a denial may be the intermediary's.) */
bool blame_definite(enum wire_reason);

#endif
