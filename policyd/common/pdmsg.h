#ifndef POLICYD_PDMSG_H
#define POLICYD_PDMSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/manage.h"
#include "wire/sealed.h"

/*
 * The payloads of the messages in pdproc.h, field by field, big-endian.
 * Encoders write at most CHAN_DATA_MAX bytes and return how many; decoders 0
 * or -EPROTO.  A sender is never believed to be sane.
 */

/*
 * agent: a number that the collector gives each connection, never twice.
 *
 * One that another ranker has let in is announced to the next one likewise:
 * issued_s is PDMSG_HELLO_AGAIN then, which no register has, and sequence the
 * highest that the collector has seen of it, which may be the one that was
 * stored last.
 */
#define PDMSG_HELLO_AGAIN 0
struct pdmsg_hello {
	uint64_t agent;
	uint8_t key[SEALED_KEY_LEN]; /* it has shown that it has its secret */
	uint64_t sequence;
	int64_t issued_s;
	struct manage_register said;
};
size_t pdmsg_hello_encode(const struct pdmsg_hello *, uint8_t *buf);
int pdmsg_hello_decode(const uint8_t *in, size_t len, struct pdmsg_hello *);

/* Answers a hello, by its agent and sequence. */
struct pdmsg_welcome {
	uint64_t agent, sequence;
	bool welcome;
	uint32_t interval_ms;	 /* how often to report */
	uint64_t sequence_floor; /* the highest that was stored before */
	char group[MANAGE_NAME_MAX + 1]; /* which policies it is to get */
	char code[MANAGE_CODE_MAX + 1], text[MANAGE_TEXT_MAX + 1]; /* if not */
};
size_t pdmsg_welcome_encode(const struct pdmsg_welcome *, uint8_t *buf);
int pdmsg_welcome_decode(const uint8_t *in, size_t len, struct pdmsg_welcome *);

/* One probe of one intermediary. */
enum pdmsg_load {
	PDMSG_LOAD_NONE,   /* not asked, or no answer */
	PDMSG_LOAD_WEIGHT, /* percent of its weight that it wants */
	PDMSG_LOAD_DRAIN,  /* wants no new requests */
	PDMSG_LOAD_DOWN
};
struct pdmsg_probed {
	uint64_t list; /* the list's serial that it was in */
	char name[MANAGE_NAME_MAX + 1];
	bool ok;	    /* reached the target, to its first byte */
	uint8_t reason;	    /* enum wire_reason when not */
	bool blames_target; /* that failure may be the target's */
	/* Microseconds, 0: it did not come so far. */
	uint32_t connect_us, handshake_us, first_byte_us;
	uint64_t bytes_s; /* throughput; 0: not measured */
	enum pdmsg_load load;
	uint16_t load_percent; /* 0..100 */
};
size_t pdmsg_probed_encode(const struct pdmsg_probed *, uint8_t *buf);
int pdmsg_probed_decode(const uint8_t *in, size_t len, struct pdmsg_probed *);

#endif
