/* Owns one look at one intermediary: its address, its probe and its load; what
 * that means is others'. */
#include "policyd/prober/prober_run.h"

#include <errno.h>
#include <string.h>

#include "base/mono.h"
#include "policyd/common/pdchild.h"
#include "policyd/prober/prober_load.h"

enum {
	ASKED_HOP,
	ASKED_LOAD
};

static void on_timer(struct loop *, struct op *, const struct op_result *);

void
prober_run_cancel(struct prober_run *run)
{
	if (run->done == NULL)
		return;
	run->done = NULL;
	names_forget(run->names, run);
	loop_cancel(run->loop, &run->timer);
	if (run->probing == PROBER_GOING)
		probe_cancel(&run->probe);
	if (run->loading == PROBER_GOING)
		load_fetch_cancel(&run->fetch);
	run->probing = run->loading = PROBER_ENDED;
}

/* A failure is news that waits for nothing. */
static void
settle(struct prober_run *run)
{
	prober_run_fn *done = run->done;
	struct prober_result r = run->r;

	if (run->probing != PROBER_ENDED ||
	    (run->loading != PROBER_ENDED && r.probe.reason == REASON_OK))
		return;
	prober_run_cancel(run);
	done(run, &r);
}

/* Not from inside of what still uses us: by the timer.  Moving it needs no
 * memory. */
static void
settle_soon(struct prober_run *run)
{
	loop_timer(run->loop, &run->timer, loop_now_us(run->loop), on_timer);
}

static void
fail(struct prober_run *run, enum wire_reason reason, bool ours)
{
	run->probing = PROBER_ENDED;
	run->r.probe.reason = reason;
	run->r.ours = ours;
	settle_soon(run);
}

static void
on_probed(struct probe *p, const struct probe_result *r)
{
	struct prober_run *run = container_of(p, struct prober_run, probe);

	run->probing = PROBER_ENDED;
	run->r.probe = *r;
	run->r.ours = r->reason == REASON_OVERLOAD;
	settle(run);
}

static void
probe_it(struct prober_run *run)
{
	const struct pdchild_login *login = run->ask.login;
	const struct probe_via via = {.type = run->ask.item->type,
	    .ips = run->ask.ips,
	    .ips_n = run->ask.ips_n,
	    .port = run->ask.item->port,
	    .user = login != NULL ? login->username : NULL,
	    .password = login != NULL ? login->password : NULL};
	const struct probe_limits limits = {.connect_us = run->ask.timeout_us,
	    .handshake_us = run->ask.timeout_us,
	    .answer_us = run->ask.timeout_us,
	    .all_us = run->ask.timeout_us,
	    .rate_us = run->ask.timeout_us,
	    .rate_bytes = run->ask.rate_bytes};

	run->probing = PROBER_GOING;
	if (probe_start(&run->probe, run->loop, &via, run->ask.query, &limits,
		on_probed) != 0)
		fail(run, REASON_OVERLOAD, true);
}

/* One that no name server knows is not there; when none answers, it is where
 * it was. */
static void
on_hop_named(struct prober_run *run, const struct names_answer *a)
{
	uint32_t i;

	if (a->outcome == NAMES_UNKNOWN) {
		fail(run, REASON_HOP_UNREACHABLE, false);
		return;
	}
	if (a->outcome == NAMES_OK) {
		run->ask.ips_n = 0;
		for (i = 0; i < a->ips_n && i < PROBER_IPS_MAX; i++)
			run->ask.ips[run->ask.ips_n++] = a->ips[i];
	}
	if (run->ask.ips_n == 0)
		fail(run, REASON_NAME_FAILED, true);
	else
		probe_it(run);
}

static void
on_fetched(struct load_fetch *f, const struct load_answer *a)
{
	struct prober_run *run = container_of(f, struct prober_run, fetch);
	const struct pdconf_load *load = run->ask.load;

	if (a->error == 0 && load->metric)
		run->r.load = prober_load_metric(
		    a->value, load->full, &run->r.load_percent);
	else if (a->error == 0)
		run->r.load =
		    prober_load_agent(&a->agent, &run->r.load_percent);
	run->loading = PROBER_ENDED;
	settle(run);
}

static void
not_loaded(struct prober_run *run)
{
	run->loading = PROBER_ENDED;
	settle_soon(run);
}

static void
fetch_it(struct prober_run *run, const struct net_ip *ip)
{
	const struct pdconf_load *load = run->ask.load;
	const struct load_ask ask = {
	    .kind = load->metric ? LOAD_METRIC : LOAD_AGENT,
	    .ip = *ip,
	    .port = load->host.port,
	    .host = &load->host,
	    .path = load->path,
	    .selector = load->selector};

	run->loading = PROBER_GOING;
	if (load_fetch_start(
		&run->fetch, run->loop, &ask, run->end_us, on_fetched) != 0)
		not_loaded(run);
}

static void
on_named(void *arg, uint64_t id, const struct names_answer *a)
{
	struct prober_run *run = arg;

	if (id == ASKED_HOP)
		on_hop_named(run, a);
	else if (a->outcome == NAMES_OK)
		fetch_it(run, &a->ips[0]);
	else
		not_loaded(run);
}

/* An end that was put off, or name servers that are too slow. */
static void
on_timer(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct prober_run *run = container_of(op, struct prober_run, timer);
	const struct names_answer late = {.outcome = NAMES_TIMEOUT};

	(void)r; /* time is the only news */
	if (mono_us() >= run->end_us) {
		names_forget(run->names, run);
		if (run->probing == PROBER_NAMING)
			on_hop_named(run, &late);
		if (run->loading == PROBER_NAMING)
			run->loading = PROBER_ENDED;
	} else if (run->probing == PROBER_NAMING ||
		   run->loading == PROBER_NAMING) {
		loop_timer(loop, op, run->end_us, on_timer);
	}
	settle(run);
}

static void
find_load(struct prober_run *run)
{
	const struct wire_host *host = &run->ask.load->host;
	struct net_ip ip = {0};

	run->loading = PROBER_NAMING;
	if (host->kind == WIRE_HOST_NAME) {
		names_ask(run->names, host->name, on_named, run, ASKED_LOAD);
		return;
	}
	ip.family = host->kind == WIRE_HOST_V4 ? 4 : 6;
	memcpy(ip.bytes, host->ip, sizeof(ip.bytes));
	fetch_it(run, &ip);
}

static void
find_hop(struct prober_run *run)
{
	struct net_ip ip;

	run->probing = PROBER_NAMING;
	if (net_ip_parse(run->ask.item->host, &ip) != 0) {
		names_ask(
		    run->names, run->ask.item->host, on_named, run, ASKED_HOP);
		return;
	}
	run->ask.ips[0] = ip;
	run->ask.ips_n = 1;
	probe_it(run);
}

int
prober_run_start(struct prober_run *run, struct loop *loop, struct names *names,
    const struct prober_ask *ask, prober_run_fn *done)
{
	run->loop = loop;
	run->names = names;
	run->ask = *ask;
	run->probing = run->loading = PROBER_ENDED;
	run->r = (struct prober_result){.probe = {.code = -1,
					    .connect_us = -1,
					    .handshake_us = -1,
					    .first_us = -1,
					    .total_us = -1}};
	run->end_us = mono_us() + ask->timeout_us;
	if (loop_timer(loop, &run->timer, run->end_us, on_timer) != 0)
		return -ENOMEM;
	run->done = done;
	find_hop(run);
	if (ask->load != NULL)
		find_load(run);
	return 0;
}
