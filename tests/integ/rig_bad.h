#ifndef TESTS_INTEG_RIG_BAD_H
#define TESTS_INTEG_RIG_BAD_H

#include "tests/integ/rig_server.h"

/* Intermediaries that misbehave, by script. */
enum rig_bad_kind {
	RIG_BAD_SILENT,	       /* accepts, reads, never answers */
	RIG_BAD_CLOSE,	       /* accepts and closes at once */
	RIG_BAD_RESET,	       /* accepts and resets at once */
	RIG_BAD_RUBBISH,       /* answers with random bytes */
	RIG_BAD_MID_CLOSE,     /* closes in the middle of the last reply */
	RIG_BAD_STALL,	       /* sends half of the last reply, then nothing */
	RIG_BAD_FALSE_SUCCESS, /* says yes and closes */
	RIG_BAD_DRIBBLE,       /* a right reply, one byte a second */
	RIG_BAD_FLOOD,	       /* never stops sending */
	RIG_BAD_KINDS
};
const char *rig_bad_word(enum rig_bad_kind);

/* Start one on 127.0.0.1.  type: as in the agent's configuration, "socks5",
 * "socks4a" or "http".  s->accepted counts what came. */
void rig_bad_start(struct rig_server *, enum rig_bad_kind, const char *type);

#endif
