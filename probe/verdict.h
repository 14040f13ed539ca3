#ifndef PROBE_VERDICT_H
#define PROBE_VERDICT_H

#include "probe/probe.h"

/* What the probes of one intermediary and target add up to.  Pure. */
enum verdict {
	VERDICT_NONE, /* there were none */
	VERDICT_OK,
	VERDICT_SLOW,	   /* much slower than the others */
	VERDICT_FLAKY,	   /* some failed */
	VERDICT_LIES,	   /* says yes, and no byte comes */
	VERDICT_MUTE,	   /* no answer to the handshake */
	VERDICT_REFUSES,   /* its rules, or the login */
	VERDICT_UNREACHED, /* says that it cannot reach the target */
	VERDICT_WRONG,	   /* bytes come that are no answer, or status 5xx */
	VERDICT_RUBBISH,   /* does not speak its protocol */
	VERDICT_HANGS_UP,
	VERDICT_DEAD,  /* no TCP connection */
	VERDICT_LOCAL, /* this host is out of something */
	VERDICT_COUNT
};

/* Slow is a p95 over so many times the median of the others, and more than
 * the floor above it. */
#define VERDICT_SLOW_FACTOR   3
#define VERDICT_SLOW_FLOOR_US 50000
/* Less than this after the first bytes tells no rate. */
#define VERDICT_RATE_MIN 32768

/* Times of those that succeeded: medians, and of the total more; -1 when
 * there are none. */
struct verdict_sum {
	uint32_t n, ok_n;
	int64_t connect_us, handshake_us, first_us;
	int64_t total_us, min_us, max_us, p95_us;
	int64_t rate; /* median, bytes a second */
	enum verdict verdict;
	uint32_t example;  /* a failure of the most frequent kind; or n */
	int64_t others_us; /* the others' median; -1: there are none */
};

enum verdict verdict_of(const struct probe_result *);
/* 0, or -ENOMEM. */
int verdict_sum(
    const struct probe_result *, uint32_t n, struct verdict_sum *out);
/* Which of those of one target are slow?  Reorders nothing.  0 or -ENOMEM. */
int verdict_compare(struct verdict_sum *const *sums, uint32_t n);

/* A stable word, and a colour's name. */
const char *verdict_word(enum verdict);
const char *verdict_colour(enum verdict);

/* What a failed probe came to, in a sentence. */
#define VERDICT_TEXT_MAX 160
const char *verdict_failure(const struct probe_result *,
    const struct probe_via *, enum query_kind, char out[VERDICT_TEXT_MAX]);

#endif
