/* The client's side of a handshake, against scripted intermediaries: each
 * script is played with a cut at every byte. */
#include "wire/hop.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#define S50  "01234567890123456789012345678901234567890123456789"
#define S255 S50 S50 S50 S50 S50 "12345"

/* What the intermediary says, each after one message of ours. */
#define SAYS_MAX 3
struct says {
	const char *in;
	size_t len;
};

struct script {
	const char *name;
	enum hop_type type;
	const char *user;
	struct says says[SAYS_MAX];
	enum hop_step want;
	enum wire_reason reason; /* HOP_MORE: what the end would mean */
	int code;
	const char *payload; /* what is left when the tunnel stands */
	/* A peer that speaks before it is asked, in a segment of its own
	 * from here on, cannot be told from a quick one. */
	size_t early_at;
};

#define SAY(s)                     \
	{                          \
		(s), sizeof(s) - 1 \
	}
#define V4_REPLY   "\1\0\0\0\0\0\0"
#define REP(n)	   SAY("\5" n "\0" V4_REPLY)
#define NO_AUTH	   SAY("\5\0")
#define ASK_LOGIN  SAY("\5\2")
#define CONTINUE   "HTTP/1.1 100 Continue\r\n\r\n"
#define FAIL(r, c) HOP_FAIL, REASON_##r, (c), NULL, 0
#define DONE(c, p) HOP_DONE, REASON_OK, (c), (p), 0
#define MORE(r)	   HOP_MORE, REASON_##r, -1, NULL, 0
#define EARLY(at)  HOP_FAIL, REASON_HOP_BAD, -1, NULL, (at)

#define SOCKS5(name, ...)                             \
	{                                             \
		(name), HOP_SOCKS5, NULL, __VA_ARGS__ \
	}
#define LOGIN5(name, ...)                               \
	{                                               \
		(name), HOP_SOCKS5, "fred", __VA_ARGS__ \
	}
#define SOCKS4(name, ...)                                \
	{                                                \
		(name), HOP_SOCKS4A, "fred", __VA_ARGS__ \
	}
#define HTTP(name, ...)                               \
	{                                             \
		(name), HOP_HTTP, "fred", __VA_ARGS__ \
	}

static const struct script scripts[] = {
    /* SOCKS5: the choice of a method. */
    SOCKS5("nothing", {SAY("")}, MORE(HOP_CLOSED)),
    SOCKS5("half a choice", {SAY("\5")}, MORE(HOP_CLOSED)),
    SOCKS5("choice, then silence", {NO_AUTH}, MORE(HOP_HUNG_UP)),
    SOCKS5("version 4", {SAY("\4\0")}, FAIL(HOP_BAD, -1)),
    SOCKS5("version 0", {SAY("\0\132")}, FAIL(HOP_BAD, -1)),
    SOCKS5("HTTP", {SAY("HTTP/1.1 400 No\r\n\r\n")}, FAIL(HOP_BAD, -1)),
    SOCKS5("SSH", {SAY("SSH-2.0-OpenSSH\r\n")}, FAIL(HOP_BAD, -1)),
    SOCKS5("none acceptable", {SAY("\5\377")}, FAIL(HOP_AUTH, -1)),
    LOGIN5("none acceptable, login", {SAY("\5\377")}, FAIL(HOP_AUTH, -1)),
    SOCKS5("password was not offered", {ASK_LOGIN}, FAIL(HOP_BAD, -1)),
    SOCKS5("GSSAPI was not offered", {SAY("\5\1")}, FAIL(HOP_BAD, -1)),
    LOGIN5("GSSAPI was not offered, login", {SAY("\5\1")}, FAIL(HOP_BAD, -1)),
    SOCKS5("method 254", {SAY("\5\376")}, FAIL(HOP_BAD, -1)),
    LOGIN5("method 3", {SAY("\5\3")}, FAIL(HOP_BAD, -1)),
    SOCKS5("choice and more", {SAY("\5\0x")}, EARLY(2)),
    SOCKS5("choice and reply at once", {SAY("\5\0\5\0\0" V4_REPLY "evil")},
	EARLY(2)),
    LOGIN5("choice and login's reply at once", {SAY("\5\2\1\0")}, EARLY(2)),
    SOCKS5("none acceptable, and more", {SAY("\5\377x")}, EARLY(2)),
    /* SOCKS5: the login. */
    LOGIN5("login wanted, then silence", {ASK_LOGIN}, MORE(HOP_CLOSED)),
    LOGIN5("half a login's reply", {ASK_LOGIN, SAY("\1")}, MORE(HOP_CLOSED)),
    LOGIN5("login, then silence", {ASK_LOGIN, SAY("\1\0")}, MORE(HOP_HUNG_UP)),
    LOGIN5("login refused", {ASK_LOGIN, SAY("\1\1")}, FAIL(HOP_AUTH, -1)),
    LOGIN5(
	"login refused by 255", {ASK_LOGIN, SAY("\1\377")}, FAIL(HOP_AUTH, -1)),
    LOGIN5("login refused in version 5", {ASK_LOGIN, SAY("\5\1")},
	FAIL(HOP_AUTH, -1)),
    LOGIN5("login in version 0", {ASK_LOGIN, SAY("\0\0")}, FAIL(HOP_BAD, -1)),
    LOGIN5("login in version 2", {ASK_LOGIN, SAY("\2\0")}, FAIL(HOP_BAD, -1)),
    LOGIN5("login and reply at once",
	{ASK_LOGIN, SAY("\1\0\5\0\0" V4_REPLY "evil")}, EARLY(4)),
    LOGIN5("login refused, and more", {ASK_LOGIN, SAY("\1\1x")}, EARLY(4)),
    LOGIN5("login taken", {ASK_LOGIN, SAY("\1\0"), REP("\0")}, DONE(0, "")),
    LOGIN5("login taken in version 5", {ASK_LOGIN, SAY("\5\0"), REP("\0")},
	DONE(0, "")),
    LOGIN5("login taken, refused", {ASK_LOGIN, SAY("\1\0"), REP("\5")},
	FAIL(REFUSED, 5)),
    LOGIN5("login not wanted", {NO_AUTH, REP("\0")}, DONE(0, "")),
    /* SOCKS5: the reply. */
    SOCKS5("granted", {NO_AUTH, REP("\0")}, DONE(0, "")),
    SOCKS5("granted, with payload",
	{NO_AUTH, SAY("\5\0\0" V4_REPLY "SSH-2.0-x\r\n")},
	DONE(0, "SSH-2.0-x\r\n")),
    SOCKS5("granted, payload like a reply",
	{NO_AUTH, SAY("\5\0\0" V4_REPLY "\5\5\1\1")}, DONE(0, "\5\5\1\1")),
    SOCKS5("bound to v6",
	{NO_AUTH, SAY("\5\0\0\4"
		      "0123456789abcdef"
		      "\1\2hi")},
	DONE(0, "hi")),
    SOCKS5("bound to a name", {NO_AUTH, SAY("\5\0\0\3\4name\1\2hi")},
	DONE(0, "hi")),
    SOCKS5("bound to a name of 0", {NO_AUTH, SAY("\5\0\0\3\0\1\2hi")},
	DONE(0, "hi")),
    SOCKS5("bound to a name of 255",
	{NO_AUTH, SAY("\5\0\0\3\377" S255 "\1\2hi")}, DONE(0, "hi")),
    SOCKS5("bound to a name with NUL and CR LF",
	{NO_AUTH, SAY("\5\0\0\3\4\0\r\n\0\1\2hi")}, DONE(0, "hi")),
    SOCKS5("RSV not 0", {NO_AUTH, SAY("\5\0\377" V4_REPLY)}, DONE(0, "")),
    SOCKS5("REP 1", {NO_AUTH, REP("\1")}, FAIL(HOP_FAILED, 1)),
    SOCKS5("REP 2", {NO_AUTH, REP("\2")}, FAIL(HOP_DENIED, 2)),
    SOCKS5("REP 3", {NO_AUTH, REP("\3")}, FAIL(NET_UNREACHABLE, 3)),
    SOCKS5("REP 4", {NO_AUTH, REP("\4")}, FAIL(HOST_UNREACHABLE, 4)),
    SOCKS5("REP 4 with a name (Dante)",
	{NO_AUTH, SAY("\5\4\0\3\13bad.example\0\0")},
	FAIL(HOST_UNREACHABLE, 4)),
    SOCKS5("REP 5", {NO_AUTH, REP("\5")}, FAIL(REFUSED, 5)),
    SOCKS5("REP 6", {NO_AUTH, REP("\6")}, FAIL(TIMEOUT, 6)),
    SOCKS5("REP 7", {NO_AUTH, REP("\7")}, FAIL(HOP_UNSUPPORTED, 7)),
    SOCKS5("REP 8", {NO_AUTH, REP("\10")}, FAIL(HOP_UNSUPPORTED, 8)),
    SOCKS5("REP 9", {NO_AUTH, REP("\11")}, FAIL(HOP_BAD, 9)),
    SOCKS5("REP 255", {NO_AUTH, REP("\377")}, FAIL(HOP_BAD, 255)),
    SOCKS5("REP 5 and more", {NO_AUTH, SAY("\5\5\0" V4_REPLY "evil")},
	FAIL(REFUSED, 5)),
    SOCKS5("reply of version 4", {NO_AUTH, SAY("\4\0\0" V4_REPLY)},
	FAIL(HOP_BAD, -1)),
    SOCKS5("reply of SOCKS4", {NO_AUTH, SAY("\0\132\0\0\0\0\0\0")},
	FAIL(HOP_BAD, -1)),
    SOCKS5("ATYP 0", {NO_AUTH, SAY("\5\0\0\0\0\0\0\0\0\0")}, FAIL(HOP_BAD, -1)),
    SOCKS5("ATYP 2", {NO_AUTH, SAY("\5\0\0\2\0\0\0\0\0\0")}, FAIL(HOP_BAD, -1)),
    SOCKS5("ATYP 5", {NO_AUTH, SAY("\5\0\0\5\0\0\0\0\0\0")}, FAIL(HOP_BAD, -1)),
    SOCKS5("ATYP 255", {NO_AUTH, SAY("\5\0\0\377\0\0\0\0\0\0")},
	FAIL(HOP_BAD, -1)),
    SOCKS5("end before REP", {NO_AUTH, SAY("\5")}, MORE(HOP_HUNG_UP)),
    SOCKS5("end before ATYP", {NO_AUTH, SAY("\5\0\0")}, MORE(HOP_HUNG_UP)),
    SOCKS5("end in the address", {NO_AUTH, SAY("\5\0\0\1\0\0")},
	MORE(HOP_HUNG_UP)),
    SOCKS5(
	"end in the name", {NO_AUTH, SAY("\5\0\0\3\5name")}, MORE(HOP_HUNG_UP)),
    SOCKS5("end in the port", {NO_AUTH, SAY("\5\0\0\1\0\0\0\0\0")},
	MORE(HOP_HUNG_UP)),
    SOCKS5("end before the name's length", {NO_AUTH, SAY("\5\0\0\3")},
	MORE(HOP_HUNG_UP)),
    SOCKS5("refusal cut short", {NO_AUTH, SAY("\5\5")}, MORE(HOP_HUNG_UP)),
    /* SOCKS4a. */
    SOCKS4("nothing", {SAY("")}, MORE(HOP_HUNG_UP)),
    SOCKS4("granted", {SAY("\0\132\0\0\0\0\0\0")}, DONE(0x5a, "")),
    SOCKS4("granted, with payload", {SAY("\0\132\1\2\3\4\5\6hello")},
	DONE(0x5a, "hello")),
    SOCKS4("granted, payload like a reply", {SAY("\0\132\1\2\3\4\5\6\5\133\1")},
	DONE(0x5a, "\5\133\1")),
    SOCKS4("rejected", {SAY("\0\133\0\0\0\0\0\0")}, FAIL(HOP_FAILED, 0x5b)),
    SOCKS4("no identd", {SAY("\0\134\0\0\0\0\0\0")}, FAIL(HOP_AUTH, 0x5c)),
    SOCKS4("other user", {SAY("\0\135\0\0\0\0\0\0")}, FAIL(HOP_AUTH, 0x5d)),
    SOCKS4("code 0x5e", {SAY("\0\136\0\0\0\0\0\0")}, FAIL(HOP_BAD, -1)),
    SOCKS4("code 0x59", {SAY("\0\131\0\0\0\0\0\0")}, FAIL(HOP_BAD, -1)),
    SOCKS4("code 0", {SAY("\0\0\0\0\0\0\0\0")}, FAIL(HOP_BAD, -1)),
    SOCKS4("version 4", {SAY("\4\132\0\0\0\0\0\0")}, FAIL(HOP_BAD, -1)),
    SOCKS4("SOCKS5", {SAY("\5\377")}, FAIL(HOP_BAD, -1)),
    SOCKS4("HTTP", {SAY("HTTP/1.0 400 No\r\n\r\n")}, FAIL(HOP_BAD, -1)),
    SOCKS4("end in the middle", {SAY("\0\132\0\0\0\0\0")}, MORE(HOP_HUNG_UP)),
    SOCKS4("rejected and more", {SAY("\0\133\0\0\0\0\0\0evil")},
	FAIL(HOP_FAILED, 0x5b)),
    /* HTTP. */
    HTTP("nothing", {SAY("")}, MORE(HOP_HUNG_UP)),
    HTTP("200", {SAY("HTTP/1.1 200 OK\r\n\r\n")}, DONE(200, "")),
    HTTP("200 of HTTP/1.0 (tinyproxy)",
	{SAY("HTTP/1.0 200 Connection established\r\nProxy-agent: t\r\n\r\n")},
	DONE(200, "")),
    HTTP("200 without a phrase", {SAY("HTTP/1.1 200 \r\n\r\n")}, DONE(200, "")),
    HTTP("204", {SAY("HTTP/1.1 204 No\r\n\r\n")}, DONE(204, "")),
    HTTP("299", {SAY("HTTP/1.1 299 Odd\r\n\r\n")}, DONE(299, "")),
    HTTP("200 with payload", {SAY("HTTP/1.1 200 OK\r\n\r\nSSH-2.0-x\r\n")},
	DONE(200, "SSH-2.0-x\r\n")),
    HTTP("200 with payload like a head",
	{SAY("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 404 No\r\n\r\n")},
	DONE(200, "HTTP/1.1 404 No\r\n\r\n")),
    HTTP("200 with a length",
	{SAY("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello, you")},
	DONE(200, "hello, you")),
    HTTP("200 in chunks",
	{SAY("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")},
	DONE(200, "0\r\n\r\n")),
    HTTP("100, then 200",
	{SAY("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhi")},
	DONE(200, "hi")),
    HTTP("six times 1xx, then 200",
	{SAY(CONTINUE CONTINUE CONTINUE CONTINUE CONTINUE CONTINUE
	    "HTTP/1.1 200 OK\r\n\r\n")},
	FAIL(HOP_BAD, -1)),
    HTTP("200 with a length and in chunks",
	{SAY("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
	     "Transfer-Encoding: chunked\r\n\r\nhi")},
	DONE(200, "hi")),
    HTTP("200 of HTTP/1.0 with a length",
	{SAY("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi")},
	DONE(200, "hi")),
    HTTP(
	"100 alone", {SAY("HTTP/1.1 100 Continue\r\n\r\n")}, MORE(HOP_HUNG_UP)),
    HTTP("101", {SAY("HTTP/1.1 101 Switching\r\n\r\n")}, FAIL(HOP_BAD, 101)),
    HTTP("302", {SAY("HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n")},
	FAIL(HOP_BAD, 302)),
    HTTP("400", {SAY("HTTP/1.1 400 Bad\r\n\r\n")}, FAIL(HOP_BAD, 400)),
    HTTP("403", {SAY("HTTP/1.1 403 Forbidden\r\n\r\n")}, FAIL(HOP_DENIED, 403)),
    HTTP("404", {SAY("HTTP/1.1 404 No\r\n\r\n")}, FAIL(HOP_BAD, 404)),
    HTTP("407",
	{SAY("HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=x\r\n\r\n")},
	FAIL(HOP_AUTH, 407)),
    HTTP("407, and again (a loop)",
	{SAY("HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"
	     "HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")},
	FAIL(HOP_AUTH, 407)),
    HTTP("407 between 1xx and 200",
	{SAY("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 407 No\r\n\r\n"
	     "HTTP/1.1 200 OK\r\n\r\nhi")},
	FAIL(HOP_AUTH, 407)),
    HTTP("403 with our login in it",
	{SAY("HTTP/1.1 403 No\r\nProxy-Authorization: Basic "
	     "ZnJlZDpzZWNyZXQ=\r\n\r\nfred:secret")},
	FAIL(HOP_DENIED, 403)),
    HTTP("407 with a page",
	{SAY("HTTP/1.1 407 No\r\nContent-Length: 4\r\n\r\npage")},
	FAIL(HOP_AUTH, 407)),
    HTTP("500", {SAY("HTTP/1.1 500 Oops\r\n\r\n")}, FAIL(HOP_FAILED, 500)),
    HTTP("502", {SAY("HTTP/1.1 502 Bad\r\n\r\n")}, FAIL(HOP_FAILED, 502)),
    HTTP("503", {SAY("HTTP/1.1 503 Busy\r\n\r\n")}, FAIL(HOP_FAILED, 503)),
    HTTP("504", {SAY("HTTP/1.1 504 Slow\r\n\r\n")}, FAIL(TIMEOUT, 504)),
    HTTP("599", {SAY("HTTP/1.1 599 Odd\r\n\r\n")}, FAIL(HOP_FAILED, 599)),
    HTTP("no final CR LF", {SAY("HTTP/1.1 200 OK\r\n")}, MORE(HOP_HUNG_UP)),
    HTTP("end in the status", {SAY("HTTP/1.1 20")}, MORE(HOP_HUNG_UP)),
    HTTP("bytes before the status", {SAY("\r\nHTTP/1.1 200 OK\r\n\r\n")},
	FAIL(HOP_BAD, -1)),
    HTTP("SOCKS5", {SAY("\5\377")}, FAIL(HOP_BAD, -1)),
    HTTP("SSH", {SAY("SSH-2.0-x\r\n")}, FAIL(HOP_BAD, -1)),
    HTTP("HTTP/2", {SAY("HTTP/2 200 OK\r\n\r\n")}, FAIL(HOP_BAD, -1)),
    HTTP("status 99", {SAY("HTTP/1.1 099 No\r\n\r\n")}, FAIL(HOP_BAD, -1)),
    HTTP("status 1000", {SAY("HTTP/1.1 1000 No\r\n\r\n")}, FAIL(HOP_BAD, -1)),
    HTTP("status +200", {SAY("HTTP/1.1 +200 OK\r\n\r\n")}, FAIL(HOP_BAD, -1)),
    HTTP("bare LF", {SAY("HTTP/1.1 200 OK\nA: b\n\n")}, FAIL(HOP_BAD, -1)),
    HTTP("no colon", {SAY("HTTP/1.1 200 OK\r\nrubbish\r\n\r\n")},
	FAIL(HOP_BAD, -1)),
    HTTP("NUL in a field", {SAY("HTTP/1.1 200 OK\r\nA: \0\r\n\r\n")},
	FAIL(HOP_BAD, -1)),
};

static const struct wire_host destination = {.kind = WIRE_HOST_NAME,
    .port = 443,
    .name = "www.example"};

/* The owner: what it has received and not been relieved of. */
struct owner {
	struct hop hop;
	enum hop_step step;
	char buf[4096];
	size_t len;
	size_t sent_n;
};

/* As hop_feed(), but from an allocation of exactly the length. */
static enum hop_step
feed_copy(struct owner *o, size_t *used)
{
	uint8_t *copy = malloc(o->len > 0 ? o->len : 1);
	enum hop_step step;

	memcpy(copy, o->buf, o->len);
	step = hop_feed(&o->hop, copy, o->len, used);
	memset(copy, 0xee, o->len);
	free(copy);
	return step;
}

/* A segment arrives.  What the hop wants sent is taken as sent at once. */
static void
owner_receive(struct owner *o, const char *in, size_t len)
{
	size_t used;

	memcpy(o->buf + o->len, in, len);
	o->len += len;
	do {
		o->step = feed_copy(o, &used);
		o->len -= used;
		memmove(o->buf, o->buf + used, o->len);
		if (o->step == HOP_SEND)
			o->sent_n++;
	} while (o->step == HOP_SEND && o->len > 0);
	if (o->step == HOP_SEND)
		o->step = HOP_MORE;
}

/*
 * Play a script with segments that end before the bytes at cut and at its
 * messages' ends; cut 0: nowhere else; bytewise: everywhere.
 */
static void
play(const struct script *s, size_t cut, bool bytewise, struct owner *o)
{
	size_t i, from, n, at = 0;

	memset(o, 0, sizeof(*o));
	o->step = hop_start(&o->hop, s->type, &destination, s->user, "secret");
	CHECK(o->step == HOP_SEND, "%s: start: %d", s->name, (int)o->step);
	o->sent_n = 1;
	o->step = HOP_MORE;
	for (i = 0; i < SAYS_MAX && s->says[i].in != NULL; i++) {
		if (o->step == HOP_MORE && o->sent_n <= i)
			return;
		for (from = 0; from < s->says[i].len; from += n, at += n) {
			n = s->says[i].len - from;
			if (bytewise)
				n = 1;
			else if (cut > at && cut - at < n)
				n = cut - at;
			if (o->step == HOP_FAIL)
				return;
			/* The tunnel's, no longer the hop's. */
			if (o->step == HOP_DONE) {
				memcpy(
				    o->buf + o->len, s->says[i].in + from, n);
				o->len += n;
				continue;
			}
			owner_receive(o, s->says[i].in + from, n);
		}
	}
}

static void
check_end(const struct script *s, struct owner *o, size_t cut)
{
	enum hop_state state = o->hop.state;
	size_t used = 1;

	CHECK(o->step == s->want, "%s, cut at %zu: step %d, not %d", s->name,
	    cut, (int)o->step, (int)s->want);
	CHECK(o->hop.code == s->code, "%s, cut at %zu: code %d, not %d",
	    s->name, cut, o->hop.code, s->code);
	if (s->want == HOP_MORE) {
		CHECK(hop_closed(&o->hop) == s->reason, "%s: closed: %s",
		    s->name, wire_reason_word(hop_closed(&o->hop)));
		CHECK(hop_timeout(&o->hop) == (s->reason == REASON_HOP_CLOSED
						      ? REASON_HOP_TIMEOUT
						      : REASON_HOP_SILENT),
		    "%s: timeout: %s", s->name,
		    wire_reason_word(hop_timeout(&o->hop)));
		return;
	}
	CHECK(state == HOP_END, "%s: state %d", s->name, (int)state);
	CHECK(o->hop.reason == s->reason, "%s, cut at %zu: %s, not %s", s->name,
	    cut, wire_reason_word(o->hop.reason), wire_reason_word(s->reason));
	if (s->want == HOP_DONE)
		CHECK(o->len == strlen(s->payload) &&
			  memcmp(o->buf, s->payload, o->len) == 0,
		    "%s, cut at %zu: payload \"%.*s\"", s->name, cut,
		    (int)o->len, o->buf);
	/* The end stays the end. */
	o->step = hop_feed(&o->hop, (const uint8_t *)"\5\0", 2, &used);
	CHECK(
	    o->step == s->want && used == 0, "%s: fed after the end", s->name);
	CHECK(o->hop.out_len == 0, "%s: something to send at the end", s->name);
}

static void
plays_scripts(void)
{
	const struct script *s;
	struct owner o;
	size_t i, j, cut, len;

	for (i = 0; i < sizeof(scripts) / sizeof(*scripts); i++) {
		s = &scripts[i];
		for (j = 0, len = 0; j < SAYS_MAX; j++)
			len += s->says[j].len;
		for (cut = 0; cut < len; cut++) {
			if (cut > 0 && cut == s->early_at)
				continue;
			play(s, cut, false, &o);
			check_end(s, &o, cut);
		}
		if (s->early_at == 0) {
			play(s, 0, true, &o);
			check_end(s, &o, 9999);
		}
	}
}

/* REP 9 to 255, none of which says anything, with a cut at every byte and a
 * payload that is none behind it. */
static void
knows_no_other_rep(void)
{
	static char in[] = "\5?\0" V4_REPLY "evil";
	struct script s = SOCKS5(
	    "REP 9 to 255", {NO_AUTH, {in, sizeof(in) - 1}}, FAIL(HOP_BAD, 9));
	struct owner o;
	size_t cut;

	for (; s.code < 256; s.code++) {
		in[1] = (char)s.code;
		for (cut = 0; cut < 2 + sizeof(in) - 1; cut++) {
			play(&s, cut, false, &o);
			check_end(&s, &o, cut);
		}
		play(&s, 0, true, &o);
		check_end(&s, &o, 9999);
	}
}

/* Every proper prefix of a script that succeeds asks for more. */
static void
waits_for_the_end(void)
{
	const struct script *s;
	struct script cut;
	struct owner o;
	size_t i, last, head;

	for (i = 0; i < sizeof(scripts) / sizeof(*scripts); i++) {
		s = &scripts[i];
		if (s->want != HOP_DONE)
			continue;
		for (last = 0;
		     last + 1 < SAYS_MAX && s->says[last + 1].in != NULL;
		     last++)
			continue;
		head = s->says[last].len - strlen(s->payload);
		cut = *s;
		for (cut.says[last].len = 0; cut.says[last].len < head;
		     cut.says[last].len++) {
			play(&cut, 0, false, &o);
			CHECK(o.step == HOP_MORE, "%s: done after %zu of %zu",
			    s->name, cut.says[last].len, head);
		}
	}
}

static const struct unit_case cases[] = {
    {"plays scripts", plays_scripts},
    {"knows no other REP", knows_no_other_rep},
    {"waits for the end", waits_for_the_end},
};

UNIT_MAIN("hop_replies", cases)
