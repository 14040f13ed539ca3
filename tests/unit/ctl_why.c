/* The sentence that says why an intermediary stands where it does. */
#include "cagentd/control/ctl_why.h"

#include <string.h>

#include "tests/unit/unit.h"
#include "wire/wire.h"

/* 2023-11-14 22:13:20 UTC */
#define NOW_US 1700000000000000ll
#define S      1000000ll

static const struct {
	const char *name;
	struct table_row row;
	const char *want;
} sentences[] = {
    {"ejected",
	{.name = "hq-2",
	    .tier_conf = 1,
	    .observed = TABLE_EJECTED,
	    .since_us = NOW_US - 60 * S,
	    .reconsider_us = NOW_US + 20 * S,
	    .reason = "the intermediary refused the connection, 3 in a row"},
	"hq-2: not used (ejected) since 22:12:20Z: the intermediary refused "
	"the connection, 3 in a row; was configured for tier 1; looked at "
	"again in 20 s"},
    {"rounds the wait up",
	{.name = "a",
	    .tier_conf = 1,
	    .observed = TABLE_EJECTED,
	    .reconsider_us = NOW_US + 1},
	"a: not used (ejected); was configured for tier 1; looked at again in "
	"1 s"},
    {"its time has come",
	{.name = "a",
	    .tier_conf = 1,
	    .observed = TABLE_EJECTED,
	    .reconsider_us = NOW_US},
	"a: not used (ejected); was configured for tier 1; looked at again "
	"now"},
    {"new",
	{.name = "a",
	    .tier_conf = 1,
	    .tier = 1,
	    .since_us = NOW_US,
	    .reason = "not used yet"},
	"a: in tier 1 since 22:13:20Z: not used yet"},
    {"up",
	{.name = "a",
	    .tier_conf = 3,
	    .tier = 3,
	    .observed = TABLE_UP,
	    .since_us = NOW_US - 3 * S,
	    .reason = "requests succeed"},
	"a: used in tier 3 since 22:13:17Z: requests succeed"},
    {"just less than a day ago",
	{.name = "a",
	    .tier_conf = 3,
	    .tier = 3,
	    .observed = TABLE_UP,
	    .since_us = NOW_US - 86399 * S},
	"a: used in tier 3 since 22:13:21Z"},
    {"a day ago",
	{.name = "a",
	    .tier_conf = 3,
	    .tier = 3,
	    .observed = TABLE_UP,
	    .since_us = NOW_US - 86400 * S},
	"a: used in tier 3 since 2023-11-13 22:13:20Z"},
    {"suspect",
	{.name = "a",
	    .tier_conf = 1,
	    .tier = 1,
	    .observed = TABLE_SUSPECT,
	    .reason = "kept as the last one usable"},
	"a: in tier 1, but suspect: kept as the last one usable"},
    {"half-open",
	{.name = "a",
	    .tier_conf = 1,
	    .observed = TABLE_HALF_OPEN,
	    .since_us = NOW_US,
	    .reason = "its ejection is over: 2 trials"},
	"a: on trial for tier 1 (half-open) since 22:13:20Z: its ejection is "
	"over: 2 trials"},
    {"slow start",
	{.name = "a",
	    .tier_conf = 1,
	    .tier = 1,
	    .observed = TABLE_SLOW_START,
	    .since_us = NOW_US,
	    .reconsider_us = NOW_US + 30 * S},
	"a: used a little in tier 1 (slow start) since 22:13:20Z; gets its "
	"full share in 30 s"},
    {"pinned",
	{.name = "a",
	    .tier_conf = 1,
	    .tier = 9,
	    .tier_pinned = 9,
	    .observed = TABLE_UP,
	    .since_us = NOW_US},
	"a: used in tier 9 since 22:13:20Z; pinned to tier 9 by the "
	"administrator, configured for tier 1"},
    {"pinned and ejected",
	{.name = "a",
	    .tier_conf = 1,
	    .tier_pinned = 9,
	    .observed = TABLE_EJECTED,
	    .since_us = NOW_US},
	"a: not used (ejected) since 22:13:20Z; was pinned to tier 9 by the "
	"administrator, configured for tier 1"},
    {"policy",
	{.name = "a",
	    .tier_conf = 1,
	    .tier_policy = 2,
	    .tier = 2,
	    .observed = TABLE_UP,
	    .since_us = NOW_US},
	"a: used in tier 2 since 22:13:20Z; in tier 2 by policy, configured "
	"for tier 1"},
    {"lowered",
	{.name = "a",
	    .tier_conf = 1,
	    .tier_observed = 2,
	    .tier = 2,
	    .observed = TABLE_UP,
	    .since_us = NOW_US,
	    .reason = "requests succeed"},
	"a: used in tier 2 since 22:13:20Z: requests succeed; lowered to tier "
	"2 for slowness, configured for tier 1"},
    {"lowered and ejected",
	{.name = "a",
	    .tier_conf = 1,
	    .tier_observed = 2,
	    .observed = TABLE_EJECTED,
	    .since_us = NOW_US},
	"a: not used (ejected) since 22:13:20Z; was lowered to tier 2 for "
	"slowness, configured for tier 1"},
    {"checked",
	{.name = "a",
	    .tier_conf = 2,
	    .tier = 2,
	    .observed = TABLE_UP,
	    .since_us = NOW_US - 5000000,
	    .last_ok_us = NOW_US - 60000000,
	    .checked_us = NOW_US - 3000000,
	    .reason = "a check succeeded"},
	"a: used in tier 2 since 22:13:15Z: a check succeeded; checked 3 s "
	"ago, successfully"},
    {"checked in vain",
	{.name = "a",
	    .tier_conf = 2,
	    .tier = 2,
	    .observed = TABLE_UNKNOWN,
	    .since_us = NOW_US,
	    .checked_us = NOW_US - 3000000,
	    .check_reason = REASON_HOP_SILENT},
	"a: in tier 2 since 22:13:20Z; checked 3 s ago: the intermediary did "
	"not answer the request in time"},
    {"checked before its last request",
	{.name = "a",
	    .tier_conf = 2,
	    .tier = 2,
	    .observed = TABLE_UP,
	    .since_us = NOW_US,
	    .last_ok_us = NOW_US - 1000000,
	    .checked_us = NOW_US - 3000000},
	"a: used in tier 2 since 22:13:20Z"},
    {"drained",
	{.name = "a",
	    .tier_conf = 1,
	    .tier = 1,
	    .admin = TABLE_DRAIN,
	    .in_flight = 4,
	    .observed = TABLE_UP,
	    .since_us = NOW_US},
	"a: not used (drained by the administrator, 4 in flight); otherwise "
	"used in tier 1 since 22:13:20Z"},
    {"in no tier", {.name = "a", .observed = TABLE_UP, .since_us = NOW_US},
	"a: not used (in no tier) since 22:13:20Z; was configured for tier 0"},
    {"a state that is none",
	{.name = "a", .observed = 77, .tier = 1, .since_us = NOW_US},
	"a: in tier 1 since 22:13:20Z"},
    {"a time that is none",
	{.name = "a",
	    .observed = TABLE_UP,
	    .tier = 1,
	    .since_us = -1,
	    .reconsider_us = INT64_MIN},
	"a: used in tier 1"},
    {"times beyond any calendar",
	{.name = "a",
	    .observed = TABLE_UP,
	    .tier = 1,
	    .since_us = INT64_MAX,
	    .reconsider_us = INT64_MAX},
	"a: used in tier 1 since 04:00:54Z; looked at again in 9221672036855 "
	"s"},
};

static void
table(void)
{
	char out[CTL_WHY_MAX];
	const char *got;
	size_t i;

	for (i = 0; i < sizeof(sentences) / sizeof(*sentences); i++) {
		got = ctl_why_sentence(
		    &sentences[i].row, NOW_US, out, sizeof(out));
		CHECK(strcmp(got, sentences[i].want) == 0,
		    "%s:\n  got  %s\n  want %s", sentences[i].name, got,
		    sentences[i].want);
	}
}

static void
fill(char *s, size_t size)
{
	memset(s, 'x', size - 1);
	s[size - 1] = '\0';
}

/* The longest one there can be fits, with room. */
static void
longest(void)
{
	struct table_row row = {.admin = TABLE_DRAIN,
	    .in_flight = UINT32_MAX,
	    .observed = TABLE_EJECTED,
	    .tier_conf = UINT16_MAX,
	    .tier_pinned = UINT16_MAX,
	    .since_us = 1,
	    .checked_us = 1,
	    .check_reason = REASON_HOP_HUNG_UP,
	    .reconsider_us = INT64_MAX};
	char out[CTL_WHY_MAX];

	fill(row.name, sizeof(row.name));
	fill(row.reason, sizeof(row.reason));
	ctl_why_sentence(&row, NOW_US, out, sizeof(out));
	CHECK(strlen(out) < sizeof(out) - 16, "%zu bytes", strlen(out));
	CHECK(strstr(out, "again in") != NULL, "cut: %s", out);
}

/* Whatever the room, it is a prefix, and ends. */
static void
every_size(void)
{
	char out[CTL_WHY_MAX], full[CTL_WHY_MAX];
	size_t size, len;

	ctl_why_sentence(&sentences[0].row, NOW_US, full, sizeof(full));
	for (size = 1; size < sizeof(out); size++) {
		memset(out, '#', sizeof(out));
		ctl_why_sentence(&sentences[0].row, NOW_US, out, size);
		len = strlen(full) < size ? strlen(full) : size - 1;
		CHECK(strlen(out) == len && memcmp(out, full, len) == 0,
		    "size %zu: %s", size, out);
		CHECK(size == sizeof(out) - 1 || out[size] == '#',
		    "size %zu: written past it", size);
	}
}

static const struct unit_case cases[] = {
    {"sentences", table},
    {"the longest fits", longest},
    {"every size of room", every_size},
};

UNIT_MAIN("ctl_why", cases)
