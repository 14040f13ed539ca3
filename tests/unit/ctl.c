/* The control socket itself: lines, limits, deadlines, and peers that mean
 * harm. */
#include "cagentd/control/ctl.h"

#include <sys/resource.h>

#include <fcntl.h>

#include "tests/unit/ctl_socket.h"

/* Who may give orders is the kernel's word. */
static void
strangers(void)
{
	static const char *const changing[] = {
	    "drain hq-1\n", "enable hq-1\n", "pin hq-1 2\n", "unpin hq-1\n"};
	size_t i;
	int fd;

	if (geteuid() != 0) {
		unit_skip("needs root, to be somebody else");
		return;
	}
	start(CONFIG);
	for (i = 0; i < sizeof(changing) / sizeof(*changing); i++) {
		rig_ok(seteuid(1), "seteuid");
		fd = dial();
		rig_ok(seteuid(0), "seteuid");
		put(fd, changing[i]);
		expect_code(finish(fd), "forbidden");
	}
	CHECK_INT(rig_control.events.last_id, 0);
	rig_ok(seteuid(1), "seteuid");
	fd = dial();
	rig_ok(seteuid(0), "seteuid");
	put(fd, "status\n");
	json_t *lines = finish(fd);
	rig_first(lines, true);
	json_decref(lines);
	/* The daemon's own user is no stranger. */
	rig_ok(seteuid(65534), "seteuid");
	fd = dial();
	rig_ok(seteuid(0), "seteuid");
	put(fd, "drain hq-1\n");
	lines = finish(fd);
	rig_first(lines, true);
	json_decref(lines);
	stop();
}

/* A line may come in any pieces; what follows it is ignored. */
static void
pieces(void)
{
	static const char line[] = "show hq-1\n";
	json_t *lines;
	size_t i;
	int fd;

	start(CONFIG);
	fd = dial();
	for (i = 0; line[i] != '\0'; i++) {
		CHECK_INT(send(fd, line + i, 1, MSG_NOSIGNAL), 1);
		settle();
	}
	lines = finish(fd);
	rig_first(lines, true);
	json_decref(lines);
	lines = ask("show hq-1\ndrain hq-1\n");
	rig_first(lines, true);
	CHECK_INT(json_array_size(lines), 1);
	json_decref(lines);
	CHECK_INT(rig_row("hq-1")->admin, TABLE_ENABLED);
	/* Half-closed after its line, as nc -N does. */
	fd = dial();
	put(fd, "show hq-1\n");
	CHECK_INT(shutdown(fd, SHUT_WR), 0);
	lines = finish(fd);
	rig_first(lines, true);
	json_decref(lines);
	stop();
}

/* A line of n bytes without a space. */
static json_t *
ask_long(size_t n)
{
	char *line = malloc(n + 1);
	json_t *lines;
	int fd = dial();

	memset(line, 'x', n);
	line[n] = '\n';
	CHECK_INT(send(fd, line, n + 1, MSG_NOSIGNAL), n + 1);
	free(line);
	lines = finish(fd);
	return lines;
}

static void
giant_lines(void)
{
	char junk[65536];
	struct got g = {0};
	int fd, i;

	start(CONFIG);
	expect_code(ask_long(CTL_LINE_MAX - 1), "unknown-verb");
	expect_code(ask_long(CTL_LINE_MAX), "unknown-verb");
	expect_code(ask_long(CTL_LINE_MAX + 1), "usage");
	/* One that goes on for megabytes hears of it, and is then left. */
	memset(junk, 'y', sizeof(junk));
	fd = dial();
	for (i = 0; i < 64; i++) {
		if (send(fd, junk, sizeof(junk), MSG_NOSIGNAL) > 0)
			settle();
	}
	get(fd, &g, 1);
	CHECK(g.len > 0, "no error told");
	expect_code(rig_parse(g.data, g.len), "usage");
	pass(CTL_DEADLINE_US + 1);
	CHECK(send(fd, junk, sizeof(junk), MSG_NOSIGNAL) == -1, "still heard");
	free(g.data);
	close(fd);
	alive();
	stop();
}

static void
half_lines(void)
{
	json_t *lines;
	int fd, silent;

	start(CONFIG);
	fd = dial();
	silent = dial();
	put(fd, "stat");
	pass(CTL_DEADLINE_US - 1000000);
	put(fd, "u");
	pass(1000001); /* a byte now and then moves no deadline */
	expect_code(finish(fd), "usage");
	expect_code(finish(silent), "usage");
	fd = dial();
	put(fd, "status");
	CHECK_INT(shutdown(fd, SHUT_WR), 0);
	expect_code(finish(fd), "usage");
	/* Gone without a word. */
	close(dial());
	fd = dial();
	settle();
	CHECK_INT(shutdown(fd, SHUT_WR), 0);
	lines = finish(fd);
	CHECK_INT(json_array_size(lines), 0);
	json_decref(lines);
	alive();
	stop();
}

#define IDLE 1000

static bool
has_answer(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	settle();
	return poll(&p, 1, 0) == 1;
}

static void
idle_peers(void)
{
	int fds[IDLE], i, first, last;
	struct rlimit files;

	CHECK_INT(getrlimit(RLIMIT_NOFILE, &files), 0);
	if (files.rlim_cur < 2 * IDLE)
		files.rlim_cur = 2 * IDLE;
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &files), 0);
	start(CONFIG);
	for (i = 0; i < IDLE; i++)
		fds[i] = dial();
	settle();
	last = dial();
	put(last, "status\n");
	CHECK(!has_answer(last), "answered beyond CTL_PEERS_MAX");
	/* In the order of their coming: 64 are in, so 937 must go. */
	for (i = 0; i < IDLE - CTL_PEERS_MAX; i++) {
		close(fds[i]);
		CHECK(!has_answer(last), "answered after %d", i);
	}
	close(fds[i++]);
	CHECK(has_answer(last), "not answered with a place free");
	json_decref(finish(last));
	/* With all places taken, idling is cut short; with one free, not. */
	first = dial();
	settle();
	last = dial();
	put(last, "status\n");
	pass(CTL_HURRY_US - 1);
	CHECK(!has_answer(last), "answered too early");
	pass(1);
	CHECK(!has_answer(last), "those who were told have no time to leave");
	pass(CTL_HURRY_US);
	CHECK(has_answer(last), "not answered in the end");
	json_decref(finish(last));
	for (; i < IDLE; i++)
		expect_code(finish(fds[i]), "usage");
	expect_code(finish(first), "usage");
	first = dial();
	pass(CTL_HURRY_US * 2);
	CHECK(!has_answer(first), "hurried without need");
	close(first);
	alive();
	stop();
}

/* More rows than a socket's buffers hold. */
static char *
big_config(void)
{
	const size_t size = 200000;
	char *text = malloc(size);
	size_t len;
	int i;

	len = (size_t)snprintf(text, size, "%s", RIG_HEAD);
	for (i = 0; i < 1000; i++)
		len += (size_t)snprintf(text + len, size - len,
		    "[intermediary \"n%d\"]\ntype = http\n"
		    "address = 192.0.2.1:%d\ntier = %d\n",
		    i, i + 1, i % 50 + 1);
	return text;
}

static void
slow_reader(void)
{
	struct got g = {0};
	char *config = big_config();
	json_t *lines;
	size_t full;
	int fd, other;

	start(config);
	lines = ask("tiers\n");
	CHECK_INT(
	    json_array_size(json_object_get(rig_first(lines, true), "rows")),
	    1000);
	json_decref(lines);
	fd = dial();
	put(fd, "tiers\n");
	get(fd, &g, 0);
	full = g.len;
	CHECK(full > 400000, "only %zu bytes", full);
	close(fd);
	/* A slow one holds nobody up, and is given up at the deadline. */
	fd = dial();
	put(fd, "tiers\n");
	settle();
	other = dial();
	put(other, "status\n");
	json_decref(finish(other));
	pass(CTL_DEADLINE_US + 1);
	g.len = 0;
	g.end = false;
	get(fd, &g, 0);
	CHECK(g.len < full, "all of it got through");
	close(fd);
	free(g.data);
	free(config);
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

	start(CONFIG);
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
	static const char *const verbs[] = {
	    "status", "show", "why", "route", "events", "pin", "drain", ""};
	uint64_t seed = 42;
	char line[300];
	size_t len, i;
	json_t *lines;
	int n, fd;

	start(CONFIG);
	for (n = 0; n < 400; n++) {
		len = (size_t)snprintf(line, sizeof(line), "%s ", verbs[n % 8]);
		for (i = 0; i < (size_t)(n % 60); i++) {
			seed =
			    seed * 6364136223846793005u + 1442695040888963407u;
			line[len++] = (char)(seed >> 56);
		}
		line[len++] = '\n';
		fd = dial();
		CHECK_INT(send(fd, line, len, MSG_NOSIGNAL), len);
		lines = finish(fd);
		CHECK(json_array_size(lines) >= 1, "line %d: no answer", n);
		json_decref(lines);
	}
	alive();
	stop();
}

/* The end, with peers in every state. */
static void
stops(void)
{
	char *config = big_config();
	int fds[4], i;

	start(config);
	for (i = 0; i < 4; i++)
		fds[i] = dial();
	put(fds[1], "tiers\n");
	put(fds[2], "events -f\n");
	put(fds[3], "status\n");
	settle();
	stop();
	ctl_stop(NULL);
	for (i = 0; i < 4; i++)
		close(fds[i]);
	free(config);
}

static const struct unit_case cases[] = {
    {"strangers give no orders", strangers},
    {"lines in pieces", pieces},
    {"giant lines", giant_lines},
    {"half lines", half_lines},
    {"1,000 idle peers", idle_peers},
    {"a slow reader", slow_reader},
    {"smuggled descriptors", smuggled},
    {"rubbish", rubbish},
    {"stop", stops},
};

UNIT_MAIN("ctl", cases)
