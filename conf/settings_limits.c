/* Where the limits come from: the configuration, else the policy, else here. */
#include <inttypes.h>
#include <stddef.h>

#include "conf/settings_build.h"

#define DIAL_TIMEOUT_MS 8000

static const struct {
	size_t offset;
	int64_t otherwise;
} limits[] = {
    {SETTINGS_AT(handshake_timeout_ms), 10000},
    {SETTINGS_AT(dial_timeout_ms), DIAL_TIMEOUT_MS},
    {SETTINGS_AT(attempt_timeout_ms), 3000},
    {SETTINGS_AT(attempts), 4},
    {SETTINGS_AT(attempts_each), 2},
    {SETTINGS_AT(hedge_percent), 5},
    {SETTINGS_AT(idle_timeout_ms), 3600000},
    {SETTINGS_AT(http_idle_timeout_ms), 60000},
    {SETTINGS_AT(drain_timeout_ms), 30000},
    {SETTINGS_AT(connections_max), 0},
    {SETTINGS_AT(user_connections), 0},
    {SETTINGS_AT(user_rate), 0},
    {SETTINGS_AT(user_burst), 0},
    {SETTINGS_AT(check_interval_ms), 10000},
    {SETTINGS_AT(check_timeout_ms), SETTINGS_UNSAID},
    {SETTINGS_AT(reports_interval_ms), 0},
};

#define LIMITS_N (sizeof(limits) / sizeof(*limits))

static int64_t *
limit(struct settings *s, size_t i)
{
	return (int64_t *)((char *)s + limits[i].offset);
}

static int64_t
said(const struct settings *s, size_t i)
{
	return *(const int64_t *)((const char *)s + limits[i].offset);
}

void
settings_unsay_limits(struct settings *s)
{
	size_t i;

	for (i = 0; i < LIMITS_N; i++)
		*limit(s, i) = SETTINGS_UNSAID;
}

void
settings_fill_limits(struct settings *s, const struct settings *policy)
{
	bool attempt_said = s->attempt_timeout_ms != SETTINGS_UNSAID;
	size_t i;

	for (i = 0; i < LIMITS_N; i++) {
		if (said(s, i) == SETTINGS_UNSAID && policy != NULL)
			*limit(s, i) = said(policy, i);
		if (said(s, i) == SETTINGS_UNSAID)
			*limit(s, i) = limits[i].otherwise;
	}
	/* What was said of one of them holds, be it of the attempt's. */
	if (s->attempt_timeout_ms > s->dial_timeout_ms) {
		if (attempt_said)
			s->dial_timeout_ms = s->attempt_timeout_ms;
		else
			s->attempt_timeout_ms = s->dial_timeout_ms;
	}
	if (s->check_timeout_ms == SETTINGS_UNSAID)
		s->check_timeout_ms = s->attempt_timeout_ms;
}

int
settings_check_timeouts(struct conf_ctx *ctx, const struct settings *s)
{
	int64_t dial_ms = s->dial_timeout_ms != SETTINGS_UNSAID
			      ? s->dial_timeout_ms
			      : DIAL_TIMEOUT_MS;

	if (s->attempt_timeout_ms <= dial_ms)
		return 0;
	conf_error(ctx,
	    "expected an 'attempt-timeout' of at most the 'dial-timeout' of "
	    "%" PRId64 "ms, found %" PRId64 "ms",
	    dial_ms, s->attempt_timeout_ms);
	return -1;
}
