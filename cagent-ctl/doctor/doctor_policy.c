/* Owns the checks of where policy comes from and reports go to. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cagent-ctl/doctor/doctor.h"
#include "cagent-ctl/field.h"
#include "cagent-ctl/format.h"

#define LET_IN                                                               \
	"let it in there: cagent-policyd agent add, with what \"cagent-ctl " \
	"policy key\" prints; or name a new token's file in token-file"
#define SEE_THERE "its own log says more: cagent-policyd events"
#define SEE_LOG	  "see cagentd's log (stderr, or syslog)"
#define REACH                                                                  \
	"is it running, and reachable from here?  Until then the last policy " \
	"stays in force"

/* By the word that a server refuses with. */
static const struct {
	const char *code, *fix;
} refusals[] = {
    {"unknown-agent", LET_IN},
    {"bad-token", LET_IN},
    {"name-taken", "give it a name of its own: name in [policy]"},
    {"clock", "set this host's clock, or the server's"},
};

static const char *
fix_of(const json_t *link)
{
	size_t i;

	if (strncmp(field_string(link, "why"), "it refuses us", 13) == 0) {
		for (i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
			if (strcmp(field_string(link, "nack"),
				refusals[i].code) == 0)
				return refusals[i].fix;
		}
		return SEE_THERE;
	}
	return strcmp(field_string(link, "state"), "off") == 0 ? SEE_LOG
							       : REACH;
}

static void
check_link(struct doctor *d, const json_t *link)
{
	const char *name = field_string(link, "name");
	bool up = strcmp(field_string(link, "state"), "up") == 0;
	char span[FORMAT_LEN], what[96];

	snprintf(what, sizeof(what), "%s%.64s",
	    *name == '\0' ? "policy server" : "subscriber ", name);
	format_between(field_number(link, "since_us"), d->now_us, span);
	if (up)
		doctor_add(d, what, DOCTOR_OK, "",
		    "%s is connected, for %s; %" PRId64 " reports, %" PRId64
		    " refused",
		    field_string(link, "address"), span,
		    field_number(link, "reports"), field_number(link, "nacks"));
	else
		doctor_add(d, what, DOCTOR_WARN, fix_of(link),
		    "%s is not connected (%s, for %s): %s",
		    field_string(link, "address"), field_string(link, "state"),
		    span, field_string(link, "why"));
}

static void
check_policy(struct doctor *d, bool expected)
{
	int64_t issued_us = field_number(d->status, "policy_issued_us");
	char age[FORMAT_LEN], until[FORMAT_LEN];

	if (issued_us == 0) {
		if (expected)
			doctor_add(d, "policy", DOCTOR_WARN,
			    "publish one: cagent-policyd publish",
			    "none was accepted yet");
		return;
	}
	format_between(issued_us, d->now_us, age);
	format_date(field_number(d->status, "policy_expires_us"), until);
	if (field_true(d->status, "policy_stale"))
		doctor_add(d, "policy", DOCTOR_WARN,
		    "sign and publish a new one: cagent-policyd sign",
		    "serial %" PRId64 " has expired, %s, and stays in force",
		    field_number(d->status, "policy_serial"), until);
	else
		doctor_add(d, "policy", DOCTOR_OK, "",
		    "serial %" PRId64 ", issued %s ago, good until %s",
		    field_number(d->status, "policy_serial"), age, until);
}

void
doctor_policy(struct doctor *d)
{
	const json_t *links = json_object_get(d->status, "managers");
	const json_t *link;
	bool server = false;
	size_t i;

	if (d->status == NULL)
		return;
	for (i = 0; i < json_array_size(links); i++) {
		link = json_array_get(links, i);
		check_link(d, link);
		if (*field_string(link, "name") == '\0')
			server = true;
	}
	check_policy(d, server);
}
