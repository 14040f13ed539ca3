/* The ring of events: ids, what is overwritten, and who is told. */
#include "cagentd/control/events.h"

#include <stdio.h>
#include <string.h>

#include "base/mono.h"
#include "tests/unit/unit.h"

static struct events ev;

static void
clear(void)
{
	memset(&ev, 0, sizeof(ev));
}

static void
add_numbers(uint64_t n)
{
	uint64_t i;

	for (i = 0; i < n; i++)
		events_add(&ev, EVENT_NOTE, "", "%llu",
		    (unsigned long long)(ev.last_id + 1));
}

static void
empty(void)
{
	clear();
	CHECK_INT(events_first(&ev), 1);
	CHECK_INT(ev.last_id, 0);
	CHECK(events_get(&ev, 0) == NULL, "event 0");
	CHECK(events_get(&ev, 1) == NULL, "event 1 before it came");
	CHECK(events_get(&ev, UINT64_MAX) == NULL, "the last id there is");
}

static void
one(void)
{
	const struct event *e;
	int64_t before = mono_wall_us();

	clear();
	events_add(&ev, EVENT_ADMIN, "hq-1", "drained by %s %d", "uid", 7);
	e = events_get(&ev, 1);
	CHECK(e != NULL, "no event 1");
	CHECK_INT(e->id, 1);
	CHECK_INT(e->kind, EVENT_ADMIN);
	CHECK_STR(e->name, "hq-1");
	CHECK_STR(e->text, "drained by uid 7");
	CHECK(e->wall_us >= before && e->wall_us <= mono_wall_us(), "its time");
	CHECK_INT(e->why, TABLE_WHY_NONE);
	CHECK(events_get(&ev, 2) == NULL, "event 2");
	events_add_why(&ev, EVENT_TIER, TABLE_WHY_SLOW, "hq-1", "tier %d", 2);
	e = events_get(&ev, 2);
	CHECK_INT(e->kind, EVENT_TIER);
	CHECK_INT(e->why, TABLE_WHY_SLOW);
	CHECK_STR(e->text, "tier 2");
}

/* Before, at and after the point where the oldest goes. */
static void
ring(void)
{
	static const struct {
		uint64_t n, first;
	} fills[] = {
	    {1, 1},
	    {EVENTS_MAX - 1, 1},
	    {EVENTS_MAX, 1},
	    {EVENTS_MAX + 1, 2},
	    {2 * EVENTS_MAX, EVENTS_MAX + 1},
	    {3 * EVENTS_MAX + 5, 2 * EVENTS_MAX + 6},
	};
	const struct event *e;
	char text[32];
	uint64_t id;
	size_t i;

	for (i = 0; i < sizeof(fills) / sizeof(*fills); i++) {
		clear();
		add_numbers(fills[i].n);
		CHECK_INT(ev.last_id, fills[i].n);
		CHECK_INT(events_first(&ev), fills[i].first);
		CHECK(events_get(&ev, fills[i].first - 1) == NULL,
		    "%llu: one that is gone", (unsigned long long)fills[i].n);
		CHECK(events_get(&ev, fills[i].n + 1) == NULL,
		    "%llu: one to come", (unsigned long long)fills[i].n);
		for (id = fills[i].first; id <= fills[i].n; id++) {
			e = events_get(&ev, id);
			snprintf(
			    text, sizeof(text), "%llu", (unsigned long long)id);
			CHECK(e != NULL && e->id == id &&
				  strcmp(e->text, text) == 0,
			    "event %s", text);
		}
	}
}

static void
long_texts(void)
{
	char name[200], text[400];
	const struct event *e;

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	memset(text, 't', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	clear();
	events_add(&ev, EVENT_NOTE, name, "%s", text);
	e = events_get(&ev, 1);
	CHECK_INT(strlen(e->name), TABLE_NAME_MAX);
	CHECK_INT(strlen(e->text), EVENTS_TEXT_MAX);
	events_add(&ev, EVENT_NOTE, "", "%s", "100 %s %n");
	CHECK_STR(events_get(&ev, 2)->text, "100 %s %n");
}

struct heard {
	int n;
	uint64_t id, last_id;
};

static void
hear(void *arg, const struct event *e)
{
	struct heard *h = arg;

	h->n++;
	h->id = e->id;
	h->last_id = ev.last_id;
	CHECK(events_get(&ev, e->id) == e, "told before it was there");
}

static void
told(void)
{
	struct heard h = {0};

	clear();
	add_numbers(1);
	ev.added = hear;
	ev.arg = &h;
	add_numbers(EVENTS_MAX + 2);
	CHECK_INT(h.n, EVENTS_MAX + 2);
	CHECK_INT(h.id, EVENTS_MAX + 3);
	CHECK_INT(h.last_id, h.id);
	ev.added = NULL;
	add_numbers(1);
	CHECK_INT(h.n, EVENTS_MAX + 2);
}

static void
words(void)
{
	static const char *const want[] = {
	    [EVENT_STATE] = "state",
	    [EVENT_TIER] = "tier",
	    [EVENT_ADMIN] = "admin",
	    [EVENT_CONFIG] = "config",
	    [EVENT_UPLINK] = "uplink",
	    [EVENT_POLICY] = "policy",
	    [EVENT_LINK] = "link",
	    [EVENT_NOTE] = "note",
	    [EVENT_KIND_COUNT] = "?",
	};
	int i;

	for (i = 0; i <= EVENT_KIND_COUNT; i++)
		CHECK_STR(events_kind_word((enum event_kind)i), want[i]);
}

static const struct unit_case cases[] = {
    {"empty", empty},
    {"one", one},
    {"the ring", ring},
    {"long texts", long_texts},
    {"who follows is told", told},
    {"words", words},
};

UNIT_MAIN("events", cases)
