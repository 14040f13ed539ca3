/* The prober: probes what the ranker lists, and tells it what that comes to.
 * What it means is the ranker's. */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/loop.h"
#include "names/names.h"
#include "policyd/common/blob.h"
#include "policyd/common/pdchild.h"
#include "policyd/common/probelist.h"
#include "policyd/prober/prober_pool.h"
#include "policyd/roles.h"

/* Results that may wait for a ranker that is busy with its disk. */
#define QUEUE_MAX 1024

struct prober {
	struct loop *loop;
	struct pdchild child;
	struct names *names;
	struct prober_pool *pool;
	struct chan *ranker; /* NULL: there is none */
	struct blob list;
	bool stuck; /* and it has been said */
};

static void
on_probed(void *arg, const struct pdmsg_probed *m)
{
	struct prober *p = arg;
	uint8_t buf[CHAN_DATA_MAX];
	int error;

	if (p->ranker == NULL)
		return;
	error = chan_send(
	    p->ranker, PDMSG_PROBED, buf, pdmsg_probed_encode(m, buf), NULL, 0);
	if (error != 0 && !p->stuck)
		log_warnx("the ranker: %s: results are lost", strerror(-error));
	p->stuck = error != 0;
}

static void
on_message(void *arg, struct chan *chan, const struct chan_msg *m)
{
	static struct probelist list;
	struct prober *p = arg;
	int rc = blob_take(&p->list, m);

	(void)chan; /* p's; the rules let nothing else through */
	if (rc == 1)
		rc = probelist_decode(p->list.data, p->list.len, &list);
	else if (rc == 0)
		return;
	if (rc == 0) {
		log_debug("%u to probe", list.items_n);
		rc = prober_pool_list(p->pool, &list);
	}
	if (rc != 0)
		log_errx("the list of what to probe: %s", strerror(-rc));
}

static void
on_closed(void *arg, struct chan *chan, const char *why)
{
	struct prober *p = arg;

	(void)chan; /* p's */
	if (why != NULL)
		log_errx("the ranker: %s", why);
	chan_free(p->ranker);
	p->ranker = NULL;
}

/* A new ranker knows nothing of what was probed before. */
static void
on_line(void *arg, enum pdproc_role peer, int fd)
{
	struct prober *p = arg;
	const struct chan_owner owner = {on_message, on_closed, p};

	if (peer != PDPROC_RANKER) {
		close(fd);
		return;
	}
	chan_free(p->ranker);
	p->ranker = NULL;
	blob_free(&p->list);
	p->list = (struct blob){0};
	if (chan_new(&p->ranker, p->loop, fd, &pdproc_rules, PDPROC_PROBER,
		PDPROC_RANKER, &owner) != 0) {
		log_errx("no channel to the ranker");
		return;
	}
	chan_queue_max(p->ranker, QUEUE_MAX);
	p->stuck = false;
	prober_pool_again(p->pool);
}

static void
start_pool(struct prober *p, const struct pdchild_start *start)
{
	const struct prober_pool_owner owner = {.loop = p->loop,
	    .names = p->names,
	    .conf = start->conf,
	    .logins = start->logins,
	    .logins_n = start->logins_n,
	    .probed = on_probed,
	    .arg = p};

	if (prober_pool_new(&p->pool, &owner) != 0)
		fatalx("out of memory");
	if (start->conf->targets_n == 0)
		log_info("no target is configured: nothing is probed");
}

int
prober_main(void)
{
	static struct prober p;
	struct pdchild_start start;
	int error;

	pdchild_receive(PDPROC_PROBER, &start);
	error = loop_new(&p.loop);
	if (error == 0) /* reads files, which is forbidden later */
		error = names_new(&p.names, p.loop, NULL);
	if (error != 0)
		fatalx("start: %s", strerror(-error));
	start_pool(&p, &start);
	p.child.line = on_line;
	p.child.arg = &p;
	pdchild_join(&p.child, PDPROC_PROBER, p.loop, &start);
	pdchild_ready(&p.child, &start);
	error = loop_run(p.loop);
	prober_pool_free(p.pool);
	names_free(p.names);
	chan_free(p.ranker);
	blob_free(&p.list);
	pdchild_free(&p.child);
	sodium_free(start.logins);
	pdconf_unref(start.conf);
	loop_free(p.loop);
	return error == 0 ? 0 : 1;
}
