/* Owns the state of a client's handshake up to its request; must not judge
 * whom or what it asks for. */
#include "wire/intake.h"

#include <string.h>

#include <sodium.h>

#include "wire/http.h"
#include "wire/socks4.h"
#include "wire/socks5.h"

_Static_assert(INTAKE_IN_MAX >= HTTP_HEAD_MAX, "a head must fit");
_Static_assert(INTAKE_IN_MAX > SOCKS4_REQUEST_MAX, "a request must fit");
_Static_assert(INTAKE_IN_MAX > SOCKS5_LOGIN_MAX, "a login must fit");

static const char page_login[] =
    "cagent: this proxy wants a user name and a password.\n";

static const char page_busy[] =
    "cagent: too many log in at once.  Try again in a moment.\n";

const char *
wire_protocol_word(enum wire_protocol protocol)
{
	switch (protocol) {
	case PROTOCOL_NONE:
		return "none";
	case PROTOCOL_SOCKS4:
		return "socks4";
	case PROTOCOL_SOCKS4A:
		return "socks4a";
	case PROTOCOL_SOCKS5:
		return "socks5";
	case PROTOCOL_HTTP:
		return "http";
	case PROTOCOL_REDIRECT:
		return "redirect";
	case PROTOCOL_TPROXY:
		return "tproxy";
	}
	return "unknown";
}

void
intake_init(struct intake *intake, enum intake_wants wants)
{
	memset(intake, 0, sizeof(*intake));
	intake->state = INTAKE_DETECT;
	intake->wants = wants;
}

void
intake_divert(struct intake *intake, enum wire_protocol protocol,
    const struct wire_host *host)
{
	intake_init(intake, false);
	intake->protocol = protocol;
	intake->host = *host;
	intake->state = INTAKE_DONE;
}

static enum intake_step
send_and(struct intake *intake, int len, enum intake_state next)
{
	intake->out_len = (size_t)len;
	intake->state = next;
	return INTAKE_SEND;
}

/* len: of the answer in out; WIRE_BAD or 0: close without one. */
static enum intake_step
reject(struct intake *intake, int len)
{
	intake->out_len = len > 0 ? (size_t)len : 0;
	intake->state = INTAKE_DONE;
	return INTAKE_REJECT;
}

static enum intake_step
reject_socks4(struct intake *intake)
{
	return reject(
	    intake, socks4_reply_encode(SOCKS4_REJECTED, intake->out));
}

static enum intake_step
reject_socks5(struct intake *intake, uint8_t rep)
{
	return reject(intake,
	    socks5_reply_encode(rep, NULL, intake->out, sizeof(intake->out)));
}

static enum intake_step
reject_http(struct intake *intake, int status, const char *page)
{
	return reject(intake, http_reply_encode(status, NULL, page, intake->out,
				  sizeof(intake->out)));
}

static enum intake_step
request(struct intake *intake)
{
	intake->state = INTAKE_DONE;
	return INTAKE_REQUEST;
}

static enum intake_state
detect(uint8_t first)
{
	if (first == 4)
		return INTAKE_SOCKS4;
	if (first == 5)
		return INTAKE_GREETING;
	if ((first >= 'A' && first <= 'Z') || (first >= 'a' && first <= 'z'))
		return INTAKE_HTTP;
	return INTAKE_DONE;
}

static enum intake_step
feed_socks4(struct intake *intake, const uint8_t *in, size_t len, size_t *used)
{
	struct socks4_request r;
	int n;

	intake->protocol = PROTOCOL_SOCKS4;
	n = socks4_request_decode(in, len, &r);
	if (n == WIRE_MORE)
		return INTAKE_MORE;
	if (n == WIRE_BAD)
		return reject_socks4(intake);
	*used = (size_t)n;
	if (r.is_4a)
		intake->protocol = PROTOCOL_SOCKS4A;
	/* Nothing in SOCKS4 proves who the client is. */
	if (intake->wants == INTAKE_MUST_LOGIN)
		return reject_socks4(intake);
	if (r.command == SOCKS4_BIND)
		intake->command = INTAKE_BIND;
	else if (r.command != SOCKS4_CONNECT)
		return reject_socks4(intake);
	intake->host = r.host;
	memcpy(intake->user, r.userid, sizeof(r.userid));
	return request(intake);
}

/* A client that need not log in, and offers to, wants to be known. */
static bool
wants_login(const struct intake *intake, const struct socks5_greeting *g)
{
	return intake->wants == INTAKE_MUST_LOGIN ||
	       (intake->wants == INTAKE_MAY_LOGIN &&
		   socks5_greeting_offers(g, SOCKS5_METHOD_PASSWORD));
}

static enum intake_step
feed_greeting(
    struct intake *intake, const uint8_t *in, size_t len, size_t *used)
{
	struct socks5_greeting greeting;
	uint8_t method;
	bool login;
	int n;

	intake->protocol = PROTOCOL_SOCKS5;
	n = socks5_greeting_decode(in, len, &greeting);
	if (n == WIRE_MORE)
		return INTAKE_MORE;
	if (n == WIRE_BAD)
		return reject(intake, 0);
	*used = (size_t)n;
	login = wants_login(intake, &greeting);
	method = login ? SOCKS5_METHOD_PASSWORD : SOCKS5_METHOD_NONE;
	if (!socks5_greeting_offers(&greeting, method))
		return reject(
		    intake, socks5_choice_encode(
				SOCKS5_METHOD_NO_ACCEPTABLE, intake->out));
	return send_and(intake, socks5_choice_encode(method, intake->out),
	    login ? INTAKE_WAIT_LOGIN : INTAKE_SOCKS5);
}

static enum intake_step
feed_login(struct intake *intake, const uint8_t *in, size_t len, size_t *used)
{
	struct socks5_login login;
	bool is_text;
	int n;

	n = socks5_login_decode(in, len, &login);
	if (n == WIRE_MORE)
		return INTAKE_MORE;
	if (n == WIRE_BAD)
		return reject(
		    intake, socks5_login_reply_encode(false, intake->out));
	*used = (size_t)n;
	/* A NUL would make "alice\0mallory" pass for "alice". */
	is_text = memchr(login.user, '\0', login.user_len) == NULL &&
		  memchr(login.password, '\0', login.password_len) == NULL;
	if (is_text) {
		memcpy(intake->user, login.user, sizeof(intake->user));
		memcpy(
		    intake->password, login.password, sizeof(intake->password));
	}
	sodium_memzero(&login, sizeof(login));
	if (!is_text)
		return reject(
		    intake, socks5_login_reply_encode(false, intake->out));
	intake->state = INTAKE_CHECK_LOGIN;
	return INTAKE_LOGIN;
}

static enum intake_step
feed_socks5(struct intake *intake, const uint8_t *in, size_t len, size_t *used)
{
	struct socks5_request r;
	uint8_t rep;
	int n;

	n = socks5_request_decode(in, len, &r, &rep);
	if (n == WIRE_MORE)
		return INTAKE_MORE;
	if (n == WIRE_BAD)
		return reject_socks5(intake, rep);
	*used = (size_t)n;
	if (r.command == SOCKS5_BIND)
		intake->command = INTAKE_BIND;
	else if (r.command == SOCKS5_UDP_ASSOCIATE)
		intake->command = INTAKE_ASSOCIATE;
	else if (r.command != SOCKS5_CONNECT)
		return reject_socks5(intake, SOCKS5_REP_COMMAND);
	intake->host = r.host;
	return request(intake);
}

static const char *
page_of(int status)
{
	switch (status) {
	case 405:
		return "cagent: this request is for no server.\n";
	case 414:
		return "cagent: the request target is too long.\n";
	case 431:
		return "cagent: the request's header is too large.\n";
	case 501:
		return "cagent: this method or scheme is not served.\n";
	case 505:
		return "cagent: this proxy speaks HTTP/1.0 and HTTP/1.1.\n";
	default:
		return "cagent: the request is malformed.\n";
	}
}

static enum intake_step
take_http(struct intake *intake, const struct http_request *r)
{
	switch (r->form) {
	case HTTP_FORM_ORIGIN:
		/* A browser at the port gets a page, never a connection. */
		intake->command = INTAKE_PAGE;
		return request(intake);
	case HTTP_FORM_ABSOLUTE:
		intake->command = INTAKE_WEB;
		break;
	case HTTP_FORM_CONNECT:
		break;
	}
	if (intake->wants == INTAKE_MUST_LOGIN && !r->has_login)
		return reject_http(intake, 407, page_login);
	intake->host = r->host;
	memcpy(intake->user, r->user, sizeof(intake->user));
	if (intake->wants == INTAKE_NO_LOGIN || !r->has_login)
		return request(intake);
	memcpy(intake->password, r->password, sizeof(intake->password));
	intake->state = INTAKE_CHECK_LOGIN;
	return INTAKE_LOGIN;
}

static enum intake_step
feed_http(struct intake *intake, const uint8_t *in, size_t len, size_t *used)
{
	enum intake_step step;
	struct http_request r;
	int n, status;

	intake->protocol = PROTOCOL_HTTP;
	n = http_request_decode(in, len, &intake->scanned, &r, &status);
	if (n == WIRE_MORE)
		return INTAKE_MORE;
	if (n == WIRE_BAD)
		return reject_http(intake, status, page_of(status));
	step = take_http(intake, &r);
	if (intake->command == INTAKE_CONNECT)
		*used = (size_t)n;
	sodium_memzero(&r, sizeof(r));
	return step;
}

enum intake_step
intake_feed(struct intake *intake, const uint8_t *in, size_t len, size_t *used)
{
	enum intake_step step = INTAKE_MORE;

	*used = 0;
	intake->out_len = 0;
	if (intake->state == INTAKE_DETECT && len > 0)
		intake->state = detect(in[0]);

	switch (intake->state) {
	case INTAKE_DETECT:
		return INTAKE_MORE;
	case INTAKE_SOCKS4:
		step = feed_socks4(intake, in, len, used);
		break;
	case INTAKE_GREETING:
		step = feed_greeting(intake, in, len, used);
		break;
	case INTAKE_WAIT_LOGIN:
		step = feed_login(intake, in, len, used);
		break;
	case INTAKE_CHECK_LOGIN:
		/* What came early waits for the verdict. */
		return INTAKE_MORE;
	case INTAKE_SOCKS5:
		step = feed_socks5(intake, in, len, used);
		break;
	case INTAKE_HTTP:
		step = feed_http(intake, in, len, used);
		break;
	case INTAKE_DONE:
		return reject(intake, 0);
	}
	if (step == INTAKE_MORE && len >= INTAKE_IN_MAX)
		return reject(intake, 0);
	return step;
}

static enum intake_step
refuse_http_login(struct intake *intake, enum intake_verdict verdict)
{
	return verdict == INTAKE_BUSY ? reject_http(intake, 503, page_busy)
				      : reject_http(intake, 407, page_login);
}

/* SOCKS5 has no word for a login that nobody could look at. */
enum intake_step
intake_login(struct intake *intake, enum intake_verdict verdict)
{
	bool ok = verdict == INTAKE_RIGHT;

	intake->out_len = 0;
	sodium_memzero(intake->password, sizeof(intake->password));
	if (intake->state != INTAKE_CHECK_LOGIN)
		return reject(intake, 0);
	if (intake->protocol == PROTOCOL_HTTP)
		return ok ? request(intake)
			  : refuse_http_login(intake, verdict);
	if (!ok)
		return reject(
		    intake, socks5_login_reply_encode(false, intake->out));
	return send_and(intake, socks5_login_reply_encode(true, intake->out),
	    INTAKE_SOCKS5);
}
