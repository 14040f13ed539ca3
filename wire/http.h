#ifndef WIRE_HTTP_H
#define WIRE_HTTP_H

#include "wire/wire.h"

/*
 * The heads of HTTP/1 messages as far as a CONNECT proxy needs them
 * (RFC 9110 section 9.3.6, RFC 9112), by llhttp in its strict mode.
 */
#define HTTP_HEAD_MAX	  8192	/* bytes of a request's head */
#define HTTP_RESPONSE_MAX 16384 /* bytes of all heads of one response */
#define HTTP_TARGET_MAX	  2048
#define HTTP_HEADERS_MAX  100
#define HTTP_INTERIM_MAX  5 /* 1xx responses before the final one */

enum http_form {
	HTTP_FORM_CONNECT,
	HTTP_FORM_ORIGIN,
	HTTP_FORM_ABSOLUTE
};

struct http_request {
	enum http_form form;
	uint8_t minor;	       /* HTTP/1.minor: 0 or 1 */
	struct wire_host host; /* of CONNECT and absolute-form: validated, with
				* its port; NONE for origin-form */
	char method[16];
	char target[HTTP_TARGET_MAX]; /* as sent */
	/* Proxy-Authorization: Basic, decoded; user[0] == 0 and has_login
	 * false when there is none.  Secret: the caller clears it. */
	bool has_login;
	char user[256];
	char password[256];
};

/*
 * Decode a whole head.  Nothing is decided before its end is there, so a
 * client that dribbles costs one scan for the end a call (*scanned, 0 at
 * first, remembers how far that came).
 * *status is set on WIRE_BAD to what the client shall be told: 400, 405, 414,
 * 431, 501, 505.  Refused: bare LF, obs-fold, space before a colon, framing or
 * a Connection as http_message.h has it, userinfo in the target, CONNECT
 * without a port, with content or whose Host names another authority, HTTP/1.1
 * without Host, malformed Basic, HTTP/0.9 and 2; absolute-form of any scheme
 * but http with 501.
 */
int http_request_decode(const uint8_t *in, size_t len, size_t *scanned,
    struct http_request *out, int *status);

/* Where in target the path begins, or the query where there is no path, or
 * nothing: behind the authority. */
size_t http_target_path(const struct http_request *);

/* "CONNECT host:port HTTP/1.1", Host, and Proxy-Authorization: Basic when
 * user is not NULL. */
int http_connect_encode(const struct wire_host *, const char *user,
    const char *password, uint8_t *out, size_t cap);

/*
 * Decode the response to a CONNECT, through interim 1xx responses to the end
 * of the final head; HTTP/1.0 and 1.1.  Bytes after it are the tunnel's when
 * *status is 2xx (Content-Length and Transfer-Encoding are ignored there,
 * RFC 9110 section 9.3.6).  WIRE_BAD: rubbish, too long, too many 1xx.
 */
int http_response_decode(
    const uint8_t *in, size_t len, size_t *scanned, int *status);

/*
 * Encode what the agent itself says.
 * page     the whole text/plain body, or NULL for a 2xx to CONNECT.
 * proxy_status  the value of Proxy-Status (RFC 9209), or NULL.
 * The response asks for the connection to be closed unless it is a 2xx.
 */
int http_reply_encode(int status, const char *proxy_status, const char *page,
    uint8_t *out, size_t cap);

#endif
