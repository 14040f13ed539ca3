/* Whom an agent reports to: the policy server, subscribers, how often. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/settings_sample.h"
#include "tests/unit/unit.h"

#define ALLOWED                                                       \
	"[policy]\nroot = /etc/cagent/root\nnetwork = 192.0.2.0/24\n" \
	"min-intermediaries = 0\n"
#define KEY_1 "CCGcTzoZiW9PzWX2MBnn2xqKNBFpOyHf8RgCuBfK3hw="
#define KEY_2 "CSGcTzoZiW9PzWX2MBnn2xqKNBFpOyHf8RgCuBfK3hw="
#define SUB(name, at, key) \
	"[subscriber \"" name "\"]\naddress = " at "\nkey = " key "\n"

static int
merge(const char *conf, const char *policy, struct settings **s,
    struct conf_errors *e)
{
	struct bundle *b = bundle_new();
	int error;

	CHECK_INT(bundle_put(b, SETTINGS_MAIN, "f", 1), 0);
	CHECK_INT(bundle_put(b, "conf:f", conf, strlen(conf)), 0);
	CHECK_INT(bundle_put(b, "host-name", "Web 7.example", 13), 0);
	error = settings_parse_policy(b, policy, strlen(policy), s, e);
	bundle_free(b);
	return error;
}

static struct settings *
must_merge(const char *conf, const char *policy)
{
	struct conf_errors e = {0};
	struct settings *s = NULL;

	CHECK_INT(merge(conf, policy, &s, &e), 0);
	CHECK_STR(e.text, "");
	if (s == NULL)
		abort();
	return s;
}

static void
servers(void)
{
	struct settings *s = must_merge(ALLOWED "server = P.Example:7443\n"
						"server = [2001:DB8::1]:1\n"
						"token-file = /t\nname = me\n"
						"report-interval = 1s\n",
	    "");

	CHECK_INT(s->policy_servers_n, 2);
	CHECK_STR(s->policy_servers[0].host, "p.example");
	CHECK_INT(s->policy_servers[0].port, 7443);
	CHECK_STR(s->policy_servers[1].host, "2001:db8::1");
	CHECK_STR(s->policy_token_file, "/t");
	CHECK_STR(s->report_name, "me");
	CHECK_INT(s->report_least_ms, 1000);
	CHECK(!s->policy_no_subscribers, "allowed");
	settings_unref(s);
}

static void
silence(void)
{
	struct settings *s = must_merge("[agent]\nworkers = 1\n", "");

	CHECK_INT(s->policy_servers_n, 0);
	CHECK_INT(s->subscribers_n, 0);
	CHECK_INT(s->reports_interval_ms, 0);
	CHECK_INT(s->report_least_ms, 10000);
	CHECK_STR(s->policy_token_file, "");
	CHECK_STR(s->report_name, "web-7.example");
	settings_unref(s);
}

/* Which needs no [policy]. */
static void
without_a_server(void)
{
	struct conf_errors e = {0};
	struct settings *s = NULL;

	CHECK_INT(sample_parse(SUB("own", "a.example:1",
				   KEY_1) "[reports]\ninterval = 9s\n",
		      &s, &e),
	    0);
	CHECK_STR(e.text, "");
	if (s == NULL)
		return;
	CHECK_INT(s->subscribers_n, 1);
	CHECK_INT(s->reports_interval_ms, 9000);
	CHECK(s->report_name[0] != '\0', "a name");
	settings_unref(s);
}

/* A policy's adds to the configuration's, which wins. */
static void
subscribers(void)
{
	struct settings *s = must_merge(
	    ALLOWED SUB("own", "a.example:1", KEY_1) "interval = 5m\n",
	    SUB("own", "b.example:2", KEY_2)
		SUB("own2", "192.0.2.9:3", KEY_1) "[reports]\ninterval = 2m\n");

	CHECK_INT(s->subscribers_n, 2);
	CHECK_STR(s->subscribers[0].name, "own");
	CHECK_STR(s->subscribers[0].at.host, "a.example");
	CHECK_INT(s->subscribers[0].at.port, 1);
	CHECK_INT(s->subscribers[0].interval_ms, 300000);
	CHECK_INT(s->subscribers[0].key[0], 0x08);
	CHECK_INT(s->subscribers[0].key[31], 0x1c);
	CHECK(!s->subscribers[0].by_policy, "own");
	CHECK_STR(s->subscribers[1].name, "own2");
	CHECK_INT(s->subscribers[1].interval_ms, 0);
	CHECK(s->subscribers[1].by_policy, "by policy");
	CHECK_INT(s->reports_interval_ms, 120000);
	settings_unref(s);
	s = must_merge(
	    ALLOWED "[reports]\ninterval = 3m\n", "[reports]\ninterval = 2m\n");
	CHECK_INT(s->reports_interval_ms, 180000);
	settings_unref(s);
}

/* Sixteen fit, whoever names them. */
static void
counts_them(void)
{
	char text[4096] = "", conf[4096], key[45] = KEY_1;
	struct conf_errors e = {0};
	struct settings *s;
	size_t used = 0;
	int i;

	for (i = 0; i < SETTINGS_SUBSCRIBERS_MAX; i++) {
		key[0] = (char)('C' + i);
		used += (size_t)snprintf(text + used, sizeof(text) - used,
		    "[subscriber \"s%d\"]\naddress = h:1\nkey = %s\n", i, key);
	}
	s = must_merge(ALLOWED, text);
	CHECK_INT(s->subscribers_n, SETTINGS_SUBSCRIBERS_MAX);
	settings_unref(s);
	snprintf(
	    conf, sizeof(conf), "%s%s", ALLOWED, SUB("one-more", "h:1", KEY_2));
	CHECK(merge(conf, text, &s, &e) != 0, "one more");
	CHECK(strstr(e.text, "expected at most 16 subscribers") != NULL, "%s",
	    e.text);
}

static const struct {
	const char *conf, *policy, *why;
} refused[] = {
    {ALLOWED "subscribers = no\n", SUB("x", "h:1", KEY_1),
	"policy:1: [subscriber \"x\"]: this host's [policy] allows none\n"},
    {ALLOWED "subscribers = maybe\n", "",
	"f:5: 'subscribers': expected yes or no, found 'maybe'\n"},
    {ALLOWED, SUB("x", "h", KEY_1), "policy:2: 'address': expected"},
    {ALLOWED, SUB("x", "h:0", KEY_1), "policy:2: 'address': expected"},
    {ALLOWED, SUB("x", "h:1", "AAAA"), "policy:3: 'key': expected a public"},
    {ALLOWED, SUB("x", "h:1", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
	"policy:3: 'key': expected a public"},
    {ALLOWED, SUB("x", "h:1", KEY_1 "="), "policy:3: 'key': expected a public"},
    {ALLOWED, "[subscriber \"x\"]\naddress = h:1\n", "policy:1: "},
    {ALLOWED, SUB("x", "h:1", KEY_1) SUB("y", "i:1", KEY_1),
	"policy:4: [subscriber \"y\"]: expected another key than that of "
	"'x'\n"},
    {ALLOWED, SUB("x y", "h:1", KEY_1), "policy:1: "},
    {ALLOWED, "[reports]\ninterval = 0s\n", "policy:2: 'interval': expected"},
    {ALLOWED, "[policy]\nserver = evil.example:1\n",
	"policy:1: unknown section [policy]\n"},
    {ALLOWED "server = nowhere\n", "", "f:5: 'server': expected an address"},
    {ALLOWED "token-file = here\n", "", "f:5: 'token-file': expected the"},
    {ALLOWED "name = A B\n", "", "f:5: expected a name of lower-case"},
    {ALLOWED "report-interval = 1ms\n", "", "f:5: 'report-interval': "},
};

static void
refuses(void)
{
	struct conf_errors e;
	struct settings *s;
	size_t i;

	for (i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		s = NULL;
		memset(&e, 0, sizeof(e));
		CHECK(merge(refused[i].conf, refused[i].policy, &s, &e) != 0,
		    "row %zu is accepted", i);
		CHECK(strncmp(e.text, refused[i].why, strlen(refused[i].why)) ==
			  0,
		    "row %zu: %s", i, e.text);
		CHECK(s == NULL, "row %zu: settings", i);
	}
}

static const struct unit_case cases[] = {
    {"servers", servers},
    {"silence", silence},
    {"without a server", without_a_server},
    {"subscribers", subscribers},
    {"counts them", counts_them},
    {"refuses", refuses},
};

UNIT_MAIN("settings_reports", cases)
