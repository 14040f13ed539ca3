/*
 * Owns a worker process: wires listeners, table, slab and resolver to the
 * sessions, and follows the master's orders.
 */
#include <sys/resource.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/net.h"
#include "cagentd/worker/accept.h"
#include "cagentd/common/child.h"
#include "cagentd/decide/seen.h"
#include "cagentd/common/msg.h"
#include "cagentd/common/tls_clients.h"
#include "cagentd/roles.h"
#include "cagentd/worker/class_plan.h"
#include "cagentd/worker/entry.h"
#include "cagentd/worker/memory.h"
#include "cagentd/worker/relay/pipes.h"
#include "cagentd/worker/relay/turns.h"
#include "cagentd/worker/session.h"
#include "cagentd/worker/trace.h"
#include "cagentd/worker/who/who_master.h"
#include "cagentd/worker/dial/dial_wait.h"
#include "cagentd/worker/dial/warm.h"
#include "cagentd/worker/web/web_pool.h"
#include "cagentd/worker/worker_loop.h"

struct worker {
	uint32_t index;
	struct loop *loop;
	struct child child;
	struct accept accept;
	struct session_env env;
	struct session_list sessions;
	struct settings *settings;
	struct record record;
	struct trace trace;
	struct budget budget;
	struct learn learn;
	struct quota quota;
	struct who who;
	struct web_pool pool;
	struct warm warm;
	struct dial_queue queue; /* for intermediaries that are full */
	struct pipes pipes;
	struct turns turns;
	struct path_load *loads;
	struct path_index *index_of_table;
	struct table *table;
	struct table_reader *reader;
	struct memory memory;
	struct slab *slab; /* ours */
	uint64_t seed;
	uint64_t fds_max; /* asked before the sandbox, which has no such call */
	uint32_t clients_max;
	bool draining;
	struct op drain_timer;
};

static void
refresh(void *arg)
{
	struct worker *w = arg;

	trace_begin(&w->trace);
	if (!table_changed(w->reader))
		return;
	if (table_read(w->reader, w->table) != 1)
		return;
	path_table_clean(w->table);
	path_index_build(w->index_of_table, w->table);
	path_load_hear(w->loads, w->table, loop_now_us(w->loop));
	warm_look(&w->warm);
}

static uint32_t
in_flight(void *arg, uint32_t slot)
{
	struct worker *w = arg;
	uint32_t i, n = 0;

	for (i = 0; i < SETTINGS_WORKERS_MAX; i++) {
		if (w->memory.slabs[i] != NULL)
			n += slab_in_flight(w->memory.slabs[i], slot);
	}
	/* The place that becomes free is for who waits. */
	if (admit_is_taken(&w->queue.admit, slot))
		n = UINT32_MAX;
	return trace_answer(&w->trace, slot, n);
}

static void
decided(void *arg, const struct path_query *q, uint64_t seed_before,
    const struct path_pick *pick)
{
	struct worker *w = arg;

	trace_decided(&w->trace, q, seed_before, pick);
}

static struct stream
idle(void *arg, const struct dial_try *t, const struct wire_host *host)
{
	struct worker *w = arg;

	return web_pool_take(&w->pool, t, host);
}

static uint32_t
clients(const struct worker *w)
{
	return atomic_load_explicit(&w->slab->clients, memory_order_relaxed);
}

static void
limit_clients(struct worker *w)
{
	bool full = clients(w) >= w->clients_max;

	if (full != w->accept.held)
		accept_hold(&w->accept, full);
}

static void
session_ended(void *arg)
{
	struct worker *w = arg;

	if (w->draining) {
		if (LIST_EMPTY(&w->sessions))
			loop_stop(w->loop);
	} else {
		limit_clients(w);
	}
}

static void
accepted(struct accept *a, int fd, const struct accept_listener *from,
    const union net_addr *peer)
{
	struct worker *w = container_of(a, struct worker, accept);
	union net_addr asked;
	int error;

	if (!from->unix_socket && peer == NULL)
		peer = entry_peer(fd, &asked);
	if (!from->unix_socket && !entry_may(w->settings, from, peer)) {
		loop_close(w->loop, fd);
		return;
	}
	error = session_start(&w->env, &w->sessions, fd, from, peer);
	if (error == -ENOMEM)
		log_warnx("out of memory for a client");
	limit_clients(w);
}

static void
accept_paused(struct accept *a)
{
	struct worker *w = container_of(a, struct worker, accept);

	slab_add(&w->slab->accept_pauses, 1);
	web_pool_clear(&w->pool);
	warm_pause(&w->warm);
	pipes_spare(&w->pipes);
	log_warnx("out of descriptors or memory with %u clients: accepting "
		  "pauses",
	    clients(w));
}

static void
kill_sessions(struct worker *w)
{
	struct session *s;

	while ((s = LIST_FIRST(&w->sessions)) != NULL)
		session_kill(s);
}

static void
on_drain_over(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct worker *w = container_of(op, struct worker, drain_timer);

	(void)r; /* time is the only news */
	log_info("drain timeout: %u tunnels cut",
	    atomic_load_explicit(&w->slab->tunnels, memory_order_relaxed));
	kill_sessions(w);
	loop_stop(loop);
}

static void
drain(struct worker *w)
{
	int64_t end =
	    loop_now_us(w->loop) + w->settings->drain_timeout_ms * 1000;

	if (w->draining)
		return;
	w->draining = true;
	w->env.draining = true;
	accept_stop(&w->accept);
	web_pool_clear(&w->pool);
	warm_stop(&w->warm);
	dial_queue_drain(&w->queue);
	session_drain(&w->sessions);
	if (LIST_EMPTY(&w->sessions) ||
	    loop_timer(w->loop, &w->drain_timer, end, on_drain_over) != 0)
		loop_stop(w->loop);
}

static void
use_settings(struct worker *w, struct settings *s)
{
	struct pace_plan plan;

	tls_clients_make(s, w->settings);
	warm_use(&w->warm, s);
	settings_unref(w->settings);
	w->settings = s;
	w->env.settings = s;
	web_pool_clear(&w->pool); /* of paths that may be allowed no more */
	logins_use(w->env.logins, s);
	class_names(s, w->slab);
	session_reclass(&w->sessions);
	class_plan(s, &plan);
	turns_use(&w->turns, &plan, s->workers);
	pipes_limit(&w->pipes, s->splice ? w->fds_max / 64 : 0);
	w->clients_max = accept_clients_max(s, w->fds_max);
	atomic_store(&w->slab->conf_serial, s->serial);
	who_use(&w->who, s);
	log_level_set((enum log_level)s->log_level);
	if (w->accept.held && clients(w) < w->clients_max)
		accept_hold(&w->accept, false);
}

static void
take_listeners(struct worker *w, const struct chan_msg *m)
{
	enum settings_listener kinds[SETTINGS_LISTENERS_MAX];
	int fds[CHAN_FDS_MAX];
	uint32_t i;

	if (w->draining || child_listener_kinds(m, kinds) != 0)
		return;
	for (i = 0; i < m->fds_n; i++) {
		fds[i] = m->fds[i];
		m->fds[i] = -1;
	}
	accept_set(&w->accept, fds, kinds, (uint32_t)m->fds_n);
}

static void
message(void *arg, struct chan *c, const struct chan_msg *m)
{
	struct worker *w = arg;
	struct settings *s;

	(void)c; /* only the master speaks here */
	switch (m->type) {
	case MSG_CONF:
		s = child_settings(m, NULL);
		if (s != NULL) {
			use_settings(w, s);
			limit_clients(w);
		}
		return;
	case MSG_LISTENERS:
		take_listeners(w, m);
		return;
	case MSG_RESOLVER:
		if (resolve_attach(
			w->env.dial.resolve, ROLE_WORKER, m->fds[0]) != 0)
			log_warnx("resolver: no channel");
		m->fds[0] = -1;
		return;
	case MSG_VERIFIER:
		if (logins_attach(w->env.logins, m->fds[0]) != 0)
			log_warnx("verifier: no channel");
		m->fds[0] = -1;
		return;
	case MSG_SLAB:
		memory_take_slabs(&w->memory, m);
		return;
	case MSG_LOG:
		log_take(m->fds[0]);
		m->fds[0] = -1;
		return;
	case MSG_DECISIONS:
		trace_use(&w->trace, m->fds_n > 0 ? m->fds[0] : -1);
		if (m->fds_n > 0)
			m->fds[0] = -1;
		return;
	case MSG_SERVICE:
		who_master_answer(&w->who, m);
		return;
	case MSG_DRAIN:
		drain(w);
		return;
	default: /* of the start only */
		return;
	}
}

static void
master_gone(void *arg, struct chan *c, const char *why)
{
	(void)c;
	log_warnx("the master is gone%s%s: draining", why != NULL ? ": " : "",
	    why != NULL ? why : "");
	drain(arg);
}

static struct seen *
new_seen(void)
{
	uint8_t key[SEEN_KEY_LEN];
	struct seen *s;

	arc4random_buf(key, sizeof(key));
	s = seen_new(key);
	if (s == NULL)
		fatalx("start: out of memory");
	return s;
}

/* What is kept idle takes from what there is for clients. */
static void
prepare_idle(struct worker *w)
{
	web_pool_init(&w->pool, w->loop, w->fds_max / 64);
	w->env.pool = &w->pool;
	pipes_init(&w->pipes, w->loop, &w->slab->spliced);
	w->env.pipes = &w->pipes;
	turns_init(&w->turns, w->loop,
	    w->memory.traffic != NULL ? &w->memory.traffic->pace : NULL);
	w->env.turns = &w->turns;
	if (warm_init(&w->warm, w->loop, w->env.dial.resolve, &w->record,
		w->table) != 0)
		fatalx("start: out of memory");
	warm_max(&w->warm, w->fds_max / 64);
	w->env.dial.warm = &w->warm;
}

/* What is written down of paths, and who waits for one. */
static void
prepare_record(struct worker *w, int wake_fd)
{
	w->record = (struct record){.slab = w->slab,
	    .loads = w->loads,
	    .wake_fd = wake_fd,
	    .memo = &w->index_of_table->memo,
	    .left = dial_queue_left,
	    .arg = &w->queue};
	dial_queue_init(
	    &w->queue, w->loop, w->slab, w->memory.slabs, SETTINGS_WORKERS_MAX);
	w->env.dial.queue = &w->queue;
}

static void
prepare(struct worker *w, struct child_start *start)
{
	struct rlimit rl;
	int error;

	slack_init();
	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		fatal("getrlimit");
	w->fds_max = rl.rlim_cur;
	error = worker_loop_new(&w->loop, start->settings);
	if (error != 0)
		fatalx("loop: %s", strerror(-error));
	if (table_reader_open(&w->reader, start->table_fd) != 0)
		fatalx("start: no tier table");
	memory_map(&w->memory, w->index, start);
	w->slab = w->memory.slabs[w->index];
	w->table = calloc(1, sizeof(*w->table));
	w->index_of_table = calloc(1, sizeof(*w->index_of_table));
	w->loads = calloc(TABLE_ROWS_MAX, sizeof(*w->loads));
	if (w->slab == NULL || w->table == NULL || w->index_of_table == NULL ||
	    w->loads == NULL ||
	    resolve_new(&w->env.dial.resolve, w->loop) != 0 ||
	    logins_new(&w->env.logins, w->loop) != 0)
		fatalx("start: no slab, or out of memory");
	arc4random_buf(&w->seed, sizeof(w->seed));
	prepare_record(w, start->wake_fd);
	budget_init(&w->budget, loop_now_us(w->loop));
	learn_init(&w->learn, w->loop, w->env.dial.resolve, &w->slab->learned);
	prepare_idle(w);
	w->env.slab = w->slab;
	w->env.traffic = w->memory.traffic;
	w->env.learn = &w->learn;
	w->env.seen = new_seen();
	quota_init(&w->quota, w->slab, w->memory.slabs);
	w->env.quota = &w->quota;
	error = who_init(&w->who, w->loop);
	if (error != 0)
		log_warnx("users and services on TCP are unknown: %s",
		    strerror(-error));
	who_master(&w->who, &w->child.chan);
	w->env.who = &w->who;
	w->env.ended = session_ended;
	w->env.arg = w;
	w->env.dial.loop = w->loop;
	w->env.dial.record = &w->record;
	w->env.dial.budget = &w->budget;
	w->env.dial.table = w->table;
	w->env.dial.index = w->index_of_table;
	w->env.dial.refresh = refresh;
	w->env.dial.in_flight = in_flight;
	w->env.dial.idle = idle;
	w->env.dial.decided = decided;
	w->env.dial.arg = w;
	w->env.dial.seed = &w->seed;
}

static void
finish(struct worker *w)
{
	accept_stop(&w->accept); /* which may yet bring one */
	kill_sessions(w);
	turns_fini(&w->turns);
	pipes_fini(&w->pipes);
	web_pool_clear(&w->pool);
	warm_fini(&w->warm);
	dial_queue_fini(&w->queue);
	learn_fini(&w->learn);
	logins_free(w->env.logins);
	seen_free(w->env.seen);
	who_fini(&w->who);
	resolve_free(w->env.dial.resolve);
	chan_free(w->child.chan);
	loop_free(w->loop);
	table_reader_close(w->reader);
	memory_unmap(&w->memory);
	settings_unref(w->settings);
	trace_fini(&w->trace);
	free(w->table);
	free(w->index_of_table);
	free(w->loads);
}

int
worker_main(uint32_t index)
{
	static struct worker w;
	const struct chan_owner owner = {message, master_gone, &w};
	struct child_start start;
	int error;

	w.index = index;
	w.trace.worker = index;
	w.trace.fd = -1;
	LIST_INIT(&w.sessions);
	child_receive(ROLE_WORKER, &start);
	prepare(&w, &start);
	child_enter(&w.child, ROLE_WORKER, w.loop, &start, &owner);
	slab_start(w.slab, (uint32_t)getpid());
	atomic_store(&w.slab->sandbox, start.sandbox);
	atomic_store(&w.slab->loop, worker_loop_kind(w.loop));
	use_settings(&w, start.settings);
	trace_use(&w.trace, start.decisions_fd);
	if (start.resolver_fds[index] != -1 &&
	    resolve_attach(w.env.dial.resolve, ROLE_WORKER,
		start.resolver_fds[index]) != 0)
		fatalx("start: no resolver channel");
	if (start.verifier_fds[index] != -1 &&
	    logins_attach(w.env.logins, start.verifier_fds[index]) != 0)
		fatalx("start: no verifier channel");
	if (accept_init(&w.accept, w.loop, accepted, accept_paused) != 0)
		fatalx("start: out of memory");
	accept_set(&w.accept, start.listener_fds, start.listener_kinds,
	    start.listeners_n);
	error = loop_run(w.loop);
	if (error != 0)
		log_errx("loop: %s", strerror(-error));
	finish(&w);
	return error == 0 ? 0 : 1;
}
