/* Whose failure a failed probe is. */
#include "policyd/prober/prober_blame.h"

#include <string.h>

#include "tests/unit/unit.h"

#define S   1000000ll
#define NOW (1000 * S)

static struct prober_blame blame;

static void
begin(uint32_t targets)
{
	memset(&blame, 0, sizeof(blame));
	blame.targets_n = targets;
	blame.window_us = 30 * S;
}

static bool
blames(uint64_t who, uint32_t target, uint32_t of_n, enum wire_reason reason)
{
	const struct prober_failure f = {.target = target,
	    .who = who,
	    .of_n = of_n,
	    .reason = reason,
	    .phase = PROBE_SHAKING};

	return prober_blame_target(&blame, &f, NOW);
}

static void
another_ones_answer_tells(void)
{
	begin(1);
	CHECK(blames(1, 0, 3, REASON_REFUSED), "nobody has seen it");
	prober_blame_passed(&blame, 0, 1, NOW - S);
	CHECK(blames(1, 0, 3, REASON_REFUSED), "its own answer is old");
	CHECK(!blames(2, 0, 3, REASON_REFUSED), "1 has");
	prober_blame_passed(&blame, 0, 2, NOW - S);
	CHECK(!blames(1, 0, 3, REASON_REFUSED), "2 has");
	CHECK(!blames(2, 0, 3, REASON_REFUSED), "1 has, before 2");
	prober_blame_passed(&blame, 0, 2, NOW);
	CHECK(!blames(2, 0, 3, REASON_REFUSED), "1 has, a while ago");
}

static void
but_not_for_ever(void)
{
	begin(1);
	prober_blame_passed(&blame, 0, 1, NOW - 30 * S);
	CHECK(!blames(2, 0, 3, REASON_HOP_MUTE), "within the window");
	begin(1);
	prober_blame_passed(&blame, 0, 1, NOW - 31 * S);
	CHECK(blames(2, 0, 3, REASON_HOP_MUTE), "long ago");
}

/* All fail on one target and not on others. */
static void
of_several_targets(void)
{
	begin(3);
	CHECK(!blames(1, 0, 3, REASON_HOP_FAILED), "no target answers");
	prober_blame_passed(&blame, 1, 1, NOW - S);
	CHECK(blames(1, 0, 3, REASON_HOP_FAILED), "another target does");
	CHECK(blames(2, 0, 3, REASON_HOP_FAILED), "another target does");
	CHECK(!blames(2, 1, 3, REASON_HOP_FAILED), "that one does");
	prober_blame_passed(&blame, 0, 3, NOW - S);
	CHECK(!blames(1, 0, 3, REASON_HOP_FAILED), "it does through 3");
}

static void
alone_it_is_its_own(void)
{
	begin(1);
	CHECK(!blames(1, 0, 1, REASON_HOP_MUTE), "nobody else to tell");
	begin(2);
	CHECK(!blames(1, 0, 1, REASON_HOP_MUTE), "fails everywhere");
	prober_blame_passed(&blame, 1, 1, NOW - S);
	CHECK(blames(1, 0, 1, REASON_HOP_MUTE), "reaches the other target");
}

static void
before_it_is_asked_it_is_its_own(void)
{
	static const enum wire_reason own[] = {REASON_HOP_REFUSED,
	    REASON_HOP_UNREACHABLE, REASON_HOP_TIMEOUT, REASON_HOP_CLOSED,
	    REASON_HOP_BAD, REASON_HOP_AUTH};
	static const enum wire_reason may[] = {REASON_REFUSED,
	    REASON_HOST_UNREACHABLE, REASON_NET_UNREACHABLE, REASON_TIMEOUT,
	    REASON_HOP_DENIED, REASON_HOP_UNSUPPORTED, REASON_HOP_FAILED,
	    REASON_HOP_SILENT, REASON_HOP_HUNG_UP, REASON_HOP_MUTE};
	struct prober_failure f = {.who = 1,
	    .of_n = 3,
	    .reason = REASON_HOP_BAD,
	    .phase = PROBE_READING};
	size_t i;

	begin(1);
	for (i = 0; i < sizeof(own) / sizeof(*own); i++)
		CHECK(!blames(1, 0, 3, own[i]), "%s blames the target",
		    wire_reason_word(own[i]));
	for (i = 0; i < sizeof(may) / sizeof(*may); i++)
		CHECK(blames(1, 0, 3, may[i]), "%s does not",
		    wire_reason_word(may[i]));
	CHECK(prober_blame_target(&blame, &f, NOW), "not an answer");
}

static const struct unit_case cases[] = {
    {"another one's answer tells", another_ones_answer_tells},
    {"but not for ever", but_not_for_ever},
    {"of several targets", of_several_targets},
    {"alone it is its own", alone_it_is_its_own},
    {"before it is asked it is its own", before_it_is_asked_it_is_its_own},
};

UNIT_MAIN("prober_blame", cases)
