/* The samples and targets of a benchmark, their order statistics and the
 * table of them; measures nothing itself. */
#include "tests/bench/board.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/board_impl.h"

static struct board *board;

/* Before the runner forks its first case. */
__attribute__((constructor)) static void
make_board(void)
{
	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (board == MAP_FAILED)
		abort();
}

const struct board *
board_get(void)
{
	return board;
}

void
board_reset(void)
{
	memset(board, 0, sizeof(*board));
}

__attribute__((noreturn)) static void
refuse(const char *what, const char *name)
{
	fprintf(stderr, "board: %s: %s\n", name, what);
	abort();
}

static void
keep(char *out, size_t cap, const char *name)
{
	if (strlcpy(out, name, cap) >= cap)
		refuse("the name is too long", name);
}

static bool
find_figure(const char *name, size_t *at)
{
	for (*at = 0; *at < board->figures_n; ++*at) {
		if (strcmp(board->figures[*at].name, name) == 0)
			return true;
	}
	return false;
}

static struct board_row *
find_row(size_t figure, const char *contestant)
{
	struct board_row *r;

	for (r = board->rows; r < board->rows + board->rows_n; r++) {
		if (r->figure == figure &&
		    strcmp(r->contestant, contestant) == 0)
			return r;
	}
	return NULL;
}

static struct board_row *
row_of(const char *figure, const char *contestant)
{
	struct board_row *r;
	size_t at;

	if (!find_figure(figure, &at)) {
		if (at == BOARD_FIGURES_MAX)
			refuse("one figure too many", figure);
		keep(board->figures[at].name, BOARD_NAME_MAX, figure);
		board->figures_n++;
	}
	r = find_row(at, contestant);
	if (r != NULL)
		return r;
	if (board->rows_n == BOARD_ROWS_MAX)
		refuse("one contestant too many", contestant);
	r = &board->rows[board->rows_n++];
	r->figure = at;
	keep(r->contestant, sizeof(r->contestant), contestant);
	return r;
}

void
board_sample(
    const char *figure, const char *unit, const char *contestant, double value)
{
	struct board_row *r = row_of(figure, contestant);
	struct board_figure *f = &board->figures[r->figure];

	if (!isfinite(value))
		refuse("that is no number", figure);
	if (r->samples_n == BOARD_SAMPLES_MAX)
		refuse("one sample too many", figure);
	if (f->unit[0] == '\0')
		keep(f->unit, sizeof(f->unit), unit);
	r->samples[r->samples_n++] = value;
}

void
board_target(const char *figure, const char *contestant, const char *of,
    double limit, bool at_most)
{
	struct board_row *r = row_of(figure, contestant);
	struct board_target *t;

	if (board->targets_n == BOARD_TARGETS_MAX)
		refuse("one target too many", figure);
	t = &board->targets[board->targets_n++];
	t->row = (size_t)(r - board->rows);
	keep(t->of, sizeof(t->of), of != NULL ? of : "");
	t->limit = limit;
	t->at_most = at_most;
}

/* --- order statistics --- */

static int
compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double
quantile(const double *sorted, size_t n, double q)
{
	double at = q * (double)(n - 1);
	size_t below = (size_t)at;
	double rest = at - (double)below;

	if (below + 1 == n)
		return sorted[below];
	return sorted[below] + rest * (sorted[below + 1] - sorted[below]);
}

bool
board_row_spread(const struct board_row *r, struct board_spread *out)
{
	double sorted[BOARD_SAMPLES_MAX];

	memset(out, 0, sizeof(*out));
	if (r == NULL || r->samples_n == 0)
		return false;
	memcpy(sorted, r->samples, r->samples_n * sizeof(*sorted));
	qsort(sorted, r->samples_n, sizeof(*sorted), compare);
	out->n = r->samples_n;
	out->q1 = quantile(sorted, out->n, 0.25);
	out->median = quantile(sorted, out->n, 0.5);
	out->q3 = quantile(sorted, out->n, 0.75);
	return true;
}

bool
board_spread(
    const char *figure, const char *contestant, struct board_spread *out)
{
	size_t at;

	return board_row_spread(
	    find_figure(figure, &at) ? find_row(at, contestant) : NULL, out);
}

static double
ratio_to(const struct board_row *r, const char *of)
{
	struct board_spread own, other;

	if (!board_row_spread(r, &own) ||
	    !board_row_spread(find_row(r->figure, of), &other) ||
	    other.median == 0)
		return 0;
	return own.median / other.median;
}

double
board_row_ratio(const struct board_row *r, const char **of)
{
	const struct board_target *t;
	size_t at = (size_t)(r - board->rows);
	const char *first = NULL, *own = NULL;

	for (t = board->targets; t < board->targets + board->targets_n; t++) {
		if (t->of[0] == '\0' || board->rows[t->row].figure != r->figure)
			continue;
		if (first == NULL)
			first = t->of;
		if (own == NULL && t->row == at)
			own = t->of;
	}
	*of = own != NULL ? own : first;
	if (*of == NULL || strcmp(*of, r->contestant) == 0)
		return 0;
	return ratio_to(r, *of);
}

void
board_fare(const struct board_target *t, struct board_fare *out)
{
	const struct board_row *r = &board->rows[t->row];
	struct board_spread own, other = {.median = 1};

	*out = (struct board_fare){.verdict = BOARD_UNMEASURED};
	if (t->of[0] != '\0' &&
	    !board_row_spread(find_row(r->figure, t->of), &other))
		return;
	out->limit = t->limit * other.median;
	if (!board_row_spread(r, &own))
		return;
	if (t->of[0] != '\0')
		out->ratio = ratio_to(r, t->of);
	if (t->at_most ? own.median <= out->limit : own.median >= out->limit)
		out->verdict = BOARD_REACHED;
	else
		out->verdict = BOARD_MISSED;
}

/* --- in words --- */

const char *
board_verdict_word(enum board_verdict v)
{
	static const char *const words[] = {
	    [BOARD_REACHED] = "reached",
	    [BOARD_MISSED] = "missed",
	    [BOARD_UNMEASURED] = "not measured",
	};

	return words[v];
}

const char *
board_number(double value, char out[static BOARD_NUMBER_MAX])
{
	double size = fabs(value);
	int digits = size >= 1000 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;

	if (size < 1e15 && size == (double)(long long)size)
		digits = 0;
	snprintf(out, BOARD_NUMBER_MAX, "%.*f", digits, value);
	return out;
}

void
board_target_text(
    const struct board_target *t, char out[static BOARD_NAME_MAX + 32])
{
	char number[BOARD_NUMBER_MAX];

	if (t->of[0] == '\0')
		snprintf(out, BOARD_NAME_MAX + 32, "%s %s",
		    t->at_most ? "<=" : ">=", board_number(t->limit, number));
	else
		snprintf(out, BOARD_NAME_MAX + 32, "%s %.2f x %s",
		    t->at_most ? "<=" : ">=", t->limit, t->of);
}

static void
print_targets(size_t row)
{
	const struct board_target *t;
	char text[BOARD_NAME_MAX + 32];
	struct board_fare fare;
	bool first = true;

	for (t = board->targets; t < board->targets + board->targets_n; t++) {
		if (t->row != row)
			continue;
		board_fare(t, &fare);
		board_target_text(t, text);
		if (!first)
			printf("\n  | %-82s", "");
		printf("  %s: %s", text, board_verdict_word(fare.verdict));
		if (!first && fare.ratio > 0)
			printf(" (%.2f)", fare.ratio);
		first = false;
	}
}

static void
print_row(const struct board_row *r)
{
	char median[BOARD_NUMBER_MAX] = "-", q1[BOARD_NUMBER_MAX],
	     q3[BOARD_NUMBER_MAX], quartiles[2 * BOARD_NUMBER_MAX + 2] = "",
	     ratio[16] = "";
	struct board_spread s;
	const char *of;
	double times;

	if (board_row_spread(r, &s)) {
		board_number(s.median, median);
		snprintf(quartiles, sizeof(quartiles), "%s-%s",
		    board_number(s.q1, q1), board_number(s.q3, q3));
	}
	times = board_row_ratio(r, &of);
	if (times > 0)
		snprintf(ratio, sizeof(ratio), "%.2f", times);
	else if (of != NULL && strcmp(of, r->contestant) == 0)
		strlcpy(ratio, "1", sizeof(ratio));
	printf("  |   %-36s %11s  %-21s %7s", r->contestant, median, quartiles,
	    ratio);
	print_targets((size_t)(r - board->rows));
	printf("\n");
}

void
board_print(void)
{
	const struct board_row *r;
	const struct board_figure *f;
	size_t i;

	if (board->figures_n > 0)
		printf("  | %-38s %11s  %-21s %7s  %s\n", "figure, contestant",
		    "median", "quartiles", "ratio", "target");
	for (i = 0; i < board->figures_n; i++) {
		f = &board->figures[i];
		printf("  | %s%s%s\n", f->name, f->unit[0] != '\0' ? ", " : "",
		    f->unit);
		for (r = board->rows; r < board->rows + board->rows_n; r++) {
			if (r->figure == i)
				print_row(r);
		}
	}
}

int
board_write(const char *dir)
{
	char path[PATH_MAX];
	int rc;

	if (mkdir(dir, 0755) == -1 && errno != EEXIST)
		return -errno;
	snprintf(path, sizeof(path), "%s/path.json", dir);
	rc = board_json_write(path);
	if (rc != 0)
		return rc;
	snprintf(path, sizeof(path), "%s/path.svg", dir);
	return board_svg_write(path);
}
