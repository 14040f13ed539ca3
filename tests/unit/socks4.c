/* SOCKS4 and 4a: every prefix, round trips, limits, and hostile requests. */
#include "wire/socks4.h"

#include <string.h>

#include "tests/unit/codec.h"

#define S50	 "01234567890123456789012345678901234567890123456789"
#define S60	 S50 "abcdefghij"
#define S63	 S60 "xyz"
#define S250	 S50 S50 S50 S50 S50
#define NAME_253 S63 "." S63 "." S63 "." S60 "x"

/* CONNECT to port 80 of an address, or of a name. */
#define TO_IP	"\4\1\0\120\300\0\2\1"
#define TO_NAME "\4\1\0\120\0\0\0\1"

static int
decode_request(const uint8_t *in, size_t len, void *out)
{
	return socks4_request_decode(in, len, out);
}

static int
decode_reply(const uint8_t *in, size_t len, void *out)
{
	return socks4_reply_decode(in, len, out);
}

static const struct codec_case good[] = {
    CODEC_GOOD("address", TO_IP "\0"),
    CODEC_GOOD("address and user", TO_IP "fred\0"),
    CODEC_GOOD("user of 255", TO_IP S250 "12345\0"),
    CODEC_GOOD("user of odd bytes", TO_IP "\r\n\xff@#%\0"),
    CODEC_GOOD("0.0.0.0 is an address", "\4\1\0\120\0\0\0\0\0"),
    CODEC_GOOD("0.0.1.0 is an address", "\4\1\0\120\0\0\1\0\0"),
    CODEC_GOOD("0.0.1.1 is an address", "\4\1\0\120\0\0\1\1\0"),
    CODEC_GOOD("1.0.0.1 is an address", "\4\1\0\120\1\0\0\1\0"),
    CODEC_GOOD("name", TO_NAME "\0example.com\0"),
    CODEC_GOOD("0.0.0.255 and a name", "\4\1\0\120\0\0\0\377\0x\0"),
    CODEC_GOOD("name and user", TO_NAME "fred\0example.com\0"),
    CODEC_GOOD("name with the root dot", TO_NAME "\0example.com.\0"),
    CODEC_GOOD("name of 253", TO_NAME "\0" NAME_253 "\0"),
    CODEC_GOOD("name of 253 and the root dot", TO_NAME "\0" NAME_253 ".\0"),
    CODEC_GOOD("v4 literal as a name", TO_NAME "\0"
					       "192.0.2.1\0"),
    CODEC_GOOD("v6 literal as a name", TO_NAME "\0[2001:db8::1]\0"),
    CODEC_GOOD("all at its limit", TO_NAME S250 "12345\0" NAME_253 ".\0"),
    CODEC_GOOD("BIND", "\4\2\0\120\300\0\2\1\0"),
    CODEC_GOOD("BIND to port 0", "\4\2\0\0\300\0\2\1\0"),
    CODEC_GOOD("no such command", "\4\377\0\120\300\0\2\1\0"),
    CODEC_GOOD("port 65535", "\4\1\377\377\300\0\2\1\0"),
};

static const struct codec_case bad[] = {
    CODEC_BAD("version 0", "\0"),
    CODEC_BAD("version 5", "\5"),
    CODEC_BAD("version 255", "\377"),
    CODEC_BAD("port 0", "\4\1\0\0"),
    CODEC_BAD("user of 256", TO_IP S250 "123456"),
    CODEC_BAD("user of 256 before a name", TO_NAME S250 "123456"),
    CODEC_BAD("empty name", TO_NAME "\0\0"),
    CODEC_BAD("root", TO_NAME "\0.\0"),
    CODEC_BAD("two dots at the end", TO_NAME "\0a..\0"),
    CODEC_BAD("unterminated name", TO_NAME "\0" NAME_253 ".x"),
    CODEC_BAD("name of 254", TO_NAME "\0" NAME_253 "x\0"),
    CODEC_BAD("CR in the name", TO_NAME "\0a\rb\0"),
    CODEC_BAD("LF in the name", TO_NAME "\0a\nb\0"),
    CODEC_BAD("@ in the name", TO_NAME "\0a@b\0"),
    CODEC_BAD("/ in the name", TO_NAME "\0a/b\0"),
    CODEC_BAD("# in the name", TO_NAME "\0a#b\0"),
    CODEC_BAD("% in the name", TO_NAME "\0a%b\0"),
    CODEC_BAD(": in the name", TO_NAME "\0a:80\0"),
    CODEC_BAD("high bytes in the name", TO_NAME "\0a\xc3\xbc\0"),
    CODEC_BAD("127.1 as a name", TO_NAME "\000127.1\0"),
    CODEC_BAD("hex as a name", TO_NAME "\0000x7f000001\0"),
    CODEC_BAD("number as a name", TO_NAME "\0002130706433\0"),
    CODEC_BAD("octal as a name", TO_NAME "\0000177.0.0.1\0"),
};

static void
decodes_requests(void)
{
	CODEC_CHECK_ALL(decode_request, good);
	CODEC_CHECK_ALL(decode_request, bad);
}

/* What good[] means. */
static void
understands_requests(void)
{
	static const struct {
		const char *in;
		size_t len;
		uint8_t command;
		bool is_4a;
		const char *host, *user;
	} is[] = {
	    {CODEC_BYTES(TO_IP "\0"), 1, false, "192.0.2.1:80", ""},
	    {CODEC_BYTES(TO_IP "fred\0"), 1, false, "192.0.2.1:80", "fred"},
	    {CODEC_BYTES("\4\1\0\120\0\0\0\0\0"), 1, false, "0.0.0.0:80", ""},
	    {CODEC_BYTES("\4\1\0\120\0\0\1\1\0"), 1, false, "0.0.1.1:80", ""},
	    {CODEC_BYTES("\4\2\0\0\300\0\2\1\0"), 2, false, "192.0.2.1:0", ""},
	    {CODEC_BYTES("\4\1\377\376\0\0\0\377u\0Exa.Example.\0"), 1, true,
		"exa.example:65534", "u"},
	    {CODEC_BYTES(TO_NAME "\0::ffff:127.0.0.1\0"), 1, true,
		"127.0.0.1:80", ""},
	    {CODEC_BYTES(TO_NAME "\0::1\0"), 1, true, "[::1]:80", ""},
	    /* A NUL in the name ends it; what follows is payload. */
	    {CODEC_BYTES(TO_NAME "\0a\0b\0"), 1, true, "a:80", ""},
	};
	struct socks4_request r;
	char out[WIRE_HOST_STRLEN];
	size_t i;
	int rc;

	for (i = 0; i < sizeof(is) / sizeof(*is); i++) {
		memset(&r, 0xff, sizeof(r));
		rc = socks4_request_decode(
		    (const uint8_t *)is[i].in, is[i].len, &r);
		CHECK(rc > 0, "case %zu: %d", i, rc);
		CHECK_INT(r.command, is[i].command);
		CHECK_INT(r.is_4a, is[i].is_4a);
		CHECK_STR(r.userid, is[i].user);
		CHECK_STR(wire_host_format(&r.host, out), is[i].host);
	}
}

/* 64 KiB without a NUL are bad as soon as they pass a field's limit, and no
 * later byte changes that. */
static void
endless_fields_are_bad(void)
{
	static uint8_t in[65536];
	struct socks4_request r;
	size_t len, limit = 8 + SOCKS4_USERID_MAX + 1;

	memset(in, 'a', sizeof(in));
	memcpy(in, TO_NAME, 8);
	for (len = 1; len <= sizeof(in); len += len < 1024 ? 1 : 1000) {
		CHECK(socks4_request_decode(in, len, &r) ==
			  (len < limit ? WIRE_MORE : WIRE_BAD),
		    "user: %zu bytes", len);
	}
	in[8] = 0;
	limit = 9 + WIRE_NAME_MAX + 2;
	for (len = 1; len <= sizeof(in); len += len < 1024 ? 1 : 1000) {
		CHECK(socks4_request_decode(in, len, &r) ==
			  (len < limit ? WIRE_MORE : WIRE_BAD),
		    "name: %zu bytes", len);
	}
}

static void
check_round_trip(const char *text, const char *user)
{
	struct socks4_request r = {.command = SOCKS4_CONNECT}, back;
	uint8_t out[SOCKS4_REQUEST_MAX];
	int rc, cap;

	r.host.port = 443;
	CHECK_INT(wire_host_set(&r.host, text, strlen(text)), 0);
	r.is_4a = r.host.kind == WIRE_HOST_NAME;
	memcpy(r.userid, user, strlen(user));
	rc = socks4_request_encode(&r, out, sizeof(out));
	CHECK(rc > 0, "%s: %d", text, rc);
	if (rc <= 0)
		return;
	for (cap = 0; cap < rc; cap++) {
		CHECK(socks4_request_encode(&r, out, (size_t)cap) == WIRE_BAD,
		    "%s fits %d", text, cap);
	}
	socks4_request_encode(&r, out, sizeof(out));
	memset(&back, 0, sizeof(back));
	CHECK_INT(socks4_request_decode(out, (size_t)rc, &back), rc);
	CHECK(back.command == r.command && back.is_4a == r.is_4a &&
		  memcmp(&back.host, &r.host, sizeof(r.host)) == 0,
	    "%s: another request came back", text);
	CHECK_STR(back.userid, r.userid);
}

static void
requests_round_trip(void)
{
	check_round_trip("192.0.2.1", "");
	check_round_trip("192.0.2.1", "fred");
	check_round_trip("0.0.0.0", "");
	check_round_trip("255.255.255.255", S250 "12345");
	check_round_trip("a", "");
	check_round_trip("example.com", "fred");
	check_round_trip(NAME_253, S250 "12345");
}

static void
encodes_bytes(void)
{
	struct socks4_request r = {.command = SOCKS4_CONNECT,
	    .is_4a = true,
	    .host = {.kind = WIRE_HOST_V4, .port = 80, .ip = {192, 0, 2, 1}},
	    .userid = "fred"};
	uint8_t out[SOCKS4_REQUEST_MAX];

	CHECK_INT(socks4_request_encode(&r, out, sizeof(out)), 13);
	CHECK(memcmp(out, TO_IP "fred", 13) == 0, "address: other bytes");
	r.is_4a = false;
	wire_host_set(&r.host, "a.example", 9);
	CHECK_INT(socks4_request_encode(&r, out, sizeof(out)), 23);
	CHECK(memcmp(out, TO_NAME "fred\0a.example", 23) == 0,
	    "name: other bytes");
}

static void
refuses_to_encode(void)
{
	struct socks4_request r = {.command = SOCKS4_CONNECT};
	uint8_t out[SOCKS4_REQUEST_MAX];
	size_t cap = sizeof(out);

	r.host.port = 80;
	CHECK_INT(socks4_request_encode(&r, out, cap), WIRE_BAD); /* no host */
	wire_host_set(&r.host, "::1", 3);
	CHECK_INT(socks4_request_encode(&r, out, cap), WIRE_BAD);
	wire_host_set(&r.host, "0.0.0.1", 7);
	CHECK_INT(socks4_request_encode(&r, out, cap), WIRE_BAD);
	wire_host_set(&r.host, "0.0.0.255", 9);
	CHECK_INT(socks4_request_encode(&r, out, cap), WIRE_BAD);
	wire_host_set(&r.host, "0.0.1.255", 9);
	CHECK_INT(socks4_request_encode(&r, out, cap), 9);
	r.host.port = 0;
	CHECK_INT(socks4_request_encode(&r, out, cap), WIRE_BAD);
	r.host.port = 80;
	r.host.kind = WIRE_HOST_NAME;
	CHECK_STR(r.host.name, "");
	CHECK_INT(socks4_request_encode(&r, out, cap), WIRE_BAD);
	memset(r.host.name, 'a', sizeof(r.host.name));
	CHECK_INT(socks4_request_encode(&r, out, cap), WIRE_BAD);
	wire_host_set(&r.host, "a", 1);
	memset(r.userid, 'a', sizeof(r.userid));
	CHECK_INT(socks4_request_encode(&r, out, cap), WIRE_BAD);
}

static void
decodes_replies(void)
{
	static const struct codec_case cases[] = {
	    CODEC_GOOD("granted", "\0\132\0\0\0\0\0\0"),
	    CODEC_GOOD("granted, with an address", "\0\132\1\2\3\4\5\6"),
	    CODEC_GOOD("rejected", "\0\133\0\0\0\0\0\0"),
	    CODEC_GOOD("no identd", "\0\134\377\377\377\377\377\377"),
	    CODEC_GOOD("bad user", "\0\135\0\0\0\0\0\0"),
	    CODEC_BAD("code before", "\0\131"),
	    CODEC_BAD("code behind", "\0\136"),
	    CODEC_BAD("code 0", "\0\0"),
	    CODEC_BAD("code 255", "\0\377"),
	    CODEC_BAD("version 4", "\4"),
	    CODEC_BAD("version 5", "\5"),
	    CODEC_BAD("HTTP", "H"),
	};

	CODEC_CHECK_ALL(decode_reply, cases);
}

static void
replies_round_trip(void)
{
	uint8_t out[SOCKS4_REPLY_LEN], code;
	int i;

	for (i = 0; i < 256; i++) {
		memset(out, 0xff, sizeof(out));
		CHECK_INT(
		    socks4_reply_encode((uint8_t)i, out), SOCKS4_REPLY_LEN);
		code = 0;
		CHECK(
		    socks4_reply_decode(out, sizeof(out), &code) ==
			(i >= 0x5a && i <= 0x5d ? SOCKS4_REPLY_LEN : WIRE_BAD),
		    "code %d", i);
		CHECK_INT(code, i >= 0x5a && i <= 0x5d ? i : 0);
	}
	socks4_reply_encode(SOCKS4_GRANTED, out);
	CHECK(memcmp(out, "\0\132\0\0\0\0\0\0", 8) == 0, "other bytes");
}

static const struct unit_case cases[] = {
    {"decodes requests", decodes_requests},
    {"understands requests", understands_requests},
    {"endless fields are bad", endless_fields_are_bad},
    {"requests round trip", requests_round_trip},
    {"encodes bytes", encodes_bytes},
    {"refuses to encode", refuses_to_encode},
    {"decodes replies", decodes_replies},
    {"replies round trip", replies_round_trip},
};

UNIT_MAIN("socks4", cases)
