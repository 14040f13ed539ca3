#ifndef CONF_POLICY_RANK_H
#define CONF_POLICY_RANK_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/settings.h"

/*
 * A rank's body, in the grammar of base/conf.h:
 *
 *   [rank]
 *   policy-serial = 7         of the policy that it is for
 *
 *   [intermediary "hq-1"]     one of that policy's, or it is refused
 *   tier = 2                  a rank that is there; what is reserved stays,
 *                             and nothing comes to it
 *   weight = 10               1 to 1000
 *   state = drain             or enabled: new requests
 *
 * What is not said is as the policy has it.
 */
struct policy_rank_row {
	char name[SETTINGS_NAME_MAX + 1];
	int64_t tier, weight; /* 0: not said */
	int drain;
};

struct policy_rank {
	int64_t policy_serial;
	uint32_t rows_n;
	struct policy_rank_row rows[SETTINGS_INTERMEDIARIES_MAX];
};

/* Read it, and check it against the settings that it is for (NULL: only its
 * grammar is asked): the caller frees, or NULL with errors, which call it name. */
struct policy_rank *policy_rank_parse(const char *name, const char *body,
    size_t len, const struct settings *, struct conf_errors *);

/* What it says of that one; NULL when it is silent, or rank is NULL. */
const struct policy_rank_row *policy_rank_find(
    const struct policy_rank *, const char *name);

#endif
