#ifndef TESTS_BENCH_ORIGIN_H
#define TESTS_BENCH_ORIGIN_H

#include <sys/types.h>

#include <stdint.h>

/*
 * The destination of all tunnels, a process of its own: it reads what a client
 * asks (stuff.h), checks every byte that comes, sends what is wanted, and
 * closes when the client has.  A wrong byte is answered by a reset.  It ends
 * with the case.
 */
uint16_t origin_start(void);

/*
 * A SOCKS5 server (no login, IPv4 only) as another process, through which all
 * contestants go.  As lean as we can make one, so that what is measured is the
 * contestant: a thread for each connection, as small servers have, would be
 * the narrow place.  What is long is spliced.
 */
uint16_t upstream_start(const char *address);

#endif
