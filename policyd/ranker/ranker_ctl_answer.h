#ifndef POLICYD_RANKER_CTL_ANSWER_H
#define POLICYD_RANKER_CTL_ANSWER_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

struct buf;
struct ranker;
struct ranker_ctl_line;

/*
 * From a request's line to the JSON lines of its answer.  The verbs are a
 * table in ranker_ctl_answer.c: a function each, and whether it changes
 * anything.
 */
struct ranker_ctl_query {
	struct ranker *ranker;
	uid_t uid; /* the peer's, by the kernel's word */
	bool may_change;
	const struct ranker_ctl_line *line; /* while a verb's function runs */
	int64_t now_s;			    /* wall clock */
	/* The answer so far, and whether memory or RANKER_CTL_OUT_MAX ran
	 * out. */
	struct buf *out;
	bool failed;
	/* What follows the line, for a verb that has asked for it: by setting
	 * body_want, it is called again when it has come. */
	size_t body_want;
	const uint8_t *body;
	size_t body_len;
};

/* The codes of an answer that is not ok. */
enum ranker_ctl_code {
	RANKER_CTL_USAGE,
	RANKER_CTL_UNKNOWN_VERB,
	RANKER_CTL_NOT_FOUND,
	RANKER_CTL_ALREADY,
	RANKER_CTL_FORBIDDEN,
	RANKER_CTL_REFUSED, /* no agent would take it, or it does harm */
	RANKER_CTL_STORE,   /* nothing can be kept: full, read-only */
	RANKER_CTL_INTERNAL
};

/*
 * Answer the line (len bytes, without its newline) of a peer.  ranker, uid
 * and may_change are set, the rest is zero.  out becomes the caller's, NULL
 * when there is not even memory for an error.
 */
void ranker_ctl_answer(struct ranker_ctl_query *, const char *line, size_t len);
/* The same for what is wrong with the peer, not with its question. */
void ranker_ctl_answer_error(
    struct ranker_ctl_query *, enum ranker_ctl_code, const char *why);

/* For the verbs' functions. */
typedef void ranker_ctl_fn(struct ranker_ctl_query *);

/* The first object of an answer that is ok, to be added to and said. */
json_t *ranker_ctl_head(void);
/* Say one line; the object is taken, NULL means out of memory. */
void ranker_ctl_say(struct ranker_ctl_query *, json_t *object);
/* A head with a message, said. */
void ranker_ctl_done(struct ranker_ctl_query *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void ranker_ctl_refuse(struct ranker_ctl_query *, enum ranker_ctl_code,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Add to an object; a value of NULL (out of memory) leaves the key out.  Text
 * may be of any origin: what is not UTF-8 becomes '?'. */
void ranker_ctl_set(json_t *object, const char *key, json_t *value);
void ranker_ctl_set_int(json_t *object, const char *key, int64_t value);
void ranker_ctl_set_text(json_t *object, const char *key, const char *value);

/* "uid 1000": who ordered it. */
#define RANKER_CTL_BY_MAX 24
const char *ranker_ctl_by(
    const struct ranker_ctl_query *, char out[RANKER_CTL_BY_MAX]);

ranker_ctl_fn ranker_ctl_status, ranker_ctl_publish, ranker_ctl_delivery;
ranker_ctl_fn ranker_ctl_policy, ranker_ctl_history, ranker_ctl_body;
ranker_ctl_fn ranker_ctl_use, ranker_ctl_overrides, ranker_ctl_override_end;
ranker_ctl_fn ranker_ctl_token, ranker_ctl_agents, ranker_ctl_agent;
ranker_ctl_fn ranker_ctl_agent_add, ranker_ctl_agent_remove;
ranker_ctl_fn ranker_ctl_ranks, ranker_ctl_why, ranker_ctl_events;

#endif
