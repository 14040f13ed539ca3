#ifndef TESTS_UNIT_AGENT_H
#define TESTS_UNIT_AGENT_H

#include "cagentd/worker/dial/dial.h"
#include "conf/settings.h"
#include "tests/unit/fake.h"
#include "tests/unit/settings_sample.h"

/*
 * What a worker has, without its process: a loop, settings, a table with a
 * tier for each intermediary (so that they are tried in order), a slab.
 */
struct agent {
	struct loop *loop;
	struct settings *settings;
	struct resolve *resolve;
	struct table table;
	struct path_index index;
	struct path_load loads[TABLE_ROWS_MAX];
	struct slab slab;
	struct record record;
	struct budget budget;
	struct dial_env env;
	uint64_t seed;
	int fds; /* open at the start */
	char conf[16384];
};

static inline void
agent_refresh(void *arg)
{
	(void)arg;
}

static inline struct agent *
agent_new(void)
{
	struct agent *a = calloc(1, sizeof(*a));

	a->fds = fake_open_fds();
	a->loop = rig_loop();
	rig_must(resolve_new(&a->resolve, a->loop), "resolve_new");
	a->record =
	    (struct record){.slab = &a->slab, .loads = a->loads, .wake_fd = -1};
	a->env = (struct dial_env){.loop = a->loop,
	    .resolve = a->resolve,
	    .record = &a->record,
	    .budget = &a->budget,
	    .table = &a->table,
	    .index = &a->index,
	    .refresh = agent_refresh,
	    .seed = &a->seed};
	return a;
}

/* Slot i is row i is the intermediary "hop-i" of tier i + 1. */
static inline void
agent_hop(struct agent *a, const char *host, uint16_t port)
{
	uint32_t i = a->table.rows_n++;
	struct table_row *row = &a->table.rows[i];
	size_t len = strlen(a->conf);

	row->slot = i;
	row->incarnation = 1;
	snprintf(row->name, sizeof(row->name), "hop-%u", i);
	snprintf(row->host, sizeof(row->host), "%s", host);
	row->port = port;
	row->type = TABLE_SOCKS5;
	row->tier = row->tier_conf = (uint16_t)(i + 1);
	row->weight = 10;
	snprintf(a->conf + len, sizeof(a->conf) - len,
	    "[intermediary \"hop-%u\"]\ntype = socks5\naddress = %s:%u\n"
	    "tier = %u\n",
	    i, host, port, i + 1);
	path_index_build(&a->index, &a->table);
}

static inline struct fake *
agent_fake(struct agent *a, enum fake_script script)
{
	struct fake *f = fake_new(a->loop, script);

	agent_hop(a, "127.0.0.1", f->port);
	return f;
}

/* Settings of these intermediaries and more text.  Nothing is hedged unless
 * the text says so: most tests are about one attempt after the other. */
static inline void
agent_settings(struct agent *a, const char *more)
{
	struct conf_errors e = {0};
	size_t len = strlen(a->conf);
	int error;

	snprintf(a->conf + len, sizeof(a->conf) - len, "%s", more);
	error = sample_parse(a->conf, &a->settings, &e);
	rig_must(error, "settings");
	if (strstr(more, "hedge-percent") == NULL)
		a->settings->hedge_percent = 0;
	a->settings->pass_loopback = true; /* where all of the test is */
	budget_init(&a->budget, mono_us());
}

#define AGENT_GET(p) atomic_load_explicit((p), memory_order_relaxed)

/* Of slot i: attempts, successes, charged failures, in flight. */
static inline void
agent_check(const struct agent *a, uint32_t i, const uint64_t want[4])
{
	const struct slab_row *r = &a->slab.rows[i];
	uint64_t got[4] = {AGENT_GET(&r->attempts), AGENT_GET(&r->successes),
	    AGENT_GET(&r->charged), AGENT_GET(&r->in_flight)};
	static const char *const what[4] = {
	    "attempts", "successes", "charged", "in flight"};
	int k;

	for (k = 0; k < 4; k++)
		CHECK(got[k] == want[k], "hop-%u %s: %llu, not %llu", i,
		    what[k], (unsigned long long)got[k],
		    (unsigned long long)want[k]);
	CHECK_INT(a->loads[i].in_flight, want[3]);
	CHECK_INT(a->loads[i].trials, 0);
}
#define AGENT_CHECK(a, i, ...) \
	agent_check((a), (i), (const uint64_t[4]){__VA_ARGS__})

/* All that the tests made must be gone but for the fakes. */
static inline void
agent_free(struct agent *a)
{
	resolve_free(a->resolve);
	settings_unref(a->settings);
	loop_free(a->loop);
	CHECK_INT(fake_open_fds(), a->fds);
	free(a);
}

#endif
