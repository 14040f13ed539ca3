#ifndef WIRE_MANAGE_H
#define WIRE_MANAGE_H

#include "wire/wire.h"

/*
 * What an agent and whoever manages it say to each other: the bodies of the
 * sealed messages (wire/sealed.h).  The agent connects, and sends a register;
 * the answer is an ack or a nack.  From then on it sends reports, each of
 * which is answered likewise, and it gets signed messages (wire/envelope.h),
 * which it answers with an ack or a nack.  Both kinds of message tell their
 * own length and follow each other on the stream with nothing in between.
 *
 * Numbers are big-endian; a str is a length byte and as many bytes.  Nothing
 * may follow, so each body has one encoding.
 */
#define MANAGE_NAME_MAX	 63
#define MANAGE_TOKEN_MAX 64
#define MANAGE_CODE_MAX	 31
#define MANAGE_TEXT_MAX	 255
#define MANAGE_ROWS_MAX	 1024
/* Buckets as those of shm/hist.h: 4 an octave from 64 us to 67 s. */
#define MANAGE_BUCKETS 82

/* What was accepted last, by epoch and serial; zero for nothing. */
struct manage_mark {
	uint32_t epoch;
	uint64_t serial;
};

/*
 * SEALED_REGISTER, first on each connection:
 *   u8 version (1), str name, str group, str token, str software,
 *   u32 root epoch, mark policy, mark rank (u32 epoch, u64 serial each)
 *
 * name, group: as base/conf.h names sections: a-z 0-9 '-' '_' '.'.
 * token: printable ASCII without blanks, "" for none.
 */
#define MANAGE_VERSION 1
struct manage_register {
	char name[MANAGE_NAME_MAX + 1];
	char group[MANAGE_NAME_MAX + 1];
	char token[MANAGE_TOKEN_MAX + 1];
	char software[MANAGE_CODE_MAX + 1]; /* printable ASCII */
	uint32_t root_epoch;
	struct manage_mark policy, rank;
};

/*
 * SEALED_ACK:	u8 of, mark what, u64 sequence, u32 interval
 * SEALED_NACK:	the same, then u64 sequence_floor, str code, str text
 *
 * of: the type that it answers, of enum sealed_type or envelope_type.  Of a
 * sealed message sequence is its own and what is zero, of a signed one what is
 * its mark and sequence is zero.
 */
struct manage_answer {
	uint8_t of;
	struct manage_mark what;
	uint64_t sequence;
	uint32_t interval_ms;	 /* ack of a register: how often to report;
				    else 0 */
	uint64_t sequence_floor; /* nack: the highest that was seen */
	char code[MANAGE_CODE_MAX + 1]; /* nack: a stable word, "rollback": of
					   a-z 0-9 '-' */
	char text[MANAGE_TEXT_MAX + 1]; /* nack: printable UTF-8, cut */
};

/* A histogram's buckets that are not 0, by rising index: u8 n, then n times
 * u8 bucket, u32 count. */
struct manage_hist {
	uint32_t count[MANAGE_BUCKETS];
};

/* One intermediary.  Counters only grow, and wrap, so that a report that is
 * lost costs nothing; they are of one instance. */
struct manage_row {
	char name[MANAGE_NAME_MAX + 1];
	uint8_t observed; /* enum table_observed of shm/table.h, up to 5 */
	uint16_t tier;	  /* effective rank; 0: not used now */
	uint32_t in_flight;
	uint64_t attempts, successes, charged; /* the last two <= attempts */
	uint64_t bytes_up, bytes_down;
	struct manage_hist handshake, first_byte; /* microseconds */
};

/*
 * SEALED_REPORT:
 *   u64 instance, u8 why, u64 served, u64 direct, u64 refused, u16 n, n rows
 *   row: str name, u8 observed, u16 tier, u32 in_flight, u64 attempts,
 *	  u64 successes, u64 charged, u64 bytes_up, u64 bytes_down,
 *	  hist handshake, hist first_byte
 *
 * Rows stand by strictly rising name (strcmp).
 */
enum manage_why {
	MANAGE_INTERVAL, /* it was time */
	MANAGE_EJECTED,	 /* an intermediary was, or came back */
	MANAGE_LAST	 /* the agent ends */
};
struct manage_report {
	uint64_t instance; /* random; another one: counters began anew */
	enum manage_why why;
	uint64_t served, direct, refused;
	uint16_t rows_n;
};

/* Encoders return the bytes, or WIRE_BAD: it does not fit, or breaks a rule
 * above.  Decoders take a whole body: its length, or WIRE_BAD. */
int manage_register_encode(
    const struct manage_register *, uint8_t *out, size_t cap);
int manage_register_decode(
    const uint8_t *in, size_t len, struct manage_register *out);

int manage_answer_encode(
    const struct manage_answer *, bool nack, uint8_t *out, size_t cap);
int manage_answer_decode(
    const uint8_t *in, size_t len, bool nack, struct manage_answer *out);

/* A report piece by piece, as it is long: its head, and then rows_n rows.
 * Each returns the bytes written or consumed, or WIRE_BAD; after the last row
 * the caller sees that nothing follows. */
int manage_report_encode(
    const struct manage_report *, uint8_t *out, size_t cap);
int manage_report_decode(
    const uint8_t *in, size_t len, struct manage_report *out);
int manage_row_encode(const struct manage_row *, uint8_t *out, size_t cap);
int manage_row_decode(const uint8_t *in, size_t len, struct manage_row *out);

/* Is the whole body, of a report, one that the above would read? */
bool manage_report_ok(const uint8_t *in, size_t len);

/* a-z 0-9 '-' '_' '.', 1 to 63 of them. */
bool manage_name_ok(const char *);

/* A nack's text from any: cut at a character, and what may not be in one is
 * '?'. */
void manage_text_set(char out[MANAGE_TEXT_MAX + 1], const char *text);

#endif
