#ifndef POLICYD_RANKER_CTL_SAY_H
#define POLICYD_RANKER_CTL_SAY_H

#include <jansson.h>

#include "policyd/ranker/ranker_ctl_answer.h"
#include "wire/envelope.h"

struct ranker_why;

/* What several verbs say alike. */

/* "root 2", "policy 17 of root 2 for york".  Returns out. */
#define RANKER_CTL_TITLE_MAX 160
const char *ranker_ctl_title(
    const struct envelope *, char out[RANKER_CTL_TITLE_MAX]);
/* type, epoch, serial, audience, issued_s, expires_s */
void ranker_ctl_set_header(json_t *, const struct envelope *);
/* The hash of a whole message, its beginning in hexadecimal. */
void ranker_ctl_set_hash(json_t *, const uint8_t *message, size_t len);

/* A no of the ranker: error as it has said, why as it has filled in. */
void ranker_ctl_refuse_why(
    struct ranker_ctl_query *, int error, const struct ranker_why *);
/* There is no such name among the words, which end with NULL: says so, and
 * which was meant perhaps.  what: "no agent is called". */
void ranker_ctl_refuse_name(struct ranker_ctl_query *, const char *what,
    const char *name, const char *const *words);

#endif
