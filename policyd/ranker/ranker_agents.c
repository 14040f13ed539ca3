/* Owns the agents that are connected, or were a short time ago; and who may
 * be one.  What they report is ranker_reports.c's. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "policyd/common/pdfield.h"
#include "policyd/ranker/ranker_batch.h"

static struct ranker_agents *
id_bucket(struct ranker *r, int64_t id)
{
	return &r->ids[(uint64_t)id % RANKER_BUCKETS];
}

static struct ranker_agents *
conn_bucket(struct ranker *r, uint64_t conn)
{
	return &r->conns[conn % RANKER_BUCKETS];
}

struct ranker_agent *
ranker_agent_of(struct ranker *r, uint64_t conn)
{
	struct ranker_agent *a;

	if (conn == 0)
		return NULL; /* that is nobody's */
	LIST_FOREACH (a, conn_bucket(r, conn), by_conn) {
		if (a->conn == conn)
			return a;
	}
	return NULL;
}

const struct ranker_agent *
ranker_agent(const struct ranker *r, int64_t id)
{
	const struct ranker_agents *bucket =
	    &r->ids[(uint64_t)id % RANKER_BUCKETS];
	const struct ranker_agent *a;

	LIST_FOREACH (a, bucket, by_id) {
		if (a->id == id)
			return a;
	}
	return NULL;
}

struct ranker_agent *
ranker_agent_find(struct ranker *r, int64_t id)
{
	struct ranker_agent *a;

	LIST_FOREACH (a, id_bucket(r, id), by_id) {
		if (a->id == id)
			return a;
	}
	return NULL;
}

static void
disconnected(struct ranker *r, struct ranker_agent *a)
{
	if (a->conn == 0)
		return;
	LIST_REMOVE(a, by_conn);
	a->conn = 0;
	a->queued = false;
	r->connected--;
}

static void
agent_free(struct ranker *r, struct ranker_agent *a)
{
	disconnected(r, a);
	LIST_REMOVE(a, by_id);
	LIST_REMOVE(a, in_group);
	free(a->rows);
	free(a);
}

void
ranker_expel(struct ranker *r, uint64_t conn)
{
	uint8_t buf[8];

	(void)pdfield_put(buf, conn, 8);
	(void)ranker_send(r, PDPROC_COLLECTOR, PDMSG_EXPEL, buf, sizeof(buf));
}

static struct ranker_agent *
agent_new(
    struct ranker *r, const struct store_agent *who, struct ranker_group *group)
{
	struct ranker_agent *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->id = who->id;
	a->group = group;
	a->reported_us = loop_now_us(r->loop);
	LIST_INSERT_HEAD(id_bucket(r, a->id), a, by_id);
	LIST_INSERT_HEAD(&group->agents, a, in_group);
	return a;
}

struct ranker_agent *
ranker_agent_come(
    struct ranker *r, const struct store_agent *who, uint64_t conn)
{
	struct ranker_group *group = ranker_group_get(r, who->group);
	struct ranker_agent *a = ranker_agent_find(r, who->id), *other;

	if (group == NULL)
		return NULL;
	other = ranker_agent_of(r, conn);
	if (other != NULL && other != a)
		disconnected(r, other); /* that number is the new one's */
	if (a == NULL)
		a = agent_new(r, who, group);
	if (a == NULL)
		return NULL;
	if (a->conn != 0 && a->conn != conn)
		ranker_expel(r, a->conn); /* it is here, so it is not there */
	disconnected(r, a);
	if (a->group != group) {
		LIST_REMOVE(a, in_group);
		LIST_INSERT_HEAD(&group->agents, a, in_group);
		a->group = group;
	}
	snprintf(a->name, sizeof(a->name), "%s", who->name);
	a->conn = conn;
	LIST_INSERT_HEAD(conn_bucket(r, conn), a, by_conn);
	r->connected++;
	return a;
}

void
ranker_gone(struct ranker *r, uint64_t conn)
{
	struct ranker_agent *a;

	ranker_flush(r);
	a = ranker_agent_of(r, conn);
	if (a != NULL)
		disconnected(r, a);
}

void
ranker_all_gone(struct ranker *r)
{
	struct ranker_agent *a;
	uint32_t i;

	ranker_flush(r);
	for (i = 0; i < RANKER_BUCKETS; i++) {
		while ((a = LIST_FIRST(&r->conns[i])) != NULL)
			disconnected(r, a);
	}
}

/* Sequences that rose while the disk could not be written: all at once. */
static void
save_sequences(struct ranker *r)
{
	struct ranker_agent *a;
	uint32_t i;
	int error = ranker_begin(r);

	if (error != 0)
		return;
	for (i = 0; i < RANKER_BUCKETS; i++) {
		LIST_FOREACH (a, &r->ids[i], by_id) {
			if (a->unsaved && error == 0)
				error = store_agent_heard(r->store, a->id,
				    a->sequence, ranker_now_s());
		}
	}
	if (ranker_end(r, error) != 0)
		return;
	r->unsaved = false;
	for (i = 0; i < RANKER_BUCKETS; i++) {
		LIST_FOREACH (a, &r->ids[i], by_id) {
			a->unsaved = false;
		}
	}
}

void
ranker_agents_sweep(struct ranker *r)
{
	int64_t now_us = loop_now_us(r->loop), base_us = ranker_window_us(r);
	struct ranker_agent *a, *next;
	uint32_t i;

	if (r->unsaved && !r->read_only)
		save_sequences(r);
	r->longest_us = base_us;
	for (i = 0; i < RANKER_BUCKETS; i++) {
		for (a = LIST_FIRST(&r->ids[i]); a != NULL; a = next) {
			next = LIST_NEXT(a, by_id);
			if (a->window_us > r->longest_us)
				r->longest_us = a->window_us;
			/* What it has said last is of no use any more. */
			if (a->conn == 0 && !a->unsaved &&
			    now_us - a->reported_us >
				2 * (a->window_us + base_us))
				agent_free(r, a);
		}
	}
}

void
ranker_agents_free(struct ranker *r)
{
	struct ranker_agent *a;
	uint32_t i;

	for (i = 0; i < RANKER_BUCKETS; i++) {
		while ((a = LIST_FIRST(&r->ids[i])) != NULL)
			agent_free(r, a);
	}
}

/* --- for the control socket --- */

static int
not_found(const char *name, struct ranker_why *why)
{
	snprintf(why->code, sizeof(why->code), "not-found");
	snprintf(
	    why->text, sizeof(why->text), "there is no agent called %s", name);
	return -ENOENT;
}

int
ranker_agent_remove(
    struct ranker *r, const char *name, const char *by, struct ranker_why *why)
{
	struct ranker_agent *a;
	struct store_agent who;
	int error;

	ranker_flush(r);
	error = store_agent_by_name(r->store, name, &who);
	if (error == -ENOENT)
		return not_found(name, why);
	if (error == 0)
		error = ranker_begin(r);
	if (error != 0)
		return ranker_disk_why(r, error, why);
	error = store_agent_remove(r->store, who.id);
	if (error == 0)
		error = ranker_event(r, "agent", who.group, who.name,
		    "it was removed by %.63s", by);
	error = ranker_end(r, error);
	if (error != 0)
		return ranker_disk_why(r, error, why);
	a = ranker_agent_find(r, who.id);
	if (a == NULL)
		return 0;
	if (a->conn != 0)
		ranker_expel(r, a->conn);
	agent_free(r, a);
	return 0;
}

int
ranker_agent_add(struct ranker *r, struct store_agent *who, const char *by,
    struct ranker_why *why)
{
	int error = ranker_begin(r);

	if (error != 0)
		return ranker_disk_why(r, error, why);
	who->added_s = ranker_now_s();
	error = store_agent_add(r->store, who);
	if (error == 0)
		error = ranker_event(r, "agent", who->group, who->name,
		    "it was listed by %.63s", by);
	error = ranker_end(r, error);
	if (error != -EEXIST)
		return error == 0 ? 0 : ranker_disk_why(r, error, why);
	snprintf(why->code, sizeof(why->code), "already");
	snprintf(why->text, sizeof(why->text),
	    "the name %s, or that key, is another agent's", who->name);
	return error;
}

int
ranker_token_add(struct ranker *r, const uint8_t hash[STORE_HASH_LEN],
    const char *group, int64_t expires_s, const char *by,
    struct ranker_why *why)
{
	int error = ranker_begin(r);

	if (error != 0)
		return ranker_disk_why(r, error, why);
	error = store_token_add(r->store, hash, group, expires_s);
	if (error == 0)
		error = ranker_event(
		    r, "token", group, "", "a token was made by %.63s", by);
	error = ranker_end(r, error);
	if (error != -EEXIST)
		return error == 0 ? 0 : ranker_disk_why(r, error, why);
	snprintf(why->code, sizeof(why->code), "already");
	snprintf(why->text, sizeof(why->text), "that token was made before");
	return error;
}
