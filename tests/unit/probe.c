/* One probe, against servers that say what the case has them say. */
#include "probe/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/canned.h"
#include "tests/unit/fake.h"
#include "tests/unit/unit.h"

#define N(a)	 (sizeof(a) / sizeof(*(a)))
#define LONG_US	 RIG_DEADLINE_US
#define SHORT_US 200000

struct rig {
	struct loop *loop;
	struct probe probe;
	struct query query;
	struct probe_via via;
	struct probe_limits limits;
	struct net_ip ips[3];
	struct probe_result r;
	int n; /* callbacks */
	int fds;
};

static struct rig *
rig_new(void)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	rig->fds = fake_open_fds();
	rig->loop = rig_loop();
	rig->query.host.port = 443;
	wire_host_set(&rig->query.host, "www.example.com", 15);
	rig->query.path[0] = '/';
	net_ip_parse("127.0.0.1", &rig->ips[0]);
	rig->via.ips = rig->ips;
	rig->via.ips_n = 1;
	rig->limits = (struct probe_limits){
	    LONG_US, LONG_US, LONG_US, LONG_US, LONG_US, 0};
	return rig;
}

static void
rig_free(struct rig *rig)
{
	probe_cancel(&rig->probe);
	probe_cancel(&rig->probe);
	loop_free(rig->loop);
	CHECK_INT(fake_open_fds(), rig->fds);
	free(rig);
}

static void
done(struct probe *p, const struct probe_result *r)
{
	struct rig *rig = container_of(p, struct rig, probe);

	rig->n++;
	rig->r = *r;
}

static void
start(struct rig *rig)
{
	rig->n = 0;
	rig_must(probe_start(&rig->probe, rig->loop, &rig->via, &rig->query,
		     &rig->limits, done),
	    "probe_start");
	CHECK_INT(rig->n, 0);
}

static void
run(struct rig *rig)
{
	start(rig);
	RIG_UNTIL(rig->loop, rig->n > 0);
	CHECK_INT(rig->n, 1);
	CHECK_INT(rig->probe.phase, PROBE_IDLE);
}

/* --- what a server says, and what it comes to --- */

#define YES5   CANNED("\5\0\0\1\0\0\0\0\0\0")
#define NO5(c) CANNED("\5" c "\0\1\0\0\0\0\0\0")
#define HI     CANNED("\5\0")
#define OK200  CANNED("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
#define YESH   CANNED("HTTP/1.1 200 Connection established\r\n\r\n")
#define ALERT  CANNED("\25\3\3\0\2\2\50")
#define HELLO  CANNED("\26\3\3\0\4\2\0\0\0")

enum how {
	SOCKS5,
	SOCKS4A,
	HTTP,
	DIRECT
};

struct scene {
	const char *name;
	enum how how;
	enum query_kind kind;
	struct canned_piece pieces[CANNED_PIECES_MAX + 1];
	enum canned_end end;
	enum wire_reason reason;
	enum probe_phase phase;
	bool closed;
	int code, status;
	const char *user;
};

static const struct scene scenes[] = {
    /* The handshake, SOCKS5. */
    {"closes at once", SOCKS5, QUERY_TCP, {{0}}, CANNED_CLOSE,
	REASON_HOP_CLOSED, PROBE_SHAKING, true, -1, 0, NULL},
    {"resets at once", SOCKS5, QUERY_TCP, {{0}}, CANNED_RESET,
	REASON_HOP_CLOSED, PROBE_SHAKING, true, -1, 0, NULL},
    {"no answer to the greeting", SOCKS5, QUERY_TCP, {{0}}, CANNED_HOLD,
	REASON_HOP_TIMEOUT, PROBE_SHAKING, false, -1, 0, NULL},
    {"half a choice", SOCKS5, QUERY_TCP, {CANNED("\5")}, CANNED_CLOSE,
	REASON_HOP_CLOSED, PROBE_SHAKING, true, -1, 0, NULL},
    {"rubbish for a choice", SOCKS5, QUERY_TCP, {CANNED("SSH-2.0")},
	CANNED_HOLD, REASON_HOP_BAD, PROBE_SHAKING, false, -1, 0, NULL},
    {"wants a login", SOCKS5, QUERY_TCP, {CANNED("\5\377")}, CANNED_HOLD,
	REASON_HOP_AUTH, PROBE_SHAKING, false, -1, 0, NULL},
    {"refuses the login", SOCKS5, QUERY_TCP, {CANNED("\5\2"), CANNED("\1\1")},
	CANNED_HOLD, REASON_HOP_AUTH, PROBE_SHAKING, false, -1, 0, "fred"},
    {"closes on the login", SOCKS5, QUERY_TCP, {CANNED("\5\2"), CANNED("")},
	CANNED_CLOSE, REASON_HOP_CLOSED, PROBE_SHAKING, true, -1, 0, "fred"},
    {"takes the login", SOCKS5, QUERY_TLS,
	{CANNED("\5\2"), CANNED("\1\0"), YES5, ALERT}, CANNED_HOLD, REASON_OK,
	PROBE_READING, false, 0, 0, "fred"},
    {"no answer to the request", SOCKS5, QUERY_TCP, {HI}, CANNED_HOLD,
	REASON_HOP_SILENT, PROBE_SHAKING, false, -1, 0, NULL},
    {"hangs up on the request", SOCKS5, QUERY_TCP, {HI, CANNED("")},
	CANNED_CLOSE, REASON_HOP_HUNG_UP, PROBE_SHAKING, true, -1, 0, NULL},
    {"half a reply", SOCKS5, QUERY_TCP, {HI, CANNED("\5\0\0\1\0")},
	CANNED_CLOSE, REASON_HOP_HUNG_UP, PROBE_SHAKING, true, -1, 0, NULL},
    {"half a reply, and silence", SOCKS5, QUERY_TCP, {HI, CANNED("\5\0\0\1\0")},
	CANNED_HOLD, REASON_HOP_SILENT, PROBE_SHAKING, false, -1, 0, NULL},
    {"general failure", SOCKS5, QUERY_TCP, {HI, NO5("\1")}, CANNED_CLOSE,
	REASON_HOP_FAILED, PROBE_SHAKING, false, 1, 0, NULL},
    {"forbids", SOCKS5, QUERY_TCP, {HI, NO5("\2")}, CANNED_CLOSE,
	REASON_HOP_DENIED, PROBE_SHAKING, false, 2, 0, NULL},
    {"target refuses", SOCKS5, QUERY_TCP, {HI, NO5("\5")}, CANNED_CLOSE,
	REASON_REFUSED, PROBE_SHAKING, false, 5, 0, NULL},
    {"unknown reply", SOCKS5, QUERY_TCP, {HI, NO5("\77")}, CANNED_CLOSE,
	REASON_HOP_BAD, PROBE_SHAKING, false, 077, 0, NULL},
    /* SOCKS4a and HTTP. */
    {"4a: no", SOCKS4A, QUERY_TCP, {CANNED("\0\133\0\0\0\0\0\0")}, CANNED_CLOSE,
	REASON_HOP_FAILED, PROBE_SHAKING, false, 0x5b, 0, NULL},
    {"4a: yes", SOCKS4A, QUERY_HTTP, {CANNED("\0\132\0\0\0\0\0\0"), OK200},
	CANNED_HOLD, REASON_OK, PROBE_READING, false, 0x5a, 200, NULL},
    {"HTTP: forbids", HTTP, QUERY_TCP, {CANNED("HTTP/1.0 403 No\r\n\r\n")},
	CANNED_CLOSE, REASON_HOP_DENIED, PROBE_SHAKING, false, 403, 0, NULL},
    {"HTTP: wants a login", HTTP, QUERY_TCP,
	{CANNED("HTTP/1.1 407 Login\r\n\r\n")}, CANNED_CLOSE, REASON_HOP_AUTH,
	PROBE_SHAKING, false, 407, 0, NULL},
    {"HTTP: bad gateway", HTTP, QUERY_TCP, {CANNED("HTTP/1.1 502 Bad\r\n\r\n")},
	CANNED_CLOSE, REASON_HOP_FAILED, PROBE_SHAKING, false, 502, 0, NULL},
    {"HTTP: no proxy at all", HTTP, QUERY_TCP,
	{CANNED("HTTP/1.1 404 What\r\n\r\n")}, CANNED_CLOSE, REASON_HOP_BAD,
	PROBE_SHAKING, false, 404, 0, NULL},
    {"HTTP: yes", HTTP, QUERY_HTTP, {YESH, OK200}, CANNED_CLOSE, REASON_OK,
	PROBE_READING, false, 200, 200, "fred"},
    /* The first byte. */
    {"yes and silence", SOCKS5, QUERY_HTTP, {HI, YES5}, CANNED_HOLD,
	REASON_HOP_MUTE, PROBE_WAITING, false, 0, 0, NULL},
    {"yes and the end", SOCKS5, QUERY_HTTP, {HI, YES5, CANNED("")},
	CANNED_CLOSE, REASON_HOP_MUTE, PROBE_WAITING, true, 0, 0, NULL},
    {"yes and a reset", SOCKS5, QUERY_TLS, {HI, YES5, CANNED("")}, CANNED_RESET,
	REASON_HOP_MUTE, PROBE_WAITING, true, 0, 0, NULL},
    {"yes, and an answer to nothing", SOCKS5, QUERY_HTTP,
	{HI, CANNED("\5\0\0\1\0\0\0\0\0\0HTTP/1.1 200 OK\r\n\r\n")},
	CANNED_HOLD, REASON_HOP_BAD, PROBE_WAITING, false, 0, 0, NULL},
    {"a target that speaks first", SOCKS5, QUERY_TCP,
	{HI, CANNED("\5\0\0\1\0\0\0\0\0\0hello")}, CANNED_HOLD, REASON_OK,
	PROBE_READING, false, 0, 0, NULL},
    {"any target that speaks first", SOCKS5, QUERY_ANY,
	{HI, CANNED("\5\0\0\1\0\0\0\0\0\0hello")}, CANNED_HOLD, REASON_OK,
	PROBE_READING, false, 0, 0, NULL},
    {"any target that wants to be asked", SOCKS5, QUERY_ANY, {HI, YES5, HELLO},
	CANNED_HOLD, REASON_OK, PROBE_READING, false, 0, 0, NULL},
    {"the intermediary's own page", HTTP, QUERY_ANY,
	{YESH, CANNED("HTTP/1.1 502 Bad\r\n\r\n")}, CANNED_CLOSE,
	REASON_HOP_FAILED, PROBE_READING, false, 200, 502, NULL},
    /* What it answers. */
    {"not found", SOCKS5, QUERY_HTTP,
	{HI, YES5, CANNED("HTTP/1.1 404 No\r\n\r\n")}, CANNED_CLOSE, REASON_OK,
	PROBE_READING, false, 0, 404, NULL},
    {"wait, ok", SOCKS5, QUERY_HTTP,
	{HI, YES5, CANNED("HTTP/1.1 102 W\r\n\r\nHTTP/1.1 200 O\r\n\r\n")},
	CANNED_CLOSE, REASON_OK, PROBE_READING, false, 0, 200, NULL},
    {"499", SOCKS5, QUERY_HTTP, {HI, YES5, CANNED("HTTP/1.1 499 x\r\n\r\n")},
	CANNED_CLOSE, REASON_OK, PROBE_READING, false, 0, 499, NULL},
    {"500", SOCKS5, QUERY_HTTP, {HI, YES5, CANNED("HTTP/1.1 500 x\r\n\r\n")},
	CANNED_CLOSE, REASON_HOP_FAILED, PROBE_READING, false, 0, 500, NULL},
    {"no HTTP", SOCKS5, QUERY_HTTP, {HI, YES5, CANNED("SSH-2.0\r\n")},
	CANNED_HOLD, REASON_HOP_BAD, PROBE_READING, false, 0, 0, NULL},
    {"half a head", SOCKS5, QUERY_HTTP, {HI, YES5, CANNED("HTTP/1.1 20")},
	CANNED_CLOSE, REASON_HOP_BAD, PROBE_READING, true, 0, 0, NULL},
    {"half a head, and silence", SOCKS5, QUERY_HTTP,
	{HI, YES5, CANNED("HTTP/1.1 20")}, CANNED_HOLD, REASON_HOP_BAD,
	PROBE_READING, false, 0, 0, NULL},
    {"a TLS hello", SOCKS5, QUERY_TLS, {HI, YES5, HELLO}, CANNED_HOLD,
	REASON_OK, PROBE_READING, false, 0, 0, NULL},
    {"no TLS", SOCKS5, QUERY_TLS, {HI, YES5, OK200}, CANNED_CLOSE,
	REASON_HOP_BAD, PROBE_READING, false, 0, 0, NULL},
    /* Alive is who answers, whatever. */
    {"alive: no", SOCKS5, QUERY_ALIVE, {HI, NO5("\5")}, CANNED_CLOSE, REASON_OK,
	PROBE_SHAKING, false, 5, 0, NULL},
    {"alive: yes", SOCKS5, QUERY_ALIVE, {HI, YES5}, CANNED_HOLD, REASON_OK,
	PROBE_SHAKING, false, 0, 0, NULL},
    {"alive: 502", HTTP, QUERY_ALIVE, {CANNED("HTTP/1.1 502 x\r\n\r\n")},
	CANNED_CLOSE, REASON_OK, PROBE_SHAKING, false, 502, 0, NULL},
    {"alive: 407", HTTP, QUERY_ALIVE, {CANNED("HTTP/1.1 407 x\r\n\r\n")},
	CANNED_CLOSE, REASON_HOP_AUTH, PROBE_SHAKING, false, 407, 0, NULL},
    {"alive: no proxy", HTTP, QUERY_ALIVE, {CANNED("HTTP/1.1 404 x\r\n\r\n")},
	CANNED_CLOSE, REASON_HOP_BAD, PROBE_SHAKING, false, 404, 0, NULL},
    {"alive: no CONNECT", HTTP, QUERY_ALIVE,
	{CANNED("HTTP/1.0 501 What\r\n\r\n")}, CANNED_CLOSE, REASON_HOP_BAD,
	PROBE_SHAKING, false, 501, 0, NULL},
    {"alive: hangs up", SOCKS5, QUERY_ALIVE, {HI, CANNED("")}, CANNED_CLOSE,
	REASON_HOP_HUNG_UP, PROBE_SHAKING, true, -1, 0, NULL},
    /* Direct. */
    {"direct: ok", DIRECT, QUERY_HTTP, {OK200}, CANNED_CLOSE, REASON_OK,
	PROBE_READING, false, -1, 200, NULL},
    {"direct: silence", DIRECT, QUERY_HTTP, {{0}}, CANNED_HOLD, REASON_TIMEOUT,
	PROBE_WAITING, false, -1, 0, NULL},
    {"direct: the end", DIRECT, QUERY_TLS, {CANNED("")}, CANNED_CLOSE,
	REASON_REFUSED, PROBE_WAITING, true, -1, 0, NULL},
    {"direct: alive", DIRECT, QUERY_ALIVE, {{0}}, CANNED_HOLD, REASON_OK,
	PROBE_CONNECTING, false, -1, 0, NULL},
};

static void
check_times(const struct scene *s, const struct probe_result *r)
{
	bool stands = r->phase >= PROBE_WAITING || r->reason == REASON_OK;
	bool came = r->phase >= PROBE_READING;

	CHECK(r->connect_us >= 0, "%s: no connect time", s->name);
	CHECK((r->handshake_us >= 0) == stands, "%s: handshake %lld", s->name,
	    (long long)r->handshake_us);
	CHECK((r->first_us >= 0) == came, "%s: first byte %lld", s->name,
	    (long long)r->first_us);
	CHECK((r->total_us >= 0) == (came || r->reason == REASON_OK),
	    "%s: total %lld", s->name, (long long)r->total_us);
	if (came)
		CHECK(r->total_us >=
			  r->connect_us + r->handshake_us + r->first_us,
		    "%s: the parts are more than the whole", s->name);
}

static void
play(const struct scene *s, bool dribble)
{
	static const enum hop_type types[] = {
	    HOP_SOCKS5, HOP_SOCKS4A, HOP_HTTP, HOP_SOCKS5};
	struct rig *rig = rig_new();
	struct canned c;

	canned_open(&c, rig->loop, s->pieces, s->end);
	c.dribble = dribble;
	rig->via.direct = s->how == DIRECT;
	rig->via.type = types[s->how];
	rig->via.port = c.port;
	rig->via.user = s->user;
	rig->via.password = "secret";
	rig->query.kind = s->kind;
	/* Only silence is waited for. */
	if (s->end == CANNED_HOLD && s->reason != REASON_OK)
		rig->limits.handshake_us = rig->limits.answer_us = SHORT_US;
	run(rig);
	CHECK(rig->r.reason == s->reason, "%s: %s, not %s", s->name,
	    wire_reason_word(rig->r.reason), wire_reason_word(s->reason));
	CHECK(rig->r.phase == s->phase, "%s: ends in %s, not in %s", s->name,
	    probe_phase_word(rig->r.phase), probe_phase_word(s->phase));
	CHECK(rig->r.closed == s->closed, "%s: closed is %d", s->name,
	    rig->r.closed);
	CHECK(rig->r.code == s->code, "%s: code %d", s->name, rig->r.code);
	CHECK(rig->r.status == s->status, "%s: status %d", s->name,
	    rig->r.status);
	check_times(s, &rig->r);
	canned_shut(&c);
	rig_free(rig);
}

static void
all_scenes(void)
{
	size_t i;

	for (i = 0; i < N(scenes); i++)
		play(&scenes[i], false);
}

/* Byte by byte it comes to the same, but for who is too early: then only the
 * first byte is seen to be. */
static void
all_scenes_in_bytes(void)
{
	size_t i;

	for (i = 0; i < N(scenes); i++) {
		if (scenes[i].phase != PROBE_WAITING ||
		    scenes[i].reason != REASON_HOP_BAD)
			play(&scenes[i], true);
	}
}

/* What is said is what the protocols want. */
static void
asks_by_name(void)
{
	static const struct canned_piece pieces[] = {HI, YES5, OK200, {0}};
	static const char want[] =
	    "\5\1\0\5\1\0\3\17www.example.com\1\273"
	    "GET /a?b HTTP/1.1\r\nHost: www.example.com:443\r\n";
	struct rig *rig = rig_new();
	struct canned c;

	canned_open(&c, rig->loop, pieces, CANNED_HOLD);
	rig->via.type = HOP_SOCKS5;
	rig->via.port = c.port;
	rig->query.kind = QUERY_HTTP;
	memcpy(rig->query.path, "/a?b", 5);
	run(rig);
	CHECK(rig->r.reason == REASON_OK, "fails");
	CHECK(c.got_len > sizeof(want) - 1 &&
		  memcmp(c.got, want, sizeof(want) - 1) == 0,
	    "says something else");
	canned_shut(&c);
	rig_free(rig);
}

/* --- TCP --- */

static void
cannot_connect(void)
{
	struct rig *rig = rig_new();
	uint16_t port;
	int fd = fake_refusing(&port);
	int i;

	for (i = 0; i < 2; i++) {
		rig->via.direct = i == 1;
		rig->via.port = port;
		run(rig);
		CHECK(rig->r.reason ==
			  (i == 1 ? REASON_REFUSED : REASON_HOP_REFUSED),
		    "%s", wire_reason_word(rig->r.reason));
		CHECK_INT(rig->r.phase, PROBE_CONNECTING);
		CHECK_INT(rig->r.connect_us, -1);
		CHECK_INT(rig->r.total_us, -1);
	}
	close(fd);
	rig_free(rig);
}

static void
connects_to_silence(void)
{
	struct rig *rig = rig_new();
	struct fake_hole hole;
	uint16_t port;

	close(fake_refusing(&port));
	fake_hole_open(&hole, "127.0.0.1", port);
	rig->via.port = port;
	rig->limits.connect_us = SHORT_US;
	run(rig);
	CHECK(rig->r.reason == REASON_HOP_TIMEOUT, "%s",
	    wire_reason_word(rig->r.reason));
	CHECK_INT(rig->r.phase, PROBE_CONNECTING);
	rig->limits.connect_us = LONG_US;
	rig->limits.all_us = SHORT_US;
	run(rig);
	CHECK(rig->r.reason == REASON_HOP_TIMEOUT, "all: %s",
	    wire_reason_word(rig->r.reason));
	fake_hole_close(&hole);
	rig_free(rig);
}

/* The first address is silent, the second refuses, the third serves. */
static void
tries_all_addresses(void)
{
	static const struct canned_piece pieces[] = {HI, YES5, OK200, {0}};
	struct rig *rig = rig_new();
	struct fake_hole hole;
	struct canned c;

	canned_open(&c, rig->loop, pieces, CANNED_HOLD);
	fake_hole_open(&hole, "127.0.0.2", c.port);
	net_ip_parse("127.0.0.2", &rig->ips[0]);
	net_ip_parse("127.0.0.3", &rig->ips[1]);
	net_ip_parse("127.0.0.1", &rig->ips[2]);
	rig->via.ips_n = 3;
	rig->via.port = c.port;
	rig->query.kind = QUERY_HTTP;
	rig->limits.connect_us = 3 * SHORT_US;
	run(rig);
	CHECK(
	    rig->r.reason == REASON_OK, "%s", wire_reason_word(rig->r.reason));
	CHECK_INT(rig->r.ip, 2);
	CHECK(rig->r.connect_us < SHORT_US,
	    "the time of the other addresses is in it");
	/* The limit of all is shared out too. */
	rig->limits.all_us = 3 * SHORT_US;
	rig->limits.connect_us = LONG_US;
	run(rig);
	CHECK(
	    rig->r.reason == REASON_OK, "%s", wire_reason_word(rig->r.reason));
	/* And when none serves, the last one is named. */
	rig->via.ips_n = 2;
	run(rig);
	CHECK(rig->r.reason == REASON_HOP_REFUSED, "%s",
	    wire_reason_word(rig->r.reason));
	CHECK_INT(rig->r.ip, 1);
	fake_hole_close(&hole);
	canned_shut(&c);
	rig_free(rig);
}

/* The handshake fails before a byte is sent. */
static void
cannot_carry(void)
{
	static const struct canned_piece none[] = {{0}};
	struct rig *rig = rig_new();
	struct canned c;

	canned_open(&c, rig->loop, none, CANNED_HOLD);
	rig->via.type = HOP_SOCKS4A;
	rig->via.port = c.port;
	CHECK_INT(wire_host_set(&rig->query.host, "2001:db8::1", 11), 0);
	run(rig);
	CHECK(rig->r.reason == REASON_HOP_UNSUPPORTED, "%s",
	    wire_reason_word(rig->r.reason));
	canned_shut(&c);
	rig_free(rig);
}

/* No end of a head, as long as we listen. */
static void
answers_without_end(void)
{
	static char head[QUERY_ANSWER_MAX + 100];
	struct canned_piece pieces[] = {HI, YES5, {head, sizeof(head)}, {0}};
	struct rig *rig = rig_new();
	struct canned c;

	memset(head, 'a', sizeof(head));
	memcpy(head, "HTTP/1.1 200 OK\r\nX: ", 20);
	canned_open(&c, rig->loop, pieces, CANNED_HOLD);
	rig->via.port = c.port;
	rig->query.kind = QUERY_HTTP;
	run(rig);
	CHECK(rig->r.reason == REASON_HOP_BAD, "%s",
	    wire_reason_word(rig->r.reason));
	CHECK_INT(rig->r.phase, PROBE_READING);
	canned_shut(&c);
	rig_free(rig);
}

/* --- the rate --- */

#define BODY 100000

static void
measure(enum canned_end end, int64_t limit, struct probe_result *r)
{
	static char text[BODY + 100];
	struct canned_piece pieces[] = {HI, YES5, {text, 0}, {0}};
	struct rig *rig = rig_new();
	struct canned c;
	int head = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n\r\n");

	memset(text + head, 'x', BODY);
	pieces[2].len = (size_t)head + BODY;
	canned_open(&c, rig->loop, pieces, end);
	rig->via.port = c.port;
	rig->query.kind = QUERY_HTTP;
	rig->limits.rate_bytes = limit;
	rig->limits.rate_us = end == CANNED_HOLD ? SHORT_US : LONG_US;
	run(rig);
	*r = rig->r;
	canned_shut(&c);
	rig_free(rig);
}

static void
measures_the_rate(void)
{
	struct probe_result r;

	/* Up to its end, as much as is wanted, and as long as it takes. */
	measure(CANNED_CLOSE, 10 * BODY, &r);
	CHECK(r.reason == REASON_OK, "%s", wire_reason_word(r.reason));
	CHECK_INT(r.phase, PROBE_MEASURING);
	CHECK(r.rate_bytes > 0 && r.rate_bytes < BODY, "%lld bytes",
	    (long long)r.rate_bytes);
	CHECK(r.rate_us > 0, "%lld us", (long long)r.rate_us);
	measure(CANNED_HOLD, 1, &r);
	CHECK(r.reason == REASON_OK, "%s", wire_reason_word(r.reason));
	CHECK(r.rate_bytes >= 1 && r.rate_bytes <= LOOP_RECV_MAX, "%lld bytes",
	    (long long)r.rate_bytes);
	measure(CANNED_HOLD, 10 * BODY, &r);
	CHECK(r.reason == REASON_OK, "%s", wire_reason_word(r.reason));
	CHECK(r.rate_us < SHORT_US, "the wait for more is in it: %lld us",
	    (long long)r.rate_us);
	measure(CANNED_HOLD, 0, &r);
	CHECK_INT(r.phase, PROBE_READING);
	CHECK_INT(r.rate_bytes, 0);
}

static void
breaks_off(void)
{
	static char text[BODY + 100];
	struct canned_piece pieces[] = {HI, YES5, {text, 0}, {0}};
	struct rig *rig = rig_new();
	struct canned c;
	int head = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n\r\n");

	pieces[2].len = (size_t)head + 10;
	canned_open(&c, rig->loop, pieces, CANNED_HOLD);
	rig->via.port = c.port;
	rig->query.kind = QUERY_HTTP;
	rig->limits.rate_bytes = BODY;
	start(rig);
	RIG_UNTIL(rig->loop, rig->probe.phase == PROBE_MEASURING);
	c.end = CANNED_RESET;
	canned_hang_up(&c);
	RIG_UNTIL(rig->loop, rig->n > 0);
	CHECK(rig->r.reason == REASON_HOP_HUNG_UP, "%s",
	    wire_reason_word(rig->r.reason));
	CHECK_INT(rig->r.phase, PROBE_MEASURING);
	CHECK(rig->r.closed, "not closed");
	canned_shut(&c);
	rig_free(rig);
}

/* --- the end of it --- */

static void
cancels_in_every_phase(void)
{
	static const struct canned_piece none[] = {{0}}, choice[] = {HI, {0}},
					 yes[] = {HI, YES5, {0}},
					 part[] = {HI, YES5, CANNED("HTTP/1."),
					     {0}},
					 whole[] = {HI, YES5, OK200, {0}};
	static const struct {
		const struct canned_piece *pieces;
		enum probe_phase phase;
	} all[] = {{none, PROBE_CONNECTING}, {none, PROBE_SHAKING},
	    {choice, PROBE_SHAKING}, {yes, PROBE_WAITING},
	    {part, PROBE_READING}, {whole, PROBE_MEASURING}};
	struct rig *rig;
	struct canned c;
	size_t i;

	for (i = 0; i < N(all); i++) {
		rig = rig_new();
		canned_open(&c, rig->loop, all[i].pieces, CANNED_HOLD);
		rig->via.port = c.port;
		rig->query.kind = QUERY_HTTP;
		rig->limits.rate_bytes = BODY;
		start(rig);
		RIG_UNTIL(rig->loop, rig->probe.phase == all[i].phase);
		probe_cancel(&rig->probe);
		rig_settle(rig->loop);
		CHECK_INT(rig->n, 0);
		canned_shut(&c);
		rig_free(rig);
	}
}

/* One struct serves many probes. */
static void
starts_again(void)
{
	static const struct canned_piece pieces[] = {HI, YES5, OK200, {0}};
	static const struct canned_piece shorter[] = {
	    HI, YES5, CANNED("HTTP/1.1 200 \r\n\r\n"), {0}};
	struct rig *rig = rig_new();
	struct canned c;
	int i;

	canned_open(&c, rig->loop, pieces, CANNED_HOLD);
	rig->via.port = c.port;
	/* Nothing is left of an answer in pieces. */
	rig->query.kind = QUERY_HTTP;
	c.dribble = true;
	run(rig);
	CHECK(
	    rig->r.reason == REASON_OK, "%s", wire_reason_word(rig->r.reason));
	c.dribble = false;
	c.pieces = shorter;
	run(rig);
	CHECK(rig->r.reason == REASON_OK, "then %s",
	    wire_reason_word(rig->r.reason));
	c.accepted = 0;
	c.pieces = pieces;
	for (i = 0; i < 5; i++) {
		rig->query.kind = i % 2 == 0 ? QUERY_HTTP : QUERY_TLS;
		run(rig);
		CHECK(
		    rig->r.reason == (i % 2 == 0 ? REASON_OK : REASON_HOP_BAD),
		    "%d: %s", i, wire_reason_word(rig->r.reason));
	}
	CHECK_INT(c.accepted, 5);
	canned_shut(&c);
	rig_free(rig);
}

static const struct unit_case cases[] = {
    {"what servers say", all_scenes},
    {"what they say in bytes", all_scenes_in_bytes},
    {"asks by name", asks_by_name},
    {"cannot connect", cannot_connect},
    {"connects to silence", connects_to_silence},
    {"tries all addresses", tries_all_addresses},
    {"cannot carry", cannot_carry},
    {"answers without end", answers_without_end},
    {"measures the rate", measures_the_rate},
    {"breaks off", breaks_off},
    {"cancels in every phase", cancels_in_every_phase},
    {"starts again", starts_again},
};

UNIT_MAIN("probe", cases)
