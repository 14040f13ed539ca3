/* Answers what happened last; who follows is ctl.c's. */
#include <stdlib.h>
#include <string.h>

#include "cagentd/control/control.h"
#include "cagentd/control/ctl_answer.h"

#define EVENTS_DEFAULT 100

json_t *
ctl_event(const struct event *e)
{
	json_t *line = json_object();

	ctl_set_int(line, "id", (int64_t)e->id);
	ctl_set_int(line, "time_us", e->wall_us);
	ctl_set_text(line, "kind", events_kind_word(e->kind));
	ctl_set_text(line, "code", table_why_word(e->why));
	ctl_set_text(line, "name", e->name);
	ctl_set_text(line, "text", e->text);
	return line;
}

static void
say_last(struct ctl_query *q, uint64_t n)
{
	const struct events *ev = &q->control->events;
	uint64_t id = events_first(ev);
	json_t *head = ctl_head();

	ctl_set_int(head, "oldest_id", (int64_t)id);
	ctl_set_int(head, "last_id", (int64_t)ev->last_id);
	ctl_say(q, head);
	if (ev->last_id + 1 - id > n)
		id = ev->last_id + 1 - n;
	for (; id <= ev->last_id; id++)
		ctl_say(q, ctl_event(events_get(ev, id)));
}

void
ctl_events(struct ctl_query *q)
{
	bool follow = q->args_n > 0 && strcmp(q->args[0], "-f") == 0;
	const char *word = q->args_n > follow ? q->args[follow] : NULL;
	const char *bad = NULL;
	long long n = EVENTS_DEFAULT;

	if (q->args_n > 1 + follow) {
		ctl_refuse(q, CTL_USAGE, "expected: events [-f] [N]");
		return;
	}
	if (word != NULL)
		n = strtonum(word, 0, INT32_MAX, &bad);
	if (bad != NULL) {
		ctl_refuse(q, CTL_USAGE,
		    "expected a number of events, found %.64s", word);
		return;
	}
	say_last(q, (uint64_t)n);
	if (follow)
		q->follow_id = q->control->events.last_id + 1;
}
