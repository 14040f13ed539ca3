/* Owns asking the server that runs, and telling people why it could not be
 * asked; knows no verb. */
#include "policyd/ask.h"

#include <sys/stat.h>

#include <errno.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rundir.h"
#include "policyd/common/pdconf.h"
#include "policyd/common/pdctl.h"
#include "policyd/line.h"
#include "policyd/say.h"
#include "policyd/verb.h"

#define PATH_LEN 256

/* The run directory that the configuration names. */
static int
run_dir(const struct call *call, const char *path, char out[PATH_LEN])
{
	struct conf_errors errors;
	struct pdconf *conf;
	char *text;
	size_t len;
	int error = conf_read_file(path, CONF_FILE_MAX, false, &text, &len);

	if (error != 0)
		return say_failure(call, VERB_FAILED, "config", "%s: %s", path,
		    strerror(-error));
	error = pdconf_parse(path, text, len, &conf, &errors);
	free(text);
	if (error != 0)
		return say_failure(call, VERB_FAILED, "config",
		    "%sthe server may run all the same: --run-dir DIR says "
		    "where",
		    errors.text);
	snprintf(out, PATH_LEN, "%s", conf->run_dir);
	pdconf_unref(conf);
	return VERB_OK;
}

static int
socket_path(const struct call *call, char out[PATH_LEN])
{
	char dir[PATH_LEN];
	struct stat st;
	int rc;

	if (call->run_dir != NULL) {
		snprintf(dir, sizeof(dir), "%s", call->run_dir);
	} else if (call->config != NULL ||
		   stat(pdconf_default_path, &st) == 0) {
		rc = run_dir(call,
		    call->config != NULL ? call->config : pdconf_default_path,
		    dir);
		if (rc != VERB_OK)
			return rc;
	} else {
		rundir_default("cagent-policyd", dir, sizeof(dir));
	}
	snprintf(out, PATH_LEN, "%.*s/%s",
	    (int)(PATH_LEN - sizeof(PDCONF_CONTROL_NAME) - 1), dir,
	    PDCONF_CONTROL_NAME);
	return VERB_OK;
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
		    "started the server",
		    path);
	return say_failure(call, VERB_FAILED, "forbidden",
	    "%s: permission denied: ask as root, or join the group \"%s\"",
	    path, gr->gr_name);
}

static int
explain(const struct call *call, const char *path, int error)
{
	switch (-error) {
	case ENOENT:
	case ENOTDIR:
		return say_failure(call, VERB_NOT_RUNNING, "not-running",
		    "no policy server is running (there is no %s): start one "
		    "with \"cagent-policyd serve\"; one with another run "
		    "directory is found with --run-dir DIR or -f FILE",
		    path);
	case ECONNREFUSED:
		return say_failure(call, VERB_NOT_RUNNING, "not-running",
		    "no policy server is running (nobody listens at %s any "
		    "more): start one with \"cagent-policyd serve\"",
		    path);
	case EACCES:
	case EPERM:
		return explain_access(call, path);
	case ETIMEDOUT:
		return say_failure(call, VERB_FAILED, "no-answer",
		    "%s: the policy server does not answer in time", path);
	case ECONNRESET:
	case EPIPE:
		return say_failure(call, VERB_FAILED, "no-answer",
		    "%s: the policy server hung up without an answer: its "
		    "ranker is being started again, or too many ask at once; "
		    "try again",
		    path);
	case EPROTO:
		return say_failure(call, VERB_FAILED, "protocol",
		    "%s: what came back is not an answer: is the server of "
		    "another version?",
		    path);
	default:
		return say_failure(call, VERB_FAILED, "internal", "%s: %s",
		    path, strerror(-error));
	}
}

/* The server said no. */
static int
refused(const struct call *call, const json_t *head)
{
	const char *code = ask_str(head, "code");
	int status = VERB_FAILED;

	if (strcmp(code, "usage") == 0)
		status = VERB_USAGE;
	/* What was asked for is so already. */
	if (strcmp(code, "already") == 0)
		status = VERB_OK;
	return say_failure(call, status, code, "%s", ask_str(head, "error"));
}

/* Lines of JSON into objects. */
static int
parse(struct answer *a, const char *text, size_t len)
{
	const char *end;
	json_t *o;

	a->rows = json_array();
	while (len > 0) {
		end = memchr(text, '\n', len);
		if (end == NULL)
			return -EPROTO;
		o = json_loadb(
		    text, (size_t)(end - text), JSON_REJECT_DUPLICATES, NULL);
		if (!json_is_object(o)) {
			json_decref(o);
			return -EPROTO;
		}
		if (a->head == NULL)
			a->head = o;
		else
			json_array_append_new(a->rows, o);
		len -= (size_t)(end + 1 - text);
		text = end + 1;
	}
	if (a->head == NULL)
		return -ECONNRESET;
	return ask_int(a->head, "schema") == PDCTL_SCHEMA &&
		       json_is_boolean(json_object_get(a->head, "ok"))
		   ? 0
		   : -EPROTO;
}

static int
exchange(const char *path, struct answer *a, const char *line, const void *data,
    size_t len)
{
	const struct line_question q = {.path = path,
	    .line = line,
	    .data = data,
	    .data_len = len,
	    .timeout_us = ASK_TIMEOUT_US,
	    .max = ASK_MAX};
	struct line_answer got;
	int error = line_ask(&q, &got);

	if (error != 0)
		return error;
	a->master = got.listener;
	error = parse(a, got.text, got.len);
	free(got.text);
	return error;
}

int
ask_with(const struct call *call, struct answer *a, const char *line,
    const void *data, size_t len)
{
	char path[PATH_LEN];
	int error, status;

	*a = (struct answer){.head = NULL};
	status = socket_path(call, path);
	if (status != VERB_OK)
		return status;
	error = exchange(path, a, line, data, len);
	if (error == 0 && ask_true(a->head, "ok"))
		return VERB_OK;
	status =
	    error != 0 ? explain(call, path, error) : refused(call, a->head);
	ask_free(a);
	return status;
}

int
ask(const struct call *call, struct answer *a, const char *fmt, ...)
{
	char line[PDCTL_LINE_MAX + 1];
	va_list ap;
	int n;

	*a = (struct answer){.head = NULL};
	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(line))
		return say_failure(
		    call, VERB_USAGE, "usage", "the request is too long");
	return ask_with(call, a, line, NULL, 0);
}

int
ask_quietly(const struct call *call, struct answer *a, const char *line)
{
	char path[PATH_LEN];
	int error;

	*a = (struct answer){.head = NULL};
	if (socket_path(call, path) != VERB_OK)
		return -EINVAL;
	error = exchange(path, a, line, NULL, 0);
	if (error == 0 && !ask_true(a->head, "ok"))
		error = -EREMOTEIO;
	if (error != 0)
		ask_free(a);
	return error;
}

void
ask_free(struct answer *a)
{
	json_decref(a->head);
	json_decref(a->rows);
	*a = (struct answer){.head = NULL};
}

int64_t
ask_int(const json_t *o, const char *name)
{
	return json_integer_value(json_object_get(o, name));
}

const char *
ask_str(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s != NULL ? s : "";
}

bool
ask_true(const json_t *o, const char *name)
{
	return json_is_true(json_object_get(o, name));
}

int
ask_print(const struct answer *a, const char *rows)
{
	if (rows != NULL)
		json_object_set(a->head, rows, a->rows);
	json_dumpf(a->head, stdout, JSON_COMPACT);
	putchar('\n');
	return VERB_OK;
}
