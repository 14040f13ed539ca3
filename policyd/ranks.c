/* Owns the verbs about where intermediaries stand, and why. */
#include <stdio.h>

#include "policyd/ask.h"
#include "policyd/grid.h"
#include "policyd/human.h"
#include "policyd/say.h"
#include "policyd/verb.h"
#include "wire/manage.h"

static const struct grid_field fields[] = {{"group", "GROUP", GRID_TEXT},
    {"name", "INTERMEDIARY", GRID_TEXT}, {"tier", "TIER", GRID_RANK},
    {"policy_tier", "POLICY", GRID_RANK}, {"weight", "WEIGHT", GRID_COUNT},
    {"drain", "DRAIN", GRID_TEXT}, {"why", "WHY", GRID_TEXT},
    {"since_s", "SINCE", GRID_TIME},
    {"success_permille", "SUCCESS", GRID_PERMILLE},
    {"latency_us", "LATENCY", GRID_SPAN}, {"agents", "AGENTS", GRID_COUNT},
    {"probes", "PROBES", GRID_TEXT}, {"reason", "REASON", GRID_TEXT},
    {NULL, NULL, GRID_TEXT}};

static int
check(const struct call *c, const char *name)
{
	if (c->group != NULL && !manage_name_ok(c->group))
		return say_usage(
		    "--group: expected a group's name, found '%s'", c->group);
	if (name != NULL && !manage_name_ok(name))
		return say_usage(
		    "expected the name of an intermediary, found '%s'", name);
	return VERB_OK;
}

int
ranks_run(const struct call *c)
{
	struct answer a;
	int status = check(c, NULL);

	if (status != VERB_OK)
		return status;
	status = ask(c, &a, "ranks%s%s", c->group != NULL ? " " : "",
	    c->group != NULL ? c->group : "");
	if (a.head == NULL)
		return status;
	if (c->json)
		ask_print(&a, "ranks");
	else if (json_array_size(a.rows) == 0)
		puts("nothing is ranked: no policy was published that names "
		     "an intermediary");
	else
		grid_table(fields, a.rows, c->now_s);
	ask_free(&a);
	return status;
}

int
why_run(const struct call *c)
{
	char text[1024];
	struct answer a;
	size_t i;
	int status = check(c, c->args[0]);

	if (status != VERB_OK)
		return status;
	status = ask(c, &a, "why %s%s%s", c->args[0],
	    c->group != NULL ? " " : "", c->group != NULL ? c->group : "");
	if (a.head == NULL)
		return status;
	if (c->json)
		ask_print(&a, "groups");
	for (i = 0; !c->json && i < json_array_size(a.rows); i++) {
		snprintf(text, sizeof(text), "%s",
		    ask_str(json_array_get(a.rows, i), "sentence"));
		puts(human_clean(text));
	}
	ask_free(&a);
	return status;
}
