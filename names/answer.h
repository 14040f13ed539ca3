#ifndef NAMES_ANSWER_H
#define NAMES_ANSWER_H

#include <stdint.h>

#include "base/net.h"

/* What a name came to. */
#define NAMES_ADDRESSES_MAX 16

enum names_outcome {
	NAMES_OK,
	NAMES_UNKNOWN, /* there is no such name */
	NAMES_FAILED,
	NAMES_TIMEOUT
};

struct names_answer {
	enum names_outcome outcome;
	uint32_t ttl_s;
	uint32_t ips_n;				/* NAMES_OK: at least one */
	struct net_ip ips[NAMES_ADDRESSES_MAX]; /* in order of preference */
};

#endif
