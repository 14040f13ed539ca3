/* The INI grammar: what is accepted and what comes out. */
#include "base/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/conf_sample.h"
#include "tests/unit/unit.h"

static void
reads_all_types(void)
{
	static const char text[] = "; a comment\n# another\n\n"
				   "[main]\t ; the first\n"
				   "text = a;b#c   ; cut here\n"
				   "on=yes\n"
				   "number\t=\t-5\n"
				   "any = -9223372036854775808\n"
				   "wait = 2m\n"
				   "any-time = 1h  \n"
				   "  # indented comments are comments\n"
				   "   \t\n"
				   "size = 64k\n"
				   "colour = blue\n"
				   "word = one = two\n"
				   "word = drei [3]\n"
				   "word = \xc3\xa4 \xf0\x9f\x90\x99 \"q\" #\n";
	struct conf_errors e;
	struct config c;

	CHECK_INT(parse(text, sizeof(text) - 1, &c, &e), 0);
	CHECK_STR(e.text, "");
	CHECK_INT(e.n, 0);
	CHECK_STR(c.main.text, "a;b#c");
	CHECK(c.main.on, "on");
	CHECK_INT(c.main.number, -5);
	CHECK_INT(c.main.any, INT64_MIN);
	CHECK_INT(c.main.wait_ms, 120000);
	CHECK_INT(c.main.any_ms, 3600000);
	CHECK_INT(c.main.size, 65536);
	CHECK_INT(c.main.colour, 3);
	CHECK_INT(c.main.words_n, 3);
	CHECK_STR(c.main.words[0], "one = two");
	CHECK_STR(c.main.words[1], "drei [3]");
	CHECK_STR(c.main.words[2], "\xc3\xa4 \xf0\x9f\x90\x99 \"q\" #");
	CHECK_INT(c.main.words_line, 17);
}

static void
reads_units(void)
{
	static const struct {
		const char *text;
		int64_t ms, size;
	} cases[] = {
	    {"[main]\nwait = 100ms\nsize = 1024\n", 100, 1024},
	    {"[main]\nwait = 3s\nsize = 1m\n", 3000, 1 << 20},
	    {"[main]\nwait = 0002m\nsize = 1g\n", 120000, 1 << 30},
	};
	struct conf_errors e;
	struct config c;
	size_t i;

	for (i = 0; i < N(cases); i++) {
		CHECK_INT(
		    parse(cases[i].text, strlen(cases[i].text), &c, &e), 0);
		CHECK_INT(c.main.wait_ms, cases[i].ms);
		CHECK_INT(c.main.size, cases[i].size);
	}
}

static void
reads_line_ends(void)
{
	static const char *const cases[] = {
	    "[main]\r\ntext = a\r\non = yes\r\n",
	    "\xef\xbb\xbf[main]\ntext = a\non = yes\n",
	    "[main]\ntext = a\non = yes",
	    "[main]\r\ntext = a \t\r\non = yes\t",
	};
	struct conf_errors e;
	struct config c;
	size_t i;

	for (i = 0; i < N(cases); i++) {
		CHECK_INT(parse(cases[i], strlen(cases[i]), &c, &e), 0);
		CHECK_STR(c.main.text, "a");
		CHECK(c.main.on, "case %zu", i);
	}
	CHECK_INT(parse("", 0, &c, &e), 0);
	CHECK_INT(parse("\xef\xbb\xbf", 3, &c, &e), 0);
	CHECK_INT(c.begun, 0);
}

/* Beyond the 199 bytes of a line and the 49 of a name that inih knows. */
static void
reads_long_lines(void)
{
	static const char text[] = "[host \"" X50 X10 "xxx\"]\n"
				   "address = a ;" X1000 "y\n"
				   "weight = 7\n";
	struct conf_errors e;
	struct config c;

	CHECK_INT(parse(text, sizeof(text) - 1, &c, &e), 0);
	CHECK_STR(e.text, "");
	CHECK_STR(c.hosts[0].name, X50 X10 "xxx");
	CHECK_STR(c.hosts[0].address, "a");
	CHECK_INT(c.hosts[0].weight, 7);
}

static void
keeps_sections_apart(void)
{
	static const char text[] =
	    "[host \"b\"]\naddress = 1\n[main]\ntext = x\n"
	    "[host \"a b\"] ;c\naddress = 2\n[main]\non = on\n"
	    "[host \"c\" ]\naddress = 3\n";
	struct conf_errors e;
	struct config c;

	CHECK_INT(parse(text, sizeof(text) - 1, &c, &e), 0);
	CHECK_STR(e.text, "");
	CHECK_INT(c.begun, 1);
	CHECK(c.main.on, "the second part of [main]");
	CHECK_STR(c.main.text, "x");
	CHECK_STR(c.order, "b a b c ");
	CHECK_STR(c.hosts[1].address, "2");
}

/* No prefix of a good text does anything but succeed or be refused. */
static void
takes_every_prefix(void)
{
	static const char text[] = "\xef\xbb\xbf[main]\r\ntext = \xc3\xa4\n"
				   "wait = 250ms ; c\n[host \"a\"]\n"
				   "address = b\n";
	struct conf_errors e;
	struct config c;
	char *copy;
	size_t i;
	int r;

	for (i = 0; i < sizeof(text); i++) {
		copy = malloc(i + 1); /* so that a sanitizer sees an overrun */
		memcpy(copy, text, i);
		r = parse(copy, i, &c, &e);
		CHECK_INT(r == 0, e.n == 0);
		free(copy);
	}
	CHECK_INT(parse(text, sizeof(text) - 1, &c, &e), 0);
}

static void *
begin_arg(struct conf_ctx *ctx, void *config, const char *name)
{
	(void)config;
	(void)name;
	CHECK_INT(conf_errors_n(ctx), 0);
	CHECK_STR(conf_arg(ctx), "passed on");
	return config;
}

static void
passes_its_argument(void)
{
	static const struct conf_section rows[] = {
	    {.kind = "s", .options = single_options, .begin = begin_arg},
	    {.kind = NULL},
	};
	static char arg[] = "passed on";
	struct conf_errors e;
	struct config c;

	CHECK_INT(conf_parse("f", "[s]\n", 4, rows, &c, arg, &e), 0);
}

static const struct unit_case cases[] = {
    {"reads all types", reads_all_types},
    {"reads units", reads_units},
    {"reads CR LF, BOM, no last newline", reads_line_ends},
    {"reads long lines and names", reads_long_lines},
    {"keeps sections apart", keeps_sections_apart},
    {"takes every prefix", takes_every_prefix},
    {"passes its argument", passes_its_argument},
};

UNIT_MAIN("conf", cases)
