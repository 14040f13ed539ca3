/* Associations by way of intermediaries: scripted ones on loopback, and their
 * relays. */
#include "tests/unit/associate_rig.h"

/* An intermediary that relays to a socket of the test's. */
static int
add_relay(struct rig *rig)
{
	struct fake *f = add(rig, FAKE_MUTE);

	return udp_open("127.0.0.1", &f->bound);
}

/* What came to a relay: "192.0.2.1:53 text", and from which port. */
static uint16_t
relay_expect(struct rig *rig, int fd, const char *want)
{
	char text[2048], host[WIRE_HOST_STRLEN];
	uint8_t got[2048];
	struct wire_host to;
	uint16_t port = 0;
	ssize_t len = udp_take(rig, fd, got, sizeof(got), &port);
	int n = len > 0 ? socks5_udp_decode(got, (size_t)len, &to) : -1;

	CHECK(n > 0, "%zd bytes, of which %d are a header", len, n);
	if (n <= 0)
		return port;
	snprintf(text, sizeof(text), "%s %.*s", wire_host_format(&to, host),
	    (int)(len - n), (char *)got + n);
	CHECK_STR(text, want);
	return port;
}

static void
relay_answer(
    int fd, uint16_t port, const char *from, uint16_t at, const char *text)
{
	struct wire_host host = {.port = at};
	uint8_t out[2048];
	int n;

	wire_host_set(&host, from, strlen(from));
	n = socks5_udp_encode(&host, out, sizeof(out));
	memcpy(out + n, text, strlen(text));
	udp_send(fd, port, out, (size_t)n + strlen(text));
}

static void
goes_by_an_intermediary(void)
{
	struct rig *rig = rig_new();
	struct assoc a;
	int relay = add_relay(rig);
	uint16_t port;

	configure(rig, "");
	assoc_open(rig, &a);
	assoc_send(&a, "192.0.2.1", 53, "one"); /* both wait */
	assoc_send(&a, "www.example.com", 53, "two");
	port = relay_expect(rig, relay, "192.0.2.1:53 one");
	CHECK_INT(relay_expect(rig, relay, "www.example.com:53 two"), port);
	AGENT_CHECK(rig->agent, 0, 1, 0, 0, 1);
	relay_answer(relay, port, "192.0.2.1", 53, "1");
	assoc_expect(&a, "192.0.2.1:53 1");
	AGENT_CHECK(rig->agent, 0, 1, 1, 0, 1);
	/* An address that the intermediary has found for the name. */
	relay_answer(relay, port, "198.51.100.9", 53, "2");
	assoc_expect(&a, "198.51.100.9:53 2");
	CHECK_INT(rig->fakes[0]->requests, 1);
	CHECK_INT(assoc_dropped(&a), 0);
	assoc_close(&a);
	close_client(rig, 0, false);
	RIG_UNTIL(rig->agent->loop, rig->ended == 1);
	CHECK_INT(AGENT_GET(&rig->agent->slab.rows[0].bytes_up), 6);
	CHECK_INT(AGENT_GET(&rig->agent->slab.rows[0].bytes_down), 2);
	close(relay);
	rig_free(rig);
}

/* It bears the mark of the class, counts for it, and is shown as going by that
 * intermediary. */
static void
goes_as_its_class(void)
{
	struct rig *rig = rig_new();
	const struct slab *slab = &rig->agent->slab;
	const struct slab_class *c = &slab->classes[CLASS_BULK];
	struct tunnels_about row;
	struct assoc a;
	int relay = add_relay(rig), on = 1;
	char control[CMSG_SPACE(sizeof(int))], data[64];
	struct iovec part = {data, sizeof(data)};
	struct msghdr m = {.msg_iov = &part,
	    .msg_iovlen = 1,
	    .msg_control = control,
	    .msg_controllen = sizeof(control)};

	setsockopt(relay, IPPROTO_IP, IP_RECVTOS, &on, sizeof(on));
	configure(rig, "[class \"bulk\"]\ndscp = cs1\n"
		       "[rule \"b\"]\nport = 53\nclass = bulk\n");
	assoc_open(rig, &a);
	assoc_send(&a, "192.0.2.1", 53, "one");
	RIG_UNTIL(rig->agent->loop, AGENT_GET(&c->bytes_up) == 3);
	rig_must((int)recvmsg(relay, &m, MSG_DONTWAIT), "recvmsg");
	CHECK(CMSG_FIRSTHDR(&m) != NULL &&
		  *CMSG_DATA(CMSG_FIRSTHDR(&m)) == 8 << 2,
	    "without its mark");
	CHECK(tunnels_at(&slab->live, 0, mono_us(), &row), "no row");
	CHECK(row.slot == 0 && row.incarnation == 1 && row.up == 3 &&
		  row.class == CLASS_BULK && row.why == SLAB_CLASS_BY_RULE,
	    "slot %u, class %u", row.slot, row.class);
	assoc_close(&a);
	close(relay);
	rig_free(rig);
}

/* What nobody has asked for, what is malformed, and what does not come from
 * the relay. */
static void
drops_what_was_not_asked_for(void)
{
	static const struct {
		const char *in;
		size_t len;
	} rows[] = {
	    {LIT("")},
	    {LIT("\0\0\0\1\300\0\2\1\0")},
	    {LIT("\0\0\1\1\300\0\2\1\0\65x")},
	    {LIT("\1\0\0\1\300\0\2\1\0\65x")},
	    {LIT("\0\0\0\3\0\0\65x")},
	};
	struct rig *rig = rig_new();
	struct assoc a;
	uint16_t port, other_port;
	int relay = add_relay(rig), other = udp_open("127.0.0.1", &other_port);
	size_t i;

	configure(rig, "");
	assoc_open(rig, &a);
	assoc_send(&a, "192.0.2.1", 53, "one");
	port = relay_expect(rig, relay, "192.0.2.1:53 one");
	relay_answer(relay, port, "192.0.2.2", 53, "another address");
	relay_answer(relay, port, "192.0.2.1", 54, "another port");
	relay_answer(relay, port, "www.example.com", 53, "a name");
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		udp_send(relay, port, rows[i].in, rows[i].len);
	ASSOC_DROPS(&a, 0, 3 + sizeof(rows) / sizeof(*rows));
	relay_answer(other, port, "192.0.2.1", 53, "spoofed");
	udp_nothing(rig, a.udp);
	AGENT_CHECK(rig->agent, 0, 1, 0, 0, 1); /* nothing is proved by it */
	relay_answer(relay, port, "192.0.2.1", 53, "asked for");
	assoc_expect(&a, "192.0.2.1:53 asked for");
	close(relay);
	close(other);
	assoc_close(&a);
	rig_free(rig);
}

/* Who relays none is asked once, and charged with nothing. */
static void
passes_by_those_that_relay_none(void)
{
	struct rig *rig = rig_new();
	struct assoc a;
	int relay;

	add(rig, FAKE_REPLY)->code = 7;
	add(rig, FAKE_HANG_UP);
	relay = add_relay(rig);
	configure(rig, "");
	assoc_open(rig, &a);
	assoc_send(&a, "192.0.2.1", 53, "one");
	relay_answer(relay, relay_expect(rig, relay, "192.0.2.1:53 one"),
	    "192.0.2.1", 53, "1");
	assoc_expect(&a, "192.0.2.1:53 1");
	AGENT_CHECK(rig->agent, 0, 1, 0, 0, 0);
	AGENT_CHECK(rig->agent, 1, 1, 0, 0, 0);
	AGENT_CHECK(rig->agent, 2, 1, 1, 0, 1);
	close(relay);
	assoc_close(&a);
	rig_free(rig);
}

static void
skips_other_types(void)
{
	struct rig *rig = rig_new();
	struct assoc a;
	int relay;

	add(rig, FAKE_ECHO);
	add(rig, FAKE_ECHO);
	relay = add_relay(rig);
	configure(rig, "");
	rig->agent->table.rows[0].type = TABLE_HTTP;
	rig->agent->table.rows[1].type = TABLE_SOCKS4A;
	assoc_open(rig, &a);
	assoc_send(&a, "192.0.2.1", 53, "one");
	relay_expect(rig, relay, "192.0.2.1:53 one");
	CHECK_INT(rig->fakes[0]->accepted + rig->fakes[1]->accepted, 0);
	close(relay);
	assoc_close(&a);
	rig_free(rig);
}

/* The connection to an intermediary breaks, before and after it has proved
 * itself; the client's own stays. */
static void
goes_on_by_another(void)
{
	struct rig *rig = rig_new();
	struct assoc a;
	int relay[2];

	relay[0] = add_relay(rig);
	relay[1] = add_relay(rig);
	configure(rig, "");
	assoc_open(rig, &a);
	assoc_send(&a, "192.0.2.1", 53, "one");
	relay_expect(rig, relay[0], "192.0.2.1:53 one");
	fake_drop(LIST_FIRST(&rig->fakes[0]->conns), false);
	RIG_UNTIL(rig->agent->loop, rig->fakes[1]->requests == 1);
	assoc_send(&a, "192.0.2.1", 53, "two");
	relay_answer(relay[1], relay_expect(rig, relay[1], "192.0.2.1:53 two"),
	    "192.0.2.1", 53, "2");
	assoc_expect(&a, "192.0.2.1:53 2");
	AGENT_CHECK(rig->agent, 0, 1, 0, 0, 0);
	AGENT_CHECK(rig->agent, 1, 1, 1, 0, 1);
	/* It was a good choice then: from the start. */
	fake_drop(LIST_FIRST(&rig->fakes[1]->conns), false);
	RIG_UNTIL(rig->agent->loop, rig->fakes[0]->requests == 2);
	assoc_send(&a, "192.0.2.1", 53, "three");
	relay_expect(rig, relay[0], "192.0.2.1:53 three");
	CHECK_INT(rig->ended, 0);
	CHECK_INT(AGENT_GET(&rig->agent->slab.associations), 1);
	close(relay[0]);
	close(relay[1]);
	assoc_close(&a);
	rig_free(rig);
}

/* Says yes, and is never heard of again. */
static void
replaces_a_mute_one(void)
{
	struct rig *rig = rig_new();
	struct assoc a;
	int relay[2];

	relay[0] = add_relay(rig);
	relay[1] = add_relay(rig);
	configure(rig, "[agent]\nhedge-percent = 5\n");
	assoc_open(rig, &a);
	assoc_send(&a, "192.0.2.1", 53, "one");
	relay_expect(rig, relay[0], "192.0.2.1:53 one");
	RIG_UNTIL(rig->agent->loop, rig->fakes[1]->requests == 1);
	assoc_send(&a, "192.0.2.1", 53, "two");
	relay_answer(relay[1], relay_expect(rig, relay[1], "192.0.2.1:53 two"),
	    "192.0.2.1", 53, "2");
	assoc_expect(&a, "192.0.2.1:53 2");
	AGENT_CHECK(rig->agent, 0, 1, 0, 0, 0);
	AGENT_CHECK(rig->agent, 1, 1, 1, 0, 1);
	close(relay[0]);
	close(relay[1]);
	assoc_close(&a);
	rig_free(rig);
}

static void
drops_what_has_no_path(void)
{
	struct rig *rig = rig_new();
	struct assoc a;

	add(rig, FAKE_REPLY)->code = 7;
	configure(rig, "");
	assoc_open(rig, &a);
	assoc_send(&a, "192.0.2.1", 53, "one");
	ASSOC_DROPS(&a, 0, 1);
	/* Not asked again at once. */
	assoc_send(&a, "192.0.2.1", 53, "two");
	ASSOC_DROPS(&a, 1, 1);
	CHECK_INT(rig->fakes[0]->requests, 1);
	CHECK_INT(rig->ended, 0);
	assoc_close(&a);
	rig_free(rig);
}

/* By what the rules say of each. */
static void
takes_the_way_of_each_destination(void)
{
	struct rig *rig = rig_new();
	struct assoc a;
	uint16_t port;
	int relay[2], fd = udp_open("127.0.0.1", &port);

	relay[0] = add_relay(rig);
	relay[1] = add_relay(rig);
	configure(rig, "[rule \"near\"]\nnetwork = 127.0.0.0/8\nvia = direct\n"
		       "[rule \"no\"]\nport = 25\nvia = deny\n"
		       "[rule \"two\"]\nnetwork = 198.51.100.0/24\n"
		       "via = tier 2\n");
	assoc_open(rig, &a);
	assoc_send(&a, "127.0.0.1", port, "near");
	udp_expect(rig, fd, "near", NULL);
	assoc_send(&a, "192.0.2.1", 25, "no");
	ASSOC_DROPS(&a, 0, 1);
	assoc_send(&a, "198.51.100.1", 53, "two");
	relay_expect(rig, relay[1], "198.51.100.1:53 two");
	assoc_send(&a, "192.0.2.1", 53, "one");
	relay_expect(rig, relay[0], "192.0.2.1:53 one");
	close(fd);
	close(relay[0]);
	close(relay[1]);
	assoc_close(&a);
	rig_free(rig);
}

static void
goes_directly_when_there_is_none(void)
{
	struct rig *rig = rig_new();
	struct assoc a;
	uint16_t port;
	int fd = udp_open("127.0.0.1", &port);

	configure(rig, "[agent]\nno-path = direct\n"
		       "[direct]\nnetwork = 127.0.0.1/32\n");
	assoc_open(rig, &a);
	assoc_send(&a, "127.0.0.1", port, "one");
	udp_expect(rig, fd, "one", NULL);
	/* What is not to be reached so is not, for want of a path, either. */
	assoc_send(&a, "127.0.0.2", port, "two");
	ASSOC_DROPS(&a, 0, 1);
	close(fd);
	assoc_close(&a);
	rig_free(rig);
}

static const struct unit_case cases[] = {
    {"goes by an intermediary", goes_by_an_intermediary},
    {"goes as its class", goes_as_its_class},
    {"drops what was not asked for", drops_what_was_not_asked_for},
    {"passes by those that relay none", passes_by_those_that_relay_none},
    {"skips other types", skips_other_types},
    {"goes on by another", goes_on_by_another},
    {"replaces a mute one", replaces_a_mute_one},
    {"drops what has no path", drops_what_has_no_path},
    {"takes the way of each destination", takes_the_way_of_each_destination},
    {"goes directly when there is none", goes_directly_when_there_is_none},
};

UNIT_MAIN("associate_hop", cases)
