/* Owns how results are laid out for people; measures and judges nothing. */
#include "probe/report.h"

#include <err.h>
#include <errno.h>
#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>
#include <string.h>

#include "probe/units.h"

enum column {
	COLUMN_HOP,
	COLUMN_TARGET,
	COLUMN_OK,
	COLUMN_CONNECT,
	COLUMN_HANDSHAKE,
	COLUMN_FIRST,
	COLUMN_P95,
	COLUMN_RATE,
	COLUMN_VERDICT,
	COLUMN_WHY,
	COLUMNS
};

static const struct {
	const char *title;
	int flags;
} columns[COLUMNS] = {
    [COLUMN_HOP] = {"INTERMEDIARY", 0},
    [COLUMN_TARGET] = {"TARGET", 0},
    [COLUMN_OK] = {"OK", SCOLS_FL_RIGHT},
    [COLUMN_CONNECT] = {"CONNECT", SCOLS_FL_RIGHT},
    [COLUMN_HANDSHAKE] = {"HANDSHAKE", SCOLS_FL_RIGHT},
    [COLUMN_FIRST] = {"FIRST BYTE", SCOLS_FL_RIGHT},
    [COLUMN_P95] = {"P95", SCOLS_FL_RIGHT},
    [COLUMN_RATE] = {"RATE", SCOLS_FL_RIGHT},
    [COLUMN_VERDICT] = {"VERDICT", 0},
    [COLUMN_WHY] = {"", SCOLS_FL_TRUNC},
};

/* The longest cell. */
#define CELL_MAX                                                \
	(URL_TARGET_STRLEN > URL_HOP_STRLEN ? URL_TARGET_STRLEN \
					    : URL_HOP_STRLEN)

/* Those of one target are compared with each other. */
static int
compare(struct report *r, uint32_t first, uint32_t n)
{
	struct verdict_sum **list = calloc(n, sizeof(struct verdict_sum *));
	uint32_t i;
	int error;

	if (list == NULL)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		list[i] = &r->sums[first + i];
	error = verdict_compare(list, n);
	free(list);
	return error;
}

int
report_init(struct report *r)
{
	const struct series_set *set = r->set;
	uint32_t i, hops_n = set->opts->hops_n;
	int error = 0;

	r->sums = calloc(set->all_n, sizeof(*r->sums));
	if (r->sums == NULL)
		return -ENOMEM;
	for (i = 0; i < set->all_n && error == 0; i++)
		error = verdict_sum(
		    set->all[i].results, set->all[i].n, &r->sums[i]);
	for (i = 0; i < set->all_n && error == 0; i += hops_n)
		error = compare(r, i, hops_n);
	return error;
}

void
report_fini(struct report *r)
{
	free(r->sums);
	r->sums = NULL;
}

int
report_exit(const struct report *r)
{
	const struct series_set *set = r->set;

	return set->failed == 0 && set->ended == series_total(set)
		   ? OPTS_OK
		   : OPTS_FAILED;
}

const char *
report_text(const struct report *r, uint32_t i, char out[REPORT_TEXT_MAX])
{
	const struct series *s = &r->set->all[i];
	const struct verdict_sum *sum = &r->sums[i];
	char why[VERDICT_TEXT_MAX] = "", a[UNITS_LEN], b[UNITS_LEN];

	if (sum->example < sum->n)
		verdict_failure(
		    &s->results[sum->example], &s->via, s->query.kind, why);
	*out = '\0';
	if (s->unknown != NULL)
		snprintf(out, REPORT_TEXT_MAX, "its name gives no address: %s",
		    s->unknown);
	else if (sum->verdict == VERDICT_SLOW)
		snprintf(out, REPORT_TEXT_MAX,
		    "a p95 of %s, and the others have a median of %s",
		    units_span(sum->p95_us, a), units_span(sum->others_us, b));
	else if (sum->verdict == VERDICT_FLAKY)
		snprintf(out, REPORT_TEXT_MAX, "%u of %u failed: %s",
		    sum->n - sum->ok_n, sum->n, why);
	else if (sum->verdict == VERDICT_NONE)
		snprintf(out, REPORT_TEXT_MAX, "interrupted");
	else
		snprintf(out, REPORT_TEXT_MAX, "%s", why);
	return units_clean(out);
}

/* --- the table --- */

static bool
is_shown(const struct report *r, enum column c)
{
	const struct opts *o = r->set->opts;

	switch (c) {
	case COLUMN_TARGET:
		return o->targets_n > 1;
	case COLUMN_FIRST:
		return o->targets_n > 0;
	case COLUMN_RATE:
		return o->rate_bytes > 0;
	case COLUMN_HOP:
	case COLUMN_OK:
	case COLUMN_CONNECT:
	case COLUMN_HANDSHAKE:
	case COLUMN_P95:
	case COLUMN_VERDICT:
	case COLUMN_WHY:
	case COLUMNS:
		break;
	}
	return true;
}

static void
cell_text(const struct report *r, uint32_t i, enum column c, char *out)
{
	const struct verdict_sum *sum = &r->sums[i];
	const struct series *s = &r->set->all[i];

	switch (c) {
	case COLUMN_HOP:
		url_hop_format(s->hop, out);
		return;
	case COLUMN_TARGET:
		url_target_format(&s->query, out);
		return;
	case COLUMN_OK:
		snprintf(out, CELL_MAX, "%u/%u", sum->ok_n, sum->n);
		return;
	case COLUMN_CONNECT:
		units_span(sum->connect_us, out);
		return;
	case COLUMN_HANDSHAKE:
		units_span(s->hop->direct ? -1 : sum->handshake_us, out);
		return;
	case COLUMN_FIRST:
		units_span(sum->first_us, out);
		return;
	case COLUMN_P95:
		units_span(sum->p95_us, out);
		return;
	case COLUMN_RATE:
		units_rate(sum->rate, out);
		return;
	case COLUMN_VERDICT:
		snprintf(out, CELL_MAX, "%s", verdict_word(sum->verdict));
		return;
	case COLUMN_WHY:
		report_text(r, i, out);
		return;
	case COLUMNS:
		break;
	}
	*out = '\0';
}

/* libsmartcols fails for want of memory only. */
static void
must(int rc)
{
	if (rc != 0)
		errx(OPTS_FAILED, "out of memory");
}

static void *
given(void *p)
{
	if (p == NULL)
		errx(OPTS_FAILED, "out of memory");
	return p;
}

static void
add_row(const struct report *r, struct libscols_table *tb, uint32_t i)
{
	struct libscols_line *ln = given(scols_table_new_line(tb, NULL));
	char text[CELL_MAX];
	unsigned int c;
	size_t at = 0;

	for (c = 0; c < COLUMNS; c++) {
		if (!is_shown(r, (enum column)c))
			continue;
		cell_text(r, i, (enum column)c, text);
		must(scols_line_set_data(ln, at, text));
		if (c == COLUMN_VERDICT)
			must(scols_cell_set_color(scols_line_get_cell(ln, at),
			    verdict_colour(r->sums[i].verdict)));
		at++;
	}
}

void
report_table(const struct report *r)
{
	const struct opts *o = r->set->opts;
	struct libscols_table *tb = given(scols_new_table());
	unsigned int c;
	uint32_t i;

	must(scols_table_set_stream(tb, o->out));
	must(scols_table_enable_colors(tb, o->colour));
	must(scols_table_set_column_separator(tb, "  "));
	if (r->width > 0)
		must(scols_table_set_termwidth(tb, r->width));
	for (c = 0; c < COLUMNS; c++) {
		if (is_shown(r, (enum column)c))
			given(scols_table_new_column(
			    tb, columns[c].title, 0, columns[c].flags));
	}
	for (i = 0; i < r->set->all_n; i++)
		add_row(r, tb, i);
	must(scols_print_table(tb));
	scols_unref_table(tb);
}

/* --- notes --- */

/* When nobody gets through it is rather the target than all of them. */
static void
note_target(const struct report *r, uint32_t first)
{
	const struct opts *o = r->set->opts;
	char text[URL_TARGET_STRLEN];
	uint32_t i, asked = 0;

	for (i = first; i < first + o->hops_n; i++) {
		if (r->sums[i].ok_n > 0 || r->sums[i].n == 0)
			return;
		asked += r->sums[i].verdict != VERDICT_DEAD &&
			 r->sums[i].verdict != VERDICT_LOCAL;
	}
	if (asked < 2)
		return;
	fprintf(o->err,
	    "cagent-probe: nobody reaches %s: it may be to blame itself\n",
	    url_target_format(&r->set->all[first].query, text));
}

void
report_notes(const struct report *r)
{
	const struct opts *o = r->set->opts;
	uint32_t i;

	fflush(o->out);
	if (r->set->ended < series_total(r->set))
		fprintf(o->err, "cagent-probe: interrupted after %u of %u\n",
		    r->set->ended, series_total(r->set));
	for (i = 0; o->targets_n > 0 && o->hops_n > 1 && i < r->set->all_n;
	     i += o->hops_n)
		note_target(r, i);
}
