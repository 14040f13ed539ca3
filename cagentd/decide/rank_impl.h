#ifndef CAGENTD_RANK_IMPL_H
#define CAGENTD_RANK_IMPL_H

#include "cagentd/decide/rank.h"

/* What rank*.c share among themselves. */

/* Say why it stands where it does, from now on. */
void rank_explain(struct table_row *, const struct rank_now *, enum table_why,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Is the last change long enough ago for another one? */
bool rank_may_move(const struct rank_state *, const struct rank_now *);
/* Write into the row what rank_resume() needs. */
void rank_keep(
    struct table_row *, const struct rank_state *, const struct rank_now *);
/* The part of rank_step() that is about slowness. */
bool rank_step_slow(struct table_row *, struct rank_state *,
    const struct rank_seen *, const struct rank_now *);

#endif
