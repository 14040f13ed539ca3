#ifndef PROBE_REPORT_H
#define PROBE_REPORT_H

#include "probe/series.h"
#include "probe/verdict.h"

/* What came of the series, one verdict_sum each, in their order. */
struct report {
	const struct series_set *set; /* borrowed */
	struct verdict_sum *sums;     /* ours */
	unsigned int width;	      /* of the terminal; 0: there is none */
};

#define REPORT_TEXT_MAX 320

/* 0 or -ENOMEM.  set and width are set in *r. */
int report_init(struct report *);
void report_fini(struct report *);

/* On opts->out. */
void report_table(const struct report *);
void report_json(const struct report *);
/* What the numbers suggest, as notes. */
void report_notes(const struct report *);

/* Why the verdict is what it is, in a sentence; "" for ok. */
const char *report_text(
    const struct report *, uint32_t i, char out[REPORT_TEXT_MAX]);
/* OPTS_OK when every probe has succeeded. */
int report_exit(const struct report *);

#endif
