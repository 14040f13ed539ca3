/* Owns what the master says to its children; when, is children.c's. */
#include "cagentd/children_tell.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cagentd/msg.h"
#include "cagentd/shared.h"

const char *
children_name(const struct children_one *c, char out[32])
{
	if (c->role == ROLE_WORKER)
		snprintf(out, 32, "worker %u", c->index);
	else
		snprintf(out, 32, "%s", procs_role_word(c->role));
	return out;
}

/* To a child whose channel may be gone: then its death is on the way. */
void
children_tell(const struct children_one *c, uint32_t type, const void *data,
    size_t len, int fd)
{
	int error;

	if (c->chan == NULL || c->chan_dead)
		return;
	error = chan_send(c->chan, type, data, len, &fd, fd != -1 ? 1 : 0);
	if (error != 0 && error != -EPIPE) {
		log_warnx("%s %u: cannot be told: %s", procs_role_word(c->role),
		    c->index, strerror(-error));
		kill(c->pid, SIGKILL);
	}
}

static void
tell_u64(const struct children_one *c, uint32_t type, uint64_t v, int fd)
{
	uint8_t buf[8];

	children_tell(c, type, buf, msg_u64_encode(v, buf), fd);
}

/* The control process knows of all children, for status and events. */
void
children_report(const struct children_one *c)
{
	const struct proc_child info = {.role = c->role,
	    .index = c->index,
	    .pid = (uint32_t)c->pid,
	    .state = c->state,
	    .restarts = c->restarts,
	    .sandbox = c->sandbox,
	    .exit_status = (uint32_t)c->exit_status};
	uint8_t buf[CHAN_DATA_MAX];

	children_tell(&c->all->one[CHILDREN_CONTROL], MSG_CHILD, buf,
	    msg_child_encode(&info, buf), -1);
}

void
children_note(struct children *all, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n > 0)
		children_tell(&all->one[CHILDREN_CONTROL], MSG_NOTE, text,
		    strlen(text), -1);
}

/* A fresh channel between a worker and the resolver, if both are there. */
static void
link_resolver(struct children *all, const struct children_one *worker)
{
	const struct children_one *resolver = &all->one[CHILDREN_RESOLVER];
	int fds[2];

	if (resolver->chan == NULL || worker->chan == NULL)
		return;
	if (chan_pair(fds) != 0) {
		log_warn("a channel for worker %u", worker->index);
		return;
	}
	tell_u64(resolver, MSG_RESOLVER, worker->index, fds[0]);
	tell_u64(worker, MSG_RESOLVER, worker->index, fds[1]);
	close(fds[0]);
	close(fds[1]);
}

void
children_tell_conf(const struct children_one *c)
{
	const struct shared *sh = c->all->shared;

	tell_u64(c, MSG_CONF, c->all->settings->serial,
	    c->role == ROLE_RESOLVER ? sh->conf_plain : sh->conf);
}

void
children_tell_listeners(const struct children_one *c)
{
	const struct shared *sh = c->all->shared;
	int fds[SETTINGS_LISTENERS_MAX];
	uint32_t i;

	for (i = 0; i < sh->listeners_n; i++)
		fds[i] = sh->listeners[i].fd;
	if (c->chan != NULL && !c->chan_dead &&
	    chan_send(c->chan, MSG_LISTENERS, NULL, 0, fds, sh->listeners_n) !=
		0)
		kill(c->pid, SIGKILL);
}

/* All slabs, so that connection limits hold over all workers; one's own can
 * be written. */
void
children_tell_slabs(const struct children_one *c)
{
	const struct shared *sh = c->all->shared;
	uint32_t i;

	for (i = 0; i < SETTINGS_WORKERS_MAX; i++) {
		if (sh->slab_rw[i] == -1)
			continue;
		tell_u64(c, MSG_SLAB, i,
		    c->role == ROLE_WORKER && c->index == i ? sh->slab_rw[i]
							    : sh->slab_ro[i]);
	}
}

void
children_provide(struct children_one *c)
{
	struct children *all = c->all;
	const struct shared *sh = all->shared;
	uint32_t i;

	children_tell_conf(c);
	switch (c->role) {
	case ROLE_CONTROL:
		children_tell(c, MSG_TABLE, NULL, 0, sh->table_rw);
		children_tell(c, MSG_WAKE, NULL, 0, sh->wake);
		children_tell(
		    c, MSG_CONTROL_SOCKET, NULL, 0, sh->control_socket);
		children_tell_slabs(c);
		break;
	case ROLE_WORKER:
		children_tell(c, MSG_TABLE, NULL, 0, sh->table_ro);
		children_tell(c, MSG_WAKE, NULL, 0, sh->wake);
		children_tell_slabs(c);
		children_tell_listeners(c);
		link_resolver(all, c);
		break;
	case ROLE_RESOLVER:
		for (i = CHILDREN_WORKERS; i < CHILDREN_MAX; i++)
			link_resolver(all, &all->one[i]);
		break;
	case ROLE_MASTER:
	case ROLE_COUNT:
		break;
	}
	children_tell(c, MSG_START, NULL, 0, -1);
}

/* A restarted control process learns who the others are. */
void
children_report_all(struct children *all)
{
	uint32_t i;

	for (i = 0; i < CHILDREN_MAX; i++) {
		if (all->one[i].wanted)
			children_report(&all->one[i]);
	}
}
