/* Stands before liburing in a worker and lets every so-manieth request of a
 * ring fail: changes what is asked for before the kernel sees it, and what the
 * kernel says of it before the worker does.  Takes no byte from anybody. */
#include <sys/epoll.h>

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/loop_uring_impl.h"
#include "tests/fault/inject.h"

#define LIES_MAX 1024

/* Above any fd in the user_data of the loop's: a request of ours. */
#define OURS (1ull << 63)
/* ... that makes the kernel say something of the fd, or of nobody. */
#define OURS_NOBODY (OURS | UINT32_MAX)

/*
 * A request that is to fail names no file, so that nothing is done; the
 * kernel's EBADF becomes the error that it is to have.  One that receives
 * again and again is cancelled, and ends with that error.
 */
struct lie {
	uint64_t about;
	int32_t was, res;
};

static struct {
	const struct io_uring *ring;
	uint32_t asked; /* of its requests, those that were looked at */
	uint32_t told;	/* likewise, of the completions */
	struct lie lies[LIES_MAX];
	size_t lies_n;
	uint64_t cut[LIES_MAX]; /* to be cancelled */
	size_t cut_n;
	/* Who waits for changes of room to send in, by fd. */
	uint64_t room[FDS_MAX];
} state;

#define REAL(name, type)                                   \
	static type *fn;                                   \
	if (fn == NULL) {                                  \
		void *found = fault_real(#name);           \
		__builtin_memcpy(&fn, &found, sizeof(fn)); \
	}                                                  \
	if (fn == NULL)                                    \
	abort()

typedef int submit_fn(struct io_uring *);
typedef int submit_wait_fn(struct io_uring *, unsigned int);
typedef int submit_timeout_fn(struct io_uring *, struct io_uring_cqe **,
    unsigned int, struct __kernel_timespec *, sigset_t *);
typedef int init_fn(unsigned int, struct io_uring *, struct io_uring_params *);

static int
real_submit(struct io_uring *ring)
{
	REAL(io_uring_submit, submit_fn);

	return fn(ring);
}

static int
real_events(struct io_uring *ring)
{
	REAL(io_uring_submit_and_get_events, submit_fn);

	return fn(ring);
}

static bool
known(uint64_t fd)
{
	return fd < FDS_MAX;
}

/* As the loop writes it. */
static uint64_t
fd_of(uint64_t user_data)
{
	return user_data >> 32;
}

/* --- what is asked ----------------------------------------------------------
 */

static void
lie(uint64_t about, int was, int res)
{
	if (state.lies_n == LIES_MAX)
		abort();
	state.lies[state.lies_n++] = (struct lie){about, was, res};
}

static void
refuse(struct io_uring_sqe *sqe)
{
	lie(sqe->user_data, -EBADF, -fault_error());
	if (sqe->opcode == IORING_OP_SEND && fault_error() == EAGAIN)
		fault_owe(sqe->fd, EPOLLOUT);
	sqe->fd = -1;
}

static void
may_fail(struct io_uring_sqe *sqe, enum fault_call call)
{
	/* Who takes what comes has not said how much. */
	if (fault_error() == 0 && sqe->len < 2)
		return;
	if (!fault_due(call))
		return;
	if (fault_error() != 0) {
		refuse(sqe);
		return;
	}
	sqe->len = (uint32_t)fault_less(sqe->len);
	sqe->flags &= (uint8_t)~IOSQE_CQE_SKIP_SUCCESS; /* it is none */
	if (call == FAULT_SEND)
		fault_owe(sqe->fd, EPOLLOUT);
}

static void
forget_room(uint64_t user_data)
{
	uint64_t fd = fd_of(user_data);

	if (known(fd) && state.room[fd] == user_data)
		state.room[fd] = 0;
}

static void
asks(struct io_uring_sqe *sqe)
{
	switch (sqe->opcode) {
	case IORING_OP_ACCEPT:
		may_fail(sqe, FAULT_ACCEPT);
		break;
	case IORING_OP_CONNECT:
		/* Where the call goes on behind EINTR, a request does. */
		if (fault_error() != EINTR)
			may_fail(sqe, FAULT_CONNECT);
		break;
	case IORING_OP_RECV:
		may_fail(sqe, FAULT_RECV);
		break;
	case IORING_OP_SEND:
		may_fail(sqe, FAULT_SEND);
		break;
	case IORING_OP_POLL_ADD:
		if ((sqe->len & IORING_POLL_ADD_MULTI) != 0 &&
		    (sqe->poll32_events & POLLOUT) != 0 && known(sqe->fd))
			state.room[sqe->fd] = sqe->user_data;
		break;
	case IORING_OP_ASYNC_CANCEL:
		forget_room(sqe->addr);
		break;
	default:
		break;
	}
}

static bool
cancel(struct io_uring *ring, uint64_t whom, uint64_t user_data)
{
	struct io_uring_sq *sq = &ring->sq;
	struct io_uring_sqe *sqe = &sq->sqes[sq->sqe_tail & sq->ring_mask];

	if (io_uring_sq_space_left(ring) == 0)
		return false;
	io_uring_prep_cancel64(sqe, whom, 0);
	io_uring_sqe_set_flags(sqe, IOSQE_CQE_SKIP_SUCCESS);
	io_uring_sqe_set_data64(sqe, user_data);
	sq->sqe_tail++;
	return true;
}

/* What nobody knows cannot be cancelled, and that is told behind what was
 * asked before: a place for the word of room that is owed. */
static bool
pay(struct io_uring *ring)
{
	uint32_t events;
	int fd;

	while ((fd = fault_owed(&events)) != -1) {
		if ((events & EPOLLOUT) == 0 || state.room[fd] == 0)
			continue;
		if (cancel(ring, OURS_NOBODY, OURS | (uint32_t)fd))
			continue;
		fault_owe(fd, events);
		return false;
	}
	while (state.cut_n > 0) {
		if (!cancel(ring, state.cut[state.cut_n - 1], OURS_NOBODY))
			return false;
		state.cut_n--;
	}
	return true;
}

/* False: not all that is owed had room. */
static bool
before(struct io_uring *ring)
{
	struct io_uring_sq *sq = &ring->sq;
	bool paid;

	if (state.ring != ring) {
		state.ring = ring;
		state.asked = sq->sqe_head;
		state.told = *ring->cq.khead;
	}
	for (; state.asked != sq->sqe_tail; state.asked++)
		asks(&sq->sqes[state.asked & sq->ring_mask]);
	paid = pay(ring);
	state.asked = sq->sqe_tail;
	return paid;
}

/* --- what is told -----------------------------------------------------------
 */

static void
replace(struct io_uring_cqe *cqe)
{
	uint64_t fd = cqe->user_data & ~OURS;

	cqe->user_data = URING_NOTHING;
	if (!known(fd) || state.room[fd] == 0)
		return;
	cqe->user_data = state.room[fd];
	cqe->res = POLLOUT;
	cqe->flags = IORING_CQE_F_MORE;
}

static void
falsify(struct io_uring_cqe *cqe)
{
	struct lie *l;
	size_t i;

	for (i = 0; i < state.lies_n; i++) {
		l = &state.lies[i];
		if (l->about != cqe->user_data)
			continue;
		if (cqe->res == l->was)
			cqe->res = l->res;
		*l = state.lies[--state.lies_n];
		return;
	}
}

static bool
is_cut(uint64_t user_data)
{
	size_t i;

	for (i = 0; i < state.lies_n; i++) {
		if (state.lies[i].about == user_data)
			return true;
	}
	return false;
}

static void
tells(struct io_uring_cqe *cqe)
{
	if ((cqe->user_data & OURS) != 0) {
		replace(cqe);
		return;
	}
	if ((cqe->flags & IORING_CQE_F_MORE) == 0) {
		forget_room(cqe->user_data);
		falsify(cqe);
		return;
	}
	if ((cqe->flags & IORING_CQE_F_BUFFER) == 0 || fault_error() == 0 ||
	    is_cut(cqe->user_data) || !fault_due(FAULT_RECV))
		return;
	lie(cqe->user_data, -ECANCELED, -fault_error());
	state.cut[state.cut_n++] = cqe->user_data;
}

static int
after(struct io_uring *ring, int rc)
{
	struct io_uring_cq *cq = &ring->cq;
	uint32_t end = io_uring_smp_load_acquire(cq->ktail);

	for (; state.told != end; state.told++)
		tells(&cq->cqes[state.told & cq->ring_mask]);
	return rc;
}

/* As the kernel does: short of memory it takes some, or none; interrupted, it
 * has taken all and waits for nothing. */
static int
fails(struct io_uring *ring)
{
	uint32_t ready = io_uring_sq_ready(ring), back = ready - ready / 2;
	int rc;

	switch (fault_error()) {
	case EINTR:
		return ready > 0 ? after(ring, real_submit(ring)) : -EINTR;
	case EAGAIN:
		if (ready < 2)
			return -EAGAIN;
		ring->sq.sqe_tail -= back;
		rc = real_submit(ring);
		ring->sq.sqe_tail += back;
		return after(ring, rc);
	default:
		return -fault_error();
	}
}

int
io_uring_submit(struct io_uring *ring)
{
	before(ring);
	return after(ring, real_submit(ring));
}

int
io_uring_submit_and_get_events(struct io_uring *ring)
{
	before(ring);
	if (fault_due(FAULT_WAIT))
		return fails(ring);
	return after(ring, real_events(ring));
}

int
io_uring_submit_and_wait(struct io_uring *ring, unsigned int n)
{
	REAL(io_uring_submit_and_wait, submit_wait_fn);

	if (!before(ring))
		return after(ring, real_events(ring));
	if (fault_due(FAULT_WAIT))
		return fails(ring);
	return after(ring, fn(ring, n));
}

int
io_uring_submit_and_wait_timeout(struct io_uring *ring,
    struct io_uring_cqe **cqe, unsigned int n, struct __kernel_timespec *ts,
    sigset_t *mask)
{
	REAL(io_uring_submit_and_wait_timeout, submit_timeout_fn);

	if (!before(ring))
		return after(ring, real_events(ring));
	if (fault_due(FAULT_WAIT))
		return fails(ring);
	return after(ring, fn(ring, cqe, n, ts, mask));
}

/* One that is soon full. */
int
io_uring_queue_init_params(
    unsigned int n, struct io_uring *ring, struct io_uring_params *p)
{
	REAL(io_uring_queue_init_params, init_fn);

	if (fault_ring() != 0 && (p->flags & IORING_SETUP_CQSIZE) != 0)
		n = p->cq_entries = fault_ring();
	return fn(n, ring, p);
}
