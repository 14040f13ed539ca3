/* Owns who may come in, and what agents say of the signed messages they got.
 * The connection is the collector's. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/logpace.h"
#include "policyd/common/pdctl.h"
#include "policyd/ranker/ranker_batch.h"

/* An agent's clock may be off by so much: more, and what it says of expiry is
 * worth nothing. */
#define CLOCK_S INT64_C(3600)

/* One that is there already, and is announced to us, who are new. */
static bool
comes_again(const struct ranker_item *item)
{
	return item->hello.issued_s == PDMSG_HELLO_AGAIN;
}

static bool
clock_ok(struct ranker_item *item)
{
	int64_t now_s = ranker_now_s(), at_s = item->hello.issued_s;

	if (comes_again(item))
		return true;
	if (at_s > now_s - CLOCK_S && at_s < now_s + CLOCK_S)
		return true;
	ranker_refuse(item, "clock",
	    "your clock and ours are more than an hour apart: ours says %lld "
	    "s since 1970",
	    (long long)now_s);
	return false;
}

static bool
sequence_ok(struct ranker_item *item, uint64_t floor)
{
	if (item->sequence > floor ||
	    (comes_again(item) && item->sequence == floor))
		return true;
	item->floor = floor;
	ranker_refuse(item, "old-sequence",
	    "expected a sequence above %" PRIu64 ", found %" PRIu64, floor,
	    item->sequence);
	return false;
}

/* 1: free; 0: another one has it, refused; -errno. */
static int
name_free(struct ranker *r, struct ranker_item *item)
{
	struct store_agent other;
	int error =
	    store_agent_by_name(r->store, item->hello.said.name, &other);

	if (error == -ENOENT || (error == 0 && other.id == item->agent.id))
		return 1;
	if (error != 0)
		return error;
	ranker_refuse(item, "name-taken",
	    "another agent is called %s: its key is not yours",
	    item->hello.said.name);
	return 0;
}

/* What it said of itself; its group is not its to say. */
static void
take_said(struct ranker_item *item)
{
	const struct manage_register *said = &item->hello.said;
	struct store_agent *a = &item->agent;

	snprintf(a->name, sizeof(a->name), "%s", said->name);
	snprintf(a->software, sizeof(a->software), "%s", said->software);
	a->seen_s = ranker_now_s();
	a->sequence = item->sequence;
	a->root_epoch = said->root_epoch;
	a->policy = said->policy;
	a->rank = said->rank;
}

static int
known(struct ranker *r, struct ranker_item *item)
{
	char was[MANAGE_NAME_MAX + 1];
	int ok, error;

	if (!sequence_ok(item, item->agent.sequence))
		return 0;
	ok = name_free(r, item);
	if (ok <= 0)
		return ok;
	memcpy(was, item->agent.name, sizeof(was));
	take_said(item);
	error = store_agent_update(r->store, &item->agent);
	if (error == 0 && strcmp(was, item->agent.name) != 0)
		error = ranker_event(r, "agent", item->agent.group,
		    item->agent.name, "it was called %s before", was);
	return error;
}

static int
by_token(struct ranker *r, struct ranker_item *item)
{
	struct store_agent *a = &item->agent;
	uint8_t hash[STORE_HASH_LEN];
	int ok = name_free(r, item), error;

	if (ok <= 0)
		return ok;
	pdctl_token_hash(item->hello.said.token, hash);
	error = store_token_use(r->store, hash, ranker_now_s(), a->group);
	if (error == -ENOENT) {
		ranker_refuse(item, "bad-token",
		    "the token is unknown, was used, or is too old");
		return 0;
	}
	if (error != 0)
		return error;
	memcpy(a->key, item->hello.key, sizeof(a->key));
	a->added_s = ranker_now_s();
	take_said(item);
	error = store_agent_add(r->store, a);
	if (error == 0)
		error = ranker_event(r, "agent", a->group, a->name,
		    "it came with a token, as %s", a->software);
	return error;
}

int
ranker_hello_store(struct ranker *r, struct ranker_item *item)
{
	int error;

	if (!clock_ok(item))
		return 0;
	error = store_agent_by_key(r->store, item->hello.key, &item->agent);
	if (error == 0)
		return known(r, item);
	if (error != -ENOENT)
		return error;
	memset(&item->agent, 0, sizeof(item->agent));
	if (item->hello.said.token[0] != '\0')
		return by_token(r, item);
	ranker_refuse(item, "unknown-agent",
	    "its key is not listed, and it has no token");
	return 0;
}

/* Anybody can make a key and come: the log is not theirs to fill. */
static void
log_refused(struct ranker *r, const struct ranker_item *item, const char *why)
{
	uint64_t missed;

	if (!logpace_may(&r->refusals, loop_now_us(r->loop), &missed))
		return;
	if (missed > 0)
		log_info("%" PRIu64 " more agents were not let in", missed);
	log_info("agent %s is not let in: %s", item->hello.said.name, why);
}

static void
say(struct ranker *r, const struct ranker_item *item)
{
	struct pdmsg_welcome w = {.agent = item->conn,
	    .sequence = item->sequence,
	    .welcome = item->why.code[0] == '\0',
	    .interval_ms = (uint32_t)r->conf->report_interval_ms,
	    .sequence_floor = item->floor};
	uint8_t buf[CHAN_DATA_MAX];

	snprintf(w.group, sizeof(w.group), "%s",
	    w.welcome ? item->agent.group : item->hello.said.group);
	snprintf(w.code, sizeof(w.code), "%s", item->why.code);
	snprintf(w.text, sizeof(w.text), "%.*s", (int)sizeof(w.text) - 1,
	    item->why.text);
	if (!w.welcome)
		log_refused(r, item, w.text);
	(void)ranker_send(r, PDPROC_COLLECTOR, PDMSG_WELCOME, buf,
	    pdmsg_welcome_encode(&w, buf));
}

void
ranker_hello_stored(struct ranker *r, struct ranker_item *item)
{
	struct ranker_agent *a;

	if (item->why.code[0] == '\0') {
		a = ranker_agent_come(r, &item->agent, item->conn);
		if (a == NULL)
			ranker_refuse(item, "internal", "out of memory");
		else
			a->sequence = item->sequence;
	}
	say(r, item);
}

/*
 * The disk cannot be written.  Who is known may come all the same, and be
 * given what was signed; that its sequence has risen is kept in mind until
 * it can be written.
 */
void
ranker_hello_unstored(struct ranker *r, struct ranker_item *item)
{
	struct ranker_agent *a = NULL;
	int error;

	memset(&item->why, 0, sizeof(item->why));
	error = store_agent_by_key(r->store, item->hello.key, &item->agent);
	if (error == 0)
		a = ranker_agent_find(r, item->agent.id);
	if (a != NULL && a->sequence > item->agent.sequence)
		item->agent.sequence = a->sequence;
	if (error != 0)
		ranker_disk_why(r, -EROFS, &item->why);
	if (error == 0 && clock_ok(item) &&
	    sequence_ok(item, item->agent.sequence)) {
		a = ranker_agent_come(r, &item->agent, item->conn);
		if (a == NULL)
			ranker_refuse(item, "internal", "out of memory");
		else
			a->unsaved = r->unsaved = true;
	}
	if (item->why.code[0] == '\0' && a != NULL)
		a->sequence = item->sequence;
	say(r, item);
}

/* --- what it says of a signed message --- */

static void
take_mark(struct store_agent *a, const struct manage_answer *what)
{
	if (what->of == ENVELOPE_ROOT)
		a->root_epoch = what->what.epoch;
	else if (what->of == ENVELOPE_POLICY)
		a->policy = what->what;
	else if (what->of == ENVELOPE_RANK)
		a->rank = what->what;
}

/* A nack is news when it is another one than before. */
static int
take_nack(
    struct ranker *r, struct store_agent *a, const struct manage_answer *what)
{
	bool news = strcmp(a->nack_code, what->code) != 0;

	snprintf(a->nack_code, sizeof(a->nack_code), "%s", what->code);
	snprintf(a->nack_text, sizeof(a->nack_text), "%s", what->text);
	if (!news)
		return 0;
	return ranker_event(r, "nack", a->group, a->name,
	    "it refuses %s %" PRIu32 ".%" PRIu64 ": %s: %.120s",
	    what->of == ENVELOPE_ROOT	  ? "root"
	    : what->of == ENVELOPE_POLICY ? "policy"
					  : "rank",
	    what->what.epoch, what->what.serial, what->code, what->text);
}

int
ranker_answer_store(struct ranker *r, struct ranker_item *item)
{
	const struct ranker_agent *agent = ranker_agent_of(r, item->conn);
	const struct manage_answer *what = &item->answer.what;
	struct store_agent a;
	int error = 0;

	if (agent == NULL || what->of > ENVELOPE_RANK ||
	    store_agent_by_id(r->store, agent->id, &a) != 0)
		return 0;
	if (item->answer.nack) {
		error = take_nack(r, &a, what);
	} else {
		take_mark(&a, what);
		if (what->of == ENVELOPE_POLICY)
			a.nack_code[0] = a.nack_text[0] = '\0';
	}
	if (error != 0)
		return error;
	a.seen_s = ranker_now_s();
	return store_agent_update(r->store, &a);
}
