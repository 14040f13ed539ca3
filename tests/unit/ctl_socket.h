#ifndef TESTS_UNIT_CTL_SOCKET_H
#define TESTS_UNIT_CTL_SOCKET_H

#include <sys/socket.h>
#include <sys/un.h>

#include <poll.h>
#include <time.h>

#include "base/loop.h"
#include "base/mono.h"
#include "base/net.h"
#include "cagentd/control/ctl.h"
#include "tests/unit/ctl_rig.h"
#include "wire/ctl.h"

/* A control socket in the rig's directory, and peers that talk to it from the
 * same thread. */
#define CONFIG                                                \
	RIG_HEAD                                              \
	"[tier \"spare\"]\nrank = 7\n"                        \
	"[intermediary \"hq-1\"]\n"                           \
	"type = socks5\naddress = 192.0.2.1:1080\ntier = 1\n" \
	"[intermediary \"hq-2\"]\n"                           \
	"type = http\naddress = [2001:db8::1]:3128\ntier = 2\n"

/* The clock is ours: it stands, and a deadline passes when a case says so. */
static int64_t skew_us;

static inline int64_t
clock_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * 1000000ll + ts.tv_nsec / 1000;
}

int64_t
mono_us(void)
{
	return 1000000000 + skew_us;
}

int64_t
mono_wall_us(void)
{
	return 1700000000000000 + skew_us;
}

#define PATIENCE_US 20000000

static struct ctl *ctl;

static inline void
start(const char *config)
{
	union net_addr addr;
	char text[160];
	int fd;

	skew_us = 0;
	rig_open(config);
	rig_ok(loop_new(&rig_control.loop), "loop");
	snprintf(text, sizeof(text), "unix:%s", rig_path("control"));
	rig_ok(net_addr_parse(text, &addr) > 0 ? 0 : -EINVAL, "address");
	fd = rig_ok(net_listen(&addr, 1024, 0666), "listen");
	rig_ok(ctl_start(&ctl, &rig_control, fd), "ctl_start");
}

static inline void
stop(void)
{
	ctl_stop(ctl);
	ctl = NULL;
	loop_free(rig_control.loop);
	unlink(rig_path("control"));
	rig_close();
}

static inline void
settle(void)
{
	int i;

	for (i = 0; i < 40; i++)
		CHECK_INT(loop_turn(rig_control.loop, 0), 0);
}

static inline void
pass(int64_t us)
{
	settle();
	skew_us += us;
	settle();
}

static inline int
dial(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd;

	fd = rig_ok(
	    socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
	    "socket");
	strlcpy(sun.sun_path, rig_path("control"), sizeof(sun.sun_path));
	rig_ok(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), "connect");
	return fd;
}

static inline void
put(int fd, const char *text)
{
	size_t len = strlen(text);

	CHECK_INT(send(fd, text, len, MSG_NOSIGNAL), len);
}

/* What an answer was, and how it ended. */
struct got {
	char *data;
	size_t len, cap;
	bool end;  /* of the stream */
	int error; /* instead of an end */
};

/* Read what is there; false: nothing more for now. */
static inline bool
get_some(int fd, struct got *g)
{
	ssize_t n;

	if (g->cap - g->len < 65536) {
		g->cap = g->cap * 2 + 131072;
		g->data = realloc(g->data, g->cap);
		if (g->data == NULL)
			abort();
	}
	n = recv(fd, g->data + g->len, g->cap - g->len, MSG_DONTWAIT);
	if (n > 0)
		g->len += (size_t)n;
	else if (n == 0)
		g->end = true;
	else if (errno != EAGAIN)
		g->error = errno;
	return n > 0;
}

/* Turn the loop and read until lines have come (0: until the end). */
static inline void
get(int fd, struct got *g, size_t lines)
{
	int64_t end = clock_us(CLOCK_MONOTONIC) + PATIENCE_US;
	size_t i, n;

	while (!g->end && g->error == 0 && clock_us(CLOCK_MONOTONIC) < end) {
		loop_turn(rig_control.loop, 0);
		while (get_some(fd, g))
			;
		for (n = 0, i = 0; i < g->len; i++)
			n += g->data[i] == '\n';
		if (lines != 0 && n >= lines)
			return;
	}
	CHECK(g->end || g->error != 0, "no end within the deadline");
}

/* The whole answer; the connection must have come to a clean end. */
static inline json_t *
finish(int fd)
{
	struct got g = {0};
	json_t *lines;

	get(fd, &g, 0);
	CHECK(g.end, "ended by %s", strerror(g.error));
	lines = rig_parse(g.data, g.len);
	free(g.data);
	close(fd);
	settle();
	return lines;
}

static inline json_t *
ask(const char *line)
{
	int fd = dial();

	put(fd, line);
	return finish(fd);
}

static inline void
expect_code(json_t *lines, const char *code)
{
	CHECK_STR(rig_str(rig_first(lines, false), "code"), code);
	json_decref(lines);
}

/* The agent still answers. */
static inline void
alive(void)
{
	json_t *lines = ask("status\n");

	rig_first(lines, true);
	json_decref(lines);
}

#endif
