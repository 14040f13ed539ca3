#ifndef TESTS_BENCH_STUFF_H
#define TESTS_BENCH_STUFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The bytes that the contests carry: one stream, which anybody can send and
 * check from any place at the cost of a memcmp().  Its period is a prime just
 * below 64 KiB, so that a block lost or doubled at any power of two shows.
 */
#define STUFF_PERIOD 65521
#define STUFF_RUN    (256 * 1024) /* as many in one piece from any place */

void stuff_init(void);
/* STUFF_RUN bytes of the stream from that place. */
const uint8_t *stuff_at(uint64_t place);
bool stuff_is(uint64_t place, const uint8_t *bytes, size_t len);

/*
 * What a client asks the origin: so many bytes are on their way up, which
 * start at place `start` of the stream, so many are wanted down, which start
 * STUFF_DOWN further on.  Tunnels have different starts, so that bytes of
 * another one, or of the other direction, are wrong ones.
 */
#define STUFF_ASK_LEN 28
#define STUFF_DOWN    32749
struct stuff_ask {
	uint64_t start, up, down;
};
void stuff_ask_encode(uint8_t out[STUFF_ASK_LEN], const struct stuff_ask *);
/* false: that is none. */
bool stuff_ask_decode(const uint8_t in[STUFF_ASK_LEN], struct stuff_ask *);

#endif
