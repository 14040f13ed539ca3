/* The parameters of a request: what is taken, and that nothing else is. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "policyd/page/page_query.h"
#include "tests/unit/unit.h"

#define N(a)  (sizeof(a) / sizeof(*(a)))
#define NOW_S INT64_C(1800000000)
#define ALL   0x7f
#define NAME63                                                       \
	"a234567890123456789012345678901234567890123456789012345678" \
	"90123"

static const struct page_query_rules all = {ALL, 0};

static int
parse(const char *text, struct page_query *q)
{
	char why[PAGE_QUERY_WHY_MAX] = "";
	int rc = page_query_parse(text, &all, NOW_S, q, why);

	CHECK((rc == 0) == (why[0] == '\0'), "\"%s\": %d but \"%s\"", text, rc,
	    why);
	return rc;
}

static void
takes_all(void)
{
	struct page_query q;

	CHECK_INT(parse("group=new-york&name=hq-1&after=a.b_c&since=-60&"
			"before=7&limit=1000&trouble=1",
		      &q),
	    0);
	CHECK_STR(q.group, "new-york");
	CHECK_STR(q.name, "hq-1");
	CHECK_STR(q.after, "a.b_c");
	CHECK_INT(q.since_s, NOW_S - 60);
	CHECK_INT(q.before, 7);
	CHECK_INT(q.limit, 1000);
	CHECK_INT(q.trouble, 1);
	CHECK_INT(q.given, ALL);
}

static void
takes_none(void)
{
	struct page_query q;

	memset(&q, 0x55, sizeof(q));
	CHECK_INT(parse("", &q), 0);
	CHECK_INT(q.given, 0);
	CHECK_STR(q.group, "");
	CHECK_INT(q.since_s, 0);
	CHECK_INT(q.limit, 0);
}

static void
decodes(void)
{
	struct page_query q;
	char text[256], *at = text;
	const char *c;

	CHECK_INT(parse("group=h%71-%31", &q), 0);
	CHECK_STR(q.group, "hq-1");
	at += snprintf(text, sizeof(text), "name=");
	for (c = NAME63; *c != '\0'; c++)
		at += snprintf(at, 4, "%%%02X", (unsigned char)*c);
	CHECK_INT(parse(text, &q), 0);
	CHECK_STR(q.name, NAME63);
}

static void
times(void)
{
	static const struct {
		const char *text;
		int64_t want;
	} rows[] = {
	    {"since=0", 0},
	    {"since=1700000000", 1700000000},
	    {"since=1800000000", NOW_S},
	    {"since=1800000001", NOW_S},
	    {"since=4611686018427387903", NOW_S},
	    {"since=-0", NOW_S},
	    {"since=-1", NOW_S - 1},
	    {"since=-316224000", NOW_S - 316224000},
	};
	struct page_query q;
	size_t i;

	for (i = 0; i < N(rows); i++) {
		CHECK(parse(rows[i].text, &q) == 0 && q.since_s == rows[i].want,
		    "%s: %lld", rows[i].text, (long long)q.since_s);
	}
}

static void
refuses(void)
{
	static const char *const rows[] = {
	    "group",
	    "=",
	    "&",
	    "group=a&",
	    "&group=a",
	    "group=a&&name=b",
	    "group=",
	    "group=A",
	    "group=a b",
	    "group=a+b",
	    "group=*",
	    "group=a%00",
	    "group=a%00b",
	    "group=%",
	    "group=a%4",
	    "group=a%4g",
	    "group=..%2fetc",
	    "group=a=b",
	    "group=a&group=a",
	    "Group=a",
	    "groups=a",
	    "grou=a",
	    "group%3da",
	    "group=" NAME63 "4",
	    "name=\xc3\xa4",
	    "name='",
	    "name=<script>",
	    "since=",
	    "since=-",
	    "since=--1",
	    "since=+1",
	    "since=1.5",
	    "since=1e9",
	    "since=0x10",
	    "since= 1",
	    "since=-316224001",
	    "since=4611686018427387904",
	    "since=9223372036854775808",
	    "since=99999999999999999999999999999999",
	    "before=0",
	    "before=-1",
	    "before=x",
	    "limit=0",
	    "limit=1001",
	    "limit=-1",
	    "limit=",
	    "trouble=2",
	    "trouble=yes",
	    "unknown=1",
	    "group=a;name=b",
	    "group=a#",
	};
	struct page_query q;
	size_t i;

	for (i = 0; i < N(rows); i++)
		CHECK(
		    parse(rows[i], &q) == -EINVAL, "\"%s\" is taken", rows[i]);
}

/* A value of any length is refused, and nothing of it is repeated. */
static void
is_bounded(void)
{
	static char text[100000];
	char why[PAGE_QUERY_WHY_MAX] = "";
	struct page_query q;

	memset(text, 'a', sizeof(text) - 1);
	memcpy(text, "name=", 5);
	CHECK_INT(page_query_parse(text, &all, NOW_S, &q, why), -EINVAL);
	CHECK(strstr(why, "aaa") == NULL, "it says: %s", why);
	memset(text, '&', sizeof(text) - 1);
	CHECK_INT(page_query_parse(text, &all, NOW_S, &q, why), -EINVAL);
}

static void
obeys_rules(void)
{
	const struct page_query_rules series = {
	    PAGE_QUERY_GROUP | PAGE_QUERY_NAME | PAGE_QUERY_SINCE,
	    PAGE_QUERY_GROUP | PAGE_QUERY_NAME};
	const struct page_query_rules none = {0, 0};
	char why[PAGE_QUERY_WHY_MAX] = "";
	struct page_query q;

	CHECK_INT(
	    page_query_parse("group=a&name=b", &series, NOW_S, &q, why), 0);
	CHECK_INT(
	    page_query_parse("group=a", &series, NOW_S, &q, why), -EINVAL);
	CHECK_STR(why, "name: is required");
	CHECK_INT(page_query_parse("", &series, NOW_S, &q, why), -EINVAL);
	CHECK_STR(why, "group: is required");
	CHECK_INT(
	    page_query_parse("group=a&name=b&limit=1", &series, NOW_S, &q, why),
	    -EINVAL);
	CHECK_INT(page_query_parse("group=a", &none, NOW_S, &q, why), -EINVAL);
	CHECK_INT(page_query_parse("", &none, NOW_S, &q, why), 0);
}

static const struct unit_case cases[] = {
    {"takes every parameter", takes_all},
    {"takes none", takes_none},
    {"decodes what is percent-encoded", decodes},
    {"points in time", times},
    {"refuses what is not spelled so", refuses},
    {"is bounded, and quotes nothing", is_bounded},
    {"what is allowed and required", obeys_rules},
};
UNIT_MAIN("page_query", cases)
