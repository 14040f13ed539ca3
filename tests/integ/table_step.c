/*
 * A writer of the tier table stopped after every single instruction of its
 * publications: there a reader must find one whole publication, and a
 * successor must be able to go on, as if the writer had been killed.
 */
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shm/table_layout.h"
#include "tests/unit/table_pattern.h"

/* Every mix of up to 2 tiers and 3 rows, and both slots. */
#define PUBLICATIONS 12
#define ROWS_MOST    3
#define SKIPPED	     77

struct step_test {
	int fd;
	struct table_map *map;	     /* owned, shared with the writer */
	struct table_writer clone;   /* of the map, as a successor finds it */
	struct table_reader *reader; /* owned; on the clone */
	struct pattern *pattern;     /* owned */
	struct table *table;	     /* owned */
	uint64_t last;		     /* generation that was read */
	unsigned int steps, amid, torn, backwards, lost;
};

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "table_step: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void *
zeroed(size_t size)
{
	void *p = calloc(1, size);

	if (p == NULL)
		die("memory");
	return p;
}

static void
setup(struct step_test *t)
{
	uint64_t head[TABLE_HEAD_WORDS];

	t->fd = memfd_create("table", MFD_CLOEXEC);
	table_head(head);
	if (ftruncate(t->fd, (off_t)table_size()) == -1 ||
	    pwrite(t->fd, head, sizeof(head), 0) != (ssize_t)sizeof(head))
		die("memfd");
	if (table_map(&t->map, t->fd, true) < 0)
		die("map");
	t->clone.map = zeroed(sizeof(*t->clone.map));
	t->reader = zeroed(sizeof(*t->reader));
	t->reader->map = t->clone.map;
	t->pattern = zeroed(sizeof(*t->pattern));
	t->table = zeroed(sizeof(*t->table));
}

/* What the dead writer left: the head and as much of the slots as is used. */
static void
take_clone(struct step_test *t)
{
	size_t i, used = offsetof(struct table_slot, words) +
			 offsetof(struct table, rows) +
			 ROWS_MOST * sizeof(struct table_row);

	memcpy(t->clone.map, t->map, offsetof(struct table_map, slots));
	for (i = 0; i < 2; i++)
		memcpy(&t->clone.map->slots[i], &t->map->slots[i], used);
}

/* 0, or the generation that a reader finds in the clone. */
static uint64_t
read_clone(struct step_test *t)
{
	uint64_t words_generation;
	bool intact;

	if (table_copy(t->clone.map, t->reader->words, &intact) == 0)
		return 0;
	words_generation = t->reader->words[0];
	if (!intact || !pattern_same(t->pattern, t->reader->words))
		t->torn++;
	return words_generation;
}

static void
check_here(struct step_test *t)
{
	uint64_t found;

	t->steps++;
	take_clone(t);
	found = read_clone(t);
	if (found < t->last)
		t->backwards++;
	t->last = found;
	if (t->map->slots[(found + 1) & 1].words[0] == found + 1)
		t->amid++;
	pattern_fill(t->table, found + 1);
	table_publish(&t->clone, t->table);
	if (read_clone(t) != found + 1)
		t->lost++;
}

static void __attribute__((noreturn)) writer(struct step_test *t)
{
	struct table_writer w = {t->map};
	uint64_t g;

	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1)
		_exit(SKIPPED);
	for (g = 1; g <= PUBLICATIONS; g++) {
		pattern_fill(t->table, g);
		raise(SIGSTOP);
		table_publish(&w, t->table);
		raise(SIGSTOP);
	}
	_exit(0);
}

static int
go_on(pid_t pid, bool step)
{
	int status;

	if (ptrace(step ? PTRACE_SINGLESTEP : PTRACE_CONT, pid, NULL, NULL) ==
	    -1)
		die("ptrace");
	if (waitpid(pid, &status, 0) == -1)
		die("waitpid");
	return status;
}

static bool
stopped_by(int status, int sig)
{
	return WIFSTOPPED(status) && WSTOPSIG(status) == sig;
}

/* Steps from one SIGSTOP to the next; between them one publication. */
static int
step_all(struct step_test *t, pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) == -1)
		die("waitpid");
	while (stopped_by(status, SIGSTOP)) {
		do {
			status = go_on(pid, true);
			check_here(t);
		} while (stopped_by(status, SIGTRAP));
		if (stopped_by(status, SIGSTOP))
			status = go_on(pid, false);
	}
	return status;
}

int
main(void)
{
	static struct step_test t;
	unsigned int passed;
	int status;
	pid_t pid;

	setup(&t);
	pid = fork();
	if (pid == -1)
		die("fork");
	if (pid == 0)
		writer(&t);
	status = step_all(&t, pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED) {
		printf("  skipped: table_step: ptrace is not permitted here\n"
		       "table_step: 0 passed, 0 failed, 5 skipped\n");
		return 0;
	}
	printf("%u instructions of %d publications, %u of them amid one: "
	       "%u torn, %u backwards, %u not taken over\n",
	    t.steps, PUBLICATIONS, t.amid, t.torn, t.backwards, t.lost);
	passed = (t.torn == 0) + (t.backwards == 0) + (t.lost == 0) +
		 (t.amid > 0) + (status == 0 && t.last == PUBLICATIONS);
	printf("table_step: %u passed, %u failed, 0 skipped\n", passed,
	    5 - passed);
	return passed == 5 ? 0 : 1;
}
