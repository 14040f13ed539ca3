/* Owns the ranker's life and its lines to the other processes.  What is said
 * over them is the other files'. */
#include "policyd/ranker/ranker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/log.h"
#include "policyd/ranker/ranker_batch.h"
#include "policyd/ranker/ranker_ctl.h"
#include "policyd/roles.h"

/* What may wait for a peer: agents come and go in bursts. */
#define QUEUE_MAX 65536

static void
take_blob(struct ranker *r, struct blob *b, const struct chan_msg *m)
{
	int whole = blob_take(b, m);

	if (whole < 0)
		log_errx("a message in pieces that do not fit: %s",
		    strerror(-whole));
	if (whole != 1)
		return;
	if (m->type == PDMSG_REPORT)
		ranker_batch_report(r, b->data, b->len);
	else
		ranker_signed(r, b->data, b->len);
}

static void
take_gone(struct ranker *r, const struct chan_msg *m)
{
	uint64_t conn = 0;
	size_t i;

	for (i = 0; i < m->len; i++)
		conn = conn << 8 | m->data[i];
	ranker_gone(r, conn);
}

static void
on_message(void *arg, struct chan *chan, const struct chan_msg *m)
{
	struct ranker *r = arg;

	(void)chan; /* who may say what is the rules' */
	switch (m->type) {
	case PDMSG_HELLO:
		ranker_batch_hello(r, m);
		return;
	case PDMSG_REPORT:
		take_blob(r, &r->report, m);
		return;
	case PDMSG_ANSWER:
		ranker_batch_answer(r, m);
		return;
	case PDMSG_GONE:
		take_gone(r, m);
		return;
	case PDMSG_PROBED:
		ranker_probed(r, m);
		return;
	case PDMSG_SIGNED:
		take_blob(r, &r->signed_rank, m);
		return;
	default: /* of others */
		return;
	}
}

static void
hang_up(struct ranker *r, enum pdproc_role role)
{
	chan_free(r->lines[role]);
	r->lines[role] = NULL;
	r->stuck[role] = false;
	if (role == PDPROC_COLLECTOR) {
		blob_free(&r->report);
		ranker_all_gone(r);
	} else if (role == PDPROC_SIGNER) {
		blob_free(&r->signed_rank);
		ranker_signer_gone(r);
	}
}

void
ranker_hang_up(struct ranker *r)
{
	int role;

	for (role = 0; role < PDPROC_COUNT; role++) {
		if (r->stuck[role])
			hang_up(r, (enum pdproc_role)role);
	}
}

static void
on_closed(void *arg, struct chan *chan, const char *why)
{
	struct ranker *r = arg;
	int role;

	for (role = 0; role < PDPROC_COUNT; role++) {
		if (r->lines[role] != chan)
			continue;
		if (why != NULL)
			log_errx("%s: %s",
			    pdproc_role_word((enum pdproc_role)role), why);
		hang_up(r, (enum pdproc_role)role);
		return;
	}
}

/* Who has begun anew gets all that it must have. */
void
ranker_line(struct ranker *r, enum pdproc_role peer, int fd)
{
	const struct chan_owner owner = {on_message, on_closed, r};

	hang_up(r, peer);
	if (chan_new(&r->lines[peer], r->loop, fd, &pdproc_rules, PDPROC_RANKER,
		peer, &owner) != 0)
		fatalx("out of memory");
	chan_queue_max(r->lines[peer], QUEUE_MAX);
	if (r->store == NULL)
		return; /* later: it is not open yet */
	if (peer == PDPROC_COLLECTOR)
		ranker_publish_all(r);
	else if (peer == PDPROC_PROBER)
		ranker_publish_probes(r);
	else if (peer == PDPROC_PAGE)
		ranker_disk_tell(r);
	ranker_soon(r);
}

static bool
add_group(void *arg, const struct store_agent *a)
{
	struct ranker *r = arg;

	if (ranker_group_get(r, a->group) == NULL)
		fatalx("out of memory");
	return true;
}

bool
ranker_open(struct ranker *r, const char *path, const uint8_t *root,
    size_t root_len, struct ranker_why *why)
{
	char text[STORE_WHY_MAX];
	struct store *store;

	snprintf(why->code, sizeof(why->code), "store");
	if (store_open(path, &store, text) != 0) {
		snprintf(why->text, sizeof(why->text), "%.*s",
		    (int)sizeof(why->text) - 1, text);
		return false;
	}
	r->store = store;
	if (!ranker_messages_load(r, root, root_len, why))
		return false;
	if (store_agents(store, add_group, r) == 0 &&
	    ranker_overrides_load(r) == 0)
		return true;
	snprintf(why->text, sizeof(why->text), "%.*s",
	    (int)sizeof(why->text) - 1, store_why(store));
	return false;
}

void
ranker_init(struct ranker *r, struct loop *loop, struct pdconf *conf)
{
	memset(r, 0, sizeof(*r));
	r->loop = loop;
	r->conf = conf;
	LIST_INIT(&r->policies);
	TAILQ_INIT(&r->groups);
	STAILQ_INIT(&r->items);
	r->started_s = ranker_now_s();
}

void
ranker_start(struct ranker *r)
{
	ranker_publish_all(r);
	ranker_publish_probes(r);
	ranker_disk_tell(r);
	ranker_disk_start(r);
	ranker_rank_start(r);
}

void
ranker_fini(struct ranker *r)
{
	int role;

	ranker_flush(r); /* what came in is stored and said to be */
	ranker_ctl_stop(r->ctl);
	for (role = 0; role < PDPROC_COUNT; role++)
		chan_free(r->lines[role]);
	blob_free(&r->report);
	blob_free(&r->signed_rank);
	ranker_agents_free(r);
	ranker_groups_free(r);
	ranker_messages_free(r);
	free(r->overrides);
	store_close(r->store);
}

static void
on_line(void *arg, enum pdproc_role peer, int fd)
{
	ranker_line(arg, peer, fd);
}

/* Nothing is served from a store that cannot be believed. */
static void
prepare(struct ranker *r, struct pdchild_start *start)
{
	char path[PDCHILD_STORE_MAX];
	struct ranker_why why;
	struct loop *loop;
	int error = loop_new(&loop);

	if (error != 0)
		fatalx("loop: %s", strerror(-error));
	if (sodium_init() == -1)
		fatalx("libsodium does not start");
	ranker_init(r, loop, start->conf);
	r->child.line = on_line;
	r->child.arg = r;
	pdchild_join(&r->child, PDPROC_RANKER, loop, start);
	r->sandbox = start->sandbox;
	if (!ranker_open(r, pdchild_store_path(start, path), start->root,
		start->root_len, &why))
		fatalx("the store: %s", why.text);
	free(start->root);
	ranker_start(r);
	if (start->control_fd != -1 &&
	    ranker_ctl_start(&r->ctl, r, start->control_fd) != 0)
		fatalx("the control socket is not served");
}

int
ranker_main(void)
{
	static struct ranker r;
	struct pdchild_start start;
	int error;

	pdchild_receive(PDPROC_RANKER, &start);
	prepare(&r, &start);
	pdchild_ready(&r.child, &start);
	error = loop_run(r.loop);
	ranker_fini(&r);
	pdchild_free(&r.child);
	loop_free(r.loop);
	pdconf_unref(r.conf);
	return error == 0 ? 0 : 1;
}
