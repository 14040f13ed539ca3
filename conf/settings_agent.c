/* The sections [agent] and [direct]; opens no file and no socket. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "conf/settings_build.h"

static const struct conf_word log_levels[] = {
    {"error", LOG_LEVEL_ERROR},
    {"warn", LOG_LEVEL_WARN},
    {"info", LOG_LEVEL_INFO},
    {"debug", LOG_LEVEL_DEBUG},
    {NULL, 0},
};

static const struct conf_word event_loops[] = {
    {"auto", SETTINGS_LOOP_AUTO},
    {"io_uring", SETTINGS_LOOP_URING},
    {"epoll", SETTINGS_LOOP_EPOLL},
    {NULL, 0},
};

const char *
settings_listener_prefix(enum settings_listener kind)
{
	switch (kind) {
	case LISTENER_PROXY:
		return "";
	case LISTENER_REDIRECT:
		return "redirect:";
	case LISTENER_TPROXY:
		return "tproxy:";
	}
	return "";
}

/* Its kind, and *rest the address. */
static enum settings_listener
listener_kind(const char *value, const char **rest)
{
	static const enum settings_listener kinds[] = {
	    LISTENER_REDIRECT, LISTENER_TPROXY};
	const char *prefix;
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		prefix = settings_listener_prefix(kinds[i]);
		*rest = value + strlen(prefix);
		if (strncmp(value, prefix, strlen(prefix)) == 0)
			return kinds[i];
	}
	*rest = value;
	return LISTENER_PROXY;
}

static int
add_listener(struct conf_ctx *ctx, void *record, const char *value)
{
	struct build *b = conf_arg(ctx);
	struct settings *s = record;
	enum settings_listener kind = listener_kind(value, &value);
	union net_addr addr;
	int len = net_addr_parse(value, &addr);
	uint32_t i;

	/* The kernel redirects to ports. */
	if (len < 0 || (kind != LISTENER_PROXY && addr.sa.sa_family == AF_UNIX))
		return -1;
	if (!b->listen_set)
		s->listeners_n = 0;
	b->listen_set = true;
	for (i = 0; i < s->listeners_n; i++) {
		if (!net_addr_equal(&s->listeners[i], &addr) ||
		    (addr.sa.sa_family != AF_UNIX && net_addr_port(&addr) == 0))
			continue;
		conf_error(ctx, "'listen': %s stands at line %d already", value,
		    b->listen_lines[i]);
		return -1;
	}
	if (s->listeners_n == SETTINGS_LISTENERS_MAX) {
		conf_error(ctx, "'listen': expected at most %d of them",
		    SETTINGS_LISTENERS_MAX);
		return -1;
	}
	b->listen_lines[s->listeners_n] = conf_line(ctx);
	s->listener_kinds[s->listeners_n] = kind;
	s->listeners[s->listeners_n++] = addr;
	return 0;
}

static int
set_workers(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings *s = record;
	int64_t n = settings_number(value, SETTINGS_WORKERS_MAX);

	(void)ctx;
	s->workers = 0;
	if (strcmp(value, "auto") == 0)
		return 0;
	if (n < 1)
		return -1;
	s->workers = (uint32_t)n;
	return 0;
}

static int
set_group(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings *s = record;

	if (strlen(value) > SETTINGS_NAME_MAX)
		return -1;
	if (!settings_name_ok(ctx, value))
		return -1;
	memcpy(s->group, value, strlen(value) + 1);
	return 0;
}

static int
set_path(char *out, size_t size, const char *value)
{
	size_t len = strlen(value);

	if (value[0] != '/' || len >= size)
		return -1;
	memcpy(out, value, len + 1);
	return 0;
}

static int
set_run_dir(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings *s = record;

	(void)ctx;
	return set_path(s->run_dir, sizeof(s->run_dir), value);
}

static int
set_state_dir(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings *s = record;

	(void)ctx;
	return set_path(s->state_dir, sizeof(s->state_dir), value);
}

static int
set_pid_file(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings *s = record;

	(void)ctx;
	return set_path(s->pid_file, sizeof(s->pid_file), value);
}

static int
set_decisions(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings *s = record;

	(void)ctx;
	return set_path(s->decisions, sizeof(s->decisions), value);
}

static int
set_no_path(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings *s = record;

	(void)ctx;
	s->no_path_direct = strcmp(value, "direct") == 0;
	return s->no_path_direct || strcmp(value, "refuse") == 0 ? 0 : -1;
}

static int
set_account(struct conf_ctx *ctx, const char *value, struct settings_account *a)
{
	if (strlen(value) >= sizeof(a->name))
		return -1;
	settings_account(conf_arg(ctx), value, a);
	return a->uid != (uid_t)-1 ? 0 : -1;
}

static int
set_control_user(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings *s = record;

	return set_account(ctx, value, &s->control_user);
}

static int
set_worker_user(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings *s = record;

	return set_account(ctx, value, &s->worker_user);
}

static int
set_resolver_user(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings *s = record;

	return set_account(ctx, value, &s->resolver_user);
}

static int
set_verifier_user(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings *s = record;

	return set_account(ctx, value, &s->verifier_user);
}

static int
add_nameserver(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings *s = record;
	union net_addr addr;
	struct net_ip ip;

	if (net_ip_parse(value, &ip) == 0)
		net_addr_make(&ip, 53, &addr);
	else if (net_addr_parse(value, &addr) < 0 || net_addr_port(&addr) == 0)
		return -1;
	if (s->nameservers_n == SETTINGS_NAMESERVERS_MAX) {
		conf_error(ctx, "'nameserver': expected at most %d of them",
		    SETTINGS_NAMESERVERS_MAX);
		return -1;
	}
	s->nameservers[s->nameservers_n++] = addr;
	return 0;
}

static int
set_check_target(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings *s = record;
	char host[NET_HOST_MAX + 1];
	uint16_t port;

	(void)ctx;
	if (net_hostport_split(value, host, sizeof(host), &port, false) != 0 ||
	    wire_host_set(&s->check_target, host, strlen(host)) != 0)
		return -1;
	s->check_target.port = port;
	return 0;
}

int
settings_direct_network(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings *s = record;

	return settings_add_network(
	    ctx, value, &s->direct_networks, &s->direct_networks_n);
}

int
settings_direct_domain(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings *s = record;

	return settings_add_domain(
	    ctx, value, &s->direct_domains, &s->direct_domains_n);
}

/* FNV-1a. */
static uint64_t
mix(uint64_t h, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (; len > 0; len--)
		h = (h ^ *p++) * 0x100000001b3ull;
	return h;
}

static int
add_direct_learn(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings *s = record;
	const struct net_prefix *p;

	if (settings_add_network(
		ctx, value, &s->direct_learn, &s->direct_learn_n) != 0)
		return -1;
	p = &s->direct_learn[s->direct_learn_n - 1];
	s->direct_learn_scope =
	    mix(s->direct_learn_scope, &p->ip.family, sizeof(p->ip.family));
	s->direct_learn_scope =
	    mix(s->direct_learn_scope, p->ip.bytes, sizeof(p->ip.bytes));
	s->direct_learn_scope =
	    mix(s->direct_learn_scope, &p->len, sizeof(p->len));
	return 0;
}

#define A_USER "a user of this machine, a uid or uid:gid"
#define A_PATH "an absolute path of at most "
#define CUSTOM(word, fn, text)                                                 \
	{                                                                      \
		.key = word, .type = CONF_CUSTOM, .parse = fn, .expects = text \
	}
#define LIST(word, fn, text)                                   \
	{                                                      \
		.key = word, .type = CONF_CUSTOM, .parse = fn, \
		.expects = text, .repeats = true               \
	}
const struct conf_option settings_agent_options[] = {
    LIST("listen", add_listener,
	"an address like 127.0.0.1:1080, [::1]:1080, unix:/path or "
	"redirect:127.0.0.1:1081"),
    CUSTOM("workers", set_workers, "auto or a number from 1 to 64"),
    {.key = "event-loop",
	.type = CONF_ENUM,
	.offset = SETTINGS_AT(event_loop),
	.words = event_loops},
    CUSTOM("group", set_group, "a name of at most 63 bytes"),
    CUSTOM("run-dir", set_run_dir, A_PATH "75 bytes"),
    CUSTOM("state-dir", set_state_dir, A_PATH "1023 bytes"),
    CUSTOM("pid-file", set_pid_file, A_PATH "1023 bytes"),
    CUSTOM("decisions", set_decisions, A_PATH "1023 bytes"),
    CUSTOM("no-path", set_no_path, "refuse or direct"),
    {.key = "pass-loopback",
	.type = CONF_BOOL,
	.offset = SETTINGS_AT(pass_loopback)},
    {.key = "log-level",
	.type = CONF_ENUM,
	.offset = SETTINGS_AT(log_level),
	.words = log_levels},
    {.key = "log-tunnels",
	.type = CONF_BOOL,
	.offset = SETTINGS_AT(log_tunnels)},
    CUSTOM("control-user", set_control_user, A_USER),
    CUSTOM("worker-user", set_worker_user, A_USER),
    CUSTOM("resolver-user", set_resolver_user, A_USER),
    CUSTOM("verifier-user", set_verifier_user, A_USER),
    LIST("nameserver", add_nameserver,
	"an address like 192.0.2.53 or 192.0.2.53:53"),
    {.key = "udp", .type = CONF_BOOL, .offset = SETTINGS_AT(udp)},
    SETTINGS_INT("warm-connections", warm_connections, 0, 256),
    SETTINGS_MS("warm-from", warm_from_ms, 0, 10000),
    SETTINGS_MS("udp-idle-timeout", udp_idle_timeout_ms, 1000, 3600000),
    {.key = "bind", .type = CONF_BOOL, .offset = SETTINGS_AT(bind)},
    SETTINGS_MS("bind-timeout", bind_timeout_ms, 1000, 3600000),
    {.key = "splice", .type = CONF_BOOL, .offset = SETTINGS_AT(splice)},
    {.key = "behaviour", .type = CONF_BOOL, .offset = SETTINGS_AT(behaviour)},
    SETTINGS_LIMIT_ROWS,
    CUSTOM("ca-file", settings_tls_authorities_file, A_PATH "1023 bytes"),
    CUSTOM("check-target", set_check_target,
	"a host and a port like www.example.org:443"),
    {.key = NULL},
};

const struct conf_option settings_direct_options[] = {
    SETTINGS_DIRECT_ROWS,
    LIST("learn", add_direct_learn,
	"a network like 192.0.2.0/24 or 2001:db8::/32"),
    SETTINGS_MS("learn-age", learn_age_ms, 1000, 168 * 3600000),
    {.key = NULL},
};

void *
settings_agent_begin(struct conf_ctx *ctx, void *build, const char *name)
{
	struct build *b = build;

	(void)ctx;
	(void)name;
	return b->s;
}

static bool
is_open_to_others(const union net_addr *addr)
{
	static const uint8_t loopback6[16] = {[15] = 1};
	struct net_ip ip;

	net_addr_ip(addr, &ip);
	if (ip.family == 4)
		return ip.bytes[0] != 127;
	return ip.family == 6 && memcmp(ip.bytes, loopback6, 16) != 0;
}

int
settings_agent_end(struct conf_ctx *ctx, void *build, void *record)
{
	struct build *b = build;
	struct settings *s = record;
	char text[NET_ADDR_STRLEN];
	uint32_t i;

	for (i = 0; i < s->listeners_n && !b->access_set; i++) {
		if (!is_open_to_others(&s->listeners[i]))
			continue;
		conf_error_at(ctx, b->listen_lines[i],
		    "'listen': expected an [access] section that says who may "
		    "use %s",
		    net_addr_format(&s->listeners[i], text));
		return -1;
	}
	return settings_check_timeouts(ctx, s);
}
