#ifndef CAGENTD_IDENTITY_H
#define CAGENTD_IDENTITY_H

#include "cagentd/common/msg.h"
#include "conf/settings.h"

/*
 * By what those know this agent whom it reports to: its sealing key, in
 * agent.key of the state directory, made when it is first needed; and the
 * token that lets it in for the first time.  The master reads both, and the
 * control process alone gets them.
 */
struct identity {
	/* sodium_malloc()ed; NULL: none is wanted, or there is none */
	struct msg_identity *is;
};

/* What s asks for.  What goes wrong is logged, and leaves what was there, or
 * nothing: an agent that cannot report serves all the same. */
void identity_load(struct identity *, const struct settings *s);

#endif
