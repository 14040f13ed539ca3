/* Owns the table of commands; each one's work is in a file of its own. */
#include <string.h>

#include "base/conf.h"
#include "cagent-ctl/verb.h"

#define VERBS_MAX 24

#define DEGRADED                                                           \
	"Exits with 4 when something is degraded, with 3 when cagentd is " \
	"not running.\n"

const struct verb verbs[] = {
    {"", "", "the status in short, and the tiers", DEGRADED, summary_run, 0, 0,
	TAKES_WATCH, summary_fields},
    {"status", "", "the daemon, its processes, clients and requests", DEGRADED,
	status_run, 0, 0, TAKES_WATCH, status_fields},
    {"tiers", "", "all intermediaries, the best tier first",
	"Read from shared memory: it needs no answer of the daemon.\n" DEGRADED,
	tiers_run, 0, 0, TAKES_WATCH, tiers_fields},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, NULL}};

const struct verb *
verb_find(const char *name)
{
	const struct verb *v;

	for (v = verbs; v->name != NULL; v++) {
		if (*name != '\0' && strcmp(v->name, name) == 0)
			return v;
	}
	return NULL;
}

const char *
verb_nearest(const char *s)
{
	const char *words[VERBS_MAX + 1];
	const struct verb *v;
	size_t n = 0;

	for (v = verbs; v->name != NULL && n < VERBS_MAX; v++) {
		if (*v->name != '\0')
			words[n++] = v->name;
	}
	words[n] = NULL;
	return conf_nearest(s, words);
}
