/* What a ring can do: what the loop needs, and nothing else. */
#include <fcntl.h>
#include <poll.h>

#include "base/loop_uring.h"
#include "base/loop_uring_impl.h"
#include "tests/unit/loop_rig.h"

/* NULL: skipped. */
static struct loop *
ring_loop(void)
{
	struct loop *l = NULL;
	int error = loop_new_on(&l, "io_uring");

	if (error != 0)
		unit_skip("io_uring cannot be had");
	return l;
}

/* What becomes of one request that the loop would not make. */
static int
ask_for(struct loop *l, void (*prepare)(struct io_uring_sqe *))
{
	struct io_uring *ring = &l->ur->ring;
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	struct io_uring_cqe *cqe = NULL;
	int res;

	prepare(sqe);
	rig_must(io_uring_submit_and_wait(ring, 1), "io_uring_submit_and_wait");
	rig_must(io_uring_peek_cqe(ring, &cqe), "io_uring_peek_cqe");
	res = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return res;
}

static void
open_a_file(struct io_uring_sqe *sqe)
{
	io_uring_prep_openat(sqe, AT_FDCWD, "/dev/null", O_RDONLY, 0);
}

static void
make_a_socket(struct io_uring_sqe *sqe)
{
	io_uring_prep_socket(sqe, AF_INET, SOCK_STREAM, 0, 0);
}

static void
send_a_message(struct io_uring_sqe *sqe)
{
	static const struct msghdr none;

	io_uring_prep_sendmsg(sqe, -1, &none, 0);
}

static void
poll_a_file(struct io_uring_sqe *sqe)
{
	io_uring_prep_poll_add(sqe, -1, POLLIN);
}

static void
what_it_does_not_need_is_refused(void)
{
	struct loop *l = ring_loop();

	if (l == NULL)
		return;
	CHECK_INT(ask_for(l, open_a_file), -EACCES);
	CHECK_INT(ask_for(l, make_a_socket), -EACCES);
	CHECK_INT(ask_for(l, send_a_message), -EACCES);
	/* That it was not refused for being badly asked. */
	CHECK_INT(ask_for(l, poll_a_file), -EBADF);
	loop_free(l);
}

static void
it_stays_as_it_is(void)
{
	struct loop *l = ring_loop();
	const int fds[] = {0};

	if (l == NULL)
		return;
	CHECK_INT(io_uring_register_files(&l->ur->ring, fds, 1), -EACCES);
	CHECK_INT(io_uring_unregister_buf_ring(&l->ur->ring, 0), -EACCES);
	loop_free(l);
}

static const struct unit_case cases[] = {
    {"does what it needs, and no more", what_it_does_not_need_is_refused},
    {"registers nothing once it is enabled", it_stays_as_it_is},
};

UNIT_MAIN("loop_uring", cases)
