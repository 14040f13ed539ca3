/* What a section says of TLS to an intermediary; reads files only by the
 * bundle. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/tls.h"
#include "conf/bundle.h"
#include "conf/settings_build.h"

#define FILE_KEY_MAX (CONF_LINE_MAX + 8)

static struct settings_tls *
tls_of(struct conf_ctx *ctx, struct build_intermediary *bi)
{
	if (bi->i.tls == NULL)
		bi->i.tls = calloc(1, sizeof(*bi->i.tls));
	if (bi->i.tls == NULL)
		conf_error(ctx, "out of memory");
	return bi->i.tls;
}

void
settings_tls_free(struct settings_tls *t)
{
	if (t == NULL)
		return;
	tls_client_unref(t->client);
	free(t->ca);
	free(t->cert);
	sodium_free(t->key);
	free(t);
}

int
settings_tls_server_name(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings_tls *t = tls_of(ctx, record);
	struct net_ip ip;
	char *s;

	if (t == NULL || (net_ip_parse(value, &ip) != 0 &&
			     !net_name_valid(value, strlen(value))))
		return -1;
	memcpy(t->server_name, value, strlen(value) + 1);
	for (s = t->server_name; *s != '\0'; s++)
		*s = (char)(*s >= 'A' && *s <= 'Z' ? *s - 'A' + 'a' : *s);
	return 0;
}

/* The text of a file, borrowed from the bundle; NULL after conf_error(), or
 * with *absent set: the process was given no secrets. */
static const char *
text_of(struct conf_ctx *ctx, const char *word, const char *key, bool *absent)
{
	struct build *b = conf_arg(ctx);
	const char *path = strchr(key, ':') + 1, *text;
	size_t len = 0;
	int error;

	*absent = false;
	if (b->in_policy) {
		conf_error(ctx, "'%s': a policy names no files", word);
		return NULL;
	}
	text = bundle_get(b->bundle, key, &len, &error);
	if (text == NULL && !b->live && key[0] == 'k') {
		*absent = true;
		return NULL;
	}
	if (text == NULL)
		conf_error(
		    ctx, "'%s': %s: %s", word, path, bundle_trouble(error));
	else if (memchr(text, '\0', len) != NULL) {
		conf_error(ctx, "'%s': %s: there is a NUL in it", word, path);
		return NULL;
	}
	return text;
}

static int
take_file(struct conf_ctx *ctx, const char *word, const char *path, char **out)
{
	char key[FILE_KEY_MAX];
	const char *text;
	bool absent;

	if (path[0] != '/')
		return -1;
	snprintf(key, sizeof(key), "file:%s", path);
	text = text_of(ctx, word, key, &absent);
	if (text == NULL)
		return -1;
	*out = strdup(text);
	if (*out == NULL) {
		conf_error(ctx, "out of memory");
		return -1;
	}
	return 0;
}

int
settings_tls_ca_file(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings_tls *t = tls_of(ctx, record);

	return t != NULL ? take_file(ctx, "ca-file", value, &t->ca) : -1;
}

int
settings_tls_cert_file(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings_tls *t = tls_of(ctx, record);

	return t != NULL ? take_file(ctx, "cert-file", value, &t->cert) : -1;
}

int
settings_tls_key_file(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings_tls *t = tls_of(ctx, record);
	char key[FILE_KEY_MAX];
	const char *text;
	size_t size;
	bool absent;

	if (value[0] != '/' || t == NULL)
		return -1;
	snprintf(key, sizeof(key), "key:%s", value);
	text = text_of(ctx, "key-file", key, &absent);
	if (text == NULL)
		return absent ? 0 : -1;
	size = strlen(text) + 1;
	t->key = sodium_malloc(size);
	if (t->key == NULL) {
		conf_error(ctx, "out of memory");
		return -1;
	}
	memcpy(t->key, text, size);
	return 0;
}

/* Which is read when it is known that somebody needs it. */
int
settings_tls_authorities_file(
    struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings *s = record;

	(void)ctx;
	if (value[0] != '/' || strlen(value) >= sizeof(s->ca_file))
		return -1;
	memcpy(s->ca_file, value, strlen(value) + 1);
	return 0;
}

/*
 * A policy does not know what there is on this host: without authorities its
 * intermediaries cannot be used, which is told then, and the others can.  Nor
 * is it known to who only tries it out.
 */
static int
load_authorities(
    struct conf_ctx *ctx, struct build *b, struct build_intermediary *bi)
{
	const char *path = b->s->ca_file;
	char key[FILE_KEY_MAX];
	const char *text;
	size_t len;
	int error;

	if (b->bundle == NULL || b->s->authorities != NULL)
		return 0;
	snprintf(key, sizeof(key), "file:%s", path);
	text = bundle_get(b->bundle, key, &len, &error);
	if (text == NULL && b->in_policy)
		return 0;
	if (text == NULL) {
		conf_error(ctx,
		    "[%s \"%s\"]: the authorities whose certificates it may "
		    "have: %s: %s: name a 'ca-file', here or in [agent]",
		    settings_duty_word(bi->i.duty), bi->i.name, path,
		    bundle_trouble(error));
		return -1;
	}
	b->s->authorities = strdup(text);
	if (b->s->authorities == NULL) {
		conf_error(ctx, "out of memory");
		return -1;
	}
	return 0;
}

/* Parsed once for all that go by them. */
static int
parse_authorities(struct build *b, const struct settings_tls *t,
    struct tls_authorities **out, char why[static TLS_WHY_MAX])
{
	int error;

	if (t->ca != NULL)
		return tls_authorities_new(out, t->ca, why);
	if (b->authorities == NULL) {
		error = tls_authorities_new(
		    &b->authorities, b->s->authorities, why);
		if (error != 0)
			return error;
	}
	*out = tls_authorities_ref(b->authorities);
	return 0;
}

/* Would a client come of it?  So that what is wrong is said at the start. */
static int
try_client(struct conf_ctx *ctx, struct build *b, struct build_intermediary *bi)
{
	const struct settings_tls *t = bi->i.tls;
	struct tls_client_spec spec = {t->server_name, NULL, t->cert, t->key};
	struct tls_client *client = NULL;
	const char *word = t->ca != NULL ? "'ca-file': " : "authorities: ";
	char why[TLS_WHY_MAX];

	if (parse_authorities(b, t, &spec.authorities, why) == 0) {
		word = "";
		if (tls_client_new(&client, &spec, why) == 0)
			word = NULL;
	}
	tls_client_unref(client);
	tls_authorities_unref(spec.authorities);
	if (word == NULL)
		return 0;
	conf_error(ctx, "[%s \"%s\"]: %s%s", settings_duty_word(bi->i.duty),
	    bi->i.name, word, why);
	return -1;
}

static const char *
trouble(const struct build *b, const struct build_intermediary *bi)
{
	const struct settings_tls *t = bi->i.tls;

	if (bi->kind != SETTINGS_HTTPS)
		return "'server-name', 'ca-file', 'cert-file' and 'key-file' "
		       "are for the type https alone";
	if (t->key != NULL && t->cert == NULL)
		return "'key-file' wants a 'cert-file' with it";
	if (b->live && t->cert != NULL && t->key == NULL)
		return "'cert-file' wants a 'key-file' with it";
	return NULL;
}

int
settings_tls_end(
    struct conf_ctx *ctx, struct build *b, struct build_intermediary *bi)
{
	bool secure = bi->kind == SETTINGS_HTTPS;
	struct settings_tls *t;
	const char *text;

	bi->i.type = secure ? HOP_HTTP : (enum hop_type)bi->kind;
	if (!secure && bi->i.tls == NULL)
		return 0;
	t = tls_of(ctx, bi);
	if (t == NULL)
		return -1;
	text = trouble(b, bi);
	if (text != NULL) {
		conf_error(ctx, "[%s \"%s\"]: %s",
		    settings_duty_word(bi->i.duty), bi->i.name, text);
		return -1;
	}
	if (t->server_name[0] == '\0')
		memcpy(t->server_name, bi->i.host, sizeof(t->server_name));
	if (t->ca == NULL && load_authorities(ctx, b, bi) != 0)
		return -1;
	return b->live && !b->in_policy ? try_client(ctx, b, bi) : 0;
}
