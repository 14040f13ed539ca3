/* Who is asking, of a running agent: local users and services get the paths
 * of their rules, and no more than their share. */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cagentd/master/cgroups.h"
#include "tests/integ/rig_agent.h"

#define WAIT_MS 10000
#define NOBODY	4242

struct scene {
	struct rig_server origin;
	struct rig_agent agent;
	char socket[RIG_PATH_MAX];
};

static void
setup(struct scene *s, const char *keys, const char *sections)
{
	memset(s, 0, sizeof(*s));
	rig_origin_start(&s->origin, RIG_ORIGIN_ECHO, "127.0.0.1", 0, NULL);
	rig_agent_init(&s->agent, "agent");
	rig_path(s->socket, "clients.sock");
	rig_agent_key(&s->agent, "listen = unix:%s", s->socket);
	if (keys[0] != '\0')
		rig_agent_key(&s->agent, "%s", keys);
	rig_agent_add(&s->agent, "%s", sections);
	rig_agent_direct(&s->agent);
	rig_agent_start(&s->agent);
}

static void
teardown(struct scene *s)
{
	rig_agent_stop(&s->agent);
	rig_server_stop(&s->origin);
}

/* 0: a tunnel, which stands in *c; else what the client was told. */
static int
ask_tcp(const struct scene *s, enum rig_proto proto, struct rig_conn *c)
{
	struct rig_proxy p = rig_agent_proxy(&s->agent, proto);
	enum rig_fail f;

	f = rig_dial(c, &p, "127.0.0.1", s->origin.port, WAIT_MS);
	if (f == RIG_OK)
		f = rig_echo(c, 1, 0, 10);
	if (f == RIG_OK)
		return 0;
	return f == RIG_FAIL_REPLY ? c->code : 250;
}

static int
ask_unix(const struct scene *s)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	uint8_t ask[] = {5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1,
	    (uint8_t)(s->origin.port >> 8), (uint8_t)s->origin.port};
	uint8_t answer[12] = {0};
	size_t n = 0;
	ssize_t r = 1;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strlcpy(sun.sun_path, s->socket, sizeof(sun.sun_path));
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    send(fd, ask, sizeof(ask), MSG_NOSIGNAL) != sizeof(ask))
		return 251;
	while (n < sizeof(answer) && r > 0) {
		r = read(fd, answer + n, sizeof(answer) - n);
		n += r > 0 ? (size_t)r : 0;
	}
	close(fd);
	return n == sizeof(answer) ? answer[3] : 252;
}

/* The same by another user, from that control group unless it is NULL. */
static int
ask_as(const struct scene *s, uid_t uid, const char *procs, bool by_unix)
{
	struct rig_conn c;
	int status = 0, fd;
	pid_t pid;

	pid = fork();
	REQUIRE(pid != -1, "fork");
	if (pid == 0) {
		if (procs != NULL) {
			fd = open(procs, O_WRONLY | O_CLOEXEC);
			if (fd == -1 || write(fd, "0", 1) != 1)
				_exit(253);
		}
		if (uid != 0 && setuid(uid) != 0)
			_exit(254);
		_exit(by_unix ? ask_unix(s) : ask_tcp(s, RIG_SOCKS5, &c));
	}
	REQUIRE(waitpid(pid, &status, 0) == pid, "waitpid");
	CHECK(WIFEXITED(status), "it was killed");
	return WEXITSTATUS(status);
}

static void
users_get_their_paths(void)
{
	struct scene s;

	setup(&s, "", "[rule \"nobody\"]\nuser = 4242\nvia = deny\n");
	CHECK_INT(ask_as(&s, NOBODY, NULL, false), 2);
	CHECK_INT(ask_as(&s, NOBODY + 1, NULL, false), 0);
	CHECK_INT(ask_as(&s, 0, NULL, false), 0);
	CHECK_INT(ask_as(&s, NOBODY, NULL, true), 2);
	CHECK_INT(ask_as(&s, NOBODY + 1, NULL, true), 0);
	teardown(&s);
}

/* --- services --- */

static char group[CGROUPS_PATH_MAX + 64];

static void
remove_group(void)
{
	char sub[sizeof(group) + 8];

	snprintf(sub, sizeof(sub), "%s/sub", group);
	(void)rmdir(sub);
	(void)rmdir(group);
}

static void
make_group(void)
{
	char at[CGROUPS_PATH_MAX], sub[sizeof(group) + 8], *text;
	FILE *f = fopen("/proc/self/mountinfo", "re");
	size_t n;

	text = calloc(1, 1 << 16);
	REQUIRE(f != NULL && text != NULL, "mountinfo");
	n = fread(text, 1, (1 << 16) - 1, f);
	fclose(f);
	if (n == 0 || cgroups_mount(text, at) != 0)
		rig_skip("no cgroup2 is mounted");
	free(text);
	snprintf(
	    group, sizeof(group), "%s/cagent-%d.service", at, (int)getpid());
	snprintf(sub, sizeof(sub), "%s/sub", group);
	if (mkdir(group, 0755) != 0 || mkdir(sub, 0755) != 0) {
		n = (size_t)errno;
		remove_group();
		rig_skip("%s: %s", group, strerror((int)n));
	}
}

static void
services_get_their_paths(void)
{
	char procs[sizeof(group) + 32], sections[512];
	struct scene s;

	make_group();
	snprintf(sections, sizeof(sections),
	    "[rule \"own\"]\nservice = cagent-%d.service/sub\nsource = "
	    "10.0.0.0/8\nvia = direct\n"
	    "[rule \"service\"]\nservice = cagent-*.service\nvia = deny\n",
	    (int)getpid());
	setup(&s, "", sections);
	snprintf(procs, sizeof(procs), "%s/cgroup.procs", group);
	CHECK_INT(ask_as(&s, 0, procs, false), 2);
	CHECK_INT(ask_as(&s, NOBODY, procs, false), 2);
	CHECK_INT(ask_as(&s, 0, NULL, false), 0);
	snprintf(procs, sizeof(procs), "%s/sub/cgroup.procs", group);
	CHECK_INT(ask_as(&s, 0, procs, false), 2);
	teardown(&s);
	remove_group();
}

/* --- limits --- */

#define MANY 12

/* One user takes all that he may, over two workers, and stays. */
static pid_t
hold(const struct scene *s, int *told)
{
	struct rig_conn c[MANY];
	int fds[2], i, code;
	uint8_t n = 0;
	pid_t pid;

	REQUIRE(pipe(fds) == 0, "pipe");
	pid = fork();
	REQUIRE(pid != -1, "fork");
	if (pid == 0) {
		if (setuid(NOBODY) != 0)
			_exit(1);
		for (i = 0; i < MANY; i++) {
			code =
			    ask_tcp(s, i % 2 ? RIG_SOCKS5 : RIG_CONNECT, &c[i]);
			if (code != 0 && code != (i % 2 ? 2 : 429))
				_exit(1);
			n = (uint8_t)(n + (code == 0));
		}
		(void)!write(fds[1], &n, 1);
		pause();
		_exit(0);
	}
	close(fds[1]);
	REQUIRE(read(fds[0], &n, 1) == 1, "refused otherwise");
	close(fds[0]);
	*told = n;
	return pid;
}

static void
a_full_user_is_refused_alone(void)
{
	struct scene s;
	int64_t end_ms;
	int n, i, status;
	pid_t pid;

	setup(&s, "user-connections = 5",
	    "[user \"4243\"]\n"
	    "max-connections = 0\n");
	pid = hold(&s, &n);
	CHECK_INT(n, 5);
	CHECK_INT(ask_as(&s, NOBODY, NULL, true), 2);
	for (i = 0; i < 4; i++)
		CHECK_INT(ask_as(&s, NOBODY + 1, NULL, i % 2), 0);
	CHECK_INT(ask_as(&s, 0, NULL, false), 0);
	kill(pid, SIGKILL);
	REQUIRE(waitpid(pid, &status, 0) == pid, "waitpid");
	/* His tunnels end, and he is served again. */
	end_ms = rig_now_ms() + WAIT_MS;
	while (ask_as(&s, NOBODY, NULL, false) != 0)
		REQUIRE(rig_pause(end_ms), "served again");
	teardown(&s);
}

static void
who_asks_too_often_is_refused_alone(void)
{
	struct rig_conn c;
	struct scene s;
	int i, code = 0, ok = 0;

	setup(&s, "user-rate = 1\nuser-burst = 5", "");
	for (i = 0; i < 60 && code == 0; i++) {
		code = ask_tcp(&s, RIG_CONNECT, &c);
		ok += code == 0;
		if (code == 0)
			rig_conn_close(&c);
	}
	CHECK_INT(code, 429);
	CHECK(strstr(c.head, "\r\nRetry-After: ") != NULL, "%s", c.head);
	CHECK(ok >= 5, "%d served", ok);
	CHECK_INT(ask_as(&s, NOBODY, NULL, false), 0);
	teardown(&s);
}

static const struct rig_case cases[] = {
    {"users get their paths", users_get_their_paths, 0, RIG_NEEDS_ROOT},
    {"services get their paths", services_get_their_paths, 0, RIG_NEEDS_ROOT},
    {"a full user is refused, and nobody else", a_full_user_is_refused_alone, 0,
	RIG_NEEDS_ROOT},
    {"who asks too often is refused, and nobody else",
	who_asks_too_often_is_refused_alone, 0, RIG_NEEDS_ROOT},
};

RIG_MAIN("who", cases, NULL)
