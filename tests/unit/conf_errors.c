/* The INI grammar: what is refused, where, and in which words. */
#include "base/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/conf_sample.h"
#include "tests/unit/unit.h"

#define H32 "hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh"

static const struct {
	const char *text;
	const char *errors;
} bad[] = {
    /* lines */
    {"[main]\n  text = a\n",
	"f:2: expected no blanks at the start of a line, found 'text = a'\n"},
    {"[main]\n\ttext = a\n",
	"f:2: expected no blanks at the start of a line, found 'text = a'\n"},
    {" [main]\n",
	"f:1: expected no blanks at the start of a line, found '[main]'\n"},
    {"[main]\ntext\n",
	"f:2: expected 'key = value' or a [section], found 'text'\n"},
    {"[main]\ntext: a\n",
	"f:2: expected 'key = value' or a [section], found 'text: a'\n"},
    {"[main]\ntext ; = a\n",
	"f:2: expected 'key = value' or a [section], found 'text ; = a'\n"},
    {"[main]\n= a\n",
	"f:2: expected 'key = value' or a [section], found '= a'\n"},
    {"[main]\nte xt = a\n",
	"f:2: expected 'key = value' or a [section], found 'te xt = a'\n"},
    {"[main]\nte.xt = a\n",
	"f:2: expected 'key = value' or a [section], found 'te.xt = a'\n"},
    {"[main]\n" H32 " = a\n",
	"f:2: expected a key of at most 31 bytes, found '" H32 "'\n"},
    {"[main]\ntext = " X1000 X10 "xxxxxxxx\n",
	"f:2: expected a line of at most 1024 bytes, found 1025\n"},
    {"[main]\ntext = \xff\n",
	"f:2: expected UTF-8, found the byte 0xff at column 8\n"},
    {"[main]\ntext = \xc0\xaf\n",
	"f:2: expected UTF-8, found the byte 0xc0 at column 8\n"},
    {"[main]\ntext = \xed\xa0\x80\n",
	"f:2: expected UTF-8, found the byte 0xed at column 8\n"},
    {"[main]\ntext = \xf4\x90\x80\x80\n",
	"f:2: expected UTF-8, found the byte 0xf4 at column 8\n"},
    {"[main]\ntext = \xe2\x82",
	"f:2: expected UTF-8, found the byte 0xe2 at column 8\n"},
    {"[main]\ntext = a\x80\n",
	"f:2: expected UTF-8, found the byte 0x80 at column 9\n"},
    {"[main]\n; \xff\n",
	"f:2: expected UTF-8, found the byte 0xff at column 3\n"},
    {"[main]\ntext = a\x1b[1m\n",
	"f:2: expected text, found the control character 0x1b at column 9\n"},
    {"[main]\ntext = a\rb\n",
	"f:2: expected text, found the control character 0x0d at column 9\n"},
    {"[main]\ntext = a\xc2\x9b\n",
	"f:2: expected text, found the control character 0x9b at column 9\n"},
    {"[main]\ntext = a\x7f\n",
	"f:2: expected text, found the control character 0x7f at column 9\n"},
    {"\xef\xbb\xbf\xef\xbb\xbf[main]\n",
	"f:1: expected 'key = value' or a [section], found "
	"'\xef\xbb\xbf[main]'\n"},
    {"text = a\n", "f:1: expected a section like [main] before 'text'\n"},
    {"text = a\non = yes\n",
	"f:1: expected a section like [main] before 'text'\n"},
    /* section headers */
    {"[main\n", "f:1: expected [kind] or [kind \"name\"], found '[main'\n"},
    {"[]\n", "f:1: expected [kind] or [kind \"name\"], found '[]'\n"},
    {"[ main]\n", "f:1: expected [kind] or [kind \"name\"], found '[ main]'\n"},
    {"[host \"a]\n",
	"f:1: expected [kind] or [kind \"name\"], found '[host \"a]'\n"},
    {"[host\"a\"]\n",
	"f:1: expected [kind] or [kind \"name\"], found '[host\"a\"]'\n"},
    {"[host a]\n",
	"f:1: expected [kind] or [kind \"name\"], found '[host a]'\n"},
    {"[host \"a\tb\"]\n",
	"f:1: expected [kind] or [kind \"name\"], found '[host \"a\tb\"]'\n"},
    {"[host \"a\" \"b\"]\n",
	"f:1: expected [kind] or [kind \"name\"], found '[host \"a\" "
	"\"b\"]'\n"},
    {"[host \"\"]\n",
	"f:1: expected a section name of 1 to 63 bytes, found 0\n"},
    {"[host \"" X50 X10 "xxxx\"]\n",
	"f:1: expected a section name of 1 to 63 bytes, found 64\n"},
    {"[" H32 "]\n",
	"f:1: expected a section kind of 1 to 31 bytes, found 32\n"},
    {"[main] x\n", "f:1: expected nothing after ']', found '[main] x'\n"},
    {"[main];x\n", "f:1: expected nothing after ']', found '[main];x'\n"},
    {"[nowhere]\nx = y\n", "f:1: unknown section [nowhere]\n"},
    {"[mian]\ntext = a\n",
	"f:1: unknown section [mian]; did you mean [main]?\n"},
    {"[Main]\n", "f:1: unknown section [Main]; did you mean [main]?\n"},
    {"[host]\n", "f:1: expected [host \"name\"], found [host]\n"},
    {"[main \"a\"]\n", "f:1: expected [main], found [main \"a\"]\n"},
    {"[host \"a\"]\naddress = a\n[host \"a\"]\nbad = 1\n",
	"f:3: [host \"a\"] stands at line 1 already\n"},
    {"[single \"a\"]\n[single \"b\"]\n",
	"f:2: expected one section of this kind, found another after "
	"[single \"a\"] at line 1\n"},
    /* a bad header does not let its keys fall into the section before */
    {"[main]\n[host \"x]\naddress = a\n",
	"f:2: expected [kind] or [kind \"name\"], found '[host \"x]'\n"},
    /* keys */
    {"[main]\nnothing = 1\n", "f:2: unknown key 'nothing' in [main]\n"},
    {"[main]\nnubmer = 1\n",
	"f:2: unknown key 'nubmer' in [main]; did you mean 'number'?\n"},
    {"[main]\nTEXT = a\n",
	"f:2: unknown key 'TEXT' in [main]; did you mean 'text'?\n"},
    {"[main]\nany_time = 1s\n",
	"f:2: unknown key 'any_time' in [main]; did you mean 'any-time'?\n"},
    {"[main]\nweight = 1\n",
	"f:2: unknown key 'weight' in [main]; it belongs to [host]\n"},
    {"[main]\ntext = a\n\ntext = b\n",
	"f:4: 'text' is set at line 2 already\n"},
    {"[main]\ntext = a\n[host \"a\"]\naddress = b\n[main]\ntext = c\n",
	"f:6: 'text' is set at line 2 already\n"},
    {"[host \"a\"]\nweight = 3\n[main]\n",
	"f:1: [host \"a\"] lacks 'address': expected an address like a:1\n"},
    {"\n\n[host \"a\"]",
	"f:3: [host \"a\"] lacks 'address': expected an address like a:1\n"},
    /* values */
    {"[main]\ntext =\n",
	"f:2: 'text': expected a text of at most 7 bytes, found nothing\n"},
    {"[main]\ntext = ; nothing\n",
	"f:2: 'text': expected a text of at most 7 bytes, found nothing\n"},
    {"[main]\nword =\n",
	"f:2: 'word': expected a word like hello, found nothing\n"},
    {"[main]\ntext = 12345678\n",
	"f:2: 'text': expected a text of at most 7 bytes, found '12345678'\n"},
    {"[main]\ntext = \"abc\"\n",
	"f:2: 'text': expected a value without quotes, found \"abc\"\n"},
    {"[main]\ntext = " X50 "\n",
	"f:2: 'text': expected a text of at most 7 bytes, found "
	"'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'\n"},
    {"[main]\non = maybe\n",
	"f:2: 'on': expected yes, no, true, false, on or off, found "
	"'maybe'\n"},
    {"[main]\non = 1\n",
	"f:2: 'on': expected yes, no, true, false, on or off, found '1'\n"},
    {"[main]\nnumber = 101\n",
	"f:2: 'number': expected a number from -5 to 100, found '101'\n"},
    {"[main]\nnumber = -6\n",
	"f:2: 'number': expected a number from -5 to 100, found '-6'\n"},
    {"[main]\nnumber = 0x10\n",
	"f:2: 'number': expected a number from -5 to 100, found '0x10'\n"},
    {"[main]\nnumber = +1\n",
	"f:2: 'number': expected a number from -5 to 100, found '+1'\n"},
    {"[main]\nnumber = 1.5\n",
	"f:2: 'number': expected a number from -5 to 100, found '1.5'\n"},
    {"[main]\nnumber = 1 # one\n",
	"f:2: 'number': expected a number from -5 to 100, found '1 # one'\n"},
    {"[main]\nnumber = -\n",
	"f:2: 'number': expected a number from -5 to 100, found '-'\n"},
    {"[main]\nany = 9223372036854775808\n",
	"f:2: 'any': expected a number, found '9223372036854775808'\n"},
    {"[main]\nwait = 500\n",
	"f:2: 'wait': expected a time like 250ms, 3s, 5m or 1h from 100ms to "
	"2m, found '500'\n"},
    {"[main]\nwait = 5d\n",
	"f:2: 'wait': expected a time like 250ms, 3s, 5m or 1h from 100ms to "
	"2m, found '5d'\n"},
    {"[main]\nwait = 5 s\n",
	"f:2: 'wait': expected a time like 250ms, 3s, 5m or 1h from 100ms to "
	"2m, found '5 s'\n"},
    {"[main]\nwait = -1s\n",
	"f:2: 'wait': expected a time like 250ms, 3s, 5m or 1h from 100ms to "
	"2m, found '-1s'\n"},
    {"[main]\nwait = 99ms\n",
	"f:2: 'wait': expected a time like 250ms, 3s, 5m or 1h from 100ms to "
	"2m, found '99ms'\n"},
    {"[main]\nwait = 121s\n",
	"f:2: 'wait': expected a time like 250ms, 3s, 5m or 1h from 100ms to "
	"2m, found '121s'\n"},
    {"[main]\nany-time = 9223372036854775807h\n",
	"f:2: 'any-time': expected a time like 250ms, 3s, 5m or 1h, found "
	"'9223372036854775807h'\n"},
    {"[main]\nsize = 1t\n",
	"f:2: 'size': expected a size like 64k, 1m or 2g from 1k to 1g, found "
	"'1t'\n"},
    {"[main]\nsize = 2g\n",
	"f:2: 'size': expected a size like 64k, 1m or 2g from 1k to 1g, found "
	"'2g'\n"},
    {"[main]\nsize = 1023\n",
	"f:2: 'size': expected a size like 64k, 1m or 2g from 1k to 1g, found "
	"'1023'\n"},
    {"[main]\ncolour = gren\n",
	"f:2: 'colour': expected red, green or blue, found 'gren'; did you "
	"mean 'green'?\n"},
    {"[main]\ncolour = black\n",
	"f:2: 'colour': expected red, green or blue, found 'black'\n"},
    {"[main]\nword = generic\n",
	"f:2: 'word': expected a word like hello, found 'generic'\n"},
    {"[main]\nword = own\n", "f:2: own words for 'own'\n"},
    /* end() speaks of lines too, and only of sections that are whole */
    {"\n[main]\nnumber = 42\nword = w\n",
	"f:4: 42 forbids this word\nf:2: 42 forbids this section\n"},
    {"\n[main]\nnumber = 42\nword = w\nother = 1\n",
	"f:5: unknown key 'other' in [main]\n"},
    /* all of them in one pass */
    {"[main]\non = x\nsize = y\n[host \"a\"]\n[what]\n[main]\nfoo = 1\n",
	"f:2: 'on': expected yes, no, true, false, on or off, found 'x'\n"
	"f:3: 'size': expected a size like 64k, 1m or 2g from 1k to 1g, found "
	"'y'\n"
	"f:5: unknown section [what]\n"
	"f:7: unknown key 'foo' in [main]\n"
	"f:4: [host \"a\"] lacks 'address': expected an address like a:1\n"},
    {"[host \"a\"]\naddress = a\n[host \"b\"]\naddress = a\n"
     "[host \"c\"]\naddress = a\n[host \"d\"]\naddress = a\n"
     "[host \"e\"]\naddress = a\n",
	"f:9: expected at most 4 hosts\n"},
};

static void
refuses(void)
{
	struct conf_errors e;
	struct config c;
	size_t i;

	for (i = 0; i < N(bad); i++) {
		CHECK_INT(
		    parse(bad[i].text, strlen(bad[i].text), &c, &e), -EINVAL);
		CHECK_STR(e.text, bad[i].errors);
	}
}

static void
refuses_nul(void)
{
	static const char text[] = "[main]\ntext = a\0b\non = yes\n";
	struct conf_errors e;
	struct config c;

	CHECK_INT(parse(text, sizeof(text) - 1, &c, &e), -EINVAL);
	CHECK_STR(e.text,
	    "f:2: expected text, found the control character 0x00 at column "
	    "9\n");
	CHECK(c.main.on, "the line after the bad one was not read");
	CHECK_STR(c.main.text, "");
}

static void
a_bad_value_leaves_the_default(void)
{
	static const char text[] = "[main]\nnumber = 1000\nsize = x\n";
	struct conf_errors e;
	struct config c = {.main = {.number = 7, .size = 9}};

	CHECK_INT(
	    conf_parse("f", text, sizeof(text) - 1, sections, &c, NULL, &e),
	    -EINVAL);
	CHECK_INT(c.main.number, 7);
	CHECK_INT(c.main.size, 9);
}

static void
gives_up_after_enough_errors(void)
{
	static char text[1000 * 8 + 7];
	struct conf_errors e;
	struct config c;
	size_t i, lines = 0;

	memcpy(text, "[main]\n", 7);
	for (i = 0; i < 1000; i++)
		memcpy(text + 7 + i * 8, "bad = 1\n", 8);
	CHECK_INT(parse(text, sizeof(text), &c, &e), -EINVAL);
	CHECK_INT(e.n, CONF_ERRORS_MAX);
	for (i = 0; e.text[i] != '\0'; i++)
		lines += e.text[i] == '\n';
	CHECK_INT(lines, CONF_ERRORS_MAX);
	CHECK(strstr(e.text, "f:21: ") != NULL, "got %s", e.text);
}

/* The longest errors, from a file with a long name, still end in newlines. */
static void
cuts_long_errors(void)
{
	static char text[20 * 200];
	char name[400];
	struct conf_errors e;
	struct config c = {.hosts_n = 0};
	size_t i, at = 0, lines = 0;

	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	at += (size_t)snprintf(text, sizeof(text), "[main]\n");
	for (i = 0; i < 20; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at,
		    "wait = \xf0\x9f\x90\x99%s\n", X50 X50);
	conf_parse(name, text, at, sections, &c, NULL, &e);
	CHECK_INT(e.n, CONF_ERRORS_MAX);
	for (i = 0; e.text[i] != '\0'; i++)
		lines += e.text[i] == '\n';
	CHECK_INT(lines, CONF_ERRORS_MAX);
	CHECK(strncmp(e.text, "...nnn", 6) == 0, "got %.20s", e.text);
}

static void
bounds_the_whole(void)
{
	size_t size = (size_t)CONF_FILE_MAX + 1, i, at = 0;
	char *text = malloc(size);
	struct conf_errors e;
	struct config c;

	memset(text, '\n', size);
	CHECK_INT(parse(text, size, &c, &e), -EINVAL);
	CHECK_STR(
	    e.text, "f:1: expected at most 4194304 bytes, found 4194305\n");
	CHECK_INT(parse(text, size - 1, &c, &e), 0);
	memset(text, 'x', 1 << 20);
	CHECK_INT(parse(text, size - 1, &c, &e), -EINVAL);
	CHECK_STR(e.text,
	    "f:1: expected a line of at most 1024 bytes, found 1048576\n");
	for (i = 0; i <= CONF_SECTIONS_MAX; i++)
		at += (size_t)snprintf(
		    text + at, size - at, "[many \"%zu\"]\n", i);
	{
		const struct conf_section many[] = {
		    {.kind = "many",
			.named = true,
			.repeats = true,
			.options = single_options,
			.begin = begin_single},
		    {.kind = NULL},
		};

		CHECK_INT(
		    conf_parse("f", text, at, many, &c, NULL, &e), -EINVAL);
		CHECK_STR(e.text,
		    "f:16385: expected at most 16384 sections, found more\n");
	}
	free(text);
}

static const struct unit_case cases[] = {
    {"refuses, and says what and where", refuses},
    {"refuses NUL", refuses_nul},
    {"a bad value leaves the default", a_bad_value_leaves_the_default},
    {"gives up after enough errors", gives_up_after_enough_errors},
    {"cuts long errors", cuts_long_errors},
    {"bounds the whole", bounds_the_whole},
};

UNIT_MAIN("conf_errors", cases)
