#ifndef POLICYD_MESSAGE_H
#define POLICYD_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/envelope.h"

struct verified;

/* A message of a file, signed or not yet, with room for all signatures. */
struct message {
	uint8_t *data; /* owned */
	size_t len, cap;
	struct envelope e; /* borrows from data; message_look() */
};

/* All of these say what is wrong, with the path. */

/* The header and body as e has them, unsigned. */
bool message_make(struct message *, const struct envelope *e);
bool message_read(struct message *, const char *path);
/* Take the place of path, if anything, in one step. */
bool message_write(const struct message *, const char *path);
void message_free(struct message *);

/*
 * Sign with the key of the file, which must be one of those that allowed()
 * takes; that says what is wrong itself.
 */
struct message_signer {
	bool (*allowed)(const void *arg, const char *path,
	    const uint8_t id[ENVELOPE_KEY_ID_LEN]);
	const void *arg;
};
bool message_sign(
    struct message *, const char *path, const struct message_signer *);

/* A root that is whole; the caller frees; NULL after saying why. */
struct verified *message_root(const char *path);

/* Is there a file of that name?  Says so, if there is. */
bool message_exists(const char *path);

/* "root 2", "policy 17 of root 2 for york" */
#define MESSAGE_TITLE_MAX 160
const char *message_title(const struct envelope *, char out[MESSAGE_TITLE_MAX]);

#endif
