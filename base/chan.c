/* Channels on a loop, and what waits to be sent; a message's shape and rules
 * are chan_wire's, its meaning is the owner's. */
#include "base/chan.h"

#include <sys/queue.h>
#include <sys/socket.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/chan_wire.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mono.h"

/* Messages taken in one turn of the loop, so that a chatty peer cannot keep
 * the others waiting. */
#define CHAN_BURST 16
#define CHAN_ROLES 32

struct chan_out {
	STAILQ_ENTRY(chan_out) entry;
	size_t len;
	size_t fds_n;
	int fds[CHAN_FDS_MAX]; /* ours once queued */
	uint8_t bytes[];
};
STAILQ_HEAD(chan_queue, chan_out);

struct chan {
	struct chan_end end;
	struct loop *loop;
	struct chan_owner owner;
	struct op poll;
	int events;  /* that poll waits for; 0: not under way */
	bool broken; /* nothing can be sent; the end has yet to be read */
	bool calling;
	struct chan_queue queue;
	size_t queue_n, queue_max;
	uint8_t data[CHAN_DATA_MAX];
};

int
chan_pair(int fds[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, fds) == -1)
		return -errno;
	return 0;
}

static int
out_send(int fd, struct chan_out *o)
{
	return chan_wire_send(fd, o->bytes, o->len, o->fds, o->fds_n);
}

static struct chan_out *
out_new(uint32_t type, const void *data, size_t len)
{
	struct chan_out *o;

	o = malloc(sizeof(*o) + CHAN_WIRE_HEAD + len);
	if (o == NULL)
		return NULL;
	o->len = CHAN_WIRE_HEAD + len;
	o->fds_n = 0;
	chan_wire_head(o->bytes, type);
	if (len > 0)
		memcpy(o->bytes + CHAN_WIRE_HEAD, data, len);
	return o;
}

/* There may have been a secret in it. */
static void
out_free(struct chan_out *o)
{
	explicit_bzero(o->bytes, o->len);
	free(o);
}

/* Make the fds our own, for as long as it waits.  0 or -errno. */
static int
out_keep(struct chan_out *o)
{
	size_t i;

	for (i = 0; i < o->fds_n; i++) {
		o->fds[i] = fcntl(o->fds[i], F_DUPFD_CLOEXEC, 0);
		if (o->fds[i] == -1) {
			chan_wire_close(o->fds, i);
			return -ENOBUFS;
		}
	}
	return 0;
}

static void
queue_drop(struct chan *c)
{
	struct chan_out *o;

	while ((o = STAILQ_FIRST(&c->queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&c->queue, entry);
		chan_wire_close(o->fds, o->fds_n);
		out_free(o);
	}
	c->queue_n = 0;
}

static void chan_ready(struct loop *, struct op *, const struct op_result *);

/* Wait for what is to be waited for now.  0 or -errno. */
static int
chan_arm(struct chan *c)
{
	int events = POLLIN | (c->queue_n > 0 ? POLLOUT : 0);
	int rc;

	if (events == c->events)
		return 0;
	loop_cancel(c->loop, &c->poll);
	rc = loop_poll(c->loop, &c->poll, c->end.fd, events, chan_ready);
	c->events = rc == 0 ? events : 0;
	return rc;
}

/* The last thing that a callback does: the owner may free the channel. */
static void
chan_end(struct chan *c, const char *why)
{
	loop_close(c->loop, c->end.fd);
	c->end.fd = -1;
	c->events = 0;
	c->broken = true;
	queue_drop(c);
	c->owner.closed(c->owner.arg, c, why);
}

/* 0 or -errno when what waits can never be sent. */
static int
chan_flush(struct chan *c)
{
	struct chan_out *o;
	int rc;

	while ((o = STAILQ_FIRST(&c->queue)) != NULL) {
		rc = out_send(c->end.fd, o);
		if (rc == -EAGAIN)
			return 0;
		if (rc == -EPIPE || rc == -ECONNRESET) {
			/* What the peer said before it went is still to be
			 * read, and so is its end. */
			c->broken = true;
			queue_drop(c);
			return 0;
		}
		if (rc != 0)
			return rc;
		STAILQ_REMOVE_HEAD(&c->queue, entry);
		c->queue_n--;
		chan_wire_close(o->fds, o->fds_n);
		out_free(o);
	}
	return 0;
}

static void
chan_receive(struct chan *c)
{
	int fds[CHAN_FDS_MAX];
	struct chan_msg m;
	int i, rc;

	for (i = 0; i < CHAN_BURST; i++) {
		rc = chan_wire_recv(&c->end, c->data, fds, &m);
		if (rc == 0)
			return;
		if (rc < 0) {
			chan_end(c, rc == -EPROTO ? c->end.why : NULL);
			return;
		}
		c->calling = true;
		c->owner.message(c->owner.arg, c, &m);
		c->calling = false;
		explicit_bzero(c->data, m.len);
		chan_wire_close(fds, m.fds_n);
	}
}

static void
chan_ready(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct chan *c = container_of(op, struct chan, poll);

	(void)loop; /* the channel knows it */
	if (!r->more)
		c->events = 0;
	if (r->res < 0 || ((r->res & POLLOUT) != 0 && chan_flush(c) != 0) ||
	    chan_arm(c) != 0) {
		chan_end(c, "cannot go on");
		return;
	}
	chan_receive(c);
}

int
chan_new(struct chan **out, struct loop *loop, int fd,
    const struct chan_rules *rules, unsigned int self, unsigned int peer,
    const struct chan_owner *owner)
{
	struct chan *c = NULL;
	int rc = -EINVAL;

	if (self >= CHAN_ROLES || peer >= CHAN_ROLES)
		goto fail;
	rc = -ENOMEM;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		goto fail;
	c->end = (struct chan_end){
	    .fd = fd, .rules = rules, .self = self, .peer = peer};
	c->loop = loop;
	c->owner = *owner;
	STAILQ_INIT(&c->queue);
	c->queue_max = CHAN_QUEUE_MAX;
	rc = chan_arm(c);
	if (rc != 0)
		goto fail;
	*out = c;
	return 0;
fail:
	free(c);
	close(fd);
	return rc;
}

void
chan_queue_max(struct chan *c, size_t max)
{
	c->queue_max = max;
}

void
chan_free(struct chan *c)
{
	if (c == NULL)
		return;
	assert(!c->calling);
	if (c->end.fd != -1)
		loop_close(c->loop, c->end.fd);
	queue_drop(c);
	free(c);
}

/* The message is right; say it or keep it.  Owns o. */
static int
chan_say(struct chan *c, struct chan_out *o)
{
	int rc = -EAGAIN;

	if (c->queue_n == 0)
		rc = out_send(c->end.fd, o);
	if (rc != -EAGAIN) {
		out_free(o);
		if (rc == -EPIPE || rc == -ECONNRESET) {
			c->broken = true;
			return -EPIPE;
		}
		return rc == 0 ? 0 : -ENOBUFS;
	}
	if (c->queue_n >= c->queue_max || out_keep(o) != 0) {
		out_free(o);
		return -ENOBUFS;
	}
	STAILQ_INSERT_TAIL(&c->queue, o, entry);
	c->queue_n++;
	/* Deaf from here on if this fails: as good as a stuck peer. */
	return chan_arm(c) == 0 ? 0 : -ENOBUFS;
}

int
chan_send(struct chan *c, uint32_t type, const void *data, size_t len,
    const int *fds, size_t fds_n)
{
	struct chan_out *o;
	const char *why;

	why = chan_wire_broken(c->end.rules, c->end.self, c->end.peer,
	    &(struct chan_msg){.type = type, .len = len, .fds_n = fds_n});
	if (why == NULL && (len > CHAN_DATA_MAX || fds_n > CHAN_FDS_MAX))
		why = "larger than any";
	if (why != NULL) {
		log_errx("message %u to role %u: %s", (unsigned int)type,
		    c->end.peer, why);
		return -EINVAL;
	}
	if (c->broken)
		return -EPIPE;
	o = out_new(type, data, len);
	if (o == NULL)
		return -ENOBUFS;
	o->fds_n = fds_n;
	if (fds_n > 0)
		memcpy(o->fds, fds, sizeof(*fds) * fds_n);
	return chan_say(c, o);
}

int
chan_wait(int fd, const struct chan_rules *rules, unsigned int self,
    unsigned int peer, int wait_ms, uint8_t *buf, int *fds,
    struct chan_msg *msg)
{
	struct chan_end e = {
	    .fd = fd, .rules = rules, .self = self, .peer = peer};
	int64_t until = mono_us() + (int64_t)wait_ms * 1000;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int64_t left;
	int rc;

	for (;;) {
		rc = chan_wire_recv(&e, buf, fds, msg);
		if (rc == -EPROTO)
			log_errx("message from role %u: %s", peer, e.why);
		if (rc != 0)
			return rc < 0 ? rc : 0;
		left = until - mono_us();
		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)((left + 999) / 1000)) == -1 &&
		    errno != EINTR)
			return -errno;
	}
}
