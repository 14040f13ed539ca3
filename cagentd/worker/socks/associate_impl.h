#ifndef CAGENTD_ASSOCIATE_IMPL_H
#define CAGENTD_ASSOCIATE_IMPL_H

#include <sys/queue.h>

#include "cagentd/worker/socks/associate.h"
#include "cagentd/worker/socks/datagram.h"
#include "shm/pace.h"

/* For associate*.c alone: associate.c has the client's side and the whole,
 * associate_dest.c the destinations, associate_hop.c the intermediaries,
 * associate_class.c what traffic classes make of it. */

enum dest_state {
	DEST_LOOKING_UP, /* its name, to go there directly */
	DEST_DIRECT,
	DEST_VIA,      /* an intermediary, which may not stand yet */
	DEST_FORBIDDEN /* remembered, so that it is judged but once */
};

struct associate_dest {
	TAILQ_ENTRY(associate_dest) entry;
	struct associate *owner;
	struct settings *settings; /* a reference: those it was judged by */
	struct wire_host host;
	struct verdict verdict;
	enum dest_state state;
	struct resolve_query query;
	union net_addr at;	   /* DEST_DIRECT */
	struct associate_hop *hop; /* DEST_VIA */
	int64_t used_us;	   /* the client has last sent to it */
};
TAILQ_HEAD(associate_dests, associate_dest);

struct associate_waiting {
	TAILQ_ENTRY(associate_waiting) entry;
	struct associate_dest *dest;
	size_t len;
	uint8_t data[];
};
TAILQ_HEAD(associate_queue, associate_waiting);

struct associate_hop {
	LIST_ENTRY(associate_hop) entry;
	struct associate *owner;
	struct settings *settings; /* a reference */
	struct verdict verdict;
	uint32_t dests_n; /* that go by it; 0: it is to go */
	struct dial dial;
	bool stands; /* else it is being looked for */
	bool proved; /* something has come back */
	struct stream control;
	struct op recv;
	int fd; /* connected to its relay */
	struct op poll;
	struct record_hop who;
	int64_t asked_us; /* sent something, and nothing yet; 0: not */
	uint64_t up, down;
};
LIST_HEAD(associate_hops, associate_hop);

struct associate {
	const struct dial_env *env;
	struct slab *slab;
	struct settings *const *settings;
	struct client client;
	void (*done)(void *arg);
	void *arg;
	int control; /* borrowed */
	struct op recv, timer;
	int fd; /* where the client sends to */
	struct op poll;
	struct net_ip source;
	uint16_t source_port; /* 0: not known yet */
	union net_addr client_at;
	int direct[2]; /* v4 and v6; -1: not needed yet */
	struct op direct_poll[2];
	uint8_t direct_mark[2];	      /* that they bear now */
	struct associate_dests dests; /* the latest used first */
	uint32_t dests_n, lookups_n;
	struct associate_queue waiting;
	uint32_t waiting_n;
	size_t waiting_bytes;
	struct associate_hops hops;
	uint32_t hops_n;
	int64_t moved_us, hold_until_us;
	struct turns *turns;
	struct pace_flow flows[PACE_BOTH_WAYS]; /* of all its classes */
	struct tunnels_row *row;		/* or NULL */
	struct settings *judged; /* a reference: by which it is of class; NULL:
				    of none, and not counted */
	uint8_t class;
};

/* associate.c */
/* One that came from host is passed on to the client. */
void associate_deliver(struct associate *, uint8_t class,
    const struct wire_host *host, const uint8_t *data, size_t len);
void associate_drop(struct associate *);
/* So many bytes of payload have gone. */
void associate_passed(
    struct associate *, uint8_t class, enum pace_way, size_t len);
int64_t associate_now_us(const struct associate *);
/* Something has to be looked after from now on. */
void associate_watch(struct associate *);

/* associate_dest.c */
void associate_forward(struct associate *, const struct wire_host *host,
    const uint8_t *data, size_t len);
void associate_dest_forget(struct associate_dest *);
/* Its intermediary is no more; direct: nor any other, but without one it may
 * be tried. */
void associate_dest_lost(struct associate_dest *, bool direct);
void associate_dest_expire(struct associate *);
/* Send what waits and need not any longer. */
void associate_flush(struct associate *);
/* What comes straight from a destination. */
int associate_direct_start(struct associate *, int at);

/* associate_class.c */
void associate_class_begin(struct associate *);
void associate_class_end(struct associate *);
/* It has taken up that destination. */
void associate_class_is(struct associate *, const struct associate_dest *);
/* Of which class is by now what those settings judged so? */
uint8_t associate_class(
    const struct associate *, const struct settings *, const struct verdict *);
/* May a datagram with so much payload go now?  false: it is dropped, and
 * counted so. */
bool associate_admit(
    struct associate *, uint8_t class, enum pace_way, size_t len);
void associate_class_moved(
    struct associate *, uint8_t class, enum pace_way, size_t len);

/* associate_hop.c */
/* The one for that verdict, made if need be; NULL: there is to be none. */
struct associate_hop *associate_hop_for(
    struct associate *, const struct associate_dest *);
void associate_hop_send(
    struct associate_hop *, const struct wire_host *, const struct datagram *);
void associate_hop_free(struct associate_hop *);
void associate_hops_tick(struct associate *);

#endif
