/* Our own uplink, over a real table and real slabs: who is moved when nobody
 * answers, what is told, and what a restart makes of it. */
#include "cagentd/control/ranking.h"

#include "tests/unit/ranking_rig.h"

#define LOOK_US 250000

static const char *const names[] = {"a", "b", "c"};

static void
time_out(const char *name, uint64_t n)
{
	fails_by(0, name, n, REASON_HOP_TIMEOUT);
}

static void
after(int64_t us)
{
	skew_us += us;
	step();
}

static uint32_t
events_of(enum event_kind kind)
{
	const struct events *ev = &rig_control.events;
	uint32_t n = 0;
	uint64_t id;

	for (id = events_first(ev); id <= ev->last_id; id++)
		n += events_get(ev, id)->kind == kind;
	return n;
}

static void
all_work(void)
{
	int i, k;

	rig_open(ABC);
	for (i = 0; i < 4; i++) {
		for (k = 0; k < 3; k++)
			works(k % 2, names[k], 5);
		after(LOOK_US);
	}
}

/* Everything times out for ten seconds, and is back. */
static void
pulled(void)
{
	uint64_t before;
	int i, k;

	all_work();
	before = rig_control.events.last_id;
	skew_us += 3000000;
	for (i = 0; i < 40; i++) {
		for (k = 0; k < 3; k++)
			time_out(names[k], 3);
		after(LOOK_US);
	}
	CHECK_INT(events_of(EVENT_UPLINK), 1);
	CHECK_INT(rig_control.events.last_id, before + 1);
	CHECK_INT(last_event(0)->why, TABLE_WHY_UPLINK_DOWN);
	CHECK_STR(last_event(0)->text,
	    "our own uplink is suspected: 3 of 3 intermediaries do not answer, "
	    "and none does; ranks are held");
	CHECK(published("a")->charged >= 120, "nothing was charged");
	CHECK(r->table->uplink_us != 0, "not in the table");
	works(0, "b", 1);
	time_out("a", 5);
	after(LOOK_US);
	time_out("a", 5);
	time_out("c", 5);
	works(0, "b", 1);
	after(LOOK_US);
	for (k = 0; k < 3; k++) {
		CHECK_INT(published(names[k])->observed, TABLE_UP);
		CHECK_STR(published(names[k])->reason, "requests succeed");
	}
	CHECK_INT(events_of(EVENT_UPLINK), 2);
	CHECK_INT(rig_control.events.last_id, before + 2);
	CHECK_INT(last_event(0)->why, TABLE_WHY_UPLINK_UP);
	CHECK_STR(last_event(0)->text,
	    "our own uplink is back after 10 s: b answers; ranks move again");
	CHECK_INT(r->table->uplink_us, 0);
	rig_close();
}

/* The same failures, but for one that works: the others are dead. */
static void
dead_but_one(void)
{
	int i;

	all_work();
	for (i = 0; i < 12; i++) {
		works(0, "c", 1);
		after(LOOK_US);
	}
	time_out("a", 3);
	time_out("b", 3);
	after(1000);
	CHECK_INT(published("a")->observed, TABLE_EJECTED);
	CHECK_INT(published("b")->observed, TABLE_EJECTED);
	CHECK_INT(published("c")->observed, TABLE_UP);
	CHECK_STR(published("a")->reason,
	    "the intermediary did not answer in time, 3 in a row");
	CHECK_INT(events_of(EVENT_UPLINK), 0);
	rig_close();
}

/* Those who are out stay out for no longer, slow starts wait. */
static void
holds(void)
{
	int64_t next;
	int i;

	all_work();
	fails(0, "a", 3);
	step();
	CHECK_INT(published("a")->observed, TABLE_EJECTED);
	after(10000000);
	CHECK_INT(published("a")->observed, TABLE_HALF_OPEN);
	works(0, "a", 2);
	step();
	CHECK_INT(published("a")->observed, TABLE_SLOW_START);
	skew_us += 29000000;
	for (i = 0; i < 6; i++) {
		time_out("b", 1);
		time_out("c", 1);
		next = ranking_step(r);
		skew_us += LOOK_US;
	}
	CHECK(r->table->uplink_us != 0, "not down");
	after(2000000);
	CHECK_INT(published("a")->observed, TABLE_SLOW_START);
	skew_us += LOOK_US;
	next = ranking_step(r);
	CHECK(next > mono_us() + 1000000, "busy for nothing: %lld us",
	    (long long)(next - mono_us()));
	works(0, "b", 1);
	after(LOOK_US);
	CHECK_INT(published("a")->observed, TABLE_UP);
	CHECK_INT(published("a")->ejections, 1);
	rig_close();
}

static void
restart(void)
{
	struct slab *slabs[RIG_WORKERS];
	int i;

	for (i = 0; i < RIG_WORKERS; i++) {
		slabs[i] = r->slabs[i];
		r->slabs[i] = NULL;
	}
	ranking_free(r);
	memset(&rig_control.events, 0, sizeof(rig_control.events));
	ranking_init(r, rig_table_fd, &rig_control.events);
	for (i = 0; i < RIG_WORKERS; i++)
		r->slabs[i] = slabs[i];
	ranking_settings(r, rig_control.settings);
	ranking_publish(r);
}

/* It is told once, whoever tells it. */
static void
restarts(void)
{
	int64_t since;
	int k;

	all_work();
	skew_us += 3000000;
	for (k = 0; k < 3; k++)
		time_out(names[k], 3);
	step();
	since = r->table->uplink_us;
	CHECK(since != 0, "not down");
	restart();
	CHECK_INT(r->table->uplink_us, since);
	after(LOOK_US);
	for (k = 0; k < 3; k++)
		time_out(names[k], 3);
	after(LOOK_US);
	CHECK_INT(rig_control.events.last_id, 0);
	CHECK(!ranking_goes_direct(r), "direct");
	works(0, "c", 1);
	after(LOOK_US);
	CHECK_INT(rig_control.events.last_id, 1);
	CHECK_INT(last_event(0)->why, TABLE_WHY_UPLINK_UP);
	CHECK_INT(r->table->uplink_us, 0);
	/* After a long time nothing of it is worth anything. */
	r->table->uplink_us = since;
	ranking_publish(r);
	skew_us += RANKING_STALE_US + 100000000;
	restart();
	CHECK_INT(r->table->uplink_us, 0);
	rig_close();
}

static void
direct(void)
{
	int k;

	all_work();
	slab_add(&rig_slabs[0]->direct, 5);
	CHECK(!ranking_goes_direct(r), "not down");
	for (k = 0; k < 3; k++)
		time_out(names[k], 3);
	skew_us += 3000000;
	step();
	CHECK(r->table->uplink_us != 0, "not down");
	CHECK(!ranking_goes_direct(r), "before it was down");
	slab_add(&rig_slabs[1]->direct, 1);
	CHECK(ranking_goes_direct(r), "not seen");
	after(LOOK_US);
	CHECK(r->table->uplink_us != 0, "released by what says nothing");
	rig_close();
}

static const struct unit_case cases[] = {
    {"pulled, and back", pulled},
    {"all dead but one", dead_but_one},
    {"holds the ranks", holds},
    {"restarts", restarts},
    {"what goes direct", direct},
};

UNIT_MAIN("ranking_uplink", cases)
