/* Owns asking the daemon and telling people why it could not be asked. */
#include "cagent-ctl/ask.h"

#include <sys/stat.h>

#include <errno.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cagent-ctl/field.h"
#include "cagent-ctl/format.h"
#include "cagent-ctl/say.h"
#include "cagent-ctl/verb.h"
#include "wire/ctl.h"

const char *
ask_path(const struct call *call, const char *name, char out[ASK_PATH_MAX])
{
	snprintf(out, ASK_PATH_MAX, "%s/%s", call->run_dir, name);
	return out;
}

/* Who may: the group of the socket, by its name. */
static int
explain_access(const struct call *call, const char *path)
{
	const struct group *gr = NULL;
	struct stat st;

	if (stat(path, &st) == 0 && st.st_gid != 0)
		gr = getgrgid(st.st_gid);
	if (gr == NULL)
		return say_failure(call, VERB_FAILED, "forbidden",
		    "%s: permission denied: ask as root, or as the user who "
		    "started cagentd",
		    path);
	return say_failure(call, VERB_FAILED, "forbidden",
	    "%s: permission denied: ask as root, or join the group \"%s\" "
	    "(usermod -aG %s USER, then log in again)",
	    path, gr->gr_name, gr->gr_name);
}

int
ask_explain(const struct call *call, int error)
{
	char path[ASK_PATH_MAX];

	ask_path(call, CTL_SOCKET_NAME, path);
	switch (-error) {
	case ENOENT:
	case ENOTDIR:
		return say_failure(call, VERB_NOT_RUNNING, "not-running",
		    "cagentd is not running (there is no %s): start it with "
		    "\"service cagentd start\" or \"cagentd -f FILE\"; one with "
		    "another run directory is asked with --run-dir DIR",
		    path);
	case ECONNREFUSED:
		return say_failure(call, VERB_NOT_RUNNING, "not-running",
		    "cagentd is not running (nobody listens at %s any more): "
		    "start it with \"service cagentd start\" or "
		    "\"cagentd -f FILE\"",
		    path);
	case EACCES:
	case EPERM:
		return explain_access(call, path);
	case ETIMEDOUT:
		return say_failure(call, VERB_FAILED, "no-answer",
		    "the control process does not answer at %s; clients are "
		    "served all the same, and \"cagent-ctl tiers\" reads the "
		    "table without it",
		    path);
	case ECONNRESET:
	case EPIPE:
		return say_failure(call, VERB_FAILED, "no-answer",
		    "the control process hung up at %s without an answer: it "
		    "is being started again, or too many ask at once; try "
		    "again",
		    path);
	case EPROTO:
		return say_failure(call, VERB_FAILED, "protocol",
		    "%s: what came back is not an answer: is cagentd of "
		    "another version?",
		    path);
	default:
		return say_failure(call, VERB_FAILED, "internal", "%s: %s",
		    path, strerror(-error));
	}
}

/* The first object, which must be an answer of our schema. */
static int
first(struct client *c, json_t **doc)
{
	int rc = client_next(c, client_deadline_us(c), doc);

	if (rc < 0)
		return rc;
	if (rc == 1 && field_number(*doc, "schema") == CTL_SCHEMA &&
	    json_is_boolean(field_value(*doc, "ok")))
		return 0;
	json_decref(*doc);
	*doc = NULL;
	/* Cut off before a word: it ended, or is about to. */
	return rc == 0 ? -ECONNRESET : -EPROTO;
}

int
ask_quietly(
    const struct call *call, const char *line, int64_t timeout_us, json_t **doc)
{
	char path[ASK_PATH_MAX];
	struct client *c;
	int error;

	*doc = NULL;
	error = client_open(
	    &c, ask_path(call, CTL_SOCKET_NAME, path), line, timeout_us);
	if (error == 0)
		error = first(c, doc);
	client_free(c);
	if (error == 0 && !field_true(*doc, "ok")) {
		json_decref(*doc);
		*doc = NULL;
		error = -EREMOTEIO;
	}
	return error;
}

/* The daemon said no. */
static int
refused(const struct call *call, const json_t *doc)
{
	const char *code = field_string(doc, "code");
	int status = VERB_FAILED;

	if (strcmp(code, "usage") == 0)
		status = VERB_USAGE;
	/* What was asked for is so already. */
	if (strcmp(code, "already") == 0)
		status = VERB_OK;
	return say_failure(
	    call, status, code, "%s", field_string(doc, "error"));
}

/* What follows a line. */
struct more {
	const void *data;
	size_t len;
};

static int
open_with(const struct call *call, struct client **c, json_t **doc,
    const char *line, const struct more *more)
{
	char path[ASK_PATH_MAX];
	int error, status;

	*doc = NULL;
	error = client_open(
	    c, ask_path(call, CTL_SOCKET_NAME, path), line, CLIENT_TIMEOUT_US);
	if (error == 0 && more->len > 0)
		error = client_send(*c, more->data, more->len);
	if (error == 0)
		error = first(*c, doc);
	if (error == 0 && field_true(*doc, "ok"))
		return VERB_OK;
	status = error != 0 ? ask_explain(call, error) : refused(call, *doc);
	json_decref(*doc);
	*doc = NULL;
	client_free(*c);
	*c = NULL;
	return status;
}

int
ask_open(
    const struct call *call, struct client **c, json_t **doc, const char *line)
{
	return open_with(call, c, doc, line, &(struct more){NULL, 0});
}

int
ask_with(const struct call *call, json_t **doc, const char *line,
    const void *data, size_t len)
{
	struct client *c;
	int status = open_with(call, &c, doc, line, &(struct more){data, len});

	client_free(c);
	return status;
}

int
ask(const struct call *call, json_t **doc, const char *fmt, ...)
{
	char line[CTL_LINE_MAX];
	struct client *c;
	va_list ap;
	int n, status;

	*doc = NULL;
	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(line) - 1)
		return say_usage(call, "the request is too long");
	status = ask_open(call, &c, doc, line);
	client_free(c);
	return status;
}
