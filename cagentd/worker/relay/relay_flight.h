#ifndef CAGENTD_RELAY_FLIGHT_H
#define CAGENTD_RELAY_FLIGHT_H

#include "cagentd/worker/relay/relay.h"

/* For relay.c alone. */

/* Bytes from the client join the flight while it is unanswered and fits. */
void relay_flight_keep(struct relay *, const uint8_t *data, size_t len);
void relay_flight_drop(struct relay *);
/* Upstream has ended without an answer: can the flight be sent again? */
bool relay_flight_unanswered(const struct relay *);
/* The same for one that has been silent for too long, which is no end. */
bool relay_flight_stalled(const struct relay *);

#endif
