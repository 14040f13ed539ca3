#ifndef POLICYD_PDLOAD_H
#define POLICYD_PDLOAD_H

#include <stddef.h>

struct conf_errors;
struct pdconf;

/* A configuration that can be started with: its text, and what it says. */
struct pdload {
	char *text; /* owned */
	size_t len;
	struct pdconf *conf; /* one reference */
};

/*
 * Read the file and look at all that it names: the keys, the passwords, the
 * root, and as root the users.  Of keys and passwords nothing is kept.  0, or
 * -EINVAL with errors.  What is only odd (a key that the root does not name)
 * is logged.
 */
int pdload(const char *path, struct pdload *, struct conf_errors *);
void pdload_free(struct pdload *);

#endif
