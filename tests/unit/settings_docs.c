/* The example file and the manual page against the tables of keys. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "conf/settings_build.h"
#include "tests/unit/settings_sample.h"
#include "tests/unit/unit.h"

/* Tests are run from the top of the source. */
#define EXAMPLE "etc/cagentd.ini"
#define MANUAL	"doc/cagentd.ini.5"

static const struct {
	const char *kind;
	const struct conf_option *options;
	bool commented; /* in the example */
} kinds[] = {
    {"agent", settings_agent_options, false},
    {"access", settings_access_options, true},
    {"direct", settings_direct_options, true},
    {"policy", settings_policy_options, true},
    {"reports", settings_reports_options, true},
    {"subscriber", settings_subscriber_options, true},
    {"link", settings_link_options, true},
    {"class", settings_class_options, true},
    {"tier", settings_tier_options, true},
    {"intermediary", settings_intermediary_options, true},
    {"cache", settings_cache_options, true},
    {"service", settings_service_options, true},
    {"user", settings_user_options, true},
    {"login", settings_user_options, true},
    {"rule", settings_rule_options, true},
};

static bool
is_named(const char *kind)
{
	static const char *const named[] = {"tier", "intermediary", "cache",
	    "service", "rule", "subscriber", "user", "login", "class"};
	size_t i;

	for (i = 0; i < sizeof(named) / sizeof(*named); i++) {
		if (strcmp(kind, named[i]) == 0)
			return true;
	}
	return false;
}

#define KINDS_N (sizeof(kinds) / sizeof(*kinds))

static char *
read_text(const char *path)
{
	char *text = NULL;
	size_t len;
	int error = conf_read_file(path, CONF_FILE_MAX, false, &text, &len);

	CHECK(error == 0, "%s: %s", path, strerror(-error));
	return error == 0 ? text : strdup("");
}

static void
the_example_is_the_defaults(void)
{
	char *text = read_text(EXAMPLE);
	struct conf_errors e;
	struct settings *s;
	int error = sample_parse(text, &s, &e);

	CHECK_STR(e.text, "");
	CHECK_INT(error, 0);
	CHECK_INT(s->intermediaries_n + s->rules_n + s->tiers_n, 0);
	settings_unref(s);
	free(text);
}

/* With every line in force that shows a key or a section. */
static char *
uncommented(const char *text)
{
	char *out = strdup(text), *to = out;
	bool start = true;

	for (; *text != '\0'; text++) {
		if (!(start && text[0] == ';' && text[1] != ' '))
			*to++ = *text;
		start = *text == '\n';
	}
	*to = '\0';
	return out;
}

/* What it shows as defaults are the defaults, as far as they have one. */
static void
the_example_shows_the_defaults(void)
{
	char *text = read_text(EXAMPLE), *all = uncommented(text);
	struct settings *s = NULL, *defaults = NULL;
	struct conf_errors e;

	sample_parse(all, &s, &e);
	CHECK_STR(e.text, "");
	sample_parse("", &defaults, &e);
	if (s == NULL || defaults == NULL)
		return;
	CHECK_INT(s->nameservers_n, 1);
	CHECK_INT(s->intermediaries_n, 3);
	CHECK_INT(s->rules_n, 1);
	CHECK_INT(s->policy_servers_n, 1);
	CHECK_INT(s->subscribers_n, 1);
	CHECK_INT(s->report_least_ms, defaults->report_least_ms);
	CHECK_INT(s->policy_no_subscribers, defaults->policy_no_subscribers);
	/* All of [agent] lies between these two but for the examples. */
	memset(s->nameservers, 0, sizeof(s->nameservers));
	s->nameservers_n = 0;
	memset(&s->check_target, 0, sizeof(s->check_target));
	memset(s->decisions, 0, sizeof(s->decisions));
	CHECK(memcmp(s->listeners, defaults->listeners,
		  offsetof(struct settings, access) -
		      offsetof(struct settings, listeners)) == 0,
	    "a default in %s is not the default", EXAMPLE);
	CHECK_INT(s->access_n, defaults->access_n);
	CHECK(memcmp(s->access, defaults->access,
		  s->access_n * sizeof(*s->access)) == 0,
	    "the default of [access]");
	CHECK_INT(s->intermediaries[0].weight, 10);
	CHECK_INT(s->intermediaries[0].tier, 1);
	settings_unref(s);
	settings_unref(defaults);
	free(text);
	free(all);
}

/* From the section's heading to the next one's, as a string of its own. */
static char *
part(const char *text, const char *heading, const char *next)
{
	const char *from = strstr(text, heading);
	const char *to;

	CHECK(from != NULL, "no '%s'", heading);
	if (from == NULL)
		return strdup("");
	from += strlen(heading);
	to = strstr(from, next);
	return to != NULL ? strndup(from, (size_t)(to - from)) : strdup(from);
}

static void
check_keys(const char *text, const struct conf_option *o, const char *before,
    const char *after)
{
	char want[64];

	for (; o->key != NULL; o++) {
		snprintf(want, sizeof(want), "%s%s%s", before, o->key, after);
		CHECK(strstr(text, want) != NULL, "no '%s'", want + 1);
	}
}

static void
both_have_every_key(void)
{
	char *example = read_text(EXAMPLE), *manual = read_text(MANUAL);
	char heading[64], *section;
	size_t i;

	for (i = 0; i < KINDS_N; i++) {
		snprintf(heading, sizeof(heading), "\n%s[%s",
		    kinds[i].commented ? ";" : "", kinds[i].kind);
		section = part(example, heading, "\n;[");
		check_keys(section, kinds[i].options, "\n;", " = ");
		free(section);
		snprintf(heading, sizeof(heading), "\n.Ss Section%s %s\n",
		    is_named(kinds[i].kind) ? "s" : "", kinds[i].kind);
		section = part(manual, heading, "\n.Ss ");
		check_keys(section, kinds[i].options, "\n.It Cm ", " No = ");
		free(section);
	}
	free(example);
	free(manual);
}

static const struct unit_case cases[] = {
    {"the example file is the defaults", the_example_is_the_defaults},
    {"the example file shows the defaults", the_example_shows_the_defaults},
    {"the example and the manual have every key", both_have_every_key},
};

UNIT_MAIN("settings_docs", cases)
