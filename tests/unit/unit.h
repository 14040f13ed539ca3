#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <stddef.h>

/*
 * A test program is one file with one list of cases and UNIT_MAIN().  CUnit
 * runs them; unit.c makes it exit by the number of failures and print one
 * closing line "name: N passed, N failed, N skipped".
 */
struct unit_case {
	const char *name;
	void (*fn)(void);
};

/* Record a failure unless ok, in words: "case 3 (bad version): got 7". */
void unit_check(int ok, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* This case cannot run here (needs root, say): counted, and named. */
void unit_skip(const char *why);

int unit_main(const char *suite, const struct unit_case *cases, size_t n);

#define CHECK(cond, ...) \
	unit_check((cond) ? 1 : 0, __FILE__, __LINE__, __VA_ARGS__)
#define CHECK_INT(got, want) \
	unit_check_int(      \
	    (long long)(got), (long long)(want), #got, __FILE__, __LINE__)
#define CHECK_STR(got, want) \
	unit_check_str((got), (want), #got, __FILE__, __LINE__)

void unit_check_int(long long got, long long want, const char *what,
    const char *file, int line);
void unit_check_str(const char *got, const char *want, const char *what,
    const char *file, int line);

#define UNIT_MAIN(suite, cases)                                    \
	int main(void)                                             \
	{                                                          \
		return unit_main(                                  \
		    suite, cases, sizeof(cases) / sizeof(*cases)); \
	}

#endif
