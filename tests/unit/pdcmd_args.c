/* The command line of cagent-policyd: what is understood, what is refused. */
#include "policyd/args.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "policyd/human.h"
#include "policyd/verb.h"
#include "tests/unit/unit.h"
#include "trust/when.h"

#define N(a)	 (sizeof(a) / sizeof(*(a)))
#define ARGS_MAX 80
#define NOW_S	 1000000

/* What is said goes to where nobody reads; getopt() swaps the pointers of its
 * argv, so each parse has its own. */
static int
parse(const char *const *words, struct call *call)
{
	static char name[] = "cagent-policyd", copies[ARGS_MAX][64];
	char *argv[ARGS_MAX + 2] = {name};
	int n, rc, keep = dup(STDERR_FILENO);
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	*call = (struct call){.now_s = NOW_S};
	for (n = 0; n < ARGS_MAX && words[n] != NULL; n++) {
		snprintf(copies[n], sizeof(copies[n]), "%s", words[n]);
		argv[n + 1] = copies[n];
	}
	fflush(stderr);
	dup2(null, STDERR_FILENO);
	rc = args_parse(n + 1, argv, call);
	fflush(stderr);
	dup2(keep, STDERR_FILENO);
	close(keep);
	close(null);
	return rc;
}

static const char *
or_dash(const char *s)
{
	return s != NULL ? s : "-";
}

/* One line for what was understood. */
static const char *
text_of(const struct call *c, char out[512])
{
	size_t len;
	uint32_t i;

	len = (size_t)snprintf(out, 512, "%s[", c->verb->name);
	for (i = 0; i < (uint32_t)c->args_n; i++)
		len += (size_t)snprintf(
		    out + len, 512 - len, "%s%s", i > 0 ? " " : "", c->args[i]);
	len += (size_t)snprintf(out + len, 512 - len, "]");
	for (i = 0; i < c->avoided.n; i++)
		len += (size_t)snprintf(
		    out + len, 512 - len, " not %s", c->avoided.at[i]);
	snprintf(out + len, 512 - len,
	    "%s%s%s%s f%s r%s g%s l%s w%s s%s t%s o%s a%s",
	    c->json ? " json" : "", c->wait ? " wait" : "",
	    c->force ? " force" : "", c->follow ? " follow" : "",
	    or_dash(c->config), or_dash(c->run_dir), or_dash(c->group),
	    or_dash(c->lasts), or_dash(c->why), or_dash(c->since),
	    or_dash(c->timeout), or_dash(c->output), or_dash(c->audience));
	return out;
}

static void
understands(void)
{
	static const struct {
		const char *words[14];
		const char *want;
	} all[] = {
	    {{"status"}, "status[] f- r- g- l- w- s- t- o- a-"},
	    {{"status", "--json", "--run-dir", "/r"},
		"status[] json f- r/r g- l- w- s- t- o- a-"},
	    {{"status", "-f", "x.ini"}, "status[] fx.ini r- g- l- w- s- t- o- "
					"a-"},
	    {{"use", "s1", "s3", "--not", "s2", "--for", "2h"},
		"use[s1 s3] not s2 f- r- g- l2h w- s- t- o- a-"},
	    {{"use", "--not", "s2", "--for=2h", "--not=s4", "s1", "--why",
		 "disk full", "--group", "york"},
		"use[s1] not s2 not s4 f- r- gyork l2h wdisk full s- t- o- "
		"a-"},
	    {{"use", "--for", "2h", "--", "-x"},
		"use[-x] f- r- g- l2h w- s- t- o- a-"},
	    {{"publish", "a", "b", "--wait", "--timeout", "5s"},
		"publish[a b] wait f- r- g- l- w- s- t5s o- a-"},
	    {{"publish", "--force", "a"},
		"publish[a] force f- r- g- l- w- s- t- o- a-"},
	    {{"events", "-F", "--since", "2h"},
		"events[] follow f- r- g- l- w- s2h t- o- a-"},
	    {{"override", "end", "7"},
		"override end[7] f- r- g- l- w- s- t- o- a-"},
	    {{"policy", "rollback", "7", "-o", "file", "--audience", "*"},
		"policy rollback[7] f- r- g- l- w- s- t- ofile a*"},
	    {{"token", "new", "--group", "york"},
		"token new[] f- r- gyork l- w- s- t- o- a-"},
	    {{"agent", "add", "x", "--group", "york", "--key", "AAAA"},
		"agent add[x] f- r- gyork l- w- s- t- o- a-"},
	};
	char text[512];
	struct call c;
	size_t i;

	for (i = 0; i < N(all); i++) {
		CHECK_INT(parse(all[i].words, &c), VERB_OK);
		CHECK_STR(text_of(&c, text), all[i].want);
	}
}

static void
refuses(void)
{
	static const char *const all[][8] = {
	    {NULL},
	    {""},
	    {"stat"},
	    {"override"},
	    {"override", "stop", "3"},
	    {"override", "end"},
	    {"override", "end", "1", "2"},
	    {"agent", "x"},
	    {"agents", "x"},
	    {"use", "s1"},
	    {"use", "s1", "--for"},
	    {"use", "s1", "--for", "2h", "--for", "3h"},
	    {"use", "s1", "--for", "2h", "--key", "x"},
	    {"use", "s1", "--for", "2h", "--wait"},
	    {"publish"},
	    {"publish", "--json", "x", "--group", "y"},
	    {"policy", "rollback", "7"},
	    {"policy", "diff", "7"},
	    {"token", "new"},
	    {"token", "new", "x", "--group", "y"},
	    {"agent", "add", "x", "--group", "y"},
	    {"agent", "add", "x", "--key", "y"},
	    {"status", "--run-dir"},
	    {"status", "--nosuch"},
	    {"status", "-z"},
	    {"--json"},
	    {"verify", "x", "--root", "y", "--json"},
	};
	struct call c;
	size_t i;

	for (i = 0; i < N(all); i++)
		CHECK(parse(all[i], &c) == VERB_USAGE, "%s %s is taken",
		    or_dash(all[i][0]), all[i][0] ? or_dash(all[i][1]) : "");
}

static void
many(void)
{
	const char *words[ARGS_MAX + 1] = {"use", "--for", "1h"};
	struct call c;
	size_t i;

	for (i = 3; i < 3 + VERB_ARGS_MAX; i++)
		words[i] = "s1";
	CHECK_INT(parse(words, &c), VERB_OK);
	CHECK_INT(c.args_n, VERB_ARGS_MAX);
	words[i] = "s1";
	CHECK_INT(parse(words, &c), VERB_USAGE);
}

static void
spans(void)
{
	static const struct {
		const char *text;
		int64_t s; /* 0: refused */
	} all[] = {{"1s", 1}, {"20s", 20}, {"30m", 1800}, {"2h", 7200},
	    {"1d", 86400}, {"0s", 0}, {"", 0}, {"h", 0}, {"2", 0}, {"-2h", 0},
	    {" 2h", 0}, {"2h ", 0}, {"2.5h", 0}, {"2w", 0}, {"2hh", 0},
	    {"365000d", INT64_C(31536000000)}, {"365001d", 0},
	    {"99999999999999999999d", 0}};
	int64_t s;
	size_t i;

	for (i = 0; i < N(all); i++) {
		s = -1;
		CHECK(when_span(all[i].text, &s) == (all[i].s != 0), "%s",
		    all[i].text);
		if (all[i].s != 0)
			CHECK_INT(s, all[i].s);
		s = -1;
		CHECK(when_later(all[i].text, NOW_S, &s) == (all[i].s != 0),
		    "%s", all[i].text);
		if (all[i].s != 0)
			CHECK_INT(s, NOW_S + all[i].s);
	}
	CHECK(when_later("1970-02-01T00:00:00Z", NOW_S, &s), "to come");
	CHECK(!when_later("1970-01-01T00:00:01Z", NOW_S, &s), "is over");
}

/* Each verb is found by its name, and the nearest to a slip is the right one. */
static void
names(void)
{
	char first[64], second[64], *argv[] = {first, second};
	const struct verb *v;
	int used;

	for (v = verbs; v->name != NULL; v++) {
		second[0] = '\0';
		CHECK(sscanf(v->name, "%63s %63s", first, second) >= 1, "name");
		CHECK(verb_find(2, argv, &used) == v, "%s", v->name);
		CHECK_INT(used, second[0] != '\0' ? 2 : 1);
		CHECK(second[0] == '\0' || verb_begins(first), "%s", first);
	}
	CHECK(!verb_begins("sig"), "a word's beginning");
	CHECK_STR(or_dash(verb_nearest("overides")), "overrides");
	CHECK_STR(or_dash(verb_nearest("polcy show")), "policy show");
	CHECK(verb_nearest("xyzzy") == NULL, "near nothing");
}

static void
people(void)
{
	char text[HUMAN_LEN], bad[] = "a\033[2Jb\x7f\xc2\x9b"
				      "1\n";

	CHECK_STR(human_span(0, text), "0us");
	CHECK_STR(human_span(999, text), "999us");
	CHECK_STR(human_span(1500, text), "1.5ms");
	CHECK_STR(human_span(250000, text), "250ms");
	CHECK_STR(human_span(59999999, text), "59s");
	CHECK_STR(human_span(125000000, text), "2m05s");
	CHECK_STR(human_span(INT64_C(11520000000), text), "3h12m");
	CHECK_STR(human_span(INT64_C(446400000000), text), "5d04h");
	CHECK_STR(human_span(-5, text), "0us");
	CHECK_STR(human_bytes(0, text), "0");
	CHECK_STR(human_bytes(1536, text), "1.5K");
	CHECK_STR(human_bytes(INT64_MAX, text), "7.9E");
	CHECK_STR(human_time(0, text), "never");
	CHECK_STR(human_clean(bad), "a?[2Jb???1?");
}

static const struct unit_case cases[] = {
    {"understands", understands},
    {"refuses", refuses},
    {"64 names", many},
    {"spans of time", spans},
    {"names of commands", names},
    {"for people", people},
};

UNIT_MAIN("pdcmd_args", cases)
