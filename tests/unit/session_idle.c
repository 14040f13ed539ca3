/* What an idle tunnel holds: its session and nothing else; and that what a
 * burst took is given back. */
#include <malloc.h>
#include <stdio.h>

#include "base/loop_impl.h"
#include "cagentd/worker/session_impl.h"
#include "cagentd/worker/slack.h"
#include "tests/unit/session_rig.h"
#include "tests/unit/unit.h"

/* A sanitizer's memory is not the C library's, and is not measured. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_NO_MALLOC true
#endif
#endif
#if !defined(HAS_NO_MALLOC) && defined(__SANITIZE_ADDRESS__)
#define HAS_NO_MALLOC true
#elif !defined(HAS_NO_MALLOC)
#define HAS_NO_MALLOC false
#endif

/* With whatever the C library adds, 15,000 of them are 15 MiB. */
#define TUNNEL_MAX 1024
#define TUNNELS	   100

/* Of the loop, whose records and heap only ever grow: they are counted as if
 * nobody had them before. */
#define LOOP_PART (2 * sizeof(struct loop_fd) + sizeof(struct op *))

static void
use(struct rig *rig, int fd)
{
	say(fd, LIT("ping"));
	expect(rig, fd, "ping", 4);
}

static void
open_all(struct rig *rig)
{
	int i;

	for (i = 0; i < TUNNELS; i++)
		use(rig, open_tunnel(rig, 0));
}

static void
close_all(struct rig *rig)
{
	int i;

	for (i = 0; i < rig->clients_n; i++)
		close_client(rig, i, false);
	RIG_UNTIL(rig->agent->loop, LIST_EMPTY(&rig->sessions));
	rig_settle(rig->agent->loop);
	rig->clients_n = rig->ended = 0;
	rig->agent->slab.accepted = 0;
}

static size_t
in_use(void)
{
	return mallinfo2().uordblks;
}

static size_t
fakes_part(struct rig *rig)
{
	struct fake_conn *c;
	size_t n = 0;

	LIST_FOREACH (c, &rig->fakes[0]->conns, entry)
		n += malloc_usable_size(c) + sizeof(size_t);
	return n;
}

static void
holds_little(void)
{
	struct rig *rig = rig_new();
	size_t before, bytes;

	add(rig, FAKE_ECHO);
	configure(rig, "");
	open_all(rig); /* what grows but once */
	close_all(rig);
	before = in_use();
	open_all(rig);
	bytes = (in_use() - before - fakes_part(rig)) / TUNNELS + LOOP_PART;
	printf("an idle tunnel: %zu bytes\n", bytes);
	CHECK(HAS_NO_MALLOC || bytes > sizeof(struct session),
	    "%zu bytes cannot be", bytes);
	CHECK(HAS_NO_MALLOC || bytes <= TUNNEL_MAX, "%zu bytes", bytes);
	CHECK_INT(rig->env.slack.now, TUNNELS * sizeof(struct session));
	rig_free(rig);
}

/* Who has said nothing yet may have to be brought by another path, for which
 * the way to it is kept: more, but not without limit. */
static void
sizes(void)
{
	CHECK(sizeof(struct session) + LOOP_PART + 2 * sizeof(size_t) <=
		  TUNNEL_MAX,
	    "a session has %zu bytes", sizeof(struct session));
	CHECK(sizeof(struct setup) <= 12 * 1024, "a setup has %zu bytes",
	    sizeof(struct setup));
	CHECK(sizeof(struct loop_fd) <= 128, "an fd's record has %zu bytes",
	    sizeof(struct loop_fd));
}

/* Half of the most there was, and enough to be worth it. */
static void
counts_by_halves(void)
{
	struct slack s = {0};

	slack_up(&s, 3 * SLACK_KEPT);
	slack_down(&s, SLACK_KEPT);
	CHECK_INT(s.peak, 3 * SLACK_KEPT); /* it may well be used again */
	slack_down(&s, SLACK_KEPT);
	CHECK_INT(s.peak, SLACK_KEPT);
	slack_down(&s, SLACK_KEPT - 1);
	CHECK_INT(s.peak, SLACK_KEPT); /* too little to be worth it */
	slack_up(&s, 1);
	CHECK_INT(s.now, 2);
}

static size_t
resident(void)
{
	size_t all, pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	CHECK(f != NULL && fscanf(f, "%zu %zu", &all, &pages) == 2, "statm");
	if (f != NULL)
		fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

#define BURST 1000

/* What goes lies between what stays. */
static void
gives_back(void)
{
	static void *setup[BURST], *session[BURST];
	struct slack s = {0};
	size_t before, i;

	for (i = 0; i < BURST; i++) {
		setup[i] = malloc(sizeof(struct setup));
		memset(setup[i], 1, sizeof(struct setup));
		session[i] = calloc(1, sizeof(struct session));
		slack_up(&s, sizeof(struct setup));
	}
	before = resident();
	for (i = 0; i < BURST; i++) {
		free(setup[i]);
		slack_down(&s, sizeof(struct setup));
	}
	CHECK(HAS_NO_MALLOC ||
		  resident() + BURST * sizeof(struct setup) / 2 < before,
	    "%zu bytes of %zu are left", resident(), before);
	for (i = 0; i < BURST; i++)
		free(session[i]);
}

static const struct unit_case cases[] = {
    {"an idle tunnel holds its session alone", holds_little},
    {"sizes", sizes},
    {"a burst is over at half of it", counts_by_halves},
    {"memory goes back after a burst", gives_back},
};

UNIT_MAIN("session_idle", cases)
