/* Owns a process's questions to the resolver; asks, never resolves. */
#include "cagentd/common/resolve.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/chan.h"
#include "base/log.h"
#include "base/loop.h"

/* So many lists of what is under way, by number: answers come in any order,
 * and with many of them none is to be looked for among all. */
#define LISTS 256

LIST_HEAD(query_list, resolve_query);

struct resolve {
	struct loop *loop;
	struct chan *chan; /* NULL: no resolver now */
	bool broken;	   /* chan is dead, free it outside its callback */
	uint64_t last_id;
	uint32_t pending_n;
	struct query_list pending[LISTS];
};

int
resolve_new(struct resolve **out, struct loop *loop)
{
	struct resolve *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return -ENOMEM;
	r->loop = loop;
	*out = r; /* empty lists are zeros */
	return 0;
}

static struct query_list *
list_of(struct resolve *r, uint64_t id)
{
	return &r->pending[id % LISTS];
}

void
resolve_free(struct resolve *r)
{
	if (r == NULL)
		return;
	chan_free(r->chan);
	free(r);
}

static void
forget(struct resolve *r, struct resolve_query *q)
{
	LIST_REMOVE(q, entry);
	q->fn = NULL;
	r->pending_n--;
}

/* 0, or the error of a channel that must be given up. */
static int
ask(struct resolve *r, const struct resolve_query *q)
{
	struct msg_resolve m = {.id = q->id};
	uint8_t buf[CHAN_DATA_MAX];
	size_t len;

	memcpy(m.name, q->name, sizeof(m.name));
	len = msg_resolve_encode(&m, buf);
	return chan_send(r->chan, MSG_RESOLVE, buf, len, NULL, 0);
}

static void
answered(void *arg, struct chan *chan, const struct chan_msg *msg)
{
	struct resolve *r = arg;
	struct resolve_query *q;
	struct msg_resolved m;
	resolve_fn *fn;

	(void)chan; /* there is only one */
	if (msg->type != MSG_RESOLVED ||
	    msg_resolved_decode(msg->data, msg->len, &m) != 0) {
		log_warnx("resolver: an answer that is not one, ignored");
		return;
	}
	LIST_FOREACH (q, list_of(r, m.id), entry) {
		if (q->id == m.id)
			break;
	}
	if (q == NULL)
		return; /* cancelled meanwhile */
	fn = q->fn;
	forget(r, q);
	fn(q, &m);
}

static void
closed(void *arg, struct chan *chan, const char *why)
{
	struct resolve *r = arg;

	(void)chan;
	if (why != NULL)
		log_warnx("resolver: channel closed: %s", why);
	r->broken = true;
}

/* What does not get through waits for the next resolver. */
static void
ask_again(struct resolve *r)
{
	struct resolve_query *q;
	size_t i;

	for (i = 0; i < LISTS; i++) {
		LIST_FOREACH (q, &r->pending[i], entry) {
			if (ask(r, q) != 0)
				return;
		}
	}
}

int
resolve_attach(struct resolve *r, enum proc_role role, int fd)
{
	const struct chan_owner owner = {answered, closed, r};
	int error;

	chan_free(r->chan);
	r->chan = NULL;
	error = chan_new(
	    &r->chan, r->loop, fd, &procs_rules, role, ROLE_RESOLVER, &owner);
	if (error != 0)
		return error;
	r->broken = false;
	chan_queue_max(r->chan, RESOLVE_PENDING_MAX);
	ask_again(r);
	return 0;
}

int
resolve_start(struct resolve *r, struct resolve_query *q, const char *name,
    resolve_fn *fn)
{
	size_t len = strlen(name);

	if (!net_name_valid(name, len))
		return -EINVAL;
	if (r->pending_n >= RESOLVE_PENDING_MAX)
		return -ENOBUFS;
	memcpy(q->name, name, len + 1);
	q->id = ++r->last_id;
	q->fn = fn;
	if (r->chan != NULL && !r->broken && ask(r, q) == -ENOBUFS) {
		q->fn = NULL;
		return -ENOBUFS;
	}
	LIST_INSERT_HEAD(list_of(r, q->id), q, entry);
	r->pending_n++;
	return 0;
}

void
resolve_cancel(struct resolve *r, struct resolve_query *q)
{
	if (q->fn != NULL)
		forget(r, q);
}
