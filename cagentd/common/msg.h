#ifndef CAGENTD_MSG_H
#define CAGENTD_MSG_H

#include <stddef.h>
#include <stdint.h>

#include "base/net.h"
#include "cagentd/common/procs.h"
#include "names/answer.h"
#include "wire/manage.h"
#include "wire/sealed.h"

/* The payloads of the messages in procs.h, field by field, big-endian. */
struct msg_resolve {
	uint64_t id;
	char name[NET_HOST_MAX + 1];
};

struct msg_resolved {
	uint64_t id;
	enum names_outcome outcome;
	uint32_t ttl_s;
	uint32_t ips_n;
	struct net_ip ips[NAMES_ADDRESSES_MAX]; /* in order of preference */
};

/* Encoders return the length; buf holds CHAN_DATA_MAX bytes.  Decoders
 * return 0, or -EPROTO for a message of the right size but wrong content. */
size_t msg_u64_encode(uint64_t v, uint8_t *buf);
int msg_u64_decode(const uint8_t *in, size_t len, uint64_t *v);
struct msg_policy {
	uint32_t epoch;
	uint64_t serial;
	uint64_t len;
	uint8_t hash[32]; /* BLAKE2b-256 */
};
size_t msg_policy_encode(const struct msg_policy *, uint8_t *buf);
int msg_policy_decode(const uint8_t *in, size_t len, struct msg_policy *);
/* Secret: to live in memory that is locked, and to be wiped. */
struct msg_identity {
	struct sealed_keys keys;
	char token[MANAGE_TOKEN_MAX + 1]; /* "": none */
};
#define MSG_IDENTITY_MIN (2 * SEALED_KEY_LEN)
#define MSG_IDENTITY_MAX (MSG_IDENTITY_MIN + MANAGE_TOKEN_MAX)
size_t msg_identity_encode(const struct msg_identity *, uint8_t *buf);
int msg_identity_decode(const uint8_t *in, size_t len, struct msg_identity *);
struct msg_login {
	uint64_t id;
	char user[256], password[256]; /* secret: to be wiped */
};
size_t msg_login_encode(const struct msg_login *, uint8_t *buf);
int msg_login_decode(const uint8_t *in, size_t len, struct msg_login *);
enum msg_verdict {
	MSG_VERIFY_WRONG, /* also: there is no such user */
	MSG_VERIFY_RIGHT,
	MSG_VERIFY_BUSY /* nobody has looked */
};
struct msg_verified {
	uint64_t id;
	enum msg_verdict verdict;
	uint64_t users_mark; /* settings' */
};
size_t msg_verified_encode(const struct msg_verified *, uint8_t *buf);
int msg_verified_decode(const uint8_t *in, size_t len, struct msg_verified *);
size_t msg_child_encode(const struct proc_child *, uint8_t *buf);
int msg_child_decode(const uint8_t *in, size_t len, struct proc_child *);
#define MSG_SERVICE_MAX 127
struct msg_service {
	uint64_t cgroup;
	char name[MSG_SERVICE_MAX + 1]; /* printable; "": none */
};
size_t msg_service_encode(const struct msg_service *, uint8_t *buf);
int msg_service_decode(const uint8_t *in, size_t len, struct msg_service *);
size_t msg_resolve_encode(const struct msg_resolve *, uint8_t *buf);
int msg_resolve_decode(const uint8_t *in, size_t len, struct msg_resolve *);
size_t msg_resolved_encode(const struct msg_resolved *, uint8_t *buf);
int msg_resolved_decode(const uint8_t *in, size_t len, struct msg_resolved *);

#endif
