/* cagentd -r on records that are whole, cut, broken, changed or none. */
#include "cagentd/replay.h"

#include <errno.h>

#include "cagentd/decide/decision.h"
#include "tests/unit/decision_sample.h"
#include "tests/unit/unit.h"

#define OUT_MAX 1024

/* The status; what it says goes to out. */
static int
replay(const struct sample *s, char out[OUT_MAX])
{
	char path[96];
	size_t n;
	FILE *f;
	int status, was = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);

	fflush(stdout);
	snprintf(path, sizeof(path), "%s/out", s->dir);
	f = fopen(path, "w+");
	CHECK(f != NULL && dup2(fileno(f), STDOUT_FILENO) != -1 &&
		  dup2(fileno(f), STDERR_FILENO) != -1,
	    "%s", path);
	status = replay_main(s->path);
	fflush(stdout);
	dup2(was, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	close(was);
	close(err);
	rewind(f);
	n = fread(out, 1, OUT_MAX - 1, f);
	out[n] = '\0';
	fclose(f);
	unlink(path);
	return status;
}

static void
check_says(const struct sample *s, int status, const char *want)
{
	char out[OUT_MAX];

	CHECK_INT(replay(s, out), status);
	CHECK(strstr(out, want) != NULL, "\"%s\" in \"%s\"", want, out);
}

static void
append(const struct sample *s, const void *data, size_t len)
{
	int fd = sample_open(s);

	CHECK_INT(write(fd, data, len), len);
	close(fd);
}

static void
append_table(const struct sample *s, uint32_t worker)
{
	static uint8_t buf[DECISION_RECORD_MAX];

	append(s, buf, decision_table_encode(worker, &s->table, buf));
}

/* other: lie about which it was. */
static void
append_pick(const struct sample *s, uint32_t worker, uint64_t seed, bool other)
{
	static uint8_t buf[DECISION_RECORD_MAX];
	struct path_pick pick;
	struct decision_made made = {worker, &s->query, seed, &pick};

	CHECK_INT(path_pick(&s->query, &seed, &pick), 0);
	if (other)
		pick.row = (pick.row + 1) % 4;
	append(s, buf, decision_encode(&made, buf));
}

static struct sample *
two_workers(void)
{
	struct sample *s = sample_new();

	append_table(s, 0);
	append_pick(s, 0, 1, false);
	append_table(s, 7);
	append_pick(s, 7, 2, false);
	append_pick(s, 0, 3, false);
	return s;
}

static void
says_that_all_are_the_same(void)
{
	struct sample *s = two_workers();
	char out[OUT_MAX];

	CHECK_INT(replay(s, out), 0);
	CHECK_STR(out, "3 decisions of 2 tables by 2 workers: all the same\n");
	sample_free(s);
}

static void
says_what_differs(void)
{
	struct sample *s = two_workers();

	append_pick(s, 7, 4, true);
	append_pick(s, 7, 5, true);
	append_pick(s, 7, 6, false);
	check_says(
	    s, 1, "worker 7, generation 1 of the table: recorded is hop-");
	check_says(s, 1, ", again it is hop-");
	check_says(s, 1, " (tier 1, drawn, cost 2048000)\n");
	check_says(s, 1, "6 decisions of 2 tables by 2 workers: 2 differ");
	sample_free(s);
}

/* Without its table a choice cannot be made again. */
static void
says_what_has_no_table(void)
{
	struct sample *s = two_workers();

	s->table.generation++;
	append_pick(s, 7, 4, false);
	check_says(s, 1, "0 differ, 1 have lost their table");
	append_pick(s, 9, 4, false);
	check_says(s, 1, "0 differ, 2 have lost their table");
	append_table(s, 9);
	append_pick(s, 9, 4, false);
	check_says(s, 1, "6 decisions of 3 tables by 3 workers: 0 differ, 2");
	sample_free(s);
}

static void
bears_a_cut(void)
{
	struct sample *s = two_workers();
	struct decision_record r;
	char out[OUT_MAX];
	size_t len, cut, first;
	uint8_t *all = sample_read(s, &len);

	first = (size_t)decision_record_decode(all, len, &r);
	for (cut = len; cut-- > 0;) {
		CHECK_INT(truncate(s->path, (off_t)cut), 0);
		CHECK_INT(replay(s, out), cut >= first || cut == 0 ? 0 : 2);
	}
	free(all);
	sample_free(s);
}

/* A worker was killed while it wrote; the others went on. */
static void
goes_on_behind_half_a_record(void)
{
	struct sample *s = two_workers();
	size_t len;
	uint8_t *all = sample_read(s, &len);

	append(s, all, 50);
	append(s, all, len);
	check_says(s, 0, "6 decisions of 4 tables by 2 workers: all the same");
	check_says(s, 0, "50 bytes belong to no whole record");
	free(all);
	sample_free(s);
}

/* Longer than what is read at a time. */
static void
reads_a_long_one(void)
{
	struct sample *s = two_workers();
	uint64_t i;

	for (i = 0; i < 3000; i++)
		append_pick(s, i % 2 == 0 ? 0 : 7, i, false);
	check_says(s, 0, "3003 decisions of 2 tables by 2 workers: all the s");
	sample_free(s);
}

static void
refuses_what_is_none(void)
{
	static uint8_t rubbish[300000];
	struct sample *s = sample_new();
	size_t i;

	check_says(s, 2, "No such file");
	append(s, "", 0);
	check_says(s, 0, "0 decisions of 0 tables by 0 workers: all the same");
	for (i = 0; i < sizeof(rubbish); i++)
		rubbish[i] = (uint8_t)(i * 7 + i / 251);
	append(s, rubbish, sizeof(rubbish));
	check_says(s, 2, "not a record of decisions of version ");
	unlink(s->path);
	CHECK_INT(mkdir(s->path, 0700), 0);
	check_says(s, 2, "Is a directory");
	CHECK_INT(rmdir(s->path), 0);
	sample_free(s);
}

/* Right in its form, and wrong in its content. */
static void
refuses_what_makes_no_sense(void)
{
	struct sample *s = two_workers();

	s->table.rows[0].type = 99;
	append_table(s, 0);
	check_says(s, 2, "a record that makes no sense");
	sample_free(s);
}

static const struct unit_case cases[] = {
    {"says that all are the same", says_that_all_are_the_same},
    {"says what differs", says_what_differs},
    {"says what has no table", says_what_has_no_table},
    {"bears a cut", bears_a_cut},
    {"goes on behind half a record", goes_on_behind_half_a_record},
    {"reads a long one", reads_a_long_one},
    {"refuses what is none", refuses_what_is_none},
    {"refuses what makes no sense", refuses_what_makes_no_sense},
};

UNIT_MAIN("replay", cases)
