/* Owns the command line: options, the command's name, its arguments. */
#include "cagent-ctl/args.h"

#include <sys/stat.h>

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/rundir.h"
#include "cagent-ctl/format.h"
#include "cagent-ctl/say.h"
#include "cagent-ctl/verb.h"
#include "wire/ctl.h"

#define WATCH_MIN_US 100000
#define WATCH_MAX_US (86400 * 1000000ll)
#define LINES_MAX    1024
#define QUOTE_MAX    72

enum {
	OPT_JSON = 256,
	OPT_WATCH,
	OPT_DESCRIBE,
	OPT_NO_COLOUR,
	OPT_RUN_DIR,
	OPT_VERSION,
	OPT_USER,
	OPT_LOGIN,
	OPT_SERVICE,
	OPT_SOURCE,
	OPT_PROTOCOL,
	OPT_CLASS,
	OPT_METHOD,
	OPT_ACCEPT,
	OPT_DEST,
	OPT_ROOT,
	OPT_SERIAL,
	OPT_KEY,
	OPT_EXPIRES,
	OPT_SHELL,
	OPT_TRANSPARENT,
	OPT_VIEW,
	OPT_SORT,
	OPT_INTERVAL,
};

static const struct option options[] = {{"json", no_argument, NULL, OPT_JSON},
    {"watch", optional_argument, NULL, OPT_WATCH},
    {"describe", no_argument, NULL, OPT_DESCRIBE},
    {"no-color", no_argument, NULL, OPT_NO_COLOUR},
    {"no-colour", no_argument, NULL, OPT_NO_COLOUR},
    {"run-dir", required_argument, NULL, OPT_RUN_DIR},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, OPT_VERSION},
    {"follow", no_argument, NULL, 'f'}, {"lines", required_argument, NULL, 'n'},
    {"user", required_argument, NULL, OPT_USER},
    {"login", required_argument, NULL, OPT_LOGIN},
    {"service", required_argument, NULL, OPT_SERVICE},
    {"source", required_argument, NULL, OPT_SOURCE},
    {"protocol", required_argument, NULL, OPT_PROTOCOL},
    {"class", required_argument, NULL, OPT_CLASS},
    {"method", required_argument, NULL, OPT_METHOD},
    {"accept", required_argument, NULL, OPT_ACCEPT},
    {"dest", required_argument, NULL, OPT_DEST},
    {"root", required_argument, NULL, OPT_ROOT},
    {"serial", required_argument, NULL, OPT_SERIAL},
    {"key", required_argument, NULL, OPT_KEY},
    {"expires", required_argument, NULL, OPT_EXPIRES},
    {"shell", no_argument, NULL, OPT_SHELL},
    {"transparent", no_argument, NULL, OPT_TRANSPARENT},
    {"view", required_argument, NULL, OPT_VIEW},
    {"sort", required_argument, NULL, OPT_SORT},
    {"interval", required_argument, NULL, OPT_INTERVAL},
    {"output", required_argument, NULL, 'o'}, {NULL, 0, NULL, 0}};

#define OPTIONS_N (sizeof(options) / sizeof(*options))

static int
bad_option(const struct call *call, const char *word)
{
	const char *names[OPTIONS_N], *near = NULL;
	char text[QUOTE_MAX], name[QUOTE_MAX];
	size_t i;

	for (i = 0; i < OPTIONS_N; i++)
		names[i] = options[i].name;
	/* "--watsh=5": the name alone is compared. */
	format_quote(word, name, sizeof(name));
	name[strcspn(name, "=")] = '\0';
	if (strncmp(name, "--", 2) == 0)
		near = conf_nearest(name + 2, names);
	format_quote(word, text, sizeof(text));
	if (near != NULL)
		return say_usage(call,
		    "unknown option \"%s\": did you mean --%s?", text, near);
	return say_usage(
	    call, "unknown option \"%s\" (--help lists those there are)", text);
}

/* getopt's word for one that lacks its argument, or must not have one. */
static int
bad_use(const struct call *call, const char *word, int missing)
{
	char text[QUOTE_MAX];

	return say_usage(call,
	    missing ? "%s needs a value" : "%s takes no value",
	    format_quote(word, text, sizeof(text)));
}

static int
set_watch(struct call *call, const char *value)
{
	char text[QUOTE_MAX];

	call->watch_us = ARGS_WATCH_US;
	if (value == NULL)
		return VERB_OK;
	call->watch_us = format_parse_span(value, WATCH_MIN_US, WATCH_MAX_US);
	if (call->watch_us > 0)
		return VERB_OK;
	return say_usage(call,
	    "--watch=%s: expected seconds between 0.1 and 86400, as in "
	    "--watch=5",
	    format_quote(value, text, sizeof(text)));
}

static int
set_lines(struct call *call, const char *value)
{
	char text[QUOTE_MAX];
	const char *bad;

	call->lines = strtonum(value, 0, LINES_MAX, &bad);
	if (bad == NULL)
		return VERB_OK;
	return say_usage(call, "-n %s: expected a number from 0 to %d",
	    format_quote(value, text, sizeof(text)), LINES_MAX);
}

/* Options that are a text or no more than said, and what becomes of them. */
struct place {
	int c;
	size_t at; /* in struct call */
};
static const struct place texts[] = {
    {OPT_RUN_DIR, offsetof(struct call, run_dir)},
    {OPT_USER, offsetof(struct call, user)},
    {OPT_LOGIN, offsetof(struct call, login)},
    {OPT_SERVICE, offsetof(struct call, service)},
    {OPT_SOURCE, offsetof(struct call, source)},
    {OPT_PROTOCOL, offsetof(struct call, protocol)},
    {OPT_CLASS, offsetof(struct call, class)},
    {OPT_METHOD, offsetof(struct call, method)},
    {OPT_ACCEPT, offsetof(struct call, accept)},
    {OPT_DEST, offsetof(struct call, dest)},
    {OPT_ROOT, offsetof(struct call, root)},
    {OPT_SERIAL, offsetof(struct call, serial)},
    {OPT_KEY, offsetof(struct call, key)},
    {OPT_EXPIRES, offsetof(struct call, expires)},
    {'o', offsetof(struct call, output)},
    {OPT_VIEW, offsetof(struct call, view)},
    {OPT_SORT, offsetof(struct call, sort)},
    {OPT_INTERVAL, offsetof(struct call, interval)},
};
static const struct place flags[] = {
    {OPT_JSON, offsetof(struct call, json)},
    {OPT_DESCRIBE, offsetof(struct call, describe)},
    {OPT_VERSION, offsetof(struct call, version)},
    {OPT_SHELL, offsetof(struct call, shell)},
    {OPT_TRANSPARENT, offsetof(struct call, transparent)},
    {'D', offsetof(struct call, drop)},
    {'l', offsetof(struct call, list)},
};
#define N(a) (sizeof(a) / sizeof(*(a)))

/* Where it goes, or NULL. */
static void *
place_of(struct call *call, const struct place *places, size_t n, int c)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (places[i].c == c)
			return (char *)call + places[i].at;
	}
	return NULL;
}

static int
set_option(struct call *call, int c, const char *value)
{
	const char **text = place_of(call, texts, N(texts), c);
	bool *flag = place_of(call, flags, N(flags), c);

	if (text != NULL)
		*text = value;
	if (flag != NULL)
		*flag = true;
	if (text != NULL || flag != NULL)
		return VERB_OK;
	switch (c) {
	case OPT_WATCH:
		return set_watch(call, value);
	case OPT_NO_COLOUR:
		call->colour = false;
		return VERB_OK;
	case 'f':
		call->follow = value == NULL;
		call->file = value;
		return VERB_OK;
	case 'n':
		return set_lines(call, value);
	default: /* 'h' */
		call->help = true;
		return VERB_OK;
	}
}

/* passwd has letters of its own, -f like those of other such commands. */
static const char *
letters(int argc, char **argv)
{
	int i = 1;

	while (i < argc && argv[i][0] == '-')
		i++;
	return i < argc && strcmp(argv[i], "passwd") == 0 ? ":hf:Dl"
							  : ":hfn:o:";
}

static int
parse_options(int argc, char **argv, struct call *call)
{
	const char *shorts = letters(argc, argv);
	int c, status;

	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, shorts, options, NULL)) != -1) {
		if (c == ':')
			return bad_use(call, argv[optind - 1], 1);
		/* A long one that is known but was given a value sets optopt
		 * to its number. */
		if (c == '?' && optopt > 'z')
			return bad_use(call, argv[optind - 1], 0);
		if (c == '?' && optopt != 0) {
			char word[] = {'-', (char)optopt, '\0'};

			return bad_option(call, word);
		}
		if (c == '?')
			return bad_option(call, argv[optind - 1]);
		if ((status = set_option(call, c, optarg)) != VERB_OK)
			return status;
	}
	return VERB_OK;
}

static int
find_verb(struct call *call, const char *word)
{
	const char *near = verb_nearest(word);
	char text[QUOTE_MAX];

	call->verb = verb_find(word);
	if (call->verb != NULL)
		return VERB_OK;
	call->verb = verbs;
	format_quote(word, text, sizeof(text));
	if (near != NULL)
		return say_usage(call,
		    "unknown command \"%s\": did you mean \"%s\"?", text, near);
	return say_usage(call,
	    "unknown command \"%s\" (cagent-ctl --help lists them)", text);
}

/* Do the options and arguments suit the command? */
static int
check_call(const struct call *call, int args_n)
{
	const struct verb *v = call->verb;
	const char *name = *v->name ? v->name : "cagent-ctl";

	if (call->watch_us != 0 && (v->takes & TAKES_WATCH) == 0)
		return say_usage(call, "%s takes no --watch", name);
	if ((call->follow && (v->takes & TAKES_FOLLOW) == 0) ||
	    (call->lines >= 0 && (v->takes & (TAKES_FOLLOW | TAKES_TOP)) == 0))
		return say_usage(call, "%s takes neither -f nor -n", name);
	if ((call->view != NULL || call->sort != NULL ||
		call->interval != NULL) &&
	    (v->takes & TAKES_TOP) == 0)
		return say_usage(
		    call, "%s takes no --view, --sort or --interval", name);
	if ((call->user != NULL || call->protocol != NULL ||
		call->class != NULL) &&
	    (v->takes & TAKES_USER) == 0)
		return say_usage(
		    call, "%s takes no --user, --protocol or --class", name);
	if ((call->login != NULL || call->service != NULL ||
		call->source != NULL) &&
	    (v->takes & TAKES_USER) == 0)
		return say_usage(
		    call, "%s takes no --login, --service or --source", name);
	if ((call->method != NULL || call->accept != NULL ||
		call->dest != NULL) &&
	    (v->takes & TAKES_USER) == 0)
		return say_usage(
		    call, "%s takes no --method, --accept or --dest", name);
	if ((call->root != NULL || call->serial != NULL || call->key != NULL ||
		call->expires != NULL || call->output != NULL) &&
	    (v->takes & TAKES_POLICY) == 0)
		return say_usage(call,
		    "%s takes no --root, --serial, --key, --expires or -o",
		    name);
	if ((call->file != NULL || call->drop || call->list) &&
	    (v->takes & TAKES_PASSWD) == 0)
		return say_usage(call, "%s takes no -f FILE, -D or -l", name);
	if ((call->shell || call->transparent) && (v->takes & TAKES_ENV) == 0)
		return say_usage(
		    call, "%s takes neither --shell nor --transparent", name);
	if (call->describe || (args_n >= v->min && args_n <= v->max))
		return VERB_OK;
	return say_usage(call, "%s: %s: usage: cagent-ctl %s%s%s", name,
	    args_n < v->min ? "something is missing" : "too many arguments",
	    v->name, *v->args != '\0' ? " " : "", v->args);
}

/* An ordinary user's own daemon, when there is one, before the machine's.  A
 * directory that somebody else made in that place is none. */
static const char *
default_run_dir(char own[CALL_DIR_MAX])
{
	const char *said = getenv("CAGENT_RUN_DIR");
	char path[CALL_DIR_MAX + sizeof(CTL_SOCKET_NAME)];
	struct stat st;

	if (said != NULL && *said != '\0')
		return said;
	rundir_default("cagent", own, CALL_DIR_MAX);
	snprintf(path, sizeof(path), "%s/" CTL_SOCKET_NAME, own);
	if (geteuid() != 0 && lstat(own, &st) == 0 && S_ISDIR(st.st_mode) &&
	    st.st_uid == geteuid() && lstat(path, &st) == 0)
		return own;
	return ARGS_RUN_DIR;
}

int
args_parse(int argc, char **argv, struct call *call)
{
	int i, status, args_n;

	call->verb = verbs;
	call->lines = -1;
	call->run_dir = default_run_dir(call->own_dir);
	if (argc < 1)
		return VERB_OK;
	status = parse_options(argc, argv, call);
	if (status != VERB_OK || call->version)
		return status;
	if (optind < argc)
		status = find_verb(call, argv[optind++]);
	if (status != VERB_OK || call->help)
		return status;
	args_n = argc - optind;
	for (i = 0; i < args_n && i < CALL_ARGS_MAX; i++)
		call->args[i] = argv[optind + i];
	return check_call(call, args_n);
}

static void
help_all(const struct call *call)
{
	const struct verb *v;

	fputs("usage: cagent-ctl [OPTION...] [COMMAND [ARGUMENT...]]\n\n",
	    call->out);
	for (v = verbs; v->name != NULL; v++)
		fprintf(call->out, "  %-7s %-18s %s\n",
		    *v->name ? v->name : "(none)", v->args, v->help);
}

static const char common_help[] =
    "\n"
    "  --json         for programs: names are stable, numbers are raw\n"
    "  --describe     what each field of the answer means\n"
    "  --run-dir DIR  of the daemon (else CAGENT_RUN_DIR, your own daemon's,\n"
    "                 /run/cagent)\n"
    "  --no-color     like NO_COLOR in the environment\n"
    "  -h, --help     of the command, if there is one\n"
    "  --version\n";

void
args_help(const struct call *call)
{
	const struct verb *v = call->verb;

	if (*v->name == '\0') {
		help_all(call);
	} else {
		fprintf(call->out,
		    "usage: cagent-ctl %s%s%s [OPTION...]\n\n%s: %s.\n%s",
		    v->name, *v->args ? " " : "", v->args, v->name, v->help,
		    v->more);
	}
	fputs(common_help, call->out);
	if ((v->takes & TAKES_WATCH) != 0)
		fputs(
		    "  --watch[=S]    again every S seconds (2)\n", call->out);
	if ((v->takes & TAKES_FOLLOW) != 0)
		fputs("  -n N           the last N (100, at most 1024)\n"
		      "  -f             and new ones as they come\n",
		    call->out);
	if ((v->takes & TAKES_TOP) != 0)
		fputs(
		    "  --view V       tunnels, users, classes or intermediaries\n"
		    "  --sort C       by that column, -C the other way around\n"
		    "  --interval S   rates over S seconds (1)\n"
		    "  --lines N      of a view at most\n",
		    call->out);
	if ((v->takes & TAKES_USER) != 0)
		fputs("  --user U       as if the local user U had asked\n"
		      "  --login L      or who has logged in as L\n"
		      "  --service S    as a client of that service\n"
		      "  --source A     from that address\n"
		      "  --protocol P   by that protocol\n"
		      "  --class C      as traffic of that class\n"
		      "  --method M     of a plain HTTP request: by it,\n"
		      "  --accept T     wanting that media type,\n"
		      "  --dest D       with that Sec-Fetch-Dest\n",
		    call->out);
	if ((v->takes & TAKES_POLICY) != 0)
		fputs(
		    "  --root ROOT    the signed root to verify by\n"
		    "  --key KEY      the file of the secret key to sign with\n"
		    "  --expires TIME like 30d or 2027-01-01T00:00:00Z\n",
		    call->out);
	if ((v->takes & TAKES_PASSWD) != 0)
		fputs("  -f FILE        the users file\n"
		      "  -D             away with the user\n"
		      "  -l             the names of all\n",
		    call->out);
	if ((v->takes & TAKES_ENV) != 0)
		fputs("  --shell        lines for eval in a shell\n"
		      "  --transparent  instead: the rules of nftables and of "
		      "routing that hand\n"
		      "                 connections to redirect: and tproxy: "
		      "listeners\n",
		    call->out);
	if (*v->name == '\0')
		fputs("\nExit status: 0 ok, 1 failure, 2 usage, 3 cagentd is "
		      "not running, 4 degraded.\n",
		    call->out);
}
