/* The health of caches and services: theirs alone, and of no consequence to
 * the ranked. */
#include "cagentd/control/ranking.h"

#include <errno.h>

#include "tests/unit/ranking_rig.h"

#define WEB "[cache \"web\"]\ntype = http\naddress = 192.0.2.7:3128\n"
#define NOTES                                                          \
	"[service \"notes\"]\ntype = http\naddress = 192.0.2.8:8080\n" \
	"content = text/html\n"

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
have_ranks_of_their_own(void)
{
	rig_open(RIG_HEAD A WEB NOTES);
	CHECK_INT(table_duty(published("a")), TABLE_RANKED);
	CHECK_INT(table_duty(published("web")), TABLE_CACHE);
	CHECK_INT(table_duty(published("notes")), TABLE_SERVICE);
	CHECK_INT(published("web")->tier, TABLE_RANK_CACHE);
	CHECK_INT(published("notes")->tier, TABLE_RANK_SERVICE);
	CHECK_INT(r->table->tiers_n, 1);
	CHECK(ranking_takes(published("web")), "it takes requests");
	CHECK(!ranking_usable(published("web")), "it is not to count on");
	CHECK_INT(ranking_pin(r, "web", 1, "x"), -EINVAL);
	CHECK_INT(ranking_drain(r, "web", true, "x"), 0);
	CHECK(!ranking_takes(published("web")), "drained");
	rig_close();
}

/* A cache is ejected when it is the only one; what is ranked is kept as the
 * last one, however well the caches are. */
static void
are_never_the_last_usable(void)
{
	rig_open(RIG_HEAD A WEB NOTES);
	clock_stop();
	works(0, "notes", 3);
	fails(0, "web", 3);
	step();
	CHECK_INT(published("web")->observed, TABLE_EJECTED);
	CHECK_INT(published("web")->tier, 0);
	CHECK_INT(last_event(0)->kind, EVENT_STATE); /* and not of a tier */
	fails(0, "a", 5);
	step();
	CHECK_INT(published("a")->observed, TABLE_SUSPECT);
	CHECK_INT(published("a")->why, TABLE_WHY_LAST_USABLE);
	/* That no other is usable does not end its ejection. */
	step();
	CHECK_INT(published("web")->observed, TABLE_EJECTED);
	skew_us += 6000000;
	step();
	CHECK_INT(published("web")->observed, TABLE_HALF_OPEN);
	works(0, "web", 2);
	skew_us += 10000000;
	step();
	CHECK_INT(published("web")->observed, TABLE_SLOW_START);
	CHECK_INT(published("web")->tier, TABLE_RANK_CACHE);
	rig_close();
}

/* Near as they are, they say nothing of the way to the others. */
static void
are_no_witnesses(void)
{
	rig_open(RIG_HEAD A B WEB NOTES);
	clock_stop();
	works(0, "a", 1);
	works(0, "b", 1);
	works(0, "web", 1);
	step();
	skew_us += 5000000;
	fails_by(0, "a", 3, REASON_HOP_TIMEOUT);
	fails_by(0, "b", 3, REASON_HOP_TIMEOUT);
	works(0, "web", 5);
	step();
	CHECK(r->table->uplink_us != 0, "it is ours all the same");
	CHECK_INT(published("a")->tier, 1);
	skew_us += 1000000;
	works(0, "web", 5);
	/* Who is not ranked is judged as ever. */
	fails_by(0, "notes", 3, REASON_HOP_TIMEOUT);
	step();
	CHECK(r->table->uplink_us != 0, "a cache does not end it");
	CHECK_INT(published("notes")->observed, TABLE_EJECTED);
	works(0, "a", 1);
	step();
	CHECK_INT(r->table->uplink_us, 0);
	rig_close();
}

/* What was one of the ranked, at the same address. */
static void
become_another(void)
{
	uint32_t was;

	rig_open(RIG_HEAD A "[intermediary \"web\"]\ntype = http\n"
			    "address = 192.0.2.7:3128\n");
	works(0, "web", 1);
	step();
	was = published("web")->incarnation;
	ranking_drain(r, "web", true, "x");
	ranking_pin(r, "web", 3, "x");
	reload(RIG_HEAD A WEB);
	CHECK_STR(last_event(0)->text, "is there for something else");
	CHECK_INT(published("web")->incarnation, was + 1);
	CHECK_INT(published("web")->observed, TABLE_UNKNOWN);
	CHECK_INT(published("web")->admin, TABLE_DRAIN);
	CHECK_INT(published("web")->tier_pinned, 0);
	CHECK_INT(published("web")->tier, TABLE_RANK_CACHE);
	rig_close();
}

static const struct unit_case cases[] = {
    {"have ranks of their own", have_ranks_of_their_own},
    {"are never the last usable", are_never_the_last_usable},
    {"are no witnesses", are_no_witnesses},
    {"become another", become_another},
};

UNIT_MAIN("ranking_duty", cases)
