/* Owns the decoding of a client's HTTP request head and the encoding of our
 * own CONNECT; must not decide whether a request is served. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <sodium.h>

#include "wire/http.h"
#include "wire/http_basic.h"
#include "wire/http_head.h"
#include "wire/http_hop.h"

/* The fields that matter, borrowed from the head. */
struct fields {
	struct http_field host;
	struct http_field login;
	unsigned int host_n;
	unsigned int login_n;
};

/* Visible ASCII; a fragment is never part of a request target. */
static bool
is_target(const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (text[i] <= ' ' || text[i] > '~' || text[i] == '#')
			return false;
	}
	return len > 0;
}

static int
version_read(const char *text, size_t len, struct http_request *out)
{
	if (len != 8 || memcmp(text, "HTTP/", 5) != 0 || text[6] != '.' ||
	    text[5] < '0' || text[5] > '9' || text[7] < '0' || text[7] > '9')
		return 400;
	if (text[5] != '1' || text[7] > '1')
		return 505;
	out->minor = text[7] == '1';
	return 0;
}

/* method SP target SP version CR LF, exactly (RFC 9112 section 3).  0 or the
 * status to refuse it with, like all *_read() here. */
static int
line_read(const char *in, size_t len, struct http_request *out)
{
	const char *lf, *target, *version;
	size_t method_len, target_len;
	int status;

	lf = memchr(in, '\n', len);
	if (lf == NULL || lf == in || lf[-1] != '\r')
		return 400;
	len = (size_t)(lf - in) - 1;

	target = memchr(in, ' ', len);
	if (target == NULL)
		return 400;
	method_len = (size_t)(target++ - in);
	version = memchr(target, ' ', len - method_len - 1);
	if (version == NULL)
		return 400;
	target_len = (size_t)(version++ - target);

	if (!http_is_token(in, method_len) || !is_target(target, target_len))
		return 400;
	status = version_read(version, len - method_len - target_len - 2, out);
	if (status != 0)
		return status;
	if (method_len >= sizeof(out->method))
		return 501;
	if (target_len >= sizeof(out->target))
		return 414;
	memcpy(out->method, in, method_len);
	memcpy(out->target, target, target_len);
	return 0;
}

/* 0 when there is none; an empty port counts as none (RFC 3986 section
 * 3.2.3). */
static int
port_read(const char *text, size_t len, uint16_t *port)
{
	unsigned int n = 0;
	size_t i;

	*port = 0;
	if (len > 5)
		return 400;
	for (i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return 400;
		n = n * 10 + (unsigned int)(text[i] - '0');
	}
	if (len > 0 && (n == 0 || n > UINT16_MAX))
		return 400;
	*port = (uint16_t)n;
	return 0;
}

/* uri-host [ ":" port ]; out->port is 0 when it has none. */
static int
authority_read(const char *text, size_t len, struct wire_host *out)
{
	const char *end, *port;
	size_t host_len;
	uint16_t n;

	if (len > 0 && *text == '[') {
		end = memchr(text, ']', len);
		if (end == NULL)
			return 400;
		host_len = (size_t)(end - text) + 1;
	} else {
		end = memchr(text, ':', len);
		host_len = end != NULL ? (size_t)(end - text) : len;
	}
	port = text + host_len;
	len -= host_len;
	if (len > 0 && *port++ != ':')
		return 400;
	if (port_read(port, len > 0 ? len - 1 : 0, &n) != 0)
		return 400;
	if (wire_host_set(out, text, host_len) != 0)
		return 400;
	out->port = n;
	return 0;
}

size_t
http_target_path(const struct http_request *request)
{
	const char *sep;

	if (request->form != HTTP_FORM_ABSOLUTE)
		return request->form == HTTP_FORM_ORIGIN
			   ? 0
			   : strlen(request->target);
	sep = strstr(request->target, "://") + 3;
	return (size_t)(sep - request->target) + strcspn(sep, "/?");
}

/* An absolute-form target (RFC 9112 section 3.2.2).  Nobody could see that a
 * https: of ours is not what the client believes it to be. */
static int
absolute_read(struct http_request *out)
{
	size_t scheme_len = (size_t)(strstr(out->target, "://") - out->target);
	size_t at = scheme_len + 3;
	int status;

	if (!http_is_token(out->target, scheme_len))
		return 400;
	if (scheme_len != 4 || strncasecmp(out->target, "http", 4) != 0)
		return 501;
	out->form = HTTP_FORM_ABSOLUTE;
	status = authority_read(
	    out->target + at, http_target_path(out) - at, &out->host);
	if (status == 0 && out->host.port == 0)
		out->host.port = 80;
	return status;
}

static int
target_read(struct http_request *out)
{
	if (strcmp(out->method, "CONNECT") == 0) {
		out->form = HTTP_FORM_CONNECT;
		if (authority_read(
			out->target, strlen(out->target), &out->host) != 0)
			return 400;
		return out->host.port != 0 ? 0 : 400;
	}
	if (out->target[0] == '/') {
		out->form = HTTP_FORM_ORIGIN;
		return 0;
	}
	/* Options of the whole server: we serve nothing but CONNECT. */
	if (strcmp(out->target, "*") == 0)
		return strcmp(out->method, "OPTIONS") == 0 ? 405 : 400;
	if (strstr(out->target, "://") != NULL)
		return absolute_read(out);
	return 400;
}

static void
fields_read(const uint8_t *in, size_t len, struct fields *out)
{
	struct http_field field;
	size_t pos = 0;

	memset(out, 0, sizeof(*out));
	while (http_head_next(in, len, &pos, &field)) {
		if (http_field_is(&field, "Host")) {
			out->host = field;
			out->host_n++;
		} else if (http_field_is(&field, "Proxy-Authorization")) {
			out->login = field;
			out->login_n++;
		}
	}
}

static bool
host_same(const struct wire_host *a, const struct wire_host *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case WIRE_HOST_NONE:
		return false;
	case WIRE_HOST_NAME:
		return strcmp(a->name, b->name) == 0;
	case WIRE_HOST_V4:
		return memcmp(a->ip, b->ip, 4) == 0;
	case WIRE_HOST_V6:
		return memcmp(a->ip, b->ip, 16) == 0;
	}
	return false;
}

/* The characters of uri-host [ ":" port ]; nothing is allowed, too. */
static bool
is_authority(const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (!http_is_token(&text[i], 1) &&
		    memchr("()=,;:[]", text[i], 8) == NULL)
			return false;
	}
	return true;
}

/*
 * RFC 9112 section 3.2: exactly one Host in HTTP/1.1, and for CONNECT it is
 * the target's authority.  Host's grammar lets the port away and CONNECT has
 * no scheme to take a default from (RFC 9110 section 7.2), so a Host without
 * port is compared by host alone.  Absolute-form: section 3.2.2 has us ignore
 * it.
 */
static int
host_read(const struct fields *fields, const struct http_request *request)
{
	struct wire_host host = {.kind = WIRE_HOST_NONE};

	if (fields->host_n > 1 || (fields->host_n == 0 && request->minor > 0))
		return 400;
	if (fields->host_n == 0)
		return 0;
	if (!is_authority(fields->host.value, fields->host.value_len))
		return 400;
	if (request->form != HTTP_FORM_CONNECT)
		return 0;
	if (authority_read(fields->host.value, fields->host.value_len, &host) !=
	    0)
		return 400;
	if (!host_same(&host, &request->host))
		return 400;
	return host.port == 0 || host.port == request->host.port ? 0 : 400;
}

/* Another scheme than Basic counts as no login: 407 is the answer to that. */
static int
login_read(const struct fields *fields, struct http_request *out)
{
	int n;

	if (fields->login_n > 1)
		return 400;
	n = http_basic_decode(fields->login.value, fields->login.value_len,
	    out->user, out->password);
	out->has_login = n > 0;
	return n == WIRE_BAD ? 400 : 0;
}

static int
head_read(const uint8_t *in, size_t len, struct http_request *out)
{
	struct fields fields;
	struct http_hop hop;
	llhttp_errno_t error;
	int status;

	memset(out, 0, sizeof(*out));
	status = line_read((const char *)in, len, out);
	if (status != 0)
		return status;
	if (!http_head_is_clean(in, len))
		return 400;
	error = http_head_check(HTTP_REQUEST, in, len, NULL);
	if (error == HPE_INVALID_METHOD)
		return 501;
	if (error != HPE_OK)
		return 400;
	status = http_hop_read(in, len, out->minor, &hop);
	if (status != 0)
		return status;
	status = target_read(out);
	if (status != 0)
		return status;
	fields_read(in, len, &fields);
	status = host_read(&fields, out);
	if (status != 0)
		return status;
	/* Nobody may be able to take what follows a CONNECT for content: no
	 * coding, and no length but 0, which some clients send. */
	if (out->form == HTTP_FORM_CONNECT && hop.framing != HTTP_BODY_NONE)
		return 400;
	return login_read(&fields, out);
}

int
http_request_decode(const uint8_t *in, size_t len, size_t *scanned,
    struct http_request *out, int *status)
{
	size_t max = len < HTTP_HEAD_MAX ? len : HTTP_HEAD_MAX;
	size_t end = http_head_end(in, max, scanned);

	*status = 0;
	if (end == 0 && len < HTTP_HEAD_MAX)
		return WIRE_MORE;
	if (end == 0) {
		*status = memchr(in, '\n', max) == NULL ? 414 : 431;
		return WIRE_BAD;
	}
	*status = head_read(in, end, out);
	if (*status != 0) {
		sodium_memzero(out, sizeof(*out));
		return WIRE_BAD;
	}
	return (int)end;
}

int
http_connect_encode(const struct wire_host *host, const char *user,
    const char *password, uint8_t *out, size_t cap)
{
	const char *name = "Proxy-Authorization: ", *end = "\r\n";
	char authority[WIRE_HOST_STRLEN], login[HTTP_BASIC_STRLEN] = "";
	int len;

	if (host->kind == WIRE_HOST_NONE || host->port == 0)
		return WIRE_BAD;
	if (user == NULL)
		name = end = "";
	else if (http_basic_encode(user, password, login) == WIRE_BAD)
		return WIRE_BAD;
	wire_host_format(host, authority);
	len = snprintf((char *)out, cap,
	    "CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s%s%s\r\n", authority,
	    authority, name, login, end);
	sodium_memzero(login, sizeof(login));
	if (len >= 0 && (size_t)len < cap)
		return len;
	sodium_memzero(out, cap);
	return WIRE_BAD;
}
