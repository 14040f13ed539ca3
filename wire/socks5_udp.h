#ifndef WIRE_SOCKS5_UDP_H
#define WIRE_SOCKS5_UDP_H

#include "wire/wire.h"

/*
 * RFC 1928 section 7: the header of a datagram between a client and its
 * relay; the payload is what follows it.
 */
#define SOCKS5_UDP_HEAD_MAX (4 + 1 + 255 + 2)

/*
 * Where the datagram is going (from a client) or has come from (to it).  It
 * is here whole or not at all, so there is no WIRE_MORE: returns the length of
 * the header, or WIRE_BAD for one that is cut short, has RSV or FRAG not 0
 * (fragments need not be served), an unknown ATYP, an invalid name or port 0.
 * A name field that holds a literal becomes an address.
 */
int socks5_udp_decode(const uint8_t *in, size_t len, struct wire_host *out);
int socks5_udp_encode(const struct wire_host *, uint8_t *out, size_t cap);

#endif
