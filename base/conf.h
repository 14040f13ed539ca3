#ifndef BASE_CONF_H
#define BASE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The INI grammar, as rows of tables: UTF-8, "key = value", sections [kind]
 * or [kind "name"], lists are repeated keys, a comment starts with ';' or '#'
 * at the start of a line or with " ;" after a value.  Everything not in the
 * tables is an error with file:line, what was expected and the nearest known
 * key.  inih tokenises; the lines, their numbers and limits are read by us.
 *
 * Accepted: a byte order mark at the start, CR LF line ends, a last line
 * without an end, blanks at the end of a line, indented comments.  Refused,
 * one error a line: an over-long line, control characters (tabs are blanks)
 * and NUL, broken UTF-8, an indented key or section (other readers take it
 * for a continuation), "key: value", an empty value, a value in quotes.
 */
#define CONF_LINE_MAX	  1024 /* bytes of a line, without its newline */
#define CONF_NAME_MAX	  63   /* bytes of a section's name */
#define CONF_KIND_MAX	  31   /* bytes of a section's kind or of a key */
#define CONF_SECTIONS_MAX 16384
#define CONF_WORDS_MAX	  64 /* of a CONF_ENUM; options of a section */
#define CONF_ERRORS_MAX	  20 /* errors reported before giving up */
#define CONF_FILE_MAX	  (4u << 20)

enum conf_type {
	CONF_STRING, /* char[size] inside the record */
	CONF_BOOL,   /* bool; yes no true false on off */
	CONF_INT,    /* int64_t between min and max */
	CONF_MS,     /* int64_t milliseconds; 250ms 3s 5m 1h, unit required */
	CONF_BYTES,  /* int64_t; 64k 1m 2g or bytes */
	CONF_ENUM,   /* int; one of words */
	CONF_CUSTOM, /* parsed by the row's own function */
};

struct conf_word {
	const char *word; /* NULL ends the list */
	int value;
};

struct conf_ctx;

struct conf_option {
	const char *key; /* NULL ends the table */
	enum conf_type type;
	size_t offset;	  /* in the section's record */
	size_t size;	  /* CONF_STRING: of the array */
	int64_t min, max; /* both 0: what the type can hold */
	const struct conf_word *words;
	/* CONF_CUSTOM: 0, or -1 after conf_error(); -1 alone has the row's
	 * "expected ..., found ..." said.  record: the section's. */
	int (*parse)(struct conf_ctx *, void *record, const char *value);
	bool repeats; /* a list: may stand more than once (CONF_CUSTOM) */
	bool required;
	const char *expects; /* for messages, e.g. "an address like
				127.0.0.1:1080"; NULL: said from the type */
};

struct conf_section {
	const char *kind; /* NULL ends the table */
	bool named;
	bool repeats; /* named ones may stand many times, a name only once */
	const struct conf_option *options;
	/* A section starts: returns its record, which must not move while
	 * the file is parsed, or NULL after conf_error().
	 * Called once for an unnamed section, also when the section is
	 * split over two places in the file. */
	void *(*begin)(struct conf_ctx *, void *config, const char *name);
	/* All of it has been read, at the end of the file, in file order:
	 * 0, or -1 after conf_error().  NULL allowed.  Not called for a
	 * section in which something was wrong already. */
	int (*end)(struct conf_ctx *, void *config, void *record);
};

/* Say what is wrong at the current line (in end(): where the section
 * started). */
void conf_error(struct conf_ctx *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The line of the value being parsed, to be kept in a record and named in a
 * later conf_error_at(). */
int conf_line(const struct conf_ctx *);
void conf_error_at(struct conf_ctx *, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Errors found so far. */
int conf_errors_n(const struct conf_ctx *);
/* What the caller of conf_parse() passed. */
void *conf_arg(const struct conf_ctx *);

/* All errors found, each "file:line: text\n", NUL-terminated. */
struct conf_errors {
	int n; /* found, also those not kept; from CONF_ERRORS_MAX on the
		  rest of the file was not looked at */
	char text[CONF_ERRORS_MAX * 256];
};

/*
 * Parse len bytes that came from the file called name.
 * config   passed to begin() and end(); defaults are already in it.
 * returns  0 or -EINVAL with errors filled.
 */
int conf_parse(const char *name, const char *data, size_t len,
    const struct conf_section *sections, void *config, void *arg,
    struct conf_errors *errors);

/*
 * Read a whole regular file into *data (malloc, NUL after *len bytes; the
 * caller frees, secrets with explicit_bzero).  0, -errno, -EFBIG over max,
 * -EINVAL when not a regular file, -ETXTBSY when it changed meanwhile.  Never
 * blocks on a fifo.  private: refuse with -EPERM when group or others can
 * write it or others can read it.
 */
int conf_read_file(
    const char *path, size_t max, bool private, char **data, size_t *len);

/* Of a NULL-terminated list the word nearest to s, or NULL if none is near
 * (Damerau-Levenshtein without regard to case, at most a third of the
 * length). */
const char *conf_nearest(const char *s, const char *const *words);

#endif
