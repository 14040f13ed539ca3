/* Has perf(1) look at a process, and prints what it has seen. */
#include "tests/bench/profile.h"

#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/bench.h"

#define PERF	 "/usr/bin/perf"
#define RATE	 "4999" /* samples a second; a prime */
#define START_MS 10000
#define STOP_MS	 20000
#define READ_MS	 60000
#define TOP	 15

bool
profile_wanted(void)
{
	return getenv("BENCH_PROFILE") != NULL;
}

bool
profile_start(struct profile *p, pid_t pid)
{
	char of[16];
	const char *const argv[] = {PERF, "record", "-q", "-e", "cpu-clock",
	    "-F", RATE, "-g", "-B", "-N", "-o", p->path, "-p", of, NULL};
	const struct rig_spawn s = {.name = "perf", .argv = argv};
	int64_t end = rig_now_ms() + START_MS;
	struct stat st;

	memset(p, 0, sizeof(*p));
	if (access(PERF, X_OK) != 0) {
		rig_note("no profile: there is no %s", PERF);
		return false;
	}
	rig_path(p->path, "perf.%d", (int)pid);
	snprintf(of, sizeof(of), "%d", (int)pid);
	rig_proc_start(&p->perf, &s);
	/* Once it has written something it looks, too. */
	while ((stat(p->path, &st) == -1 || st.st_size == 0) &&
	       rig_proc_wait(&p->perf, 0) != 0 && rig_pause(end))
		continue;
	if (rig_proc_wait(&p->perf, 0) != 0)
		return true;
	rig_note("no profile: perf may not look here");
	rig_proc_stop(&p->perf, STOP_MS);
	return false;
}

/* What perf has no figure for, it fills up with dashes. */
static int
trimmed(const char *line, size_t len)
{
	while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '-'))
		len--;
	return (int)len;
}

/* The first lines of a report that have the mark: [k] or [.]. */
static void
print_top(const char *report, const char *mark, const char *title)
{
	const char *line = report, *end, *at;
	int n = 0;

	printf("  |   %s\n", title);
	for (; *line != '\0' && n < TOP; line = end + (*end == '\n')) {
		end = line + strcspn(line, "\n");
		at = memmem(line, (size_t)(end - line), mark, strlen(mark));
		/* A name begins with no digit: what does is rubbish that was
		 * taken for a caller. */
		if (at == NULL || at[strlen(mark) + 1] == '0')
			continue;
		printf("  | %.*s\n", trimmed(line, (size_t)(end - line)), line);
		n++;
	}
}

static bool
report(const struct profile *p, const char *how, struct rig_output *o)
{
	const char *const argv[] = {PERF, "report", "-q", "--stdio", how, "-g",
	    "none", "--sort", "symbol", "-i", p->path, NULL};
	const struct rig_spawn s = {.name = "perf-report", .argv = argv};

	rig_run(o, &s, READ_MS);
	return CHECK(o->code == 0 && o->out != NULL, "perf report: %d, %s",
	    o->code, o->err != NULL ? o->err : "");
}

void
profile_end(struct profile *p, const char *what)
{
	struct rig_output o;

	rig_proc_stop(&p->perf, STOP_MS);
	if (report(p, "--no-children", &o)) {
		printf("  | %s\n", what);
		print_top(o.out, "[k]", "in the kernel");
		print_top(o.out, "[.]", "in the process");
	}
	rig_output_free(&o);
	/* A clock that interrupts hits what has kept it off when that is over,
	 * wherever it was: who has called it then tells more. */
	if (report(p, "--children", &o))
		print_top(o.out, "[k]", "in the kernel, with what it calls");
	rig_output_free(&o);
}
