/*
 * Owns the words of shared buckets: taking of them and giving back.  Knows
 * neither classes nor users, and believes nothing that it reads.
 */
#include "shm/pace_word.h"

#define SECOND INT64_C(1000000000)

/* A word that so many others have changed at once is left alone. */
#define TRIES 64

/* So that n * SECOND fits 64 bits. */
#define BYTES_MAX (1ull << 33)

#define QUANTUM_MAX (256u << 10)

/* A wake-up may come so late without loss.  With a quantum it is how far ahead
 * of its time may be taken: 18 ms at most, or 1.8 % in any second, but for the
 * slowest, whose quantum is a byte. */
#define LATE_NS (8 * PACE_MS)

/* What was charged though it was not there is not forgotten for so long. */
#define HORIZON_NS (10 * SECOND)

int64_t
pace_rate(int64_t rate)
{
	if (rate < 1)
		return 1;
	return rate < PACE_RATE_MAX ? rate : PACE_RATE_MAX;
}

int64_t
pace_worth(uint64_t n, int64_t rate)
{
	if (n > BYTES_MAX)
		n = BYTES_MAX;
	return (int64_t)(n * SECOND / (uint64_t)rate);
}

int64_t
pace_cost(uint64_t n, int64_t rate)
{
	if (n > BYTES_MAX)
		n = BYTES_MAX;
	return (int64_t)((n * SECOND + (uint64_t)rate - 1) / (uint64_t)rate);
}

size_t
pace_quantum(int64_t rate)
{
	int64_t n = rate / 250; /* 4 ms */

	if (n < PACE_SEGMENT)
		n = rate / 100 < PACE_SEGMENT ? rate / 100 : PACE_SEGMENT;
	if (n > QUANTUM_MAX)
		n = QUANTUM_MAX;
	return n > 0 ? (size_t)n : 1;
}

size_t
pace_useful(int64_t rate)
{
	size_t n = (size_t)(rate / 250), quantum = pace_quantum(rate);

	return n > quantum ? n : quantum;
}

struct pace_bucket
pace_bucket(_Atomic int64_t *word, int64_t rate)
{
	struct pace_bucket b = {.word = word, .rate = pace_rate(rate)};
	int64_t quantum_ns = 4 * PACE_MS;

	if (b.rate < PACE_FAST)
		quantum_ns = pace_cost(pace_quantum(b.rate), b.rate);
	b.tolerance_ns = quantum_ns + LATE_NS;
	b.horizon_ns = HORIZON_NS + 2 * quantum_ns;
	return b;
}

static int64_t
time_of(const struct pace_bucket *b, int64_t word, int64_t now_ns)
{
	return word > now_ns && word <= now_ns + b->horizon_ns ? word : now_ns;
}

static int64_t
free_at(const struct pace_bucket *b, int64_t time_ns, int64_t cost_ns)
{
	return cost_ns < b->tolerance_ns ? time_ns + cost_ns - b->tolerance_ns
					 : time_ns;
}

int64_t
pace_when(const struct pace_bucket *b, int64_t cost_ns, int64_t now_ns)
{
	int64_t word = atomic_load_explicit(b->word, memory_order_relaxed);
	int64_t at = free_at(b, time_of(b, word, now_ns), cost_ns);

	return at > now_ns ? at : now_ns;
}

bool
pace_take(const struct pace_bucket *b, int64_t cost_ns, int64_t now_ns)
{
	int64_t word = atomic_load_explicit(b->word, memory_order_relaxed);
	int64_t time;
	int i;

	for (i = 0; i < TRIES; i++) {
		time = time_of(b, word, now_ns);
		if (free_at(b, time, cost_ns) > now_ns)
			return false;
		if (atomic_compare_exchange_weak_explicit(b->word, &word,
			time + cost_ns, memory_order_relaxed,
			memory_order_relaxed))
			return true;
	}
	return false;
}

int64_t
pace_force(const struct pace_bucket *b, int64_t cost_ns, int64_t now_ns,
    int64_t most_ns)
{
	int64_t word = atomic_load_explicit(b->word, memory_order_relaxed);
	int64_t time, took;
	int i;

	for (i = 0; i < TRIES; i++) {
		time = time_of(b, word, now_ns);
		took = now_ns + most_ns - time;
		if (took > cost_ns)
			took = cost_ns;
		if (took <= 0)
			return 0;
		if (atomic_compare_exchange_weak_explicit(b->word, &word,
			time + took, memory_order_relaxed,
			memory_order_relaxed))
			return took;
	}
	return 0;
}

void
pace_give(const struct pace_bucket *b, int64_t cost_ns)
{
	atomic_fetch_sub_explicit(b->word, cost_ns, memory_order_relaxed);
}
