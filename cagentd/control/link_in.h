#ifndef CAGENTD_LINK_IN_H
#define CAGENTD_LINK_IN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/envelope.h"
#include "wire/manage.h"
#include "wire/sealed.h"

struct buf;

/*
 * What comes from a manager: signed and sealed messages, which tell their own
 * length and follow each other with nothing in between.  Each is put together
 * here, of bytes that come as they come; what may not be is refused as soon as
 * its header says so.  Nothing is believed yet.
 */
struct link_in {
	struct buf *held;  /* what has come and is not done; NULL: nothing */
	bool sealed_alone; /* signed messages are not taken */
};

/* The longest answer: nothing else is sealed for an agent. */
#define LINK_IN_ANSWER_MAX 512

enum link_in_kind {
	LINK_IN_SIGNED,
	LINK_IN_SEALED
};
struct link_in_msg {
	enum link_in_kind kind;
	const uint8_t *bytes; /* borrowed until link_in_done() */
	size_t len;
	struct sealed head; /* LINK_IN_SEALED */
};

/* Why no more can be read: there is no telling where the next one begins. */
struct link_in_fault {
	enum link_in_kind kind;
	uint8_t of; /* LINK_IN_SIGNED: its type as far as it can be told */
	char text[128];
};

/* 0 or -ENOMEM. */
int link_in_add(struct link_in *, const uint8_t *data, size_t len);
/* 1: *msg is the next whole message; 0: more must come; -1 with *fault. */
int link_in_next(
    struct link_in *, struct link_in_msg *msg, struct link_in_fault *);
/* It has been seen to. */
void link_in_done(struct link_in *, const struct link_in_msg *);
/* Are there bytes of one that is not whole? */
bool link_in_waits(const struct link_in *);
void link_in_reset(struct link_in *);

#endif
