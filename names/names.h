#ifndef NAMES_NAMES_H
#define NAMES_NAMES_H

#include <stdint.h>

#include "names/answer.h"

struct loop;

/*
 * Host names to addresses by c-ares, with one cache for all workers: answers
 * for their TTL within NAMES_TTL_*, "no such name" for NAMES_NEGATIVE_S,
 * failures for NAMES_FAILED_S.  Questions for one name are asked once.
 * /etc/hosts is read at the start; localhost is what RFC 6761 says.
 */
#define NAMES_CACHE_MAX	    8192
#define NAMES_QUESTIONS_MAX 1024 /* different names being asked at once */
#define NAMES_TTL_MIN_S	    5
#define NAMES_TTL_MAX_S	    300
#define NAMES_NEGATIVE_S    10
#define NAMES_FAILED_S	    2
#define NAMES_TIMEOUT_MS    2000 /* a server's; two tries over all */

struct names;
typedef void names_fn(void *arg, uint64_t id, const struct names_answer *);

/* servers: "ip:port,…", or NULL for those of resolv.conf.  Reads files, so
 * before the sandbox.  0, -ENOMEM, or -EINVAL (servers). */
int names_new(struct names **, struct loop *, const char *servers);
void names_free(struct names *); /* NULL allowed; nobody is called back */

/* Ask; fn(arg, id, answer) is called once, perhaps before this returns.  The
 * answer is borrowed. */
void names_ask(
    struct names *, const char *name, names_fn *, void *arg, uint64_t id);
/* Nobody with this arg wants an answer any more. */
void names_forget(struct names *, const void *arg);

#endif
