/* The sections [rule], and the lists they share with others. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/settings_build.h"
#include "wire/intake.h"

void *
settings_grow(struct conf_ctx *ctx, void *array, size_t n, size_t size)
{
	void *p;

	if ((n & (n - 1)) != 0)
		return array; /* n + 1 fit since n was a power of two */
	p = reallocarray(array, n == 0 ? 1 : n * 2, size);
	if (p == NULL)
		conf_error(ctx, "out of memory");
	return p;
}

bool
settings_has_place(struct conf_ctx *ctx, size_t n)
{
	if (n < SETTINGS_LIST_MAX)
		return true;
	conf_error(
	    ctx, "expected at most %d of these in one list", SETTINGS_LIST_MAX);
	return false;
}

int
settings_add_network(struct conf_ctx *ctx, const char *value,
    struct net_prefix **networks, size_t *n)
{
	struct net_prefix prefix, *p;
	int error = net_prefix_parse(value, &prefix);

	if (error == -ERANGE) {
		conf_error(ctx,
		    "'network': expected no bits beyond the prefix length, "
		    "found '%s'",
		    value);
		return -1;
	}
	if (error != 0 || !settings_has_place(ctx, *n))
		return -1;
	p = settings_grow(ctx, *networks, *n, sizeof(*p));
	if (p == NULL)
		return -1;
	*networks = p;
	p[(*n)++] = prefix;
	return 0;
}

/* ".example.com" is another way to write "example.com". */
int
settings_add_domain(
    struct conf_ctx *ctx, const char *value, char ***domains, size_t *n)
{
	value += value[0] == '.';
	if (!net_name_valid(value, strlen(value)))
		return -1;
	return settings_add_word(ctx, value, true, domains, n);
}

static int
add_domain(struct conf_ctx *ctx, void *record, const char *value)
{
	struct build_rule *r = record;

	return settings_add_domain(
	    ctx, value, &r->rule.domains, &r->rule.domains_n);
}

static int
add_network(struct conf_ctx *ctx, void *record, const char *value)
{
	struct build_rule *r = record;

	return settings_add_network(
	    ctx, value, &r->rule.networks, &r->rule.networks_n);
}

int
settings_add_ports(struct conf_ctx *ctx, const char *value,
    struct settings_ports **ports, size_t *n)
{
	const char *dash = strchr(value, '-');
	size_t len = dash != NULL ? (size_t)(dash - value) : strlen(value);
	struct settings_ports *p;
	char first_text[8];
	int64_t first, last;

	if (len >= sizeof(first_text))
		return -1;
	memcpy(first_text, value, len);
	first_text[len] = '\0';
	first = settings_number(first_text, UINT16_MAX);
	last = dash != NULL ? settings_number(dash + 1, UINT16_MAX) : first;
	if (first < 1 || last < first)
		return -1;
	p = settings_grow(ctx, *ports, *n, sizeof(*p));
	if (p == NULL)
		return -1;
	*ports = p;
	p[(*n)++] = (struct settings_ports){
	    .first = (uint16_t)first, .last = (uint16_t)last};
	return 0;
}

static int
add_ports(struct conf_ctx *ctx, void *record, const char *value)
{
	struct build_rule *r = record;

	return settings_add_ports(ctx, value, &r->rule.ports, &r->rule.ports_n);
}

static int
set_class(struct conf_ctx *ctx, void *record, const char *value)
{
	struct build_rule *r = record;

	r->rule.has_class = true;
	return settings_keep_word(ctx, value, &r->class);
}

static int
set_replay(struct conf_ctx *ctx, void *record, const char *value)
{
	static const char *const words[] = {
	    [REPLAY_SAFE] = "safe",
	    [REPLAY_NEVER] = "never",
	    [REPLAY_ALWAYS] = "always",
	};
	struct build_rule *r = record;
	size_t i;

	(void)ctx;
	for (i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strcmp(words[i], value) != 0)
			continue;
		r->rule.has_replay = true;
		r->rule.replay = (enum settings_replay)i;
		return 0;
	}
	return -1;
}

/* The name is looked up when all sections have been read. */
static int
set_via(struct conf_ctx *ctx, void *record, const char *value)
{
	static const struct {
		const char *word;
		enum settings_via via;
		bool named;
	} ways[] = {
	    {"default", VIA_DEFAULT, false},
	    {"direct", VIA_DIRECT, false},
	    {"deny", VIA_DENY, false},
	    {"tier", VIA_TIER, true},
	    {"intermediary", VIA_INTERMEDIARY, true},
	    {"cache", VIA_CACHE, true},
	    {"service", VIA_SERVICE, true},
	};
	struct build_rule *r = record;
	size_t len = strcspn(value, " \t"), i;
	const char *name = value + len + strspn(value + len, " \t");

	for (i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		if (strlen(ways[i].word) == len &&
		    strncmp(value, ways[i].word, len) == 0)
			break;
	}
	if (i == sizeof(ways) / sizeof(*ways) ||
	    (name[0] != '\0') != ways[i].named ||
	    strlen(name) >= sizeof(r->via))
		return -1;
	r->rule.via = ways[i].via;
	r->via_line = conf_line(ctx);
	memcpy(r->via, name, strlen(name) + 1);
	return 0;
}

#define LIST(word, fn, text)                                   \
	{                                                      \
		.key = word, .type = CONF_CUSTOM, .parse = fn, \
		.repeats = true, .expects = text               \
	}

const struct conf_option settings_rule_options[] = {
    LIST("domain", add_domain,
	"a domain like corp.example, which means what is below it too"),
    LIST(
	"network", add_network, "a network like 192.0.2.0/24 or 2001:db8::/32"),
    LIST("port", add_ports, "a port like 443 or ports like 8000-8999"),
    LIST("user", settings_rule_user,
	"a user of this machine or a uid; who logs in is a 'login'"),
    LIST("login", settings_rule_login, "a name of at most 63 bytes"),
    LIST("service", settings_rule_service,
	"a service like backup.service or user@*.service/mail.service"),
    LIST("source", settings_rule_source,
	"a network like 192.0.2.0/24 or 2001:db8::/32"),
    LIST("protocol", settings_rule_protocol, "socks4, socks4a, socks5 or http"),
    LIST("method", settings_rule_method, "a method like GET"),
    LIST("path", settings_rule_path, "how a path begins, like /docs/"),
    {.key = "class",
	.type = CONF_CUSTOM,
	.parse = set_class,
	.expects = "the name of a class"},
    {.key = "replay",
	.type = CONF_CUSTOM,
	.parse = set_replay,
	.expects = "safe, never or always"},
    {.key = "via",
	.type = CONF_CUSTOM,
	.parse = set_via,
	.expects = "default, direct, deny, 'tier N', 'intermediary NAME', "
		   "'cache NAME' or 'service NAME'"},
    {.key = NULL},
};

void *
settings_rule_begin(struct conf_ctx *ctx, void *build, const char *name)
{
	struct build *b = build;
	struct build_rule *r;

	if (!settings_name_ok(ctx, name))
		return NULL;
	if (b->rules_n == SETTINGS_RULES_MAX) {
		conf_error(
		    ctx, "expected at most %d rules", SETTINGS_RULES_MAX);
		return NULL;
	}
	r = calloc(1, sizeof(*r));
	if (r == NULL) {
		conf_error(ctx, "out of memory");
		return NULL;
	}
	r->rule.by_policy = b->in_policy;
	memcpy(r->rule.name, name, strlen(name) + 1);
	STAILQ_INSERT_TAIL(&b->rules, r, next);
	b->rules_n++;
	return r;
}

static int
resolve_intermediary(struct conf_ctx *ctx, struct build *b,
    struct build_rule *r, enum settings_duty duty)
{
	const char *names[SETTINGS_INTERMEDIARIES_MAX + 1], *near;
	struct build_intermediary *i;
	uint32_t index = 0, n = 0;

	STAILQ_FOREACH(i, &b->intermediaries, next)
	{
		if (i->dropped)
			continue;
		if (i->i.duty == duty && strcmp(i->i.name, r->via) == 0) {
			r->rule.via_intermediary = index;
			return 0;
		}
		if (i->i.duty == duty)
			names[n++] = i->i.name;
		index++;
	}
	names[n] = NULL;
	near = conf_nearest(r->via, names);
	conf_error_at(ctx, r->via_line,
	    "expected the name of a%s [%s], found '%s'%s%s%s",
	    duty == DUTY_RANKED ? "n" : "", settings_duty_word(duty), r->via,
	    near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
	    near != NULL ? "'?" : "");
	return -1;
}

int
settings_rule_end(struct conf_ctx *ctx, void *build, void *record)
{
	struct build_rule *r = record;
	int class;

	if (r->via_line == 0 && !r->rule.has_class && !r->rule.has_replay) {
		conf_error(ctx,
		    "[rule \"%s\"]: expected 'via', 'class' or 'replay', found "
		    "none of them",
		    r->rule.name);
		return -1;
	}
	if (r->rule.has_class) {
		class = settings_class_at(ctx, build, "class", &r->class);
		if (class < 0)
			return -1;
		r->rule.class = (uint8_t) class;
	}
	if (r->rule.via == VIA_INTERMEDIARY)
		return resolve_intermediary(ctx, build, r, DUTY_RANKED);
	if (r->rule.via == VIA_CACHE)
		return resolve_intermediary(ctx, build, r, DUTY_CACHE);
	if (r->rule.via == VIA_SERVICE)
		return resolve_intermediary(ctx, build, r, DUTY_SERVICE);
	if (r->rule.via != VIA_TIER)
		return 0;
	r->rule.via_tier = settings_rank(ctx, build, r->via, r->via_line, true);
	return r->rule.via_tier != 0 ? 0 : -1;
}
