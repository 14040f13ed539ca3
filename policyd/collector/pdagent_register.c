/* Owns an agent's first message: that it has a key and shows it.  Whether it may
 * come in is the ranker's to say. */
#include <stdlib.h>
#include <string.h>

#include "policyd/collector/pdagent_impl.h"
#include "policyd/collector/pdroom.h"

/* For the log, and for a ranker that begins anew. */
static bool
keep_said(struct pdagent *a, const uint8_t *body, size_t len)
{
	a->said = malloc(len);
	if (a->said == NULL)
		return false;
	memcpy(a->said, body, len);
	a->said_len = (uint16_t)len;
	return true;
}

static bool
open_register(struct pdagent *a, const uint8_t *data, size_t len,
    struct manage_register *said)
{
	uint8_t body[PDAGENT_REGISTER_MAX];
	struct sealed s;

	if (sealed_peek(data, len, &s) != (int)len ||
	    !sealed_pair_init(&a->pair, a->room->keys, s.sender) ||
	    !sealed_pair_open(&a->pair, data, len, &s, body) ||
	    manage_register_decode(body, s.body_len, said) == WIRE_BAD ||
	    s.issued_s <= 0 || !keep_said(a, body, s.body_len))
		return false;
	a->sequence = a->greeting = s.sequence;
	a->issued_s = s.issued_s;
	return true;
}

void
pdagent_register(struct pdagent *a, const uint8_t *data, size_t len)
{
	struct manage_register said;
	struct pdagent *other;
	int64_t wait_us;

	if (!open_register(a, data, len, &said)) {
		pdagent_close(a, "a register that is none");
		return;
	}
	a->guest.has_spoken = true;
	a->has = a->took =
	    (struct pdmarks){said.root_epoch, said.policy, said.rank};
	pdagent_change(a, PDAGENT_ASKED);
	pdroom_recall(a->room, a);
	other = pdroom_find(a->room, a->pair.peer);
	if (!pdagent_may_say(a, len, &wait_us)) {
		pdagent_dismiss(a, "quota", PDAGENT_QUOTA);
	} else if (other != NULL && other->sequence >= a->greeting) {
		a->sequence = other->sequence;
		pdagent_dismiss(
		    a, "old-sequence", "that sequence has been used");
	} else {
		pdroom_wants_hello(a->room, a);
		pdroom_turns(a->room);
	}
}
