/* Tests what a client is told, in each protocol and for each reason. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"
#include "wire/intake.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define B(s) (s), sizeof(s) - 1

#define SOCKS4	"\004\001\000\120\300\000\002\001\000"
#define SOCKS5	"\005\001\000\005\001\000\003\013www.example\001\273"
#define CONNECT "CONNECT www.example:443 HTTP/1.0\r\n\r\n"

struct answer {
	enum wire_reason reason;
	uint8_t socks5;
	int http;
	const char *error;
};

static const struct answer answers[] = {
    {REASON_OK, 0, 200, NULL},
    {REASON_REFUSED, 5, 502, "connection_refused"},
    {REASON_HOST_UNREACHABLE, 4, 502, "destination_ip_unroutable"},
    {REASON_NET_UNREACHABLE, 3, 502, "destination_ip_unroutable"},
    {REASON_TIMEOUT, 6, 504, "connection_timeout"},
    {REASON_NAME_UNKNOWN, 4, 502, "dns_error; rcode=\"NXDOMAIN\""},
    {REASON_NAME_FAILED, 4, 502, "dns_error"},
    {REASON_HOP_REFUSED, 1, 502, "connection_refused"},
    {REASON_HOP_UNREACHABLE, 1, 502, "destination_ip_unroutable"},
    {REASON_HOP_TIMEOUT, 6, 504, "connection_timeout"},
    {REASON_HOP_CLOSED, 1, 502, "connection_terminated"},
    {REASON_HOP_BAD, 1, 502, "destination_unavailable"},
    {REASON_HOP_AUTH, 1, 502, "proxy_configuration_error"},
    {REASON_HOP_TLS, 1, 502, "tls_protocol_error"},
    {REASON_HOP_CERT, 1, 502, "tls_certificate_error"},
    {REASON_HOP_UNSUPPORTED, 1, 502, "proxy_configuration_error"},
    {REASON_HOP_DENIED, 2, 502, "destination_unavailable"},
    {REASON_HOP_FAILED, 1, 502, "destination_unavailable"},
    {REASON_HOP_SILENT, 6, 504, "connection_read_timeout"},
    {REASON_HOP_HUNG_UP, 1, 502, "connection_terminated"},
    {REASON_HOP_MUTE, 6, 504, "connection_read_timeout"},
    {REASON_DENIED, 2, 403, "http_request_denied"},
    {REASON_NO_PATH, 1, 503, "destination_unavailable"},
    {REASON_OVERLOAD, 1, 503, "connection_limit_reached"},
    {REASON_UNSUPPORTED, 7, 501, "proxy_internal_response"},
    {REASON_BAD_REQUEST, 1, 400, "http_request_error"},
    {REASON_CANCELLED, 1, 500, "proxy_internal_error"},
    {REASON_LIMITED, 2, 429, "http_request_denied"},
    {REASON_FULL, 1, 503, "connection_limit_reached"},
    {REASON_COUNT, 1, 500, "proxy_internal_error"},
};
_Static_assert(N(answers) == REASON_COUNT + 1, "a reason is not tested");

/* The reply to a request that in[0..len) ends with. */
static void
answer(struct intake *i, const char *in, size_t len, enum wire_reason reason)
{
	enum intake_step step = INTAKE_SEND;
	size_t used;

	intake_init(i, false);
	for (; step == INTAKE_SEND; in += used, len -= used)
		step = intake_feed(i, (const uint8_t *)in, len, &used);
	CHECK_INT(step, INTAKE_REQUEST);
	intake_reply(i, reason, "tried a\n");
	i->out[i->out_len] = '\0';
}

static void
answer_http(const struct answer *a)
{
	char want[1024], page[256];
	struct intake i;

	snprintf(page, sizeof(page),
	    "cagent: no path to www.example:443: %s\ntried a\n",
	    wire_reason_text(a->reason));
	answer(&i, B(CONNECT), a->reason);
	snprintf(want, sizeof(want), "HTTP/1.1 %d ", a->http);
	CHECK(strncmp((char *)i.out, want, strlen(want)) == 0,
	    "reason %d: %.20s", a->reason, i.out);
	snprintf(want, sizeof(want),
	    "\r\nProxy-Status: cagent; error=%s; details=\"%s\"\r\n%s"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
	    a->error != NULL ? a->error : "", wire_reason_word(a->reason),
	    a->http == 429 || a->http == 503 ? "Retry-After: 1\r\n" : "",
	    strlen(page), page);
	if (a->error == NULL)
		snprintf(want, sizeof(want), "\r\n\r\n");
	CHECK_STR(strstr((char *)i.out, "\r\n"), want);
}

static void
test_answers(void)
{
	const struct answer *a;
	struct intake i;

	for (a = answers; a < answers + N(answers); a++) {
		CHECK_INT(intake_socks5_code(a->reason), a->socks5);
		CHECK_INT(intake_http_status(a->reason), a->http);

		answer(&i, B(SOCKS4), a->reason);
		CHECK_INT(i.out_len, 8);
		CHECK_INT(i.out[0], 0);
		CHECK_INT(i.out[1], a->reason == REASON_OK ? 0x5a : 0x5b);

		answer(&i, B(SOCKS5), a->reason);
		CHECK_INT(i.out_len, 10);
		CHECK_INT(i.out[0], 5);
		CHECK_INT(i.out[1], a->socks5);
		CHECK_INT(i.out[3], 1);

		answer_http(a);
	}
}

static void
test_early(void)
{
	enum intake_step step;
	struct intake i;
	size_t used;

	intake_init(&i, false);
	intake_reply(&i, REASON_OVERLOAD, NULL);
	CHECK_INT(i.out_len, 0);
	step = intake_feed(&i, (const uint8_t *)"\005\001\000", 3, &used);
	CHECK_INT(step, INTAKE_SEND);
	intake_reply(&i, REASON_OVERLOAD, NULL);
	CHECK_INT(i.out_len, 0);
}

/* What was tried is cut at a line's end, never the page's first line. */
static void
test_tried(void)
{
	static char tried[3 * INTAKE_OUT_MAX];
	const char *body, *length;
	char want[64];
	struct intake i;
	size_t n;

	for (n = 0; n + 41 < sizeof(tried); n += 41)
		snprintf(tried + n, 42, "%-40s\n", "gold/hq-1: refused");
	answer(&i, B(CONNECT), REASON_REFUSED);
	intake_reply(&i, REASON_REFUSED, tried);
	CHECK(i.out_len < INTAKE_OUT_MAX && i.out_len > 3500, "%zu bytes",
	    i.out_len);
	i.out[i.out_len] = '\0';
	body = strstr((char *)i.out, "\r\n\r\n") + 4;
	CHECK_INT(body[strlen(body) - 1], '\n');
	CHECK_INT(strlen(strchr(body, '\n') + 1) % 41, 0);
	snprintf(want, sizeof(want), "Content-Length: %zu\r\n", strlen(body));
	length = strstr((char *)i.out, want);
	CHECK(length != NULL, "no %s", want);

	memset(tried, 'a', sizeof(tried) - 1);
	intake_reply(&i, REASON_REFUSED, tried);
	CHECK(i.out_len > 100 && i.out_len < 500, "%zu bytes", i.out_len);
	intake_reply(&i, REASON_REFUSED, NULL);
	CHECK(i.out_len > 100 && i.out_len < 500, "%zu bytes", i.out_len);
}

static const struct unit_case cases[] = {
    {"answers", test_answers},
    {"answer before the request", test_early},
    {"what was tried", test_tried},
};

UNIT_MAIN("intake_reply", cases)
