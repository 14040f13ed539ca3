#ifndef NAMES_NAMES_ARES_H
#define NAMES_NAMES_ARES_H

#include "names/answer.h"

struct loop;

/* c-ares on our loop: A and AAAA of a name, sorted by RFC 6724. */
struct names_ares;
typedef void names_ares_fn(void *arg, const struct names_answer *);

/* As names_new(). */
int names_ares_new(struct names_ares **, struct loop *, const char *servers);
/* Questions under way are answered (failed) before this returns. */
void names_ares_free(struct names_ares *); /* NULL allowed */
/* fn is called once, perhaps before this returns. */
void names_ares_ask(
    struct names_ares *, const char *name, names_ares_fn *, void *arg);

#endif
