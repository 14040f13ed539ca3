/* SOCKS5 and its login: every prefix, round trips, limits, hostile bytes. */
#include "wire/socks5.h"

#include <string.h>

#include "tests/unit/codec.h"

#define S50	 "01234567890123456789012345678901234567890123456789"
#define S60	 S50 "abcdefghij"
#define S63	 S60 "xyz"
#define S250	 S50 S50 S50 S50 S50
#define S255	 S250 "12345"
#define NAME_253 S63 "." S63 "." S63 "." S60 "x"

/* CONNECT to a name, whose length and bytes follow, then PORT. */
#define TO_NAME "\5\1\0\3"
#define PORT	"\0\120"
#define IP6	"\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1"	 /* 2001:db8::1 */
#define LOOP6	"\0\0\0\0\0\0\0\0\0\0\377\377\177\0\0\1" /* mapped */

static int
decode_greeting(const uint8_t *in, size_t len, void *out)
{
	return socks5_greeting_decode(in, len, out);
}

static int
decode_choice(const uint8_t *in, size_t len, void *out)
{
	return socks5_choice_decode(in, len, out);
}

static int
decode_login(const uint8_t *in, size_t len, void *out)
{
	return socks5_login_decode(in, len, out);
}

static int
decode_login_reply(const uint8_t *in, size_t len, void *out)
{
	return socks5_login_reply_decode(in, len, out);
}

static int
decode_request(const uint8_t *in, size_t len, void *out)
{
	uint8_t rep;

	return socks5_request_decode(in, len, out, &rep);
}

static int
decode_reply(const uint8_t *in, size_t len, void *out)
{
	return socks5_reply_decode(in, len, out);
}

static void
decodes_greetings(void)
{
	static const struct codec_case cases[] = {
	    CODEC_GOOD("no method", "\5\0"),
	    CODEC_GOOD("no-auth", "\5\1\0"),
	    CODEC_GOOD("both", "\5\2\0\2"),
	    CODEC_GOOD("only methods we lack", "\5\3\1\3\377"),
	    CODEC_GOOD("255 methods", "\5\377" S255),
	    CODEC_BAD("version 0", "\0"),
	    CODEC_BAD("version 4", "\4"),
	    CODEC_BAD("version 6", "\6"),
	    CODEC_BAD("a login unasked", "\1"),
	    CODEC_BAD("HTTP", "C"),
	};

	CODEC_CHECK_ALL(decode_greeting, cases);
}

static void
knows_what_is_offered(void)
{
	struct socks5_greeting g;
	uint8_t out[SOCKS5_GREETING_MAX];
	int i, rc;

	CHECK_INT(
	    socks5_greeting_decode((const uint8_t *)"\5\0\0\2", 4, &g), 2);
	CHECK_INT(g.methods_n, 0);
	for (i = 0; i < 256; i++)
		CHECK(!socks5_greeting_offers(&g, (uint8_t)i), "%d of 0", i);
	out[0] = 5;
	out[1] = 255;
	for (i = 0; i < 255; i++)
		out[2 + i] = (uint8_t)i;
	CHECK_INT(socks5_greeting_decode(out, sizeof(out), &g), 257);
	for (i = 0; i < 256; i++)
		CHECK(socks5_greeting_offers(&g, (uint8_t)i) == (i != 255),
		    "%d of 255", i);
	rc = socks5_greeting_encode(false, out, 3);
	CHECK(rc == 3 && memcmp(out, "\5\1\0", 3) == 0, "no-auth: %d", rc);
	CHECK_INT(socks5_greeting_decode(out, 3, &g), 3);
	CHECK(socks5_greeting_offers(&g, SOCKS5_METHOD_NONE), "no-auth");
	CHECK(!socks5_greeting_offers(&g, SOCKS5_METHOD_PASSWORD), "password");
	rc = socks5_greeting_encode(true, out, 4);
	CHECK(rc == 4 && memcmp(out, "\5\2\0\2", 4) == 0, "login: %d", rc);
	CHECK_INT(socks5_greeting_encode(false, out, 2), WIRE_BAD);
	CHECK_INT(socks5_greeting_encode(true, out, 3), WIRE_BAD);
}

static void
choices(void)
{
	static const struct codec_case cases[] = {
	    CODEC_GOOD("no-auth", "\5\0"),
	    CODEC_GOOD("password", "\5\2"),
	    CODEC_GOOD("a method nobody knows", "\5\200"),
	    CODEC_GOOD("none acceptable", "\5\377"),
	    CODEC_BAD("version 0", "\0"),
	    CODEC_BAD("version 1", "\1"),
	    CODEC_BAD("version 4", "\4"),
	    CODEC_BAD("HTTP", "H"),
	};
	uint8_t out[2], got;
	int i;

	CODEC_CHECK_ALL(decode_choice, cases);
	for (i = 0; i < 256; i++) {
		CHECK_INT(socks5_choice_encode((uint8_t)i, out), 2);
		CHECK_INT(out[0], 5);
		got = (uint8_t)~i;
		CHECK_INT(socks5_choice_decode(out, 2, &got), 2);
		CHECK_INT(got, i);
	}
}

static void
decodes_logins(void)
{
	static const struct codec_case cases[] = {
	    CODEC_GOOD("usual", "\1\4fred\6secret"),
	    CODEC_GOOD("empty both", "\1\0\0"),
	    CODEC_GOOD("empty name", "\1\0\1x"),
	    CODEC_GOOD("empty password", "\1\1x\0"),
	    CODEC_GOOD("both 255", "\1\377" S255 "\377" S255),
	    CODEC_GOOD("NUL in both", "\1\3a\0b\3\0c\0"),
	    CODEC_GOOD("CR LF : in both", "\1\3\r\n:\3:\r\n"),
	    CODEC_BAD("version 0", "\0"),
	    CODEC_BAD("version 2", "\2"),
	    CODEC_BAD("a second greeting", "\5"),
	};

	CODEC_CHECK_ALL(decode_login, cases);
}

static void
check_login(const char *user, size_t user_len, const char *pw, size_t pw_len)
{
	struct socks5_login l = {
	    .user_len = (uint8_t)user_len, .password_len = (uint8_t)pw_len};
	struct socks5_login back;
	uint8_t out[SOCKS5_LOGIN_MAX];
	size_t len = 3 + user_len + pw_len, cap;

	memcpy(l.user, user, user_len);
	memcpy(l.password, pw, pw_len);
	for (cap = 0; cap < len; cap++)
		CHECK_INT(socks5_login_encode(&l, out, cap), WIRE_BAD);
	CHECK_INT(socks5_login_encode(&l, out, len), len);
	memset(&back, 0xff, sizeof(back));
	CHECK_INT(socks5_login_decode(out, len, &back), len);
	CHECK(memcmp(&back, &l, sizeof(l)) == 0, "another login came back");
	CHECK_INT(back.user[user_len], 0);
	CHECK_INT(back.password[pw_len], 0);
}

static void
logins_round_trip(void)
{
	struct socks5_login l = {
	    .user_len = 1, .password_len = 2, .user = "u", .password = "pw"};
	uint8_t out[16];
	int rc;

	check_login("", 0, "", 0);
	check_login("fred", 4, "secret", 6);
	check_login("a\0b", 3, "\0", 1);
	check_login(S255, 255, S255, 255);
	check_login(S255, 254, "", 0);
	rc = socks5_login_encode(&l, out, sizeof(out));
	CHECK(rc == 6 && memcmp(out, "\1\1u\2pw", 6) == 0, "bytes: %d", rc);
}

static void
login_replies(void)
{
	static const struct codec_case cases[] = {
	    CODEC_GOOD("ok", "\1\0"),
	    CODEC_GOOD("ok, of an old server", "\5\0"),
	    CODEC_BAD("version 0", "\0"),
	    CODEC_BAD("version 2", "\2"),
	    CODEC_BAD("version 4", "\4"),
	};
	uint8_t out[2];
	bool ok;
	int i;

	CODEC_CHECK_ALL(decode_login_reply, cases);
	for (i = 0; i < 256; i++) {
		out[0] = 1;
		out[1] = (uint8_t)i;
		ok = i != 0;
		CHECK_INT(socks5_login_reply_decode(out, 2, &ok), 2);
		CHECK_INT(ok, i == 0);
		CHECK_INT(socks5_login_reply_decode(out, 1, &ok), WIRE_MORE);
	}
	CHECK_INT(socks5_login_reply_encode(true, out), 2);
	CHECK(memcmp(out, "\1\0", 2) == 0, "ok: other bytes");
	CHECK_INT(socks5_login_reply_encode(false, out), 2);
	CHECK(memcmp(out, "\1\1", 2) == 0, "refused: other bytes");
}

static const struct codec_case good[] = {
    CODEC_GOOD("v4", "\5\1\0\1\300\0\2\1" PORT),
    CODEC_GOOD("v6", "\5\1\0\4" IP6 PORT),
    CODEC_GOOD("v6 that is a v4", "\5\1\0\4" LOOP6 PORT),
    CODEC_GOOD("name", TO_NAME "\13"
			       "example.com" PORT),
    CODEC_GOOD("name of 1", TO_NAME "\1a" PORT),
    CODEC_GOOD("name with the root dot", TO_NAME "\14"
						 "example.com." PORT),
    CODEC_GOOD("name of 253", TO_NAME "\375" NAME_253 PORT),
    CODEC_GOOD("name of 253 and dot", TO_NAME "\376" NAME_253 "." PORT),
    CODEC_GOOD("v4 literal", TO_NAME "\11"
				     "192.0.2.1" PORT),
    CODEC_GOOD("v6 literal", TO_NAME "\003::1" PORT),
    CODEC_GOOD("v6 literal in brackets", TO_NAME "\5[::1]" PORT),
    CODEC_GOOD("port 1", "\5\1\0\1\300\0\2\1\0\1"),
    CODEC_GOOD("port 65535", "\5\1\0\1\300\0\2\1\377\377"),
    CODEC_GOOD("BIND", "\5\2\0\1\300\0\2\1" PORT),
    CODEC_GOOD("UDP to nowhere", "\5\3\0\1\0\0\0\0\0\0"),
    CODEC_GOOD("no such command", "\5\377\0\1\0\0\0\0\0\0"),
    CODEC_GOOD("command 0", "\5\0\0\1\300\0\2\1" PORT),
};

static const struct codec_case bad[] = {
    CODEC_BAD("version 0", "\0"),
    CODEC_BAD("version 1", "\1"),
    CODEC_BAD("version 4", "\4"),
    CODEC_BAD("RSV 1", "\5\1\1"),
    CODEC_BAD("RSV 255", "\5\1\377"),
    CODEC_BAD("port 0, v4", "\5\1\0\1\300\0\2\1\0\0"),
    CODEC_BAD("port 0, v6", "\5\1\0\4" IP6 "\0\0"),
    CODEC_BAD("port 0, name", TO_NAME "\1a\0\0"),
};

/* The same, for which the client is told that the address is at fault. */
static const struct codec_case bad_address[] = {
    CODEC_BAD("ATYP 0", "\5\1\0\0"),
    CODEC_BAD("ATYP 2", "\5\1\0\2"),
    CODEC_BAD("ATYP 5", "\5\1\0\5"),
    CODEC_BAD("ATYP 255", "\5\1\0\377"),
    CODEC_BAD("name of 0", TO_NAME "\0"),
    CODEC_BAD("name of 255", TO_NAME "\377" S255),
    CODEC_BAD("labels of 255", TO_NAME "\377" NAME_253 "x."),
    CODEC_BAD("name of 254", TO_NAME "\376" NAME_253 "x"),
    CODEC_BAD("root", TO_NAME "\1."),
    CODEC_BAD("two dots at the end", TO_NAME "\3a.."),
    CODEC_BAD("NUL", TO_NAME "\3a\0b"),
    CODEC_BAD("NUL at the end", TO_NAME "\2a\0"),
    CODEC_BAD("NUL first", TO_NAME "\2\0a"),
    CODEC_BAD("NUL in a literal", TO_NAME "\012127.0.0.1\0"),
    CODEC_BAD("CR", TO_NAME "\3a\rb"),
    CODEC_BAD("LF", TO_NAME "\3a\nb"),
    CODEC_BAD("@", TO_NAME "\3a@b"),
    CODEC_BAD("/", TO_NAME "\3a/b"),
    CODEC_BAD("#", TO_NAME "\3a#b"),
    CODEC_BAD("%", TO_NAME "\3a%b"),
    CODEC_BAD("?", TO_NAME "\3a?b"),
    CODEC_BAD("a port", TO_NAME "\4a:80"),
    CODEC_BAD("space", TO_NAME "\3a b"),
    CODEC_BAD("high bytes", TO_NAME "\3a\xc3\xbc"),
    CODEC_BAD("127.1", TO_NAME "\005127.1"),
    CODEC_BAD("127.0.0.1.", TO_NAME "\012127.0.0.1."),
    CODEC_BAD("hex", TO_NAME "\0120x7f000001"),
    CODEC_BAD("hex with dots", TO_NAME "\0060x7f.1"),
    CODEC_BAD("number", TO_NAME "\0122130706433"),
    CODEC_BAD("octal", TO_NAME "\0120177.0.0.1"),
    CODEC_BAD("zone", TO_NAME "\012fe80::1%lo"),
};

static void
decodes_requests(void)
{
	CODEC_CHECK_ALL(decode_request, good);
	CODEC_CHECK_ALL(decode_request, bad);
	CODEC_CHECK_ALL(decode_request, bad_address);
}

static void
check_rep(const struct codec_case *c, uint8_t want)
{
	struct socks5_request r;
	uint8_t rep = 0xee;

	socks5_request_decode((const uint8_t *)c->in, c->len, &r, &rep);
	CHECK(rep == want, "%s: rep %u, not %u", c->name, rep, want);
}

static void
tells_clients_why(void)
{
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		check_rep(&bad[i], SOCKS5_REP_FAILURE);
	for (i = 0; i < sizeof(bad_address) / sizeof(*bad_address); i++)
		check_rep(&bad_address[i], SOCKS5_REP_ADDRESS);
}

static void
understands_requests(void)
{
	static const struct {
		const char *in;
		size_t len;
		uint8_t command;
		const char *host;
	} is[] = {
	    {CODEC_BYTES("\5\1\0\1\300\0\2\1" PORT), 1, "192.0.2.1:80"},
	    {CODEC_BYTES("\5\1\0\4" IP6 "\1\273"), 1, "[2001:db8::1]:443"},
	    {CODEC_BYTES("\5\1\0\4" LOOP6 PORT), 1, "127.0.0.1:80"},
	    {CODEC_BYTES(TO_NAME "\14"
				 "Example.CoM.\377\376"),
		1, "example.com:65534"},
	    {CODEC_BYTES(TO_NAME "\11"
				 "192.0.2.1" PORT),
		1, "192.0.2.1:80"},
	    {CODEC_BYTES(TO_NAME "\5[::1]" PORT), 1, "[::1]:80"},
	    {CODEC_BYTES(TO_NAME "\20::ffff:127.0.0.1" PORT), 1,
		"127.0.0.1:80"},
	    {CODEC_BYTES("\5\3\0\1\0\0\0\0\0\0"), 3, "0.0.0.0:0"},
	    {CODEC_BYTES("\5\2\0\1\300\0\2\1\0\0"), 2, "192.0.2.1:0"},
	};
	struct socks5_request r;
	char out[WIRE_HOST_STRLEN];
	uint8_t rep;
	size_t i;
	int rc;

	for (i = 0; i < sizeof(is) / sizeof(*is); i++) {
		memset(&r, 0xff, sizeof(r));
		rc = socks5_request_decode(
		    (const uint8_t *)is[i].in, is[i].len, &r, &rep);
		CHECK(rc == (int)is[i].len, "case %zu: %d", i, rc);
		CHECK_INT(r.command, is[i].command);
		CHECK_STR(wire_host_format(&r.host, out), is[i].host);
	}
}

static void
check_round_trip(const char *text, size_t want_len)
{
	struct socks5_request r = {.command = SOCKS5_CONNECT}, back;
	uint8_t out[SOCKS5_MESSAGE_MAX], rep;
	size_t cap;

	r.host.port = 443;
	CHECK_INT(wire_host_set(&r.host, text, strlen(text)), 0);
	for (cap = 0; cap < want_len; cap++) {
		CHECK(socks5_request_encode(&r, out, cap) == WIRE_BAD,
		    "%s fits %zu", text, cap);
	}
	CHECK_INT(socks5_request_encode(&r, out, want_len), want_len);
	memset(&back, 0, sizeof(back));
	CHECK_INT(socks5_request_decode(out, want_len, &back, &rep), want_len);
	CHECK(back.command == r.command &&
		  memcmp(&back.host, &r.host, sizeof(r.host)) == 0,
	    "%s: another request came back", text);
}

static void
requests_round_trip(void)
{
	struct socks5_request r = {.command = SOCKS5_CONNECT};
	uint8_t out[SOCKS5_MESSAGE_MAX];

	check_round_trip("192.0.2.1", 10);
	check_round_trip("0.0.0.1", 10);
	check_round_trip("2001:db8::1", 22);
	check_round_trip("a", 8);
	check_round_trip("example.com", 18);
	check_round_trip(NAME_253, 260);

	r.host.port = 80;
	CHECK_INT(wire_host_set(&r.host, "a.example", 9), 0);
	CHECK_INT(socks5_request_encode(&r, out, sizeof(out)), 16);
	CHECK(
	    memcmp(out, TO_NAME "\011a.example" PORT, 16) == 0, "other bytes");
}

static void
refuses_to_encode(void)
{
	struct socks5_request r = {.command = SOCKS5_CONNECT};
	uint8_t out[SOCKS5_MESSAGE_MAX];
	size_t cap = sizeof(out);

	r.host.port = 80;
	CHECK_INT(socks5_request_encode(&r, out, cap), WIRE_BAD); /* no host */
	r.host.kind = WIRE_HOST_NAME;
	CHECK_INT(socks5_request_encode(&r, out, cap), WIRE_BAD);
	memset(r.host.name, 'a', sizeof(r.host.name));
	CHECK_INT(socks5_request_encode(&r, out, cap), WIRE_BAD);
	CHECK_INT(wire_host_set(&r.host, "a", 1), 0);
	CHECK_INT(socks5_request_encode(&r, out, cap), 8);
	r.host.port = 0;
	CHECK_INT(socks5_request_encode(&r, out, cap), WIRE_BAD);
}

static void
decodes_replies(void)
{
	static const struct codec_case cases[] = {
	    CODEC_GOOD("refused, v4", "\5\5\0\1\0\0\0\0\0\0"),
	    CODEC_GOOD("refused, v6", "\5\5\0\4" IP6 PORT),
	    CODEC_GOOD("unreachable, name (Dante)", "\5\4\0\3\1a\0\0"),
	    CODEC_GOOD("name of 0", "\5\1\0\3\0\0\0"),
	    CODEC_GOOD("name of 255", "\5\1\0\3\377" S255 PORT),
	    CODEC_GOOD("name of any bytes", "\5\1\0\3\4\0\r\n\377\0\0"),
	    CODEC_GOOD("RSV not 0", "\5\1\377\1\0\0\0\0\0\0"),
	    CODEC_GOOD("REP 9", "\5\11\0\1\0\0\0\0\0\0"),
	    CODEC_GOOD("REP 255", "\5\377\0\1\0\0\0\0\0\0"),
	    CODEC_BAD("version 0", "\0"),
	    CODEC_BAD("version 1", "\1"),
	    CODEC_BAD("version 4", "\4"),
	    CODEC_BAD("HTTP", "H"),
	    CODEC_BAD("ATYP 0", "\5\1\0\0"),
	    CODEC_BAD("ATYP 2", "\5\1\0\2"),
	    CODEC_BAD("ATYP 5", "\5\1\0\5"),
	    CODEC_BAD("ATYP 255", "\5\1\0\377"),
	};

	CODEC_CHECK_ALL(decode_reply, cases);
}

static void
check_reply(const struct wire_host *bound, size_t len)
{
	uint8_t out[SOCKS5_MESSAGE_MAX], rep;
	size_t cap;
	int i;

	for (cap = 0; cap < len; cap++)
		CHECK_INT(socks5_reply_encode(1, bound, out, cap), WIRE_BAD);
	for (i = 0; i < 256; i++) {
		CHECK_INT(
		    socks5_reply_encode((uint8_t)i, bound, out, len), len);
		rep = (uint8_t)~i;
		CHECK_INT(socks5_reply_decode(out, len, &rep), len);
		CHECK_INT(rep, i);
	}
}

static void
replies_round_trip(void)
{
	struct wire_host h = {.port = 0};
	uint8_t out[SOCKS5_MESSAGE_MAX];

	CHECK_INT(socks5_reply_encode(7, NULL, out, sizeof(out)), 10);
	CHECK(memcmp(out, "\5\7\0\1\0\0\0\0\0\0", 10) == 0, "other bytes");
	CHECK_INT(socks5_reply_encode(0, &h, out, sizeof(out)), WIRE_BAD);
	check_reply(NULL, 10);
	wire_host_set(&h, "192.0.2.1", 9);
	check_reply(&h, 10);
	socks5_reply_encode(0, &h, out, sizeof(out));
	CHECK(memcmp(out, "\5\0\0\1\300\0\2\1\0\0", 10) == 0, "other bytes");
	h.port = 65535;
	wire_host_set(&h, "2001:db8::1", 11);
	check_reply(&h, 22);
	wire_host_set(&h, NAME_253, 253);
	check_reply(&h, 260);
}

static const struct unit_case cases[] = {
    {"decodes greetings", decodes_greetings},
    {"knows what is offered", knows_what_is_offered},
    {"choices", choices},
    {"decodes logins", decodes_logins},
    {"logins round trip", logins_round_trip},
    {"login replies", login_replies},
    {"decodes requests", decodes_requests},
    {"tells clients why", tells_clients_why},
    {"understands requests", understands_requests},
    {"requests round trip", requests_round_trip},
    {"refuses to encode", refuses_to_encode},
    {"decodes replies", decodes_replies},
    {"replies round trip", replies_round_trip},
};

UNIT_MAIN("socks5", cases)
