/* Owns how the end of a path is told to the client, in its protocol; must not
 * soften it. */
#include <stdio.h>
#include <string.h>

#include "wire/http.h"
#include "wire/intake.h"
#include "wire/socks4.h"
#include "wire/socks5.h"

/* What an HTTP head of ours takes at most, Proxy-Status included. */
#define HEAD_MAX 512
#define PAGE_MAX (INTAKE_OUT_MAX - HEAD_MAX)

struct code {
	uint8_t socks5;
	int http;
	const char *error; /* of Proxy-Status, RFC 9209 section 2.3 */
};

/* 06 for what took too long is what Dante says, too.  502 when somebody was
 * asked and it failed, 503 when there was nobody to ask. */
static const struct code codes[] = {
    [REASON_OK] = {SOCKS5_REP_OK, 200, "none"},
    [REASON_REFUSED] = {SOCKS5_REP_REFUSED, 502, "connection_refused"},
    [REASON_HOST_UNREACHABLE] = {SOCKS5_REP_HOST_UNREACHABLE, 502,
	"destination_ip_unroutable"},
    [REASON_NET_UNREACHABLE] = {SOCKS5_REP_NET_UNREACHABLE, 502,
	"destination_ip_unroutable"},
    [REASON_TIMEOUT] = {SOCKS5_REP_TTL_EXPIRED, 504, "connection_timeout"},
    [REASON_NAME_UNKNOWN] = {SOCKS5_REP_HOST_UNREACHABLE, 502,
	"dns_error; rcode=\"NXDOMAIN\""},
    [REASON_NAME_FAILED] = {SOCKS5_REP_HOST_UNREACHABLE, 502, "dns_error"},
    [REASON_HOP_REFUSED] = {SOCKS5_REP_FAILURE, 502, "connection_refused"},
    [REASON_HOP_UNREACHABLE] = {SOCKS5_REP_FAILURE, 502,
	"destination_ip_unroutable"},
    [REASON_HOP_TIMEOUT] = {SOCKS5_REP_TTL_EXPIRED, 504, "connection_timeout"},
    [REASON_HOP_CLOSED] = {SOCKS5_REP_FAILURE, 502, "connection_terminated"},
    [REASON_HOP_BAD] = {SOCKS5_REP_FAILURE, 502, "destination_unavailable"},
    [REASON_HOP_AUTH] = {SOCKS5_REP_FAILURE, 502, "proxy_configuration_error"},
    [REASON_HOP_TLS] = {SOCKS5_REP_FAILURE, 502, "tls_protocol_error"},
    [REASON_HOP_CERT] = {SOCKS5_REP_FAILURE, 502, "tls_certificate_error"},
    [REASON_HOP_UNSUPPORTED] = {SOCKS5_REP_FAILURE, 502,
	"proxy_configuration_error"},
    [REASON_HOP_DENIED] = {SOCKS5_REP_NOT_ALLOWED, 502,
	"destination_unavailable"},
    [REASON_HOP_FAILED] = {SOCKS5_REP_FAILURE, 502, "destination_unavailable"},
    [REASON_HOP_SILENT] = {SOCKS5_REP_TTL_EXPIRED, 504,
	"connection_read_timeout"},
    [REASON_HOP_HUNG_UP] = {SOCKS5_REP_FAILURE, 502, "connection_terminated"},
    [REASON_HOP_MUTE] = {SOCKS5_REP_TTL_EXPIRED, 504,
	"connection_read_timeout"},
    [REASON_DENIED] = {SOCKS5_REP_NOT_ALLOWED, 403, "http_request_denied"},
    [REASON_NO_PATH] = {SOCKS5_REP_FAILURE, 503, "destination_unavailable"},
    [REASON_OVERLOAD] = {SOCKS5_REP_FAILURE, 503, "connection_limit_reached"},
    [REASON_UNSUPPORTED] = {SOCKS5_REP_COMMAND, 501, "proxy_internal_response"},
    [REASON_BAD_REQUEST] = {SOCKS5_REP_FAILURE, 400, "http_request_error"},
    [REASON_CANCELLED] = {SOCKS5_REP_FAILURE, 500, "proxy_internal_error"},
    [REASON_LIMITED] = {SOCKS5_REP_NOT_ALLOWED, 429, "http_request_denied"},
    [REASON_FULL] = {SOCKS5_REP_FAILURE, 503, "connection_limit_reached"},
};

_Static_assert(
    sizeof(codes) / sizeof(*codes) == REASON_COUNT, "a reason lacks a code");

static const struct code *
code_of(enum wire_reason reason)
{
	static const struct code unknown = {
	    SOCKS5_REP_FAILURE, 500, "proxy_internal_error"};

	return (unsigned int)reason < REASON_COUNT ? &codes[reason] : &unknown;
}

uint8_t
intake_socks5_code(enum wire_reason reason)
{
	return code_of(reason)->socks5;
}

int
intake_http_status(enum wire_reason reason)
{
	return code_of(reason)->http;
}

void
intake_proxy_status(enum wire_reason reason, char *out, size_t size)
{
	snprintf(out, size, "cagent; error=%s; details=\"%s\"",
	    code_of(reason)->error, wire_reason_word(reason));
}

/* Append the whole lines of text that fit. */
static void
lines_append(char *page, size_t cap, const char *text)
{
	size_t used = strlen(page), len = strlen(text);
	size_t left = cap - used - 1;

	if (len > left) {
		for (len = left; len > 0 && text[len - 1] != '\n';)
			len--;
	}
	memcpy(page + used, text, len);
	page[used + len] = '\0';
}

static int
http_answer(struct intake *intake, enum wire_reason reason, const char *tried)
{
	char host[WIRE_HOST_STRLEN], proxy_status[256], page[PAGE_MAX];
	const struct code *code = code_of(reason);

	if (reason == REASON_OK)
		return http_reply_encode(
		    code->http, NULL, NULL, intake->out, sizeof(intake->out));
	intake_proxy_status(reason, proxy_status, sizeof(proxy_status));
	snprintf(page, sizeof(page), "cagent: no path to %s: %s\n",
	    wire_host_format(&intake->host, host), wire_reason_text(reason));
	if (tried != NULL)
		lines_append(page, sizeof(page), tried);
	return http_reply_encode(
	    code->http, proxy_status, page, intake->out, sizeof(intake->out));
}

void
intake_reply(struct intake *intake, enum wire_reason reason, const char *tried)
{
	static const struct wire_host any = {.kind = WIRE_HOST_V4};
	const struct wire_host *bound =
	    intake->bound.kind != WIRE_HOST_NONE ? &intake->bound : &any;
	int len = 0;

	/* Before its request a client cannot understand an answer to it. */
	if (intake->state != INTAKE_DONE) {
		intake->out_len = 0;
		return;
	}
	switch (intake->protocol) {
	case PROTOCOL_NONE:
	case PROTOCOL_REDIRECT:
	case PROTOCOL_TPROXY:
		break;
	case PROTOCOL_SOCKS4:
	case PROTOCOL_SOCKS4A:
		len = socks4_reply_bound(
		    reason == REASON_OK ? SOCKS4_GRANTED : SOCKS4_REJECTED,
		    bound, intake->out);
		break;
	case PROTOCOL_SOCKS5:
		len = socks5_reply_encode(intake_socks5_code(reason), bound,
		    intake->out, sizeof(intake->out));
		break;
	case PROTOCOL_HTTP:
		len = http_answer(intake, reason, tried);
		break;
	}
	intake->out_len = len > 0 ? (size_t)len : 0;
}
