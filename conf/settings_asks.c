/* What a [rule] may say of who asks, and how; and lists of words. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "conf/settings_build.h"
#include "wire/intake.h"

#define SERVICE_MAX 127
#define METHOD_MAX  31

static const struct conf_word protocols[] = {
    {"socks4", PROTOCOL_SOCKS4},
    {"socks4a", PROTOCOL_SOCKS4A},
    {"socks5", PROTOCOL_SOCKS5},
    {"http", PROTOCOL_HTTP},
    {"redirect", PROTOCOL_REDIRECT},
    {"tproxy", PROTOCOL_TPROXY},
    {NULL, 0},
};

int
settings_add_word(struct conf_ctx *ctx, const char *value, bool fold,
    char ***words, size_t *n)
{
	char **p, *s;

	if (!settings_has_place(ctx, *n))
		return -1;
	p = settings_grow(ctx, *words, *n, sizeof(*p));
	if (p == NULL)
		return -1;
	*words = p;
	p[*n] = strdup(value);
	if (p[*n] == NULL) {
		conf_error(ctx, "out of memory");
		return -1;
	}
	for (s = p[(*n)++]; fold && *s != '\0'; s++)
		*s = (char)tolower((unsigned char)*s);
	return 0;
}

int
settings_add_path(
    struct conf_ctx *ctx, const char *value, char ***paths, size_t *n)
{
	if (value[0] != '/' || strpbrk(value, "?#* \t") != NULL)
		return -1;
	return settings_add_word(ctx, value, false, paths, n);
}

static struct settings_rule *
rule(void *record)
{
	return &((struct build_rule *)record)->rule;
}

int
settings_rule_user(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings_rule *r = &((struct build_rule *)record)->rule;
	struct build *build = conf_arg(ctx);
	struct settings_account account;
	uid_t *p;

	if (strchr(value, ':') != NULL || strlen(value) >= sizeof(account.name))
		return -1;
	settings_account(build, value, &account);
	/* A policy is for many machines: who is not on this one asks for
	 * nothing here. */
	if (account.uid == (uid_t)-1 && !build->in_policy)
		return -1;
	p = settings_grow(ctx, r->users, r->users_n, sizeof(*p));
	if (p == NULL)
		return -1;
	r->users = p;
	p[r->users_n++] = account.uid;
	return 0;
}

int
settings_rule_protocol(struct conf_ctx *ctx, void *record, const char *value)
{
	struct build_rule *r = record;
	const struct conf_word *w = protocols;

	(void)ctx;
	while (w->word != NULL && strcmp(w->word, value) != 0)
		w++;
	if (w->word == NULL)
		return -1;
	r->rule.protocols |= 1u << w->value;
	return 0;
}

int
settings_rule_login(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings_rule *r = rule(record);

	if (strlen(value) > SETTINGS_NAME_MAX)
		return -1;
	return settings_add_word(ctx, value, false, &r->logins, &r->logins_n);
}

int
settings_rule_service(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings_rule *r = rule(record);
	const char *slash = strchr(value, '/');

	if (strlen(value) > SERVICE_MAX || strpbrk(value, " \t") != NULL)
		return -1;
	if (slash != NULL && (slash == value || slash[1] == '\0' ||
				 strchr(slash + 1, '/') != NULL))
		return -1;
	return settings_add_word(
	    ctx, value, false, &r->services, &r->services_n);
}

int
settings_rule_source(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings_rule *r = rule(record);

	return settings_add_network(ctx, value, &r->sources, &r->sources_n);
}

/* Methods are told by case: "get" would never match. */
int
settings_rule_method(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings_rule *r = rule(record);
	size_t len = strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_");

	if (value[len] != '\0' || len > METHOD_MAX)
		return -1;
	return settings_add_word(ctx, value, false, &r->methods, &r->methods_n);
}

int
settings_rule_path(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings_rule *r = rule(record);

	return settings_add_path(ctx, value, &r->paths, &r->paths_n);
}
