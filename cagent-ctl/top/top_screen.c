/* Owns the terminal while `cagent-ctl top` is live: what is on it, and its
 * keys; decides nothing. */
#include "cagent-ctl/top/top_screen.h"

#include <sys/ioctl.h>

#include <curses.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <term.h>
#include <unistd.h>

#include "base/mono.h"
#include "cagent-ctl/field.h"
#include "cagent-ctl/format.h"
#include "cagent-ctl/top/top_layout.h"
#include "cagent-ctl/top/top_ui.h"

#define HEAD	 4 /* lines above the rows, the titles' among them */
#define FOOT	 1
#define ESC_MS	 25 /* what follows an Esc sooner is a key's rest */
#define TEXT_MAX 512

struct top_screen {
	SCREEN *curses;
	bool colour;
};

enum {
	PAIR_GREEN = 1,
	PAIR_YELLOW,
	PAIR_RED
};

static void
colours(struct top_screen *s)
{
	s->colour = s->colour && has_colors();
	if (!s->colour)
		return;
	start_color();
	use_default_colors();
	init_pair(PAIR_GREEN, COLOR_GREEN, -1);
	init_pair(PAIR_YELLOW, COLOR_YELLOW, -1);
	init_pair(PAIR_RED, COLOR_RED, -1);
}

int
top_screen_open(struct top_screen **out, bool colour)
{
	struct top_screen *s = calloc(1, sizeof(*s));
	const char *move;

	*out = NULL;
	if (s == NULL)
		return -ENOMEM;
	s->colour = colour;
	s->curses = newterm(NULL, stdout, stdin);
	move = s->curses != NULL ? tigetstr("cup") : NULL;
	if (move == NULL || move == (const char *)-1) {
		top_screen_close(s);
		return -ENODEV;
	}
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(ESC_MS);
	curs_set(0);
	colours(s);
	*out = s;
	return 0;
}

void
top_screen_close(struct top_screen *s)
{
	if (s == NULL)
		return;
	if (s->curses != NULL) {
		endwin();
		delscreen(s->curses);
	}
	free(s);
}

void
top_screen_resize(struct top_screen *s)
{
	struct winsize ws;

	(void)s; /* curses has one screen at a time */
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_row > 0 &&
	    ws.ws_col > 0)
		resizeterm(ws.ws_row, ws.ws_col);
}

int
top_screen_key(struct top_screen *s)
{
	static const struct {
		int curses, ours;
	} keys[] = {{KEY_UP, TOP_KEY_UP}, {KEY_DOWN, TOP_KEY_DOWN},
	    {KEY_PPAGE, TOP_KEY_PAGE_UP}, {KEY_NPAGE, TOP_KEY_PAGE_DOWN},
	    {KEY_HOME, TOP_KEY_HOME}, {KEY_END, TOP_KEY_END},
	    {KEY_BACKSPACE, TOP_KEY_ERASE}, {KEY_ENTER, '\n'}};
	size_t i;
	int c = getch();

	(void)s; /* as above */
	if (c == ERR)
		return -1;
	for (i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		if (keys[i].curses == c)
			return keys[i].ours;
	}
	return c <= UCHAR_MAX ? c : 0;
}

size_t
top_screen_page(const struct top_screen *s)
{
	(void)s; /* as above */
	return LINES > HEAD + FOOT ? (size_t)(LINES - HEAD - FOOT) : 0;
}

/* A line of words, as far as it fits. */
static void
put(int y, int x, const char *text)
{
	if (y >= 0 && y < LINES && x < COLS)
		mvaddnstr(y, x, text, COLS - x);
}

static void
draw_agent(const struct top_picture *p)
{
	const json_t *totals = json_object_get(p->model, "totals");
	char text[TEXT_MAX], name[32], up[FORMAT_LEN], when[FORMAT_LEN];
	int64_t now_us = field_number(p->model, "now_us");

	snprintf(text, sizeof(text),
	    "cagentd %s, up %s: %lld clients, %lld tunnels, %lld waiting; %s%s",
	    format_quote(field_string(p->model, "version"), name, sizeof(name)),
	    format_between(field_number(p->model, "started_us"), now_us, up),
	    (long long)field_number(totals, "clients"),
	    (long long)field_number(totals, "tunnels"),
	    (long long)field_number(totals, "waiting"),
	    format_time(now_us, mono_wall_us(), when),
	    p->ui->paused ? ", paused" : "");
	put(0, 0, top_layout_ascii(text));
}

static void
draw_link(const struct top_picture *p)
{
	const json_t *totals = json_object_get(p->model, "totals");
	int64_t over_us = field_number(p->model, "interval_us");
	char text[TEXT_MAX], up[TOP_RATE_MAX], down[TOP_RATE_MAX];
	char span[FORMAT_LEN];

	if (p->trouble != NULL) {
		snprintf(text, sizeof(text), "%s", p->trouble);
		attron(A_REVERSE);
		put(1, 0, top_layout_ascii(text));
		attroff(A_REVERSE);
		return;
	}
	snprintf(text, sizeof(text), "up %s, down %s%s%s",
	    top_view_rate(totals, true, up), top_view_rate(totals, false, down),
	    over_us > 0 ? ", over " : "",
	    over_us > 0 ? format_span(over_us, span) : "");
	put(1, 0, text);
}

static void
draw_views(const struct top_picture *p)
{
	char text[TEXT_MAX];
	unsigned int v;
	int x = 0;

	for (v = 0; v < TOP_VIEWS; v++) {
		snprintf(text, sizeof(text), "%u %s (%zu)", v + 1,
		    top_view_name((enum top_view)v),
		    json_array_size(json_object_get(
			p->model, top_view_name((enum top_view)v))));
		if (v == p->ui->wish.view)
			attron(A_REVERSE);
		put(2, x, text);
		attroff(A_REVERSE);
		x += (int)strlen(text) + 2;
	}
}

static chtype
look_of(const struct top_screen *s, const struct field *f, const json_t *row)
{
	const char *colour = field_state_colour(field_string(row, f->name));

	if (!s->colour || f->kind != FIELD_STATE || colour == NULL)
		return A_NORMAL;
	if (strcmp(colour, "green") == 0)
		return COLOR_PAIR(PAIR_GREEN);
	return strcmp(colour, "yellow") == 0 ? COLOR_PAIR(PAIR_YELLOW)
					     : COLOR_PAIR(PAIR_RED);
}

/* row NULL: the titles. */
static void
draw_row(const struct top_screen *s, const struct top_layout *l, int y,
    const json_t *row, const struct field *sorted)
{
	const struct field *f;
	char text[TOP_CELL_MAX];
	chtype look;
	size_t i;

	for (i = 0; i < l->n; i++) {
		f = l->column[i].field;
		if (row != NULL)
			look = look_of(s, f, row);
		else
			look = f == sorted ? A_REVERSE : A_BOLD;
		attron(look);
		put(y, (int)l->column[i].at, top_layout_cell(l, i, row, text));
		attroff(look);
	}
}

static void
draw_table(const struct top_screen *s, const struct top_picture *p)
{
	enum top_view v = p->ui->wish.view;
	const json_t *rows = json_object_get(p->model, top_view_name(v));
	size_t n = json_array_size(rows), i, first = p->ui->first;
	size_t end = first + top_screen_page(s);
	struct top_layout l;

	if (end > n)
		end = n;
	top_layout(&l, top_view_fields(v), rows, first, end,
	    COLS > 0 ? (unsigned int)COLS : 1);
	draw_row(s, &l, HEAD - 1, NULL,
	    &top_view_fields(v)[p->ui->wish.order[v].column]);
	for (i = first; i < end; i++)
		draw_row(s, &l, HEAD + (int)(i - first),
		    json_array_get(rows, i), NULL);
	if (n == 0)
		put(HEAD, 0, "There is none.");
}

static void
draw_help(void)
{
	int i;

	for (i = 0; top_ui_help[i] != NULL; i++)
		put(HEAD - 1 + i, 0, top_ui_help[i]);
}

static void
draw_foot(const struct top_picture *p)
{
	char text[TEXT_MAX], span[FORMAT_LEN];
	bool filtered = p->ui->line[0] != '\0';

	if (p->ui->typing) {
		snprintf(text, sizeof(text), "/%s_", p->ui->line);
	} else {
		snprintf(text, sizeof(text),
		    "%s%s%sq quit  h help  1-4 views  < > sort  r reverse  "
		    "/ filter  p pause  + - every %s",
		    filtered ? "filter: " : "", p->ui->line,
		    filtered ? " (Esc clears)  " : "",
		    format_span(p->ui->wish.interval_us, span));
	}
	move(LINES - 1, 0);
	clrtoeol();
	put(LINES - 1, 0, top_layout_ascii(text));
}

void
top_screen_draw(struct top_screen *s, const struct top_picture *p)
{
	erase();
	if (p->clear)
		clearok(stdscr, TRUE);
	draw_agent(p);
	draw_link(p);
	draw_views(p);
	if (p->ui->help)
		draw_help();
	else
		draw_table(s, p);
	draw_foot(p);
	refresh();
}
