#ifndef POLICYD_PDLINE_H
#define POLICYD_PDLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/chan.h"
#include "policyd/common/blob.h"
#include "policyd/common/pdmsg.h"

/*
 * The channel to the ranker, which may be away: what goes over it, and how
 * much of that may wait for an answer at once.  Whoever asks first sees
 * whether there is room.
 */
#define PDLINE_HELLOS_MAX  256
#define PDLINE_REPORTS_MAX 512
#define PDLINE_BYTES_MAX   (8u << 20) /* of those reports */
/* Messages queued in the channel: beyond the first number answers are dropped,
 * beyond the second it is not said who is gone, so that what has asked for
 * room has it. */
#define PDLINE_ANSWERS_MAX 65536 /* all agents answer at once */
#define PDLINE_GONE_MAX	   (2 * PDLINE_ANSWERS_MAX)
#define PDLINE_QUEUE_MAX   (2 * PDLINE_GONE_MAX)

struct pdline_owner {
	void (*welcome)(void *arg, const struct pdmsg_welcome *);
	void (*stored)(void *arg, uint64_t agent, uint64_t sequence);
	void (*unstored)(void *arg, uint64_t agent, uint64_t sequence,
	    const char *code, const char *text);
	void (*expel)(void *arg, uint64_t agent);
	void (*publish)(void *arg, const uint8_t *message, size_t len);
	void (*lost)(void *arg); /* the ranker is away from here on */
	/* It does not keep to the rules, and only beginning anew helps.  The
	 * last call. */
	void (*broken)(void *arg, const char *why);
	void *arg;
};

struct pdline_report {
	uint64_t agent, sequence;
	size_t len;
};

struct pdline {
	struct loop *loop;
	struct pdline_owner owner;
	struct chan *chan; /* NULL: away */
	struct blob publish;
	uint32_t hellos_n; /* not answered yet, as the following */
	struct pdline_report reports[PDLINE_REPORTS_MAX];
	uint32_t reports_n;
	size_t bytes;
	uint64_t dropped; /* answers that did not fit */
};

void pdline_init(struct pdline *, struct loop *, const struct pdline_owner *);
/* A channel in the place of the one before; the fd is taken.  0 or -errno. */
int pdline_open(struct pdline *, int fd);
void pdline_free(struct pdline *);

bool pdline_has_hello_room(const struct pdline *);
bool pdline_has_report_room(const struct pdline *, size_t len);

/* The following say 0, or -errno of chan_send(): all but broken. */
int pdline_hello(struct pdline *, const struct pdmsg_hello *);
/* The body stands PDLINE_REPORT_HEAD bytes into data, which holds len in all;
 * what is before it is filled in here. */
#define PDLINE_REPORT_HEAD 24
int pdline_report(struct pdline *, uint64_t agent, const struct sealed *what,
    uint8_t *data, size_t len);
void pdline_answer(struct pdline *, uint64_t agent, bool nack,
    const uint8_t *body, size_t len);
void pdline_gone(struct pdline *, uint64_t agent);

#endif
