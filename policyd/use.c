/* Owns the administrator's overrides: "use these, but not those, until then".
 * What they come to is the server's to decide. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "policyd/args.h"
#include "policyd/ask.h"
#include "policyd/common/pdctl.h"
#include "policyd/delivery.h"
#include "policyd/grid.h"
#include "policyd/human.h"
#include "policyd/say.h"
#include "policyd/verb.h"
#include "trust/when.h"
#include "wire/manage.h"

/* An order is to be in force within a second; who waits twice that long has
 * found out. */
#define WAIT_US 2000000

static const struct grid_field fields[] = {{"id", "ID", GRID_COUNT},
    {"group", "GROUP", GRID_TEXT}, {"use", "USE", GRID_TEXT},
    {"avoid", "NOT", GRID_TEXT}, {"from_s", "SINCE", GRID_TIME},
    {"until_s", "LEFT", GRID_LEFT}, {"by", "BY", GRID_TEXT},
    {"why", "WHY", GRID_TEXT}, {NULL, NULL, GRID_TEXT}};

struct line {
	char text[PDCTL_LINE_MAX + 1];
	size_t len;
	bool cut;
};

static void
add(struct line *l, const char *key, const char *value)
{
	int n = snprintf(
	    l->text + l->len, sizeof(l->text) - l->len, " %s=%s", key, value);

	if (n < 0 || (size_t)n >= sizeof(l->text) - l->len)
		l->cut = true;
	else
		l->len += (size_t)n;
}

static int
add_names(struct line *l, const char *key, const char *const *names, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		if (!manage_name_ok(names[i]))
			return say_usage("expected the name of an "
					 "intermediary, found '%s'",
			    names[i]);
		add(l, key, names[i]);
	}
	return VERB_OK;
}

static int
make_line(const struct call *c, struct line *l)
{
	int64_t until_s;
	char number[24];
	int rc;

	if (c->args_n == 0 && c->avoided.n == 0)
		return say_usage("'use': expected at least one intermediary, "
				 "or --not");
	if (c->group != NULL && !envelope_audience_ok(c->group))
		return say_usage("--group: expected a group's name, found "
				 "'%s'",
		    c->group);
	if (!when_later(c->lasts, c->now_s, &until_s) ||
	    until_s - c->now_s > PDCTL_FOR_MAX_S)
		return say_usage("--for: expected a time like 2h, up to 366 "
				 "days, or one to come, found '%s'",
		    c->lasts);
	l->len = (size_t)snprintf(l->text, sizeof(l->text), "use");
	if (c->group != NULL)
		add(l, "group", c->group);
	rc = add_names(l, "use", c->args, c->args_n);
	if (rc == VERB_OK)
		rc = add_names(l, "not", c->avoided.at, (int)c->avoided.n);
	snprintf(number, sizeof(number), "%" PRId64, until_s - c->now_s);
	add(l, "for", number);
	if (c->why != NULL && *c->why != '\0')
		add(l, "why", c->why);
	if (rc == VERB_OK && l->cut)
		rc = say_usage("'use': the order is too long");
	return rc;
}

/* What was ordered, and at how many agents it is in force already. */
static int
ordered(const struct call *c, struct answer *a)
{
	struct delivery d = {.type = "rank",
	    .group = ask_str(a->head, "group"),
	    .within_us = WAIT_US};
	char text[1024];
	int status = VERB_OK;

	if (delivery_wait(c, &d) != 0 || !d.all)
		status = VERB_FAILED;
	if (c->json) {
		json_object_set(a->head, "delivery", d.answer.head);
		json_object_set_new(
		    a->head, "took_us", json_integer(d.took_us));
		ask_print(a, NULL);
	} else {
		snprintf(text, sizeof(text), "%s", ask_str(a->head, "message"));
		puts(human_clean(text));
		if (d.answer.head != NULL)
			delivery_print(&d);
	}
	delivery_free(&d);
	ask_free(a);
	return status;
}

int
use_run(const struct call *c)
{
	struct line l = {.len = 0};
	struct answer a;
	int rc = make_line(c, &l);

	if (rc != VERB_OK)
		return rc;
	rc = ask_with(c, &a, l.text, NULL, 0);
	return a.head != NULL ? ordered(c, &a) : rc;
}

int
overrides_run(const struct call *c)
{
	struct answer a;
	int status = ask(c, &a, "overrides");

	if (a.head == NULL)
		return status;
	if (c->json)
		ask_print(&a, "overrides");
	else if (json_array_size(a.rows) == 0)
		puts("no override is in force");
	else
		grid_table(fields, a.rows, c->now_s);
	ask_free(&a);
	return status;
}

int
override_end_run(const struct call *c)
{
	struct answer a;
	uint64_t id;
	int rc;

	if (!args_number(c->args[0], INT64_MAX, &id))
		return say_usage(
		    "expected an ID of \"overrides\", found '%s'", c->args[0]);
	rc = ask(c, &a, "override-end %" PRIu64, id);
	return a.head != NULL ? ordered(c, &a) : rc;
}
