/* What a tunnel costs in memory that has said a word and is silent then. */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/bench.h"
#include "tests/bench/board.h"
#include "tests/bench/hop.h"
#include "tests/bench/rival.h"

#define USER   "memory per idle tunnel, user space"
#define KERNEL "memory per idle tunnel, kernel"

#define CGROUPS	  "/sys/fs/cgroup/memory"
#define DIAL_MS	  10000
#define SETTLE_MS 20000
#define LOOK_MS	  300
#define PROC_LEN  2048

/*
 * A control group of memory that a contestant is born in: the kernel charges
 * it with what it keeps for its sockets, descriptors and polls, and with
 * nothing of clients, the SOCKS server, or the rest of the machine.
 */
struct account {
	char dir[RIG_PATH_MAX + 32]; /* "": there is none */
	char home[RIG_PATH_MAX];     /* where this process was */
};

static bool
move_to(const char *dir)
{
	char path[RIG_PATH_MAX + 80];
	bool ok;
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	ok = fd != -1 && write(fd, "0", 1) == 1;
	if (fd != -1)
		close(fd);
	return ok;
}

static void
account_open(struct account *a)
{
	char text[PROC_LEN] = "", *at;

	memset(a, 0, sizeof(*a));
	bench_slurp("/proc/self/cgroup", text, sizeof(text));
	at = strstr(text, ":memory:");
	if (at != NULL) {
		at += strlen(":memory:");
		snprintf(a->home, sizeof(a->home), "%s%.*s", CGROUPS,
		    (int)strcspn(at, "\n"), at);
		snprintf(a->dir, sizeof(a->dir), "%s/bench-%d", a->home,
		    (int)getpid());
	}
	if (a->dir[0] == '\0' || mkdir(a->dir, 0755) == -1 ||
	    !move_to(a->dir)) {
		rig_note("no control group of memory here: kernel memory "
			 "is not measured");
		rmdir(a->dir);
		a->dir[0] = '\0';
	}
}

static void
account_leave(const struct account *a)
{
	if (a->dir[0] != '\0')
		REQUIRE(move_to(a->home), "%s: %s", a->home, strerror(errno));
}

static void
account_close(const struct account *a)
{
	if (a->dir[0] != '\0' && rmdir(a->dir) == -1)
		rig_note("%s: %s", a->dir, strerror(errno));
}

static double
kernel_bytes(const struct account *a)
{
	char path[RIG_PATH_MAX + 80], text[64] = "";

	snprintf(path, sizeof(path), "%s/memory.kmem.usage_in_bytes", a->dir);
	if (a->dir[0] != '\0')
		bench_slurp(path, text, sizeof(text));
	return strtod(text, NULL);
}

/* What is shared is counted in parts, so that all together is what there is. */
static double
user_bytes(const struct rival *r)
{
	char path[64], text[PROC_LEN] = "", *at;
	pid_t pids[RIVAL_PIDS_MAX];
	size_t i, n = rival_pids(r, pids);
	double kb = 0;

	for (i = 0; i < n; i++) {
		snprintf(
		    path, sizeof(path), "/proc/%d/smaps_rollup", (int)pids[i]);
		bench_slurp(path, text, sizeof(text));
		at = strstr(text, "Pss_Dirty:");
		REQUIRE(at != NULL, "%s: no Pss_Dirty", path);
		kb += strtod(at + strlen("Pss_Dirty:"), NULL);
	}
	return kb * 1024;
}

/* Wait until what has been said is done with, and nothing moves any more. */
static double
settled(const struct rival *r)
{
	double now = user_bytes(r), before;
	int64_t deadline = rig_now_ms() + SETTLE_MS, next;

	if (bench_is_short())
		return now;
	do {
		before = now;
		next = rig_now_ms() + LOOK_MS;
		while (rig_pause(next))
			continue;
		now = user_bytes(r);
	} while (now != before && rig_left_ms(deadline) > 0);
	return now;
}

static void
open_tunnels(const struct rival *r, int *fds, unsigned int n)
{
	static struct rig_conn c;
	unsigned int i;

	for (i = 0; i < n; i++) {
		REQUIRE(rig_dial(&c, &r->proxy, "127.0.0.1", BENCH_HOP_ECHO,
			    DIAL_MS) == RIG_OK,
		    "%s, tunnel %u: %s", rival_name(r->kind), i, c.text);
		REQUIRE(rig_echo(&c, 1, i, 1) == RIG_OK, "%s, tunnel %u: %s",
		    rival_name(r->kind), i, c.text);
		fds[i] = c.fd;
	}
}

/* All of them still echo. */
static void
use_tunnels(const struct rival *r, const int *fds, unsigned int n)
{
	static struct rig_conn c;
	unsigned int i;

	for (i = 0; i < n; i++) {
		c.fd = fds[i];
		rig_conn_renew(&c, DIAL_MS);
		CHECK(rig_echo(&c, 2, i, 1) == RIG_OK, "%s, tunnel %u: %s",
		    rival_name(r->kind), i, c.text);
		close(fds[i]);
	}
}

static void
contest(enum rival_kind kind, uint16_t port, unsigned int n)
{
	/* They stay, and have it touch what it has once and for all. */
	unsigned int first = bench_count(16, 256, 256);
	int *fds = calloc(first + n, sizeof(*fds));
	static struct rival r;
	struct account a;
	double user, kernel;
	bool here;

	account_open(&a);
	here = rival_start(&r, kind, "127.0.0.1", port);
	account_leave(&a);
	if (here) {
		open_tunnels(&r, fds, first);
		user = settled(&r);
		kernel = kernel_bytes(&a);
		open_tunnels(&r, fds + first, n);
		user = settled(&r) - user;
		kernel = kernel_bytes(&a) - kernel;
		board_sample(USER, "B", rival_name(kind), user / n);
		if (a.dir[0] != '\0')
			board_sample(KERNEL, "B", rival_name(kind), kernel / n);
		use_tunnels(&r, fds, first + n);
		rival_stop(&r);
	}
	account_close(&a);
	free(fds);
}

void
bench_idle(void)
{
	static const enum rival_kind kinds[] = {
	    RIVAL_HAPROXY, RIVAL_EPOLL, RIVAL_URING};
	unsigned int n = bench_count(100, 1000, 4000);
	unsigned int round, rounds = bench_count(1, 1, 3);
	static struct rig_server hop;
	size_t i;

	bench_hop_start(&hop, "127.0.0.1");
	for (round = 0; round < rounds; round++) {
		/* `make check` asks whether we serve, and not others. */
		for (i = bench_is_short(); i < sizeof(kinds) / sizeof(*kinds);
		     i++)
			contest(kinds[i], hop.port, n);
	}
	board_target(USER, rival_name(RIVAL_EPOLL), NULL, 1024, true);
	board_target(USER, rival_name(RIVAL_URING), NULL, 1024, true);
	rig_server_stop(&hop);
}
