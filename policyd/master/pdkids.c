/* Owns the master's children: their start, their watch and their end. */
#include "policyd/master/pdkids.h"

#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "policyd/common/pdfield.h"
#include "policyd/master/pdkids_tell.h"

#define WATCH_US 1000000
/* When the master itself was held up for so long, nobody's silence counts. */
#define WATCH_LATE_US 3000000
/* Of what happens again and again, a line each. */
#define SAY_US 1000000

/* In the order of their start; the one that others need comes first. */
static const enum pdproc_role order[] = {
    PDPROC_SIGNER, PDPROC_RANKER, PDPROC_COLLECTOR, PDPROC_PROBER, PDPROC_PAGE};
#define ORDER_N (sizeof(order) / sizeof(*order))

static void on_restart(struct loop *, struct op *, const struct op_result *);

static const char *
name_of(const struct pdkid *k)
{
	return pdproc_role_word(k->role);
}

static bool
may_say(struct pdkids *all)
{
	int64_t now = loop_now_us(all->loop);

	if (all->said_us != 0 && now - all->said_us < SAY_US)
		return false;
	all->said_us = now;
	return true;
}

static void
now_ready(struct pdkid *k, uint32_t sandbox)
{
	char text[SANDBOX_STRLEN];
	size_t i;

	k->state = PDKID_READY;
	log_info("%s (pid %d) is ready (%s)", name_of(k), (int)k->pid,
	    sandbox_format(sandbox, text));
	for (i = 0; i < ORDER_N; i++) {
		if (k->all->kid[order[i]].state != PDKID_READY)
			return;
	}
	k->all->ready(k->all->arg);
}

static void
on_message(void *arg, struct chan *chan, const struct chan_msg *m)
{
	struct pdfield f = {m->data, m->len, false};
	struct pdkid *k = arg;

	(void)chan; /* k's */
	k->alive_us = loop_now_us(k->all->loop);
	if (m->type == PDMSG_READY && k->state == PDKID_STARTING)
		now_ready(k, (uint32_t)pdfield_get(&f, 8));
}

static void
on_closed(void *arg, struct chan *chan, const char *why)
{
	struct pdkid *k = arg;

	(void)chan; /* k's */
	k->chan_dead = true;
	if (why != NULL) {
		log_errx("%s: %s: killed", name_of(k), why);
		kill(k->pid, SIGKILL);
	}
}

static int
spawn(struct pdkid *k)
{
	const struct chan_owner owner = {on_message, on_closed, k};
	char program[] = "cagent-policyd", verb[] = "serve", flag[] = "--role",
	     role[16], syslog[] = "--syslog";
	char *argv[] = {
	    program, verb, flag, role, k->all->syslog ? syslog : NULL, NULL};
	int keep = k->role == PDPROC_RANKER ? k->all->gift.state_fd : -1;
	int error, fds[2];
	pid_t pid;

	snprintf(role, sizeof(role), "%s", name_of(k));
	error = chan_pair(fds);
	if (error != 0)
		return error;
	/* This very file, also when a new one has been installed over it. */
	error = proc_spawn("/proc/self/exe", argv, fds[1], keep, &pid);
	close(fds[1]);
	if (error != 0) {
		close(fds[0]);
		return error;
	}
	/* From here on somebody is there to be killed and reaped. */
	k->pid = pid;
	k->chan_dead = false;
	if (chan_new(&k->chan, k->all->loop, fds[0], &pdproc_rules,
		PDPROC_MASTER, k->role, &owner) != 0)
		kill(pid, SIGKILL);
	return 0;
}

static void
arm_restart(struct pdkid *k, int64_t at_us)
{
	/* Its op keeps its place in the loop: only the first can fail. */
	if (loop_timer(k->all->loop, &k->restart, at_us, on_restart) != 0)
		log_errx("out of memory for a timer");
}

/* Start it when its back-off is over. */
static void
schedule(struct pdkid *k)
{
	int64_t now = loop_now_us(k->all->loop);

	k->restarts++;
	k->state = PDKID_WAITING;
	arm_restart(k, now + proc_backoff_next(&k->backoff, now));
}

static void
start(struct pdkid *k)
{
	int error;

	k->alive_us = k->backoff.started_us = loop_now_us(k->all->loop);
	k->state = PDKID_STARTING;
	error = spawn(k);
	if (error == 0) {
		pdkids_provide(k);
		return;
	}
	if (may_say(k->all))
		log_errx(
		    "%s: cannot be started: %s", name_of(k), strerror(-error));
	schedule(k);
}

static void
on_restart(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct pdkid *k = container_of(op, struct pdkid, restart);
	int64_t now = loop_now_us(loop), wait_us;

	(void)r; /* time is the only news */
	if (k->pid != 0 || k->all->stopping)
		return;
	if (proc_throttle_take(&k->all->throttle, now, &wait_us)) {
		start(k);
		return;
	}
	if (may_say(k->all))
		log_warnx("too many restarts: %s waits %lld ms", name_of(k),
		    (long long)(wait_us / 1000));
	arm_restart(k, now + wait_us);
}

static void
check_alive(struct pdkid *k, int64_t now)
{
	int64_t limit_ms =
	    k->state == PDKID_STARTING ? PDPROC_START_MS : PDPROC_SILENT_MS;

	if (k->pid == 0 || now - k->alive_us < limit_ms * 1000)
		return;
	log_errx("%s (pid %d) has been silent for %lld s: killed", name_of(k),
	    (int)k->pid, (long long)((now - k->alive_us) / 1000000));
	k->alive_us = now;
	kill(k->pid, SIGKILL);
}

static void
on_watchdog(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct pdkids *all = container_of(op, struct pdkids, watchdog);
	int64_t now = loop_now_us(loop);
	bool late = now - all->watched_us > WATCH_LATE_US;
	size_t i;

	(void)r; /* time is the only news */
	all->watched_us = now;
	for (i = 0; i < ORDER_N; i++) {
		if (late)
			all->kid[order[i]].alive_us = now;
		check_alive(&all->kid[order[i]], now);
	}
	pdkids_link(&all->kid[PDPROC_RANKER]);
	if (loop_timer(loop, op, now + WATCH_US, on_watchdog) != 0)
		log_errx("out of memory for the watchdog");
}

void
pdkids_start(struct pdkids *all)
{
	struct op_result now = {0};
	struct pdkid *k;
	size_t i;

	for (i = 0; i < ORDER_N; i++) {
		k = &all->kid[order[i]];
		k->all = all;
		k->role = order[i];
		k->state = PDKID_WAITING;
	}
	for (i = 0; i < ORDER_N; i++)
		start(&all->kid[order[i]]);
	all->watched_us = loop_now_us(all->loop);
	on_watchdog(all->loop, &all->watchdog, &now);
}

static void
ask_to_leave(struct pdkid *k)
{
	if (k->pid == 0 || k->state == PDKID_LEAVING)
		return;
	k->state = PDKID_LEAVING;
	pdkids_tell(k, PDMSG_DRAIN);
}

void
pdkids_renew_one(struct pdkids *all, enum pdproc_role role)
{
	if (!all->stopping)
		ask_to_leave(&all->kid[role]);
}

void
pdkids_renew(struct pdkids *all)
{
	size_t i;

	for (i = 0; i < ORDER_N; i++)
		ask_to_leave(&all->kid[order[i]]);
}

static void
say_death(const struct pdkid *k, int status)
{
	if (WIFSIGNALED(status))
		log_errx("%s (pid %d) was killed by signal %d (%s)", name_of(k),
		    (int)k->pid, WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) != 0 || k->state != PDKID_LEAVING)
		log_errx("%s (pid %d) exited with %d", name_of(k), (int)k->pid,
		    WEXITSTATUS(status));
	else
		log_debug("%s (pid %d) has left", name_of(k), (int)k->pid);
}

static void
died(struct pdkid *k, int status)
{
	bool asked = k->state == PDKID_LEAVING && WIFEXITED(status) &&
		     WEXITSTATUS(status) == 0;
	size_t i;

	say_death(k, status);
	chan_free(k->chan);
	k->chan = NULL;
	k->pid = 0;
	k->state = PDKID_WAITING;
	k->linked = false;
	for (i = 0; i < ORDER_N && k->role == PDPROC_RANKER; i++)
		k->all->kid[order[i]].linked = false;
	if (k->all->stopping)
		return;
	if (asked)
		start(k);
	else
		schedule(k);
}

/* The next that are to leave; false: none are left. */
static bool
stop_next(struct pdkids *all)
{
	static const enum pdproc_role later[] = {PDPROC_RANKER, PDPROC_SIGNER};
	struct pdkid *k;
	bool left = false;
	size_t i;

	for (k = all->kid; k < all->kid + PDPROC_COUNT; k++) {
		if (k->pid == 0 || k->role == later[0] || k->role == later[1])
			continue;
		ask_to_leave(k);
		left = true;
	}
	for (i = 0; i < sizeof(later) / sizeof(*later) && !left; i++) {
		left = all->kid[later[i]].pid != 0;
		ask_to_leave(&all->kid[later[i]]);
	}
	return left;
}

void
pdkids_reap(struct pdkids *all)
{
	struct pdkid *k;
	int status;

	/* By pid: whatever else becomes our child is not ours to reap. */
	for (k = all->kid; k < all->kid + PDPROC_COUNT; k++) {
		if (k->pid != 0 && waitpid(k->pid, &status, WNOHANG) == k->pid)
			died(k, status);
	}
	if (all->stopping && !stop_next(all))
		all->gone(all->arg);
}

void
pdkids_stop(struct pdkids *all)
{
	size_t i;

	all->stopping = true;
	for (i = 0; i < ORDER_N; i++)
		loop_cancel(all->loop, &all->kid[order[i]].restart);
	if (!stop_next(all))
		all->gone(all->arg);
}

void
pdkids_kill(struct pdkids *all)
{
	size_t i;

	for (i = 0; i < ORDER_N; i++) {
		if (all->kid[order[i]].pid != 0)
			kill(all->kid[order[i]].pid, SIGKILL);
	}
}
