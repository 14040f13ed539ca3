/* Owns the end of a client's connection that got no tunnel. */
#include "cagentd/worker/relay/farewell.h"

#include <sys/socket.h>

#include "base/buf.h"

void
farewell_cancel(struct farewell *f)
{
	if (f->loop == NULL)
		return;
	loop_cancel(f->loop, &f->timer);
	loop_close(f->loop, f->fd);
	f->fd = -1;
	f->loop = NULL;
}

static void
finish(struct farewell *f)
{
	farewell_fn *done = f->done;

	farewell_cancel(f);
	done(f);
}

static void
on_deadline(struct loop *loop, struct op *op, const struct op_result *r)
{
	(void)loop, (void)r; /* time is the only news */
	finish(container_of(op, struct farewell, timer));
}

static void
on_recv(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct farewell *f = container_of(op, struct farewell, recv);

	(void)loop;
	if (r->res > 0)
		f->discarded += (uint64_t)r->res;
	if (r->res <= 0 || f->discarded > FAREWELL_BYTES_MAX)
		finish(f);
}

static void
listen_out(struct farewell *f)
{
	loop_shutdown(f->loop, f->fd);
	if (loop_recv(f->loop, &f->recv, f->fd, on_recv) != 0)
		loop_timer(
		    f->loop, &f->timer, loop_now_us(f->loop), on_deadline);
}

static void
on_sent(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct farewell *f = container_of(op, struct farewell, send);

	(void)loop;
	if (r->res < 0)
		finish(f);
	else
		listen_out(f);
}

void
farewell_start(struct farewell *f, struct loop *loop, int fd, struct buf *word,
    farewell_fn *done)
{
	int64_t end = loop_now_us(loop) + FAREWELL_US;

	*f = (struct farewell){.loop = loop, .fd = fd, .done = done};
	if (word == NULL) {
		end = loop_now_us(loop);
	} else if (word->len == 0) {
		buf_free(word);
		listen_out(f);
	} else if (loop_send(loop, &f->send, fd, word, on_sent) != 0) {
		end = loop_now_us(loop);
	}
	if (!loop_op_active(&f->timer) || f->timer.at_us > end)
		loop_timer(loop, &f->timer, end, on_deadline);
}
