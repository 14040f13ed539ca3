/* Tests how the loop makes connections: accept and connect, their failures,
 * and a listener shared by two processes. */
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "tests/unit/loop_rig.h"

#define MANY_N 40

static void
accept_on(struct loop *l, struct rig_op *o, int fd)
{
	rig_must(loop_accept(l, &o->op, fd, rig_saw), "loop_accept");
}

static void
close_all(const int *fds, int n)
{
	int i;

	for (i = 0; i < n; i++)
		close(fds[i]);
}

static void
test_accept_many(void)
{
	struct loop *l = rig_loop();
	struct rig_op a = {0};
	struct sockaddr_in sin;
	int lfd = rig_listen(&sin), clients[MANY_N], i;

	for (i = 0; i < MANY_N; i++)
		clients[i] = rig_dial(&sin);
	accept_on(l, &a, lfd);
	RIG_UNTIL(l, a.n == MANY_N);
	rig_settle(l);
	CHECK_INT(a.n, MANY_N);
	CHECK(a.more && loop_op_active(&a.op), "accept is not multishot");
	for (i = 0; i < MANY_N; i++) {
		CHECK((fcntl(a.res[i], F_GETFL) & O_NONBLOCK) != 0,
		    "connection %d blocks", i);
		CHECK((fcntl(a.res[i], F_GETFD) & FD_CLOEXEC) != 0,
		    "connection %d is inherited", i);
		rig_write(clients[i], "x"); /* nobody has closed it */
	}
	close_all(a.res, MANY_N);
	close_all(clients, MANY_N);
	loop_close(l, lfd);
	loop_free(l);
}

/* What the backend tells of the peer is what the kernel would. */
static void
on_told(struct loop *l, struct op *op, const struct op_result *r)
{
	struct rig_op *o = container_of(op, struct rig_op, op);
	struct sockaddr_storage peer = {0};
	socklen_t len = sizeof(peer);

	o->n++;
	o->bytes += r->peer != NULL;
	CHECK(r->res >= 0, "no connection");
	CHECK_INT(getpeername(r->res, (struct sockaddr *)&peer, &len), 0);
	if (r->peer != NULL)
		CHECK(memcmp(r->peer, &peer, len) == 0, "another's address");
	loop_close(l, r->res);
}

static void
test_accept_tells_the_peer(void)
{
	struct loop *l = rig_loop();
	struct rig_op a = {0};
	struct sockaddr_in sin;
	int lfd = rig_listen(&sin), clients[3], i;

	for (i = 0; i < 3; i++)
		clients[i] = rig_dial(&sin);
	rig_must(loop_accept(l, &a.op, lfd, on_told), "loop_accept");
	RIG_UNTIL(l, a.n == 3);
	CHECK(a.bytes == 3 || strcmp(loop_backend(l), "epoll") != 0,
	    "%zu of 3 told", a.bytes);
	close_all(clients, 3);
	loop_close(l, lfd);
	loop_free(l);
}

static void
cancel_at_five(struct loop *l, struct rig_op *o)
{
	if (o->n == 5)
		loop_cancel(l, &o->op);
}

static void
test_accept_cancelled(void)
{
	struct loop *l = rig_loop();
	struct rig_op a = {.then = cancel_at_five};
	struct sockaddr_in sin;
	int lfd = rig_listen(&sin), clients[12], i;

	for (i = 0; i < 12; i++)
		clients[i] = rig_dial(&sin);
	accept_on(l, &a, lfd);
	RIG_UNTIL(l, a.n == 5);
	rig_idle(l);
	CHECK_INT(a.n, 5);
	accept_on(l, &a, lfd);
	RIG_UNTIL(l, a.n == 12);
	close_all(a.res, 12);
	close_all(clients, 12);
	loop_close(l, lfd);
	loop_free(l);
}

/* Out of fds: said once, and no more until the owner starts anew. */
static void
test_accept_emfile(void)
{
	struct loop *l = rig_loop();
	struct rig_op a = {0};
	struct rlimit old, low;
	struct sockaddr_in sin;
	int lfd = rig_listen(&sin), clients[3], i;

	for (i = 0; i < 3; i++)
		clients[i] = rig_dial(&sin);
	rig_must(getrlimit(RLIMIT_NOFILE, &old), "getrlimit");
	low = old;
	low.rlim_cur = (rlim_t)rig_must(dup(0), "dup") + 1;
	rig_must(setrlimit(RLIMIT_NOFILE, &low), "setrlimit");
	accept_on(l, &a, lfd);
	RIG_UNTIL(l, a.n == 1);
	CHECK_INT(a.res[0], -EMFILE);
	CHECK(!a.more && !loop_op_active(&a.op), "goes on without fds");
	rig_idle(l);
	CHECK_INT(a.n, 1);
	close((int)low.rlim_cur - 1); /* one is free again */
	accept_on(l, &a, lfd);
	RIG_UNTIL(l, a.n == 3);
	CHECK_INT(a.res[1], low.rlim_cur - 1);
	CHECK_INT(a.res[2], -EMFILE);
	rig_must(setrlimit(RLIMIT_NOFILE, &old), "setrlimit");
	accept_on(l, &a, lfd);
	RIG_UNTIL(l, a.n == 5);
	close(a.res[1]);
	close_all(a.res + 3, 2);
	close_all(clients, 3);
	loop_close(l, lfd);
	loop_free(l);
}

/* No descriptor to spare is news when somebody waits, and then only. */
static void
test_accept_emfile_idle(void)
{
	struct loop *l = rig_loop();
	struct rig_op a = {0};
	struct rlimit old, low;
	struct sockaddr_in sin;
	int lfd = rig_listen(&sin), fds[3], i;

	for (i = 0; i < 3; i++)
		fds[i] = rig_must(socket(AF_INET, SOCK_STREAM, 0), "socket");
	rig_must(getrlimit(RLIMIT_NOFILE, &old), "getrlimit");
	low = old;
	low.rlim_cur = (rlim_t)rig_must(dup(0), "dup") + 1;
	rig_must(setrlimit(RLIMIT_NOFILE, &low), "setrlimit");
	accept_on(l, &a, lfd);
	rig_idle(l);
	CHECK_INT(a.n, 0);
	close((int)low.rlim_cur - 1); /* in time for the first */
	for (i = 0; i < 2; i++)
		rig_must(connect(fds[i], (struct sockaddr *)&sin, sizeof(sin)),
		    "connect");
	RIG_UNTIL(l, a.n == 2);
	CHECK_INT(a.res[0], low.rlim_cur - 1);
	CHECK_INT(a.res[1], -EMFILE);
	close(a.res[0]);
	accept_on(l, &a, lfd);
	RIG_UNTIL(l, a.n == 3);
	rig_idle(l);
	CHECK_INT(a.n, 3); /* and nobody waits again */
	rig_must(
	    connect(fds[2], (struct sockaddr *)&sin, sizeof(sin)), "connect");
	RIG_UNTIL(l, a.n == 4);
	CHECK_INT(a.res[3], -EMFILE);
	rig_must(setrlimit(RLIMIT_NOFILE, &old), "setrlimit");
	close(a.res[2]);
	close_all(fds, 3);
	loop_close(l, lfd);
	loop_free(l);
}

static void
test_accept_ends(void)
{
	struct loop *l = rig_loop();
	struct rig_op a = {0};
	struct sockaddr_in sin;
	int lfd = rig_listen(&sin);

	accept_on(l, &a, lfd);
	rig_settle(l);
	CHECK_INT(a.n, 0);
	rig_must(shutdown(lfd, SHUT_RDWR), "shutdown");
	RIG_UNTIL(l, a.n == 1);
	CHECK_INT(a.res[0], -EINVAL);
	CHECK(!a.more && !loop_op_active(&a.op), "goes on after an error");
	loop_close(l, lfd);
	loop_free(l);
}

#define SHARE 5

static void
greet(struct loop *l, struct op *op, const struct op_result *r)
{
	struct rig_op *o = container_of(op, struct rig_op, op);

	if (r->res < 0)
		return;
	loop_send_now(l, r->res, o->text, 1);
	loop_close(l, r->res);
	if (++o->n == SHARE)
		loop_cancel(l, op);
}

static void
out_of_time(struct loop *l, struct rig_op *o)
{
	(void)o;
	loop_stop(l);
}

/* Accepts its share, then only lingers until told to leave; the exit code
 * says if it got it. */
static pid_t
start_worker(int lfd, char name, int ready_fd)
{
	struct rig_op a = {.text = {name}}, end = {.then = out_of_time};
	struct rig_op leave = {.then = out_of_time};
	struct loop *l;
	pid_t pid = fork();

	if (pid != 0)
		return rig_must(pid, "fork");
	l = rig_loop();
	rig_must(loop_accept(l, &a.op, lfd, greet), "loop_accept");
	rig_recv(l, &leave, ready_fd);
	rig_timer(l, &end, mono_us() + RIG_DEADLINE_US);
	rig_settle(l);
	rig_write(ready_fd, ".");
	rig_must(loop_run(l), "loop_run");
	_exit(a.n == SHARE && end.n == 0 ? 0 : 1);
}

/* The name of the worker that has accepted the next connection. */
static char
dial_worker(const struct sockaddr_in *sin)
{
	const struct timeval patience = {.tv_sec = 20};
	int fd = rig_dial(sin);
	char name = 0;

	rig_must(setsockopt(
		     fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)),
	    "SO_RCVTIMEO");
	CHECK(read(fd, &name, 1) == 1, "nobody has accepted");
	close(fd);
	return name;
}

/*
 * Connections come one by one.  A worker that has had its share cancels its
 * accept and the rest go to the other, so that each must have been woken, and
 * none lost to a worker that no longer accepts.
 */
static void
test_shared_listener(void)
{
	struct sockaddr_in sin;
	int lfd = rig_listen(&sin), ready[2][2], i, status, seen[2] = {0};
	pid_t pids[2];
	char name;

	for (i = 0; i < 2; i++) {
		rig_must(socketpair(
			     AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ready[i]),
		    "socketpair");
		rig_must(fcntl(ready[i][1], F_SETFL, O_NONBLOCK), "fcntl");
		pids[i] = start_worker(lfd, (char)('a' + i), ready[i][1]);
		rig_must((int)read(ready[i][0], &name, 1), "read");
	}
	for (i = 0; i < 2 * SHARE; i++) {
		name = dial_worker(&sin);
		CHECK(name == 'a' || name == 'b', "connection %d", i);
		seen[name == 'b']++;
	}
	CHECK_INT(seen[0], SHARE);
	CHECK_INT(seen[1], SHARE);
	for (i = 0; i < 2; i++) {
		rig_write(ready[i][0], "q");
		rig_must(waitpid(pids[i], &status, 0), "waitpid");
		CHECK_INT(status, 0);
		close_all(ready[i], 2);
	}
	close(lfd);
}

static int
stream_socket(int family)
{
	return rig_must(
	    socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
	    "socket");
}

static void
dial_on(struct loop *l, struct rig_op *o, int fd, const struct sockaddr_in *sin)
{
	rig_must(loop_connect(l, &o->op, fd, (const struct sockaddr *)sin,
		     sizeof(*sin), rig_saw),
	    "loop_connect");
	CHECK_INT(o->n, 0);
}

static void
test_connect(void)
{
	struct loop *l = rig_loop();
	struct rig_op c = {0}, a = {0}, rx = {0};
	struct sockaddr_in sin;
	int lfd = rig_listen(&sin), fd = stream_socket(AF_INET);
	ssize_t n;

	accept_on(l, &a, lfd);
	dial_on(l, &c, fd, &sin);
	memset(&sin, 0xff, sizeof(sin)); /* it was copied */
	rig_recv(l, &rx, fd);
	RIG_UNTIL(l, c.n == 1 && a.n == 1);
	CHECK_INT(c.res[0], 0);
	CHECK(!c.more && !loop_op_active(&c.op), "connects for ever");
	rig_write(a.res[0], "hello");
	RIG_UNTIL(l, rx.n == 1);
	CHECK_STR(rx.text, "hello");
	n = loop_send_now(l, fd, "x", 1);
	CHECK_INT(n, 1);
	close(a.res[0]);
	loop_close(l, fd);
	loop_close(l, lfd);
	loop_free(l);
}

/* The error is connect's, also when somebody waits to receive. */
static void
test_connect_refused(void)
{
	struct loop *l = rig_loop();
	struct rig_op c = {0}, rx = {0};
	struct sockaddr_in sin = {.sin_family = AF_INET};
	socklen_t len = sizeof(sin);
	int bound = stream_socket(AF_INET), fd = stream_socket(AF_INET);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	rig_must(bind(bound, (struct sockaddr *)&sin, len), "bind");
	rig_must(getsockname(bound, (struct sockaddr *)&sin, &len), "name");
	dial_on(l, &c, fd, &sin);
	rig_recv(l, &rx, fd);
	RIG_UNTIL(l, c.n == 1);
	CHECK_INT(c.res[0], -ECONNREFUSED);
	CHECK(!loop_op_active(&c.op), "active after its failure");
	loop_close(l, fd);
	close(bound);
	loop_free(l);
}

static void
close_it(struct loop *l, struct rig_op *o)
{
	loop_close(l, o->fd);
}

static void
receive_it(struct loop *l, struct rig_op *o)
{
	rig_recv(l, o->other, o->fd);
}

/* One report tells that it is connected and that the peer has ended: what the
 * first callback starts is finished, and may be closed, in the same turn. */
static void
test_connect_to_end(void)
{
	struct loop *l = rig_loop();
	struct rig_op rx = {.then = close_it};
	struct rig_op c = {.then = receive_it, .other = &rx};
	struct sockaddr_in sin;
	int lfd = rig_listen(&sin), fd = stream_socket(AF_INET);

	c.fd = rx.fd = fd;
	dial_on(l, &c, fd, &sin);
	rig_told(l);
	close(rig_must(accept(lfd, NULL, NULL), "accept"));
	RIG_UNTIL(l, rx.n == 1);
	CHECK_INT(c.res[0], 0);
	CHECK_INT(rx.res[0], 0);
	close(lfd);
	rig_idle(l);
	loop_free(l);
}

/* A full backlog leaves TCP waiting; what waits can be cancelled, closed. */
static void
test_connect_cancelled(void)
{
	struct loop *l = rig_loop();
	struct rig_op c[8] = {0};
	struct sockaddr_in sin;
	int lfd = rig_listen(&sin), fds[8], i, done = 0, after = 0;

	rig_must(listen(lfd, 0), "listen");
	for (i = 0; i < 8; i++) {
		fds[i] = stream_socket(AF_INET);
		dial_on(l, &c[i], fds[i], &sin);
	}
	RIG_UNTIL(l, c[0].n == 1);
	rig_settle(l);
	for (i = 0; i < 8; i++)
		done += c[i].n;
	CHECK(done > 0 && done < 8, "%d of 8 connected", done);
	for (i = 0; i < 8; i += 2)
		loop_cancel(l, &c[i].op);
	for (i = 0; i < 8; i++)
		loop_close(l, fds[i]);
	rig_settle(l);
	for (i = 0; i < 8; i++)
		after += c[i].n + (loop_op_active(&c[i].op) ? 1 : 0);
	CHECK_INT(after, done);
	close(lfd);
	loop_free(l);
}

static int
dial_unix(struct loop *l, struct rig_op *o, const struct sockaddr_un *sun,
    socklen_t len)
{
	int fd = stream_socket(AF_UNIX);

	rig_must(loop_connect(
		     l, &o->op, fd, (const struct sockaddr *)sun, len, rig_saw),
	    "loop_connect");
	CHECK_INT(o->n, 0);
	RIG_UNTIL(l, o->n == 1);
	return fd;
}

/* Known at once, and yet told by a callback: success, full, nobody there. */
static void
test_connect_unix(void)
{
	struct loop *l = rig_loop();
	struct rig_op ok = {0}, full = {0}, none = {0};
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(sun);
	int lfd = stream_socket(AF_UNIX), fds[3];

	rig_must(bind(lfd, (struct sockaddr *)&sun, sizeof(sun.sun_family)),
	    "bind"); /* to an abstract name of the kernel's choice */
	rig_must(getsockname(lfd, (struct sockaddr *)&sun, &len), "name");
	rig_must(listen(lfd, 0), "listen");
	fds[0] = dial_unix(l, &ok, &sun, len);
	CHECK_INT(ok.res[0], 0);
	fds[1] = dial_unix(l, &full, &sun, len);
	CHECK_INT(full.res[0], -EAGAIN);
	close(lfd);
	fds[2] = dial_unix(l, &none, &sun, len);
	CHECK_INT(none.res[0], -ECONNREFUSED);
	loop_close(l, fds[0]);
	loop_close(l, fds[1]);
	loop_close(l, fds[2]);
	loop_free(l);
}

#define LIST(X)                                                      \
	X(test_accept_many, "accept goes on and on")                 \
	X(test_accept_tells_the_peer, "accept tells the peer")       \
	X(test_accept_cancelled, "accept cancelled in its callback") \
	X(test_accept_emfile, "accept without fds, and again")       \
	X(test_accept_emfile_idle, "accept without fds, of nobody")  \
	X(test_accept_ends, "accept on a listener shut down")        \
	X(test_shared_listener, "two processes share a listener")    \
	X(test_connect, "connect, then receive and send")            \
	X(test_connect_refused, "connect refused")                   \
	X(test_connect_to_end, "connect to who ends at once")        \
	X(test_connect_cancelled, "connect cancelled and closed")    \
	X(test_connect_unix, "connect to unix sockets")

RIG_CASES(LIST)
UNIT_MAIN("loop_accept", cases)
