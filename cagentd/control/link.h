#ifndef CAGENTD_LINK_H
#define CAGENTD_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "cagentd/common/msg.h"
#include "cagentd/common/race.h"
#include "cagentd/common/resolve.h"
#include "cagentd/control/events.h"
#include "cagentd/control/link_in.h"
#include "conf/settings.h"
#include "wire/manage.h"

/*
 * The connection to one manager: the policy server, or a subscriber.  It is
 * made, and made again when it is lost; the agent registers, and is told that
 * it may; then reports go up, and signed messages come down from the policy
 * server, and from nobody else.  Nothing waits for it: what cannot be sent now
 * is not sent.
 *
 *   waiting ─> resolving ─> connecting ─> registering ─ack─> up ─> leaving
 *
 * From each of these back to waiting, and to off.  Leaving: the peer has said
 * what cannot be read; it is told so, and what it still says is thrown away.
 */
enum link_state {
	LINK_OFF,
	LINK_WAITING, /* until it is tried again */
	LINK_RESOLVING,
	LINK_CONNECTING,
	LINK_REGISTERING, /* until the answer has come */
	LINK_UP,
	LINK_LEAVING /* until it has taken our last word */
};
const char *link_state_word(enum link_state);

#define LINK_RESOLVE_US	 5000000
#define LINK_CONNECT_US	 10000000
#define LINK_REGISTER_US 15000000 /* it has to be written down there */
#define LINK_ANSWER_US	 30000000 /* to a report */
#define LINK_MESSAGE_US	 30000000 /* from its first byte to its last */
#define LINK_LEAVE_US	 2000000
#define LINK_SEND_US	 30000000 /* until all that we say is taken */
/* Back-off: doubled with each round of failures, half of it drawn by lot; as
 * at first again after so long a good connection. */
#define LINK_BACKOFF_MIN_US 1000000
#define LINK_BACKOFF_MAX_US 300000000
#define LINK_GOOD_US	    60000000

#define LINK_KEYS_MAX	 8
#define LINK_ASKED_MAX	 4	     /* reports without an answer */
#define LINK_OUT_MAX	 (64 * 1024) /* answers that wait to be sent */
#define LINK_REFUSED_MAX 64	     /* signed messages, of one connection */
#define LINK_WHY_MAX	 191

/* Who it is; compared byte by byte, so zeroed before it is filled. */
struct link_peer {
	char name[SETTINGS_NAME_MAX + 1]; /* "": the policy server */
	char as[SETTINGS_NAME_MAX + 1];	  /* by what name it knows us */
	struct settings_endpoint at[SETTINGS_SERVERS_MAX]; /* in turn */
	uint32_t at_n;
	uint8_t keys[LINK_KEYS_MAX][SEALED_KEY_LEN]; /* it has one of them */
	uint32_t keys_n;
};

struct link;

struct link_owner {
	struct loop *loop;
	struct resolve *resolve;
	struct events *events;
	const struct msg_identity *identity;
	uint64_t *seed; /* of the jitter */
	/* What a register says, but for name and token. */
	void (*introduce)(void *arg, struct manage_register *);
	void (*up)(void *arg, struct link *);
	void (*down)(void *arg, struct link *); /* after up() */
	/* A report was answered; of no other consequence. */
	void (*answered)(void *arg, struct link *);
	/*
	 * A signed message, of the policy server, borrowed for the call: it is
	 * to be answered by link_answer(), now or later.  false: later, and no
	 * other one comes before link_resume().
	 */
	bool (*message)(
	    void *arg, struct link *, const uint8_t *message, size_t len);
	void *arg;
};

struct link {
	const struct link_owner *own; /* borrowed */
	struct link_peer peer;
	enum link_state state;
	int64_t since_us; /* of the state, monotonic */
	int64_t up_us;	  /* since when it is, or was last, up */
	int fd;		  /* -1: none */
	uint64_t life;	  /* rises with each connection that ends */
	struct op send, recv, timer;
	struct resolve_query query;
	struct net_ip ips[NAMES_ADDRESSES_MAX];
	struct race race;
	bool racing;
	struct link_in in;
	int64_t in_us, out_us; /* since when one comes, or is sent; 0: none */
	struct buf *out;       /* until what is being sent is */
	bool paused;
	uint32_t refused_n; /* signed messages, on this connection */
	/* The address and the key of this try, and tries of this round. */
	uint32_t at, key, tries;
	int64_t backoff_us;
	uint64_t sequence; /* of the last that was sealed */
	bool raised;	   /* above what the peer had seen, once */
	struct {
		uint64_t sequence;
		uint8_t of;
		int64_t at_us;
	} asked[LINK_ASKED_MAX];
	uint32_t asked_n;
	/* For people; wall clock, 0: never. */
	uint32_t interval_ms; /* as the peer wants it; 0: has not said */
	int64_t state_us, report_us, ack_us, nack_us, try_us;
	uint64_t reports, acks, nacks, taken;
	char nack_code[MANAGE_CODE_MAX + 1], nack_text[MANAGE_TEXT_MAX + 1];
	char why[LINK_WHY_MAX + 1]; /* it is not up */
	char told[LINK_WHY_MAX + 1];
	int64_t told_us;
};

/* own is borrowed.  It is off. */
void link_init(struct link *, const struct link_owner *own);
/* From here on to that one, which is copied. */
void link_start(struct link *, const struct link_peer *);
/* Off; no callback comes. */
void link_stop(struct link *, const char *why);
/* As if it had just been connected, fd is taken: what link_start() comes to,
 * and where tests begin. */
void link_adopt(struct link *, int fd);

/* "policy server" or "subscriber NAME", and where it is. */
const char *link_name(const struct link *, char out[LINK_WHY_MAX + 1]);

/* 0 to most, by a lot drawn from the seed, which is not 0. */
uint64_t link_lot(uint64_t *seed, uint64_t most);

/* Send a report; false: not now, it is not up or is behind. */
bool link_report(struct link *, const uint8_t *body, size_t len);
/* To a signed message. */
void link_answer(struct link *, const struct manage_answer *, bool nack);
void link_resume(struct link *);

/* --- for link_*.c --- */

/* The connection is no good: close it, and wait for the next. */
void link_fail(struct link *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The same, but it was the right one. */
void link_again(struct link *, const char *why);
/* It cannot be understood: once what is to be said is, the above. */
void link_leave(struct link *, const char *why);
void link_left(struct link *);
/* The register was answered. */
void link_stands(struct link *, uint32_t interval_ms);
/* Or it was, by no. */
void link_refused(struct link *, const struct manage_answer *);
/* What is waited for has changed. */
void link_watch(struct link *);
/* Say that we are there.  false: the connection has failed. */
bool link_register(struct link *);
/* Receive what there is to. */
void link_listen(struct link *);

#endif
