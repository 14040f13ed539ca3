#ifndef TESTS_INTEG_RIG_MANAGER_H
#define TESTS_INTEG_RIG_MANAGER_H

#include "tests/integ/rig.h"
#include "tests/unit/manager_fake.h"

/*
 * A policy server, or a subscriber, that follows a script: one agent at a
 * time, in the thread of the case.
 */
#define RIG_MANAGER_MS 10000

struct rig_manager {
	struct manager_fake fake;
	int listener, fd; /* -1: none */
	uint16_t port;
};

/* Its key is made of that number; it listens on 127.0.0.1. */
void rig_manager_start(struct rig_manager *, unsigned int key);
void rig_manager_stop(struct rig_manager *);
/* Listen again, on the same port. */
void rig_manager_restart(struct rig_manager *);

/* Take the next connection, and drop an earlier one. */
bool rig_manager_accept(struct rig_manager *, int timeout_ms);
void rig_manager_hang_up(struct rig_manager *);
/* The next message for us is in fake.head and fake.body; false: none came in
 * time, or the connection is at its end. */
bool rig_manager_hear(struct rig_manager *, int timeout_ms);
/* Has the agent hung up?  What it says until then is lost. */
bool rig_manager_is_left(struct rig_manager *, int timeout_ms);
void rig_manager_send(struct rig_manager *, const void *, size_t len);
void rig_manager_answer(
    struct rig_manager *, const struct manage_answer *, bool nack);
/* To what was heard last. */
void rig_manager_ack(struct rig_manager *, uint32_t interval_ms);

/* Accept, and let it in: what it said of itself is in *said.  The case ends
 * when it does not come. */
void rig_manager_let_in(
    struct rig_manager *, uint32_t interval_ms, struct manage_register *said);
/* The agent's next answer to a signed message; reports before it are
 * acknowledged.  The case ends when none comes. */
bool rig_manager_answered(struct rig_manager *, struct manage_answer *);
/* The next report: its head, and the row of that name, zero when it is not
 * there. */
bool rig_manager_report(struct rig_manager *, const char *name,
    struct manage_report *, struct manage_row *row);

#endif
