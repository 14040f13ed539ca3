#ifndef CAGENTD_CTL_ANSWER_H
#define CAGENTD_CTL_ANSWER_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

struct buf;
struct control;

/*
 * From a request's line to the JSON lines of its answer.  The verbs are a
 * table in ctl_answer.c: a function each, and whether it changes anything.
 */
struct ctl_query {
	struct control *control;
	uid_t uid; /* the peer's, by the kernel's word */
	bool may_change;
	int args_n;
	const char **args; /* without the verb */
	int64_t now_us;	   /* wall clock */
	/* The answer so far, and whether memory or CTL_OUT_MAX ran out. */
	struct buf *out;
	bool failed;
	/* What follows the line, for a verb that has asked for it: by setting
	 * body_want, it is called again when it has come. */
	size_t body_want;
	const uint8_t *body;
	size_t body_len;
	/* Set by "policy-load": the answer comes when it is in force. */
	bool waits;
	/* Set by "events -f": the first event that is still to be sent. */
	uint64_t follow_id;
};

/* The codes of an answer that is not ok. */
enum ctl_code {
	CTL_USAGE,
	CTL_UNKNOWN_VERB,
	CTL_NOT_FOUND,
	CTL_ALREADY,
	CTL_FORBIDDEN,
	CTL_INTERNAL
};

/*
 * Answer the line (len bytes, without its newline) of a peer.  control, uid
 * and may_change are set, the rest is zero.  out becomes the caller's, NULL
 * when there is not even memory for an error.
 */
void ctl_answer(struct ctl_query *, const char *line, size_t len);
/* The same for what is wrong with the peer, not with its question. */
void ctl_answer_error(struct ctl_query *, enum ctl_code, const char *why);

/* For the verbs' functions. */
typedef void ctl_verb_fn(struct ctl_query *);

/* The first object of an answer that is ok, to be added to and said. */
json_t *ctl_head(void);
/* Say one line; the object is taken, NULL means out of memory. */
void ctl_say(struct ctl_query *, json_t *object);
void ctl_refuse(struct ctl_query *, enum ctl_code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* A string from bytes of any origin: what is not UTF-8 becomes '?'. */
json_t *ctl_text(const char *s);
/* Add to an object; a value of NULL (out of memory) leaves the key out. */
void ctl_set(json_t *object, const char *key, json_t *value);
void ctl_set_int(json_t *object, const char *key, int64_t value);
void ctl_set_text(json_t *object, const char *key, const char *value);

ctl_verb_fn ctl_status, ctl_show, ctl_tiers, ctl_why, ctl_route, ctl_events;
ctl_verb_fn ctl_learned, ctl_class_list, ctl_tunnels;
ctl_verb_fn ctl_drain, ctl_enable, ctl_pin, ctl_unpin;
ctl_verb_fn ctl_links, ctl_policy_key;
ctl_verb_fn ctl_policy, ctl_policy_load, ctl_policy_history, ctl_policy_past;

/* The managers, an object each. */
json_t *ctl_links_json(const struct ctl_query *);

/* The answer to who waited until a policy is in force. */
void ctl_policy_settled(struct ctl_query *);

struct envelope;
struct verified;
/* What there is to say of a policy; root: whose names its keys have, or
 * NULL. */
void ctl_policy_fields(
    json_t *answer, const struct envelope *, const struct verified *root);

struct event;
/* One line of events; NULL when out of memory. */
json_t *ctl_event(const struct event *);

#endif
