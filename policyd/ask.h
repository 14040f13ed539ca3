#ifndef POLICYD_ASK_H
#define POLICYD_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

struct call;

/*
 * A question to the server that runs (policyd/common/pdctl.h).  What goes
 * wrong is said.  returns enum verb_exit; the objects are the caller's, NULL
 * on failure.  ask_free() takes both.
 */
#define ASK_TIMEOUT_US 5000000
#define ASK_MAX	       (64u << 20) /* bytes of an answer */

struct answer {
	json_t *head;	/* the first object */
	json_t *rows;	/* an array of those that follow */
	int64_t master; /* the server's first process; 0: unknown */
};
int ask(const struct call *, struct answer *, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* With what follows the line. */
int ask_with(const struct call *, struct answer *, const char *line,
    const void *data, size_t len);
void ask_free(struct answer *);

/* For what is asked again and again: 0, or -errno without a word; -EREMOTEIO
 * when the answer is a no. */
int ask_quietly(const struct call *, struct answer *, const char *line);

/* Fields, by name: 0, "" or false where there is none. */
int64_t ask_int(const json_t *, const char *name);
const char *ask_str(const json_t *, const char *name);
bool ask_true(const json_t *, const char *name);

/* --json: the head with the rows in it under that name (NULL: none), on
 * stdout.  Returns VERB_OK. */
int ask_print(const struct answer *, const char *rows);

#endif
