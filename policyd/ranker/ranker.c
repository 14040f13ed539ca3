/* The ranker: has the store */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/log.h"
#include "base/loop.h"
#include "policyd/common/pdchild.h"
#include "policyd/roles.h"

struct ranker {
	struct loop *loop;
	struct pdchild child;
	struct pdchild_start start;
	int lines[PDPROC_COUNT]; /* -1: none */
};

static void
on_line(void *arg, enum pdproc_role peer, int fd)
{
	struct ranker *s = arg;

	if (s->lines[peer] != -1)
		close(s->lines[peer]);
	s->lines[peer] = fd;
}

int
ranker_main(void)
{
	static struct ranker s;
	int error, i;

	for (i = 0; i < PDPROC_COUNT; i++)
		s.lines[i] = -1;
	pdchild_receive(PDPROC_RANKER, &s.start);
	error = loop_new(&s.loop);
	if (error != 0)
		fatalx("loop: %s", strerror(-error));
	s.child.line = on_line;
	s.child.arg = &s;
	pdchild_join(&s.child, PDPROC_RANKER, s.loop, &s.start);
	pdchild_ready(&s.child, &s.start);
	error = loop_run(s.loop);
	pdchild_free(&s.child);
	pdconf_unref(s.start.conf);
	loop_free(s.loop);
	return error == 0 ? 0 : 1;
}
