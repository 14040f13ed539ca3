#ifndef POLICYD_PDQUOTA_H
#define POLICYD_PDQUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * How much one agent may say: so many messages and bytes a minute, and as many
 * at once.  Pure.
 */
#define PDQUOTA_SPAN_US INT64_C(60000000)

struct pdquota_rules {
	int64_t messages, bytes; /* a minute */
};

/* When all that was taken will have been earned; zeroed before first use. */
struct pdquota {
	int64_t messages_us, bytes_us;
};

/* A message of len bytes.  false: too much, nothing is taken, and in *wait_us
 * it would not be.  One that is larger than all that there is may come when
 * nothing has been taken. */
bool pdquota_take(struct pdquota *, const struct pdquota_rules *, size_t len,
    int64_t now_us, int64_t *wait_us);

/* Has all been earned?  Then it need not be remembered. */
bool pdquota_is_full(const struct pdquota *, int64_t now_us);

#endif
