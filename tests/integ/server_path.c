/* Somebody sits between an agent and its policy server, and changes, holds
 * back, doubles and cuts what goes by. */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_policyd.h"

#define CHUNK	  4096
#define CHANGES	  24 /* that must have been made */
#define RELOAD_MS 5000
#define SETTLE_MS 60000
#define POLICIES  7
#define ONE_IN	  2 /* chunks is changed */
#define CUT_AFTER 2 /* changes in one connection */
#define TRY_MS	  500

/* What is on the way, one connection at a time. */
struct path {
	uint16_t server, port;
	int listener;
	pthread_t thread;
	atomic_int stop, honest;
	atomic_uint changes;
	unsigned int seed;
};

static int
connect_to(uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd != -1 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == -1) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Do one of four things to a chunk; its new length. */
static ssize_t
spoil(struct path *p, uint8_t *data, ssize_t n)
{
	size_t at = (size_t)rand_r(&p->seed) % (size_t)n;

	atomic_fetch_add(&p->changes, 1);
	switch (rand_r(&p->seed) % 4) {
	case 0:
		data[at] ^= (uint8_t)(1 << rand_r(&p->seed) % 8);
		return n;
	case 1: /* cut out */
		memmove(data + at, data + at + 1, (size_t)n - at - 1);
		return n - 1;
	case 2: /* said twice */
		memcpy(data + n, data, (size_t)n);
		return 2 * n;
	default: /* held back */
		return 0;
	}
}

static bool
pass_on(struct path *p, int from, int to)
{
	uint8_t data[2 * CHUNK];
	ssize_t n = recv(from, data, CHUNK, 0);

	if (n <= 0)
		return false;
	if (!atomic_load(&p->honest) && rand_r(&p->seed) % ONE_IN == 0)
		n = spoil(p, data, n);
	return n == 0 || send(to, data, (size_t)n, MSG_NOSIGNAL) == n;
}

static void
carry(struct path *p, int client)
{
	unsigned int until = atomic_load(&p->changes) + CUT_AFTER;
	int server = connect_to(p->server);
	bool going = server != -1;

	while (going && !atomic_load(&p->stop) &&
	       atomic_load(&p->changes) < until) {
		struct pollfd f[2] = {{client, POLLIN, 0}, {server, POLLIN, 0}};

		if (poll(f, 2, 50) == -1)
			break;
		if (f[0].revents != 0)
			going = pass_on(p, client, server);
		if (going && f[1].revents != 0)
			going = pass_on(p, server, client);
	}
	if (server != -1)
		close(server);
	close(client);
}

static void *
run(void *arg)
{
	struct path *p = arg;
	int fd;

	while (!atomic_load(&p->stop)) {
		struct pollfd f = {p->listener, POLLIN, 0};

		if (poll(&f, 1, 50) <= 0)
			continue;
		fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd != -1)
			carry(p, fd);
	}
	return NULL;
}

static void
path_start(struct path *p, uint16_t server)
{
	struct sockaddr_in a = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);

	memset(p, 0, sizeof(*p));
	p->server = server;
	p->seed = 1;
	p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	REQUIRE(p->listener != -1 &&
		    bind(p->listener, (struct sockaddr *)&a, len) == 0 &&
		    listen(p->listener, 16) == 0 &&
		    getsockname(p->listener, (struct sockaddr *)&a, &len) == 0,
	    "a listener");
	p->port = ntohs(a.sin_port);
	REQUIRE(pthread_create(&p->thread, NULL, run, p) == 0, "a thread");
}

static void
path_stop(struct path *p)
{
	atomic_store(&p->stop, 1);
	pthread_join(p->thread, NULL);
	close(p->listener);
}

static long long
policy_serial(struct rig_agent *a)
{
	const char *const args[] = {"status", "--json", NULL};
	struct rig_output o;
	json_t *doc;
	long long n;

	rig_ctl(a, &o, args);
	doc = json_loads(o.out, 0, NULL);
	n = json_integer_value(json_object_get(doc, "policy_serial"));
	json_decref(doc);
	rig_output_free(&o);
	return n;
}

/* The attempts that the policy limits to: what is signed is in force, and
 * nothing else ever is. */
static void
publish(struct rig_policyd *s, int n)
{
	char body[256];

	snprintf(body, sizeof(body),
	    "[limits]\nattempts = %d\n"
	    "[intermediary \"x\"]\ntype = socks5\naddress = 127.0.0.1:%d\n",
	    n + 1, n + 1);
	rig_policyd_publish(s, "*", body);
}

static void
setup(struct rig_policyd *s, struct path *p, struct rig_agent *a)
{
	char token[RIG_PATH_MAX];

	rig_policyd_init(s, "server");
	rig_policyd_key(s, "report-interval = 1s");
	rig_policyd_start(s);
	publish(s, 0);
	path_start(p, s->port);
	atomic_store(&p->honest, 1);
	rig_policyd_token(s, "york", token);
	rig_agent_init(a, "agent");
	rig_agent_key(a, "group = york");
	rig_agent_key(a, "check-interval = 0s");
	rig_agent_add(a,
	    "[policy]\nroot = %s/root.1\nnetwork = 127.0.0.0/8\n"
	    "server = 127.0.0.1:%u\ntoken-file = %s\nreport-interval = 1s\n",
	    s->keys, p->port, token);
	rig_agent_start(a);
}

/* false: not within the time. */
static bool
await_serial_above(struct rig_agent *a, long long serial)
{
	int64_t deadline = rig_now_ms() + SETTLE_MS;

	while (policy_serial(a) <= serial) {
		if (!rig_pause(deadline))
			return false;
	}
	return true;
}

static void
t_rewriter(void)
{
	static struct rig_policyd s;
	static struct rig_agent a;
	static struct path p;
	const char *const agents[] = {"agents", "--json", NULL};
	pid_t control, collector;
	struct rig_output o;
	int64_t deadline, soon;
	unsigned int before;
	long long serial;
	int i;

	setup(&s, &p, &a);
	REQUIRE(await_serial_above(&a, 0), "no policy on an honest path");
	control = rig_agent_child(&a, "control");
	collector = rig_policyd_child(&s, "collector");
	atomic_store(&p.honest, 0);
	deadline = rig_now_ms() + SETTLE_MS;
	for (i = 1; atomic_load(&p.changes) < CHANGES; i++) {
		if (i < POLICIES)
			publish(&s, i);
		/* It is not left to the back-off to try again. */
		before = atomic_load(&p.changes);
		CHECK(rig_agent_reload(&a, RELOAD_MS, NULL) == 0, "reload");
		REQUIRE(rig_now_ms() < deadline, "only %u changes",
		    atomic_load(&p.changes));
		soon = rig_now_ms() + TRY_MS;
		while (atomic_load(&p.changes) == before && rig_pause(soon))
			continue;
	}
	rig_note("%u changes on the way", atomic_load(&p.changes));
	serial = policy_serial(&a);
	atomic_store(&p.honest, 1);
	publish(&s, POLICIES);
	CHECK(rig_agent_reload(&a, RELOAD_MS, NULL) == 0, "reload");
	CHECK(await_serial_above(&a, serial), "it does not get well again");
	CHECK_INT(rig_agent_child(&a, "control"), control);
	CHECK_INT(rig_policyd_child(&s, "collector"), collector);
	/* Nobody but this one has come of all that. */
	rig_policyd_ask(&s, &o, agents);
	CHECK(o.code == 0 && strstr(o.out, "\"name\"") != NULL &&
		  strstr(strstr(o.out, "\"name\"") + 1, "\"name\"") == NULL,
	    "agents: %s", o.out);
	rig_output_free(&o);
	rig_agent_stop(&a);
	path_stop(&p);
	rig_policyd_stop(&s);
}

static const struct rig_case cases[] = {
    {"what goes by is changed on the way", t_rewriter, 150, 0},
};

RIG_MAIN("server_path", cases, NULL)
