/* What the command line of `cagent-ctl top` asks for, and what is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cagent-ctl/args.h"
#include "cagent-ctl/top/top.h"
#include "cagent-ctl/verb.h"
#include "tests/unit/unit.h"

#define N(a)	 (sizeof(a) / sizeof(*(a)))
#define ARGS_MAX 8

/* Read as "top" and these words; what was said is in err. */
static int
wish(const char *const *words, struct top_wish *w, char err[static 512])
{
	static char copies[ARGS_MAX + 2][64];
	char *argv[ARGS_MAX + 3] = {NULL};
	struct call call = {0};
	int i, n = 2, status;

	memset(err, 0, 512);
	call.out = call.err = fmemopen(err, 511, "w");
	if (call.err == NULL)
		exit(1);
	snprintf(copies[0], sizeof(copies[0]), "cagent-ctl");
	snprintf(copies[1], sizeof(copies[1]), "top");
	for (i = 0; words[i] != NULL && i < ARGS_MAX; i++)
		snprintf(copies[n++], sizeof(copies[0]), "%s", words[i]);
	for (i = 0; i < n; i++)
		argv[i] = copies[i];
	status = args_parse(n, argv, &call);
	if (status == VERB_OK)
		status = top_wish_read(&call, w);
	fclose(call.err);
	return status;
}

static void
understood(void)
{
	static const struct {
		const char *words[ARGS_MAX];
		enum top_view view;
		const char *sort; /* of that view */
		bool reverse;
		int64_t interval_us, limit;
	} all[] = {
	    {{NULL}, TOP_TUNNELS, "rate_down", false, 1000000, -1},
	    {{"--view=users"}, TOP_USERS, "rate_down", false, 1000000, -1},
	    {{"--sort", "-age", "--interval=250ms"}, TOP_TUNNELS, "age_us",
		true, 250000, -1},
	    {{"--sort=p95", "--view=classes", "--lines", "3"}, TOP_CLASSES,
		"setup.p95_us", false, 1000000, 3},
	    {{"--view", "intermediaries", "-n0"}, TOP_INTERMEDIARIES,
		"rate_down", false, 1000000, 0},
	};
	const struct top_order *order;
	struct top_wish w;
	char err[512];
	size_t i;

	for (i = 0; i < N(all); i++) {
		CHECK(wish(all[i].words, &w, err) == VERB_OK, "case %zu: %s", i,
		    err);
		CHECK_INT(w.view, all[i].view);
		order = &w.order[w.view];
		CHECK_STR(
		    top_view_fields(w.view)[order->column].name, all[i].sort);
		CHECK_INT(order->reverse, all[i].reverse);
		CHECK_INT(w.interval_us, all[i].interval_us);
		CHECK_INT(w.limit, all[i].limit);
	}
	/* Also in the other views that have it. */
	CHECK_INT(
	    wish((const char *const[]){"--sort=-bytes_up", NULL}, &w, err),
	    VERB_OK);
	for (i = 0; i < TOP_VIEWS; i++)
		CHECK(w.order[i].reverse, "view %zu", i);
	CHECK_INT(wish((const char *const[]){"via=a", "x.example", "host=b",
			   "y", NULL},
		      &w, err),
	    VERB_OK);
	CHECK_STR(w.filter.via, "a");
	CHECK_STR(w.filter.host, "b");
	CHECK_INT(w.filter.texts_n, 2);
}

static void
refused(void)
{
	static const struct {
		const char *words[ARGS_MAX];
		const char *said;
	} all[] = {
	    {{"--view=tunels"}, "did you mean tunnels?"},
	    {{"--view=x"}, "expected tunnels, users, classes or inter"},
	    {{"--sort=p95"}, "of tunnels there are id, destination, user"},
	    {{"--sort=tunels", "--view=users"}, "did you mean tunnels?"},
	    {{"--sort="}, "of tunnels there are"},
	    {{"--interval=0"}, "expected seconds between 0.1 and 3600"},
	    {{"--interval=x"}, "expected seconds between 0.1 and 3600"},
	    {{"--lines=-1"}, "expected a number from 0 to"},
	    {{"name=x"}, "expected class=, user=, via=, host= or a text"},
	    {{"a", "b", "c", "d", "e"}, "too many arguments"},
	    {{"--watch"}, "top takes no --watch"},
	    {{"-f"}, "top takes neither -f nor -n"},
	};
	struct top_wish w;
	char err[512];
	size_t i;

	for (i = 0; i < N(all); i++)
		CHECK(wish(all[i].words, &w, err) == VERB_USAGE &&
			  strstr(err, all[i].said) != NULL,
		    "case %zu: %s", i, err);
}

static const struct unit_case cases[] = {
    {"understood", understood},
    {"refused", refused},
};

UNIT_MAIN("top_wish", cases)
