#ifndef TESTS_INTEG_RIG_NS_H
#define TESTS_INTEG_RIG_NS_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

/*
 * Namespaces.  Every case as root has its own network (a loopback, no other
 * interface, no route) and its own view of /run, /etc/resolv.conf and
 * /etc/hosts; they end with the last process in them.
 */

/* For the runner: enter them.  0 or -errno. */
int rig_ns_isolate(void);

/* Names that /etc/hosts has in an isolated case, for 127.0.0.1. */
#define RIG_NAME      "origin.test"
#define RIG_NAME_GIT  "git.test"
#define RIG_NAME_NONE "nobody.test" /* the rig's DNS: NXDOMAIN */
#define RIG_NAME_MUTE "mute.silent" /* the rig's DNS: no answer at all */

/* Answer DNS queries on 127.0.0.1:53 of the case's namespace, in a thread:
 * NXDOMAIN for every name but those under .silent, which get no answer, and
 * these traps, whose answers may not be kept: flip0.rebind to flip9.rebind
 * (RIG_NS_THERE when first asked for, 127.0.0.1 ever after), both.rebind (those
 * two at once), loop.rebind (127.0.0.1), six.rebind (::1, ::ffff:127.0.0.1),
 * own.rebind (RIG_NS_HERE). */
void rig_dns_start(void);

/* No packet with SYN to this port (v4 and v6, of this or another process's
 * network) is answered any more; the other end sees nothing. */
void rig_ns_drop_syn(pid_t netns, uint16_t port);
/* Undo that. */
void rig_ns_answer_syn(pid_t netns, uint16_t port);

/* From now on connections to this port that come from the case's own network
 * fare like that; those that come over the veth pair do not. */
enum rig_ns_fate {
	RIG_NS_REFUSED,
	RIG_NS_SILENT, /* no SYN is answered */
	RIG_NS_BROKEN  /* they stand, and the first byte is met by a reset */
};
void rig_ns_own(uint16_t port, enum rig_ns_fate);

/* Every address of this prefix is unreachable ("no route to host"). */
void rig_ns_unreachable(const char *prefix);

/*
 * A second network beside the case's, joined by a veth pair: addresses
 * RIG_NS_HERE and RIG_NS_THERE.  A process holds it; start programs in it by
 * rig_spawn.netns.
 */
#define RIG_NS_HERE	   "198.18.0.1"
#define RIG_NS_THERE	   "198.18.0.2"
#define RIG_NS_UNREACHABLE "198.18.77.0/24"
pid_t rig_ns_peer(void);
/* Pull the cable between them, or put it in again: at our end (netns 0),
 * which takes our route to it away, or at the peer's, which we do not see. */
void rig_ns_plug(pid_t netns, bool in);
/* Or let that process's network drop all that comes and goes over it: routes
 * and neighbours stay. */
void rig_ns_mute(pid_t netns, bool on);

#endif
