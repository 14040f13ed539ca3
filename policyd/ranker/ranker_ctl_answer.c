/* Owns the table of verbs and the form of an answer; knows none of their
 * contents. */
#include "policyd/ranker/ranker_ctl_answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mono.h"
#include "policyd/common/pdctl.h"
#include "policyd/ranker/ranker_ctl.h"
#include "policyd/ranker/ranker_ctl_line.h"

#define OUT_MIN 4096

struct verb {
	const char *word;
	ranker_ctl_fn *fn;
	int args_min, args_max;
	bool changes;
	const char *usage;
};

#define ANY (PDCTL_WORDS_MAX - 1)

static const struct verb verbs[] = {
    {"status", ranker_ctl_status, 0, 0, false, "status"},
    {"publish", ranker_ctl_publish, 1, 2, true, "publish BYTES [force]"},
    {"delivery", ranker_ctl_delivery, 1, 2, false,
	"delivery root|policy|rank [GROUP]"},
    {"policy", ranker_ctl_policy, 0, 1, false, "policy [AUDIENCE]"},
    {"history", ranker_ctl_history, 0, 0, false, "history"},
    {"body", ranker_ctl_body, 1, 2, false, "body SERIAL [AUDIENCE]"},
    {"use", ranker_ctl_use, 2, ANY, true,
	"use [group=GROUP] [use=NAME]... [not=NAME]... for=SECONDS "
	"[why=TEXT]"},
    {"overrides", ranker_ctl_overrides, 0, 0, false, "overrides"},
    {"override-end", ranker_ctl_override_end, 1, 1, true, "override-end ID"},
    {"token", ranker_ctl_token, 3, 3, true, "token HASH GROUP SECONDS"},
    {"agents", ranker_ctl_agents, 0, 0, false, "agents"},
    {"agent", ranker_ctl_agent, 1, 1, false, "agent NAME"},
    {"agent-add", ranker_ctl_agent_add, 3, 3, true, "agent-add NAME GROUP KEY"},
    {"agent-remove", ranker_ctl_agent_remove, 1, 1, true, "agent-remove NAME"},
    {"ranks", ranker_ctl_ranks, 0, 1, false, "ranks [GROUP]"},
    {"why", ranker_ctl_why, 1, 2, false, "why NAME [GROUP]"},
    {"events", ranker_ctl_events, 0, 3, false,
	"events [after=ID] [since=SECONDS] [max=N]"},
};

static const char *
code_word(enum ranker_ctl_code code)
{
	switch (code) {
	case RANKER_CTL_USAGE:
		return "usage";
	case RANKER_CTL_UNKNOWN_VERB:
		return "unknown-verb";
	case RANKER_CTL_NOT_FOUND:
		return "not-found";
	case RANKER_CTL_ALREADY:
		return "already";
	case RANKER_CTL_FORBIDDEN:
		return "forbidden";
	case RANKER_CTL_REFUSED:
		return "refused";
	case RANKER_CTL_STORE:
		return "store";
	case RANKER_CTL_INTERNAL:
		break;
	}
	return "internal";
}

/* A string from bytes of any origin. */
static json_t *
text(const char *s)
{
	json_t *j = json_string(s);
	char *copy;
	size_t i;

	if (j != NULL)
		return j;
	copy = strdup(s);
	if (copy == NULL)
		return NULL;
	for (i = 0; copy[i] != '\0'; i++) {
		if ((unsigned char)copy[i] >= 0x80)
			copy[i] = '?';
	}
	j = json_string(copy);
	free(copy);
	return j;
}

void
ranker_ctl_set(json_t *object, const char *key, json_t *value)
{
	json_object_set_new(object, key, value);
}

void
ranker_ctl_set_int(json_t *object, const char *key, int64_t value)
{
	ranker_ctl_set(object, key, json_integer(value));
}

void
ranker_ctl_set_text(json_t *object, const char *key, const char *value)
{
	ranker_ctl_set(object, key, text(value));
}

json_t *
ranker_ctl_head(void)
{
	json_t *head = json_object();

	ranker_ctl_set_int(head, "schema", PDCTL_SCHEMA);
	ranker_ctl_set(head, "ok", json_true());
	return head;
}

/* Make room for more bytes; 0, or -1 with the answer given up. */
static int
make_room(struct ranker_ctl_query *q, size_t more)
{
	size_t len = q->out != NULL ? q->out->len : 0;
	size_t cap = q->out != NULL ? q->out->cap : OUT_MIN;
	struct buf *bigger;

	if (q->out != NULL && buf_room(q->out) >= more)
		return 0;
	if (more > RANKER_CTL_OUT_MAX || len > RANKER_CTL_OUT_MAX - more)
		return -1;
	while (cap < len + more)
		cap *= 2;
	bigger = buf_new(cap);
	if (bigger == NULL)
		return -1;
	if (len > 0)
		buf_append(bigger, buf_bytes(q->out), len);
	buf_free(q->out);
	q->out = bigger;
	return 0;
}

static int
append(const char *data, size_t len, void *arg)
{
	struct ranker_ctl_query *q = arg;

	if (make_room(q, len) != 0)
		return -1;
	return buf_append(q->out, data, len);
}

void
ranker_ctl_say(struct ranker_ctl_query *q, json_t *object)
{
	if (!q->failed &&
	    (json_dump_callback(object, append, q, JSON_COMPACT) != 0 ||
		append("\n", 1, q) != 0))
		q->failed = true;
	json_decref(object);
}

void
ranker_ctl_refuse(
    struct ranker_ctl_query *q, enum ranker_ctl_code code, const char *fmt, ...)
{
	json_t *answer = json_object();
	char why[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	ranker_ctl_set_int(answer, "schema", PDCTL_SCHEMA);
	ranker_ctl_set(answer, "ok", json_false());
	ranker_ctl_set_text(answer, "error", why);
	ranker_ctl_set_text(answer, "code", code_word(code));
	ranker_ctl_say(q, answer);
}

void
ranker_ctl_done(struct ranker_ctl_query *q, const char *fmt, ...)
{
	json_t *answer = ranker_ctl_head();
	char message[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	ranker_ctl_set_text(answer, "message", message);
	ranker_ctl_say(q, answer);
}

const char *
ranker_ctl_by(const struct ranker_ctl_query *q, char out[RANKER_CTL_BY_MAX])
{
	snprintf(out, RANKER_CTL_BY_MAX, "uid %u", (unsigned int)q->uid);
	return out;
}

static const struct verb *
verb_named(const char *word)
{
	size_t i;

	for (i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
		if (strcmp(verbs[i].word, word) == 0)
			return &verbs[i];
	}
	return NULL;
}

static void
dispatch(struct ranker_ctl_query *q, const struct ranker_ctl_line *l)
{
	const struct verb *v = verb_named(l->words[0]);
	int args_n = l->words_n - 1;

	if (v == NULL) {
		ranker_ctl_refuse(q, RANKER_CTL_UNKNOWN_VERB,
		    "unknown verb: %.64s", l->words[0]);
		return;
	}
	if (args_n < v->args_min || args_n > v->args_max) {
		ranker_ctl_refuse(
		    q, RANKER_CTL_USAGE, "expected: %s", v->usage);
		return;
	}
	if (v->changes && !q->may_change) {
		ranker_ctl_refuse(q, RANKER_CTL_FORBIDDEN,
		    "%s: only root, the server's own user and the members of "
		    "its group may",
		    v->word);
		return;
	}
	v->fn(q);
}

/* An answer that could not be finished must not look like one that was. */
static void
finish(struct ranker_ctl_query *q)
{
	if (!q->failed)
		return;
	buf_free(q->out);
	q->out = NULL;
	q->failed = false;
	ranker_ctl_refuse(
	    q, RANKER_CTL_INTERNAL, "out of memory for the answer");
	if (q->failed) {
		buf_free(q->out);
		q->out = NULL;
	}
}

void
ranker_ctl_answer(struct ranker_ctl_query *q, const char *line, size_t len)
{
	struct ranker_ctl_line l;
	const char *wrong = ranker_ctl_line_parse(&l, line, len);

	q->now_s = mono_wall_us() / 1000000;
	if (wrong != NULL) {
		ranker_ctl_refuse(q, RANKER_CTL_USAGE, "%s", wrong);
	} else {
		q->line = &l;
		dispatch(q, &l);
		q->line = NULL;
	}
	finish(q);
}

void
ranker_ctl_answer_error(
    struct ranker_ctl_query *q, enum ranker_ctl_code code, const char *why)
{
	ranker_ctl_refuse(q, code, "%s", why);
	finish(q);
}
