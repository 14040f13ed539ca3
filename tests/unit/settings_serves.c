/* The sections [cache] and [service]: what they hold, share and refuse. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/settings.h"
#include "tests/unit/settings_sample.h"
#include "tests/unit/unit.h"

#define AT(kind, name)                           \
	"[" kind " \"" name "\"]\ntype = http\n" \
	"address = " name ".example:3128\n"

static void
holds_all_keys(void)
{
	const struct settings_intermediary *i;
	struct conf_errors e;
	struct settings *s;

	sample_parse(
	    AT("intermediary", "hq") AT("cache", "web") AT("cache",
		"deb") "weight = 3\nmax-connections = 7\n"
		       "domain = .Mirror.example\ndomain = other.example\n"
		       "port = 80\nport = 8000-8999\npath = /debian/\n"
		       "extension = .DEB\nextension = xz\n"
		       "content = Image/*\ncontent = text/html\n" AT(
			   "service", "notes") "content = text/html\n",
	    &s, &e);
	CHECK_STR(e.text, "");
	if (s == NULL)
		return;
	CHECK_INT(s->intermediaries_n, 4);
	CHECK_INT(s->tiers_n, 1);
	i = s->intermediaries;
	CHECK_INT(i[0].duty, DUTY_RANKED);
	CHECK_INT(i[0].cache_bit, 0);
	CHECK_INT(i[1].duty, DUTY_CACHE);
	CHECK_INT(i[1].cache_bit, 1);
	CHECK_INT(i[1].tier, 0);
	CHECK_INT(i[1].weight, 10);
	CHECK_INT(i[1].serves.domains_n + i[1].serves.contents_n, 0);
	CHECK_INT(i[2].duty, DUTY_CACHE);
	CHECK_INT(i[2].cache_bit, 2);
	CHECK_INT(i[2].weight, 3);
	CHECK_INT(i[2].connections_max, 7);
	CHECK_INT(i[2].serves.domains_n, 2);
	CHECK_STR(i[2].serves.domains[0], "mirror.example");
	CHECK_INT(i[2].serves.ports_n, 2);
	CHECK_INT(i[2].serves.ports[1].last, 8999);
	CHECK_INT(i[2].serves.paths_n, 1);
	CHECK_STR(i[2].serves.paths[0], "/debian/");
	CHECK_INT(i[2].serves.extensions_n, 2);
	CHECK_STR(i[2].serves.extensions[0], "deb");
	CHECK_INT(i[2].serves.contents_n, 2);
	CHECK_STR(i[2].serves.contents[0], "image/");
	CHECK_STR(i[2].serves.contents[1], "text/html");
	CHECK_INT(i[3].duty, DUTY_SERVICE);
	settings_unref(s);
}

static void
rules_name_them(void)
{
	struct conf_errors e;
	struct settings *s;

	sample_parse(AT("intermediary", "hq") AT("cache", "web") AT("service",
			 "notes") "path = /\n"
				  "[rule \"a\"]\nvia = cache web\n"
				  "[rule \"b\"]\nvia = service notes\n"
				  "[rule \"c\"]\nvia = intermediary hq\n",
	    &s, &e);
	CHECK_STR(e.text, "");
	if (s == NULL)
		return;
	CHECK_INT(s->rules[0].via, VIA_CACHE);
	CHECK_INT(s->rules[0].via_intermediary, 1);
	CHECK_INT(s->rules[1].via, VIA_SERVICE);
	CHECK_INT(s->rules[1].via_intermediary, 2);
	CHECK_INT(s->rules[2].via_intermediary, 0);
	settings_unref(s);
}

static const struct {
	const char *text, *want;
} refused[] = {
    {AT("service", "a"),
	"f:1: [service \"a\"]: expected 'content', 'path' or 'extension': "
	"what is it for?\n"},
    {AT("service", "a") "domain = x.example\n",
	"f:1: [service \"a\"]: expected 'content', 'path' or 'extension': "
	"what is it for?\n"},
    {"[cache \"a\"]\ntype = socks5\naddress = a:1\n",
	"f:1: [cache \"a\"]: expected the type http, as it gets HTTP "
	"requests\n"},
    {AT("cache", "a") "tier = 1\n", "f:4: unknown key 'tier' in [cache]"},
    {AT("cache", "a") "path = docs/\n",
	"f:4: 'path': expected how a path begins, like /docs/, found "
	"'docs/'\n"},
    {AT("cache", "a") "path = /docs/*\n", "f:4: 'path': expected"},
    {AT("cache", "a") "extension = tar.gz\n", "f:4: 'extension': expected"},
    {AT("cache", "a") "content = html\n", "f:4: 'content': expected"},
    {AT("cache", "a") "content = */*\n", "f:4: 'content': expected"},
    {AT("cache", "a") "content = text/\n", "f:4: 'content': expected"},
    {AT("cache", "a") "content = text/html; charset=utf-8\n",
	"f:4: 'content': expected"},
    {AT("intermediary", "a") AT("cache", "a"),
	"f:4: expected another name: 'a' is that of the [intermediary] at "
	"line 1\n"},
    {AT("intermediary", "a") "[rule \"r\"]\nvia = cache a\n",
	"f:5: expected the name of a [cache], found 'a'\n"},
    {AT("cache", "abc") "[rule \"r\"]\nvia = intermediary abc\n",
	"f:5: expected the name of an [intermediary], found 'abc'\n"},
    {AT("cache", "abcd") "[rule \"r\"]\nvia = cache abce\n",
	"did you mean 'abcd'?"},
    {"[agent]\nlisten = 127.0.0.1:3128\n[cache \"a\"]\ntype = http\n"
     "address = 127.0.0.1:3128\n",
	"f:3: [cache \"a\"]: its 'address' is the agent's own listener\n"},
};

static void
refuses(void)
{
	struct conf_errors e;
	struct settings *s;
	size_t i;

	for (i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		CHECK(sample_parse(refused[i].text, &s, &e) == -EINVAL,
		    "taken: %s", refused[i].text);
		CHECK(strstr(e.text, refused[i].want) != NULL, "%s gives: %s",
		    refused[i].text, e.text);
		settings_unref(s);
	}
}

static void
holds_its_limit(void)
{
	char text[SETTINGS_CACHES_MAX * 80 + 80];
	struct conf_errors e;
	struct settings *s;
	size_t len = 0;
	uint32_t i;

	for (i = 0; i <= SETTINGS_CACHES_MAX; i++) {
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		    "[cache \"c%u\"]\ntype = http\naddress = c:3128\n", i);
		if (i != SETTINGS_CACHES_MAX - 1)
			continue;
		CHECK_INT(sample_parse(text, &s, &e), 0);
		CHECK_INT(s->intermediaries[i].cache_bit, 1u << 31);
		settings_unref(s);
	}
	CHECK(sample_parse(text, &s, &e) == -EINVAL, "one too many");
	CHECK_STR(e.text, "f:97: expected at most 32 caches\n");
}

static void
a_policy_may_have_them(void)
{
	static const char own[] = "[policy]\nroot = /r\ndomain = ok.example\n"
				  "[cache \"own\"]\ntype = http\n"
				  "address = 192.0.2.9:3128\n";
	struct bundle *b = bundle_new();
	const struct {
		const char *body, *want;
		uint32_t n;
	} bodies[] = {
	    {"[intermediary \"i\"]\ntype = http\naddress = i.ok.example:1\n"
	     "[cache \"own\"]\ntype = http\naddress = c.ok.example:1\n"
	     "[cache \"more\"]\ntype = http\naddress = c.ok.example:1\n"
	     "domain = x.example\n"
	     "[rule \"r\"]\nvia = cache more\n",
		"", 3},
	    {"[cache \"c\"]\ntype = http\naddress = evil.example:80\n",
		"policy:1: [cache \"c\"]: this host's [policy] allows none at "
		"evil.example\n",
		0},
	    {"[service \"c\"]\ntype = http\naddress = c.ok.example:80\n"
	     "path = /\npassword-file = /etc/shadow\n",
		"a policy names no files", 0},
	    /* Which are no intermediaries to count on. */
	    {"[cache \"c\"]\ntype = http\naddress = c.ok.example:80\n",
		"expected at least 1 intermediaries", 0},
	};
	struct conf_errors e;
	struct settings *s;
	size_t i;

	bundle_put(b, SETTINGS_MAIN, "f", 1);
	bundle_put(b, "conf:f", own, strlen(own));
	for (i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		settings_parse_policy(
		    b, bodies[i].body, strlen(bodies[i].body), &s, &e);
		CHECK(bodies[i].n != 0 ? e.n == 0
				       : strstr(e.text, bodies[i].want) != NULL,
		    "%s gives: %s", bodies[i].body, e.text);
		CHECK_INT(s != NULL ? s->intermediaries_n : 0, bodies[i].n);
		settings_unref(s);
	}
	bundle_free(b);
}

static void
keeps_the_ranked(void)
{
	struct conf_errors e;
	struct settings *s;

	sample_parse(
	    AT("cache", "web") "domain = x.example\n" AT("intermediary", "a")
		AT("service", "notes") "path = "
				       "/\n" AT("intermediary", "b"),
	    &s, &e);
	CHECK_STR(e.text, "");
	if (s == NULL)
		return;
	settings_keep_ranked(s);
	CHECK_INT(s->intermediaries_n, 2);
	CHECK_STR(s->intermediaries[0].name, "a");
	CHECK_STR(s->intermediaries[1].name, "b");
	settings_unref(s);
}

static const struct unit_case cases[] = {
    {"hold all their keys", holds_all_keys},
    {"rules name them", rules_name_them},
    {"refuse, and say what and where", refuses},
    {"hold their limit", holds_its_limit},
    {"a policy may have them", a_policy_may_have_them},
    {"keeps the ranked alone", keeps_the_ranked},
};

UNIT_MAIN("settings_serves", cases)
