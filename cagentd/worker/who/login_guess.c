/* Owns the count of failed logins by source; refuses nobody itself. */
#include "cagentd/worker/who/login_guess.h"

#include <string.h>

#include <sodium.h>

#include "cagentd/worker/who/login.h"

_Static_assert(
    sizeof(((struct login_guesses *)0)->key) == crypto_shorthash_KEYBYTES,
    "a short hash's key");

void
login_guesses_init(struct login_guesses *g)
{
	memset(g, 0, sizeof(*g));
	randombytes_buf(g->key, sizeof(g->key));
}

static size_t
set_of(const struct login_guesses *g, const struct login_source *s)
{
	uint64_t lot;

	crypto_shorthash((uint8_t *)&lot, s->bytes, sizeof(s->bytes), g->key);
	return lot % LOGIN_GUESS_SETS;
}

static bool
is_over(const struct login_guess *one, int64_t now_us)
{
	return one->failures == 0 || now_us - one->since_us >= LOGIN_WINDOW_US;
}

/* Its own place, else the one that is to give way. */
static struct login_guess *
place_of(struct login_guesses *g, const struct login_source *s, int64_t now_us)
{
	struct login_guess *set = g->ones[set_of(g, s)], *to = &set[0];
	int i;

	for (i = 0; i < LOGIN_GUESS_WAYS; i++) {
		if (login_source_same(&set[i].source, s)) {
			to = &set[i];
			break;
		}
		if (set[i].failures == 0 || set[i].since_us < to->since_us)
			to = &set[i];
	}
	if (!login_source_same(&to->source, s) || is_over(to, now_us))
		*to = (struct login_guess){.source = *s, .since_us = now_us};
	return to;
}

int64_t
login_guess_failed(
    struct login_guesses *g, const struct login_source *s, int64_t now_us)
{
	struct login_guess *one = place_of(g, s, now_us);
	int64_t delay_us = LOGIN_DELAY_US;
	uint32_t i;

	for (i = 0; i < one->failures && delay_us < LOGIN_DELAY_MAX_US; i++)
		delay_us *= 2;
	one->failures++;
	return delay_us < LOGIN_DELAY_MAX_US ? delay_us : LOGIN_DELAY_MAX_US;
}

bool
login_guess_stopped(
    const struct login_guesses *g, const struct login_source *s, int64_t now_us)
{
	const struct login_guess *set = g->ones[set_of(g, s)];
	int i;

	for (i = 0; i < LOGIN_GUESS_WAYS; i++) {
		if (set[i].failures >= LOGIN_FAILURES_MAX &&
		    login_source_same(&set[i].source, s))
			return !is_over(&set[i], now_us);
	}
	return false;
}
