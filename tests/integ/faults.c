/* Every so-manieth system call of a worker fails: tunnels may break where they
 * must, and none delivers a wrong byte, or too few or too many that look
 * complete. */
#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fault/plan.h"
#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_carry.h"

#define TUNNELS	   60
#define FLIGHT	   20
#define BYTES_MAX  1000000
#define TIMEOUT_MS 20000
#define QUIET_MS   8000 /* until all is closed */
#define FDS_SLACK  2

#define BIT(call) FAULT_BIT(FAULT_##call)
/* What may have to be done again, and nothing more. */
#define AGAIN                                                                \
	(BIT(ACCEPT) | BIT(RECV) | BIT(SEND) | BIT(RECVMSG) | BIT(SENDMSG) | \
	    BIT(READ) | BIT(WRITE) | BIT(SPLICE))

static const struct kind {
	const char *word;
	uint32_t calls;
	int error;
	bool may_fail; /* a tunnel, visibly */
} kinds[] = {
    {"EINTR", AGAIN | BIT(CONNECT) | BIT(EPOLL_WAIT) | BIT(CLOSE), EINTR,
	false},
    {"EAGAIN", AGAIN, EAGAIN, false},
    {"less than asked for", BIT(RECV) | BIT(SEND) | BIT(SPLICE), 0, false},
    {"EMFILE in accept and pipe", BIT(ACCEPT) | BIT(PIPE), EMFILE, false},
    {"ENOBUFS in accept", BIT(ACCEPT), ENOBUFS, false},
    {"ECONNABORTED in accept", BIT(ACCEPT), ECONNABORTED, false},
    {"ENOBUFS in options", BIT(SETSOCKOPT), ENOBUFS, false},
    {"EMFILE in socket", BIT(SOCKET), EMFILE, true},
    {"ENOBUFS in socket, connect and getsockopt",
	BIT(SOCKET) | BIT(CONNECT) | BIT(GETSOCKOPT), ENOBUFS, true},
    {"ENOMEM in epoll_ctl", BIT(EPOLL_CTL), ENOMEM, true},
    {"ENOBUFS in send", BIT(SEND), ENOBUFS, true},
    {"ENOMEM in recv", BIT(RECV), ENOMEM, true},
    {"ENOMEM in splice", BIT(SPLICE), ENOMEM, true},
};
#define KINDS (sizeof(kinds) / sizeof(*kinds))

static const uint32_t everies[] = {2, 13};

struct scene {
	struct rig_haven haven;
	struct rig_agent agent;
	struct rig_proxy proxies[RIG_AGENT_PROXIES];
	struct fault_plan *plan;
	char preload[RIG_PATH_MAX + 64], path[RIG_PATH_MAX + 16];
	const char *env[3];
	pid_t worker;
	size_t fds;
	unsigned int number;
};

static void
map_plan(struct scene *s)
{
	char path[RIG_PATH_MAX];
	int fd;

	rig_path(path, "plan");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	REQUIRE(fd != -1 && fchmod(fd, 0666) == 0 &&
		    ftruncate(fd, sizeof(*s->plan)) == 0,
	    "%s: %s", path, strerror(errno));
	s->plan = mmap(
	    NULL, sizeof(*s->plan), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	REQUIRE(s->plan != MAP_FAILED, "mmap: %s", strerror(errno));
	close(fd);
	snprintf(s->path, sizeof(s->path), "FAULT_PLAN=%s", path);
}

/* Beside this program: build/tests/integ/faults, build/tests/fault. */
static void
find_preload(struct scene *s)
{
	char self[RIG_PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;
	int up;

	REQUIRE(len > 0, "/proc/self/exe: %s", strerror(errno));
	self[len] = '\0';
	for (up = 0; up < 2; up++) {
		slash = strrchr(self, '/');
		REQUIRE(slash != NULL, "this test is not below build/");
		*slash = '\0';
	}
	snprintf(s->preload, sizeof(s->preload),
	    "LD_PRELOAD=%s/fault/preload.so", self);
}

static void
setup(struct scene *s, const char *type)
{
	memset(s, 0, sizeof(*s));
	/* What is asked for in a ring does not pass libc. */
	setenv("CAGENT_TEST_LOOP", "epoll", 1);
	map_plan(s);
	find_preload(s);
	s->env[0] = s->preload;
	s->env[1] = s->path;
	rig_haven_start(&s->haven);
	rig_agent_init(&s->agent, "agent");
	/* Calls are counted in one process. */
	s->agent.workers = 1;
	s->agent.env = s->env;
	if (strcmp(type, "direct") == 0)
		rig_agent_direct(&s->agent);
	else
		rig_agent_intermediary(&s->agent, "haven", type, "127.0.0.1",
		    s->haven.server.port);
	rig_agent_start(&s->agent);
	rig_agent_proxies(&s->agent, s->proxies);
	s->worker = rig_agent_child(&s->agent, "worker 0");
	REQUIRE(s->worker > 0, "no worker");
}

static unsigned int
bad(const struct rig_fleet *f, bool may_fail)
{
	unsigned int i, n = 0;

	for (i = 0; i < RIG_FAILS; i++) {
		if (i == RIG_OK ||
		    (may_fail && (i == RIG_FAIL_REPLY || i == RIG_FAIL_CLOSED ||
				     i == RIG_FAIL_RESET)))
			continue;
		n += atomic_load(&f->count[i]);
	}
	return n;
}

static unsigned int
carry(struct scene *s, const char *what, unsigned int total, bool may_fail)
{
	static struct rig_fleet f;
	unsigned int served = atomic_load(&s->haven.server.served), i, ok;

	memset(&f, 0, sizeof(f));
	f.proxies = s->proxies;
	f.proxies_n = RIG_AGENT_PROXIES;
	f.port = s->haven.server.port;
	f.total = total;
	f.flight = FLIGHT;
	f.from = s->number;
	f.max = BYTES_MAX;
	f.timeout_ms = TIMEOUT_MS;
	s->number += total;
	rig_fleet_run(&f);
	ok = atomic_load(&f.count[RIG_OK]);
	CHECK(bad(&f, may_fail) == 0, "%s: %u of %u tunnels are wrong", what,
	    bad(&f, may_fail), total);
	/* A client that is through does not hear of what breaks later. */
	CHECK(may_fail ||
		  rig_server_served(&s->haven.server, served + ok, TIMEOUT_MS),
	    "%s: the destination got %u whole, the clients %u", what,
	    atomic_load(&s->haven.server.served) - served, ok);
	for (i = 0; i < RIG_CARRY_TEXTS && i < atomic_load(&f.texts_n); i++) {
		if (bad(&f, may_fail) != 0)
			rig_note("%s: %s", what, f.texts[i]);
	}
	return total - ok;
}

static void
set_plan(struct scene *s, const struct kind *k, uint32_t every)
{
	size_t i;

	atomic_store(&s->plan->calls, 0);
	for (i = 0; i < FAULT_CALLS; i++) {
		atomic_store(&s->plan->seen[i], 0);
		atomic_store(&s->plan->failed[i], 0);
	}
	if (k == NULL)
		return;
	atomic_store(&s->plan->error, k->error);
	atomic_store(&s->plan->every, every);
	atomic_store(&s->plan->calls, k->calls);
}

static uint64_t
faults(const struct scene *s)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < FAULT_CALLS; i++)
		n += atomic_load(&s->plan->failed[i]);
	return n;
}

/* Nothing is left of what was, and it serves as before. */
static void
quiet(struct scene *s, const char *what)
{
	int64_t deadline = rig_now_ms() + QUIET_MS, cpu;
	char text[128];

	set_plan(s, NULL, 0);
	snprintf(text, sizeof(text), "after %s", what);
	carry(s, text, FLIGHT, false);
	while ((rig_fds(s->worker) > s->fds + FDS_SLACK ||
		   atomic_load(&s->haven.server.open) > FDS_SLACK) &&
	       rig_pause(deadline))
		continue;
	CHECK(rig_fds(s->worker) <= s->fds + FDS_SLACK,
	    "after %s: %zu fds, not %zu", what, rig_fds(s->worker), s->fds);
	CHECK(rig_agent_child(&s->agent, "worker 0") == s->worker,
	    "after %s: it is another worker", what);
	cpu = rig_cpu_ms(s->worker);
	rig_pause(rig_now_ms() + 10);
	CHECK(rig_cpu_ms(s->worker) - cpu <= 10, "after %s: it spins", what);
}

static void
one_kind(struct scene *s, const struct kind *k)
{
	unsigned int failed = 0, cut, wrong;
	uint64_t n = 0;
	char what[64];
	size_t i;

	for (i = 0; i < sizeof(everies) / sizeof(*everies); i++) {
		snprintf(
		    what, sizeof(what), "%s, 1 in %u", k->word, everies[i]);
		set_plan(s, k, everies[i]);
		failed += carry(s, what, TUNNELS, k->may_fail);
		n += faults(s);
	}
	quiet(s, k->word);
	cut = atomic_exchange(&s->haven.cut, 0);
	wrong = atomic_exchange(&s->haven.wrong, 0);
	CHECK(cut == 0 && wrong == 0,
	    "%s: at the destination %u look complete and are not, %u are wrong",
	    k->word, cut, wrong);
	rig_note("%s: %llu calls, %u of %zu tunnels", k->word,
	    (unsigned long long)n, failed,
	    TUNNELS * sizeof(everies) / sizeof(*everies));
	/* Without splice(2) none of it can fail. */
	CHECK(n > 0 || k->calls == BIT(SPLICE), "%s: no call has failed",
	    k->word);
}

static void
faults_by(const char *type)
{
	static struct scene s;
	const char *only = getenv("FAULT_ONLY");
	size_t i;

	setup(&s, type);
	carry(&s, "before", FLIGHT, false);
	rig_pause(rig_now_ms() + 10);
	s.fds = rig_fds(s.worker);
	for (i = 0; i < KINDS; i++) {
		if (only == NULL || strcmp(only, kinds[i].word) == 0)
			one_kind(&s, &kinds[i]);
	}
	rig_agent_stop(&s.agent);
	rig_haven_stop(&s.haven);
}

#define TYPE(name, type)           \
	static void t_##name(void) \
	{                          \
		faults_by(type);   \
	}

TYPE(direct, "direct")
TYPE(socks5, "socks5")
TYPE(socks4a, "socks4a")
TYPE(http, "http")

static const struct rig_case cases[] = {
    {"direct", t_direct, 200, 0},
    {"socks5", t_socks5, 200, 0},
    {"socks4a", t_socks4a, 200, 0},
    {"http", t_http, 200, 0},
};

RIG_MAIN("faults", cases, NULL)
