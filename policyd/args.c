/* Reads the command line; does nothing that it asks for. */
#include "policyd/args.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "policyd/say.h"
#include "policyd/verb.h"

enum kind {
	FLAG,	   /* bool */
	ONCE,	   /* const char * */
	LIST,	   /* struct verb_list */
	THRESHOLD, /* uint32_t */
};

struct opt {
	const char *name; /* the long one */
	char letter;	  /* 0: none */
	enum kind kind;
	unsigned int takes; /* the right to it; 0: anybody's */
	size_t at;	    /* in struct call */
};

#define AT(field) offsetof(struct call, field)

static const struct opt opts[] = {
    {"key", 0, LIST, TAKES_KEY, AT(keys)},
    {"policy-key", 0, LIST, TAKES_ROLE_KEYS, AT(policy_keys)},
    {"rank-key", 0, LIST, TAKES_ROLE_KEYS, AT(rank_keys)},
    {"seal-key", 0, LIST, TAKES_ROLE_KEYS, AT(seal_keys)},
    {"threshold", 0, THRESHOLD, TAKES_THRESHOLDS, AT(threshold)},
    {"policy-threshold", 0, THRESHOLD, TAKES_THRESHOLDS, AT(policy_threshold)},
    {"remove", 0, LIST, TAKES_REMOVE, AT(removed)},
    {"revoke", 0, LIST, TAKES_REMOVE, AT(revoked)},
    {"key-expires", 0, LIST, TAKES_KEY_EXPIRES, AT(key_expiries)},
    {"root", 0, ONCE, TAKES_ROOT, AT(root)},
    {"audience", 0, ONCE, TAKES_AUDIENCE, AT(audience)},
    {"serial", 0, ONCE, TAKES_SERIAL, AT(serial)},
    {"expires", 0, ONCE, TAKES_EXPIRES, AT(expires)},
    {"output", 'o', ONCE, TAKES_OUTPUT, AT(output)},
    {"sign", 0, FLAG, TAKES_KIND, AT(sign)},
    {"seal", 0, FLAG, TAKES_KIND, AT(seal)},
    {"config", 'f', ONCE, TAKES_CONFIG, AT(config)},
    {"detach", 'D', FLAG, TAKES_SERVE, AT(detach)},
    {"test", 't', FLAG, TAKES_SERVE, AT(test)},
    {"verbose", 'v', FLAG, TAKES_SERVE, AT(verbose)},
    {"role", 0, ONCE, TAKES_SERVE, AT(role)},
    {"syslog", 0, FLAG, TAKES_SERVE, AT(syslog)},
    {"run-dir", 0, ONCE, TAKES_ASK, AT(run_dir)},
    {"json", 0, FLAG, TAKES_ASK, AT(json)},
    {"wait", 0, FLAG, TAKES_WAIT, AT(wait)},
    {"timeout", 0, ONCE, TAKES_WAIT, AT(timeout)},
    {"force", 0, FLAG, TAKES_FORCE, AT(force)},
    {"not", 0, LIST, TAKES_NOT, AT(avoided)},
    {"for", 0, ONCE, TAKES_FOR, AT(lasts)},
    {"group", 0, ONCE, TAKES_GROUP, AT(group)},
    {"why", 0, ONCE, TAKES_WHY, AT(why)},
    {"since", 0, ONCE, TAKES_SINCE, AT(since)},
    {"follow", 'F', FLAG, TAKES_FOLLOW, AT(follow)},
    {"help", 'h', FLAG, 0, AT(help)},
    {"version", 0, FLAG, 0, AT(version)},
};

#define OPTS_N (sizeof(opts) / sizeof(*opts))

/* What getopt returns for a row. */
#define OPT_BASE 256

/* As people know it: "-o", "--root". */
#define NAME_LEN 24
static const char *
name_of(const struct opt *o, char out[NAME_LEN])
{
	if (o->letter != 0)
		snprintf(out, NAME_LEN, "-%c", o->letter);
	else
		snprintf(out, NAME_LEN, "--%s", o->name);
	return out;
}

bool
args_number(const char *s, uint64_t max, uint64_t *out)
{
	uint64_t v = 0, digit;

	if (*s == '\0')
		return false;
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9')
			return false;
		digit = (uint64_t)(*s - '0');
		if (digit > max || v > (max - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*out = v;
	return true;
}

static int
add(struct verb_list *list, const char *s, const char *name)
{
	if (list->n == sizeof(list->at) / sizeof(*list->at))
		return say_usage("%s: expected at most %zu, found more", name,
		    sizeof(list->at) / sizeof(*list->at));
	list->at[list->n++] = s;
	return VERB_OK;
}

static int
set_threshold(uint32_t *out, const char *s, const char *name)
{
	uint64_t n;

	if (!args_number(s, ROOT_THRESHOLD_MAX, &n) || n == 0)
		return say_usage("%s: expected a number from 1 to %d, found "
				 "'%s'",
		    name, ROOT_THRESHOLD_MAX, s);
	*out = (uint32_t)n;
	return VERB_OK;
}

static int
set_once(const char **out, const char *s, const char *name)
{
	if (*out != NULL)
		return say_usage("%s: expected once, found twice", name);
	*out = s;
	return VERB_OK;
}

static int
apply(struct call *c, const struct opt *o, const char *s)
{
	void *at = (char *)c + o->at;
	char name[NAME_LEN];

	name_of(o, name);
	switch (o->kind) {
	case FLAG:
		*(bool *)at = true;
		return VERB_OK;
	case ONCE:
		return set_once(at, s, name);
	case LIST:
		return add(at, s, name);
	case THRESHOLD:
		return set_threshold(at, s, name);
	}
	return VERB_USAGE;
}

/* getopt's own words for what is wrong name the program by argv[0], which may
 * be anything. */
static int
bad_option(int opt, char *const *argv)
{
	if (opt == ':')
		return say_usage(
		    "%s: expected a value after it", argv[optind - 1]);
	return say_usage("unknown option: %s", argv[optind - 1]);
}

static const struct opt *
opt_of(int got)
{
	size_t i;

	for (i = 0; i < OPTS_N; i++) {
		if (got == OPT_BASE + (int)i || got == opts[i].letter)
			return &opts[i];
	}
	return NULL;
}

/* The rows as getopt wants them. */
static void
make_options(struct option out[OPTS_N + 1], char letters[2 * OPTS_N + 2])
{
	char *l = letters;
	size_t i;

	*l++ = ':';
	for (i = 0; i < OPTS_N; i++) {
		out[i] = (struct option){.name = opts[i].name,
		    .has_arg =
			opts[i].kind == FLAG ? no_argument : required_argument,
		    .val = OPT_BASE + (int)i};
		if (opts[i].letter != 0)
			*l++ = opts[i].letter;
		if (opts[i].letter != 0 && opts[i].kind != FLAG)
			*l++ = ':';
	}
	*l = '\0';
	out[OPTS_N] = (struct option){.name = NULL};
}

static int
read_options(int argc, char **argv, struct call *c, unsigned int *given)
{
	struct option options[OPTS_N + 1];
	char letters[2 * OPTS_N + 2], name[NAME_LEN];
	const struct opt *o;
	int got, rc;

	make_options(options, letters);
	opterr = 0;
	optind = 1;
	*given = 0;
	while ((got = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		o = opt_of(got);
		if (o == NULL)
			return bad_option(got, argv);
		if (c->verb != NULL && (o->takes & ~c->verb->takes) != 0)
			return say_usage("'%s' takes no %s", c->verb->name,
			    name_of(o, name));
		*given |= o->takes;
		rc = apply(c, o, optarg);
		if (rc != VERB_OK)
			return rc;
	}
	return VERB_OK;
}

static const char *
count_word(const struct verb *v)
{
	if (v->args_max > v->args_n)
		return v->args_n == 0	? "fewer arguments"
		       : v->args_n == 1 ? "one argument or more"
					: "two arguments or more";
	return v->args_n == 0	? "only options"
	       : v->args_n == 1 ? "one argument"
				: "two arguments";
}

static int
check(const struct call *c, int args_n, unsigned int given)
{
	const struct verb *v = c->verb;
	unsigned int lacks = v->needs & ~given;
	char name[NAME_LEN];
	size_t i;

	if (args_n > VERB_ARGS_MAX)
		return say_usage("'%s': expected at most %d arguments, found "
				 "%d",
		    v->name, VERB_ARGS_MAX, args_n);
	if (args_n < v->args_n || args_n > v->args_max)
		return say_usage("'%s': expected %s, found %d argument%s",
		    v->name, count_word(v), args_n, args_n == 1 ? "" : "s");
	for (i = 0; i < OPTS_N; i++) {
		if ((opts[i].takes & lacks) != 0)
			return say_usage(
			    "'%s' lacks %s", v->name, name_of(&opts[i], name));
	}
	return VERB_OK;
}

static int
unknown(int argc, char *const *argv)
{
	bool second;
	char two[128];
	const char *near;

	if (argc < 1)
		return say_usage("expected a command");
	second = verb_begins(argv[0]) && argc > 1;
	snprintf(two, sizeof(two), "%s%s%s", argv[0], second ? " " : "",
	    second ? argv[1] : "");
	near = verb_nearest(two);
	return say_usage("unknown command '%s'%s%s%s", two,
	    near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
	    near != NULL ? "'?" : "");
}

int
args_parse(int argc, char **argv, struct call *c)
{
	unsigned int given;
	int used = 0, rc, i;

	if (argc > 1 && argv[1][0] != '-') {
		c->verb = verb_find(argc - 1, argv + 1, &used);
		if (c->verb == NULL)
			return unknown(argc - 1, argv + 1);
	}
	rc = read_options(argc - used, argv + used, c, &given);
	if (rc != VERB_OK || c->help || c->version)
		return rc;
	if (c->verb == NULL)
		return unknown(0, NULL);
	argc -= used + optind;
	argv += used + optind;
	rc = check(c, argc, given);
	if (rc != VERB_OK)
		return rc;
	c->args_n = argc;
	for (i = 0; i < argc; i++)
		c->args[i] = argv[i];
	return VERB_OK;
}

static void
verb_help(const struct verb *v)
{
	printf("\n  %s%s%s\n      %s\n", v->name, *v->args ? " " : "", v->args,
	    v->help);
}

void
args_help(const struct verb *verb)
{
	const struct verb *v;

	if (verb != NULL) {
		printf("usage: cagent-policyd %s%s%s\n\n%s\n", verb->name,
		    *verb->args ? " " : "", verb->args, verb->help);
		return;
	}
	fputs("usage: cagent-policyd COMMAND [OPTION ...] [ARGUMENT ...]\n\n"
	      "The policy server of a fleet of agents, and its keys and signed "
	      "messages.\n",
	    stdout);
	for (v = verbs; v->name != NULL; v++) {
		if ((v->takes & TAKES_ASK) == 0)
			verb_help(v);
	}
	fputs(
	    "\nOf a server that runs (each takes --json, and --run-dir DIR or "
	    "-f FILE to find it):\n",
	    stdout);
	for (v = verbs; v->name != NULL; v++) {
		if ((v->takes & TAKES_ASK) != 0)
			verb_help(v);
	}
	fputs("\nTIME is like 365d, 12h, 30m or 2027-01-01T00:00:00Z.\n"
	      "PUB and KEY are files NAME.pub and NAME.key of keygen.\n",
	    stdout);
}
