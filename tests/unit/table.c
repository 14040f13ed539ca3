/* The tier table: publishing and reading, damage, takeover. */
#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shm/table_layout.h"
#include "tests/unit/attack.h"
#include "tests/unit/unit.h"

/* A file and the writer and the reader that each case starts with. */
struct bench {
	int fd;
	struct table_writer *w;
	struct table_reader *r;
	struct table_map *raw; /* to damage it */
};

#define PUB_AT	   offsetof(struct table_map, pub)
#define HEAD_WORDS (offsetof(struct table, tiers) / 8)

static struct table in, out, before; /* too large for a stack */

static void
bench_init(struct bench *b)
{
	int r, w;

	b->fd = memfd_create("table", MFD_CLOEXEC);
	if (b->fd == -1 || ftruncate(b->fd, (off_t)table_size()) == -1)
		exit(1);
	b->raw = mmap(NULL, sizeof(*b->raw), PROT_READ | PROT_WRITE, MAP_SHARED,
	    b->fd, 0);
	if (b->raw == MAP_FAILED)
		exit(1);
	table_head((uint64_t *)(uintptr_t)b->raw->head);
	w = table_writer_open(&b->w, b->fd);
	r = table_reader_open(&b->r, b->fd);
	CHECK_INT(w, 0);
	CHECK_INT(r, 0);
	if (b->w == NULL || b->r == NULL)
		exit(1);
	memset(&in, 0, sizeof(in));
	memset(&out, 0, sizeof(out));
}

static void
bench_fini(struct bench *b)
{
	table_writer_close(b->w);
	table_reader_close(b->r);
	munmap(b->raw, sizeof(*b->raw));
	close(b->fd);
}

/* A table whose every field depends on seed. */
static void
fill(struct table *t, uint32_t tiers_n, uint32_t rows_n, uint32_t seed)
{
	unsigned char *bytes = (unsigned char *)t;
	size_t i;

	for (i = 0; i < sizeof(*t); i++)
		bytes[i] = (unsigned char)(i * 31 + i / 251 + seed);
	t->tiers_n = tiers_n;
	t->rows_n = rows_n;
	for (i = 0; i < TABLE_TIERS_MAX; i++)
		t->tiers[i].name[TABLE_NAME_MAX] = '\0';
	for (i = 0; i < TABLE_ROWS_MAX; i++) {
		struct table_row *row = &t->rows[i];

		snprintf(row->name, sizeof(row->name), "row %u.%zu", seed, i);
		row->name[TABLE_NAME_MAX] = '\0';
		row->host[TABLE_HOST_MAX] = '\0';
		row->reason[TABLE_REASON_MAX] = '\0';
	}
}

static bool
same(const struct table *a, const struct table *b)
{
	return memcmp(a, b, offsetof(struct table, tiers)) == 0 &&
	       memcmp(a->tiers, b->tiers, a->tiers_n * sizeof(*a->tiers)) ==
		   0 &&
	       memcmp(a->rows, b->rows, a->rows_n * sizeof(*a->rows)) == 0;
}

static void
round_trips(void)
{
	static const uint32_t counts[][2] = {{0, 0}, {0, 1}, {1, 0}, {1, 1},
	    {3, 7}, {TABLE_TIERS_MAX, TABLE_ROWS_MAX}, {0, 0}, {2, 1}};
	struct bench b;
	uint32_t i;
	int r;

	bench_init(&b);
	for (i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		fill(&in, counts[i][0], counts[i][1], i);
		table_publish(b.w, &in);
		CHECK_INT(in.generation, i + 1);
		CHECK(in.published_us > 1600000000000000ll, "published when?");
		r = table_read(b.r, &out);
		CHECK_INT(r, 1);
		CHECK(same(&in, &out), "%u tiers, %u rows differ", counts[i][0],
		    counts[i][1]);
		r = table_read(b.r, &out);
		CHECK_INT(r, 1);
	}
	bench_fini(&b);
}

/* Rows beyond the counts are neither written nor read. */
static void
only_counted(void)
{
	struct bench b;
	int r;

	bench_init(&b);
	fill(&in, 1, 2, 1);
	table_publish(b.w, &in);
	memset(&out, 0x55, sizeof(out));
	r = table_read(b.r, &out);
	CHECK_INT(r, 1);
	CHECK_INT(out.tiers[1].rank, 0x5555);
	CHECK_INT(out.rows[2].port, 0x5555);
	CHECK_INT(b.raw->slots[1].words[TABLE_WORDS - 1], 0);
	bench_fini(&b);
}

static void
changed(void)
{
	struct table_reader *late;
	struct bench b;
	int r;

	bench_init(&b);
	CHECK(!table_changed(b.r), "nothing was published");
	memset(&out, 0x55, sizeof(out));
	r = table_read(b.r, &out);
	CHECK_INT(r, 0);
	CHECK_INT(out.rows_n, 0x55555555);
	fill(&in, 1, 1, 1);
	table_publish(b.w, &in);
	CHECK(table_changed(b.r), "one publication");
	CHECK(table_changed(b.r), "asking must not change the answer");
	r = table_read(b.r, &out);
	CHECK_INT(r, 1);
	CHECK(!table_changed(b.r), "it was read");
	table_publish(b.w, &in);
	table_publish(b.w, &in);
	CHECK(table_changed(b.r), "two publications");
	r = table_read(b.r, &out);
	CHECK_INT(r, 1);
	CHECK_INT(out.generation, 3);
	r = table_reader_open(&late, b.fd);
	CHECK_INT(r, 0);
	CHECK(table_changed(late), "a late reader has read nothing");
	table_reader_close(late);
	bench_fini(&b);
}

static void
terminated(void)
{
	struct bench b;
	int r;

	bench_init(&b);
	memset(&in, 'x', sizeof(in));
	in.tiers_n = 1;
	in.rows_n = 1;
	table_publish(b.w, &in);
	r = table_read(b.r, &out);
	CHECK_INT(r, 1);
	CHECK_INT(strnlen(out.tiers[0].name, 64), TABLE_NAME_MAX);
	CHECK_INT(strnlen(out.rows[0].name, 64), TABLE_NAME_MAX);
	CHECK_INT(strnlen(out.rows[0].host, 256), TABLE_HOST_MAX);
	CHECK_INT(strnlen(out.rows[0].reason, 96), TABLE_REASON_MAX);
	bench_fini(&b);
}

/* The bytes of the file, for damage. */
static unsigned char *
bytes_of(struct bench *b)
{
	return (unsigned char *)b->raw;
}

/* After damage a reader has the old data or says so; never anything else.  A
 * pub of 0 is an empty table's, and leaves out as it was. */
static void
sound(struct table_reader *r, const char *who, size_t at)
{
	int got;

	/* The counted rows; all of it would take seconds. */
	memcpy(&out, &before, offsetof(struct table, rows[4]));
	got = table_read(r, &out);
	CHECK(got == 1 || got == -EPROTO || (got == 0 && at == PUB_AT),
	    "%s, byte %zu: %d", who, at, got);
	CHECK(same(&out, &before), "%s, byte %zu: garbage (%d)", who, at, got);
}

static void
damage_at(struct bench *b, size_t at, unsigned char bits)
{
	struct table_reader *late;
	int r;

	bytes_of(b)[at] ^= bits;
	sound(b->r, "reader", at);
	if (at >= offsetof(struct table_map, slots)) {
		bytes_of(b)[at] ^= bits;
		return;
	}
	r = table_reader_open(&late, b->fd);
	CHECK(r == 0 || r == -EPROTO, "late reader, byte %zu: %d", at, r);
	if (r == 0)
		sound(late, "late reader", at);
	table_reader_close(late);
	bytes_of(b)[at] ^= bits;
}

static void
damage_head(void)
{
	struct bench b;
	size_t at;
	int bit, r;

	bench_init(&b);
	for (r = 1; r <= 2; r++) {
		fill(&in, 2, 3, (uint32_t)r);
		table_publish(b.w, &in);
		memcpy(&before, &in, sizeof(before));
		for (at = 0; at < offsetof(struct table_map, slots); at++) {
			for (bit = 0; bit < 8; bit++)
				damage_at(&b, at, (unsigned char)(1 << bit));
			damage_at(&b, at, 0xff);
		}
	}
	bench_fini(&b);
}

static void
damage_slots(void)
{
	size_t rows = 3 * sizeof(struct table_row) / 8;
	size_t rows_at = 8 + offsetof(struct table, rows);
	size_t at, slot, end = offsetof(struct table, rows) / 8 + rows + 2;
	struct bench b;
	int r, refused = 0;

	bench_init(&b);
	fill(&in, 2, 3, 1);
	table_publish(b.w, &in);
	fill(&in, 2, 3, 2);
	table_publish(b.w, &in);
	memcpy(&before, &in, sizeof(before));
	for (slot = 0; slot < 2; slot++) {
		unsigned char *base = (unsigned char *)&b.raw->slots[slot];

		for (at = 0; at < end * 8; at += 5) {
			damage_at(&b, (size_t)(base + at - bytes_of(&b)), 0x10);
			base[at] ^= 0xff;
			r = table_read(b.r, &out);
			refused += r == -EPROTO;
			base[at] ^= 0xff;
		}
	}
	/* All that is copied is covered: the sum, the head, 2 tiers, 3 rows. */
	CHECK_INT(refused,
	    (8 + offsetof(struct table, tiers) + 2 * sizeof(in.tiers[0]) + 4) /
		    5 +
		(rows_at + 3 * sizeof(in.rows[0]) + 4) / 5 - (rows_at + 4) / 5);
	bench_fini(&b);
}

/* Right checksum, wrong everything else. */
static void
counts_checked(void)
{
	static const struct {
		uint64_t generation;
		uint32_t tiers_n, rows_n;
		int want;
	} rows[] = {{1, 0, 0, 1}, {1, 0, TABLE_ROWS_MAX + 1, -EPROTO},
	    {1, TABLE_TIERS_MAX + 1, 0, -EPROTO}, {1, UINT32_MAX, 0, -EPROTO},
	    {1, 0, UINT32_MAX, -EPROTO}, {2, 0, 0, -EPROTO},
	    {0, 0, 0, -EPROTO}};
	uint64_t words[HEAD_WORDS], sum;
	struct bench b;
	size_t i, k;
	int r;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		bench_init(&b);
		in.generation = rows[i].generation;
		in.tiers_n = rows[i].tiers_n;
		in.rows_n = rows[i].rows_n;
		memcpy(words, &in, sizeof(words));
		for (k = 0, sum = TABLE_SUM_INIT; k < HEAD_WORDS; k++) {
			b.raw->slots[1].words[k] = words[k];
			sum = table_sum(sum, words[k]);
		}
		b.raw->slots[1].sum = sum;
		b.raw->pub = 1 << 1 | 1;
		r = table_read(b.r, &out);
		CHECK(r == rows[i].want, "row %zu: %d", i, r);
		/* The damage was seen; the next publication is news again. */
		CHECK(!table_changed(b.r), "row %zu: still new", i);
		fill(&in, 1, 1, 1);
		table_publish(b.w, &in);
		CHECK(table_changed(b.r), "row %zu: not new", i);
		r = table_read(b.r, &out);
		CHECK_INT(r, 1);
		bench_fini(&b);
	}
}

/* A writer that died after any number of words has shown nothing, and its
 * successor goes on where the last publication was. */
static void
half_written(void)
{
	struct table_writer *next;
	struct bench b;
	size_t k;
	int r;

	bench_init(&b);
	for (k = 0; k < HEAD_WORDS + sizeof(in.rows[0]) / 8; k++) {
		size_t rows = offsetof(struct table, rows) / 8;
		struct table_slot *slot;

		fill(&in, 0, 1, (uint32_t)k);
		table_publish(b.w, &in);
		slot = &b.raw->slots[(in.generation + 1) & 1];
		slot->words[k < HEAD_WORDS ? k : rows + k - HEAD_WORDS] =
		    0x5a5a5a5a5a5a5a5a;
		r = table_read(b.r, &out);
		CHECK(r == 1 && same(&in, &out), "after %zu words: %d", k, r);
		r = table_writer_open(&next, b.fd);
		CHECK_INT(r, 0);
		table_publish(next, &in);
		CHECK_INT(in.generation, 2 * k + 2);
		table_writer_close(next);
		r = table_read(b.r, &out);
		CHECK(r == 1 && same(&in, &out), "successor: %d", r);
	}
	bench_fini(&b);
}

static void
refused(void)
{
	struct table_reader *r;
	struct table_writer *w;
	int fd, rc, i, pipes[2];
	off_t sizes[] = {0, 8, (off_t)table_size() - 1, (off_t)table_size() + 1,
	    (off_t)table_size()};

	for (i = 0; i < 5; i++) {
		fd = memfd_create("table", MFD_CLOEXEC);
		rc = ftruncate(fd, sizes[i]);
		CHECK_INT(rc, 0);
		rc = table_reader_open(&r, fd);
		CHECK_INT(rc, -EPROTO);
		rc = table_writer_open(&w, fd);
		CHECK_INT(rc, -EPROTO);
		CHECK(r == NULL && w == NULL, "something in spite of it");
		close(fd);
	}
	rc = pipe2(pipes, O_CLOEXEC);
	CHECK_INT(rc, 0);
	rc = table_reader_open(&r, pipes[0]);
	CHECK_INT(rc, -EPROTO);
	close(pipes[0]);
	close(pipes[1]);
	rc = table_reader_open(&r, -1);
	CHECK_INT(rc, -EBADF);
	table_reader_close(NULL);
	table_writer_close(NULL);
}

static void
other_uid(void)
{
	char path[64];
	struct bench b;
	int ro;

	if (geteuid() != 0) {
		unit_skip("needs root");
		return;
	}
	bench_init(&b);
	CHECK(fchmod(b.fd, 0640) == 0, "fchmod");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", b.fd);
	ro = open(path, O_RDONLY | O_CLOEXEC);
	CHECK_INT(attack_ro(ro, table_size()), 0);
	/* The control: were others let to write, the reopening succeeds. */
	CHECK(fchmod(b.fd, 0646) == 0, "fchmod");
	CHECK_INT(attack_ro(ro, table_size()), ATTACK_REOPEN);
	close(ro);
	bench_fini(&b);
}

static void
find(void)
{
	fill(&in, 0, 3, 4);
	CHECK(table_find(&in, "row 4.0") == &in.rows[0], "the first");
	CHECK(table_find(&in, "row 4.2") == &in.rows[2], "the last");
	CHECK(table_find(&in, "row 4.3") == NULL, "past the count");
	CHECK(table_find(&in, "") == NULL, "no name");
}

static void
words(void)
{
	CHECK_STR(table_observed_word(TABLE_UNKNOWN), "unknown");
	CHECK_STR(table_observed_word(TABLE_UP), "up");
	CHECK_STR(table_observed_word(TABLE_SUSPECT), "suspect");
	CHECK_STR(table_observed_word(TABLE_EJECTED), "ejected");
	CHECK_STR(table_observed_word(TABLE_HALF_OPEN), "half-open");
	CHECK_STR(table_observed_word(TABLE_SLOW_START), "slow-start");
	CHECK_STR(table_observed_word((enum table_observed)7), "?");
	CHECK_STR(table_admin_word(TABLE_ENABLED), "enabled");
	CHECK_STR(table_admin_word(TABLE_DRAIN), "drain");
	CHECK_STR(table_admin_word((enum table_admin)3), "?");
	CHECK_STR(table_type_word(TABLE_SOCKS5), "socks5");
	CHECK_STR(table_type_word(TABLE_SOCKS4A), "socks4a");
	CHECK_STR(table_type_word(TABLE_HTTP), "http");
	CHECK_STR(table_type_word(TABLE_HTTPS), "https");
	CHECK_STR(table_type_word((enum table_type)4), "?");
}

/* The codes that scripts rely on: each its own, and each in the manual. */
static void
codes(void)
{
	static char manual[65536];
	char entry[64];
	FILE *f = fopen("doc/cagent-ctl.8", "re");
	const char *word;
	int i, k;

	CHECK(f != NULL && fread(manual, 1, sizeof(manual) - 1, f) > 1000,
	    "no manual");
	if (f != NULL)
		fclose(f);
	CHECK_STR(table_why_word(TABLE_WHY_NONE), "");
	for (i = TABLE_WHY_NONE + 1; i < TABLE_WHY_COUNT; i++) {
		word = table_why_word((enum table_why)i);
		CHECK(word[0] != '\0' && word[0] != '?', "code %d", i);
		for (k = 0; k < i; k++)
			CHECK(strcmp(word, table_why_word((enum table_why)k)),
			    "%d and %d are both %s", i, k, word);
		snprintf(entry, sizeof(entry), " %s\n", word);
		if (strstr(manual, entry) != NULL)
			continue;
		snprintf(entry, sizeof(entry), " %s ", word);
		CHECK(strstr(manual, entry) != NULL, "%s is not in the manual",
		    word);
	}
	CHECK_STR(table_why_word(TABLE_WHY_COUNT), "?");
	CHECK_STR(table_why_word((enum table_why)255), "?");
}

static const struct unit_case cases[] = {
    {"round trips of 0, 1, 7, 1024 rows", round_trips},
    {"only what is counted is written and read", only_counted},
    {"changed()", changed},
    {"names are terminated", terminated},
    {"every bit of the head flipped", damage_head},
    {"slot bytes flipped", damage_slots},
    {"counts and generation are checked", counts_checked},
    {"a writer dead after each word", half_written},
    {"other sizes and kinds are refused", refused},
    {"another uid cannot write through a read-only fd", other_uid},
    {"find", find},
    {"words", words},
    {"codes", codes},
};

UNIT_MAIN("table", cases)
