/*
 * The collector: the process that agents talk to.  It has the sealing key and
 * no file; the connections are pdroom's and pdagent's.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/log.h"
#include "base/loop.h"
#include "policyd/collector/pdaccept.h"
#include "policyd/collector/pdroom.h"
#include "policyd/common/pdchild.h"
#include "policyd/roles.h"

struct collector {
	struct loop *loop;
	struct pdchild child;
	struct pdchild_start start;
	struct pdaccept accept;
	struct pdroom room;
	struct sealed_keys *keys; /* sodium_malloc()ed */
	bool failed;
};

static void
on_line(void *arg, enum pdproc_role peer, int fd)
{
	struct collector *c = arg;

	if (peer == PDPROC_RANKER)
		pdroom_line(&c->room, fd);
	else
		close(fd);
}

_Static_assert(PDGUESTS_MAX <= PDPROC_GUESTS_FDS, "a descriptor each");

/* Those that are known have places of their own: who comes and says nothing
 * keeps none of them out. */
static void
on_changed(void *arg)
{
	struct collector *c = arg;

	pdaccept_hold(
	    &c->accept, c->room.n >= c->start.conf->agents_max + PDGUESTS_MAX);
}

/* A new collector gets new channels, and agents come again. */
static void
on_broken(void *arg, const char *why)
{
	struct collector *c = arg;

	log_errx("the ranker and we do not understand each other: %s", why);
	c->failed = true;
	loop_stop(c->loop);
}

static void
on_accepted(struct pdaccept *a, int fd)
{
	struct collector *c = container_of(a, struct collector, accept);

	pdagent_start(&c->room, fd);
	on_changed(c);
}

/* As the files hold it: the secret, then the public key. */
static struct sealed_keys *
keys_of(const uint8_t *secret)
{
	struct sealed_keys *k = sodium_malloc(sizeof(*k));

	if (k == NULL || secret == NULL)
		fatalx("start: no key to open agents' messages with");
	memcpy(k->secret_key, secret, sizeof(k->secret_key));
	memcpy(k->public_key, secret + sizeof(k->secret_key),
	    sizeof(k->public_key));
	return k;
}

int
collector_main(void)
{
	static struct collector c;
	int error;

	pdchild_receive(PDPROC_COLLECTOR, &c.start);
	c.keys = keys_of(c.start.secret);
	sodium_free(c.start.secret);
	error = loop_new(&c.loop);
	if (error == 0)
		error = pdroom_init(&c.room, c.loop, c.start.conf, c.keys);
	if (error != 0)
		fatalx("start: %s", strerror(-error));
	c.room.changed = on_changed;
	c.room.broken = on_broken;
	c.room.arg = &c;
	c.child.line = on_line;
	c.child.arg = &c;
	pdchild_join(&c.child, PDPROC_COLLECTOR, c.loop, &c.start);
	error = pdaccept_start(&c.accept, c.loop, c.start.listeners,
	    c.start.listeners_n, on_accepted);
	if (error != 0)
		fatalx("start: %s", strerror(-error));
	pdchild_ready(&c.child, &c.start);
	error = loop_run(c.loop);
	pdaccept_stop(&c.accept);
	pdroom_free(&c.room);
	sodium_free(c.keys);
	pdchild_free(&c.child);
	pdconf_unref(c.start.conf);
	loop_free(c.loop);
	return error == 0 && !c.failed ? 0 : 1;
}
