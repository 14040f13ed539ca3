/* Tests where contents end, cut everywhere. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"
#include "wire/http_message.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* What a content was read as. */
struct got {
	enum http_piece end; /* MORE: the input ended first */
	size_t used;
	size_t data_len, trailer_len;
	char data[16384], trailer[16384];
	unsigned int lines;
	bool ends; /* the stream may end here */
};

static void
append(char *out, size_t *len, const uint8_t *data, size_t n)
{
	memcpy(out + *len, data, n);
	*len += n;
	out[*len] = '\0';
}

/*
 * Give in[0..len) in two parts, the second from an allocation that ends with
 * it; what was left of the first comes again before the second.  step 0:
 * all at once, else that many bytes more at a time.
 */
static void
read_cut(struct http_body *body, const char *in, size_t len, size_t first,
    size_t step, struct got *got)
{
	size_t have = first < len ? first : len, used, n;
	enum http_piece piece;
	const uint8_t *data;
	uint8_t *part;

	memset(got, 0, sizeof(*got));
	for (;;) {
		part = malloc(have - got->used + 1);
		memcpy(part, in + got->used, have - got->used);
		piece = http_body_next(
		    body, part, have - got->used, &used, &data, &n);
		CHECK(used <= have - got->used, "used %zu", used);
		CHECK((n > 0) == (piece == HTTP_PIECE_DATA ||
				     piece == HTTP_PIECE_TRAILER),
		    "piece %d of %zu bytes", piece, n);
		got->used += used;
		if (piece == HTTP_PIECE_DATA)
			append(got->data, &got->data_len, data, n);
		if (piece == HTTP_PIECE_TRAILER) {
			append(got->trailer, &got->trailer_len, data, n);
			got->lines++;
		}
		free(part);
		if (piece == HTTP_PIECE_DONE || piece == HTTP_PIECE_BAD)
			break;
		if (piece != HTTP_PIECE_MORE)
			continue;
		if (have == len)
			break;
		have = step == 0 || len - have < step ? len : have + step;
	}
	got->end = piece;
	got->ends = http_body_ends(body);
	CHECK_INT(http_body_done(body), piece == HTTP_PIECE_DONE);
}

struct content {
	const char *name;
	const char *text;
	const char *data;
	const char *trailer;
	enum http_piece end;
};

#define OK(name, text, data)                          \
	{                                             \
		name, text, data, "", HTTP_PIECE_DONE \
	}
#define MORE(name, text, data)                        \
	{                                             \
		name, text, data, "", HTTP_PIECE_MORE \
	}
#define BAD(name, text, data)                        \
	{                                            \
		name, text, data, "", HTTP_PIECE_BAD \
	}

static const struct content chunked[] = {
    OK("nothing", "0\r\n\r\n", ""),
    OK("one chunk", "5\r\nhello\r\n0\r\n\r\n", "hello"),
    OK("two chunks", "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world"),
    OK("digits of both cases",
	"0a\r\n0123456789\r\n0B\r\n0123456789a\r\n0\r\n\r\n",
	"01234567890123456789a"),
    OK("zeros before a size", "0000000000000005\r\nhello\r\n000\r\n\r\n",
	"hello"),
    OK("CR LF as content", "4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n"),
    OK("a chunk as content", "5\r\n0\r\n\r\n\r\n0\r\n\r\n", "0\r\n\r\n"),
    OK("extension", "5;a=b\r\nhello\r\n0;c\r\n\r\n", "hello"),
    OK("extension that is quoted", "1;a=\"; 5\" \t\r\nx\r\n0\r\n\r\n", "x"),
    {"trailer", "1\r\nx\r\n0\r\nA: b\r\nC:\r\n\r\n", "x", "A: b\r\nC:\r\n",
	HTTP_PIECE_DONE},
    {"trailer after nothing", "0\r\nA: b\r\n\r\n", "", "A: b\r\n",
	HTTP_PIECE_DONE},
    {"trailer that looks like a chunk", "0\r\n5: b\r\n\r\n", "", "5: b\r\n",
	HTTP_PIECE_DONE},

    MORE("nothing at all", "", ""),
    MORE("size alone", "5", ""),
    MORE("size without LF", "5\r", ""),
    MORE("within a chunk", "5\r\nhel", "hel"),
    MORE("no CR after a chunk", "5\r\nhello", "hello"),
    MORE("no LF after a chunk", "5\r\nhello\r", "hello"),
    MORE("no last chunk", "5\r\nhello\r\n", "hello"),
    MORE("no end of the trailer", "0\r\n", ""),
    MORE("half the end of the trailer", "0\r\n\r", ""),
    {"unterminated trailer", "0\r\nA: b\r\n", "", "A: b\r\n", HTTP_PIECE_MORE},
    {"unterminated trailer line", "0\r\nA: b\r\nC: d", "", "A: b\r\n",
	HTTP_PIECE_MORE},

    BAD("no size", "\r\n", ""),
    BAD("no size but an extension", ";a\r\n", ""),
    BAD("size +5", "+5\r\nhello\r\n", ""),
    BAD("size -5", "-5\r\nhello\r\n", ""),
    BAD("size 0x5", "0x5\r\nhello\r\n", ""),
    BAD("size 5h", "5h\r\nhello\r\n", ""),
    BAD("size 5,5", "5,5\r\nhello\r\n", ""),
    BAD("blank before a size", " 5\r\nhello\r\n", ""),
    BAD("blank after a size", "5 \r\nhello\r\n", ""),
    BAD("blank before an extension", "5 ;a\r\nhello\r\n", ""),
    BAD("tab after a size", "5\t\r\nhello\r\n", ""),
    BAD("blank in a size", "1 0\r\nhello\r\n", ""),
    BAD("chunk-size overflow: 2^63", "8000000000000000\r\n", ""),
    BAD("chunk-size overflow: 2^64 - 1", "ffffffffffffffff\r\n", ""),
    BAD("chunk-size overflow: 2^64 + 5", "10000000000000005\r\nhello\r\n", ""),
    BAD("17 digits", "00000000000000005\r\nhello\r\n", ""),
    BAD("bare LF after a size", "5\nhello\r\n", ""),
    BAD("bare CR after a size", "5\rhello\r\n", ""),
    BAD("CR CR LF after a size", "5\r\r\nhello\r\n", ""),
    BAD("bare LF in an extension", "5;a\nhello\r\n", ""),
    BAD("bare CR in an extension", "5;a\rb\r\nhello\r\n", ""),
    BAD("control in an extension", "5;\001\r\nhello\r\n", ""),
    BAD("DEL in an extension", "5;\177\r\nhello\r\n", ""),
    BAD("bare LF after a chunk", "5\r\nhello\n0\r\n\r\n", "hello"),
    BAD("bare CR after a chunk", "5\r\nhello\r0\r\n\r\n", "hello"),
    BAD("missing CR LF after a chunk", "5\r\nhello0\r\n\r\n", "hello"),
    BAD("chunk longer than it says", "4\r\nhello\r\n0\r\n\r\n", "hell"),
    BAD("empty line before a chunk", "1\r\nx\r\n\r\n0\r\n\r\n", "x"),
    BAD("last chunk with content", "0\r\nhello\r\n\r\n", ""),
    BAD("bare LF after the last chunk", "0\n\r\n", ""),
    BAD("bare LF ends the trailer", "0\r\n\n", ""),
    BAD("bare LF in the trailer", "0\r\nA: b\n\r\n", ""),
    BAD("bare CR in the trailer", "0\r\nA: b\rC: d\r\n\r\n", ""),
    {"obs-fold in the trailer", "0\r\nA: b\r\n c\r\n\r\n", "", "A: b\r\n",
	HTTP_PIECE_BAD},
    BAD("trailer begins with a blank", "0\r\n A: b\r\n\r\n", ""),
    BAD("empty name in the trailer", "0\r\n: b\r\n\r\n", ""),
    BAD("no colon in the trailer", "0\r\nabc\r\n\r\n", ""),
    BAD("blank before the colon in the trailer", "0\r\nA : b\r\n\r\n", ""),
    BAD("a request in the trailer", "0\r\nGET / HTTP/1.1\r\n\r\n", ""),
    BAD("control in the trailer", "0\r\nA: \001\r\n\r\n", ""),
};

static void
check_content(
    const struct content *c, const struct got *got, size_t len, size_t cut)
{
	CHECK(got->end == c->end, "%s, cut at %zu: end %d", c->name, cut,
	    got->end);
	CHECK(strcmp(got->data, c->data) == 0, "%s, cut at %zu: data \"%s\"",
	    c->name, cut, got->data);
	CHECK(strcmp(got->trailer, c->trailer) == 0,
	    "%s, cut at %zu: trailer \"%s\"", c->name, cut, got->trailer);
	CHECK(got->ends == (c->end == HTTP_PIECE_DONE),
	    "%s, cut at %zu: the stream may end", c->name, cut);
	if (c->end == HTTP_PIECE_DONE)
		CHECK(got->used == len, "%s, cut at %zu: used %zu", c->name,
		    cut, got->used);
}

/* What is left of an input with MORE is of the trailer's line alone. */
static void
test_chunked(void)
{
	const struct content *c;
	struct http_body body;
	struct got got;
	size_t cut, len;

	for (c = chunked; c < chunked + N(chunked); c++) {
		len = strlen(c->text);
		for (cut = 0; cut <= len; cut++) {
			http_body_init(&body, HTTP_BODY_CHUNKED, 0);
			read_cut(&body, c->text, len, cut, 0, &got);
			check_content(c, &got, len, cut);
		}
		http_body_init(&body, HTTP_BODY_CHUNKED, 0);
		read_cut(&body, c->text, len, 0, 1, &got);
		check_content(c, &got, len, 1000);
	}
}

static void
test_trailing(void)
{
	static const char *const more[] = {
	    "\r\n", "0\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "x"};
	const struct content *c;
	struct http_body body;
	char text[256];
	struct got got;
	size_t i, len;

	for (c = chunked; c < chunked + N(chunked); c++) {
		if (c->end == HTTP_PIECE_MORE)
			continue;
		for (i = 0; i < N(more); i++) {
			len = (size_t)snprintf(
			    text, sizeof(text), "%s%s", c->text, more[i]);
			http_body_init(&body, HTTP_BODY_CHUNKED, 0);
			read_cut(&body, text, len, len, 0, &got);
			check_content(c, &got, strlen(c->text), 2000 + i);
			http_body_init(&body, HTTP_BODY_CHUNKED, 0);
			read_cut(&body, text, len, 0, 1, &got);
			check_content(c, &got, strlen(c->text), 3000 + i);
		}
	}
}

/* Once bad or done, whatever comes. */
static void
test_stays(void)
{
	struct http_body body;
	struct got got;

	http_body_init(&body, HTTP_BODY_CHUNKED, 0);
	read_cut(&body, "x", 1, 1, 0, &got);
	CHECK_INT(got.end, HTTP_PIECE_BAD);
	read_cut(&body, "0\r\n\r\n", 5, 5, 0, &got);
	CHECK_INT(got.end, HTTP_PIECE_BAD);
	http_body_init(&body, HTTP_BODY_CHUNKED, 0);
	read_cut(&body, "0\r\n\r\n", 5, 5, 0, &got);
	CHECK_INT(got.end, HTTP_PIECE_DONE);
	read_cut(&body, "0\r\n\r\n", 5, 5, 0, &got);
	CHECK_INT(got.end, HTTP_PIECE_DONE);
	CHECK_INT(got.used, 0);
}

static void
check_other(const char *name, enum http_framing framing, uint64_t length,
    const char *text, const struct got *want)
{
	size_t cut, len = strlen(text);
	struct http_body body;
	struct got got;

	for (cut = 0; cut <= len; cut++) {
		http_body_init(&body, framing, length);
		read_cut(&body, text, len, cut, cut % 2, &got);
		CHECK(got.end == want->end && got.ends == want->ends,
		    "%s, cut at %zu: end %d, %d", name, cut, got.end, got.ends);
		CHECK(got.used == want->used &&
			  got.data_len == want->data_len &&
			  memcmp(got.data, text, got.data_len) == 0,
		    "%s, cut at %zu: used %zu, data %s", name, cut, got.used,
		    got.data);
	}
}

static void
test_others(void)
{
	static struct got want;

	want = (struct got){.end = HTTP_PIECE_DONE, .ends = true};
	check_other("none", HTTP_BODY_NONE, 0, "HTTP/1.1 200", &want);
	check_other("length 0", HTTP_BODY_LENGTH, 0, "HTTP/1.1 200", &want);
	want.used = want.data_len = 5;
	check_other("length", HTTP_BODY_LENGTH, 5, "hello", &want);
	check_other("length, more", HTTP_BODY_LENGTH, 5, "hello\r\n", &want);
	want.end = HTTP_PIECE_MORE;
	check_other("to the end", HTTP_BODY_CLOSE, 0, "hello", &want);
	want.ends = false;
	check_other("length 6", HTTP_BODY_LENGTH, 6, "hello", &want);
	check_other(
	    "length 2^63 - 1", HTTP_BODY_LENGTH, INT64_MAX, "hello", &want);
}

/* The largest size there is, byte by byte without that many bytes. */
static void
test_size_max(void)
{
	static const char text[] = "7fffffffffffffff\r\nhello";
	struct http_body body;
	struct got got;

	http_body_init(&body, HTTP_BODY_CHUNKED, 0);
	read_cut(&body, text, sizeof(text) - 1, 0, 1, &got);
	CHECK_INT(got.end, HTTP_PIECE_MORE);
	CHECK_STR(got.data, "hello");
	CHECK_INT(body.left, INT64_MAX - 5);
}

static void
limit(const char *name, const char *start, size_t fill, const char *end,
    enum http_piece want)
{
	static char text[20000];
	size_t len = strlen(start), step;
	struct http_body body;
	struct got got;

	memcpy(text, start, len);
	memset(text + len, 'a', fill);
	len += fill;
	memcpy(text + len, end, strlen(end));
	len += strlen(end);
	for (step = 0; step < 3; step++) {
		http_body_init(&body, HTTP_BODY_CHUNKED, 0);
		read_cut(&body, text, len, step == 0 ? len : 0, step, &got);
		CHECK(got.end == want, "%s, %zu at a time: %d", name, step,
		    got.end);
	}
}

static void
test_limits(void)
{
	size_t line = HTTP_CHUNK_LINE_MAX - strlen("0;") - 1;
	size_t trailer = HTTP_TRAILER_MAX - strlen("A:\r\n\r\n");

	limit(
	    "extension at its limit", "0;", line, "\r\n\r\n", HTTP_PIECE_DONE);
	limit("extension flooding", "0;", line + 1, "\r\n\r\n", HTTP_PIECE_BAD);
	limit("extension without an end", "0;", 10000, "", HTTP_PIECE_BAD);
	limit("trailer at its limit", "0\r\nA:", trailer, "\r\n\r\n",
	    HTTP_PIECE_DONE);
	limit("trailer too long", "0\r\nA:", trailer + 1, "\r\n\r\n",
	    HTTP_PIECE_BAD);
	limit("trailer too long, in two lines", "0\r\nB: c\r\nA:", trailer - 5,
	    "\r\n\r\n", HTTP_PIECE_BAD);
	limit("trailer without an end", "0\r\nA:", 10000, "", HTTP_PIECE_BAD);
}

static void
passes(const char *line, bool want)
{
	CHECK(http_trailer_passes((const uint8_t *)line, strlen(line)) == want,
	    "%s", line);
}

static void
test_trailer_passes(void)
{
	static const char *const never[] = {"Transfer-Encoding: chunked\r\n",
	    "content-length: 5\r\n", "HOST: a\r\n", "Connection: close\r\n",
	    "Keep-Alive: 5\r\n", "TE: trailers\r\n", "Trailer: a\r\n",
	    "Upgrade: h2c\r\n", "Authorization: a\r\n",
	    "Proxy-Authorization: a\r\n", "Proxy-Authenticate: a\r\n",
	    "Proxy-Connection: a\r\n", "WWW-Authenticate: a\r\n",
	    "Cookie: a\r\n", "Set-Cookie: a\r\n", "Via: a\r\n",
	    "Max-Forwards: 1\r\n", "Content-Type: a/b\r\n",
	    "Content-Encoding: gzip\r\n", "Content-Range: a\r\n",
	    "Cache-Control: a\r\n", "Expect: 100-continue\r\n",
	    "Range: bytes=0-\r\n", "If-Match: a\r\n", "Location: a\r\n",
	    "Vary: a\r\n", "no colon\r\n", ""};
	size_t i;

	for (i = 0; i < N(never); i++)
		passes(never[i], false);
	passes("Server-Timing: a\r\n", true);
	passes("Content-MD5: a\r\n", true);
	passes("X-Checksum: Host: a\r\n", true);
	passes("Hosts:\r\n", true);
	passes("grpc-status: 0\r\n", true);
}

static void
test_chunk_head(void)
{
	static const struct {
		size_t n;
		const char *want;
	} heads[] = {{1, "1\r\n"}, {500, "1f4\r\n"}, {65536, "10000\r\n"},
	    {SIZE_MAX, "ffffffffffffffff\r\n"}};
	uint8_t out[HTTP_CHUNK_HEAD_MAX];
	size_t i, len;

	for (i = 0; i < N(heads); i++) {
		len = http_chunk_head(heads[i].n, out);
		CHECK_INT(len, strlen(heads[i].want));
		CHECK_INT(memcmp(out, heads[i].want, len), 0);
	}
}

/* What is framed by http_chunk_head() reads back as it was. */
static void
test_round(void)
{
	static char text[9000];
	uint8_t head[HTTP_CHUNK_HEAD_MAX];
	size_t len = 0, total = 0, n, i;
	struct http_body body;
	struct got got;

	for (n = 1; n < 120; n += 7) {
		i = http_chunk_head(n, head);
		memcpy(text + len, head, i);
		len += i;
		memset(text + len, (int)('\r' + n % 2), n);
		len += n;
		memcpy(text + len, "\r\n", 2);
		len += 2;
		total += n;
	}
	memcpy(text + len, "0\r\nA: b\r\n\r\n", 11);
	len += 11;
	for (i = 0; i < len; i += 3) {
		http_body_init(&body, HTTP_BODY_CHUNKED, 0);
		read_cut(&body, text, len, i, i % 5, &got);
		CHECK(got.end == HTTP_PIECE_DONE && got.used == len &&
			  got.data_len == total && got.lines == 1,
		    "cut at %zu: %d, %zu bytes", i, got.end, got.data_len);
	}
}

static const struct unit_case cases[] = {
    {"chunked, cut at every byte", test_chunked},
    {"chunked, trailing data", test_trailing},
    {"bad and done stay", test_stays},
    {"other framings", test_others},
    {"largest chunk", test_size_max},
    {"limits", test_limits},
    {"what passes of a trailer", test_trailer_passes},
    {"head of a chunk", test_chunk_head},
    {"round trip", test_round},
};

UNIT_MAIN("http_body", cases)
