#ifndef POLICYD_VERB_H
#define POLICYD_VERB_H

#include <stdbool.h>
#include <stdint.h>

#include "trust/root.h"

/* How the command ends. */
enum verb_exit {
	VERB_OK = 0,
	VERB_FAILED = 1,
	VERB_USAGE = 2,
	VERB_NOT_RUNNING = 3
};

/* Options that may be repeated. */
struct verb_list {
	const char *at[ROOT_KEYS_MAX]; /* borrowed from argv */
	uint32_t n;
};

#define VERB_ARGS_MAX 64

/* What the command line asked for; strings borrowed from it. */
struct call {
	const struct verb *verb;
	const char *args[VERB_ARGS_MAX];
	int args_n;
	struct verb_list keys, policy_keys, rank_keys, seal_keys, removed;
	struct verb_list revoked, key_expiries;
	struct verb_list avoided;
	/* Each NULL: not said. */
	const char *root, *audience, *serial, *expires, *output;
	const char *config, *run_dir, *group, *lasts, *why, *since, *timeout;
	const char *role;
	uint32_t threshold, policy_threshold; /* 0: not said */
	bool seal, sign;
	bool detach, test, verbose, syslog;
	bool json, wait, force, follow;
	bool help, version;
	int64_t now_s;
};

/* The options a verb takes. */
enum verb_takes {
	TAKES_KEY = 1 << 0,
	TAKES_ROLE_KEYS = 1 << 1, /* --policy-key, --rank-key, --seal-key */
	TAKES_THRESHOLDS = 1 << 2,
	TAKES_REMOVE = 1 << 3, /* --remove, --revoke */
	TAKES_ROOT = 1 << 4,
	TAKES_AUDIENCE = 1 << 5,
	TAKES_SERIAL = 1 << 6,
	TAKES_EXPIRES = 1 << 7,
	TAKES_OUTPUT = 1 << 8,
	TAKES_KIND = 1 << 9,	/* --sign, --seal */
	TAKES_CONFIG = 1 << 10, /* -f */
	TAKES_SERVE = 1 << 11,	/* -D, -t, -v; --role, --syslog: our own */
	TAKES_ASK = 1 << 12,	/* --run-dir, --json */
	TAKES_WAIT = 1 << 13,	/* --wait, --timeout */
	TAKES_FORCE = 1 << 14,
	TAKES_NOT = 1 << 15,
	TAKES_FOR = 1 << 16,
	TAKES_GROUP = 1 << 17,
	TAKES_WHY = 1 << 18,
	TAKES_SINCE = 1 << 19,
	TAKES_FOLLOW = 1 << 20,
	TAKES_KEY_EXPIRES = 1 << 21,
	TAKES_SERVER = TAKES_CONFIG | TAKES_ASK
};

struct verb {
	const char *name;		 /* one word or two */
	const char *args;		 /* as usage shows them */
	const char *help;		 /* one line */
	int (*run)(const struct call *); /* returns enum verb_exit */
	int args_n, args_max;		 /* at least, at most */
	unsigned int takes;		 /* enum verb_takes */
	unsigned int needs;		 /* of these; TAKES_... */
};

/* Ended by a NULL name. */
extern const struct verb verbs[];
/* By its first words, of which *used were its name; NULL: unknown. */
const struct verb *verb_find(int argc, char *const *argv, int *used);
/* Is it the first of a name's two words? */
bool verb_begins(const char *word);
/* What it may have been meant to be, or NULL. */
const char *verb_nearest(const char *name);

/* Offline. */
int init_run(const struct call *);
int keygen_run(const struct call *);
int root_new_run(const struct call *);
int root_rotate_run(const struct call *);
int root_show_run(const struct call *);
int add_signature_run(const struct call *);
int sign_run(const struct call *);
int verify_run(const struct call *);
/* The daemon. */
int serve_run(const struct call *);

/* Of a server that runs. */
int publish_run(const struct call *);
int policy_show_run(const struct call *);
int policy_history_run(const struct call *);
int policy_rollback_run(const struct call *);
int policy_diff_run(const struct call *);
int use_run(const struct call *);
int overrides_run(const struct call *);
int override_end_run(const struct call *);
int token_new_run(const struct call *);
int agents_run(const struct call *);
int agent_show_run(const struct call *);
int agent_add_run(const struct call *);
int agent_remove_run(const struct call *);
int ranks_run(const struct call *);
int why_run(const struct call *);
int status_run(const struct call *);
int events_run(const struct call *);

#endif
