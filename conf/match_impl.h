#ifndef CONF_MATCH_IMPL_H
#define CONF_MATCH_IMPL_H

#include "conf/match.h"

/* For match*.c alone. */
struct match {
	struct lookup *keys;
	/* Of each kind what there is: prefix lengths by family, lengths of
	 * paths as powers of two; and the longest name. */
	uint64_t lens[MATCH_KINDS][2][3];
	size_t longest[MATCH_KINDS];
};

/* A rule's path is looked up by so many of its first bytes. */
uint8_t match_path_power(size_t len);

/* The key of the first bits of an address or a port. */
#define MATCH_ADDRESS_KEY 18
#define MATCH_PORT_KEY	  3
void match_network_key(
    const struct net_ip *, uint8_t bits, uint8_t key[MATCH_ADDRESS_KEY]);
void match_port_key(uint16_t port, uint8_t bits, uint8_t key[MATCH_PORT_KEY]);

#endif
