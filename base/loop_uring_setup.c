/* Owns how a ring is made: its memory, its buffers, and all that it may ever
 * do.  What is done with it is loop_uring.c's. */
#include "base/loop_uring.h"

#include <sys/mman.h>

#include <errno.h>
#include <string.h>

#include "base/loop_uring_impl.h"

/* Touched only as far as bytes come. */
#define SMALL_N	   256
#define SMALL_SIZE 4096
#define LARGE_N	   16

/*
 * All that a worker's ring may do once it is enabled, be the worker honest or
 * not: io_uring is not seen by seccomp.
 */
static const uint8_t opcodes[] = {IORING_OP_ACCEPT, IORING_OP_CONNECT,
    IORING_OP_RECV, IORING_OP_SEND, IORING_OP_POLL_ADD, IORING_OP_ASYNC_CANCEL,
    IORING_OP_CLOSE};
#define OPCODES_N (sizeof(opcodes) / sizeof(opcodes[0]))

static int
probe(struct io_uring *ring)
{
	struct io_uring_probe *p = io_uring_get_probe_ring(ring);
	bool all = p != NULL;
	size_t i;

	for (i = 0; all && i < OPCODES_N; i++)
		all = io_uring_opcode_supported(p, opcodes[i]) != 0;
	io_uring_free_probe(p);
	return all ? 0 : -ENOTSUP;
}

/* Registering is not among what is allowed, so that this is final. */
static int
restrict_to(struct io_uring *ring)
{
	struct io_uring_restriction r[OPCODES_N + 1];
	size_t i;

	memset(r, 0, sizeof(r));
	for (i = 0; i < OPCODES_N; i++) {
		r[i].opcode = IORING_RESTRICTION_SQE_OP;
		r[i].sqe_op = opcodes[i];
	}
	r[i].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
	r[i].sqe_flags = IOSQE_BUFFER_SELECT | IOSQE_CQE_SKIP_SUCCESS;
	/* liburing 2.3 forgets to export what it has for this. */
	return io_uring_register(
	    ring->ring_fd, IORING_REGISTER_RESTRICTIONS, r, OPCODES_N + 1);
}

static void *
map(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void
unmap_group(struct uring_group *g)
{
	if (g->ring != NULL)
		munmap(g->ring, g->n * sizeof(struct io_uring_buf));
	if (g->memory != NULL)
		munmap(g->memory, (size_t)g->n * g->size);
	g->ring = NULL;
	g->memory = NULL;
}

static int
add_group(struct loop_uring *u, enum uring_size which, uint32_t n, size_t size)
{
	struct uring_group *g = &u->groups[which];
	struct io_uring_buf_reg reg;
	uint32_t i;

	g->n = n;
	g->size = (uint32_t)size;
	g->ring = map(n * sizeof(struct io_uring_buf));
	g->memory = map(n * size);
	if (g->ring == NULL || g->memory == NULL)
		return -ENOMEM;
	memset(&reg, 0, sizeof(reg));
	reg.ring_addr = (uintptr_t)g->ring;
	reg.ring_entries = n;
	reg.bgid = (uint16_t)which;
	io_uring_buf_ring_init(g->ring);
	for (i = 0; i < n; i++)
		io_uring_buf_ring_add(g->ring, g->memory + i * size, g->size,
		    (uint16_t)i, (int)n - 1, (int)i);
	io_uring_buf_ring_advance(g->ring, (int)n);
	return io_uring_register_buf_ring(&u->ring, &reg, 0);
}

static int
furnish(struct loop_uring *u)
{
	int error;

	error = probe(&u->ring);
	if (error == 0)
		error = add_group(u, URING_SMALL, SMALL_N, SMALL_SIZE);
	if (error == 0)
		error = add_group(u, URING_LARGE, LARGE_N, LOOP_RECV_USUAL);
	if (error == 0)
		error = restrict_to(&u->ring);
	if (error != 0)
		return error;
	/* Spares each entering a look-up; nothing is lost without. */
	(void)io_uring_register_ring_fd(&u->ring);
	return io_uring_register(
	    u->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
}

int
uring_setup(struct loop_uring *u)
{
	/* The first two came with Linux 6.1, and so after all else that is
	 * used: multishot receiving, rings of buffers, complete sends. */
	struct io_uring_params p = {
	    .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
		     IORING_SETUP_R_DISABLED | IORING_SETUP_SUBMIT_ALL |
		     IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
	    .cq_entries = URING_CQ_N};
	int error;

	error = io_uring_queue_init_params(URING_SQ_N, &u->ring, &p);
	if (error != 0)
		return error;
	if ((p.features & IORING_FEAT_EXT_ARG) == 0)
		error = -ENOTSUP;
	else
		error = furnish(u);
	if (error != 0)
		uring_teardown(u);
	return error;
}

void
uring_teardown(struct loop_uring *u)
{
	io_uring_queue_exit(&u->ring);
	unmap_group(&u->groups[URING_SMALL]);
	unmap_group(&u->groups[URING_LARGE]);
}
