#ifndef CAGENTD_RANKING_CHECK_H
#define CAGENTD_RANKING_CHECK_H

#include <stdint.h>

#include "cagentd/control/ranking.h"
#include "cagentd/decide/due.h"

/* What active checks have to do with the picture: which row wants one, and
 * what came of it, as evidence for the next ranking_step(). */

void ranking_check_settings(struct ranking *, const struct settings *);
/* Add what checks have said of a row to what the workers saw. */
void ranking_check_see(struct ranking *, const struct table_row *,
    struct rank_seen *, const struct rank_now *);

/* The row whose check matters most of those that are due, or NULL; then
 * *at_us is when one will be (mono_us(), INT64_MAX for never). */
/* Is it to reach the target?  Who is there for plain HTTP requests often makes
 * no tunnels, and says so: it is asked for its own address. */
bool ranking_check_targets(const struct table_row *);
struct table_row *ranking_check_due(
    struct ranking *, int64_t mono_us, int64_t *at_us);
/* It is being made; what it is asked for hangs on target (or NULL). */
enum due_question ranking_check_begin(
    struct ranking *, const struct table_row *, const struct wire_host *target);
/* One that is not lost, or any that may serve when all are, is to say whether
 * our own uplink is alive. */
void ranking_check_witness(struct ranking *);
/* It was given up without an outcome. */
void ranking_check_drop(struct ranking *, uint32_t slot);
/* Its outcome, of a tenant that may be gone by now. */
void ranking_check_end(struct ranking *, uint32_t slot, uint32_t incarnation,
    const struct due_result *);

#endif
