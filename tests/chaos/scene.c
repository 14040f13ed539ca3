/* Sets the stage of a row, sums up what its clients saw, and keeps the table;
 * knows no scenario. */
#include "tests/chaos/scene.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REACH_MS    120000
#define REPLAY_MS   60000
#define DEMOTION_MS 20000
#define BYTES	    500 /* one segment: half an answer cannot be had again */
#define ROW_LEN	    220
#define ROWS_MAX    (RIG_SHARED_LEN / ROW_LEN - 1)

struct board {
	unsigned int n;
	char lines[ROWS_MAX][ROW_LEN];
};
_Static_assert(sizeof(struct board) <= RIG_SHARED_LEN, "too many lines");

bool
scene_long(void)
{
	const char *form = getenv("CHAOS_FORM");

	return form != NULL && strcmp(form, "long") == 0;
}

unsigned int
scene_count(unsigned int brief, unsigned int full)
{
	return scene_long() ? full : brief;
}

void
scene_prepare(
    struct scene *s, const char *name, const unsigned int tiers[SCENE_GATES])
{
	unsigned int i;

	memset(s, 0, sizeof(*s));
	s->name = name;
	s->samples = calloc(SCENE_SAMPLES_MAX, sizeof(*s->samples));
	REQUIRE(s->samples != NULL, "out of memory");
	rig_origin_start(&s->origin, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	s->origin.delay_ms = SCENE_THINK_MS;
	rig_peer_start(&s->real, RIG_PEER_MICROSOCKS, "real");
	rig_agent_init(&s->agent, "agent");
	for (i = 0; i < SCENE_GATES; i++) {
		gate_start(&s->gates[i], s->real.port);
		snprintf(s->names[i], sizeof(s->names[i]), "g%u", i + 1);
		rig_agent_add(&s->agent,
		    "[intermediary \"%s\"]\ntype = socks5\n"
		    "address = 127.0.0.1:%u\ntier = %u\n",
		    s->names[i], s->gates[i].port,
		    tiers != NULL ? tiers[i] : 1);
	}
	s->load.host = "127.0.0.1";
	s->load.port = s->origin.port;
	s->load.bytes = BYTES;
	s->load.flight = SCENE_FLIGHT;
	s->load.timeout_ms = 15000;
	s->load.samples = s->samples;
	s->load.samples_max = SCENE_SAMPLES_MAX;
}

static const char *
decisions_path(void)
{
	static char path[RIG_PATH_MAX];

	rig_path(path, "decisions");
	return path;
}

void
scene_start(struct scene *s)
{
	if (!s->unrecorded)
		rig_agent_key(&s->agent, "decisions = %s", decisions_path());
	rig_agent_start(&s->agent);
	watch_start(&s->watch, &s->agent);
	rig_agent_proxies(&s->agent, s->proxies);
	s->load.proxies = s->proxies;
	s->load.proxies_n = RIG_AGENT_PROXIES;
	s->begun_us = rig_now_us();
	scene_mark(s);
	rig_load_start(&s->load);
}

void
scene_more(struct scene *s, unsigned int n)
{
	unsigned int to = atomic_load(&s->load.done) + n;

	REQUIRE(rig_load_reach(&s->load, to, REACH_MS),
	    "%s: the load does not move: %u of %u", s->name,
	    atomic_load(&s->load.done), to);
}

void
scene_mark(struct scene *s)
{
	s->from_us = rig_now_us();
	s->attempts = watch_attempts(&s->watch);
	s->started = atomic_load(&s->load.next);
}

static int
by_value(const void *a, const void *b)
{
	const int32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Sorts; 0 of none. */
static int32_t
percentile(int32_t *v, unsigned int n, unsigned int percent)
{
	if (n == 0)
		return 0;
	qsort(v, n, sizeof(*v), by_value);
	return v[((uint64_t)n * percent + 99) / 100 - 1];
}

static bool
is_excused(const struct scene *s, const struct rig_sample *p)
{
	return p->start_us < s->excuse_to_us && p->end_us > s->excuse_from_us;
}

void
scene_sum(const struct scene *s, int64_t from_us, struct scene_sum *out)
{
	unsigned int i, n = 0, started = atomic_load(&s->load.next);
	const struct rig_sample *p;
	int32_t *whole, *setup;

	memset(out, 0, sizeof(*out));
	whole = calloc(SCENE_SAMPLES_MAX, 2 * sizeof(*whole));
	REQUIRE(whole != NULL, "out of memory");
	setup = whole + SCENE_SAMPLES_MAX;
	for (i = 0; i < started && i < SCENE_SAMPLES_MAX; i++) {
		p = &s->samples[i];
		if (p->end_us == 0 || p->start_us < from_us)
			continue;
		out->requests++;
		if (p->fail != RIG_OK && is_excused(s, p)) {
			out->excused++;
			continue;
		}
		out->count[p->fail]++;
		if (p->fail != RIG_OK) {
			out->failed++;
			continue;
		}
		whole[n] = (int32_t)(p->end_us - p->start_us);
		setup[n++] = p->setup_us;
	}
	out->p50_us = percentile(whole, n, 50);
	out->p99_us = percentile(whole, n, 99);
	out->slowest_us = percentile(whole, n, 100);
	out->setup_p50_us = percentile(setup, n, 50);
	out->setup_p99_us = percentile(setup, n, 99);
	free(whole);
}

/* In percent of the requests since scene_mark(). */
static double
extra_attempts(const struct scene *s)
{
	uint64_t more = watch_attempts(&s->watch) - s->attempts;
	unsigned int n = atomic_load(&s->load.next) - s->started;

	return n == 0 ? 0 : ((double)more - (double)n) * 100 / (double)n;
}

void
scene_settle(struct scene *s)
{
	rig_load_end(&s->load);
	scene_sum(s, s->from_us, &s->sum);
	s->extra = extra_attempts(s);
}

void
scene_check(struct scene *s, bool ok, const char *fmt, ...)
{
	char text[sizeof(s->why)];
	va_list ap;

	if (ok)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	CHECK(false, "%s: %s", s->name, text);
	if (!s->failed)
		memcpy(s->why, text, sizeof(s->why));
	s->failed = true;
}

void
scene_check_kept(struct scene *s, unsigned int gate)
{
	const struct watch_change *c;

	c = watch_demotion(&s->watch, s->names[gate]);
	scene_check(s, c == NULL, "%s was demoted: %s", s->names[gate],
	    c != NULL ? c->reason : "");
}

void
scene_await_demotion(const struct scene *s, unsigned int gate)
{
	int64_t deadline = rig_now_ms() + DEMOTION_MS;

	while (watch_demotion(&s->watch, s->names[gate]) == NULL &&
	       rig_pause(deadline))
		;
}

void
scene_check_demoted(struct scene *s, int gate)
{
	int i;

	for (i = 0; i < SCENE_GATES; i++) {
		if (i != gate)
			scene_check_kept(s, (unsigned int)i);
		else
			scene_check(s,
			    watch_demotion(&s->watch, s->names[i]) != NULL,
			    "%s was not demoted", s->names[i]);
	}
}

__attribute__((format(printf, 1, 0))) static void
vput_line(const char *fmt, va_list ap)
{
	struct board *b = rig_shared();

	REQUIRE(b->n < ROWS_MAX, "the table is full");
	vsnprintf(b->lines[b->n++], ROW_LEN, fmt, ap);
}

void
scene_note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vput_line(fmt, ap);
	va_end(ap);
}

/* "2 closed, 1 timeout"; "" when nobody failed. */
static void
describe_failures(const struct scene_sum *sum, char *out, size_t cap)
{
	size_t len = 0;
	int i;

	out[0] = '\0';
	for (i = 0; i < RIG_FAILS; i++) {
		if (i == RIG_OK || sum->count[i] == 0 || len + 40 > cap)
			continue;
		len += (size_t)snprintf(out + len, cap - len, "%s%u %s",
		    len > 0 ? ", " : "", sum->count[i],
		    rig_fail_word((enum rig_fail)i));
	}
}

static void
check_clients(struct scene *s)
{
	struct scene_sum all;
	char kinds[120];
	unsigned int i;

	scene_sum(s, s->begun_us, &all);
	describe_failures(&all, kinds, sizeof(kinds));
	scene_check(s, all.failed == 0, "clients failed: %s", kinds);
	if (all.failed == 0)
		return;
	for (i = 0; i < atomic_load(&s->load.texts_n) && i < RIG_LOAD_TEXTS;
	     i++)
		rig_note("%s", s->load.texts[i]);
}

static void
print_changes(const struct scene *s)
{
	unsigned int i, n = atomic_load(&s->watch.changes_n);
	const struct watch_change *c;

	for (i = 0; i < n && i < 40; i++) {
		c = &s->watch.changes[i];
		rig_note("%lld ms: %s: tier %u, was %u; %s, was %s: %s",
		    (long long)(c->us - s->begun_us) / 1000, c->name, c->tier,
		    c->tier_was,
		    table_observed_word((enum table_observed)c->observed),
		    table_observed_word((enum table_observed)c->observed_was),
		    c->reason);
	}
}

/* Every choice that was recorded, made again. */
static void
replay(struct scene *s)
{
	char program[RIG_PATH_MAX];
	const char *const argv[] = {program, "-r", decisions_path(), NULL};
	const struct rig_spawn spawn = {.name = "cagentd-r", .argv = argv};
	struct rig_output o;

	rig_agent_program(program, sizeof(program));
	rig_run(&o, &spawn, REPLAY_MS);
	scene_check(s,
	    o.code == 0 && strstr(o.out, "all the same") != NULL &&
		sscanf(o.out, "%u decisions", &s->replayed) == 1 &&
		s->replayed >= s->sum.requests,
	    "replay: exit %d: %s%s", o.code, o.out, o.err);
	rig_output_free(&o);
	unlink(decisions_path());
}

static void
put_row(const struct scene *s)
{
	const struct scene_sum *m = &s->sum;
	char extra[16] = "-", replayed[16] = "-";

	if (!s->uncounted)
		snprintf(extra, sizeof(extra), "%.1f", s->extra);
	if (!s->unrecorded)
		snprintf(replayed, sizeof(replayed), "%u", s->replayed);
	scene_note("%-38s %6u %5u %7.1f %7.1f %7.1f %6s %4u %6s  %s%s", s->name,
	    m->requests, m->failed, m->p50_us / 1e3, m->p99_us / 1e3,
	    m->slowest_us / 1e3, extra, watch_tier_changes(&s->watch, NULL),
	    replayed, s->failed ? "FAILED: " : "ok", s->why);
}

void
scene_finish(struct scene *s)
{
	const struct scene_sum *m = &s->sum;
	unsigned int i;

	check_clients(s);
	print_changes(s);
	rig_note("set-up: p50 %.1f ms, p99 %.1f ms; %u excused",
	    m->setup_p50_us / 1e3, m->setup_p99_us / 1e3, m->excused);
	watch_stop(&s->watch);
	rig_agent_stop(&s->agent);
	if (!s->unrecorded)
		replay(s);
	put_row(s);
	/* What it is still trying to reach would keep the gates. */
	rig_peer_kill(&s->real);
	for (i = 0; i < SCENE_GATES; i++)
		gate_stop(&s->gates[i]);
	rig_server_stop(&s->origin);
	free(s->samples);
}

void
scene_report(void)
{
	const struct board *b = rig_shared();
	unsigned int i;

	for (i = 0; i < b->n; i++)
		printf("  | %s\n", b->lines[i]);
}
