/* The sections [tier] and [intermediary]; reads files only by the bundle. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "conf/bundle.h"
#include "conf/settings_build.h"

const struct conf_word settings_hop_types[] = {
    {"socks5", HOP_SOCKS5},
    {"socks4a", HOP_SOCKS4A},
    {"http", HOP_HTTP},
    {"https", SETTINGS_HTTPS},
    {NULL, 0},
};

static int
add_class(struct conf_ctx *ctx, void *record, const char *value)
{
	struct build_tier *t = record;

	if (t->classes_n == SETTINGS_CLASSES_MAX) {
		conf_error(ctx, "'reserved-for': expected at most %d of them",
		    SETTINGS_CLASSES_MAX);
		return -1;
	}
	return settings_keep_word(ctx, value, &t->classes[t->classes_n++]);
}

const struct conf_option settings_tier_options[] = {
    {.key = "rank",
	.type = CONF_INT,
	.offset = offsetof(struct build_tier, rank),
	.min = 1,
	.max = SETTINGS_RANK_MAX,
	.required = true},
    {.key = "reserved-for",
	.type = CONF_CUSTOM,
	.parse = add_class,
	.repeats = true,
	.expects = "the name of a class"},
    {.key = "slow-over",
	.type = CONF_MS,
	.offset = offsetof(struct build_tier, tier.slow_over_ms),
	.min = 1,
	.max = 60000},
    {.key = NULL},
};

static bool
has_tier(const struct build *b, const char *name)
{
	uint32_t t;

	for (t = 0; t < b->tiers_n; t++) {
		if (strcmp(b->tiers[t].tier.name, name) == 0)
			return true;
	}
	return false;
}

void *
settings_tier_begin(struct conf_ctx *ctx, void *build, const char *name)
{
	struct build *b = build;
	struct build_tier *t;

	if (!settings_name_ok(ctx, name))
		return NULL;
	if (settings_number(name, INT64_MAX) >= 0) {
		conf_error(ctx,
		    "expected a tier's name with a letter in it, "
		    "found '%s', which would be a rank",
		    name);
		return NULL;
	}
	if (b->tiers_n == SETTINGS_TIERS_MAX) {
		conf_error(
		    ctx, "expected at most %d tiers", SETTINGS_TIERS_MAX);
		return NULL;
	}
	t = &b->tiers[b->tiers_n];
	t->dropped = b->in_policy && has_tier(b, name);
	b->tiers_n++;
	memcpy(t->tier.name, name, strlen(name) + 1);
	t->line = conf_line(ctx);
	return t;
}

/* Count the ranks, those of unnamed tiers too. */
static int
use_rank(struct conf_ctx *ctx, struct build *b, uint16_t rank, int line)
{
	if (b->ranks[rank])
		return 0;
	b->ranks[rank] = true;
	if (b->ranks_n++ < SETTINGS_TIERS_MAX)
		return 0;
	conf_error_at(ctx, line, "expected at most %d tiers, found one more",
	    SETTINGS_TIERS_MAX);
	return -1;
}

int
settings_tier_end(struct conf_ctx *ctx, void *build, void *record)
{
	struct build *b = build;
	struct build_tier *t = record, *other;
	uint32_t i;
	int class;

	if (t->dropped)
		return 0;
	for (other = b->tiers; other < t; other++) {
		if (other->dropped || other->rank != t->rank)
			continue;
		conf_error(ctx,
		    "expected another rank for tier '%s': %lld is that of "
		    "'%s' at line %d",
		    t->tier.name, (long long)t->rank, other->tier.name,
		    other->line);
		return -1;
	}
	t->tier.rank = (uint16_t)t->rank;
	for (i = 0; i < t->classes_n; i++) {
		class =
		    settings_class_at(ctx, b, "reserved-for", &t->classes[i]);
		if (class < 0)
			return -1;
		t->tier.reserved_for |= 1u << class;
	}
	return use_rank(ctx, b, t->tier.rank, t->line);
}

/* Is there anything of that rank? */
static bool
rank_exists(struct build *b, int64_t rank)
{
	const struct build_intermediary *i;
	uint32_t t;

	for (t = 0; t < b->tiers_n; t++) {
		if (!b->tiers[t].dropped && b->tiers[t].rank == rank)
			return true;
	}
	STAILQ_FOREACH(i, &b->intermediaries, next)
	{
		if (!i->dropped &&
		    settings_number(i->tier, SETTINGS_RANK_MAX) == rank)
			return true;
	}
	return false;
}

static const char *
nearest_tier(struct build *b, const char *word)
{
	const char *names[SETTINGS_TIERS_MAX + 1];
	uint32_t t;

	for (t = 0; t < b->tiers_n; t++)
		names[t] = b->tiers[t].tier.name;
	names[t] = NULL;
	return conf_nearest(word, names);
}

uint16_t
settings_rank(struct conf_ctx *ctx, struct build *b, const char *word, int line,
    bool exists)
{
	int64_t rank = settings_number(word, SETTINGS_RANK_MAX);
	const char *near;
	uint32_t t;

	if (rank > 0 && (!exists || rank_exists(b, rank)))
		return (uint16_t)rank;
	for (t = 0; t < b->tiers_n; t++) {
		if (strcmp(b->tiers[t].tier.name, word) == 0)
			return (uint16_t)b->tiers[t].rank;
	}
	near = nearest_tier(b, word);
	conf_error_at(ctx, line,
	    "expected a rank from 1 to %d%s or a tier's name, found "
	    "'%s'%s%s%s",
	    SETTINGS_RANK_MAX, exists ? " that is in use" : "", word,
	    near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
	    near != NULL ? "'?" : "");
	return 0;
}

int
settings_hop_address(struct conf_ctx *ctx, void *record, const char *value)
{
	struct build_intermediary *b = record;
	struct settings_endpoint at;

	(void)ctx;
	if (settings_endpoint(value, &at) != 0)
		return -1;
	memcpy(b->i.host, at.host, sizeof(b->i.host));
	b->i.port = at.port;
	return 0;
}

static int
set_tier(struct conf_ctx *ctx, void *record, const char *value)
{
	struct build_intermediary *i = record;

	if (strlen(value) >= sizeof(i->tier))
		return -1;
	memcpy(i->tier, value, strlen(value) + 1);
	i->tier_line = conf_line(ctx);
	return 0;
}

/* The secret is copied at once: afterwards no process opens files. */
int
settings_hop_password_file(
    struct conf_ctx *ctx, void *record, const char *value)
{
	struct build_intermediary *b = record;
	struct build *build = conf_arg(ctx);
	char key[CONF_LINE_MAX + 8];
	const char *secret;
	size_t len = 0;
	int error;

	if (value[0] != '/')
		return -1;
	if (build->in_policy) {
		conf_error(ctx, "'password-file': a policy names no files");
		return -1;
	}
	snprintf(key, sizeof(key), "secret:%s", value);
	secret = bundle_get(build->bundle, key, &len, &error);
	if (secret == NULL && !build->live)
		return 0;
	if (secret == NULL) {
		conf_error(ctx, "'password-file': %s: %s", value,
		    bundle_trouble(error));
		return -1;
	}
	if (len == 0 || len > 255) {
		conf_error(ctx,
		    "'password-file': expected a first line of 1 to 255 bytes "
		    "in %s, found %zu",
		    value, len);
		return -1;
	}
	b->i.password = sodium_malloc(len + 1);
	if (b->i.password == NULL) {
		conf_error(ctx, "out of memory");
		return -1;
	}
	memcpy(b->i.password, secret, len);
	b->i.password[len] = '\0';
	return 0;
}

const struct conf_option settings_intermediary_options[] = {
    SETTINGS_HOP_ROWS,
    {.key = "tier",
	.type = CONF_CUSTOM,
	.parse = set_tier,
	.expects = "a rank from 1 to 1000 or a tier's name"},
    {.key = "fast-open",
	.type = CONF_BOOL,
	.offset = SETTINGS_HOP(i.fast_open)},
    {.key = NULL},
};

/* They share one table, so the name is theirs alone. */
static const struct build_intermediary *
find_hop(const struct build *b, const char *name)
{
	const struct build_intermediary *i;

	STAILQ_FOREACH(i, &b->intermediaries, next)
	{
		if (!i->dropped && strcmp(i->i.name, name) == 0)
			return i;
	}
	return NULL;
}

struct build_intermediary *
settings_hop_begin(struct conf_ctx *ctx, struct build *b, const char *name,
    enum settings_duty duty)
{
	const struct build_intermediary *other = find_hop(b, name);
	struct build_intermediary *i;

	if (!settings_name_ok(ctx, name))
		return NULL;
	if (b->intermediaries_n == SETTINGS_INTERMEDIARIES_MAX) {
		conf_error(ctx, "expected at most %d intermediaries",
		    SETTINGS_INTERMEDIARIES_MAX);
		return NULL;
	}
	if (other != NULL && other->i.by_policy == b->in_policy) {
		conf_error(ctx,
		    "expected another name: '%s' is that of the [%s] at line "
		    "%d",
		    name, settings_duty_word(other->i.duty), other->line);
		return NULL;
	}
	i = calloc(1, sizeof(*i));
	if (i == NULL) {
		conf_error(ctx, "out of memory");
		return NULL;
	}
	i->i.by_policy = b->in_policy;
	i->i.duty = duty;
	i->dropped = other != NULL;
	memcpy(i->i.name, name, strlen(name) + 1);
	i->line = conf_line(ctx);
	i->weight = 10;
	STAILQ_INSERT_TAIL(&b->intermediaries, i, next);
	b->intermediaries_n++;
	return i;
}

void *
settings_intermediary_begin(struct conf_ctx *ctx, void *build, const char *name)
{
	struct build_intermediary *i =
	    settings_hop_begin(ctx, build, name, DUTY_RANKED);

	if (i == NULL)
		return NULL;
	memcpy(i->tier, "1", 2);
	i->tier_line = i->line;
	return i;
}

/* A tunnel to our own listener would come back to us for ever. */
static bool
is_ourselves(const struct build *b, const struct settings_intermediary *i)
{
	struct net_prefix any4 = {.ip = {.family = 4}}, loopback = {.len = 8};
	struct net_ip host, ip;
	uint32_t n;

	loopback.ip = (struct net_ip){.family = 4, .bytes = {127}};
	if (net_ip_parse(i->host, &host) != 0)
		return false;
	for (n = 0; n < b->s->listeners_n; n++) {
		net_addr_ip(&b->s->listeners[n], &ip);
		if (ip.family == 0 ||
		    net_addr_port(&b->s->listeners[n]) != i->port)
			continue;
		if (net_ip_equal(&ip, &host) ||
		    (net_ip_equal(&ip, &any4.ip) &&
			net_prefix_contains(&loopback, &host)))
			return true;
	}
	return false;
}

/* What is wrong with the login, or NULL. */
static const char *
login_trouble(const struct settings_intermediary *i, bool has_password)
{
	bool has_user = i->username[0] != '\0';

	if (i->type == HOP_SOCKS4A && has_password)
		return "socks4a knows no password, only a 'username'";
	if (has_password && !has_user)
		return "'password-file' wants a 'username' with it";
	if (has_user && !has_password && i->type != HOP_SOCKS4A)
		return "'username' wants a 'password-file' with it";
	if (i->type == HOP_HTTP && strchr(i->username, ':') != NULL)
		return "a 'username' for http must not have a colon "
		       "(RFC 7617)";
	return NULL;
}

int
settings_intermediary_end(struct conf_ctx *ctx, void *build, void *record)
{
	struct build *b = build;
	struct build_intermediary *bi = record;
	struct settings_intermediary *i = &bi->i;
	const char *trouble = NULL;

	if (bi->dropped)
		return 0;
	if (settings_tls_end(ctx, b, bi) != 0)
		return -1;
	/* Without secrets nothing can be said; the master has checked. */
	if (b->live || i->password != NULL)
		trouble = login_trouble(i, i->password != NULL);
	if (trouble == NULL && is_ourselves(b, i))
		trouble = "its 'address' is the agent's own listener";
	if (trouble == NULL && i->fast_open && i->tls != NULL)
		trouble = "'fast-open' is for types without TLS";
	if (trouble == NULL && i->duty != DUTY_RANKED)
		trouble = settings_serves_trouble(i);
	if (trouble != NULL) {
		conf_error(ctx, "[%s \"%s\"]: %s", settings_duty_word(i->duty),
		    i->name, trouble);
		return -1;
	}
	if (!settings_policy_allows(ctx, b, i))
		return -1;
	i->weight = (uint32_t)bi->weight;
	i->connections_max = (uint32_t)bi->connections_max;
	if (i->duty != DUTY_RANKED)
		return 0;
	i->tier = settings_rank(ctx, b, bi->tier, bi->tier_line, false);
	if (i->tier == 0)
		return -1;
	return use_rank(ctx, b, i->tier, bi->tier_line);
}
