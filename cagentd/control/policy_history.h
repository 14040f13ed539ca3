#ifndef CAGENTD_POLICY_HISTORY_H
#define CAGENTD_POLICY_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#include "wire/envelope.h"

/*
 * What was accepted and what was refused, over restarts: for people, who want
 * to know and to go back.  Nothing is accepted or refused by it, so that one
 * that cannot be read or written costs no more than the knowledge.
 *
 * In a file that the master has opened, of two areas.  Records are added at the
 * end of one of them; when it is full, the newest go to the other one, which
 * counts from then on.  What a crash has torn off at the end is overwritten.
 *
 *   an area: offset  bytes
 *        0      4  "CAGH"
 *        4      1  version, 1
 *        5      3  0
 *        8      8  generation; the higher one counts
 *       16     32  BLAKE2b-256 of bytes 0 to 15
 *       48         records
 *
 *   a record: offset  bytes
 *        0      4  its length
 *        4      1  kind, enum policy_past_kind
 *        5      1  type of the message, as in the message; 0: not known
 *        6      2  0
 *        8      8  when, seconds since 1970
 *       16      4  epoch, of the message
 *       20      8  serial
 *       28      2  length of the code
 *       30      2  length of the text
 *       32      4  length of the message
 *       36         code, text, message
 *     last     32  BLAKE2b-256 of the area's generation (8 bytes) and of the
 *                  record up to here
 *
 * Numbers are big-endian.
 */
#define POLICY_HISTORY_TAKEN	64  /* of these the newest are known, */
#define POLICY_HISTORY_REFUSED	256 /* and of those */
#define POLICY_HISTORY_CODE_MAX 31
#define POLICY_HISTORY_TEXT_MAX 255
#define POLICY_HISTORY_AREA	(16u << 20)
/* Bytes that are taken along to the other area. */
#define POLICY_HISTORY_ALONG (8u << 20)
/* Refusals a second; whoever sends more is not worth the disk. */
#define POLICY_HISTORY_RATE 8

enum policy_past_kind {
	POLICY_PAST_TAKEN = 1, /* a root or a policy */
	POLICY_PAST_REFUSED
};

struct policy_past {
	enum policy_past_kind kind;
	uint8_t type; /* enum envelope_type; 0: nobody knows */
	int64_t when_s;
	uint32_t epoch;
	uint64_t serial;
	char code[POLICY_HISTORY_CODE_MAX + 1]; /* why refused */
	char text[POLICY_HISTORY_TEXT_MAX + 1];
	size_t message_len; /* 0: it is not kept */
	/* Where it is, for policy_history.c. */
	uint64_t at, len;
};

struct policy_history;

/* fd is taken, also when it fails: 0 or -errno.  What cannot be understood is
 * left out, and the log says so. */
int policy_history_open(struct policy_history **, int fd);
void policy_history_close(struct policy_history *); /* NULL allowed */

/* Of past, at and len are ignored; message of message_len bytes.  0 or -errno:
 * then it is known until the end of the process, without its message. */
int policy_history_add(struct policy_history *, const struct policy_past *past,
    const uint8_t *message);

/* The oldest is 0; borrowed until the next call of policy_history_add(). */
uint32_t policy_history_n(const struct policy_history *); /* NULL allowed */
const struct policy_past *policy_history_at(
    const struct policy_history *, uint32_t i);
/* The newest policy of that serial that was taken and is kept; or NULL. */
const struct policy_past *policy_history_find(
    const struct policy_history *, uint64_t serial);
/* Its message, which the caller frees; 0, -errno, -EBADMSG. */
int policy_history_message(const struct policy_history *,
    const struct policy_past *, uint8_t **message);

#endif
