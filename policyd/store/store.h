#ifndef POLICYD_STORE_H
#define POLICYD_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/envelope.h"
#include "wire/manage.h"
#include "wire/sealed.h"

/*
 * What the policy server must not forget, in SQLite (WAL, synchronous=FULL).
 * The ranker alone writes; the page reads beside it, through store_read.h.
 * Wall-clock times: seconds since 1970, but for *_us.
 *
 * Everything written is in a transaction that the caller begins and commits:
 * what commit has said 0 to is on the disk.  A function returns 0, or a
 * negative errno: -ENOSPC the disk is full, -EROFS, -EIO, -EBADMSG the file is
 * damaged; after one inside a transaction only store_rollback() is right.
 * Text from agents is bound, never pasted.
 */
#define STORE_WHY_MAX	 320
#define STORE_REASON_MAX 255

struct store;

/* Make it, or open and check it.  0, or -errno with why. */
int store_open(const char *path, struct store **, char why[STORE_WHY_MAX]);
void store_close(struct store *); /* NULL allowed */

int store_begin(struct store *);
int store_commit(struct store *);
void store_rollback(struct store *);
/* What the last failure was, for people. */
const char *store_why(const struct store *);

/* --- agents --- */

struct store_agent {
	int64_t id;
	uint8_t key[SEALED_KEY_LEN];
	char name[MANAGE_NAME_MAX + 1], group[MANAGE_NAME_MAX + 1];
	char software[MANAGE_CODE_MAX + 1];
	int64_t added_s, seen_s; /* seen_s 0: never */
	uint64_t sequence;	 /* the highest that was accepted */
	uint32_t root_epoch;
	struct manage_mark policy, rank;     /* as it said last */
	char nack_code[MANAGE_CODE_MAX + 1]; /* of its last nack, or "" */
	char nack_text[MANAGE_TEXT_MAX + 1];
};
/* -ENOENT: unknown. */
int store_agent_by_key(
    struct store *, const uint8_t key[SEALED_KEY_LEN], struct store_agent *);
int store_agent_by_name(struct store *, const char *name, struct store_agent *);
/* -EEXIST: the name or the key is another one's.  Fills in id. */
int store_agent_add(struct store *, struct store_agent *);
int store_agent_by_id(struct store *, int64_t id, struct store_agent *);
/* All but id, key, added_s. */
int store_agent_update(struct store *, const struct store_agent *);
/* Only that it said something with that sequence. */
int store_agent_heard(
    struct store *, int64_t id, uint64_t sequence, int64_t seen_s);
int store_agent_remove(struct store *, int64_t id);
/* How many there are. */
int store_agents_count(struct store *, int64_t *n);
/* In the order of names; each() returns false to stop. */
int store_agents(struct store *,
    bool (*each)(void *arg, const struct store_agent *), void *arg);

/* One-time tokens: only their hash is kept. */
#define STORE_HASH_LEN 32
int store_token_add(struct store *, const uint8_t hash[STORE_HASH_LEN],
    const char *group, int64_t expires_s);
/* -ENOENT: unknown, used, or expired by now_s.  It is used from here on. */
int store_token_use(struct store *, const uint8_t hash[STORE_HASH_LEN],
    int64_t now_s, char group[MANAGE_NAME_MAX + 1]);

/* --- what was observed --- */

/* One agent's row: what came in since its report before (differences). */
struct store_seen {
	int64_t agent;
	int64_t at_s;
	char name[MANAGE_NAME_MAX + 1]; /* of the intermediary */
	uint8_t observed;
	uint16_t tier;
	uint64_t attempts, successes, charged, bytes_up, bytes_down;
	uint32_t in_flight, handshake_p50_us, first_byte_p50_us;
};
int store_seen_add(struct store *, const struct store_seen *);

struct store_probe {
	int64_t at_s;
	char name[MANAGE_NAME_MAX + 1];
	bool ok;
	char reason[MANAGE_CODE_MAX + 1]; /* a word, "ok" */
	uint32_t connect_us, handshake_us, first_byte_us;
	uint64_t bytes_s;
	int load_percent; /* -1: not known */
};
int store_probe_add(struct store *, const struct store_probe *);

/* Where one stood for a group from then on: a row when that changes, and one
 * with each heartbeat. */
struct store_place {
	int64_t at_s;
	char group[MANAGE_NAME_MAX + 1], name[MANAGE_NAME_MAX + 1];
	uint16_t tier;
	uint32_t weight;
	bool drain;
	char why[MANAGE_CODE_MAX + 1], reason[STORE_REASON_MAX + 1];
	uint32_t success_permille, latency_us, agents;
};
int store_place_add(struct store *, const struct store_place *);
/* The last one, by group and name: -ENOENT. */
int store_place_last(
    struct store *, const char *group, const char *name, struct store_place *);
/* Since when it has stood there: the first row from which on tier, weight and
 * drain are those of p. */
int store_place_since(
    struct store *, const struct store_place *p, int64_t *since_s);

struct store_event {
	int64_t at_s;
	char kind[MANAGE_CODE_MAX + 1];
	char group[MANAGE_NAME_MAX + 1];   /* or "" */
	char subject[MANAGE_NAME_MAX + 1]; /* an intermediary, agent, or "" */
	char text[STORE_REASON_MAX + 1];
};
int store_event_add(struct store *, const struct store_event *);
/* The last n of those after an id (0: of all) and not before since_s, oldest
 * first; ids rise. */
struct store_events_query {
	int64_t after, since_s;
	uint32_t n;
};
int store_events(struct store *, const struct store_events_query *,
    bool (*each)(void *arg, int64_t id, const struct store_event *), void *arg);

/* --- what was said --- */

struct store_message {
	int64_t id; /* when it is read */
	const struct envelope *envelope;
	const uint8_t *message; /* whole; NULL when a list leaves it out */
	size_t len;
	const char *by; /* who published it */
	int64_t at_s;
};
/* A signed message.  Roots and policies stay; a rank takes the place of the
 * earlier one of its audience. */
int store_message_put(struct store *, const struct store_message *);
/* What is in force: all roots by epoch, then the newest policy and the newest
 * rank of each audience. */
int store_messages(struct store *,
    bool (*each)(void *arg, const uint8_t *message, size_t len), void *arg);
/* All roots and policies, newest first, without their bytes: of the envelope
 * there is what its header says, and no more. */
int store_history(struct store *,
    bool (*each)(void *arg, const struct store_message *), void *arg);
/* The bytes of any of them: malloc()ed, or -ENOENT. */
int store_message_get(struct store *, int64_t id, uint8_t **bytes, size_t *len);
/* The next serial of a rank: above all that were ever given out, and on the
 * disk when the transaction is. */
int store_rank_serial(
    struct store *, uint32_t epoch, int64_t now_s, uint64_t *serial);

/* An administrator's override. */
#define STORE_NAMES_MAX 1024
struct store_override {
	int64_t id;
	char group[MANAGE_NAME_MAX + 1];		   /* "*": all */
	char use[STORE_NAMES_MAX], avoid[STORE_NAMES_MAX]; /* by blanks */
	int64_t from_s, until_s;
	char by[MANAGE_NAME_MAX + 1], why[STORE_REASON_MAX + 1];
};
int store_override_add(struct store *, struct store_override *);
int store_override_end(struct store *, int64_t id, int64_t now_s);
/* Those that are not over at now_s, oldest first. */
int store_overrides(struct store *, int64_t now_s,
    bool (*each)(void *arg, const struct store_override *), void *arg);

/* Delete what is older, at most STORE_PRUNE_ROWS a table; *more: there is
 * more. */
#define STORE_PRUNE_ROWS 10000
struct store_ages {
	int64_t seen_before_s, probes_before_s, places_before_s,
	    events_before_s;
};
int store_prune(struct store *, const struct store_ages *, bool *more);

#endif
