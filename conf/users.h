#ifndef CONF_USERS_H
#define CONF_USERS_H

#include <stddef.h>
#include <stdint.h>

/*
 * The file of those who may log in: a line "name:hash" each, the hash as
 * libsodium's crypto_pwhash_str_alg() writes it for argon2id, with the cost of
 * looking at it; empty lines and those that begin with '#' are for people.
 */
#define USERS_MAX      10000
#define USERS_NAME_MAX 63
#define USERS_HASH_MAX 127
#define USERS_LINE_MAX (USERS_NAME_MAX + 1 + USERS_HASH_MAX)
#define USERS_WHY_MAX  512
/* Of memory times passes, in KiB: what takes longer than a few seconds is
 * taken for a process that hangs. */
#define USERS_COST_MAX (1024 * 1024)

struct users_one {
	char name[USERS_NAME_MAX + 1];
	char hash[USERS_HASH_MAX + 1];
};

struct users {
	struct users_one *one; /* by name */
	uint32_t n;
};

/* path is for why, which says "path:line: what is wrong".  0, -EINVAL, or
 * -ENOMEM. */
int users_parse(const char *path, const char *text, size_t len, struct users **,
    char why[USERS_WHY_MAX]);
void users_free(struct users *); /* NULL allowed; wiped */
/* NULL: there is none. */
const struct users_one *users_find(const struct users *, const char *name);

/* Why nobody may be called that, as "a name that ..."; NULL: it will do. */
const char *users_name_trouble(const char *name);
/* Likewise of a hash: "a hash that ...". */
const char *users_hash_trouble(const char *hash);

#endif
