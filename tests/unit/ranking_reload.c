/* What of the picture outlives a reload or a restart, and what must not. */
#include "cagentd/control/ranking.h"

#include "tests/unit/ranking_rig.h"

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

/* The control process dies, and another takes its place. */
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

/* What is the same after a reload keeps its state; what is not does not. */
static void
reloads(void)
{
	uint32_t slot_b, slot_c;

	rig_open(ABC);
	fails(0, "a", 3);
	works(0, "b", 4);
	works(0, "c", 4);
	step();
	ranking_drain(r, "b", true, "x");
	ranking_pin(r, "c", 5, "x");
	slot_b = rig_row("b")->slot;
	slot_c = rig_row("c")->slot;
	reload(RIG_HEAD ONE("d", "192.0.2.4:1080", "1") ONE(
	    "c", "192.0.2.33:1080", "2") A ONE("e", "192.0.2.5:1080", "1"));
	step();
	CHECK_INT(r->table->rows_n, 4);
	CHECK_INT(published("a")->observed, TABLE_EJECTED);
	CHECK_INT(published("c")->observed, TABLE_UNKNOWN);
	CHECK_INT(published("c")->attempts, 0);
	CHECK_INT(published("c")->slot, slot_c);
	CHECK_INT(published("c")->incarnation, 2);
	CHECK_INT(published("c")->tier, 5); /* the order stands */
	CHECK_INT(published("d")->slot, slot_b);
	CHECK_INT(published("d")->incarnation, 2);
	CHECK_INT(published("d")->admin, TABLE_ENABLED);
	CHECK_INT(published("d")->attempts, 0);
	CHECK_INT(published("e")->slot, 3);
	CHECK_INT(published("e")->incarnation, 1);
	rig_close();
}

/* Another server under an old name: orders stand, nothing else does. */
static void
other_servers(void)
{
	rig_open(ABC);
	fails(0, "a", 2);
	works(0, "b", 1);
	works(0, "c", 1);
	step();
	CHECK_INT(published("a")->observed, TABLE_SUSPECT);
	ranking_drain(r, "b", true, "x");
	reload(RIG_HEAD ONE("a", "192.0.2.1:1081", "1") ONE("b",
	    "192.0.2.22:1080", "1") "[intermediary \"c\"]\ntype = http\n"
				    "address = 192.0.2.3:1080\ntier = 2\n");
	CHECK_INT(published("a")->incarnation, 2);
	CHECK_INT(published("a")->port, 1081);
	CHECK_INT(published("b")->incarnation, 2);
	CHECK_INT(published("b")->admin, TABLE_DRAIN);
	CHECK_INT(published("c")->incarnation, 2);
	CHECK_INT(published("c")->type, TABLE_HTTP);
	/* One failure is the first. */
	fails(0, "a", 1);
	step();
	CHECK_INT(published("a")->observed, TABLE_SUSPECT);
	CHECK_STR(
	    published("a")->reason, "the intermediary refused the connection");
	rig_close();
}

static void
reload_events(void)
{
	static const struct {
		const char *name, *text;
		enum table_why why;
	} want[] = {{"b", "removed", TABLE_WHY_REMOVED},
	    {"a", "configured for tier 3, was 1", TABLE_WHY_CONFIGURED},
	    {"c", "has another address", TABLE_WHY_NEW_ADDRESS},
	    {"d", "added", TABLE_WHY_ADDED}};
	const struct event *e;
	size_t i;

	rig_open(ABC);
	reload(RIG_HEAD ONE("a", "192.0.2.1:1080", "3") ONE(
	    "c", "192.0.2.33:1080", "2") ONE("d", "192.0.2.4:1080", "1"));
	CHECK_INT(rig_control.events.last_id, 4);
	for (i = 0; i < 4; i++) {
		e = events_get(&rig_control.events, i + 1);
		CHECK_INT(e->kind, EVENT_CONFIG);
		CHECK_STR(e->name, want[i].name);
		CHECK_STR(e->text, want[i].text);
		CHECK_INT(e->why, want[i].why);
	}
	CHECK_STR(published("a")->reason, "configured for tier 3, was 1");
	CHECK_INT(published("a")->why, TABLE_WHY_CONFIGURED);
	CHECK_INT(published("c")->why, TABLE_WHY_UNUSED);
	CHECK_INT(published("a")->tier, 3);
	/* The same again is no news. */
	reload(RIG_HEAD ONE("a", "192.0.2.1:1080", "3") ONE(
	    "c", "192.0.2.33:1080", "2") ONE("d", "192.0.2.4:1080", "1"));
	CHECK_INT(rig_control.events.last_id, 4);
	rig_close();
}

/* State and orders outlive the process; old counts are not judged again. */
static void
restarts(void)
{
	rig_open(ABC);
	works(0, "a", 10);
	works(0, "b", 1);
	step();
	fails(0, "b", 3);
	step();
	ranking_pin(r, "a", 4, "x");
	ranking_drain(r, "c", true, "x");
	fails(0, "a", 2);
	step();
	CHECK_INT(published("a")->observed, TABLE_SUSPECT);
	fails(0, "a", 20);
	restart();
	CHECK_INT(published("a")->observed, TABLE_SUSPECT);
	CHECK_INT(published("a")->tier, 4);
	CHECK_INT(published("b")->observed, TABLE_EJECTED);
	CHECK_INT(published("b")->tier, 0);
	CHECK_INT(published("c")->admin, TABLE_DRAIN);
	CHECK_INT(rig_control.events.last_id, 0);
	step();
	CHECK_INT(published("a")->observed, TABLE_SUSPECT);
	CHECK_INT(published("a")->attempts, 32);
	CHECK_STR(
	    published("a")->reason, "the intermediary refused the connection");
	CHECK_INT(published("b")->observed, TABLE_EJECTED);
	works(0, "a", 1);
	step();
	CHECK_INT(published("a")->observed, TABLE_SUSPECT); /* too soon */
	skew_us += RANK_GAP_US;
	step();
	CHECK_INT(published("a")->observed, TABLE_UP);
	CHECK_INT(published("b")->observed, TABLE_HALF_OPEN);
	rig_close();
}

/* A name that was removed before the restart is forgotten, but the slabs are
 * not: who gets its slot must not get its counts. */
static void
forgotten_tenant(void)
{
	uint32_t slot;

	rig_open(ABC);
	fails(0, "c", 50);
	fails(1, "b", 50);
	reload(RIG_HEAD A);
	restart();
	reload(RIG_HEAD A ONE("d", "192.0.2.4:1080", "1")
		ONE("e", "192.0.2.5:1080", "1"));
	step();
	CHECK_INT(published("d")->attempts, 0);
	CHECK_INT(published("e")->attempts, 0);
	CHECK_INT(published("d")->observed, TABLE_UNKNOWN);
	/* Nor when the numbers come round: 0 is nobody's, 1 is still b's. */
	slot = rig_row("d")->slot;
	atomic_store(&rig_slabs[0]->rows[slot].incarnation, UINT32_MAX);
	r->incarnations[slot] = UINT32_MAX - 1;
	reload(RIG_HEAD A ONE("d", "192.0.2.44:1080", "1"));
	CHECK_INT(rig_row("d")->incarnation, 2);
	rig_close();
}

/* As many as there may be; all replaced by others in one reload. */
static void
full_table(void)
{
	const size_t size = 200000;
	char *text = malloc(size);
	uint32_t i, seen = 0;
	size_t len;
	int make;

	for (make = 0; make < 2; make++) {
		len = (size_t)snprintf(text, size, "%s", RIG_HEAD);
		for (i = 0; i < SETTINGS_INTERMEDIARIES_MAX; i++)
			len += (size_t)snprintf(text + len, size - len,
			    "[intermediary \"%c%u\"]\ntype = http\n"
			    "address = 192.0.2.1:%u\ntier = 1\n",
			    'x' + make, i, i + 1);
		if (make == 0)
			rig_open(text);
		else
			reload(text);
	}
	CHECK_INT(r->table->rows_n, TABLE_ROWS_MAX);
	for (i = 0; i < r->table->rows_n; i++) {
		CHECK(r->table->rows[i].incarnation == 2, "row %u", i);
		seen += r->table->rows[i].slot;
	}
	CHECK_INT(seen, TABLE_ROWS_MAX * (TABLE_ROWS_MAX - 1) / 2);
	step();
	free(text);
	rig_close();
}

static const struct unit_case cases[] = {
    {"a reload keeps what is the same", reloads},
    {"a reload brings other servers", other_servers},
    {"a reload tells what is not", reload_events},
    {"a restart forgets no state", restarts},
    {"a new tenant does not inherit", forgotten_tenant},
    {"a full table", full_table},
};

UNIT_MAIN("ranking_reload", cases)
