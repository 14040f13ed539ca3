#ifndef TESTS_INTEG_RIG_ORIGIN_H
#define TESTS_INTEG_RIG_ORIGIN_H

#include "tests/integ/rig_server.h"

/* Destinations: servers on loopback that verify what reaches them. */
enum rig_origin_kind {
	/* GET /ok ("ok\n"), /bytes/N (N bytes of RIG_SEED_HTTP), or a file
	 * below dir; one request a connection. */
	RIG_ORIGIN_HTTP,
	RIG_ORIGIN_ECHO,
	/* Transfers of `size` bytes each way, RIG_SEED_UP towards the origin
	 * and RIG_SEED_DOWN back; each end finishes its direction. */
	RIG_ORIGIN_UP_FIRST,   /* answers after the client's end */
	RIG_ORIGIN_DOWN_FIRST, /* sends and ends before it reads */
	RIG_ORIGIN_EXCHANGE,   /* both at once, and the ends after both */
	RIG_ORIGIN_DUPLEX,     /* half at once, half after the client's end */
	RIG_ORIGIN_SLOW,       /* reads 16 KiB every 10 ms, answers nothing */
	RIG_ORIGIN_SILENT,     /* accepts, reads nothing, never answers */
	RIG_ORIGIN_RESET,      /* accepts and resets */
};

enum {
	RIG_SEED_UP = 1,
	RIG_SEED_DOWN = 2,
	RIG_SEED_HTTP = 3
};

/* Start one at address, on a free port (s->port).  size: of transfers.  dir:
 * files to serve, or NULL.  Both borrowed. */
void rig_origin_start(struct rig_server *, enum rig_origin_kind,
    const char *address, uint64_t size, const char *dir);
/* RIG_ORIGIN_HTTP, without files, on that port. */
void rig_origin_http_at(
    struct rig_server *, const char *address, uint16_t port);

#endif
