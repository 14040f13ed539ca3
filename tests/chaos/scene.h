#ifndef TESTS_CHAOS_SCENE_H
#define TESTS_CHAOS_SCENE_H

#include "tests/chaos/gate.h"
#include "tests/chaos/watch.h"
#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_load.h"

/*
 * One row of the table: a fresh agent, four gates before a real intermediary,
 * an origin that takes its time, and 50 requests in flight all the while.
 */
#define SCENE_GATES	  4
#define SCENE_FLIGHT	  50
#define SCENE_SAMPLES_MAX 200000
#define SCENE_THINK_MS	  100 /* of the origin */
#define SCENE_WARM	  300 /* requests before something turns bad */

/* What clients saw; microseconds. */
struct scene_sum {
	unsigned int requests, failed, excused;
	unsigned int count[RIG_FAILS];
	int32_t p50_us, p99_us, slowest_us; /* whole requests, that succeeded */
	int32_t setup_p50_us, setup_p99_us;
};

struct scene {
	const char *name;
	struct rig_server origin;
	struct rig_peer real;
	struct gate gates[SCENE_GATES];
	char names[SCENE_GATES][8]; /* in the configuration */
	struct rig_agent agent;
	struct rig_proxy proxies[RIG_AGENT_PROXIES];
	struct rig_load load;
	struct rig_sample *samples;
	struct watch watch;
	int64_t begun_us;
	/* Requests that were begun earlier are not in the percentiles. */
	int64_t from_us;
	/* Failures of requests that were under way in it are not counted. */
	int64_t excuse_from_us, excuse_to_us;
	uint64_t attempts; /* at the beginning of what is counted */
	unsigned int started;
	struct scene_sum sum;
	double extra;	 /* attempts, in percent of those requests */
	bool uncounted;	 /* the attempts say nothing */
	bool unrecorded; /* set before the start: nothing is replayed */
	unsigned int replayed;
	bool failed;
	char why[160]; /* the first that was wrong */
};

/* The long form is asked for. */
bool scene_long(void);
/* So many in the short form, and so many in the long one. */
unsigned int scene_count(unsigned int brief, unsigned int full);

/* Origin, real intermediary, gates, and a configuration with all four in
 * those tiers. */
void scene_prepare(
    struct scene *, const char *name, const unsigned int tiers[SCENE_GATES]);
/* The agent and the load. */
void scene_start(struct scene *);
/* Until n more requests are done. */
void scene_more(struct scene *, unsigned int n);
/* From here on it counts. */
void scene_mark(struct scene *);
/* Ends the load and sums up. */
void scene_settle(struct scene *);
/* What else has to be so; the row shows the first that is not. */
void scene_check(struct scene *, bool ok, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* It was never demoted. */
void scene_check_kept(struct scene *, unsigned int gate);
/* Under load, until it is demoted or should have been. */
void scene_await_demotion(const struct scene *, unsigned int gate);
/* It was demoted, and no other; -1: none was. */
void scene_check_demoted(struct scene *, int gate);
/* Fails the case when a client failed; writes the row, ends all. */
void scene_finish(struct scene *);

/* Of a sum over samples: filled in from those begun since from_us. */
void scene_sum(const struct scene *, int64_t from_us, struct scene_sum *);

/* A measurement, below the table. */
void scene_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Prints all that cases have left. */
void scene_report(void);

#endif
