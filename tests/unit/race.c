/* Connecting to one of several addresses, on loopback. */
#include "cagentd/common/race.h"

#include <net/if.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

#include <pthread.h>
#include <sched.h>

#include "tests/unit/fake.h"
#include "tests/unit/unit.h"

#define IPS_MAX 8

/* --- the order --- */

/* Addresses by family alone; the last byte tells which is which. */
static void
check_order(const char *families, const char *want)
{
	struct net_ip ips[IPS_MAX] = {0};
	char got[2 * IPS_MAX + 1];
	uint32_t i, n = (uint32_t)strlen(families);

	for (i = 0; i < n; i++) {
		ips[i].family = (uint8_t)(families[i] - '0');
		ips[i].bytes[15] = (uint8_t)('a' + i);
	}
	race_order(ips, n);
	for (i = 0; i < n; i++) {
		got[2 * i] = (char)('0' + ips[i].family);
		got[2 * i + 1] = (char)ips[i].bytes[15];
	}
	got[2 * n] = '\0';
	CHECK_STR(got, want);
}

static void
takes_the_families_by_turns(void)
{
	check_order("", "");
	check_order("4", "4a");
	check_order("64", "6a4b");
	check_order("46", "4a6b");
	check_order("66", "6a6b");
	check_order("6644", "6a4c6b4d");
	check_order("4466", "4a6c4b6d");
	check_order("66664", "6a4e6b6c6d");
	check_order("46666", "4a6b6c6d6e");
	check_order("6464", "6a4b6c4d");
	check_order("66644466", "6a4d6b4e6c4f6g6h");
}

/* --- the race --- */

struct rig {
	struct loop *loop;
	struct race race;
	struct net_ip ips[IPS_MAX];
	struct race_field field;
	int n; /* callbacks */
	int fd;
	int fds;
};

static struct rig *
rig_new(const char *const *ips, uint16_t port)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	rig->loop = rig_loop();
	for (; *ips != NULL; ips++)
		CHECK_INT(net_ip_parse(*ips, &rig->ips[rig->field.ips_n++]), 0);
	rig->field.ips = rig->ips;
	rig->field.port = port;
	rig->fd = -1;
	rig->fds = fake_open_fds();
	memset(&rig->race, 0xa5, sizeof(rig->race));
	return rig;
}

/* The loop goes on without the race: nothing of it is left. */
static void
rig_free(struct rig *rig)
{
	int n = rig->n;

	race_cancel(&rig->race);
	race_cancel(&rig->race);
	loop_close(rig->loop, rig->fd);
	rig_settle(rig->loop);
	CHECK_INT(rig->n, n);
	CHECK_INT(fake_open_fds(), rig->fds);
	loop_free(rig->loop);
	free(rig);
}

static void
done(struct race *race, int fd)
{
	struct rig *rig = container_of(race, struct rig, race);

	rig->n++;
	rig->fd = fd;
}

static void
start(struct rig *rig)
{
	CHECK_INT(race_start(&rig->race, rig->loop, &rig->field, done), 0);
	CHECK_INT(rig->n, 0);
}

/* Its second small segment does not wait for the first one's arrival. */
static void
check_prompt(const struct rig *rig)
{
	socklen_t len = sizeof(int);
	int i, on = -1;

	for (i = 0; i < 2; i++)
		CHECK_INT(loop_send_now(rig->loop, rig->fd, "x", 1), 1);
	CHECK_INT(getsockopt(rig->fd, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
	CHECK_INT(on, 1);
}

/* Nothing but the winner's socket is left open. */
static void
check_winner(struct rig *rig, const char *want)
{
	union net_addr addr;
	socklen_t len = sizeof(addr);
	char got[NET_IP_STRLEN];
	struct net_ip ip = {0};

	CHECK_INT(rig->n, 1);
	CHECK(rig->fd >= 0, "won: %d", rig->fd);
	rig_told(rig->loop);
	CHECK_INT(fake_open_fds(), rig->fds + 1);
	if (getpeername(rig->fd, &addr.sa, &len) == 0)
		net_addr_ip(&addr, &ip);
	CHECK_STR(net_ip_format(&ip, got), want);
	check_prompt(rig);
}

static void
check_error(struct rig *rig, int want)
{
	CHECK_INT(rig->n, 1);
	CHECK_INT(rig->fd, want);
	rig_told(rig->loop);
	CHECK_INT(fake_open_fds(), rig->fds);
}

/* A listener on 127.0.0.1, whose port is free on 127.0.0.2 and so on. */
static int
listener(uint16_t *port)
{
	struct sockaddr_in sin;
	int fd = rig_listen(&sin);

	*port = ntohs(sin.sin_port);
	return fd;
}

static int
accepted_n(int lfd)
{
	int fd, n = 0;

	while ((fd = accept4(lfd, NULL, NULL, SOCK_CLOEXEC)) != -1) {
		close(fd);
		n++;
	}
	return n;
}

static void
asks_only_one_that_answers(void)
{
	uint16_t port;
	int lfd = listener(&port);
	struct rig *rig = rig_new(
	    (const char *const[]){"127.0.0.1", "127.0.0.1", NULL}, port);

	start(rig);
	RIG_UNTIL(rig->loop, rig->n > 0);
	check_winner(rig, "127.0.0.1");
	CHECK_INT(accepted_n(lfd), 1);
	rig_free(rig);
	close(lfd);
}

/* No time passes: it is all done by turns that do not wait. */
static void
goes_on_at_once_when_one_fails(void)
{
	uint16_t port;
	int lfd = listener(&port);
	struct rig *rig =
	    rig_new((const char *const[]){"127.0.0.2", "::1", "fe80::1",
			"127.0.0.3", "127.0.0.1", NULL},
		port);

	start(rig);
	rig_settle(rig->loop);
	rig_settle(rig->loop);
	check_winner(rig, "127.0.0.1");
	rig_free(rig);
	close(lfd);
}

static void
goes_on_when_one_is_silent(void)
{
	uint16_t port;
	int lfd = listener(&port);
	struct fake_hole hole;
	struct rig *rig;
	int64_t start_us = mono_us();

	fake_hole_open(&hole, "127.0.0.2", port);
	rig = rig_new(
	    (const char *const[]){"127.0.0.2", "127.0.0.1", NULL}, port);
	start(rig);
	rig_settle(rig->loop);
	CHECK_INT(accepted_n(lfd), 0);
	RIG_UNTIL(rig->loop, rig->n > 0);
	CHECK(mono_us() - start_us >= RACE_DELAY_US, "waits for its turn");
	check_winner(rig, "127.0.0.1");
	rig_free(rig);
	fake_hole_close(&hole);
	close(lfd);
}

/* The one that is silent is heard when it speaks after all. */
static void
keeps_the_slow_one_in_the_race(void)
{
	uint16_t port;
	int lfd = listener(&port), fd;
	struct fake_hole holes[2];
	struct rig *rig;

	fake_hole_open(&holes[0], "127.0.0.2", port);
	fake_hole_open(&holes[1], "127.0.0.3", port);
	rig = rig_new(
	    (const char *const[]){"127.0.0.2", "127.0.0.3", NULL}, port);
	start(rig);
	RIG_UNTIL(rig->loop, rig->race.next == 2);
	rig->fds = fake_open_fds() - 2;
	CHECK_INT(listen(holes[0].fd, 128), 0);
	while ((fd = accept4(holes[0].fd, NULL, NULL, SOCK_CLOEXEC)) != -1)
		close(fd);
	RIG_UNTIL(rig->loop, rig->n > 0);
	check_winner(rig, "127.0.0.2");
	rig_free(rig);
	fake_hole_close(&holes[0]);
	fake_hole_close(&holes[1]);
	close(lfd);
}

#define HOLES 5

/* As many as may be, and the last of all wins. */
static void
keeps_to_its_number_of_sockets(void)
{
	uint16_t port;
	int lfd = listener(&port), most = 0, i;
	struct fake_hole holes[HOLES];
	struct rig *rig;
	char ip[NET_IP_STRLEN];

	for (i = 0; i < HOLES; i++) {
		snprintf(ip, sizeof(ip), "127.0.0.%d", i + 2);
		fake_hole_open(&holes[i], ip, port);
	}
	rig =
	    rig_new((const char *const[]){"127.0.0.2", "127.0.0.3", "127.0.0.4",
			"127.0.0.5", "127.0.0.6", "127.0.0.1", NULL},
		port);
	start(rig);
	while (rig->n == 0 && loop_turn(rig->loop, RIG_DEADLINE_US) == 0) {
		rig_told(rig->loop);
		if (rig->n == 0 && fake_open_fds() - rig->fds > most)
			most = fake_open_fds() - rig->fds;
	}
	CHECK_INT(most, RACE_MAX);
	check_winner(rig, "127.0.0.1");
	rig_free(rig);
	for (i = 0; i < HOLES; i++)
		fake_hole_close(&holes[i]);
	close(lfd);
}

static void
can_be_cancelled(void)
{
	uint16_t port;
	int lfd = listener(&port);
	struct fake_hole hole;
	struct rig *rig;

	fake_hole_open(&hole, "127.0.0.2", port);
	rig = rig_new(
	    (const char *const[]){"127.0.0.2", "127.0.0.2", NULL}, port);
	start(rig);
	RIG_UNTIL(rig->loop, rig->race.next == 2);
	CHECK_INT(fake_open_fds(), rig->fds + 2);
	race_cancel(&rig->race);
	rig_told(rig->loop);
	CHECK_INT(fake_open_fds(), rig->fds);
	rig_free(rig);
	fake_hole_close(&hole);
	close(lfd);
}

static void
tells_the_truest_error(void)
{
	static const struct {
		const char *ips[4];
		int error;
	} rows[] = {
	    {{"127.0.0.1"}, -ECONNREFUSED},
	    {{"fe80::1"}, -EINVAL},
	    {{"127.0.0.1", "fe80::1"}, -ECONNREFUSED},
	    {{"fe80::1", "127.0.0.1"}, -ECONNREFUSED},
	    {{"fe80::1", "fe80::2"}, -EINVAL},
	};
	uint16_t port;
	int i, fd = fake_refusing(&port);
	struct rig *rig;

	for (i = 0; i < (int)(sizeof(rows) / sizeof(*rows)); i++) {
		rig = rig_new(rows[i].ips, port);
		start(rig);
		RIG_UNTIL(rig->loop, rig->n > 0);
		check_error(rig, rows[i].error);
		rig_free(rig);
	}
	close(fd);
}

/* --- out of descriptors --- */

static struct rlimit
allow_fds(int n)
{
	struct rlimit was, now;
	int fd = dup(STDERR_FILENO);

	/* The lowest free one is the next to be given out. */
	rig_must(fd, "dup");
	close(fd);
	rig_must(getrlimit(RLIMIT_NOFILE, &was), "getrlimit");
	now = was;
	now.rlim_cur = (rlim_t)(fd + n);
	rig_must(setrlimit(RLIMIT_NOFILE, &now), "setrlimit");
	return was;
}

static void
says_that_it_is_out_of_descriptors(void)
{
	uint16_t port;
	int lfd = listener(&port);
	struct rig *rig = rig_new(
	    (const char *const[]){"127.0.0.1", "127.0.0.1", NULL}, port);
	struct rlimit was = allow_fds(0);

	CHECK_INT(
	    race_start(&rig->race, rig->loop, &rig->field, done), -EMFILE);
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &was), 0);
	rig_settle(rig->loop);
	CHECK_INT(rig->n, 0);
	rig_free(rig);
	close(lfd);
}

/* An address is not passed over for what is no fault of its own. */
static void
comes_back_to_what_it_had_no_descriptor_for(void)
{
	uint16_t port;
	int lfd = listener(&port);
	struct fake_hole hole;
	struct rlimit was;
	struct rig *rig;

	fake_hole_open(&hole, "127.0.0.2", port);
	rig = rig_new(
	    (const char *const[]){"127.0.0.2", "127.0.0.1", NULL}, port);
	was = allow_fds(1);
	start(rig);
	CHECK_INT(loop_turn(rig->loop, 2 * RACE_DELAY_US), 0);
	CHECK_INT(rig->race.next, 1);
	CHECK_INT(rig->n, 0);
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &was), 0);
	RIG_UNTIL(rig->loop, rig->n > 0);
	check_winner(rig, "127.0.0.1");
	rig_free(rig);
	fake_hole_close(&hole);
	close(lfd);
}

/* --- no IPv6 --- */

/* A network of this thread's alone, with loopback and no way out. */
static bool
enter_empty_network(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd;

	if (unshare(CLONE_NEWNET) != 0)
		return false;
	fd = rig_must(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
	rig_must(ioctl(fd, SIOCSIFFLAGS, &lo), "SIOCSIFFLAGS");
	close(fd);
	return true;
}

static void *
without_ipv6(void *skipped)
{
	struct rig *rig;
	uint16_t port;
	int lfd;

	if (!enter_empty_network()) {
		*(bool *)skipped = true;
		return NULL;
	}
	lfd = listener(&port);
	rig = rig_new((const char *const[]){"2001:db8::1", "2001:db8::2",
			  "127.0.0.1", NULL},
	    port);
	start(rig);
	rig_settle(rig->loop);
	check_winner(rig, "127.0.0.1");
	rig_free(rig);
	close(lfd);
	rig = rig_new(
	    (const char *const[]){"127.0.0.1", "2001:db8::1", NULL}, port);
	start(rig);
	rig_settle(rig->loop);
	check_error(rig, -ECONNREFUSED);
	rig_free(rig);
	return NULL;
}

static void
loses_no_time_to_a_family_that_is_not_there(void)
{
	bool skipped = false;
	pthread_t thread;

	CHECK_INT(pthread_create(&thread, NULL, without_ipv6, &skipped), 0);
	CHECK_INT(pthread_join(thread, NULL), 0);
	if (skipped)
		unit_skip("needs to make a network namespace");
}

/* On any port of this one, or -1. */
static int
listener_at(const char *at, uint16_t *port)
{
	union net_addr addr;
	socklen_t len = sizeof(addr);
	struct net_ip ip;
	int fd;

	CHECK_INT(net_ip_parse(at, &ip), 0);
	len = net_addr_make(&ip, 0, &addr);
	fd = net_stream_socket(addr.sa.sa_family);
	if (fd < 0 || bind(fd, &addr.sa, len) == -1 || listen(fd, 4) == -1 ||
	    getsockname(fd, &addr.sa, &len) == -1)
		return -1;
	*port = net_addr_port(&addr);
	return fd;
}

static int
mark_on(int fd, bool v6)
{
	int mark = -1;
	socklen_t len = sizeof(mark);

	getsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP,
	    v6 ? IPV6_TCLASS : IP_TOS, &mark, &len);
	return mark;
}

static void
check_marks(const char *at, uint16_t port, bool v6)
{
	static const uint8_t marks[] = {0, 46, 63};
	struct rig *rig;
	size_t i;

	for (i = 0; i < sizeof(marks); i++) {
		rig = rig_new((const char *const[]){at, NULL}, port);
		rig->field.dscp = marks[i];
		start(rig);
		RIG_UNTIL(rig->loop, rig->n > 0);
		check_winner(rig, at);
		CHECK_INT(mark_on(rig->fd, v6), marks[i] << 2);
		CHECK_INT(net_mark(rig->fd, 8), 0);
		CHECK_INT(mark_on(rig->fd, v6), 8 << 2);
		rig_free(rig);
	}
}

static void
is_marked(void)
{
	uint16_t port;
	int lfd = listener_at("127.0.0.1", &port);

	check_marks("127.0.0.1", port, false);
	close(lfd);
	lfd = listener_at("::1", &port);
	if (lfd != -1) { /* not every host has it */
		check_marks("::1", port, true);
		close(lfd);
	}
	CHECK_INT(net_mark(-1, 8), -EBADF);
}

/* What it begins to receive by, and may outgrow. */
static void
begins_small(void)
{
	uint16_t port;
	int v = 0, lfd = listener_at("127.0.0.1", &port);
	struct rig *rig =
	    rig_new((const char *const[]){"127.0.0.1", NULL}, port);
	socklen_t len = sizeof(v);

	rig->field.window = 16384;
	start(rig);
	RIG_UNTIL(rig->loop, rig->n > 0);
	check_winner(rig, "127.0.0.1");
	CHECK_INT(getsockopt(rig->fd, SOL_SOCKET, SO_RCVBUF, &v, &len), 0);
	CHECK_INT(v, 2 * 16384);
	CHECK_INT(getsockopt(rig->fd, SOL_SOCKET, SO_BUF_LOCK, &v, &len), 0);
	CHECK_INT(v, 0);
	rig_free(rig);
	close(lfd);
	CHECK_INT(net_first_window(-1, 1), -EBADF);
}

static const struct unit_case cases[] = {
    {"takes the families by turns", takes_the_families_by_turns},
    {"asks only one that answers", asks_only_one_that_answers},
    {"goes on at once when one fails", goes_on_at_once_when_one_fails},
    {"goes on when one is silent", goes_on_when_one_is_silent},
    {"keeps the slow one in the race", keeps_the_slow_one_in_the_race},
    {"keeps to its number of sockets", keeps_to_its_number_of_sockets},
    {"can be cancelled", can_be_cancelled},
    {"tells the truest error", tells_the_truest_error},
    {"says that it is out of descriptors", says_that_it_is_out_of_descriptors},
    {"comes back to what it had no descriptor for",
	comes_back_to_what_it_had_no_descriptor_for},
    {"loses no time to a family that is not there",
	loses_no_time_to_a_family_that_is_not_there},
    {"is marked", is_marked},
    {"begins small", begins_small},
};

UNIT_MAIN("race", cases)
