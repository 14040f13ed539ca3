/* What all workers write: making, sealing and mapping it. */
#include "shm/traffic.h"

#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "shm/slab.h"
#include "tests/unit/unit.h"

static const uint8_t key[HISTORY_KEY_LEN] = "0123456789abcde";

static void
is_shared(void)
{
	struct traffic *a, *b, *c;
	int fd, ro;
	uint64_t x;

	fd = traffic_create(key, &ro);
	CHECK(fd >= 0, "create: %s", strerror(-fd));
	CHECK_INT(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_INT(fcntl(ro, F_GETFD), FD_CLOEXEC);
	CHECK(ftruncate(fd, 4096) == -1 && errno == EPERM, "could shrink");
	CHECK_INT(traffic_map(fd, true, &a), 0);
	CHECK_INT(traffic_map(fd, true, &b), 0);
	CHECK_INT(traffic_map(ro, false, &c), 0);
	x = history_hash(&a->history, 1, "a.example", 443);
	CHECK(x == history_hash(&c->history, 1, "a.example", 443), "one key");
	history_add(&a->history, x, 2, 1000);
	history_add(&b->history, x, 2, 1000);
	CHECK_INT(history_expect(&c->history, x, 1000), 2);
	traffic_unmap(a);
	traffic_unmap(b);
	traffic_unmap(c);
	traffic_unmap(NULL);
	CHECK_INT(traffic_map(ro, true, &a), -EACCES);
	CHECK(a == NULL, "mapped in spite of an error");
	close(fd);
	close(ro);
}

static void
is_no_slab(void)
{
	struct traffic *t;
	int fd, ro, plain;

	fd = slab_create(0, key, &ro);
	CHECK_INT(traffic_map(fd, true, &t), -EPROTO);
	CHECK(t == NULL, "a slab was taken for it");
	close(fd);
	close(ro);
	plain = memfd_create("plain", MFD_CLOEXEC);
	CHECK_INT(ftruncate(plain, sizeof(*t)), 0);
	CHECK_INT(traffic_map(plain, true, &t), -EPROTO);
	close(plain);
	fd = traffic_create(key, &ro);
	CHECK_INT(traffic_map(fd, true, &t), 0);
	t->magic++;
	traffic_unmap(t);
	CHECK_INT(traffic_map(fd, true, &t), -EPROTO);
	close(fd);
	close(ro);
}

static const struct unit_case cases[] = {
    {"is shared", is_shared},
    {"is no slab", is_no_slab},
};

UNIT_MAIN("traffic", cases)
