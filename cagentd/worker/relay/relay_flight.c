/*
 * Owns the client's first flight while upstream has not answered it: what is
 * kept, and whether it may be sent a second time.
 */
#include "cagentd/worker/relay/relay_flight.h"

#include <string.h>

#include "base/buf.h"

void
relay_flight_drop(struct relay *r)
{
	buf_free(r->flight);
	r->flight = NULL;
}

static bool
starts_with(const uint8_t *data, size_t len, const char *word)
{
	return len >= strlen(word) && memcmp(data, word, strlen(word)) == 0;
}

/* TLS record: handshake, version 3.x; message: ClientHello. */
static bool
is_client_hello(const uint8_t *data, size_t len)
{
	return len >= 6 && data[0] == 0x16 && data[1] == 3 && data[5] == 1;
}

static bool
may_replay(const uint8_t *data, size_t len)
{
	return is_client_hello(data, len) || starts_with(data, len, "GET ") ||
	       starts_with(data, len, "HEAD ") ||
	       starts_with(data, len, "OPTIONS ");
}

/* Records of a handshake alone, the last one perhaps cut short.  What else
 * comes before an answer is early data: a request of whatever kind (RFC 8446
 * section 8). */
static bool
is_handshake(const uint8_t *data, size_t len)
{
	size_t record;

	while (len > 0) {
		if (data[0] != 0x16)
			return false;
		if (len < 5)
			break;
		record = 5 + ((size_t)data[3] << 8 | data[4]);
		if (len < record)
			break;
		data += record;
		len -= record;
	}
	return true;
}

/* To some servers one ends a line as well, and so a head before its end. */
static bool
has_lone_lf(const uint8_t *data, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (data[i] == '\n' && (i == 0 || data[i - 1] != '\r'))
			return true;
	}
	return false;
}

bool
relay_replayable(const uint8_t *data, size_t len)
{
	if (is_client_hello(data, len))
		return is_handshake(data, len);
	return may_replay(data, len) && len >= 4 && !has_lone_lf(data, len) &&
	       memmem(data, len, "\r\n\r\n", 4) == data + len - 4;
}

/* Neither side has said a word, and the client may yet. */
static bool
stillborn(const struct relay *r)
{
	const struct relay_end_point *client = &r->side[RELAY_CLIENT];

	return client->bytes == 0 && client->flow != FLOW_ENDED &&
	       loop_now_us(r->loop) - r->started_us < RELAY_STILLBORN_US;
}

/* Nothing has come back, and all that the client sent is kept.  Not while the
 * client is still being told what stood. */
static bool
flight_is_whole(const struct relay *r)
{
	return r->keep_flight && r->side[RELAY_UPSTREAM].bytes == 0 &&
	       !loop_op_active(&r->side[RELAY_CLIENT].send);
}

/* The flight can be sent again, as its nature allows it. */
bool
relay_flight_unanswered(const struct relay *r)
{
	if (!flight_is_whole(r))
		return false;
	if (r->flight == NULL)
		return stillborn(r);
	return r->replay_any ||
	       relay_replayable(buf_bytes(r->flight), r->flight->len);
}

/* The same for one that has been silent for too long, which is no end: a
 * client that has said nothing loses nothing by another path. */
bool
relay_flight_stalled(const struct relay *r)
{
	if (r->flight == NULL)
		return flight_is_whole(r) && r->side[RELAY_CLIENT].bytes == 0 &&
		       r->side[RELAY_CLIENT].flow != FLOW_ENDED;
	return relay_flight_unanswered(r);
}

/* Bytes from the client join the flight while it is unanswered and fits; one
 * that could never be sent twice is not begun. */
void
relay_flight_keep(struct relay *r, const uint8_t *data, size_t len)
{
	if (!r->keep_flight)
		return;
	if (r->flight == NULL && (r->replay_any || may_replay(data, len)))
		r->flight = buf_new(RELAY_FLIGHT_MAX);
	if (r->flight == NULL || buf_append(r->flight, data, len) != 0) {
		r->keep_flight = false;
		relay_flight_drop(r);
	}
}
