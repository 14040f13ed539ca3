/* The command line: what is understood, what is refused and how. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cagent-ctl/args.h"
#include "cagent-ctl/verb.h"
#include "tests/unit/unit.h"

#define N(a)	 (sizeof(a) / sizeof(*(a)))
#define ARGS_MAX 12

/* A parse, and what was said. */
struct bench {
	struct call call;
	char *out, *err;
	size_t out_len, err_len;
	int status;
};

/* getopt() swaps the pointers of its argv, so each parse has its own. */
static void
parse(struct bench *b, const char *const *words)
{
	static char name[] = "cagent-ctl";
	static char copies[ARGS_MAX][64];
	char *argv[ARGS_MAX + 2] = {name};
	int n;

	memset(b, 0, sizeof(*b));
	b->call.out = open_memstream(&b->out, &b->out_len);
	b->call.err = open_memstream(&b->err, &b->err_len);
	if (b->call.out == NULL || b->call.err == NULL)
		exit(1);
	b->call.colour = true;
	for (n = 0; words[n] != NULL && n < ARGS_MAX; n++) {
		snprintf(copies[n], sizeof(copies[n]), "%s", words[n]);
		argv[n + 1] = copies[n];
	}
	b->status = args_parse(n + 1, argv, &b->call);
	fflush(b->call.out);
	fflush(b->call.err);
}

static void
fini(struct bench *b)
{
	fclose(b->call.out);
	fclose(b->call.err);
	free(b->out);
	free(b->err);
}

/* One line for what was understood. */
static const char *
text_of(const struct call *c, char out[256])
{
	snprintf(out, 256, "%s[%s,%s]%s%s%s%s%s%s w%lld n%lld u%s d%s",
	    c->verb->name, c->args[0] != NULL ? c->args[0] : "-",
	    c->args[1] != NULL ? c->args[1] : "-", c->json ? " json" : "",
	    c->describe ? " describe" : "", c->follow ? " follow" : "",
	    c->help ? " help" : "", c->version ? " version" : "",
	    c->colour ? "" : " plain", (long long)c->watch_us / 1000,
	    (long long)c->lines, c->user != NULL ? c->user : "-", c->run_dir);
	return out;
}

static void
understands(void)
{
	static const struct {
		const char *words[ARGS_MAX];
		const char *want;
	} all[] = {
	    {{NULL}, "[-,-] w0 n-1 u- d/run/cagent"},
	    {{"tiers"}, "tiers[-,-] w0 n-1 u- d/run/cagent"},
	    {{"--json", "tiers"}, "tiers[-,-] json w0 n-1 u- d/run/cagent"},
	    {{"tiers", "--json"}, "tiers[-,-] json w0 n-1 u- d/run/cagent"},
	    {{"--watch"}, "[-,-] w2000 n-1 u- d/run/cagent"},
	    {{"tiers", "--watch=0.5"}, "tiers[-,-] w500 n-1 u- d/run/cagent"},
	    {{"show", "hq-1", "--watch=5s"},
		"show[hq-1,-] w5000 n-1 u- d/run/cagent"},
	    {{"show", "--", "--json"}, "show[--json,-] w0 n-1 u- d/run/cagent"},
	    {{"--", "why", "-x"}, "why[-x,-] w0 n-1 u- d/run/cagent"},
	    {{"pin", "a", "2"}, "pin[a,2] w0 n-1 u- d/run/cagent"},
	    {{"events", "-f", "-n", "5"},
		"events[-,-] follow w0 n5 u- d/run/cagent"},
	    {{"events", "-fn0"}, "events[-,-] follow w0 n0 u- d/run/cagent"},
	    {{"events", "--lines=1024"},
		"events[-,-] w0 n1024 u- d/run/cagent"},
	    {{"route", "--user", "joe", "http://a"},
		"route[http://a,-] w0 n-1 ujoe d/run/cagent"},
	    {{"--run-dir=/x", "status"}, "status[-,-] w0 n-1 u- d/x"},
	    {{"status", "--run-dir", "/x"}, "status[-,-] w0 n-1 u- d/x"},
	    {{"--no-color"}, "[-,-] plain w0 n-1 u- d/run/cagent"},
	    {{"show", "-h"}, "show[-,-] help w0 n-1 u- d/run/cagent"},
	    {{"--help"}, "[-,-] help w0 n-1 u- d/run/cagent"},
	    {{"show", "--describe"},
		"show[-,-] describe w0 n-1 u- d/run/cagent"},
	    {{"config", "check"}, "config[check,-] w0 n-1 u- d/run/cagent"},
	    {{"--version", "nonsense"}, "[-,-] version w0 n-1 u- d/run/cagent"},
	};
	struct bench b;
	char text[256];
	size_t i;

	unsetenv("CAGENT_RUN_DIR");
	for (i = 0; i < N(all); i++) {
		parse(&b, all[i].words);
		CHECK(b.status == VERB_OK, "case %zu: %s", i, b.err);
		CHECK_STR(text_of(&b.call, text), all[i].want);
		fini(&b);
	}
}

static void
refuses(void)
{
	static const struct {
		const char *words[ARGS_MAX];
		const char *said;
	} all[] = {
	    {{"teirs"}, "unknown command \"teirs\": did you mean \"tiers\"?"},
	    {{"frobnicate"}, "unknown command \"frobnicate\" (cagent-ctl"},
	    {{""}, "unknown command \"\""},
	    {{"a\033[1m"}, "unknown command \"a?[1m\""},
	    {{"--jsno"}, "unknown option \"--jsno\": did you mean --json?"},
	    {{"--watsh=5"},
		"unknown option \"--watsh=5\": did you mean --watch?"},
	    {{"--zzz"}, "unknown option \"--zzz\""},
	    {{"-x"}, "unknown option \"-x\""},
	    {{"tiers", "-fx"}, "unknown option \"-x\""},
	    {{"--json=1"}, "--json=1 takes no value"},
	    {{"--run-dir"}, "--run-dir needs a value"},
	    {{"events", "-n"}, "-n needs a value"},
	    {{"events", "-n", "1025"}, "expected a number from 0 to 1024"},
	    {{"events", "-n", "-1"}, "expected a number from 0 to 1024"},
	    {{"events", "-n", "x"}, "expected a number from 0 to 1024"},
	    {{"--watch=0"}, "--watch=0: expected seconds"},
	    {{"--watch=x"}, "--watch=x: expected seconds"},
	    {{"why", "a", "--watch"}, "why takes no --watch"},
	    {{"tiers", "-f"}, "tiers takes neither -f nor -n"},
	    {{"tiers", "-n1"}, "tiers takes neither -f nor -n"},
	    {{"show", "a", "--user", "b"}, "show takes no --user"},
	    {{"status", "--shell"}, "status takes neither --shell nor"},
	    {{"why", "a", "--transparent"}, "why takes neither --shell nor"},
	    {{"show"}, "show: something is missing: usage: cagent-ctl show "
		       "NAME"},
	    {{"pin", "a"}, "pin: something is missing"},
	    {{"pin", "a", "b", "c"}, "pin: too many arguments"},
	    {{"tiers", "a"}, "tiers: too many arguments: usage: cagent-ctl "
			     "tiers\n"},
	};
	struct bench b;
	size_t i;

	for (i = 0; i < N(all); i++) {
		parse(&b, all[i].words);
		CHECK_INT(b.status, VERB_USAGE);
		CHECK(strstr(b.err, all[i].said) != NULL,
		    "case %zu: \"%s\" was said, not \"%s\"", i, b.err,
		    all[i].said);
		CHECK(b.out_len == 0, "case %zu: data: %s", i, b.out);
		fini(&b);
	}
}

/* With --json before the mistake, programs get to know it too. */
static void
refuses_in_json(void)
{
	static const char *const words[] = {"--json", "teirs", NULL};
	struct bench b;
	json_t *doc;

	parse(&b, words);
	doc = json_loads(b.out, 0, NULL);
	CHECK_INT(b.status, VERB_USAGE);
	CHECK(json_is_false(json_object_get(doc, "ok")), "out: %s", b.out);
	CHECK_STR(json_string_value(json_object_get(doc, "code")), "usage");
	json_decref(doc);
	fini(&b);
}

static void
environment(void)
{
	static const char *const none[] = {NULL};
	static const char *const some[] = {"--run-dir=/b", NULL};
	struct bench b;

	setenv("CAGENT_RUN_DIR", "/a", 1);
	parse(&b, none);
	CHECK_STR(b.call.run_dir, "/a");
	fini(&b);
	parse(&b, some);
	CHECK_STR(b.call.run_dir, "/b");
	fini(&b);
	setenv("CAGENT_RUN_DIR", "", 1);
	parse(&b, none);
	CHECK_STR(b.call.run_dir, ARGS_RUN_DIR);
	fini(&b);
	unsetenv("CAGENT_RUN_DIR");
}

/* Not even a name of our own. */
static void
no_argv(void)
{
	char *argv[] = {NULL};
	struct call call = {.out = stdout, .err = stderr};

	CHECK_INT(args_parse(0, argv, &call), VERB_OK);
	CHECK_STR(call.verb->name, "");
}

static void
giant(void)
{
	static char name[] = "cagent-ctl", dash[] = "--run-dir";
	const size_t len = 128 << 10;
	char *big = malloc(len + 1);
	char *argv[][3] = {{name, big, NULL}, {dash, big, NULL}};
	struct bench b;
	size_t i;

	if (big == NULL)
		exit(1);
	memset(big, 'a', len);
	big[len] = '\0';
	for (i = 0; i < 3; i++) {
		static const char *const starts[] = {"aaa", "--a", "-na"};
		static const char *const none[] = {NULL};

		memcpy(big, starts[i], 3);
		parse(&b, none);
		CHECK_INT(args_parse(2, argv[0], &b.call), VERB_USAGE);
		fflush(b.call.err);
		CHECK(b.err_len < 300, "%zu bytes were said", b.err_len);
		fini(&b);
	}
	free(big);
}

/* Every command helps, and every field of every answer is explained. */
static void
helps(void)
{
	const char *words[] = {NULL, "--help", NULL};
	const struct verb *v;
	struct bench b;

	for (v = verbs; v->name != NULL; v++) {
		words[0] = *v->name != '\0' ? v->name : "--help";
		parse(&b, words);
		CHECK_INT(b.status, VERB_OK);
		args_help(&b.call);
		fflush(b.call.out);
		CHECK(strncmp(b.out, "usage: cagent-ctl ", 18) == 0, "%s: %s",
		    v->name, b.out);
		CHECK(v->fields != NULL && v->fields[0] != NULL,
		    "%s explains nothing", v->name);
		fini(&b);
	}
}

static const struct unit_case cases[] = {
    {"understands", understands},
    {"refuses", refuses},
    {"refuses in JSON", refuses_in_json},
    {"environment", environment},
    {"no argv at all", no_argv},
    {"giant arguments", giant},
    {"every command helps", helps},
};

UNIT_MAIN("ctlcmd_args", cases)
