/*
 * Owns the control process: the one writer of the tier table, the keeper of
 * events, and who answers cagent-ctl.
 */
#include "cagentd/control/control.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mono.h"
#include "cagentd/common/child.h"
#include "cagentd/common/msg.h"
#include "cagentd/common/resolve.h"
#include "cagentd/control/check.h"
#include "cagentd/control/ctl.h"
#include "cagentd/roles.h"

/* Without news the sums in the table are brought up to date this often. */
#define CONTROL_TICK_US 1000000
/* However many failures come, ranking runs no more often than this. */
#define CONTROL_GAP_US 5000

struct process {
	struct control control;
	struct child child;
	struct ctl *ctl;
	struct resolve *resolve;
	struct check *check;
	struct op wake, tick;
	int wake_fd;
	int64_t stepped_us;
};

static void on_tick(struct loop *, struct op *, const struct op_result *);

static void
arm(struct process *p, int64_t at_us)
{
	if (loop_timer(p->control.loop, &p->tick, at_us, on_tick) != 0)
		fatalx("out of memory");
}

static void
step(struct process *p)
{
	int64_t now = loop_now_us(p->control.loop);
	int64_t next = ranking_step(&p->control.ranking);

	p->stepped_us = now;
	if (next > now + CONTROL_TICK_US)
		next = now + CONTROL_TICK_US;
	if (next < now + CONTROL_GAP_US)
		next = now + CONTROL_GAP_US;
	arm(p, next);
	check_step(p->check);
}

static void
on_tick(struct loop *loop, struct op *op, const struct op_result *r)
{
	(void)loop, (void)r; /* time is the only news */
	step(container_of(op, struct process, tick));
}

static void
step_soon(void *arg)
{
	struct process *p = arg;

	if (loop_now_us(p->control.loop) - p->stepped_us >= CONTROL_GAP_US)
		step(p);
	else
		arm(p, p->stepped_us + CONTROL_GAP_US);
}

/* A worker has charged a failure. */
static void
on_wake(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct process *p = container_of(op, struct process, wake);
	uint64_t n;

	(void)loop, (void)r; /* readable is the only news */
	if (read(p->wake_fd, &n, sizeof(n)) == sizeof(n))
		step_soon(p);
}

static void
take_child(struct control *c, const struct chan_msg *m)
{
	struct proc_child info;
	uint32_t at;

	if (msg_child_decode(m->data, m->len, &info) != 0)
		return;
	at = info.role == ROLE_CONTROL	  ? PROCS_AT_CONTROL
	     : info.role == ROLE_RESOLVER ? PROCS_AT_RESOLVER
					  : PROCS_AT_WORKERS + info.index;
	if (info.role == ROLE_MASTER)
		return;
	c->children[at] = info;
	/* A worker that is gone for good is none. */
	if (info.role == ROLE_WORKER && info.pid == 0 &&
	    info.index >= c->settings->workers)
		c->children[at].role = ROLE_MASTER;
}

/* One that a worker has spoilt must not keep the others from being read. */
static void
take_slab(struct control *c, uint32_t worker, int fd)
{
	int error = ranking_slab(&c->ranking, worker, fd);

	if (error != 0)
		log_warnx("slab %u: %s", worker, strerror(-error));
}

static void
take_slabs(struct control *c, const struct chan_msg *m)
{
	uint32_t first, i;

	if (child_first_worker(m, &first) != 0)
		return;
	for (i = 0; i < m->fds_n; i++) {
		take_slab(c, first + i, m->fds[i]);
		m->fds[i] = -1;
	}
}

static void
take_line(struct process *p, const struct chan_msg *m)
{
	if (resolve_attach(p->resolve, ROLE_CONTROL, m->fds[0]) != 0)
		log_warnx("resolver: no channel");
	m->fds[0] = -1;
}

static void
take_settings(struct process *p, const struct chan_msg *m)
{
	struct control *c = &p->control;
	struct settings *s = child_settings(m);

	if (s == NULL)
		return;
	check_settings(p->check, s);
	settings_unref(c->settings);
	c->settings = s;
	log_level_set((enum log_level)s->log_level);
	ranking_settings(&c->ranking, s);
	ranking_publish(&c->ranking);
}

static void
message(void *arg, struct chan *chan, const struct chan_msg *m)
{
	struct process *p = arg;

	(void)chan; /* only the master speaks here */
	switch (m->type) {
	case MSG_CONF:
		take_settings(p, m);
		return;
	case MSG_SLAB:
		take_slabs(&p->control, m);
		return;
	case MSG_RESOLVER:
		take_line(p, m);
		return;
	case MSG_CHILD:
		take_child(&p->control, m);
		return;
	case MSG_NOTE:
		events_add(&p->control.events, EVENT_NOTE, "", "%.*s",
		    (int)m->len, (const char *)m->data);
		return;
	case MSG_LOG:
		log_take(m->fds[0]);
		m->fds[0] = -1;
		return;
	case MSG_DRAIN:
		loop_stop(p->control.loop);
		return;
	default: /* of the start only */
		return;
	}
}

static void
master_gone(void *arg, struct chan *chan, const char *why)
{
	struct process *p = arg;

	(void)chan;
	log_warnx("the master is gone%s%s", why != NULL ? ": " : "",
	    why != NULL ? why : "");
	loop_stop(p->control.loop);
}

/* The table must stand before the master hears that we are ready: workers
 * start on that word. */
static void
prepare(struct process *p, struct child_start *start)
{
	struct control *c = &p->control;
	uint32_t i;
	int error;

	error = loop_new(&c->loop);
	if (error != 0)
		fatalx("loop: %s", strerror(-error));
	c->started_us = mono_wall_us();
	c->settings = start->settings;
	ranking_init(&c->ranking, start->table_fd, &c->events);
	for (i = 0; i < SETTINGS_WORKERS_MAX; i++) {
		if (start->slab_fds[i] != -1)
			take_slab(c, i, start->slab_fds[i]);
	}
	ranking_settings(&c->ranking, c->settings);
	c->ranking.table->control_pid = (uint32_t)getpid();
	ranking_publish(&c->ranking);
	p->wake_fd = start->wake_fd;
	error = resolve_new(&p->resolve, c->loop);
	if (error == 0)
		error = check_new(
		    &p->check, &(struct check_owner){c->loop, p->resolve,
				   &c->ranking, step_soon, p});
	if (error != 0)
		fatalx("start: %s", strerror(-error));
	check_settings(p->check, c->settings);
	error = loop_poll(c->loop, &p->wake, p->wake_fd, POLLIN, on_wake);
	if (error == 0 && start->control_fd != -1)
		error = ctl_start(&p->ctl, c, start->control_fd);
	if (error != 0)
		fatalx("start: %s", strerror(-error));
}

int
control_main(void)
{
	static struct process p;
	const struct chan_owner owner = {message, master_gone, &p};
	struct child_start start;
	int error, line;

	child_receive(ROLE_CONTROL, &start);
	prepare(&p, &start);
	child_enter(&p.child, ROLE_CONTROL, p.control.loop, &start, &owner);
	p.control.sandbox = start.sandbox;
	p.control.ranking.table->control_sandbox = start.sandbox;
	line = start.resolver_fds[PROCS_LINE_CONTROL];
	if (line != -1 && resolve_attach(p.resolve, ROLE_CONTROL, line) != 0)
		fatalx("start: no resolver channel");
	step(&p);
	error = loop_run(p.control.loop);
	ctl_stop(p.ctl);
	check_free(p.check);
	resolve_free(p.resolve);
	chan_free(p.child.chan);
	loop_free(p.control.loop);
	ranking_free(&p.control.ranking);
	settings_unref(p.control.settings);
	return error == 0 ? 0 : 1;
}
