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
#include "cagentd/common/tls_clients.h"
#include "cagentd/control/check.h"
#include "cagentd/control/ctl.h"
#include "cagentd/control/links.h"
#include "cagentd/roles.h"

/* Without news the sums in the table are brought up to date this often. */
#define CONTROL_TICK_US 1000000
/* However many failures come, ranking runs no more often than this. */
#define CONTROL_GAP_US 5000
/* With many to look at less often: so much for each, of which one takes a
 * tenth. */
#define CONTROL_GAP_ROW_US 20
/* Whether all workers have a new policy is looked at this often. */
#define CONTROL_SETTLE_US 1000

struct process {
	struct control control;
	struct child child;
	struct ctl *ctl;
	struct resolve *resolve;
	struct check *check;
	struct op wake, tick, settle;
	int wake_fd, policy_memory;
	int64_t stepped_us;
};

static void on_tick(struct loop *, struct op *, const struct op_result *);

static void
arm(struct process *p, int64_t at_us)
{
	if (loop_timer(p->control.loop, &p->tick, at_us, on_tick) != 0)
		fatalx("out of memory");
}

static int64_t
gap_us(const struct process *p)
{
	int64_t us =
	    (int64_t)p->control.ranking.table->rows_n * CONTROL_GAP_ROW_US;

	return us > CONTROL_GAP_US ? us : CONTROL_GAP_US;
}

static void
step(struct process *p)
{
	int64_t now = loop_now_us(p->control.loop);
	int64_t next = ranking_step(&p->control.ranking);

	p->stepped_us = now;
	policy_clock(&p->control.policy, mono_wall_us() / 1000000);
	if (next > now + CONTROL_TICK_US)
		next = now + CONTROL_TICK_US;
	if (next < now + gap_us(p))
		next = now + gap_us(p);
	arm(p, next);
	links_look(p->control.links);
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

	if (loop_now_us(p->control.loop) - p->stepped_us >= gap_us(p))
		step(p);
	else
		arm(p, p->stepped_us + gap_us(p));
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
	     : info.role == ROLE_VERIFIER ? PROCS_AT_VERIFIER
					  : PROCS_AT_WORKERS + info.index;
	if (info.role == ROLE_MASTER)
		return;
	c->children[at] = info;
	/* One that is gone for good is none. */
	if (info.pid == 0 &&
	    ((info.role == ROLE_WORKER && info.index >= c->settings->workers) ||
		(info.role == ROLE_VERIFIER &&
		    c->settings->users_file[0] == '\0')))
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

static int64_t
now_s(void)
{
	return mono_wall_us() / 1000000;
}

/* Into the memory that the master reads from; 0 or -errno. */
static int
put_body(int memory, const struct settings_body *body)
{
	size_t done = 0;
	ssize_t n;

	while (done < body->len) {
		n = pwrite(
		    memory, body->text + done, body->len - done, (off_t)done);
		if (n == -1)
			return -errno;
		done += (size_t)n;
	}
	return 0;
}

/* Also of a root or a rank that was taken. */
static void
apply_ranks(struct control *c)
{
	c->ranking.rank = policy_ranks(&c->policy);
	ranking_settings(&c->ranking, c->settings);
	ranking_publish(&c->ranking);
	links_refresh(c->links);
}

/* By the master, who tells all processes. */
static void
apply_policy(struct control *c)
{
	struct process *p = container_of(c, struct process, control);
	struct settings_body body;
	struct msg_policy m;
	uint8_t buf[CHAN_DATA_MAX];
	int error;

	c->ranking.rank = policy_ranks(&c->policy);
	if (policy_is_left_over(&c->policy))
		body = (struct settings_body){.text = ""};
	else if (!policy_body(&c->policy, &body))
		return;
	m = (struct msg_policy){
	    .epoch = body.epoch, .serial = body.serial, .len = body.len};
	policy_store_hash(body.text, body.len, m.hash);
	error = put_body(p->policy_memory, &body);
	if (error == 0)
		error = chan_send(p->child.chan, MSG_POLICY, buf,
		    msg_policy_encode(&m, buf), NULL, 0);
	if (error != 0)
		log_errx(
		    "policy: the master cannot be told: %s", strerror(-error));
}

/* By their own word, which delays an answer at most. */
static bool
workers_know(const struct control *c)
{
	const struct slab *slab;
	uint32_t i;

	for (i = 0; i < c->settings->workers; i++) {
		slab = c->ranking.slabs[i];
		if (c->children[PROCS_AT_WORKERS + i].state == PROC_READY &&
		    slab != NULL &&
		    atomic_load(&slab->conf_serial) < c->settings->serial)
			return false;
	}
	return true;
}

static void
on_settle(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct process *p = container_of(op, struct process, settle);

	(void)r; /* time is the only news */
	if (!workers_know(&p->control) &&
	    loop_timer(loop, op, loop_now_us(loop) + CONTROL_SETTLE_US,
		on_settle) == 0)
		return;
	ctl_settled(p->ctl);
	links_settled(p->control.links);
}

/* Who waits for a policy is answered when all workers go by it. */
static void
settle(struct process *p)
{
	const struct op_result now = {0};

	on_settle(p->control.loop, &p->settle, &now);
}

static void
take_settings(struct process *p, const struct chan_msg *m)
{
	struct control *c = &p->control;
	struct bundle *b = NULL;
	struct settings *s = child_settings(m, &b);

	if (s == NULL)
		return;
	tls_clients_make(s, c->settings);
	check_settings(p->check, s);
	settings_unref(c->settings);
	c->settings = s;
	log_level_set((enum log_level)s->log_level);
	policy_configure(&c->policy, b, s, now_s());
	apply_ranks(c);
	if (policy_is_settled(&c->policy))
		settle(p);
	else
		apply_policy(c); /* a reload has overtaken it */
}

static void
take_identity(struct control *c, const struct chan_msg *m)
{
	struct msg_identity *id = child_identity(m);

	if (id != NULL)
		links_identity(c->links, id);
}

static void
on_last_said(void *arg)
{
	struct process *p = arg;

	loop_stop(p->control.loop);
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
	case MSG_IDENTITY:
		take_identity(&p->control, m);
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
		links_last(p->control.links, on_last_said, p);
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
	c->started_as = geteuid();
	policy_init(&c->policy, &c->events);
	c->apply_policy = apply_policy;
	c->apply_ranks = apply_ranks;
	p->policy_memory = start->policy_memory;
	policy_remember(&c->policy, start->history_fd);
	c->settings = policy_start(&c->policy, start->policy_fd, start->bundle,
	    start->settings, now_s());
	settings_unref(start->settings);
	start->settings = c->settings;
	ranking_init(&c->ranking, start->table_fd, &c->events);
	for (i = 0; i < SETTINGS_WORKERS_MAX; i++) {
		if (start->slab_fds[i] != -1)
			take_slab(c, i, start->slab_fds[i]);
	}
	c->ranking.rank = policy_ranks(&c->policy);
	ranking_settings(&c->ranking, c->settings);
	c->ranking.table->control_pid = (uint32_t)getpid();
	ranking_publish(&c->ranking);
	p->wake_fd = start->wake_fd;
	error = resolve_new(&p->resolve, c->loop);
	if (error == 0)
		error = check_new(
		    &p->check, &(struct check_owner){c->loop, p->resolve,
				   &c->ranking, step_soon, p});
	if (error == 0)
		error = links_new(&c->links, c, p->resolve);
	if (error != 0)
		fatalx("start: %s", strerror(-error));
	tls_clients_make(c->settings, NULL);
	check_settings(p->check, c->settings);
	if (start->identity != NULL)
		links_identity(c->links, start->identity);
	else
		links_refresh(c->links);
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
	child_join(&p.child, ROLE_CONTROL, p.control.loop, &start, &owner);
	/* Workers start on our word, and not without the policy. */
	apply_policy(&p.control);
	child_ready(&p.child, &start);
	p.control.sandbox = start.sandbox;
	p.control.ranking.table->control_sandbox = start.sandbox;
	line = start.resolver_fds[PROCS_LINE_CONTROL];
	if (line != -1 && resolve_attach(p.resolve, ROLE_CONTROL, line) != 0)
		fatalx("start: no resolver channel");
	step(&p);
	error = loop_run(p.control.loop);
	ctl_stop(p.ctl);
	links_free(p.control.links);
	check_free(p.check);
	resolve_free(p.resolve);
	chan_free(p.child.chan);
	loop_free(p.control.loop);
	ranking_free(&p.control.ranking);
	policy_free(&p.control.policy);
	settings_unref(p.control.settings);
	return error == 0 ? 0 : 1;
}
