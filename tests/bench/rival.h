#ifndef TESTS_BENCH_RIVAL_H
#define TESTS_BENCH_RIVAL_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "tests/integ/rig_agent.h"

/*
 * Who stands between the client and a SOCKS5 server, one thread each, that a
 * client speaks SOCKS5 to in the end: nobody, HAProxy that passes bytes on, or
 * the agent, which speaks SOCKS5 to both sides and has, but for what is said
 * here, its default configuration.
 */
enum rival_kind {
	RIVAL_NOBODY,
	RIVAL_HAPROXY,
	RIVAL_COLD, /* epoll, and no connection before it is wanted */
	RIVAL_FAST, /* likewise, with the first bytes in the SYN */
	RIVAL_EPOLL,
	RIVAL_URING,
	RIVAL_KINDS
};
#define RIVAL_PIDS_MAX 16

struct rival {
	enum rival_kind kind;
	struct rig_proxy proxy; /* what the client uses */
	struct rig_proc proc;	/* RIVAL_HAPROXY */
	struct rig_agent agent;
};

/* As on the board. */
const char *rival_name(enum rival_kind);
/* Before that SOCKS5 server.  False where this machine, or this agent, has no
 * such thing.  Ends the case when it does not start. */
bool rival_start(
    struct rival *, enum rival_kind, const char *address, uint16_t port);
void rival_stop(struct rival *);
/* All its processes. */
size_t rival_pids(const struct rival *, pid_t pids[static RIVAL_PIDS_MAX]);

#endif
