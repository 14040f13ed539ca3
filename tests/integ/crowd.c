/* Many tunnels at once: those that nobody reads take no memory with them, and
 * those on which nothing moves are as good afterwards. */
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_carry.h"
#include "tests/integ/rig_load.h"
#include "tests/integ/rig_net.h"
#include "tests/integ/rig_pattern.h"

#define READERS	      100
#define READER_WINDOW 4096
#define READER_MSS    536
#define ROOM	      "4096 16384 32768" /* least, at first, most */
#define BYTES_N	      256		 /* turns */
#define PIECES_N      100
#define PIECE	      4096
#define QUIET_LOOKS   10
#define OTHERS	      2
/* The loop lends up to 64 KiB, and what of them cannot be sent is kept; besides
 * what comes to a ring before it hears that nobody asks, 16 KiB. */
#define READER_KB    96
#define FLAT_KB	     2048 /* of all together, while 30 MB go by */
#define FLIGHT	     1000
#define FLIGHT_BYTES 20000
#define CLIENTS	     3 /* processes */
#define IDLE	     1500
#define TIMEOUT_MS   60000

static void
all_files(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l);
	}
}

/* An agent of one worker, to be configured further. */
static void
configure(struct rig_agent *a, const char *loop)
{
	all_files();
	rig_agent_init(a, "agent");
	a->workers = 1;
	rig_agent_key(a, "event-loop = %s", loop);
}

static void
others_are_served(struct rig_proxy *p)
{
	static struct rig_haven haven;
	static struct rig_fleet f;

	rig_haven_start(&haven);
	f.proxies = p;
	f.proxies_n = 1;
	f.port = haven.server.port;
	f.total = 40;
	f.flight = 10;
	f.max = 100000;
	f.timeout_ms = TIMEOUT_MS;
	rig_fleet_run(&f);
	CHECK(atomic_load(&f.count[RIG_OK]) == f.total, "%u of %u: %s",
	    atomic_load(&f.count[RIG_OK]), f.total, f.texts[0]);
	rig_haven_stop(&haven);
}

/* --- readers of one byte ----------------------------------------------------
 */

struct reader {
	int fd;
	uint64_t got;
};

/* The kernel keeps little of what is under way, so that a reader's byte is soon
 * one that the agent may send. */
static void
little_room(void)
{
	static const char *const names[] = {"tcp_wmem", "tcp_rmem"};
	char path[64];
	FILE *f;
	size_t i;

	for (i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "/proc/sys/net/ipv4/%s", names[i]);
		f = fopen(path, "we");
		REQUIRE(f != NULL && fputs(ROOM, f) >= 0 && fclose(f) == 0,
		    "%s: %s", path, strerror(errno));
	}
}

/* What the origin has got rid of. */
static atomic_ullong poured;

/* Sends to everybody, without an end. */
static unsigned int
pour(struct rig_link *l)
{
	uint8_t buf[16384];
	long n;
	int i;

	for (i = 0; i < 4; i++) {
		rig_pattern_fill(RIG_SEED_DOWN, l->put, buf, sizeof(buf));
		n = rig_link_write(l, buf, sizeof(buf));
		if (n < 0)
			return RIG_RESET;
		l->put += (uint64_t)n;
		atomic_fetch_add(&poured, (unsigned long long)n);
	}
	return RIG_WANT_OUT;
}

/* Until nothing more goes out. */
static void
await_standstill(void)
{
	int64_t end = rig_now_ms() + TIMEOUT_MS;
	unsigned long long before;
	int quiet = 0;

	while (quiet < QUIET_LOOKS && rig_pause(end)) {
		before = atomic_load(&poured);
		rig_pause(end);
		quiet = atomic_load(&poured) == before ? quiet + 1 : 0;
	}
	CHECK(quiet == QUIET_LOOKS, "who does not read is sent ever more");
}

/* By SOCKS4, and with so small a window that it is full at once. */
static void
reader_open(struct reader *r, uint16_t agent, uint16_t origin)
{
	uint8_t ask[9] = {
	    4, 1, (uint8_t)(origin >> 8), (uint8_t)origin, 127, 0, 0, 1, 0};
	struct sockaddr_storage to;
	int window = READER_WINDOW, mss = READER_MSS;
	uint8_t reply[8];
	socklen_t len;

	*r = (struct reader){
	    .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	rig_net_addr("127.0.0.1", agent, &to, &len);
	setsockopt(r->fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof(window));
	setsockopt(r->fd, IPPROTO_TCP, TCP_MAXSEG, &mss, sizeof(mss));
	REQUIRE(connect(r->fd, (struct sockaddr *)&to, len) == 0 &&
		    send(r->fd, ask, sizeof(ask), 0) == sizeof(ask) &&
		    recv(r->fd, reply, sizeof(reply), MSG_WAITALL) ==
			sizeof(reply) &&
		    reply[1] == 0x5a,
	    "a reader: %s, reply %u", strerror(errno), reply[1]);
}

/* At most that much of what is there, or comes in time. */
static ssize_t
take_some(const struct reader *r, uint8_t *out, size_t len)
{
	struct pollfd p = {.fd = r->fd, .events = POLLIN};
	ssize_t n = recv(r->fd, out, len, MSG_DONTWAIT);

	if (n == -1 && errno == EAGAIN && poll(&p, 1, TIMEOUT_MS) == 1)
		n = recv(r->fd, out, len, MSG_DONTWAIT);
	return n;
}

/* So many turns, in each of which each gets so much. */
static void
turns(struct reader readers[static READERS], unsigned int n, size_t len)
{
	uint8_t got[PIECE];
	struct reader *r;
	ssize_t took;

	for (; n > 0; n--) {
		for (r = readers; r < readers + READERS; r++) {
			took = take_some(r, got, len);
			REQUIRE(took > 0, "after %llu bytes: %s",
			    (unsigned long long)r->got, strerror(errno));
			CHECK(rig_pattern_check(RIG_SEED_DOWN, r->got, got,
				  (size_t)took) == (size_t)took,
			    "behind %llu bytes they are wrong",
			    (unsigned long long)r->got);
			r->got += (uint64_t)took;
		}
	}
}

/* A byte at a time; and, since that alone would take all day to get through
 * what the kernel keeps, a piece at a time. */
static void
drip(struct reader readers[static READERS])
{
	turns(readers, BYTES_N, 1);
	turns(readers, PIECES_N, PIECE);
	turns(readers, BYTES_N, 1);
	await_standstill();
}

/* What the worker keeps for them does not grow with what goes by. */
static void
flat(pid_t worker, int64_t before, struct reader readers[static READERS])
{
	int64_t stuck = rig_anon_kb(worker), first, after;
	unsigned long long from;

	drip(readers);
	from = atomic_load(&poured);
	first = rig_anon_kb(worker);
	drip(readers);
	from = atomic_load(&poured) - from;
	after = rig_anon_kb(worker);
	rig_note("%d readers: %lld KiB more when stuck, %lld when read from, "
		 "%lld after %llu KiB",
	    READERS, (long long)(stuck - before), (long long)(first - before),
	    (long long)(after - before), from / 1024);
	CHECK(before > 0 && stuck - before < READERS * READER_KB &&
		  after - before < READERS * READER_KB,
	    "from %lld KiB it went to %lld, and %lld", (long long)before,
	    (long long)stuck, (long long)after);
	CHECK(from > READERS * PIECES_N * PIECE / 2,
	    "but %llu bytes have gone by", from);
	CHECK(after - first < FLAT_KB, "%lld KiB more",
	    (long long)(after - first));
}

/* Readers of a byte at a time, of an origin that sends as fast as it can: no
 * memory goes with them, and the others do not notice. */
static void
slow_readers(const char *loop)
{
	static struct reader readers[READERS];
	static struct rig_streams busy;
	struct rig_server o = {.address = "127.0.0.1", .step = pour}, echo;
	struct rig_agent a;
	int64_t before;
	struct rig_proxy p;
	pid_t worker;
	size_t i;

	little_room();
	configure(&a, loop);
	rig_agent_direct(&a);
	rig_agent_start(&a);
	rig_server_start(&o);
	rig_origin_start(&echo, RIG_ORIGIN_ECHO, "127.0.0.1", 0, NULL);
	p = rig_agent_proxy(&a, RIG_SOCKS5);
	worker = rig_agent_child(&a, "worker 0");
	others_are_served(&p);
	rig_streams_start(&busy, OTHERS, &p, "127.0.0.1", echo.port);
	before = rig_anon_kb(worker);
	for (i = 0; i < READERS; i++)
		reader_open(&readers[i], a.port, o.port);
	await_standstill();
	flat(worker, before, readers);
	CHECK(
	    rig_streams_move(&busy, 100000, TIMEOUT_MS), "others stand still");
	others_are_served(&p);
	CHECK_INT(rig_agent_count(&a, "tunnels"), READERS + OTHERS);
	CHECK_INT(rig_agent_count(&a, "accept_pauses"), 0);
	rig_streams_end(&busy);
	for (i = 0; i < READERS; i++)
		close(readers[i].fd);
	for (i = 0; i < OTHERS; i++)
		CHECK_INT(busy.stream[i].fail, RIG_OK);
	rig_agent_has_loop(&a, loop);
	o.lenient = echo.lenient = true;
	rig_server_stop(&o);
	rig_server_stop(&echo);
	rig_agent_stop(&a);
}

static void
t_slow_epoll(void)
{
	slow_readers("epoll");
}

static void
t_slow_uring(void)
{
	slow_readers("io_uring");
}

/* --- many being set up ------------------------------------------------------
 */

/* None gets its tunnel before all have asked for theirs; then each carries its
 * own bytes both ways. */
static void
flight(const char *loop)
{
	static struct rig_haven haven;
	static struct rig_fleet f;
	unsigned int i;
	struct rig_agent a;
	struct rig_proxy p;

	rig_haven_start(&haven);
	atomic_store(&haven.gate, FLIGHT);
	configure(&a, loop);
	/* A check asks, too. */
	rig_agent_key(&a, "check-interval = 0s");
	rig_agent_intermediary(
	    &a, "haven", "socks5", "127.0.0.1", haven.server.port);
	rig_agent_start(&a);
	p = rig_agent_proxy(&a, RIG_SOCKS5);
	f.proxies = &p;
	f.proxies_n = 1;
	f.port = haven.server.port;
	f.total = f.flight = FLIGHT;
	f.max = FLIGHT_BYTES;
	f.timeout_ms = TIMEOUT_MS;
	rig_fleet_run(&f);
	for (i = 0; i < RIG_CARRY_TEXTS && i < atomic_load(&f.texts_n); i++)
		rig_note("%s", f.texts[i]);
	CHECK_INT(atomic_load(&f.count[RIG_OK]), FLIGHT);
	CHECK(rig_server_served(&haven.server, FLIGHT, TIMEOUT_MS),
	    "%u of %d were whole at the other end",
	    atomic_load(&haven.server.served), FLIGHT);
	CHECK_INT(atomic_load(&haven.asked), FLIGHT);
	CHECK_INT(atomic_load(&haven.wrong), 0);
	CHECK_INT(atomic_load(&haven.cut), 0);
	CHECK_INT(atomic_load(&haven.broken), 0);
	rig_agent_has_loop(&a, loop);
	rig_agent_stop(&a);
	rig_haven_stop(&haven);
}

static void
t_flight_epoll(void)
{
	flight("epoll");
}

static void
t_flight_uring(void)
{
	flight("io_uring");
}

/* --- tunnels on which nothing moves -----------------------------------------
 */

/* Each passes some bytes: how many do not. */
static unsigned int
echo_all(struct rig_conn *c, unsigned int n, uint64_t at)
{
	unsigned int i, bad = 0;

	for (i = 0; i < n; i++) {
		rig_conn_renew(&c[i], TIMEOUT_MS);
		bad += rig_echo(&c[i], i, at, 100) != RIG_OK;
	}
	return bad;
}

/* A process of n tunnels: says when they stand, and waits to go on. */
static void __attribute__((noreturn))
client(const struct rig_proxy *p, uint16_t port, unsigned int n, int fds[2])
{
	struct rig_conn *c = calloc(n, sizeof(*c));
	unsigned int i, bad = 0;
	char byte = 0;

	for (i = 0; c != NULL && i < n; i++) {
		if (rig_dial(&c[i], p, "127.0.0.1", port, TIMEOUT_MS) != RIG_OK)
			_exit(1);
	}
	if (c == NULL || echo_all(c, n, 0) != 0 || write(fds[1], "+", 1) != 1 ||
	    read(fds[0], &byte, 1) != 1)
		_exit(2);
	bad = echo_all(c, n, 100);
	_exit(bad == 0 ? 0 : 3);
}

static void
t_idle(void)
{
	const char *many = getenv("CROWD");
	unsigned int n =
	    many != NULL ? (unsigned int)strtoul(many, NULL, 10) : IDLE;
	int up[2], down[2], status, i;
	struct rig_server o;
	struct rig_agent a;
	struct rig_proxy p;
	pid_t pids[CLIENTS];
	char byte;

	all_files();
	rig_agent_init(&a, "agent");
	rig_agent_direct(&a);
	rig_agent_start(&a);
	rig_origin_start(&o, RIG_ORIGIN_ECHO, "127.0.0.1", 0, NULL);
	p = rig_agent_proxy(&a, RIG_SOCKS5);
	REQUIRE(pipe(up) == 0 && pipe(down) == 0, "pipe");
	for (i = 0; i < CLIENTS; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			client(
			    &p, o.port, n / CLIENTS, (int[2]){down[0], up[1]});
	}
	close(up[1]);
	for (i = 0; i < CLIENTS; i++)
		REQUIRE(read(up[0], &byte, 1) == 1, "a client has failed");
	CHECK_INT(atomic_load(&o.open), n / CLIENTS * CLIENTS);
	rig_note("%u tunnels: %lld and %lld KiB", n,
	    (long long)rig_rss_kb(rig_agent_child(&a, "worker 0")),
	    (long long)rig_rss_kb(rig_agent_child(&a, "worker 1")));
	CHECK(write(down[1], "go!", CLIENTS) == CLIENTS, "write");
	for (i = 0; i < CLIENTS; i++) {
		waitpid(pids[i], &status, 0);
		CHECK(status == 0, "client %d: status %#x", i,
		    (unsigned int)status);
	}
	o.lenient = true;
	rig_server_stop(&o);
	rig_agent_stop(&a);
}

static const struct rig_case cases[] = {
    {"slow-epoll", t_slow_epoll, 120, RIG_NEEDS_NETNS},
    {"slow-uring", t_slow_uring, 120, RIG_NEEDS_NETNS},
    {"flight-epoll", t_flight_epoll, 120, 0},
    {"flight-uring", t_flight_uring, 120, 0},
    {"idle", t_idle, 200, 0},
};

RIG_MAIN("crowd", cases, NULL)
