#ifndef CAGENTD_CHILD_H
#define CAGENTD_CHILD_H

#include <stdint.h>

#include "base/chan.h"
#include "base/loop.h"
#include "cagentd/common/procs.h"
#include "conf/settings.h"

struct bundle;
struct msg_identity;

/*
 * What every child of the master does alike: receive what it may have, drop
 * what it may not do, say that it is ready and then that it is alive.
 */
struct child_start {
	struct settings *settings; /* the child's reference */
	int table_fd;		   /* -1: not given, as all below */
	int wake_fd;
	int traffic_fd;
	int decisions_fd;
	int control_fd;
	int policy_fd, policy_memory, history_fd;
	/* sodium_malloc()ed, the child's; NULL: not given */
	struct msg_identity *identity;
	struct bundle *bundle; /* settings came from it; control's alone */
	int slab_fds[SETTINGS_WORKERS_MAX];	/* by worker */
	int resolver_fds[PROCS_LINES_MAX];	/* by line */
	int verifier_fds[SETTINGS_WORKERS_MAX]; /* by worker */
	int listener_fds[SETTINGS_LISTENERS_MAX];
	enum settings_listener listener_kinds[SETTINGS_LISTENERS_MAX];
	uint32_t listeners_n;
	uint32_t sandbox; /* bits reached, after child_enter() */
};

/* Wait for the master's messages up to MSG_START.  Anything but success is
 * fatal(): there is nobody else to tell. */
void child_receive(enum proc_role, struct child_start *);

struct child {
	struct loop *loop;
	struct chan *chan;
	struct op alive;
	const struct chan_owner *owner;
};

/*
 * Drop rights, open the channel, say MSG_READY and go on saying MSG_ALIVE.
 * owner is borrowed; its closed() means that the master is gone.
 */
void child_enter(struct child *, enum proc_role, struct loop *,
    struct child_start *, const struct chan_owner *owner);

/* The same in two steps, for who has something to say in between: all that
 * child_enter() does but MSG_READY and what follows; and that. */
void child_join(struct child *, enum proc_role, struct loop *,
    struct child_start *, const struct chan_owner *owner);
void child_ready(struct child *, const struct child_start *);

/* The worker that a message is about, or the first of as many as it has fds:
 * 0 or -EPROTO. */
int child_first_worker(const struct chan_msg *, uint32_t *worker);

/* Out of a MSG_IDENTITY, in memory that is locked; sodium_free().  NULL with a
 * logged reason. */
struct msg_identity *child_identity(const struct chan_msg *);

/* Of the listeners that a MSG_LISTENERS brings: 0 or -EPROTO. */
int child_listener_kinds(const struct chan_msg *,
    enum settings_listener kinds[SETTINGS_LISTENERS_MAX]);

/* The line to the resolver that a MSG_RESOLVER is about: 0 or -EPROTO. */
int child_line(const struct chan_msg *, uint32_t *line);

/* Settings out of a MSG_CONF; NULL with a logged reason.  Takes the fd.
 * keep: the caller wants the bundle, too; NULL: does not. */
struct settings *child_settings(const struct chan_msg *, struct bundle **keep);

#endif
