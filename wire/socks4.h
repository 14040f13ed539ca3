#ifndef WIRE_SOCKS4_H
#define WIRE_SOCKS4_H

#include "wire/wire.h"

/* SOCKS4 (Ying-Da Lee, NEC) and its 4a extension for names. */
#define SOCKS4_USERID_MAX  255
#define SOCKS4_REQUEST_MAX (8 + SOCKS4_USERID_MAX + 1 + WIRE_NAME_MAX + 2)
#define SOCKS4_REPLY_LEN   8

enum {
	SOCKS4_CONNECT = 1,
	SOCKS4_BIND = 2
};
enum {
	SOCKS4_GRANTED = 0x5a,
	SOCKS4_REJECTED = 0x5b,
	SOCKS4_NO_IDENTD = 0x5c,
	SOCKS4_BAD_USERID = 0x5d
};

struct socks4_request {
	uint8_t command;
	bool is_4a; /* the host came as a name field */
	struct wire_host host;
	char userid[SOCKS4_USERID_MAX + 1];
};

/* WIRE_BAD: version, unterminated or over-long field, a NUL-less 64 KiB ...,
 * port 0 of a CONNECT (other commands are not ours to judge);
 * 0.0.0.0 is an address, 0.0.0.x with x != 0 means a name follows. */
int socks4_request_decode(
    const uint8_t *in, size_t len, struct socks4_request *out);
/* A name goes as 4a, whatever is_4a says.  WIRE_BAD for a v6 host and for
 * 0.0.0.x, which would announce a name. */
int socks4_request_encode(
    const struct socks4_request *, uint8_t *out, size_t cap);

/* code: SOCKS4_GRANTED or SOCKS4_REJECTED.  Returns SOCKS4_REPLY_LEN. */
int socks4_reply_encode(uint8_t code, uint8_t out[SOCKS4_REPLY_LEN]);
/* The same with an address, for BIND; one that is not v4 stays 0.0.0.0. */
int socks4_reply_bound(
    uint8_t code, const struct wire_host *bound, uint8_t out[SOCKS4_REPLY_LEN]);
/* *code is 0x5a..0x5d; anything else is WIRE_BAD, also a version not 0. */
int socks4_reply_decode(const uint8_t *in, size_t len, uint8_t *code);

#endif
