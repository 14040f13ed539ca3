/* Owns the question when a socket needs TCP_NODELAY; sends nothing. */
#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "base/loop_impl.h"

/* What every path takes as one segment (IPv6 guarantees 1220 bytes; headers
 * and options of a kind or two off). */
#define SEGMENT_MAX 1024

void
loop_prompt(struct loop *l, int fd)
{
	struct loop_fd *f = loop_fd_get(l, fd);

	if (f == NULL)
		loop_prompt_now(fd);
	else if (f->prompt != PROMPT_SET)
		f->prompt = PROMPT_ANSWERED;
}

void
loop_prompt_now(int fd)
{
	const int on = 1;

	/* Fails only on what is no TCP, or dead. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void
loop_prompt_send(struct loop_fd *f, size_t len)
{
	if (f->prompt == PROMPT_ANSWERED && len <= SEGMENT_MAX) {
		f->prompt = PROMPT_SENT;
		return;
	}
	loop_prompt_now(f->fd);
	f->prompt = PROMPT_SET;
}
