#ifndef TESTS_BENCH_ENTRANT_H
#define TESTS_BENCH_ENTRANT_H

#include "tests/bench/rival.h"

/*
 * Who takes part in a contest, one thread or process each, in front of the
 * same SOCKS5 server: those of rival.h, and what people use instead.  HAProxy
 * and nginx pass bytes on; Dante speaks SOCKS to both sides, as the agent
 * does; microsocks cannot chain and goes to the origin by itself, which spares
 * it a connection.
 */
enum entrant_kind {
	ENTRANT_NOBODY,
	ENTRANT_HAPROXY,
	ENTRANT_HAPROXY_SPLICE, /* all spliced, by pipes of 1 MiB */
	ENTRANT_NGINX,
	ENTRANT_DANTED,
	ENTRANT_MICROSOCKS,
	ENTRANT_EPOLL,
	ENTRANT_URING,
	ENTRANT_KINDS
};

struct entrant {
	enum entrant_kind kind;
	bool here;	    /* this machine has it, and it has started */
	uint16_t port;	    /* SOCKS5 is spoken to 127.0.0.1, this port */
	struct rival rival; /* where it is one of them */
	struct rig_proc proc;
};

/* As on the board. */
const char *entrant_name(enum entrant_kind);
/* Before that SOCKS5 server on 127.0.0.1; sets here. */
void entrant_start(struct entrant *, enum entrant_kind, uint16_t upstream);
/* The time on a processor of all its processes so far, in seconds. */
double entrant_cpu_s(const struct entrant *);
void entrant_stop(struct entrant *);

#endif
