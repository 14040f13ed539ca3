#ifndef CAGENT_CTL_TOP_VIEW_H
#define CAGENT_CTL_TOP_VIEW_H

#include "cagent-ctl/field.h"

/* What `cagent-ctl top` has to show: four tables. */
enum top_view {
	TOP_TUNNELS,
	TOP_USERS,
	TOP_CLASSES,
	TOP_INTERMEDIARIES,
	TOP_VIEWS
};

/* "tunnels", and on: also its list's name in JSON. */
const char *top_view_name(enum top_view);
/* The view of that name; TOP_VIEWS: there is none. */
enum top_view top_view_find(const char *name);
/* What the rows of each hold; ended by a NULL name. */
extern const struct field top_view_tunnels[], top_view_users[];
extern const struct field top_view_classes[], top_view_intermediaries[];
const struct field *top_view_fields(enum top_view);
/* The field by which a row is the same one at the next look. */
const char *top_view_identity(enum top_view);

/* The word by which people name a field: its name's last part, without a unit
 * ("setup.p50_us": "p50"). */
#define TOP_WORD_MAX 32
const char *top_view_word(const struct field *, char out[static TOP_WORD_MAX]);
/* The field of that word, or name; -1: the view has none. */
int top_view_column(enum top_view, const char *word);
/* The column that it is sorted by when nothing is said. */
int top_view_first(enum top_view);

/* All together each way, beside what the link carries, out of "totals":
 * "80Mbit/s (80% of 100M)"; "-" where it is not known.  Returns out. */
#define TOP_RATE_MAX 96
const char *top_view_rate(
    const json_t *totals, bool up, char out[static TOP_RATE_MAX]);

#endif
