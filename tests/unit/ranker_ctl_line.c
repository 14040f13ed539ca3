/* A request's line to the policy server, taken apart. */
#include "policyd/ranker/ranker_ctl_line.h"

#include <string.h>

#include "tests/unit/unit.h"

#define N(a) (sizeof(a) / sizeof(*(a)))

static const char *
parse(struct ranker_ctl_line *l, const char *text)
{
	return ranker_ctl_line_parse(l, text, strlen(text));
}

static void
words(void)
{
	struct ranker_ctl_line l;

	CHECK(parse(&l, "status") == NULL, "one word");
	CHECK_INT(l.words_n, 1);
	CHECK(ranker_ctl_arg(&l, 0) == NULL, "an argument");
	CHECK(parse(&l, "why hq-1 york") == NULL, "three words");
	CHECK_INT(l.words_n, 3);
	CHECK_STR(l.words[0], "why");
	CHECK_STR(ranker_ctl_arg(&l, 0), "hq-1");
	CHECK_STR(ranker_ctl_arg(&l, 1), "york");
	CHECK(ranker_ctl_arg(&l, 2) == NULL, "a third argument");
	CHECK_STR(ranker_ctl_value("use=hq-1", "use"), "hq-1");
	CHECK_STR(ranker_ctl_value("use=", "use"), "");
	CHECK(ranker_ctl_value("used=hq-1", "use") == NULL, "used");
	CHECK(ranker_ctl_value("use", "use") == NULL, "no =");
}

/* The reason is free text to the end, but only as an argument of that name. */
static void
reason(void)
{
	struct ranker_ctl_line l;

	CHECK(parse(&l, "use use=a for=60 why=new  disks, use=b ") == NULL,
	    "blanks in a reason");
	CHECK_INT(l.words_n, 4);
	CHECK_STR(ranker_ctl_arg(&l, 2), "why=new  disks, use=b ");
	CHECK(parse(&l, "use why= not=a") == NULL, "an empty reason");
	CHECK_STR(ranker_ctl_arg(&l, 0), "why= not=a");
	CHECK(parse(&l, "why hq-1  york") != NULL, "two blanks");
}

static void
bad(void)
{
	static const char *const all[] = {"", " ", " status", "status ", "a  b",
	    "status\r", "a\tb", "a \x7f", "a \xff", "a \xc3", "use why=\033[2J",
	    "use why=\xed\xa0\x80"};
	static char line[PDCTL_LINE_MAX + 2];
	struct ranker_ctl_line l;
	size_t i;

	for (i = 0; i < N(all); i++)
		CHECK(parse(&l, all[i]) != NULL, "%zu is taken", i);
	CHECK(ranker_ctl_line_parse(&l, "a\0b", 3) != NULL, "NUL is taken");
	memset(line, 'x', sizeof(line));
	CHECK(ranker_ctl_line_parse(&l, line, PDCTL_LINE_MAX) == NULL,
	    "as long as may be");
	CHECK(ranker_ctl_line_parse(&l, line, PDCTL_LINE_MAX + 1) != NULL,
	    "too long");
	for (i = 0; i < sizeof(line); i++)
		line[i] = i % 2 == 0 ? 'x' : ' ';
	CHECK(ranker_ctl_line_parse(&l, line, 2 * PDCTL_WORDS_MAX - 1) == NULL,
	    "as many words as may be");
	CHECK_INT(l.words_n, PDCTL_WORDS_MAX);
	CHECK(ranker_ctl_line_parse(&l, line, 2 * PDCTL_WORDS_MAX + 1) != NULL,
	    "too many words");
}

static void
numbers(void)
{
	static const char *const all[] = {"", "-1", "+1", " 1", "1 ", "0x1",
	    "1e3", "101", "99999999999999999999"};
	int64_t n = -1;
	size_t i;

	CHECK(ranker_ctl_number("0", 0, 100, &n) && n == 0, "0");
	CHECK(ranker_ctl_number("100", 0, 100, &n) && n == 100, "100");
	CHECK(!ranker_ctl_number("0", 1, 100, &n), "too little");
	for (i = 0; i < N(all); i++)
		CHECK(!ranker_ctl_number(all[i], 0, 100, &n), "\"%s\"", all[i]);
}

static const struct unit_case cases[] = {
    {"words", words},
    {"a reason", reason},
    {"bad lines", bad},
    {"numbers", numbers},
};

UNIT_MAIN("ranker_ctl_line", cases)
