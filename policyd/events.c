/* Owns `cagent-policyd events`: what has happened, and what happens. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "policyd/args.h"
#include "policyd/ask.h"
#include "policyd/common/pdctl.h"
#include "policyd/human.h"
#include "policyd/say.h"
#include "policyd/verb.h"
#include "trust/when.h"

#define LINES	 100
#define AGAIN_MS 500
/* A ranker that is started again is away for so long at the most. */
#define AWAY_MS 15000

static void
print(const struct call *c, const json_t *e)
{
	char text[1024], when[HUMAN_LEN];
	const char *group = ask_str(e, "group");
	const char *subject = ask_str(e, "subject");

	if (c->json) {
		json_dumpf(e, stdout, JSON_COMPACT);
		putchar('\n');
		return;
	}
	snprintf(text, sizeof(text), "%-8s %s%s%s%s%s", ask_str(e, "kind"),
	    *group != '\0' ? group : "", *group != '\0' ? " " : "", subject,
	    *subject != '\0' ? ": " : "", ask_str(e, "text"));
	printf("%s  %s\n", human_time(ask_int(e, "at_s"), when),
	    human_clean(text));
}

static int64_t
print_all(const struct call *c, const struct answer *a, int64_t last)
{
	size_t i;

	for (i = 0; i < json_array_size(a->rows); i++) {
		print(c, json_array_get(a->rows, i));
		last = ask_int(json_array_get(a->rows, i), "id");
	}
	return last;
}

/* Wait a moment; false when nobody reads us any more. */
static bool
pause_ok(void)
{
	struct pollfd p = {.fd = STDOUT_FILENO};

	return fflush(stdout) == 0 &&
	       (poll(&p, 1, AGAIN_MS) <= 0 || (p.revents & POLLERR) == 0);
}

static int
follow(const struct call *c, int64_t last)
{
	int away_ms = 0, error;
	struct answer a;
	char line[64];

	while (pause_ok()) {
		snprintf(line, sizeof(line), "events after=%" PRId64 " max=%d",
		    last, PDCTL_EVENTS_MAX);
		error = ask_quietly(c, &a, line);
		away_ms = error == 0 ? 0 : away_ms + AGAIN_MS;
		if (error != 0 && away_ms > AWAY_MS)
			return say_failure(c, VERB_NOT_RUNNING, "not-running",
			    "the policy server is away: %s", strerror(-error));
		if (error == 0)
			last = print_all(c, &a, last);
		ask_free(&a);
	}
	return VERB_OK;
}

static int
since(const struct call *c, int64_t *out)
{
	int64_t s;

	*out = 0;
	if (c->since == NULL || when_parse(c->since, out))
		return VERB_OK;
	if (!when_span(c->since, &s) || s > c->now_s)
		return say_usage("--since: expected a time like 2h ago, or "
				 "2026-11-22T09:00:00Z, found '%s'",
		    c->since);
	*out = c->now_s - s;
	return VERB_OK;
}

int
events_run(const struct call *c)
{
	int64_t since_s, last;
	struct answer a;
	int status = since(c, &since_s);

	if (status != VERB_OK)
		return status;
	status = ask(c, &a, "events since=%" PRId64 " max=%d", since_s,
	    c->since != NULL ? PDCTL_EVENTS_MAX : LINES);
	if (a.head == NULL)
		return status;
	if (c->json) {
		json_dumpf(a.head, stdout, JSON_COMPACT);
		putchar('\n');
	}
	last = print_all(c, &a, ask_int(a.head, "last_id"));
	ask_free(&a);
	return c->follow ? follow(c, last) : VERB_OK;
}
