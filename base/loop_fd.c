/* Owns the records of fds: where they are found, and their memory.  Knows
 * nothing of what is under way on them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/loop_impl.h"

struct loop_fd *
loop_fd_find(const struct loop *l, int fd)
{
	size_t i = (size_t)fd / LOOP_FD_CHUNK;

	if (fd < 0 || i >= l->chunks_n || l->chunks[i] == NULL)
		return NULL;
	return &l->chunks[i]->fds[fd % LOOP_FD_CHUNK];
}

static int
add_chunk(struct loop *l, size_t i)
{
	struct loop_fd_chunk **chunks, *c;
	int k;

	if (i >= l->chunks_n) {
		chunks = reallocarray(l->chunks, i + 1, sizeof(c));
		if (chunks == NULL)
			return -ENOMEM;
		memset(
		    chunks + l->chunks_n, 0, (i + 1 - l->chunks_n) * sizeof(c));
		l->chunks = chunks;
		l->chunks_n = i + 1;
	}
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return -ENOMEM;
	for (k = 0; k < LOOP_FD_CHUNK; k++)
		c->fds[k].fd = (int)i * LOOP_FD_CHUNK + k;
	l->chunks[i] = c;
	return 0;
}

struct loop_fd *
loop_fd_get(struct loop *l, int fd)
{
	struct loop_fd *f = loop_fd_find(l, fd);

	if (f != NULL)
		return f;
	if (add_chunk(l, (size_t)fd / LOOP_FD_CHUNK) != 0)
		return NULL;
	return loop_fd_find(l, fd);
}

static void
release_chunk(struct loop_fd_chunk *c)
{
	size_t i;

	for (i = 0; i < LOOP_FD_CHUNK; i++) {
		if (c->fds[i].rx != NULL)
			loop_op_release(c->fds[i].rx);
		if (c->fds[i].tx != NULL)
			loop_op_release(c->fds[i].tx);
		c->fds[i].rx = c->fds[i].tx = NULL;
	}
}

void
loop_fds_release(struct loop *l)
{
	size_t i;

	for (i = 0; i < l->chunks_n; i++) {
		if (l->chunks[i] != NULL)
			release_chunk(l->chunks[i]);
	}
}

void
loop_fds_free(struct loop *l)
{
	size_t i;

	for (i = 0; i < l->chunks_n; i++)
		free(l->chunks[i]);
	free(l->chunks);
}
