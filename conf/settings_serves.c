/* The sections [cache] and [service]: which requests each of them is for. */
#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "conf/settings_build.h"

#define EXTENSION_MAX 15
#define CONTENT_MAX   127

static struct settings_serves *
serves(void *record)
{
	return &((struct build_intermediary *)record)->i.serves;
}

static int
add_domain(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings_serves *v = serves(record);

	return settings_add_domain(ctx, value, &v->domains, &v->domains_n);
}

static int
add_ports(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings_serves *v = serves(record);

	return settings_add_ports(ctx, value, &v->ports, &v->ports_n);
}

static int
add_path(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings_serves *v = serves(record);

	return settings_add_path(ctx, value, &v->paths, &v->paths_n);
}

/* ".html" is another way to write "html". */
static int
add_extension(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings_serves *v = serves(record);
	size_t i;

	value += value[0] == '.';
	for (i = 0; value[i] != '\0'; i++) {
		if (!isalnum((unsigned char)value[i]))
			return -1;
	}
	if (i == 0 || i > EXTENSION_MAX)
		return -1;
	return settings_add_word(
	    ctx, value, true, &v->extensions, &v->extensions_n);
}

/* "text/html" or "image/" and an asterisk. */
static int
add_content(struct conf_ctx *ctx, void *record, const char *value)
{
	static const char token[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789!#$&-^_.+";
	struct settings_serves *v = serves(record);
	size_t len = strlen(value), type = strspn(value, token);
	const char *sub = value + type + 1;

	if (len > CONTENT_MAX || type == 0 || value[type] != '/' ||
	    (strcmp(sub, "*") != 0 &&
		(sub[0] == '\0' || sub[strspn(sub, token)] != '\0')))
		return -1;
	if (settings_add_word(ctx, value, true, &v->contents, &v->contents_n) !=
	    0)
		return -1;
	if (sub[0] == '*')
		v->contents[v->contents_n - 1][type + 1] = '\0';
	return 0;
}

#define LIST(word, fn, text)                                   \
	{                                                      \
		.key = word, .type = CONF_CUSTOM, .parse = fn, \
		.repeats = true, .expects = text               \
	}
/* clang-format off */
#define SERVES_ROWS                                                        \
	LIST("domain", add_domain,                                         \
	    "a domain like corp.example, which means what is below it too"), \
	LIST("port", add_ports, "a port like 80 or ports like 8000-8999"), \
	LIST("path", add_path, "how a path begins, like /docs/"),          \
	LIST("extension", add_extension, "an extension like html"),        \
	LIST("content", add_content,                                       \
	    "a media type like text/html or image/*")
/* clang-format on */

const struct conf_option settings_cache_options[] = {
    SETTINGS_HOP_ROWS,
    SERVES_ROWS,
    {.key = NULL},
};

const struct conf_option settings_service_options[] = {
    SETTINGS_HOP_ROWS,
    SERVES_ROWS,
    {.key = NULL},
};

void *
settings_cache_begin(struct conf_ctx *ctx, void *build, const char *name)
{
	struct build *b = build;

	if (b->caches_n == SETTINGS_CACHES_MAX) {
		conf_error(
		    ctx, "expected at most %d caches", SETTINGS_CACHES_MAX);
		return NULL;
	}
	b->caches_n++;
	return settings_hop_begin(ctx, b, name, DUTY_CACHE);
}

void *
settings_service_begin(struct conf_ctx *ctx, void *build, const char *name)
{
	return settings_hop_begin(ctx, build, name, DUTY_SERVICE);
}

const char *
settings_serves_trouble(const struct settings_intermediary *i)
{
	if (i->type != HOP_HTTP)
		return "expected the type http, as it gets HTTP requests";
	if (i->duty == DUTY_SERVICE && i->serves.contents_n == 0 &&
	    i->serves.paths_n == 0 && i->serves.extensions_n == 0)
		return "expected 'content', 'path' or 'extension': what is it "
		       "for?";
	return NULL;
}

const char *
settings_duty_word(enum settings_duty duty)
{
	static const char *const words[DUTY_COUNT] = {
	    [DUTY_RANKED] = "intermediary",
	    [DUTY_CACHE] = "cache",
	    [DUTY_SERVICE] = "service",
	};

	return words[duty];
}
