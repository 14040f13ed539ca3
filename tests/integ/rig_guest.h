#ifndef TESTS_INTEG_RIG_GUEST_H
#define TESTS_INTEG_RIG_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/integ/rig_policyd.h"
#include "wire/envelope.h"
#include "wire/manage.h"
#include "wire/sealed.h"

/*
 * An agent as the policy server sees one, and no more: it registers, reports
 * and counts what it is told.  Blocking, with deadlines; a case has a few.
 */
#define RIG_GUEST_MS 10000

struct rig_guest {
	char name[MANAGE_NAME_MAX + 1];
	struct sealed_keys keys;
	uint8_t server[SEALED_KEY_LEN];
	int fd; /* -1: not connected */
	uint64_t sequence;
	/* What came last. */
	struct manage_answer answer;
	bool nack;
	int64_t published; /* signed messages */
	struct manage_mark rank, policy;
	char body[8192]; /* of the last rank */
	size_t have;
	uint8_t in[ENVELOPE_MAX + 4096];
};

/* With a key of its own; it knows the server's by that one's files. */
void rig_guest_init(
    struct rig_guest *, const struct rig_policyd *, const char *name);
void rig_guest_close(struct rig_guest *);

/* Connect and register: 0, -ECONNREFUSED and the like, or -EACCES with the
 * server's nack in answer. */
int rig_guest_register(
    struct rig_guest *, const struct rig_policyd *, const char *token);
/* Say what that one saw of an intermediary; the row's in_flight tells one
 * report from others.  Not waited for: 0 or -errno. */
int rig_guest_report(struct rig_guest *, const struct manage_row *);
/* Wait for one more message: 1: an answer, 2: a signed message, or -errno. */
int rig_guest_next(struct rig_guest *, int timeout_ms);
/* Wait for a rank whose body has that text; false at the deadline. */
bool rig_guest_await_rank(struct rig_guest *, const char *text, int timeout_ms);
/* A one-time token, made by the command. */
void rig_guest_token(struct rig_policyd *, const char *group, char out[65]);

#endif
