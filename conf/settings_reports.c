/* The sections [reports] and [subscriber]: who is told what this agent sees,
 * and how often; connects to nobody. */
#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "conf/bundle.h"
#include "conf/settings_build.h"

int
settings_endpoint(const char *value, struct settings_endpoint *at)
{
	char text[NET_IP_STRLEN];
	struct net_ip ip;
	char *c;

	if (net_hostport_split(
		value, at->host, sizeof(at->host), &at->port, false) != 0)
		return -1;
	if (net_ip_parse(at->host, &ip) == 0) {
		net_ip_format(&ip, text);
		memcpy(at->host, text, strlen(text) + 1);
		return 0;
	}
	if (!net_name_valid(at->host, strlen(at->host)))
		return -1;
	for (c = at->host; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	return 0;
}

/* A host's name may hold what no name of ours does. */
static void
make_fit(char *name)
{
	for (; *name != '\0'; name++) {
		*name = (char)tolower((unsigned char)*name);
		if (strchr("abcdefghijklmnopqrstuvwxyz0123456789-_.", *name) ==
		    NULL)
			*name = '-';
	}
}

/* Asked once for all processes: not all of them may ask. */
void
settings_default_name(struct build *b)
{
	struct settings *s = b->s;
	const char *known;
	char host[256] = "";
	size_t len;
	int error;

	known = bundle_get(b->bundle, "host-name", &len, &error);
	if (known == NULL && gethostname(host, sizeof(host) - 1) == 0)
		known = host;
	snprintf(s->report_name, sizeof(s->report_name), "%.*s",
	    (int)sizeof(s->report_name) - 1, known != NULL ? known : "");
	make_fit(s->report_name);
	if (s->report_name[0] == '\0')
		snprintf(s->report_name, sizeof(s->report_name), "agent");
	if (known != NULL && known != host)
		return;
	/* No room: then each process asks, and may find none. */
	(void)bundle_put(
	    b->bundle, "host-name", s->report_name, strlen(s->report_name));
}

const struct conf_option settings_reports_options[] = {
    SETTINGS_MS("interval", reports_interval_ms, 1000, 24 * 3600000),
    {.key = NULL},
};

/* What the policy says of it is a limit like others. */
void *
settings_reports_begin(struct conf_ctx *ctx, void *build, const char *name)
{
	struct build *b = build;

	(void)ctx, (void)name;
	return b->in_policy ? b->policy : b->s;
}

static int
set_at(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings_subscriber *sub = record;

	(void)ctx;
	return settings_endpoint(value, &sub->at);
}

static int
set_key(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings_subscriber *sub = record;
	size_t n = 0;

	(void)ctx;
	if (sodium_base642bin(sub->key, sizeof(sub->key), value, strlen(value),
		NULL, &n, NULL, sodium_base64_VARIANT_ORIGINAL) != 0 ||
	    n != sizeof(sub->key) || sodium_is_zero(sub->key, n))
		return -1;
	return 0;
}

const struct conf_option settings_subscriber_options[] = {
    {.key = "address",
	.type = CONF_CUSTOM,
	.parse = set_at,
	.required = true,
	.expects = "an address like manager.example:7443 or 192.0.2.1:7443"},
    {.key = "key",
	.type = CONF_CUSTOM,
	.parse = set_key,
	.required = true,
	.expects = "a public sealing key in BASE64, as \"cagent-policyd "
		   "keygen\" writes it"},
    {.key = "interval",
	.type = CONF_MS,
	.offset = offsetof(struct settings_subscriber, interval_ms),
	.min = 1000,
	.max = 24 * 3600000},
    {.key = NULL},
};

static bool
has_subscriber(const struct settings *s, const char *name)
{
	uint32_t i;

	for (i = 0; i < s->subscribers_n; i++) {
		if (strcmp(s->subscribers[i].name, name) == 0)
			return true;
	}
	return false;
}

void *
settings_subscriber_begin(struct conf_ctx *ctx, void *build, const char *name)
{
	struct build *b = build;
	struct settings *s = b->s;
	struct settings_subscriber *sub;

	if (!settings_name_ok(ctx, name))
		return NULL;
	if (b->in_policy && s->policy_no_subscribers) {
		conf_error(ctx,
		    "[subscriber \"%s\"]: this host's [policy] allows none",
		    name);
		return NULL;
	}
	if (b->in_policy && has_subscriber(s, name))
		return &b->dropped_subscriber;
	if (s->subscribers_n == SETTINGS_SUBSCRIBERS_MAX) {
		conf_error(ctx, "expected at most %d subscribers",
		    SETTINGS_SUBSCRIBERS_MAX);
		return NULL;
	}
	sub = &s->subscribers[s->subscribers_n++];
	memcpy(sub->name, name, strlen(name) + 1);
	sub->by_policy = b->in_policy;
	return sub;
}

/* Whose two would be one and the same for their peer. */
int
settings_subscriber_end(struct conf_ctx *ctx, void *build, void *record)
{
	const struct settings_subscriber *sub = record, *other;
	const struct build *b = build;

	if (sub == &b->dropped_subscriber)
		return 0;
	for (other = b->s->subscribers; other < sub; other++) {
		if (other->by_policy != sub->by_policy ||
		    memcmp(other->key, sub->key, sizeof(sub->key)) != 0)
			continue;
		conf_error(ctx,
		    "[subscriber \"%s\"]: expected another key than that of "
		    "'%s'",
		    sub->name, other->name);
		return -1;
	}
	return 0;
}
