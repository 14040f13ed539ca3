#ifndef TESTS_INTEG_RIG_POLICY_H
#define TESTS_INTEG_RIG_POLICY_H

#include <stdint.h>

#include "trust/root.h"
#include "trust/root.h"
#include "wire/envelope.h"

struct rig_agent;

/*
 * Signed messages for an agent under test.  Keys are numbered: 1 signs roots,
 * 2 policies, 3 ranks, 4 is the policy server's for sealing; 9 is nobody's.
 */
#define RIG_POLICY_SEAL 4
struct rig_signed {
	enum envelope_type type; /* 0: a policy */
	uint32_t epoch;		 /* 0: 1 */
	uint64_t serial;
	int64_t issued_s, expires_s; /* from now; 0, 0: now, for a day */
	const char *audience;	     /* NULL: everybody */
	const char *body;
	unsigned int key;  /* 0: the type's */
	unsigned int also; /* a second one; 0: none */
};

/* The message: its length. */
size_t rig_policy_sign(uint8_t *out, size_t cap, const struct rig_signed *);
/* The body of the root of that version; its length. */
size_t rig_policy_root_text(char out[ROOT_TEXT_MAX], uint32_t version);
/* The file of a message that is signed so. */
void rig_policy_write(const char *path, const struct rig_signed *);
/*
 * The control socket, without cagent-ctl in between: a connection, on which
 * that line has been said; ends the case when there is none.  Then as many
 * bytes as the agent takes, and what it answers, up to its end.
 */
int rig_control_open(const struct rig_agent *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
uint64_t rig_control_send(int fd, const void *data, size_t len);
void rig_control_receive(int fd, char *out, size_t cap);
/* One more key of a root, and the file of that root: of the other struct the
 * keys and times count. */
void rig_policy_key(struct root *, unsigned int n, unsigned int roles);
void rig_policy_write_root(
    const char *path, const struct root *, const struct rig_signed *);
/* The file of the root of that version: the same keys in each. */
void rig_policy_root(const char *path, uint32_t version);
/* The same, signed by that key. */
void rig_policy_root_by(const char *path, uint32_t version, unsigned int key);
/* The same, issued ten seconds before it expires, which is then. */
void rig_policy_root_until(
    const char *path, uint32_t version, int64_t expires_s);

#endif
