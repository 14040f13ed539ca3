/* Paths that stand and then stay silent. */
#include <string.h>

#include "tests/unit/session_rig.h"
#include "tests/unit/unit.h"

#define HEDGED "[agent]\nhedge-percent = 5\n"

static const char get[] = "GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n";
#define GET_LEN (sizeof(get) - 1)
#define ROWS	7

/* These, in this order, each expected to bring a first byte within the least
 * time that there is. */
static struct rig *
rig_of(const enum fake_script scripts[3], const char *conf)
{
	struct rig *rig = rig_new();
	int i;

	for (i = 0; i < 3; i++) {
		add(rig, scripts[i]);
		rig->agent->table.rows[i].first_byte_p95_us = 1000;
	}
	path_index_build(&rig->agent->index, &rig->agent->table);
	configure(rig, conf);
	return rig;
}

static uint64_t
mutes(const struct rig *rig, int i)
{
	return AGENT_GET(&rig->agent->slab.rows[i].failures[REASON_HOP_MUTE]);
}

/* The next one gets the flight, and with its answer the silence is known to
 * have been the intermediary's. */
static void
replays_what_is_safe(void)
{
	static const struct {
		const char *text;
		size_t len;
	} flights[] = {{get, GET_LEN}, {hello, HELLO_LEN}};
	struct rig *rig;
	size_t i;
	int fd;

	for (i = 0; i < 2; i++) {
		rig = rig_of(
		    (enum fake_script[]){FAKE_MUTE, FAKE_ECHO, FAKE_ECHO},
		    HEDGED);
		fd = open_tunnel(rig, 0);
		say(fd, flights[i].text, flights[i].len);
		expect(rig, fd, flights[i].text, flights[i].len);
		CHECK_INT(rig->fakes[0]->got_len, flights[i].len);
		AGENT_CHECK(rig->agent, 0, 1, 0, 1, 0);
		AGENT_CHECK(rig->agent, 1, 1, 1, 0, 1);
		CHECK_INT(mutes(rig, 0), 1);
		say(fd, LIT("more"));
		expect(rig, fd, "more", 4);
		rig_free(rig);
	}
}

/* Twice would be a guess about the destination. */
static void
replays_once(void)
{
	struct rig *rig = rig_of(
	    (enum fake_script[]){FAKE_MUTE, FAKE_MUTE, FAKE_ECHO}, HEDGED);
	int64_t end_us;
	int fd = open_tunnel(rig, 0);

	say(fd, get, GET_LEN);
	RIG_UNTIL(rig->agent->loop, rig->fakes[1]->got_len == GET_LEN);
	end_us = mono_us() + 3 * PATH_STALL_MIN_US / 2;
	while (mono_us() < end_us)
		loop_turn(rig->agent->loop, 10000);
	CHECK_INT(rig->fakes[2]->accepted, 0);
	/* It comes at last, by the second. */
	fake_say(LIST_FIRST(&rig->fakes[1]->conns), "late", 4);
	expect(rig, fd, "late", 4);
	AGENT_CHECK(rig->agent, 0, 1, 0, 1, 0);
	AGENT_CHECK(rig->agent, 1, 1, 1, 0, 1);
	rig_free(rig);
}

/* A rule knows better than the first bytes; without budget nothing is, unless
 * the intermediary has failed others. */
static void
follows_the_rules(void)
{
	static const char post[] =
	    "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n";
	static const struct {
		const char *conf, *flight;
		bool replayed, empty, failed;
	} rows[] = {
	    {HEDGED, post, false, false, false},
	    {HEDGED "[rule \"r\"]\nport = 443\nreplay = always\n", post, true,
		false, false},
	    {HEDGED "[rule \"r\"]\nport = 443\nreplay = safe\n", post, false,
		false, false},
	    {HEDGED "[rule \"r\"]\nport = 443\nreplay = never\n", get, false,
		false, false},
	    {HEDGED, get, false, true, false},
	    {HEDGED, get, true, true, true},
	    {"", get, false, true, true},
	};
	struct rig *rig[ROWS];
	int64_t end_us;
	int fd[ROWS], i;

	for (i = 0; i < ROWS; i++) {
		rig[i] = rig_of(
		    (enum fake_script[]){FAKE_MUTE, FAKE_ECHO, FAKE_ECHO},
		    rows[i].conf);
		if (rows[i].empty)
			rig[i]->agent->budget.saved = 0;
		fd[i] = open_tunnel(rig[i], 0);
		rig[i]->agent->loads[0].failures = rows[i].failed;
		say(fd[i], rows[i].flight, strlen(rows[i].flight));
	}
	end_us = mono_us() + 3 * PATH_STALL_MIN_US / 2;
	while (mono_us() < end_us) {
		for (i = 0; i < ROWS; i++)
			loop_turn(rig[i]->agent->loop, 1000);
	}
	for (i = 0; i < ROWS; i++) {
		CHECK(rig[i]->fakes[1]->accepted == rows[i].replayed,
		    "row %d: %d", i, rig[i]->fakes[1]->accepted);
		if (rows[i].replayed)
			expect(rig[i], fd[i], rows[i].flight,
			    strlen(rows[i].flight));
	}
	for (i = ROWS - 1; i >= 0; i--)
		rig_free(rig[i]);
}

/* The client waits for the destination's word, and gets it another way: that
 * was to be said by the first as well. */
static void
replaces_a_path_that_should_speak_first(void)
{
	struct rig *rig = rig_of(
	    (enum fake_script[]){FAKE_MUTE, FAKE_BANNER, FAKE_ECHO}, HEDGED);
	int fd = open_tunnel(rig, 0);

	expect(rig, fd, "hello", 5);
	AGENT_CHECK(rig->agent, 0, 1, 0, 1, 0);
	AGENT_CHECK(rig->agent, 1, 1, 1, 0, 1);
	rig_free(rig);
}

/* It was the client that took its time: nobody is to blame. */
static void
blames_nobody_for_a_client_that_waits(void)
{
	struct rig *rig = rig_of(
	    (enum fake_script[]){FAKE_MUTE, FAKE_ECHO, FAKE_ECHO}, HEDGED);
	int fd = open_tunnel(rig, 0);

	RIG_UNTIL(rig->agent->loop, rig->fakes[1]->requests == 1);
	rig_settle(rig->agent->loop);
	say(fd, get, GET_LEN);
	expect(rig, fd, get, GET_LEN);
	AGENT_CHECK(rig->agent, 0, 1, 0, 0, 0);
	AGENT_CHECK(rig->agent, 1, 1, 1, 0, 1);
	CHECK_INT(mutes(rig, 0), 1);
	rig_free(rig);
}

/* What is slow is not given up for what then is not tried: the client would
 * lose what may yet answer. */
static void
keeps_what_nothing_can_replace(void)
{
	struct rig *rig =
	    rig_of((enum fake_script[]){FAKE_CLOSED, FAKE_CLOSED, FAKE_MUTE},
		HEDGED "attempts-each = 1\n");
	int fd = open_tunnel(rig, 0);
	int64_t end_us;

	say(fd, get, GET_LEN);
	end_us = mono_us() + 3 * PATH_STALL_MIN_US / 2;
	while (mono_us() < end_us)
		loop_turn(rig->agent->loop, 10000);
	CHECK(!LIST_EMPTY(&rig->fakes[2]->conns), "given up");
	if (!LIST_EMPTY(&rig->fakes[2]->conns)) {
		fake_say(LIST_FIRST(&rig->fakes[2]->conns), "late", 4);
		expect(rig, fd, "late", 4);
	}
	rig_free(rig);
}

/* How long it took to stand, and how long the client then waited, has nothing
 * to do with it. */
static void
replays_after_the_deadline_of_the_dial(void)
{
	struct rig *rig =
	    rig_of((enum fake_script[]){FAKE_MUTE, FAKE_ECHO, FAKE_ECHO},
		HEDGED "dial-timeout = 500ms\n");
	int fd = open_tunnel(rig, 0);

	say(fd, get, GET_LEN);
	expect(rig, fd, get, GET_LEN);
	AGENT_CHECK(rig->agent, 0, 1, 0, 1, 0);
	rig_free(rig);
}

/* Clients that open tunnels and wait, however many, leave what others need
 * for their requests. */
static void
keeps_replays_for_those_who_asked(void)
{
	struct rig *rig = rig_of(
	    (enum fake_script[]){FAKE_MUTE, FAKE_ECHO, FAKE_ECHO}, HEDGED);
	int64_t end_us;
	int fd, i;

	for (i = 0; i < 2 * (BUDGET_HEDGES + BUDGET_REPLAYS); i++)
		open_tunnel(rig, 0);
	end_us = mono_us() + 3 * PATH_STALL_MIN_US / 2;
	while (mono_us() < end_us)
		loop_turn(rig->agent->loop, 10000);
	CHECK(rig->fakes[1]->accepted >= BUDGET_HEDGES, "none was replaced");
	fd = open_tunnel(rig, 0);
	say(fd, get, GET_LEN);
	end_us = mono_us() + 3 * PATH_STALL_MIN_US / 2;
	while (mono_us() < end_us && rig->fakes[1]->got_len == 0)
		loop_turn(rig->agent->loop, 10000);
	expect(rig, fd, get, GET_LEN);
	rig_free(rig);
}

static const struct unit_case cases[] = {
    {"replays what is safe", replays_what_is_safe},
    {"replays once", replays_once},
    {"follows the rules", follows_the_rules},
    {"replaces a path that should speak first",
	replaces_a_path_that_should_speak_first},
    {"blames nobody for a client that waits",
	blames_nobody_for_a_client_that_waits},
    {"keeps what nothing can replace", keeps_what_nothing_can_replace},
    {"keeps replays for those who asked", keeps_replays_for_those_who_asked},
    {"replays after the deadline of the dial",
	replays_after_the_deadline_of_the_dial},
};

UNIT_MAIN("session_stall", cases)
