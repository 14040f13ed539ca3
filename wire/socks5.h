#ifndef WIRE_SOCKS5_H
#define WIRE_SOCKS5_H

#include "wire/wire.h"

struct cursor_in;
struct cursor_out;

/* RFC 1928, and RFC 1929 for username and password. */
enum {
	SOCKS5_METHOD_NONE = 0,
	SOCKS5_METHOD_PASSWORD = 2,
	SOCKS5_METHOD_NO_ACCEPTABLE = 0xff
};
enum {
	SOCKS5_CONNECT = 1,
	SOCKS5_BIND = 2,
	SOCKS5_UDP_ASSOCIATE = 3
};
enum {
	SOCKS5_REP_OK = 0,
	SOCKS5_REP_FAILURE = 1,
	SOCKS5_REP_NOT_ALLOWED = 2,
	SOCKS5_REP_NET_UNREACHABLE = 3,
	SOCKS5_REP_HOST_UNREACHABLE = 4,
	SOCKS5_REP_REFUSED = 5,
	SOCKS5_REP_TTL_EXPIRED = 6,
	SOCKS5_REP_COMMAND = 7,
	SOCKS5_REP_ADDRESS = 8
};

#define SOCKS5_GREETING_MAX 257
#define SOCKS5_LOGIN_MAX    513
#define SOCKS5_MESSAGE_MAX  262 /* a request or a reply */

struct socks5_greeting {
	uint8_t methods_n;
	uint8_t methods[255];
};
int socks5_greeting_decode(
    const uint8_t *in, size_t len, struct socks5_greeting *out);
bool socks5_greeting_offers(const struct socks5_greeting *, uint8_t method);
/* Offers no-auth, and password too when login is set. */
int socks5_greeting_encode(bool login, uint8_t *out, size_t cap);

/* Two bytes: the method chosen.  WIRE_BAD: version. */
int socks5_choice_encode(uint8_t method, uint8_t out[2]);
int socks5_choice_decode(const uint8_t *in, size_t len, uint8_t *method);

/* RFC 1929; name and password may hold any byte, NUL included, and be empty. */
struct socks5_login {
	uint8_t user_len;
	uint8_t password_len;
	char user[256];	    /* NUL-terminated beyond user_len */
	char password[256]; /* secret: the caller clears it */
};
int socks5_login_decode(
    const uint8_t *in, size_t len, struct socks5_login *out);
int socks5_login_encode(const struct socks5_login *, uint8_t *out, size_t cap);
int socks5_login_reply_encode(bool ok, uint8_t out[2]);
/* The version may be 1, or 5 as old servers say. */
int socks5_login_reply_decode(const uint8_t *in, size_t len, bool *ok);

struct socks5_request {
	uint8_t command;
	struct wire_host host;
};
/*
 * RFC 1928 section 4.  A name field that holds an address literal becomes an
 * address.  *rep (never NULL) is set on WIRE_BAD to the code that tells the
 * client why: ADDRESS for an unknown ATYP or an invalid name, else FAILURE
 * (version, RSV, port 0 of a CONNECT; an UDP ASSOCIATE to 0.0.0.0:0 is fine).
 */
int socks5_request_decode(
    const uint8_t *in, size_t len, struct socks5_request *out, uint8_t *rep);
int socks5_request_encode(
    const struct socks5_request *, uint8_t *out, size_t cap);

/* Section 6; bound may be NULL: 0.0.0.0:0. */
int socks5_reply_encode(
    uint8_t rep, const struct wire_host *bound, uint8_t *out, size_t cap);
/* The bound address is consumed and checked for its length, not kept: real
 * servers put names in it, also of length 0.  *rep is any byte. */
int socks5_reply_decode(const uint8_t *in, size_t len, uint8_t *rep);
/* The same with that address: NONE for a name that is none, and its port. */
int socks5_reply_bound(
    const uint8_t *in, size_t len, uint8_t *rep, struct wire_host *bound);

/* Section 5, for who has more of a message than this: ATYP, address, port.  A
 * name that holds a literal becomes an address, and is bad when no name. */
void socks5_get_host(struct cursor_in *, struct wire_host *);
void socks5_put_host(struct cursor_out *, const struct wire_host *);

#endif
