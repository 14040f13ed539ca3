#ifndef TESTS_INTEG_RIG_NET_H
#define TESTS_INTEG_RIG_NET_H

#include <sys/socket.h>

#include <stdbool.h>
#include <stdint.h>

/* The few socket calls that all parts of the rig share.  Addresses are
 * literals, "127.0.0.1" or "::1". */
bool rig_net_addr(const char *address, uint16_t port, struct sockaddr_storage *,
    socklen_t *len);
/* A connected, non-blocking socket or -errno. */
int rig_net_connect(const char *address, uint16_t port, int timeout_ms);
/* A listening, non-blocking socket or -errno; *port 0 is chosen. */
int rig_net_listen(const char *address, uint16_t *port, int backlog);
/* Abort a connection, so that the peer sees a reset. */
void rig_net_reset(int fd);

/*
 * Free ports: bound, so that nobody else is given them, and not listening, so
 * that a connection is refused until a daemon that sets SO_REUSEADDR takes
 * them.  Held until the case ends.  Ends the case when there is none.
 */
uint16_t rig_port(const char *address);
/* Let go, for daemons that do not set SO_REUSEADDR. */
void rig_port_release(uint16_t port);

/*
 * A port that swallows SYNs: a listener whose backlog is full.  Connecting
 * to it hangs.  Held until the case ends.
 */
uint16_t rig_port_blackhole(const char *address);

#endif
