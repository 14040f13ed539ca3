/* The epoll thread under origins and bad intermediaries; knows no protocol. */
#include "tests/integ/rig_server.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integ/rig_net.h"

#define TICK_MS	   10
#define EVENTS_MAX 64

void
rig_server_error(struct rig_server *s, const char *fmt, ...)
{
	va_list ap;

	/* Written by the server's thread alone, read after it ended. */
	if (atomic_fetch_add(&s->errors, 1) > 0)
		return;
	va_start(ap, fmt);
	vsnprintf(s->error, sizeof(s->error), fmt, ap);
	va_end(ap);
}

long
rig_link_read(struct rig_link *l, uint8_t *out, size_t cap)
{
	ssize_t got = recv(l->fd, out, cap, 0);

	if (got == 0)
		l->fin = true;
	if (got == -1)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	return got;
}

long
rig_link_write(struct rig_link *l, const uint8_t *in, size_t len)
{
	ssize_t put = send(l->fd, in, len, MSG_NOSIGNAL);

	if (put == -1)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	return put;
}

long
rig_link_read_head(struct rig_link *l)
{
	uint8_t *end;
	long got;

	do {
		got = rig_link_read(
		    l, l->in + l->in_len, sizeof(l->in) - l->in_len);
		if (got > 0)
			l->in_len += (size_t)got;
		end = memmem(l->in, l->in_len, "\r\n\r\n", 4);
		if (end != NULL)
			return end + 4 - l->in;
	} while (got > 0 && l->in_len < sizeof(l->in));
	return got < 0 || l->fin || l->in_len == sizeof(l->in) ? -1 : 0;
}

static void
link_end(struct rig_link *l, bool reset)
{
	struct epoll_event none = {0};

	/* A child between fork and exec may hold the same socket: close()
	 * alone would neither unregister it nor send the end. */
	epoll_ctl(l->server->epoll, EPOLL_CTL_DEL, l->fd, &none);
	LIST_REMOVE(l, entry);
	if (!reset)
		shutdown(l->fd, SHUT_WR);
	if (l->file != -1)
		close(l->file);
	if (reset)
		rig_net_reset(l->fd);
	else
		close(l->fd);
	atomic_fetch_sub(&l->server->open, 1);
	free(l);
}

static void
link_step(struct rig_link *l)
{
	struct epoll_event ev = {.data.ptr = l};
	unsigned int next = l->server->step(l);

	if (next & (RIG_CLOSE | RIG_RESET)) {
		link_end(l, (next & RIG_RESET) != 0);
		return;
	}
	ev.events = (next & RIG_WANT_IN ? (uint32_t)EPOLLIN : 0u) |
		    (next & RIG_WANT_OUT ? (uint32_t)EPOLLOUT : 0u);
	if (next != l->wants)
		epoll_ctl(l->server->epoll, EPOLL_CTL_MOD, l->fd, &ev);
	l->wants = next;
}

static void
link_event(struct rig_link *l)
{
	/* A broken connection is reported also to who asked for nothing. */
	if (l->wants & (RIG_WANT_IN | RIG_WANT_OUT))
		link_step(l);
	else
		link_end(l, false);
}

static void
accept_one(struct rig_server *s)
{
	struct epoll_event ev = {0};
	struct rig_link *l;
	int fd;

	fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd == -1)
		return;
	l = calloc(1, sizeof(*l));
	if (l == NULL) {
		close(fd);
		return;
	}
	l->server = s;
	l->fd = fd;
	l->file = -1;
	ev.data.ptr = l;
	epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &ev);
	LIST_INSERT_HEAD(&s->links, l, entry);
	atomic_fetch_add(&s->accepted, 1);
	atomic_fetch_add(&s->open, 1);
	link_step(l);
}

static void
step_due(struct rig_server *s)
{
	int64_t now = rig_now_ms();
	struct rig_link *l, *next;

	for (l = LIST_FIRST(&s->links); l != NULL; l = next) {
		next = LIST_NEXT(l, entry);
		if (l->due_ms != 0 && l->due_ms <= now) {
			l->due_ms = 0;
			link_step(l);
		}
	}
}

static int
wait_ms(const struct rig_server *s)
{
	const struct rig_link *l;

	LIST_FOREACH (l, &s->links, entry) {
		if (l->due_ms != 0)
			return TICK_MS;
	}
	return -1;
}

static void *
serve(void *arg)
{
	struct epoll_event ev[EVENTS_MAX];
	struct rig_server *s = arg;
	int i, n;

	for (;;) {
		n = epoll_wait(s->epoll, ev, EVENTS_MAX, wait_ms(s));
		for (i = 0; i < n; i++) {
			if (ev[i].data.ptr == &s->stop)
				return NULL;
			if (ev[i].data.ptr == s)
				accept_one(s);
			else
				link_event(ev[i].data.ptr);
		}
		step_due(s);
	}
}

void
rig_server_start(struct rig_server *s)
{
	struct epoll_event ev = {.events = EPOLLIN};
	sigset_t all, old;

	LIST_INIT(&s->links);
	s->listener = rig_net_listen(
	    s->address, &s->port, s->backlog != 0 ? s->backlog : 4096);
	REQUIRE(s->listener >= 0, "listen %s: %s", s->address,
	    strerror(-s->listener));
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->stop = eventfd(0, EFD_CLOEXEC);
	ev.data.ptr = s;
	epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->listener, &ev);
	ev.data.ptr = &s->stop;
	epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->stop, &ev);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	REQUIRE(pthread_create(&s->thread, NULL, serve, s) == 0,
	    "cannot start a thread");
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void
rig_server_stop(struct rig_server *s)
{
	uint64_t one = 1;

	if (write(s->stop, &one, sizeof(one)) != sizeof(one))
		return;
	pthread_join(s->thread, NULL);
	while (!LIST_EMPTY(&s->links))
		link_end(LIST_FIRST(&s->links), true);
	close(s->listener);
	close(s->epoll);
	close(s->stop);
	CHECK(s->lenient || atomic_load(&s->errors) == 0,
	    "server on port %u: %u errors: %s", s->port,
	    atomic_load(&s->errors), s->error);
}

bool
rig_server_served(struct rig_server *s, unsigned int n, int timeout_ms)
{
	int64_t deadline = rig_now_ms() + timeout_ms;

	while (atomic_load(&s->served) < n) {
		if (!rig_pause(deadline))
			return false;
	}
	return true;
}
