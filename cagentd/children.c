/* Owns the master's children: their start, their watch and their end. */
#include "cagentd/children.h"

#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cagentd/msg.h"
#include "cagentd/shared.h"

#define CONTROL	 0
#define RESOLVER 1
#define WORKER_0 2

static void schedule(struct children_one *);

static const char *
name_of(const struct children_one *c, char out[32])
{
	if (c->role == ROLE_WORKER)
		snprintf(out, 32, "worker %u", c->index);
	else
		snprintf(out, 32, "%s", procs_role_word(c->role));
	return out;
}

/* To a child whose channel may be gone: then its death is on the way. */
static void
tell(const struct children_one *c, uint32_t type, const void *data, size_t len,
    int fd)
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

	tell(c, type, buf, msg_u64_encode(v, buf), fd);
}

/* The control process knows of all children, for status and events. */
static void
report(const struct children_one *c)
{
	const struct proc_child info = {.role = c->role,
	    .index = c->index,
	    .pid = (uint32_t)c->pid,
	    .state = c->state,
	    .restarts = c->restarts,
	    .sandbox = c->sandbox,
	    .exit_status = (uint32_t)c->exit_status};
	uint8_t buf[CHAN_DATA_MAX];

	tell(&c->all->one[CONTROL], MSG_CHILD, buf,
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
		tell(&all->one[CONTROL], MSG_NOTE, text, strlen(text), -1);
}

/* A fresh channel between a worker and the resolver, if both are there. */
static void
link_resolver(struct children *all, const struct children_one *worker)
{
	const struct children_one *resolver = &all->one[RESOLVER];
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

static void
tell_conf(const struct children_one *c)
{
	const struct shared *sh = c->all->shared;

	tell_u64(c, MSG_CONF, c->all->settings->serial,
	    c->role == ROLE_RESOLVER ? sh->conf_plain : sh->conf);
}

static void
tell_listeners(const struct children_one *c)
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
static void
tell_slabs(const struct children_one *c)
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

static void
provide(struct children_one *c)
{
	struct children *all = c->all;
	const struct shared *sh = all->shared;
	uint32_t i;

	tell_conf(c);
	switch (c->role) {
	case ROLE_CONTROL:
		tell(c, MSG_TABLE, NULL, 0, sh->table_rw);
		tell(c, MSG_WAKE, NULL, 0, sh->wake);
		tell(c, MSG_CONTROL_SOCKET, NULL, 0, sh->control_socket);
		tell_slabs(c);
		break;
	case ROLE_WORKER:
		tell(c, MSG_TABLE, NULL, 0, sh->table_ro);
		tell(c, MSG_WAKE, NULL, 0, sh->wake);
		tell_slabs(c);
		tell_listeners(c);
		link_resolver(all, c);
		break;
	case ROLE_RESOLVER:
		for (i = WORKER_0; i < CHILDREN_MAX; i++)
			link_resolver(all, &all->one[i]);
		break;
	case ROLE_MASTER:
	case ROLE_COUNT:
		break;
	}
	tell(c, MSG_START, NULL, 0, -1);
}

/* A restarted control process learns who the others are. */
static void
report_all(struct children *all)
{
	uint32_t i;

	for (i = 0; i < CHILDREN_MAX; i++) {
		if (all->one[i].wanted)
			report(&all->one[i]);
	}
}

static bool
all_ready(const struct children *all)
{
	uint32_t i;

	for (i = 0; i < CHILDREN_MAX; i++) {
		if (all->one[i].wanted && all->one[i].state != PROC_READY)
			return false;
	}
	return true;
}

static void
want_workers(struct children *all)
{
	struct children_one *c;
	uint32_t i;

	for (i = 0; i < SETTINGS_WORKERS_MAX; i++) {
		c = &all->one[WORKER_0 + i];
		if (i < all->settings->workers && !c->wanted) {
			c->wanted = true;
			c->state = PROC_WAITING;
			if (c->pid == 0)
				schedule(c);
		} else if (i >= all->settings->workers && c->wanted) {
			c->wanted = false;
			c->state = PROC_DRAINING;
			tell(c, MSG_DRAIN, NULL, 0, -1);
		}
	}
}

static void
child_ready(struct children_one *c, uint32_t sandbox)
{
	struct children *all = c->all;

	c->state = PROC_READY;
	c->sandbox = sandbox;
	if (c->role == ROLE_CONTROL) {
		report_all(all);
		want_workers(all); /* the first table stands now */
	}
	report(c);
	if (all_ready(all))
		all->ready(all->arg);
}

static void
message(void *arg, struct chan *chan, const struct chan_msg *m)
{
	struct children_one *c = arg;
	uint64_t v;

	(void)chan; /* c's */
	c->alive_us = loop_now_us(c->all->loop);
	if (m->type == MSG_READY && c->state == PROC_STARTING &&
	    msg_u64_decode(m->data, m->len, &v) == 0)
		child_ready(c, (uint32_t)v);
}

static void
closed(void *arg, struct chan *chan, const char *why)
{
	struct children_one *c = arg;
	char name[32];

	(void)chan; /* c's */
	c->chan_dead = true;
	if (why != NULL) {
		log_errx("%s: %s: killed", name_of(c, name), why);
		kill(c->pid, SIGKILL);
	}
}

static int
open_chan(struct children_one *c, int fd)
{
	const struct chan_owner owner = {message, closed, c};

	c->chan_dead = false;
	return chan_new(&c->chan, c->all->loop, fd, &procs_rules, ROLE_MASTER,
	    c->role, &owner);
}

static int
spawn(struct children_one *c)
{
	char role[16], index[16];
	char program[] = "cagentd", role_flag[] = "--role";
	char index_flag[] = "--index", syslog_flag[] = "--syslog";
	char *argv[] = {program, role_flag, role, index_flag, index,
	    c->all->syslog ? syslog_flag : NULL, NULL};
	int error, fds[2];
	pid_t pid;

	snprintf(role, sizeof(role), "%s", procs_role_word(c->role));
	snprintf(index, sizeof(index), "%u", c->index);
	error = chan_pair(fds);
	if (error != 0)
		return error;
	/* This very file, also when a new one has been installed over it. */
	error = proc_spawn("/proc/self/exe", argv, fds[1], -1, &pid);
	close(fds[1]);
	if (error != 0) {
		close(fds[0]);
		return error;
	}
	/* From here on somebody is there to be killed and reaped. */
	c->pid = pid;
	if (open_chan(c, fds[0]) != 0)
		kill(pid, SIGKILL);
	return 0;
}

static void
start(struct children_one *c)
{
	char name[32];
	int error;

	c->alive_us = c->backoff.started_us = loop_now_us(c->all->loop);
	c->state = PROC_STARTING;
	error = spawn(c);
	if (error != 0) {
		log_errx("%s: cannot be started: %s", name_of(c, name),
		    strerror(-error));
		c->restarts++;
		schedule(c);
		return;
	}
	provide(c);
	report(c);
}

static void
on_restart(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct children_one *c = container_of(op, struct children_one, restart);
	int64_t wait_us;

	(void)r; /* time is the only news */
	if (!c->wanted || c->pid != 0 || c->all->stopping)
		return;
	/* A first start is no crash loop. */
	if (c->restarts > 0 && !proc_throttle_take(&c->all->throttle,
				   loop_now_us(loop), &wait_us)) {
		log_warnx("too many restarts: %s waits %lld ms",
		    procs_role_word(c->role), (long long)(wait_us / 1000));
		loop_timer(loop, op, loop_now_us(loop) + wait_us, on_restart);
		return;
	}
	start(c);
}

/* Start it, at once or when its back-off is over. */
static void
schedule(struct children_one *c)
{
	int64_t now = loop_now_us(c->all->loop);
	int64_t delay =
	    c->restarts == 0 ? 0 : proc_backoff_next(&c->backoff, now);

	c->state = PROC_WAITING;
	if (loop_timer(c->all->loop, &c->restart, now + delay, on_restart) != 0)
		log_errx("out of memory for a timer");
}

static void
check_alive(struct children_one *c, int64_t now)
{
	int64_t limit_ms =
	    c->state == PROC_STARTING ? PROCS_START_MS : PROCS_SILENT_MS;
	char name[32];

	if (c->pid == 0 || now - c->alive_us < limit_ms * 1000)
		return;
	log_errx("%s (pid %d) has been silent for %lld s: killed",
	    name_of(c, name), (int)c->pid,
	    (long long)((now - c->alive_us) / 1000000));
	c->alive_us = now;
	kill(c->pid, SIGKILL);
}

static void
on_watchdog(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct children *all = container_of(op, struct children, watchdog);
	int64_t now = loop_now_us(loop);
	uint32_t i;

	(void)r; /* time is the only news */
	for (i = 0; i < CHILDREN_MAX; i++)
		check_alive(&all->one[i], now);
	if (loop_timer(loop, op, now + 1000000, on_watchdog) != 0)
		log_errx("out of memory for the watchdog");
}

void
children_start(struct children *all)
{
	struct op_result now = {0};
	struct children_one *c;
	uint32_t i;

	for (i = 0; i < CHILDREN_MAX; i++) {
		c = &all->one[i];
		c->all = all;
		c->role = i == CONTROL	  ? ROLE_CONTROL
			  : i == RESOLVER ? ROLE_RESOLVER
					  : ROLE_WORKER;
		c->index = i >= WORKER_0 ? i - WORKER_0 : 0;
	}
	all->one[CONTROL].wanted = all->one[RESOLVER].wanted = true;
	start(&all->one[RESOLVER]);
	start(&all->one[CONTROL]);
	on_watchdog(all->loop, &all->watchdog, &now);
}

void
children_reload(struct children *all)
{
	struct children_one *c;
	uint32_t i;

	want_workers(all);
	for (i = 0; i < CHILDREN_MAX; i++) {
		c = &all->one[i];
		if (!c->wanted || c->pid == 0)
			continue;
		tell_conf(c);
		if (c->role != ROLE_RESOLVER)
			tell_slabs(c);
		if (c->role == ROLE_WORKER)
			tell_listeners(c);
	}
}

static void
say_death(const struct children_one *c)
{
	char name[32];
	int st = c->exit_status;

	name_of(c, name);
	if (WIFSIGNALED(st))
		log_errx("%s (pid %d) was killed by signal %d (%s)", name,
		    (int)c->pid, WTERMSIG(st), strsignal(WTERMSIG(st)));
	else if (WEXITSTATUS(st) != 0)
		log_errx("%s (pid %d) exited with %d", name, (int)c->pid,
		    WEXITSTATUS(st));
	else
		log_debug("%s (pid %d) has left", name, (int)c->pid);
}

static bool
any_left(const struct children *all, uint32_t from)
{
	uint32_t i;

	for (i = from; i < CHILDREN_MAX; i++) {
		if (all->one[i].pid != 0)
			return true;
	}
	return false;
}

/* Workers first: while one drains, the others still serve it. */
static void
stop_next(struct children *all)
{
	if (any_left(all, WORKER_0))
		return;
	if (!any_left(all, 0)) {
		all->gone(all->arg);
		return;
	}
	tell(&all->one[CONTROL], MSG_DRAIN, NULL, 0, -1);
	tell(&all->one[RESOLVER], MSG_DRAIN, NULL, 0, -1);
}

static void
died(struct children_one *c, int status)
{
	struct children *all = c->all;
	char name[32];

	c->exit_status = status;
	say_death(c);
	chan_free(c->chan);
	c->chan = NULL;
	c->pid = 0;
	if (all->stopping)
		return;
	if (!c->wanted) {
		c->state = PROC_WAITING;
		return;
	}
	c->restarts++;
	schedule(c);
	report(c);
	children_note(all, "%s died and is started again", name_of(c, name));
}

void
children_reap(struct children *all)
{
	uint32_t i;
	int status;

	/* By pid: whatever else becomes our child is not ours to reap. */
	for (i = 0; i < CHILDREN_MAX; i++) {
		if (all->one[i].pid != 0 && waitpid(all->one[i].pid, &status,
						WNOHANG) == all->one[i].pid)
			died(&all->one[i], status);
	}
	if (all->stopping)
		stop_next(all);
}

void
children_stop(struct children *all)
{
	uint32_t i;

	all->stopping = true;
	loop_cancel(all->loop, &all->watchdog);
	for (i = 0; i < CHILDREN_MAX; i++) {
		loop_cancel(all->loop, &all->one[i].restart);
		all->one[i].state = PROC_DRAINING;
		if (i >= WORKER_0)
			tell(&all->one[i], MSG_DRAIN, NULL, 0, -1);
	}
	stop_next(all);
}

void
children_kill(struct children *all)
{
	uint32_t i;

	for (i = 0; i < CHILDREN_MAX; i++) {
		if (all->one[i].pid != 0)
			kill(all->one[i].pid, SIGKILL);
	}
}
