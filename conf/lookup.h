#ifndef CONF_LOOKUP_H
#define CONF_LOOKUP_H

#include <stddef.h>
#include <stdint.h>

/*
 * Numbers by key: made once, then only read.  To find those of a key takes as
 * long among ten keys as among ten thousand.  Keys of different kinds are
 * different keys.  Who asks chooses no key that is in it, so that nobody can
 * make it slow from outside.
 */
struct lookup;

#define LOOKUP_KEY_MAX UINT16_MAX

struct lookup_ids {
	const uint32_t *id; /* rising */
	uint32_t n;
};

struct lookup *lookup_new(void); /* NULL: out of memory */
void lookup_free(struct lookup *);

/* One more number of that key: not below the last one it was given, and the
 * same again is left out.  What cannot be kept is told by lookup_seal(). */
void lookup_add(
    struct lookup *, uint8_t kind, const void *key, size_t len, uint32_t id);
/* How many numbers has it got so far? */
uint32_t lookup_count(
    const struct lookup *, uint8_t kind, const void *key, size_t len);
/* That was all: 0 or -ENOMEM. */
int lookup_seal(struct lookup *);

/* Of one that is sealed. */
struct lookup_ids lookup_find(
    const struct lookup *, uint8_t kind, const void *key, size_t len);

#endif
