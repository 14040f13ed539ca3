/* The SOCKS5 server that all contestants of a contest go through. */
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/origin.h"
#include "tests/integ/rig.h"
#include "tests/integ/rig_net.h"

#define EVENTS_N    256
#define ASK_MAX	    64
#define REQUEST_LEN 10 /* of an IPv4 address */
#define COPY_N	    4  /* so many pieces of a direction are copied, */
#define COPY_MAX    (64 * 1024)
#define PIPE_MAX    (1024 * 1024) /* the rest is spliced */
#define TURN_N	    4

enum {
	NEAR, /* towards the contestant */
	FAR
};

struct pass;
struct end {
	struct pass *pass;
	int fd; /* -1: none */
	uint32_t events;
	/* The direction that starts here. */
	bool ended; /* nothing more comes, or will be taken */
	bool shut;  /* and the other end has been told */
	int pipe[2];
	size_t held; /* bytes in the pipe, or of copy that are unsent */
	size_t copy_off;
	uint8_t *copy;
	unsigned int pieces;
};

struct pass {
	enum {
		GREETING,
		ASKED,
		CONNECTING,
		PASSING
	} state;
	uint8_t ask[ASK_MAX];
	size_t ask_n;
	bool gone;
	struct end end[2];
	struct pass *next; /* of those to be freed */
};

static int ep;
static uint8_t lent[COPY_MAX];
static struct pass *dead;

static void
watch(struct end *e, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = e};
	int how = e->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;

	events |= EPOLLERR;
	ev.events = events;
	if (e->fd == -1 || e->events == events)
		return;
	e->events = events;
	epoll_ctl(ep, how, e->fd, &ev);
}

static void
drop_held(struct end *e)
{
	if (e->pipe[0] != -1) {
		close(e->pipe[0]);
		close(e->pipe[1]);
	}
	free(e->copy);
}

static void
leave(struct pass *p, bool reset)
{
	int i;

	if (p->gone)
		return;
	p->gone = true;
	for (i = 0; i < 2; i++) {
		drop_held(&p->end[i]);
		if (p->end[i].fd == -1)
			continue;
		if (reset)
			rig_net_reset(p->end[i].fd);
		else
			close(p->end[i].fd);
	}
	/* Events of this round may still name it. */
	p->next = dead;
	dead = p;
}

static bool
has_pipe(struct end *e)
{
	if (e->pipe[0] != -1)
		return true;
	if (e->pieces < COPY_N || pipe2(e->pipe, O_CLOEXEC | O_NONBLOCK) == -1)
		return false;
	fcntl(e->pipe[1], F_SETPIPE_SZ, PIPE_MAX);
	return true;
}

/* Send what is held: 1 all, 0 blocked, -1 broken. */
static int
flush(struct end *e, int to)
{
	ssize_t n;

	while (e->held > 0) {
		if (e->copy != NULL)
			n = send(to, e->copy + e->copy_off, e->held,
			    MSG_DONTWAIT | MSG_NOSIGNAL);
		else
			n = splice(e->pipe[0], NULL, to, NULL, e->held,
			    SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
		if (n == -1 && errno == EAGAIN)
			return 0;
		if (n <= 0)
			return -1;
		e->held -= (size_t)n;
		e->copy_off += (size_t)n;
	}
	free(e->copy);
	e->copy = NULL;
	return 1;
}

/* As flush(), with one piece more; 2: there is none for now. */
static int
copy_on(struct end *e, int to)
{
	ssize_t n = recv(e->fd, lent, sizeof(lent), MSG_DONTWAIT), sent;

	if (n == -1)
		return errno == EAGAIN ? 2 : -1;
	if (n == 0) {
		e->ended = true;
		return 2;
	}
	e->pieces++;
	sent = send(to, lent, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent == n)
		return n < COPY_MAX ? 2 : 1;
	if (sent == -1 && errno != EAGAIN)
		return -1;
	sent = sent > 0 ? sent : 0;
	e->held = (size_t)(n - sent);
	e->copy_off = 0;
	e->copy = malloc(e->held);
	if (e->copy == NULL)
		return -1;
	memcpy(e->copy, lent + sent, e->held);
	return 0;
}

static int
splice_on(struct end *e, int to)
{
	ssize_t n = splice(e->fd, NULL, e->pipe[1], NULL, PIPE_MAX,
	    SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (n == -1)
		return errno == EAGAIN ? 2 : -1;
	if (n == 0) {
		e->ended = true;
		return 2;
	}
	e->held = (size_t)n;
	return flush(e, to);
}

/* Pass on what starts at that end; false: the pass has ended. */
static bool
move(struct pass *p, int from)
{
	struct end *e = &p->end[from], *to = &p->end[!from];
	int turn, rc = flush(e, to->fd);

	for (turn = 0; rc == 1 && !e->ended && turn < TURN_N; turn++)
		rc = has_pipe(e) ? splice_on(e, to->fd) : copy_on(e, to->fd);
	if (rc == -1) {
		leave(p, true);
		return false;
	}
	if (e->ended && e->held == 0 && !e->shut) {
		e->shut = true;
		shutdown(to->fd, SHUT_WR);
		if (to->shut) {
			leave(p, false);
			return false;
		}
	}
	return true;
}

static void
rewatch(struct pass *p)
{
	int i;

	for (i = 0; i < 2; i++) {
		const struct end *e = &p->end[i], *other = &p->end[!i];
		uint32_t events = 0;

		if (!e->ended && e->held == 0)
			events |= EPOLLIN;
		if (other->held > 0)
			events |= EPOLLOUT;
		watch(&p->end[i], events);
	}
}

static void
say(struct pass *p, const char *bytes, size_t len)
{
	if (send(p->end[NEAR].fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len)
		leave(p, true);
}

static void
dial(struct pass *p, const uint8_t *request)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(&sin.sin_addr, request + 4, 4);
	memcpy(&sin.sin_port, request + 8, 2);
	p->end[FAR].fd = fd;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (fd == -1 ||
	    (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 &&
		errno != EINPROGRESS)) {
		leave(p, true);
		return;
	}
	p->state = CONNECTING;
	watch(&p->end[NEAR], 0);
	watch(&p->end[FAR], EPOLLOUT);
}

static void
heed(struct pass *p)
{
	size_t len;

	if (p->state == GREETING) {
		if (p->ask_n < 2 || p->ask_n < 2u + p->ask[1])
			return;
		len = 2u + p->ask[1];
		memmove(p->ask, p->ask + len, p->ask_n - len);
		p->ask_n -= len;
		p->state = ASKED;
		say(p, "\5\0", 2);
	}
	if (p->gone || p->ask_n < REQUEST_LEN)
		return;
	if (p->ask_n > REQUEST_LEN || memcmp(p->ask, "\5\1\0\1", 4) != 0)
		leave(p, true);
	else
		dial(p, p->ask);
}

static void
shake(struct pass *p)
{
	ssize_t n = recv(p->end[NEAR].fd, p->ask + p->ask_n,
	    sizeof(p->ask) - p->ask_n, MSG_DONTWAIT);

	if (n == -1 && errno == EAGAIN)
		return;
	if (n <= 0) {
		leave(p, n == -1);
		return;
	}
	p->ask_n += (size_t)n;
	heed(p);
}

static void
stands(struct pass *p, uint32_t events)
{
	if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
		leave(p, true);
		return;
	}
	p->state = PASSING;
	say(p, "\5\0\0\1\177\0\0\1\0\1", REQUEST_LEN);
	if (!p->gone)
		rewatch(p);
}

static void
serve(struct end *e, uint32_t events)
{
	struct pass *p = e->pass;

	if (p->gone)
		return;
	if (p->state == CONNECTING) {
		stands(p, events);
		return;
	}
	if (p->state != PASSING) {
		shake(p);
		return;
	}
	if (move(p, NEAR) && move(p, FAR))
		rewatch(p);
}

static void
welcome(int listener)
{
	const int on = 1;
	struct pass *p;
	int fd, i;

	while ((fd = accept4(listener, NULL, NULL,
		    SOCK_CLOEXEC | SOCK_NONBLOCK)) != -1) {
		p = calloc(1, sizeof(*p));
		if (p == NULL)
			_exit(1);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		for (i = 0; i < 2; i++) {
			p->end[i] =
			    (struct end){.pass = p, .fd = -1, .pipe = {-1, -1}};
		}
		p->end[NEAR].fd = fd;
		watch(&p->end[NEAR], EPOLLIN);
	}
}

static void
run(int listener)
{
	struct epoll_event ev[EVENTS_N] = {{.events = EPOLLIN}};
	struct pass *p;
	int i, n;

	ep = epoll_create1(EPOLL_CLOEXEC);
	epoll_ctl(ep, EPOLL_CTL_ADD, listener, &ev[0]);
	for (;;) {
		n = epoll_wait(ep, ev, EVENTS_N, -1);
		for (i = 0; i < n; i++) {
			if (ev[i].data.ptr == NULL)
				welcome(listener);
			else
				serve(ev[i].data.ptr, ev[i].events);
		}
		while ((p = dead) != NULL) {
			dead = p->next;
			free(p);
		}
	}
}

uint16_t
upstream_start(const char *address)
{
	uint16_t port = 0;
	int listener = rig_net_listen(address, &port, 4096);
	pid_t pid;

	REQUIRE(listener >= 0, "upstream: %s", strerror(-listener));
	pid = fork();
	REQUIRE(pid != -1, "fork: %s", strerror(errno));
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run(listener);
	}
	close(listener);
	return port;
}
