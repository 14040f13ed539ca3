/*
 * Workers as threads on the same words, for ThreadSanitizer, and for what a
 * word loses or gives twice when several change it at once.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "shm/pace.h"
#include "shm/pace_word.h"
#include "tests/unit/unit.h"

#define THREADS 4
#define ASKS	50000
#define START	INT64_C(1000000000000)
#define RATE	INT64_C(12500000000)
#define TICK_NS 2000

/* A clock that all push on. */
static _Atomic int64_t now_ns = START;

struct worker {
	pthread_t thread;
	const struct pacer *pacer;
	struct pace_flow flow;
	int64_t moved;
};

static void *
work(void *arg)
{
	struct worker *w = arg;
	int64_t again;
	size_t n;
	int i;

	for (i = 0; i < ASKS; i++) {
		n = pace_ask(w->pacer, &w->flow, 200000,
		    atomic_fetch_add(&now_ns, TICK_NS), &again);
		if (i % 3 == 0) {
			pace_refund(w->pacer, &w->flow, n);
			n = 0;
		}
		w->moved += (int64_t)n;
		if (i % 16 == 0)
			sched_yield();
	}
	return NULL;
}

/* All threads' bytes together, over the time that they took. */
static void
together(struct pace_plan *plan, const char *what)
{
	struct pace_state *s = aligned_alloc(64, sizeof(*s));
	struct worker workers[THREADS] = {0};
	struct pacer pacer = {.state = s, .plan = plan};
	int64_t moved = 0, may, from = now_ns;
	int i;

	if (s == NULL)
		exit(1);
	memset(s, 0, sizeof(*s));
	for (i = 0; i < THREADS; i++) {
		workers[i].pacer = &pacer;
		workers[i].flow.class = (uint8_t)i;
		workers[i].flow.user = 5;
		if (pthread_create(
			&workers[i].thread, NULL, work, &workers[i]) != 0)
			exit(1);
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		moved += workers[i].moved;
	}
	/* A burst at first; and one more if a thread stands for so long that
	 * what its clock says of the word cannot be. */
	may = (int64_t)((double)RATE * (double)(now_ns - from) / 1e9);
	CHECK(moved <= may + may / 6, "%s: %lld of %lld", what,
	    (long long)moved, (long long)may);
	CHECK(moved >= may * 3 / 4, "%s: %lld of %lld", what, (long long)moved,
	    (long long)may);
	free(s);
}

static void
classes_on_a_link(void)
{
	struct pace_plan plan = {.link[PACE_UP] = RATE, .classes_n = THREADS};
	int i;

	for (i = 0; i < THREADS; i++) {
		plan.classes[i].weight = (uint16_t)(i + 1);
		plan.classes[i].guarantee[PACE_UP] = RATE / 10;
	}
	together(&plan, "link");
}

static void
one_user(void)
{
	struct pace_plan plan = {.classes_n = 1};

	plan.classes[0].user_ceiling[PACE_UP] = RATE;
	together(&plan, "user");
}

static void
one_class(void)
{
	struct pace_plan plan = {.classes_n = 1};

	plan.classes[0].ceiling[PACE_UP] = RATE;
	together(&plan, "class");
}

/* What each has taken of a word, by any way, and given back. */
static _Atomic int64_t word;
static pthread_barrier_t all_here;

static void *
take(void *arg)
{
	struct pace_bucket b = {.word = &word,
	    .rate = 1,
	    .tolerance_ns = START,
	    .horizon_ns = START};
	int64_t *sum = arg;
	int i;

	pthread_barrier_wait(&all_here);
	for (i = 0; i < 10 * ASKS; i++) {
		*sum += pace_take(&b, 3, START) ? 3 : 0;
		*sum += pace_force(&b, 7, START, START);
		pace_give(&b, 2);
		*sum -= 2;
	}
	return NULL;
}

static void
nothing_is_lost(void)
{
	pthread_t threads[THREADS];
	int64_t sums[THREADS] = {0}, sum = 0;
	int i;

	word = START;
	pthread_barrier_init(&all_here, NULL, THREADS);
	for (i = 0; i < THREADS; i++) {
		if (pthread_create(&threads[i], NULL, take, &sums[i]) != 0)
			exit(1);
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		sum += sums[i];
	}
	pthread_barrier_destroy(&all_here);
	CHECK_INT(word, START + sum);
	CHECK(sum > THREADS * ASKS, "%lld", (long long)sum);
}

static const struct unit_case cases[] = {
    {"nothing is lost of a word", nothing_is_lost},
    {"classes on a link", classes_on_a_link},
    {"one user's ceiling", one_user},
    {"one class's ceiling", one_class},
};

UNIT_MAIN("pace_threads", cases)
