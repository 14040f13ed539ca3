/*
 * The contests: short tunnels, long ones, many at once; everybody in front of
 * the same SOCKS5 server, by turns, with the configuration it has in all of
 * them.
 */
#include <stdio.h>

#include "tests/bench/bench.h"
#include "tests/bench/board.h"
#include "tests/bench/entrant.h"
#include "tests/bench/load.h"
#include "tests/bench/origin.h"
#include "tests/bench/profile.h"

#define CPU_SHORT "CPU per short tunnel"
#define RATE	  "short tunnels a second"
#define CPU_GB	  "CPU per GB"
#define MB_S	  "bulk throughput"
#define CPU_GB_UP "CPU per GB, upload"
#define MB_S_UP	  "upload throughput"

#define UP_SHORT   72 /* 100 with what is asked */
#define DOWN_SHORT 500
#define LITTLE	   1000 /* the other way of a long one */

#define EPOLL entrant_name(ENTRANT_EPOLL)
#define URING entrant_name(ENTRANT_URING)
#define PLAIN entrant_name(ENTRANT_HAPROXY)
#define TUNED entrant_name(ENTRANT_HAPROXY_SPLICE)

/* One turn at most.  The slowest takes a fifth of it for the longest there is;
 * if two of them stand still in all of seven rounds, a case ends in time. */
#define TURN_MS 30000

struct field {
	struct entrant entrants[ENTRANT_KINDS];
	uint16_t origin;
};

/* `make check` asks whether we serve, and not what others take. */
static bool
takes_part(enum entrant_kind k)
{
	return !bench_is_short() || k == ENTRANT_NOBODY || k == ENTRANT_EPOLL ||
	       k == ENTRANT_URING;
}

static void
field_start(struct field *f)
{
	uint16_t upstream;
	int k;

	f->origin = origin_start();
	upstream = upstream_start("127.0.0.1");
	for (k = 0; k < ENTRANT_KINDS; k++) {
		if (takes_part((enum entrant_kind)k))
			entrant_start(
			    &f->entrants[k], (enum entrant_kind)k, upstream);
	}
}

static void
field_stop(struct field *f)
{
	int k;

	for (k = 0; k < ENTRANT_KINDS; k++)
		entrant_stop(&f->entrants[k]);
}

/* One entrant's turn: what it took, in seconds on a processor. */
static double
turn(const struct field *f, const struct entrant *e, struct load_plan plan,
    const struct load_result **out)
{
	char why[160] = "";
	double before;
	size_t n = 0;
	int i;

	plan.host = "127.0.0.1";
	plan.port = e->port;
	plan.origin = f->origin;
	plan.timeout_ms = TURN_MS;
	before = entrant_cpu_s(e);
	*out = load_run(&plan);
	before = entrant_cpu_s(e) - before;
	if (load_failed(*out) == 0)
		return before;
	for (i = 0; i < LOAD_ERRORS && n < sizeof(why); i++)
		n += (size_t)snprintf(why + n, sizeof(why) - n, ", %u %s",
		    (*out)->errors[i], load_error_word((enum load_error)i));
	rig_note("%s: %u of %u tunnels failed%s", entrant_name(e->kind),
	    load_failed(*out), plan.total, why);
	/* Others may fail; we may not. */
	CHECK(e->kind != ENTRANT_EPOLL && e->kind != ENTRANT_URING &&
		  e->kind != ENTRANT_NOBODY,
	    "%s has failed", entrant_name(e->kind));
	return before;
}

typedef void contest_fn(const struct field *, const struct entrant *);

/* Nothing is compared: so many rounds of each agent alone, and where it spent
 * them. */
static void
profiles(int n, contest_fn *fn, const char *word)
{
	static const enum entrant_kind agents[] = {
	    ENTRANT_EPOLL, ENTRANT_URING};
	static struct entrant e;
	struct field f = {.origin = origin_start()};
	uint16_t upstream = upstream_start("127.0.0.1");
	struct profile p;
	char what[96];
	bool looks;
	size_t k;
	int i;

	for (k = 0; k < 2; k++) {
		entrant_start(&e, agents[k], upstream);
		if (!e.here)
			continue;
		looks = profile_start(
		    &p, rig_agent_child(&e.rival.agent, "worker 0"));
		for (i = 0; i < n; i++)
			fn(&f, &e);
		snprintf(what, sizeof(what), "%s: %s", word,
		    entrant_name(agents[k]));
		if (looks)
			profile_end(&p, what);
		entrant_stop(&e);
	}
}

static void
rounds(int n, contest_fn *fn, const char *word)
{
	static struct field f;
	int i, k;

	if (profile_wanted()) {
		profiles(n, fn, word);
		return;
	}
	field_start(&f);
	for (i = 0; i < n; i++) {
		for (k = 0; k < ENTRANT_KINDS; k++) {
			const struct entrant *e =
			    &f.entrants[(k + i) % ENTRANT_KINDS];

			if (e->here)
				fn(&f, e);
		}
	}
	field_stop(&f);
}

static void
one_short(const struct field *f, const struct entrant *e)
{
	const struct load_plan plan = {.total = bench_is_short() ? 200 : 3000,
	    .flight = 64,
	    .up = UP_SHORT,
	    .down = DOWN_SHORT};
	const char *name = entrant_name(e->kind);
	const struct load_result *r;
	double cpu_s = turn(f, e, plan, &r);

	if (r->done == 0 || bench_is_short())
		return;
	if (e->kind != ENTRANT_NOBODY)
		board_sample(CPU_SHORT, "us", name, cpu_s * 1e6 / r->done);
	board_sample(
	    RATE, "1/s", name, (double)r->done * 1e6 / (double)r->took_us);
	board_sample("set-up, p50 of 64 at once", "ms", name,
	    load_percentile(r->setup_us, r->setups_n, 50) / 1e3);
	board_sample("set-up, p99 of 64 at once", "ms", name,
	    load_percentile(r->setup_us, r->setups_n, 99) / 1e3);
	board_sample("first byte, p50 of 64 at once", "ms", name,
	    load_percentile(r->first_us, r->setups_n, 50) / 1e3);
}

void
bench_short(void)
{
	board_target(CPU_SHORT, EPOLL, PLAIN, 0.95, true);
	board_target(CPU_SHORT, URING, PLAIN, 0.6, true);
	rounds((int)bench_count(1, 3, 7), one_short, "short tunnels");
}

static void
one_flight(const struct field *f, const struct entrant *e)
{
	const struct load_plan plan = {.total = bench_is_short() ? 1000 : 4000,
	    .flight = 1000,
	    .up = UP_SHORT,
	    .down = DOWN_SHORT};
	const char *name = entrant_name(e->kind);
	const struct load_result *r;

	turn(f, e, plan, &r);
	if (bench_is_short())
		return;
	board_sample("errors, 1,000 at once", "", name, load_failed(r));
	board_sample("set-up, p50 of 1,000 at once", "ms", name,
	    load_percentile(r->setup_us, r->setups_n, 50) / 1e3);
	board_sample("set-up, p99 of 1,000 at once", "ms", name,
	    load_percentile(r->setup_us, r->setups_n, 99) / 1e3);
}

void
bench_flight(void)
{
	board_target("errors, 1,000 at once", EPOLL, NULL, 0, true);
	board_target("errors, 1,000 at once", URING, NULL, 0, true);
	rounds((int)bench_count(1, 3, 7), one_flight, "1,000 at once");
}

/* A long way down, or up, and little the other way. */
static void
one_long(const struct field *f, const struct entrant *e, bool up)
{
	uint64_t much = (uint64_t)bench_count(4, 64, 256) << 20;
	const struct load_plan plan = {.total = 4,
	    .flight = 2,
	    .up = up ? much : LITTLE,
	    .down = up ? LITTLE : much};
	const char *name = entrant_name(e->kind);
	const struct load_result *r;
	double cpu_s = turn(f, e, plan, &r);

	if (r->done == 0 || bench_is_short())
		return;
	if (e->kind != ENTRANT_NOBODY)
		board_sample(up ? CPU_GB_UP : CPU_GB, "s", name,
		    cpu_s * 1e9 / (double)r->bytes);
	board_sample(up ? MB_S_UP : MB_S, "MB/s", name,
	    (double)r->bytes / (double)r->took_us);
}

static void
one_bulk(const struct field *f, const struct entrant *e)
{
	one_long(f, e, false);
}

static void
one_upload(const struct field *f, const struct entrant *e)
{
	one_long(f, e, true);
}

static void
bulk_targets(const char *cpu, const char *rate)
{
	board_target(cpu, EPOLL, TUNED, 0.8, true);
	board_target(cpu, URING, TUNED, 0.8, true);
	board_target(rate, EPOLL, TUNED, 1.1, false);
	board_target(rate, URING, TUNED, 1.1, false);
}

void
bench_bulk(void)
{
	bulk_targets(CPU_GB, MB_S);
	rounds((int)bench_count(1, 3, 7), one_bulk, "bulk, down");
}

void
bench_upload(void)
{
	bulk_targets(CPU_GB_UP, MB_S_UP);
	rounds((int)bench_count(1, 3, 7), one_upload, "bulk, up");
}
