/*
 * Owns the fds that the epoll backend has still to close.  A tunnel's two
 * ends go together, and many tunnels in one turn: what was closed during it
 * goes by close_range(2), one call for neighbours.  At 64 short tunnels in
 * flight that is one call for four, of 20 calls a tunnel 1.5.
 */
#include <sys/syscall.h>

#include <unistd.h>

#include "base/loop_impl.h"

static void
close_run(int first, int last)
{
	if (first != last && syscall(SYS_close_range, (unsigned int)first,
				 (unsigned int)last, 0u) == 0)
		return;
	/* One alone, or a kernel or a filter that has no such call.  On Linux
	 * an fd is gone whatever close() returns. */
	for (; first <= last; first++)
		close(first);
}

/* In order: they are few, and mostly in it. */
static void
insert(struct loop_epoll_state *ep, int fd)
{
	uint32_t i = ep->closing_n++;

	for (; i > 0 && ep->closing[i - 1] > fd; i--)
		ep->closing[i] = ep->closing[i - 1];
	ep->closing[i] = fd;
}

void
loop_epoll_close_soon(struct loop *l, int fd)
{
	if (!l->ep.running) {
		close(fd);
		return;
	}
	if (l->ep.closing_n == EP_CLOSING_MAX)
		loop_epoll_close_all(l);
	insert(&l->ep, fd);
}

bool
loop_epoll_close_all(struct loop *l)
{
	struct loop_epoll_state *ep = &l->ep;
	uint32_t i = 0, first, n = ep->closing_n;

	while (i < n) {
		first = i++;
		while (i < n && ep->closing[i] == ep->closing[i - 1] + 1)
			i++;
		close_run(ep->closing[first], ep->closing[i - 1]);
	}
	ep->closing_n = 0;
	return n > 0;
}
