/* A policy's body, merged into the configuration: what it may do, and what
 * it may not. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/settings_sample.h"
#include "tests/unit/unit.h"

#define ALLOWED                                                               \
	"[policy]\nroot = /etc/cagent/root\nnetwork = 192.0.2.0/24\nnetwork " \
	"= 2001:db8::/32\ndomain = .proxies.example\n"
#define LOCAL                                                     \
	ALLOWED "[intermediary \"own\"]\ntype = http\naddress = " \
		"proxy.local:3128\n[rule \"own\"]\nport = 25\nvia = deny\n"
#define ONE "[intermediary \"one\"]\ntype = socks5\naddress = 192.0.2.1:1080\n"

static int
merge(const char *conf, const char *policy, struct settings **s,
    struct conf_errors *e)
{
	struct bundle *b = bundle_new();
	int error;

	CHECK_INT(bundle_put(b, SETTINGS_MAIN, "f", 1), 0);
	CHECK_INT(bundle_put(b, "conf:f", conf, strlen(conf)), 0);
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
adds(void)
{
	struct settings *s = must_merge(LOCAL,
	    ONE "tier = gold\n"
		"[intermediary \"two\"]\ntype = http\n"
		"address = a.proxies.example:80\ntier = 2\nweight = 3\n"
		"[tier \"gold\"]\nrank = 3\n"
		"[direct]\ndomain = .corp.example\nnetwork = 10.0.0.0/8\n"
		"[rule \"theirs\"]\ndomain = bulk.example\nclass = bulk\n"
		"via = intermediary two\n"
		"[limits]\nattempts = 7\nhedge-percent = 0\n");

	CHECK(s->policy_in_force, "in force");
	CHECK_INT(s->intermediaries_n, 3);
	CHECK_STR(s->intermediaries[0].name, "own");
	CHECK(!s->intermediaries[0].by_policy, "own");
	CHECK_STR(s->intermediaries[1].name, "one");
	CHECK(s->intermediaries[1].by_policy, "by policy");
	CHECK_INT(s->intermediaries[1].tier, 3);
	CHECK_INT(s->intermediaries[2].weight, 3);
	CHECK_INT(s->tiers_n, 3);
	CHECK_INT(s->direct_domains_n, 1);
	CHECK_INT(s->direct_networks_n, 1);
	CHECK_INT(s->rules_n, 2);
	CHECK_STR(s->rules[0].name, "own");
	CHECK_STR(s->rules[1].name, "theirs");
	CHECK_INT(s->rules[1].via_intermediary, 2);
	CHECK_INT(s->attempts, 7);
	CHECK_INT(s->hedge_percent, 0);
	CHECK_INT(s->attempts_each, 2);
	settings_unref(s);
}

/* By name, number by number, and rule by rule. */
static void
the_configuration_wins(void)
{
	struct settings *s = must_merge(LOCAL "[tier \"gold\"]\nrank = 5\n"
					      "[agent]\nattempts = 3\n"
					      "attempt-timeout = 9s\n"
					      "dial-timeout = 20s\n",
	    "[intermediary \"own\"]\ntype = socks5\naddress = 192.0.2.9:1\n"
	    "[intermediary \"one\"]\ntype = socks5\naddress = 192.0.2.1:1\n"
	    "tier = gold\n[tier \"gold\"]\nrank = 1\n"
	    "[rule \"own\"]\nport = 25\nvia = intermediary one\n"
	    "[rule \"two\"]\nport = 26\nvia = intermediary own\n"
	    "[limits]\nattempts = 8\nattempt-timeout = 1s\nattempts-each = 1\n");

	CHECK_INT(s->intermediaries_n, 2);
	CHECK_STR(s->intermediaries[0].host, "proxy.local");
	CHECK_STR(s->intermediaries[1].name, "one");
	CHECK_INT(s->intermediaries[1].tier, 5);
	CHECK_INT(s->rules[0].via, VIA_DENY);
	CHECK_INT(s->rules[1].via_intermediary, 1);
	CHECK_INT(s->rules[2].via_intermediary, 0);
	CHECK_INT(s->attempts, 3);
	CHECK_INT(s->attempt_timeout_ms, 9000);
	CHECK_INT(s->attempts_each, 1);
	settings_unref(s);
}

/* Networks of which one holds another are all taken, in their order: the
 * first rule that matches is the host's own. */
static void
networks_overlap(void)
{
	struct settings *s = must_merge(LOCAL
	    "[rule \"inner\"]\nnetwork = 10.1.2.0/24\nvia = deny\n",
	    "[direct]\nnetwork = 10.0.0.0/8\nnetwork = 10.1.0.0/16\n"
	    "network = 10.0.0.0/8\n"
	    "[rule \"outer\"]\nnetwork = 10.0.0.0/8\nvia = direct\n"
	    "[rule \"same\"]\nnetwork = 10.1.2.0/24\nvia = direct\n");

	CHECK_INT(s->direct_networks_n, 3);
	CHECK_INT(s->rules_n, 4);
	CHECK_STR(s->rules[0].name, "own");
	CHECK_STR(s->rules[1].name, "inner");
	CHECK_INT(s->rules[1].via, VIA_DENY);
	CHECK_STR(s->rules[2].name, "outer");
	CHECK_STR(s->rules[3].name, "same");
	settings_unref(s);
}

/* Each whole, with the reason. */
static const struct {
	const char *conf, *policy, *why;
} refused[] = {
    {LOCAL, "[intermediary \"x\"]\ntype = socks5\naddress = 6.6.6.6:1080\n",
	"policy:1: [intermediary \"x\"]: this host's [policy] allows none at "
	"6.6.6.6\n"},
    {LOCAL, "[intermediary \"x\"]\ntype = http\naddress = evil.example:80\n",
	"policy:1: [intermediary \"x\"]: this host's [policy] allows none at "
	"evil.example\n"},
    {LOCAL,
	"[intermediary \"x\"]\ntype = http\naddress = "
	"notproxies.example:80\n",
	"policy:1: [intermediary \"x\"]: this host's [policy] allows none at "
	"notproxies.example\n"},
    {LOCAL, ONE "username = a\npassword-file = /etc/shadow\n",
	"policy:5: 'password-file': a policy names no files\n"},
    {LOCAL, "[agent]\nlisten = 0.0.0.0:1080\n",
	"policy:1: unknown section [agent]\n"},
    {LOCAL, "[access]\nnetwork = 0.0.0.0/0\n",
	"policy:1: unknown section [access]\n"},
    {LOCAL, "[policy]\nnetwork = 0.0.0.0/0\n",
	"policy:1: unknown section [policy]\n"},
    {LOCAL, "[direct]\nlearn = 0.0.0.0/0\n", "policy:2: unknown key 'learn'"},
    {LOCAL, ONE ONE, "policy:4: [intermediary \"one\"]"},
    {LOCAL, ONE "tier = 1\ntier = 1\n", "policy:5: "},
    {LOCAL, ONE "colour = red\n", "policy:4: unknown key 'colour'"},
    {LOCAL, "[intermediary \"x\"]\ntype = socks5\n",
	"policy:1: [intermediary \"x\"] lacks 'address'"},
    {LOCAL, "[intermediary \"x\"]\naddress = 192.0.2.1:1\n",
	"policy:1: [intermediary \"x\"] lacks 'type'"},
    {LOCAL, ONE "tier = 0\n", "policy:4: "},
    {LOCAL, ONE "tier = 1001\n", "policy:4: "},
    {LOCAL, ONE "weight = 0\n", "policy:4: 'weight': expected a number"},
    {LOCAL, ONE "weight = 1001\n", "policy:4: 'weight': expected a number"},
    {LOCAL, ONE "weight = 4294967297\n", "policy:4: 'weight': expected"},
    {LOCAL, "[intermediary \"\xff\"]\ntype = socks5\n",
	"policy:1: expected UTF-8"},
    {LOCAL, "[intermediary \"a\x1b[1m\"]\ntype = socks5\n", "policy:1: "},
    {LOCAL, "[tier \"a\"]\nrank = 1\n[tier \"a\"]\nrank = 2\n", "policy:3: "},
    {LOCAL, "[rule \"r\"]\nvia = deny\nport = 1\n[rule \"r\"]\nvia = direct\n",
	"policy:4: "},
    {LOCAL, "[rule \"r\"]\nnetwork = 192.0.2.1/24\nvia = deny\n",
	"policy:2: 'network': "},
    {LOCAL, ONE "\x1b and trailing bytes", "policy:4: "},
    {LOCAL, "[limits]\nattempts = 99\n", "policy:2: 'attempts': expected"},
    {LOCAL, "[limits]\nattempt-timeout = 9s\ndial-timeout = 1s\n",
	"policy:1: expected an 'attempt-timeout' of at most the "
	"'dial-timeout' of 1000ms, found 9000ms\n"},
    {ALLOWED, "[limits]\nattempts = 2\n",
	"policy: expected at least 1 intermediaries, as this host's [policy] "
	"says, found 0\n"},
    {ALLOWED "max-intermediaries = 1\n",
	ONE "[intermediary \"b\"]\ntype = socks5\naddress = 192.0.2.2:1\n",
	"policy: expected at most 1 intermediaries, as this host's [policy] "
	"says, found 2\n"},
    {LOCAL, ONE "tier = 1\n[tier \"a\"]\nrank = 2\n[tier \"b\"]\nrank = 2\n",
	"policy:7: expected another rank for tier 'b'"},
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

/* Where nobody allowed one, a policy is as good as none. */
static void
needs_leave(void)
{
	struct settings *s = must_merge("[agent]\nworkers = 1\n", ONE);

	CHECK(!s->policy_in_force, "not in force");
	CHECK_INT(s->intermediaries_n, 0);
	settings_unref(s);
}

static void
stays_without_one(void)
{
	struct conf_errors e = {0};
	struct settings *s = NULL;

	CHECK_INT(sample_parse(ALLOWED, &s, &e), 0);
	CHECK_STR(e.text, "");
	CHECK(!s->policy_in_force, "none is there");
	CHECK_INT(s->attempts, 4);
	settings_unref(s);
	CHECK(sample_parse("[policy]\nroot = /r\n", &s, &e) != 0, "no place");
	CHECK_STR(e.text,
	    "f:1: expected a 'network' or a 'domain': where may a policy's "
	    "intermediaries be?\n");
}

/* A number of the default follows one that was said, whoever said it. */
static void
times_agree(void)
{
	struct settings *s = must_merge(LOCAL, "[limits]\ndial-timeout = 2s\n");

	CHECK_INT(s->attempt_timeout_ms, 2000);
	settings_unref(s);
	s = must_merge(LOCAL "[agent]\nattempt-timeout = 7s\n",
	    "[limits]\ndial-timeout = 5s\n");
	CHECK_INT(s->attempt_timeout_ms, 7000);
	CHECK_INT(s->dial_timeout_ms, 7000);
	settings_unref(s);
}

static int
read_alone(const char *body, struct settings **s, struct conf_errors *e)
{
	const struct settings_body b = {body, strlen(body), 3, 17};

	return settings_read_policy("body", &b, s, e);
}

/* As whoever makes one reads it: no configuration, any place. */
static void
reads_it_alone(void)
{
	struct conf_errors e;
	struct settings *s;

	CHECK_INT(
	    read_alone(ONE
		"tier = gold\nusername = u\n"
		"[intermediary \"two\"]\ntype = http\n"
		"address = far.example:80\nweight = 3\ntier = 4\n"
		"[tier \"gold\"]\nrank = 2\nreserved-for = critical\n"
		"[rule \"r\"]\nuser = nobody-has-this-name\nvia = tier 4\n"
		"[limits]\nattempts = 7\n",
		&s, &e),
	    0);
	CHECK_STR(e.text, "");
	if (s == NULL)
		return;
	CHECK(s->policy_in_force, "in force");
	CHECK_INT(s->policy_epoch, 3);
	CHECK_INT(s->policy_serial, 17);
	CHECK_INT(s->intermediaries_n, 2);
	CHECK(s->intermediaries[0].by_policy, "by policy");
	CHECK_INT(s->intermediaries[0].tier, 2);
	CHECK_STR(s->intermediaries[1].host, "far.example");
	CHECK_INT(s->intermediaries[1].weight, 3);
	CHECK_INT(s->tiers_n, 2);
	CHECK_INT(s->tiers[0].reserved_for, 1 << CLASS_CRITICAL);
	CHECK_INT(s->rules[0].via_tier, 4);
	CHECK_INT(s->attempts, 7);
	CHECK_INT(s->listeners_n, 0);
	settings_unref(s);
	CHECK_INT(read_alone("", &s, &e), 0);
	CHECK_INT(s->intermediaries_n, 0);
	settings_unref(s);
}

static void
reads_no_nonsense_alone(void)
{
	static const struct {
		const char *body, *why;
	} bad[] = {
	    {"[agent]\nworkers = 1\n", "body:1: unknown section [agent]\n"},
	    {ONE "password-file = /etc/shadow\n",
		"body:4: 'password-file': a policy names no files\n"},
	    {"[rule \"r\"]\nvia = intermediary own\n",
		"body:2: expected the name of an [intermediary], found 'own'"},
	    {ONE "tier = gold\n", "body:4: expected a rank from 1 to 1000"},
	    {"[limits]\nattempt-timeout = 9s\ndial-timeout = 1s\n",
		"body:1: expected an 'attempt-timeout' of at most"},
	};
	struct conf_errors e;
	struct settings *s;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CHECK(read_alone(bad[i].body, &s, &e) != 0 && s == NULL,
		    "row %zu is accepted", i);
		CHECK(strncmp(e.text, bad[i].why, strlen(bad[i].why)) == 0,
		    "row %zu: %s", i, e.text);
	}
}

static const struct unit_case cases[] = {
    {"adds", adds},
    {"networks overlap", networks_overlap},
    {"the configuration wins", the_configuration_wins},
    {"refuses", refuses},
    {"needs leave", needs_leave},
    {"stays without one", stays_without_one},
    {"times agree", times_agree},
    {"reads it alone", reads_it_alone},
    {"reads no nonsense alone", reads_no_nonsense_alone},
};

UNIT_MAIN("settings_policy", cases)
