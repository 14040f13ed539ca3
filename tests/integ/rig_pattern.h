#ifndef TESTS_INTEG_RIG_PATTERN_H
#define TESTS_INTEG_RIG_PATTERN_H

#include <stddef.h>
#include <stdint.h>

/*
 * A stream of bytes that anybody can check at any place: byte `at` of stream
 * `seed`.  Streams of different seeds, and one stream at different places, do
 * not look alike, so that a byte lost, doubled or crossed over is seen.
 */
void rig_pattern_fill(uint64_t seed, uint64_t at, uint8_t *out, size_t len);
/* The index of the first wrong byte, or len. */
size_t rig_pattern_check(
    uint64_t seed, uint64_t at, const uint8_t *in, size_t len);

#endif
