/* Clients that misbehave at the daemon's port: each gets its protocol's error
 * and a close, within the deadline, and hurts nobody else. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integ/rig_agent.h"

#define ANSWER_MAX 16384
#define BIG	   65536

/* What comes back for some bytes, up to the close. */
struct talk {
	enum rig_fail end; /* RIG_OK: closed */
	size_t len;
	int64_t ms;
	char text[ANSWER_MAX + 1];
};

enum feed {
	FEED_WHOLE,
	FEED_BYTES, /* one byte a segment */
	FEED_TRAIL, /* whole, and 1000 bytes of rubbish behind */
	FEEDS
};
static const char *const feed_words[FEEDS] = {
    "whole", "byte by byte", "with trailing bytes"};

struct input {
	const char *what;
	const char *bytes;
	size_t len;
	const char *want; /* the answer's first bytes; "" for none */
	size_t want_len;
	const char *also; /* text in the answer, or NULL */
};

#define B(s) s, sizeof(s) - 1
static const struct input inputs[] = {
    {"TLS at the port", B("\x16\x03\x01\x02\0\x01\0\x01\xfc"), B(""), NULL},
    {"version 6", B("\x06\x01\0"), B(""), NULL},
    {"a NUL", B("\0"), B(""), NULL},
    {"SOCKS4 BIND", B("\4\2\0\x50\x7f\0\0\1u\0"), B("\0\x5b"), NULL},
    {"SOCKS4 command 9", B("\4\x09\0\x50\x7f\0\0\1\0"), B("\0\x5b"), NULL},
    {"SOCKS4 port 0", B("\4\1\0\0\x7f\0\0\1\0"), B("\0\x5b"), NULL},
    {"SOCKS4a without a name", B("\4\1\0\x50\0\0\0\1\0\0"), B("\0\x5b"), NULL},
    {"SOCKS4a with CR in the name", B("\4\1\0\x50\0\0\0\1\0a\rb\0"),
	B("\0\x5b"), NULL},
    {"SOCKS5 with no method", B("\5\0"), B("\5\xff"), NULL},
    {"SOCKS5 with GSSAPI only", B("\5\1\1"), B("\5\xff"), NULL},
    {"SOCKS5 BIND", B("\5\1\0\5\2\0\1\x7f\0\0\1\0\x50"), B("\5\0\5\7"), NULL},
    {"SOCKS5 UDP ASSOCIATE", B("\5\1\0\5\3\0\1\0\0\0\0\0\0"), B("\5\0\5\7"),
	NULL},
    {"SOCKS5 ATYP 2", B("\5\1\0\5\1\0\2\x7f\0\0\1\0\x50"), B("\5\0\5\x08"),
	NULL},
    {"SOCKS5 ATYP 0", B("\5\1\0\5\1\0\0\x7f\0\0\1\0\x50"), B("\5\0\5\x08"),
	NULL},
    {"SOCKS5 empty name", B("\5\1\0\5\1\0\3\0\0\x50"), B("\5\0\5"), NULL},
    {"SOCKS5 CR LF in the name", B("\5\1\0\5\1\0\3\4a\r\nb\0\x50"), B("\5\0\5"),
	NULL},
    {"SOCKS5 request of version 4", B("\5\1\0\4\1\0\1\x7f\0\0\1\0\x50"),
	B("\5\0"), NULL},
    {"HTTP without a method", B(" / HTTP/1.1\r\n\r\n"), B(""), NULL},
    {"HTTP bare LF", B("CONNECT a.test:80 HTTP/1.1\nHost: a.test:80\n\n"),
	B("HTTP/1.1 400 "), NULL},
    {"HTTP/0.9", B("GET /\r\n\r\n"), B("HTTP/1.1 "), NULL},
    {"HTTP/2 preface", B("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), B("HTTP/1.1 "),
	NULL},
    {"CONNECT without a port",
	B("CONNECT a.test HTTP/1.1\r\nHost: a.test\r\n\r\n"),
	B("HTTP/1.1 400 "), NULL},
    {"CONNECT to port 65536",
	B("CONNECT a.test:65536 HTTP/1.1\r\nHost: a.test:65536\r\n\r\n"),
	B("HTTP/1.1 400 "), NULL},
    {"CONNECT with userinfo",
	B("CONNECT u@a.test:80 HTTP/1.1\r\nHost: a.test:80\r\n\r\n"),
	B("HTTP/1.1 400 "), NULL},
    {"CONNECT with another Host",
	B("CONNECT a.test:80 HTTP/1.1\r\nHost: b.test:80\r\n\r\n"),
	B("HTTP/1.1 400 "), NULL},
    {"CONNECT v6 without brackets",
	B("CONNECT ::1:80 HTTP/1.1\r\nHost: x\r\n\r\n"), B("HTTP/1.1 400 "),
	NULL},
    {"space before a colon",
	B("CONNECT a.test:80 HTTP/1.1\r\nHost : a.test:80\r\n\r\n"),
	B("HTTP/1.1 400 "), NULL},
    {"obs-fold",
	B("CONNECT a.test:80 HTTP/1.1\r\nHost: a.test:80\r\nX: a\r\n b\r\n\r\n"),
	B("HTTP/1.1 400 "), NULL},
    {"CL with TE",
	B("CONNECT a.test:80 HTTP/1.1\r\nHost: a.test:80\r\n"
	  "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"),
	B("HTTP/1.1 400 "), NULL},
    {"GET from a browser", B("GET /x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
	B("HTTP/1.1 "), "This is cagent, a proxy"},
    {"POST from a page",
	B("POST /x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n"),
	B("HTTP/1.1 "), "This is cagent, a proxy"},
    {"https through a proxy, in the clear",
	B("GET https://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n"),
	B("HTTP/1.1 501 "), "cagent: "},
    {"ftp through a proxy",
	B("GET ftp://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n"), B("HTTP/1.1 "),
	"cagent: "},
};
#define INPUTS (sizeof(inputs) / sizeof(*inputs))

static void
start(struct rig_agent *a)
{
	rig_agent_init(a, "agent");
	rig_agent_direct(a);
	/* What is not served is refused like what there is not. */
	rig_agent_key(a, "udp = no");
	rig_agent_key(a, "bind = no");
	rig_agent_start(a);
}

/* It may answer and close before all has been sent: that is no failure. */
static void
feed(struct rig_conn *c, const char *bytes, size_t len, enum feed how)
{
	static const char trail[1000] = "\5\1\0 rubbish";
	size_t i;

	if (how != FEED_BYTES) {
		rig_send(c, bytes, len);
		if (how == FEED_TRAIL)
			rig_send(c, trail, sizeof(trail));
		return;
	}
	for (i = 0; i < len; i++) {
		if (rig_send(c, bytes + i, 1) != RIG_OK)
			return;
		rig_pause(rig_now_ms() + 1);
	}
}

static void
talk(
    struct talk *t, uint16_t port, const char *bytes, size_t len, enum feed how)
{
	int64_t begun = rig_now_ms();
	struct rig_conn c;

	memset(t, 0, sizeof(*t));
	t->end = rig_open(&c, "127.0.0.1", port, 5000);
	REQUIRE(t->end == RIG_OK, "connect: %s", c.text);
	feed(&c, bytes, len, how);
	t->end = rig_recv_all(&c, t->text, ANSWER_MAX, &t->len);
	t->ms = rig_now_ms() - begun;
	rig_conn_close(&c);
}

/* A reset after the answer is what a close before reading everything looks
 * like; before the answer it would have cost the client the reason. */
static void
check_input(const struct rig_agent *a, const struct input *in, enum feed how)
{
	static struct talk t;

	talk(&t, a->port, in->bytes, in->len, how);
	CHECK(t.end == RIG_OK || t.end == RIG_FAIL_RESET, "%s, %s: %s",
	    in->what, feed_words[how], rig_fail_word(t.end));
	CHECK(t.len >= in->want_len &&
		  memcmp(t.text, in->want, in->want_len) == 0,
	    "%s, %s: answer of %zu bytes \"%.40s\" (%02x %02x %02x %02x)",
	    in->what, feed_words[how], t.len, t.text, (uint8_t)t.text[0],
	    (uint8_t)t.text[1], (uint8_t)t.text[2], (uint8_t)t.text[3]);
	CHECK(in->want_len != 0 || t.len == 0,
	    "%s, %s: %zu bytes where none were due", in->what, feed_words[how],
	    t.len);
	CHECK(in->also == NULL || strstr(t.text, in->also) != NULL,
	    "%s, %s: no \"%s\" in \"%s\"", in->what, feed_words[how],
	    in->also != NULL ? in->also : "", t.text);
	CHECK(strncmp(t.text, "HTTP/1.1 2", 10) != 0, "%s, %s: a success",
	    in->what, feed_words[how]);
	CHECK(t.ms < 3000, "%s, %s: took %lld ms", in->what, feed_words[how],
	    (long long)t.ms);
}

static void
t_malformed(void)
{
	struct rig_agent a;
	size_t i;
	int how;

	start(&a);
	for (i = 0; i < INPUTS; i++) {
		for (how = 0; how < FEEDS; how++)
			check_input(&a, &inputs[i], (enum feed)how);
	}
	rig_agent_stop(&a);
}

/* A prefix, a filler repeated for 64 KiB, and what the answer begins with. */
static void
over_long(const struct rig_agent *a, const char *what, const char *prefix,
    size_t prefix_len, const char *filler)
{
	static char bytes[BIG];
	static struct talk t;
	size_t unit = strlen(filler), at;

	memcpy(bytes, prefix, prefix_len);
	for (at = prefix_len; at + unit <= BIG; at += unit)
		memcpy(bytes + at, filler, unit);
	talk(&t, a->port, bytes, at, FEED_WHOLE);
	rig_note("%s: %zu bytes back \"%.30s\", %s after %lld ms", what, t.len,
	    prefix[0] == 4 ? "" : t.text, rig_fail_word(t.end),
	    (long long)t.ms);
	CHECK(t.end == RIG_OK || t.end == RIG_FAIL_RESET, "%s: %s", what,
	    rig_fail_word(t.end));
	CHECK(t.ms < 3000, "%s: took %lld ms", what, (long long)t.ms);
	if (prefix[0] == 4) {
		CHECK(t.len == 8 && t.text[1] == 0x5b, "%s: no SOCKS4 answer",
		    what);
	} else {
		CHECK(strncmp(t.text, "HTTP/1.1 4", 10) == 0, "%s: \"%.40s\"",
		    what, t.text);
	}
}

static void
t_over_long(void)
{
	static const char head[] =
	    "CONNECT a.test:80 HTTP/1.1\r\nHost: a.test:80\r\n";
	static const char name[] = "\4\1\0\x50\0\0\0\1u\0";
	struct rig_agent a;

	start(&a);
	over_long(&a, "SOCKS4 USERID", "\4\1\0\x50\x7f\0\0\1", 8, "u");
	over_long(&a, "SOCKS4a name", name, sizeof(name) - 1, "n");
	over_long(&a, "request line", "GET /", 5, "a");
	over_long(&a, "method", "A", 1, "A");
	over_long(&a, "one header", head, sizeof(head) - 1, "X");
	over_long(&a, "many headers", head, sizeof(head) - 1, "X: y\r\n");
	rig_agent_stop(&a);
}

#define SLOW_N	     6
#define HANDSHAKE_MS 10000

/* Slow ones, one byte every 500 ms, all at once: the default deadline counts
 * from the connect and is not moved by a byte. */
static void
t_slow(void)
{
	static const struct {
		const char *what;
		const char *bytes;
		size_t len;
	} slow[SLOW_N] = {
	    {"silent", B("")},
	    {"SOCKS4", B("\4\1\0\x50\x7f\0\0\1uuuuuuuuuuuuuuuuuuuuuuuuuuuuuu")},
	    {"SOCKS5 methods",
		B("\5\xff\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1"
		  "\1\1\1\1\1\1\1\1")},
	    {"SOCKS5 request", B("\5\1\0\5\1\0\3\xff"
				 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")},
	    {"HTTP", B("CONNECT a.test:80 HTTP/1.1\r\nHost: a.test:80\r\n")},
	    {"HTTP GET", B("GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")},
	};
	struct rig_conn c[SLOW_N];
	int64_t begun, ended[SLOW_N] = {0};
	struct rig_agent a;
	size_t i, at, over = 0;
	char byte;

	start(&a);
	begun = rig_now_ms();
	for (i = 0; i < SLOW_N; i++) {
		REQUIRE(rig_open(&c[i], "127.0.0.1", a.port, 5000) == RIG_OK,
		    "%s", c[i].text);
	}
	for (at = 0; over < SLOW_N && rig_now_ms() < begun + 15000; at++) {
		for (i = 0; i < SLOW_N; i++) {
			if (ended[i] != 0)
				continue;
			if (at < slow[i].len)
				rig_send(&c[i], slow[i].bytes + at, 1);
			rig_conn_renew(&c[i], 500 / SLOW_N);
			/* An answer to the greeting is not the end. */
			while (ended[i] == 0 &&
			       rig_left_ms(c[i].deadline_ms) > 0) {
				enum rig_fail f = rig_recv(&c[i], &byte, 1);

				if (f != RIG_OK && f != RIG_FAIL_TIMEOUT) {
					ended[i] = rig_now_ms() - begun;
					over++;
				}
			}
		}
	}
	for (i = 0; i < SLOW_N; i++) {
		CHECK(ended[i] > HANDSHAKE_MS - 1500 &&
			  ended[i] < HANDSHAKE_MS + 2000,
		    "%s: closed after %lld ms", slow[i].what,
		    (long long)ended[i]);
		rig_conn_close(&c[i]);
	}
	rig_agent_stop(&a);
}

static const struct rig_case cases[] = {
    {"malformed", t_malformed, 90, 0},
    {"over-long", t_over_long, 60, 0},
    {"slow", t_slow, 60, 0},
};

RIG_MAIN("badinput", cases, NULL)
