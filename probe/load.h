#ifndef PROBE_LOAD_H
#define PROBE_LOAD_H

#include <stddef.h>
#include <stdint.h>

/*
 * What an intermediary tells of its own load, in the two ways that are
 * common.  Pure.
 */

/*
 * HAProxy's agent-check (its manual, section 5.2): words between blanks or
 * commas, without regard to case, up to the line's end: "75%", "maxconn:30",
 * "ready", "drain", "maint", "up", "down", "failed", "stopped"; after a '#'
 * comes a description.
 */
#define LOAD_LINE_MAX	 512
#define LOAD_PERCENT_MAX 256 /* as HAProxy caps a weight */
#define LOAD_WHY_MAX	 128

enum load_admin {
	LOAD_ADMIN_UNSAID,
	LOAD_READY,
	LOAD_DRAIN,
	LOAD_MAINT
};

enum load_state {
	LOAD_STATE_UNSAID,
	LOAD_UP,
	LOAD_DOWN,
	LOAD_FAILED,
	LOAD_STOPPED
};

struct load_agent {
	enum load_admin admin;
	enum load_state state;
	int percent;		/* of the weight; -1: unsaid */
	int64_t maxconn;	/* -1: unsaid */
	char why[LOAD_WHY_MAX]; /* the description, cut; printable ASCII */
};

/* The line, with or without its end: 0, or -EINVAL with out as it was (empty,
 * a word that is none of these, a word said twice in different ways). */
int load_agent_parse(const char *line, size_t len, struct load_agent *out);

/*
 * One metric of a page in Prometheus' text format: "name", or
 * name{label="value",...} with labels that the sample has to have, perhaps
 * beside others.
 */
#define LOAD_SELECTOR_MAX 512
#define LOAD_LABELS_MAX	  16
#define LOAD_SAMPLE_MAX	  8192 /* bytes of a line of the page */

/* Is this a selector?  0 or -EINVAL. */
int load_selector_check(const char *selector);
/*
 * Is this line, without its end, the sample that is selected?  1: *value is
 * finite; 0: no, or a comment; -EINVAL: it is, and has no number; -ERANGE: and
 * it is no finite one.
 */
int load_sample_parse(
    const char *line, size_t len, const char *selector, double *value);

#endif
