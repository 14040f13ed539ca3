#ifndef TESTS_BENCH_SIM_H
#define TESTS_BENCH_SIM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "wire/envelope.h"
#include "wire/sealed.h"

/*
 * Simulated agents: thousands in each of a few processes, over the loop, with
 * the messages that real ones send.  What they do and what came of it is in
 * memory that all processes share.
 */
#define SIM_AGENTS_MAX	  10000
#define SIM_PROCESSES_MAX 8
#define SIM_ROWS	  10 /* intermediaries in a report */

struct sim_shared {
	_Atomic bool reports; /* one after the other, as long as this is set */
	_Atomic uint32_t registered, lost;
	_Atomic uint64_t acks, nacks;
	/* How many have got a message of that type since it was zeroed, and
	 * when the newest came to each. */
	_Atomic uint32_t got[ENVELOPE_RANK + 1];
	_Atomic int64_t got_us[ENVELOPE_RANK + 1][SIM_AGENTS_MAX];
};

struct sim {
	struct sim_shared *shared;
	uint16_t port;
	uint8_t server[SEALED_KEY_LEN];
	uint32_t n;
	uint32_t processes_n;
};

/* The keys of agent i, and its name. */
void sim_keys(uint32_t i, struct sealed_keys *);
void sim_name(uint32_t i, char out[32]);
void sim_hop_name(uint32_t i, char out[32]);

/* Start the processes, which end with the case. */
void sim_start(const struct sim *);
/* Until all are registered, or that many have got that type: false at the
 * deadline. */
bool sim_await_registered(const struct sim *, int timeout_ms);
bool sim_await_got(const struct sim *, enum envelope_type, int timeout_ms);
/* Nobody has got anything yet. */
void sim_reset(const struct sim *);

#endif
