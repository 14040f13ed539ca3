#ifndef POLICYD_PDFIELD_H
#define POLICYD_PDFIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The fields of our messages: big-endian numbers, and a str, which is a length
 * byte and as many bytes without NUL. */

/* n bytes of v, or a str of at most 255 bytes, at p; return what is behind. */
uint8_t *pdfield_put(uint8_t *p, uint64_t v, size_t n);
uint8_t *pdfield_put_str(uint8_t *p, const char *s);

struct pdfield {
	const uint8_t *at;
	size_t left;
	bool bad; /* something was not there, or not right */
};
/* 0 and bad when there are no n bytes. */
uint64_t pdfield_get(struct pdfield *, size_t n);
/* "" and bad when it does not fit into cap with its NUL. */
void pdfield_get_str(struct pdfield *, char *out, size_t cap);
/* n bytes as they stand. */
void pdfield_get_bytes(struct pdfield *, uint8_t *out, size_t n);
/* Only 0 and 1 are truth values. */
bool pdfield_get_bool(struct pdfield *);
/* 0 when all was right and nothing follows, else -EPROTO. */
int pdfield_end(const struct pdfield *);

#endif
