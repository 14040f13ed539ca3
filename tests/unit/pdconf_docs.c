/* The policy server's example file and manual page against its tables of
 * keys. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "policyd/common/pdconf.h"
#include "policyd/common/pdconf_build.h"
#include "tests/unit/unit.h"

/* Tests are run from the top of the source. */
#define EXAMPLE "etc/cagent-policyd.ini"
#define MANUAL	"doc/cagent-policyd.ini.5"

static const struct {
	const char *kind;
	const struct conf_option *options;
	bool named;
} kinds[] = {
    {"policyd", pdconf_policyd_options, false},
    {"quota", pdconf_quota_options, false},
    {"probe", pdconf_probe_options, false},
    {"load", pdconf_load_options, true},
    {"login", pdconf_login_options, true},
    {"ranking", pdconf_ranking_options, false},
    {"store", pdconf_store_options, false},
};

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

static struct pdconf *
parse(const char *text)
{
	struct conf_errors e = {0};
	struct pdconf *c;

	pdconf_parse("f", text, strlen(text), &c, &e);
	CHECK_STR(e.text, "");
	return c;
}

/* With every line in force that shows a key or a section, but for users, who
 * need not be there. */
static char *
uncommented(const char *text)
{
	size_t size = strlen(text) + 2;
	char *copy = strdup(text), *out = calloc(1, size);
	char *rest = copy, *line;

	while ((line = strsep(&rest, "\n")) != NULL) {
		if (strstr(line, "-user = ") != NULL)
			continue;
		strlcat(out, line[0] == ';' ? line + 1 : line, size);
		strlcat(out, "\n", size);
	}
	free(copy);
	return out;
}

/* What it shows as defaults are the defaults, as far as they have one. */
static void
the_example_shows_the_defaults(void)
{
	char *text = read_text(EXAMPLE), *all = uncommented(text);
	struct pdconf *as_is = parse(text), *shown = parse(all);
	struct pdconf *defaults = parse("");

	if (as_is == NULL || shown == NULL || defaults == NULL)
		return;
	CHECK_INT(as_is->targets_n + as_is->loads_n + as_is->logins_n, 0);
	CHECK_INT(shown->targets_n, 1);
	CHECK_INT(shown->loads_n, 2);
	CHECK_INT(shown->logins_n, 1);
	/* All but these, and but for what hangs on who we are. */
	memset(shown->targets, 0, sizeof(shown->targets));
	shown->targets_n = shown->loads_n = shown->logins_n = 0;
	memcpy(shown->run_dir, defaults->run_dir, sizeof(shown->run_dir));
	memcpy(shown->pid_file, defaults->pid_file, sizeof(shown->pid_file));
	memcpy(as_is->run_dir, defaults->run_dir, sizeof(as_is->run_dir));
	free(shown->loads);
	free(shown->logins);
	shown->loads = defaults->loads;
	shown->logins = defaults->logins;
	CHECK(memcmp(shown, defaults, sizeof(*shown)) == 0,
	    "a default in %s is not the default", EXAMPLE);
	shown->loads = NULL;
	shown->logins = NULL;
	pdconf_unref(as_is);
	pdconf_unref(shown);
	pdconf_unref(defaults);
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
check_keys(const char *text, const struct conf_option *o, const char *before)
{
	char want[64];

	for (; o->key != NULL; o++) {
		snprintf(want, sizeof(want), "%s%s%s", before, o->key,
		    before[1] == '.' ? " No = " : " = ");
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
		snprintf(heading, sizeof(heading), "\n%s[%s", i > 0 ? ";" : "",
		    kinds[i].kind);
		/* The two examples of [load] are one. */
		section = part(example, heading,
		    strcmp(kinds[i].kind, "load") == 0 ? "\n;[login" : "\n;[");
		check_keys(section, kinds[i].options, "\n;");
		free(section);
		snprintf(heading, sizeof(heading), "\n.Ss Section%s %s\n",
		    kinds[i].named ? "s" : "", kinds[i].kind);
		section = part(manual, heading, "\n.Ss ");
		check_keys(section, kinds[i].options, "\n.It Cm ");
		free(section);
	}
	free(example);
	free(manual);
}

static const struct unit_case cases[] = {
    {"the example file shows the defaults", the_example_shows_the_defaults},
    {"the example and the manual have every key", both_have_every_key},
};

UNIT_MAIN("pdconf_docs", cases)
