/* Owns `cagent-policyd publish`: hands signed messages to the server that
 * runs, which decides whether any agent would take them. */
#include <stdio.h>
#include <string.h>

#include "policyd/args.h"
#include "policyd/ask.h"
#include "policyd/delivery.h"
#include "policyd/human.h"
#include "policyd/message.h"
#include "policyd/say.h"
#include "policyd/verb.h"
#include "trust/when.h"

#define WAIT_S	   30
#define WAIT_MAX_S 3600

static bool
wait_us(const struct call *c, int64_t *out)
{
	int64_t s = WAIT_S;

	if (c->timeout != NULL &&
	    (!when_span(c->timeout, &s) || s > WAIT_MAX_S)) {
		say_usage("--timeout: expected a time like 10s, up to 1h, "
			  "found '%s'",
		    c->timeout);
		return false;
	}
	*out = c->wait || c->timeout != NULL ? s * 1000000 : 0;
	return true;
}

static int
show(const struct call *c, const struct answer *a, struct delivery *d)
{
	char text[1024];

	if (c->json) {
		json_object_set(a->head, "delivery", d->answer.head);
		return ask_print(a, NULL);
	}
	snprintf(text, sizeof(text), "%s", ask_str(a->head, "message"));
	puts(human_clean(text));
	if (*ask_str(a->head, "warning") != '\0') {
		snprintf(text, sizeof(text), "%s", ask_str(a->head, "warning"));
		printf("  warning: %s\n", human_clean(text));
	}
	if (d->answer.head != NULL)
		delivery_print(d);
	return VERB_OK;
}

static int
publish(const struct call *c, const char *path, int64_t within_us)
{
	struct delivery d = {.within_us = within_us};
	struct message m;
	struct answer a;
	char line[64];
	int status;

	if (!message_read(&m, path))
		return VERB_FAILED;
	snprintf(line, sizeof(line), "publish %zu%s", m.len,
	    c->force ? " force" : "");
	status = ask_with(c, &a, line, m.data, m.len);
	message_free(&m);
	if (a.head == NULL)
		return status;
	d.type = ask_str(a.head, "type");
	if (strcmp(d.type, "policy") == 0)
		d.group = ask_str(a.head, "audience");
	/* It is published whether we get to know more of it or not. */
	if (delivery_wait(c, &d) == 0 && within_us > 0 && !d.all)
		status = VERB_FAILED;
	show(c, &a, &d);
	delivery_free(&d);
	ask_free(&a);
	return status;
}

/* In their order: a root comes before what it lets be signed. */
int
publish_run(const struct call *c)
{
	int64_t within_us;
	int status = VERB_OK, i;

	if (!wait_us(c, &within_us))
		return VERB_USAGE;
	for (i = 0; i < c->args_n && status == VERB_OK; i++)
		status = publish(c, c->args[i], within_us);
	return status;
}
