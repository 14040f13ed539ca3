/* Owns the choice of what moves a worker's bytes. */
#include "cagentd/worker/worker_loop.h"

#include <string.h>

#include "base/log.h"
#include "base/loop.h"

int
worker_loop_new(struct loop **out, const struct settings *s)
{
	int error, why;

	if (s->event_loop == SETTINGS_LOOP_EPOLL)
		return loop_new_on(out, "epoll");
	error = loop_new_best(out, &why);
	if (error == 0 && why != 0 && s->event_loop == SETTINGS_LOOP_URING)
		log_warnx("event-loop: io_uring cannot be had (%s): using %s",
		    strerror(-why), loop_backend(*out));
	else if (error == 0)
		log_info("event loop: %s", loop_backend(*out));
	return error;
}

enum slab_loop
worker_loop_kind(const struct loop *l)
{
	return strcmp(loop_backend(l), "epoll") == 0 ? SLAB_LOOP_EPOLL
						     : SLAB_LOOP_URING;
}
