/* Several intermediaries, the destinations or the uplink fail under load. */
#include <errno.h>
#include <string.h>

#include "tests/chaos/chaos.h"
#include "tests/chaos/scene.h"
#include "tests/integ/rig_net.h"
#include "tests/integ/rig_ns.h"

#define DEAD_MS	  3000
#define RETURN_MS 1000 /* service again within this time */
#define PULLED_MS 5000

static const unsigned int two_tiers[SCENE_GATES] = {1, 1, 2, 2};

static void
tier_dead(const char *name, enum gate_way way)
{
	static struct scene s;
	unsigned int i, before[2];

	scene_prepare(&s, name, two_tiers);
	scene_start(&s);
	scene_more(&s, SCENE_WARM);
	for (i = 0; i < 2; i++) {
		gate_turn(&s.gates[i], way);
		before[i] = atomic_load(&s.gates[2 + i].accepted);
	}
	scene_mark(&s);
	scene_more(&s, scene_count(900, 6000));
	scene_settle(&s);
	for (i = 0; i < 2; i++) {
		scene_check(&s,
		    atomic_load(&s.gates[2 + i].accepted) > before[i],
		    "%s is not used", s.names[2 + i]);
	}
	scene_finish(&s);
}

void
chaos_tier_dead(void)
{
	tier_dead("11 tier 1 dead", GATE_REFUSES);
}

void
chaos_tier_silent(void)
{
	tier_dead("11 tier 1 silent", GATE_SILENT);
}

static void
kill_all(struct scene *s, bool black)
{
	unsigned int i;

	for (i = 0; i < SCENE_GATES; i++) {
		if (black)
			rig_ns_drop_syn(0, s->gates[i].port);
		else
			gate_turn(&s->gates[i], GATE_REFUSES);
	}
	for (i = 0; i < SCENE_GATES; i++)
		gate_break(&s->gates[i]);
}

static int64_t
first_success(const struct scene *s, int64_t since_us)
{
	unsigned int i, n = atomic_load(&s->load.next);
	const struct rig_sample *p;
	int64_t first = INT64_MAX;

	for (i = 0; i < n && i < SCENE_SAMPLES_MAX; i++) {
		p = &s->samples[i];
		if (p->fail == RIG_OK && p->end_us > since_us &&
		    p->end_us < first)
			first = p->end_us;
	}
	return first;
}

/* While all are dead clients may fail, and within the second in which service
 * has to be there again. */
static void
all_dead(const char *name, bool black)
{
	static struct scene s;
	int64_t back_us, ms;

	scene_prepare(&s, name, NULL);
	if (black) { /* who waits in vain shall ask again soon */
		rig_agent_key(&s.agent, "attempt-timeout = 500ms");
		rig_agent_key(&s.agent, "dial-timeout = 2s");
	}
	scene_start(&s);
	scene_more(&s, SCENE_WARM);
	s.excuse_from_us = rig_now_us();
	kill_all(&s, black);
	rig_load_reach(
	    &s.load, UINT32_MAX, scene_long() ? 5 * DEAD_MS : DEAD_MS);
	if (black)
		rig_ns_answer_syn(0, s.gates[1].port);
	else
		gate_turn(&s.gates[1], GATE_GOOD);
	back_us = rig_now_us();
	s.excuse_to_us = back_us + RETURN_MS * 1000;
	scene_mark(&s);
	rig_load_reach(&s.load, UINT32_MAX, (int)scene_count(3000, 8000));
	scene_settle(&s);
	ms = first_success(&s, back_us) / 1000 - back_us / 1000;
	scene_check(
	    &s, ms <= RETURN_MS, "service after %lld ms", (long long)ms);
	scene_note("%s: the first success %lld ms after the first return",
	    s.name, (long long)ms);
	scene_finish(&s);
}

void
chaos_all_dead(void)
{
	all_dead("12 all dead, one back", false);
}

void
chaos_all_black(void)
{
	all_dead("12 all black-holed, one back", true);
}

/* Clients of destinations that cannot be reached: no success for them. */
struct dead {
	struct rig_load load[2];
	uint16_t port[2]; /* refused, black-holed */
};

static void
start_dead(struct scene *s, struct dead *d)
{
	unsigned int i;

	memset(d, 0, sizeof(*d));
	d->port[0] = rig_port("127.0.0.1");
	d->port[1] = rig_port_blackhole("127.0.0.1");
	for (i = 0; i < 2; i++) {
		d->load[i] = (struct rig_load){.proxies = s->proxies,
		    .proxies_n = RIG_AGENT_PROXIES,
		    .host = "127.0.0.1",
		    .port = d->port[i],
		    .flight = i == 0 ? 5 : 20,
		    .timeout_ms = 15000};
		rig_load_start(&d->load[i]);
	}
}

static void
end_dead(struct scene *s, struct dead *d)
{
	const struct rig_load *l;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		rig_load_end(&d->load[i]);
		l = &d->load[i];
		scene_check(s,
		    l->done > 0 && l->count[RIG_FAIL_REPLY] == l->done,
		    "dead destinations: %u of %u refused by reply",
		    l->count[RIG_FAIL_REPLY], l->done);
		rig_note("%u requests to destinations that %s", l->done,
		    i == 0 ? "refuse" : "are black-holed");
	}
}

/* A bad one among them, from the middle on, or none (GATE_GOOD). */
static void
half(const char *name, enum gate_way bad)
{
	static struct scene s;
	static struct dead d;

	scene_prepare(&s, name, NULL);
	rig_agent_key(&s.agent, "attempt-timeout = 2s");
	rig_agent_key(&s.agent, "dial-timeout = 5s");
	s.load.flight = 25;
	s.uncounted = true;
	scene_start(&s);
	start_dead(&s, &d);
	scene_more(&s, SCENE_WARM);
	gate_turn(&s.gates[3], bad);
	scene_mark(&s);
	scene_more(&s, scene_count(500, 6000));
	if (bad != GATE_GOOD)
		scene_await_demotion(&s, 3);
	scene_settle(&s);
	end_dead(&s, &d);
	scene_check_demoted(&s, bad == GATE_GOOD ? -1 : 3);
	scene_finish(&s);
}

void
chaos_half(void)
{
	half("13 half of destinations dead", GATE_GOOD);
}

void
chaos_half_bad(void)
{
	half("13 the same, and one stalls", GATE_STALLS);
}

void
chaos_half_denies(void)
{
	half("13 the same, and one denies all", GATE_DENIES);
}

/* The four are behind a cable, and it is pulled: at our end, which we see, or
 * at the far one, which we do not. */
static void
uplink(const char *name, bool far)
{
	static const char *const names[SCENE_GATES] = {"g1", "g2", "g3", "g4"};
	static struct rig_peer peers[SCENE_GATES];
	static struct scene s;
	pid_t there = rig_ns_peer();
	unsigned int i;

	scene_prepare(&s, name, NULL);
	rig_server_stop(&s.origin);
	rig_origin_start(&s.origin, RIG_ORIGIN_HTTP, RIG_NS_HERE, 0, NULL);
	s.origin.delay_ms = SCENE_THINK_MS;
	s.agent.sections_len = 0;
	for (i = 0; i < SCENE_GATES; i++) {
		peers[i] = (struct rig_peer){.netns = there,
		    .address = RIG_NS_THERE,
		    .port = (uint16_t)(1080 + i)};
		rig_peer_start(&peers[i], RIG_PEER_MICROSOCKS, names[i]);
		rig_agent_intermediary(
		    &s.agent, names[i], "socks5", RIG_NS_THERE, peers[i].port);
	}
	s.load.host = RIG_NS_HERE;
	s.load.port = s.origin.port;
	scene_start(&s);
	scene_more(&s, SCENE_WARM);
	s.excuse_from_us = rig_now_us();
	rig_ns_plug(far ? there : 0, false);
	rig_load_reach(&s.load, UINT32_MAX, PULLED_MS);
	rig_ns_plug(far ? there : 0, true);
	s.excuse_to_us = rig_now_us();
	scene_mark(&s);
	scene_more(&s, scene_count(900, 6000));
	scene_settle(&s);
	scene_check_demoted(&s, -1);
	scene_finish(&s);
}

void
chaos_uplink(void)
{
	uplink("14 uplink pulled", false);
}

void
chaos_uplink_far(void)
{
	uplink("14 uplink pulled at the far end", true);
}
