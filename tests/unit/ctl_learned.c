/* What was learned, as the control process tells it out of the slabs. */
#include "cagentd/control/ctl_learned.h"

#include <stdio.h>
#include <string.h>

#include "base/mono.h"
#include "shm/learned.h"
#include "tests/unit/ctl_rig.h"

#define SECOND 1000000ll

#define CONFIG                                        \
	RIG_HEAD                                      \
	"[direct]\n"                                  \
	"network = 10.0.0.0/8\n"                      \
	"learn = 172.16.0.0/12\nlearn = fd00::/8\n"   \
	"learn-age = 100s\n"                          \
	"[intermediary \"a\"]\n"                      \
	"type = socks5\naddress = 192.0.2.2:1080\n"   \
	"[rule \"no-mail\"]\nport = 25\nvia = deny\n" \
	"[rule \"one\"]\nport = 26\nvia = tier 1\n"

/* A worker knew it so many seconds ago, and used it so many ago. */
static void
know(int worker, const char *key, enum learned_state state, int since, int used)
{
	int64_t now = mono_us();
	struct learned_fact f = {.state = state,
	    .scope = rig_control.settings->direct_learn_scope,
	    .since_us = now - since * SECOND,
	    .used_us = now - used * SECOND,
	    .failures = state == LEARNED_FAILED};

	snprintf(f.key, sizeof(f.key), "%s", key);
	CHECK(learned_put(&rig_slabs[worker]->learned, &f, 0), "no room");
}

static const json_t *
destination(const json_t *answer, const char *name)
{
	const json_t *list = json_object_get(answer, "destinations"), *o;
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		o = json_array_get(list, i);
		if (strcmp(rig_str(o, "destination"), name) == 0)
			return o;
	}
	return NULL;
}

/* That many seconds before the answer, give or take the test's own time. */
static void
check_ago(const json_t *answer, const json_t *o, const char *key, int seconds)
{
	long long got = rig_int(answer, "now_us") - rig_int(o, key);

	CHECK(got > (seconds - 1) * SECOND && got < (seconds + 30) * SECOND,
	    "%s: %lld us ago, not %d s", key, got, seconds);
}

static void
lists(void)
{
	const json_t *a, *o;
	json_t *lines;

	rig_open(CONFIG);
	know(0, "172.16.0.1:443", LEARNED_DIRECT, 1000, 40);
	know(1, "172.16.0.1:443", LEARNED_DIRECT, 2000, 60);
	know(0, "half.example:80", LEARNED_FAILED, 10, 10);
	know(1, "half.example:80", LEARNED_DIRECT, 30, 20);
	know(1, "[fd00::1]:22", LEARNED_FAILED, 10, 10);
	know(0, "out.example:80", LEARNED_OUTSIDE, 10, 10);
	know(0, "old.example:80", LEARNED_DIRECT, 5000, 101);
	know(0, "again.example:80", LEARNED_FAILED, 601, 601);
	rig_slabs[0]->learned.tried = 5;
	rig_slabs[1]->learned.tried = 6;
	rig_slabs[0]->learned.found = 4;
	rig_slabs[1]->learned.used = 3;
	rig_slabs[1]->learned.forgotten = UINT64_MAX;
	lines = rig_answer("learned", false);
	a = rig_first(lines, true);
	CHECK_INT(rig_int(a, "workers"), 2);
	CHECK_INT(rig_int(a, "tried"), 11);
	CHECK_INT(rig_int(a, "found"), 4);
	CHECK_INT(rig_int(a, "used"), 3);
	CHECK_INT(rig_int(a, "forgotten"), 1ll << 48);
	CHECK_INT(rig_int(a, "left_out"), 0);
	CHECK_INT(rig_int(a, "age_us"), 100 * SECOND);
	CHECK_STR(
	    json_string_value(json_array_get(json_object_get(a, "learn"), 1)),
	    "fd00::/8");
	CHECK_INT(json_array_size(json_object_get(a, "destinations")), 3);
	o = destination(a, "172.16.0.1:443");
	CHECK_STR(rig_str(o, "state"), "direct");
	CHECK_INT(rig_int(o, "workers"), 2);
	check_ago(a, o, "since_us", 2000);
	check_ago(a, o, "used_us", 40);
	check_ago(a, o, "until_us", -60);
	/* What it is for one is not made less by the other. */
	o = destination(a, "half.example:80");
	CHECK_STR(rig_str(o, "state"), "direct");
	CHECK_INT(rig_int(o, "workers"), 1);
	check_ago(a, o, "since_us", 30);
	o = destination(a, "[fd00::1]:22");
	CHECK_STR(rig_str(o, "state"), "failed");
	CHECK_INT(rig_int(o, "workers"), 1);
	CHECK_INT(rig_int(o, "failures"), 1);
	CHECK_INT(rig_int(o, "used_us"), 0);
	check_ago(a, o, "until_us", 10 - 600);
	json_decref(lines);
	rig_close();
}

/* As much as two workers can have learned. */
static void
lists_them_all(void)
{
	char key[32];
	json_t *lines;
	int i;

	rig_open(CONFIG);
	for (i = 0; i < 10000; i++) {
		snprintf(key, sizeof(key), "172.%d.%d.%d:443", 16 + i % 2,
		    i / 256, i % 256);
		know(i % 2, key, LEARNED_DIRECT, 1, 1);
	}
	lines = rig_answer("learned", false);
	i = (int)json_array_size(
	    json_object_get(rig_first(lines, true), "destinations"));
	CHECK(i > LEARNED_ENTRIES && i <= 2 * LEARNED_ENTRIES, "%d of them", i);
	json_decref(lines);
	rig_close();
}

static void
survives_a_hostile_slab(void)
{
	unsigned char *at;
	json_t *lines;
	size_t i;

	rig_open(CONFIG);
	at = (unsigned char *)&rig_slabs[1]->learned;
	know(0, "172.16.0.1:443", LEARNED_DIRECT, 10, 10);
	for (i = 0; i < sizeof(rig_slabs[1]->learned); i++)
		at[i] = (unsigned char)(i * 2654435761u >> 13);
	lines = rig_answer("learned", false);
	CHECK(destination(rig_first(lines, true), "172.16.0.1:443") != NULL,
	    "lost");
	json_decref(lines);
	lines = rig_answer("route 172.16.0.1 443", false);
	CHECK_STR(rig_str(rig_first(lines, true), "pick"), "direct");
	json_decref(lines);
	rig_close();
}

/* The first step of the way to a destination. */
static void
check_route(const char *line, const char *pick, const char *step, int workers)
{
	json_t *lines = rig_answer(line, false);
	const json_t *a = rig_first(lines, true);
	const json_t *learned = json_object_get(a, "learned");

	CHECK(rig_str(a, "pick") == NULL
		  ? pick == NULL
		  : pick != NULL && strcmp(rig_str(a, "pick"), pick) == 0,
	    "%s: pick %s", line, rig_str(a, "pick"));
	CHECK_STR(
	    json_string_value(json_array_get(json_object_get(a, "order"), 0)),
	    step);
	CHECK(json_is_true(json_object_get(a, "direct_first")) ==
		  (pick != NULL && strcmp(pick, "direct") == 0),
	    "%s: direct_first", line);
	CHECK(json_is_null(learned) == (workers == 0), "%s: learned", line);
	if (workers != 0) {
		CHECK_INT(rig_int(learned, "workers"), workers);
		CHECK_INT(rig_int(learned, "of"), 2);
	}
	json_decref(lines);
}

static void
routes(void)
{
	struct settings *s;

	rig_open(CONFIG);
	know(0, "172.16.0.1:443", LEARNED_DIRECT, 300, 40);
	know(1, "172.16.0.1:443", LEARNED_DIRECT, 60, 40);
	know(1, "172.16.0.2:443", LEARNED_DIRECT, 10, 5);
	know(1, "172.16.0.3:443", LEARNED_DIRECT, 1000, 101);
	know(1, "172.16.0.4:443", LEARNED_FAILED, 1, 1);
	know(1, "172.16.0.1:25", LEARNED_DIRECT, 10, 5);
	know(1, "172.16.0.1:26", LEARNED_DIRECT, 10, 5);
	know(1, "10.0.0.1:443", LEARNED_DIRECT, 10, 5);
	check_route("route 172.16.0.1 443", "direct",
	    "direct: learned as direct 5 min ago (2 of 2 workers)", 2);
	check_route("route 172.16.0.2 443", "direct",
	    "direct: learned as direct 10 s ago (1 of 2 workers)", 1);
	check_route("route 172.16.0.3 443", "a", "tier 1: a", 0);
	check_route("route 172.16.0.4 443", "a", "tier 1: a", 0);
	/* Rules and lists come first. */
	check_route("route 172.16.0.1 25", NULL,
	    "refused: rule 1 \"no-mail\" denies it", 0);
	check_route("route 172.16.0.1 26", "a", "tier 1: a", 0);
	check_route("route 10.0.0.1 443", "direct",
	    "direct: the destination is listed in [direct]", 0);
	s = rig_control.settings;
	rig_control.settings =
	    rig_settings(RIG_HEAD "[direct]\nlearn = 172.16.0.0/16\n"
				  "[intermediary \"a\"]\ntype = socks5\n"
				  "address = 192.0.2.2:1080\n");
	check_route("route 172.16.0.1 443", "a", "tier 1: a", 0);
	settings_unref(s);
	rig_close();
}

static void
takes_no_arguments(void)
{
	rig_open(CONFIG);
	rig_refused("learned x", true, "usage");
	rig_close();
}

static const struct unit_case cases[] = {
    {"lists what the workers know", lists},
    {"lists them all", lists_them_all},
    {"a hostile slab", survives_a_hostile_slab},
    {"route tells what was learned", routes},
    {"takes no arguments", takes_no_arguments},
};

UNIT_MAIN("ctl_learned", cases)
