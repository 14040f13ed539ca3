/* What the paths of requests tell of destinations that were learned. */
#include "cagentd/worker/dial/learn_path.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "cagentd/worker/relay/relay.h"
#include "tests/unit/session_rig.h"
#include "tests/unit/unit.h"

#define CONF "[direct]\nlearn = 127.0.0.0/8\n[agent]\nhedge-percent = 5\n"

/* An intermediary, and a destination that was learned. */
struct scene {
	struct rig *rig;
	struct learn learn;
	struct fake *dest;
	int client;
};

static enum learned_state
known(struct scene *sc)
{
	struct learned_fact f;
	char key[32];

	snprintf(key, sizeof(key), "127.0.0.1:%u", sc->dest->port);
	return learned_find(&sc->rig->agent->slab.learned, key, INT64_MAX, &f)
		   ? f.state
		   : LEARNED_NOTHING;
}

/* The client has a tunnel, by the direct path. */
static void
scene_begin(struct scene *sc, enum fake_script hop, enum fake_script dest)
{
	uint8_t ask[] = {5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, 0, 0};
	struct learned_fact f = {.state = LEARNED_DIRECT};
	struct agent *a;

	memset(sc, 0, sizeof(*sc));
	sc->rig = rig_new();
	a = sc->rig->agent;
	add(sc->rig, hop);
	sc->dest = fake_new(a->loop, dest);
	configure(sc->rig, CONF);
	learn_init(&sc->learn, a->loop, a->resolve, &a->slab.learned);
	sc->rig->env.learn = &sc->learn;
	f.scope = a->settings->direct_learn_scope;
	f.since_us = f.used_us = loop_now_us(a->loop);
	snprintf(f.key, sizeof(f.key), "127.0.0.1:%u", sc->dest->port);
	CHECK(learned_put(&a->slab.learned, &f, 0), "no room");
	ask[11] = (uint8_t)(sc->dest->port >> 8);
	ask[12] = (uint8_t)sc->dest->port;
	sc->client = connect_client(sc->rig);
	say(sc->client, (const char *)ask, sizeof(ask));
	expect(sc->rig, sc->client, LIT("\5\0\5\0\0\1\0\0\0\0\0\0"));
}

static void
scene_end(struct scene *sc)
{
	struct rig *rig = sc->rig;

	close_client(rig, 0, false);
	RIG_UNTIL(rig->agent->loop, LIST_EMPTY(&rig->sessions));
	fake_free(sc->dest);
	learn_fini(&sc->learn);
	rig_free(rig);
}

/* A browser opens connections that it may need: the destination waits for its
 * word, by whatever path. */
static void
keeps_what_waits_for_its_client(void)
{
	struct scene sc;

	scene_begin(&sc, FAKE_ECHO, FAKE_STALLED);
	RIG_UNTIL(sc.rig->agent->loop, sc.rig->fakes[0]->requests == 1);
	rig_settle(sc.rig->agent->loop);
	CHECK_INT(known(&sc), LEARNED_DIRECT);
	say(sc.client, LIT("ping"));
	expect(sc.rig, sc.client, LIT("ping"));
	CHECK_INT(known(&sc), LEARNED_DIRECT);
	scene_end(&sc);
}

/* Nor has it failed when it will not wait for ever. */
static void
keeps_what_would_not_wait_for_ever(void)
{
	struct scene sc;
	int64_t end_us;

	scene_begin(&sc, FAKE_ECHO, FAKE_STALLED);
	end_us = mono_us() + RELAY_STILLBORN_US + 200000;
	while (mono_us() < end_us)
		loop_turn(sc.rig->agent->loop, 10000);
	fake_drop(LIST_FIRST(&sc.dest->conns), false);
	CHECK_INT(end_of(sc.rig, sc.client), 0);
	close_client(sc.rig, 0, false);
	RIG_UNTIL(sc.rig->agent->loop, LIST_EMPTY(&sc.rig->sessions));
	CHECK_INT(known(&sc), LEARNED_DIRECT);
	scene_end(&sc);
}

static void
forgets_what_should_have_spoken(void)
{
	struct scene sc;

	scene_begin(&sc, FAKE_BANNER, FAKE_STALLED);
	expect(sc.rig, sc.client, LIT("hello"));
	CHECK_INT(known(&sc), LEARNED_FAILED);
	scene_end(&sc);
}

static void
forgets_what_hangs_up(void)
{
	struct scene sc;

	scene_begin(&sc, FAKE_ECHO, FAKE_CLOSED);
	RIG_UNTIL(sc.rig->agent->loop, sc.rig->fakes[0]->requests == 1);
	say(sc.client, LIT("ping"));
	expect(sc.rig, sc.client, LIT("ping"));
	CHECK_INT(known(&sc), LEARNED_FAILED);
	scene_end(&sc);
}

static const struct unit_case cases[] = {
    {"keeps what waits for its client", keeps_what_waits_for_its_client},
    {"keeps what would not wait for ever", keeps_what_would_not_wait_for_ever},
    {"forgets what should have spoken", forgets_what_should_have_spoken},
    {"forgets what hangs up", forgets_what_hangs_up},
};

UNIT_MAIN("learn_path", cases)
