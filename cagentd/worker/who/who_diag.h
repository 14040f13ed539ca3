#ifndef CAGENTD_WHO_DIAG_H
#define CAGENTD_WHO_DIAG_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "base/net.h"

/*
 * The question to the kernel whose socket is at the other end of a TCP
 * connection, and its answer (sock_diag(7), NETLINK_SOCK_DIAG): bytes alone,
 * no socket.
 */
struct who_tuple {
	struct net_ip client, agent; /* of one family */
	uint16_t client_port, agent_port;
	uint32_t interface; /* index; of link-local addresses, else 0 */
};

struct who_found {
	uid_t uid;	 /* of who opened the client's socket */
	uint64_t cgroup; /* it did so in; 0: the kernel does not tell */
};

#define WHO_DIAG_LEN 72 /* of a question */
void who_diag_encode(
    const struct who_tuple *, uint32_t seq, uint8_t out[static WHO_DIAG_LEN]);

enum who_diag_answer {
	WHO_DIAG_FOUND,
	WHO_DIAG_NONE, /* it is not here, or is nobody's any more */
	WHO_DIAG_OTHER /* no answer to this question, or rubbish */
};
/* *out is set by WHO_DIAG_FOUND alone, which is for this very connection. */
enum who_diag_answer who_diag_decode(const uint8_t *in, size_t len,
    const struct who_tuple *, uint32_t seq, struct who_found *out);

#endif
