#ifndef TESTS_INTEG_RIG_MEMBER_H
#define TESTS_INTEG_RIG_MEMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/envelope.h"
#include "wire/manage.h"
#include "wire/sealed.h"

/*
 * One member of a fleet as the policy server sees it, driven step by step: it
 * says what the case wants said, true or not.
 */
#define RIG_MEMBER_ROWS_MAX 8
#define RIG_MEMBER_IN_MAX   (2 * 1024 * 1024)

struct rig_member {
	char name[MANAGE_NAME_MAX + 1], group[MANAGE_NAME_MAX + 1];
	struct sealed_keys keys;
	uint8_t server[SEALED_KEY_LEN];
	int fd;		   /* -1: not connected */
	uint64_t sequence; /* the last that was used */
	uint64_t asked;	   /* of the last that gets an answer */
	uint64_t instance;
	uint16_t rows_n;
	struct manage_row rows[RIG_MEMBER_ROWS_MAX]; /* by rising name */
	uint8_t *in; /* what came and is not looked at */
	size_t in_len;
	/* What came last of each, by enum envelope_type. */
	uint64_t serial[ENVELOPE_RANK + 1];
	char rank[4096];		   /* the newest rank's body */
	struct manage_answer answer;	   /* the newest */
	bool nack;			   /* it was one */
	char refused[MANAGE_CODE_MAX + 1]; /* the newest nack's code */
};

/* number: makes keys and names that differ.  server: its sealing key. */
void rig_member_init(struct rig_member *, unsigned int number,
    const char *group, const uint8_t server[SEALED_KEY_LEN]);
void rig_member_close(struct rig_member *);
void rig_member_free(struct rig_member *);

/* Connect and register; true when it was acknowledged, else m->answer. */
bool rig_member_join(struct rig_member *, uint16_t port, const char *token);
/* Add to the counters of an intermediary: so many attempts, so many of them
 * good, each handshake of that length. */
void rig_member_saw(struct rig_member *, const char *name,
    unsigned int attempts, unsigned int good, int64_t handshake_us);
/* Send a report; wait: until it is answered: true when acknowledged. */
bool rig_member_report(struct rig_member *, bool wait);
/* Any sealed message, as it is. */
bool rig_member_send(
    struct rig_member *, enum sealed_type, const uint8_t *body, size_t len);
/* Read what comes until a signed message of that type with at least that
 * serial is there, answering each with an ack: false at the deadline. */
bool rig_member_await(
    struct rig_member *, enum envelope_type, uint64_t serial, int timeout_ms);
/* Read until the answer to what was asked last is there. */
bool rig_member_await_answer(struct rig_member *, int timeout_ms);
/* Read until something was refused with that code. */
bool rig_member_await_nack(
    struct rig_member *, const char *code, int timeout_ms);

#endif
