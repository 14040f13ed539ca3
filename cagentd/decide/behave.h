#ifndef CAGENTD_BEHAVE_H
#define CAGENTD_BEHAVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What a tunnel turns out to be, by nothing but how many bytes go which way
 * and when: contents are not looked at, and are mostly enciphered.  Pure: the
 * clock is passed in.
 *
 * A *word* is what one side says until the other says something or nobody has
 * said anything for BEHAVE_PAUSE_MS.  People, and machines that wait for each
 * other, use short words both ways: interactive.  Who is asked little and
 * answers much, again and again, is normal.  Bulk is one of
 *
 * - a run: one side goes on and on, and the other says nothing to it but what
 *   acknowledges (words of up to BEHAVE_NOD bytes).  How long a run it takes
 *   doubles with each request that came before it: a page, or a film in pieces,
 *   is asked for many times, a download once;
 * - an upload: the client has said BEHAVE_UPLOAD_LEN bytes, and eight times of
 *   what it was told;
 * - a flood: BEHAVE_FLOOD_LEN bytes without a pause, whatever is asked between.
 *
 * What becomes worse does so at once, what becomes better not before a second
 * has passed, and bulk is over when BEHAVE_CALM requests have gone by without
 * a sign of it.
 */
enum behave_kind {
	BEHAVE_INTERACTIVE,
	BEHAVE_NORMAL,
	BEHAVE_BULK,
	BEHAVE_KINDS
};

/* Why it is held to be that. */
enum behave_why {
	BEHAVE_AT_FIRST, /* as it began: nothing is known yet */
	BEHAVE_WORDS,	 /* short words both ways */
	BEHAVE_ASKS,	 /* requests, and answers */
	BEHAVE_RUN,
	BEHAVE_UPLOAD,
	BEHAVE_FLOOD,
	BEHAVE_WHYS
};

#define BEHAVE_PAUSE_MS	  200
#define BEHAVE_NOD	  64
#define BEHAVE_RUN_LEN	  (52u * 1024)
#define BEHAVE_RUN_ASKS	  3 /* so many go before any run: TLS, and one */
#define BEHAVE_RUN_MAX	  (8u * 1024 * 1024)
#define BEHAVE_UPLOAD_LEN (32u * 1024)
#define BEHAVE_FLOOD_LEN  (4u * 1024 * 1024)
#define BEHAVE_WORDS_MIN  4
#define BEHAVE_WORD_MAX	  (16u * 1024) /* of what is interactive */
#define BEHAVE_CALM	  6
#define BEHAVE_DWELL_MS	  1000

/* One tunnel's. */
struct behave {
	uint32_t word, run, flood; /* bytes so far; no more than 2^31 */
	uint32_t said[2];	   /* in all, down and up, in proportion */
	uint32_t last_ms, changed_ms;
	uint8_t mean[2]; /* of words, down and up: eighths of log2 */
	uint8_t words;	 /* that have ended; at most 255, like these: */
	uint8_t asks;	 /* words of the client beyond a nod */
	uint8_t calm;	 /* those since the last sign of bulk */
	uint8_t kind, why;
	bool up : 1;	  /* who has the word */
	bool run_up : 1;  /* and whose run it is */
	bool counted : 1; /* the word is among asks already */
};

/* As history or its rule has it, until it shows something else. */
void behave_start(struct behave *, enum behave_kind, int64_t now_us);
/* So many bytes (> 0) have moved, from the client (up) or to it: true when
 * the kind has changed.  now_us never falls. */
bool behave_saw(struct behave *, bool up, size_t len, int64_t now_us);
/* Does it know enough to be remembered? */
bool behave_knows(const struct behave *);

/* "interactive", "short words both ways" */
const char *behave_kind_text(enum behave_kind);
const char *behave_why_text(enum behave_why);

#endif
