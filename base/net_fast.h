#ifndef BASE_NET_FAST_H
#define BASE_NET_FAST_H

#include <stdbool.h>
#include <stdint.h>

/*
 * TCP Fast Open (RFC 7413): what is said first rides in the SYN, to a peer
 * that has given out a cookie for that on an earlier connection.  The kernel
 * does neither end of it unless net.ipv4.tcp_fastopen lets it: 1, to connect
 * so; 2, to be connected to so; the same for IPv6.
 */

/* What this listener accepts may bring bytes in its SYN; so many connections
 * may be under way like that.  0 or -errno. */
int net_fast_listen(int fd, int queue);

/*
 * The connect that follows is to be of this kind.  Where there is a cookie it
 * has no effect but success, and nothing is sent: the SYN goes with the first
 * bytes, which must be such as may arrive twice, and what comes of it is told
 * by sending and receiving.  Without one it is a connect like any other, that
 * asks for a cookie.  0 or -errno.
 */
int net_fast_connect(int fd);

/* What has come of a connect. */
struct net_fast {
	bool stands;	/* it did, at some time: the peer has answered */
	bool lost;	/* what was in its SYN, or that, had to be sent again */
	int64_t rtt_us; /* 0: not known */
};

/* 0 or -errno. */
int net_fast_look(int fd, struct net_fast *);

#endif
