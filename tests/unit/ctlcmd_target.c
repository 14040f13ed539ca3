/* Destinations as people give them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cagent-ctl/target.h"
#include "tests/unit/unit.h"

#define N(a)	(sizeof(a) / sizeof(*(a)))
#define L63	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define L61	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define NAME253 L63 "." L63 "." L63 "." L61

static void
understands(void)
{
	static const struct {
		const char *text, *want;
		bool guessed;
	} cases[] = {
	    {"example.com:8080", "example.com:8080", false},
	    {"example.com", "example.com:443", true},
	    {"EXAMPLE.com.:1", "example.com:1", false},
	    {"192.0.2.1:65535", "192.0.2.1:65535", false},
	    {"192.0.2.1", "192.0.2.1:443", true},
	    {"[2001:db8::1]:443", "[2001:db8::1]:443", false},
	    {"[2001:db8::1]", "[2001:db8::1]:443", true},
	    {"2001:db8::1", "[2001:db8::1]:443", true},
	    {"::1", "[::1]:443", true},
	    {"http://example.com", "example.com:80", true},
	    {"HTTP://example.com/", "example.com:80", true},
	    {"https://example.com/a/b?c=d#e", "example.com:443", true},
	    {"https://example.com:8443/x:1", "example.com:8443", false},
	    {"https://user:p@ss@example.com/", "example.com:443", true},
	    {"http://u@[::1]:8/", "[::1]:8", false},
	    {"http://[::1]", "[::1]:80", true},
	    {"https://example.com?x=http://other:1", "example.com:443", true},
	    {"https://example.com/@other:1", "example.com:443", true},
	    {"https://example.com#@other", "example.com:443", true},
	    {"https://example.com\\@other", "example.com:443", true},
	    {"ssh://git@example.com/repo", "example.com:22", true},
	    {"git://example.com", "example.com:9418", true},
	    {"example.com/x?u=http://other", "example.com:443", true},
	    {"example.com:", "example.com:443", true},
	    {"gopher://example.com:70", "example.com:70", false},
	    {"a:00080", "a:80", false},
	    {NAME253, NAME253 ":443", true},
	};
	char got[WIRE_HOST_STRLEN];
	struct target t;
	size_t i;
	int rc;

	for (i = 0; i < N(cases); i++) {
		rc = target_parse(cases[i].text, &t);
		CHECK(rc == 0, "\"%s\": %s", cases[i].text, t.why);
		if (rc != 0)
			continue;
		CHECK_STR(wire_host_format(&t.host, got), cases[i].want);
		CHECK(t.guessed == cases[i].guessed, "\"%s\": guessed is %d",
		    cases[i].text, t.guessed);
	}
}

static void
refuses(void)
{
	static const char *const texts[] = {"", ":80", "http://", "http:///x",
	    "http://:80", "a:0", "a:65536", "a:99999999999999999999",
	    "a:18446744073709551617", "a:-1", "a:+1", "a:80x", "a: 80",
	    "gopher://a", "://a", "[::1", "[::1]x", "[::1]80", "[]:80",
	    "[::1]:0", "::1:x", "a b", "a\nb:80", "user@", "127.1:80",
	    "0x7f000001:80", "a..b", NAME253 "a", "http://a b/"};
	struct target t;
	size_t i;
	int rc;

	for (i = 0; i < N(texts); i++) {
		rc = target_parse(texts[i], &t);
		CHECK(rc == -EINVAL, "\"%s\" is taken", texts[i]);
		CHECK(rc == 0 || (t.why != NULL && *t.why != '\0'),
		    "\"%s\": no word on why", texts[i]);
	}
}

/* Any length comes from a command line. */
static void
long_ones(void)
{
	const size_t len = 128 << 10;
	char *text = malloc(len + 1);
	static const char fill[] = "a:@/[]\\.0";
	struct target t;
	size_t i;

	if (text == NULL)
		exit(1);
	text[len] = '\0';
	for (i = 0; i < sizeof(fill) - 1; i++) {
		memset(text, fill[i], len);
		CHECK(target_parse(text, &t) == -EINVAL,
		    "128 KiB of '%c' are taken", fill[i]);
	}
	free(text);
}

static void
keeps_the_path_of_http(void)
{
	static const struct {
		const char *text, *path; /* NULL: none is kept */
	} cases[] = {
	    {"http://example.com", ""},
	    {"HTTP://u:p@example.com:8080/a/b.html?c=/d#e", "/a/b.html"},
	    {"http://example.com?c=d", ""},
	    {"http://example.com/#e", "/"},
	    {"https://example.com/a", NULL},
	    {"example.com/a", NULL},
	    {"http:u@example.com/a", NULL},
	};
	struct target t;
	size_t i;

	for (i = 0; i < N(cases); i++) {
		if (target_parse(cases[i].text, &t) != 0) {
			CHECK(cases[i].path == NULL, "%s", cases[i].text);
			continue;
		}
		CHECK((t.path == NULL) == (cases[i].path == NULL), "%s",
		    cases[i].text);
		if (t.path != NULL)
			CHECK(
			    t.path_len == strlen(cases[i].path) &&
				memcmp(t.path, cases[i].path, t.path_len) == 0,
			    "%s: %.*s", cases[i].text, (int)t.path_len, t.path);
	}
}

static const struct unit_case cases[] = {
    {"understands URLs, hosts and ports", understands},
    {"refuses what is none", refuses},
    {"over-long ones", long_ones},
    {"keeps the path of http", keeps_the_path_of_http},
};

UNIT_MAIN("ctlcmd_target", cases)
