#ifndef TESTS_BENCH_BOARD_H
#define TESTS_BENCH_BOARD_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What contestants came to, round by round: medians, quartiles and ratios, as
 * a table, as JSON and as a plot.  There is one board.  It is in memory that
 * is there before main() and shared with all children, so that cases in
 * processes of their own fill one; only one process at a time may.
 *
 * Figures, and in them contestants, come in the order in which they were
 * named first, by a sample or by a target.  Names are copied.  More of
 * anything than the board has room for, and a sample that is no number, ends
 * the process.
 */
#define BOARD_NAME_MAX	  64
#define BOARD_FIGURES_MAX 64
#define BOARD_ROWS_MAX	  384 /* contestants, over all figures */
#define BOARD_SAMPLES_MAX 64  /* of one contestant in one figure */
#define BOARD_TARGETS_MAX 128

/* The value of one round. */
void board_sample(
    const char *figure, const char *unit, const char *contestant, double value);

/*
 * What the median of a contestant is to reach: at most (or at least) `limit`
 * times that of the contestant `of`, or just `limit` where of is NULL.  One
 * may have several.  The first that is a ratio also says what the ratios of
 * all others of the figure are to.
 */
void board_target(const char *figure, const char *contestant, const char *of,
    double limit, bool at_most);

/* Quartiles by linear interpolation; false where there is no sample. */
struct board_spread {
	size_t n;
	double q1, median, q3;
};
bool board_spread(
    const char *figure, const char *contestant, struct board_spread *);

/* The table, each line behind "  | ": a target is "reached" or "missed", or
 * "not measured". */
void board_print(void);

/* dir/path.json and dir/path.svg, dir being made where there is none.  0 or
 * -errno. */
int board_write(const char *dir);

/* As at first: empty. */
void board_reset(void);

#endif
