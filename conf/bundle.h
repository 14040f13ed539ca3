#ifndef CONF_BUNDLE_H
#define CONF_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * All that a configuration was made from, as one sealed run of bytes: the
 * file, the files it names, the uids behind user names.  The master fills a
 * live bundle while it parses; children parse the same configuration out of
 * the sealed one, after they have lost the right to open files, so that no
 * two processes can differ about it.
 *
 * Keys: "conf:NAME" the configuration, "file:PATH", "secret:PATH" (checked to
 * be private, first line only), "users:PATH" and "key:PATH" (private, the
 * whole of it),
 * "user:NAME" ("uid:gid" in decimal digits).
 */
struct bundle;

#define BUNDLE_MAX	(8u << 20)
#define BUNDLE_KEY_MAX	4096
#define BUNDLE_ITEM_MAX (4u << 20)

/* A live, empty bundle; NULL when out of memory. */
struct bundle *bundle_new(void);
/* From a sealed fd (stays the caller's).  0, -errno, -EPROTO. */
int bundle_open(struct bundle **, int fd);
void bundle_free(struct bundle *); /* NULL allowed; clears its memory */

/*
 * The item of that key, NUL after *len bytes, borrowed until bundle_free();
 * in a live bundle fetched from the system when it is not there yet.
 * NULL with *error a -errno (-ENOENT: not in a sealed bundle, no such user).
 */
const char *bundle_get(
    struct bundle *, const char *key, size_t *len, int *error);
/* Put an item in; 0, -ENOSPC, -ENOMEM, -EEXIST. */
int bundle_put(struct bundle *, const char *key, const char *data, size_t len);
/* The same in the place of what is there; after an error nothing is. */
int bundle_set(struct bundle *, const char *key, const char *data, size_t len);
/* From here on what is missing is fetched from the system again. */
void bundle_thaw(struct bundle *);

/* A sealed memfd of it; fd or -errno.  with: a bit set of what not every
 * process is to have, and is left out otherwise. */
enum bundle_with {
	BUNDLE_SECRETS = 1, /* "secret:" and "key:" */
	BUNDLE_USERS = 2    /* "users:" */
};
int bundle_seal(const struct bundle *, unsigned int with);

/* What an error of bundle_get() says of that file: "it is not a regular
 * file". */
const char *bundle_trouble(int error);

#endif
