/* How many system calls a short tunnel takes, while 64 are under way. */
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <dirent.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/bench.h"
#include "tests/bench/board.h"
#include "tests/bench/load.h"
#include "tests/bench/origin.h"
#include "tests/bench/rival.h"

#define CALLS	     "system calls per short tunnel, 64 in flight"
#define EVENT	     "events/raw_syscalls/sys_enter/id"
#define FLIGHT	     64
#define UP	     80 /* bytes, of one tunnel */
#define DOWN	     500
#define LOAD_MS	     60000
#define COUNTERS_MAX 64

/* What all contestants go through, and to: ports. */
struct way {
	uint16_t upstream, origin;
};

/* The kernel's own counters, one a thread: they cost what they count next to
 * nothing, where a tracer would change what comes together. */
struct counters {
	size_t n;
	int fds[COUNTERS_MAX];
};

/* The number of the tracepoint; 0: there is none. */
static uint64_t
tracepoint(void)
{
	char dir[RIG_PATH_MAX], path[RIG_PATH_MAX + 64], text[32] = "";

	if (!bench_slurp("/sys/kernel/tracing/" EVENT, text, sizeof(text)) &&
	    rig_isolated()) {
		rig_path(dir, "tracing");
		REQUIRE(mkdir(dir, 0755) == 0, "%s", dir);
		if (mount("tracefs", dir, "tracefs", 0, NULL) == 0) {
			snprintf(path, sizeof(path), "%s/" EVENT, dir);
			bench_slurp(path, text, sizeof(text));
			umount(dir);
		}
	}
	return strtoull(text, NULL, 10);
}

static void
count_thread(struct counters *c, uint64_t id, pid_t tid)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_TRACEPOINT,
	    .size = sizeof(attr),
	    .config = id,
	    .inherit = 1};
	long fd;

	REQUIRE(c->n < COUNTERS_MAX, "more threads than counters");
	fd = syscall(
	    SYS_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd == -1)
		rig_skip("perf_event_open: %s", strerror(errno));
	c->fds[c->n++] = (int)fd;
}

static void
count_process(struct counters *c, uint64_t id, pid_t pid)
{
	struct dirent *e;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	REQUIRE(dir != NULL, "%s: %s", path, strerror(errno));
	while ((e = readdir(dir)) != NULL) {
		if (e->d_name[0] != '.')
			count_thread(c, id, (pid_t)strtol(e->d_name, NULL, 10));
	}
	closedir(dir);
}

static double
close_counters(struct counters *c)
{
	uint64_t one, all = 0;
	size_t i;

	for (i = 0; i < c->n; i++) {
		REQUIRE(read(c->fds[i], &one, sizeof(one)) == sizeof(one),
		    "a counter: %s", strerror(errno));
		all += one;
		close(c->fds[i]);
	}
	return (double)all;
}

static void
load(const struct rival *r, uint16_t origin, unsigned int n)
{
	const struct load_plan plan = {.host = r->proxy.host,
	    .port = r->proxy.port,
	    .origin = origin,
	    .total = n,
	    .flight = FLIGHT,
	    .up = UP,
	    .down = DOWN,
	    .timeout_ms = LOAD_MS};
	const struct load_result *result = load_run(&plan);

	CHECK(load_failed(result) == 0, "%s: %u of %u tunnels failed",
	    rival_name(r->kind), load_failed(result), n);
}

static void
contest(
    enum rival_kind kind, uint64_t id, const struct way *way, unsigned int n)
{
	struct counters c = {.n = 0};
	pid_t pids[RIVAL_PIDS_MAX];
	static struct rival r;
	size_t i, pids_n;
	double calls;

	if (!rival_start(&r, kind, "127.0.0.1", way->upstream))
		return;
	load(&r, way->origin, FLIGHT);
	pids_n = rival_pids(&r, pids);
	for (i = 0; i < pids_n; i++)
		count_process(&c, id, pids[i]);
	load(&r, way->origin, n);
	calls = close_counters(&c);
	CHECK(calls > 0, "no system call was counted");
	board_sample(CALLS, "", rival_name(kind), calls / n);
	rival_stop(&r);
}

void
bench_calls(void)
{
	static const enum rival_kind kinds[] = {
	    RIVAL_HAPROXY, RIVAL_EPOLL, RIVAL_URING};
	unsigned int round, rounds = bench_count(1, 2, 5);
	unsigned int n = bench_count(200, 1000, 4000);
	struct way way;
	uint64_t id = tracepoint();
	size_t i;

	if (id == 0)
		rig_skip("no tracepoint for system calls here");
	way.origin = origin_start();
	way.upstream = upstream_start("127.0.0.1");
	for (round = 0; round < rounds; round++) {
		/* `make check` asks whether we serve, and not others. */
		for (i = bench_is_short(); i < sizeof(kinds) / sizeof(*kinds);
		     i++)
			contest(kinds[i], id, &way, n);
	}
	board_target(CALLS, rival_name(RIVAL_EPOLL), NULL, 20, true);
	board_target(CALLS, rival_name(RIVAL_URING), NULL, 8, true);
}
