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
#include "tests/integ/rig_tls.h"
#include "tests/integ/rig_veil.h"

#define TUNNELS	   40
#define LONG	   1200
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

/* What is to be known of a kind. */
#define MAY_FAIL 1u /* a tunnel, visibly */
#define RESTS	 2u /* the listener, for a while */
#define RING	 4u /* not without */
#define NO_RING	 8u

static const struct kind {
	const char *word;
	uint32_t calls;
	int error;
	unsigned int is;
} kinds[] = {
    {"EINTR", AGAIN | BIT(CONNECT) | BIT(WAIT) | BIT(CLOSE), EINTR, 0},
    {"EAGAIN", AGAIN, EAGAIN, NO_RING},
    {"EAGAIN, and a ring is told less", AGAIN | BIT(WAIT), EAGAIN, RING},
    {"EBUSY of a ring", BIT(WAIT), EBUSY, RING},
    {"less than asked for", BIT(RECV) | BIT(SEND) | BIT(SPLICE), 0, 0},
    {"ENOBUFS in recv", BIT(RECV), ENOBUFS, RING},
    {"ECANCELED in recv", BIT(RECV), ECANCELED, RING},
    {"EMFILE in accept and pipe", BIT(ACCEPT) | BIT(PIPE), EMFILE, RESTS},
    {"ENOBUFS in accept", BIT(ACCEPT), ENOBUFS, RESTS},
    {"ECONNABORTED in accept", BIT(ACCEPT), ECONNABORTED, 0},
    {"ENOBUFS in options", BIT(SETSOCKOPT), ENOBUFS, 0},
    {"EMFILE in socket", BIT(SOCKET), EMFILE, MAY_FAIL},
    {"ENOBUFS in socket, connect and getsockopt",
	BIT(SOCKET) | BIT(CONNECT) | BIT(GETSOCKOPT), ENOBUFS, MAY_FAIL},
    {"ENOMEM in epoll_ctl", BIT(EPOLL_CTL), ENOMEM, MAY_FAIL | NO_RING},
    {"ENOBUFS in send", BIT(SEND), ENOBUFS, MAY_FAIL},
    {"ENOMEM in recv", BIT(RECV), ENOMEM, MAY_FAIL},
    {"ENOMEM in splice", BIT(SPLICE), ENOMEM, MAY_FAIL},
};
#define KINDS (sizeof(kinds) / sizeof(*kinds))

/* Most of them, and some. */
#define OFTEN  2
#define SELDOM 13

/* How the bytes go. */
struct ship {
	const char *const *types; /* of intermediaries; none: direct */
	bool ring;
	uint32_t entries; /* of the ring: see plan.h */
	bool tls;	  /* one more type, over TLS */
};

struct scene {
	const struct ship *ship;
	struct rig_haven haven;
	struct rig_veil veil;
	struct rig_agent agent;
	struct rig_proxy proxies[RIG_AGENT_PROXIES];
	struct fault_plan *plan;
	char preload[RIG_PATH_MAX + 64], path[RIG_PATH_MAX + 16];
	const char *env[3];
	pid_t worker;
	size_t fds;
	unsigned int tunnels, number;
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
behind_tls(struct scene *s)
{
	s->veil.to = s->haven.server.port;
	rig_veil_start(&s->veil);
	rig_agent_add(&s->agent,
	    "[intermediary \"https\"]\ntype = https\naddress = 127.0.0.1:%u\n"
	    "ca-file = %s\ntier = 1\n",
	    s->veil.port, rig_tls_ca());
}

static void
setup(struct scene *s, const struct ship *ship)
{
	const char *long_form = getenv("FAULTS_LONG");
	size_t i;

	memset(s, 0, sizeof(*s));
	s->ship = ship;
	s->tunnels = long_form != NULL ? LONG : TUNNELS;
	if (ship->tls)
		s->tunnels /= 2; /* which is work */
	setenv("CAGENT_TEST_LOOP", ship->ring ? "io_uring" : "epoll", 1);
	map_plan(s);
	atomic_store(&s->plan->ring, ship->entries);
	find_preload(s);
	s->env[0] = s->preload;
	s->env[1] = s->path;
	rig_haven_start(&s->haven);
	rig_agent_init(&s->agent, "agent");
	/* Calls are counted in one process. */
	s->agent.workers = 1;
	/* Descriptors are, too, and a stock of connections is no leak. */
	rig_agent_key(&s->agent, "warm-connections = 0");
	s->agent.env = s->env;
	if (ship->tls)
		behind_tls(s);
	else if (ship->types[0] == NULL)
		rig_agent_direct(&s->agent);
	for (i = 0; ship->types[i] != NULL; i++)
		rig_agent_intermediary(&s->agent, ship->types[i],
		    ship->types[i], "127.0.0.1", s->haven.server.port);
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

/* How many tunnels failed. */
static unsigned int
load(struct scene *s, const struct kind *k, uint32_t every, uint64_t *calls)
{
	unsigned int failed;
	char what[64];

	snprintf(what, sizeof(what), "%s, 1 in %u", k->word, every);
	set_plan(s, k, every);
	failed = carry(s, what, s->tunnels, (k->is & MAY_FAIL) != 0);
	*calls += faults(s);
	return failed;
}

static void
one_kind(struct scene *s, const struct kind *k)
{
	unsigned int failed = 0, cut, wrong;
	uint64_t n = 0;

	if ((k->is & RESTS) == 0)
		failed = load(s, k, OFTEN, &n);
	failed += load(s, k, SELDOM, &n);
	quiet(s, k->word);
	cut = atomic_exchange(&s->haven.cut, 0);
	wrong = atomic_exchange(&s->haven.wrong, 0);
	CHECK(cut == 0 && wrong == 0,
	    "%s: at the destination %u look complete and are not, %u are wrong",
	    k->word, cut, wrong);
	rig_note("%s: %llu calls, %u tunnels", k->word, (unsigned long long)n,
	    failed);
	/* Without splice(2) none of it can fail. */
	CHECK(n > 0 || k->calls == BIT(SPLICE), "%s: no call has failed",
	    k->word);
}

static bool
wanted(const struct scene *s, const struct kind *k)
{
	const char *only = getenv("FAULT_ONLY");

	if (only != NULL && strcmp(only, k->word) != 0)
		return false;
	/* What is below TLS is what makes the difference to it. */
	if (s->ship->tls && (k->calls & (BIT(RECV) | BIT(SEND))) == 0)
		return false;
	return (k->is & (s->ship->ring ? NO_RING : RING)) == 0;
}

static void
faults_on(const struct ship *ship)
{
	static struct scene s;
	size_t i;

	setup(&s, ship);
	carry(&s, "before", FLIGHT, false);
	rig_pause(rig_now_ms() + 10);
	s.fds = rig_fds(s.worker);
	for (i = 0; i < KINDS; i++) {
		if (wanted(&s, &kinds[i]))
			one_kind(&s, &kinds[i]);
	}
	rig_agent_stop(&s.agent);
	rig_haven_stop(&s.haven);
}

#define SHIP(name, ...)                                     \
	static void t_##name(void)                          \
	{                                                   \
		static const struct ship s = {__VA_ARGS__}; \
                                                            \
		faults_on(&s);                              \
	}

static const char *const none[] = {NULL};
static const char *const three[] = {"socks5", "socks4a", "http", NULL};

SHIP(direct, none, false, 0, false)
SHIP(chained, three, false, 0, false)
SHIP(ring_direct, none, true, 0, false)
SHIP(small_ring, three, true, 16, false)
SHIP(tls, none, false, 0, true)
SHIP(ring_tls, none, true, 0, true)

static const struct rig_case cases[] = {
    {"direct", t_direct, 200, 0},
    {"chained", t_chained, 200, 0},
    {"direct, ring", t_ring_direct, 200, 0},
    {"chained, small ring", t_small_ring, 200, 0},
    {"tls", t_tls, 200, 0},
    {"tls, ring", t_ring_tls, 200, 0},
};

RIG_MAIN("faults", cases, NULL)
