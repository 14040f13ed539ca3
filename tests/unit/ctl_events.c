/* Events on the control socket, and those who follow them. */
#include "cagentd/control/ctl.h"

#include "tests/unit/ctl_socket.h"

static void
note(const char *text)
{
	events_add(&rig_control.events, EVENT_NOTE, "", "%s", text);
}

static void
events(void)
{
	json_t *lines;
	const json_t *o;
	int i;

	start(CONFIG);
	lines = ask("events\n");
	o = rig_first(lines, true);
	CHECK_INT(rig_int(o, "oldest_id"), 1);
	CHECK_INT(rig_int(o, "last_id"), 0);
	CHECK_INT(json_array_size(lines), 1);
	json_decref(lines);
	note("not \xff UTF-8, \"quoted\", \x01");
	lines = ask("events\n");
	CHECK_STR(rig_str(json_array_get(lines, 1), "text"),
	    "not ? UTF-8, \"quoted\", \x01");
	CHECK_STR(rig_str(json_array_get(lines, 1), "kind"), "note");
	CHECK_STR(rig_str(json_array_get(lines, 1), "code"), "");
	json_decref(lines);
	for (i = 2; i <= EVENTS_MAX + 10; i++)
		note("x");
	lines = ask("events\n");
	o = rig_first(lines, true);
	CHECK_INT(rig_int(o, "oldest_id"), 11);
	CHECK_INT(json_array_size(lines), 101);
	CHECK_INT(rig_int(json_array_get(lines, 1), "id"), EVENTS_MAX - 89);
	CHECK_INT(rig_int(json_array_get(lines, 100), "id"), EVENTS_MAX + 10);
	json_decref(lines);
	lines = ask("events 100000\n");
	CHECK_INT(json_array_size(lines), EVENTS_MAX + 1);
	CHECK_INT(rig_int(json_array_get(lines, 1), "id"), 11);
	json_decref(lines);
	lines = ask("events 0\n");
	CHECK_INT(json_array_size(lines), 1);
	json_decref(lines);
	stop();
}

static void
following(void)
{
	struct got g = {0};
	json_t *lines;
	int fd;

	start(CONFIG);
	note("one");
	note("two");
	fd = dial();
	put(fd, "events -f 1\n");
	get(fd, &g, 2);
	pass(CTL_DEADLINE_US * 10); /* followers have none */
	note("three");
	get(fd, &g, 3);
	/* Its own side closed, it still hears. */
	CHECK_INT(shutdown(fd, SHUT_WR), 0);
	settle();
	note("four");
	json_decref(ask("drain hq-1\n"));
	get(fd, &g, 5);
	CHECK(!g.end, "cut off");
	lines = rig_parse(g.data, g.len);
	CHECK_INT(json_array_size(lines), 5);
	CHECK_STR(rig_str(json_array_get(lines, 1), "text"), "two");
	CHECK_STR(rig_str(json_array_get(lines, 2), "text"), "three");
	CHECK_STR(rig_str(json_array_get(lines, 3), "text"), "four");
	CHECK_STR(rig_str(json_array_get(lines, 4), "name"), "hq-1");
	CHECK_STR(rig_str(json_array_get(lines, 4), "code"), "drained");
	CHECK_INT(rig_int(json_array_get(lines, 4), "id"), 4 + 1);
	json_decref(lines);
	free(g.data);
	close(fd);
	stop();
}

/* Places of followers that went away, in whatever manner, come back. */
static void
followers_leave(void)
{
	int fds[CTL_FOLLOW_MAX], i;

	start(CONFIG);
	for (i = 0; i < CTL_FOLLOW_MAX; i++) {
		fds[i] = dial();
		put(fds[i], "events -f\n");
	}
	settle();
	/* There is always room for questions. */
	expect_code(ask("events -f\n"), "internal");
	alive();
	for (i = 0; i < CTL_FOLLOW_MAX; i++) {
		if (i % 3 == 0)
			CHECK_INT(shutdown(fds[i], SHUT_WR), 0);
		if (i % 3 == 1)
			put(fds[i], "chatter\n"); /* closes it */
		settle();
		if (i % 3 != 1)
			close(fds[i]);
	}
	settle();
	for (i = 1; i < CTL_FOLLOW_MAX; i += 3)
		json_decref(finish(fds[i]));
	for (i = 0; i < CTL_FOLLOW_MAX; i++) {
		fds[i] = dial();
		put(fds[i], "events -f\n");
	}
	settle();
	note("news");
	for (i = 0; i < CTL_FOLLOW_MAX; i++) {
		struct got g = {0};

		get(fds[i], &g, 2);
		CHECK(!g.end, "follower %d was turned away", i);
		free(g.data);
		close(fds[i]);
	}
	stop();
}

static void
overflow(void)
{
	struct got reads = {0}, lazy = {0};
	int fd, idle, i;

	start(CONFIG);
	fd = dial();
	idle = dial();
	put(fd, "events -f\n");
	put(idle, "events -f\n");
	settle();
	get(fd, &reads, 1);
	for (i = 0; i < 5000; i++) {
		note("a text of some length, so that the buffers fill up");
		if (i % 100 == 99)
			get(fd, &reads, (size_t)i + 2);
	}
	CHECK(!reads.end, "the one that reads was cut off");
	get(idle, &lazy, 0);
	CHECK(lazy.end && lazy.len < reads.len, "%zu of %zu bytes", lazy.len,
	    reads.len);
	/* Up to there it missed nothing. */
	CHECK(lazy.len > 50000 && memcmp(lazy.data, reads.data, lazy.len) == 0,
	    "something else: %zu bytes, %.300s", lazy.len, lazy.data);
	free(lazy.data);
	free(reads.data);
	close(fd);
	close(idle);
	alive();
	stop();
}

/* A burst at one go, with no turn of the loop to send it. */
static void
burst(void)
{
	struct got g = {0};
	int fd, i;

	start(CONFIG);
	fd = dial();
	put(fd, "events -f 0\n");
	get(fd, &g, 1);
	for (i = 0; i < CTL_FOLLOW_QUEUE; i++)
		note("x");
	get(fd, &g, CTL_FOLLOW_QUEUE + 1);
	CHECK(!g.end, "cut off within the limit");
	for (i = 0; i < CTL_FOLLOW_QUEUE + 2; i++)
		note("x");
	get(fd, &g, 0);
	CHECK(g.end, "not cut off beyond the limit");
	free(g.data);
	close(fd);
	stop();
}

static const struct unit_case cases[] = {
    {"events", events},
    {"following", following},
    {"followers leave", followers_leave},
    {"a follower that does not read", overflow},
    {"a burst of events", burst},
};

UNIT_MAIN("ctl_events", cases)
