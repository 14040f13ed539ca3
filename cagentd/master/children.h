#ifndef CAGENTD_CHILDREN_H
#define CAGENTD_CHILDREN_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/chan.h"
#include "base/loop.h"
#include "base/proc.h"
#include "cagentd/master/cgroups.h"
#include "cagentd/master/pace.h"
#include "cagentd/common/procs.h"
#include "conf/settings.h"

struct identity;
struct shared;

/*
 * The master's children: started by role, told what they may have, watched,
 * and started again with back-off when they die.
 */
struct children;

struct children_one {
	struct children *all;
	enum proc_role role;
	uint32_t index;
	bool wanted;
	bool renewing; /* its end is asked for, and no sign of trouble */
	bool linked;   /* to the resolver that is there now, */
	bool verified; /* and to the verifier */
	pid_t pid;     /* 0: not running */
	struct chan *chan;
	bool chan_dead; /* freed when the child is reaped */
	enum proc_state state;
	struct proc_backoff backoff;
	struct op restart;
	int64_t alive_us;
	uint32_t restarts, sandbox;
	int exit_status;
};

struct children {
	struct loop *loop;
	struct shared *shared;
	const struct identity *identity;
	const struct settings *settings; /* the master's present ones */
	bool syslog;
	/* All wanted children are ready, for the first time or again. */
	void (*ready)(void *arg);
	/* The control process wants a policy in force. */
	void (*policy)(void *arg, const struct chan_msg *);
	/* The last child is gone. */
	void (*gone)(void *arg);
	void *arg;
	struct pace pace;
	struct cgroups cgroups;
	struct op watchdog;
	int64_t watched_us;
	uint32_t slabs_n; /* that all running children know */
	bool table_stands;
	bool stopping;
	struct children_one one[PROCS_CHILDREN_MAX];
};

/* Zeroed but for loop, shared, identity, settings, syslog, callbacks and arg. */
void children_start(struct children *);
/* New settings are in force: tell all, start or drain workers. */
void children_reload(struct children *);
/* The resolver leaves, and another one starts: what it read is old. */
void children_renew_resolver(struct children *);
/* SIGCHLD: collect who has died. */
void children_reap(struct children *);
/* Workers drain and leave; then the others.  gone() comes when all have. */
void children_stop(struct children *);
void children_kill(struct children *);

#endif
