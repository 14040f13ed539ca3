#ifndef CAGENTD_CTL_H
#define CAGENTD_CTL_H

struct control;

/*
 * The control socket: one line in, JSON lines out (wire/ctl.h).  Peers are
 * told apart by SO_PEERCRED; only root and the daemon's own user may change
 * anything, whoever can open the socket may ask.
 */
#define CTL_PEERS_MAX	 64	    /* at once; more wait in the backlog */
#define CTL_FOLLOW_MAX	 32	    /* of those; others can always ask */
#define CTL_DEADLINE_US	 5000000    /* for the line, and for the answer */
#define CTL_OUT_MAX	 (16 << 20) /* an answer; then the peer is cut off */
#define CTL_FOLLOW_QUEUE 256	    /* events a follower may be behind */
#define CTL_BODIES_MAX	 4	    /* messages that are being sent to us */
/* For the line when all places are taken; to leave after the answer. */
#define CTL_HURRY_US 500000

struct ctl;
/* fd: the listener, taken.  control is borrowed.  0 or -errno. */
int ctl_start(struct ctl **, struct control *, int fd);
void ctl_stop(struct ctl *); /* NULL allowed */
/* The policy that is held is in force: whoever waits for that is told.  NULL
 * allowed. */
void ctl_settled(struct ctl *);

#endif
