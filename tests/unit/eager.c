/* What is learned of who bears a handshake all at once. */
#include "cagentd/worker/dial/eager.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#define NOW 1000000000ll

struct rig {
	struct slab *slab;
	struct path_load *loads;
	struct record record;
	struct record_hop hop;
	int64_t now;
};

static void
rig_init(struct rig *r)
{
	r->slab = calloc(1, sizeof(*r->slab));
	r->loads = calloc(TABLE_ROWS_MAX, sizeof(*r->loads));
	r->record =
	    (struct record){.slab = r->slab, .loads = r->loads, .wake_fd = -1};
	r->hop = (struct record_hop){3, 7};
	r->now = NOW;
	record_enter(&r->record, r->hop);
}

static void
rig_fini(struct rig *r)
{
	free(r->slab);
	free(r->loads);
}

static struct attempt_target
asked(struct rig *r, const char *user)
{
	struct attempt_target t = {.type = HOP_SOCKS5, .user = user};

	eager_ask(&r->record, r->hop, r->now, &t);
	return t;
}

static void
hear(struct rig *r, enum attempt_news news, bool logged_in)
{
	const struct attempt_result a = {.news = news, .logged_in = logged_in};

	eager_learn(&r->record, r->hop, &a, r->now);
}

static void
check_manner(struct rig *r, enum attempt_manner want)
{
	enum attempt_manner is = asked(r, NULL).manner;

	CHECK(is == want, "manner %d, not %d", (int)is, (int)want);
}

/* First in steps; then one is the trial, and the others wait for it. */
static void
tries_once_it_has_served(void)
{
	struct rig r;

	rig_init(&r);
	check_manner(&r, ATTEMPT_STEPWISE);
	check_manner(&r, ATTEMPT_STEPWISE);
	hear(&r, ATTEMPT_NEWS_STEPWISE, false);
	check_manner(&r, ATTEMPT_TRYING);
	check_manner(&r, ATTEMPT_STEPWISE);
	hear(&r, ATTEMPT_NEWS_STEPWISE, false);
	check_manner(&r, ATTEMPT_STEPWISE);
	hear(&r, ATTEMPT_NEWS_BORNE, false);
	check_manner(&r, ATTEMPT_EAGER);
	check_manner(&r, ATTEMPT_EAGER);
	hear(&r, ATTEMPT_NEWS_DOUBT, false);
	check_manner(&r, ATTEMPT_STEPWISE);
	hear(&r, ATTEMPT_NEWS_STEPWISE, false);
	check_manner(&r, ATTEMPT_TRYING);
	rig_fini(&r);
}

static void
tries_again_after_long(void)
{
	int64_t wait = EAGER_AGAIN_US;
	struct rig r;
	int i;

	rig_init(&r);
	hear(&r, ATTEMPT_NEWS_STEPWISE, false);
	check_manner(&r, ATTEMPT_TRYING); /* and nothing is told of it */
	r.now += EAGER_TRIAL_US - 1;
	check_manner(&r, ATTEMPT_STEPWISE);
	r.now++;
	check_manner(&r, ATTEMPT_TRYING);
	hear(&r, ATTEMPT_NEWS_SWALLOWED, false);
	hear(&r, ATTEMPT_NEWS_STEPWISE, false);
	r.now += EAGER_LONG_US - 1;
	check_manner(&r, ATTEMPT_STEPWISE);
	r.now++;
	check_manner(&r, ATTEMPT_TRYING);
	for (i = 0; i < 10; i++) {
		hear(&r, ATTEMPT_NEWS_UNSURE, false);
		r.now += wait - 1;
		check_manner(&r, ATTEMPT_STEPWISE);
		r.now++;
		check_manner(&r, ATTEMPT_TRYING);
		wait = wait * 2 < EAGER_LONG_US ? wait * 2 : EAGER_LONG_US;
	}
	rig_fini(&r);
}

/* The login goes to nobody who has not asked for it. */
static void
offers_the_login_to_who_asks(void)
{
	struct attempt_target t;
	struct rig r;

	rig_init(&r);
	hear(&r, ATTEMPT_NEWS_STEPWISE, false);
	hear(&r, ATTEMPT_NEWS_BORNE, false);
	t = asked(&r, "fred");
	CHECK(t.manner == ATTEMPT_EAGER && t.no_login, "none was asked for");
	/* It does now. */
	hear(&r, ATTEMPT_NEWS_STEPWISE, true);
	t = asked(&r, "fred");
	CHECK(t.manner == ATTEMPT_TRYING && !t.no_login, "one was");
	hear(&r, ATTEMPT_NEWS_BORNE, true);
	t = asked(&r, "fred");
	CHECK(t.manner == ATTEMPT_EAGER && !t.no_login, "and still is");
	check_manner(&r, ATTEMPT_STEPWISE); /* there is none any more */
	rig_fini(&r);
}

static void
knows_whom_it_is_about(void)
{
	struct attempt_target t = {.type = HOP_HTTP};
	struct slab_sample sample;
	struct rig r;

	rig_init(&r);
	hear(&r, ATTEMPT_NEWS_STEPWISE, false);
	hear(&r, ATTEMPT_NEWS_BORNE, false);
	slab_sample(r.slab, r.hop.slot, NOW, &sample);
	CHECK_INT(sample.eager, SLAB_EAGER_YES);
	eager_ask(&r.record, r.hop, r.now, &t);
	CHECK_INT(t.manner, ATTEMPT_STEPWISE);
	t = (struct attempt_target){.type = HOP_SOCKS5, .associate = true};
	eager_ask(&r.record, r.hop, r.now, &t);
	CHECK_INT(t.manner, ATTEMPT_STEPWISE);
	/* A successor finds it; the slot's next tenant does not. */
	slab_start(r.slab, 99);
	check_manner(&r, ATTEMPT_EAGER);
	r.hop.incarnation++;
	check_manner(&r, ATTEMPT_STEPWISE);
	record_enter(&r.record, r.hop);
	check_manner(&r, ATTEMPT_STEPWISE);
	hear(&r, ATTEMPT_NEWS_STEPWISE, false);
	check_manner(&r, ATTEMPT_TRYING);
	rig_fini(&r);
}

static const struct unit_case cases[] = {
    {"tries once it has served", tries_once_it_has_served},
    {"tries again after long", tries_again_after_long},
    {"offers the login to who asks", offers_the_login_to_who_asks},
    {"knows whom it is about", knows_whom_it_is_about},
};

UNIT_MAIN("eager", cases)
