/* Fuzzes messages that are passed on: however they are cut they read the same,
 * what is sent in their place reads as they did, and llhttp finds the end of
 * a content where we find it. */
#include <stdbool.h>
#include <string.h>

#include <llhttp/llhttp.h>

#include "tests/fuzz/fuzz.h"
#include "wire/http_message.h"

#define OUT_MAX (HTTP_RESPONSE_MAX + HTTP_ONWARD_EXTRA)

struct content {
	enum http_piece end;
	size_t used, data_len;
	uint32_t sum; /* of the data's bytes */
};

static uint32_t
sum_on(uint32_t sum, const uint8_t *data, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		sum = (uint32_t)((sum ^ data[i]) * UINT64_C(16777619));
	return sum;
}

/* seed NULL: all of it at once. */
static struct content
content_read(enum http_framing framing, uint64_t length, const uint8_t *in,
    size_t len, uint32_t *seed)
{
	size_t have = seed == NULL ? len : 0, used, n;
	struct content c = {.sum = 1};
	struct http_body body;
	const uint8_t *data;

	http_body_init(&body, framing, length);
	for (;;) {
		c.end = http_body_next(
		    &body, in + c.used, have - c.used, &used, &data, &n);
		assert(used <= have - c.used);
		assert(n == 0 ||
		       (data >= in + c.used && data + n <= in + c.used + used));
		c.used += used;
		c.data_len += c.end == HTTP_PIECE_DATA ? n : 0;
		if (c.end == HTTP_PIECE_DATA)
			c.sum = sum_on(c.sum, data, n);
		if (c.end == HTTP_PIECE_DONE || c.end == HTTP_PIECE_BAD)
			break;
		if (c.end != HTTP_PIECE_MORE)
			continue;
		if (have == len)
			break;
		have += fuzz_chunk(seed, len - have);
	}
	assert(http_body_done(&body) == (c.end == HTTP_PIECE_DONE));
	return c;
}

struct other {
	bool done;
	size_t data_len;
	uint32_t sum;
};

static int
on_body(llhttp_t *parser, const char *at, size_t len)
{
	struct other *other = parser->data;

	other->sum = sum_on(other->sum, (const uint8_t *)at, len);
	other->data_len += len;
	return 0;
}

static int
on_complete(llhttp_t *parser)
{
	struct other *other = parser->data;

	other->done = true;
	return HPE_PAUSED;
}

/* Does llhttp find the end of the message that begins with head, and the same
 * content?  When it refuses it there is nothing to compare. */
static void
check_llhttp(const char *head, size_t head_len, const uint8_t *in, size_t len,
    const struct content *c)
{
	llhttp_settings_t settings = {
	    .on_body = on_body, .on_message_complete = on_complete};
	struct other other = {.sum = 1};
	llhttp_errno_t error;
	llhttp_t parser;

	llhttp_init(&parser, HTTP_REQUEST, &settings);
	parser.data = &other;
	error = llhttp_execute(&parser, head, head_len);
	if (error == HPE_OK)
		error = llhttp_execute(&parser, (const char *)in, len);
	if (error != HPE_OK && error != HPE_PAUSED)
		return;
	/* What we refuse does not matter; what we take for a part must not
	 * have been all. */
	if (c->end == HTTP_PIECE_BAD)
		return;
	assert(other.done == (c->end == HTTP_PIECE_DONE));
	assert(other.data_len == c->data_len && other.sum == c->sum);
	if (other.done && c->used > 0)
		assert(llhttp_get_error_pos(&parser) ==
		       (const char *)in + c->used);
}

static void
fuzz_content(const uint8_t *data, size_t len)
{
	static const char head[] =
	    "PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
	uint32_t seed = fuzz_seed(data, len);
	struct content whole, cut;

	whole = content_read(HTTP_BODY_CHUNKED, 0, data, len, NULL);
	cut = content_read(HTTP_BODY_CHUNKED, 0, data, len, &seed);
	assert(cut.end == whole.end && cut.data_len == whole.data_len);
	assert(cut.used == whole.used || whole.end == HTTP_PIECE_BAD);
	assert(cut.sum == whole.sum);
	check_llhttp(head, sizeof(head) - 1, data, len, &whole);
}

static int
ask_in_chunks(
    const uint8_t *data, size_t len, struct http_ask *out, int *status)
{
	uint32_t seed = fuzz_seed(data, len);
	size_t n = 0, scanned = 0;
	int rc = WIRE_MORE;

	while (n < len && rc == WIRE_MORE) {
		n += fuzz_chunk(&seed, len - n);
		rc = http_ask_decode(data, n, &scanned, out, status);
	}
	return rc;
}

static void
same_request(const struct http_ask *a, const struct http_ask *b)
{
	assert(strcmp(a->request.method, b->request.method) == 0);
	assert(a->framing == b->framing && a->length == b->length);
	assert(a->expects_continue == b->expects_continue);
	assert(strcmp(a->upgrade, b->upgrade) == 0);
	assert(strcmp(a->accept, b->accept) == 0);
	assert(a->trailers == b->trailers);
	assert(a->vias_n + 1 == b->vias_n);
	assert(!b->request.has_login);
}

static void
check_onward(const struct http_ask *a, const uint8_t *head, size_t len)
{
	struct http_onward how = {.proxy = true, .keep_alive = true};
	static uint8_t out[OUT_MAX];
	struct http_ask again;
	int rc, n, status;
	size_t scanned = 0;

	n = http_ask_encode(a, head, len, &how, out, len + HTTP_ONWARD_EXTRA);
	if (a->request.form != HTTP_FORM_ABSOLUTE || a->max_forwards == 0) {
		assert(n == WIRE_BAD);
		return;
	}
	assert(n > 0);
	/* It may have grown beyond what we take ourselves. */
	rc = http_ask_decode(out, (size_t)n, &scanned, &again, &status);
	if (n <= HTTP_HEAD_MAX && status != 431 && status != 414) {
		assert(rc == n && again.request.form == HTTP_FORM_ABSOLUTE);
		same_request(a, &again);
		assert(again.request.host.kind == a->request.host.kind);
		assert(again.request.host.port == a->request.host.port);
		assert(
		    strcmp(again.request.host.name, a->request.host.name) == 0);
		assert(again.path_len == a->path_len ||
		       (a->path_len == 0 && again.path_len == 1));
	}
	how.proxy = false;
	n = http_ask_encode(a, head, len, &how, out, len + HTTP_ONWARD_EXTRA);
	assert(n > 0);
	scanned = 0;
	rc = http_ask_decode(out, (size_t)n, &scanned, &again, &status);
	/* OPTIONS *, which we do not serve */
	if (n > HTTP_HEAD_MAX || status == 431 || status == 405)
		return;
	assert(rc == n && again.request.form == HTTP_FORM_ORIGIN);
	same_request(a, &again);
}

static void
fuzz_ask(const uint8_t *data, size_t len)
{
	int rc, cut_rc, status = 0, cut_status = 0;
	struct http_ask ask, cut;
	struct content c;
	size_t scanned = 0, n;

	rc = http_ask_decode(data, len, &scanned, &ask, &status);
	assert(rc <= (int)len && rc <= HTTP_HEAD_MAX);
	assert((rc == WIRE_BAD) == (status != 0));
	cut_rc = ask_in_chunks(data, len, &cut, &cut_status);
	assert(len == 0 || (cut_rc == rc && cut_status == status));
	if (rc <= 0)
		return;
	assert(memcmp(&ask, &cut, sizeof(ask)) == 0);
	assert((ask.framing == HTTP_BODY_LENGTH) == (ask.length > 0));
	assert(ask.framing != HTTP_BODY_CLOSE);
	assert(ask.length <= INT64_MAX && ask.max_forwards >= -1);
	check_onward(&ask, data, (size_t)rc);
	/* llhttp leaves off at what may turn to another protocol. */
	n = (size_t)rc;
	if (ask.request.form == HTTP_FORM_CONNECT ||
	    memmem(data, n, "pgrade", 6) != NULL ||
	    memmem(data, n, "PGRADE", 6) != NULL)
		return;
	c = content_read(ask.framing, ask.length, data + n, len - n, NULL);
	check_llhttp((const char *)data, n, data + n, len - n, &c);
}

static int
answer_in_chunks(const uint8_t *data, size_t len, const struct http_ask *ask,
    struct http_answer *out)
{
	uint32_t seed = fuzz_seed(data, len);
	size_t n = 0, scanned = 0;
	int rc = WIRE_MORE;

	while (n < len && rc == WIRE_MORE) {
		n += fuzz_chunk(&seed, len - n);
		rc = http_answer_decode(data, n, &scanned, ask, out);
	}
	return rc;
}

static void
check_back(const struct http_ask *ask, const struct http_answer *a,
    const uint8_t *head, size_t len)
{
	struct http_back how = {.minor = ask->request.minor};
	static uint8_t out[OUT_MAX];
	struct http_answer again;
	size_t scanned = 0;
	int n, rc;

	how.keep_alive = how.minor > 0;
	how.framing = http_back_framing(ask, a);
	n = http_answer_encode(
	    a, head, len, &how, out, len + HTTP_ONWARD_EXTRA);
	if (a->interim && how.minor == 0) {
		assert(n == 0);
		return;
	}
	assert(n > 0);
	if (n > HTTP_RESPONSE_MAX)
		return;
	rc = http_answer_decode(out, (size_t)n, &scanned, ask, &again);
	/* Fields of ours may have been one too many. */
	if (rc == WIRE_BAD && memchr(out, '\n', (size_t)n) != NULL) {
		size_t i, lines = 0;

		for (i = 0; i < (size_t)n; i++)
			lines += out[i] == '\n';
		assert(lines > HTTP_HEADERS_MAX + 2);
		return;
	}
	assert(rc == n);
	assert(again.status == a->status && again.interim == a->interim);
	assert(again.upgrade == a->upgrade);
	assert(again.framing == how.framing && again.length == a->length);
	assert(again.upgrade || again.keep_alive == how.keep_alive);
	assert(strcmp(again.content_type, a->content_type) == 0);
}

static void
fuzz_answer(const uint8_t *data, size_t len)
{
	struct http_ask ask = {.keep_alive = true, .max_forwards = -1};
	uint32_t seed = fuzz_seed(data, len);
	struct http_answer answer, cut;
	size_t scanned = 0;
	int rc, cut_rc;

	memcpy(ask.request.method, (seed & 1) != 0 ? "HEAD" : "GET", 4);
	ask.request.minor = (uint8_t)(seed >> 1 & 1);
	if (ask.request.minor > 0)
		memcpy(ask.upgrade, "websocket", 10);
	memset(&answer, 0, sizeof(answer));
	memset(&cut, 0, sizeof(cut));
	rc = http_answer_decode(data, len, &scanned, &ask, &answer);
	assert(rc <= (int)len && rc <= HTTP_RESPONSE_MAX);
	cut_rc = answer_in_chunks(data, len, &ask, &cut);
	assert(len == 0 || cut_rc == rc);
	if (rc <= 0)
		return;
	assert(memcmp(&answer, &cut, sizeof(answer)) == 0);
	assert(answer.status >= 100 && answer.status < 600);
	assert((answer.framing == HTTP_BODY_LENGTH) == (answer.length > 0));
	assert(!answer.keep_alive || answer.framing != HTTP_BODY_CLOSE);
	check_back(&ask, &answer, data, (size_t)rc);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	fuzz_content(data, len);
	fuzz_ask(data, len);
	fuzz_answer(data, len);
	return 0;
}
