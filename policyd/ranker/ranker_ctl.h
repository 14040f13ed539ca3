#ifndef POLICYD_RANKER_CTL_H
#define POLICYD_RANKER_CTL_H

struct ranker;

/*
 * The control socket: one line in, JSON lines out (policyd/common/pdctl.h).
 * Peers are told apart by SO_PEERCRED: whoever can open the socket may ask;
 * root, our own user and the members of its group, which is the socket's, may
 * change something.
 */
#define RANKER_CTL_PEERS_MAX   64      /* at once; more wait in the backlog */
#define RANKER_CTL_DEADLINE_US 5000000 /* for the line, and for the answer */
#define RANKER_CTL_OUT_MAX     (16 << 20) /* an answer */
#define RANKER_CTL_BODIES_MAX  4  /* messages that are being sent to us */
#define RANKER_CTL_ORDERS_MAX  64 /* overrides in force at once */
/* For the line when all places are taken; to leave after the answer. */
#define RANKER_CTL_HURRY_US 500000

struct ranker_ctl;
/* fd: the listener, taken.  ranker is borrowed, its loop and configuration are
 * set.  0 or -errno. */
int ranker_ctl_start(struct ranker_ctl **, struct ranker *, int fd);
void ranker_ctl_stop(struct ranker_ctl *); /* NULL allowed */

#endif
