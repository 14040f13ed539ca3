/* SOCKS5's datagrams, from a client's request to the end of its connection. */
#include "tests/unit/associate_rig.h"

#define LOOPBACK "[rule \"loop\"]\nnetwork = 127.0.0.0/8\nvia = direct\n"

/* --- straight to the destination --- */

static void
serves_directly(void)
{
	struct rig *rig = rig_new();
	struct assoc a;
	char want[64];
	uint16_t port, from;
	int fd = udp_open("127.0.0.1", &port);

	configure(rig, LOOPBACK);
	assoc_open(rig, &a);
	assoc_send(&a, "127.0.0.1", port, "ping");
	udp_expect(rig, fd, "ping", &from);
	udp_send(fd, from, "pong", 4);
	snprintf(want, sizeof(want), "127.0.0.1:%u pong", port);
	assoc_expect(&a, want);
	/* An empty one is one, too. */
	assoc_send(&a, "127.0.0.1", port, "");
	udp_expect(rig, fd, "", &from);
	CHECK_INT(AGENT_GET(&rig->agent->slab.datagrams), 3);
	CHECK_INT(assoc_dropped(&a), 0);
	CHECK_INT(AGENT_GET(&rig->agent->slab.associations), 1);
	close(fd);
	assoc_close(&a);
	rig_free(rig);
}

static void
ends_with_its_connection(void)
{
	struct rig *rig = rig_new();
	struct assoc a;
	uint16_t port;
	int fd = udp_open("127.0.0.1", &port), fds = 0;
	struct sockaddr_in to = {.sin_family = AF_INET};

	configure(rig, LOOPBACK);
	fds = fake_open_fds();
	assoc_open(rig, &a);
	assoc_send(&a, "127.0.0.1", port, "ping");
	udp_expect(rig, fd, "ping", NULL);
	/* What is said on the connection is not looked at. */
	say(a.tcp, LIT("\5\1\0 and more"));
	rig_settle(rig->agent->loop);
	CHECK_INT(rig->ended, 0);
	CHECK_INT(rig->env.associations, 1);
	close_client(rig, 0, false);
	RIG_UNTIL(rig->agent->loop, rig->ended == 1);
	CHECK_INT(rig->env.associations, 0);
	rig_told(rig->agent->loop);
	to.sin_port = htons(a.at);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	rig_must(connect(a.udp, (struct sockaddr *)&to, sizeof(to)), "connect");
	CHECK_INT(send(a.udp, "x", 1, 0), 1);
	CHECK(send(a.udp, "x", 1, 0) == -1 && errno == ECONNREFUSED,
	    "its port is open still");
	assoc_close(&a);
	CHECK_INT(fake_open_fds(), fds);
	close(fd);
	rig_free(rig);
}

/* Datagrams from elsewhere than the client: other hosts, and other ports of
 * its own once its own is known. */
static void
drops_foreign_sources(void)
{
	struct rig *rig = rig_new();
	struct assoc a;
	uint16_t port, other_port;
	int fd = udp_open("127.0.0.1", &port);
	int foreign = udp_open("127.0.0.2", &other_port);
	int other = udp_open("127.0.0.1", &other_port);

	configure(rig, LOOPBACK);
	assoc_open(rig, &a);
	assoc_send_from(&a, foreign, "127.0.0.1", port, "foreign");
	ASSOC_DROPS(&a, 0, 1);
	assoc_send(&a, "127.0.0.1", port, "first");
	udp_expect(rig, fd, "first", NULL);
	assoc_send_from(&a, other, "127.0.0.1", port, "second");
	assoc_send_from(&a, foreign, "127.0.0.1", port, "third");
	ASSOC_DROPS(&a, 1, 2);
	udp_nothing(rig, fd);
	/* Nor is anything sent where those only claim to be. */
	udp_nothing(rig, foreign);
	udp_nothing(rig, other);
	close(fd);
	close(foreign);
	close(other);
	assoc_close(&a);
	rig_free(rig);
}

static void
takes_the_declared_port_alone(void)
{
	struct rig *rig = rig_new();
	struct assoc a = {.rig = rig};
	uint16_t port, other_port;
	int fd = udp_open("127.0.0.1", &port);
	int other = udp_open("127.0.0.1", &other_port);

	configure(rig, LOOPBACK);
	a.udp = udp_open("127.0.0.1", &a.port);
	a.tcp = connect_client(rig);
	CHECK_INT(assoc_ask(rig, a.tcp, a.port, &a.at), 0);
	assoc_send_from(&a, other, "127.0.0.1", port, "other");
	ASSOC_DROPS(&a, 0, 1);
	assoc_send(&a, "127.0.0.1", port, "declared");
	udp_expect(rig, fd, "declared", NULL);
	close(fd);
	close(other);
	assoc_close(&a);
	rig_free(rig);
}

/* FRAG, RSV, ATYP, port 0, and the header cut at each length: none of them is
 * the client's first word either. */
static void
drops_what_is_malformed(void)
{
	static const struct {
		const char *in;
		size_t len;
	} rows[] = {
	    {LIT("\0\0\1\1\177\0\0\1\0\65x")},
	    {LIT("\0\0\200\1\177\0\0\1\0\65x")},
	    {LIT("\1\0\0\1\177\0\0\1\0\65x")},
	    {LIT("\0\0\0\2\177\0\0\1\0\65x")},
	    {LIT("\0\0\0\1\177\0\0\1\0\0x")},
	    {LIT("\0\0\0\3\3a\nb\0\65x")},
	};
	struct rig *rig = rig_new();
	struct assoc a;
	uint16_t port, other_port;
	int fd = udp_open("127.0.0.1", &port);
	int other = udp_open("127.0.0.1", &other_port);
	uint64_t n = 0;
	size_t i;

	configure(rig, LOOPBACK);
	assoc_open(rig, &a);
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++, n++)
		udp_send(other, a.at, rows[i].in, rows[i].len);
	for (i = 0; i < 10; i++, n++)
		udp_send(other, a.at, "\0\0\0\1\177\0\0\1\0\65", i);
	ASSOC_DROPS(&a, 0, n);
	assoc_send(&a, "127.0.0.1", port, "good");
	udp_expect(rig, fd, "good", NULL);
	udp_nothing(rig, other);
	close(fd);
	close(other);
	assoc_close(&a);
	rig_free(rig);
}

/* Only who was sent to may answer, from that address and port. */
static void
drops_spoofed_replies(void)
{
	struct rig *rig = rig_new();
	struct assoc a;
	char want[64];
	uint16_t port, from, other_port;
	int fd = udp_open("127.0.0.1", &port);
	int same_host = udp_open("127.0.0.1", &other_port);
	int same_port = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in sin = {
	    .sin_family = AF_INET, .sin_port = htons(port)};

	configure(rig, LOOPBACK);
	inet_pton(AF_INET, "127.0.0.2", &sin.sin_addr);
	rig_must(bind(same_port, (struct sockaddr *)&sin, sizeof(sin)), "bind");
	assoc_open(rig, &a);
	assoc_send(&a, "127.0.0.1", port, "ping");
	udp_expect(rig, fd, "ping", &from);
	udp_send(same_host, from, "spoofed", 7);
	udp_send(same_port, from, "spoofed", 7);
	ASSOC_DROPS(&a, 0, 2);
	udp_nothing(rig, a.udp);
	udp_send(fd, from, "pong", 4);
	snprintf(want, sizeof(want), "127.0.0.1:%u pong", port);
	assoc_expect(&a, want);
	close(fd);
	close(same_host);
	close(same_port);
	assoc_close(&a);
	rig_free(rig);
}

/* Spellings of what no client of ours is to reach, and a rule that forbids. */
static void
sends_nothing_to_forbidden_addresses(void)
{
	static const char *const hosts[] = {"127.0.0.1", "169.254.169.254",
	    "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1",
	    "0.0.0.0", "255.255.255.255", "224.0.0.251", "::1", "::", "fe80::1",
	    "ff02::1", "10.0.0.1", "192.168.1.1", "fd00:ec2::254",
	    "198.51.100.7"};
	const size_t n = sizeof(hosts) / sizeof(*hosts);
	struct rig *rig = rig_new();
	struct assoc a;
	size_t i;

	configure(rig, "[rule \"no\"]\nnetwork = 198.51.100.0/24\nvia = deny\n"
		       "[rule \"all\"]\nport = 1-65535\nvia = direct\n");
	assoc_open(rig, &a);
	for (i = 0; i < n; i++)
		assoc_send(&a, hosts[i], 9, "x");
	ASSOC_DROPS(&a, 0, n);
	/* Judged once, dropped again. */
	assoc_send(&a, hosts[0], 9, "x");
	ASSOC_DROPS(&a, n, 1);
	CHECK_INT(AGENT_GET(&rig->agent->slab.datagrams), 0);
	assoc_close(&a);
	rig_free(rig);
}

/* --- names --- */

#define NAMED                                                         \
	"[rule \"n\"]\ndomain = example.com\nnetwork = 127.0.0.0/8\n" \
	"via = direct\n"

static void
sends_to_what_a_name_is(void)
{
	struct rig *rig = rig_new();
	struct resolver r;
	struct assoc a;
	char want[64];
	uint16_t port, from;
	int fd = udp_open("127.0.0.1", &port);

	configure(rig, NAMED);
	resolver_attach(rig, &r, "127.0.0.1");
	assoc_open(rig, &a);
	assoc_send(&a, "www.example.com", port, "one");
	assoc_send(&a, "www.example.com", port, "two");
	udp_expect(rig, fd, "one", &from);
	udp_expect(rig, fd, "two", &from);
	udp_send(fd, from, "three", 5);
	snprintf(want, sizeof(want), "127.0.0.1:%u three", port);
	assoc_expect(&a, want);
	CHECK_INT(r.asked, 1);
	CHECK_STR(r.name, "www.example.com");
	close(fd);
	assoc_close(&a);
	chan_free(r.chan);
	rig_free(rig);
}

/* A name that leads where no address may: looked up, and never sent to. */
static void
sends_nothing_where_a_name_must_not_lead(void)
{
	struct rig *rig = rig_new();
	struct resolver r;
	struct assoc a;
	uint16_t port;
	int fd = udp_open("127.0.0.1", &port);

	configure(rig, "[rule \"n\"]\ndomain = example.com\nvia = direct\n");
	resolver_attach(rig, &r, "127.0.0.1");
	assoc_open(rig, &a);
	assoc_send(&a, "www.example.com", port, "x");
	ASSOC_DROPS(&a, 0, 1);
	CHECK_INT(r.asked, 1);
	udp_nothing(rig, fd);
	/* One that does not exist is asked for again. */
	r.answer.outcome = NAMES_UNKNOWN;
	r.answer.ips_n = 0;
	assoc_send(&a, "x.example.com", port, "x");
	ASSOC_DROPS(&a, 1, 1);
	assoc_send(&a, "x.example.com", port, "x");
	ASSOC_DROPS(&a, 2, 1);
	CHECK_INT(r.asked, 3);
	close(fd);
	assoc_close(&a);
	chan_free(r.chan);
	rig_free(rig);
}

static void
looks_up_a_few_names_at_once(void)
{
	struct rig *rig = rig_new();
	struct resolver r;
	struct assoc a;
	char name[64];
	int i;

	configure(rig, NAMED);
	resolver_attach(rig, &r, "127.0.0.1");
	r.mute = true;
	assoc_open(rig, &a);
	for (i = 0; i < ASSOCIATE_LOOKUPS_MAX + 3; i++) {
		snprintf(name, sizeof(name), "n%d.example.com", i);
		assoc_send(&a, name, 9, "x");
	}
	ASSOC_DROPS(&a, 0, 3);
	RIG_UNTIL(rig->agent->loop, r.asked == ASSOCIATE_LOOKUPS_MAX);
	/* What waits is bounded, too. */
	for (i = 0; i < ASSOCIATE_WAITING_MAX; i++)
		assoc_send(&a, "n0.example.com", 9, "x");
	ASSOC_DROPS(&a, 3, ASSOCIATE_LOOKUPS_MAX);
	assoc_close(&a);
	close_client(rig, 0, false);
	RIG_UNTIL(rig->agent->loop, rig->ended == 1);
	chan_free(r.chan);
	rig_free(rig);
}

/* --- its bounds --- */

static void
remembers_so_many_destinations(void)
{
	struct rig *rig = rig_new();
	struct assoc a;
	char ip[32], want[64];
	uint16_t port, from;
	int fd = udp_open("127.0.0.1", &port), i;

	configure(rig, LOOPBACK);
	assoc_open(rig, &a);
	assoc_send(&a, "127.0.0.1", port, "first");
	udp_expect(rig, fd, "first", &from);
	for (i = 0; i < ASSOCIATE_DESTS_MAX; i++) {
		snprintf(ip, sizeof(ip), "127.0.1.%d", i + 1);
		assoc_send(&a, ip, port, "x");
		if (i % 32 == 31)
			rig_settle(rig->agent->loop);
	}
	RIG_UNTIL(rig->agent->loop,
	    AGENT_GET(&rig->agent->slab.datagrams) == ASSOCIATE_DESTS_MAX + 1);
	udp_send(fd, from, "late", 4);
	ASSOC_DROPS(&a, 0, 1);
	assoc_send(&a, "127.0.0.1", port, "again");
	udp_expect(rig, fd, "again", &from);
	udp_send(fd, from, "in time", 7);
	snprintf(want, sizeof(want), "127.0.0.1:%u in time", port);
	assoc_expect(&a, want);
	close(fd);
	assoc_close(&a);
	rig_free(rig);
}

static void
forgets_an_idle_destination(void)
{
	struct rig *rig = rig_new();
	struct assoc a;
	uint16_t port, from;
	int fd = udp_open("127.0.0.1", &port);
	int64_t end_us;

	configure(rig, "[agent]\nudp-idle-timeout = 1s\n" LOOPBACK);
	assoc_open(rig, &a);
	assoc_send(&a, "127.0.0.1", port, "ping");
	udp_expect(rig, fd, "ping", &from);
	end_us = mono_us() + 2 * ASSOCIATE_TICK_US + 100000;
	while (mono_us() < end_us)
		loop_turn(rig->agent->loop, end_us - mono_us());
	udp_send(fd, from, "late", 4);
	ASSOC_DROPS(&a, 0, 1);
	CHECK_INT(rig->ended, 0);
	close(fd);
	assoc_close(&a);
	rig_free(rig);
}

static void
refuses_more_than_it_may_have(void)
{
	struct rig *rig = rig_new();
	uint16_t at;

	configure(rig, LOOPBACK);
	rig->env.associations = ASSOCIATE_MAX;
	CHECK_INT(assoc_ask(rig, connect_client(rig), 0, &at), 1);
	rig->env.associations = 0;
	rig->agent->settings->udp = false;
	CHECK_INT(assoc_ask(rig, connect_client(rig), 0, &at), 7);
	CHECK_INT(AGENT_GET(&rig->agent->slab.associations), 0);
	rig_free(rig);
}

static void
refuses_clients_without_an_address(void)
{
	static const struct accept_listener from = {.unix_socket = true};
	struct rig *rig = rig_new();
	uint16_t at;
	int fds[2];

	configure(rig, LOOPBACK);
	rig_pair(fds);
	CHECK_INT(
	    session_start(&rig->env, &rig->sessions, fds[1], &from, NULL), 0);
	rig->client[rig->clients_n++] = fds[0];
	CHECK_INT(assoc_ask(rig, fds[0], 0, &at), 7);
	rig_free(rig);
}

static const struct unit_case cases[] = {
    {"serves directly", serves_directly},
    {"ends with its connection", ends_with_its_connection},
    {"drops foreign sources", drops_foreign_sources},
    {"takes the declared port alone", takes_the_declared_port_alone},
    {"drops what is malformed", drops_what_is_malformed},
    {"drops spoofed replies", drops_spoofed_replies},
    {"sends nothing to forbidden addresses",
	sends_nothing_to_forbidden_addresses},
    {"sends to what a name is", sends_to_what_a_name_is},
    {"sends nothing where a name must not lead",
	sends_nothing_where_a_name_must_not_lead},
    {"looks up a few names at once", looks_up_a_few_names_at_once},
    {"remembers so many destinations", remembers_so_many_destinations},
    {"forgets an idle destination", forgets_an_idle_destination},
    {"refuses more than it may have", refuses_more_than_it_may_have},
    {"refuses clients without an address", refuses_clients_without_an_address},
};

UNIT_MAIN("associate", cases)
