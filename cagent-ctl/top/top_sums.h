#ifndef CAGENT_CTL_TOP_SUMS_H
#define CAGENT_CTL_TOP_SUMS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* For top_model.c: what tunnels come to, by a name that they have; and numbers
 * of answers that may hold anything. */

/* No number is taken for more; a JSON reader keeps it exact. */
#define TOP_NUMBER_MAX (1ll << 53)

/* The field's number, 0..TOP_NUMBER_MAX, and the sum of two such. */
int64_t top_number(const json_t *, const char *name);
int64_t top_plus(int64_t a, int64_t b);
void top_set(json_t *, const char *key, int64_t n);

/* What is summed over tunnels, of one user or one intermediary. */
struct top_sum {
	const char *name; /* borrowed */
	int64_t tunnels, up, down, rate_up, rate_down;
	bool rated; /* of any the rate is known */
};

struct top_sums {
	json_t *places; /* from a name to its place below */
	struct top_sum *all;
	size_t n;
};

/* For max names at most: 0 or -ENOMEM; to be let go of either way. */
int top_sums_init(struct top_sums *, size_t max);
void top_sums_fini(struct top_sums *);
/* Where the sum of that name is, which is a new one when there was none. */
size_t top_sums_at(struct top_sums *, const char *name);
/* NULL: there is none of that name. */
const struct top_sum *top_sums_find(const struct top_sums *, const char *name);

/* One more row, with "bytes_up", "rate_up" and so on. */
void top_sum_add(struct top_sum *, const json_t *row);
/* Its rates into a row; null where none was known. */
void top_sum_rates(json_t *row, const struct top_sum *);

#endif
