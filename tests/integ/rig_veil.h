#ifndef TESTS_INTEG_RIG_VEIL_H
#define TESTS_INTEG_RIG_VEIL_H

#include <stdint.h>

/*
 * TLS before a server that does not speak it, by rig_tls_server()'s kind of
 * certificate: each direction ends by itself, in order behind a close_notify
 * and else by a reset, so that what is cut short looks it on either side.
 */
struct rig_veil {
	uint16_t to; /* on 127.0.0.1, as the veil itself */

	uint16_t port;
	int fd;
	void *ctx;
};

/* to is set.  It serves until the case ends, which it ends on failure. */
void rig_veil_start(struct rig_veil *);

#endif
