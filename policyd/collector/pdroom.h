#ifndef POLICYD_PDROOM_H
#define POLICYD_PDROOM_H

#include <sys/queue.h>
#include <sys/tree.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "policyd/collector/pdagent.h"
#include "policyd/collector/pdguests.h"
#include "policyd/collector/pdline.h"
#include "policyd/collector/pdquota.h"
#include "policyd/collector/pdshelf.h"
#include "policyd/common/pdconf.h"
#include "wire/sealed.h"

/* All connections: who is there, whose turn it is, what they all are sent. */

/* Bytes of messages that are not whole yet, of all together. */
#define PDROOM_PENDING_MAX (64u << 20)
/* When it is as much, no further report waits for its turn. */
#define PDROOM_WAITING_MAX (PDROOM_PENDING_MAX / 2)
/* Sending to all goes on for so long before others have their turn. */
#define PDROOM_SLICE_US 5000
/* What is remembered of the quotas of those that have gone. */
#define PDROOM_PAST_N 4096

struct pdroom_past {
	uint64_t who;
	struct pdquota quota;
};

TAILQ_HEAD(pdroom_list, pdagent);
RB_HEAD(pdroom_ids, pdagent);
RB_HEAD(pdroom_keys, pdagent);

struct pdroom {
	struct loop *loop;
	const struct pdconf *conf;	/* borrowed, as keys */
	const struct sealed_keys *keys; /* in locked memory */
	struct pdline line;
	struct pdshelf shelf;
	struct pdguests guests;
	struct pdroom_list all, dead, hellos, reports;
	struct pdroom_ids ids;
	struct pdroom_keys of_key;
	uint32_t n, known_n;
	uint64_t last_id, last_sequence;
	size_t pending;		  /* bytes in agents' buffers */
	struct pdroom_past *past; /* PDROOM_PAST_N; owned */
	uint8_t *scratch;	  /* an opened body behind a head; owned */
	uint32_t push_left;	  /* of all, still to be looked at */
	struct op push, reap;
	/* How many there are has changed; and an error past all help. */
	void (*changed)(void *arg);
	void (*broken)(void *arg, const char *why);
	void *arg;
};

/* 0 or -ENOMEM. */
int pdroom_init(struct pdroom *, struct loop *, const struct pdconf *,
    const struct sealed_keys *);
void pdroom_free(struct pdroom *);
/* A channel to the ranker, in the place of an earlier one; fd is taken. */
void pdroom_line(struct pdroom *, int fd);

/* --- for pdagent --- */

/* Number it. */
void pdroom_enter(struct pdroom *, struct pdagent *);
/* Out of all lists; freed when this turn of the loop is over. */
void pdroom_leave(struct pdroom *, struct pdagent *);
/* Another one with that key. */
struct pdagent *pdroom_find(struct pdroom *, const uint8_t key[SEALED_KEY_LEN]);
/* From here on it is the one with its key. */
void pdroom_know(struct pdroom *, struct pdagent *);
/* Serve whose turn it is, as far as there is room. */
void pdroom_turns(struct pdroom *);
void pdroom_wants_hello(struct pdroom *, struct pdagent *);
/* What is left of an agent's quota from an earlier connection. */
void pdroom_recall(struct pdroom *, struct pdagent *);
/* Of what we say: rises, also over a restart. */
uint64_t pdroom_sequence(struct pdroom *);

#endif
