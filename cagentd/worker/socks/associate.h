#ifndef CAGENTD_ASSOCIATE_H
#define CAGENTD_ASSOCIATE_H

#include <stdint.h>

#include "cagentd/decide/classify.h"
#include "cagentd/worker/dial/dial.h"
#include "shm/slab.h"

/*
 * A SOCKS5 UDP association (RFC 1928 section 7), from the client's request to
 * the end of its connection.
 *
 * The client is who the connection comes from: its address, and the port that
 * it has declared or the one that its first valid datagram came from.  All
 * else that arrives there is dropped.
 *
 * Each destination gets its path as a connection would: by rule and list
 * directly, or by an intermediary, of which those of the same verdict share
 * one.  Only destinations that the client has sent to of late may answer it,
 * from that address and port; so nothing comes to a client that has not sent,
 * and nobody else is reached by what it did not ask for.  (Which address an
 * intermediary has found for a name is known to nobody but it, so an answer
 * to that may have any, but the port.)
 *
 * What can not be sent at once waits, a little of it; then it is lost, as
 * datagrams are.
 *
 * Each datagram is of the class that its destination's rule says: it bears
 * that class's mark on its way out, and counts, either way, for that class and
 * on the account of its limits.  It can not wait for these: one for which there
 * is no room now is lost, unless its class is so urgent that it is never held
 * up.  The association itself is shown, as a tunnel is, as of the class of the
 * destination that it took up last.
 */
#define ASSOCIATE_MAX		256 /* a worker's; six descriptors each */
#define ASSOCIATE_DESTS_MAX	128 /* then the least recently used goes */
#define ASSOCIATE_LOOKUPS_MAX	16  /* names looked up at once */
#define ASSOCIATE_HOPS_MAX	4   /* intermediaries, of different verdicts */
#define ASSOCIATE_WAITING_MAX	32  /* datagrams */
#define ASSOCIATE_WAITING_BYTES 65536
#define ASSOCIATE_BATCH		64 /* datagrams of a socket in a turn */
/* An intermediary that was sent something and never brought anything back is
 * replaced after this time. */
#define ASSOCIATE_MUTE_US 3000000
/* When none was found, how long until one is looked for again. */
#define ASSOCIATE_HOLD_US 1000000
#define ASSOCIATE_TICK_US 1000000
/* So much of a datagram is asked for, as a segment would be. */
#define ASSOCIATE_ASKS 1448
/* What is around it on the wire: Ethernet, IPv4, UDP. */
#define ASSOCIATE_FRAME (14 + 20 + 8)

struct associate;
struct turns;

struct associate_start { /* all borrowed for the association's life */
	const struct dial_env *dial;
	struct slab *slab;
	struct turns *turns; /* NULL: without limits */
	/* The configuration of new destinations: changes with a reload. */
	struct settings *const *settings;
	const struct client *client;	/* copied */
	const struct wire_host *source; /* port 0: not known yet; copied */
	int fd; /* the client's connection, which is read from here on */
	/* The association has ended, and is to be freed. */
	void (*done)(void *arg);
	void *arg;
};

/* 0 with *out and where the client is to send to, or -errno; -ENOTSUP: its
 * connection has no IP address.  Never calls back before it returns. */
int associate_start(struct associate **out, const struct associate_start *,
    struct wire_host *bound);
/* The configuration is another: what runs in a class whose index is another
 * name's by now is normal. */
void associate_reclass(struct associate *);
/* NULL allowed; the fd stays open. */
void associate_free(struct associate *);

#endif
