#ifndef POLICYD_PROBELIST_H
#define POLICYD_PROBELIST_H

#include <stddef.h>
#include <stdint.h>

#include "base/net.h"
#include "wire/hop.h"
#include "wire/manage.h"

/* What the ranker wants probed, as the body of PDMSG_PROBE: u64 serial,
 * u16 n, n times str name, u8 type, str host, u16 port. */
struct probelist_item {
	char name[MANAGE_NAME_MAX + 1];
	enum hop_type type;
	char host[NET_HOST_MAX + 1];
	uint16_t port;
};
struct probelist {
	uint64_t serial; /* rises with each list */
	uint16_t items_n;
	struct probelist_item items[MANAGE_ROWS_MAX];
};
#define PROBELIST_LEN_MAX \
	(10 + MANAGE_ROWS_MAX * (size_t)(MANAGE_NAME_MAX + NET_HOST_MAX + 5))

/* The bytes; out holds PROBELIST_LEN_MAX. */
size_t probelist_encode(const struct probelist *, uint8_t *out);
/* 0 or -EPROTO. */
int probelist_decode(const uint8_t *in, size_t len, struct probelist *);

#endif
