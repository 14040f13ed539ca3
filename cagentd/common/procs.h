#ifndef CAGENTD_PROCS_H
#define CAGENTD_PROCS_H

#include "base/chan.h"
#include "base/sandbox.h"
#include "conf/settings.h"

/* The agent's processes and what each may do and say: one table each. */
enum proc_role {
	ROLE_MASTER,
	ROLE_CONTROL,
	ROLE_WORKER,
	ROLE_RESOLVER,
	ROLE_VERIFIER, /* only where there is a users file */
	ROLE_COUNT
};

const char *procs_role_word(enum proc_role);
/* -1 when there is no such role. */
int procs_role_parse(const char *word);

enum proc_msg {
	/* Start and reload, from the master.  A child begins with these, in
	 * any order, and MSG_START ends them. */
	MSG_CONF,      /* serial; fd: sealed bundle, with what this role may
			* have of it */
	MSG_TABLE,     /* fd: read-write for control, read-only for workers */
	MSG_SLAB,      /* worker; fds: of it and those that follow, of
			* which a worker's own can be written */
	MSG_TRAFFIC,   /* fd: what all workers write; to be read for control */
	MSG_WAKE,      /* fd: the eventfd by which workers wake control */
	MSG_LISTENERS, /* kinds, a byte each; fds: all the listeners, each
			* time, in the order of the configuration */
	MSG_CONTROL_SOCKET, /* fd: cagent-ctl's listener */
	MSG_RESOLVER, /* line; fd: channel between its owner and the resolver */
	MSG_VERIFIER, /* worker; fd: channel between it and the verifier */
	MSG_POLICY_STATE, /* only where a policy may be; fds: the file in which
			   * control keeps what it has accepted, memory for
			   * what is to be in force, the history's file */
	MSG_IDENTITY, /* secret and public sealing key, token: by which those
		       * know us whom we report to; also later on.  Not where
		       * there are none. */
	MSG_START,
	/* To the master. */
	MSG_CGROUP, /* worker; its number: which service is that? */
	MSG_POLICY, /* epoch, serial, length, hash: of the body that is to be
		     * in force, and stands in that memory; epoch 0: none is
		     * any more.  At the start before MSG_READY. */
	MSG_READY,  /* sandbox bits reached */
	MSG_ALIVE,  /* every PROCS_ALIVE_MS, or the watchdog bites */
	/* From the master. */
	MSG_DRAIN, /* stop accepting, leave when the tunnels have ended */
	MSG_LOG,   /* fd: a socket to syslog, in the place of an earlier one */
	MSG_DECISIONS, /* worker, also before its start; fd: the file to record
			* decisions in from here on, none: record no more */
	MSG_CHILD,     /* role, index, pid, state, restarts, sandbox */
	MSG_NOTE,      /* text of an event for the log of events */
	MSG_SERVICE,   /* worker; that number, and the name, "" for none */
	/* Between the resolver and those who ask it. */
	MSG_RESOLVE,  /* id, name */
	MSG_RESOLVED, /* id, outcome, addresses */
	/* Between the verifier and the workers. */
	MSG_LOGIN,    /* id, user, password */
	MSG_VERIFIED, /* id, verdict, mark of the users file it is by */
	MSG_COUNT
};

extern const struct chan_rules procs_rules;

/* A child says MSG_ALIVE this often, and is killed when it has not for
 * PROCS_SILENT_MS. */
#define PROCS_ALIVE_MS	2000
#define PROCS_SILENT_MS 8000
#define PROCS_START_MS	10000

/* Bytes of that memory. */
#define PROCS_POLICY_MAX (1024 * 1024)

/* Lines to the resolver: one a worker, and the control process's. */
#define PROCS_LINE_CONTROL SETTINGS_WORKERS_MAX
#define PROCS_LINES_MAX	   (SETTINGS_WORKERS_MAX + 1)

/* Logins that the verifier was asked by one worker and has not answered yet:
 * what is said beyond that gets MSG_VERIFY_BUSY at once. */
#define PROCS_LOGINS_MAX 4

/* What a role may do once it has started; strings borrowed for ever.
 * Master: after the listeners are bound. */
void procs_rights(
    enum proc_role, const struct settings *, struct sandbox_spec *);

/* Their places. */
#define PROCS_AT_CONTROL   0
#define PROCS_AT_RESOLVER  1
#define PROCS_AT_VERIFIER  2
#define PROCS_AT_WORKERS   3
#define PROCS_CHILDREN_MAX (PROCS_AT_WORKERS + SETTINGS_WORKERS_MAX)

/* The fields of MSG_CHILD. */
enum proc_state {
	PROC_STARTING,
	PROC_READY,
	PROC_DRAINING,
	PROC_WAITING
};
struct proc_child {
	uint32_t role, index, pid, state, restarts, sandbox;
	uint32_t exit_status; /* of the last life, as wait(2) gives it */
};

#endif
