#ifndef TESTS_UNIT_SESSION_RIG_H
#define TESTS_UNIT_SESSION_RIG_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cagentd/worker/session.h"
#include "tests/unit/agent.h"

/* Clients of a worker's sessions, before scripted intermediaries. */
#define CLIENTS_MAX 128

struct rig {
	struct agent *agent;
	struct session_env env;
	struct session_list sessions;
	struct fake *fakes[8];
	int fakes_n;
	int ended;
	int client[CLIENTS_MAX];
	int clients_n;
};

static inline void
ended(void *arg)
{
	struct rig *rig = arg;

	rig->ended++;
}

static inline struct rig *
rig_new(void)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	log_level_set(LOG_LEVEL_WARN);
	rig->agent = agent_new();
	LIST_INIT(&rig->sessions);
	return rig;
}

static inline struct fake *
add(struct rig *rig, enum fake_script script)
{
	return rig->fakes[rig->fakes_n++] = agent_fake(rig->agent, script);
}

static inline void
configure(struct rig *rig, const char *more)
{
	agent_settings(rig->agent, more);
	rig->env = (struct session_env){.settings = rig->agent->settings,
	    .dial = rig->agent->env,
	    .slab = &rig->agent->slab,
	    .ended = ended,
	    .arg = rig};
}

/* A new client; its end of the connection. */
static inline int
connect_client(struct rig *rig)
{
	int fds[2];

	rig_tcp_pair(fds);
	fake_nodelay(fds[0]);
	CHECK_INT(session_start(&rig->env, &rig->sessions, fds[1],
		      &(const struct accept_listener){.fd = -1}, NULL),
	    0);
	rig->client[rig->clients_n++] = fds[0];
	return fds[0];
}

static inline uint32_t
gauge(const _Atomic uint32_t *g)
{
	return AGENT_GET(g);
}

static inline void
rig_free(struct rig *rig)
{
	struct slab *slab = &rig->agent->slab;
	int i;

	for (i = 0; i < rig->clients_n; i++) {
		loop_close(rig->agent->loop, rig->client[i]);
	}
	RIG_UNTIL(rig->agent->loop, LIST_EMPTY(&rig->sessions));
	CHECK_INT(rig->ended, rig->clients_n);
	CHECK_INT(gauge(&slab->clients), 0);
	CHECK_INT(gauge(&slab->tunnels), 0);
	CHECK_INT(AGENT_GET(&slab->accepted), rig->clients_n);
	for (i = 0; i < rig->fakes_n; i++) {
		CHECK_INT(gauge(&slab->rows[i].in_flight), 0);
		CHECK_INT(rig->agent->loads[i].in_flight, 0);
		CHECK_INT(rig->agent->loads[i].trials, 0);
		fake_free(rig->fakes[i]);
	}
	agent_free(rig->agent);
	free(rig);
}

static inline void
close_client(struct rig *rig, int i, bool reset)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};

	if (reset)
		setsockopt(
		    rig->client[i], SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	loop_close(rig->agent->loop, rig->client[i]);
	rig->client[i] = -1;
}

/* Read what fd has to say until len bytes or its end, which *error tells: 0
 * or errno; -1 when it has not come. */
static inline size_t
take(struct rig *rig, int fd, char *out, size_t len, int *error)
{
	int64_t end_us = mono_us() + RIG_DEADLINE_US;
	size_t n = 0;
	ssize_t k;

	*error = -1;
	while (n < len && mono_us() < end_us) {
		k = recv(fd, out + n, len - n, MSG_DONTWAIT);
		if (k > 0) {
			n += (size_t)k;
			continue;
		}
		if (k == 0 || errno != EAGAIN) {
			*error = k == 0 ? 0 : errno;
			break;
		}
		loop_turn(rig->agent->loop, 1000);
	}
	return n;
}

static inline void
expect(struct rig *rig, int fd, const char *want, size_t len)
{
	char got[4096];
	int error;
	size_t n = take(rig, fd, got, len, &error);

	CHECK(n == len && memcmp(got, want, len) == 0,
	    "%zu bytes of %zu, error %d", n, len, error);
}

static inline int
end_of(struct rig *rig, int fd)
{
	char byte;
	int error;
	size_t n = take(rig, fd, &byte, 1, &error);

	CHECK_INT(n, 0);
	return error;
}

static inline void
say(int fd, const char *text, size_t len)
{
	CHECK_INT(send(fd, text, len, MSG_NOSIGNAL), len);
}

#define LIT(s) (s), sizeof(s) - 1

/* Requests for www.example.com:443, and the answers to them. */
static const struct {
	const char *ask;
	size_t ask_len;
	const char *ok;
	size_t ok_len;
	const char *refused;
	size_t refused_len;
} shakes[] = {
    {LIT("\5\1\0\5\1\0\3\17www.example.com\1\273"),
	LIT("\5\0\5\0\0\1\0\0\0\0\0\0"), LIT("\5\0\5\5\0\1\0\0\0\0\0\0")},
    {LIT("\4\1\1\273\0\0\0\1me\0www.example.com\0"), LIT("\0\132\0\0\0\0\0\0"),
	LIT("\0\133\0\0\0\0\0\0")},
    {LIT("CONNECT www.example.com:443 HTTP/1.1\r\n"
	 "Host: www.example.com:443\r\n\r\n"),
	LIT("HTTP/1.1 200 "), LIT("HTTP/1.1 502 ")},
};
#define SHAKES (sizeof(shakes) / sizeof(*shakes))

static const char hello[] = "\x16\x03\x01\x01\x20\x01 client hello";
#define HELLO_LEN (sizeof(hello) - 1)

/* To where a head ends, for HTTP. */
static inline void
skip_head(struct rig *rig, int fd)
{
	char got[2048];
	int error;
	size_t n = 0;

	while (n < sizeof(got) - 1 &&
	       (n < 4 || memcmp(got + n - 4, "\r\n\r\n", 4) != 0)) {
		if (take(rig, fd, got + n, 1, &error) != 1)
			break;
		n++;
	}
	CHECK(n >= 4 && memcmp(got + n - 4, "\r\n\r\n", 4) == 0, "a head");
}

static inline void
get_tunnel(struct rig *rig, int fd, size_t i)
{
	expect(rig, fd, shakes[i].ok, shakes[i].ok_len);
	if (i == 2)
		skip_head(rig, fd);
}

/* A client of protocol i whose path is to stand. */
static inline int
open_tunnel(struct rig *rig, size_t i)
{
	int fd = connect_client(rig);

	say(fd, shakes[i].ask, shakes[i].ask_len);
	get_tunnel(rig, fd, i);
	return fd;
}

#endif
