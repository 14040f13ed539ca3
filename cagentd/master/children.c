/* Owns the master's children: their start, their watch and their end. */
#include "cagentd/master/children.h"

#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cagentd/master/children_tell.h"
#include "cagentd/common/msg.h"
#include "cagentd/roles.h"
#include "cagentd/master/shared.h"

#define WATCH_US 1000000
/* When the master itself was held up for so long, nobody's silence counts. */
#define WATCH_LATE_US 3000000

static void on_restart(struct loop *, struct op *, const struct op_result *);
static void schedule(struct children_one *);

static bool
all_ready(const struct children *all)
{
	uint32_t i;

	for (i = 0; i < PROCS_CHILDREN_MAX; i++) {
		if (all->one[i].wanted && all->one[i].state != PROC_READY)
			return false;
	}
	return true;
}

/* One that has been told to leave and is wanted again after all will be
 * followed by another when it has left. */
static void
want(struct children_one *c, bool wanted)
{
	if (c->wanted == wanted)
		return;
	c->wanted = wanted;
	if (wanted && c->pid == 0) {
		schedule(c);
	} else if (!wanted && c->pid != 0) {
		c->state = PROC_DRAINING;
		c->renewing = true;
		children_tell(c, MSG_DRAIN, NULL, 0, -1);
	}
	children_report(c);
}

/* Nothing is to be verified where nobody logs in. */
static void
want_verifier(struct children *all)
{
	want(
	    &all->one[PROCS_AT_VERIFIER], all->settings->users_file[0] != '\0');
}

static void
want_workers(struct children *all)
{
	uint32_t i;

	for (i = 0; i < SETTINGS_WORKERS_MAX; i++)
		want(&all->one[PROCS_AT_WORKERS + i],
		    i < all->settings->workers);
}

static void
now_ready(struct children_one *c, uint32_t sandbox)
{
	struct children *all = c->all;

	c->state = PROC_READY;
	c->sandbox = sandbox;
	if (c->role == ROLE_CONTROL) {
		children_report_all(all);
		all->table_stands = true;
		want_workers(all);
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
		now_ready(c, (uint32_t)v);
	if (m->type == MSG_CGROUP)
		children_tell_service(c, m);
	if (m->type == MSG_POLICY)
		c->all->policy(c->all->arg, m);
}

static void
closed(void *arg, struct chan *chan, const char *why)
{
	struct children_one *c = arg;
	char name[CHILDREN_NAME_MAX];

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

/* true when there is a new process. */
static bool
start(struct children_one *c)
{
	char name[CHILDREN_NAME_MAX];
	int error;

	c->alive_us = c->backoff.started_us = loop_now_us(c->all->loop);
	c->state = PROC_STARTING;
	error = spawn(c);
	if (error != 0) {
		if (pace_say(&c->all->pace, c->alive_us))
			log_errx("%s: cannot be started: %s",
			    children_name(c, name), strerror(-error));
		c->restarts++;
		schedule(c);
		return false;
	}
	children_provide(c);
	children_report(c);
	return true;
}

static void
arm_restart(struct children_one *c, int64_t at_us)
{
	/* Its op keeps its place in the loop: only the first can fail. */
	if (loop_timer(c->all->loop, &c->restart, at_us, on_restart) != 0)
		log_errx("out of memory for a timer");
}

static void
on_restart(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct children_one *c = container_of(op, struct children_one, restart);
	int64_t now = loop_now_us(loop), wait_us;
	char name[CHILDREN_NAME_MAX];
	bool first;

	(void)r; /* time is the only news */
	if (!c->wanted || c->pid != 0 || c->all->stopping)
		return;
	/* A first start is no crash loop. */
	first = c->restarts == 0;
	if (!first &&
	    !pace_start(&c->all->pace, c->role == ROLE_WORKER, now, &wait_us)) {
		if (pace_say(&c->all->pace, now))
			log_warnx("too many restarts: %s waits %lld ms",
			    children_name(c, name),
			    (long long)(wait_us / 1000));
		arm_restart(c, now + wait_us);
		return;
	}
	if (!start(c) && !first)
		pace_undo(&c->all->pace);
}

/* Start it, at once or when its back-off is over. */
static void
schedule(struct children_one *c)
{
	int64_t now = loop_now_us(c->all->loop);
	int64_t delay =
	    c->restarts == 0 ? 0 : proc_backoff_next(&c->backoff, now);

	c->state = PROC_WAITING;
	arm_restart(c, now + delay);
}

static void
check_alive(struct children_one *c, int64_t now)
{
	int64_t limit_ms =
	    c->state == PROC_STARTING ? PROCS_START_MS : PROCS_SILENT_MS;
	char name[CHILDREN_NAME_MAX];

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
	bool late = now - all->watched_us > WATCH_LATE_US;
	uint32_t i;

	(void)r; /* time is the only news */
	all->watched_us = now;
	for (i = 0; i < PROCS_CHILDREN_MAX; i++) {
		if (late)
			all->one[i].alive_us = now;
		check_alive(&all->one[i], now);
	}
	for (i = 0; i < PROCS_CHILDREN_MAX; i++)
		children_link(&all->one[i]);
	if (loop_timer(loop, op, now + WATCH_US, on_watchdog) != 0)
		log_errx("out of memory for the watchdog");
}

void
children_start(struct children *all)
{
	struct op_result now = {0};
	struct children_one *c;
	uint32_t i;

	for (i = 0; i < PROCS_CHILDREN_MAX; i++) {
		c = &all->one[i];
		c->all = all;
		c->role = i == PROCS_AT_CONTROL	   ? ROLE_CONTROL
			  : i == PROCS_AT_RESOLVER ? ROLE_RESOLVER
			  : i == PROCS_AT_VERIFIER ? ROLE_VERIFIER
						   : ROLE_WORKER;
		c->index = i >= PROCS_AT_WORKERS ? i - PROCS_AT_WORKERS : 0;
	}
	all->slabs_n = all->shared->slabs_n;
	all->one[PROCS_AT_CONTROL].wanted = all->one[PROCS_AT_RESOLVER].wanted =
	    true;
	start(&all->one[PROCS_AT_RESOLVER]);
	start(&all->one[PROCS_AT_CONTROL]);
	want_verifier(all);
	all->watched_us = loop_now_us(all->loop);
	on_watchdog(all->loop, &all->watchdog, &now);
}

void
children_reload(struct children *all)
{
	uint32_t i, slabs_n = all->shared->slabs_n;
	struct children_one *c;

	for (i = 0; i < PROCS_CHILDREN_MAX; i++) {
		c = &all->one[i];
		children_tell_conf(c);
		if (c->role == ROLE_CONTROL || c->role == ROLE_WORKER)
			children_tell_slabs(
			    c, all->slabs_n, slabs_n - all->slabs_n);
		if (c->role != ROLE_WORKER)
			continue;
		children_tell_listeners(c);
		children_tell_decisions(c);
	}
	all->slabs_n = slabs_n;
	want_verifier(all);
	/* Else they are wanted as soon as it does. */
	if (all->table_stands)
		want_workers(all);
}

void
children_renew_resolver(struct children *all)
{
	struct children_one *c = &all->one[PROCS_AT_RESOLVER];

	if (c->pid == 0 || all->stopping)
		return;
	c->renewing = true;
	children_tell(c, MSG_DRAIN, NULL, 0, -1);
}

static void
say_death(const struct children_one *c)
{
	char name[CHILDREN_NAME_MAX];
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

	for (i = from; i < PROCS_CHILDREN_MAX; i++) {
		if (all->one[i].pid != 0)
			return true;
	}
	return false;
}

/* Workers first: while one drains, the others still serve it. */
static void
stop_next(struct children *all)
{
	if (any_left(all, PROCS_AT_WORKERS))
		return;
	if (!any_left(all, 0)) {
		all->gone(all->arg);
		return;
	}
	children_tell(&all->one[PROCS_AT_CONTROL], MSG_DRAIN, NULL, 0, -1);
	children_tell(&all->one[PROCS_AT_RESOLVER], MSG_DRAIN, NULL, 0, -1);
	children_tell(&all->one[PROCS_AT_VERIFIER], MSG_DRAIN, NULL, 0, -1);
}

/* What is counted there is lost, and so is what would never be counted down
 * again. */
static void
renew_slab(const struct children_one *c)
{
	struct children *all = c->all;
	int error = shared_renew_slab(all->shared, c->index);
	uint32_t i;

	if (error != 0) {
		log_errx("slab %u: %s", c->index, strerror(-error));
		return;
	}
	for (i = 0; i < PROCS_CHILDREN_MAX; i++) {
		if (all->one[i].role == ROLE_CONTROL ||
		    all->one[i].role == ROLE_WORKER)
			children_tell_slabs(&all->one[i], c->index, 1);
	}
}

static bool
spoilt_slab(const struct children_one *c, int status)
{
	if (c->role != ROLE_WORKER)
		return false;
	if (WIFEXITED(status))
		return WEXITSTATUS(status) == ROLES_EXIT_SLAB;
	return !c->wanted; /* no successor will clear it */
}

/* Nobody is linked to a resolver or a verifier that is gone. */
static void
unlink_child(struct children_one *c)
{
	uint32_t i;

	c->linked = c->verified = false;
	for (i = 0; c->role == ROLE_RESOLVER && i < PROCS_CHILDREN_MAX; i++)
		c->all->one[i].linked = false;
	for (i = 0; c->role == ROLE_VERIFIER && i < PROCS_CHILDREN_MAX; i++)
		c->all->one[i].verified = false;
}

static void
died(struct children_one *c, int status)
{
	bool renewing = c->renewing && status == 0;
	struct children *all = c->all;
	char name[CHILDREN_NAME_MAX];

	c->exit_status = status;
	say_death(c);
	chan_free(c->chan);
	c->chan = NULL;
	c->pid = 0;
	c->renewing = false;
	c->state = PROC_WAITING;
	unlink_child(c);
	if (all->stopping)
		return;
	if (spoilt_slab(c, status))
		renew_slab(c);
	if (c->wanted && renewing) {
		start(c);
		return;
	}
	if (c->wanted) {
		c->restarts++;
		schedule(c);
		children_note(all, "%s died and is started again",
		    children_name(c, name));
	}
	children_report(c);
}

void
children_reap(struct children *all)
{
	uint32_t i;
	int status;

	/* By pid: whatever else becomes our child is not ours to reap. */
	for (i = 0; i < PROCS_CHILDREN_MAX; i++) {
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
	struct children_one *c;
	uint32_t i;

	all->stopping = true;
	for (i = 0; i < PROCS_CHILDREN_MAX; i++) {
		c = &all->one[i];
		loop_cancel(all->loop, &c->restart);
		if (c->pid == 0)
			continue;
		c->state = PROC_DRAINING;
		children_report(c);
		if (i >= PROCS_AT_WORKERS)
			children_tell(c, MSG_DRAIN, NULL, 0, -1);
	}
	stop_next(all);
}

void
children_kill(struct children *all)
{
	uint32_t i;

	for (i = 0; i < PROCS_CHILDREN_MAX; i++) {
		if (all->one[i].pid != 0)
			kill(all->one[i].pid, SIGKILL);
	}
}
