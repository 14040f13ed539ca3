/* Who is lowered for slowness, over real slabs, and what becomes of a table
 * that is too old. */
#include "cagentd/control/ranking.h"

#include "tests/unit/ranking_rig.h"

#define D	ONE("d", "192.0.2.4:1080", "1")
#define ABCD	A B C D
#define TIER(n) "[tier \"" n "\"]\n"

static void
handshakes(const char *name, int n, int64_t us)
{
	while (n-- > 0)
		hist_add(&rig_counts(n % 2, name)->handshake, us);
}

/* So many seconds of traffic, with the second tier a little slower. */
static void
serve(int seconds, int64_t a_us)
{
	for (; seconds > 0; seconds--) {
		handshakes("a", 5, a_us);
		handshakes("b", 5, 20000);
		if (table_find(r->table, "c") != NULL)
			handshakes("c", 5, 70000);
		handshakes("d", 5, 30000);
		skew_us += 1000000;
		step();
	}
}

static void
by_its_peers(void)
{
	rig_open(RIG_HEAD ABCD);
	works(0, "a", 1);
	works(0, "b", 1);
	works(0, "c", 1);
	works(0, "d", 1);
	step();
	serve(100, 60000);
	CHECK_INT(published("a")->tier, 1);
	CHECK(published("a")->recent_p95_us > 50000, "recent");
	serve(40, 300000);
	CHECK_INT(published("a")->tier, 2);
	CHECK_INT(published("a")->tier_observed, 2);
	CHECK_INT(published("a")->observed, TABLE_UP);
	CHECK(strstr(published("a")->reason, "; was tier 1") != NULL, "%s",
	    published("a")->reason);
	CHECK_INT(last_event(0)->kind, EVENT_TIER);
	CHECK_STR(last_event(0)->name, "a");
	/* Alone in its tier, it has nobody to be compared with. */
	CHECK_INT(published("c")->tier, 2);
	serve(110, 20000);
	CHECK_INT(published("a")->tier, 1);
	CHECK_INT(published("a")->tier_observed, 0);
	rig_close();
}

static void
by_its_limit(void)
{
	rig_open(RIG_HEAD TIER("gold") "rank = 1\nslow-over = 25ms\n" A B C D);
	serve(40, 20000);
	CHECK_INT(published("a")->tier, 1);
	CHECK_INT(published("b")->tier, 1);
	CHECK_INT(published("d")->tier, 2);
	/* Pinned, it is where the administrator wants it. */
	ranking_pin(r, "d", 1, "x");
	CHECK_INT(published("d")->tier, 1);
	serve(100, 20000);
	CHECK_INT(published("d")->tier, 1);
	rig_close();
}

static const struct {
	const char *name, *text;
	uint16_t want;
} lower[] = {
    {"the next one", A B D ONE("c", "192.0.2.3:1080", "9"), 9},
    {"one of its own", A B D, 2},
    {"not into a reserved one",
	TIER("r") "rank = 2\nreserved-for = critical\n" A B D, 3},
    {"not out of a reserved one",
	TIER("r") "rank = 1\nreserved-for = critical\n" ABCD, 1},
    {"to one for the same classes",
	TIER("r") "rank = 1\nreserved-for = bulk\n" TIER(
	    "s") "rank = 7\nreserved-for = bulk\n" ABCD,
	7},
};

static void
which_tier(void)
{
	char text[2048];
	size_t i;

	for (i = 0; i < sizeof(lower) / sizeof(*lower); i++) {
		snprintf(text, sizeof(text), "%s%s", RIG_HEAD, lower[i].text);
		rig_open(text);
		serve(40, 300000);
		CHECK(published("a")->tier == lower[i].want, "%s: tier %u",
		    lower[i].name, published("a")->tier);
		rig_close();
	}
}

static void
reload(const char *text)
{
	struct settings *s = rig_settings(text);

	s->serial = rig_control.settings->serial + 1;
	settings_unref(rig_control.settings);
	rig_control.settings = s;
	ranking_settings(r, s);
	ranking_publish(r);
}

static void
configured_elsewhere(void)
{
	rig_open(RIG_HEAD ABCD);
	serve(40, 300000);
	reload(RIG_HEAD ABCD);
	CHECK_INT(published("a")->tier, 2);
	reload(RIG_HEAD ONE("a", "192.0.2.1:1080", "5") B C D);
	CHECK_INT(published("a")->tier, 5);
	CHECK_INT(published("a")->tier_observed, 0);
	rig_close();
}

/* A publication bears the true time, which ours has run ahead of. */
static void
restart(int64_t after_us)
{
	struct slab *slabs[RIG_WORKERS];
	int i;

	for (i = 0; i < RIG_WORKERS; i++) {
		slabs[i] = r->slabs[i];
		r->slabs[i] = NULL;
	}
	ranking_free(r);
	memset(&rig_control.events, 0, sizeof(rig_control.events));
	skew_us += after_us;
	ranking_init(r, rig_table_fd, &rig_control.events);
	for (i = 0; i < RIG_WORKERS; i++)
		r->slabs[i] = slabs[i];
	ranking_settings(r, rig_control.settings);
	ranking_publish(r);
}

/* One that was lowered stays so for as long as it would have. */
static void
stays_lowered(void)
{
	int64_t reconsider_us;

	skew_us = 0;
	rig_open(RIG_HEAD ABCD);
	serve(40, 300000);
	CHECK_INT(published("a")->tier, 2);
	skew_us += 31000000; /* nothing to judge it by any more */
	step();
	reconsider_us = published("a")->reconsider_us;
	CHECK(reconsider_us > mono_wall_us(), "not told when");
	restart(7000000);
	step();
	CHECK_INT(published("a")->tier, 2);
	CHECK(llabs(published("a")->reconsider_us - reconsider_us) < 10000,
	    "%lld us later",
	    (long long)(published("a")->reconsider_us - reconsider_us));
	skew_us += reconsider_us - mono_wall_us() - 1000000;
	step();
	CHECK_INT(published("a")->tier, 2);
	skew_us += 1100000;
	step();
	CHECK_INT(published("a")->tier, 1);
	CHECK_INT(published("a")->why, TABLE_WHY_SLOW_RETRY);
	rig_close();
}

/* What was seen is kept for a quarter of an hour, orders for ever. */
static void
too_old(void)
{
	skew_us = 0;
	rig_open(RIG_HEAD ABCD);
	serve(40, 300000);
	fails(0, "b", 5);
	step();
	ranking_pin(r, "c", 7, "x");
	ranking_drain(r, "d", true, "x");
	restart(RANKING_STALE_US - 100000000);
	CHECK_INT(published("a")->tier, 2);
	CHECK_INT(published("b")->observed, TABLE_EJECTED);
	CHECK_INT(rig_control.events.last_id, 0);
	restart(RANKING_STALE_US + 1000000);
	CHECK_INT(published("a")->tier, 1);
	CHECK_INT(published("b")->observed, TABLE_UNKNOWN);
	CHECK_INT(published("b")->tier, 1);
	CHECK_INT(published("b")->ejections, 0);
	CHECK_INT(published("c")->tier, 7);
	CHECK_INT(published("d")->admin, TABLE_DRAIN);
	CHECK_INT(rig_control.events.last_id, 1);
	CHECK_INT(last_event(0)->kind, EVENT_NOTE);
	/* Nor is it judged by the counts of then. */
	step();
	step();
	CHECK_INT(published("b")->observed, TABLE_UNKNOWN);
	CHECK_INT(published("b")->attempts, 5);
	fails(0, "b", 3);
	step();
	CHECK_INT(published("b")->observed, TABLE_EJECTED);
	rig_close();
}

static const struct unit_case cases[] = {
    {"slow beside its peers", by_its_peers},
    {"over the configured limit", by_its_limit},
    {"which tier it goes to", which_tier},
    {"configured elsewhere", configured_elsewhere},
    {"a restart", stays_lowered},
    {"a table that is too old", too_old},
};

UNIT_MAIN("ranking_slow", cases)
