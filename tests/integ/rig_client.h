#ifndef TESTS_INTEG_RIG_CLIENT_H
#define TESTS_INTEG_RIG_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "tests/integ/rig_origin.h"

/*
 * Clients of a proxy, which report exactly what they were told.  They are
 * strict on purpose: one byte that the protocol does not allow is a failure.
 */
enum rig_proto {
	RIG_DIRECT, /* no proxy: the destination itself */
	RIG_SOCKS4,
	RIG_SOCKS4A,
	RIG_SOCKS5,  /* address literals as addresses, names as names */
	RIG_SOCKS5H, /* everything as a name */
	RIG_CONNECT,
	RIG_PROTOS
};
const char *rig_proto_word(enum rig_proto);

enum rig_fail {
	RIG_OK,
	RIG_FAIL_PROXY,	  /* cannot connect to the proxy */
	RIG_FAIL_REPLY,	  /* it answered no, see code */
	RIG_FAIL_RUBBISH, /* not the protocol's answer */
	RIG_FAIL_CLOSED,  /* ended where an answer was due */
	RIG_FAIL_RESET,
	RIG_FAIL_TIMEOUT,
	RIG_FAIL_DATA, /* the tunnel stood; its bytes are wrong or missing */
	RIG_FAILS
};
const char *rig_fail_word(enum rig_fail);

struct rig_proxy {
	enum rig_proto proto;
	const char *host; /* literal; borrowed, like the next two */
	uint16_t port;
	const char *user; /* NULL: none */
	const char *password;
};

#define RIG_HEAD_MAX 8192
struct rig_conn {
	int fd;
	int code; /* SOCKS4 code, SOCKS5 REP, HTTP status; -1: none came */
	int64_t deadline_ms;
	uint16_t local_port;
	char text[256];	 /* what happened, for people */
	size_t head_len; /* HTTP only: the reply's head, and for a refusal */
	char head[RIG_HEAD_MAX]; /* its page too, NUL-terminated */
};

/*
 * Connect through a proxy.  RIG_OK: c->fd is the tunnel (non-blocking) and
 * the caller closes it; otherwise it is closed already.  The deadline goes on
 * for what is done with the tunnel; rig_conn_renew() sets a new one.
 */
enum rig_fail rig_dial(struct rig_conn *, const struct rig_proxy *,
    const char *host, uint16_t port, int timeout_ms);
/* Just a connection to address and port, for scripted clients. */
enum rig_fail rig_open(
    struct rig_conn *, const char *address, uint16_t port, int timeout_ms);
void rig_conn_renew(struct rig_conn *, int timeout_ms);
void rig_conn_close(struct rig_conn *);

/* Move exactly len bytes, or say why not. */
enum rig_fail rig_send(struct rig_conn *, const void *, size_t len);
enum rig_fail rig_recv(struct rig_conn *, void *, size_t len);
/* What comes until the end: RIG_OK at the peer's end, *len set in any case. */
enum rig_fail rig_recv_all(struct rig_conn *, void *, size_t cap, size_t *len);

/* GET /bytes/N, every byte checked, to the end of the connection. */
enum rig_fail rig_http_get(struct rig_conn *, uint64_t bytes);
/* Both sides of a transfer with an origin of that kind and size. */
enum rig_fail rig_transfer(
    struct rig_conn *, enum rig_origin_kind, uint64_t size);
/* Send len bytes of stream seed from byte at to an echo and check what comes
 * back. */
enum rig_fail rig_echo(
    struct rig_conn *, uint64_t seed, uint64_t at, size_t len);

#endif
