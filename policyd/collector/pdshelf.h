#ifndef POLICYD_PDSHELF_H
#define POLICYD_PDSHELF_H

#include <sys/queue.h>

#include <stddef.h>
#include <stdint.h>

#include "wire/envelope.h"
#include "wire/manage.h"

/*
 * The signed messages that agents are to have: every root, and of policies and
 * ranks the newest for each audience.  What one agent lacks is decided here.
 * Nothing is verified: agents do.
 */
#define PDSHELF_ROOTS_MAX 4096

/* A message, counted, as it may be on its way to many. */
struct pdnote {
	uint32_t refs;
	enum envelope_type type;
	struct manage_mark mark;
	size_t len;
	uint8_t bytes[];
};
struct pdnote *pdnote_ref(struct pdnote *);
void pdnote_unref(struct pdnote *); /* NULL allowed */

/* What there is for one audience. */
struct pdgroup {
	LIST_ENTRY(pdgroup) entry;
	uint32_t refs; /* agents */
	char name[MANAGE_NAME_MAX + 1];
	struct pdnote *policy, *rank; /* NULL: none */
};

struct pdshelf {
	LIST_HEAD(, pdgroup) groups;
	struct pdgroup all;    /* audience "*" */
	struct pdnote **roots; /* by rising epoch */
	uint32_t roots_n;
};

/* What an agent has, or has been sent. */
struct pdmarks {
	uint32_t root_epoch;
	struct manage_mark policy, rank;
};

void pdshelf_init(struct pdshelf *);
void pdshelf_free(struct pdshelf *); /* no group is referred to any more */

/* Put a message in the place of an earlier one: 0, -EPROTO (it is none), or
 * -ENOMEM. */
int pdshelf_put(struct pdshelf *, const uint8_t *message, size_t len);

/* The group of that name, with a reference; NULL: out of memory. */
struct pdgroup *pdshelf_join(struct pdshelf *, const char *name);
void pdshelf_leave(struct pdgroup *); /* NULL allowed */

/*
 * What is to be sent next to who is in that group and has that: roots above
 * its own, one after the other, then the policy of its group, or where there
 * is none that for all, then the rank likewise.  Marks are moved; NULL: it
 * lacks nothing.  Borrowed.
 */
struct pdnote *pdshelf_next(
    const struct pdshelf *, const struct pdgroup *, struct pdmarks *);

#endif
