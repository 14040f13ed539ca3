/* Owns what is known of host names; asks servers by c-ares, and nobody else. */
#include "names/names.h"

#include <sys/queue.h>

#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/loop.h"
#include "names/names_ares.h"
#include "names/names_hosts.h"

#define BUCKETS 4096

/* Who waits for an answer. */
struct asker {
	TAILQ_ENTRY(asker) entry;
	names_fn *fn;
	void *arg;
	uint64_t id;
};

/* A name: being asked while it has askers, else cached. */
struct known {
	LIST_ENTRY(known) entry;
	TAILQ_ENTRY(known) age; /* by time of answer, oldest first */
	struct names *names;
	TAILQ_HEAD(, asker) askers;
	bool asking;
	int64_t until_us;
	struct names_answer answer;
	char name[NET_HOST_MAX + 1];
};

struct names {
	struct loop *loop;
	struct names_ares *ares;
	struct names_hosts *hosts;
	/* Keyed, so that nobody can choose names that collide. */
	uint8_t key[crypto_shorthash_KEYBYTES];
	LIST_HEAD(known_bucket, known) buckets[BUCKETS];
	TAILQ_HEAD(known_list, known) cached;
	uint32_t cached_n, asking_n;
	bool closing;
};

static struct known_bucket *
bucket_of(struct names *n, const char *name)
{
	uint8_t out[crypto_shorthash_BYTES];

	crypto_shorthash(out, (const uint8_t *)name, strlen(name), n->key);
	return &n->buckets[(out[0] | out[1] << 8) % BUCKETS];
}

int
names_new(struct names **out, struct loop *loop, const char *servers)
{
	struct names *n = calloc(1, sizeof(*n));
	int error;

	if (n == NULL)
		return -ENOMEM;
	n->loop = loop;
	crypto_shorthash_keygen(n->key);
	TAILQ_INIT(&n->cached);
	n->hosts = names_hosts_load("/etc/hosts");
	error = names_ares_new(&n->ares, loop, servers);
	if (error != 0) {
		names_free(n);
		return error;
	}
	*out = n;
	return 0;
}

static void
drop(struct names *n, struct known *k)
{
	struct asker *a;

	while ((a = TAILQ_FIRST(&k->askers)) != NULL) {
		TAILQ_REMOVE(&k->askers, a, entry);
		free(a);
	}
	if (!k->asking) {
		TAILQ_REMOVE(&n->cached, k, age);
		n->cached_n--;
	}
	LIST_REMOVE(k, entry);
	free(k);
}

void
names_free(struct names *n)
{
	struct known *k;
	size_t i;

	if (n == NULL)
		return;
	n->closing = true; /* c-ares ends its questions by calling back */
	names_ares_free(n->ares);
	for (i = 0; i < BUCKETS; i++) {
		while ((k = LIST_FIRST(&n->buckets[i])) != NULL)
			drop(n, k);
	}
	names_hosts_free(n->hosts);
	free(n);
}

static int64_t
lifetime_us(const struct names_answer *m)
{
	uint32_t s = m->ttl_s;

	switch (m->outcome) {
	case NAMES_OK:
		if (s < NAMES_TTL_MIN_S)
			s = NAMES_TTL_MIN_S;
		if (s > NAMES_TTL_MAX_S)
			s = NAMES_TTL_MAX_S;
		break;
	case NAMES_UNKNOWN:
		s = NAMES_NEGATIVE_S;
		break;
	case NAMES_FAILED:
	case NAMES_TIMEOUT:
		s = NAMES_FAILED_S;
		break;
	}
	return (int64_t)s * 1000000;
}

/* The answer is in k: tell everybody who waited, and keep it for a while. */
static void
answered(void *arg, const struct names_answer *m)
{
	struct known *k = arg;
	struct names *n = k->names;
	struct names_answer answer = *m;
	struct asker *a;

	if (n->closing)
		return;
	k->answer = *m;
	k->asking = false;
	k->until_us = loop_now_us(n->loop) + lifetime_us(m);
	n->asking_n--;
	TAILQ_INSERT_TAIL(&n->cached, k, age);
	n->cached_n++;
	while ((a = TAILQ_FIRST(&k->askers)) != NULL) {
		TAILQ_REMOVE(&k->askers, a, entry);
		a->fn(a->arg, a->id, &answer);
		free(a);
	}
	if (n->cached_n > NAMES_CACHE_MAX)
		drop(n, TAILQ_FIRST(&n->cached));
}

static struct known *
find(struct names *n, const char *name)
{
	struct known *k;

	LIST_FOREACH (k, bucket_of(n, name), entry) {
		if (strcmp(k->name, name) == 0)
			break;
	}
	return k;
}

static struct known *
ask_servers(struct names *n, const char *name)
{
	struct known *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return NULL;
	k->names = n;
	k->asking = true;
	TAILQ_INIT(&k->askers);
	memcpy(k->name, name, strlen(name) + 1);
	LIST_INSERT_HEAD(bucket_of(n, name), k, entry);
	n->asking_n++;
	return k;
}

static void
fail(names_fn *fn, void *arg, uint64_t id)
{
	const struct names_answer m = {.outcome = NAMES_FAILED};

	fn(arg, id, &m);
}

void
names_ask(
    struct names *n, const char *name, names_fn *fn, void *arg, uint64_t id)
{
	struct names_answer m = {0};
	struct known *k = find(n, name);
	struct asker *a;
	bool fresh = false;

	if (k != NULL && !k->asking && loop_now_us(n->loop) >= k->until_us) {
		drop(n, k);
		k = NULL;
	}
	if (k != NULL && !k->asking) {
		m = k->answer;
		fn(arg, id, &m);
		return;
	}
	if (k == NULL && names_hosts_find(n->hosts, name, &m)) {
		fn(arg, id, &m);
		return;
	}
	a = calloc(1, sizeof(*a));
	if (a != NULL && k == NULL && n->asking_n < NAMES_QUESTIONS_MAX) {
		k = ask_servers(n, name);
		fresh = true;
	}
	if (a == NULL || k == NULL) {
		free(a);
		fail(fn, arg, id);
		return;
	}
	*a = (struct asker){.fn = fn, .arg = arg, .id = id};
	TAILQ_INSERT_TAIL(&k->askers, a, entry);
	if (fresh)
		names_ares_ask(n->ares, k->name, answered, k);
}

static void
forget_in(struct known *k, const void *arg)
{
	struct asker *a, *next;

	for (a = TAILQ_FIRST(&k->askers); a != NULL; a = next) {
		next = TAILQ_NEXT(a, entry);
		if (a->arg != arg)
			continue;
		TAILQ_REMOVE(&k->askers, a, entry);
		free(a);
	}
}

void
names_forget(struct names *n, const void *arg)
{
	struct known *k;
	size_t i;

	for (i = 0; i < BUCKETS; i++) {
		LIST_FOREACH (k, &n->buckets[i], entry)
			forget_in(k, arg);
	}
}
