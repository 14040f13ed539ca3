#ifndef POLICYD_RANKER_RANK_H
#define POLICYD_RANKER_RANK_H

#include "policyd/ranker/ranker.h"

/* What ranking is made of, for ranker_rank.c. */

/* Is the name one of those, between which there is a blank each? */
bool ranker_override_names(const char *list, const char *name);
/* What orders say of one member of that group; the latest word counts. */
void ranker_overrides_apply(
    const struct ranker *, const char *group, struct order_member *);
void ranker_overrides_expire(struct ranker *);

/* What the agents of a group saw within the window, of one intermediary; out
 * has room for all of them.  How many did. */
uint32_t ranker_group_saw(const struct ranker *, const struct ranker_group *,
    uint32_t known, struct fuse_agent *out);

/* Have ranks made for those groups where there is something new to say or it
 * is time; nothing when it cannot be done now. */
void ranker_sign(struct ranker *);

#endif
