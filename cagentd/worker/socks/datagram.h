#ifndef CAGENTD_DATAGRAM_H
#define CAGENTD_DATAGRAM_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "base/net.h"

/* UDP sockets, CLOEXEC and non-blocking: fd or -errno. */

/* Bound to that address, at a port of the kernel's choice; NULL: not yet. */
int datagram_open(int family, const union net_addr *local);
/* Connected: only what comes from there is received, and only there sent. */
int datagram_connect(const union net_addr *to);
/* The address that is used to reach to, with port 0; -errno when there is no
 * way.  Nothing is sent. */
int datagram_local(const union net_addr *to, union net_addr *local);

/* A head and then data as one datagram; to: NULL when connected.  0 or
 * -errno; -EAGAIN: there is no room, and so it is lost. */
struct datagram {
	const void *head;
	size_t head_len;
	const void *data;
	size_t len;
};
int datagram_send(int fd, const union net_addr *to, const struct datagram *);

/* At most that many of what is there, one call each; data is lent for it. */
typedef void datagram_fn(
    void *arg, const union net_addr *from, const uint8_t *data, size_t len);
void datagram_receive(int fd, int most, datagram_fn *, void *arg);

#endif
