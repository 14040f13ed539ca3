#ifndef POLICYD_PDKIDS_H
#define POLICYD_PDKIDS_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/chan.h"
#include "base/loop.h"
#include "base/proc.h"
#include "policyd/common/pdproc.h"
#include "policyd/master/pdlisten.h"

/*
 * The master's children, one a role: started, told what they may have,
 * watched, connected with each other, and started again with back-off when
 * they die.
 */
struct pdkids;

enum pdkid_state {
	PDKID_STARTING,
	PDKID_READY,
	PDKID_LEAVING, /* its end is asked for */
	PDKID_WAITING  /* not running */
};

struct pdkid {
	struct pdkids *all;
	enum pdproc_role role;
	pid_t pid; /* 0: not running */
	struct chan *chan;
	bool chan_dead; /* freed when the child is reaped */
	bool linked;	/* to the ranker that is there now */
	enum pdkid_state state;
	struct proc_backoff backoff;
	struct op restart;
	int64_t alive_us;
	uint32_t restarts;
};

/* What they get; the fds are the master's. */
struct pdkids_gift {
	const char *text; /* of the configuration */
	size_t text_len;
	struct pdlisten listeners, pages;
	int control_fd;
	int state_fd; /* for the ranker to hold its lock; -1: none */
};

struct pdkids {
	struct loop *loop;
	struct pdkids_gift gift;
	bool syslog;
	/* All are ready, for the first time or again. */
	void (*ready)(void *arg);
	/* The last one is gone. */
	void (*gone)(void *arg);
	void *arg;
	struct proc_throttle throttle;
	int64_t said_us;
	struct op watchdog;
	int64_t watched_us;
	bool stopping;
	struct pdkid kid[PDPROC_COUNT]; /* by role; the master's is none */
};

/* Zeroed but for loop, gift, syslog, callbacks and arg. */
void pdkids_start(struct pdkids *);
/* The gift is another: all leave, and others start. */
void pdkids_renew(struct pdkids *);
/* That one leaves, and another starts: what it read is old. */
void pdkids_renew_one(struct pdkids *, enum pdproc_role);
/* A new way to syslog for all, who cannot find it themselves. */
void pdkids_tell_log(struct pdkids *);
/* SIGCHLD: collect who has died. */
void pdkids_reap(struct pdkids *);
/* Those with a network leave first, then the ranker, then the signer. */
void pdkids_stop(struct pdkids *);
void pdkids_kill(struct pdkids *);

#endif
