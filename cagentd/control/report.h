#ifndef CAGENTD_REPORT_H
#define CAGENTD_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include "cagentd/control/ranking.h"
#include "wire/manage.h"

/*
 * What all managers are told: what came in since this control process began,
 * by the name of the intermediary.  The counts only grow, whoever is told of
 * them and how often, so a report that is lost costs nothing; what a slab does
 * to its own, and whose place in it is whose, is not seen from outside.
 */
struct report;

/* 0 or -ENOMEM. */
int report_new(struct report **, const struct ranking *);
void report_free(struct report *); /* NULL allowed */

/* Names that are remembered; when there are more, all begin anew, under
 * another instance. */
#define REPORT_NAMES_MAX (2 * MANAGE_ROWS_MAX)

/* Look at the slabs, and at nothing again that was seen.  0 or -ENOMEM. */
int report_look(struct report *, int64_t wall_us);

/* The body of a SEALED_REPORT as of the last look; malloc()ed, the caller
 * frees.  NULL when out of memory. */
uint8_t *report_body(const struct report *, enum manage_why, size_t *len);

#endif
