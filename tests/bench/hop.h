#ifndef TESTS_BENCH_HOP_H
#define TESTS_BENCH_HOP_H

#include "tests/integ/rig_server.h"

/*
 * A SOCKS5 server in a thread of the case that is every destination, too: it
 * takes greeting and request apart or together, says yes, and then is on port
 * 7 an echo, and on all others a server of "GET /bytes/N" (RIG_SEED_HTTP, N
 * <= BENCH_HOP_BYTES_MAX).
 */
#define BENCH_HOP_ECHO	    7
#define BENCH_HOP_HTTP	    80
#define BENCH_HOP_BYTES_MAX 4096

/* At that address (borrowed), on a free port: s->port. */
void bench_hop_start(struct rig_server *, const char *address);

#endif
