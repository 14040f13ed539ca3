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
#include "tests/bench/hop.h"
#include "tests/bench/rival.h"
#include "tests/integ/rig_load.h"

#define CALLS	     "system calls per short tunnel, 64 in flight"
#define EVENT	     "events/raw_syscalls/sys_enter/id"
#define FLIGHT	     64
#define BYTES	     64
#define DIAL_MS	     20000
#define COUNTERS_MAX 64

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
load(const struct rival *r, unsigned int n)
{
	static struct rig_load l;

	memset(&l, 0, sizeof(l));
	l.proxies = &r->proxy;
	l.proxies_n = 1;
	l.host = "127.0.0.1";
	l.port = BENCH_HOP_HTTP;
	l.bytes = BYTES;
	l.total = n;
	l.flight = FLIGHT;
	l.timeout_ms = DIAL_MS;
	rig_load_start(&l);
	rig_load_end(&l);
	CHECK(rig_load_failed(&l) == 0, "%s: %u of %u tunnels failed: %s",
	    rival_name(r->kind), rig_load_failed(&l), n, l.texts[0]);
}

static void
contest(enum rival_kind kind, uint64_t id, uint16_t port, unsigned int n)
{
	struct counters c = {.n = 0};
	pid_t pids[RIVAL_PIDS_MAX];
	static struct rival r;
	size_t i, pids_n;
	double calls;

	if (!rival_start(&r, kind, "127.0.0.1", port))
		return;
	load(&r, FLIGHT);
	pids_n = rival_pids(&r, pids);
	for (i = 0; i < pids_n; i++)
		count_process(&c, id, pids[i]);
	load(&r, n);
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
	static struct rig_server hop;
	uint64_t id = tracepoint();
	size_t i;

	if (id == 0)
		rig_skip("no tracepoint for system calls here");
	bench_hop_start(&hop, "127.0.0.1");
	for (round = 0; round < rounds; round++) {
		for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
			contest(kinds[i], id, hop.port, n);
	}
	board_target(CALLS, rival_name(RIVAL_EPOLL), NULL, 20, true);
	board_target(CALLS, rival_name(RIVAL_URING), NULL, 8, true);
	rig_server_stop(&hop);
}
