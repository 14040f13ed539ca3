/* The datagrams of a channel: their shape and their rules; no state, no loop. */
#include "base/chan_wire.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CHAN_MAGIC 0x63684131u

union chan_control {
	struct cmsghdr head; /* aligns */
	uint8_t bytes[CMSG_SPACE(sizeof(int) * CHAN_FDS_MAX)];
};

static void
put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

void
chan_wire_close(const int *fds, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (fds[i] != -1)
			close(fds[i]);
	}
}

const char *
chan_wire_broken(const struct chan_rules *rules, unsigned int from,
    unsigned int to, const struct chan_msg *m)
{
	const struct chan_rule *r;

	if (m->type >= rules->rows_n)
		return "unknown type";
	r = &rules->rows[m->type];
	if ((r->from & 1u << from) == 0)
		return "wrong sender";
	if ((r->to & 1u << to) == 0)
		return "wrong receiver";
	if (m->len < r->len_min)
		return "too short";
	if (m->len > r->len_max)
		return "too long";
	if (m->fds_n < r->fds_min)
		return "too few fds";
	if (m->fds_n > r->fds_max)
		return "too many fds";
	return NULL;
}

/* Every fd that came, whatever else is wrong; foreign: something else came. */
static size_t
control_fds(struct msghdr *mh, int *fds, bool *foreign)
{
	struct cmsghdr *c;
	size_t i, n, fds_n = 0;
	int fd;

	*foreign = false;
	for (c = CMSG_FIRSTHDR(mh); c != NULL; c = CMSG_NXTHDR(mh, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
			*foreign = true;
			continue;
		}
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (fds_n < CHAN_FDS_MAX)
				fds[fds_n++] = fd;
			else
				close(fd);
		}
	}
	return fds_n;
}

/* An empty datagram reads like the end: only the latter hangs up. */
static bool
hung_up(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLRDHUP};

	return poll(&p, 1, 0) == 1 && (p.revents & (POLLRDHUP | POLLHUP)) != 0;
}

static int
refuse(struct chan_end *e, const char *name, const char *why)
{
	snprintf(e->why, sizeof(e->why), "%s%s%s", name,
	    name[0] != '\0' ? ": " : "", why);
	return -EPROTO;
}

/* Is what came a message that obeys the rules?  0 or -EPROTO. */
static int
message_check(struct chan_end *e, const uint8_t *head, size_t got, int flags,
    struct chan_msg *m)
{
	const char *why, *name = "";

	if (got < CHAN_WIRE_HEAD || get32(head) != CHAN_MAGIC)
		return refuse(e, "", "not a message of ours");
	m->type = get32(head + 4);
	m->len = got - CHAN_WIRE_HEAD;
	if (m->type < e->rules->rows_n)
		name = e->rules->rows[m->type].name;
	if ((flags & MSG_TRUNC) != 0)
		return refuse(e, name, "too long");
	if ((flags & MSG_CTRUNC) != 0)
		return refuse(e, name, "truncated control data");
	why = chan_wire_broken(e->rules, e->peer, e->self, m);
	return why != NULL ? refuse(e, name, why) : 0;
}

int
chan_wire_recv(struct chan_end *e, uint8_t *data, int *fds, struct chan_msg *m)
{
	uint8_t head[CHAN_WIRE_HEAD];
	struct iovec iov[2] = {{head, sizeof(head)}, {data, CHAN_DATA_MAX}};
	union chan_control control;
	struct msghdr mh = {.msg_iov = iov,
	    .msg_iovlen = 2,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control)};
	bool foreign;
	ssize_t got;
	int rc;

	do {
		got = recvmsg(e->fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		/* A peer that left our messages unread shows as a reset, once,
		 * before what it said itself. */
	} while (got == -1 && (errno == EINTR || errno == ECONNRESET));
	if (got == -1)
		return errno == EAGAIN ? 0 : -EPIPE;
	m->data = data;
	m->fds = fds;
	m->fds_n = control_fds(&mh, fds, &foreign);
	if (got == 0 && m->fds_n == 0 && hung_up(e->fd))
		return -EPIPE;
	if (foreign)
		rc = refuse(e, "", "foreign control data");
	else
		rc = message_check(e, head, (size_t)got, mh.msg_flags, m);
	if (rc == 0)
		return 1;
	chan_wire_close(fds, m->fds_n);
	return rc;
}

void
chan_wire_head(uint8_t head[CHAN_WIRE_HEAD], uint32_t type)
{
	put32(head, CHAN_MAGIC);
	put32(head + 4, type);
}

int
chan_wire_send(int fd, uint8_t *bytes, size_t len, const int *fds, size_t fds_n)
{
	struct iovec iov = {bytes, len};
	union chan_control control;
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t sent;

	if (fds_n > 0) {
		memset(&control, 0, sizeof(control));
		mh.msg_control = &control;
		mh.msg_controllen = CMSG_SPACE(sizeof(int) * fds_n);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int) * fds_n);
		memcpy(CMSG_DATA(&control.head), fds, sizeof(int) * fds_n);
	}
	do {
		sent = sendmsg(fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (sent == -1 && errno == EINTR);
	return sent == -1 ? -errno : 0;
}
