#ifndef SHM_PACE_WORD_H
#define SHM_PACE_WORD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A bucket: a word in shared memory (the time at which what was taken is paid
 * for), and what its asker goes by.  Any value in the word will do: the past
 * is now, and what lies beyond horizon_ns is nobody's doing and now as well.
 */
struct pace_bucket {
	_Atomic int64_t *word;
	int64_t rate;	      /* bytes/s, 1 to PACE_RATE_MAX */
	int64_t tolerance_ns; /* how far ahead of its time may be taken */
	int64_t horizon_ns;
	int64_t cost_ns; /* of what is asked for now */
};

#define PACE_RATE_MAX 1000000000000 /* 8 Tbit/s */
#define PACE_MS	      INT64_C(1000000)

/* 1 to PACE_RATE_MAX; rate: at least 1. */
int64_t pace_rate(int64_t rate);
/* How long so many bytes take, rounded up, or down. */
int64_t pace_cost(uint64_t n, int64_t rate);
int64_t pace_worth(uint64_t n, int64_t rate);
/* From so many bytes a second on, quanta take no more than 4 ms. */
#define PACE_FAST    (250 * PACE_SEGMENT)
#define PACE_SEGMENT 1448 /* TCP's, with time stamps, on Ethernet */

/* The most that is given at once, so that the burst is within the tolerance,
 * and others have their turn: at least 1. */
size_t pace_quantum(int64_t rate);
/* What is worth waking up for. */
size_t pace_useful(int64_t rate);

/* A ceiling's, or a guarantee's. */
struct pace_bucket pace_bucket(_Atomic int64_t *word, int64_t rate);

/* From when on that much may be taken; now, or later.  What is more than the
 * tolerance may be taken of a bucket that is full. */
int64_t pace_when(const struct pace_bucket *, int64_t cost_ns, int64_t now_ns);
bool pace_take(const struct pace_bucket *, int64_t cost_ns, int64_t now_ns);
/* Whether it is there or not, up to most_ns from now.  Returns how much of it
 * was taken. */
int64_t pace_force(const struct pace_bucket *, int64_t cost_ns, int64_t now_ns,
    int64_t most_ns);
void pace_give(const struct pace_bucket *, int64_t cost_ns);

#endif
