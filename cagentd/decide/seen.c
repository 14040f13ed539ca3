/* Remembers what content came for what; asks nobody and chooses nothing. */
#include "cagentd/decide/seen.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "cagentd/decide/content.h"

#define HEX_MIN 8  /* so long, and a digit in it, is an identifier */
#define ID_MIN	20 /* so long with letters and digits, likewise */

struct entry {
	uint64_t hash; /* of host and shape, all that is kept of them */
	int64_t at_us; /* when it was last noted */
	uint8_t count; /* 0: free */
	char type[SEEN_TYPE_MAX + 1];
};

struct seen {
	uint8_t key[SEEN_KEY_LEN];
	struct entry sets[SEEN_SETS][SEEN_WAYS];
};

_Static_assert(SEEN_KEY_LEN == crypto_shorthash_KEYBYTES, "of SipHash");
_Static_assert(sizeof(uint64_t) == crypto_shorthash_BYTES, "of SipHash");

struct seen *
seen_new(const uint8_t key[static SEEN_KEY_LEN])
{
	struct seen *s = calloc(1, sizeof(*s));

	if (s != NULL)
		memcpy(s->key, key, sizeof(s->key));
	return s;
}

void
seen_free(struct seen *s)
{
	free(s);
}

/* --- shapes --- */

static bool
is_id(const char *s, size_t len)
{
	size_t i, digits = 0, letters = 0, hex = 0, dashes = 0;

	for (i = 0; i < len; i++) {
		digits += isdigit((unsigned char)s[i]) != 0;
		letters += isalpha((unsigned char)s[i]) != 0;
		hex += isxdigit((unsigned char)s[i]) != 0;
		dashes += s[i] == '-' || s[i] == '_';
	}
	if (digits == 0)
		return false;
	return (len >= HEX_MIN && hex + dashes == len) ||
	       (len >= ID_MIN && letters > 0 &&
		   digits + letters + dashes == len);
}

struct shape {
	char *out;
	size_t len;
};

static void
put(struct shape *to, char c)
{
	if (to->len < SEEN_SHAPE_MAX)
		to->out[to->len++] = c;
}

/* One part of a path, with a sign for each run of digits. */
static void
fold(struct shape *to, const char *s, size_t len)
{
	size_t i;

	if (is_id(s, len)) {
		put(to, '#');
		return;
	}
	for (i = 0; i < len; i++) {
		if (!isdigit((unsigned char)s[i]))
			put(to, s[i]);
		else if (i == 0 || !isdigit((unsigned char)s[i - 1]))
			put(to, '#');
	}
}

const char *
seen_shape(const char *path, char out[static SEEN_SHAPE_MAX + 1])
{
	char extension[CONTENT_EXTENSION_MAX + 1];
	struct shape to = {out, 0};
	size_t len, tail = 0;
	const char *e;

	if (content_extension(path, extension)[0] != '\0')
		tail = strlen(extension) + 1;
	while (*path != '\0') {
		len = strcspn(path, "/");
		if (path[len] == '/')
			fold(&to, path, len);
		else
			fold(&to, path, len - tail);
		if (path[len] == '/')
			put(&to, '/');
		path += len + (path[len] == '/');
	}
	if (tail > 0)
		put(&to, '.');
	for (e = extension; *e != '\0'; e++)
		put(&to, *e);
	out[to.len] = '\0';
	return out;
}

/* --- the map --- */

static uint64_t
hash_of(const struct seen *s, const struct wire_host *host, const char *path)
{
	char text[WIRE_HOST_STRLEN + SEEN_SHAPE_MAX + 2];
	char name[WIRE_HOST_STRLEN], shape[SEEN_SHAPE_MAX + 1], *c;
	uint64_t hash;
	int len;

	wire_host_format(host, name);
	for (c = name; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	len =
	    snprintf(text, sizeof(text), "%s%s", name, seen_shape(path, shape));
	crypto_shorthash((unsigned char *)&hash, (const unsigned char *)text,
	    (unsigned long long)len, s->key);
	return hash;
}

static bool
is_known(const struct entry *e, int64_t now_us)
{
	return e->count > 0 && now_us - e->at_us < SEEN_AGE_US;
}

/* Its own place, or NULL. */
static const struct entry *
find(const struct seen *s, uint64_t hash)
{
	const struct entry *set = s->sets[hash % SEEN_SETS];
	uint32_t i;

	for (i = 0; i < SEEN_WAYS; i++) {
		if (set[i].count > 0 && set[i].hash == hash)
			return &set[i];
	}
	return NULL;
}

/* Its own place, or that of the one that goes for it. */
static struct entry *
find_place(struct seen *s, uint64_t hash)
{
	struct entry *set = s->sets[hash % SEEN_SETS], *oldest = set;
	uint32_t i;

	for (i = 0; i < SEEN_WAYS; i++) {
		if (set[i].count > 0 && set[i].hash == hash)
			return &set[i];
	}
	for (i = 0; i < SEEN_WAYS; i++) {
		if (set[i].count == 0)
			return &set[i];
		if (set[i].at_us < oldest->at_us)
			oldest = &set[i];
	}
	return oldest;
}

void
seen_note(struct seen *s, const struct wire_host *host, const char *path,
    const char *type, int64_t now_us)
{
	uint64_t hash;
	struct entry *e;

	if (strchr(type, '/') == NULL || strlen(type) > SEEN_TYPE_MAX)
		return;
	hash = hash_of(s, host, path);
	e = find_place(s, hash);
	if (!is_known(e, now_us) || e->hash != hash)
		*e = (struct entry){.hash = hash};
	e->at_us = now_us;
	if (e->count > 0 && strcmp(e->type, type) != 0)
		e->count--;
	else if (e->count > 0 && e->count < SEEN_SURE)
		e->count++;
	if (e->count > 0)
		return;
	e->count = 1;
	memcpy(e->type, type, strlen(type) + 1);
}

const char *
seen_type(const struct seen *s, const struct wire_host *host, const char *path,
    int64_t now_us)
{
	const struct entry *e = find(s, hash_of(s, host, path));

	return e != NULL && is_known(e, now_us) ? e->type : "";
}
