/* The board as a plot: a panel a figure, a bar a contestant with whiskers for
 * its quartiles and lines for its targets. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/bench/board_impl.h"

/* Pixels. */
#define WIDTH	  1160
#define BARS_X	  270 /* names end before it */
#define BARS_W	  330
#define TEXT_X	  (BARS_X + BARS_W + 12)
#define TITLE_H	  34
#define ROW_H	  24
#define BAR_H	  14
#define PANEL_GAP 18
#define MARGIN	  16

/* A viewer's dark setting counts where the plot is opened by itself and where
 * a page shows it; the background is its own, so that it can be read on any. */
static const char style[] =
    "<style>\n"
    "svg { --ground: #ffffff; --ink: #1b1f24; --soft: #59636e;"
    " --other: #9aa4b0; --own: #2f6fd0; --reached: #1a7f37;"
    " --missed: #c4320a; }\n"
    "@media (prefers-color-scheme: dark) { svg { --ground: #14181d;"
    " --ink: #e8ecf1; --soft: #a0abb8; --other: #66717e; --own: #6aa5ff;"
    " --reached: #4cc38a; --missed: #ff8a5c; } }\n"
    "text { font: 13px system-ui, sans-serif; fill: var(--ink); }\n"
    ".ground { fill: var(--ground); }\n"
    ".title { font-weight: 600; font-size: 14px; }\n"
    ".name { text-anchor: end; }\n"
    ".soft { fill: var(--soft); }\n"
    ".other { fill: var(--other); }\n"
    ".own { fill: var(--own); }\n"
    ".whisker { stroke: var(--ink); stroke-width: 1.5; }\n"
    ".reached { stroke: var(--reached); stroke-width: 2; }\n"
    ".missed, .unmeasured { stroke: var(--missed); stroke-width: 2;"
    " stroke-dasharray: 4 2; }\n"
    ".axis { stroke: var(--soft); stroke-width: 1; }\n"
    "tspan.reached { fill: var(--reached); stroke: none; }\n"
    "tspan.missed, tspan.unmeasured { fill: var(--missed); stroke: none; }\n"
    "</style>\n";

static const char *
class_of(enum board_verdict v)
{
	static const char *const classes[] = {
	    [BOARD_REACHED] = "reached",
	    [BOARD_MISSED] = "missed",
	    [BOARD_UNMEASURED] = "unmeasured",
	};

	return classes[v];
}

/* What XML has other characters for, and what it cannot hold at all. */
static void
put_text(FILE *f, const char *text)
{
	for (; *text != '\0'; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", f);
			break;
		case '<':
			fputs("&lt;", f);
			break;
		case '>':
			fputs("&gt;", f);
			break;
		case '"':
			fputs("&quot;", f);
			break;
		default:
			fputc((unsigned char)*text < ' ' ? '?' : *text, f);
		}
	}
}

static double
larger(double a, double b)
{
	return a > b ? a : b;
}

/* The largest value that the panel shows; not 0. */
static double
top_of(const struct board *b, size_t figure)
{
	struct board_spread s;
	struct board_fare fare;
	double top = 0;
	size_t i;

	for (i = 0; i < b->rows_n; i++) {
		if (b->rows[i].figure == figure &&
		    board_row_spread(&b->rows[i], &s))
			top = larger(top, s.q3);
	}
	for (i = 0; i < b->targets_n; i++) {
		if (b->rows[b->targets[i].row].figure != figure)
			continue;
		board_fare(&b->targets[i], &fare);
		top = larger(top, fare.limit);
	}
	return top > 0 ? top * 1.03 : 1;
}

static double
x_of(double value, double top)
{
	return BARS_X + BARS_W * larger(value, 0) / top;
}

/* Of whom something is asked, in this figure or in another: the bars that a
 * reader looks for. */
static bool
is_ours(const struct board *b, const struct board_row *r)
{
	const struct board_row *asked;
	size_t i;

	for (i = 0; i < b->targets_n; i++) {
		asked = &b->rows[b->targets[i].row];
		if (strcmp(asked->contestant, r->contestant) == 0)
			return true;
	}
	return false;
}

static void
put_line(FILE *f, const char *class, const double at[static 4])
{
	fprintf(f,
	    "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\""
	    " y2=\"%.1f\"/>\n",
	    class, at[0], at[1], at[2], at[3]);
}

static void
put_bar(FILE *f, const struct board_row *r, int y, double top, bool own)
{
	double mid = y + ROW_H / 2.0, from, to;
	struct board_spread s;

	if (!board_row_spread(r, &s))
		return;
	fprintf(f,
	    "<rect class=\"%s\" x=\"%d\" y=\"%.1f\" width=\"%.1f\""
	    " height=\"%d\" rx=\"2\"/>\n",
	    own ? "own" : "other", BARS_X, mid - BAR_H / 2.0,
	    x_of(s.median, top) - BARS_X, BAR_H);
	from = x_of(s.q1, top);
	to = x_of(s.q3, top);
	put_line(f, "whisker", (double[4]){from, mid, to, mid});
	put_line(f, "whisker", (double[4]){from, mid - 4, from, mid + 4});
	put_line(f, "whisker", (double[4]){to, mid - 4, to, mid + 4});
}

static void
put_target(FILE *f, const struct board_target *t, const struct board_fare *fare)
{
	char text[BOARD_NAME_MAX + 32];

	board_target_text(t, text);
	fprintf(f, "; <tspan class=\"%s\">", class_of(fare->verdict));
	put_text(f, text);
	if (fare->verdict != BOARD_UNMEASURED && fare->ratio > 0)
		fprintf(f, ": %.2f", fare->ratio);
	fprintf(f, ", %s</tspan>", board_verdict_word(fare->verdict));
}

/* A row's name, what it came to in words, and its targets. */
static void
put_words(FILE *f, const struct board *b, const struct board_row *r, int y)
{
	char number[BOARD_NUMBER_MAX];
	struct board_fare fare;
	struct board_spread s;
	size_t i;

	fprintf(f, "<text class=\"name\" x=\"%d\" y=\"%d\">", BARS_X - 10,
	    y + ROW_H / 2 + 4);
	put_text(f, r->contestant);
	fprintf(
	    f, "</text>\n<text x=\"%d\" y=\"%d\">", TEXT_X, y + ROW_H / 2 + 4);
	if (board_row_spread(r, &s))
		fputs(board_number(s.median, number), f);
	else
		fputs("-", f);
	for (i = 0; i < b->targets_n; i++) {
		if (&b->rows[b->targets[i].row] != r)
			continue;
		board_fare(&b->targets[i], &fare);
		put_target(f, &b->targets[i], &fare);
	}
	fputs("</text>\n", f);
}

static void
put_target_lines(FILE *f, const struct board *b, const struct board_row *r,
    const double at[static 2])
{
	struct board_fare fare;
	double x;
	size_t i;

	for (i = 0; i < b->targets_n; i++) {
		board_fare(&b->targets[i], &fare);
		if (&b->rows[b->targets[i].row] != r || fare.limit <= 0)
			continue;
		x = x_of(fare.limit, at[1]);
		put_line(f, class_of(fare.verdict),
		    (double[4]){x, at[0] + 1, x, at[0] + ROW_H - 1});
	}
}

static int
put_panel(FILE *f, const struct board *b, size_t figure, int y)
{
	const struct board_figure *is = &b->figures[figure];
	double top = top_of(b, figure);
	const struct board_row *r;
	int began;

	fprintf(f, "<text class=\"title\" x=\"%d\" y=\"%d\">", MARGIN, y + 20);
	put_text(f, is->name);
	fputs(" <tspan class=\"soft\">", f);
	put_text(f, is->unit);
	fputs("</tspan></text>\n", f);
	y += TITLE_H;
	began = y;
	for (r = b->rows; r < b->rows + b->rows_n; r++) {
		if (r->figure != figure)
			continue;
		put_bar(f, r, y, top, is_ours(b, r));
		put_target_lines(f, b, r, (double[2]){y, top});
		put_words(f, b, r, y);
		y += ROW_H;
	}
	put_line(f, "axis", (double[4]){BARS_X, began, BARS_X, y});
	return y + PANEL_GAP;
}

int
board_svg_write(const char *path)
{
	const struct board *b = board_get();
	int y = MARGIN, height;
	FILE *f = fopen(path, "we");
	size_t i;

	if (f == NULL)
		return -errno;
	height = 2 * MARGIN + (int)b->rows_n * ROW_H +
		 (int)b->figures_n * (TITLE_H + PANEL_GAP);
	fprintf(f,
	    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\""
	    " height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\">\n"
	    "<title>Medians, quartiles and targets</title>\n",
	    WIDTH, height, WIDTH, height);
	fputs(style, f);
	fprintf(f, "<rect class=\"ground\" width=\"%d\" height=\"%d\"/>\n",
	    WIDTH, height);
	for (i = 0; i < b->figures_n; i++)
		y = put_panel(f, b, i, y);
	fputs("</svg>\n", f);
	if (ferror(f)) {
		fclose(f);
		return -EIO;
	}
	return fclose(f) == 0 ? 0 : -errno;
}
