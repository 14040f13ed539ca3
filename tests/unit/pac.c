/* The script for browsers: what it lists, and that nothing in it gets out of
 * its place.  What it does is shown by tests/integ/front.c. */
#include "cagentd/decide/pac.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/settings_sample.h"
#include "tests/unit/unit.h"

static struct settings *
parse(const char *text)
{
	struct settings *s = NULL;
	struct conf_errors e = {0};

	CHECK(
	    sample_parse(text, &s, &e) == 0 && s != NULL, "sample: %s", e.text);
	return s;
}

/* free() it. */
static char *
script(const struct settings *s, const char *at)
{
	size_t len = pac_encode(s, at, NULL, 0);
	char *text = malloc(len + 1);

	CHECK_INT(pac_encode(s, at, text, len + 1), len);
	CHECK_INT(strlen(text), len);
	return text;
}

/* The part between two texts; to be freed. */
static char *
part(const char *text, const char *from, const char *to)
{
	const char *start = strstr(text, from), *end;

	CHECK(start != NULL, "no %s", from);
	if (start == NULL)
		return strdup("");
	start += strlen(from);
	end = strstr(start, to);
	CHECK(end != NULL, "no end %s", to);
	return strndup(start, end != NULL ? (size_t)(end - start) : 0);
}

static void
check_part(const char *conf, const char *from, const char *want)
{
	struct settings *s = parse(conf);
	char *text = script(s, "127.0.0.1:1080");
	char *got = part(text, from, "  \"\": 1\n};");

	CHECK_STR(got, want);
	free(got);
	free(text);
	settings_unref(s);
}

static void
names_us_alone(void)
{
	struct settings *s = parse("");
	char *text = script(s, "[::1]:1080");

	CHECK(strstr(text,
		  "agent = \"PROXY [::1]:1080; SOCKS5 [::1]:1080\";") != NULL,
	    "no way around us: %s", text);
	free(text);
	settings_unref(s);

	s = parse("[agent]\nno-path = direct\n");
	text = script(s, "a:1");
	CHECK(strstr(text, "\"PROXY a:1; SOCKS5 a:1; DIRECT\";") != NULL,
	    "where the agent would go direct: %s", text);
	free(text);
	settings_unref(s);
}

#define HOPS                                    \
	"[intermediary \"a\"]\ntype = socks5\n" \
	"address = 192.0.2.1:1080\ntier = 1\n"

static void
lists_what_is_direct(void)
{
	static const char conf[] =
	    "[direct]\nnetwork = 10.0.0.0/8\nnetwork = 192.0.2.128/25\n"
	    "network = 0.0.0.0/0\nnetwork = fd00::/8\nnetwork = ::1\n"
	    "domain = corp.example\ndomain = __proto__\n";
	char want[512];

	snprintf(want, sizeof(want),
	    "  \".corp.example\": 1,\n  \".__proto__\": 1,\n"
	    "  \"400001010\": 1,\n  \"41100000000000000000000101\": 1,\n"
	    "  \"4\": 1,\n  \"611111101\": 1,\n  \"6%0127d1\": 1,\n",
	    0);
	check_part(conf, "var direct = {\n", want);
	check_part("", "var direct = {\n", "");
}

static void
leaves_to_us_what_rules_speak_of(void)
{
	static const char conf[] =
	    HOPS "[direct]\ndomain = corp.example\n"
		 "[rule \"1\"]\ndomain = secret.corp.example\nvia = deny\n"
		 "[rule \"2\"]\ndomain = fast.example\nvia = direct\n"
		 "[rule \"3\"]\ndomain = bulk.example\nclass = bulk\n"
		 "[rule \"4\"]\nnetwork = 128.0.0.0/1\nvia = tier 1\n"
		 "[rule \"5\"]\ndomain = x.example\nvia = intermediary a\n";

	check_part(conf, "var ruled = {\n",
	    "  \".secret.corp.example\": 1,\n  \"41\": 1,\n"
	    "  \".x.example\": 1,\n");
	check_part(conf, "var direct = {\n", "  \".corp.example\": 1,\n");
	/* One that may match any destination. */
	check_part("[direct]\ndomain = corp.example\n"
		   "[rule \"1\"]\nuser = someone\nvia = deny\n",
	    "var direct = {\n", "");
}

static void
quotes_whatever_a_name_holds(void)
{
	struct settings *s = parse("[direct]\ndomain = corp.example\n");
	char *text, *got;

	memcpy(s->direct_domains[0], "a\"\\\n\377b", 7);
	text = script(s, "a:1");
	got = part(text, "var direct = {\n", "  \"\": 1\n};");
	CHECK_STR(got, "  \".a\\x22\\x5c\\x0a\\xffb\": 1,\n");
	free(got);
	free(text);
	settings_unref(s);
}

static void
cuts_what_does_not_fit(void)
{
	struct settings *s = parse("");
	size_t len = pac_encode(s, "a:1", NULL, 0), cap;
	char *text = malloc(len + 2);

	for (cap = 0; cap <= len + 1; cap += 7) {
		memset(text, 'x', len + 2);
		CHECK_INT(pac_encode(s, "a:1", text, cap), len);
		CHECK(text[cap] == 'x', "nothing beyond %zu", cap);
		CHECK(cap == 0 || memchr(text, '\0', cap) != NULL,
		    "an end within %zu", cap);
	}
	free(text);
	settings_unref(s);
}

static const struct unit_case cases[] = {
    {"names us alone", names_us_alone},
    {"lists what is direct", lists_what_is_direct},
    {"leaves to us what rules speak of", leaves_to_us_what_rules_speak_of},
    {"quotes whatever a name holds", quotes_whatever_a_name_holds},
    {"cuts what does not fit", cuts_what_does_not_fit},
};

UNIT_MAIN("pac", cases)
