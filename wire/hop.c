/* Owns the client side of a handshake with an intermediary; must not do I/O
 * nor let a byte that came too early into the tunnel. */
#include "wire/hop.h"

#include <string.h>

#include "wire/http.h"
#include "wire/socks4.h"
#include "wire/socks5.h"

#define LOGIN_MAX 255 /* bytes of a name, and of a password */

_Static_assert(HOP_IN_MAX >= HTTP_RESPONSE_MAX,
    "a full buffer could wait for ever for the rest of a response");

static enum hop_step
hop_end(struct hop *h, enum wire_reason reason)
{
	/* A login may be in it. */
	explicit_bzero(h->out, sizeof(h->out));
	h->out_len = 0;
	h->reason = reason;
	h->state = HOP_END;
	return reason == REASON_OK ? HOP_DONE : HOP_FAIL;
}

/* What the encoder wrote is sent, and then the answer awaited in state. */
static enum hop_step
hop_send(struct hop *h, int len, enum hop_state state)
{
	/* The host was found fit, so it is the login that cannot be said in
	 * this protocol: a colon in a name for HTTP. */
	if (len == WIRE_BAD)
		return hop_end(h, REASON_HOP_AUTH);
	h->out_len = (size_t)len;
	h->state = state;
	return HOP_SEND;
}

/* Likewise, behind what is in out already.  false: it cannot be said. */
static bool
hop_append(struct hop *h, int len)
{
	if (len == WIRE_BAD)
		return false;
	h->out_len += (size_t)len;
	return true;
}

bool
hop_carries(enum hop_type type, const struct wire_host *host)
{
	const uint8_t *ip = host->ip;

	if (host->port == 0)
		return false;
	switch (host->kind) {
	case WIRE_HOST_NONE:
		return false;
	case WIRE_HOST_NAME:
		return host->name[0] != '\0';
	case WIRE_HOST_V4:
		/* In SOCKS4 0.0.0.x announces a name. */
		return type != HOP_SOCKS4A || ip[0] != 0 || ip[1] != 0 ||
		       ip[2] != 0 || ip[3] == 0;
	case WIRE_HOST_V6:
		break;
	}
	return type != HOP_SOCKS4A;
}

bool
hop_associates(enum hop_type type)
{
	return type == HOP_SOCKS5;
}

/* What SOCKS can carry, and what http_connect_encode() takes. */
static bool
is_short(const char *s)
{
	return s == NULL || strnlen(s, LOGIN_MAX + 1) <= LOGIN_MAX;
}

static int
socks4_encode(struct hop *h)
{
	struct socks4_request r = {.command = SOCKS4_CONNECT, .host = *h->host};

	if (h->user != NULL)
		memcpy(r.userid, h->user, strlen(h->user));
	return socks4_request_encode(&r, h->out, sizeof(h->out));
}

static int
login_encode(struct hop *h)
{
	struct socks5_login l = {.user_len = (uint8_t)strlen(h->user),
	    .password_len = (uint8_t)strlen(h->password)};
	int len;

	memcpy(l.user, h->user, l.user_len);
	memcpy(l.password, h->password, l.password_len);
	len = socks5_login_encode(
	    &l, h->out + h->out_len, sizeof(h->out) - h->out_len);
	explicit_bzero(&l, sizeof(l));
	return len;
}

static int
socks5_encode(struct hop *h)
{
	struct socks5_request r = {.command = SOCKS5_CONNECT, .host = *h->host};

	if (h->associate)
		r.command = SOCKS5_UDP_ASSOCIATE;
	return socks5_request_encode(
	    &r, h->out + h->out_len, sizeof(h->out) - h->out_len);
}

/* The greeting has been answered, the login taken. */
static enum hop_step
send_socks5_request(struct hop *h)
{
	if (h->host == NULL)
		return hop_end(h, REASON_OK);
	explicit_bzero(h->out, sizeof(h->out));
	h->out_len = 0;
	return hop_send(h, socks5_encode(h), HOP_ANSWER);
}

static enum hop_step
send_socks5_login(struct hop *h)
{
	h->out_len = 0;
	return hop_send(h, login_encode(h), HOP_LOGIN);
}

static enum hop_step
start(struct hop *h)
{
	if (!is_short(h->user) || !is_short(h->password))
		return hop_end(h, REASON_HOP_AUTH);
	switch (h->type) {
	case HOP_SOCKS5:
		return hop_send(h,
		    socks5_greeting_encode(
			h->user != NULL, h->out, sizeof(h->out)),
		    HOP_CHOICE);
	case HOP_SOCKS4A:
		return hop_send(h, socks4_encode(h), HOP_ANSWER);
	case HOP_HTTP:
		return hop_send(h,
		    http_connect_encode(
			h->host, h->user, h->password, h->out, sizeof(h->out)),
		    HOP_ANSWER);
	}
	return hop_end(h, REASON_HOP_UNSUPPORTED); /* no such type */
}

enum hop_step
hop_start(struct hop *h, enum hop_type type, const struct wire_host *host,
    const char *user, const char *password)
{
	*h = (struct hop){.type = type,
	    .code = -1,
	    .host = host,
	    .user = user,
	    .password = password != NULL ? password : ""};
	if (!hop_carries(type, host))
		return hop_end(h, REASON_HOP_UNSUPPORTED);
	return start(h);
}

enum hop_step
hop_start_associate(
    struct hop *h, enum hop_type type, const char *user, const char *password)
{
	static const struct wire_host any = {.kind = WIRE_HOST_V4};

	*h = (struct hop){.type = type,
	    .associate = true,
	    .code = -1,
	    .host = &any,
	    .user = user,
	    .password = password != NULL ? password : ""};
	if (!hop_associates(type))
		return hop_end(h, REASON_HOP_UNSUPPORTED);
	return start(h);
}

enum hop_step
hop_start_greeting(struct hop *h, const char *user, const char *password)
{
	*h = (struct hop){.type = HOP_SOCKS5,
	    .code = -1,
	    .user = user,
	    .password = password != NULL ? password : ""};
	return start(h);
}

enum hop_step
hop_start_request(struct hop *h, const struct wire_host *host)
{
	*h = (struct hop){.type = HOP_SOCKS5, .code = -1, .host = host};
	if (!hop_carries(HOP_SOCKS5, host))
		return hop_end(h, REASON_HOP_UNSUPPORTED);
	return send_socks5_request(h);
}

enum hop_step
hop_start_eager(struct hop *h, const struct wire_host *host, const char *user,
    const char *password)
{
	const uint8_t greeting[] = {
	    5, 1, user != NULL ? SOCKS5_METHOD_PASSWORD : SOCKS5_METHOD_NONE};

	*h = (struct hop){.type = HOP_SOCKS5,
	    .eager = true,
	    .code = -1,
	    .host = host,
	    .user = user,
	    .password = password != NULL ? password : ""};
	if (!hop_carries(HOP_SOCKS5, host))
		return hop_end(h, REASON_HOP_UNSUPPORTED);
	if (!is_short(h->user) || !is_short(h->password))
		return hop_end(h, REASON_HOP_AUTH);
	memcpy(h->out, greeting, sizeof(greeting));
	h->out_len = sizeof(greeting);
	if ((user != NULL && !hop_append(h, login_encode(h))) ||
	    !hop_append(h, socks5_encode(h)))
		return hop_end(h, REASON_HOP_AUTH);
	h->state = HOP_CHOICE;
	return HOP_SEND;
}

/*
 * A decoder's result before the request is sent, when the peer can know of
 * nothing more to say: what it says all the same is not the tunnel's.
 */
static int
only(const struct hop *h, int used, size_t len)
{
	return !h->eager && used > 0 && len > (size_t)used ? WIRE_BAD : used;
}

/* All was said at once: on to the next answer. */
static enum hop_step
await(struct hop *h, enum hop_state state)
{
	h->state = state;
	return HOP_MORE;
}

static enum hop_step
feed_choice(struct hop *h, const uint8_t *in, size_t len, size_t *used)
{
	uint8_t method = SOCKS5_METHOD_NO_ACCEPTABLE;
	int n = only(h, socks5_choice_decode(in, len, &method), len);

	if (n == WIRE_MORE)
		return HOP_MORE;
	if (n == WIRE_BAD)
		return hop_end(h, REASON_HOP_BAD);
	*used = (size_t)n;
	if (method == SOCKS5_METHOD_NONE && (!h->eager || h->user == NULL))
		return h->eager ? await(h, HOP_ANSWER) : send_socks5_request(h);
	if (method == SOCKS5_METHOD_PASSWORD && h->user != NULL) {
		h->logged_in = true;
		return h->eager ? await(h, HOP_LOGIN) : send_socks5_login(h);
	}
	h->refused = h->eager;
	return hop_end(h, method == SOCKS5_METHOD_NO_ACCEPTABLE
			      ? REASON_HOP_AUTH
			      : REASON_HOP_BAD);
}

static enum hop_step
feed_login(struct hop *h, const uint8_t *in, size_t len, size_t *used)
{
	bool ok = false;
	int n = only(h, socks5_login_reply_decode(in, len, &ok), len);

	if (n == WIRE_MORE)
		return HOP_MORE;
	if (n == WIRE_BAD)
		return hop_end(h, REASON_HOP_BAD);
	*used = (size_t)n;
	if (!ok)
		return hop_end(h, REASON_HOP_AUTH);
	return h->eager ? await(h, HOP_ANSWER) : send_socks5_request(h);
}

static enum wire_reason
socks5_reason(int rep)
{
	switch (rep) {
	case SOCKS5_REP_OK:
		return REASON_OK;
	case SOCKS5_REP_FAILURE:
		return REASON_HOP_FAILED;
	case SOCKS5_REP_NOT_ALLOWED:
		return REASON_HOP_DENIED;
	case SOCKS5_REP_NET_UNREACHABLE:
		return REASON_NET_UNREACHABLE;
	case SOCKS5_REP_HOST_UNREACHABLE:
		return REASON_HOST_UNREACHABLE;
	case SOCKS5_REP_REFUSED:
		return REASON_REFUSED;
	case SOCKS5_REP_TTL_EXPIRED:
		return REASON_TIMEOUT;
	case SOCKS5_REP_COMMAND:
	case SOCKS5_REP_ADDRESS:
		return REASON_HOP_UNSUPPORTED;
	default:
		return REASON_HOP_BAD;
	}
}

static enum wire_reason
socks4_reason(int code)
{
	switch (code) {
	case SOCKS4_GRANTED:
		return REASON_OK;
	case SOCKS4_REJECTED:
		return REASON_HOP_FAILED;
	default:
		return REASON_HOP_AUTH;
	}
}

static enum wire_reason
http_reason(int status)
{
	if (status >= 200 && status <= 299)
		return REASON_OK;
	switch (status) {
	case 403:
		return REASON_HOP_DENIED;
	case 407:
		return REASON_HOP_AUTH;
	case 504:
		return REASON_TIMEOUT;
	default:
		return status >= 500 ? REASON_HOP_FAILED : REASON_HOP_BAD;
	}
}

static enum hop_step
feed_answer(struct hop *h, const uint8_t *in, size_t len, size_t *used)
{
	enum wire_reason reason = REASON_HOP_BAD;
	uint8_t code = 0;
	int n = WIRE_BAD;

	switch (h->type) {
	case HOP_SOCKS5:
		n = socks5_reply_bound(in, len, &code, &h->bound);
		h->code = n > 0 ? code : -1;
		reason = socks5_reason(h->code);
		if (h->associate && reason == REASON_OK && h->bound.port == 0)
			reason = REASON_HOP_BAD;
		break;
	case HOP_SOCKS4A:
		n = socks4_reply_decode(in, len, &code);
		h->code = n > 0 ? code : -1;
		reason = socks4_reason(h->code);
		break;
	case HOP_HTTP:
		n = http_response_decode(in, len, &h->scanned, &h->code);
		h->code = n > 0 ? h->code : -1;
		reason = http_reason(h->code);
		break;
	}
	if (n == WIRE_MORE)
		return HOP_MORE;
	if (n == WIRE_BAD)
		return hop_end(h, REASON_HOP_BAD);
	*used = (size_t)n;
	return hop_end(h, reason);
}

static enum hop_step
feed_one(struct hop *h, const uint8_t *in, size_t len, size_t *used)
{
	*used = 0;
	if (len == 0 && h->state != HOP_END)
		return HOP_MORE;
	switch (h->state) {
	case HOP_CHOICE:
		return feed_choice(h, in, len, used);
	case HOP_LOGIN:
		return feed_login(h, in, len, used);
	case HOP_ANSWER:
		return feed_answer(h, in, len, used);
	case HOP_START:
		return hop_end(h, REASON_HOP_BAD);
	case HOP_END:
		break;
	}
	return h->reason == REASON_OK ? HOP_DONE : HOP_FAIL;
}

enum hop_step
hop_feed(struct hop *h, const uint8_t *in, size_t len, size_t *used)
{
	enum hop_step step;
	size_t n;

	*used = 0;
	if (h->eager) { /* a login may be in it */
		explicit_bzero(h->out, sizeof(h->out));
		h->out_len = 0;
	}
	do {
		step = feed_one(h, in, len - *used, &n);
		*used += n;
		if (n > 0) /* in may be NULL, with nothing in it */
			in += n;
	} while (step == HOP_MORE && n > 0);
	return step;
}

/* Has the intermediary been told the destination? */
static bool
has_asked(const struct hop *h)
{
	return h->state == HOP_ANSWER || h->state == HOP_END;
}

enum wire_reason
hop_closed(const struct hop *h)
{
	return has_asked(h) ? REASON_HOP_HUNG_UP : REASON_HOP_CLOSED;
}

enum wire_reason
hop_timeout(const struct hop *h)
{
	return has_asked(h) ? REASON_HOP_SILENT : REASON_HOP_TIMEOUT;
}
