#ifndef CAGENTD_POLICY_H
#define CAGENTD_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cagentd/control/events.h"
#include "cagentd/control/policy_history.h"
#include "cagentd/control/policy_store.h"
#include "conf/settings.h"

struct bundle;
struct policy_rank;
struct verified;

/*
 * Signed policy, as the control process holds it: the chain of roots, the
 * policy that was accepted last, and what it takes to accept another.  A
 * message is checked in this order: type, audience, signatures, age, its text
 * against the configuration; then it is on the disk, and only then held.
 * Whatever fails changes nothing.
 */
#define POLICY_WHY_MAX 1024

/* What was accepted, as one: all NULL and zero for nothing. */
struct policy_held {
	struct verified *root, *policy;
	struct verified *policy_root; /* that it came under; NULL: root */
	struct verified *rank;
	struct trust_mark rank_mark; /* of the newest ever */
	bool stale;		     /* the policy was seen to have expired */
	uint8_t anchor[POLICY_STORE_HASH_LEN];
};

struct policy {
	struct events *events;	 /* borrowed */
	struct settings *config; /* of the bundle; a reference */
	struct bundle *bundle;	 /* owned: of the configuration in force */
	struct policy_store store;
	struct policy_history *history; /* owned; NULL: none is kept */
	struct policy_held held;
	struct policy_rank *ranks;  /* owned: of held.rank; NULL: none */
	struct trust_mark late;	    /* refused as expired, see policy_take() */
	bool lost;		    /* policy.state cannot be read */
	bool stale;		    /* as held.stale, also when not kept */
	bool fits;		    /* the configuration allows it */
	char fault[POLICY_WHY_MAX]; /* why none is taken; "": one may be */
};

/* Zeroed, it takes none: fault says that the configuration has no [policy]. */
void policy_init(struct policy *, struct events *);
void policy_free(struct policy *);

/* Keep the history in that file, which is taken; -1: nowhere. */
void policy_remember(struct policy *, int fd);

/*
 * Take up what was accepted, at the start.  fd: the state's, taken; -1: there
 * is none.  The bundle is taken, the settings are those that came out of it.
 * returns the settings with the policy in them: a reference.
 */
struct settings *policy_start(
    struct policy *, int fd, struct bundle *, struct settings *, int64_t now_s);
/* Another configuration is in force; the bundle is taken. */
void policy_configure(
    struct policy *, struct bundle *, struct settings *, int64_t now_s);

enum policy_outcome {
	POLICY_REFUSED, /* and nothing has changed */
	POLICY_ALREADY, /* the very message that is held */
	POLICY_TAKEN,	/* on the disk, and held */
	POLICY_TO_APPLY /* likewise, and its body is to be put in force; or a
			 * root, by which there is no policy any more */
};
struct policy_answer {
	char code[32]; /* a stable word; "": not refused */
	char text[POLICY_WHY_MAX];
};

/*
 * A message from outside, of any type and origin.  The clock is believed only
 * as far as signed times allow, and what was once refused as expired is
 * refused for good, by this process, also when the clock is set back.
 */
enum policy_outcome policy_take(struct policy *, const uint8_t *message,
    size_t len, int64_t now_s, struct policy_answer *);

/* What is to be in force: false when there is none.  Borrowed. */
bool policy_body(const struct policy *, struct settings_body *);
/* The ranking that goes with what is in force, or NULL; borrowed until the
 * next call of another function here. */
const struct policy_rank *policy_ranks(const struct policy *);
/* Is what is held in force? */
bool policy_in_force(const struct policy *);
/* Is one in force, and none held: one that was dropped? */
bool policy_is_left_over(const struct policy *);
/* Is what is held in force, or neither held nor in force? */
bool policy_is_settled(const struct policy *);
/* Look at the clock; true when it has become stale by it, which it stays for
 * good: a clock that is set back makes nothing fresh, nor does a restart. */
bool policy_clock(struct policy *, int64_t now_s);

#endif
