/* SOCKS BIND, from a client's request to the relay or a refusal. */
#include "cagentd/worker/session_impl.h"
#include "tests/unit/associate_rig.h"

#define LOOPBACK "[rule \"loop\"]\nnetwork = 127.0.0.0/8\nvia = direct\n"

static const char ask4[] = "\4\2\0\25\177\0\0\1\0";
static const char ask5[] = "\5\1\0\5\2\0\1\177\0\0\1\0\25";

/* Ask for one that comes from 127.0.0.1, by SOCKS4 or 5. */
static int
ask(struct rig *rig, bool v5)
{
	int fd = connect_client(rig);

	if (v5)
		say(fd, ask5, sizeof(ask5) - 1);
	else
		say(fd, ask4, sizeof(ask4) - 1);
	if (v5)
		expect(rig, fd, "\5\0", 2);
	return fd;
}

/* A reply's code, and the port that is in it. */
static int
reply(struct rig *rig, int fd, bool v5, uint16_t *port)
{
	const size_t len = v5 ? 10 : 8, at = v5 ? 8 : 2;
	uint8_t got[10] = {0};
	int error;
	size_t n = take(rig, fd, (char *)got, len, &error);

	CHECK(n == len, "%zu bytes of a reply", n);
	*port = (uint16_t)(got[at] << 8 | got[at + 1]);
	if (got[1] == (v5 ? 0 : 90))
		CHECK(memcmp(got + 4, "\177\0\0\1", 4) == 0, "an address");
	return got[1];
}

static int
come(const char *from, uint16_t port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	rig_must(fd, "socket");
	inet_pton(AF_INET, from, &sin.sin_addr);
	rig_must(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), "bind");
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons(port);
	rig_must(connect(fd, (struct sockaddr *)&sin, sizeof(sin)), "connect");
	rig_must(fcntl(fd, F_SETFL, O_NONBLOCK), "fcntl");
	return fd;
}

static uint16_t
port_of(int fd)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);

	getsockname(fd, (struct sockaddr *)&sin, &len);
	return ntohs(sin.sin_port);
}

static void
relays_who_comes(void)
{
	struct rig *rig;
	uint16_t port, who;
	int v5, fd, back;

	for (v5 = 0; v5 < 2; v5++) {
		rig = rig_new();
		configure(rig, LOOPBACK);
		fd = ask(rig, v5);
		CHECK_INT(reply(rig, fd, v5, &port), v5 ? 0 : 90);
		CHECK_INT(rig->env.reverses, 1);
		back = come("127.0.0.1", port);
		CHECK_INT(reply(rig, fd, v5, &who), v5 ? 0 : 90);
		CHECK_INT(who, port_of(back));
		CHECK_INT(rig->env.reverses, 0);
		say(back, LIT("file"));
		expect(rig, fd, "file", 4);
		say(fd, LIT("more"));
		expect(rig, back, "more", 4);
		CHECK_INT(gauge(&rig->agent->slab.tunnels), 1);
		CHECK_INT(AGENT_GET(&rig->agent->slab.direct), 1);
		shutdown(back, SHUT_WR);
		CHECK_INT(end_of(rig, fd), 0);
		close(back);
		rig_free(rig);
	}
}

static int
mark_of(int fd)
{
	socklen_t len = sizeof(int);
	int mark = -1;

	getsockopt(fd, IPPROTO_IP, IP_TOS, &mark, &len);
	return mark;
}

/* What comes is a tunnel as others are: of its rule's class, marked, counted
 * and shown, until it ends. */
static void
is_of_a_class(void)
{
	struct rig *rig = rig_new();
	const struct slab *slab = &rig->agent->slab;
	const struct slab_class *c = &slab->classes[CLASS_BULK];
	struct tunnels_about row;
	struct session *s;
	uint16_t port;
	char want[32];
	int fd, back;

	configure(rig, "[class \"bulk\"]\ndscp = cs1\n"
		       "[rule \"l\"]\nnetwork = 127.0.0.0/8\nvia = direct\n"
		       "class = bulk\n");
	fd = ask(rig, true);
	CHECK_INT(reply(rig, fd, true, &port), 0);
	s = LIST_FIRST(&rig->sessions);
	CHECK_INT(mark_of(s->reverse->listener), 8 << 2);
	CHECK_INT(tunnels_next(&slab->live, 0), TUNNELS_ROWS);
	CHECK_INT(gauge(&c->tunnels), 0);
	back = come("127.0.0.1", port);
	CHECK_INT(reply(rig, fd, true, &port), 0);
	CHECK_INT(mark_of(s->relay.side[RELAY_UPSTREAM].stream.fd), 8 << 2);
	say(back, LIT("file"));
	expect(rig, fd, "file", 4);
	say(fd, LIT("on"));
	expect(rig, back, "on", 2);
	CHECK_INT(gauge(&c->tunnels), 1);
	CHECK_INT(AGENT_GET(&c->began[SLAB_CLASS_BY_RULE]), 1);
	CHECK_INT(AGENT_GET(&c->bytes_up), 2);
	CHECK_INT(AGENT_GET(&c->bytes_down), 4);
	CHECK(tunnels_at(&slab->live, 0, mono_us(), &row), "no row");
	snprintf(want, sizeof(want), "127.0.0.1:%u", port_of(back));
	CHECK_STR(row.dest, want);
	CHECK(row.class == CLASS_BULK && row.why == SLAB_CLASS_BY_RULE &&
		  row.slot == TUNNELS_DIRECT && row.up == 2 && row.down == 4,
	    "class %u by %u, %llu up", row.class, row.why,
	    (unsigned long long)row.up);
	close(back);
	close_client(rig, 0, false);
	RIG_UNTIL(rig->agent->loop, rig->ended == 1);
	CHECK_INT(tunnels_next(&slab->live, 0), TUNNELS_ROWS);
	CHECK_INT(gauge(&c->tunnels), 0);
	rig_free(rig);
}

/* Only the host that was named. */
static void
turns_others_away(void)
{
	struct rig *rig = rig_new();
	uint16_t port, who;
	int fd, foreign, back;

	configure(rig, LOOPBACK);
	fd = ask(rig, true);
	CHECK_INT(reply(rig, fd, true, &port), 0);
	foreign = come("127.0.0.2", port);
	CHECK_INT(end_of(rig, foreign), 0);
	CHECK_INT(rig->env.reverses, 1);
	back = come("127.0.0.1", port);
	CHECK_INT(reply(rig, fd, true, &who), 0);
	CHECK_INT(who, port_of(back));
	close(foreign);
	close(back);
	rig_free(rig);
}

static void
refuses(void)
{
	static const struct {
		const char *name, *settings;
		const char *ask;
		size_t len;
		int code;
	} rows[] = {
	    {"no rule", "", ask5, sizeof(ask5) - 1, 7},
	    {"no rule, SOCKS4", "", ask4, sizeof(ask4) - 1, 91},
	    {"denied", "[rule \"a\"]\nport = 21\nvia = deny\n", ask5,
		sizeof(ask5) - 1, 2},
	    {"not served", "[agent]\nbind = no\n" LOOPBACK, ask5,
		sizeof(ask5) - 1, 7},
	    {"loopback, unlisted", "[rule \"a\"]\nport = 21\nvia = direct\n",
		ask5, sizeof(ask5) - 1, 2},
	    {"metadata", "[rule \"a\"]\nport = 21\nvia = direct\n",
		LIT("\5\1\0\5\2\0\1\251\376\251\376\0\25"), 2},
	    {"anybody", "[rule \"a\"]\nport = 21\nvia = direct\n",
		LIT("\5\1\0\5\2\0\1\0\0\0\0\0\25"), 2},
	    {"anybody, all listed", "[direct]\nnetwork = 0.0.0.0/0\n",
		LIT("\5\1\0\5\2\0\1\0\0\0\0\0\25"), 2},
	    {"anybody, SOCKS4", "[direct]\nnetwork = 0.0.0.0/0\n",
		LIT("\4\2\0\25\0\0\0\0\0"), 91},
	    {"v6 anybody", "[direct]\nnetwork = ::/0\n",
		LIT("\5\1\0\5\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\25"), 2},
	};
	struct rig *rig;
	uint16_t port;
	bool v5;
	size_t i;
	int fd, code;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		rig = rig_new();
		configure(rig, rows[i].settings);
		fd = connect_client(rig);
		say(fd, rows[i].ask, rows[i].len);
		v5 = rows[i].ask[0] == 5;
		if (v5)
			expect(rig, fd, "\5\0", 2);
		code = reply(rig, fd, v5, &port);
		CHECK(code == rows[i].code, "%s: %d", rows[i].name, code);
		CHECK_INT(port, 0);
		CHECK_INT(end_of(rig, fd), 0);
		rig_free(rig);
	}
}

static void
waits_no_longer_than_it_may(void)
{
	struct rig *rig = rig_new();
	uint16_t port;
	int fd;

	configure(rig, "[agent]\nbind-timeout = 1s\n" LOOPBACK);
	fd = ask(rig, true);
	CHECK_INT(reply(rig, fd, true, &port), 0);
	CHECK_INT(reply(rig, fd, true, &port), 6);
	CHECK_INT(end_of(rig, fd), 0);
	rig_free(rig);
}

static void
nobody_waits(uint16_t port)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in sin = {
	    .sin_family = AF_INET, .sin_port = htons(port)};

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 &&
		  errno == ECONNREFUSED,
	    "somebody waits there still");
	close(fd);
}

/* By a reset, by a close, and by the end of its stream alone; having said
 * something before, or nothing. */
static void
ends_with_its_client(void)
{
	struct rig *rig;
	uint16_t port;
	int how, fd;

	for (how = 0; how < 6; how++) {
		rig = rig_new();
		configure(rig, LOOPBACK);
		fd = ask(rig, true);
		CHECK_INT(reply(rig, fd, true, &port), 0);
		if (how >= 3)
			say(fd, LIT("early"));
		if (how % 3 == 2)
			shutdown(fd, SHUT_WR);
		else
			close_client(rig, 0, how % 3 == 0);
		RIG_UNTIL(rig->agent->loop, rig->ended == 1);
		CHECK_INT(rig->env.reverses, 0);
		rig_told(rig->agent->loop);
		nobody_waits(port);
		rig_free(rig);
	}
}

static void
keeps_what_is_said_before(void)
{
	struct rig *rig = rig_new();
	uint16_t port;
	int fd, back;

	configure(rig, LOOPBACK);
	fd = ask(rig, true);
	CHECK_INT(reply(rig, fd, true, &port), 0);
	say(fd, LIT("early"));
	rig_settle(rig->agent->loop);
	CHECK_INT(rig->env.reverses, 1);
	back = come("127.0.0.1", port);
	CHECK_INT(reply(rig, fd, true, &port), 0);
	expect(rig, back, "early", 5);
	close(back);
	rig_free(rig);
}

static void
waits_for_what_a_name_is(void)
{
	struct rig *rig = rig_new();
	struct resolver r;
	uint16_t port;
	int fd, back;

	configure(rig, "[rule \"n\"]\ndomain = example.com\n"
		       "network = 127.0.0.0/8\nvia = direct\n");
	resolver_attach(rig, &r, "127.0.0.1");
	fd = connect_client(rig);
	say(fd, LIT("\4\2\0\25\0\0\0\1\0ftp.example.com\0"));
	CHECK_INT(reply(rig, fd, false, &port), 90);
	CHECK_STR(r.name, "ftp.example.com");
	back = come("127.0.0.1", port);
	CHECK_INT(reply(rig, fd, false, &port), 90);
	close(back);
	/* One that has no address that SOCKS4 could name, and none at all. */
	net_ip_parse("2001:db8::1", &r.answer.ips[0]);
	fd = connect_client(rig);
	say(fd, LIT("\4\2\0\25\0\0\0\1\0ftp.example.com\0"));
	CHECK_INT(reply(rig, fd, false, &port), 91);
	r.answer.outcome = NAMES_UNKNOWN;
	r.answer.ips_n = 0;
	fd = connect_client(rig);
	say(fd, LIT("\5\1\0\5\2\0\3\17ftp.example.com\0\25"));
	expect(rig, fd, "\5\0", 2);
	CHECK_INT(reply(rig, fd, true, &port), 4);
	chan_free(r.chan);
	rig_free(rig);
}

static const struct unit_case cases[] = {
    {"relays who comes", relays_who_comes},
    {"is of a class", is_of_a_class},
    {"turns others away", turns_others_away},
    {"refuses", refuses},
    {"waits no longer than it may", waits_no_longer_than_it_may},
    {"ends with its client", ends_with_its_client},
    {"keeps what is said before", keeps_what_is_said_before},
    {"waits for what a name is", waits_for_what_a_name_is},
};

UNIT_MAIN("reverse", cases)
