/* Owns what the keys of the live view do; knows no terminal. */
#include "cagent-ctl/top/top_ui.h"

#include <stdio.h>
#include <string.h>

const char *const top_ui_help[] = {
    "1 2 3 4, Tab     tunnels, users, classes, intermediaries; the next one",
    "< >, S s         sorted by the column before, or after",
    "r                the other way around",
    "/                filter: class= user= via= host= or any text;",
    "                 Enter keeps it, Esc clears it",
    "arrows, PgUp, PgDn, Home, End",
    "p                pause, and go on",
    "+ -              look more often, less often",
    "h                this, and back",
    "Ctrl-L           paint the screen anew",
    "q                quit",
    NULL,
};

void
top_ui_init(struct top_ui *ui, const struct top_wish *wish,
    const char *const *args, size_t args_n)
{
	size_t i, len = 0;

	memset(ui, 0, sizeof(*ui));
	ui->wish = *wish;
	for (i = 0; i < args_n && args[i] != NULL && len < sizeof(ui->line);
	     i++)
		len += (size_t)snprintf(ui->line + len, sizeof(ui->line) - len,
		    "%s%s", i > 0 ? " " : "", args[i]);
}

static void
refilter(struct top_ui *ui)
{
	memcpy(ui->words, ui->line, sizeof(ui->words));
	top_filter_read(&ui->wish.filter, ui->words);
	ui->first = 0;
}

static enum top_act
type(struct top_ui *ui, int key)
{
	size_t len = strlen(ui->line);

	if (key == '\n' || key == '\r') {
		ui->typing = false;
		return TOP_ACT_DRAW;
	}
	if (key == TOP_KEY_ESC) {
		ui->typing = false;
		ui->line[0] = '\0';
	} else if (key == TOP_KEY_ERASE || key == '\b') {
		if (len > 0)
			ui->line[len - 1] = '\0';
	} else if (key >= ' ' && key <= '~' && len + 1 < sizeof(ui->line)) {
		ui->line[len] = (char)key;
		ui->line[len + 1] = '\0';
	} else {
		return TOP_ACT_NONE;
	}
	refilter(ui);
	return TOP_ACT_PICK;
}

static enum top_act
look_at(struct top_ui *ui, unsigned int view)
{
	ui->wish.view = (enum top_view)(view % TOP_VIEWS);
	ui->first = 0;
	ui->help = false;
	return TOP_ACT_PICK;
}

/* To the next column that is shown, or the one before. */
static enum top_act
sort_by(struct top_ui *ui, int step)
{
	const struct field *f = top_view_fields(ui->wish.view);
	struct top_order *order = &ui->wish.order[ui->wish.view];
	int n = 0, i;

	while (f[n].name != NULL)
		n++;
	for (i = 1; i <= n; i++) {
		order->column = (order->column + step + n) % n;
		if (f[order->column].title != NULL)
			break;
	}
	order->reverse = false;
	return TOP_ACT_PICK;
}

/* Up a list of intervals, or down. */
static enum top_act
pace(struct top_ui *ui, bool faster)
{
	static const int64_t ms[] = {
	    100, 200, 500, 1000, 2000, 5000, 10000, 30000, 60000};
	const size_t n = sizeof(ms) / sizeof(*ms);
	size_t i;

	if (faster) {
		for (i = n; i > 1 && ms[i - 1] * 1000 >= ui->wish.interval_us;)
			i--;
		ui->wish.interval_us = ms[i - 1] * 1000;
	} else {
		for (i = 0; i < n - 1 && ms[i] * 1000 <= ui->wish.interval_us;)
			i++;
		ui->wish.interval_us = ms[i] * 1000;
	}
	return TOP_ACT_PAUSE;
}

void
top_ui_bound(struct top_ui *ui, size_t page, size_t rows_n)
{
	size_t last = rows_n > page ? rows_n - page : 0;

	if (ui->first > last)
		ui->first = last;
}

static enum top_act
scroll(struct top_ui *ui, int key, size_t page, size_t rows_n)
{
	size_t by = key == TOP_KEY_UP || key == TOP_KEY_DOWN ? 1 : page;

	if (key == TOP_KEY_HOME)
		ui->first = 0;
	else if (key == TOP_KEY_END)
		ui->first = rows_n;
	else if (key == TOP_KEY_UP || key == TOP_KEY_PAGE_UP)
		ui->first = ui->first > by ? ui->first - by : 0;
	else
		ui->first += by;
	top_ui_bound(ui, page, rows_n);
	return TOP_ACT_DRAW;
}

static enum top_act
toggle(bool *what, enum top_act act)
{
	*what = !*what;
	return act;
}

static enum top_act
clear_filter(struct top_ui *ui)
{
	if (ui->help)
		return toggle(&ui->help, TOP_ACT_DRAW);
	ui->line[0] = '\0';
	refilter(ui);
	return TOP_ACT_PICK;
}

enum top_act
top_ui_key(struct top_ui *ui, int key, size_t page, size_t rows_n)
{
	struct top_order *order = &ui->wish.order[ui->wish.view];

	if (key == '\f')
		return TOP_ACT_CLEAR;
	if (ui->typing && key < TOP_KEY_UP)
		return type(ui, key);
	if (key >= '1' && key < '1' + TOP_VIEWS)
		return look_at(ui, (unsigned int)(key - '1'));
	if (key >= TOP_KEY_UP && key <= TOP_KEY_END)
		return scroll(ui, key, page, rows_n);
	switch (key) {
	case '\t':
		return look_at(ui, ui->wish.view + 1u);
	case '>':
	case 's':
		return sort_by(ui, 1);
	case '<':
	case 'S':
		return sort_by(ui, -1);
	case 'r':
		return toggle(&order->reverse, TOP_ACT_PICK);
	case 'p':
		return toggle(&ui->paused, TOP_ACT_PAUSE);
	case 'h':
	case '?':
		return toggle(&ui->help, TOP_ACT_DRAW);
	case '/':
		return toggle(&ui->typing, TOP_ACT_DRAW);
	case '+':
	case '-':
		return pace(ui, key == '+');
	case TOP_KEY_ESC:
		return clear_filter(ui);
	case 'q':
		return TOP_ACT_QUIT;
	default: /* any other character */
		return TOP_ACT_NONE;
	}
}
