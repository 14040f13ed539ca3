/* Owns the making and the end of a loop: which backend, and its memory. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/loop_impl.h"
#include "base/mono.h"

static const struct loop_backend *const backends[] = {&loop_epoll, &loop_uring};
#define BACKENDS_N (sizeof(backends) / sizeof(backends[0]))

static const struct loop_backend *
backend_named(const char *name)
{
	size_t i;

	for (i = 0; i < BACKENDS_N; i++) {
		if (strcmp(backends[i]->name, name) == 0)
			return backends[i];
	}
	return NULL;
}

int
loop_new(struct loop **out)
{
	return loop_new_on(out, "epoll");
}

int
loop_new_best(struct loop **out, int *why)
{
	*why = loop_new_on(out, loop_uring.name);
	return *why == 0 ? 0 : loop_new_on(out, loop_epoll.name);
}

int
loop_new_on(struct loop **out, const char *backend)
{
	const struct loop_backend *b = backend_named(backend);
	struct loop *l;
	int error;

	*out = NULL;
	if (b == NULL)
		return -ENOTSUP;
	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return -ENOMEM;
	l->backend = b;
	error = b->init(l);
	if (error != 0) {
		free(l);
		return error;
	}
	l->timer_floor_us = INT64_MIN;
	l->now_us = mono_us();
	*out = l;
	return 0;
}

void
loop_free(struct loop *l)
{
	struct op *op;

	if (l == NULL)
		return;
	assert(!l->in_turn);
	loop_fds_release(l);
	l->backend->fini(l);
	loop_fds_free(l);
	while ((op = loop_timers_first(&l->timers)) != NULL) {
		loop_timers_remove(&l->timers, op);
		loop_op_release(op);
	}
	loop_timers_fini(&l->timers);
	free(l);
}

const char *
loop_backend(const struct loop *l)
{
	return l->backend->name;
}

const char *
loop_syscall(const struct loop *l)
{
	return l->backend->syscall;
}
