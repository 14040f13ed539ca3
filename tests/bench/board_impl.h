#ifndef TESTS_BENCH_BOARD_IMPL_H
#define TESTS_BENCH_BOARD_IMPL_H

#include <stdint.h>

#include "tests/bench/board.h"

/* What the board's files share. */
struct board_figure {
	char name[BOARD_NAME_MAX];
	char unit[16];
};

struct board_row {
	size_t figure;
	char contestant[BOARD_NAME_MAX];
	size_t samples_n;
	double samples[BOARD_SAMPLES_MAX];
};

struct board_target {
	size_t row;
	char of[BOARD_NAME_MAX]; /* "": absolute */
	double limit;
	bool at_most;
};

struct board {
	size_t figures_n, rows_n, targets_n;
	struct board_figure figures[BOARD_FIGURES_MAX];
	struct board_row rows[BOARD_ROWS_MAX];
	struct board_target targets[BOARD_TARGETS_MAX];
};

enum board_verdict {
	BOARD_REACHED,
	BOARD_MISSED,
	BOARD_UNMEASURED
};

/* The one there is, to read. */
const struct board *board_get(void);

bool board_row_spread(const struct board_row *, struct board_spread *);
/* Its median as a multiple of that of the figure's reference, whose name is
 * stored; 0: there is none, or it is itself. */
double board_row_ratio(const struct board_row *, const char **of);

/* How a target fares: what it asks of the median, once that is known (else
 * 0), and what the median is of it. */
struct board_fare {
	enum board_verdict verdict;
	double limit; /* in the figure's unit */
	double ratio; /* to `of`; 0 for an absolute one */
};
void board_fare(const struct board_target *, struct board_fare *);
const char *board_verdict_word(enum board_verdict);

/* "<= 0.60 x HAProxy", and a value in as few digits as tell it. */
void board_target_text(
    const struct board_target *, char out[static BOARD_NAME_MAX + 32]);
#define BOARD_NUMBER_MAX 32
const char *board_number(double, char out[static BOARD_NUMBER_MAX]);

/* The two files.  0 or -errno. */
int board_json_write(const char *path);
int board_svg_write(const char *path);

#endif
