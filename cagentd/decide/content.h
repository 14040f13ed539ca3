#ifndef CAGENTD_CONTENT_H
#define CAGENTD_CONTENT_H

#include <stdbool.h>
#include <stddef.h>

#include "cagentd/decide/classify.h"

/*
 * What content a plain HTTP request is for, as far as anything tells before
 * the answer has come.  Pure.
 */
#define CONTENT_TYPE_MAX      127
#define CONTENT_EXTENSION_MAX 15

/* What tells it, the better witness first.  Above all of them stands the
 * administrator, who names extensions (serves.h). */
enum content_witness {
	CONTENT_BY_DEST,      /* Sec-Fetch-Dest: the client knows what for */
	CONTENT_BY_SEEN,      /* what came before for its like (seen.h) */
	CONTENT_BY_EXTENSION, /* one that is well known */
	CONTENT_BY_ACCEPT,    /* the first of those that are wanted most */
	CONTENT_WITNESSES
};
const char *content_witness_word(enum content_witness);

/* The media type by that witness, in lower case; "image/" is any image, ""
 * that it does not tell.  returns out. */
const char *content_by(const struct asked *, enum content_witness,
    char out[static CONTENT_TYPE_MAX + 1]);

/* Is it for one of these media types ("image/": any image)?  The first witness
 * that can tell decides; what none can tell is for none of them. */
bool content_is_for(
    const struct asked *, char *const *contents, size_t contents_n);

/* What the last part of a path has after its last dot, in lower case; "" when
 * that is no word of letters and digits, a letter at least.  returns out. */
const char *content_extension(
    const char *path, char out[static CONTENT_EXTENSION_MAX + 1]);

#endif
