/* Where intermediaries are put: falls, rises, overrides, and what never moves;
 * minutes of looks, with the clock passed in. */
#include "policyd/decide/order.h"

#include "tests/unit/order_rig.h"

#define AT(i, t, w, d, y) at(i, t, w, d, y, __LINE__)

static void
at(uint32_t i, uint16_t tier, uint32_t weight, bool drain, enum order_why why,
    int line)
{
	const struct order_state *s = &rig.states[i];

	CHECK(s->tier == tier && s->weight == weight && s->drain == drain &&
		  s->why == why,
	    "line %d: %s in tier %u, weight %u, drain %d, %s: %s", line,
	    s->name, s->tier, s->weight, s->drain, order_why_word(s->why),
	    s->reason);
}

static void
stays_as_the_policy_says(void)
{
	rig_begin(3);
	rig.members[2].tier = 2;
	CHECK_INT(rig_change_within(300), -1);
	AT(0, 1, 100, false, ORDER_POLICY);
	AT(2, 2, 100, false, ORDER_POLICY);
	CHECK_STR(rig.states[0].reason, "as the policy says");
	CHECK(rig.next_us == INT64_MAX, "wants to be woken for nothing");
}

static void
slow_falls_and_rises(void)
{
	rig_begin(3);
	rig_reports(0, 1000, 100);
	rig_reports(1, 1000, 100);
	rig_reports(2, 1000, 201);
	CHECK(!rig_look(), "too soon");
	CHECK_INT(rig.next_us - rig.now_us, 30 * S);
	CHECK_INT(rig_change_within(100), 30);
	AT(2, 2, 100, false, ORDER_SLOW);
	CHECK_STR(rig.states[2].reason, "handshake 201 ms, others' 100 ms");
	rig_reports(2, 1000, 151); /* under the bar, but not well under it */
	CHECK_INT(rig_change_within(1000), -1);
	rig_reports(2, 1000, 150);
	CHECK_INT(rig_change_within(100), 60);
	AT(2, 1, 100, false, ORDER_POLICY);
	CHECK_STR(rig.states[2].reason, "is well again");
}

static void
little_is_not_slow(void)
{
	rig_begin(3);
	rig_reports(0, 1000, 5);
	rig_reports(1, 1000, 5);
	rig_reports(2, 1000, 55); /* eleven times, but by 50 ms */
	CHECK_INT(rig_change_within(300), -1);
	rig_reports(2, 1000, 56);
	CHECK_INT(rig_change_within(300), 30);
	rig_begin(3);
	rig_reports(0, 1000, 400);
	rig_reports(1, 1000, 400);
	rig_reports(2, 1000, 800); /* by much, but not more than twice */
	CHECK_INT(rig_change_within(300), -1);
}

/* Agents and probes look from different places. */
static void
like_with_like(void)
{
	rig_begin(3);
	rig_reports(0, 1000, 300);
	CHECK_INT(rig_change_within(300), -1); /* the others: 20 by probes */
	rig_probes(0, 1000, 500);
	CHECK_INT(rig_change_within(300), 30); /* nothing else to go by */
	rig_begin(3);
	rig_reports(0, 1000, 100);
	rig_reports(1, 1000, 100);
	rig_probes(0, 1000, 500); /* but agents say it is not slow */
	CHECK_INT(rig_change_within(300), -1);
	rig_begin(1); /* nobody to compare with */
	rig_reports(0, 1000, 5000);
	CHECK_INT(rig_change_within(300), -1);
}

/* That a better tier is faster is why it is better. */
static void
tiers_are_their_own(void)
{
	rig_begin(4);
	rig.members[2].tier = rig.members[3].tier = 2;
	rig_probes(2, 1000, 300);
	rig_probes(3, 1000, 300);
	CHECK_INT(rig_change_within(300), -1);
	rig_probes(0, 1000, 900); /* against s1, as it is */
	CHECK_INT(rig_change_within(300), 30);
	AT(0, 2, 100, false, ORDER_SLOW);
	rig_begin(3); /* one alone: against what would come instead */
	rig.members[1].tier = rig.members[2].tier = 2;
	rig_probes(0, 1000, 400);
	CHECK_INT(rig_change_within(300), 30);
	AT(0, 2, 100, false, ORDER_SLOW);
}

static void
failing_falls_and_rises(void)
{
	rig_begin(3);
	rig_reports(1, 799, 0);
	CHECK_INT(rig_change_within(100), 30);
	AT(1, 2, 100, false, ORDER_FAILING);
	CHECK_STR(
	    rig.states[1].reason, "79 % of requests succeed, as 3 agents say");
	rig_reports(1, 899, 0);
	CHECK_INT(rig_change_within(1000), -1);
	rig_reports(1, 900, 0);
	CHECK_INT(rig_change_within(100), 60);
	AT(1, 1, 100, false, ORDER_POLICY);
	rig_begin(3);
	rig_probes(1, 600, 20);
	CHECK_INT(rig_change_within(100), 30);
	AT(1, 2, 100, false, ORDER_FAILING);
	CHECK_STR(rig.states[1].reason, "60 % of probes succeed");
}

/* However bad agents call it, what answers probes is lowered once, and not
 * drained. */
static void
probes_outrank(void)
{
	rig_begin(3);
	rig_reports(1, 0, 5000);
	CHECK_INT(rig_change_within(100), 30);
	AT(1, 2, 100, false, ORDER_FAILING);
	CHECK_INT(rig_change_within(2000), -1);
	rig_begin(3);
	rig_reports(0, 1000, 1);
	rig_reports(1, 1000, 1);
	rig_reports(2, 1000, 1);
	rig.members[1].estimate.dead = true;
	CHECK_INT(rig_change_within(10), 0);
	AT(1, 1, 100, true, ORDER_DEAD);
	CHECK_STR(rig.states[1].reason, "answers no probe");
	CHECK_INT(rig_change_within(2000), -1);
	rig.members[1].estimate.dead = false;
	CHECK_INT(rig_change_within(10), 0);
	AT(1, 1, 100, false, ORDER_POLICY);
	CHECK_STR(rig.states[1].reason, "answers probes again");
}

static void
a_moment_is_nothing(void)
{
	int i;

	rig_begin(3);
	for (i = 0; i < 20; i++) {
		rig_reports(1, 0, 0);
		CHECK_INT(rig_change_within(29), -1);
		rig_reports(1, 1000, 0);
		CHECK_INT(rig_change_within(1), -1);
	}
}

/* Reports come once in a while: what lies between is no news. */
static void
gaps_are_bridged(void)
{
	rig_begin(3);
	rig_reports(1, 0, 0);
	CHECK_INT(rig_change_within(5), -1);
	rig_silent(1);
	CHECK_INT(rig_change_within(55), -1);
	rig_reports(1, 0, 0);
	CHECK_INT(rig_change_within(5), 0);
	AT(1, 2, 100, false, ORDER_FAILING);
	rig_begin(3);
	rig_reports(1, 0, 0);
	CHECK_INT(rig_change_within(5), -1);
	rig_silent(1);
	rig.members[1].estimate.probes.speaks = false;
	CHECK_INT(rig_change_within(150), -1);
	rig_reports(1, 0, 0); /* too long ago: begins anew */
	CHECK_INT(rig_change_within(100), 30);
}

/* One that is lowered gets little traffic: nothing is heard of it. */
static void
silence_tries_again_and_backs_off(void)
{
	static const int waits[] = {60, 120, 240, 480, 600, 600};
	size_t i;

	rig_begin(3);
	rig.members[2].estimate.probes.speaks = false;
	for (i = 0; i < sizeof(waits) / sizeof(*waits); i++) {
		rig_reports(2, 100, 0);
		CHECK_INT(rig_change_within(100), 30);
		AT(2, 2, 100, false, ORDER_FAILING);
		rig_silent(2);
		CHECK_INT(rig_change_within(1000), waits[i]);
		AT(2, 1, 100, false, ORDER_POLICY);
	}
	CHECK_STR(rig.states[2].reason,
	    "was bad; tried again, as nothing was heard of it");
	rig_reports(2, 1000, 0);
	CHECK_INT(rig_change_within(601), -1); /* paid for */
	rig_reports(2, 100, 0);
	CHECK_INT(rig_change_within(100), 30);
	rig_silent(2);
	CHECK_INT(rig_change_within(1000), 60);
}

static void
without_a_worse_tier(void)
{
	rig_begin(3);
	rig.group.tiers_n = 1;
	rig_reports(1, 0, 0);
	CHECK_INT(rig_change_within(100), 30);
	AT(1, 1, 10, false, ORDER_FAILING);
	rig_begin(3);
	rig.group.tiers_n = 1;
	rig.members[1].weight = 3;
	rig_reports(1, 0, 0);
	CHECK_INT(rig_change_within(100), 30);
	AT(1, 1, 1, false, ORDER_FAILING);
}

static void
reserved_stays(void)
{
	rig_begin(4);
	rig.members[2].tier = rig.members[3].tier = 3;
	rig.members[2].reserved = rig.members[3].reserved = true;
	rig_reports(2, 0, 0);
	CHECK_INT(rig_change_within(100), 30);
	AT(2, 3, 10, false, ORDER_FAILING);
	rig.members[3].use = true;
	rig_look();
	AT(3, 3, 100, false, ORDER_USE);
	/* What is lowered goes past the reserved one. */
	rig_begin(4);
	rig.members[0].tier = rig.members[1].tier = 2;
	rig.members[2].tier = rig.members[3].tier = 3;
	rig.members[2].reserved = rig.members[3].reserved = true;
	rig_reports(0, 0, 0);
	CHECK_INT(rig_change_within(100), 30);
	AT(0, 5, 100, false, ORDER_FAILING);
}

/* What failed at its death is still reported after its return. */
static void
the_past_is_paid_for(void)
{
	rig_begin(3);
	rig_reports(1, 300, 0);
	rig.members[1].estimate.dead = true;
	CHECK_INT(rig_change_within(100), 0);
	CHECK_INT(rig_change_within(40), -1);
	rig.members[1].estimate.dead = false;
	CHECK_INT(rig_change_within(10), 0);
	CHECK_INT(rig_change_within(119), -1);
	rig_reports(1, 1000, 0);
	CHECK_INT(rig_change_within(300), -1);
	rig_begin(3); /* but it is not forgiven for ever */
	rig_reports(1, 300, 0);
	rig.members[1].estimate.dead = true;
	CHECK_INT(rig_change_within(100), 0);
	CHECK_INT(rig_change_within(40), -1);
	rig.members[1].estimate.dead = false;
	CHECK_INT(rig_change_within(10), 0);
	CHECK_INT(rig_change_within(300), 149);
	AT(1, 2, 100, false, ORDER_FAILING);
}

static void
drains_when_asked(void)
{
	rig_begin(2);
	rig_look();
	rig.members[1].estimate.drain = true;
	CHECK_INT(rig_change_within(10), 0);
	AT(1, 1, 100, true, ORDER_DRAIN);
	rig.members[1].estimate.drain = false;
	CHECK_INT(rig_change_within(20), 9); /* 10 s after the last */
	AT(1, 1, 100, false, ORDER_POLICY);
}

/* Whoever asks for it again and again gets it for longer. */
static void
changes_its_mind(void)
{
	uint32_t i;

	rig_begin(2);
	for (i = 0; i < 3600; i++) {
		rig.members[1].estimate.drain = i % 30 < 3;
		rig_look();
		rig.now_us += S;
	}
	CHECK(rig.changes <= 4, "%u changes", rig.changes);
	AT(1, 1, 100, true, ORDER_DRAIN);
	AT(0, 1, 100, false, ORDER_POLICY);
}

static void
follows_load_in_steps(void)
{
	rig_begin(2);
	rig_look();
	rig.members[1].estimate.load_percent = 91;
	CHECK_INT(rig_change_within(100), -1);
	rig.members[1].estimate.load_percent = 50;
	CHECK_INT(rig_change_within(100), 0);
	AT(1, 1, 50, false, ORDER_POLICY);
	CHECK_STR(
	    rig.states[1].reason, "has 50 % of its weight, as its load wants");
	rig.members[1].estimate.load_percent = 100;
	CHECK_INT(rig_change_within(100), 29);
	AT(1, 1, 100, false, ORDER_POLICY);
	rig.members[1].weight = 1;
	rig.members[1].estimate.load_percent = 1;
	CHECK(rig_look(), "the policy's word waits");
	AT(1, 1, 1, false, ORDER_POLICY);
}

static void
overrides_win_at_once(void)
{
	rig_begin(3);
	rig.members[2].tier = 2;
	rig.members[2].estimate.dead = true;
	CHECK(rig_look(), "no change");
	AT(2, 2, 100, true, ORDER_DEAD);
	rig.now_us += S;
	rig.members[1].avoid = true;
	rig.members[2].use = true;
	CHECK(rig_look(), "no change");
	AT(1, 1, 100, true, ORDER_AVOID);
	AT(2, 1, 100, false, ORDER_USE);
	CHECK_INT(rig_change_within(1000), -1);
	rig.members[1].avoid = false;
	rig.members[2].use = false;
	CHECK(rig_look(), "no change");
	AT(1, 1, 100, false, ORDER_POLICY);
	AT(2, 2, 100, true, ORDER_DEAD);
	rig.now_us += S;
	rig.members[1].avoid = rig.members[1].use = true;
	CHECK(rig_look(), "no change");
	AT(1, 1, 100, true, ORDER_AVOID);
	rig.now_us += S;
	rig.members[1].avoid = rig.members[1].use = false;
	CHECK(rig_look(), "no change");
	AT(1, 1, 100, false, ORDER_POLICY);
}

/* What it was lowered for is neither forgotten nor served out meanwhile. */
static void
after_an_override_as_before(void)
{
	rig_begin(3);
	rig_reports(1, 0, 0);
	CHECK_INT(rig_change_within(100), 30);
	rig_silent(1);
	rig.members[1].avoid = true;
	CHECK(rig_look(), "no change");
	CHECK_INT(rig_change_within(1000), -1);
	rig.members[1].avoid = false;
	CHECK(rig_look(), "no change");
	AT(1, 2, 100, false, ORDER_FAILING);
	CHECK_STR(
	    rig.states[1].reason, "0 % of requests succeed, as 3 agents say");
	CHECK_INT(rig_change_within(100), 60);
	AT(1, 1, 100, false, ORDER_POLICY);
}

static void
never_the_last(void)
{
	rig_begin(1);
	rig.members[0].estimate.dead = true;
	CHECK_INT(rig_change_within(100), -1);
	AT(0, 1, 100, false, ORDER_LAST);
	CHECK_STR(rig.states[0].reason,
	    "answers no probe; kept, as no other is left");
	rig_begin(2); /* not both at once */
	rig.members[0].estimate.dead = true;
	CHECK_INT(rig_change_within(100), 0);
	AT(0, 1, 100, true, ORDER_DEAD);
	CHECK_INT(rig_change_within(100), -1);
	rig.members[1].estimate.drain = true;
	rig_look();
	AT(0, 1, 100, true, ORDER_DEAD);
	AT(1, 1, 100, false, ORDER_LAST); /* alive at least */
	rig.members[1].estimate.drain = false;
	rig.members[1].estimate.dead = true;
	CHECK_INT(rig_change_within(100), 0);
	AT(0, 1, 100, false, ORDER_LAST);
	AT(1, 1, 100, false, ORDER_LAST);
	rig.members[1].estimate.dead = false;
	CHECK_INT(rig_change_within(100), 9); /* 10 s after the last */
	AT(0, 1, 100, true, ORDER_DEAD);
	AT(1, 1, 100, false, ORDER_POLICY);
}

static void
never_the_last_by_overrides(void)
{
	rig_begin(2);
	rig.members[0].avoid = rig.members[1].avoid = true;
	rig_look();
	AT(0, 1, 100, false, ORDER_LAST);
	AT(1, 1, 100, false, ORDER_LAST);
	rig_begin(2); /* an administrator's word is the stronger one */
	rig.members[0].avoid = true;
	rig.members[1].estimate.dead = true;
	rig_look();
	AT(0, 1, 100, true, ORDER_AVOID);
	AT(1, 1, 100, false, ORDER_LAST);
	rig_begin(2); /* one that only some may use is no other one */
	rig.members[1].tier = 3;
	rig.members[1].reserved = true;
	rig.members[0].estimate.dead = true;
	rig_look();
	AT(0, 1, 100, false, ORDER_LAST);
	rig.members[0].estimate.dead = false;
	rig.members[1].estimate.dead = true;
	rig_look();
	AT(1, 3, 100, true, ORDER_DEAD);
}

/* Nothing is gained when there is no better one. */
static void
lowers_not_all(void)
{
	rig_begin(2);
	rig_reports(0, 100, 0);
	CHECK_INT(rig_change_within(100), 30);
	rig_reports(1, 100, 0);
	rig.now_us += 100 * S; /* not at once */
	CHECK_INT(rig_change_within(1000), -1);
	AT(1, 1, 100, false, ORDER_POLICY);
	CHECK_STR(rig.states[1].reason, "bad, but nothing better is left");
}

static void
most_at_once_is_our_own_way(void)
{
	uint32_t i;

	rig_begin(5);
	CHECK_INT(rig_change_within(100), -1);
	for (i = 0; i < 4; i++)
		rig_reports(i, 0, 0);
	CHECK_INT(rig_change_within(200), -1);
	CHECK_STR(rig.states[0].reason,
	    "held: 4 of 5 went bad at once, perhaps by our own way");
	CHECK_STR(rig.states[4].reason, "as the policy says");
	/* It comes back: what failed meanwhile is still in the window. */
	for (i = 1; i < 4; i++)
		rig_reports(i, 1000, 0);
	CHECK_INT(rig_change_within(100), -1);
	rig_reports(0, 1000, 0);
	CHECK_INT(rig_change_within(1000), -1);
	CHECK_STR(rig.states[0].reason, "as the policy says");
}

static void
but_not_for_ever(void)
{
	uint32_t i;

	rig_begin(5);
	CHECK_INT(rig_change_within(100), -1);
	for (i = 0; i < 4; i++)
		rig_reports(i, 0, 0);
	rig_look();
	CHECK_INT(rig.next_us - rig.now_us, ORDER_HOLD_US);
	CHECK_INT(rig_change_within(1000), 330);
	for (i = 0; i < 4; i++)
		AT(i, 2, 100, false, ORDER_FAILING);
	AT(4, 1, 100, false, ORDER_POLICY);
	rig_begin(5); /* when none is well there is nowhere to go */
	for (i = 0; i < 5; i++)
		rig_reports(i, 0, 0);
	CHECK_INT(rig_change_within(2000), -1);
	rig_begin(5); /* one after the other is not at once */
	for (i = 0; i < 4; i++) {
		rig_reports(i, 0, 0);
		CHECK_INT(rig_change_within(100), 30);
		CHECK_INT(rig_change_within(31), -1);
	}
	AT(3, 2, 100, false, ORDER_FAILING);
}

/* Also the server's own: probes fail one after the other. */
static void
death_wants_a_witness(void)
{
	uint32_t i;

	rig_begin(4);
	for (i = 0; i < 4; i++)
		rig.members[i].estimate.passed_us = rig.now_us - 3 * S - i;
	rig.members[0].estimate.failing_us = rig.now_us - 2 * S;
	rig.members[0].estimate.dead = true;
	CHECK_INT(rig_change_within(20), -1);
	CHECK_STR(rig.states[0].reason,
	    "answers no probe, but neither has another one since");
	rig.members[2].estimate.passed_us = rig.now_us;
	CHECK_INT(rig_change_within(20), 0);
	AT(0, 1, 100, true, ORDER_DEAD);
}

static void
ten_seconds_between(void)
{
	uint32_t i, changes = 0;

	rig_begin(2);
	for (i = 0; i < 600; i++) {
		rig.members[1].estimate.drain = i % 2 == 0;
		rig.members[1].estimate.load_percent = 1 + i % 100;
		if (rig_look())
			changes++;
		rig.now_us += S;
	}
	CHECK(changes > 10 && changes <= 60, "%u changes", changes);
}

static void
the_policy_moves_at_once(void)
{
	rig_begin(3);
	rig.members[0].estimate.dead = true;
	CHECK(rig_look(), "no change");
	rig.now_us += S;
	rig.members[0].tier = 2;
	rig.members[1].weight = 7;
	CHECK(rig_look(), "no change");
	AT(0, 2, 100, true, ORDER_DEAD);
	AT(1, 1, 7, false, ORDER_POLICY);
}

/* States are found by name; one that is gone is no change, one that is new
 * begins as the policy has it. */
static void
members_come_and_go(void)
{
	struct order_member m;

	rig_begin(4);
	rig.members[3].estimate.dead = true;
	CHECK(rig_look(), "no change");
	m = rig.members[3];
	rig.members[3] = rig.members[0];
	rig.members[0] = m;
	CHECK(!rig_look(), "changed");
	CHECK_STR(rig.states[0].name, "s3");
	AT(0, 1, 100, true, ORDER_DEAD);
	rig.group.members_n = 2;
	CHECK(!rig_look(), "changed");
	rig.group.members_n = 3;
	CHECK(!rig_look(), "changed");
	AT(2, 1, 100, false, ORDER_POLICY);
	rig.group.members_n = 0;
	CHECK(!rig_look(), "changed");
}

static void
words(void)
{
	CHECK_STR(order_why_word(ORDER_POLICY), "policy");
	CHECK_STR(order_why_word(ORDER_LAST), "last");
	CHECK_STR(order_why_word(ORDER_WHY_COUNT), "?");
}

static const struct unit_case cases[] = {
    {"stays as the policy says", stays_as_the_policy_says},
    {"slow falls and rises", slow_falls_and_rises},
    {"little is not slow", little_is_not_slow},
    {"like is held against like", like_with_like},
    {"tiers are held against themselves", tiers_are_their_own},
    {"failing falls and rises", failing_falls_and_rises},
    {"probes outrank reports", probes_outrank},
    {"a moment is nothing", a_moment_is_nothing},
    {"gaps between reports are bridged", gaps_are_bridged},
    {"silence tries again, and backs off", silence_tries_again_and_backs_off},
    {"without a worse tier", without_a_worse_tier},
    {"what is reserved stays", reserved_stays},
    {"the past is paid for", the_past_is_paid_for},
    {"drains when asked", drains_when_asked},
    {"changes its mind", changes_its_mind},
    {"follows load in steps", follows_load_in_steps},
    {"overrides win at once", overrides_win_at_once},
    {"after an override as before", after_an_override_as_before},
    {"never the last", never_the_last},
    {"never the last, by overrides", never_the_last_by_overrides},
    {"lowers not all", lowers_not_all},
    {"most at once is our own way", most_at_once_is_our_own_way},
    {"but not for ever", but_not_for_ever},
    {"a death wants a witness", death_wants_a_witness},
    {"ten seconds between changes", ten_seconds_between},
    {"the policy moves at once", the_policy_moves_at_once},
    {"members come and go", members_come_and_go},
    {"words", words},
};

UNIT_MAIN("order", cases)
