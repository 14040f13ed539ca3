/* Owns one question and its answer on a unix socket; knows no JSON. */
#include "policyd/line.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mono.h"

#define CHUNK 65536

/* A full backlog makes connect wait; the send timeout bounds that too. */
static int
dial(const struct line_question *q, int *out)
{
	struct timeval tv = {q->timeout_us / 1000000, q->timeout_us % 1000000};
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd, error = 0;

	if (strlcpy(to.sun_path, q->path, sizeof(to.sun_path)) >=
	    sizeof(to.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) == -1 ||
	    connect(fd, (const struct sockaddr *)&to, sizeof(to)) == -1)
		error = errno == EAGAIN || errno == EINPROGRESS ? -ETIMEDOUT
								: -errno;
	if (error != 0)
		close(fd);
	else
		*out = fd;
	return error;
}

/* A server that wants no more has answered already, and that is worth to be
 * read. */
static int
send_all(int fd, const char *data, size_t len)
{
	size_t done;
	ssize_t n;

	for (done = 0; done < len; done += (size_t)n) {
		n = send(fd, data + done, len - done, MSG_NOSIGNAL);
		if (n == -1 && (errno == EPIPE || errno == ECONNRESET))
			return 0;
		if (n == -1)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
	}
	return 0;
}

static int
await(int fd, int64_t deadline_us)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int64_t left_us = deadline_us - mono_us();
	int n;

	if (left_us <= 0)
		return -ETIMEDOUT;
	n = poll(&p, 1, (int)((left_us + 999) / 1000));
	if (n == -1)
		return errno == EINTR ? 0 : -errno;
	return n == 0 ? -ETIMEDOUT : 0;
}

struct text {
	char *data;
	size_t len, cap;
};

static int
grow(struct text *t, size_t max)
{
	size_t cap = t->cap == 0 ? CHUNK : t->cap * 2;
	char *data;

	if (t->cap >= max)
		return -EMSGSIZE;
	data = realloc(t->data, cap);
	if (data == NULL)
		return -ENOMEM;
	t->data = data;
	t->cap = cap;
	return 0;
}

static int
receive(int fd, struct text *t, size_t max, int64_t deadline_us)
{
	int error = 0;
	ssize_t n;

	for (;;) {
		if (t->len == t->cap && (error = grow(t, max)) != 0)
			return error;
		n = recv(fd, t->data + t->len, t->cap - t->len, MSG_DONTWAIT);
		if (n == 0)
			return 0;
		if (n > 0) {
			t->len += (size_t)n;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		if ((error = await(fd, deadline_us)) != 0)
			return error;
	}
}

/* The kernel's word for who has called listen(). */
static pid_t
listener_of(int fd)
{
	struct ucred cred = {0};
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0
		   ? cred.pid
		   : 0;
}

int
line_ask(const struct line_question *q, struct line_answer *out)
{
	int64_t deadline_us = mono_us() + q->timeout_us;
	struct text t = {NULL, 0, 0};
	int fd = -1, error = dial(q, &fd);

	*out = (struct line_answer){.text = NULL};
	if (error != 0)
		return error;
	out->listener = listener_of(fd);
	error = send_all(fd, q->line, strlen(q->line));
	if (error == 0)
		error = send_all(fd, "\n", 1);
	if (error == 0 && q->data_len > 0)
		error = send_all(fd, q->data, q->data_len);
	if (error == 0)
		error = receive(fd, &t, q->max, deadline_us);
	close(fd);
	if (error != 0) {
		free(t.data);
		return error;
	}
	out->text = t.data;
	out->len = t.len;
	return 0;
}
