/* What tunnels turned out to be: what is expected of the next, how it ages,
 * who makes room, and many writers at once. */
#include "shm/history.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#define DAY   HISTORY_HALF_S
#define START (20000ll * DAY)

static struct history *
fresh(void)
{
	struct history *h = calloc(1, sizeof(*h));

	memcpy(h->key, "0123456789abcdef", sizeof(h->key));
	return h;
}

static void
add(struct history *h, uint64_t hash, uint32_t kind, int n, int64_t now_s)
{
	while (n-- > 0)
		history_add(h, hash, kind, now_s);
}

static void
expects_what_was(void)
{
	struct history *h = fresh();
	uint64_t ssh = history_hash(h, 7, "host.example", 22);

	CHECK_INT(history_expect(h, ssh, START), -1);
	history_add(h, ssh, 2, START);
	CHECK_INT(history_expect(h, ssh, START), -1);
	history_add(h, ssh, 2, START);
	CHECK_INT(history_expect(h, ssh, START), 2);
	/* Another user, port or host has another history. */
	CHECK_INT(
	    history_expect(h, history_hash(h, 8, "host.example", 22), START),
	    -1);
	CHECK_INT(
	    history_expect(h, history_hash(h, 7, "host.example", 443), START),
	    -1);
	CHECK_INT(
	    history_expect(h, history_hash(h, 7, "hosts.example", 22), START),
	    -1);
	/* Now this, now that: nothing is expected. */
	history_add(h, ssh, 0, START);
	CHECK_INT(history_expect(h, ssh, START), -1);
	add(h, ssh, 0, 100, START);
	CHECK_INT(history_expect(h, ssh, START), 0);
	/* What is no kind is not counted. */
	add(h, ssh, HISTORY_KINDS, 1000, START);
	CHECK_INT(history_expect(h, ssh, START), 0);
	free(h);
}

static void
ages(void)
{
	struct history *h = fresh();
	uint64_t x = history_hash(h, 1, "a.example", 443);

	add(h, x, 1, 31, START);
	CHECK_INT(history_expect(h, x, START + DAY), 1);
	CHECK_INT(history_expect(h, x, START + 3 * DAY), 1);
	CHECK_INT(history_expect(h, x, START + 4 * DAY), -1);
	/* What it is now wins over what it was long ago. */
	add(h, x, 2, 6, START + 4 * DAY);
	CHECK_INT(history_expect(h, x, START + 4 * DAY), 2);
	free(h);
}

/* Hashes that share a set, by their low bits. */
static uint64_t
in_set(uint32_t set, uint32_t i)
{
	return (uint64_t)(i + 1) << 40 | set;
}

static void
oldest_makes_room(void)
{
	struct history *h = fresh();
	uint32_t i;

	for (i = 0; i < HISTORY_WAYS; i++)
		add(h, in_set(5, i), 1, 4, START + i * 3600);
	add(h, in_set(5, 0), 1, 1, START + 10 * 3600);
	add(h, in_set(5, 100), 2, 4, START + 11 * 3600);
	for (i = 0; i < HISTORY_WAYS; i++)
		CHECK_INT(history_expect(h, in_set(5, i), START + 12 * 3600),
		    i == 1 ? -1 : 1);
	CHECK_INT(history_expect(h, in_set(5, 100), START + 12 * 3600), 2);
	free(h);
}

static void
bears_rubbish(void)
{
	struct history *h = fresh();
	uint64_t x;
	uint32_t i;
	int kind;

	srand(1);
	for (i = 0; i < HISTORY_ENTRIES; i++)
		h->words[i] = (uint64_t)rand() << 33 ^ (uint64_t)rand() << 11 ^
			      (uint64_t)rand();
	for (i = 0; i < 100000; i++) {
		x = (uint64_t)rand() << 33 ^ (uint64_t)rand();
		kind = history_expect(h, x, START);
		CHECK(kind >= -1 && kind < HISTORY_KINDS, "kind %d", kind);
		history_add(h, x, i % HISTORY_KINDS, START - i);
	}
	free(h);
}

struct writer {
	struct history *h;
	uint64_t hash;
};

static void *
writes(void *arg)
{
	struct writer *w = arg;
	int i;

	for (i = 0; i < 7; i++)
		history_add(w->h, w->hash, 0, START);
	return NULL;
}

/* Nothing that four writers count is lost: 28, so that three of another kind
 * in four of all take 84, which no count holds: 9 and 28 are 3 in 4. */
static void
loses_no_count(void)
{
	struct writer w = {.h = fresh()};
	pthread_t t[4];
	int i, n;

	for (n = 0; n < 200; n++) {
		w.hash = history_hash(w.h, (uint64_t)n, "b.example", 1);
		for (i = 0; i < 4; i++)
			pthread_create(&t[i], NULL, writes, &w);
		for (i = 0; i < 4; i++)
			pthread_join(t[i], NULL);
		add(w.h, w.hash, 1, 9, START);
		CHECK_INT(history_expect(w.h, w.hash, START), 0);
		add(w.h, w.hash, 1, 1, START);
		CHECK_INT(history_expect(w.h, w.hash, START), -1);
	}
	free(w.h);
}

static const struct unit_case cases[] = {
    {"expects what was", expects_what_was},
    {"ages", ages},
    {"oldest makes room", oldest_makes_room},
    {"bears rubbish", bears_rubbish},
    {"loses no count", loses_no_count},
};

UNIT_MAIN("history", cases)
