/* Owns the tier table's geometry and names; reads and writes no slot. */
#include "shm/table.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "shm/table_layout.h"

size_t
table_size(void)
{
	return sizeof(struct table_map);
}

void
table_head(uint64_t head[static TABLE_HEAD_WORDS])
{
	head[0] = TABLE_MAGIC;
	head[1] = TABLE_LAYOUT;
	head[2] = sizeof(struct table_row);
	head[3] = sizeof(struct table_tier);
	head[4] = TABLE_ROWS_MAX;
	head[5] = TABLE_TIERS_MAX;
	head[6] = offsetof(struct table, tiers);
	head[7] = sizeof(struct table_map);
}

static bool
head_ours(const struct table_map *m)
{
	uint64_t head[TABLE_HEAD_WORDS];
	unsigned int i;

	table_head(head);
	for (i = 0; i < TABLE_HEAD_WORDS; i++) {
		if (atomic_load_explicit(&m->head[i], memory_order_relaxed) !=
		    head[i])
			return false;
	}
	return true;
}

int
table_map(struct table_map **out, int fd, bool writable)
{
	struct table_map *m;
	struct stat st;

	*out = NULL;
	if (fstat(fd, &st) == -1)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size != (off_t)sizeof(*m))
		return -EPROTO;
	m = mmap(NULL, sizeof(*m), PROT_READ | (writable ? PROT_WRITE : 0),
	    MAP_SHARED, fd, 0);
	if (m == MAP_FAILED)
		return -errno;
	if (!head_ours(m)) {
		table_unmap(m);
		return -EPROTO;
	}
	*out = m;
	return 0;
}

void
table_unmap(struct table_map *m)
{
	if (m != NULL)
		munmap(m, sizeof(*m));
}

void
table_spans(
    struct table_span spans[static 3], uint32_t tiers_n, uint32_t rows_n)
{
	spans[0].first = 0;
	spans[0].n = offsetof(struct table, tiers) / 8;
	spans[1].first = offsetof(struct table, tiers) / 8;
	spans[1].n = tiers_n * (sizeof(struct table_tier) / 8);
	spans[2].first = offsetof(struct table, rows) / 8;
	spans[2].n = rows_n * (sizeof(struct table_row) / 8);
}

uint16_t
table_home(const struct table_row *row)
{
	if (row->tier_pinned != 0)
		return row->tier_pinned;
	return row->tier_policy != 0 ? row->tier_policy : row->tier_conf;
}

enum table_duty
table_rank_duty(uint16_t rank)
{
	if (rank == TABLE_RANK_CACHE)
		return TABLE_CACHE;
	return rank == TABLE_RANK_SERVICE ? TABLE_SERVICE : TABLE_RANKED;
}

uint16_t
table_duty_rank(enum table_duty duty)
{
	switch (duty) {
	case TABLE_RANKED:
		break;
	case TABLE_CACHE:
		return TABLE_RANK_CACHE;
	case TABLE_SERVICE:
		return TABLE_RANK_SERVICE;
	}
	return 0;
}

enum table_duty
table_duty(const struct table_row *row)
{
	return table_rank_duty(row->tier_conf);
}

uint16_t
table_rank_shown(uint16_t rank)
{
	return table_rank_duty(rank) == TABLE_RANKED ? rank : 0;
}

const char *
table_rank_text(uint16_t rank, char out[TABLE_RANK_TEXT_LEN])
{
	enum table_duty duty = table_rank_duty(rank);

	if (duty == TABLE_RANKED)
		snprintf(out, TABLE_RANK_TEXT_LEN, "tier %u", rank);
	else
		snprintf(out, TABLE_RANK_TEXT_LEN, "%s", table_duty_word(duty));
	return out;
}

bool
table_drained(const struct table_row *row)
{
	return row->admin == TABLE_DRAIN || table_home(row) == TABLE_TIER_DRAIN;
}

const struct table_row *
table_find(const struct table *t, const char *name)
{
	uint32_t i;

	for (i = 0; i < t->rows_n; i++) {
		if (strcmp(t->rows[i].name, name) == 0)
			return &t->rows[i];
	}
	return NULL;
}

/* The words take a byte from shared memory, so any value may come. */

const char *
table_observed_word(enum table_observed observed)
{
	switch (observed) {
	case TABLE_UNKNOWN:
		return "unknown";
	case TABLE_UP:
		return "up";
	case TABLE_SUSPECT:
		return "suspect";
	case TABLE_EJECTED:
		return "ejected";
	case TABLE_HALF_OPEN:
		return "half-open";
	case TABLE_SLOW_START:
		return "slow-start";
	}
	return "?";
}

const char *
table_admin_word(enum table_admin admin)
{
	switch (admin) {
	case TABLE_ENABLED:
		return "enabled";
	case TABLE_DRAIN:
		return "drain";
	}
	return "?";
}

const char *
table_type_word(enum table_type type)
{
	switch (type) {
	case TABLE_SOCKS5:
		return "socks5";
	case TABLE_SOCKS4A:
		return "socks4a";
	case TABLE_HTTP:
		return "http";
	case TABLE_HTTPS:
		return "https";
	}
	return "?";
}

const char *
table_duty_word(enum table_duty duty)
{
	switch (duty) {
	case TABLE_RANKED:
		return "ranked";
	case TABLE_CACHE:
		return "cache";
	case TABLE_SERVICE:
		return "service";
	}
	return "?";
}

const char *
table_why_word(enum table_why why)
{
	static const char *const words[TABLE_WHY_COUNT] = {
	    [TABLE_WHY_NONE] = "",
	    [TABLE_WHY_UNUSED] = "unused",
	    [TABLE_WHY_SUCCEEDS] = "requests-succeed",
	    [TABLE_WHY_FAILED] = "failed",
	    [TABLE_WHY_IN_ROW] = "failed-in-row",
	    [TABLE_WHY_LOW_SUCCESS] = "low-success",
	    [TABLE_WHY_LAST_USABLE] = "last-usable",
	    [TABLE_WHY_TRIAL_FAILED] = "trial-failed",
	    [TABLE_WHY_EJECTION_OVER] = "ejection-over",
	    [TABLE_WHY_ONLY_CHOICE] = "only-choice",
	    [TABLE_WHY_TRIALS_PASSED] = "trials-passed",
	    [TABLE_WHY_SLOW_START_OVER] = "slow-start-over",
	    [TABLE_WHY_SLOW] = "slow",
	    [TABLE_WHY_FAST_AGAIN] = "fast-again",
	    [TABLE_WHY_SLOW_RETRY] = "slow-retry",
	    [TABLE_WHY_FORGOTTEN] = "forgotten",
	    [TABLE_WHY_CONFIGURED] = "configured",
	    [TABLE_WHY_PINNED] = "pinned",
	    [TABLE_WHY_UNPINNED] = "unpinned",
	    [TABLE_WHY_DRAINED] = "drained",
	    [TABLE_WHY_ENABLED] = "enabled",
	    [TABLE_WHY_ADDED] = "added",
	    [TABLE_WHY_REMOVED] = "removed",
	    [TABLE_WHY_NEW_ADDRESS] = "new-address",
	    [TABLE_WHY_UPLINK_DOWN] = "uplink-down",
	    [TABLE_WHY_UPLINK_UP] = "uplink-up",
	    [TABLE_WHY_RANKED] = "ranked",
	};

	return (unsigned int)why < TABLE_WHY_COUNT ? words[why] : "?";
}
