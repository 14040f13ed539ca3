#ifndef TESTS_CHAOS_CHAOS_H
#define TESTS_CHAOS_CHAOS_H

/* Cases, by the file that they are in.  In the list of chaos.c those that end
 * in "-start" or "-long" are of the long form only, and those that begin with
 * "measure-" have the machine for themselves. */

/* scenes_one.c: one of four turns bad. */
void chaos_refuses(void);
void chaos_refuses_start(void);
void chaos_resets(void);
void chaos_resets_start(void);
void chaos_syn(void);
void chaos_syn_start(void);
void chaos_silent(void);
void chaos_silent_start(void);
void chaos_stalls(void);
void chaos_stalls_start(void);
void chaos_mute(void);
void chaos_mute_start(void);
void chaos_hangs_up(void);
void chaos_hangs_up_start(void);
void chaos_drops_flight(void);
void chaos_drops_flight_start(void);
void chaos_garbage(void);
void chaos_garbage_start(void);
void chaos_dribbles(void);
void chaos_dribbles_start(void);
void chaos_tenth(void);
void chaos_slow(void);
void chaos_slow_unhedged(void);

/* scenes_many.c: more than one, or none of them. */
void chaos_tier_dead(void);
void chaos_tier_silent(void);
void chaos_all_dead(void);
void chaos_all_black(void);
void chaos_half(void);
void chaos_half_bad(void);
void chaos_half_denies(void);
void chaos_uplink(void);
void chaos_uplink_far(void);

/* measure.c */
void chaos_added(void);
void chaos_quiet(void);

/* codes.c */
void chaos_codes(void);

#endif
