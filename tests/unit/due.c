/* When an intermediary is checked, and what of a check counts: stories of
 * looks and checks, each with what must be due afterwards. */
#include "cagentd/decide/due.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

/* Some boot and some day. */
#define MONO_US 5000000000ll
#define WALL_US 1700000000000000ll
#define S	1000000ll
#define EVERY	(10 * S)

struct one {
	struct table_row row;
	struct due_state st;
	struct due_rules rules;
	struct rank_seen seen; /* what the last look came to */
	uint64_t seed;
	int64_t at_us; /* since MONO_US and WALL_US */
};

static struct due_now
now_of(struct one *o)
{
	return (struct due_now){
	    MONO_US + o->at_us, WALL_US + o->at_us, &o->seed};
}

static void
look(struct one *o, uint64_t ok, uint64_t bad)
{
	struct due_now now = now_of(o);

	o->seen = (struct rank_seen){.successes = ok,
	    .charged = bad,
	    .last_failure = o->row.last_failure};
	if (ok > 0)
		o->row.last_ok_us = now.wall_us;
	due_see(&o->st, &o->row, &o->seen, &now);
}

static void
fresh(struct one *o)
{
	memset(o, 0, sizeof(*o));
	o->seed = 7;
	o->row.incarnation = 1;
	o->row.tier = o->row.tier_conf = 1;
	o->rules.interval_us = EVERY;
	look(o, 0, 0);
}

static void
later(struct one *o, int64_t us)
{
	o->at_us += us;
	look(o, 0, 0);
}

static enum due_says
checked_for(struct one *o, enum wire_reason reason, enum due_question q)
{
	const struct due_result r = {reason, reason == REASON_OK ? 0 : -1, q};
	struct due_now now = now_of(o);
	enum due_says says;

	o->st.under_way = true;
	says = due_take(&o->st, &o->row, &r, &now);
	CHECK(!o->st.under_way, "it has ended");
	return says;
}

static enum due_says
checked(struct one *o, enum wire_reason reason)
{
	return checked_for(o, reason, DUE_FOR_ADDRESS);
}

/* In how long, from now; -1: never. */
static int64_t
due_in(const struct one *o, enum due_why *why)
{
	int64_t at = due_at_us(&o->st, &o->row, &o->rules, why);

	if (at == INT64_MAX)
		return -1;
	return at > MONO_US + o->at_us ? at - MONO_US - o->at_us : 0;
}

static void
check_due(const struct one *o, enum due_why want, int64_t from, int64_t to,
    const char *file, int line)
{
	enum due_why why;
	int64_t in = due_in(o, &why);

	unit_check(why == want && in >= from && in <= to, file, line,
	    "due in %lld us for reason %d, not in %lld to %lld for %d",
	    (long long)in, (int)why, (long long)from, (long long)to, (int)want);
}
#define DUE(o, want, from, to) \
	check_due((o), (want), (from), (to), __FILE__, __LINE__)
#define NEVER(o) DUE(o, DUE_NOT, -1, -1)

static void
never_used(void)
{
	struct one o;
	int64_t in, least = INT64_MAX, most = 0;
	enum due_why why;
	unsigned int i;

	for (i = 0; i < 1000; i++) {
		fresh(&o);
		o.st.incarnation = 0;
		o.seed = i * 977;
		look(&o, 0, 0);
		in = due_in(&o, &why);
		CHECK_INT(why, DUE_FIRST);
		least = in < least ? in : least;
		most = in > most ? in : most;
	}
	CHECK(least < DUE_SOON_US / 50 && most > DUE_SOON_US * 49 / 50 &&
		  most < DUE_SOON_US,
	    "spread from %lld to %lld us", (long long)least, (long long)most);
	/* Not later than the interval, where that is short. */
	o.rules.interval_us = S / 10;
	CHECK(due_in(&o, &why) < S / 10, "short interval");
	later(&o, DUE_SOON_US);
	DUE(&o, DUE_FIRST, 0, 0);
	CHECK_INT(checked(&o, REASON_OK), DUE_ALIVE);
	DUE(&o, DUE_IDLE, S / 10, S / 10 + S / 100);
}

static void
idle(void)
{
	struct one o;

	fresh(&o);
	look(&o, 1, 0);
	DUE(&o, DUE_IDLE, EVERY, EVERY + EVERY / 10);
	o.at_us += EVERY - S;
	look(&o, 1, 0); /* fresh evidence: put off */
	DUE(&o, DUE_IDLE, EVERY, EVERY + EVERY / 10);
	later(&o, EVERY + EVERY / 10);
	DUE(&o, DUE_IDLE, 0, 0);
	checked(&o, REASON_OK);
	DUE(&o, DUE_IDLE, EVERY, EVERY + EVERY / 10);
	/* Failures of traffic are no success. */
	o.row.last_failure = REASON_HOP_REFUSED;
	later(&o, EVERY / 2);
	look(&o, 0, 1);
	DUE(&o, DUE_IDLE, EVERY / 2, EVERY / 2 + EVERY / 10);
}

static void
not_checked(void)
{
	struct one o;

	fresh(&o);
	o.row.admin = TABLE_DRAIN;
	NEVER(&o);
	o.row.admin = TABLE_ENABLED;
	o.row.observed = TABLE_EJECTED;
	later(&o, 100 * S);
	NEVER(&o);
	o.row.observed = TABLE_UP;
	DUE(&o, DUE_FIRST, 0, 0);
	o.st.under_way = true;
	NEVER(&o);
	o.st.under_way = false;
	o.rules.interval_us = 0;
	NEVER(&o);
	o.rules.interval_us = EVERY;
	/* A new tenant is not due by what was known of the old one. */
	o.row.incarnation++;
	NEVER(&o);
	look(&o, 0, 0);
	DUE(&o, DUE_FIRST, 0, DUE_SOON_US);
}

static void
follows_a_failure_up(void)
{
	struct one o;
	int i;

	fresh(&o);
	later(&o, DUE_SOON_US);
	for (i = 1; i < DUE_FAILURES; i++) {
		CHECK_INT(checked(&o, REASON_HOP_REFUSED), DUE_DEAD);
		DUE(&o, DUE_FAILED, DUE_AGAIN_US, DUE_AGAIN_US);
		later(&o, DUE_AGAIN_US);
		CHECK_INT(o.seen.charged, 1);
		CHECK_INT(o.seen.last_failure, REASON_HOP_REFUSED);
		CHECK_INT(o.row.check_reason, REASON_HOP_REFUSED);
		CHECK_INT(o.row.checked_us, WALL_US + o.at_us - DUE_AGAIN_US);
	}
	checked(&o, REASON_HOP_REFUSED);
	DUE(&o, DUE_IDLE, EVERY, EVERY + EVERY / 10);
	o.rules.interval_us = S / 10;
	o.st.failed = 1;
	DUE(&o, DUE_FAILED, S / 10, S / 10);
	/* And only once it has been charged. */
	look(&o, 0, 0);
	CHECK_INT(o.seen.charged, 1);
	look(&o, 0, 0);
	CHECK_INT(o.seen.charged, 0);
}

static void
half_open(void)
{
	struct one o;
	int i;

	fresh(&o);
	for (i = 0; i < 3; i++) {
		checked(&o, REASON_HOP_TIMEOUT);
		later(&o, S);
	}
	o.row.observed = TABLE_EJECTED;
	later(&o, 5 * S);
	NEVER(&o);
	o.row.observed = TABLE_HALF_OPEN;
	look(&o, 0, 0);
	DUE(&o, DUE_TRIAL, 0, 0);
	for (i = 0; i < RANK_TRIALS_OK; i++) {
		DUE(&o, DUE_TRIAL, 0, DUE_TRIAL_US);
		later(&o, DUE_TRIAL_US);
		CHECK_INT(checked(&o, REASON_OK), DUE_ALIVE);
		look(&o, 0, 0);
		CHECK_INT(o.seen.successes, 1);
		CHECK_INT(o.seen.by_checks, 1);
	}
	/* Enough, while the ranking takes its time. */
	DUE(&o, DUE_IDLE, EVERY, EVERY + EVERY / 10);
	/* The next ejection is another story. */
	o.row.observed = TABLE_EJECTED;
	look(&o, 0, 0);
	o.row.observed = TABLE_HALF_OPEN;
	later(&o, S);
	DUE(&o, DUE_TRIAL, 0, 0);
}

/* Ejected for that by traffic: how many of two good checks count as passed,
 * asked for itself and for a target? */
static const struct {
	enum wire_reason cause;
	unsigned int own, target;
} causes[] = {
    {REASON_HOP_REFUSED, 2, 2},
    {REASON_HOP_UNREACHABLE, 2, 2},
    {REASON_HOP_TIMEOUT, 2, 2},
    {REASON_HOP_CLOSED, 2, 2},
    {REASON_HOP_BAD, 2, 2},
    {REASON_HOP_AUTH, 2, 2},
    {REASON_HOP_TLS, 2, 2},
    {REASON_HOP_CERT, 2, 2},
    {REASON_REFUSED, 0, 2},
    {REASON_HOST_UNREACHABLE, 0, 2},
    {REASON_NET_UNREACHABLE, 0, 2},
    {REASON_TIMEOUT, 0, 2},
    {REASON_HOP_FAILED, 0, 2},
    {REASON_HOP_SILENT, 0, 2},
    {REASON_HOP_HUNG_UP, 0, 0},
    {REASON_HOP_MUTE, 0, 0},
};

static void
what_a_check_can_undo(void)
{
	unsigned int i, target, passed;
	struct one o;

	for (i = 0; i < sizeof(causes) / sizeof(*causes) * 2; i++) {
		target = i % 2;
		fresh(&o);
		o.rules.target = target != 0;
		o.row.last_failure = causes[i / 2].cause;
		look(&o, 0, 3);
		o.row.observed = TABLE_HALF_OPEN;
		look(&o, 0, 0);
		checked_for(&o, REASON_OK,
		    target != 0 ? DUE_FOR_TARGET : DUE_FOR_ADDRESS);
		look(&o, 0, 0);
		passed = (unsigned int)o.seen.successes;
		checked_for(&o, REASON_OK,
		    target != 0 ? DUE_FOR_TARGET : DUE_FOR_ADDRESS);
		look(&o, 0, 0);
		passed += (unsigned int)o.seen.successes;
		CHECK(passed == (target != 0 ? causes[i / 2].target
					     : causes[i / 2].own),
		    "%s, %s: %u passed", wire_reason_word(causes[i / 2].cause),
		    target != 0 ? "target" : "own", passed);
	}
	/* What cannot pass is not hurried, and a first byte undoes all. */
	DUE(&o, DUE_IDLE, EVERY, EVERY + EVERY / 10);
	later(&o, S);
	look(&o, 1, 0);
	DUE(&o, DUE_TRIAL, 0, 0);
	checked_for(&o, REASON_OK, DUE_FOR_TARGET);
	look(&o, 0, 0);
	CHECK_INT(o.seen.successes, 1);
}

/* One that is mute must not be kept up by its checks. */
static void
does_not_break_a_row(void)
{
	struct one o;

	fresh(&o);
	look(&o, 1, 0);
	o.row.last_failure = REASON_HOP_MUTE;
	look(&o, 0, 1);
	later(&o, EVERY + EVERY / 10);
	DUE(&o, DUE_IDLE, 0, 0);
	CHECK_INT(checked(&o, REASON_OK), DUE_ALIVE);
	look(&o, 0, 0);
	CHECK_INT(o.seen.successes, 0);
	CHECK_INT(o.row.check_reason, REASON_OK);
}

/* What workers gave up for a faster one. */
static void
given_up(void)
{
	struct one o;

	fresh(&o);
	look(&o, 1, 0);
	o.row.hedged = 4;
	look(&o, 1, 0); /* a success came after them */
	DUE(&o, DUE_IDLE, EVERY, EVERY + EVERY / 10);
	o.row.hedged = 5;
	later(&o, S / 10);
	DUE(&o, DUE_GIVEN_UP, 0, 0);
	CHECK_INT(checked(&o, REASON_OK), DUE_ALIVE); /* just slow */
	DUE(&o, DUE_IDLE, EVERY, EVERY + EVERY / 10);
	o.row.hedged = 6;
	later(&o, S / 10);
	DUE(&o, DUE_GIVEN_UP, DUE_AGAIN_US - S / 10, DUE_AGAIN_US - S / 10);
	later(&o, S);
	DUE(&o, DUE_GIVEN_UP, 0, 0);
	o.row.hedged = 8;
	checked(&o, REASON_HOP_TIMEOUT);
	later(&o, 0);
	CHECK_INT(o.seen.charged, 1 + 3); /* with what stood for nothing */
	DUE(&o, DUE_FAILED, DUE_AGAIN_US, DUE_AGAIN_US);
	checked(&o, REASON_HOP_TIMEOUT);
	look(&o, 0, 0);
	CHECK_INT(o.seen.charged, 1); /* not twice */
	o.row.hedged = 1000008;
	checked(&o, REASON_HOP_TIMEOUT);
	look(&o, 0, 0);
	CHECK_INT(o.seen.charged, 1 + RANK_ROW);
	/* A renewed slab counts from 0. */
	o.row.hedged = 0;
	look(&o, 0, 0);
	o.row.hedged = 1;
	look(&o, 0, 0);
	DUE(&o, DUE_GIVEN_UP, 0, DUE_AGAIN_US);
}

static const struct {
	enum wire_reason reason;
	enum due_says own, own_answers, loopback, target;
} says[] = {
    {REASON_OK, DUE_ALIVE, DUE_ALIVE, DUE_ALIVE, DUE_ALIVE},
    {REASON_REFUSED, DUE_ALIVE, DUE_ALIVE, DUE_ALIVE, DUE_DEAD_IF_PROVED},
    {REASON_HOST_UNREACHABLE, DUE_ALIVE, DUE_ALIVE, DUE_ALIVE,
	DUE_DEAD_IF_PROVED},
    {REASON_NET_UNREACHABLE, DUE_ALIVE, DUE_ALIVE, DUE_ALIVE,
	DUE_DEAD_IF_PROVED},
    {REASON_TIMEOUT, DUE_ALIVE, DUE_ALIVE, DUE_ALIVE, DUE_DEAD_IF_PROVED},
    {REASON_NAME_UNKNOWN, DUE_NOTHING, DUE_NOTHING, DUE_NOTHING, DUE_NOTHING},
    {REASON_NAME_FAILED, DUE_NOTHING, DUE_NOTHING, DUE_NOTHING, DUE_NOTHING},
    {REASON_HOP_REFUSED, DUE_DEAD, DUE_DEAD, DUE_DEAD, DUE_DEAD},
    {REASON_HOP_UNREACHABLE, DUE_DEAD_IF_PROVED, DUE_DEAD_IF_PROVED,
	DUE_DEAD_IF_PROVED, DUE_DEAD_IF_PROVED},
    {REASON_HOP_TIMEOUT, DUE_DEAD, DUE_DEAD, DUE_DEAD, DUE_DEAD},
    {REASON_HOP_CLOSED, DUE_DEAD, DUE_DEAD, DUE_DEAD, DUE_DEAD},
    {REASON_HOP_BAD, DUE_DEAD, DUE_DEAD, DUE_DEAD, DUE_DEAD},
    {REASON_HOP_AUTH, DUE_DEAD, DUE_DEAD, DUE_DEAD, DUE_DEAD},
    {REASON_HOP_TLS, DUE_DEAD, DUE_DEAD, DUE_DEAD, DUE_DEAD},
    {REASON_HOP_CERT, DUE_DEAD, DUE_DEAD, DUE_DEAD, DUE_DEAD},
    {REASON_HOP_UNSUPPORTED, DUE_NOTHING, DUE_NOTHING, DUE_NOTHING,
	DUE_NOTHING},
    {REASON_HOP_DENIED, DUE_ALIVE, DUE_ALIVE, DUE_ALIVE, DUE_NOTHING},
    {REASON_HOP_FAILED, DUE_ALIVE, DUE_ALIVE, DUE_ALIVE, DUE_DEAD_IF_PROVED},
    {REASON_HOP_SILENT, DUE_NOTHING, DUE_DEAD, DUE_DEAD, DUE_DEAD_IF_PROVED},
    {REASON_HOP_HUNG_UP, DUE_NOTHING, DUE_DEAD, DUE_NOTHING,
	DUE_DEAD_IF_PROVED},
    {REASON_HOP_MUTE, DUE_NOTHING, DUE_NOTHING, DUE_NOTHING,
	DUE_DEAD_IF_PROVED},
    {REASON_DENIED, DUE_NOTHING, DUE_NOTHING, DUE_NOTHING, DUE_NOTHING},
    {REASON_NO_PATH, DUE_NOTHING, DUE_NOTHING, DUE_NOTHING, DUE_NOTHING},
    {REASON_OVERLOAD, DUE_NOTHING, DUE_NOTHING, DUE_NOTHING, DUE_NOTHING},
    {REASON_UNSUPPORTED, DUE_NOTHING, DUE_NOTHING, DUE_NOTHING, DUE_NOTHING},
    {REASON_BAD_REQUEST, DUE_NOTHING, DUE_NOTHING, DUE_NOTHING, DUE_NOTHING},
    {REASON_CANCELLED, DUE_NOTHING, DUE_NOTHING, DUE_NOTHING, DUE_NOTHING},
    {REASON_LIMITED, DUE_NOTHING, DUE_NOTHING, DUE_NOTHING, DUE_NOTHING},
    {REASON_FULL, DUE_NOTHING, DUE_NOTHING, DUE_NOTHING, DUE_NOTHING},
};

static void
check_says(enum wire_reason reason, enum due_question q, bool answers,
    enum due_says want)
{
	const struct due_result r = {reason, -1, q};
	enum due_says got = due_says(&r, answers);

	CHECK(got == want, "%s to question %d, %s: %d, not %d",
	    wire_reason_word(reason), (int)q, answers ? "answered before" : "",
	    (int)got, (int)want);
}

static void
what_it_says(void)
{
	struct due_result r = {REASON_HOP_BAD, 400, DUE_FOR_ADDRESS};
	unsigned int i;

	CHECK_INT(sizeof(says) / sizeof(*says), REASON_COUNT);
	for (i = 0; i < REASON_COUNT; i++) {
		CHECK_INT(says[i].reason, i);
		check_says(says[i].reason, DUE_FOR_ADDRESS, false, says[i].own);
		check_says(
		    says[i].reason, DUE_FOR_ADDRESS, true, says[i].own_answers);
		check_says(
		    says[i].reason, DUE_FOR_LOOPBACK, false, says[i].loopback);
		check_says(
		    says[i].reason, DUE_FOR_TARGET, false, says[i].target);
	}
	/* An answer in its own words, whatever it means. */
	CHECK_INT(due_says(&r, true), DUE_NOTHING);
	r.question = DUE_FOR_TARGET;
	CHECK_INT(due_says(&r, true), DUE_DEAD);
	r = (struct due_result){REASON_HOP_UNSUPPORTED, 7, DUE_FOR_ADDRESS};
	CHECK_INT(due_says(&r, false), DUE_ALIVE);
}

/* One that cannot reach its own address is asked for its loopback, at once. */
static void
silence(void)
{
	struct one o;

	fresh(&o);
	CHECK_INT(checked(&o, REASON_HOP_SILENT), DUE_NOTHING);
	CHECK_INT(o.row.check_reason, REASON_HOP_SILENT);
	CHECK(o.st.inward, "it is asked for its own address again");
	DUE(&o, DUE_ASKED, DUE_TRIAL_US, DUE_TRIAL_US);
	look(&o, 0, 0);
	CHECK_INT(o.seen.charged, 0);
	CHECK_INT(
	    checked_for(&o, REASON_HOP_SILENT, DUE_FOR_LOOPBACK), DUE_DEAD);
	look(&o, 0, 0);
	CHECK_INT(o.seen.charged, 1);
	CHECK_INT(checked_for(&o, REASON_REFUSED, DUE_FOR_LOOPBACK), DUE_ALIVE);
	CHECK(o.st.inward, "what answers is to be asked again");
	CHECK_INT(o.row.check_reason, REASON_OK);
	/* ssh -D hangs up on what it cannot reach. */
	fresh(&o);
	CHECK_INT(checked(&o, REASON_HOP_HUNG_UP), DUE_NOTHING);
	CHECK(!o.st.inward, "it has answered, in its way");
	DUE(&o, DUE_IDLE, EVERY, EVERY + EVERY / 10);
}

static void
proof(void)
{
	struct one o;

	fresh(&o);
	CHECK_INT(checked_for(&o, REASON_HOP_SILENT, DUE_FOR_TARGET),
	    DUE_DEAD_IF_PROVED);
	look(&o, 0, 0);
	CHECK_INT(o.seen.charged, 0);
	DUE(&o, DUE_FAILED, DUE_AGAIN_US, DUE_AGAIN_US);
	later(&o, S);
	CHECK(due_prove(&o.st, S, MONO_US + o.at_us), "not charged");
	CHECK(!due_prove(&o.st, S, MONO_US + o.at_us), "charged twice");
	look(&o, 0, 0);
	CHECK_INT(o.seen.charged, 1);
	CHECK_INT(o.seen.last_failure, REASON_HOP_SILENT);
	/* Too late, or after a success of its own. */
	checked_for(&o, REASON_HOP_SILENT, DUE_FOR_TARGET);
	later(&o, S + 1);
	CHECK(!due_prove(&o.st, S, MONO_US + o.at_us), "charged too late");
	checked_for(&o, REASON_HOP_SILENT, DUE_FOR_TARGET);
	checked_for(&o, REASON_OK, DUE_FOR_TARGET);
	CHECK(!due_prove(&o.st, S, MONO_US + o.at_us), "charged when well");
	checked_for(&o, REASON_HOP_SILENT, DUE_FOR_TARGET);
	look(&o, 1, 0);
	CHECK(!due_prove(&o.st, S, MONO_US + o.at_us), "charged in use");
}

/* What the table still says when the control process begins anew. */
static void
resumes(void)
{
	struct one o;
	enum due_why why;

	fresh(&o);
	o.row.last_ok_us = WALL_US - 4 * S;
	o.row.checked_us = WALL_US - 60 * S;
	o.row.hedged = 7;
	o.st.incarnation = 0;
	look(&o, 0, 0);
	DUE(&o, DUE_IDLE, EVERY - 4 * S, EVERY - 4 * S + EVERY / 10);
	CHECK(!o.st.answers || o.row.check_reason == REASON_OK, "answers");
	/* Ejected for a false success: still not a check's to undo. */
	o.row.observed = TABLE_HALF_OPEN;
	o.row.last_failure = REASON_HOP_MUTE;
	o.row.last_failure_us = WALL_US - S;
	o.st.incarnation = 0;
	look(&o, 0, 0);
	due_in(&o, &why);
	CHECK_INT(why, DUE_IDLE);
	/* Ejected by checks. */
	o.row.checked_us = WALL_US;
	o.row.check_reason = REASON_HOP_REFUSED;
	o.st.incarnation = 0;
	look(&o, 0, 0);
	DUE(&o, DUE_TRIAL, 0, DUE_TRIAL_US);
	/* A clock that was set back, or garbage. */
	o.row.observed = TABLE_UP;
	o.row.last_ok_us = WALL_US * 2;
	o.row.checked_us = 1;
	o.row.check_reason = UINT32_MAX;
	o.st.incarnation = 0;
	look(&o, 0, 0);
	DUE(&o, DUE_IDLE, EVERY, EVERY + EVERY / 10);
}

static const struct unit_case cases[] = {
    {"never used", never_used},
    {"idle", idle},
    {"not checked", not_checked},
    {"follows a failure up", follows_a_failure_up},
    {"half-open", half_open},
    {"what a check can undo", what_a_check_can_undo},
    {"does not break a row", does_not_break_a_row},
    {"given up", given_up},
    {"what it says", what_it_says},
    {"silence", silence},
    {"proof", proof},
    {"resumes", resumes},
};

UNIT_MAIN("due", cases)
