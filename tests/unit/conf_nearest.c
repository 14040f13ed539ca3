/* The nearest known word. */
#include <string.h>

#include "base/conf.h"
#include "tests/unit/unit.h"

#define N(a) (sizeof(a) / sizeof(*(a)))
#define X50  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void
finds_the_nearest(void)
{
	static const char *const words[] = {
	    "listen", "workers", "group", "run-dir", "state-dir", NULL};
	static const struct {
		const char *s, *want;
	} cases[] = {
	    {"listen", "listen"},
	    {"lisen", "listen"},
	    {"lisetn", "listen"},
	    {"LISTENS", "listen"},
	    {"worker", "workers"},
	    {"run_dir", "run-dir"},
	    {"rundir", "run-dir"},
	    {"sate-dri", "state-dir"},
	    {"grp", NULL},
	    {"gruop", "group"},
	    {"xyz", NULL},
	    {"", NULL},
	    {"g", NULL},
	    {X50 X50, NULL},
	};
	size_t i;

	for (i = 0; i < N(cases); i++)
		CHECK_STR(conf_nearest(cases[i].s, words), cases[i].want);
}

static const struct unit_case cases[] = {
    {"finds the nearest word", finds_the_nearest},
};

UNIT_MAIN("conf_nearest", cases)
