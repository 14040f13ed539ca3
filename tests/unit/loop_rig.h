#ifndef TESTS_UNIT_LOOP_RIG_H
#define TESTS_UNIT_LOOP_RIG_H

#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/loop.h"
#include "base/mono.h"
#include "tests/unit/unit.h"

/*
 * What the tests of the loop share.  A case is written once and run over
 * every backend: RIG_CASES(LIST) makes one row a case and backend of
 * LIST(X), which is X(function, "name") for each case.
 */
#define RIG_DEADLINE_US 20000000
#define RIG_SEEN_N	64

static const char *rig_backend;

/* What a program that is no test of the loop's own runs on: `make check` runs
 * those that move bytes a second time with CAGENT_TEST_LOOP=io_uring. */
static inline const char *
rig_backend_asked(void)
{
	const char *asked = getenv("CAGENT_TEST_LOOP");

	if (rig_backend != NULL)
		return rig_backend;
	return asked != NULL ? asked : "epoll";
}

/* Else the case is skipped. */
static inline bool
rig_can_be_had(void)
{
	struct loop *l;
	char why[128];
	int error = loop_new_on(&l, rig_backend);

	if (error != 0) {
		snprintf(why, sizeof(why), "%s cannot be had: %s", rig_backend,
		    strerror(-error));
		unit_skip(why);
		return false;
	}
	loop_free(l);
	return true;
}

#define RIG_ON(backend, fn, word)        \
	static void fn##_##backend(void) \
	{                                \
		rig_backend = word;      \
		if (rig_can_be_had())    \
			fn();            \
	}
#define RIG_ON_EPOLL(fn, name)	RIG_ON(epoll, fn, "epoll")
#define RIG_ON_URING(fn, name)	RIG_ON(uring, fn, "io_uring")
#define RIG_EPOLL_ROW(fn, name) {"epoll: " name, fn##_epoll},
#define RIG_URING_ROW(fn, name) {"io_uring: " name, fn##_uring},
#define RIG_CASES(LIST)                           \
	LIST(RIG_ON_EPOLL)                        \
	LIST(RIG_ON_URING)                        \
	static const struct unit_case cases[] = { \
	    LIST(RIG_EPOLL_ROW) LIST(RIG_URING_ROW)};

static inline struct loop *
rig_loop(void)
{
	struct loop *l = NULL;
	int error = loop_new_on(&l, rig_backend_asked());

	if (error != 0) {
		fprintf(stderr, "loop_new_on: %s\n", strerror(-error));
		abort();
	}
	return l;
}

/* An op that keeps what it was told. */
struct rig_op {
	struct op op;
	int n;		       /* callbacks */
	int res[RIG_SEEN_N];   /* the first of them */
	bool more;	       /* of the last */
	size_t bytes;	       /* received in all */
	char text[RIG_SEEN_N]; /* the first of them */
	void (*then)(struct loop *, struct rig_op *);
	struct rig_op *other; /* for then() */
	int fd;		      /* for then() */
};

static inline void
rig_saw(struct loop *l, struct op *op, const struct op_result *r)
{
	struct rig_op *o = container_of(op, struct rig_op, op);
	size_t i;

	if (o->n < RIG_SEEN_N)
		o->res[o->n] = r->res;
	o->n++;
	o->more = r->more;
	for (i = 0; r->data != NULL && i < (size_t)r->res; i++) {
		if (o->bytes + i < RIG_SEEN_N - 1)
			o->text[o->bytes + i] = (char)r->data[i];
	}
	if (r->data != NULL)
		o->bytes += (size_t)r->res;
	if (o->then != NULL)
		o->then(l, o);
}

/* Turn the loop until cond holds, or fail. */
#define RIG_UNTIL(l, cond)                                           \
	do {                                                         \
		int64_t rig_end_us = mono_us() + RIG_DEADLINE_US;    \
		while (!(cond) && mono_us() < rig_end_us) {          \
			if (loop_turn((l), 100000) != 0)             \
				break;                               \
		}                                                    \
		CHECK((cond), "%s: not within the deadline", #cond); \
	} while (0)

/* Enough turns for all that is ready to be called back. */
static inline void
rig_settle(struct loop *l)
{
	int i, error = 0;

	for (i = 0; i < 8 && error == 0; i++)
		error = loop_turn(l, 0);
	CHECK_INT(error, 0);
}

static inline bool
rig_on_uring(void)
{
	return strcmp(rig_backend_asked(), "io_uring") == 0;
}

/* What was started or closed has reached the kernel: a matter of turns where
 * all goes there together. */
static inline void
rig_told(struct loop *l)
{
	if (rig_on_uring())
		rig_settle(l);
}

/* The loop waits when there is nothing for it to do. */
static inline void
rig_idle(struct loop *l)
{
	int64_t start_us;
	int error;

	rig_settle(l);
	start_us = mono_us();
	error = loop_turn(l, 3000);
	CHECK_INT(error, 0);
	CHECK(mono_us() - start_us >= 3000, "the loop spins");
}

/* fn must have worked for the test to go on. */
static inline int
rig_must(int result, const char *what)
{
	if (result < 0) {
		fprintf(stderr, "%s: %s\n", what,
		    strerror(result == -1 ? errno : -result));
		abort();
	}
	return result;
}

static inline void
rig_pair(int fds[2])
{
	rig_must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
		     0, fds),
	    "socketpair");
}

/* A TCP listener on a loopback port that was free. */
static inline int
rig_listen(struct sockaddr_in *sin)
{
	socklen_t len = sizeof(*sin);
	int fd;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	memset(sin, 0, sizeof(*sin));
	sin->sin_family = AF_INET;
	sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	rig_must(fd, "socket");
	rig_must(bind(fd, (struct sockaddr *)sin, len), "bind");
	rig_must(listen(fd, 128), "listen");
	rig_must(getsockname(fd, (struct sockaddr *)sin, &len), "getsockname");
	return fd;
}

static inline int
rig_dial(const struct sockaddr_in *sin)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	rig_must(fd, "socket");
	rig_must(
	    connect(fd, (const struct sockaddr *)sin, sizeof(*sin)), "connect");
	return fd;
}

static inline void
rig_tcp_pair(int fds[2])
{
	struct sockaddr_in sin;
	int lfd = rig_listen(&sin);

	fds[0] = rig_dial(&sin);
	rig_must(fcntl(fds[0], F_SETFL, O_NONBLOCK), "fcntl");
	fds[1] = accept4(lfd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	rig_must(fds[1], "accept4");
	close(lfd);
}

static inline void
rig_write(int fd, const char *text)
{
	size_t len = strlen(text);

	if (write(fd, text, len) != (ssize_t)len) {
		perror("write");
		abort();
	}
}

static inline void
rig_recv(struct loop *l, struct rig_op *o, int fd)
{
	rig_must(loop_recv(l, &o->op, fd, rig_saw), "loop_recv");
}

static inline void
rig_timer(struct loop *l, struct rig_op *o, int64_t at_us)
{
	rig_must(loop_timer(l, &o->op, at_us, rig_saw), "loop_timer");
}

#endif
