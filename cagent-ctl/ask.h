#ifndef CAGENT_CTL_ASK_H
#define CAGENT_CTL_ASK_H

#include <jansson.h>
#include <stdint.h>

#include "cagent-ctl/client.h"

struct call;

/* A path in the run directory; cut when too long, which opening then says. */
#define ASK_PATH_MAX 256
const char *ask_path(
    const struct call *, const char *name, char out[ASK_PATH_MAX]);

/*
 * Ask the daemon, by a line in the form of printf.  What goes wrong is said.
 * *doc    the first object of the answer, the caller frees; NULL on failure.
 * returns enum verb_exit; VERB_OK and *doc NULL when what was ordered is so
 * already.
 */
int ask(const struct call *, json_t **doc, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same, and the connection for what follows the first object. */
int ask_open(
    const struct call *, struct client **, json_t **doc, const char *line);
/* With what follows the line, and only the first object. */
int ask_with(const struct call *, json_t **doc, const char *line,
    const void *data, size_t len);
/* Without a word, within timeout_us: 0 and *doc, or -errno. */
int ask_quietly(
    const struct call *, const char *line, int64_t timeout_us, json_t **doc);
/* Say why the socket could not be asked; returns enum verb_exit. */
int ask_explain(const struct call *, int error);

#endif
