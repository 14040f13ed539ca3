/*
 * Owns the layout of a worker's statistics: making, mapping, counting, and
 * reading them as hostile input; never indexes or sizes by what it read.
 */
#include "shm/slab.h"

#include <sys/mman.h>

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "shm/sealed.h"

/* So that the sum over any number of workers fits 63 bits. */
#define COUNT_MAX (1ull << 48)
#define BYTES_MAX (1ull << 53)
/* No process holds more fds (fs.nr_open). */
#define GAUGE_MAX (1u << 20)

static_assert(sizeof(struct slab_row) % 8 == 0, "no tail padding");
static_assert(sizeof(_Atomic uint32_t) == 4 && sizeof(_Atomic uint64_t) == 8,
    "lock-free words in shared memory");

#define GET(p)	  atomic_load_explicit((p), memory_order_relaxed)
#define SET(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)

int
slab_create(
    uint32_t worker, const uint8_t key[static USAGE_KEY_LEN], int *ro_fd)
{
	const struct {
		uint64_t magic;
		uint32_t layout, worker;
	} head = {SLAB_MAGIC, SLAB_LAYOUT, worker};
	int error, fd;

	static_assert(offsetof(struct slab, pid) == sizeof(head), "head");
	fd = sealed_create(
	    "cagent-slab", sizeof(struct slab), &head, sizeof(head), ro_fd);
	if (fd < 0)
		return fd;
	if (pwrite(fd, key, USAGE_KEY_LEN, offsetof(struct slab, usage.key)) ==
	    USAGE_KEY_LEN)
		return fd;
	error = errno;
	close(fd);
	close(*ro_fd);
	return -error;
}

int
slab_map(int fd, bool writable, struct slab **out)
{
	void *p;
	int error = sealed_map(fd, sizeof(struct slab), writable, &p);

	*out = p;
	if (error != 0)
		return error;
	if ((*out)->magic == SLAB_MAGIC && (*out)->layout == SLAB_LAYOUT)
		return 0;
	slab_unmap(*out);
	*out = NULL;
	return -EPROTO;
}

void
slab_unmap(struct slab *s)
{
	if (s != NULL)
		munmap(s, sizeof(*s));
}

static void
clear_waits(_Atomic uint32_t waits[SLAB_PRIORITIES])
{
	uint32_t i;

	for (i = 0; i < SLAB_PRIORITIES; i++) {
		if (GET(&waits[i]) != 0)
			SET(&waits[i], 0);
	}
}

void
slab_start(struct slab *s, uint32_t pid)
{
	uint32_t i;

	SET(&s->pid, pid);
	SET(&s->tunnels, 0);
	SET(&s->clients, 0);
	for (i = 0; i < SLAB_CLASSES; i++) {
		SET(&s->classes[i].tunnels, 0);
		SET(&s->classes[i].waiting, 0);
	}
	SET(&s->waiting, 0);
	for (i = 0; i < TABLE_ROWS_MAX; i++) {
		/* Looked at first: rows never used stay unbacked pages. */
		if (GET(&s->rows[i].in_flight) != 0)
			SET(&s->rows[i].in_flight, 0);
		if (GET(&s->rows[i].failures_in_row) != 0)
			SET(&s->rows[i].failures_in_row, 0);
		if (GET(&s->rows[i].warm) != 0)
			SET(&s->rows[i].warm, 0);
		clear_waits(s->waits[i]);
	}
	learned_start(&s->learned);
	usage_start(&s->usage);
	tunnels_start(&s->live);
}

static void
hist_clear(struct hist *h)
{
	unsigned int i;

	for (i = 0; i < HIST_BUCKETS; i++)
		SET(&h->count[i], 0);
}

/*
 * The row belongs to nobody while it is cleared, and the fence keeps the
 * clearing from showing before that: a sample is of one tenant, or empty.
 * Killed in the middle, it stays nobody's and is cleared again.
 */
static void
row_clear(struct slab_row *r, uint32_t incarnation)
{
	unsigned int i;

	SET(&r->incarnation, 0);
	atomic_thread_fence(memory_order_release);
	SET(&r->in_flight, 0);
	SET(&r->failures_in_row, 0);
	SET(&r->last_failure, 0);
	SET(&r->last_failure_us, 0);
	SET(&r->last_ok_us, 0);
	SET(&r->eager, 0);
	SET(&r->warm, 0);
	SET(&r->eager_us, 0);
	SET(&r->fast_us, 0);
	SET(&r->attempts, 0);
	SET(&r->successes, 0);
	SET(&r->charged, 0);
	SET(&r->hedged, 0);
	for (i = 0; i < SLAB_REASONS; i++)
		SET(&r->failures[i], 0);
	SET(&r->bytes_up, 0);
	SET(&r->bytes_down, 0);
	hist_clear(&r->connect);
	hist_clear(&r->handshake);
	hist_clear(&r->first_byte);
	atomic_store_explicit(
	    &r->incarnation, incarnation, memory_order_release);
}

struct slab_row *
slab_row(struct slab *s, uint32_t slot, uint32_t incarnation)
{
	struct slab_row *r;

	if (slot >= TABLE_ROWS_MAX)
		return NULL;
	r = &s->rows[slot];
	if (GET(&r->incarnation) != incarnation)
		row_clear(r, incarnation);
	return r;
}

void
slab_class_is(struct slab *s, uint32_t class, const char *name)
{
	struct slab_class *c = &s->classes[class % SLAB_CLASSES];
	uint32_t i;

	if (strncmp(c->name, name, sizeof(c->name)) == 0)
		return;
	for (i = 0; i < SLAB_CLASS_WHYS; i++)
		SET(&c->began[i], 0);
	SET(&c->came, 0);
	SET(&c->bytes_up, 0);
	SET(&c->bytes_down, 0);
	SET(&c->datagrams_dropped, 0);
	SET(&c->admitted, 0);
	for (i = 0; i < SLAB_FULL_WHYS; i++)
		SET(&c->refused_full[i], 0);
	hist_clear(&c->waited);
	hist_clear(&c->setup);
	/* Killed before this, it is cleared again. */
	atomic_signal_fence(memory_order_seq_cst);
	memset(c->name, 0, sizeof(c->name));
	memcpy(c->name, name, strnlen(name, sizeof(c->name)));
}

static uint64_t
get_max(const _Atomic uint64_t *p, uint64_t max)
{
	uint64_t v = GET(p);

	return v < max ? v : max;
}

static uint32_t
get_gauge(const _Atomic uint32_t *p)
{
	uint32_t v = GET(p);

	return v < GAUGE_MAX ? v : GAUGE_MAX;
}

static int64_t
get_time(const _Atomic int64_t *p, int64_t now_us)
{
	int64_t v = GET(p);

	if (v > now_us)
		v = now_us;
	return v > 0 ? v : 0;
}

static void
hist_copy(const struct hist *h, uint32_t out[HIST_BUCKETS])
{
	unsigned int i;

	for (i = 0; i < HIST_BUCKETS; i++)
		out[i] = GET(&h->count[i]);
}

void
slab_sample(const struct slab *s, uint32_t slot, int64_t now_us,
    struct slab_sample *out)
{
	const struct slab_row *r;
	unsigned int i, eager;

	memset(out, 0, sizeof(*out));
	if (slot >= TABLE_ROWS_MAX)
		return;
	r = &s->rows[slot];
	out->incarnation =
	    atomic_load_explicit(&r->incarnation, memory_order_acquire);
	out->in_flight = get_gauge(&r->in_flight);
	out->failures_in_row = get_gauge(&r->failures_in_row);
	out->warm = get_gauge(&r->warm);
	eager = GET(&r->eager) & SLAB_EAGER;
	if (eager < SLAB_EAGER_STATES)
		out->eager = (enum slab_eager)eager;
	out->last_failure = GET(&r->last_failure);
	if (out->last_failure >= SLAB_REASONS)
		out->last_failure = 0;
	out->last_failure_us = get_time(&r->last_failure_us, now_us);
	out->last_ok_us = get_time(&r->last_ok_us, now_us);
	out->attempts = get_max(&r->attempts, COUNT_MAX);
	/* The lesser of two counters that only grow only grows, too. */
	out->successes = get_max(&r->successes, out->attempts);
	out->charged = get_max(&r->charged, out->attempts);
	out->hedged = get_max(&r->hedged, out->attempts);
	for (i = 0; i < SLAB_REASONS; i++)
		out->failures[i] = get_max(&r->failures[i], out->attempts);
	out->bytes_up = get_max(&r->bytes_up, BYTES_MAX);
	out->bytes_down = get_max(&r->bytes_down, BYTES_MAX);
	hist_copy(&r->connect, out->connect);
	hist_copy(&r->handshake, out->handshake);
	hist_copy(&r->first_byte, out->first_byte);
	atomic_thread_fence(memory_order_acquire);
	if (out->incarnation == 0 || GET(&r->incarnation) != out->incarnation)
		memset(out, 0, sizeof(*out));
}

uint32_t
slab_in_flight(const struct slab *s, uint32_t slot)
{
	return slot < TABLE_ROWS_MAX ? get_gauge(&s->rows[slot].in_flight) : 0;
}

bool
slab_waits(const struct slab *s, uint32_t slot, uint32_t below)
{
	uint32_t i;

	if (slot >= TABLE_ROWS_MAX || GET(&s->waiting) == 0)
		return false;
	for (i = 0; i < below && i < SLAB_PRIORITIES; i++) {
		if (GET(&s->waits[slot][i]) != 0)
			return true;
	}
	return false;
}

void
slab_add(_Atomic uint64_t *p, uint64_t n)
{
	SET(p, GET(p) + n);
}

void
slab_up(_Atomic uint32_t *p)
{
	SET(p, GET(p) + 1);
}

void
slab_down(_Atomic uint32_t *p)
{
	uint32_t v = GET(p);

	if (v > 0)
		SET(p, v - 1);
}
