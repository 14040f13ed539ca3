#ifndef POLICYD_VERB_H
#define POLICYD_VERB_H

#include <stdbool.h>
#include <stdint.h>

#include "trust/root.h"

/* How the command ends. */
enum verb_exit {
	VERB_OK = 0,
	VERB_FAILED = 1,
	VERB_USAGE = 2
};

/* Options that may be repeated. */
struct verb_list {
	const char *at[ROOT_KEYS_MAX]; /* borrowed from argv */
	uint32_t n;
};

#define VERB_ARGS_MAX 2

/* What the command line asked for; strings borrowed from it. */
struct call {
	const struct verb *verb;
	const char *args[VERB_ARGS_MAX];
	struct verb_list keys, policy_keys, rank_keys, seal_keys, removed;
	const char *root, *audience, *serial, *expires, *output; /* or NULL */
	uint32_t threshold, policy_threshold; /* 0: not said */
	bool seal, sign;
	bool help, version;
	int64_t now_s;
};

/* The options a verb takes. */
enum verb_takes {
	TAKES_KEY = 1,
	TAKES_ROLE_KEYS = 2, /* --policy-key, --rank-key, --seal-key */
	TAKES_THRESHOLDS = 4,
	TAKES_REMOVE = 8,
	TAKES_ROOT = 16,
	TAKES_AUDIENCE = 32,
	TAKES_SERIAL = 64,
	TAKES_EXPIRES = 128,
	TAKES_OUTPUT = 256,
	TAKES_KIND = 512 /* --sign, --seal */
};

struct verb {
	const char *name;		 /* one word or two */
	const char *args;		 /* as usage shows them */
	const char *help;		 /* one line */
	int (*run)(const struct call *); /* returns enum verb_exit */
	int args_n;
	unsigned int takes; /* enum verb_takes */
	unsigned int needs; /* of these; TAKES_... */
};

/* Ended by a NULL name. */
extern const struct verb verbs[];
/* By its first words, of which *used were its name; NULL: unknown. */
const struct verb *verb_find(int argc, char *const *argv, int *used);

int init_run(const struct call *);
int keygen_run(const struct call *);
int root_new_run(const struct call *);
int root_rotate_run(const struct call *);
int root_show_run(const struct call *);
int add_signature_run(const struct call *);
int sign_run(const struct call *);
int verify_run(const struct call *);

#endif
