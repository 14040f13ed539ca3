#ifndef TESTS_BENCH_H
#define TESTS_BENCH_H

#include <stdbool.h>
#include <stdint.h>

/* The benchmarks, which are cases of the integration tests' runner, and the
 * table that they make. */

/* Of `make check`: seconds, and no thresholds on time. */
bool bench_is_short(void);
/* A row: what was measured, the number, its unit, and what it is of something
 * measured beside it (0: of nothing). */
void bench_row(const char *what, double value, const char *unit, double ratio,
    const char *of);
void bench_report(void);

/* CPU seconds of this process. */
double bench_cpu_s(void);

/* Cases. */
void bench_growth(void);
void bench_verify(void);
void bench_insert(void);
void bench_reports(void);
void bench_push(void);

#endif
