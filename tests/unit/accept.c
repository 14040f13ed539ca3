/* Listeners: what is taken, what waits, and running out of descriptors. */
#include "cagentd/worker/accept.h"

#include <sys/resource.h>
#include <sys/un.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/fake.h"
#include "tests/unit/unit.h"

static const enum settings_listener kinds[2] = {
    LISTENER_PROXY, LISTENER_REDIRECT};

struct rig {
	struct loop *loop;
	struct accept accept;
	struct sockaddr_in sin[2];
	int n, unix_n, pauses, fd[64];
	int hold_at; /* hold when so many have come; 0: never */
	int fds;
};

static void
accepted(struct accept *a, int fd, const struct accept_listener *from,
    const union net_addr *peer)
{
	struct rig *rig = container_of(a, struct rig, accept);

	(void)peer; /* loop_accept.c has it */
	rig->fd[rig->n++] = fd;
	if (from->unix_socket)
		rig->unix_n++;
	if (rig->n == rig->hold_at)
		accept_hold(a, true);
}

static void
paused(struct accept *a)
{
	container_of(a, struct rig, accept)->pauses++;
}

static struct rig *
rig_new(void)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	int fds[2];

	rig->fds = fake_open_fds();
	rig->loop = rig_loop();
	CHECK_INT(accept_init(&rig->accept, rig->loop, accepted, paused), 0);
	fds[0] = rig_listen(&rig->sin[0]);
	fds[1] = rig_listen(&rig->sin[1]);
	accept_set(&rig->accept, fds, kinds, 2);
	return rig;
}

static void
drop(struct rig *rig)
{
	while (rig->n > 0)
		loop_close(rig->loop, rig->fd[--rig->n]);
}

static void
rig_free(struct rig *rig)
{
	drop(rig);
	accept_stop(&rig->accept);
	loop_free(rig->loop);
	CHECK_INT(fake_open_fds(), rig->fds);
	free(rig);
}

static void
accepts_from_all(void)
{
	struct rig *rig = rig_new();
	int a = rig_dial(&rig->sin[0]), b = rig_dial(&rig->sin[1]);

	RIG_UNTIL(rig->loop, rig->n == 2);
	CHECK_INT(rig->unix_n, 0);
	rig_idle(rig->loop);
	close(a);
	close(b);
	rig_free(rig);
}

static void
knows_unix_sockets(void)
{
	struct rig *rig = rig_new();
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(un);
	int lfd, fd;

	/* An abstract address that the kernel picks. */
	lfd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	rig_must(
	    bind(lfd, (struct sockaddr *)&un, sizeof(sa_family_t)), "bind");
	rig_must(listen(lfd, 8), "listen");
	rig_must(getsockname(lfd, (struct sockaddr *)&un, &len), "getsockname");
	accept_set(&rig->accept, &lfd, kinds, 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	rig_must(connect(fd, (struct sockaddr *)&un, len), "connect");
	RIG_UNTIL(rig->loop, rig->n == 1);
	CHECK_INT(rig->unix_n, 1);
	/* The listeners of before are closed. */
	errno = 0;
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK_INT(
	    connect(fd, (struct sockaddr *)&rig->sin[0], sizeof(rig->sin[0])),
	    -1);
	CHECK_INT(errno, ECONNREFUSED);
	close(fd);
	rig_free(rig);
}

static void
holds(void)
{
	struct rig *rig = rig_new();
	int i, fd[4];

	rig->hold_at = 2;
	for (i = 0; i < 4; i++)
		fd[i] = rig_dial(&rig->sin[i % 2]);
	RIG_UNTIL(rig->loop, rig->n == 2);
	rig_idle(rig->loop);
	CHECK_INT(rig->n, 2);
	CHECK_INT(rig->pauses, 0);
	/* Who waited is not lost. */
	accept_hold(&rig->accept, false);
	accept_hold(&rig->accept, false);
	RIG_UNTIL(rig->loop, rig->n == 4);
	for (i = 0; i < 4; i++)
		close(fd[i]);
	rig_free(rig);
}

/* New listeners do not end a hold. */
static void
stays_held(void)
{
	struct rig *rig = rig_new();
	int lfd, fd;

	accept_hold(&rig->accept, true);
	lfd = rig_listen(&rig->sin[0]);
	accept_set(&rig->accept, &lfd, kinds, 1);
	fd = rig_dial(&rig->sin[0]);
	rig_idle(rig->loop);
	CHECK_INT(rig->n, 0);
	accept_hold(&rig->accept, false);
	RIG_UNTIL(rig->loop, rig->n == 1);
	close(fd);
	rig_free(rig);
}

/* No descriptor may be made beyond those that are open. */
static void
use_up(struct rlimit *was)
{
	struct rlimit now;
	int next = dup(0);

	getrlimit(RLIMIT_NOFILE, was);
	now = *was;
	now.rlim_cur = (rlim_t)next;
	close(next);
	setrlimit(RLIMIT_NOFILE, &now);
}

static void
pauses_without_descriptors(void)
{
	struct rig *rig = rig_new();
	int a = rig_dial(&rig->sin[0]), b = rig_dial(&rig->sin[1]), turns = 0;
	struct rlimit was;

	use_up(&was);
	RIG_UNTIL(rig->loop, rig->pauses == 1);
	/* It waits, and tries again by the clock only. */
	while (rig->pauses < 4 && turns < 1000) {
		loop_turn(rig->loop, -1);
		turns++;
	}
	CHECK(turns <= 12, "%d turns for three pauses", turns);
	setrlimit(RLIMIT_NOFILE, &was);
	CHECK_INT(rig->n, 0);
	RIG_UNTIL(rig->loop, rig->n == 2);
	rig_idle(rig->loop);
	close(a);
	close(b);
	rig_free(rig);
}

/* A hold outlasts a pause. */
static void
pauses_while_held(void)
{
	struct rig *rig = rig_new();
	int fd = rig_dial(&rig->sin[0]);
	struct rlimit was;

	use_up(&was);
	RIG_UNTIL(rig->loop, rig->pauses == 1);
	setrlimit(RLIMIT_NOFILE, &was);
	accept_hold(&rig->accept, true);
	/* The pause is over when its timer has gone far away. */
	RIG_UNTIL(rig->loop, rig->accept.timer.at_us == INT64_MAX);
	rig_idle(rig->loop);
	CHECK_INT(rig->n, 0);
	accept_hold(&rig->accept, false);
	RIG_UNTIL(rig->loop, rig->n == 1);
	close(fd);
	rig_free(rig);
}

/* The master shuts a listener down that is to go: no lack of descriptors, and
 * no reason to leave the others alone. */
static void
outlives_a_listener(void)
{
	struct rig *rig = rig_new();
	int fd;

	rig_idle(rig->loop);
	rig_must(shutdown(rig->accept.listeners[0].fd, SHUT_RD), "shutdown");
	fd = rig_dial(&rig->sin[1]);
	RIG_UNTIL(rig->loop, rig->n == 1);
	rig_idle(rig->loop);
	CHECK_INT(rig->pauses, 0);
	close(fd);
	rig_free(rig);
}

static const struct unit_case cases[] = {
    {"accepts from all", accepts_from_all},
    {"knows unix sockets", knows_unix_sockets},
    {"holds", holds},
    {"stays held", stays_held},
    {"pauses without descriptors", pauses_without_descriptors},
    {"pauses while held", pauses_while_held},
    {"outlives a listener", outlives_a_listener},
};

UNIT_MAIN("accept", cases)
