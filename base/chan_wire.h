#ifndef BASE_CHAN_WIRE_H
#define BASE_CHAN_WIRE_H

#include "base/chan.h"

/* One datagram of a channel: a magic word, the type (both big-endian), the
 * data, and the fds that travel with it. */
#define CHAN_WIRE_HEAD 8
#define CHAN_WIRE_WHY  64

/* One end: what it may hear and say. */
struct chan_end {
	int fd; /* -1: closed */
	const struct chan_rules *rules;
	unsigned int self;
	unsigned int peer;
	char why[CHAN_WIRE_WHY]; /* the rule that was broken */
};

/* What rule a message from one role to another breaks; NULL: none.  Looks
 * at its type, len and fds_n. */
const char *chan_wire_broken(const struct chan_rules *, unsigned int from,
    unsigned int to, const struct chan_msg *);

/*
 * Take one message, without waiting, into data (CHAN_DATA_MAX) and fds
 * (CHAN_FDS_MAX): 1; 0: nothing there; -EPIPE: the peer is gone; -EPROTO: a
 * rule was broken (which: in why), and all fds are closed.
 */
int chan_wire_recv(
    struct chan_end *, uint8_t *data, int *fds, struct chan_msg *);

/* Write the head before the data. */
void chan_wire_head(uint8_t head[CHAN_WIRE_HEAD], uint32_t type);
/* Send head and data, len bytes in all.  0 or -errno, -EAGAIN when the peer
 * is behind. */
int chan_wire_send(
    int fd, uint8_t *bytes, size_t len, const int *fds, size_t fds_n);

/* Close those that are not -1. */
void chan_wire_close(const int *fds, size_t n);

#endif
