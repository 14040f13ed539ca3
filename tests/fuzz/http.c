/* Fuzzes the HTTP codecs: however a head is cut, its reading is the same, and
 * what we say can be read back. */
#include <stdbool.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "wire/http.h"

struct result {
	int rc;
	int status;
};

static struct result
request_in_chunks(const uint8_t *data, size_t len, struct http_request *out)
{
	uint32_t seed = fuzz_seed(data, len);
	struct result r = {.rc = WIRE_MORE};
	size_t n = 0, scanned = 0;

	while (n < len && r.rc == WIRE_MORE) {
		n += fuzz_chunk(&seed, len - n);
		r.rc = http_request_decode(data, n, &scanned, out, &r.status);
	}
	return r;
}

static struct result
response_in_chunks(const uint8_t *data, size_t len)
{
	uint32_t seed = fuzz_seed(data, len);
	struct result r = {.rc = WIRE_MORE};
	size_t n = 0, scanned = 0;

	while (n < len && r.rc == WIRE_MORE) {
		n += fuzz_chunk(&seed, len - n);
		r.rc = http_response_decode(data, n, &scanned, &r.status);
	}
	return r;
}

static void
check_again(const struct http_request *request)
{
	struct http_request again;
	uint8_t out[2048];
	size_t scanned = 0;
	int len, rc, status;
	bool has_login = request->has_login;

	len = http_connect_encode(&request->host,
	    has_login ? request->user : NULL, request->password, out,
	    sizeof(out));
	assert(len > 0);
	rc = http_request_decode(out, (size_t)len, &scanned, &again, &status);
	assert(rc == len && status == 0);
	assert(again.host.kind == request->host.kind);
	assert(again.host.port == request->host.port);
	assert(strcmp(again.host.name, request->host.name) == 0);
	assert(memcmp(again.host.ip, request->host.ip, 16) == 0);
	assert(again.has_login == has_login);
	assert(strcmp(again.user, request->user) == 0);
	assert(strcmp(again.password, request->password) == 0);
}

static void
check_request(const struct http_request *r)
{
	size_t i;

	assert(r->minor <= 1);
	assert(r->method[0] != '\0' && r->target[0] != '\0');
	for (i = 0; r->target[i] != '\0'; i++)
		assert(r->target[i] > ' ' && r->target[i] <= '~');
	assert(r->has_login || (r->user[0] == '\0' && r->password[0] == '\0'));
	if (r->form == HTTP_FORM_ORIGIN) {
		assert(r->host.kind == WIRE_HOST_NONE);
		return;
	}
	assert(r->host.kind != WIRE_HOST_NONE && r->host.port != 0);
	check_again(r);
}

static void
fuzz_request(const uint8_t *data, size_t len)
{
	struct http_request request;
	struct result whole, cut;
	size_t scanned = 0;

	whole.rc =
	    http_request_decode(data, len, &scanned, &request, &whole.status);
	assert(whole.rc <= (int)len && whole.rc <= HTTP_HEAD_MAX);
	assert((whole.rc == WIRE_BAD) == (whole.status != 0));
	assert(whole.rc != WIRE_MORE || len < HTTP_HEAD_MAX);
	if (whole.rc > 0)
		check_request(&request);
	cut = request_in_chunks(data, len, &request);
	assert(cut.rc == whole.rc);
	assert(len == 0 || cut.status == whole.status);
}

static void
fuzz_response(const uint8_t *data, size_t len)
{
	struct result whole, cut;
	size_t scanned = 0;

	whole.rc = http_response_decode(data, len, &scanned, &whole.status);
	assert(whole.rc <= (int)len && whole.rc <= HTTP_RESPONSE_MAX);
	assert((whole.rc > 0) == (whole.status != 0));
	assert(whole.rc <= 0 || (whole.status > 100 && whole.status < 600));
	assert(whole.rc != WIRE_MORE || len < HTTP_RESPONSE_MAX);
	cut = response_in_chunks(data, len);
	assert(cut.rc == whole.rc);
	assert(len == 0 || cut.status == whole.status);
}

/* No text of a page or of Proxy-Status moves the end of the head. */
static void
fuzz_reply(const uint8_t *data, size_t len)
{
	static const int statuses[] = {400, 403, 405, 407, 502, 504};
	char text[512], field[64];
	uint8_t out[1024];
	size_t scanned = 0, n = len < sizeof(text) ? len : sizeof(text) - 1;
	int rc, head, status, want;

	memcpy(text, data, n);
	text[n] = '\0';
	n = n < sizeof(field) ? n : sizeof(field) - 1;
	memcpy(field, data, n);
	field[n] = '\0';
	want = statuses[len % (sizeof(statuses) / sizeof(*statuses))];
	rc = http_reply_encode(want, field, text, out, sizeof(out));
	if (rc == WIRE_BAD) {
		rc = http_reply_encode(want, NULL, text, out, sizeof(out));
		assert(rc > 0);
	}
	head = http_response_decode(out, (size_t)rc, &scanned, &status);
	assert(head > 0 && status == want);
	assert((size_t)(rc - head) == strlen(text));
	assert(memcmp(out + head, text, strlen(text)) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	fuzz_request(data, len);
	fuzz_response(data, len);
	fuzz_reply(data, len);
	return 0;
}
