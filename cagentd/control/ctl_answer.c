/* Owns the table of verbs and the form of an answer; knows none of their
 * contents. */
#include "cagentd/control/ctl_answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mono.h"
#include "cagentd/control/ctl.h"
#include "cagentd/control/ctl_line.h"

#define OUT_MIN 4096

struct verb {
	const char *word;
	ctl_verb_fn *fn;
	int args_min, args_max;
	bool changes;
	const char *usage;
};

static const struct verb verbs[] = {
    {"status", ctl_status, 0, 0, false, "status"},
    {"tiers", ctl_tiers, 0, 0, false, "tiers"},
    {"show", ctl_show, 1, 1, false, "show NAME"},
    {"why", ctl_why, 1, 1, false, "why NAME"},
    {"route", ctl_route, 2, 12, false,
	"route HOST PORT [user=U] [protocol=P] [class=C] [path=/P] "
	"[method=M] [accept=T] [dest=D]"},
    {"classes", ctl_class_list, 0, 0, false, "classes"},
    {"tunnels", ctl_tunnels, 0, 4, false,
	"tunnels [class=C] [user=U] [via=NAME|direct] [host=TEXT]"},
    {"learned", ctl_learned, 0, 0, false, "learned"},
    {"events", ctl_events, 0, 2, false, "events [-f] [N]"},
    {"drain", ctl_drain, 1, 1, true, "drain NAME"},
    {"enable", ctl_enable, 1, 1, true, "enable NAME"},
    {"pin", ctl_pin, 2, 2, true, "pin NAME TIER"},
    {"unpin", ctl_unpin, 1, 1, true, "unpin NAME"},
    {"links", ctl_links, 0, 0, false, "links"},
    {"policy", ctl_policy, 0, 0, false, "policy"},
    {"policy-key", ctl_policy_key, 0, 0, false, "policy-key"},
    {"policy-history", ctl_policy_history, 0, 0, false, "policy-history"},
    {"policy-past", ctl_policy_past, 1, 1, false, "policy-past SERIAL"},
    {"policy-load", ctl_policy_load, 1, 1, true, "policy-load BYTES"},
};

static const char *
code_word(enum ctl_code code)
{
	switch (code) {
	case CTL_USAGE:
		return "usage";
	case CTL_UNKNOWN_VERB:
		return "unknown-verb";
	case CTL_NOT_FOUND:
		return "not-found";
	case CTL_ALREADY:
		return "already";
	case CTL_FORBIDDEN:
		return "forbidden";
	case CTL_INTERNAL:
		break;
	}
	return "internal";
}

json_t *
ctl_text(const char *s)
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
ctl_set(json_t *object, const char *key, json_t *value)
{
	json_object_set_new(object, key, value);
}

void
ctl_set_int(json_t *object, const char *key, int64_t value)
{
	ctl_set(object, key, json_integer(value));
}

void
ctl_set_text(json_t *object, const char *key, const char *value)
{
	ctl_set(object, key, ctl_text(value));
}

json_t *
ctl_head(void)
{
	json_t *head = json_object();

	ctl_set_int(head, "schema", CTL_SCHEMA);
	ctl_set(head, "ok", json_true());
	return head;
}

/* Make room for more bytes; 0, or -1 with the answer given up. */
static int
make_room(struct ctl_query *q, size_t more)
{
	size_t len = q->out != NULL ? q->out->len : 0;
	size_t cap = q->out != NULL ? q->out->cap : OUT_MIN;
	struct buf *bigger;

	if (q->out != NULL && buf_room(q->out) >= more)
		return 0;
	if (more > CTL_OUT_MAX || len > CTL_OUT_MAX - more)
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
	struct ctl_query *q = arg;

	if (make_room(q, len) != 0)
		return -1;
	return buf_append(q->out, data, len);
}

void
ctl_say(struct ctl_query *q, json_t *object)
{
	if (!q->failed &&
	    (json_dump_callback(object, append, q, JSON_COMPACT) != 0 ||
		append("\n", 1, q) != 0))
		q->failed = true;
	json_decref(object);
}

void
ctl_refuse(struct ctl_query *q, enum ctl_code code, const char *fmt, ...)
{
	json_t *answer = json_object();
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	ctl_set_int(answer, "schema", CTL_SCHEMA);
	ctl_set(answer, "ok", json_false());
	ctl_set_text(answer, "error", text);
	ctl_set_text(answer, "code", code_word(code));
	ctl_say(q, answer);
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
dispatch(struct ctl_query *q, const struct ctl_line *l)
{
	const struct verb *v = verb_named(l->words[0]);

	if (v == NULL) {
		ctl_refuse(
		    q, CTL_UNKNOWN_VERB, "unknown verb: %.64s", l->words[0]);
		return;
	}
	if (q->args_n < v->args_min || q->args_n > v->args_max) {
		ctl_refuse(q, CTL_USAGE, "expected: %s", v->usage);
		return;
	}
	if (v->changes && !q->may_change) {
		ctl_refuse(q, CTL_FORBIDDEN,
		    "%s: only root and the daemon's own user may", v->word);
		return;
	}
	v->fn(q);
}

/* An answer that could not be finished must not look like one that was. */
static void
finish(struct ctl_query *q)
{
	if (!q->failed)
		return;
	buf_free(q->out);
	q->out = NULL;
	q->failed = false;
	q->follow_id = 0;
	ctl_refuse(q, CTL_INTERNAL, "out of memory for the answer");
	if (q->failed) {
		buf_free(q->out);
		q->out = NULL;
	}
}

void
ctl_answer(struct ctl_query *q, const char *line, size_t len)
{
	struct ctl_line l;
	const char *wrong = ctl_line_parse(&l, line, len);

	q->now_us = mono_wall_us();
	if (wrong != NULL) {
		ctl_refuse(q, CTL_USAGE, "%s", wrong);
	} else {
		q->args_n = l.words_n - 1;
		q->args = l.words + 1;
		dispatch(q, &l);
		q->args_n = 0;
		q->args = NULL;
	}
	finish(q);
}

void
ctl_answer_error(struct ctl_query *q, enum ctl_code code, const char *why)
{
	ctl_refuse(q, code, "%s", why);
	finish(q);
}
