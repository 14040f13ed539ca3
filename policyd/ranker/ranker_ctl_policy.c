/* Tells what was published, now and before. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/common/pdctl.h"
#include "policyd/ranker/ranker.h"
#include "policyd/ranker/ranker_ctl_answer.h"
#include "policyd/ranker/ranker_ctl_line.h"
#include "policyd/ranker/ranker_ctl_say.h"
#include "trust/root.h"

/* All of a policy's versions are kept: of these the newest are told. */
#define HISTORY_MAX 200

/* Who has signed it, by the names that the root gives them. */
static json_t *
signers(const struct envelope *e, const struct root *root)
{
	const struct root_key *key;
	json_t *list = json_array();
	uint32_t i;

	for (i = 0; i < e->signatures_n; i++) {
		key =
		    root_find(root, e->signatures[i].key_id, ROOT_ROLE_POLICY);
		json_array_append_new(
		    list, json_string(key != NULL ? key->name : "?"));
	}
	return list;
}

/* The root that a message was signed under; NULL when it is not known. */
static const struct root *
root_of(const struct ranker *r, uint32_t epoch)
{
	uint32_t i;

	for (i = 0; i < r->roots_n; i++) {
		if (verified_mark(r->roots[i]).epoch == epoch)
			return verified_root(r->roots[i]);
	}
	return NULL;
}

/* When it was published, and by whom. */
struct record {
	const struct envelope *of;
	json_t *into;
};

static bool
add_record(void *arg, const struct store_message *m)
{
	const struct record *rec = arg;

	if (m->envelope->type != rec->of->type ||
	    m->envelope->epoch != rec->of->epoch ||
	    m->envelope->serial != rec->of->serial ||
	    strcmp(m->envelope->audience, rec->of->audience) != 0)
		return true;
	ranker_ctl_set_int(rec->into, "at_s", m->at_s);
	ranker_ctl_set_text(rec->into, "by", m->by);
	return false;
}

static json_t *
policy_object(struct ranker_ctl_query *q, const struct ranker_policy *p)
{
	const struct envelope *e = verified_envelope(p->v);
	const struct root *root = root_of(q->ranker, e->epoch);
	json_t *o = json_object();
	const uint8_t *message;
	size_t len;

	message = verified_message(p->v, &len);
	ranker_ctl_set_header(o, e);
	if (root != NULL)
		ranker_ctl_set(o, "signed_by", signers(e, root));
	ranker_ctl_set_hash(o, message, len);
	ranker_ctl_set(
	    o, "body", json_stringn((const char *)e->body, e->body_len));
	/* Without that it is the same policy all the same. */
	(void)store_history(
	    q->ranker->store, add_record, &(struct record){.of = e, .into = o});
	return o;
}

void
ranker_ctl_policy(struct ranker_ctl_query *q)
{
	const char *audience = ranker_ctl_arg(q->line, 0);
	const struct ranker_policy *p;

	ranker_ctl_say(q, ranker_ctl_head());
	LIST_FOREACH (p, &q->ranker->policies, next) {
		if (audience == NULL ||
		    strcmp(verified_envelope(p->v)->audience, audience) == 0)
			ranker_ctl_say(q, policy_object(q, p));
	}
}

/* --- before --- */

static bool
is_newest(const struct ranker *r, const struct envelope *e)
{
	const struct trust_mark mark = {e->epoch, e->serial};
	const struct verified *root = ranker_root(r);
	const struct ranker_policy *p;

	if (e->type == ENVELOPE_ROOT)
		return root != NULL && verified_mark(root).epoch == e->epoch;
	LIST_FOREACH (p, &r->policies, next) {
		if (trust_compare(verified_mark(p->v), mark) == 0 &&
		    strcmp(verified_envelope(p->v)->audience, e->audience) == 0)
			return true;
	}
	return false;
}

struct history {
	struct ranker_ctl_query *q;
	uint32_t told;
};

static bool
tell(void *arg, const struct store_message *m)
{
	struct history *h = arg;
	json_t *o;
	uint8_t *bytes;
	size_t len;

	if (h->told++ == HISTORY_MAX)
		return false;
	o = json_object();
	ranker_ctl_set_header(o, m->envelope);
	ranker_ctl_set_int(o, "at_s", m->at_s);
	ranker_ctl_set_text(o, "by", m->by);
	ranker_ctl_set(
	    o, "in_force", json_boolean(is_newest(h->q->ranker, m->envelope)));
	if (store_message_get(h->q->ranker->store, m->id, &bytes, &len) == 0) {
		ranker_ctl_set_hash(o, bytes, len);
		free(bytes);
	}
	ranker_ctl_say(h->q, o);
	return !h->q->failed;
}

static void
refuse_store(struct ranker_ctl_query *q, int error)
{
	struct ranker_why why = {.code = ""};

	ranker_ctl_refuse_why(q, ranker_disk_why(q->ranker, error, &why), &why);
}

void
ranker_ctl_history(struct ranker_ctl_query *q)
{
	struct history h = {.q = q};

	ranker_ctl_say(q, ranker_ctl_head());
	/* What was told up to then is true. */
	if (store_history(q->ranker->store, tell, &h) != 0)
		q->failed = true;
}

/* --- one of them --- */

struct wanted {
	int64_t serial;
	const char *audience; /* NULL: any */
	int64_t id;	      /* found; 0: not yet */
	struct envelope e;
	bool ambiguous; /* two audiences have that serial */
};

/* They come newest first: that one is meant. */
static bool
match(void *arg, const struct store_message *m)
{
	const struct envelope *e = m->envelope;
	struct wanted *w = arg;

	if (e->type != ENVELOPE_POLICY || (int64_t)e->serial != w->serial ||
	    (w->audience != NULL && strcmp(w->audience, e->audience) != 0))
		return true;
	if (w->id == 0) {
		w->id = m->id;
		w->e = *e;
	} else if (strcmp(w->e.audience, e->audience) != 0) {
		w->ambiguous = true;
	}
	return true;
}

static void
say_body(struct ranker_ctl_query *q, const uint8_t *message, size_t len)
{
	enum envelope_fault fault;
	struct envelope e;
	json_t *answer;

	if (envelope_decode(message, len, &e, &fault) != (int)len) {
		ranker_ctl_refuse(
		    q, RANKER_CTL_INTERNAL, "the store holds no whole message");
		return;
	}
	answer = ranker_ctl_head();
	ranker_ctl_set_header(answer, &e);
	ranker_ctl_set(
	    answer, "body", json_stringn((const char *)e.body, e.body_len));
	ranker_ctl_say(q, answer);
}

void
ranker_ctl_body(struct ranker_ctl_query *q)
{
	struct wanted w = {.audience = ranker_ctl_arg(q->line, 1)};
	uint8_t *bytes;
	size_t len;
	int error;

	if (!ranker_ctl_number(
		ranker_ctl_arg(q->line, 0), 0, INT64_MAX, &w.serial)) {
		ranker_ctl_refuse(q, RANKER_CTL_USAGE,
		    "expected a serial, found %.64s",
		    ranker_ctl_arg(q->line, 0));
		return;
	}
	error = store_history(q->ranker->store, match, &w);
	if (error == 0 && w.id != 0 && !w.ambiguous)
		error = store_message_get(q->ranker->store, w.id, &bytes, &len);
	if (error != 0) {
		refuse_store(q, error);
	} else if (w.id == 0) {
		ranker_ctl_refuse(q, RANKER_CTL_NOT_FOUND,
		    "no policy of serial %lld was published%s%s",
		    (long long)w.serial, w.audience != NULL ? " for " : "",
		    w.audience != NULL ? w.audience : "");
	} else if (w.ambiguous) {
		ranker_ctl_refuse(q, RANKER_CTL_USAGE,
		    "several groups had a policy of serial %lld: say which "
		    "with --audience",
		    (long long)w.serial);
	} else {
		say_body(q, bytes, len);
		free(bytes);
	}
}
