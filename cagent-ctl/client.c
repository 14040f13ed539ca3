/* Owns the connection to the control socket; knows no verb. */
#include "cagent-ctl/client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mono.h"

#define CHUNK 65536

struct client {
	int fd;
	int64_t deadline_us;
	char *data; /* received and not yet handed out */
	size_t len, cap;
	size_t searched; /* of data, no newline there */
};

/* A full backlog makes connect wait; the send timeout bounds that too. */
static int
start(struct client *c, const struct sockaddr_un *to, int64_t timeout_us)
{
	struct timeval tv = {timeout_us / 1000000, timeout_us % 1000000};

	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd == -1 ||
	    setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) == -1)
		return -errno;
	if (connect(c->fd, (const struct sockaddr *)to, sizeof(*to)) == 0)
		return 0;
	return errno == EAGAIN || errno == EINPROGRESS ? -ETIMEDOUT : -errno;
}

static int
send_all(struct client *c, const char *data, size_t len)
{
	size_t done;
	ssize_t n;

	for (done = 0; done < len; done += (size_t)n) {
		n = send(c->fd, data + done, len - done, MSG_NOSIGNAL);
		if (n == -1)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
	}
	return 0;
}

static int
say_line(struct client *c, const char *line)
{
	int error = send_all(c, line, strlen(line));

	return error == 0 ? send_all(c, "\n", 1) : error;
}

int
client_send(struct client *c, const void *data, size_t len)
{
	int error = send_all(c, data, len);

	return error == -EPIPE || error == -ECONNRESET ? 0 : error;
}

int
client_open(
    struct client **out, const char *path, const char *line, int64_t timeout_us)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	struct client *c;
	int error;

	*out = NULL;
	if (strlcpy(to.sun_path, path, sizeof(to.sun_path)) >=
	    sizeof(to.sun_path))
		return -ENAMETOOLONG;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return -ENOMEM;
	c->deadline_us = mono_us() + timeout_us;
	error = start(c, &to, timeout_us);
	if (error == 0)
		error = say_line(c, line);
	if (error != 0) {
		client_free(c);
		return error;
	}
	*out = c;
	return 0;
}

void
client_free(struct client *c)
{
	if (c == NULL)
		return;
	if (c->fd != -1)
		close(c->fd);
	free(c->data);
	free(c);
}

int64_t
client_deadline_us(const struct client *c)
{
	return c->deadline_us;
}

/* Wait for bytes; one who waits for ever also sees that its own reader has
 * gone, which no write would tell before the next event. */
static int
await(struct client *c, int64_t deadline_us)
{
	struct pollfd fds[2] = {
	    {.fd = c->fd, .events = POLLIN}, {.fd = STDOUT_FILENO}};
	bool forever = deadline_us == INT64_MAX;
	int64_t left_us = deadline_us - mono_us();
	int n;

	if (left_us <= 0)
		return -ETIMEDOUT;
	n = poll(
	    fds, forever ? 2 : 1, forever ? -1 : (int)((left_us + 999) / 1000));
	if (n == -1)
		return errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -ETIMEDOUT;
	return forever && (fds[1].revents & POLLERR) != 0 ? -EPIPE : 0;
}

static int
grow(struct client *c)
{
	size_t cap = c->cap == 0 ? CHUNK : c->cap * 2;
	char *data;

	if (c->cap >= CLIENT_LINE_MAX)
		return -EMSGSIZE;
	data = realloc(c->data, cap);
	if (data == NULL)
		return -ENOMEM;
	c->data = data;
	c->cap = cap;
	return 0;
}

/* More bytes: > 0, 0 at the end, -errno. */
static ssize_t
receive(struct client *c, int64_t deadline_us)
{
	ssize_t n;
	int error;

	if (c->len == c->cap && (error = grow(c)) != 0)
		return error;
	for (;;) {
		n = recv(
		    c->fd, c->data + c->len, c->cap - c->len, MSG_DONTWAIT);
		if (n >= 0)
			break;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		if ((error = await(c, deadline_us)) != 0)
			return error;
	}
	c->len += (size_t)n;
	return n;
}

static int
parse(struct client *c, size_t line_len, json_t **doc)
{
	size_t used = line_len + 1;

	*doc = json_loadb(c->data, line_len, JSON_REJECT_DUPLICATES, NULL);
	memmove(c->data, c->data + used, c->len - used);
	c->len -= used;
	c->searched = 0;
	if (*doc == NULL)
		return -EPROTO;
	if (json_is_object(*doc))
		return 1;
	json_decref(*doc);
	*doc = NULL;
	return -EPROTO;
}

int
client_next(struct client *c, int64_t deadline_us, json_t **doc)
{
	const char *end;
	ssize_t n;

	*doc = NULL;
	for (;;) {
		end = c->len > c->searched ? memchr(c->data + c->searched, '\n',
						 c->len - c->searched)
					   : NULL;
		if (end != NULL)
			return parse(c, (size_t)(end - c->data), doc);
		c->searched = c->len;
		n = receive(c, deadline_us);
		if (n < 0)
			return (int)n;
		if (n == 0)
			return c->len == 0 ? 0 : -EPROTO;
	}
}
