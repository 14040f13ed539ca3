#ifndef POLICYD_RANKER_H
#define POLICYD_RANKER_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/chan.h"
#include "base/logpace.h"
#include "base/loop.h"
#include "conf/settings.h"
#include "policyd/common/blob.h"
#include "policyd/common/pdchild.h"
#include "policyd/common/pdmsg.h"
#include "policyd/decide/order.h"
#include "policyd/ranker/ranker_window.h"
#include "policyd/store/store.h"
#include "trust/verify.h"

struct ranker_ctl;

/*
 * The ranker's state, and what its files do for each other: it keeps the
 * store, makes ranks of what agents and probes say, has them signed, and gives
 * the collector what agents are to get.
 */

/* A policy that is the newest one of its audience. */
struct ranker_policy {
	LIST_ENTRY(ranker_policy) next;
	struct verified *v;	   /* owned */
	bool revoked;		   /* by a root: no agent goes by it */
	struct settings *settings; /* what it says; owned */
};

/* Whatever is called so in any policy: what probes say of it. */
struct ranker_known {
	char name[MANAGE_NAME_MAX + 1];
	struct ranker_probes probes;
};
#define RANKER_KNOWN_MAX 8192

/* How one stands for a group. */
struct ranker_place {
	struct order_state state; /* name "": it was never decided */
	struct fuse_estimate estimate;
	int64_t since_s; /* it has stood there; 0: as it began */
	bool unsaved;	 /* that it has moved */
};

/* Agents that rank alike.  There is one for each group of agents that are
 * known and for each audience but "*". */
struct ranker_group {
	TAILQ_ENTRY(ranker_group) next;
	char name[MANAGE_NAME_MAX + 1];
	const struct ranker_policy *policy; /* in force; NULL: none */
	/* One for each intermediary of that policy, in its order. */
	struct ranker_place *places;
	uint32_t places_n;
	bool moved;		/* and no rank says so yet */
	uint64_t signing;	/* the serial that the signer has; 0: none */
	int64_t signing_us;	/* since when */
	int64_t ranked_us;	/* of the newest rank; 0: none */
	int64_t retry_us;	/* not before, after a failure */
	struct verified *rank;	/* the newest; owned; NULL: none */
	struct verified *fresh; /* likewise, not on the disk yet */
	bool wants;		/* to be signed, in this step */
	uint64_t serial;	/* that it was given for this */
	LIST_HEAD(, ranker_agent) agents;
};

/* One intermediary in what an agent has reported. */
struct ranker_row {
	uint32_t known; /* index */
	struct manage_row last;
	struct ranker_window window;
};

/* One that is connected, or was a short time ago. */
struct ranker_agent {
	LIST_ENTRY(ranker_agent) by_id, by_conn, in_group;
	int64_t id;    /* the store's */
	uint64_t conn; /* the collector's number; 0: not connected */
	char name[MANAGE_NAME_MAX + 1];
	struct ranker_group *group;
	uint64_t sequence;	/* the highest that was accepted */
	bool unsaved;		/* which is not in the store */
	bool queued;		/* a report of it waits to be stored */
	bool reported;		/* at all: rows are of instance */
	uint64_t instance;	/* of its last report */
	uint64_t reported_conn; /* that it came over */
	int64_t window_us;	/* of its rows; 0: it has none */
	uint32_t quick_n;    /* reports in a row for which that is too long */
	int64_t reported_us; /* when that was; of a hello: when it came */
	uint64_t unknown;    /* rows of intermediaries that no policy names */
	struct ranker_row *rows; /* by rising known */
	uint32_t rows_n;
};
LIST_HEAD(ranker_agents, ranker_agent);
/* Both of their numbers count up, so their last bits spread them well. */
#define RANKER_BUCKETS 4096

struct ranker_item; /* ranker_batch.c: what waits to be stored */
STAILQ_HEAD(ranker_items, ranker_item);

struct ranker {
	struct loop *loop;
	struct pdconf *conf;
	struct store *store;
	struct pdchild child;
	struct ranker_ctl *ctl;
	struct chan *lines[PDPROC_COUNT]; /* owned; NULL: there is none now */
	bool stuck[PDPROC_COUNT];	  /* and to be closed */
	struct blob report, signed_rank;
	uint32_t sandbox; /* bits reached */
	int64_t started_s;

	/* The disk, ranker_disk.c. */
	bool read_only;
	char why[STORE_REASON_MAX + 1]; /* if so */
	struct op retry, prune;

	/* What was published, ranker_messages.c. */
	struct verified **roots; /* by rising epoch; owned */
	uint32_t roots_n;
	LIST_HEAD(, ranker_policy) policies;
	struct ranker_known *known; /* RANKER_KNOWN_MAX of room */
	uint32_t known_n;
	uint64_t probe_list; /* the serial of the last one that was sent */
	bool root_expired;   /* and that was said */

	/* Orders, oldest first; ranker_overrides.c. */
	struct store_override *overrides;
	uint32_t overrides_n;

	TAILQ_HEAD(, ranker_group) groups; /* by name */
	struct ranker_agents ids[RANKER_BUCKETS], conns[RANKER_BUCKETS];
	uint32_t connected;
	bool unsaved;			   /* some agent's sequence is */
	int64_t longest_us;		   /* window of any agent */
	struct logpace refusals;	   /* of agents that are not let in */
	uint64_t reports, reports_refused; /* since the start */

	/* What came in and is not stored yet. */
	struct ranker_items items;
	uint32_t items_n;
	size_t items_len;
	struct op flush;

	struct op publish;    /* what was signed */
	struct op step;	      /* of ranking */
	int64_t step_took_us; /* the last one */
};

/* Why something was refused: a stable word and a text. */
struct ranker_why {
	char code[MANAGE_CODE_MAX + 1]; /* "rollback", "read-only", ... */
	char text[TRUST_WHY_MAX + 80];
};

/*
 * Its life: loop and conf are borrowed.  Lines may be given before the store is
 * opened; of a root that is not NULL, ranker_open() sees that it fits what is
 * in there.  false with why: the store is not one to go by.
 */
void ranker_init(struct ranker *, struct loop *, struct pdconf *);
void ranker_line(struct ranker *, enum pdproc_role, int fd); /* taken */
bool ranker_open(struct ranker *, const char *path, const uint8_t *root,
    size_t root_len, struct ranker_why *);
void ranker_start(struct ranker *);
void ranker_fini(struct ranker *);

/* The wall clock, in seconds. */
int64_t ranker_now_s(void);

/* --- for the control socket --- */

/*
 * A signed message from an administrator: the next root, or a policy that is
 * newer than all that were published for anybody it is for, and can be read.
 * When this returns 0 it is on the disk, the collector has it, and ranks for
 * it are under way.  -EINVAL: refused with why; -EROFS and the like: the disk.
 * by: who says so, for the record.
 */
int ranker_publish_message(struct ranker *, const uint8_t *message, size_t len,
    const char *by, struct ranker_why *);

/* An order from now_s to until_s; id is filled in.  In force, on the disk and
 * on its way to agents at once.  -EINVAL (a name that no policy in force for
 * that group has), or as above. */
int ranker_override(
    struct ranker *, struct store_override *, struct ranker_why *);
/* -ENOENT: there is none that goes on. */
int ranker_override_end(
    struct ranker *, int64_t id, const char *by, struct ranker_why *);

/* One agent is known no longer: -ENOENT.  It is disconnected. */
int ranker_agent_remove(
    struct ranker *, const char *name, const char *by, struct ranker_why *);
/* One that may come without a token: -EEXIST. */
int ranker_agent_add(
    struct ranker *, struct store_agent *, const char *by, struct ranker_why *);
int ranker_token_add(struct ranker *, const uint8_t hash[STORE_HASH_LEN],
    const char *group, int64_t expires_s, const char *by, struct ranker_why *);

/* NULL: there is no such group, agent (connected or not long gone). */
struct ranker_group *ranker_group(struct ranker *, const char *name);
const struct ranker_agent *ranker_agent(const struct ranker *, int64_t id);
/* The policy in force for that group, known or not; NULL: none. */
const struct ranker_policy *ranker_policy(
    const struct ranker *, const char *group);
/* The root in force, or NULL. */
const struct verified *ranker_root(const struct ranker *);

/* Rank all groups in the next turn of the loop. */
void ranker_soon(struct ranker *);
/* The same in the next turn, however long the last step took. */
void ranker_at_once(struct ranker *);

/* --- the disk --- */

/*
 * A transaction of one's own: begin, writes, then end with what they came to
 * (0 or -errno): commit, or roll back.  0: it is on the disk; else -errno, and
 * when the disk cannot be written, everybody is told and it is tried again
 * later by itself.
 */
int ranker_begin(struct ranker *);
int ranker_end(struct ranker *, int error);
/* Within one: an event.  0 or -errno. */
int ranker_event(struct ranker *, const char *kind, const char *group,
    const char *subject, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* Fills why for a failure of the disk; returns error. */
int ranker_disk_why(const struct ranker *, int error, struct ranker_why *);
void ranker_disk_start(struct ranker *);
/* Tell the page. */
void ranker_disk_tell(struct ranker *);

/* --- between the ranker's files --- */

/* The only one that reads a policy's body: NULL with why. */
struct settings *ranker_policy_read(
    const struct verified *, struct ranker_why *);

/* Everything from the store, verified again.  false with why: it is not what
 * was written. */
bool ranker_messages_load(
    struct ranker *, const uint8_t *root, size_t root_len, struct ranker_why *);
void ranker_messages_free(struct ranker *);
/* Index by name, made when it is not there; -1: there is no room. */
int ranker_known(struct ranker *, const char *name);

/* Groups: make it when it is not there (NULL: no memory); find out which
 * policy is in force for each of them. */
struct ranker_group *ranker_group_get(struct ranker *, const char *name);
void ranker_groups_refresh(struct ranker *);
void ranker_groups_free(struct ranker *);

/* To the collector: all that it must have, or one message more.  To the
 * prober: what to probe. */
void ranker_publish_all(struct ranker *);
void ranker_publish(struct ranker *, const struct verified *);
void ranker_publish_probes(struct ranker *);
/* To any role: false when it has no line, which is closed when it is stuck. */
bool ranker_send(struct ranker *, enum pdproc_role, uint32_t type,
    const void *data, size_t len);
bool ranker_send_blob(struct ranker *, enum pdproc_role, uint32_t type,
    const void *data, size_t len);

/* Close the lines that are stuck. */
void ranker_hang_up(struct ranker *);

/* How far back reports count: no agent drops out between two of its own. */
int64_t ranker_window_us(const struct ranker *);
/* That of the agent that reports most seldom: how long what was seen may
 * count. */
int64_t ranker_longest_us(const struct ranker *);
int64_t ranker_probes_window_us(const struct ranker *);

/* Have the collector close it. */
void ranker_expel(struct ranker *, uint64_t conn);
/* One that is gone from the collector, or all of them with it. */
void ranker_gone(struct ranker *, uint64_t conn);
void ranker_all_gone(struct ranker *);
void ranker_agents_free(struct ranker *);
/* Forget those that are long gone. */
void ranker_agents_sweep(struct ranker *);
struct ranker_agent *ranker_agent_of(struct ranker *, uint64_t conn);
struct ranker_agent *ranker_agent_find(struct ranker *, int64_t id);
/* It is connected now; made when it is not there: NULL, no memory. */
struct ranker_agent *ranker_agent_come(
    struct ranker *, const struct store_agent *, uint64_t conn);
/* From the prober. */
void ranker_probed(struct ranker *, const struct chan_msg *);
/* From the signer; it has ended. */
void ranker_signed(struct ranker *, const uint8_t *data, size_t len);
void ranker_signer_gone(struct ranker *);

/* The orders from the store. */
int ranker_overrides_load(struct ranker *);

/* The body of a rank: what differs from the policy, in the grammar of
 * conf/policy_rank.h.  The bytes, or 0: there is no room. */
size_t ranker_body(const struct ranker_policy *, const struct ranker_place *,
    char *out, size_t cap);

void ranker_rank_start(struct ranker *);

#endif
