/* The header of SOCKS5's datagrams. */
#include "wire/socks5_udp.h"

#include <stdio.h>

#include "tests/unit/codec.h"

static int
decode(const uint8_t *in, size_t len, void *out)
{
	return socks5_udp_decode(in, len, out);
}

#define NAME63 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk"

static const struct {
	const char *name;
	const char *in;
	size_t len;
	const char *host;
} good[] = {
    {"v4", CODEC_BYTES("\0\0\0\1\300\0\2\1\0\65"), "192.0.2.1:53"},
    {"v6", CODEC_BYTES("\0\0\0\4\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1\0\65"),
	"[2001:db8::1]:53"},
    {"v4-mapped",
	CODEC_BYTES("\0\0\0\4\0\0\0\0\0\0\0\0\0\0\377\377"
		    "\177\0\0\1\0\65"),
	"127.0.0.1:53"},
    {"name", CODEC_BYTES("\0\0\0\3\13EXAMPLE.org\0\65"), "example.org:53"},
    {"name with a trailing dot", CODEC_BYTES("\0\0\0\3\14example.org.\0\65"),
	"example.org:53"},
    {"a literal for a name",
	CODEC_BYTES("\0\0\0\3\11"
		    "192.0.2.1\0\65"),
	"192.0.2.1:53"},
    {"name of 253",
	CODEC_BYTES("\0\0\0\3\375" NAME63 "." NAME63 "." NAME63
		    ".abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcd"
		    "efghi\0\65"),
	NAME63 "." NAME63 "." NAME63
	       ".abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghi"
	       ":53"},
    {"port 65535", CODEC_BYTES("\0\0\0\1\300\0\2\1\377\377"),
	"192.0.2.1:65535"},
};

static const struct {
	const char *name;
	const char *in;
	size_t len;
} bad[] = {
    {"empty", CODEC_BYTES("")},
    {"RSV", CODEC_BYTES("\1\0\0\1\300\0\2\1\0\65")},
    {"RSV, second byte", CODEC_BYTES("\0\1\0\1\300\0\2\1\0\65")},
    {"FRAG 1", CODEC_BYTES("\0\0\1\1\300\0\2\1\0\65")},
    {"FRAG, the last", CODEC_BYTES("\0\0\201\1\300\0\2\1\0\65")},
    {"FRAG 255", CODEC_BYTES("\0\0\377\1\300\0\2\1\0\65")},
    {"ATYP 0", CODEC_BYTES("\0\0\0\0\300\0\2\1\0\65")},
    {"ATYP 2", CODEC_BYTES("\0\0\0\2\300\0\2\1\0\65")},
    {"ATYP 5", CODEC_BYTES("\0\0\0\5\300\0\2\1\0\65")},
    {"ATYP 255", CODEC_BYTES("\0\0\0\377\300\0\2\1\0\65")},
    {"port 0", CODEC_BYTES("\0\0\0\1\300\0\2\1\0\0")},
    {"name of length 0", CODEC_BYTES("\0\0\0\3\0\0\65")},
    {"name with NUL", CODEC_BYTES("\0\0\0\3\3a\0b\0\65")},
    {"name with CR LF", CODEC_BYTES("\0\0\0\3\4a\r\nb\0\65")},
    {"name with @", CODEC_BYTES("\0\0\0\3\3a@b\0\65")},
    {"name with /", CODEC_BYTES("\0\0\0\3\3a/b\0\65")},
    {"name with #", CODEC_BYTES("\0\0\0\3\3a#b\0\65")},
    {"name with %", CODEC_BYTES("\0\0\0\3\3a%b\0\65")},
    {"a number for a name", CODEC_BYTES("\0\0\0\3\12"
					"2130706433\0\65")},
    {"a short number for a name", CODEC_BYTES("\0\0\0\3\5"
					      "127.1\0\65")},
    {"a v6 literal with a zone", CODEC_BYTES("\0\0\0\3\11fe80::1%1\0\65")},
};

static void
decodes(void)
{
	struct wire_host host, again;
	char text[WIRE_HOST_STRLEN], out[CODEC_OUT_MAX], whole[CODEC_OUT_MAX];
	uint8_t head[SOCKS5_UDP_HEAD_MAX];
	size_t i, k;
	int n;

	for (i = 0; i < sizeof(good) / sizeof(*good); i++) {
		n = codec_run(decode, good[i].in, good[i].len, whole);
		CHECK(n == (int)good[i].len, "%s: %d", good[i].name, n);
		memcpy(&host, whole, sizeof(host));
		CHECK_STR(wire_host_format(&host, text), good[i].host);
		n = socks5_udp_encode(&host, head, sizeof(head));
		CHECK(n > 0 && socks5_udp_decode(head, (size_t)n, &again) == n,
		    "%s: encoded again", good[i].name);
		CHECK(memcmp(&host, &again, sizeof(host)) == 0, "%s: the same",
		    good[i].name);
		/* With a payload of any kind behind it. */
		for (k = 1; k < 40; k++) {
			char more[CODEC_OUT_MAX];

			memcpy(more, good[i].in, good[i].len);
			memset(more + good[i].len, 0xff, k);
			n = codec_run(decode, more, good[i].len + k, out);
			CHECK_INT(n, good[i].len);
			CHECK(memcmp(out, whole, sizeof(out)) == 0, "%s + %zu",
			    good[i].name, k);
		}
	}
}

static void
refuses_what_is_cut_short(void)
{
	char out[CODEC_OUT_MAX];
	size_t i, len;
	int n;

	for (i = 0; i < sizeof(good) / sizeof(*good); i++) {
		for (len = 0; len < good[i].len; len++) {
			n = codec_run(decode, good[i].in, len, out);
			CHECK(n == WIRE_BAD, "%s: %zu bytes: %d", good[i].name,
			    len, n);
		}
	}
}

static void
refuses_what_is_wrong(void)
{
	static const char zero[CODEC_OUT_MAX];
	char out[CODEC_OUT_MAX];
	size_t i;
	int n;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		n = codec_run(decode, bad[i].in, bad[i].len, out);
		CHECK(n == WIRE_BAD, "%s: %d", bad[i].name, n);
		CHECK(memcmp(out, zero, sizeof(out)) == 0, "%s: out was filled",
		    bad[i].name);
	}
}

static void
encodes_no_more_than_fits(void)
{
	struct wire_host host = {.kind = WIRE_HOST_V4, .port = 53};
	uint8_t head[SOCKS5_UDP_HEAD_MAX];

	CHECK_INT(socks5_udp_encode(&host, head, 10), 10);
	CHECK_INT(socks5_udp_encode(&host, head, 9), WIRE_BAD);
	host.port = 0;
	CHECK_INT(socks5_udp_encode(&host, head, sizeof(head)), WIRE_BAD);
	host.port = 53;
	host.kind = WIRE_HOST_NONE;
	CHECK_INT(socks5_udp_encode(&host, head, sizeof(head)), WIRE_BAD);
	host.kind = WIRE_HOST_NAME;
	CHECK_INT(socks5_udp_encode(&host, head, sizeof(head)), WIRE_BAD);
}

static const struct unit_case cases[] = {
    {"decodes", decodes},
    {"refuses what is cut short", refuses_what_is_cut_short},
    {"refuses what is wrong", refuses_what_is_wrong},
    {"encodes no more than fits", encodes_no_more_than_fits},
};

UNIT_MAIN("socks5_udp", cases)
