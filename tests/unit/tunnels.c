/* Rows of live tunnels: taken, told, given back; and rubbish in them. */
#include "shm/tunnels.h"

#include <stdlib.h>
#include <string.h>

#include "cagentd/decide/behave.h"
#include "tests/unit/ctl_rig.h"

#define NOW_US 1000000000ll

#define CONFIG                   \
	RIG_HEAD                 \
	"[intermediary \"a\"]\n" \
	"type = socks5\naddress = 192.0.2.2:1080\n"

static struct tunnels_about
about(const char *name, const char *dest)
{
	struct tunnels_about a = {.began_us = 5,
	    .user = 7,
	    .class = CLASS_BULK,
	    .why = SLAB_CLASS_BY_BEHAVIOUR,
	    .behave_why = BEHAVE_RUN,
	    .slot = TUNNELS_DIRECT,
	    .setup_us = 64};

	tunnels_name(&a, name);
	tunnels_dest(&a, dest);
	return a;
}

static void
rows(void)
{
	struct tunnels *t = calloc(1, sizeof(*t));
	struct tunnels_about a = about("login al", "a.example:1"), got;
	struct tunnels_row *r[3];
	int i;

	CHECK_INT(tunnels_next(t, 0), TUNNELS_ROWS);
	for (i = 0; i < 3; i++)
		r[i] = tunnels_take(t, &a);
	tunnels_drop(t, r[1]);
	CHECK_INT(tunnels_next(t, 1), 2);
	CHECK(!tunnels_at(t, 1, NOW_US, &got), "it has ended");
	CHECK(tunnels_take(t, &a) == r[1], "not the lowest free row");
	tunnels_moved(r[1], true, 3);
	tunnels_moved(r[1], false, 4);
	tunnels_class(r[1], CLASS_NORMAL, SLAB_CLASS_BY_RULE, 0);
	tunnels_via(r[1], 9, 2);
	CHECK(tunnels_at(t, 1, NOW_US, &got), "not there");
	CHECK(got.up == 3 && got.down == 4 && got.slot == 9 &&
		  got.incarnation == 2 && got.class == CLASS_NORMAL &&
		  got.why == SLAB_CLASS_BY_RULE && got.began_us == 5 &&
		  got.setup_us == 72,
	    "not what was written");
	CHECK_STR(got.name, "login al");
	CHECK_STR(got.dest, "a.example:1");
	tunnels_start(t);
	CHECK_INT(tunnels_next(t, 0), TUNNELS_ROWS);
	CHECK(!tunnels_at(t, 0, NOW_US, &got), "a successor's");
	free(t);
}

static void
full(void)
{
	struct tunnels *t = calloc(1, sizeof(*t));
	struct tunnels_about a = about("uid 1", "b.example:2");
	struct tunnels_row *r = NULL;
	int i;

	for (i = 0; i < TUNNELS_ROWS; i++)
		r = tunnels_take(t, &a);
	CHECK(r == &t->rows[TUNNELS_ROWS - 1], "not the last");
	CHECK(tunnels_take(t, &a) == NULL, "one more");
	tunnels_drop(t, NULL);
	tunnels_moved(NULL, true, 1);
	tunnels_drop(t, &t->rows[4097]);
	CHECK(tunnels_take(t, &a) == &t->rows[4097], "not what is free");
	free(t);
}

static void
rubbish(void)
{
	struct tunnels *t = malloc(sizeof(*t));
	struct tunnels_about a = about("x", "y"), got;

	memset(t, 0xff, sizeof(*t));
	CHECK(!tunnels_at(t, 0, NOW_US, &got), "an odd sequence");
	t->rows[0].sequence = 2;
	CHECK(!tunnels_at(t, 0, NOW_US, &got), "it began before all time");
	t->rows[0].began_us = INT64_MAX;
	CHECK(tunnels_at(t, 0, NOW_US, &got), "not there");
	CHECK_INT(got.began_us, NOW_US);
	CHECK_INT(got.up, 1ll << 44);
	CHECK_INT(got.setup_us, 0);
	CHECK_STR(got.name, "???????????????????????????????");
	CHECK(!tunnels_at(t, TUNNELS_ROWS, NOW_US, &got), "beyond the end");
	CHECK_INT(tunnels_next(t, UINT32_MAX), TUNNELS_ROWS);
	free(t);
	a = about("login a-name-that-is-much-too-long-for-a-row",
	    "a-host.of.a.name.that.is.much.too.long.example.com:443");
	CHECK_STR(a.name, "login a-name-that-is-much-to...");
	CHECK_STR(a.dest, "...a.name.that.is.much.too.long.example.com:443");
}

/* As the control process tells it, over all workers. */
static void
told(void)
{
	struct tunnels_about a = about("login al", "a.example:1");
	struct tunnels_about b = about("uid 1", "b.example:2");
	json_t *lines;
	const json_t *o, *one;

	rig_open(CONFIG);
	b.slot = rig_row("a")->slot;
	b.incarnation = rig_row("a")->incarnation;
	b.class = 250;
	tunnels_moved(tunnels_take(&rig_slabs[0]->live, &a), true, 10);
	tunnels_moved(tunnels_take(&rig_slabs[1]->live, &a), false, 20);
	tunnels_take(&rig_slabs[1]->live, &b);
	lines = rig_answer("tunnels", false);
	o = rig_first(lines, true);
	CHECK_INT(json_array_size(json_object_get(o, "tunnels")), 3);
	one = json_array_get(json_object_get(o, "tunnels"), 0);
	CHECK_STR(rig_str(one, "class"), "bulk");
	CHECK_STR(rig_str(one, "why"), "behaviour");
	CHECK_STR(rig_str(one, "via"), "direct");
	CHECK_INT(rig_int(one, "setup_us"), 72);
	one = json_array_get(json_object_get(o, "tunnels"), 2);
	CHECK_STR(rig_str(one, "class"), "class 250");
	CHECK_STR(rig_str(one, "via"), "a");
	one = json_array_get(json_object_get(o, "users"), 0);
	CHECK_STR(rig_str(one, "user"), "login al");
	CHECK_INT(rig_int(one, "tunnels"), 2);
	CHECK_INT(rig_int(one, "bytes_up"), 10);
	CHECK_INT(rig_int(one, "bytes_down"), 20);
	json_decref(lines);
	lines = rig_answer("tunnels user=al class=bulk via=direct", false);
	o = rig_first(lines, true);
	CHECK_INT(json_array_size(json_object_get(o, "tunnels")), 2);
	json_decref(lines);
	lines = rig_answer("tunnels host=B.EX", false);
	o = rig_first(lines, true);
	CHECK_INT(json_array_size(json_object_get(o, "tunnels")), 1);
	json_decref(lines);
	rig_refused("tunnels name=x", false, "usage");
	rig_close();
}

static void
many(void)
{
	struct tunnels_about a = about("uid 1", "b.example:2");
	json_t *lines;
	const json_t *o;
	int i;

	rig_open(CONFIG);
	for (i = 0; i < 15000; i++)
		tunnels_take(&rig_slabs[0]->live, &a);
	lines = rig_answer("tunnels", false);
	o = rig_first(lines, true);
	CHECK_INT(json_array_size(json_object_get(o, "tunnels")), 15000);
	CHECK_INT(rig_int(o, "left_out"), 0);
	json_decref(lines);
	rig_close();
}

static void
classes(void)
{
	const json_t *o, *one;
	json_t *lines;

	rig_open(CONFIG "[link]\nbandwidth = 8mbit up, 80mbit down\n");
	hist_add(&rig_slabs[0]->classes[CLASS_BULK].setup, 64);
	hist_add(&rig_slabs[1]->classes[CLASS_BULK].setup, 1 << 20);
	hist_add(&rig_slabs[0]->classes[CLASS_BULK].waited, 1 << 20);
	hist_add(&rig_slabs[1]->classes[CLASS_BULK].waited, 64);
	slab_add(&rig_slabs[0]->classes[CLASS_BULK].datagrams_dropped, 2);
	slab_add(&rig_slabs[1]->classes[CLASS_BULK].datagrams_dropped, 3);
	rig_slabs[0]->classes[CLASS_BULK].tunnels = 2;
	rig_slabs[1]->classes[CLASS_BULK].tunnels = 3;
	rig_slabs[1]->classes[CLASS_BULK].came = UINT64_MAX;
	rig_slabs[0]->classes[CLASS_BULK].began[SLAB_CLASS_BY_RULE] = 4;
	lines = rig_answer("classes", false);
	o = rig_first(lines, true);
	one = json_array_get(json_object_get(o, "classes"), CLASS_BULK);
	CHECK_STR(rig_str(one, "name"), "bulk");
	CHECK_INT(rig_int(one, "tunnels"), 5);
	CHECK_INT(rig_int(one, "came"), 1ll << 48);
	CHECK_INT(rig_int(json_object_get(one, "setup"), "p50_us"), 72);
	CHECK_INT(rig_int(json_object_get(one, "setup"), "p95_us"), 1179648);
	CHECK_INT(rig_int(json_object_get(one, "waited"), "p50_us"), 72);
	CHECK_INT(rig_int(json_object_get(one, "waited"), "p95_us"), 1179648);
	CHECK_INT(rig_int(one, "datagrams_dropped"), 5);
	CHECK_INT(rig_int(json_object_get(o, "link"), "up"), 8000000);
	CHECK_INT(rig_int(json_object_get(o, "link"), "down"), 80000000);
	CHECK_INT(rig_int(json_object_get(one, "began"), "rule"), 4);
	json_decref(lines);
	rig_close();
}

/* One that is gone is there while anything runs in it. */
static void
gone(void)
{
	struct settings_class *c;
	const json_t *o, *list;
	json_t *lines;

	rig_open(CONFIG "[class \"calls\"]\n");
	c = &rig_control.settings->classes[CLASS_BUILT_IN];
	c->gone = true;
	lines = rig_answer("classes", false);
	o = rig_first(lines, true);
	CHECK_INT(
	    json_array_size(json_object_get(o, "classes")), CLASS_BUILT_IN);
	json_decref(lines);
	rig_slabs[0]->classes[CLASS_BUILT_IN].tunnels = 1;
	lines = rig_answer("classes", false);
	o = rig_first(lines, true);
	list = json_object_get(o, "classes");
	CHECK_INT(json_array_size(list), CLASS_BUILT_IN + 1);
	CHECK_STR(
	    rig_str(json_array_get(list, CLASS_BUILT_IN), "name"), "calls");
	json_decref(lines);
	rig_close();
}

static const struct unit_case cases[] = {
    {"rows", rows},
    {"full", full},
    {"rubbish", rubbish},
    {"told", told},
    {"many", many},
    {"classes", classes},
    {"a class that is gone", gone},
};

UNIT_MAIN("tunnels", cases)
