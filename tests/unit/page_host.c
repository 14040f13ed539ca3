/* Which names of loopback a Host header may bear. */
#include "policyd/page/page_host.h"
#include "tests/unit/unit.h"

#define N(a) (sizeof(a) / sizeof(*(a)))

static void
takes(void)
{
	static const char *const rows[] = {"localhost", "LocalHost",
	    "localhost:7480", "localhost:1", "127.0.0.1", "127.0.0.1:65535",
	    "127.1.2.3:80", "[::1]", "[::1]:7480"};
	size_t i;

	for (i = 0; i < N(rows); i++)
		CHECK(page_host_is_loopback(rows[i]), "%s", rows[i]);
}

static void
refuses(void)
{
	static const char *const rows[] = {"", ":", ":80", "evil.example",
	    "evil.example:7480", "localhost.", "localhost.evil.example",
	    "localhostx", "xlocalhost", "127.0.0.1.evil.example", "127.1",
	    "2130706433", "0x7f000001", "0.0.0.0", "10.0.0.1", "128.0.0.1",
	    "[::1", "[::1]x", "[::1]:", "[::1]:123456", "::1", "[::2]",
	    "[::ffff:127.0.0.1]", "localhost:", "localhost:x",
	    "localhost:80:80", "localhost:123456", "localhost :80",
	    " localhost", "localhost@evil.example", "127.0.0.1/",
	    "127.0.0.1,evil.example"};
	size_t i;

	for (i = 0; i < N(rows); i++)
		CHECK(!page_host_is_loopback(rows[i]), "%s", rows[i]);
}

static const struct unit_case cases[] = {
    {"names of loopback", takes},
    {"all others", refuses},
};
UNIT_MAIN("page_host", cases)
