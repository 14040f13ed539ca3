/* Tells how the server is as a whole, and what has happened. */
#include <sys/stat.h>

#include <stdio.h>
#include <string.h>

#include "policyd/common/pdctl.h"
#include "policyd/ranker/ranker.h"
#include "policyd/ranker/ranker_ctl_answer.h"
#include "policyd/ranker/ranker_ctl_line.h"

/* Who of a group's connected agents has the newest. */
struct have {
	int64_t connected, policy, rank;
};

static bool
reached(const struct manage_mark *said, const struct verified *v)
{
	const struct trust_mark mark = {said->epoch, said->serial};

	return v != NULL && trust_compare(mark, verified_mark(v)) >= 0;
}

static struct have
have_of(const struct ranker *r, const struct ranker_group *g)
{
	const struct ranker_agent *agent;
	struct have have = {0, 0, 0};
	struct store_agent a;

	LIST_FOREACH (agent, &g->agents, in_group) {
		if (agent->conn == 0)
			continue;
		have.connected++;
		if (store_agent_by_id(r->store, agent->id, &a) != 0)
			continue;
		have.policy +=
		    g->policy != NULL && reached(&a.policy, g->policy->v);
		have.rank += reached(&a.rank, g->rank);
	}
	return have;
}

static json_t *
group_object(const struct ranker *r, const struct ranker_group *g)
{
	struct have have = have_of(r, g);
	json_t *o = json_object();
	const struct envelope *e;

	ranker_ctl_set_text(o, "group", g->name);
	if (g->policy != NULL) {
		e = verified_envelope(g->policy->v);
		ranker_ctl_set_int(o, "policy_epoch", e->epoch);
		ranker_ctl_set_int(o, "policy_serial", (int64_t)e->serial);
		ranker_ctl_set_int(o, "policy_expires_s", e->expires_s);
	}
	if (g->rank != NULL) {
		e = verified_envelope(g->rank);
		ranker_ctl_set_int(o, "rank_epoch", e->epoch);
		ranker_ctl_set_int(o, "rank_serial", (int64_t)e->serial);
		ranker_ctl_set_int(o, "rank_s", e->issued_s);
		ranker_ctl_set_int(o, "rank_expires_s", e->expires_s);
	}
	ranker_ctl_set_int(o, "connected", have.connected);
	ranker_ctl_set_int(o, "have_policy", have.policy);
	ranker_ctl_set_int(o, "have_rank", have.rank);
	return o;
}

static void
set_lines(json_t *answer, const struct ranker *r)
{
	json_t *away = json_array();
	int role;

	for (role = PDPROC_COLLECTOR; role < PDPROC_COUNT; role++) {
		if (role != PDPROC_RANKER && r->lines[role] == NULL)
			json_array_append_new(away,
			    json_string(
				pdproc_role_word((enum pdproc_role)role)));
	}
	ranker_ctl_set(answer, "no_line_to", away);
}

/* The store's file and what is not in it yet; 0: not known. */
static int64_t
store_bytes(const struct ranker *r)
{
	static const char *const ends[] = {"", "-wal"};
	const bool inside = (r->sandbox & SANDBOX_CHROOT) != 0;
	char path[PDCONF_PATH_MAX + 32];
	struct stat st;
	int64_t n = 0;
	size_t i;

	for (i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/" PDCONF_STORE_NAME "%s",
		    inside ? "" : r->conf->state_dir, ends[i]);
		if (stat(path, &st) == 0)
			n += st.st_size;
	}
	return n;
}

void
ranker_ctl_status(struct ranker_ctl_query *q)
{
	const struct ranker *r = q->ranker;
	const struct ranker_group *g;
	json_t *answer = ranker_ctl_head();
	int64_t n = 0;

	ranker_ctl_set_text(answer, "version", CAGENT_VERSION);
	ranker_ctl_set_int(answer, "now_s", q->now_s);
	ranker_ctl_set_int(answer, "started_s", r->started_s);
	if (r->roots_n > 0)
		ranker_ctl_set_int(
		    answer, "root_epoch", verified_mark(ranker_root(r)).epoch);
	/* A store that cannot even be read is told of below. */
	if (store_agents_count(r->store, &n) == 0)
		ranker_ctl_set_int(answer, "agents", n);
	ranker_ctl_set_int(answer, "connected", r->connected);
	ranker_ctl_set_int(answer, "intermediaries", r->known_n);
	ranker_ctl_set_int(answer, "overrides", r->overrides_n);
	ranker_ctl_set_int(answer, "reports", (int64_t)r->reports);
	ranker_ctl_set_int(
	    answer, "reports_refused", (int64_t)r->reports_refused);
	ranker_ctl_set_int(answer, "store_bytes", store_bytes(r));
	ranker_ctl_set(answer, "read_only", json_boolean(r->read_only));
	if (r->read_only)
		ranker_ctl_set_text(answer, "read_only_why", r->why);
	set_lines(answer, r);
	ranker_ctl_say(q, answer);
	TAILQ_FOREACH (g, &r->groups, next)
		ranker_ctl_say(q, group_object(r, g));
}

/* --- events --- */

static bool
tell(void *arg, int64_t id, const struct store_event *e)
{
	struct ranker_ctl_query *q = arg;
	json_t *o = json_object();

	ranker_ctl_set_int(o, "id", id);
	ranker_ctl_set_int(o, "at_s", e->at_s);
	ranker_ctl_set_text(o, "kind", e->kind);
	ranker_ctl_set_text(o, "group", e->group);
	ranker_ctl_set_text(o, "subject", e->subject);
	ranker_ctl_set_text(o, "text", e->text);
	ranker_ctl_say(q, o);
	return !q->failed;
}

static bool
read_word(const char *word, struct store_events_query *what)
{
	const char *v;
	int64_t n;

	if ((v = ranker_ctl_value(word, "after")) != NULL)
		return ranker_ctl_number(v, 0, INT64_MAX, &what->after);
	if ((v = ranker_ctl_value(word, "since")) != NULL)
		return ranker_ctl_number(v, 0, INT64_MAX, &what->since_s);
	if ((v = ranker_ctl_value(word, "max")) == NULL ||
	    !ranker_ctl_number(v, 1, PDCTL_EVENTS_MAX, &n))
		return false;
	what->n = (uint32_t)n;
	return true;
}

void
ranker_ctl_events(struct ranker_ctl_query *q)
{
	struct store_events_query what = {.n = 100};
	const char *word;
	int i;

	for (i = 0; (word = ranker_ctl_arg(q->line, i)) != NULL; i++) {
		if (read_word(word, &what))
			continue;
		ranker_ctl_refuse(q, RANKER_CTL_USAGE,
		    "expected after=ID, since=SECONDS or max=N (up to %d), "
		    "found %.64s",
		    PDCTL_EVENTS_MAX, word);
		return;
	}
	ranker_ctl_say(q, ranker_ctl_head());
	if (store_events(q->ranker->store, &what, tell, q) != 0)
		q->failed = true;
}
