/* Answers to whom this agent reports, and by what key they know it; changes
 * nothing. */
#include <stdio.h>
#include <string.h>

#include "base/loop.h"
#include "cagentd/control/control.h"
#include "cagentd/control/ctl_answer.h"
#include "cagentd/control/links.h"
#include "trust/keyfile.h"

static void
set_address(json_t *one, const struct link *l)
{
	const struct settings_endpoint *at = &l->peer.at[l->at];
	bool v6 = strchr(at->host, ':') != NULL;
	char text[sizeof(at->host) + 16];

	snprintf(text, sizeof(text), "%s%s%s:%u", v6 ? "[" : "", at->host,
	    v6 ? "]" : "", at->port);
	ctl_set_text(one, "address", text);
}

static void
set_counts(json_t *one, const struct link *l)
{
	ctl_set_int(one, "reports", (int64_t)l->reports);
	ctl_set_int(one, "report_us", l->report_us);
	ctl_set_int(one, "acks", (int64_t)l->acks);
	ctl_set_int(one, "ack_us", l->ack_us);
	ctl_set_int(one, "nacks", (int64_t)l->nacks);
	ctl_set_int(one, "nack_us", l->nack_us);
	ctl_set_text(one, "nack", l->nack_code);
	ctl_set_text(one, "nack_text", l->nack_text);
	ctl_set_int(one, "taken", (int64_t)l->taken);
}

/* When it is tried, or told, next; due_us is of our own clock. */
static int64_t
next_us(const struct ctl_query *q, const struct link *l, int64_t due_us)
{
	if (l->state == LINK_WAITING)
		return l->try_us;
	return due_us == 0 ? 0
			   : q->now_us + due_us - loop_now_us(q->control->loop);
}

static json_t *
link_json(const struct ctl_query *q, const struct link *l, int64_t interval,
    int64_t due_us)
{
	json_t *one = json_object();

	ctl_set_text(one, "role",
	    l->peer.name[0] == '\0' ? "policy-server" : "subscriber");
	ctl_set_text(one, "name", l->peer.name);
	set_address(one, l);
	ctl_set_text(one, "state", link_state_word(l->state));
	ctl_set_int(one, "since_us", l->state_us);
	ctl_set_text(one, "why", l->why);
	ctl_set_int(one, "interval_ms", interval);
	ctl_set_int(one, "next_us", next_us(q, l, due_us));
	set_counts(one, l);
	return one;
}

json_t *
ctl_links_json(const struct ctl_query *q)
{
	const struct links *ls = q->control->links;
	int64_t interval = 0, due_us = 0;
	json_t *list = json_array();
	const struct link *l;
	uint32_t i;

	for (i = 0; ls != NULL; i++) {
		l = links_get(ls, i, &interval, &due_us);
		if (l == NULL)
			break;
		json_array_append_new(list, link_json(q, l, interval, due_us));
	}
	return list;
}

static const struct msg_identity *
whoami(const struct ctl_query *q)
{
	return q->control->links != NULL ? links_whoami(q->control->links)
					 : NULL;
}

static void
set_identity(json_t *answer, const struct ctl_query *q)
{
	const struct msg_identity *id = whoami(q);
	char key[KEYFILE_B64_LEN] = "";

	if (id != NULL)
		keyfile_base64(id->keys.public_key, key);
	ctl_set_text(answer, "name", q->control->settings->report_name);
	ctl_set_text(answer, "group", q->control->settings->group);
	ctl_set_text(answer, "public_key", key);
}

void
ctl_links(struct ctl_query *q)
{
	json_t *answer = ctl_head();

	set_identity(answer, q);
	ctl_set_int(answer, "now_us", q->now_us);
	ctl_set(answer, "links", ctl_links_json(q));
	ctl_say(q, answer);
}

void
ctl_policy_key(struct ctl_query *q)
{
	const struct settings *s = q->control->settings;
	json_t *answer;

	if (whoami(q) == NULL) {
		ctl_refuse(q, CTL_NOT_FOUND, "this agent has no key: %s",
		    s->policy_servers_n == 0 && s->subscribers_n == 0
			? "its configuration names nobody to report to"
			: "its log says why");
		return;
	}
	answer = ctl_head();
	set_identity(answer, q);
	ctl_say(q, answer);
}
