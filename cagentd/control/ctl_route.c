/* Answers what would become of a request. */
#include "cagentd/control/ctl_route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mono.h"
#include "cagentd/control/control.h"
#include "cagentd/control/ctl_answer.h"

static int
set_destination(struct ctl_query *q, struct wire_host *host)
{
	const char *bad;

	if (wire_host_set(host, q->args[0], strlen(q->args[0])) != 0) {
		ctl_refuse(q, CTL_USAGE,
		    "expected a host name or an address, found %.64s",
		    q->args[0]);
		return -1;
	}
	host->port = (uint16_t)strtonum(q->args[1], 1, UINT16_MAX, &bad);
	if (bad != NULL) {
		ctl_refuse(q, CTL_USAGE,
		    "expected a port from 1 to 65535, found %.64s", q->args[1]);
		return -1;
	}
	return 0;
}

/* A user by number alone: in the sandbox nobody can be asked for names. */
static bool
set_user(struct ctl_route *r, const char *value)
{
	const char *bad;

	r->client.uid = (uid_t)strtonum(value, 0, UINT32_MAX - 1ll, &bad);
	r->client.has_uid = bad == NULL;
	return bad == NULL;
}

static bool
set_login(struct ctl_route *r, const char *value)
{
	size_t len = strlen(value);

	if (len == 0 || len >= sizeof(r->client.login))
		return false;
	memcpy(r->client.login, value, len + 1);
	return true;
}

static bool
set_service(struct ctl_route *r, const char *value)
{
	size_t len = strlen(value);

	if (len == 0 || len >= sizeof(r->client.service))
		return false;
	memcpy(r->client.service, value, len + 1);
	return true;
}

static bool
set_source(struct ctl_route *r, const char *value)
{
	return net_ip_parse(value, &r->client.source) == 0;
}

static bool
set_protocol(struct ctl_route *r, const char *value)
{
	static const enum wire_protocol all[] = {PROTOCOL_SOCKS4,
	    PROTOCOL_SOCKS4A, PROTOCOL_SOCKS5, PROTOCOL_HTTP, PROTOCOL_REDIRECT,
	    PROTOCOL_TPROXY};
	size_t i;

	r->datagrams = strcmp(value, "udp") == 0;
	if (r->datagrams) {
		r->client.protocol = PROTOCOL_SOCKS5;
		return true;
	}
	for (i = 0; i < sizeof(all) / sizeof(*all); i++) {
		r->client.protocol = all[i];
		if (strcmp(wire_protocol_word(all[i]), value) == 0)
			return true;
	}
	return false;
}

static bool
set_class(struct ctl_route *r, const char *value)
{
	int class = settings_class(r->control->settings, value);

	r->has_class = true;
	r->class = class >= 0 ? (uint8_t) class : CLASS_NORMAL;
	return class >= 0;
}

static bool
set_path(struct ctl_route *r, const char *value)
{
	r->asked.path = value;
	return value[0] == '/';
}

static bool
set_method(struct ctl_route *r, const char *value)
{
	r->asked.method = value;
	return value[0] != '\0';
}

static bool
set_accept(struct ctl_route *r, const char *value)
{
	r->asked.accept = value;
	return true;
}

static bool
set_dest(struct ctl_route *r, const char *value)
{
	r->asked.fetch_dest = value;
	return true;
}

static const struct option {
	const char *key; /* with its '=' */
	bool (*set)(struct ctl_route *, const char *value);
	const char *expects;
} options[] = {
    {"user=", set_user, "a user's number"},
    {"login=", set_login, "a name of at most 63 bytes"},
    {"service=", set_service, "a service of at most 127 bytes"},
    {"source=", set_source, "an address"},
    {"protocol=", set_protocol,
	"socks4, socks4a, socks5, http, redirect, tproxy or udp"},
    {"class=", set_class, "the name of a class"},
    {"path=", set_path, "a path that begins with /"},
    {"method=", set_method, "a method like GET"},
    {"accept=", set_accept, "a media type like text/html"},
    {"dest=", set_dest, "a Sec-Fetch-Dest like document"},
};

static int
set_option(struct ctl_query *q, struct ctl_route *r, const char *word)
{
	char classes[SETTINGS_CLASS_LIST_LEN];
	const char *expects = NULL;
	const struct option *o;
	size_t i, len;

	for (i = 0; i < sizeof(options) / sizeof(*options); i++) {
		o = &options[i];
		len = strlen(o->key);
		if (strncmp(word, o->key, len) != 0)
			continue;
		if (o->set(r, word + len))
			return 0;
		if (o->set == set_class)
			expects = settings_class_list(
			    r->control->settings, classes, sizeof(classes));
		ctl_refuse(q, CTL_USAGE, "expected %s%s, found %.64s", o->key,
		    expects != NULL ? expects : o->expects, word + len);
		return -1;
	}
	ctl_refuse(q, CTL_USAGE,
	    "expected user=, login=, service=, source=, protocol=, class=, "
	    "path=, method=, accept= or dest=, found %.64s",
	    word);
	return -1;
}

static json_t *
rule(const struct ctl_route *r)
{
	json_t *o;

	if (r->verdict.rule < 0)
		return json_null();
	o = json_object();
	ctl_set_int(o, "number", r->verdict.rule + 1);
	ctl_set_text(
	    o, "name", r->control->settings->rules[r->verdict.rule].name);
	return o;
}

static json_t *
learned(const struct ctl_query *q, const struct ctl_route *r)
{
	json_t *o;

	if (!r->verdict.learned)
		return json_null();
	o = json_object();
	ctl_set_int(
	    o, "since_us", q->now_us - (r->now_us - r->learned.since_us));
	ctl_set_int(o, "workers", r->learned.workers);
	ctl_set_int(o, "of", r->learned.of);
	return o;
}

/* What its content is meant for, well or not. */
static json_t *
service(const struct ctl_route *r)
{
	const struct settings *s = r->control->settings;

	if (r->verdict.service < 0)
		return json_null();
	return ctl_text(s->intermediaries[r->verdict.service].name);
}

static json_t *
caches(const struct ctl_route *r)
{
	const struct settings *s = r->control->settings;
	json_t *list = json_array();
	uint32_t i;

	for (i = 0; i < s->intermediaries_n; i++) {
		if ((s->intermediaries[i].cache_bit & r->verdict.caches) != 0)
			json_array_append_new(
			    list, ctl_text(s->intermediaries[i].name));
	}
	return list;
}

/* Of a rule that names a cache or a service, the verdict says which. */
static json_t *
via_default(const struct ctl_route *r)
{
	const struct settings *s = r->control->settings;
	const struct settings_rule *rule =
	    r->verdict.rule >= 0 ? &s->rules[r->verdict.rule] : NULL;
	char text[SETTINGS_NAME_MAX + 32];

	if (rule == NULL ||
	    (rule->via != VIA_CACHE && rule->via != VIA_SERVICE))
		return ctl_text("default");
	snprintf(text, sizeof(text), "%s %s",
	    rule->via == VIA_CACHE ? "cache" : "service",
	    s->intermediaries[rule->via_intermediary].name);
	return ctl_text(text);
}

static json_t *
via(const struct ctl_route *r)
{
	const struct settings *s = r->control->settings;
	char text[SETTINGS_NAME_MAX + 32];

	switch (r->verdict.via) {
	case VIA_DEFAULT:
		return via_default(r);
	case VIA_DIRECT:
		return ctl_text("direct");
	case VIA_DENY:
		return ctl_text("deny");
	case VIA_TIER:
		snprintf(text, sizeof(text), "tier %u", r->verdict.tier);
		return ctl_text(text);
	case VIA_INTERMEDIARY:
		snprintf(text, sizeof(text), "intermediary %s",
		    s->intermediaries[r->verdict.intermediary].name);
		return ctl_text(text);
	case VIA_CACHE:
	case VIA_SERVICE:
		break; /* which no verdict says */
	}
	return NULL;
}

/* The first thing that would be tried. */
static json_t *
pick(const struct ctl_route *r)
{
	bool last = r->order_n == 0 && !r->held &&
		    r->verdict.via == VIA_DEFAULT &&
		    r->control->settings->no_path_direct;

	if (r->order_n > 0 && ctl_route_is_step(r, r->order[0]))
		return ctl_text(r->query.table->rows[r->order[0]].name);
	if (r->verdict.via == VIA_DIRECT || r->verdict.direct_first || last)
		return ctl_text("direct");
	if (r->order_n == 0)
		return json_null();
	return ctl_text(r->query.table->rows[r->order[0]].name);
}

static json_t *
candidate(const struct ctl_route *r, uint32_t row, uint32_t place)
{
	const struct table_row *t = &r->query.table->rows[row];
	json_t *o = json_object();

	ctl_set_text(o, "name", t->name);
	ctl_set_text(o, "duty", table_duty_word(table_duty(t)));
	ctl_set_int(o, "tier", table_rank_shown(t->tier));
	ctl_set(o, "eligible", json_boolean(place != 0));
	ctl_set_text(o, "reason", path_skip_text(r->skip[row]));
	ctl_set_int(o, "cost", (int64_t)(r->cost[row] & INT64_MAX));
	ctl_set_int(o, "in_flight", r->in_flight[row]);
	ctl_set_int(o, "handshake_us", t->handshake_p50_us);
	ctl_set_int(o, "order", place);
	return o;
}

/* Those that would be tried, as they would; then the others. */
static json_t *
candidates(const struct ctl_route *r)
{
	bool listed[TABLE_ROWS_MAX] = {false};
	json_t *list = json_array();
	uint32_t i;

	if (r->verdict.via == VIA_DENY || r->verdict.via == VIA_DIRECT)
		return list;
	for (i = 0; i < r->order_n; i++) {
		listed[r->order[i]] = true;
		json_array_append_new(list, candidate(r, r->order[i], i + 1));
	}
	for (i = 0; i < r->query.table->rows_n; i++) {
		if (!listed[i])
			json_array_append_new(list, candidate(r, i, 0));
	}
	return list;
}

static void
say_route(struct ctl_query *q, const struct ctl_route *r)
{
	char text[WIRE_HOST_STRLEN];
	json_t *answer = ctl_head();

	ctl_set_text(answer, "destination", wire_host_format(&r->host, text));
	ctl_set_text(answer, "protocol",
	    r->datagrams ? "udp" : wire_protocol_word(r->client.protocol));
	ctl_set_text(answer, "class",
	    settings_class_name(r->control->settings, r->verdict.class));
	ctl_set(answer, "rule", rule(r));
	ctl_set(answer, "via", via(r));
	ctl_set(answer, "direct_first", json_boolean(r->verdict.direct_first));
	ctl_set(answer, "learned", learned(q, r));
	ctl_set(answer, "content", ctl_route_content(r));
	ctl_set(answer, "service", service(r));
	ctl_set(answer, "caches", caches(r));
	ctl_set(answer, "order", ctl_route_steps(r));
	ctl_set(answer, "pick", pick(r));
	ctl_set(answer, "candidates", candidates(r));
	ctl_say(q, answer);
}

void
ctl_route(struct ctl_query *q)
{
	struct ctl_route *r = calloc(1, sizeof(*r));
	int i, error;

	if (r == NULL) {
		q->failed = true;
		return;
	}
	r->control = q->control;
	r->client.protocol = PROTOCOL_SOCKS5;
	r->asked =
	    (struct asked){.method = "GET", .accept = "", .fetch_dest = ""};
	error = set_destination(q, &r->host);
	for (i = 2; i < q->args_n && error == 0; i++)
		error = set_option(q, r, q->args[i]);
	if (error == 0) {
		ctl_route_find(r, mono_us());
		say_route(q, r);
	}
	free(r);
}
