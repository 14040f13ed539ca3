/* Owns the c-ares channel: its sockets and its timer on our loop. */
#include "names/names_ares.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#include <ares.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/loop.h"
#include "names/names.h"

/* Sockets of the channel at once: one a server, and one for TCP. */
#define SOCKETS_MAX 32

struct socket {
	struct names_ares *ares;
	struct op op;
	int fd; /* -1: free */
};

struct names_ares {
	struct loop *loop;
	ares_channel channel;
	struct op timer;
	struct socket sockets[SOCKETS_MAX];
};

struct question {
	names_ares_fn *fn;
	void *arg;
	struct names_ares *ares;
};

static void on_timer(struct loop *, struct op *, const struct op_result *);

/* c-ares changes its mind about the next time-out at every step. */
static void
arm(struct names_ares *a)
{
	struct timeval tv, *next = ares_timeout(a->channel, NULL, &tv);
	int64_t us;

	if (next == NULL) {
		loop_cancel(a->loop, &a->timer);
		return;
	}
	us = (int64_t)next->tv_sec * 1000000 + next->tv_usec;
	loop_timer(a->loop, &a->timer, loop_now_us(a->loop) + us, on_timer);
}

static void
on_timer(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct names_ares *a = container_of(op, struct names_ares, timer);

	(void)loop, (void)r; /* time is the only news */
	ares_process_fd(a->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	arm(a);
}

static void
on_ready(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct socket *s = container_of(op, struct socket, op);
	struct names_ares *a = s->ares;
	int fd = s->fd;
	bool in = r->res < 0 || (r->res & ~POLLOUT) != 0;
	bool out = r->res > 0 && (r->res & POLLOUT) != 0;

	(void)loop;
	ares_process_fd(
	    a->channel, in ? fd : ARES_SOCKET_BAD, out ? fd : ARES_SOCKET_BAD);
	arm(a);
}

static struct socket *
socket_of(struct names_ares *a, int fd)
{
	size_t i;

	for (i = 0; i < SOCKETS_MAX; i++) {
		if (a->sockets[i].fd == fd)
			return &a->sockets[i];
	}
	return NULL;
}

static void
state_changed(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct names_ares *a = arg;
	struct socket *s = socket_of(a, fd);
	int events = (readable ? POLLIN : 0) | (writable ? POLLOUT : 0);

	if (s == NULL)
		return;
	/* A poll that is under way cannot be changed, only begun anew. */
	loop_cancel(a->loop, &s->op);
	if (events != 0)
		loop_poll(a->loop, &s->op, fd, events, on_ready);
}

static ares_socket_t
open_socket(int family, int type, int protocol, void *arg)
{
	struct socket *s = socket_of(arg, -1);
	int fd;

	if (s == NULL) {
		errno = EMFILE;
		return ARES_SOCKET_BAD;
	}
	fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	s->fd = fd;
	return fd;
}

static int
close_socket(ares_socket_t fd, void *arg)
{
	struct names_ares *a = arg;
	struct socket *s = socket_of(a, fd);

	if (s != NULL) {
		loop_cancel(a->loop, &s->op);
		s->fd = -1;
	}
	loop_close(a->loop, fd);
	return 0;
}

static int
connect_socket(
    ares_socket_t fd, const struct sockaddr *sa, ares_socklen_t len, void *arg)
{
	(void)arg; /* the fd says it all */
	return connect(fd, sa, len);
}

static ares_ssize_t
receive(ares_socket_t fd, void *buf, size_t len, int flags,
    struct sockaddr *from, ares_socklen_t *from_len, void *arg)
{
	(void)arg; /* the fd says it all */
	return recvfrom(fd, buf, len, flags, from, from_len);
}

static ares_ssize_t
send_vector(ares_socket_t fd, const struct iovec *iov, int n, void *arg)
{
	(void)arg; /* the fd says it all */
	return writev(fd, iov, n);
}

static const struct ares_socket_functions functions = {
    open_socket, close_socket, connect_socket, receive, send_vector};

int
names_ares_new(struct names_ares **out, struct loop *loop, const char *servers)
{
	struct names_ares *a = calloc(1, sizeof(*a));
	struct ares_options options = {.timeout = NAMES_TIMEOUT_MS,
	    .tries = 2,
	    .sock_state_cb = state_changed,
	    .sock_state_cb_data = a};
	static char lookups[] = "b"; /* servers only: files are not ours to
					open later */
	size_t i;
	int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
		   ARES_OPT_SOCK_STATE_CB | ARES_OPT_LOOKUPS;
	int rc;

	if (a == NULL)
		return -ENOMEM;
	a->loop = loop;
	for (i = 0; i < SOCKETS_MAX; i++) {
		a->sockets[i].ares = a;
		a->sockets[i].fd = -1;
	}
	options.lookups = lookups;
	rc = ares_library_init(ARES_LIB_INIT_ALL);
	if (rc == ARES_SUCCESS)
		rc = ares_init_options(&a->channel, &options, mask);
	if (rc != ARES_SUCCESS) {
		free(a);
		return rc == ARES_ENOMEM ? -ENOMEM : -EINVAL;
	}
	ares_set_socket_functions(a->channel, &functions, a);
	if (servers != NULL &&
	    ares_set_servers_ports_csv(a->channel, servers) != ARES_SUCCESS) {
		names_ares_free(a);
		return -EINVAL;
	}
	*out = a;
	return 0;
}

void
names_ares_free(struct names_ares *a)
{
	if (a == NULL)
		return;
	ares_destroy(a->channel);
	loop_cancel(a->loop, &a->timer);
	ares_library_cleanup();
	free(a);
}

static enum names_outcome
outcome_of(int status)
{
	switch (status) {
	case ARES_SUCCESS:
		return NAMES_OK;
	case ARES_ENOTFOUND:
	case ARES_ENODATA:
	case ARES_EBADNAME:
		return NAMES_UNKNOWN;
	case ARES_ETIMEOUT:
		return NAMES_TIMEOUT;
	default:
		return NAMES_FAILED;
	}
}

/* An answer lasts as long as its shortest part; RFC 2181 section 8: a TTL
 * that looks negative is none. */
static void
take_ttl(struct names_answer *m, int ttl_s)
{
	uint32_t s = ttl_s > 0 ? (uint32_t)ttl_s : 0;

	if (s < m->ttl_s)
		m->ttl_s = s;
}

static void
take_node(struct names_answer *m, const struct ares_addrinfo_node *node)
{
	union net_addr addr = {0};

	if (m->ips_n == NAMES_ADDRESSES_MAX || node->ai_addrlen > sizeof(addr))
		return;
	memcpy(&addr, node->ai_addr, node->ai_addrlen);
	net_addr_ip(&addr, &m->ips[m->ips_n]);
	if (m->ips[m->ips_n].family == 0)
		return;
	m->ips_n++;
	take_ttl(m, node->ai_ttl);
}

static void
on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
	struct question *q = arg;
	struct names_answer m = {
	    .outcome = outcome_of(status), .ttl_s = UINT32_MAX};
	const struct ares_addrinfo_cname *cname;
	const struct ares_addrinfo_node *node;

	(void)timeouts; /* only the outcome matters */
	for (node = info != NULL ? info->nodes : NULL; node != NULL;
	     node = node->ai_next)
		take_node(&m, node);
	for (cname = info != NULL ? info->cnames : NULL; cname != NULL;
	     cname = cname->next)
		take_ttl(&m, cname->ttl);
	if (m.outcome == NAMES_OK && m.ips_n == 0)
		m.outcome = NAMES_UNKNOWN;
	if (info != NULL)
		ares_freeaddrinfo(info);
	q->fn(q->arg, &m);
	free(q);
}

void
names_ares_ask(
    struct names_ares *a, const char *name, names_ares_fn *fn, void *arg)
{
	const struct ares_addrinfo_hints hints = {
	    .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	const struct names_answer failed = {.outcome = NAMES_FAILED};
	struct question *q = calloc(1, sizeof(*q));

	if (q == NULL) {
		fn(arg, &failed);
		return;
	}
	*q = (struct question){fn, arg, a};
	ares_getaddrinfo(a->channel, name, NULL, &hints, on_answer, q);
	arm(a);
}
