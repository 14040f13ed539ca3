/* The policy server's prober as a process, its master and ranker played by the
 * test: what it finds of real intermediaries, and of those that lie, are dead,
 * loaded, or very many. */
#include <sys/stat.h>

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/chan.h"
#include "base/loop.h"
#include "base/proc.h"
#include "policyd/common/blob.h"
#include "policyd/common/pdmsg.h"
#include "policyd/common/pdproc.h"
#include "policyd/common/probelist.h"
#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_bad.h"
#include "tests/integ/rig_net.h"
#include "tests/integ/rig_origin.h"
#include "tests/integ/rig_policyd.h"

#define N(a)	 (sizeof(a) / sizeof(*(a)))
#define WAIT_MS	 20000
#define TEXT_MAX 4096
#define NEWS_MAX 4096

struct prober {
	struct loop *loop;
	struct chan *chan, *ranker;
	pid_t pid;
	bool ready, gone;
	char conf[TEXT_MAX];
	struct probelist list;
	struct pdmsg_probed news[NEWS_MAX];
	size_t news_n;
};

static struct prober p;

/* --- its master --- */

__attribute__((format(printf, 1, 2))) static void
configure(const char *fmt, ...)
{
	size_t len = strlen(p.conf);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p.conf + len, sizeof(p.conf) - len, fmt, ap);
	va_end(ap);
}

static void
on_master_message(void *arg, struct chan *chan, const struct chan_msg *m)
{
	(void)arg, (void)chan;
	p.ready = p.ready || m->type == PDMSG_READY;
}

static void
on_closed(void *arg, struct chan *chan, const char *why)
{
	(void)arg, (void)chan;
	CHECK(why == NULL, "the prober: %s", why);
	p.gone = true;
}

static void
on_ranker_message(void *arg, struct chan *chan, const struct chan_msg *m)
{
	(void)arg, (void)chan;
	if (p.news_n == NEWS_MAX)
		return;
	CHECK_INT(pdmsg_probed_decode(m->data, m->len, &p.news[p.news_n]), 0);
	p.news_n++;
}

static void
on_ranker_closed(void *arg, struct chan *chan, const char *why)
{
	(void)arg, (void)chan;
	CHECK(why == NULL, "the prober: %s", why);
}

/* A line to it, in the place of an earlier one. */
static void
attach(void)
{
	const struct chan_owner owner = {
	    on_ranker_message, on_ranker_closed, NULL};
	const uint8_t peer = PDPROC_RANKER;
	int fds[2];

	chan_free(p.ranker);
	REQUIRE(chan_pair(fds) == 0, "chan_pair");
	REQUIRE(chan_new(&p.ranker, p.loop, fds[0], &pdproc_rules,
		    PDPROC_RANKER, PDPROC_PROBER, &owner) == 0,
	    "chan_new");
	chan_queue_max(p.ranker, BLOB_PIECES_MAX);
	REQUIRE(
	    chan_send(p.chan, PDMSG_LINE, &peer, 1, &fds[1], 1) == 0, "line");
	close(fds[1]);
}

static bool
turn(int64_t deadline_ms)
{
	int left = rig_left_ms(deadline_ms);

	REQUIRE(
	    loop_turn(p.loop, (left < 50 ? left : 50) * 1000ll) == 0, "loop");
	return left > 0;
}

static void
start(void)
{
	const struct chan_owner owner = {on_master_message, on_closed, NULL};
	char program[PATH_MAX], verb[] = "serve", flag[] = "--role",
				role[] = "prober";
	char *argv[] = {program, verb, flag, role, NULL};
	int64_t deadline = rig_now_ms() + WAIT_MS;
	int fds[2];

	rig_policyd_program(program, sizeof(program));
	REQUIRE(loop_new(&p.loop) == 0 && chan_pair(fds) == 0, "set-up");
	REQUIRE(proc_spawn(program, argv, fds[1], -1, &p.pid) == 0, "spawn");
	close(fds[1]);
	REQUIRE(chan_new(&p.chan, p.loop, fds[0], &pdproc_rules, PDPROC_MASTER,
		    PDPROC_PROBER, &owner) == 0,
	    "chan_new");
	REQUIRE(blob_send(p.chan, PDMSG_CONF, p.conf, strlen(p.conf)) == 0,
	    "configuration");
	attach();
	REQUIRE(chan_send(p.chan, PDMSG_START, NULL, 0, NULL, 0) == 0, "start");
	while (!p.ready)
		REQUIRE(turn(deadline) && !p.gone, "it does not get ready");
}

/* A configuration with these keys of [probe], and one target at least. */
__attribute__((format(printf, 1, 2))) static void
begin(const char *fmt, ...)
{
	char run[RIG_PATH_MAX];
	va_list ap;
	size_t len;

	rig_path(run, "run");
	REQUIRE(mkdir(run, 0755) == 0, "%s: %s", run, strerror(errno));
	configure("[policyd]\nlisten = 127.0.0.1:0\nrun-dir = %s\n"
		  "state-dir = %s\nroot = /r\nrank-key = /k\nseal-key = /s\n"
		  "log-level = debug\n",
	    run, run);
	if (geteuid() == 0)
		configure("collector-user = %d\nprober-user = %d\n"
			  "ranker-user = %d\nsigner-user = %d\npage-user = "
			  "%d\n",
		    RIG_UID_COLLECTOR, RIG_UID_PROBER, RIG_UID_RANKER,
		    RIG_UID_SIGNER, RIG_UID_PAGE);
	configure("[probe]\n");
	len = strlen(p.conf);
	va_start(ap, fmt);
	vsnprintf(p.conf + len, sizeof(p.conf) - len, fmt, ap);
	va_end(ap);
}

static void
stop(void)
{
	int64_t deadline = rig_now_ms() + WAIT_MS;

	CHECK_INT(chan_send(p.chan, PDMSG_DRAIN, NULL, 0, NULL, 0), 0);
	while (!p.gone && turn(deadline))
		continue;
	CHECK(p.gone, "it does not end");
	chan_free(p.ranker);
	chan_free(p.chan);
	loop_free(p.loop);
}

/* --- its ranker --- */

static void
list_one(const char *name, enum hop_type type, const char *host, uint16_t port)
{
	struct probelist_item *i = &p.list.items[p.list.items_n++];

	snprintf(i->name, sizeof(i->name), "%s", name);
	snprintf(i->host, sizeof(i->host), "%s", host);
	i->type = type;
	i->port = port;
}

static void
send_list(void)
{
	static uint8_t out[PROBELIST_LEN_MAX];

	p.list.serial++;
	REQUIRE(blob_send(p.ranker, PDMSG_PROBE, out,
		    probelist_encode(&p.list, out)) == 0,
	    "the list");
}

/* The newest of that name from news number from on, or NULL. */
static const struct pdmsg_probed *
newest(const char *name, size_t from)
{
	size_t i;

	for (i = p.news_n; i > from; i--) {
		if (strcmp(p.news[i - 1].name, name) == 0)
			return &p.news[i - 1];
	}
	return NULL;
}

/* How many that failed, and count, in a row up to the newest. */
static unsigned int
failed_row(const char *name)
{
	unsigned int n = 0;
	size_t i;

	for (i = p.news_n; i > 0; i--) {
		if (strcmp(p.news[i - 1].name, name) != 0 ||
		    p.news[i - 1].blames_target)
			continue;
		if (p.news[i - 1].ok)
			break;
		n++;
	}
	return n;
}

/* The next of that name. */
static const struct pdmsg_probed *
await(const char *name)
{
	int64_t deadline = rig_now_ms() + WAIT_MS;
	const struct pdmsg_probed *m = NULL;
	size_t from = p.news_n;

	while (m == NULL) {
		REQUIRE(turn(deadline), "nothing of %s", name);
		m = newest(name, from);
	}
	return m;
}

static bool
await_failed(const char *name, unsigned int row, int timeout_ms)
{
	int64_t deadline = rig_now_ms() + timeout_ms;

	while (failed_row(name) < row) {
		if (!turn(deadline))
			return false;
	}
	return true;
}

static bool
await_passed(const char *name, int timeout_ms)
{
	int64_t deadline = rig_now_ms() + timeout_ms;
	const struct pdmsg_probed *m;

	do {
		m = newest(name, 0);
		if (m != NULL && m->ok)
			return true;
	} while (turn(deadline));
	return false;
}

static const struct pdmsg_probed *
check_passed(const char *name)
{
	const struct pdmsg_probed *m = newest(name, 0);

	if (m == NULL)
		m = await(name);
	CHECK(m->ok && m->reason == REASON_OK && !m->blames_target, "%s: %s%s",
	    name, wire_reason_word((enum wire_reason)m->reason),
	    m->blames_target ? ", the target's" : "");
	CHECK(m->connect_us > 0 && m->handshake_us > 0 && m->first_byte_us > 0,
	    "%s: %u, %u, %u us", name, m->connect_us, m->handshake_us,
	    m->first_byte_us);
	return m;
}

/* It has failed by itself, three times in a row. */
static void
check_dead(const char *name, enum wire_reason reason)
{
	const struct pdmsg_probed *m;

	CHECK(await_failed(name, 3, WAIT_MS), "%s: %u failures", name,
	    failed_row(name));
	m = newest(name, 0);
	CHECK(m != NULL && m->reason == reason, "%s: %s, not %s", name,
	    m != NULL ? wire_reason_word((enum wire_reason)m->reason) : "",
	    wire_reason_word(reason));
}

/* --- cases --- */

static void
t_peers(void)
{
	static const struct {
		enum rig_peer_kind kind;
		const char *name;
		enum hop_type type;
	} kinds[] = {{RIG_PEER_DANTED, "danted", HOP_SOCKS5},
	    {RIG_PEER_MICROSOCKS, "microsocks", HOP_SOCKS5},
	    {RIG_PEER_SQUID, "squid", HOP_HTTP},
	    {RIG_PEER_TINYPROXY, "tinyproxy", HOP_HTTP},
	    {RIG_PEER_SSH, "ssh", HOP_SOCKS4A}};
	struct rig_peer peers[N(kinds)];
	struct rig_server origin;
	struct rig_agent agent;
	const struct pdmsg_probed *m;
	char secret[RIG_PATH_MAX];
	size_t i;

	rig_origin_start(&origin, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	rig_path(secret, "secret");
	rig_write(secret, "sesame\n", 0600);
	begin("target = http://127.0.0.1:%u/bytes/100000\ninterval = 500ms\n"
	      "timeout = 10s\nthroughput = 64k\n"
	      "[login \"microsocks\"]\nusername = me\npassword-file = %s\n",
	    origin.port, secret);
	for (i = 0; i < N(kinds); i++) {
		memset(&peers[i], 0, sizeof(peers[i]));
		if (kinds[i].kind == RIG_PEER_MICROSOCKS)
			peers[i].login = "me:sesame";
		rig_peer_start(&peers[i], kinds[i].kind, kinds[i].name);
		list_one(kinds[i].name, kinds[i].type,
		    i % 2 == 0 ? "127.0.0.1" : "LocalHost", peers[i].port);
	}
	rig_agent_init(&agent, "agent");
	rig_agent_direct(&agent);
	rig_agent_start(&agent);
	list_one("agent", HOP_SOCKS5, "127.0.0.1", agent.port);
	start();
	send_list();
	for (i = 0; i < N(kinds); i++) {
		m = check_passed(kinds[i].name);
		CHECK(m->bytes_s > 0, "%s: no rate", m->name);
	}
	m = check_passed("agent");
	CHECK(m->load == PDMSG_LOAD_NONE, "a load");
	CHECK_INT(m->list, p.list.serial);
	/* The right login is needed, and was used. */
	rig_peer_kill(&peers[1]);
	peers[1].login = "me:other";
	rig_peer_restart(&peers[1], "microsocks");
	check_dead("microsocks", REASON_HOP_AUTH);
	rig_peer_kill(&peers[2]);
	check_dead("squid", REASON_HOP_REFUSED);
	rig_peer_restart(&peers[2], "squid");
	CHECK(await_passed("squid", WAIT_MS), "squid does not come back");
	CHECK(failed_row("agent") == 0, "the agent has failed");
	stop();
}

/* A death is seen in a fraction of the interval. */
static void
t_fast(void)
{
	struct rig_peer one = {0}, two = {0};
	struct rig_server origin;
	int64_t at;

	rig_origin_start(&origin, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	begin("target = 127.0.0.1:%u\ninterval = 5s\ntimeout = 5s\n",
	    origin.port);
	rig_peer_start(&one, RIG_PEER_MICROSOCKS, "one");
	rig_peer_start(&two, RIG_PEER_TINYPROXY, "two");
	list_one("one", HOP_SOCKS5, "127.0.0.1", one.port);
	list_one("two", HOP_HTTP, "127.0.0.1", two.port);
	start();
	send_list();
	check_passed("one");
	check_passed("two");
	rig_peer_kill(&one);
	at = rig_now_ms();
	check_dead("one", REASON_HOP_REFUSED);
	/* Three intervals would be 15 s. */
	CHECK(rig_now_ms() - at < 12000, "after %lld ms",
	    (long long)(rig_now_ms() - at));
	stop();
}

/* Yes, and then nothing; and all the other ways to fail. */
static void
t_bad(void)
{
	static const struct {
		enum rig_bad_kind kind;
		enum wire_reason reason;
	} kinds[] = {{RIG_BAD_SILENT, REASON_HOP_TIMEOUT},
	    {RIG_BAD_CLOSE, REASON_HOP_CLOSED},
	    {RIG_BAD_RUBBISH, REASON_HOP_BAD},
	    {RIG_BAD_STALL, REASON_HOP_SILENT},
	    {RIG_BAD_FALSE_SUCCESS, REASON_HOP_MUTE}};
	struct rig_server origin, bad[N(kinds)] = {0};
	struct rig_peer good = {0};
	size_t i;

	rig_origin_start(&origin, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	begin("target = http://127.0.0.1:%u/ok\ninterval = 500ms\n"
	      "timeout = 1s\n",
	    origin.port);
	rig_peer_start(&good, RIG_PEER_MICROSOCKS, "good");
	list_one("good", HOP_SOCKS5, "127.0.0.1", good.port);
	for (i = 0; i < N(kinds); i++) {
		rig_bad_start(&bad[i], kinds[i].kind, "socks5");
		bad[i].lenient = true;
		list_one(rig_bad_word(kinds[i].kind), HOP_SOCKS5, "127.0.0.1",
		    bad[i].port);
	}
	start();
	send_list();
	check_passed("good");
	for (i = 0; i < N(kinds); i++)
		check_dead(rig_bad_word(kinds[i].kind), kinds[i].reason);
	check_passed("good");
	stop();
}

/* One target is dead: nobody is blamed for it, and the other one tells. */
static void
t_target(void)
{
	uint16_t dead = rig_port("127.0.0.1");
	struct rig_peer one = {0}, two = {0};
	struct rig_server origin;
	unsigned int blamed = 0, failed = 0;
	int64_t deadline;
	size_t i;

	rig_origin_start(&origin, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	begin("target = 127.0.0.1:%u\ntarget = 127.0.0.1:%u\n"
	      "interval = 300ms\ntimeout = 5s\n",
	    origin.port, dead);
	rig_peer_start(&one, RIG_PEER_MICROSOCKS, "one");
	rig_peer_start(&two, RIG_PEER_TINYPROXY, "two");
	list_one("one", HOP_SOCKS5, "127.0.0.1", one.port);
	list_one("two", HOP_HTTP, "127.0.0.1", two.port);
	start();
	send_list();
	deadline = rig_now_ms() + WAIT_MS;
	while (p.news_n < 30 && turn(deadline))
		continue;
	for (i = 0; i < p.news_n; i++) {
		blamed += p.news[i].blames_target;
		failed += !p.news[i].ok && !p.news[i].blames_target;
	}
	CHECK(blamed >= 5, "the target was blamed %u times", blamed);
	/* The very first of each may come before anything is known. */
	CHECK(failed <= 2, "%u failures are held against others", failed);
	CHECK(await_passed("one", WAIT_MS) && await_passed("two", WAIT_MS),
	    "none works");
	stop();
}

/* Says to everybody who connects how it is. */
static const char *volatile load_line;

static unsigned int
step_load(struct rig_link *l)
{
	rig_link_write(l, (const uint8_t *)load_line, strlen(load_line));
	return RIG_CLOSE;
}

static void
await_load(const char *name, enum pdmsg_load load, unsigned int percent)
{
	int64_t deadline = rig_now_ms() + WAIT_MS;
	const struct pdmsg_probed *m;

	do {
		m = newest(name, 0);
		if (m != NULL && m->load == load && m->load_percent == percent)
			return;
	} while (turn(deadline));
	CHECK(false, "%s: load %d, %u %%", name, m != NULL ? (int)m->load : -1,
	    m != NULL ? m->load_percent : 0);
}

static void
t_load(void)
{
	struct rig_server origin, page,
	    agent = {
		.address = "127.0.0.1", .step = step_load, .lenient = true};
	struct rig_peer one = {0}, two = {0};
	char dir[RIG_PATH_MAX], file[RIG_PATH_MAX];
	uint16_t dead = rig_port("127.0.0.1");

	rig_path(dir, "pages");
	rig_path(file, "pages/metrics");
	REQUIRE(mkdir(dir, 0755) == 0, "mkdir");
	rig_write(file,
	    "# HELP c x\nc{kind=\"http\"} 3\nc{kind=\"socks\"} 125\n", 0644);
	load_line = "50%\n";
	rig_server_start(&agent);
	rig_origin_start(&origin, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	rig_origin_start(&page, RIG_ORIGIN_HTTP, "127.0.0.1", 0, dir);
	begin("target = 127.0.0.1:%u\ninterval = 300ms\ntimeout = 3s\n"
	      "[load \"one\"]\nagent-check = localhost:%u\n"
	      "[load \"two\"]\nmetric = http://127.0.0.1:%u/metrics\n"
	      "selector = c{kind=\"socks\"}\nfull = 500\n"
	      "[load \"three\"]\nagent-check = 127.0.0.1:%u\n",
	    origin.port, agent.port, page.port, dead);
	rig_peer_start(&one, RIG_PEER_MICROSOCKS, "one");
	rig_peer_start(&two, RIG_PEER_TINYPROXY, "two");
	list_one("one", HOP_SOCKS5, "127.0.0.1", one.port);
	list_one("two", HOP_HTTP, "127.0.0.1", two.port);
	list_one("three", HOP_HTTP, "127.0.0.1", two.port);
	start();
	send_list();
	await_load("one", PDMSG_LOAD_WEIGHT, 50);
	await_load("two", PDMSG_LOAD_WEIGHT, 75);
	check_passed("three"); /* though it does not tell */
	await_load("three", PDMSG_LOAD_NONE, 0);
	load_line = "drain\n";
	await_load("one", PDMSG_LOAD_DRAIN, 0);
	load_line = "down #for repair\n";
	await_load("one", PDMSG_LOAD_DOWN, 0);
	load_line = "what?\n";
	await_load("one", PDMSG_LOAD_NONE, 0);
	load_line = "ready 100%\n";
	await_load("one", PDMSG_LOAD_WEIGHT, 100);
	check_passed("one");
	stop();
}

/* Hundreds that swallow everything take their turns. */
static void
t_many(void)
{
	uint16_t hole = rig_port_blackhole("127.0.0.1");
	size_t fds, most = 0, idle, i;
	int64_t deadline;
	char name[16];

	begin("target = 127.0.0.1:%u\ninterval = 1s\ntimeout = 300ms\n"
	      "max-probes = 32\n",
	    rig_port("127.0.0.1"));
	start();
	idle = rig_fds(p.pid);
	for (i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "hole-%zu", i);
		list_one(name, HOP_SOCKS5, "127.0.0.1", hole);
	}
	send_list();
	deadline = rig_now_ms() + WAIT_MS;
	while (p.news_n < 700 && turn(deadline)) {
		fds = rig_fds(p.pid);
		most = fds > most ? fds : most;
	}
	for (i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "hole-%zu", i);
		CHECK(newest(name, 0) != NULL, "%s was never probed", name);
	}
	CHECK_INT(p.news[0].reason, REASON_HOP_TIMEOUT);
	CHECK(most >= idle + 30 && most <= idle + 32, "%zu fds, %zu before",
	    most, idle);
	/* What is not listed any more is cancelled. */
	p.list.items_n = 1;
	send_list();
	deadline = rig_now_ms() + WAIT_MS;
	while (rig_fds(p.pid) > idle + 1 && turn(deadline))
		continue;
	CHECK(rig_fds(p.pid) <= idle + 1, "%zu fds, %zu before", rig_fds(p.pid),
	    idle);
	await("hole-0");
	i = p.news_n;
	await("hole-0");
	CHECK(newest("hole-1", i) == NULL, "hole-1 is probed on");
	stop();
}

/* Another ranker gets all again; rubbish for a list harms nobody. */
static void
t_ranker(void)
{
	static const uint8_t rubbish[] = {0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 2};
	struct rig_server origin;
	struct rig_peer one = {0};

	rig_origin_start(&origin, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	/* Once an hour, but for what is new. */
	begin("target = 127.0.0.1:%u\ninterval = 1h\ntimeout = 5s\n",
	    origin.port);
	rig_peer_start(&one, RIG_PEER_MICROSOCKS, "one");
	list_one("one", HOP_SOCKS5, "127.0.0.1", one.port);
	start();
	send_list();
	check_passed("one");
	attach();
	await("one");
	REQUIRE(blob_send(p.ranker, PDMSG_PROBE, rubbish, sizeof(rubbish)) == 0,
	    "rubbish");
	list_one("two", HOP_SOCKS5, "127.0.0.1", one.port);
	send_list();
	CHECK(await("two")->ok, "two fails");
	/* One that has moved is a new one. */
	p.list.items[0].port = rig_port("127.0.0.1");
	send_list();
	CHECK_INT(await("one")->reason, REASON_HOP_REFUSED);
	CHECK(!p.gone, "it has ended");
	stop();
}

static const struct rig_case cases[] = {
    {"real intermediaries", t_peers, 120, 0},
    {"a death is seen soon", t_fast, 0, 0},
    {"bad intermediaries", t_bad, 0, 0},
    {"a dead target", t_target, 0, 0},
    {"load", t_load, 0, 0},
    {"very many", t_many, 0, 0},
    {"another ranker", t_ranker, 0, 0},
};

RIG_MAIN("prober", cases, NULL)
