#ifndef POLICYD_PDPROC_H
#define POLICYD_PDPROC_H

#include "base/chan.h"
#include "base/sandbox.h"

struct pdconf;

/*
 * The policy server's processes, and what each may do and say: one table each.
 * The design's pusher is the collector: an agent has one connection, for what
 * it reports and for what it is told, and to pass on what is signed takes no
 * right that the collector does not have.
 *
 * What only one may have (a key, the passwords), that one reads itself, before
 * it gives up the right to: no other process ever has it.  The master looks at
 * these files too, to say what is wrong with them, and keeps nothing.
 *
 * role       network                     keys        files
 * master     binds listeners             none        configuration
 * collector  accepts agents              sealing     none
 * prober     connects to intermediaries  passwords   none
 * ranker     none; the control socket    none        the store
 * signer     none                        rank        none
 * page       accepts readers             none        the store, read-only
 */
enum pdproc_role {
	PDPROC_MASTER,
	PDPROC_COLLECTOR,
	PDPROC_PROBER,
	PDPROC_RANKER,
	PDPROC_SIGNER,
	PDPROC_PAGE,
	PDPROC_COUNT
};
const char *pdproc_role_word(enum pdproc_role);
/* -1 when there is no such role. */
int pdproc_role_parse(const char *word);

/*
 * M: master, C: collector, P: prober, R: ranker, S: signer, W: page.
 * A blob (see blob.h) is longer than a message and comes in pieces.
 */
enum pdproc_msg {
	/* Start, from the master, in any order up to PDMSG_START. */
	PDMSG_CONF,	 /* M>all blob: the configuration's text */
	PDMSG_LISTENERS, /* M>C agents', M>W readers'; fds */
	PDMSG_CONTROL,	 /* M>R fd: listener of the control socket */
	PDMSG_LINE,	 /* M>all u8 peer role; fd: channel to it, in the place
			    of an earlier one; also later on */
	PDMSG_START,
	/* To the master. */
	PDMSG_READY, /* u64 sandbox bits */
	PDMSG_ALIVE, /* every PDPROC_ALIVE_MS */
	/* From the master, later. */
	PDMSG_DRAIN, /* end */
	PDMSG_LOG,   /* fd: syslog */
	/* Collector and ranker. */
	PDMSG_HELLO,   /* C>R pdmsg_hello: may it come in? */
	PDMSG_WELCOME, /* R>C pdmsg_welcome: yes, or no and why */
	PDMSG_REPORT,  /* C>R blob: u64 agent, u64 sequence, i64 issued, body */
	PDMSG_STORED,  /* R>C n times (u64 agent, u64 sequence): it is on the
			  disk, and may be acknowledged */
	PDMSG_UNSTORED, /* R>C likewise: it cannot be; str code, str text */
	PDMSG_ANSWER,	/* C>R u64 agent, then what the agent said of a signed
			   message (a body of wire/manage.h), u8 nack first */
	PDMSG_GONE,	/* C>R u64 agent */
	PDMSG_EXPEL,	/* R>C u64 agent: close, it is known no longer */
	PDMSG_PUBLISH,	/* R>C blob: a signed message, in the place of an
			   earlier one of its type and audience; roots in
			   order, and all of them again to a new collector */
	/* Ranker and prober. */
	PDMSG_PROBE,  /* R>P blob: all there is to probe, by probelist.h */
	PDMSG_PROBED, /* P>R pdmsg_probed: what one came to */
	/* Ranker and signer. */
	PDMSG_SIGN,   /* R>S blob: a rank without signature */
	PDMSG_SIGNED, /* S>R blob: the same with it; of length 0: refused */
	/* Ranker and page. */
	PDMSG_STATE, /* R>W u8 read-only, str why */
	PDMSG_COUNT
};

extern const struct chan_rules pdproc_rules;

/* A child says PDMSG_ALIVE this often, and is killed when it has not for
 * PDPROC_SILENT_MS. */
#define PDPROC_ALIVE_MS	 2000
#define PDPROC_SILENT_MS 8000
#define PDPROC_START_MS	 10000
/* Of the collector, beside those of agents' connections. */
#define PDPROC_OTHER_FDS 64
/* Connections beside those of agents that have been let in. */
#define PDPROC_GUESTS_FDS 4096

/* What a role may do once it has started; strings borrowed for ever. */
void pdproc_rights(
    enum pdproc_role, const struct pdconf *, struct sandbox_spec *);

#endif
