/*
 * A writer of the tier table that is killed again and again at random points
 * while readers in other processes read: no read is torn, stalls or goes
 * backwards.  Usage: table_kill [kills reads]; bounded by these counts.
 */
#include <sys/mman.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "shm/table_layout.h"
#include "tests/unit/table_pattern.h"

#define READERS	    2
#define KILLS_SHORT 40
#define READS_SHORT 2000000
#define STALL_S	    60 /* without a read, on however busy a machine */

/* Shared with the readers; each has one writer. */
struct tally {
	_Atomic uint64_t reads;
	_Atomic uint64_t generations; /* different ones among them */
	_Atomic uint64_t torn;	      /* by content */
	_Atomic uint64_t refused;     /* by checksum, counts, generation */
	_Atomic uint64_t backwards;
	_Atomic uint64_t last; /* generation */
};

struct arena {
	_Atomic bool stop;
	struct tally tallies[READERS];
};

struct kill_test {
	char dir[32], path[48];
	int fd, ro_fd;
	struct arena *arena;   /* owned, shared */
	struct table_map *map; /* owned, read-only */
	pid_t readers[READERS];
	uint64_t kills, reads; /* wanted */
	uint64_t killed, half_written, stalls, not_resumed;
	unsigned int passed, failed;
};

static void
die(const char *what)
{
	fprintf(stderr, "table_kill: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void __attribute__((format(printf, 3, 4)))
verdict(struct kill_test *t, bool ok, const char *fmt, ...)
{
	va_list ap;

	if (ok) {
		t->passed++;
		return;
	}
	t->failed++;
	fprintf(stderr, "table_kill: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static uint64_t
now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec;
}

static uint64_t
generation(const struct table_map *m)
{
	return atomic_load_explicit(&m->pub, memory_order_acquire) >> 1;
}

static void
read_once(const struct table_map *m, uint64_t *words, struct pattern *p,
    struct tally *tally)
{
	uint64_t got;
	bool intact;

	got = table_copy(m, words, &intact) >> 1;
	tally->reads++;
	if (got == 0)
		return;
	if (got != tally->last)
		tally->generations++;
	if (got < tally->last)
		tally->backwards++;
	tally->last = got;
	/* Not the checksum's word for it: each is counted by itself. */
	if (!intact)
		tally->refused++;
	if (words[0] != got || !pattern_same(p, words))
		tally->torn++;
}

static void __attribute__((noreturn))
read_until_stopped(struct kill_test *t, struct tally *tally)
{
	struct pattern *p = calloc(1, sizeof(*p));
	uint64_t *words = calloc(TABLE_WORDS, 8);
	struct table_map *m;
	bool last = false;

	close(t->fd);
	if (p == NULL || words == NULL || table_map(&m, t->ro_fd, false) < 0)
		_exit(1);
	while (!last) {
		last = t->arena->stop;
		read_once(m, words, p, tally);
	}
	_exit(0);
}

/* Up to most fences long, so that steps of processes fall differently each
 * time. */
static void
pause_random(long most)
{
	long n;

	for (n = random() % most; n > 0; n--)
		atomic_thread_fence(memory_order_seq_cst);
}

/* n publications; UINT64_MAX: until killed. */
static void __attribute__((noreturn)) publish(struct kill_test *t, uint64_t n)
{
	struct table *table = calloc(1, sizeof(*table));
	struct table_writer *w;

	if (table == NULL || table_writer_open(&w, t->fd) < 0)
		_exit(1);
	for (; n > 0; n--) {
		pattern_fill(table, generation(w->map) + 1);
		table_publish(w, table);
		pause_random(60);
	}
	_exit(0);
}

static pid_t
start_writer(struct kill_test *t, uint64_t n)
{
	pid_t pid = fork();

	if (pid == -1)
		die("fork");
	if (pid == 0)
		publish(t, n);
	return pid;
}

static uint64_t
reads_of(const struct kill_test *t, int i)
{
	return t->arena->tallies[i].reads;
}

static uint64_t
reads_sum(const struct kill_test *t)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < READERS; i++)
		sum += reads_of(t, i);
	return sum;
}

/* Wait until reader i has made n more reads; counts a stall if it does not. */
static void
await_reads(struct kill_test *t, int i, uint64_t n)
{
	uint64_t start = now_s(), was = reads_of(t, i);

	while (reads_of(t, i) - was < n) {
		sched_yield();
		if (now_s() - start > STALL_S) {
			t->stalls++;
			return;
		}
	}
}

/*
 * Did the writer die between its first store into a slot and its pub?  The
 * first word is the generation, and the last one there was two less.
 */
static bool
is_half_written(const struct table_map *m)
{
	uint64_t next = generation(m) + 1;

	return atomic_load(&m->slots[next & 1].words[0]) == next;
}

/* The writer lives for its share of the reads and some publications, and then
 * for a random moment. */
static void
await_moment(struct kill_test *t)
{
	uint64_t reads = reads_sum(t) + t->reads / t->kills + 1;
	uint64_t until = generation(t->map) + 1 + (uint64_t)random() % 32;
	uint64_t start = now_s();
	while (reads_sum(t) < reads || generation(t->map) < until) {
		sched_yield();
		if (now_s() - start > STALL_S + t->reads / t->kills / 1000) {
			t->stalls++;
			return;
		}
	}
	pause_random(20000);
}

static void
kill_one(struct kill_test *t)
{
	uint64_t before = generation(t->map);
	pid_t pid = start_writer(t, UINT64_MAX);
	int i, status;

	await_moment(t);
	kill(pid, SIGKILL);
	if (waitpid(pid, &status, 0) == -1)
		die("waitpid");
	if (generation(t->map) <= before)
		t->not_resumed++;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		t->killed++;
	if (is_half_written(t->map))
		t->half_written++;
	/* Nobody writes now, and everybody must be able to read. */
	for (i = 0; i < READERS; i++)
		await_reads(t, i, 200);
}

/* Could the readers tell?  Each word of a table replaced, one at a time, by
 * that of the generation four before, which has as many rows. */
static void
check_the_check(struct kill_test *t)
{
	struct table *table = calloc(1, sizeof(*table));
	struct pattern *p = calloc(1, sizeof(*p));
	uint64_t *old = calloc(TABLE_WORDS, 8), *now = calloc(TABLE_WORDS, 8);
	size_t i, missed = 0, first = offsetof(struct table, rows) / 8;
	uint64_t word;

	if (table == NULL || p == NULL || old == NULL || now == NULL)
		die("memory");
	pattern_fill(table, 3);
	memcpy(old, table, sizeof(*table));
	pattern_fill(table, 7);
	table->generation = 7;
	memcpy(now, table, sizeof(*table));
	verdict(t, pattern_same(p, now), "a whole table is called torn");
	for (i = first; i < first + sizeof(struct table_row) * 3 / 8; i++) {
		word = now[i];
		now[i] = old[i];
		missed += pattern_same(p, now) ? 1 : 0;
		now[i] = word;
	}
	verdict(t, missed == 0, "%zu torn tables pass for whole", missed);
	free(table);
	free(p);
	free(old);
	free(now);
}

static void
setup(struct kill_test *t)
{
	int i;

	snprintf(t->dir, sizeof(t->dir), "/tmp/cagent-kill.XXXXXX");
	if (mkdtemp(t->dir) == NULL)
		die(t->dir);
	snprintf(t->path, sizeof(t->path), "%s/table", t->dir);
	t->fd = table_create(t->path, 0640);
	t->ro_fd = open(t->path, O_RDONLY | O_CLOEXEC);
	unlink(t->path);
	rmdir(t->dir);
	if (t->fd < 0 || table_map(&t->map, t->ro_fd, false) < 0)
		die(t->path);
	t->arena = mmap(NULL, sizeof(*t->arena), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (t->arena == MAP_FAILED)
		die("mmap");
	for (i = 0; i < READERS; i++) {
		t->readers[i] = fork();
		if (t->readers[i] == -1)
			die("fork");
		if (t->readers[i] == 0)
			read_until_stopped(t, &t->arena->tallies[i]);
	}
}

/* An orderly writer last: where it begins shows that none was lost. */
static void
finish(struct kill_test *t)
{
	uint64_t last = generation(t->map) + 100;
	int i, status;

	if (waitpid(start_writer(t, 100), &status, 0) == -1)
		die("waitpid");
	verdict(t, status == 0 && generation(t->map) == last,
	    "the last writer: status %d, generation %" PRIu64, status,
	    generation(t->map));
	t->arena->stop = true;
	for (i = 0; i < READERS; i++) {
		if (waitpid(t->readers[i], &status, 0) == -1)
			die("waitpid");
		verdict(t, status == 0 && t->arena->tallies[i].last == last,
		    "reader %d: status %d, last generation %" PRIu64, i, status,
		    t->arena->tallies[i].last);
	}
}

static void
report(struct kill_test *t)
{
	uint64_t seen = 0, torn = 0, refused = 0, backwards = 0;
	int i;

	for (i = 0; i < READERS; i++) {
		seen += t->arena->tallies[i].generations;
		torn += t->arena->tallies[i].torn;
		refused += t->arena->tallies[i].refused;
		backwards += t->arena->tallies[i].backwards;
	}
	verdict(t, torn == 0, "torn reads");
	verdict(t, refused == 0, "reads that the checksum refused");
	verdict(t, backwards == 0, "reads that went backwards");
	verdict(t, t->stalls == 0, "stalls");
	verdict(t, t->not_resumed == 0, "writers that did not go on");
	verdict(t, t->killed == t->kills, "writers that ended otherwise");
	verdict(t, t->half_written > 0, "no kill hit a publication");
	verdict(t, reads_sum(t) >= t->reads, "too few reads");
	printf("%" PRIu64 " reads of %" PRIu64 " publications (%" PRIu64
	       " seen), %" PRIu64 " kills (%" PRIu64 " amid a publication): "
	       "%" PRIu64 " torn, %" PRIu64 " refused, %" PRIu64 " backwards, "
	       "%" PRIu64 " stalled\n",
	    reads_sum(t), generation(t->map), seen, t->killed, t->half_written,
	    torn, refused, backwards, t->stalls);
}

static uint64_t
number(const char *s)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(s, &end, 10);
	if (errno != 0 || *end != '\0' || n == 0) {
		fprintf(stderr, "table_kill: %s: expected a count\n", s);
		exit(1);
	}
	return n;
}

int
main(int argc, char **argv)
{
	static struct kill_test t;
	uint64_t i;

	if (argc != 1 && argc != 3) {
		fprintf(stderr, "usage: table_kill [kills reads]\n");
		return 1;
	}
	t.kills = argc == 3 ? number(argv[1]) : KILLS_SHORT;
	t.reads = argc == 3 ? number(argv[2]) : READS_SHORT;
	srandom(1);
	check_the_check(&t);
	setup(&t);
	for (i = 0; i < t.kills && t.stalls == 0 && t.not_resumed == 0; i++)
		kill_one(&t);
	finish(&t);
	report(&t);
	printf("table_kill: %u passed, %u failed, 0 skipped\n", t.passed,
	    t.failed);
	return t.failed == 0 ? 0 : 1;
}
