/* Owns the command line of cagent-probe; opens no socket and looks up no
 * name. */
#include "probe/opts.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/conf.h"
#include "base/tls.h"
#include "probe/units.h"

#define QUOTE_MAX     72
#define SPAN_MAX_US   (3600 * 1000000ll)
#define RATE_MAX      (1ll << 34)
#define PASSWORD_FILE 4096 /* bytes of one */
#define AUTHORITIES   "/etc/ssl/certs/ca-certificates.crt"

enum {
	OPT_TARGET = 256,
	OPT_INTERVAL,
	OPT_TIMEOUT,
	OPT_PARALLEL,
	OPT_RATE,
	OPT_JSON,
	OPT_NO_COLOUR,
	OPT_PASSWORD_FILE,
	OPT_CA,
};

static const struct option options[] = {
    {"target", required_argument, NULL, OPT_TARGET},
    {"count", required_argument, NULL, 'n'},
    {"interval", required_argument, NULL, OPT_INTERVAL},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"parallel", required_argument, NULL, OPT_PARALLEL},
    {"rate", optional_argument, NULL, OPT_RATE},
    {"json", no_argument, NULL, OPT_JSON}, {"quiet", no_argument, NULL, 'q'},
    {"no-color", no_argument, NULL, OPT_NO_COLOUR},
    {"no-colour", no_argument, NULL, OPT_NO_COLOUR},
    {"password-file", required_argument, NULL, OPT_PASSWORD_FILE},
    {"cacert", required_argument, NULL, OPT_CA},
    {"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0}};

#define OPTIONS_N (sizeof(options) / sizeof(*options))

/* What is needed only while reading. */
struct reading {
	struct opts *o;
	const char *password_file, *ca_file;
};

void
opts_fail(const struct opts *o, const char *code, const char *fmt, ...)
{
	char text[1024];
	json_t *doc, *error;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	units_clean(text);
	fflush(o->out);
	fprintf(o->err, "cagent-probe: %s\n", text);
	if (!o->json)
		return;
	error = json_string(text);
	if (error == NULL) /* what is quoted need not be UTF-8 */
		error = json_string("see the note");
	doc = json_pack("{s:i, s:b, s:s, s:o}", "schema", 1, "ok", 0, "code",
	    code, "error", error);
	if (doc != NULL)
		json_dumpf(doc, o->out, JSON_COMPACT);
	fputc('\n', o->out);
	json_decref(doc);
}

__attribute__((format(printf, 2, 3))) static int
usage(const struct opts *o, const char *fmt, ...)
{
	char text[640];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	opts_fail(o, "usage", "%s", text);
	return OPTS_USAGE;
}

static int
bad_option(const struct opts *o, const char *word)
{
	const char *names[OPTIONS_N], *near = NULL;
	char text[QUOTE_MAX], name[QUOTE_MAX];
	size_t i;

	for (i = 0; i < OPTIONS_N; i++)
		names[i] = options[i].name;
	units_quote(word, text, sizeof(text));
	memcpy(name, text, sizeof(name));
	name[strcspn(name, "=")] = '\0';
	if (strncmp(name, "--", 2) == 0)
		near = conf_nearest(name + 2, names);
	if (near != NULL)
		return usage(
		    o, "unknown option \"%s\": did you mean --%s?", text, near);
	return usage(
	    o, "unknown option \"%s\" (--help lists those there are)", text);
}

static int
set_number(const struct opts *o, const char *name, const char *value,
    uint32_t max, uint32_t *out)
{
	const char *end = value + strspn(value, "0123456789");
	char text[QUOTE_MAX];
	unsigned long n;

	n = end - value <= 9 && end != value ? strtoul(value, NULL, 10) : 0;
	if (*end != '\0' || n == 0 || n > max)
		return usage(o, "%s %s: expected a number from 1 to %u", name,
		    units_quote(value, text, sizeof(text)), max);
	*out = (uint32_t)n;
	return OPTS_OK;
}

static int
set_span(const struct opts *o, const char *name, const char *value,
    int64_t min_us, int64_t *out)
{
	char text[QUOTE_MAX], least[UNITS_LEN];

	*out = units_parse_span(value, min_us, SPAN_MAX_US);
	if (*out >= 0)
		return OPTS_OK;
	return usage(o, "%s %s: expected a time between %s and 1h, as in %s 2s",
	    name, units_quote(value, text, sizeof(text)),
	    min_us == 0 ? "0" : units_span(min_us, least), name);
}

static int
set_rate(struct opts *o, const char *value)
{
	char text[QUOTE_MAX];

	o->rate_bytes = OPTS_RATE_BYTES;
	if (value == NULL)
		return OPTS_OK;
	o->rate_bytes = units_parse_size(value, OPTS_RATE_MIN, RATE_MAX);
	if (o->rate_bytes > 0)
		return OPTS_OK;
	return usage(o,
	    "--rate=%s: expected a size between 64k and 16g, as in --rate=4m",
	    units_quote(value, text, sizeof(text)));
}

static int
add_target(struct opts *o, const char *value)
{
	char why[URL_WHY_MAX], text[QUOTE_MAX];

	if (o->targets_n == OPTS_TARGETS_MAX)
		return usage(o, "at most %d targets", OPTS_TARGETS_MAX);
	if (url_target_parse(value, &o->targets[o->targets_n], why) != 0)
		return usage(o, "--target %s: %s",
		    units_quote(value, text, sizeof(text)), why);
	o->targets_n++;
	return OPTS_OK;
}

static int
set_option(struct reading *r, int c, const char *value)
{
	struct opts *o = r->o;

	switch (c) {
	case OPT_TARGET:
		return add_target(o, value);
	case 'n':
		return set_number(
		    o, "--count", value, OPTS_COUNT_MAX, &o->count);
	case OPT_INTERVAL:
		return set_span(o, "--interval", value, 0, &o->interval_us);
	case OPT_TIMEOUT:
		return set_span(o, "--timeout", value, 1000, &o->timeout_us);
	case OPT_PARALLEL:
		return set_number(
		    o, "--parallel", value, OPTS_PARALLEL_MAX, &o->parallel);
	case OPT_RATE:
		return set_rate(o, value);
	case OPT_JSON:
		o->json = true;
		return OPTS_OK;
	case 'q':
		o->quiet = true;
		return OPTS_OK;
	case OPT_NO_COLOUR:
		o->colour = false;
		return OPTS_OK;
	case OPT_PASSWORD_FILE:
		r->password_file = value;
		return OPTS_OK;
	case OPT_CA:
		r->ca_file = value;
		return OPTS_OK;
	case 'V':
		o->version = true;
		return OPTS_OK;
	default: /* 'h' */
		o->help = true;
		return OPTS_OK;
	}
}

/* getopt's word for one that lacks its argument, or must not have one. */
static int
bad_use(const struct opts *o, const char *word, bool missing)
{
	char text[QUOTE_MAX];

	return usage(o, missing ? "%s needs a value" : "%s takes no value",
	    units_quote(word, text, sizeof(text)));
}

static int
parse_options(int argc, char **argv, struct reading *r)
{
	int c, status;

	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, ":n:qhV", options, NULL)) != -1) {
		if (c == ':')
			return bad_use(r->o, argv[optind - 1], true);
		/* A long one that is known but was given a value sets optopt
		 * to its number. */
		if (c == '?' && (optopt > 'z' || strchr("qhV", optopt)) &&
		    optopt != 0)
			return bad_use(r->o, argv[optind - 1], false);
		if (c == '?' && optopt != 0) {
			char word[] = {'-', (char)optopt, '\0'};

			return bad_option(r->o, word);
		}
		if (c == '?')
			return bad_option(r->o, argv[optind - 1]);
		if ((status = set_option(r, c, optarg)) != OPTS_OK)
			return status;
	}
	return OPTS_OK;
}

/* Everybody on this host may read our arguments: what is between the user and
 * the last '@' is overwritten. */
static void
hide_password(char *arg)
{
	char *s = strstr(arg, "://"), *at, *colon;

	s = s != NULL ? s + 3 : arg;
	at = memrchr(s, '@', strcspn(s, "/?#\\"));
	colon = at != NULL ? memchr(s, ':', (size_t)(at - s)) : NULL;
	if (colon != NULL)
		memset(colon + 1, 'x', (size_t)(at - colon - 1));
}

static int
add_hop(struct opts *o, char *arg)
{
	char why[URL_WHY_MAX], text[QUOTE_MAX];
	int error;

	if (o->hops_n == OPTS_HOPS_MAX)
		return usage(o, "at most %d intermediaries", OPTS_HOPS_MAX);
	error = url_hop_parse(arg, &o->hops[o->hops_n], why);
	hide_password(arg);
	if (error != 0)
		return usage(
		    o, "%s: %s", units_quote(arg, text, sizeof(text)), why);
	o->hops_n++;
	return OPTS_OK;
}

/* The one line of the file; in place. */
static const char *
password_line(char *data, size_t len)
{
	size_t i;

	if (len > 0 && data[len - 1] == '\n')
		len--;
	if (len > 0 && data[len - 1] == '\r')
		len--;
	if (len == 0 || len > URL_LOGIN_MAX)
		return NULL;
	for (i = 0; i < len; i++) {
		if ((unsigned char)data[i] < ' ' || data[i] == 0x7f)
			return NULL;
	}
	data[len] = '\0';
	return data;
}

static int
set_passwords(struct opts *o, const char *path, const char *password)
{
	uint32_t i, n = 0;

	if (password == NULL)
		return usage(o,
		    "%s: expected one line with a password of at most %d "
		    "bytes",
		    path, URL_LOGIN_MAX);
	for (i = 0; i < o->hops_n; i++) {
		if (!o->hops[i].has_user || o->hops[i].has_password)
			continue;
		memcpy(o->hops[i].password, password, strlen(password) + 1);
		o->hops[i].has_password = true;
		n++;
	}
	return n > 0 ? OPTS_OK
		     : usage(o, "--password-file: no URL has a user without a "
				"password, as in socks5://USER@HOST:PORT");
}

static int
read_passwords(struct opts *o, const char *path)
{
	char *data;
	size_t len;
	int error, status;

	error = conf_read_file(path, PASSWORD_FILE, true, &data, &len);
	if (error == -EPERM)
		return usage(o,
		    "%s: others may read or change it: chmod 600 %s", path,
		    path);
	if (error != 0)
		return usage(o, "%s: %s", path, strerror(-error));
	status = set_passwords(o, path, password_line(data, len));
	explicit_bzero(data, len);
	free(data);
	return status;
}

/* The system's, unless others are named. */
static int
read_authorities(struct opts *o, const char *path)
{
	char why[TLS_WHY_MAX], *data;
	bool needed = false;
	int error, status = OPTS_OK;
	uint32_t i;
	size_t len;

	for (i = 0; i < o->hops_n; i++)
		needed = needed || o->hops[i].secure;
	if (!needed && path != NULL)
		return usage(o, "--cacert is for https://HOST:PORT");
	if (!needed)
		return OPTS_OK;
	path = path != NULL ? path : AUTHORITIES;
	error = conf_read_file(path, CONF_FILE_MAX, false, &data, &len);
	if (error != 0)
		return usage(o, "%s: %s", path, strerror(-error));
	if (tls_authorities_new(&o->authorities, data, why) != 0)
		status = usage(o, "%s: %s", path, why);
	free(data);
	return status;
}

/* Do the parts suit each other? */
static int
check(const struct opts *o)
{
	bool direct = false, http = false;
	uint64_t all = (uint64_t)o->hops_n * o->count;
	uint32_t i;

	for (i = 0; i < o->hops_n; i++)
		direct = direct || o->hops[i].direct;
	for (i = 0; i < o->targets_n; i++)
		http = http || o->targets[i].kind != QUERY_TLS;
	if (o->hops_n == 0)
		return usage(o, "which intermediary? as in: cagent-probe "
				"socks5://127.0.0.1:1080 --target "
				"https://example.com/");
	if (direct && o->targets_n == 0)
		return usage(o, "direct:// leads nowhere without a --target");
	if (o->rate_bytes > 0 && !http)
		return usage(o, "--rate needs a --target http://HOST/PATH "
				"with a large answer");
	if (o->targets_n > 0)
		all *= o->targets_n;
	if (all > OPTS_PROBES_MAX)
		return usage(o,
		    "that would be %llu probes, at most %d: a "
		    "smaller --count?",
		    (unsigned long long)all, OPTS_PROBES_MAX);
	return OPTS_OK;
}

int
opts_parse(int argc, char **argv, struct opts *o)
{
	struct reading r = {.o = o};
	int i, status;

	o->hops = calloc(OPTS_HOPS_MAX, sizeof(*o->hops));
	o->targets = calloc(OPTS_TARGETS_MAX, sizeof(*o->targets));
	o->count = OPTS_COUNT;
	o->parallel = OPTS_PARALLEL;
	o->interval_us = OPTS_INTERVAL_US;
	o->timeout_us = OPTS_TIMEOUT_US;
	if (o->hops == NULL || o->targets == NULL) {
		opts_fail(o, "internal", "out of memory");
		return OPTS_FAILED;
	}
	for (i = 1; i < argc; i++)
		o->json = o->json || strcmp(argv[i], "--json") == 0;
	status = argc < 1 ? OPTS_OK : parse_options(argc, argv, &r);
	if (status != OPTS_OK || o->help || o->version)
		return status;
	for (i = optind; i < argc && status == OPTS_OK; i++)
		status = add_hop(o, argv[i]);
	for (; i < argc; i++)
		hide_password(argv[i]);
	if (status == OPTS_OK && r.password_file != NULL)
		status = read_passwords(o, r.password_file);
	if (status == OPTS_OK)
		status = read_authorities(o, r.ca_file);
	return status == OPTS_OK ? check(o) : status;
}

void
opts_fini(struct opts *o)
{
	if (o->hops != NULL)
		explicit_bzero(o->hops, OPTS_HOPS_MAX * sizeof(*o->hops));
	free(o->hops);
	free(o->targets);
	tls_authorities_unref(o->authorities);
	o->authorities = NULL;
	o->hops = NULL;
	o->targets = NULL;
}

void
opts_help(const struct opts *o)
{
	fputs(
	    "usage: cagent-probe [OPTION...] INTERMEDIARY...\n"
	    "\n"
	    "Is it alive, does it reach the target, and how fast?\n"
	    "\n"
	    "  INTERMEDIARY         socks5://[USER[:PASSWORD]@]HOST:PORT,\n"
	    "                       socks4a://..., http://..., https://..., or\n"
	    "                       direct://\n"
	    "  --target URL         http://HOST/PATH, https://HOST/ or\n"
	    "                       tcp://HOST:PORT, which speaks first; may\n"
	    "                       stand more than once; without one the\n"
	    "                       intermediary is only asked for an answer\n"
	    "  -n, --count N        probes of each, one after the other (3)\n"
	    "  --interval TIME      between them (100ms)\n"
	    "  --timeout TIME       of one probe (5s)\n"
	    "  --parallel N         probes at once, of different ones (8)\n"
	    "  --rate[=SIZE]        read on, up to SIZE (1M), for the rate\n"
	    "  --password-file FILE the password of each URL that has a user\n"
	    "                       and none\n"
	    "  --cacert FILE        who may sign the certificate of https://\n"
	    "  --json               for programs\n"
	    "  -q, --quiet          neither progress nor notes\n"
	    "  --no-color           like NO_COLOR in the environment\n"
	    "  -h, --help\n"
	    "  -V, --version\n"
	    "\n"
	    "Exit status: 0 all is well, 1 some probe failed, 2 usage.\n",
	    o->out);
}
