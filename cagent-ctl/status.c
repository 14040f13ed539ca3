/* Owns `cagent-ctl status`: how the daemon and its processes are. */
#include "cagent-ctl/status.h"

#include <stdio.h>
#include <string.h>

#include "cagent-ctl/ask.h"
#include "cagent-ctl/field.h"
#include "cagent-ctl/format.h"
#include "cagent-ctl/render.h"
#include "cagent-ctl/say.h"
#include "cagent-ctl/verb.h"

static void
running_cell(const json_t *doc, int64_t now_us, char *out, size_t size)
{
	int64_t started_us = field_number(doc, "started_us");
	char span[FORMAT_LEN], when[FORMAT_LEN];

	snprintf(out, size, "%s, since %s",
	    format_between(started_us, now_us, span),
	    format_time(started_us, now_us, when));
}

static void
usable_cell(const json_t *doc, int64_t now_us, char *out, size_t size)
{
	(void)now_us; /* counts */
	snprintf(out, size, "%lld of %lld",
	    (long long)field_number(doc, "usable"),
	    (long long)field_number(doc, "intermediaries"));
}

/* Most have none. */
static void
caches_cell(const json_t *doc, int64_t now_us, char *out, size_t size)
{
	(void)now_us; /* counts */
	if (field_number(doc, "caches") > 0)
		snprintf(out, size, "%lld of %lld",
		    (long long)field_number(doc, "caches_usable"),
		    (long long)field_number(doc, "caches"));
}

static void
services_cell(const json_t *doc, int64_t now_us, char *out, size_t size)
{
	(void)now_us; /* counts */
	if (field_number(doc, "services") > 0)
		snprintf(out, size, "%lld of %lld",
		    (long long)field_number(doc, "services_usable"),
		    (long long)field_number(doc, "services"));
}

static void
checks_cell(const json_t *doc, int64_t now_us, char *out, size_t size)
{
	int64_t ms = field_number(doc, "check_interval_ms");
	char span[FORMAT_LEN];

	(void)now_us; /* counts */
	if (ms == 0)
		snprintf(out, size, "none are made");
	else
		snprintf(out, size, "%lld, of the idle every %s",
		    (long long)field_number(doc, "checks"),
		    format_between(0, ms * 1000, span));
}

static void
managers_cell(const json_t *doc, int64_t now_us, char *out, size_t size)
{
	const json_t *links = json_object_get(doc, "managers"), *one;
	const char *name;
	size_t i, len = 0;

	(void)now_us; /* states */
	for (i = 0; i < json_array_size(links) && len < size; i++) {
		one = json_array_get(links, i);
		name = field_string(one, "name");
		len += (size_t)snprintf(out + len, size - len, "%s%s (%s)",
		    i > 0 ? ", " : "", *name != '\0' ? name : "policy server",
		    field_string(one, "state"));
	}
}

static void
role_cell(const json_t *child, int64_t now_us, char *out, size_t size)
{
	const char *role = field_string(child, "role");

	(void)now_us; /* a name */
	if (strcmp(role, "worker") == 0)
		snprintf(out, size, "%s %lld", role,
		    (long long)field_number(child, "index"));
	else
		snprintf(out, size, "%s", role);
}

static const struct field answer_fields[] = {
    {"schema", NULL, NULL, FIELD_COUNT, false, NULL,
	"of this text: names are added within a schema, never changed"},
    {"ok", NULL, NULL, FIELD_BOOL, false, NULL,
	"false when there is no answer; then \"code\" and \"error\" say why"},
    {"version", NULL, "version", FIELD_TEXT, false, NULL,
	"of cagentd, which may differ from cagent-ctl's"},
    {"started_us", NULL, "control up for", FIELD_TIME, false, running_cell,
	"when the control process started"},
    {"now_us", NULL, NULL, FIELD_TIME, false, NULL,
	"the daemon's clock; all times are wall-clock microseconds"},
    {"listeners", NULL, "listening on", FIELD_LIST, false, NULL,
	"where clients connect: SOCKS4, SOCKS4a, SOCKS5 and HTTP on each, but "
	"for those that begin with redirect: or tproxy:, to which the kernel "
	"hands connections"},
    {"uids", NULL, NULL, FIELD_OTHER, false, NULL,
	"the users as whom its processes make connections, by number"},
    {"usable", NULL, "usable", FIELD_COUNT, false, usable_cell,
	"intermediaries that new requests may be given to now"},
    {"intermediaries", NULL, NULL, FIELD_COUNT, false, NULL,
	"intermediaries that are configured, without caches and services"},
    {"caches_usable", NULL, "caches usable", FIELD_COUNT, false, caches_cell,
	"caches that requests are given to now"},
    {"caches", NULL, NULL, FIELD_COUNT, false, NULL,
	"caches that are configured"},
    {"services_usable", NULL, "services usable", FIELD_COUNT, false,
	services_cell, "special services that requests are given to now"},
    {"services", NULL, NULL, FIELD_COUNT, false, NULL,
	"special services that are configured"},
    {"uplink_us", NULL, "uplink suspected", FIELD_TIME, false, NULL,
	"since when no intermediary answers, so that the host's own uplink is "
	"suspected and ranks are held; 0: it is not"},
    {"no_path", NULL, "no path left", FIELD_TEXT, false, NULL,
	"what happens then: refuse, or direct (without an intermediary)"},
    {"clients", NULL, "clients", FIELD_COUNT, false, NULL,
	"connections of clients at this moment"},
    {"tunnels", NULL, "tunnels", FIELD_COUNT, false, NULL,
	"of these, those that relay"},
    {"waiting", NULL, "waiting", FIELD_COUNT, false, NULL,
	"requests that wait for intermediaries at their connection limits"},
    {"accepted", NULL, "accepted", FIELD_COUNT, false, NULL,
	"connections of clients in all"},
    {"served", NULL, "served", FIELD_COUNT, false, NULL,
	"requests that got their tunnel, in all"},
    {"direct", NULL, "direct", FIELD_COUNT, false, NULL,
	"of these, those that went without an intermediary"},
    {"refused", NULL, "refused", FIELD_COUNTS, false, NULL,
	"requests that got none, by reason"},
    {"bad_handshakes", NULL, "bad handshakes", FIELD_COUNT, false, NULL,
	"clients that spoke none of the protocols, or too slowly"},
    {"accept_pauses", NULL, "accept pauses", FIELD_COUNT, false, NULL,
	"times that a worker was out of file descriptors and stopped "
	"accepting for a moment"},
    {"associations", NULL, "associations", FIELD_COUNT, false, NULL,
	"SOCKS5 clients that were given a port for datagrams, in all"},
    {"datagrams", NULL, "datagrams", FIELD_COUNT, false, NULL,
	"of theirs and to them, those that were passed on"},
    {"datagrams_dropped", NULL, "datagrams dropped", FIELD_COUNT, false, NULL,
	"those that were not: malformed or a fragment, from where none was "
	"expected, forbidden by a rule, or without a path"},
    {"spliced", NULL, "bytes spliced", FIELD_COUNT, false, NULL,
	"bytes of tunnels that were moved past the workers' memory, because "
	"there were many of them"},
    {"checks", NULL, "checks", FIELD_COUNT, false, checks_cell,
	"active checks of intermediaries that the control process has made "
	"since it started, 10 a second at most"},
    {"check_interval_ms", NULL, NULL, FIELD_COUNT, false, NULL,
	"how often one that serves no requests is checked; 0: never"},
    {"group", NULL, "group", FIELD_TEXT, false, NULL,
	"the vantage point of this agent"},
    {"config_serial", NULL, "configuration", FIELD_COUNT, false, NULL,
	"the serial of the configuration in force, rising with each reload"},
    {"policy_serial", NULL, "policy", FIELD_COUNT, false, NULL,
	"the serial of the signed policy in force; not there without one"},
    {"policy_issued_us", NULL, NULL, FIELD_TIME, false, NULL,
	"when that was issued"},
    {"policy_expires_us", NULL, NULL, FIELD_TIME, false, NULL,
	"until when it is not stale"},
    {"managers", NULL, "reports to", FIELD_OTHER, false, managers_cell,
	"whom it reports to: the \"links\" of \"policy server --json\""},
    {"policy_stale", NULL, NULL, FIELD_BOOL, false, NULL,
	"it has expired, and stays in force"},
    {"generation", NULL, "table generation", FIELD_COUNT, false, NULL,
	"of the tier table, rising with each publication"},
    {"run_dir", NULL, "run directory", FIELD_TEXT, false, NULL,
	"the directory of the tier table and the control socket"},
    {"loop", NULL, "event loop", FIELD_TEXT, false, NULL,
	"the kernel interface that moves the workers' bytes: io_uring or "
	"epoll"},
    {"control_pid", NULL, NULL, FIELD_COUNT, false, NULL,
	"the control process, which answers this"},
    {"sandbox", NULL, NULL, FIELD_LIST, false, NULL,
	"what of its rights the control process has given up"},
    {"workers_configured", NULL, NULL, FIELD_COUNT, false, NULL,
	"worker processes that there should be"},
    {"children", NULL, NULL, FIELD_OTHER, false, NULL,
	"the processes, see below"},
    {"degraded", NULL, NULL, FIELD_LIST, false, NULL,
	"what is wrong, in words; the command then exits with 4"},
    {NULL, NULL, NULL, FIELD_TEXT, false, NULL, NULL}};

static const struct field child_fields[] = {
    {"role", "PROCESS", NULL, FIELD_TEXT, false, role_cell,
	"control (ranks, answers), resolver (names), worker (serves clients)"},
    {"index", NULL, NULL, FIELD_COUNT, false, NULL,
	"which of the workers, from 0"},
    {"pid", "PID", NULL, FIELD_COUNT, false, NULL, "its process id"},
    {"state", "STATE", NULL, FIELD_STATE, false, NULL,
	"starting, ready, draining (no new clients), waiting (to be started "
	"again)"},
    {"restarts", "RESTARTS", NULL, FIELD_COUNT, false, NULL,
	"how often the master had to start it again"},
    {"last_exit", "LAST EXIT", NULL, FIELD_TEXT, false, NULL,
	"how its last life ended"},
    {"loop", NULL, NULL, FIELD_TEXT, false, NULL,
	"the kernel interface that it waits by"},
    {"sandbox", "SANDBOX", NULL, FIELD_LIST, false, NULL,
	"what of its rights it has given up; \"cagent-ctl doctor\" says what "
	"is missing"},
    {NULL, NULL, NULL, FIELD_TEXT, false, NULL, NULL}};

static const struct field_list answer_list = {"the answer", "", answer_fields};
static const struct field_list child_list = {
    "a process", "children", child_fields};

const struct field_list *const status_fields[] = {
    &answer_list, &child_list, NULL};

int
status_degraded(const struct call *call, const json_t *doc)
{
	const json_t *list = json_object_get(doc, "degraded");
	const char *s;
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		s = json_string_value(json_array_get(list, i));
		if (s != NULL)
			say(call, "degraded: %s", s);
	}
	return i > 0 ? VERB_DEGRADED : VERB_OK;
}

static size_t
workers_ready(const json_t *doc)
{
	const json_t *children = json_object_get(doc, "children"), *child;
	size_t i, n = 0;

	for (i = 0; i < json_array_size(children); i++) {
		child = json_array_get(children, i);
		n += strcmp(field_string(child, "role"), "worker") == 0 &&
		     strcmp(field_string(child, "state"), "ready") == 0;
	}
	return n;
}

void
status_brief(const struct call *call, const json_t *doc)
{
	static const struct field listeners = {
	    "listeners", NULL, NULL, FIELD_LIST, false, NULL, NULL};
	char text[512], span[FORMAT_LEN];
	int64_t now_us = field_number(doc, "now_us");

	fprintf(call->out,
	    "cagentd %s, up %s, %zu of %lld workers ready, listening on %s\n",
	    format_quote(field_string(doc, "version"), text, 32),
	    format_between(field_number(doc, "started_us"), now_us, span),
	    workers_ready(doc),
	    (long long)field_number(doc, "workers_configured"),
	    field_text(&listeners, doc, now_us, text + 32, sizeof(text) - 32));
	fprintf(call->out,
	    "%lld clients, %lld tunnels, %lld requests served; %lld of %lld "
	    "intermediaries usable\n",
	    (long long)field_number(doc, "clients"),
	    (long long)field_number(doc, "tunnels"),
	    (long long)field_number(doc, "served"),
	    (long long)field_number(doc, "usable"),
	    (long long)field_number(doc, "intermediaries"));
}

int
status_run(const struct call *call)
{
	int64_t now_us;
	json_t *doc;
	int status = ask(call, &doc, "status");

	if (doc == NULL)
		return status;
	now_us = field_number(doc, "now_us");
	if (call->json) {
		render_json(call, doc);
	} else {
		render_pairs(call, answer_fields, doc, now_us);
		fputc('\n', call->out);
		render_table(call, child_fields,
		    json_object_get(doc, "children"), now_us);
	}
	status = status_degraded(call, doc);
	json_decref(doc);
	return status;
}
