/* The file of those who may log in: what it may say, and what is said of what
 * it may not. */
#include "conf/users.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#define HASH                                                 \
	"$argon2id$v=19$m=8,t=1,p=1$JDOXSRG6Oexqet/jAqNtqw$" \
	"6X8/NGAvpCIMZzHCkCHcxqOeMGhWepACax6hi5iqHs0"
#define X63 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void
reads_lines(void)
{
	static const char text[] = "# who may\n\nzoe:" HASH "\n"
				   "alice@corp:" HASH "\n"
				   "M\xc3\xbcller:" HASH "\n" X63 ":" HASH;
	char why[USERS_WHY_MAX];
	struct users *u;

	CHECK_INT(users_parse("f", text, strlen(text), &u, why), 0);
	CHECK_STR(why, "");
	CHECK_INT(u->n, 4);
	CHECK(users_find(u, "zoe") != NULL, "zoe");
	CHECK(users_find(u, "M\xc3\xbcller") != NULL, "not of ASCII");
	CHECK(users_find(u, X63) != NULL, "the longest");
	CHECK(users_find(u, X63 "x") == NULL, "a longer one");
	CHECK(users_find(u, "Zoe") == NULL, "another");
	CHECK(users_find(u, "") == NULL, "nobody");
	CHECK_STR(users_find(u, "alice@corp")->hash, HASH);
	users_free(u);
}

static void
may_be_empty(void)
{
	char why[USERS_WHY_MAX];
	struct users *u;

	CHECK_INT(users_parse("f", "", 0, &u, why), 0);
	CHECK_INT(u->n, 0);
	CHECK(users_find(u, "zoe") == NULL, "nobody is there");
	users_free(u);
	users_free(NULL);
}

#define EXPECTED(name, text, what)                  \
	{                                           \
		name, text, sizeof(text) - 1, what, \
	}
static const struct {
	const char *name, *text;
	size_t len;
	const char *why;
} bad[] = {
    EXPECTED("no colon", "a:" HASH "\nalice\n",
	"f:2: expected name:hash, found no ':'"),
    EXPECTED("no name", ":" HASH, "f:1: expected a name that is not empty"),
    EXPECTED("twice", "a:" HASH "\n\nb:" HASH "\na:" HASH "\n",
	"f:4: expected each name once, found 'a', which stands at line 1 "
	"already"),
    EXPECTED("name too long", X63 "x:" HASH,
	"f:1: expected a name of at most 63 bytes"),
    EXPECTED("control character", "a\tb:" HASH,
	"f:1: expected a name without control characters"),
    EXPECTED("carriage return", "a:" HASH "\r\n",
	"f:1: expected a hash that ends in $SALT$HASH, both of base64"),
    EXPECTED("blank before", " a:" HASH,
	"f:1: expected a name without blanks around it"),
    EXPECTED("NUL", "a\0b:" HASH, "f:1: expected no NUL"),
    EXPECTED("line too long", "a:" HASH HASH HASH,
	"f:1: expected a line of at most 191 bytes"),
    EXPECTED("a password as it is", "a:secret",
	"f:1: expected a hash that begins with $argon2id$v=19$m="),
    EXPECTED("argon2i", "a:$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$YWFhYWE",
	"f:1: expected a hash that begins with $argon2id$v=19$m="),
    EXPECTED("too dear",
	"a:$argon2id$v=19$m=1048576,t=4,p=1$c2FsdHNhbHQ$YWFhYWFhYWFhYWFhYWFhYQ",
	"f:1: expected a hash that costs less: memory times passes of at most "
	"1 GiB, 16 lanes"),
    EXPECTED("a number that overflows",
	"a:$argon2id$v=19$m=99999999999999999999,t=4,p=1$c2FsdHNhbHQ$YWFhYWFh",
	"f:1: expected a hash that begins with $argon2id$v=19$m="),
    EXPECTED("less memory than lanes",
	"a:$argon2id$v=19$m=8,t=1,p=2$c2FsdHNhbHQ$YWFhYWFhYWFhYWFhYWFhYQ",
	"f:1: expected a hash with 8 KiB or more for each lane"),
    EXPECTED("no base64", "a:$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$YWFh%",
	"f:1: expected a hash that ends in $SALT$HASH, both of base64"),
    EXPECTED("salt too short",
	"a:$argon2id$v=19$m=8,t=1,p=1$c2Fs$YWFhYWFhYWFhYWFhYWFhYQ",
	"f:1: expected a hash that ends in $SALT$HASH, both of base64"),
};

static void
refuses_with_the_line(void)
{
	char why[USERS_WHY_MAX];
	struct users *u;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CHECK(users_parse("f", bad[i].text, bad[i].len, &u, why) ==
			  -EINVAL,
		    "%s", bad[i].name);
		CHECK(u == NULL, "%s", bad[i].name);
		CHECK(strcmp(why, bad[i].why) == 0, "%s: %s", bad[i].name, why);
		/* What slipped into the file may be a password. */
		CHECK(strstr(why, "secret") == NULL, "%s", why);
	}
}

static void
bounds_how_many(void)
{
	size_t size = (USERS_MAX + 1) * (sizeof(HASH) + 16), len = 0;
	char *text = malloc(size), why[USERS_WHY_MAX];
	struct users *u;
	int i;

	for (i = 0; i < USERS_MAX; i++)
		len += (size_t)snprintf(
		    text + len, size - len, "user%d:%s\n", i, HASH);
	CHECK_INT(users_parse("f", text, len, &u, why), 0);
	CHECK_INT(u->n, USERS_MAX);
	CHECK(users_find(u, "user9999") != NULL, "the last");
	users_free(u);
	len += (size_t)snprintf(text + len, size - len, "more:%s\n", HASH);
	CHECK_INT(users_parse("f", text, len, &u, why), -EINVAL);
	CHECK_STR(why, "f:10001: expected at most 10000 users");
	free(text);
}

static const struct unit_case cases[] = {
    {"reads lines", reads_lines},
    {"may be empty", may_be_empty},
    {"refuses with the line", refuses_with_the_line},
    {"bounds how many", bounds_how_many},
};

UNIT_MAIN("users", cases)
