/* Owns a turn of the io_uring backend: what goes to the kernel and what comes
 * back, each once a turn.  What it means for an fd is known to loop_uring_rx.c
 * and loop_uring_tx.c. */
#include "base/loop_uring.h"

#include <sys/socket.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/loop_impl.h"
#include "base/loop_uring_impl.h"
#include "base/mono.h"

#define SWEEP_US 1000000
/* How long freeing a loop may take, at most: to send, and to cancel. */
#define END_US 2000000

static int
init(struct loop *l)
{
	struct loop_uring *u = calloc(1, sizeof(*u));
	int error;

	if (u == NULL)
		return -ENOMEM;
	error = uring_setup(u);
	if (error != 0) {
		free(u);
		return error;
	}
	STAILQ_INIT(&u->ready);
	STAILQ_INIT(&u->todo);
	STAILQ_INIT(&u->lingering);
	STAILQ_INIT(&u->unsaid);
	l->ur = u;
	return 0;
}

void
uring_ready(struct loop *l, struct loop_fd *f)
{
	if ((f->ur.bits & UR_QUEUED) != 0)
		return;
	f->ur.bits |= UR_QUEUED;
	STAILQ_INSERT_TAIL(&l->ur->ready, f, ur.ready);
}

void
uring_todo(struct loop *l, struct loop_fd *f)
{
	if ((f->ur.bits & UR_TODO) != 0)
		return;
	f->ur.bits |= UR_TODO;
	STAILQ_INSERT_TAIL(&l->ur->todo, f, ur.todo);
}

void
uring_update(struct loop *l, struct loop_fd *f)
{
	if (uring_rx_runnable(f) || uring_tx_runnable(f))
		uring_ready(l, f);
	uring_todo(l, f);
}

struct io_uring_sqe *
uring_ask(struct loop *l)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&l->ur->ring);

	assert(sqe != NULL);
	return sqe;
}

void
uring_about(
    struct loop *l, struct io_uring_sqe *sqe, const struct loop_fd *f, int what)
{
	io_uring_sqe_set_data64(sqe, uring_user_data(f, what));
	l->ur->in_kernel++;
}

void
uring_cancel(struct loop *l, const struct loop_fd *f, int what)
{
	struct io_uring_sqe *sqe = uring_ask(l);

	io_uring_prep_cancel64(sqe, uring_user_data(f, what), 0);
	io_uring_sqe_set_data64(sqe, URING_NOTHING);
	io_uring_sqe_set_flags(sqe, IOSQE_CQE_SKIP_SUCCESS);
}

/* The number is the kernel's again, and may be another file's at once. */
static void
close_now(struct loop *l, struct loop_fd *f)
{
	const uint32_t lists = UR_QUEUED | UR_TODO | UR_LINGER;
	struct io_uring_sqe *sqe;

	if ((f->ur.bits & UR_OUT) != 0)
		uring_cancel(l, f, URING_POLL_OUT);
	sqe = uring_ask(l);
	io_uring_prep_close(sqe, f->fd);
	io_uring_sqe_set_data64(sqe, URING_NOTHING);
	io_uring_sqe_set_flags(sqe, IOSQE_CQE_SKIP_SUCCESS);
	f->ur.bits &= lists;
	f->ur.rx_asked = UR_RX_NONE;
	f->ur.tx_asked = UR_TX_NONE;
	f->ur.tx_error = 0;
	f->ur.appetite = 0;
	f->ur.serial++;
}

static void
linger(struct loop *l, struct loop_fd *f)
{
	int64_t now_us = l->now_us;

	if ((f->ur.bits & UR_LINGER) != 0)
		return;
	if (STAILQ_EMPTY(&l->ur->lingering))
		l->ur->sweep_us = now_us + SWEEP_US;
	f->ur.bits |= UR_LINGER;
	STAILQ_INSERT_TAIL(&l->ur->lingering, f, ur.linger);
}

/* What is sent goes first, and what is closed is closed at the end. */
static void
reconcile(struct loop *l, struct loop_fd *f)
{
	uring_tx_reconcile(l, f);
	uring_rx_reconcile(l, f);
	if ((f->ur.bits & UR_CLOSE) == 0)
		return;
	if (f->ur.out != NULL || f->ur.addr != NULL)
		linger(l, f);
	else
		close_now(l, f);
}

/* Queue what there is to ask; what has no room waits for the next turn. */
static void
ask_all(struct loop *l)
{
	struct loop_uring *u = l->ur;
	struct loop_fd *f;

	while ((f = STAILQ_FIRST(&u->todo)) != NULL) {
		if (io_uring_sq_space_left(&u->ring) < URING_SQES_AN_FD)
			io_uring_submit(&u->ring);
		if (io_uring_sq_space_left(&u->ring) < URING_SQES_AN_FD)
			return;
		STAILQ_REMOVE_HEAD(&u->todo, ur.todo);
		f->ur.bits &= ~UR_TODO;
		reconcile(l, f);
	}
}

/* Tell the kernel all, and wait for something to have happened. */
static int
enter(struct loop *l, int64_t wait_us)
{
	struct loop_uring *u = l->ur;
	struct __kernel_timespec ts = {
	    .tv_sec = wait_us / 1000000, .tv_nsec = wait_us % 1000000 * 1000};
	struct io_uring_cqe *cqe;
	int n;

	if (wait_us == 0)
		n = io_uring_submit_and_get_events(&u->ring);
	else if (wait_us < 0)
		n = io_uring_submit_and_wait(&u->ring, 1);
	else
		n = io_uring_submit_and_wait_timeout(
		    &u->ring, &cqe, 1, &ts, NULL);
	uring_conclude_unsaid(l);
	switch (-n) {
	case ETIME:
	case EINTR:
	case EAGAIN: /* short of memory: again, with what is left to say */
	case EBUSY:  /* until completions are taken */
	case ENOMEM:
		return 0;
	default:
		return n < 0 ? n : 0;
	}
}

static void
complete(struct loop *l, const struct io_uring_cqe *cqe)
{
	enum uring_what what = uring_what_of(cqe);
	struct loop_fd *f;

	if (what == URING_NOTHING)
		return;
	if ((cqe->flags & IORING_CQE_F_MORE) == 0)
		l->ur->in_kernel--;
	f = uring_fd_of(l, cqe);
	if (what < URING_SEND)
		uring_received(l, f, cqe, what);
	else if (f != NULL)
		uring_sent(l, f, cqe, what);
}

/* What has come by now; what comes meanwhile is the next turn's. */
static void
complete_all(struct loop *l)
{
	struct io_uring *ring = &l->ur->ring;
	unsigned int n = io_uring_cq_ready(ring);
	struct io_uring_cqe *next, cqe;

	for (; n > 0 && io_uring_peek_cqe(ring, &next) == 0; n--) {
		cqe = *next;
		io_uring_cqe_seen(ring, next);
		complete(l, &cqe);
	}
}

/* Connect goes first, or receiving would take the error that is its own. */
static void
run_fd(struct loop *l, struct loop_fd *f)
{
	const uint32_t gen = f->gen;
	bool connecting = uring_tx_connecting(f);

	if (connecting && uring_tx_runnable(f))
		uring_tx_run(l, f);
	if (f->gen == gen && uring_rx_runnable(f))
		uring_rx_run(l, f);
	if (f->gen == gen && !connecting && uring_tx_runnable(f))
		uring_tx_run(l, f);
	if (f->gen == gen)
		uring_update(l, f);
}

/* What was queued before; what is queued meanwhile waits. */
static void
run_ready(struct loop *l)
{
	struct uring_list ready = STAILQ_HEAD_INITIALIZER(ready);
	struct loop_fd *f;

	STAILQ_CONCAT(&ready, &l->ur->ready);
	while ((f = STAILQ_FIRST(&ready)) != NULL) {
		STAILQ_REMOVE_HEAD(&ready, ur.ready);
		f->ur.bits &= ~UR_QUEUED;
		run_fd(l, f);
	}
}

void
uring_reset_at_close(int fd)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static void
cut(struct loop *l, struct loop_fd *f)
{
	uring_reset_at_close(f->fd);
	uring_tx_abandon(l, f);
	uring_todo(l, f);
}

/* Whoever has had its time is cut, and does not look complete. */
static void
sweep(struct loop *l)
{
	struct loop_uring *u = l->ur;
	struct uring_list all = STAILQ_HEAD_INITIALIZER(all);
	struct loop_fd *f;

	if (STAILQ_EMPTY(&u->lingering) || l->now_us < u->sweep_us)
		return;
	STAILQ_CONCAT(&all, &u->lingering);
	u->sweep_us = l->now_us + SWEEP_US;
	while ((f = STAILQ_FIRST(&all)) != NULL) {
		STAILQ_REMOVE_HEAD(&all, ur.linger);
		f->ur.bits &= ~UR_LINGER;
		if ((f->ur.bits & UR_CLOSE) == 0)
			continue;
		if (l->now_us / 1000000 >= f->ur.linger_s)
			cut(l, f);
		linger(l, f);
	}
}

static int64_t
shorten(const struct loop *l, int64_t wait_us)
{
	const struct loop_uring *u = l->ur;
	int64_t until_us;

	if (wait_us == 0 || !STAILQ_EMPTY(&u->ready) || !STAILQ_EMPTY(&u->todo))
		return 0;
	if (STAILQ_EMPTY(&u->lingering))
		return wait_us;
	until_us = u->sweep_us - mono_us();
	if (until_us < 0)
		return 0;
	return wait_us < 0 || until_us < wait_us ? until_us : wait_us;
}

static int
turn(struct loop *l, int64_t wait_us)
{
	int error;

	/* Not all was taken, and more may wait for it by now. */
	if (!STAILQ_EMPTY(&l->ur->unsaid))
		wait_us = 0;
	ask_all(l);
	error = enter(l, shorten(l, wait_us));
	if (error != 0)
		return error;
	l->now_us = mono_us();
	complete_all(l);
	run_ready(l);
	sweep(l);
	return 0;
}

static void
flush(struct loop *l)
{
	ask_all(l);
	if (io_uring_sq_ready(&l->ur->ring) > 0)
		(void)enter(l, 0);
}

static void
close_fd(struct loop *l, int fd, struct loop_fd *f, bool reset)
{
	/* What lacks its end must not look complete. */
	reset |= f != NULL && f->ur.tx_error != 0;
	if (reset)
		uring_reset_at_close(fd);
	if (f == NULL) {
		/* On Linux the fd is gone whatever close() returns. */
		close(fd);
		return;
	}
	uring_rx_forget(l, f);
	if (reset)
		uring_tx_abandon(l, f);
	f->ur.bits &= ~UR_SHUT;
	f->ur.bits |= UR_CLOSE;
	f->ur.linger_s = (int32_t)(l->now_us / 1000000) + URING_LINGER_S;
	uring_todo(l, f);
}

static bool
anything_lingers(const struct loop *l)
{
	const struct loop_fd *f;

	STAILQ_FOREACH(f, &l->ur->lingering, ur.linger)
	{
		if ((f->ur.bits & UR_CLOSE) != 0)
			return true;
	}
	return false;
}

static void
forget_fd(struct loop *l, struct loop_fd *f)
{
	struct loop_uring_out *out;

	while ((out = f->ur.out) != NULL) {
		f->ur.out = out->next;
		uring_out_free(out);
	}
	uring_rx_forget(l, f);
	free(f->ur.peer);
	f->ur.peer = NULL;
	free(f->ur.addr);
	f->ur.addr = NULL;
	if ((f->ur.bits & UR_CLOSE) != 0)
		close(f->fd);
}

static void
cancel_all(struct loop *l)
{
	struct io_uring_sqe *sqe;

	if (io_uring_sq_space_left(&l->ur->ring) == 0)
		return;
	sqe = uring_ask(l);
	io_uring_prep_cancel64(
	    sqe, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
	io_uring_sqe_set_data64(sqe, URING_NOTHING);
}

/* What was taken gets its time to be sent, within bounds. */
static void
fini(struct loop *l)
{
	struct loop_uring *u = l->ur;
	int64_t end_us = mono_us() + END_US;
	size_t i, k;

	flush(l);
	while (anything_lingers(l) && mono_us() < end_us) {
		(void)turn(l, end_us - mono_us());
		/* What has gone is closed, which no completion tells of. */
		flush(l);
	}
	end_us = mono_us() + END_US;
	while (u->in_kernel > 0 && mono_us() < end_us) {
		cancel_all(l);
		(void)enter(l, 10000);
		complete_all(l);
	}
	/* What the kernel may still read or write is left to it. */
	if (u->in_kernel > 0) {
		io_uring_queue_exit(&u->ring);
		return;
	}
	for (i = 0; i < l->chunks_n; i++) {
		for (k = 0; l->chunks[i] != NULL && k < LOOP_FD_CHUNK; k++)
			forget_fd(l, &l->chunks[i]->fds[k]);
	}
	uring_teardown(u);
	free(u);
}

const struct loop_backend loop_uring = {.name = "io_uring",
    .syscall = "io_uring_enter",
    .init = init,
    .fini = fini,
    .start_rx = uring_start_rx,
    .start_tx = uring_start_tx,
    .start_connect = uring_start_connect,
    .stopped_rx = uring_stopped_rx,
    .stopped_tx = uring_stopped_tx,
    .send_now = uring_send_now,
    .unsent = uring_unsent,
    .shutdown = uring_shutdown,
    .peek = uring_peek,
    .drained = uring_drained,
    .take_accepted = uring_take_accepted,
    .full = uring_full,
    .close = close_fd,
    .turn = turn,
    .flush = flush};
