#ifndef POLICYD_PDCTL_H
#define POLICYD_PDCTL_H

#include <stdint.h>

/*
 * What the policy server and its administrator's commands agree on.  Over the
 * stream socket PDCONF_CONTROL_NAME in the run directory the client sends one
 * line, a verb and its arguments separated by single spaces, and gets JSON
 * objects, one a line, then the end of the stream.  The first has "schema" and
 * "ok"; when ok is false, "error" says why for people and "code" is a stable
 * word.  What stands more than once (agents, events) is an object a line after
 * the first.
 *
 *   status
 *   publish BYTES [force]      followed by as many bytes, a signed message
 *   delivery root|policy|rank [GROUP]
 *                              who of those connected has the newest
 *   policy [AUDIENCE]          what was published last for it
 *   history                    each policy and root that was published
 *   body SERIAL [AUDIENCE]     the text of a policy of these
 *   use [group=GROUP] [use=NAME]... [not=NAME]... for=SECONDS [why=TEXT]
 *   overrides, override-end ID
 *   token HASH GROUP SECONDS   HASH: pdctl_token_hash() in hexadecimal, so
 *                              that the token itself is never sent
 *   agents, agent NAME
 *   agent-add NAME GROUP KEY   KEY: BASE64
 *   agent-remove NAME
 *   ranks [GROUP], why NAME [GROUP]
 *   events [after=ID] [since=SECONDS] [max=N]
 *                              since: of the wall clock
 *
 * An argument "why=" is the last one and goes on to the end of the line.
 */
#define PDCTL_SCHEMA	1
#define PDCTL_LINE_MAX	4096
#define PDCTL_WORDS_MAX 140 /* names of an override, and more */

#define PDCTL_TOKEN_LEN	 32 /* letters and digits */
#define PDCTL_HASH_LEN	 32
#define PDCTL_TOKEN_S	 86400		/* that it is good for, if not said */
#define PDCTL_FOR_MAX_S	 (366 * 86400L) /* of an override or a token */
#define PDCTL_EVENTS_MAX 10000		/* in one answer */
#define PDCTL_NAMED_MAX	 20 /* agents that a delivery names, of a kind */

/* What is kept of a token. */
void pdctl_token_hash(const char *token, uint8_t hash[PDCTL_HASH_LEN]);

#endif
