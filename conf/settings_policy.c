/* The section [policy], and what a signed policy's body may say and do. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "conf/bundle.h"
#include "conf/settings_build.h"

static int
set_root(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings *s = record;

	(void)ctx;
	if (value[0] != '/' || strlen(value) >= sizeof(s->policy_root))
		return -1;
	memcpy(s->policy_root, value, strlen(value) + 1);
	return 0;
}

static int
add_network(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings *s = record;

	return settings_add_network(
	    ctx, value, &s->policy_networks, &s->policy_networks_n);
}

static int
add_domain(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings *s = record;

	return settings_add_domain(
	    ctx, value, &s->policy_domains, &s->policy_domains_n);
}

static int
add_server(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings *s = record;

	if (s->policy_servers_n == SETTINGS_SERVERS_MAX) {
		conf_error(ctx, "'server': expected at most %d of them",
		    SETTINGS_SERVERS_MAX);
		return -1;
	}
	if (settings_endpoint(value, &s->policy_servers[s->policy_servers_n]) !=
	    0)
		return -1;
	s->policy_servers_n++;
	return 0;
}

/* Which is read by the master alone: whoever else has the configuration is
 * not to have it. */
static int
set_token_file(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings *s = record;

	(void)ctx;
	if (value[0] != '/' || strlen(value) >= sizeof(s->policy_token_file))
		return -1;
	memcpy(s->policy_token_file, value, strlen(value) + 1);
	return 0;
}

static int
set_name(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings *s = record;

	if (strlen(value) >= sizeof(s->report_name) ||
	    !settings_name_ok(ctx, value))
		return -1;
	memcpy(s->report_name, value, strlen(value) + 1);
	return 0;
}

static const struct conf_word subscribers_words[] = {
    {"yes", 0}, {"no", 1}, {NULL, 0}};

static int
set_subscribers(struct conf_ctx *ctx, void *record, const char *value)
{
	const struct conf_word *w = subscribers_words;
	struct settings *s = record;

	(void)ctx;
	while (w->word != NULL && strcmp(w->word, value) != 0)
		w++;
	s->policy_no_subscribers = w->value != 0;
	return w->word != NULL ? 0 : -1;
}

const struct conf_option settings_policy_options[] = {
    {.key = "root",
	.type = CONF_CUSTOM,
	.parse = set_root,
	.required = true,
	.expects = "the absolute path of the root that was handed out"},
    {.key = "network",
	.type = CONF_CUSTOM,
	.parse = add_network,
	.repeats = true,
	.expects = "a network like 192.0.2.0/24 or 2001:db8::/32"},
    {.key = "domain",
	.type = CONF_CUSTOM,
	.parse = add_domain,
	.repeats = true,
	.expects = "a domain like corp.example, which means what is below it "
		   "too"},
    SETTINGS_INT("max-intermediaries", policy_intermediaries_max, 0,
	SETTINGS_INTERMEDIARIES_MAX),
    SETTINGS_INT("min-intermediaries", policy_intermediaries_min, 0,
	SETTINGS_INTERMEDIARIES_MAX),
    {.key = "server",
	.type = CONF_CUSTOM,
	.parse = add_server,
	.repeats = true,
	.expects = "an address like policy.example:7443 or 192.0.2.1:7443"},
    {.key = "token-file",
	.type = CONF_CUSTOM,
	.parse = set_token_file,
	.expects = "the absolute path of a private file"},
    {.key = "name",
	.type = CONF_CUSTOM,
	.parse = set_name,
	.expects = "a name of at most 63 bytes"},
    SETTINGS_MS("report-interval", report_least_ms, 1000, 24 * 3600000),
    {.key = "subscribers",
	.type = CONF_CUSTOM,
	.parse = set_subscribers,
	.expects = "yes or no"},
    {.key = NULL},
};

void *
settings_policy_begin(struct conf_ctx *ctx, void *build, const char *name)
{
	return settings_agent_begin(ctx, build, name);
}

/* The control process, which goes by it, opens no files. */
static int
fetch_root(struct conf_ctx *ctx, const struct build *b)
{
	char key[sizeof(b->s->policy_root) + 8];
	size_t len;
	int error;

	snprintf(key, sizeof(key), "file:%s", b->s->policy_root);
	if (!b->live || bundle_get(b->bundle, key, &len, &error) != NULL)
		return 0;
	conf_error(ctx, "'root': %s: %s", b->s->policy_root, strerror(-error));
	return -1;
}

int
settings_policy_end(struct conf_ctx *ctx, void *build, void *record)
{
	const struct settings *s = record;

	if (fetch_root(ctx, build) != 0)
		return -1;
	if (s->policy_networks_n > 0 || s->policy_domains_n > 0)
		return 0;
	conf_error(ctx, "expected a 'network' or a 'domain': where may a "
			"policy's intermediaries be?");
	return -1;
}

/* --- the body of a policy --- */

static const struct conf_option limits_options[] = {
    SETTINGS_LIMIT_ROWS,
    {.key = NULL},
};

/* What is learned here is this host's affair. */
static const struct conf_option direct_options[] = {
    SETTINGS_DIRECT_ROWS,
    {.key = NULL},
};

static void *
limits_begin(struct conf_ctx *ctx, void *build, const char *name)
{
	struct build *b = build;

	(void)ctx, (void)name;
	return b->policy;
}

static int
limits_end(struct conf_ctx *ctx, void *build, void *record)
{
	(void)build;
	return settings_check_timeouts(ctx, record);
}

const struct conf_section settings_policy_sections[] = {
    {.kind = "limits",
	.options = limits_options,
	.begin = limits_begin,
	.end = limits_end},
    {.kind = "direct",
	.options = direct_options,
	.begin = settings_agent_begin},
    SETTINGS_SHARED_SECTIONS,
    {.kind = NULL},
};

static bool
is_allowed(const struct settings *s, const char *host)
{
	struct net_ip ip;
	size_t i;

	if (net_ip_parse(host, &ip) == 0) {
		for (i = 0; i < s->policy_networks_n; i++) {
			if (net_prefix_contains(&s->policy_networks[i], &ip))
				return true;
		}
		return false;
	}
	for (i = 0; i < s->policy_domains_n; i++) {
		if (net_name_below(s->policy_domains[i], host))
			return true;
	}
	return false;
}

bool
settings_policy_allows(struct conf_ctx *ctx, const struct build *b,
    const struct settings_intermediary *i)
{
	if (!b->in_policy || b->any_place || is_allowed(b->s, i->host))
		return true;
	conf_error(ctx, "[%s \"%s\"]: this host's [policy] allows none at %s",
	    settings_duty_word(i->duty), i->name, i->host);
	return false;
}

static int
refuse(struct conf_errors *e, const char *what, int64_t want, int64_t found)
{
	e->n = 1;
	snprintf(e->text, sizeof(e->text),
	    "policy: expected %s %lld intermediaries, as this host's [policy] "
	    "says, found %lld\n",
	    what, (long long)want, (long long)found);
	return -EINVAL;
}

int
settings_policy_check(const struct build *b, struct conf_errors *e)
{
	const struct settings *s = b->s;
	int64_t all = 0, by_policy = 0;
	const struct build_intermediary *i;

	STAILQ_FOREACH(i, &b->intermediaries, next)
	{
		by_policy += i->i.by_policy && !i->dropped;
		/* A cache does not carry what there is no cache for. */
		all += i->i.duty == DUTY_RANKED && !i->dropped;
	}
	if (by_policy > s->policy_intermediaries_max)
		return refuse(
		    e, "at most", s->policy_intermediaries_max, by_policy);
	if (all < s->policy_intermediaries_min)
		return refuse(e, "at least", s->policy_intermediaries_min, all);
	return 0;
}

static int
no_memory(const char *name, struct conf_errors *e)
{
	e->n = 1;
	snprintf(e->text, sizeof(e->text), "%s: out of memory\n", name);
	return -EINVAL;
}

static int
read_body(struct build *b, const char *name, const struct settings_body *body,
    struct conf_errors *e)
{
	settings_unsay_limits(b->s);
	b->policy = b->s; /* there is nothing that it stands behind */
	b->in_policy = true;
	b->any_place = true;
	b->s->policy_in_force = true;
	b->s->policy_epoch = body->epoch;
	b->s->policy_serial = body->serial;
	if (conf_parse(name, body->text, body->len, settings_policy_sections, b,
		b, e) != 0)
		return -EINVAL;
	settings_fill_limits(b->s, NULL);
	return settings_move_lists(b) == 0 ? 0 : no_memory(name, e);
}

int
settings_read_policy(const char *name, const struct settings_body *body,
    struct settings **s, struct conf_errors *e)
{
	struct build *b = settings_build_new(NULL);
	int error;

	*s = NULL;
	e->n = 0;
	e->text[0] = '\0';
	if (b == NULL)
		return no_memory(name, e);
	error = read_body(b, name, body, e);
	if (error == 0)
		*s = b->s;
	else
		settings_unref(b->s);
	settings_build_fini(b);
	return error;
}
