/* The list of scenarios and measurements, and the table that they make. */
#include <stdio.h>

#include "tests/chaos/chaos.h"
#include "tests/chaos/scene.h"

#define DEADLINE_S 240

/* The slowest first, so that they run beside the others. */
static const struct rig_case cases[] = {
    {"slow-unhedged-long", chaos_slow_unhedged, DEADLINE_S, RIG_NEEDS_NETNS},
    {"slow", chaos_slow, DEADLINE_S, RIG_NEEDS_NETNS},
    {"tenth", chaos_tenth, DEADLINE_S, RIG_NEEDS_NETNS},
    {"codes", chaos_codes, DEADLINE_S, RIG_NEEDS_NETNS},
    {"all-black-long", chaos_all_black, DEADLINE_S, RIG_NEEDS_NETNS},
    {"refuses", chaos_refuses, DEADLINE_S, RIG_NEEDS_NETNS},
    {"resets", chaos_resets, DEADLINE_S, RIG_NEEDS_NETNS},
    {"syn", chaos_syn, DEADLINE_S, RIG_NEEDS_NETNS},
    {"silent", chaos_silent, DEADLINE_S, RIG_NEEDS_NETNS},
    {"stalls", chaos_stalls, DEADLINE_S, RIG_NEEDS_NETNS},
    {"mute", chaos_mute, DEADLINE_S, RIG_NEEDS_NETNS},
    {"hangs-up", chaos_hangs_up, DEADLINE_S, RIG_NEEDS_NETNS},
    {"drops-flight", chaos_drops_flight, DEADLINE_S, RIG_NEEDS_NETNS},
    {"garbage", chaos_garbage, DEADLINE_S, RIG_NEEDS_NETNS},
    {"dribbles", chaos_dribbles, DEADLINE_S, RIG_NEEDS_NETNS},
    {"tier-dead", chaos_tier_dead, DEADLINE_S, RIG_NEEDS_NETNS},
    {"tier-silent-long", chaos_tier_silent, DEADLINE_S, RIG_NEEDS_NETNS},
    {"all-dead", chaos_all_dead, DEADLINE_S, RIG_NEEDS_NETNS},
    {"half", chaos_half, DEADLINE_S, RIG_NEEDS_NETNS},
    {"half-bad", chaos_half_bad, DEADLINE_S, RIG_NEEDS_NETNS},
    {"half-denies-long", chaos_half_denies, DEADLINE_S, RIG_NEEDS_NETNS},
    {"uplink", chaos_uplink, DEADLINE_S, RIG_NEEDS_NETNS},
    {"uplink-far-long", chaos_uplink_far, DEADLINE_S, RIG_NEEDS_NETNS},
    {"refuses-start", chaos_refuses_start, DEADLINE_S, RIG_NEEDS_NETNS},
    {"resets-start", chaos_resets_start, DEADLINE_S, RIG_NEEDS_NETNS},
    {"syn-start", chaos_syn_start, DEADLINE_S, RIG_NEEDS_NETNS},
    {"silent-start", chaos_silent_start, DEADLINE_S, RIG_NEEDS_NETNS},
    {"stalls-start", chaos_stalls_start, DEADLINE_S, RIG_NEEDS_NETNS},
    {"mute-start", chaos_mute_start, DEADLINE_S, RIG_NEEDS_NETNS},
    {"hangs-up-start", chaos_hangs_up_start, DEADLINE_S, RIG_NEEDS_NETNS},
    {"drops-flight-start", chaos_drops_flight_start, DEADLINE_S,
	RIG_NEEDS_NETNS},
    {"garbage-start", chaos_garbage_start, DEADLINE_S, RIG_NEEDS_NETNS},
    {"dribbles-start", chaos_dribbles_start, DEADLINE_S, RIG_NEEDS_NETNS},
    {"measure-added", chaos_added, DEADLINE_S, RIG_NEEDS_NETNS},
    {"measure-quiet", chaos_quiet, DEADLINE_S, RIG_NEEDS_NETNS},
};

RIG_MAIN("chaos", cases, scene_report)
