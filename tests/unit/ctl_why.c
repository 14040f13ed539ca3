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
    {"new",
	{.name = "a",
	    .tier_conf = 1,
	    .tier = 1,
	    .since_us = NOW_US,
	    .reason = "not used yet"},
	"a: in tier 1 since 22:13:20Z: not used yet; judged by its first "
	"request or check"},
    {"up",
	{.name = "a",
	    .tier_conf = 3,
	    .tier = 3,
	    .observed = TABLE_UP,
	    .since_us = NOW_US - 3 * S,
	    .moved_us = NOW_US - 3 * S,
	    .reason = "requests succeed"},
	"a: used in tier 3 since 22:13:17Z: requests succeed; judged with "
	"every request"},
    {"just less than a day ago",
	{.name = "a",
	    .tier_conf = 3,
	    .tier = 3,
	    .observed = TABLE_UP,
	    .since_us = NOW_US - 86399 * S},
	"a: used in tier 3 since 22:13:21Z; judged with every request"},
    {"a day ago",
	{.name = "a",
	    .tier_conf = 3,
	    .tier = 3,
	    .observed = TABLE_UP,
	    .since_us = NOW_US - 86400 * S},
	"a: used in tier 3 since 2023-11-13 22:13:20Z; judged with every "
	"request"},
    {"suspect",
	{.name = "a",
	    .tier_conf = 1,
	    .tier = 1,
	    .observed = TABLE_SUSPECT,
	    .since_us = NOW_US - 60 * S,
	    .moved_us = NOW_US - 60 * S,
	    .reason = "the intermediary refused the connection"},
	"a: used in tier 1, but suspect since 22:12:20Z: the intermediary "
	"refused the connection; up again with the next success; ejected at "
	"3 failures in a row"},
    {"suspect just now",
	{.name = "a",
	    .tier_conf = 1,
	    .tier = 1,
	    .observed = TABLE_SUSPECT,
	    .since_us = NOW_US - 3 * S,
	    .moved_us = NOW_US - 3 * S},
	"a: used in tier 1, but suspect since 22:13:17Z; up again with the "
	"next success, at the earliest in 7 s; ejected at 3 failures in a "
	"row"},
    {"the last usable",
	{.name = "a",
	    .tier_conf = 1,
	    .tier = 1,
	    .observed = TABLE_SUSPECT,
	    .why = TABLE_WHY_LAST_USABLE,
	    .since_us = NOW_US,
	    .reason = "kept as the last one usable"},
	"a: used in tier 1, but suspect since 22:13:20Z: kept as the last one "
	"usable; up again with the next success; ejected when another one "
	"works"},
    {"ejected",
	{.name = "hq-2",
	    .tier_conf = 1,
	    .observed = TABLE_EJECTED,
	    .since_us = NOW_US - 60 * S,
	    .reconsider_us = NOW_US + 20 * S,
	    .reason = "the intermediary refused the connection, 3 in a row"},
	"hq-2: not used (ejected) since 22:12:20Z: the intermediary refused "
	"the connection, 3 in a row; configured for tier 1; on trial in 20 s"},
    {"rounds the wait up",
	{.name = "a",
	    .tier_conf = 1,
	    .observed = TABLE_EJECTED,
	    .reconsider_us = NOW_US + 1},
	"a: not used (ejected); configured for tier 1; on trial in 1 s"},
    {"its time has come",
	{.name = "a",
	    .tier_conf = 1,
	    .observed = TABLE_EJECTED,
	    .reconsider_us = NOW_US},
	"a: not used (ejected); configured for tier 1; on trial now"},
    {"half-open",
	{.name = "a",
	    .tier_conf = 1,
	    .observed = TABLE_HALF_OPEN,
	    .since_us = NOW_US,
	    .moved_us = NOW_US - 6 * S,
	    .reason = "its ejection is over: 2 trials"},
	"a: on trial for tier 1 (half-open) since 22:13:20Z: its ejection is "
	"over: 2 trials; back after 2 successes, at the earliest in 4 s; "
	"ejected again at a failure"},
    {"slow start",
	{.name = "a",
	    .tier_conf = 1,
	    .tier = 1,
	    .observed = TABLE_SLOW_START,
	    .since_us = NOW_US,
	    .reconsider_us = NOW_US + 30 * S,
	    .reason = "2 trials in a row succeeded"},
	"a: used a little in tier 1 (slow start) since 22:13:20Z: 2 trials in "
	"a row succeeded; gets its full share in 30 s"},
    {"pinned",
	{.name = "a",
	    .tier_conf = 1,
	    .tier = 9,
	    .tier_pinned = 9,
	    .observed = TABLE_UP,
	    .pinned_us = NOW_US - 5 * S,
	    .since_us = NOW_US},
	"a: used in tier 9 since 22:13:20Z; pinned to tier 9 by the "
	"administrator since 22:13:15Z until unpinned, configured for tier "
	"1; judged with every request"},
    {"pinned, lowered before",
	{.name = "a",
	    .tier_conf = 1,
	    .tier = 1,
	    .tier_pinned = 1,
	    .tier_observed = 2,
	    .observed = TABLE_UP,
	    .since_us = NOW_US},
	"a: used in tier 1 since 22:13:20Z; pinned to tier 1 by the "
	"administrator until unpinned, configured for tier 1; judged with "
	"every request"},
    {"pinned and ejected",
	{.name = "a",
	    .tier_conf = 1,
	    .tier_pinned = 9,
	    .observed = TABLE_EJECTED,
	    .since_us = NOW_US,
	    .reconsider_us = NOW_US + S},
	"a: not used (ejected) since 22:13:20Z; pinned to tier 9 by the "
	"administrator until unpinned, configured for tier 1; on trial in 1 "
	"s"},
    {"policy",
	{.name = "a",
	    .tier_conf = 1,
	    .tier_policy = 2,
	    .tier = 2,
	    .observed = TABLE_UP,
	    .since_us = NOW_US},
	"a: used in tier 2 since 22:13:20Z; meant for tier 2 by policy, "
	"configured for tier 1; judged with every request"},
    {"lowered",
	{.name = "a",
	    .tier_conf = 1,
	    .tier_observed = 2,
	    .tier = 2,
	    .observed = TABLE_UP,
	    .why = TABLE_WHY_SLOW,
	    .since_us = NOW_US,
	    .reconsider_us = NOW_US + 42 * S,
	    .reason = "p95 210 ms, over 150 ms for 30 s; was tier 1"},
	"a: used in tier 2, lowered for slowness since 22:13:20Z: p95 210 "
	"ms, over 150 ms for 30 s; was tier 1; back after 60 s of being fast "
	"enough, or in 42 s if too few requests tell"},
    {"lowered, and judged",
	{.name = "a",
	    .tier_conf = 1,
	    .tier_observed = 2,
	    .tier = 2,
	    .observed = TABLE_UP,
	    .why = TABLE_WHY_SUCCEEDS,
	    .since_us = NOW_US,
	    .reason = "requests succeed"},
	"a: used in tier 2, lowered for slowness since 22:13:20Z: requests "
	"succeed; configured for tier 1; back after 60 s of being fast "
	"enough"},
    {"lowered and suspect",
	{.name = "a",
	    .tier_conf = 1,
	    .tier_observed = 2,
	    .tier = 2,
	    .observed = TABLE_SUSPECT,
	    .since_us = NOW_US},
	"a: used in tier 2, lowered for slowness, but suspect since "
	"22:13:20Z; configured for tier 1; back after 60 s of being fast "
	"enough; up again with the next success; ejected at 3 failures in a "
	"row"},
    {"lowered and ejected",
	{.name = "a",
	    .tier_conf = 1,
	    .tier_observed = 2,
	    .observed = TABLE_EJECTED,
	    .since_us = NOW_US,
	    .reconsider_us = NOW_US + S},
	"a: not used (ejected) since 22:13:20Z; configured for tier 1; on "
	"trial in 1 s"},
    {"lowered, in its slow start",
	{.name = "a",
	    .tier_conf = 1,
	    .tier_observed = 2,
	    .tier = 2,
	    .observed = TABLE_SLOW_START,
	    .since_us = NOW_US,
	    .reconsider_us = NOW_US + S},
	"a: used a little in tier 2, lowered for slowness (slow start) since "
	"22:13:20Z; configured for tier 1; gets its full share in 1 s"},
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
	"ago, successfully; judged with every request"},
    {"checked in vain",
	{.name = "a",
	    .tier_conf = 2,
	    .tier = 2,
	    .observed = TABLE_UNKNOWN,
	    .since_us = NOW_US,
	    .checked_us = NOW_US - 3000000,
	    .check_reason = REASON_HOP_SILENT},
	"a: in tier 2 since 22:13:20Z; checked 3 s ago: the intermediary did "
	"not answer the request in time; judged by its first request or "
	"check"},
    {"checked before its last request",
	{.name = "a",
	    .tier_conf = 2,
	    .tier = 2,
	    .observed = TABLE_UP,
	    .since_us = NOW_US,
	    .last_ok_us = NOW_US - 1000000,
	    .checked_us = NOW_US - 3000000},
	"a: used in tier 2 since 22:13:20Z; judged with every request"},
    {"drained",
	{.name = "a",
	    .tier_conf = 1,
	    .tier = 1,
	    .admin = TABLE_DRAIN,
	    .in_flight = 4,
	    .observed = TABLE_UP,
	    .drained_us = NOW_US - 10 * S,
	    .since_us = NOW_US},
	"a: not used (drained by the administrator since 22:13:10Z, 4 in "
	"flight) until enabled; otherwise used in tier 1 since 22:13:20Z; "
	"judged with every request"},
    {"in no tier", {.name = "a", .observed = TABLE_UP, .since_us = NOW_US},
	"a: not used (in no tier) since 22:13:20Z; no tier is configured"},
    {"a state that is none",
	{.name = "a",
	    .observed = 77,
	    .tier = 1,
	    .tier_conf = 1,
	    .since_us = NOW_US},
	"a: in tier 1 since 22:13:20Z"},
    {"a time that is none",
	{.name = "a",
	    .observed = TABLE_SUSPECT,
	    .tier = 1,
	    .tier_conf = 1,
	    .since_us = -1,
	    .moved_us = INT64_MIN,
	    .reconsider_us = INT64_MIN},
	"a: used in tier 1, but suspect; up again with the next success; "
	"ejected at 3 failures in a row"},
    {"times beyond any calendar",
	{.name = "a",
	    .observed = TABLE_SLOW_START,
	    .tier = 1,
	    .tier_conf = 1,
	    .since_us = INT64_MAX,
	    .moved_us = INT64_MAX,
	    .reconsider_us = INT64_MAX},
	"a: used a little in tier 1 (slow start) since 04:00:54Z; gets its "
	"full share in 9221672036855 s"},
};

/* While our own uplink is suspected, since 8 s. */
static const struct {
	const char *name;
	struct table_row row;
	const char *want;
} held[] = {
    {"up", {.name = "a", .tier_conf = 1, .tier = 1, .observed = TABLE_UP},
	"a: used in tier 1; held since 22:13:12Z, as our own uplink is "
	"suspected, until any intermediary answers"},
    {"half-open", {.name = "a", .tier_conf = 1, .observed = TABLE_HALF_OPEN},
	"a: on trial for tier 1 (half-open); held since 22:13:12Z, as our own "
	"uplink is suspected, until any intermediary answers"},
    {"ejected",
	{.name = "a",
	    .tier_conf = 1,
	    .observed = TABLE_EJECTED,
	    .reconsider_us = NOW_US + S},
	"a: not used (ejected); configured for tier 1; on trial in 1 s"},
};

static void
check_sentence(const char *name, const struct table_row *row, int64_t uplink_us,
    const char *want)
{
	const struct ctl_why_now now = {NOW_US, uplink_us};
	char out[CTL_WHY_MAX];
	const char *got = ctl_why_sentence(row, &now, out, sizeof(out));

	CHECK(strcmp(got, want) == 0, "%s:\n  got  %s\n  want %s", name, got,
	    want);
}

static void
table(void)
{
	size_t i;

	for (i = 0; i < sizeof(sentences) / sizeof(*sentences); i++)
		check_sentence(
		    sentences[i].name, &sentences[i].row, 0, sentences[i].want);
	for (i = 0; i < sizeof(held) / sizeof(*held); i++)
		check_sentence(
		    held[i].name, &held[i].row, NOW_US - 8 * S, held[i].want);
}

static void
fill(char *s, size_t size)
{
	memset(s, 'x', size - 1);
	s[size - 1] = '\0';
}

/* The longest ones there can be fit, with room. */
static void
longest(void)
{
	static const uint8_t states[] = {
	    TABLE_EJECTED, TABLE_SUSPECT, TABLE_HALF_OPEN};
	struct table_row row = {.admin = TABLE_DRAIN,
	    .in_flight = UINT32_MAX,
	    .tier = UINT16_MAX - 1,
	    .tier_conf = UINT16_MAX,
	    .tier_observed = UINT16_MAX,
	    .tier_policy = UINT16_MAX - 1,
	    .since_us = 1,
	    .moved_us = NOW_US,
	    .drained_us = 1,
	    .checked_us = 1,
	    .check_reason = REASON_HOP_HUNG_UP,
	    .reconsider_us = INT64_MAX};
	struct ctl_why_now now = {NOW_US, 0};
	char out[CTL_WHY_MAX];
	size_t i;

	fill(row.name, sizeof(row.name));
	fill(row.reason, sizeof(row.reason));
	for (i = 0; i < 4 * sizeof(states); i++) {
		row.observed = states[i / 4];
		row.tier_pinned = i % 2 != 0 ? UINT16_MAX : 0;
		row.pinned_us = 1;
		now.uplink_us = i / 2 % 2 != 0 ? 1 : 0;
		ctl_why_sentence(&row, &now, out, sizeof(out));
		CHECK(strlen(out) < sizeof(out) - 16, "%zu: %zu bytes", i,
		    strlen(out));
		CHECK(strstr(out, " in 9") != NULL ||
			  strstr(out, "answers") != NULL ||
			  strstr(out, "failure") != NULL,
		    "%zu: cut: %s", i, out);
	}
}

/* Whatever the room, it is a prefix, and ends. */
static void
every_size(void)
{
	char out[CTL_WHY_MAX], full[CTL_WHY_MAX];
	const struct ctl_why_now now = {NOW_US, 0};
	const struct table_row *row = &sentences[7].row;
	size_t size, len;

	ctl_why_sentence(row, &now, full, sizeof(full));
	for (size = 1; size < sizeof(out); size++) {
		memset(out, '#', sizeof(out));
		ctl_why_sentence(row, &now, out, size);
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
