/* The policy server's control socket itself: lines, bodies, limits, deadlines,
 * and peers that mean harm. */
#include <fcntl.h>
#include <grp.h>

#include "tests/unit/ranker_ctl_rig.h"

static const char *const changing[] = {"publish 500\n", "use use=s1 for=60\n",
    "override-end 1\n", "token 00 york 60\n", "agent-add a york AAAA\n",
    "agent-remove a\n"};
#define CHANGING_N (sizeof(changing) / sizeof(*changing))

/* Connected as that user, of that group and of one more. */
static int
dial_as(uid_t uid, gid_t gid, gid_t more)
{
	int fd;

	rig_ok(setgroups(1, &more), "setgroups");
	rig_ok(setegid(gid), "setegid");
	rig_ok(seteuid(uid), "seteuid");
	fd = dial();
	rig_ok(seteuid(0), "seteuid");
	rig_ok(setegid(0), "setegid");
	rig_ok(setgroups(0, NULL), "setgroups");
	return fd;
}

/* Who may give orders is the kernel's word. */
static void
strangers(void)
{
	static const struct {
		uid_t uid;
		gid_t gid, more;
		bool may;
	} who[] = {{0, 0, 0, true}, {RIG_UID_OWN, 1, 1, true},
	    {1, RIG_UID_OWN, 1, true}, {1, 1, RIG_UID_OWN, true},
	    {1, 1, 1, false}, {RIG_UID_PAGE, RIG_UID_OWN, 1, false}};
	json_t *lines;
	size_t i, j;
	bool no;
	int fd;

	if (geteuid() != 0) {
		unit_skip("needs root, to be somebody else");
		return;
	}
	start();
	for (i = 0; i < sizeof(who) / sizeof(*who); i++) {
		for (j = 1; j < CHANGING_N; j++) {
			fd = dial_as(who[i].uid, who[i].gid, who[i].more);
			put(fd, changing[j]);
			lines = finish(fd);
			no = strcmp(str(head(lines, false), "code"),
				 "forbidden") == 0;
			CHECK(no == !who[i].may, "%zu: %s: %s", i, changing[j],
			    str(head(lines, false), "error"));
			json_decref(lines);
		}
		fd = dial_as(who[i].uid, who[i].gid, who[i].more);
		put(fd, "status\n");
		lines = finish(fd);
		head(lines, true);
		json_decref(lines);
	}
	/* A stranger's message is not even read. */
	fd = dial_as(1, 1, 1);
	put(fd, changing[0]);
	expect_code(finish(fd), "forbidden");
	stop();
}

/* A line and a message may come in any pieces; what follows is ignored. */
static void
pieces(void)
{
	char line[32];
	struct sample s;
	size_t i;
	int fd, n;

	start();
	sign_policy(&s, "york", 7, RIG_POLICY);
	n = snprintf(line, sizeof(line), "publish %zu\n", s.len);
	fd = dial();
	for (i = 0; i < (size_t)n; i++) {
		CHECK_INT(send(fd, line + i, 1, MSG_NOSIGNAL), 1);
		loop_turn(rig.loop, 0);
	}
	for (i = 0; i < s.len; i++) {
		CHECK_INT(send(fd, s.data + i, 1, MSG_NOSIGNAL), 1);
		loop_turn(rig.loop, 0);
	}
	expect_done(finish(fd), "policy 7 of root 1 for york");
	expect_done(ask("token 0000000000000000000000000000000000000000000000"
			"000000000000000001 york 60\nstatus\n"),
	    "good for one agent");
	stop();
}

/* Messages that do not come, or not whole. */
static void
half_messages(void)
{
	struct sample s;
	char line[32];
	int fds[RANKER_CTL_BODIES_MAX + 1], i;

	start();
	sign_policy(&s, "york", 7, RIG_POLICY);
	snprintf(line, sizeof(line), "publish %zu\n", s.len);
	for (i = 0; i < RANKER_CTL_BODIES_MAX; i++) {
		fds[i] = dial();
		put(fds[i], line);
		settle();
		CHECK_INT(
		    send(fds[i], s.data, s.len - 1, MSG_NOSIGNAL), s.len - 1);
	}
	fds[i] = dial();
	put(fds[i], line);
	expect_refusal(finish(fds[i]), "internal", "no room");
	/* One hangs up, one says no more, the others' time goes by. */
	close(fds[0]);
	rig_ok(shutdown(fds[1], SHUT_WR), "shutdown");
	expect_refusal(finish(fds[1]), "usage", "has no end");
	pass(RANKER_CTL_DEADLINE_US + 1);
	for (i = 2; i < RANKER_CTL_BODIES_MAX; i++)
		expect_refusal(finish(fds[i]), "usage", "in time");
	CHECK(LIST_EMPTY(&rig.policies), "published");
	expect_done(publish(&s, ""), "is published");
	stop();
}

/* A line of n bytes without a space. */
static json_t *
ask_long(size_t n)
{
	char *line = malloc(n + 1);
	int fd = dial();

	memset(line, 'x', n);
	line[n] = '\n';
	CHECK_INT(send(fd, line, n + 1, MSG_NOSIGNAL), n + 1);
	free(line);
	return finish(fd);
}

static void
lines(void)
{
	char junk[65536];
	int fd, i;

	start();
	expect_code(ask_long(PDCTL_LINE_MAX), "unknown-verb");
	expect_code(ask_long(PDCTL_LINE_MAX + 1), "usage");
	/* One that goes on for megabytes hears of it, and is then left. */
	memset(junk, 'y', sizeof(junk));
	fd = dial();
	for (i = 0; i < 64; i++) {
		if (send(fd, junk, sizeof(junk), MSG_NOSIGNAL) > 0)
			settle();
	}
	pass(RANKER_CTL_DEADLINE_US + 1);
	CHECK(send(fd, junk, sizeof(junk), MSG_NOSIGNAL) == -1, "still heard");
	close(fd);
	/* Half a line: its time moves by no byte. */
	fd = dial();
	put(fd, "stat");
	pass(RANKER_CTL_DEADLINE_US - 1000000);
	put(fd, "u");
	pass(1000001);
	expect_code(finish(fd), "usage");
	fd = dial();
	put(fd, "status");
	rig_ok(shutdown(fd, SHUT_WR), "shutdown");
	expect_code(finish(fd), "usage");
	close(dial());
	alive();
	stop();
}

#define IDLE 1000

/* They cost those who ask half a second, and no more. */
static void
idle_peers(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct pollfd p = {.events = POLLIN};
	static int fds[IDLE];
	int i, n = 0, waves;

	start();
	strlcpy(sun.sun_path, rig_path("control"), sizeof(sun.sun_path));
	for (i = 0; i < IDLE; i++) {
		fds[i] = socket(
		    AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (connect(fds[i], (struct sockaddr *)&sun, sizeof(sun)) == 0)
			n++;
		loop_turn(rig.loop, 0);
	}
	CHECK(n >= RANKER_CTL_PEERS_MAX, "only %d", n);
	/* As many as have a place, and the others in the backlog. */
	for (i = 0; i < IDLE; i++) {
		if (i >= n)
			close(fds[i]);
	}
	for (waves = 0; waves < n; waves += RANKER_CTL_PEERS_MAX) {
		pass(RANKER_CTL_HURRY_US);
		pass(RANKER_CTL_HURRY_US);
	}
	p.fd = dial();
	put(p.fd, "status\n");
	settle();
	CHECK_INT(poll(&p, 1, 0), 1);
	json_decref(finish(p.fd));
	for (i = 0; i < n; i++)
		close(fds[i]);
	alive();
	stop();
}

/* Descriptors that come along are nobody's. */
static void
smuggled(void)
{
	char space[CMSG_SPACE(sizeof(int))] = {0}, line[] = "status\n";
	struct iovec iov = {line, sizeof(line) - 1};
	struct msghdr m = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = space,
	    .msg_controllen = sizeof(space)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	struct pollfd p;
	int fd, ends[2];

	start();
	fd = dial();
	rig_ok(pipe2(ends, O_CLOEXEC), "pipe");
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &ends[1], sizeof(int));
	CHECK_INT(sendmsg(fd, &m, MSG_NOSIGNAL), sizeof(line) - 1);
	close(ends[1]);
	json_decref(finish(fd));
	p = (struct pollfd){.fd = ends[0]};
	CHECK_INT(poll(&p, 1, 0), 1);
	CHECK((p.revents & POLLHUP) != 0, "somebody holds the pipe");
	close(ends[0]);
	stop();
}

/* Bytes of every kind: an object, or the end, and never a fall. */
static void
rubbish(void)
{
	static const char *const verbs[] = {"status", "delivery", "policy",
	    "body", "use", "override-end", "token", "agent", "agent-add",
	    "agent-remove", "ranks", "why", "events", ""};
	uint64_t seed = 42;
	char line[300];
	size_t len, i;
	json_t *answer;
	int n, fd;

	start();
	published("york", 7, RIG_POLICY);
	for (n = 0; n < 700; n++) {
		len =
		    (size_t)snprintf(line, sizeof(line), "%s ", verbs[n % 14]);
		for (i = 0; i < (size_t)(n % 60); i++) {
			seed =
			    seed * 6364136223846793005u + 1442695040888963407u;
			line[len++] = n % 3 == 0
					  ? (char)(seed >> 56)
					  : (char)('!' + (seed >> 56) % 94);
		}
		line[len++] = '\n';
		fd = dial();
		CHECK_INT(send(fd, line, len, MSG_NOSIGNAL), len);
		answer = finish(fd);
		CHECK(json_array_size(answer) >= 1, "line %d: no answer", n);
		json_decref(answer);
	}
	alive();
	stop();
}

/* The end, with peers in every state. */
static void
stops(void)
{
	int fds[4], i;

	start();
	for (i = 0; i < 4; i++)
		fds[i] = dial();
	put(fds[1], "agents\n");
	put(fds[2], "publish 1000\nCAGE");
	put(fds[3], "sta");
	settle();
	stop();
	ranker_ctl_stop(NULL);
	for (i = 0; i < 4; i++)
		close(fds[i]);
}

static const struct unit_case cases[] = {
    {"strangers give no orders", strangers},
    {"in pieces", pieces},
    {"half messages", half_messages},
    {"lines", lines},
    {"1000 idle peers", idle_peers},
    {"smuggled descriptors", smuggled},
    {"rubbish", rubbish},
    {"stops", stops},
};

UNIT_MAIN("ranker_ctl", cases)
