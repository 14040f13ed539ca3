/* The slabs: making and sealing, counting, and reading a hostile one. */
#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shm/slab.h"
#include "tests/unit/attack.h"
#include "tests/unit/unit.h"

#define NOW_US 1700000000000000ll

static struct slab *
fresh(int *fd, int *ro_fd)
{
	struct slab *s = NULL;
	int r;

	*fd = slab_create(3, (const uint8_t[USAGE_KEY_LEN]){0}, ro_fd);
	CHECK(*fd >= 0, "create: %s", strerror(-*fd));
	r = slab_map(*fd, true, &s);
	CHECK_INT(r, 0);
	if (s == NULL)
		exit(1);
	return s;
}

static void
done(struct slab *s, int fd, int ro_fd)
{
	slab_unmap(s);
	close(fd);
	close(ro_fd);
}

static void
create(void)
{
	struct slab_sample sample;
	struct slab *s, *ro;
	struct stat st;
	int fd, ro_fd, r;

	s = fresh(&fd, &ro_fd);
	CHECK_INT(s->worker, 3);
	CHECK_INT(fstat(fd, &st), 0);
	CHECK_INT(st.st_size, sizeof(*s));
	CHECK_INT(st.st_mode & 07777, 0600);
	CHECK_INT(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_INT(fcntl(ro_fd, F_GETFD), FD_CLOEXEC);
	CHECK_INT(
	    fcntl(fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	CHECK(ftruncate(fd, 4096) == -1 && errno == EPERM, "could shrink");
	r = slab_map(ro_fd, false, &ro);
	CHECK_INT(r, 0);
	slab_sample(ro, 0, NOW_US, &sample);
	CHECK_INT(sample.incarnation, 0);
	/* A respawned worker must be able to map it again. */
	slab_unmap(ro);
	r = slab_map(fd, true, &ro);
	CHECK_INT(r, 0);
	slab_unmap(ro);
	r = slab_map(ro_fd, true, &ro);
	CHECK_INT(r, -EACCES);
	CHECK(ro == NULL, "a slab in spite of an error");
	done(s, fd, ro_fd);
	slab_unmap(NULL);
}

static void
not_ours(void)
{
	struct slab *s, *other;
	int fd, ro_fd, plain, r;

	s = fresh(&fd, &ro_fd);
	s->magic++;
	r = slab_map(ro_fd, false, &other);
	CHECK_INT(r, -EPROTO);
	s->magic--;
	s->layout++;
	r = slab_map(ro_fd, false, &other);
	CHECK_INT(r, -EPROTO);
	s->layout--;
	r = slab_map(ro_fd, false, &other);
	CHECK_INT(r, 0);
	slab_unmap(other);
	done(s, fd, ro_fd);

	/* Right size, but somebody could shrink it under us. */
	plain = memfd_create("plain", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	r = ftruncate(plain, (off_t)sizeof(*s));
	CHECK_INT(r, 0);
	r = slab_map(plain, false, &other);
	CHECK_INT(r, -EPROTO);
	close(plain);
	/* Sealed, but short. */
	plain = memfd_create("plain", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	r = ftruncate(plain, (off_t)sizeof(*s) - 8);
	CHECK_INT(r, 0);
	r = fcntl(
	    plain, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	CHECK_INT(r, 0);
	r = slab_map(plain, false, &other);
	CHECK_INT(r, -EPROTO);
	close(plain);
	r = slab_map(-1, false, &other);
	CHECK_INT(r, -EBADF);
}

static void
counts(void)
{
	struct slab_sample sample;
	struct slab_row *r;
	struct slab *s;
	int fd, ro_fd;

	s = fresh(&fd, &ro_fd);
	r = slab_row(s, 7, 1);
	slab_add(&r->attempts, 3);
	slab_add(&r->attempts, 2);
	slab_add(&r->successes, 4);
	slab_add(&r->charged, 1);
	slab_add(&r->hedged, 2);
	slab_add(&r->failures[9], 1);
	slab_add(&r->bytes_up, 1ull << 40);
	slab_add(&r->bytes_down, 12);
	slab_up(&r->in_flight);
	slab_up(&r->in_flight);
	slab_down(&r->in_flight);
	slab_down(&r->failures_in_row);
	hist_add(&r->connect, 100);
	hist_add(&r->handshake, 200);
	hist_add(&r->first_byte, 400);
	r->last_failure = 9;
	r->last_failure_us = NOW_US;
	r->last_ok_us = NOW_US - 1;
	slab_sample(s, 7, NOW_US, &sample);
	CHECK_INT(sample.incarnation, 1);
	CHECK_INT(sample.attempts, 5);
	CHECK_INT(sample.successes, 4);
	CHECK_INT(sample.charged, 1);
	CHECK_INT(sample.hedged, 2);
	CHECK_INT(sample.failures[9], 1);
	CHECK_INT(sample.failures[8], 0);
	CHECK_INT(sample.bytes_up, 1ll << 40);
	CHECK_INT(sample.bytes_down, 12);
	CHECK_INT(sample.in_flight, 1);
	CHECK_INT(slab_in_flight(s, 7), 1);
	CHECK_INT(sample.failures_in_row, 0);
	CHECK_INT(sample.last_failure, 9);
	CHECK_INT(sample.last_failure_us, NOW_US);
	CHECK_INT(sample.last_ok_us, NOW_US - 1);
	CHECK_INT(sample.connect[hist_bucket(100)], 1);
	CHECK_INT(sample.handshake[hist_bucket(200)], 1);
	CHECK_INT(sample.first_byte[hist_bucket(400)], 1);
	/* The other slots are still nobody's. */
	slab_sample(s, 6, NOW_US, &sample);
	CHECK_INT(sample.attempts, 0);
	done(s, fd, ro_fd);
}

static void
range(void)
{
	struct slab_sample sample;
	struct slab *s;
	int fd, ro_fd;

	s = fresh(&fd, &ro_fd);
	CHECK(
	    slab_row(s, TABLE_ROWS_MAX - 1, 1) == &s->rows[TABLE_ROWS_MAX - 1],
	    "the last slot");
	CHECK(slab_row(s, TABLE_ROWS_MAX, 1) == NULL, "one past");
	CHECK(slab_row(s, UINT32_MAX, 1) == NULL, "far past");
	memset(&sample, 0xff, sizeof(sample));
	slab_sample(s, TABLE_ROWS_MAX, NOW_US, &sample);
	CHECK_INT(sample.incarnation, 0);
	CHECK_INT(sample.attempts, 0);
	CHECK_INT(sample.first_byte[HIST_BUCKETS - 1], 0);
	done(s, fd, ro_fd);
}

static void
incarnations(void)
{
	struct slab_sample sample, empty;
	struct slab_row *r;
	struct slab *s;
	int fd, ro_fd;

	s = fresh(&fd, &ro_fd);
	r = slab_row(s, 0, 1);
	memset(r, 0x11, sizeof(*r));
	r->incarnation = 1;
	CHECK(slab_row(s, 0, 1) == r, "the same row");
	CHECK_INT(r->bytes_up, 0x1111111111111111ll);
	CHECK(slab_row(s, 0, 2) == r, "the same place");
	slab_sample(s, 0, NOW_US, &sample);
	memset(&empty, 0, sizeof(empty));
	empty.incarnation = 2;
	CHECK(memcmp(&sample, &empty, sizeof(empty)) == 0, "not empty");
	/* Its neighbour is not touched. */
	CHECK_INT(s->rows[1].incarnation, 0);
	/* Killed while clearing: nobody's, whatever is in it. */
	r->attempts = 99;
	r->incarnation = 0;
	slab_sample(s, 0, NOW_US, &sample);
	CHECK_INT(sample.attempts, 0);
	CHECK_INT(slab_row(s, 0, 2)->attempts, 0);
	done(s, fd, ro_fd);
}

static void
successor(void)
{
	struct slab_row *r;
	struct slab *s;
	int fd, ro_fd;

	s = fresh(&fd, &ro_fd);
	slab_start(s, 100);
	r = slab_row(s, TABLE_ROWS_MAX - 1, 5);
	slab_add(&r->attempts, 2);
	slab_up(&r->in_flight);
	slab_up(&r->failures_in_row);
	slab_up(&s->tunnels);
	slab_up(&s->clients);
	slab_add(&s->accepted, 7);
	slab_start(s, 101);
	CHECK_INT(s->pid, 101);
	CHECK_INT(s->tunnels, 0);
	CHECK_INT(s->clients, 0);
	CHECK_INT(s->accepted, 7);
	CHECK_INT(r->in_flight, 0);
	CHECK_INT(r->failures_in_row, 0);
	CHECK_INT(r->attempts, 2);
	CHECK_INT(r->incarnation, 5);
	done(s, fd, ro_fd);
}

static void
clamped(const struct slab_sample *p)
{
	unsigned int i;
	bool ok;

	ok = p->in_flight <= 1u << 20 && p->failures_in_row <= 1u << 20 &&
	     p->last_failure < SLAB_REASONS && p->last_failure_us >= 0 &&
	     p->last_failure_us <= NOW_US && p->last_ok_us >= 0 &&
	     p->last_ok_us <= NOW_US && p->attempts <= 1ull << 48 &&
	     p->successes <= p->attempts && p->charged <= p->attempts &&
	     p->bytes_up <= 1ull << 53 && p->bytes_down <= 1ull << 53;
	for (i = 0; i < SLAB_REASONS; i++)
		ok = ok && p->failures[i] <= p->attempts;
	/* One report a field would be millions of assertions. */
	if (!ok)
		CHECK(ok, "a value beyond what is possible");
}

/* xorshift: random enough, and fast for 1.3 MB a round. */
static void
garbage(struct slab *s, uint64_t seed)
{
	unsigned char *at = (unsigned char *)s;
	size_t i;

	for (i = 0; i < sizeof(*s) / 8; i++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		memcpy(at + i * 8, &seed, 8);
	}
}

#define ROUNDS 1000

/* Every slot sampled 1000 times, over 50 fillings of the whole slab. */
static void
hostile(void)
{
	uint64_t attempts, bytes;
	struct slab_sample sample;
	unsigned int round;
	struct slab *s;
	uint32_t slot;
	int fd, ro_fd;

	s = fresh(&fd, &ro_fd);
	for (round = 0; round < ROUNDS; round++) {
		if (round % 20 == 0)
			garbage(s, 88172645463325252ull + round);
		attempts = bytes = 0;
		for (slot = 0; slot < TABLE_ROWS_MAX; slot++) {
			slab_sample(s, slot, NOW_US, &sample);
			clamped(&sample);
			attempts += sample.attempts;
			bytes += sample.bytes_up;
		}
		CHECK(attempts > 0 && attempts <= 1ull << 58, "a wrapped sum");
		CHECK(bytes > 0 && bytes <= 1ull << 63, "a wrapped sum");
	}
	/* Each extreme, too. */
	memset(s, 0xff, sizeof(*s));
	slab_sample(s, 0, NOW_US, &sample);
	clamped(&sample);
	CHECK_INT(sample.attempts, 1ll << 48);
	CHECK_INT(slab_in_flight(s, 0), 1 << 20);
	CHECK_INT(slab_in_flight(s, TABLE_ROWS_MAX), 0);
	CHECK_INT(sample.last_ok_us, 0);
	memset(s, 0x7f, sizeof(*s));
	slab_sample(s, 0, NOW_US, &sample);
	clamped(&sample);
	CHECK_INT(sample.last_ok_us, NOW_US);
	CHECK_INT(hist_quantile_us(sample.connect, 1), 67108864);
	done(s, fd, ro_fd);
}

static void
other_uid(void)
{
	int fd, ro_fd;
	struct slab *s;

	if (geteuid() != 0) {
		unit_skip("needs root");
		return;
	}
	s = fresh(&fd, &ro_fd);
	CHECK_INT(attack_ro(ro_fd, sizeof(*s)), 0);
	/* The control: with a memfd's own mode the reopening succeeds. */
	CHECK(fchmod(fd, 0777) == 0, "fchmod");
	CHECK_INT(attack_ro(ro_fd, sizeof(*s)), ATTACK_REOPEN);
	done(s, fd, ro_fd);
}

/* A name counts on, also after its worker; another begins anew. */
static void
class_names(void)
{
	struct slab_class *c;
	struct slab *s;
	int fd, ro_fd;

	s = fresh(&fd, &ro_fd);
	c = &s->classes[5];
	slab_class_is(s, 5, "calls");
	slab_up(&c->tunnels);
	slab_add(&c->bytes_up, 7);
	slab_add(&c->datagrams_dropped, 1);
	slab_add(&c->began[SLAB_CLASS_BY_RULE], 1);
	slab_add(&c->refused_full[SLAB_FULL_LATE], 1);
	slab_add(&c->came, 1);
	slab_add(&c->admitted, 1);
	hist_add(&c->waited, 5);
	hist_add(&c->setup, 6);
	slab_class_is(s, 5, "calls");
	CHECK_INT(c->bytes_up, 7);
	slab_class_is(s, 5, "call");
	CHECK_INT(c->bytes_up + c->began[SLAB_CLASS_BY_RULE] + c->came +
		      c->datagrams_dropped + c->admitted +
		      c->refused_full[SLAB_FULL_LATE],
	    0);
	CHECK(memcmp(&c->waited, &s->classes[6].waited, sizeof(c->waited)) == 0,
	    "waits");
	CHECK(memcmp(&c->setup, &s->classes[6].setup, sizeof(c->setup)) == 0,
	    "set-ups");
	CHECK_INT(c->tunnels, 1);
	slab_add(&c->bytes_down, 3);
	slab_start(s, 7);
	slab_class_is(s, 5, "call");
	CHECK_INT(c->bytes_down, 3);
	slab_class_is(s, 5, "calls");
	CHECK_INT(c->bytes_down, 0);
	done(s, fd, ro_fd);
}

static const struct unit_case cases[] = {
    {"create and map", create},
    {"what is not a slab is refused", not_ours},
    {"counters", counts},
    {"slot out of range", range},
    {"a new incarnation starts afresh", incarnations},
    {"a successor keeps counters, not gauges", successor},
    {"a class's numbers are of a name", class_names},
    {"random bytes, every slot 1000 times", hostile},
    {"another uid cannot write through the read-only fd", other_uid},
};

UNIT_MAIN("slab", cases)
