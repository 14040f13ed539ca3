#ifndef CAGENTD_LOGIN_GUESS_H
#define CAGENTD_LOGIN_GUESS_H

#include <stdbool.h>
#include <stdint.h>

#include "cagentd/worker/who/login_source.h"

/*
 * How often who has failed to log in of late, and what that costs.  Bounded:
 * who failed longest ago gives way.
 */
#define LOGIN_GUESS_SETS 256
#define LOGIN_GUESS_WAYS 4

struct login_guess {
	struct login_source source;
	uint32_t failures; /* 0: empty */
	int64_t since_us;  /* the first of them */
};

struct login_guesses {
	uint8_t key[16]; /* which set a source is in cannot be told outside */
	struct login_guess ones[LOGIN_GUESS_SETS][LOGIN_GUESS_WAYS];
};

void login_guesses_init(struct login_guesses *);
/* One more failure: how long its answer is to wait, in microseconds. */
int64_t login_guess_failed(
    struct login_guesses *, const struct login_source *, int64_t now_us);
/* Has it failed so often that nobody is asked for it any more, for now? */
bool login_guess_stopped(
    const struct login_guesses *, const struct login_source *, int64_t now_us);

#endif
