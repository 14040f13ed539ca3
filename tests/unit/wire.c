/* Hosts in every spelling, and the words of the reasons. */
#include "wire/wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

#define NAMES_63 \
	"aaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff1234"
#define NAMES_61 "aaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff12"
#define NAME_253 NAMES_63 "." NAMES_63 "." NAMES_63 "." NAMES_61

struct host_case {
	const char *in;
	const char *want; /* NULL: refused */
};

static const struct host_case hosts[] = {
    /* names */
    {"example.com", "example.com:80"},
    {"EXAMPLE.Com", "example.com:80"},
    {"example.com.", "example.com:80"},
    {"localhost", "localhost:80"},
    {"a", "a:80"},
    {"_dmarc.x-y.example", "_dmarc.x-y.example:80"},
    {"-.example", "-.example:80"},
    {"xn--bcher-kva.example", "xn--bcher-kva.example:80"},
    {"1.2.3.4.example", "1.2.3.4.example:80"},
    {"0x7f.example", "0x7f.example:80"},
    {"example.4a", "example.4a:80"},
    {"example.0xg", "example.0xg:80"},
    {"example.x1", "example.x1:80"},
    {"1e3", "1e3:80"},
    {"example.0-1", "example.0-1:80"},
    {"just-as-long-as-the-buffer-for-literals-is.abc", /* 46 */
	"just-as-long-as-the-buffer-for-literals-is.abc:80"},
    {NAMES_63, NAMES_63 ":80"},
    {NAME_253, NAME_253 ":80"},
    {NAME_253 ".", NAME_253 ":80"},
    {"", NULL},
    {".", NULL},
    {"..", NULL},
    {".example", NULL},
    {"a..b", NULL},
    {"a.b..", NULL},
    {"a" NAMES_63, NULL},
    {NAMES_63 "a", NULL},
    {NAMES_63 "a.b", NULL},
    {NAME_253 "1", NULL},
    {NAME_253 "1.", NULL},
    {NAME_253 "..", NULL},
    {"exa mple", NULL},
    {" example", NULL},
    {"example\t", NULL},
    {"a\r\nb", NULL},
    {"a\rb", NULL},
    {"a\nb", NULL},
    {"a\x7f", NULL},
    {"user@host", NULL},
    {"@host", NULL},
    {"host/path", NULL},
    {"host\\path", NULL},
    {"host#frag", NULL},
    {"host?q", NULL},
    {"host%00", NULL},
    {"ho%73t", NULL},
    {"host:80", NULL},
    {"*.example", NULL},
    {"a,b", NULL},
    {"b\xc3\xbc"
     "cher.example",
	NULL},
    {"\xef\xbc\x91.example", NULL},
    {"a\xe3\x80\x82"
     "b",
	NULL},
    /* v4 */
    {"192.0.2.1", "192.0.2.1:80"},
    {"0.0.0.0", "0.0.0.0:80"},
    {"255.255.255.255", "255.255.255.255:80"},
    {"127.0.0.1.", NULL},
    {"127.1", NULL},
    {"127.0.1", NULL},
    {"127", NULL},
    {"2130706433", NULL},
    {"0x7f000001", NULL},
    {"0X7F000001", NULL},
    {"0x7f.1", NULL},
    {"0x7f.0x0.0x0.0x1", NULL},
    {"0x", NULL},
    {"a.0x", NULL},
    {"a.0XFF", NULL},
    {"017700000001", NULL},
    {"0177.0.0.1", NULL},
    {"0177.0.0.01", NULL},
    {"127.0.0.01", NULL},
    {"127.0.0.001", NULL},
    {"127.0.0.256", NULL},
    {"256.1.1.1", NULL},
    {"1.2.3.4.5", NULL},
    {"1.2.3.4 ", NULL},
    {" 1.2.3.4", NULL},
    {"1.2.3.", NULL},
    {"1..3.4", NULL},
    {"+1.2.3.4", NULL},
    {"-1", "-1:80"},
    {"example.1", NULL},
    {"example.1.", NULL},
    {"example.0x1f", NULL},
    {"[127.0.0.1]", NULL},
    {"127.0.0.1:80", NULL},
    {"99999999999999999999999999", NULL},
    /* v6 */
    {"::1", "[::1]:80"},
    {"[::1]", "[::1]:80"},
    {"::", "[::]:80"},
    {"2001:DB8::1", "[2001:db8::1]:80"},
    {"[2001:db8:0:0:0:0:0:1]", "[2001:db8::1]:80"},
    {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
	"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:80"},
    {"::ffff:127.0.0.1", "127.0.0.1:80"},
    {"::FFFF:7f00:1", "127.0.0.1:80"},
    {"[::ffff:127.0.0.1]", "127.0.0.1:80"},
    {"0:0:0:0:0:ffff:7f00:0001", "127.0.0.1:80"},
    {"::127.0.0.1", "[::127.0.0.1]:80"},
    {"64:ff9b::127.0.0.1", "[64:ff9b::7f00:1]:80"},
    {"[]", NULL},
    {"[", NULL},
    {"]", NULL},
    {"[::1", NULL},
    {"::1]", NULL},
    {"[[::1]]", NULL},
    {"[::1].", NULL},
    {"::1.", NULL},
    {"[example.com]", NULL},
    {":", NULL},
    {":::", NULL},
    {"1::2::3", NULL},
    {"fe80::1%lo", NULL},
    {"[fe80::1%25lo]", NULL},
    {"::10000", NULL},
    {"::ffff:127.1", NULL},
    {"::ffff:0127.0.0.1", NULL},
    {"1:2:3:4:5:6:7", NULL},
    {"1:2:3:4:5:6:7:8:9", NULL},
    {"0000:0000:0000:0000:0000:0000:0000:00001", NULL},
    {"0000:0000:0000:0000:0000:ffff:255.255.255.255", "255.255.255.255:80"},
    {"0000:0000:0000:0000:0000:ffff:255.255.255.2550", NULL},
    {"0000:0000:0000:0000:0000:ffff:255.255.255.25500", NULL},
    {"[0000:0000:0000:0000:0000:ffff:255.255.255.255]", "255.255.255.255:80"},
    {"[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]", NULL},
};

static void
sets_hosts(void)
{
	const struct host_case *c;
	char out[WIRE_HOST_STRLEN];
	struct wire_host h, old;
	size_t i;
	int rc;

	for (i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
		c = &hosts[i];
		memset(&h, 0x5a, sizeof(h));
		h.port = 80;
		old = h;
		rc = wire_host_set(&h, c->in, strlen(c->in));
		CHECK(rc == (c->want != NULL ? 0 : WIRE_BAD), "\"%s\": %d",
		    c->in, rc);
		if (rc == 0 && c->want != NULL)
			CHECK_STR(wire_host_format(&h, out), c->want);
		else
			CHECK(memcmp(&h, &old, sizeof(h)) == 0,
			    "\"%s\": the host was changed", c->in);
	}
}

/* Every byte alone, inside and at the ends of a name. */
static void
judges_every_byte(void)
{
	static const char good[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
	struct wire_host h = {0};
	char name[] = "x?z";
	int i, want, rc;

	for (i = 0; i < 256; i++) {
		want = i != 0 && strchr(good, i) != NULL ? 0 : WIRE_BAD;
		name[1] = (char)i;
		rc = wire_host_set(&h, name, 3);
		CHECK(rc == (i == '.' ? 0 : want), "x%02xz: %d", i, rc);
		rc = wire_host_set(&h, name + 1, 2);
		CHECK(rc == want, "%02xz: %d", i, rc);
		rc = wire_host_set(&h, name, 2);
		CHECK(rc == (i == '.' ? 0 : want), "x%02x: %d", i, rc);
	}
}

/* A NUL must not end the text early, neither in a name nor in a literal. */
static void
refuses_nul(void)
{
	static const char *const texts[] = {
	    "example.com", "127.0.0.1", "::1", "[::1]", "[::ffff:127.0.0.1]"};
	struct wire_host h = {0};
	char text[64];
	size_t i, at, len;

	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		len = strlen(texts[i]);
		for (at = 0; at <= len; at++) {
			memcpy(text, texts[i], at);
			text[at] = '\0';
			memcpy(text + at + 1, texts[i] + at, len - at);
			CHECK(wire_host_set(&h, text, len + 1) == WIRE_BAD,
			    "%s with NUL at %zu is taken", texts[i], at);
		}
	}
	CHECK_INT(wire_host_set(&h, NULL, 0), WIRE_BAD);
}

static void
leaves_nothing_behind(void)
{
	struct wire_host h, zero = {0};

	memset(&h, 0xff, sizeof(h));
	CHECK_INT(wire_host_set(&h, "::ffff:1.2.3.4", 14), 0);
	CHECK_INT(h.kind, WIRE_HOST_V4);
	CHECK(memcmp(h.ip, "\1\2\3\4\0\0\0\0\0\0\0\0\0\0\0", 16) == 0,
	    "bytes beyond the address");
	CHECK_STR(h.name, "");
	CHECK_INT(wire_host_set(&h, "Example", 7), 0);
	CHECK(memcmp(h.ip, zero.ip, 16) == 0, "an address beside a name");
	CHECK_STR(h.name, "example");
	CHECK_INT(wire_host_set(&h, "::1", 3), 0);
	CHECK_INT(h.kind, WIRE_HOST_V6);
	CHECK_STR(h.name, "");
	CHECK_INT(h.port, 0xffff);
}

static void
sets_v6_bytes(void)
{
	static const uint8_t mapped[16] = {
	    [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1};
	static const uint8_t almost[16] = {[10] = 0xff, [11] = 0xfe, [15] = 1};
	struct wire_host h = {.port = 7};
	char out[WIRE_HOST_STRLEN];

	wire_host_set_v6(&h, mapped);
	CHECK_STR(wire_host_format(&h, out), "127.0.0.1:7");
	wire_host_set_v6(&h, almost);
	CHECK_STR(wire_host_format(&h, out), "[::fffe:0:1]:7");
}

static void
formats(void)
{
	struct wire_host h = {.port = 65535, .kind = WIRE_HOST_NAME};
	char out[WIRE_HOST_STRLEN];

	memset(h.name, 'n', WIRE_NAME_MAX);
	CHECK_INT(strlen(wire_host_format(&h, out)), WIRE_NAME_MAX + 6);
	CHECK_STR(out + WIRE_NAME_MAX, ":65535");
	h.kind = WIRE_HOST_V6;
	memset(h.ip, 0xff, sizeof(h.ip));
	CHECK_STR(wire_host_format(&h, out),
	    "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
	h.kind = WIRE_HOST_NONE;
	CHECK_STR(wire_host_format(&h, out), "-");
}

static void
reasons_have_words(void)
{
	const char *word;
	int i, j;

	for (i = 0; i < REASON_COUNT; i++) {
		word = wire_reason_word(i);
		CHECK(
		    word != NULL && strlen(word) > 1 &&
			word[strspn(word, "abcdefghijklmnopqrstuvwxyz-")] == 0,
		    "reason %d lacks a word", i);
		CHECK(wire_reason_text(i) != NULL &&
			  strlen(wire_reason_text(i)) > 10,
		    "reason %d lacks a text", i);
		for (j = 0; j < i; j++) {
			CHECK(strcmp(word, wire_reason_word(j)) != 0,
			    "reasons %d and %d are both %s", i, j, word);
			CHECK(strcmp(wire_reason_text(i),
				  wire_reason_text(j)) != 0,
			    "reasons %d and %d share a text", i, j);
		}
	}
	CHECK_STR(wire_reason_word(REASON_HOP_TIMEOUT), "hop-timeout");
	CHECK_STR(wire_reason_word(REASON_REFUSED), "refused");
	CHECK_STR(wire_reason_text(REASON_REFUSED),
	    "the destination refused the connection");
}

static void
foreign_reasons_are_unknown(void)
{
	CHECK_STR(wire_reason_word(REASON_COUNT), "unknown");
	CHECK_STR(wire_reason_word((enum wire_reason)255), "unknown");
	CHECK(wire_reason_text((enum wire_reason)255) != NULL, "no text");
}

/* Whose fault it is that a connection does not come about. */
static void
connect_reasons(void)
{
	static const struct {
		int error;
		enum wire_reason direct, hop;
	} rows[] = {
	    {ECONNREFUSED, REASON_REFUSED, REASON_HOP_REFUSED},
	    {ECONNRESET, REASON_REFUSED, REASON_HOP_REFUSED},
	    {ETIMEDOUT, REASON_TIMEOUT, REASON_HOP_TIMEOUT},
	    {ENETUNREACH, REASON_NET_UNREACHABLE, REASON_HOP_UNREACHABLE},
	    {EAFNOSUPPORT, REASON_NET_UNREACHABLE, REASON_HOP_UNREACHABLE},
	    {EHOSTUNREACH, REASON_HOST_UNREACHABLE, REASON_HOP_UNREACHABLE},
	    {EACCES, REASON_HOST_UNREACHABLE, REASON_HOP_UNREACHABLE},
	    {EMFILE, REASON_OVERLOAD, REASON_OVERLOAD},
	    {ENOBUFS, REASON_OVERLOAD, REASON_OVERLOAD},
	    {EADDRNOTAVAIL, REASON_OVERLOAD, REASON_OVERLOAD},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		CHECK_INT(
		    wire_connect_reason(true, -rows[i].error), rows[i].direct);
		CHECK_INT(
		    wire_connect_reason(false, -rows[i].error), rows[i].hop);
	}
}

static const struct unit_case cases[] = {
    {"connect reasons", connect_reasons},
    {"sets hosts", sets_hosts},
    {"judges every byte", judges_every_byte},
    {"refuses NUL", refuses_nul},
    {"leaves nothing behind", leaves_nothing_behind},
    {"sets v6 from bytes", sets_v6_bytes},
    {"formats", formats},
    {"reasons have words", reasons_have_words},
    {"foreign reasons are unknown", foreign_reasons_are_unknown},
};

UNIT_MAIN("wire", cases)
