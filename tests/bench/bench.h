#ifndef TESTS_BENCH_H
#define TESTS_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The benchmarks, which are cases of the integration tests' runner, and the
 * table that they make. */

/* Of `make check`: seconds, and no thresholds on time. */
bool bench_is_short(void);
/* So many in that form, with BENCH=quick, and otherwise. */
unsigned int bench_count(
    unsigned int brief, unsigned int quick, unsigned int full);
/* A row: what was measured, the number, its unit, and what it is of something
 * measured beside it (0: of nothing). */
void bench_row(const char *what, double value, const char *unit, double ratio,
    const char *of);
void bench_report(void);

/* A file of the kernel's, whose size says nothing, NUL-terminated and as far
 * as there is room; false when it cannot be read. */
bool bench_slurp(const char *path, char *out, size_t cap);
/* CPU seconds of this process. */
double bench_cpu_s(void);

/* Cases. */
void bench_growth(void);
void bench_verify(void);
void bench_insert(void);
void bench_reports(void);
void bench_push(void);
void bench_idle(void);
void bench_calls(void);
void bench_far(void);
void bench_link(void);
void bench_short(void);
void bench_flight(void);
void bench_bulk(void);
void bench_upload(void);

#endif
