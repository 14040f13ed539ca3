#ifndef POLICYD_PDAGENT_H
#define POLICYD_PDAGENT_H

#include <sys/queue.h>
#include <sys/tree.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "policyd/collector/pdguests.h"
#include "policyd/collector/pdquota.h"
#include "policyd/collector/pdshelf.h"
#include "wire/sealed.h"

struct buf;
struct pdroom;
struct pdmsg_welcome;

/*
 * One connection of an agent: it registers, is let in by the ranker, and then
 * its reports go up and signed messages come down.  There may be ten thousand
 * that are idle: those have no buffer.
 *
 * An over-long or foreign message, garbage, an answer that is none, or one
 * with an old sequence closes it at once; a report that is refused does not.
 */
#define PDAGENT_REGISTER_US  INT64_C(10000000) /* until it is there, whole */
#define PDAGENT_WELCOME_US   INT64_C(10000000) /* until the ranker says so */
#define PDAGENT_MESSAGE_US   INT64_C(30000000) /* from first to last byte */
#define PDAGENT_STALL_US     INT64_C(30000000) /* it reads nothing */
#define PDAGENT_WAIT_US	     INT64_C(10000000) /* a report, for the ranker */
#define PDAGENT_LEAVE_US     INT64_C(2000000)
#define PDAGENT_NACK_US	     INT64_C(1000000) /* of quota: one in that time */
#define PDAGENT_SILENCES     3	 /* report intervals without a word */
#define PDAGENT_REGISTER_MAX 320 /* bytes of a body, as the next */
#define PDAGENT_ANSWER_MAX   512
/* Bytes at once to who does not read as fast as there is to send; answers
 * beyond the second are not made, as nothing is read. */
#define PDAGENT_CHUNK	    16384
#define PDAGENT_ANSWERS_MAX 4096

enum pdagent_state {
	PDAGENT_GREETING, /* has said nothing that counts */
	PDAGENT_ASKED,	  /* has registered; the ranker is to say */
	PDAGENT_KNOWN,
	PDAGENT_LEAVING, /* has been told why; to be closed */
	PDAGENT_CLOSED	 /* freed after this turn of the loop */
};

/* Whether it is read from, and if not what for. */
enum pdagent_reading {
	PDAGENT_READS,
	PDAGENT_HELD_QUOTA, /* until it may say something again */
	PDAGENT_HELD_TURN,  /* a report, until there is room for it */
	PDAGENT_HELD_STORE, /* until that is on the disk, or refused */
	PDAGENT_HELD_SLOW   /* until it reads its answers */
};

struct pdagent {
	RB_ENTRY(pdagent) by_id;
	RB_ENTRY(pdagent) by_key; /* when is_keyed */
	TAILQ_ENTRY(pdagent) entry;
	TAILQ_ENTRY(pdagent) hello_turn;  /* when asks */
	TAILQ_ENTRY(pdagent) report_turn; /* when PDAGENT_HELD_TURN */
	struct pdguest guest;
	struct pdroom *room; /* borrowed */
	struct op recv, send, timer, held;
	int fd;
	enum pdagent_state state;
	enum pdagent_reading reading;
	bool is_keyed;
	bool asks;	 /* waits for its turn to say hello */
	bool is_greeted; /* this ranker has let it in */
	bool is_told;	 /* this ranker knows its number */
	uint32_t interval_ms;
	uint64_t id;
	uint64_t sequence; /* the highest that it has used */
	uint64_t greeting; /* that with which the ranker was asked */
	uint64_t storing;  /* of the report that is being stored */
	int64_t issued_s;  /* of its register */
	int64_t heard_us, begun_us, sent_us, nacked_us, turn_us;
	struct sealed_pair pair;
	struct pdquota quota;
	uint8_t *said; /* its register without the token; owned */
	uint16_t said_len;
	struct pdgroup *group; /* a reference; NULL: not known yet */
	struct pdmarks has;    /* or is being sent */
	struct pdmarks took;   /* by its own word */
	struct buf *in;	       /* what is not yet a message; owned, or NULL */
	struct buf *answers;   /* not sent yet; likewise */
	struct pdnote *note;   /* being sent: a reference */
	size_t note_at;
};

/* Take a connection in; the fd is taken, and closed when that fails. */
void pdagent_start(struct pdroom *, int fd);
/* Without a word.  Idempotent. */
void pdagent_close(struct pdagent *, const char *why);

/* What the ranker says. */
void pdagent_welcome(struct pdagent *, const struct pdmsg_welcome *);
void pdagent_stored(struct pdagent *, uint64_t sequence);
void pdagent_unstored(
    struct pdagent *, uint64_t sequence, const char *code, const char *text);
/* It is away: what was under way has failed. */
void pdagent_alone(struct pdagent *);
/* Its turn has come; false: there is no room yet. */
bool pdagent_hello(struct pdagent *);
bool pdagent_report(struct pdagent *);

/* Send what it lacks, unless it is being sent something. */
void pdagent_push(struct pdagent *);

#endif
