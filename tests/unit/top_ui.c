/* What keys do to the live view, and where its columns stand. */
#include "cagent-ctl/top/top_ui.h"

#include <stdio.h>
#include <string.h>

#include "cagent-ctl/top/top_layout.h"
#include "tests/unit/unit.h"

#define N(a)	  (sizeof(a) / sizeof(*(a)))
#define PAGE	  10
#define ROWS	  25
#define SECOND_US 1000000ll

static void
init(struct top_ui *ui)
{
	static const char *const args[] = {"user=login al", "x", NULL, "y"};
	struct top_wish w = {.interval_us = SECOND_US, .limit = -1};
	unsigned int v;

	for (v = 0; v < TOP_VIEWS; v++)
		w.order[v].column = top_view_first((enum top_view)v);
	w.filter.user = "login al";
	top_ui_init(ui, &w, args, N(args));
}

static enum top_act
press(struct top_ui *ui, int key)
{
	return top_ui_key(ui, key, PAGE, ROWS);
}

static void
words(struct top_ui *ui, const char *keys)
{
	for (; *keys != '\0'; keys++)
		press(ui, *keys);
}

static void
views(void)
{
	struct top_ui ui;

	init(&ui);
	ui.first = 7;
	CHECK_INT(press(&ui, '3'), TOP_ACT_PICK);
	CHECK_INT(ui.wish.view, TOP_CLASSES);
	CHECK_INT(ui.first, 0);
	CHECK_INT(press(&ui, '\t'), TOP_ACT_PICK);
	CHECK_INT(ui.wish.view, TOP_INTERMEDIARIES);
	press(&ui, '\t');
	CHECK_INT(ui.wish.view, TOP_TUNNELS);
	CHECK_INT(press(&ui, '5'), TOP_ACT_NONE);
	CHECK_INT(press(&ui, '0'), TOP_ACT_NONE);
	CHECK_INT(press(&ui, 0), TOP_ACT_NONE);
	CHECK_INT(press(&ui, 0xfe), TOP_ACT_NONE);
	CHECK_INT(press(&ui, TOP_KEY_END + 1), TOP_ACT_NONE);
	CHECK_INT(press(&ui, 'h'), TOP_ACT_DRAW);
	CHECK(ui.help, "no help");
	press(&ui, TOP_KEY_ESC);
	CHECK(!ui.help, "it does not go");
	CHECK(*ui.line != '\0', "the filter has gone with it");
	CHECK_INT(press(&ui, '\f'), TOP_ACT_CLEAR);
	CHECK_INT(press(&ui, 'q'), TOP_ACT_QUIT);
}

/* All the way around, over what is not shown. */
static void
sorting(void)
{
	const struct field *f = top_view_tunnels;
	struct top_ui ui;
	int first, column, n;

	init(&ui);
	first = ui.wish.order[TOP_TUNNELS].column;
	CHECK_INT(press(&ui, 'r'), TOP_ACT_PICK);
	CHECK(ui.wish.order[TOP_TUNNELS].reverse, "not the other way around");
	for (n = 0, column = -1; column != first && n < 50; n++) {
		CHECK_INT(press(&ui, n % 2 == 0 ? '>' : 's'), TOP_ACT_PICK);
		column = ui.wish.order[TOP_TUNNELS].column;
		CHECK(f[column].title != NULL, "%s", f[column].name);
	}
	CHECK_INT(n, 10);
	CHECK(!ui.wish.order[TOP_TUNNELS].reverse, "a new column's order");
	for (n = 0, column = -1; column != first && n < 50; n++) {
		press(&ui, n % 2 == 0 ? '<' : 'S');
		column = ui.wish.order[TOP_TUNNELS].column;
	}
	CHECK_INT(n, 10);
}

static void
filter(void)
{
	struct top_ui ui;
	int i;

	init(&ui);
	CHECK_STR(ui.line, "user=login al x");
	CHECK_STR(ui.wish.filter.user, "login al");
	press(&ui, TOP_KEY_ESC);
	CHECK_STR(ui.line, "");
	CHECK(ui.wish.filter.user == NULL, "it holds on");
	words(&ui, "/via=ab");
	CHECK_STR(ui.wish.filter.via, "ab");
	CHECK_INT(press(&ui, TOP_KEY_ERASE), TOP_ACT_PICK);
	CHECK_STR(ui.wish.filter.via, "a");
	/* What are commands elsewhere are letters here. */
	words(&ui, " q1");
	CHECK_STR(ui.wish.filter.texts[0], "q1");
	CHECK_INT(press(&ui, '\t'), TOP_ACT_NONE);
	CHECK_INT(press(&ui, 0x9b), TOP_ACT_NONE);
	CHECK_INT(press(&ui, TOP_KEY_DOWN), TOP_ACT_DRAW);
	CHECK_INT(press(&ui, '\r'), TOP_ACT_DRAW);
	CHECK_STR(ui.line, "via=a q1");
	CHECK_INT(press(&ui, 'q'), TOP_ACT_QUIT);
	words(&ui, "/");
	for (i = 0; i < 1000; i++)
		press(&ui, 'x');
	CHECK_INT(strlen(ui.line), TOP_LINE_MAX - 1);
	CHECK_INT(press(&ui, TOP_KEY_ESC), TOP_ACT_PICK);
	CHECK_STR(ui.line, "");
	CHECK(!ui.typing && ui.wish.filter.via == NULL, "not cleared");
	words(&ui, "/");
	press(&ui, '\b');
	CHECK_STR(ui.line, "");
}

static void
scrolling(void)
{
	static const struct {
		int key;
		size_t want;
	} keys[] = {{TOP_KEY_UP, 0}, {TOP_KEY_DOWN, 1}, {TOP_KEY_PAGE_DOWN, 11},
	    {TOP_KEY_PAGE_DOWN, 15}, {TOP_KEY_UP, 14}, {TOP_KEY_PAGE_UP, 4},
	    {TOP_KEY_PAGE_UP, 0}, {TOP_KEY_END, 15}, {TOP_KEY_DOWN, 15},
	    {TOP_KEY_HOME, 0}};
	struct top_ui ui;
	size_t i;

	init(&ui);
	for (i = 0; i < N(keys); i++) {
		CHECK_INT(press(&ui, keys[i].key), TOP_ACT_DRAW);
		CHECK(ui.first == keys[i].want, "step %zu: %zu", i, ui.first);
	}
	ui.first = 15;
	top_ui_bound(&ui, PAGE, 12);
	CHECK_INT(ui.first, 2);
	top_ui_bound(&ui, PAGE, 3);
	CHECK_INT(ui.first, 0);
	/* There is no room for any. */
	top_ui_key(&ui, TOP_KEY_PAGE_DOWN, 0, 3);
	top_ui_key(&ui, TOP_KEY_END, 0, 0);
	CHECK_INT(ui.first, 0);
}

static void
pace(void)
{
	struct top_ui ui;
	int i;

	init(&ui);
	CHECK_INT(press(&ui, '+'), TOP_ACT_PAUSE);
	CHECK_INT(ui.wish.interval_us, SECOND_US / 2);
	for (i = 0; i < 20; i++)
		press(&ui, '+');
	CHECK_INT(ui.wish.interval_us, SECOND_US / 10);
	for (i = 0; i < 20; i++)
		press(&ui, '-');
	CHECK_INT(ui.wish.interval_us, 60 * SECOND_US);
	ui.wish.interval_us = 3 * SECOND_US;
	press(&ui, '+');
	CHECK_INT(ui.wish.interval_us, 2 * SECOND_US);
	CHECK_INT(press(&ui, 'p'), TOP_ACT_PAUSE);
	CHECK(ui.paused, "it goes on");
	press(&ui, 'p');
	CHECK(!ui.paused, "it does not go on");
}

static json_t *
rows(void)
{
	return json_pack("[{s:s, s:s, s:s, s:s, s:i, s:n, s:I}]", "destination",
	    "a-host.of.a.name.that.is.long.example.com:443", "user",
	    "login \033[2J\u00e4", "class", "bulk", "via", "hq", "rate_up",
	    1500, "rate_down", "age_us", (json_int_t)3 * SECOND_US);
}

/* The titles and the row as lines, and whether they keep to the width. */
static size_t
lines(unsigned int width, char line[static 512])
{
	json_t *list = rows();
	char cell[TOP_CELL_MAX];
	struct top_layout l;
	size_t i;

	memset(line, ' ', 511);
	line[511] = '\0';
	top_layout(&l, top_view_tunnels, list, 0, 1, width);
	for (i = 0; i < l.n; i++) {
		top_layout_cell(&l, i, json_array_get(list, 0), cell);
		CHECK(strlen(cell) == l.column[i].width, "%s: %zu wide, not %u",
		    cell, strlen(cell), l.column[i].width);
		CHECK(l.column[i].at + l.column[i].width <= width,
		    "column %zu leaves a screen of %u", i, width);
		memcpy(line + l.column[i].at, cell, strlen(cell));
	}
	line[width] = '\0';
	json_decref(list);
	return l.n;
}

static void
layout(void)
{
	char line[512];
	unsigned int width;
	size_t n, was = 1;

	for (width = 1; width < 200; width++) {
		n = lines(width, line);
		CHECK(n >= was && n >= 1, "wider, and less is shown");
		was = n;
	}
	CHECK_INT(was, 10);
	CHECK(strstr(line, "example.com:443") != NULL, "%s", line);
	CHECK(strstr(line, "login ?[2J??") != NULL, "%s", line);
	CHECK(strstr(line, "  1.5k  ") != NULL, "%s", line);
	/* At 80 texts are shorter, and numbers whole. */
	lines(80, line);
	CHECK(strstr(line, "a-host.of") == line && strchr(line, '+') != NULL,
	    "%s", line);
	CHECK(strstr(line, "  1.5k  ") != NULL, "%s", line);
	CHECK(strstr(line, "3.0s") != NULL, "%s", line);
	CHECK_INT(lines(4, line), 1);
	CHECK_STR(line, "a-h+");
	CHECK_INT(lines(1, line), 1);
	CHECK_STR(line, "a");
}

static const struct unit_case cases[] = {
    {"views", views},
    {"sorting", sorting},
    {"filter", filter},
    {"scrolling", scrolling},
    {"pace", pace},
    {"layout", layout},
};

UNIT_MAIN("top_ui", cases)
