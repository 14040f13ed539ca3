#ifndef CAGENTD_RANKING_UPLINK_H
#define CAGENTD_RANKING_UPLINK_H

#include <stdbool.h>

#include "cagentd/control/ranking.h"
#include "cagentd/decide/uplink.h"

/* Hold the news of this look against each other: what is to be believed of
 * them, and whether our own uplink is up, which is told once each way. */
void ranking_uplink_look(struct ranking *, const struct rank_now *);
/* Add what active checks say of a row to what workers saw: to seen, and to the
 * news, which are of that row. */
void ranking_uplink_check(struct ranking *, const struct table_row *,
    struct uplink_news *, struct rank_seen *, const struct rank_now *);
/* Go on from the table that an earlier control process left. */
void ranking_uplink_resume(
    struct ranking *, const struct rank_now *, bool stale);

#endif
