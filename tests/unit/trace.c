/* The record of a worker's choices: what is written, and when no more is. */
#include "cagentd/worker/trace.h"

#include "base/log.h"
#include "tests/unit/decision_sample.h"
#include "tests/unit/fake.h"
#include "tests/unit/unit.h"

#define NONE ((struct trace){.fd = -1, .worker = 2})

static void
decide(struct trace *t, struct sample *s, uint64_t seed)
{
	uint64_t before = seed;
	struct path_pick pick;

	trace_begin(t);
	CHECK_INT(path_pick(&s->query, &seed, &pick), 0);
	trace_decided(t, &s->query, before, &pick);
}

/* "TPP": tables and picks, in their order. */
static void
check_file(const struct sample *s, const char *want)
{
	struct decision_record r;
	char got[64] = "";
	size_t len, at = 0, n;
	uint8_t *all = sample_read(s, &len);
	int used;

	for (n = 0; n < sizeof(got) - 1 && at < len; n++) {
		used = decision_record_decode(all + at, len - at, &r);
		CHECK(used > 0, "a record at %zu of %zu", at, len);
		if (used <= 0)
			break;
		CHECK_INT(r.worker, 2);
		got[n] = r.kind == DECISION_TABLE ? 'T' : 'P';
		at += (size_t)used;
	}
	CHECK_STR(got, want);
	free(all);
}

static void
writes_a_table_where_it_is_another(void)
{
	struct sample *s = sample_new();
	struct trace t = NONE;
	int fds = fake_open_fds();

	decide(&t, s, 1);
	trace_use(&t, sample_open(s));
	check_file(s, "");
	decide(&t, s, 1);
	decide(&t, s, 2);
	s->table.generation++;
	decide(&t, s, 3);
	trace_decided(&t, &s->query, 4, NULL);
	check_file(s, "TPPTPP");
	/* It may be another file by now. */
	trace_use(&t, sample_open(s));
	decide(&t, s, 5);
	check_file(s, "TPPTPPTP");
	trace_use(&t, -1);
	decide(&t, s, 6);
	check_file(s, "TPPTPPTP");
	trace_use(&t, sample_open(s));
	trace_fini(&t);
	CHECK_INT(fake_open_fds(), fds);
	sample_free(s);
}

/* Others' counters move while a choice is made. */
static void
answers_alike_through_one_choice(void)
{
	struct sample *s = sample_new();
	struct trace t = NONE;

	CHECK_INT(trace_answer(&t, 10, 3), 3);
	CHECK_INT(trace_answer(&t, 10, 4), 4);
	trace_use(&t, sample_open(s));
	CHECK_INT(trace_answer(&t, 10, 5), 5);
	CHECK_INT(trace_answer(&t, 10, 6), 5);
	CHECK_INT(trace_answer(&t, 11, 7), 7);
	trace_begin(&t);
	CHECK_INT(trace_answer(&t, 10, 8), 8);
	CHECK_INT(trace_answer(&t, 11, 8), 8);
	decide(&t, s, 1);
	CHECK_INT(trace_answer(&t, 10, 9), 9);
	CHECK_INT(trace_answer(&t, TABLE_ROWS_MAX, 1), 1);
	trace_fini(&t);
	sample_free(s);
}

static void
stops_when_the_disk_is_full(void)
{
	struct sample *s = sample_new();
	struct trace t = NONE;
	int fds = fake_open_fds();

	trace_use(&t, open("/dev/full", O_WRONLY | O_CLOEXEC));
	decide(&t, s, 1);
	CHECK_INT(t.fd, -1);
	CHECK_INT(fake_open_fds(), fds);
	decide(&t, s, 2);
	trace_use(&t, sample_open(s));
	decide(&t, s, 3);
	check_file(s, "TP");
	trace_fini(&t);
	sample_free(s);
}

static void
stops_when_the_file_is_large(void)
{
	struct sample *s = sample_new();
	struct trace t = NONE;
	off_t size;
	int fd = sample_open(s);

	trace_use(&t, sample_open(s));
	decide(&t, s, 1);
	size = lseek(fd, 0, SEEK_END);
	/* One more pick fits, the next does not. */
	CHECK_INT(ftruncate(fd, TRACE_FILE_MAX - size), 0);
	decide(&t, s, 2);
	CHECK(t.fd != -1, "there was room");
	while (t.fd != -1 && lseek(fd, 0, SEEK_END) < TRACE_FILE_MAX + size)
		decide(&t, s, 3);
	CHECK_INT(t.fd, -1);
	CHECK(lseek(fd, 0, SEEK_END) <= TRACE_FILE_MAX, "it stays within");
	close(fd);
	trace_fini(&t);
	sample_free(s);
}

static const struct unit_case cases[] = {
    {"writes a table where it is another", writes_a_table_where_it_is_another},
    {"answers alike through one choice", answers_alike_through_one_choice},
    {"stops when the disk is full", stops_when_the_disk_is_full},
    {"stops when the file is large", stops_when_the_file_is_large},
};

UNIT_MAIN("trace", cases)
