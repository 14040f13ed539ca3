/* Owns what the tables of `cagent-ctl top` are made of; fills none. */
#include "cagent-ctl/top/top_view.h"

#include <stdio.h>
#include <string.h>

#include "cagent-ctl/format.h"

/* What is the same of each view. */
#define RATE_UP                                                             \
	"bit/s from clients over the interval; null: not known, as it was " \
	"not there at its start"
#define RATE_DOWN "bit/s to clients, likewise"

const struct field top_view_tunnels[] = {
    {"id", NULL, NULL, FIELD_TEXT, false, NULL,
	"the same at each look, and no other tunnel's"},
    {"destination", "DESTINATION", NULL, FIELD_TEXT, false, NULL,
	"host and port, as the client asked for it; of a long one its end"},
    {"user", "USER", NULL, FIELD_TEXT, false, NULL,
	"whose it is: by login, local user or address"},
    {"class", "CLASS", NULL, FIELD_TEXT, false, NULL, "of which it is now"},
    {"via", "VIA", NULL, FIELD_TEXT, false, NULL,
	"the intermediary, or direct; empty when that is configured no more"},
    {"rate_up", "UP/s", NULL, FIELD_RATE, false, NULL, RATE_UP},
    {"rate_down", "DOWN/s", NULL, FIELD_RATE, false, NULL, RATE_DOWN},
    {"bytes_up", "UP", NULL, FIELD_BYTES, true, NULL, "bytes from the client"},
    {"bytes_down", "DOWN", NULL, FIELD_BYTES, true, NULL, "bytes to it"},
    {"age_us", "AGE", NULL, FIELD_SPAN, false, NULL,
	"how long it has stood, in microseconds"},
    {"setup_us", "SETUP", NULL, FIELD_SPAN, false, NULL,
	"from the request to its path, in microseconds and at most 12.5 % off; "
	"0: not known"},
    {NULL, NULL, NULL, FIELD_TEXT, false, NULL, NULL},
};

const struct field top_view_users[] = {
    {"user", "USER", NULL, FIELD_TEXT, false, NULL,
	"by login, local user or address"},
    {"tunnels", "TUNNELS", NULL, FIELD_COUNT, false, NULL,
	"open now; all figures are of these"},
    {"rate_up", "UP/s", NULL, FIELD_RATE, false, NULL, RATE_UP},
    {"rate_down", "DOWN/s", NULL, FIELD_RATE, false, NULL, RATE_DOWN},
    {"bytes_up", "UP", NULL, FIELD_BYTES, true, NULL, "bytes from the client"},
    {"bytes_down", "DOWN", NULL, FIELD_BYTES, true, NULL, "bytes to it"},
    {"setup.p50_us", "P50", NULL, FIELD_SPAN, false, NULL,
	"half of these tunnels stood within, from the request on, in "
	"microseconds; 0: not known of any"},
    {"setup.p95_us", "P95", NULL, FIELD_SPAN, false, NULL,
	"19 of 20 stood within, in microseconds"},
    {NULL, NULL, NULL, FIELD_TEXT, false, NULL, NULL},
};

const struct field top_view_classes[] = {
    {"name", "CLASS", NULL, FIELD_TEXT, false, NULL, "of the class"},
    {"priority", "PRIO", NULL, FIELD_COUNT, false, NULL, "0 is served first"},
    {"weight", "WEIGHT", NULL, FIELD_COUNT, true, NULL,
	"its share among those of its priority"},
    {"tunnels", "TUNNELS", NULL, FIELD_COUNT, false, NULL, "open now"},
    {"waiting", "WAITING", NULL, FIELD_COUNT, false, NULL,
	"requests that wait now, as their tier is full"},
    {"rate_up", "UP/s", NULL, FIELD_RATE, false, NULL, RATE_UP},
    {"rate_down", "DOWN/s", NULL, FIELD_RATE, false, NULL, RATE_DOWN},
    {"bytes_up", "UP", NULL, FIELD_BYTES, true, NULL,
	"bytes from clients, while they were of it; plain HTTP requests' too"},
    {"bytes_down", "DOWN", NULL, FIELD_BYTES, true, NULL, "bytes to clients"},
    {"setup.p50_us", "P50", NULL, FIELD_SPAN, false, NULL,
	"half of its tunnels stood within, from the request on, in "
	"microseconds, since the agent runs; 0: none did yet"},
    {"setup.p95_us", "P95", NULL, FIELD_SPAN, false, NULL,
	"19 of 20 stood within, in microseconds"},
    {NULL, NULL, NULL, FIELD_TEXT, false, NULL, NULL},
};

const struct field top_view_intermediaries[] = {
    {"name", "NAME", NULL, FIELD_TEXT, false, NULL,
	"as the configuration calls it; direct: tunnels without one"},
    {"tier", "TIER", NULL, FIELD_RANK, false, NULL,
	"the tier in force, 1 is used first; 0 (\"-\"): in none"},
    {"observed", "STATE", NULL, FIELD_STATE, false, NULL,
	"what was seen, as in \"tiers\""},
    {"tunnels", "TUNNELS", NULL, FIELD_COUNT, false, NULL, "open now"},
    {"in_flight", "OPEN", NULL, FIELD_COUNT, true, NULL,
	"with attempts and plain HTTP requests, as the table has it"},
    {"rate_up", "UP/s", NULL, FIELD_RATE, false, NULL, RATE_UP},
    {"rate_down", "DOWN/s", NULL, FIELD_RATE, false, NULL, RATE_DOWN},
    {"bytes_up", "UP", NULL, FIELD_BYTES, true, NULL,
	"bytes from clients: of open tunnels, and of all that has ended"},
    {"bytes_down", "DOWN", NULL, FIELD_BYTES, true, NULL,
	"bytes to clients, likewise"},
    {"handshake.p50_us", "P50", NULL, FIELD_SPAN, false, NULL,
	"half of its handshakes took no longer, in microseconds; 0: none yet"},
    {"handshake.p95_us", "P95", NULL, FIELD_SPAN, false, NULL,
	"19 of 20 took no longer, in microseconds"},
    {NULL, NULL, NULL, FIELD_TEXT, false, NULL, NULL},
};

static const struct {
	const char *name, *identity;
	const struct field *fields;
} views[TOP_VIEWS] = {
    [TOP_TUNNELS] = {"tunnels", "id", top_view_tunnels},
    [TOP_USERS] = {"users", "user", top_view_users},
    [TOP_CLASSES] = {"classes", "name", top_view_classes},
    [TOP_INTERMEDIARIES] = {"intermediaries", "name", top_view_intermediaries},
};

const char *
top_view_name(enum top_view v)
{
	return views[v].name;
}

enum top_view
top_view_find(const char *name)
{
	unsigned int v;

	for (v = 0; v < TOP_VIEWS; v++) {
		if (strcmp(views[v].name, name) == 0)
			break;
	}
	return (enum top_view)v;
}

const struct field *
top_view_fields(enum top_view v)
{
	return views[v].fields;
}

const char *
top_view_identity(enum top_view v)
{
	return views[v].identity;
}

const char *
top_view_word(const struct field *f, char out[static TOP_WORD_MAX])
{
	const char *dot = strrchr(f->name, '.');
	size_t len;

	snprintf(out, TOP_WORD_MAX, "%s", dot != NULL ? dot + 1 : f->name);
	len = strlen(out);
	if (len > 3 && strcmp(out + len - 3, "_us") == 0)
		out[len - 3] = '\0';
	return out;
}

int
top_view_column(enum top_view v, const char *word)
{
	const struct field *f = views[v].fields;
	char own[TOP_WORD_MAX];
	int i;

	for (i = 0; f[i].name != NULL; i++) {
		if (strcmp(f[i].name, word) == 0 ||
		    strcmp(top_view_word(&f[i], own), word) == 0)
			return i;
	}
	return -1;
}

int
top_view_first(enum top_view v)
{
	return top_view_column(v, "rate_down");
}

const char *
top_view_rate(const json_t *totals, bool up, char out[static TOP_RATE_MAX])
{
	const char *name = up ? "rate_up" : "rate_down";
	int64_t n = field_number(totals, name);
	int64_t all = field_number(totals, up ? "link_up" : "link_down");
	char text[FORMAT_LEN], most[FORMAT_LEN];

	if (!json_is_integer(json_object_get(totals, name)))
		snprintf(out, TOP_RATE_MAX, "-");
	else if (all > 0)
		snprintf(out, TOP_RATE_MAX, "%sbit/s (%.0f%% of %s)",
		    format_rate(n, text), (double)n * 100 / (double)all,
		    format_rate(all, most));
	else
		snprintf(out, TOP_RATE_MAX, "%sbit/s", format_rate(n, text));
	return out;
}
