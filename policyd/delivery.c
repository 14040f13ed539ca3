/* Owns waiting for what agents say to a message; publishes nothing. */
#include "policyd/delivery.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/mono.h"
#include "policyd/human.h"

/* Between two questions; more where the answer takes its time, as the ranker
 * has others to serve. */
#define AGAIN_MS    25
#define AGAIN_TIMES 4
#define TEXT_MAX    512

/* Has everybody answered?  What waits for the signer has not begun yet.  Of a
 * rank a no is not the last word: the next one may fit, and comes soon. */
static bool
settled(struct delivery *d)
{
	const json_t *o = d->answer.head;
	int64_t connected = ask_int(o, "connected");
	int64_t have = ask_int(o, "have");

	d->all = !ask_true(o, "pending") && have >= connected;
	return d->all || (strcmp(d->type, "rank") != 0 &&
			     have + ask_int(o, "refused") >= connected);
}

int
delivery_wait(const struct call *call, struct delivery *d)
{
	int64_t begin_us = mono_us(), asked_us;
	char line[128];
	int error, again_ms;

	snprintf(line, sizeof(line), "delivery %s%s%s", d->type,
	    d->group != NULL ? " " : "", d->group != NULL ? d->group : "");
	for (;;) {
		asked_us = mono_us();
		error = ask_quietly(call, &d->answer, line);
		d->took_us = mono_us() - begin_us;
		again_ms = (int)((mono_us() - asked_us) / 1000) * AGAIN_TIMES;
		if (error != 0 || settled(d) || d->took_us >= d->within_us)
			return error;
		ask_free(&d->answer);
		poll(NULL, 0, again_ms > AGAIN_MS ? again_ms : AGAIN_MS);
	}
}

static void
print_names(const json_t *list, int64_t all)
{
	char name[TEXT_MAX];
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		snprintf(name, sizeof(name), "%s",
		    json_string_value(json_array_get(list, i)));
		printf("%s%s", i > 0 ? ", " : ": ", human_clean(name));
	}
	if ((int64_t)json_array_size(list) < all)
		printf(", ...");
	putchar('\n');
}

static void
print_nacks(const json_t *list, int64_t all)
{
	char text[TEXT_MAX];
	const json_t *o;
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		o = json_array_get(list, i);
		snprintf(text, sizeof(text), "%s refuses it (%s): %s",
		    ask_str(o, "agent"), ask_str(o, "code"),
		    ask_str(o, "text"));
		printf("  %s\n", human_clean(text));
	}
	if ((int64_t)json_array_size(list) < all)
		printf("  and %" PRId64 " more\n",
		    all - (int64_t)json_array_size(list));
}

void
delivery_print(const struct delivery *d)
{
	const json_t *o = d->answer.head;
	int64_t connected = ask_int(o, "connected");
	int64_t waiting =
	    connected - ask_int(o, "have") - ask_int(o, "refused");
	char took[HUMAN_LEN];

	if (connected == 0) {
		puts("  no agent is connected; each will get it when it is");
		return;
	}
	printf("  %" PRId64 " of %" PRId64 " connected agent%s ha%s it",
	    ask_int(o, "have"), connected, connected == 1 ? "" : "s",
	    ask_int(o, "have") == 1 ? "s" : "ve");
	if (d->within_us > 0)
		printf(", after %s", human_span(d->took_us, took));
	putchar('\n');
	if (ask_true(o, "pending"))
		puts("  the rank is not signed yet");
	if (waiting > 0) {
		printf("  waited for");
		print_names(json_object_get(o, "waiting"), waiting);
	}
	print_nacks(json_object_get(o, "nacks"), ask_int(o, "refused"));
}

void
delivery_free(struct delivery *d)
{
	ask_free(&d->answer);
}
