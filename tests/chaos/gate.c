/* Owns intermediaries that turn bad, and good again, on command; knows
 * nothing of the agent before them. */
#include "tests/chaos/gate.h"

#include <sys/eventfd.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integ/rig.h"
#include "tests/integ/rig_net.h"
#include "tests/integ/rig_pattern.h"

#define N(a)	     (sizeof(a) / sizeof(*(a)))
#define CHUNK	     16384
#define BACKLOG	     4096
#define UP_MS	     5000
#define GARBAGE_SEED 9
/* Of threads that only copy. */
#define STACK_LEN 131072

static const uint8_t yes[10] = {5, 0, 0, 1};
static const uint8_t no[10] = {5, 5, 0, 1};

struct link {
	struct gate *gate;
	int fd;
	enum gate_way way;
	unsigned int number;
};

static void
start_thread(pthread_t *t, void *(*fn)(void *), void *arg)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int rc;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_LEN);
	if (t == NULL)
		pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(t != NULL ? t : &(pthread_t){0}, &attr, fn, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	REQUIRE(rc == 0, "cannot start a thread: %s", strerror(rc));
}

/* Sockets of links block, so that their threads are simple; what ends the
 * wait is that gate_break() shuts them down. */
static void
make_blocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

static bool
send_all(int fd, const void *data, size_t len)
{
	return send(fd, data, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static bool
recv_all(int fd, void *out, size_t len)
{
	return recv(fd, out, len, MSG_WAITALL) == (ssize_t)len;
}

/* Read and drop until the peer ends. */
static void
swallow(int fd)
{
	uint8_t buf[CHUNK];

	while (recv(fd, buf, sizeof(buf), 0) > 0)
		;
}

/* Greeting and request, as a server without logins hears them. */
static bool
hear_request(int fd)
{
	uint8_t head[5], rest[260];
	size_t len;

	if (!recv_all(fd, head, 2) || !recv_all(fd, rest, head[1]) ||
	    !send_all(fd, "\5\0", 2) || !recv_all(fd, head, sizeof(head)))
		return false;
	len = head[3] == 1 ? 3 : head[3] == 4 ? 15 : head[4];
	return recv_all(fd, rest, len + 2);
}

static void
send_garbage(const struct link *l)
{
	uint8_t buf[256];

	rig_pattern_fill(GARBAGE_SEED, l->number * 32ull, buf, sizeof(buf));
	buf[0] = 0xa5; /* not the protocol's by luck */
	if (recv(l->fd, buf + 128, 128, 0) > 0 && send_all(l->fd, buf, 256))
		swallow(l->fd);
}

/* All that a right server would say, and then more. */
static void
dribble(int fd)
{
	static const uint8_t words[] = {5, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0};
	struct pollfd p = {.fd = fd, .events = POLLRDHUP};
	size_t i = 0;

	do {
		if (!send_all(fd, i < N(words) ? &words[i] : words, 1))
			return;
		i++;
	} while (poll(&p, 1, 1000) == 0);
}

/* One direction of what is let through; false: it has ended. */
static bool
copy(int from, int to)
{
	uint8_t buf[CHUNK];
	ssize_t n = recv(from, buf, sizeof(buf), 0);

	if (n > 0 && send_all(to, buf, (size_t)n))
		return true;
	shutdown(to, SHUT_WR);
	return false;
}

static void
let_through(const struct link *l)
{
	struct pollfd p[2] = {{l->fd, POLLIN, 0}, {-1, POLLIN, 0}};
	int up = rig_net_connect("127.0.0.1", l->gate->behind, UP_MS), i;
	int fds[2] = {l->fd, up}, open = 2;

	if (up < 0)
		return;
	make_blocking(up);
	p[1].fd = up;
	while (open > 0 && poll(p, 2, -1) > 0) {
		for (i = 0; i < 2; i++) {
			if (p[i].revents == 0 || copy(fds[i], fds[1 - i]))
				continue;
			p[i].fd = -1;
			open--;
		}
	}
	close(up);
}

/* Returns true when the connection is to be reset. */
static bool
act(const struct link *l)
{
	switch (l->way) {
	case GATE_GOOD:
		let_through(l);
		break;
	case GATE_RESETS:
		return true;
	case GATE_SILENT:
		swallow(l->fd);
		break;
	case GATE_STALLS:
		if (hear_request(l->fd) && send_all(l->fd, yes, 4))
			swallow(l->fd);
		break;
	case GATE_MUTE:
		if (hear_request(l->fd) && send_all(l->fd, yes, sizeof(yes)))
			swallow(l->fd);
		break;
	case GATE_HANGS_UP:
		if (hear_request(l->fd))
			send_all(l->fd, yes, sizeof(yes));
		break;
	case GATE_DROPS_FLIGHT:
		if (hear_request(l->fd) && send_all(l->fd, yes, sizeof(yes)))
			recv(l->fd, (uint8_t[CHUNK]){0}, CHUNK, 0);
		break;
	case GATE_GARBAGE:
		send_garbage(l);
		break;
	case GATE_DRIBBLES:
		dribble(l->fd);
		break;
	case GATE_DENIES:
		if (hear_request(l->fd))
			send_all(l->fd, no, sizeof(no));
		break;
	case GATE_REFUSES:
	case GATE_TENTH:
	case GATE_WAYS:
		break;
	}
	return false;
}

static void
forget(struct gate *g, int fd)
{
	unsigned int i;

	pthread_mutex_lock(&g->lock);
	for (i = 0; i < g->links_n && g->links[i] != fd; i++)
		;
	g->links[i] = g->links[--g->links_n];
	pthread_mutex_unlock(&g->lock);
}

static void *
serve(void *arg)
{
	struct link *l = arg;
	struct pollfd p = {.fd = l->fd, .events = POLLRDHUP};
	unsigned int ms = atomic_load(&l->gate->delay_ms);
	bool reset = false;

	if (ms == 0 || poll(&p, 1, (int)ms) == 0)
		reset = act(l);
	/* Before the close: the number may be another's at once. */
	forget(l->gate, l->fd);
	if (reset)
		rig_net_reset(l->fd);
	else
		close(l->fd);
	free(l);
	return NULL;
}

static enum gate_way
way_of(const struct gate *g, unsigned int number)
{
	enum gate_way way = (enum gate_way)atomic_load(&g->way);

	if (way != GATE_TENTH)
		return way;
	if (number % 10 == 0)
		return GATE_GOOD;
	return number % 2 == 0 ? GATE_RESETS : GATE_STALLS;
}

static void
note_time(struct gate *g)
{
	long long now = rig_now_us(), none = 0;

	atomic_compare_exchange_strong(&g->first_us, &none, now);
	atomic_store(&g->last_us, now);
}

static void
take(struct gate *g)
{
	struct link *l;
	int fd = accept4(g->listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd == -1)
		return;
	l = calloc(1, sizeof(*l));
	REQUIRE(l != NULL, "out of memory");
	l->gate = g;
	l->fd = fd;
	l->number = atomic_fetch_add(&g->accepted, 1);
	l->way = way_of(g, l->number);
	if (l->way != GATE_GOOD)
		note_time(g);
	pthread_mutex_lock(&g->lock);
	REQUIRE(g->links_n < N(g->links), "too many connections");
	g->links[g->links_n++] = fd;
	pthread_mutex_unlock(&g->lock);
	start_thread(NULL, serve, l);
}

/* Open or close the port as is wanted; false: it is over. */
static bool
obey(struct gate *g)
{
	uint64_t n;
	bool go_on;

	if (read(g->wake, &n, sizeof(n)) != sizeof(n))
		return true;
	pthread_mutex_lock(&g->lock);
	if (g->listener != -1 && !g->open_wanted) {
		close(g->listener);
		g->listener = -1;
	}
	if (g->listener == -1 && g->open_wanted) {
		g->listener = rig_net_listen("127.0.0.1", &g->port, BACKLOG);
		REQUIRE(g->listener >= 0, "listen on port %u: %s", g->port,
		    strerror(-g->listener));
	}
	go_on = !g->stopping;
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
	return go_on;
}

static void *
run(void *arg)
{
	struct gate *g = arg;
	struct pollfd p[2] = {{.events = POLLIN}, {.events = POLLIN}};
	bool go_on = true;

	while (go_on) {
		p[0].fd = g->wake;
		p[1].fd = g->listener;
		if (poll(p, 2, -1) < 1)
			continue;
		if (p[0].revents != 0)
			go_on = obey(g);
		else if (p[1].revents != 0)
			take(g);
	}
	return NULL;
}

/* With the lock held: until the port is as wanted. */
static void
want_open(struct gate *g, bool open)
{
	const uint64_t one = 1;

	g->open_wanted = open;
	REQUIRE(write(g->wake, &one, sizeof(one)) == sizeof(one), "eventfd: %s",
	    strerror(errno));
	while ((g->listener != -1) != open)
		pthread_cond_wait(&g->changed, &g->lock);
}

void
gate_start(struct gate *g, uint16_t behind)
{
	memset(g, 0, sizeof(*g));
	g->port = rig_port("127.0.0.1");
	g->behind = behind;
	g->listener = -1;
	g->wake = eventfd(0, EFD_CLOEXEC);
	REQUIRE(g->wake != -1, "eventfd: %s", strerror(errno));
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->changed, NULL);
	start_thread(&g->thread, run, g);
	gate_turn(g, GATE_GOOD);
}

void
gate_turn(struct gate *g, enum gate_way way)
{
	atomic_store(&g->first_us, 0);
	atomic_store(&g->last_us, 0);
	atomic_store(&g->way, way);
	pthread_mutex_lock(&g->lock);
	want_open(g, way != GATE_REFUSES);
	pthread_mutex_unlock(&g->lock);
	atomic_store(&g->turned_us, rig_now_us());
}

void
gate_break(struct gate *g)
{
	unsigned int i;

	pthread_mutex_lock(&g->lock);
	for (i = 0; i < g->links_n; i++)
		shutdown(g->links[i], SHUT_RDWR);
	pthread_mutex_unlock(&g->lock);
}

static bool
is_idle(struct gate *g)
{
	bool idle;

	pthread_mutex_lock(&g->lock);
	idle = g->links_n == 0;
	pthread_mutex_unlock(&g->lock);
	return idle;
}

void
gate_stop(struct gate *g)
{
	int64_t deadline = rig_now_ms() + UP_MS;

	pthread_mutex_lock(&g->lock);
	g->stopping = true;
	want_open(g, false);
	pthread_mutex_unlock(&g->lock);
	pthread_join(g->thread, NULL);
	while (!is_idle(g)) {
		gate_break(g);
		REQUIRE(rig_pause(deadline), "a connection does not end");
	}
	close(g->wake);
}
