/* What is learned of destinations: kept, aged, pushed out, torn, hostile. */
#include <sys/mman.h>
#include <sys/wait.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shm/learned.h"
#include "tests/unit/unit.h"

#define NOW    5000000000ll
#define HOUR   3600000000ll
#define SCOPE  77
#define MINUTE 60000000ll

static struct learned *
fresh(void)
{
	/* Shared, as a child writes to it too. */
	struct learned *l = mmap(NULL, sizeof(*l), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (l == MAP_FAILED)
		exit(1);
	return l;
}

static void
done(struct learned *l)
{
	munmap(l, sizeof(*l));
}

static struct learned_fact
fact(const char *key, enum learned_state state, int64_t at_us)
{
	struct learned_fact f = {.state = state,
	    .scope = SCOPE,
	    .since_us = at_us,
	    .used_us = at_us};

	snprintf(f.key, sizeof(f.key), "%s", key);
	return f;
}

static bool
put(struct learned *l, const char *key, enum learned_state state, int64_t at_us)
{
	struct learned_fact f = fact(key, state, at_us);

	return learned_put(l, &f, 0);
}

static enum learned_state
state_of(const struct learned *l, const char *key)
{
	struct learned_fact f;

	if (!learned_find(l, key, INT64_MAX, &f))
		return LEARNED_NOTHING;
	return f.state;
}

static uint32_t
count(const struct learned *l)
{
	struct learned_fact f;
	uint32_t i, n = 0;

	for (i = 0; i < LEARNED_ENTRIES; i++)
		n += learned_at(l, i, INT64_MAX, &f);
	return n;
}

static void
keeps(void)
{
	struct learned *l = fresh();
	char longest[LEARNED_KEY_MAX + 1] = "";
	struct learned_fact f;

	CHECK(!learned_find(l, "a:1", NOW, &f), "known before");
	f = fact("a:1", LEARNED_DIRECT, NOW);
	f.failures = 3;
	CHECK(learned_put(l, &f, 0), "no room");
	memset(&f, 0xff, sizeof(f));
	CHECK(learned_find(l, "a:1", NOW + 1, &f), "not kept");
	CHECK_STR(f.key, "a:1");
	CHECK_INT(f.state, LEARNED_DIRECT);
	CHECK_INT(f.scope, SCOPE);
	CHECK_INT(f.since_us, NOW);
	CHECK_INT(f.used_us, NOW);
	CHECK_INT(f.failures, 3);
	CHECK(!learned_find(l, "a:2", NOW, &f), "another port");
	/* Over what was known. */
	CHECK(put(l, "a:1", LEARNED_FAILED, NOW + 9), "no room");
	CHECK_INT(state_of(l, "a:1"), LEARNED_FAILED);
	CHECK_INT(count(l), 1);
	learned_drop(l, "a:1");
	learned_drop(l, "a:1");
	CHECK_INT(count(l), 0);
	/* Keys of any length that fits, and no others. */
	memset(longest, 'x', LEARNED_KEY_MAX);
	CHECK(put(l, longest, LEARNED_DIRECT, NOW), "the longest key");
	CHECK_INT(state_of(l, longest), LEARNED_DIRECT);
	f = fact("", LEARNED_DIRECT, NOW);
	CHECK(!learned_put(l, &f, 0), "an empty key");
	memset(f.key, 'x', sizeof(f.key));
	CHECK(!learned_put(l, &f, 0), "a key without an end");
	done(l);
}

static void
ages(void)
{
	struct learned_fact f = fact("a:1", LEARNED_DIRECT, NOW);
	struct learned *l = fresh();

	CHECK(learned_believed(&f, SCOPE, HOUR, NOW), "at once");
	CHECK(learned_believed(&f, SCOPE, HOUR, NOW + HOUR), "at the age");
	CHECK(!learned_believed(&f, SCOPE, HOUR, NOW + HOUR + 1), "beyond");
	CHECK(!learned_believed(&f, SCOPE + 1, HOUR, NOW), "another scope");
	CHECK(learned_again_us(&f) == INT64_MAX, "direct: to be looked at");
	learned_put(l, &f, 0);
	learned_use(l, "a:1", NOW + HOUR);
	learned_use(l, "b:1", NOW + HOUR);
	CHECK(learned_find(l, "a:1", NOW + HOUR, &f), "lost");
	CHECK_INT(f.since_us, NOW);
	CHECK(learned_believed(&f, SCOPE, HOUR, NOW + 2 * HOUR), "used");
	CHECK(!learned_believed(&f, SCOPE, HOUR, NOW + 2 * HOUR + 1), "aged");
	f.state = LEARNED_FAILED;
	CHECK(!learned_believed(&f, SCOPE, HOUR, NOW), "failed");
	f.state = LEARNED_OUTSIDE;
	CHECK(!learned_believed(&f, SCOPE, HOUR, NOW), "outside");
	done(l);
}

static void
waits_longer(void)
{
	static const struct {
		uint32_t failures;
		int64_t minutes;
	} cases[] = {{0, 10}, {1, 10}, {2, 20}, {3, 40}, {4, 80}, {5, 160},
	    {6, 160}, {1000, 160}};
	struct learned_fact f = fact("a:1", LEARNED_FAILED, NOW);
	struct learned *l = fresh();
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		f.failures = cases[i].failures;
		CHECK(learned_again_us(&f) == NOW + cases[i].minutes * MINUTE,
		    "%u failures", f.failures);
	}
	/* Use alone makes up for failures. */
	f.failures = 4;
	learned_put(l, &f, 0);
	learned_use(l, "a:1", NOW + 1);
	learned_find(l, "a:1", NOW + 1, &f);
	CHECK_INT(f.failures, 4);
	f.state = LEARNED_DIRECT;
	learned_put(l, &f, 0);
	learned_use(l, "a:1", NOW + 1);
	learned_find(l, "a:1", NOW + 1, &f);
	CHECK_INT(f.failures, 0);
	done(l);
}

/* Key i; of those that share the set of the first. */
static void
neighbours(char keys[][32], unsigned int n)
{
	struct learned *l = fresh();
	unsigned int i, found = 0;
	struct learned_fact f;
	uint32_t set = 0, at;

	for (i = 0; found < n; i++) {
		snprintf(keys[found], 32, "n%u:1", i);
		put(l, keys[found], LEARNED_DIRECT, NOW);
		for (at = 0; !learned_at(l, at, NOW, &f); at++)
			;
		learned_drop(l, keys[found]);
		if (found == 0)
			set = at / LEARNED_WAYS;
		if (at / LEARNED_WAYS == set)
			found++;
	}
	done(l);
}

static void
pushes_out(void)
{
	char keys[LEARNED_WAYS + 2][32];
	struct learned *l = fresh();
	struct learned_fact f;
	unsigned int i;

	neighbours(keys, LEARNED_WAYS + 2);
	for (i = 0; i < LEARNED_WAYS; i++)
		put(l, keys[i], LEARNED_DIRECT, NOW + i);
	/* What is not learned pushes out nothing that is ... */
	CHECK(!put(l, keys[LEARNED_WAYS], LEARNED_FAILED, NOW), "pushed out");
	CHECK(!put(l, keys[LEARNED_WAYS], LEARNED_OUTSIDE, NOW), "pushed out");
	CHECK_INT(count(l), LEARNED_WAYS);
	/* ... unless that is stale. */
	f = fact(keys[LEARNED_WAYS], LEARNED_OUTSIDE, NOW + 9);
	CHECK(learned_put(l, &f, NOW + 1), "a stale one stays");
	CHECK_INT(state_of(l, keys[0]), LEARNED_NOTHING);
	CHECK_INT(state_of(l, keys[1]), LEARNED_DIRECT);
	/* The least worth goes first, then the longest unused. */
	CHECK(put(l, keys[LEARNED_WAYS + 1], LEARNED_FAILED, NOW), "kept out");
	CHECK_INT(state_of(l, keys[LEARNED_WAYS]), LEARNED_NOTHING);
	CHECK(put(l, keys[LEARNED_WAYS], LEARNED_DIRECT, NOW + 99), "no room");
	CHECK_INT(state_of(l, keys[LEARNED_WAYS + 1]), LEARNED_NOTHING);
	learned_use(l, keys[1], NOW + 100);
	CHECK(put(l, keys[0], LEARNED_DIRECT, NOW + 101), "no room");
	CHECK_INT(state_of(l, keys[2]), LEARNED_NOTHING);
	CHECK_INT(state_of(l, keys[1]), LEARNED_DIRECT);
	CHECK_INT(count(l), LEARNED_WAYS);
	done(l);
}

static void
is_bounded(void)
{
	struct learned *l = fresh();
	char key[32];
	unsigned int i;

	for (i = 0; i < 20000; i++) {
		snprintf(key, sizeof(key), "10.0.%u.%u:443", i / 256, i % 256);
		CHECK(put(l, key, LEARNED_DIRECT, NOW + i), "%s", key);
		CHECK_INT(state_of(l, key), LEARNED_DIRECT);
	}
	CHECK(count(l) <= LEARNED_ENTRIES, "more than there are");
	CHECK(count(l) > LEARNED_ENTRIES / 2, "%u: a bad hash", count(l));
	done(l);
}

/* As a writer leaves it that is killed between two of its stores. */
static void
torn(void)
{
	struct learned *l = fresh();
	struct learned_entry *e = NULL;
	struct learned_fact f;
	uint32_t i;

	put(l, "aaaa:1", LEARNED_FAILED, NOW);
	for (i = 0; i < LEARNED_ENTRIES; i++) {
		if (learned_at(l, i, NOW, &f))
			e = &l->entries[i];
	}
	e->sequence++;
	e->state = LEARNED_DIRECT;
	CHECK(!learned_find(l, "aaaa:1", NOW, &f), "a torn entry is found");
	CHECK_INT(count(l), 0);
	/* Its place can be had even so. */
	CHECK(put(l, "aaaa:1", LEARNED_DIRECT, NOW), "no room");
	CHECK_INT(state_of(l, "aaaa:1"), LEARNED_DIRECT);
	CHECK_INT(count(l), 1);
	put(l, "b:1", LEARNED_DIRECT, NOW);
	e->sequence++;
	learned_start(l);
	CHECK_INT(e->sequence % 2, 0);
	CHECK_INT(e->state, LEARNED_NOTHING);
	CHECK_INT(count(l), 1);
	CHECK_INT(state_of(l, "b:1"), LEARNED_DIRECT);
	done(l);
}

/* Every field says which writing it is of. */
static struct learned_fact
numbered(uint32_t n)
{
	struct learned_fact f = {.state = LEARNED_DIRECT,
	    .scope = n,
	    .since_us = n,
	    .used_us = n,
	    .failures = n % 900};

	/* So long that a kill is likely in the middle of it. */
	snprintf(f.key, sizeof(f.key), "%0200u:%u", n, n % 60000 + 1);
	return f;
}

static bool
whole(const struct learned_fact *f)
{
	struct learned_fact want = numbered((uint32_t)f->scope);

	return strcmp(f->key, want.key) == 0 && f->state == want.state &&
	       f->since_us == want.since_us && f->used_us == want.used_us &&
	       f->failures == want.failures;
}

static uint32_t
check_whole(const struct learned *l)
{
	struct learned_fact f;
	uint32_t i, n = 0, bad = 0;

	for (i = 0; i < LEARNED_ENTRIES; i++) {
		if (!learned_at(l, i, INT64_MAX, &f))
			continue;
		n++;
		bad += !whole(&f);
	}
	CHECK_INT(bad, 0);
	return n;
}

static void __attribute__((noreturn)) write_for_ever(struct learned *l)
{
	struct learned_fact f;

	for (;;) {
		f = numbered((uint32_t)l->tried);
		learned_put(l, &f, 0);
		l->tried++;
	}
}

#define KILLS 50

static void
killed_writers(void)
{
	struct learned *l = fresh();
	uint32_t n, round, had = 0;
	uint64_t seen;
	pid_t pid;

	for (round = 0; round < KILLS; round++) {
		seen = l->tried;
		pid = fork();
		if (pid == 0)
			write_for_ever(l);
		while (pid > 0 && l->tried < seen + 100 + round)
			;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		n = check_whole(l);
		CHECK(n > 0 && n + 1 >= had, "%u left of %u", n, had);
		learned_start(l);
		had = check_whole(l);
		CHECK(had == n, "the successor lost what was whole");
	}
	done(l);
}

#define WRITES 200000

static void *
write_all(void *arg)
{
	struct learned *l = arg;
	struct learned_fact f;
	uint32_t n;

	for (n = 0; n < WRITES; n++) {
		f = numbered(n % 3000);
		learned_put(l, &f, 0);
		if (n % 3 == 0)
			learned_drop(l, f.key);
	}
	atomic_store(&l->found, 1);
	return NULL;
}

static void
reads_while_written(void)
{
	struct learned *l = fresh();
	uint64_t reads = 0;
	pthread_t writer;

	pthread_create(&writer, NULL, write_all, l);
	while (atomic_load(&l->found) == 0)
		reads += check_whole(l);
	pthread_join(writer, NULL);
	CHECK(reads > 0, "nothing was read");
	done(l);
}

static void
hostile(void)
{
	struct learned *l = fresh();
	unsigned char *at = (unsigned char *)l;
	uint64_t seed = 88172645463325252ull;
	struct learned_fact f;
	uint32_t i, round, bad = 0;

	for (round = 0; round < 20; round++) {
		for (i = 0; i < sizeof(*l); i++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			/* Often enough a state and a key that pass. */
			at[i] = round % 2 == 0 ? (unsigned char)seed
					       : (unsigned char)(seed % 4);
		}
		for (i = 0; i < LEARNED_ENTRIES; i++) {
			if (round % 4 == 1)
				memset(&l->entries[i].key, 'k', 100);
			if (!learned_at(l, i, NOW, &f))
				continue;
			bad += f.state <= LEARNED_NOTHING ||
			       f.state >= LEARNED_STATES || f.since_us < 0 ||
			       f.since_us > NOW || f.used_us < 0 ||
			       f.used_us > NOW || f.failures > 1000 ||
			       strlen(f.key) > LEARNED_KEY_MAX;
		}
	}
	CHECK_INT(bad, 0);
	/* A key that could steer a terminal, or has no end, is none. */
	memset(l, 0, sizeof(*l));
	l->entries[0].state = LEARNED_DIRECT;
	memset(&l->entries[0].key, 'k', sizeof(l->entries[0].key));
	CHECK(!learned_at(l, 0, NOW, &f), "a key without an end");
	memset(&l->entries[0].key, 0, sizeof(l->entries[0].key));
	CHECK(!learned_at(l, 0, NOW, &f), "an empty key");
	memcpy(&l->entries[0].key, "a\033[2J:1", 8);
	CHECK(!learned_at(l, 0, NOW, &f), "an escape sequence");
	memcpy(&l->entries[0].key, "abcde:1", 8);
	CHECK(learned_at(l, 0, NOW, &f), "the control");
	CHECK(!learned_at(l, LEARNED_ENTRIES, NOW, &f), "out of range");
	CHECK(!learned_at(l, UINT32_MAX, NOW, &f), "far out of range");
	done(l);
}

static const struct unit_case cases[] = {
    {"keeps what is put, one fact a key", keeps},
    {"ages unless used", ages},
    {"waits longer after each failure", waits_longer},
    {"the least useful is pushed out", pushes_out},
    {"never grows", is_bounded},
    {"a torn entry is nobody's", torn},
    {"writers killed anywhere leave no half", killed_writers},
    {"a reader sees whole entries only", reads_while_written},
    {"random bytes are clamped or refused", hostile},
};

UNIT_MAIN("learned", cases)
