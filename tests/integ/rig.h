#ifndef TESTS_INTEG_RIG_H
#define TESTS_INTEG_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The runner of integration tests.  A test program is one file with one list
 * of cases and RIG_MAIN().  Every case runs in its own process with its own
 * temporary folder and a deadline; what it leaves running is ended, its logs
 * are printed when it failed, and its folder is removed.
 *
 * As root (where the kernel lets us) a case also has its own network and
 * mount namespace: only a loopback, a resolv.conf that points at 127.0.0.1,
 * and nothing else to reach by mistake.  Otherwise it runs on the machine's
 * loopback, and cases with RIG_NEEDS_NETNS are skipped.
 *
 * usage: PROGRAM [-k] [-l] [CASE ...]   -k keeps the folders, -l lists cases
 */
#define RIG_DEADLINE_S 60
#define RIG_PATH_MAX   256

enum {
	RIG_NEEDS_ROOT = 1,
	RIG_NEEDS_NETNS = 2,
	RIG_HOST_NET = 4, /* stay in the namespaces of the runner */
};

struct rig_case {
	const char *name;
	void (*fn)(void);
	int deadline_s; /* 0: RIG_DEADLINE_S */
	unsigned int needs;
};

struct rig_suite {
	const char *name;
	const struct rig_case *cases;
	size_t cases_n;
	/* In the runner, after all cases; or NULL.  tests/run passes on the
	 * lines that begin with "  | ". */
	void (*report)(void);
};

int rig_main(const struct rig_suite *, int argc, char **argv);

#define RIG_MAIN(suite_name, list, report_fn)                     \
	int main(int argc, char **argv)                           \
	{                                                         \
		const struct rig_suite suite = {suite_name, list, \
		    sizeof(list) / sizeof(*(list)), report_fn};   \
		return rig_main(&suite, argc, argv);              \
	}

/*
 * Inside a case, from any thread: record a failure in words unless ok; the
 * case goes on.  rig_require() ends the case (main thread only).
 */
bool rig_check(bool ok, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void rig_check_int(long long got, long long want, const char *what,
    const char *file, int line);
void rig_require(bool ok, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* This case cannot run here: ends it, counted and named as skipped. */
void rig_skip(const char *fmt, ...)
    __attribute__((noreturn, format(printf, 1, 2)));
/* A line of the case's own in the output: a matrix's row, a measurement. */
void rig_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define CHECK(cond, ...) \
	rig_check((cond) ? true : false, __FILE__, __LINE__, __VA_ARGS__)
#define REQUIRE(cond, ...) \
	rig_require((cond) ? true : false, __FILE__, __LINE__, __VA_ARGS__)
#define CHECK_INT(got, want) \
	rig_check_int(       \
	    (long long)(got), (long long)(want), #got, __FILE__, __LINE__)

/* The case's folder (mode 0755, so that daemons of other uids can enter),
 * and a path inside it. */
const char *rig_dir(void);
void rig_path(char out[static RIG_PATH_MAX], const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Write a whole file; ends the case on failure. */
void rig_write(const char *path, const char *text, unsigned int mode);

/* RIG_SHARED_LEN bytes, zero at first, that the runner and all cases share:
 * for what the report shall show. */
#define RIG_SHARED_LEN 16384
void *rig_shared(void);

/* Has the case namespaces of its own? */
bool rig_isolated(void);
/* The monotonic clock, and what is left until then (>= 0). */
int64_t rig_now_us(void);
int64_t rig_now_ms(void);
int rig_left_ms(int64_t deadline_ms);
/*
 * Wait a moment inside a loop that polls for a condition with a deadline.
 * Returns false when the deadline is over.
 */
bool rig_pause(int64_t deadline_ms);

#endif
