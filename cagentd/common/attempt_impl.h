#ifndef CAGENTD_ATTEMPT_IMPL_H
#define CAGENTD_ATTEMPT_IMPL_H

#include "cagentd/common/attempt.h"

/*
 * For attempt*.c alone: attempt.c has the way to a connection that stands,
 * attempt_shake.c the handshake on it, attempt_fast.c the doubt whether it
 * does stand.
 *
 *   resolving ──> connecting ──> (securing) ──> shaking ──> done
 *       ^              ^                           │
 *       │              └──── stepwise, plainly ────┤
 *       └──────────────────────── cold ────────────┘
 *
 * The first way back is that of a handshake that was said all at once and did
 * not come to its end, and of one whose first bytes rode in a SYN that brought
 * no connection; the second that of a connection which was made beforehand, and
 * was at its end when it was needed.
 */

/* attempt.c */
/* early: what follows the handshake; the callee's, or NULL. */
void attempt_finish(struct attempt *, enum wire_reason, struct buf *early);
/* Its connection has ended or broken while it was to answer. */
enum wire_reason attempt_closed_reason(const struct attempt *);
/* On a connection of its own, with the handshake in steps. */
void attempt_again(struct attempt *);
/* On a connection that is proven to stand. */
void attempt_plainly(struct attempt *);
/* The connection that it was given is dead: as if it had got none. */
void attempt_cold(struct attempt *);
void attempt_arm(struct attempt *, int64_t at_us);

/* attempt_shake.c */
void attempt_shake(struct attempt *);
/* 0: the handshake is under way on a connection that stands already; or
 * -errno. */
int attempt_shake_warm(struct attempt *);
/* The time for an answer to all at once is over. */
bool attempt_shake_is_over(const struct attempt *);
enum attempt_news attempt_shake_news(const struct attempt *, enum wire_reason);

/* attempt_fast.c */
/* May its first bytes ride in the SYN? */
bool attempt_fast_may(const struct attempt *);
/* If so, they have been said: when to look what has become of them. */
void attempt_fast_watch(struct attempt *);
/* That time has come, or that of all; true: it is seen to. */
bool attempt_fast_is_over(struct attempt *);
/* It has ended: was there none?  true: it is seen to. */
bool attempt_fast_was_none(struct attempt *);
/* Its first byte has come. */
void attempt_fast_proven(struct attempt *);

#endif
