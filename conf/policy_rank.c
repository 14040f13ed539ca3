/* Reads what the online key may say: order and state of what the policy in
 * force names, and nothing else. */
#include "conf/policy_rank.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RANK(field) offsetof(struct policy_rank, field)
#define ROW(field)  offsetof(struct policy_rank_row, field)

static const struct conf_word states[] = {
    {"enabled", 0}, {"drain", 1}, {NULL, 0}};

static const struct conf_option rank_options[] = {
    {.key = "policy-serial",
	.type = CONF_INT,
	.offset = RANK(policy_serial),
	.min = 1,
	.max = INT64_MAX,
	.required = true},
    {.key = NULL}};

static const struct conf_option row_options[] = {{.key = "tier",
						     .type = CONF_INT,
						     .offset = ROW(tier),
						     .min = 1,
						     .max = SETTINGS_RANK_MAX},
    {.key = "weight",
	.type = CONF_INT,
	.offset = ROW(weight),
	.min = 1,
	.max = 1000},
    {.key = "state", .type = CONF_ENUM, .offset = ROW(drain), .words = states},
    {.key = NULL}};

static void *
rank_begin(struct conf_ctx *ctx, void *config, const char *name)
{
	(void)ctx, (void)name;
	return config;
}

static void *
row_begin(struct conf_ctx *ctx, void *config, const char *name)
{
	struct policy_rank *r = config;
	struct policy_rank_row *row;

	if (r->rows_n == SETTINGS_INTERMEDIARIES_MAX) {
		conf_error(ctx, "expected at most %d intermediaries",
		    SETTINGS_INTERMEDIARIES_MAX);
		return NULL;
	}
	row = &r->rows[r->rows_n++];
	snprintf(row->name, sizeof(row->name), "%s", name);
	return row;
}

static bool
is_reserved(const struct settings *s, uint16_t rank)
{
	const struct settings_tier *tier = settings_tier(s, rank);

	return tier != NULL && tier->reserved_for != 0;
}

static int
row_end(struct conf_ctx *ctx, void *config, void *record)
{
	const struct settings *s = conf_arg(ctx);
	const struct policy_rank_row *row = record;
	const struct settings_intermediary *si;
	int i;

	(void)config;
	if (s == NULL)
		return 0;
	i = settings_intermediary(s, row->name);
	if (i < 0 || !s->intermediaries[i].by_policy) {
		conf_error(ctx, "the policy in force names no intermediary %s",
		    row->name);
		return -1;
	}
	si = &s->intermediaries[i];
	if (row->tier != 0 && si->duty != DUTY_RANKED) {
		conf_error(ctx, "%s is a %s, which is in no tier", row->name,
		    settings_duty_word(si->duty));
		return -1;
	}
	if (row->tier == 0 || row->tier == si->tier)
		return 0;
	if (settings_tier(s, (uint16_t)row->tier) == NULL) {
		conf_error(ctx, "there is no tier %d", (int)row->tier);
		return -1;
	}
	if (is_reserved(s, (uint16_t)row->tier) || is_reserved(s, si->tier)) {
		conf_error(ctx,
		    "%s cannot move from tier %u to tier %d: one of them is "
		    "reserved",
		    row->name, si->tier, (int)row->tier);
		return -1;
	}
	return 0;
}

static const struct conf_section sections[] = {
    {.kind = "rank", .options = rank_options, .begin = rank_begin},
    {.kind = "intermediary",
	.named = true,
	.repeats = true,
	.options = row_options,
	.begin = row_begin,
	.end = row_end},
    {.kind = NULL}};

/* Those that are left must be as many as this host wants. */
static bool
leaves_enough(const struct policy_rank *r, const struct settings *s,
    struct conf_errors *errors)
{
	int64_t left = s->intermediaries_n;
	uint32_t i;

	for (i = 0; i < r->rows_n; i++)
		left -= r->rows[i].drain;
	if (left >= s->policy_intermediaries_min)
		return true;
	errors->n = 1;
	snprintf(errors->text, sizeof(errors->text),
	    "rank: expected at least %lld intermediaries that are not drained, "
	    "as this host's [policy] says, found %lld\n",
	    (long long)s->policy_intermediaries_min, (long long)left);
	return false;
}

struct policy_rank *
policy_rank_parse(const char *name, const char *body, size_t len,
    const struct settings *s, struct conf_errors *errors)
{
	struct policy_rank *r = calloc(1, sizeof(*r));
	/* conf_parse() hands it back only to row_end(), which reads it. */
	union {
		const struct settings *in;
		void *out;
	} arg = {.in = s};

	errors->n = 0;
	errors->text[0] = '\0';
	if (r == NULL) {
		errors->n = 1;
		snprintf(errors->text, sizeof(errors->text),
		    "%s: out of memory\n", name);
		return NULL;
	}
	if (conf_parse(name, body, len, sections, r, arg.out, errors) == 0 &&
	    (s == NULL || leaves_enough(r, s, errors)))
		return r;
	free(r);
	return NULL;
}

const struct policy_rank_row *
policy_rank_find(const struct policy_rank *r, const char *name)
{
	uint32_t i;

	for (i = 0; r != NULL && i < r->rows_n; i++) {
		if (strcmp(r->rows[i].name, name) == 0)
			return &r->rows[i];
	}
	return NULL;
}
