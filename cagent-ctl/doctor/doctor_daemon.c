/* Owns the checks of the daemon's processes: they run, answer, stay alive. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cagent-ctl/doctor/doctor.h"
#include "cagent-ctl/field.h"
#include "cagent-ctl/format.h"
#include "cagent-ctl/verb.h"

#define SLOW_ANSWER_US 1000000
#define SEE_LOG	       "see cagentd's log (stderr, or syslog)"

static void
check_silent(struct doctor *d)
{
	switch (-d->error) {
	case ENOENT:
	case ENOTDIR:
	case ECONNREFUSED:
		doctor_add(d, "daemon", DOCTOR_FAIL,
		    "start it: \"service cagentd start\" or \"cagentd -f "
		    "FILE\"; one with another run directory: --run-dir DIR",
		    "cagentd is not running with run directory %s",
		    d->call->run_dir);
		return;
	case EACCES:
		doctor_add(d, "daemon", DOCTOR_SKIP, "",
		    "may not be asked as this user; run doctor as root");
		return;
	case ETIMEDOUT:
		doctor_add(d, "control", DOCTOR_FAIL,
		    "the master restarts a hung control process by itself "
		    "within seconds; when it does not, " SEE_LOG,
		    "the control process does not answer; clients are served "
		    "all the same");
		return;
	default:
		doctor_add(d, "control", DOCTOR_FAIL, SEE_LOG,
		    "the control process gives no answer: %s",
		    strerror(-d->error));
	}
}

static void
check_answer(struct doctor *d)
{
	const char *version = field_string(d->status, "version");
	char span[FORMAT_LEN], took[FORMAT_LEN];

	doctor_add(d, "daemon",
	    strcmp(version, CAGENT_VERSION) == 0 ? DOCTOR_OK : DOCTOR_WARN,
	    "restart cagentd after an update: service cagentd restart",
	    "cagentd %s runs, cagent-ctl is %s", version, CAGENT_VERSION);
	format_between(field_number(d->status, "started_us"), d->now_us, span);
	doctor_add(d, "control",
	    d->answer_us < SLOW_ANSWER_US ? DOCTOR_OK : DOCTOR_WARN,
	    "the machine or the control process is overloaded: look at top",
	    "answered in %s, up %s", format_span(d->answer_us, took), span);
}

static const char *
child_name(const json_t *child, char *out, size_t size)
{
	const char *role = field_string(child, "role");

	if (strcmp(role, "worker") == 0)
		snprintf(out, size, "worker %lld",
		    (long long)field_number(child, "index"));
	else
		snprintf(out, size, "%s", role);
	return out;
}

static void
check_children(struct doctor *d)
{
	const json_t *children = json_object_get(d->status, "children");
	int64_t wanted = field_number(d->status, "workers_configured") + 2;
	char names[512] = "", one[40];
	const json_t *child;
	int64_t ready = 0;
	const char *state;
	size_t i, len;

	for (i = 0; i < json_array_size(children); i++) {
		child = json_array_get(children, i);
		state = field_string(child, "state");
		if (strcmp(state, "ready") == 0) {
			ready++;
			continue;
		}
		len = strlen(names);
		snprintf(names + len, sizeof(names) - len, "; %s is %s",
		    child_name(child, one, sizeof(one)), state);
	}
	doctor_add(d, "processes", ready >= wanted ? DOCTOR_OK : DOCTOR_FAIL,
	    "one that keeps dying is started ever more slowly: " SEE_LOG,
	    "%lld of %lld are ready%s", (long long)ready, (long long)wanted,
	    names);
}

static void
check_restarts(struct doctor *d)
{
	const json_t *children = json_object_get(d->status, "children");
	char text[512] = "", one[40];
	const json_t *child;
	size_t i, len;

	for (i = 0; i < json_array_size(children); i++) {
		child = json_array_get(children, i);
		if (field_number(child, "restarts") == 0)
			continue;
		len = strlen(text);
		snprintf(text + len, sizeof(text) - len, "%s%s %lld times (%s)",
		    len > 0 ? ", " : "", child_name(child, one, sizeof(one)),
		    (long long)field_number(child, "restarts"),
		    field_string(child, "last_exit"));
	}
	doctor_add(d, "restarts", text[0] == '\0' ? DOCTOR_OK : DOCTOR_WARN,
	    "processes do not die in normal use: " SEE_LOG
	    ", and report what stands there",
	    "%s%s",
	    text[0] == '\0' ? "no process had to be started again"
			    : "started again: ",
	    text);
}

static void
check_loop(struct doctor *d)
{
	doctor_add(d, "event loop", DOCTOR_OK, "", "%s",
	    field_string(d->status, "loop"));
}

void
doctor_daemon(struct doctor *d)
{
	if (d->status == NULL) {
		check_silent(d);
		return;
	}
	check_answer(d);
	check_children(d);
	check_restarts(d);
	check_loop(d);
}
