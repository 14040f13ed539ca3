#ifndef CAGENT_CTL_FIELD_H
#define CAGENT_CTL_FIELD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What a JSON object's fields are called, how people see them, and what they
 * mean: one row a field, so that tables, --json and --describe cannot
 * disagree.
 */
enum field_kind {
	FIELD_TEXT,
	FIELD_COUNT, /* a number as it is */
	FIELD_RANK,  /* 0 shown as "-" */
	FIELD_BYTES,
	FIELD_RATE,   /* bit/s, in units of 1000 */
	FIELD_SPAN,   /* microseconds; 0 shown as "-" */
	FIELD_TIME,   /* wall-clock microseconds; 0: never */
	FIELD_BOOL,   /* yes, no */
	FIELD_LIST,   /* strings, joined */
	FIELD_COUNTS, /* an object of counts: "refused 3, timeout 1" */
	FIELD_STATE,  /* of an intermediary or a process; coloured */
	FIELD_OTHER,  /* a list of objects, shown in a table of its own */
};

struct field {
	const char *name;  /* in JSON; "connect.p50_us" lies deeper */
	const char *title; /* of the column in a table; NULL: none */
	const char *label; /* of the line in a list of pairs; NULL: none */
	enum field_kind kind;
	bool wide; /* a column for wide terminals only */
	/* Of the text, when kind is not enough; NULL: by kind. */
	void (*cell)(const json_t *obj, int64_t now_us, char *out, size_t size);
	const char *what;
};

struct field_list {
	const char *title;	    /* what the object is */
	const char *path;	    /* in the answer; "" the answer itself */
	const struct field *fields; /* ended by a NULL name */
};

/* A field's value, or NULL. */
const json_t *field_value(const json_t *obj, const char *name);
/* The number of that name; 0 when there is none. */
int64_t field_number(const json_t *obj, const char *name);
/* The string of that name, or "". */
const char *field_string(const json_t *obj, const char *name);
bool field_true(const json_t *obj, const char *name);

/* What people see of a field; "-" for nothing.  Returns out. */
const char *field_text(const struct field *, const json_t *obj, int64_t now_us,
    char *out, size_t size);
/* Is it a number, to be aligned at its right? */
bool field_is_number(const struct field *);
/* A colour's name for that state, or NULL. */
const char *field_state_colour(const char *state);
/* The state in words for people: "not used yet" for "unknown". */
const char *field_state_text(const char *state);

/* A string that jansson takes whatever the bytes are. */
json_t *field_json_string(const char *s);

#endif
