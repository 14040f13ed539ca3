#ifndef POLICYD_PDKIDS_TELL_H
#define POLICYD_PDKIDS_TELL_H

#include "policyd/master/pdkids.h"

/* What the master says to its children; to one that is gone, nothing.  One
 * that cannot be told, because it does not read, is killed. */

void pdkids_tell(const struct pdkid *, uint32_t type);
/* All that it may have, up to PDMSG_START. */
void pdkids_provide(struct pdkid *);
/* Connect one with the ranker, if both are there and are not connected;
 * the ranker itself with all the others. */
void pdkids_link(struct pdkid *);

#endif
