/* The sections [probe], [load] and [login]: what is asked of intermediaries. */
#include <stdio.h>
#include <string.h>

#include "policyd/common/pdconf_build.h"
#include "probe/load.h"
#include "wire/envelope.h"

#define SECOND_MS INT64_C(1000)

/* "host:port", or "host" where a port is not needed (0: it is). */
static bool
parse_host(const char *text, uint16_t port, struct wire_host *out)
{
	char host[NET_HOST_MAX + 1];
	size_t len = strlen(text);

	if (net_hostport_split(text, host, sizeof(host), &port, false) == 0) {
		text = host;
		len = strlen(host);
	} else if (port == 0)
		return false;
	if (wire_host_set(out, text, len) != 0)
		return false;
	out->port = port;
	return true;
}

static bool
parse_url(const char *url, struct wire_host *host, char *path, size_t cap)
{
	static const char scheme[] = "http://";
	char authority[NET_HOST_MAX + 16];
	const char *p, *slash;
	size_t len;

	if (strncmp(url, scheme, sizeof(scheme) - 1) != 0)
		return false;
	url += sizeof(scheme) - 1;
	slash = strchr(url, '/');
	len = slash != NULL ? (size_t)(slash - url) : strlen(url);
	if (len >= sizeof(authority))
		return false;
	memcpy(authority, url, len);
	authority[len] = '\0';
	if (slash == NULL)
		slash = "/";
	for (p = slash; *p != '\0'; p++) {
		if (*p <= ' ' || *p > '~' || *p == '#')
			return false;
	}
	if (strlen(slash) >= cap || !parse_host(authority, 80, host))
		return false;
	memcpy(path, slash, strlen(slash) + 1);
	return true;
}

static int
add_target(struct conf_ctx *ctx, void *record, const char *value)
{
	struct pdconf *c = record;
	struct pdconf_target t = {0};

	if (strstr(value, "://") != NULL
		? !parse_url(value, &t.host, t.path, sizeof(t.path))
		: !parse_host(value, 0, &t.host))
		return -1;
	if (c->targets_n == PDCONF_TARGETS_MAX) {
		conf_error(ctx, "'target': expected at most %d of them",
		    PDCONF_TARGETS_MAX);
		return -1;
	}
	c->targets[c->targets_n++] = t;
	return 0;
}

const struct conf_option pdconf_probe_options[] = {
    PDCONF_LIST("target", add_target,
	"a host and a port, or a URL like http://host/path"),
    PDCONF_MS("interval", probe_interval_ms, 100, 3600 * SECOND_MS),
    PDCONF_MS("timeout", probe_timeout_ms, 100, 60 * SECOND_MS),
    PDCONF_BYTES("throughput", probe_throughput, 0, 64 << 20),
    PDCONF_INT("max-probes", probes_max, 1, 1024),
    {.key = NULL},
};

static bool
is_name(struct conf_ctx *ctx, const char *name)
{
	if (envelope_audience_ok(name) && strcmp(name, "*") != 0)
		return true;
	conf_error(ctx,
	    "expected a name of lower-case letters, digits, '-', '_' and '.', "
	    "found '%s'",
	    name);
	return false;
}

static bool
has_room(struct conf_ctx *ctx, uint32_t n)
{
	if (n < MANAGE_ROWS_MAX)
		return true;
	conf_error(ctx, "expected at most %d of them", MANAGE_ROWS_MAX);
	return false;
}

static int
set_agent_check(struct conf_ctx *ctx, void *record, const char *value)
{
	struct pdconf_load *l = record;

	if (l->host.port != 0) {
		conf_error(ctx, "expected one of 'agent-check' and 'metric'");
		return -1;
	}
	return parse_host(value, 0, &l->host) ? 0 : -1;
}

static int
set_metric(struct conf_ctx *ctx, void *record, const char *value)
{
	struct pdconf_load *l = record;

	if (l->host.port != 0) {
		conf_error(ctx, "expected one of 'agent-check' and 'metric'");
		return -1;
	}
	l->metric = true;
	return parse_url(value, &l->host, l->path, sizeof(l->path)) ? 0 : -1;
}

static int
set_selector(struct conf_ctx *ctx, void *record, const char *value)
{
	struct pdconf_load *l = record;

	(void)ctx; /* what is expected says it all */
	if (strlen(value) >= sizeof(l->selector) ||
	    load_selector_check(value) != 0)
		return -1;
	memcpy(l->selector, value, strlen(value) + 1);
	return 0;
}

const struct conf_option pdconf_load_options[] = {
    PDCONF_CUSTOM("agent-check", set_agent_check, "a host and a port"),
    PDCONF_CUSTOM("metric", set_metric, "a URL like http://host:9100/metrics"),
    PDCONF_CUSTOM(
	"selector", set_selector, "a metric like connections{kind=\"socks\"}"),
    {.key = "full",
	.type = CONF_INT,
	.offset = offsetof(struct pdconf_load, full),
	.min = 1,
	.max = INT64_MAX},
    {.key = NULL},
};

void *
pdconf_load_begin(struct conf_ctx *ctx, void *build, const char *name)
{
	struct pdbuild *b = build;
	struct pdconf_load *l;

	if (!is_name(ctx, name) || !has_room(ctx, b->c->loads_n))
		return NULL;
	l = &b->c->loads[b->c->loads_n++];
	snprintf(l->name, sizeof(l->name), "%s", name);
	return l;
}

int
pdconf_load_end(struct conf_ctx *ctx, void *build, void *record)
{
	const struct pdconf_load *l = record;
	const char *lacks = NULL;

	(void)build; /* a section by itself */
	if (l->host.port == 0)
		lacks = "'agent-check' or 'metric'";
	else if (l->metric && l->selector[0] == '\0')
		lacks = "'selector', as 'metric' wants";
	else if (l->metric && l->full == 0)
		lacks = "'full', as 'metric' wants";
	else if (l->metric || (l->selector[0] == '\0' && l->full == 0))
		return 0;
	if (lacks != NULL)
		conf_error(ctx, "[load \"%s\"]: expected %s", l->name, lacks);
	else
		conf_error(ctx,
		    "[load \"%s\"]: 'selector' and 'full' belong to 'metric'",
		    l->name);
	return -1;
}

static int
set_password_file(struct conf_ctx *ctx, void *record, const char *value)
{
	struct pdconf_login *l = record;

	(void)ctx; /* what is expected says it all */
	if (value[0] != '/' || strlen(value) >= sizeof(l->password_file))
		return -1;
	memcpy(l->password_file, value, strlen(value) + 1);
	return 0;
}

const struct conf_option pdconf_login_options[] = {
    {.key = "username",
	.type = CONF_STRING,
	.offset = offsetof(struct pdconf_login, username),
	.size = sizeof(((struct pdconf_login *)0)->username),
	.required = true,
	.expects = "a user's name there, of at most 255 bytes"},
    PDCONF_CUSTOM("password-file", set_password_file,
	"the absolute path of a private file"),
    {.key = NULL},
};

void *
pdconf_login_begin(struct conf_ctx *ctx, void *build, const char *name)
{
	struct pdbuild *b = build;
	struct pdconf_login *l;

	if (!is_name(ctx, name) || !has_room(ctx, b->c->logins_n))
		return NULL;
	l = &b->c->logins[b->c->logins_n++];
	snprintf(l->name, sizeof(l->name), "%s", name);
	return l;
}
