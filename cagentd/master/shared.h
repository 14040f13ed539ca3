#ifndef CAGENTD_SHARED_H
#define CAGENTD_SHARED_H

#include <stdbool.h>
#include <stdint.h>

#include "cagentd/master/master_policy.h"
#include "conf/settings.h"
#include "shm/usage.h"

struct bundle;

/*
 * What the master makes once and hands out: the run directory with the tier
 * table and cagent-ctl's socket, the slabs, the listeners, the sealed
 * configuration.  It maps none of it and reads none of it.
 */
struct shared_listener {
	union net_addr addr; /* as configured; port 0 stays 0 */
	enum settings_listener kind;
	int fd;
	bool said;
};

/* The sealed configuration: all of it, which stays here, and what others may
 * have of it. */
enum shared_kind {
	SHARED_ALL,
	SHARED_SECRETS, /* what we log in with */
	SHARED_USERS,	/* by what others log in here */
	SHARED_PLAIN,	/* neither */
	SHARED_KINDS
};
struct shared_conf {
	int fds[SHARED_KINDS]; /* -1: none yet */
};

/* What a new configuration opens and seals, before it is in force. */
struct shared_new {
	struct shared_listener listeners[SETTINGS_LISTENERS_MAX];
	uint32_t listeners_n;
	struct shared_conf conf;
};

struct shared {
	int table_rw, table_ro;
	int control_socket;
	int wake;
	int traffic_rw, traffic_ro; /* what all workers write */
	struct shared_conf conf;
	/* What MSG_POLICY_STATE holds; -1: no policy. */
	int policy[MASTER_POLICY_FDS];
	int decisions; /* for appending; -1: none are recorded */
	/* The key by which all slabs count users. */
	uint8_t usage_key[USAGE_KEY_LEN];
	int slab_rw[SETTINGS_WORKERS_MAX];
	int slab_ro[SETTINGS_WORKERS_MAX];
	uint32_t slabs_n; /* made so far; none is ever taken back */
	struct shared_listener listeners[SETTINGS_LISTENERS_MAX];
	uint32_t listeners_n;
	/* mono_us() until which an address in use may still come free: the
	 * workers of a master that was killed are about to let it go. */
	int64_t patience_us;
};

/* All but listeners, configuration and slabs; fatal() with what is wrong.
 * Waits for the control process of a master that was killed to be gone. */
void shared_init(struct shared *, const struct settings *);
/* The slabs of all workers that s wants, where not there yet.  0 or -errno. */
int shared_slabs(struct shared *, const struct settings *s);
/*
 * The file that s wants decisions recorded in, made if it is not there: 0 with
 * *fd, -1 when it wants none; or -errno: -EPERM for one that is no regular
 * file of ours.
 */
int shared_open_decisions(const struct settings *s, int *fd);
void shared_use_decisions(struct shared *, int fd); /* the last is closed */
/* An empty slab in the place of that worker's.  0 or -errno. */
int shared_renew_slab(struct shared *, uint32_t worker);
/*
 * Open what s wants and is not open yet, put down in the bundle that s came
 * from what has become of it, and seal that.  0; or -errno with nothing
 * changed and *which the address that failed, NULL when it was none.
 */
int shared_open(const struct shared *, const struct settings *s,
    struct bundle *, struct shared_new *, const union net_addr **which);
/* Use it, and close what it has no use for; or let it go again. */
void shared_use(struct shared *, const struct shared_new *);
void shared_drop(const struct shared *, const struct shared_new *);
/* Log where we listen, once each. */
void shared_say(struct shared *);
void shared_unlisten(struct shared *);
/* At a clean end: cagent-ctl's socket goes, the table stays for the next
 * start. */
void shared_remove(const struct settings *);

/* A name (wire/ctl.h has those that cagent-ctl knows too) under the run
 * directory; out holds SHARED_PATH_MAX bytes. */
#define SHARED_PATH_MAX 128
const char *shared_path(
    const struct settings *, const char *name, char out[SHARED_PATH_MAX]);

#endif
