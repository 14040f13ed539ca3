/* Owns the master's children: their start, their watch and their end. */
#include "cagentd/children.h"

#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cagentd/children_tell.h"
#include "cagentd/msg.h"

static void schedule(struct children_one *);

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
		c = &all->one[CHILDREN_WORKERS + i];
		if (i < all->settings->workers && !c->wanted) {
			c->wanted = true;
			c->state = PROC_WAITING;
			if (c->pid == 0)
				schedule(c);
		} else if (i >= all->settings->workers && c->wanted) {
			c->wanted = false;
			c->state = PROC_DRAINING;
			children_tell(c, MSG_DRAIN, NULL, 0, -1);
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
		children_report_all(all);
		want_workers(all); /* the first table stands now */
	}
	children_report(c);
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
		log_errx("%s: %s: killed", children_name(c, name), why);
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
		log_errx("%s: cannot be started: %s", children_name(c, name),
		    strerror(-error));
		c->restarts++;
		schedule(c);
		return;
	}
	children_provide(c);
	children_report(c);
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
	    children_name(c, name), (int)c->pid,
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
		c->role = i == CHILDREN_CONTROL	   ? ROLE_CONTROL
			  : i == CHILDREN_RESOLVER ? ROLE_RESOLVER
						   : ROLE_WORKER;
		c->index = i >= CHILDREN_WORKERS ? i - CHILDREN_WORKERS : 0;
	}
	all->one[CHILDREN_CONTROL].wanted = all->one[CHILDREN_RESOLVER].wanted =
	    true;
	start(&all->one[CHILDREN_RESOLVER]);
	start(&all->one[CHILDREN_CONTROL]);
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
		children_tell_conf(c);
		if (c->role != ROLE_RESOLVER)
			children_tell_slabs(c);
		if (c->role == ROLE_WORKER)
			children_tell_listeners(c);
	}
}

static void
say_death(const struct children_one *c)
{
	char name[32];
	int st = c->exit_status;

	children_name(c, name);
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
	if (any_left(all, CHILDREN_WORKERS))
		return;
	if (!any_left(all, 0)) {
		all->gone(all->arg);
		return;
	}
	children_tell(&all->one[CHILDREN_CONTROL], MSG_DRAIN, NULL, 0, -1);
	children_tell(&all->one[CHILDREN_RESOLVER], MSG_DRAIN, NULL, 0, -1);
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
	children_report(c);
	children_note(
	    all, "%s died and is started again", children_name(c, name));
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
		if (i >= CHILDREN_WORKERS)
			children_tell(&all->one[i], MSG_DRAIN, NULL, 0, -1);
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
