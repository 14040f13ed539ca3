/* Decides how much an agent may say; knows no agent and reads no clock. */
#include "policyd/collector/pdquota.h"

/* What n of rate a minute take to be earned. */
static int64_t
cost_us(int64_t rate, int64_t n)
{
	return n < rate ? n * PDQUOTA_SPAN_US / rate : PDQUOTA_SPAN_US;
}

static int64_t
after(int64_t at_us, int64_t now_us, int64_t more_us)
{
	return (at_us > now_us ? at_us : now_us) + more_us;
}

bool
pdquota_take(struct pdquota *q, const struct pdquota_rules *rules, size_t len,
    int64_t now_us, int64_t *wait_us)
{
	int64_t messages_us, bytes_us, last_us;

	messages_us =
	    after(q->messages_us, now_us, cost_us(rules->messages, 1));
	bytes_us =
	    after(q->bytes_us, now_us, cost_us(rules->bytes, (int64_t)len));
	last_us = messages_us > bytes_us ? messages_us : bytes_us;
	if (last_us > now_us + PDQUOTA_SPAN_US) {
		*wait_us = last_us - now_us - PDQUOTA_SPAN_US;
		return false;
	}
	q->messages_us = messages_us;
	q->bytes_us = bytes_us;
	return true;
}

bool
pdquota_is_full(const struct pdquota *q, int64_t now_us)
{
	return q->messages_us <= now_us && q->bytes_us <= now_us;
}
