/* Reads the command line; does nothing that it asks for. */
#include "policyd/args.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/conf.h"
#include "policyd/say.h"
#include "policyd/verb.h"
#include "trust/when.h"

enum {
	OPT_KEY = 256,
	OPT_POLICY_KEY,
	OPT_RANK_KEY,
	OPT_SEAL_KEY,
	OPT_THRESHOLD,
	OPT_POLICY_THRESHOLD,
	OPT_REMOVE,
	OPT_ROOT,
	OPT_AUDIENCE,
	OPT_SERIAL,
	OPT_EXPIRES,
	OPT_SIGN,
	OPT_SEAL,
	OPT_VERSION
};

static const struct option options[] = {
    {"key", required_argument, NULL, OPT_KEY},
    {"policy-key", required_argument, NULL, OPT_POLICY_KEY},
    {"rank-key", required_argument, NULL, OPT_RANK_KEY},
    {"seal-key", required_argument, NULL, OPT_SEAL_KEY},
    {"threshold", required_argument, NULL, OPT_THRESHOLD},
    {"policy-threshold", required_argument, NULL, OPT_POLICY_THRESHOLD},
    {"remove", required_argument, NULL, OPT_REMOVE},
    {"root", required_argument, NULL, OPT_ROOT},
    {"audience", required_argument, NULL, OPT_AUDIENCE},
    {"serial", required_argument, NULL, OPT_SERIAL},
    {"expires", required_argument, NULL, OPT_EXPIRES},
    {"output", required_argument, NULL, 'o'},
    {"sign", no_argument, NULL, OPT_SIGN},
    {"seal", no_argument, NULL, OPT_SEAL},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

/* Which right an option needs, and what it is called; 0 for anybody's. */
struct right {
	unsigned int takes;
	const char *name;
};

static struct right
right_of(int opt)
{
	switch (opt) {
	case OPT_KEY:
		return (struct right){TAKES_KEY, "--key"};
	case OPT_POLICY_KEY:
		return (struct right){TAKES_ROLE_KEYS, "--policy-key"};
	case OPT_RANK_KEY:
		return (struct right){TAKES_ROLE_KEYS, "--rank-key"};
	case OPT_SEAL_KEY:
		return (struct right){TAKES_ROLE_KEYS, "--seal-key"};
	case OPT_THRESHOLD:
		return (struct right){TAKES_THRESHOLDS, "--threshold"};
	case OPT_POLICY_THRESHOLD:
		return (struct right){TAKES_THRESHOLDS, "--policy-threshold"};
	case OPT_REMOVE:
		return (struct right){TAKES_REMOVE, "--remove"};
	case OPT_ROOT:
		return (struct right){TAKES_ROOT, "--root"};
	case OPT_AUDIENCE:
		return (struct right){TAKES_AUDIENCE, "--audience"};
	case OPT_SERIAL:
		return (struct right){TAKES_SERIAL, "--serial"};
	case OPT_EXPIRES:
		return (struct right){TAKES_EXPIRES, "--expires"};
	case 'o':
		return (struct right){TAKES_OUTPUT, "-o"};
	case OPT_SIGN:
		return (struct right){TAKES_KIND, "--sign"};
	case OPT_SEAL:
		return (struct right){TAKES_KIND, "--seal"};
	default:
		return (struct right){0, ""};
	}
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

bool
args_expires(const char *s, int64_t now_s, int64_t *out)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = {{'d', 86400}, {'h', 3600}, {'m', 60}};
	size_t len = strlen(s), i;
	char digits[16];
	uint64_t n;

	if (when_parse(s, out))
		return *out > now_s;
	if (len < 2 || len > sizeof(digits))
		return false;
	memcpy(digits, s, len - 1);
	digits[len - 1] = '\0';
	/* A thousand years are enough for anybody. */
	for (i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (s[len - 1] == units[i].unit &&
		    args_number(digits,
			(uint64_t)(365000 * 86400LL / units[i].seconds), &n)) {
			*out = now_s + (int64_t)n * units[i].seconds;
			return n > 0;
		}
	}
	return false;
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
apply(struct call *c, int opt, const char *s)
{
	const char *name = right_of(opt).name;

	switch (opt) {
	case OPT_KEY:
		return add(&c->keys, s, name);
	case OPT_POLICY_KEY:
		return add(&c->policy_keys, s, name);
	case OPT_RANK_KEY:
		return add(&c->rank_keys, s, name);
	case OPT_SEAL_KEY:
		return add(&c->seal_keys, s, name);
	case OPT_REMOVE:
		return add(&c->removed, s, name);
	case OPT_THRESHOLD:
		return set_threshold(&c->threshold, s, name);
	case OPT_POLICY_THRESHOLD:
		return set_threshold(&c->policy_threshold, s, name);
	case OPT_ROOT:
		return set_once(&c->root, s, name);
	case OPT_AUDIENCE:
		return set_once(&c->audience, s, name);
	case OPT_SERIAL:
		return set_once(&c->serial, s, name);
	case OPT_EXPIRES:
		return set_once(&c->expires, s, name);
	case 'o':
		return set_once(&c->output, s, name);
	case OPT_SIGN:
		c->sign = true;
		return VERB_OK;
	case OPT_SEAL:
		c->seal = true;
		return VERB_OK;
	case 'h':
		c->help = true;
		return VERB_OK;
	case OPT_VERSION:
		c->version = true;
		return VERB_OK;
	default: /* getopt's ':' and '?' */
		return VERB_USAGE;
	}
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

static int
read_options(int argc, char **argv, struct call *c, unsigned int *given)
{
	struct right r;
	int opt, rc;

	opterr = 0;
	optind = 1;
	*given = 0;
	while ((opt = getopt_long(argc, argv, ":ho:", options, NULL)) != -1) {
		if (opt == ':' || opt == '?')
			return bad_option(opt, argv);
		r = right_of(opt);
		if (c->verb != NULL && (r.takes & ~c->verb->takes) != 0)
			return say_usage(
			    "'%s' takes no %s", c->verb->name, r.name);
		*given |= r.takes;
		rc = apply(c, opt, optarg);
		if (rc != VERB_OK)
			return rc;
	}
	return VERB_OK;
}

static int
check(const struct call *c, int args_n, unsigned int given)
{
	unsigned int lacks = c->verb->needs & ~given;
	int opt;

	if (args_n != c->verb->args_n)
		return say_usage("'%s': expected %s, found %d argument%s",
		    c->verb->name,
		    c->verb->args_n == 0   ? "only options"
		    : c->verb->args_n == 1 ? "one argument"
					   : "two arguments",
		    args_n, args_n == 1 ? "" : "s");
	for (opt = OPT_KEY; opt <= OPT_EXPIRES; opt++) {
		if ((right_of(opt).takes & lacks) != 0)
			return say_usage(
			    "'%s' lacks %s", c->verb->name, right_of(opt).name);
	}
	if ((lacks & TAKES_OUTPUT) != 0)
		return say_usage("'%s' lacks -o", c->verb->name);
	return VERB_OK;
}

static const char *
nearest(const char *word)
{
	const char *words[] = {"init", "keygen", "root", "root new",
	    "root rotate", "root add-signature", "root show", "sign",
	    "add-signature", "verify", NULL};

	return conf_nearest(word, words);
}

static int
unknown(int argc, char *const *argv)
{
	char two[128];
	const char *near;

	if (argc < 1)
		return say_usage("expected a command");
	snprintf(two, sizeof(two), "%s%s%s", argv[0],
	    strcmp(argv[0], "root") == 0 && argc > 1 ? " " : "",
	    strcmp(argv[0], "root") == 0 && argc > 1 ? argv[1] : "");
	near = nearest(two);
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
	for (i = 0; rc == VERB_OK && i < argc; i++)
		c->args[i] = argv[i];
	return rc;
}

void
args_help(void)
{
	const struct verb *v;

	fputs("usage: cagent-policyd COMMAND [OPTION ...] [ARGUMENT ...]\n\n"
	      "Keys and signed messages for a fleet of agents, made offline.\n",
	    stdout);
	for (v = verbs; v->name != NULL; v++)
		printf("\n  %s %s\n      %s\n", v->name, v->args, v->help);
	fputs("\nTIME is like 365d, 12h, 30m or 2027-01-01T00:00:00Z.\n"
	      "PUB and KEY are files NAME.pub and NAME.key of keygen.\n",
	    stdout);
}
