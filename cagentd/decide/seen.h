#ifndef CAGENTD_SEEN_H
#define CAGENTD_SEEN_H

#include <stdint.h>

#include "wire/wire.h"

/*
 * What content came for which host and shape of path, for requests that do
 * not tell it themselves.  In a worker's memory alone, of fixed size; the
 * clock and the key are passed in.
 *
 * A shape is the path with what differs between things of one kind folded
 * away: digits, and parts that are identifiers; the extension stays.  Of each
 * the type that prevails is kept: one more of it makes it surer, another one
 * less sure, and takes its place when nothing is left of that.
 *
 * Places are found by a keyed hash (SipHash), so that nobody outside can make
 * hosts and paths meet in one, and of those that meet the one that was not
 * seen for longest goes.
 */
#define SEEN_SETS      1024
#define SEEN_WAYS      4
#define SEEN_TYPE_MAX  48
#define SEEN_SHAPE_MAX 255
#define SEEN_KEY_LEN   16
#define SEEN_SURE      8	    /* more is not remembered */
#define SEEN_AGE_US    3600000000ll /* then it is forgotten */

struct seen;

/* key: random.  NULL: out of memory. */
struct seen *seen_new(const uint8_t key[static SEEN_KEY_LEN]);
void seen_free(struct seen *); /* NULL allowed */

/* A whole answer with this media type has come ("text/html"; what is no type
 * or longer than SEEN_TYPE_MAX is left alone).  path: as in struct asked. */
void seen_note(struct seen *, const struct wire_host *, const char *path,
    const char *type, int64_t now_us);
/* The type to be expected, or "" when nothing is known.  Borrowed until the
 * next call. */
const char *seen_type(const struct seen *, const struct wire_host *,
    const char *path, int64_t now_us);

/* returns out. */
const char *seen_shape(const char *path, char out[static SEEN_SHAPE_MAX + 1]);

#endif
