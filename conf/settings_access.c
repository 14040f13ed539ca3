/* The section [access]: who may connect, and who has to log in. */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "conf/bundle.h"
#include "conf/settings_build.h"
#include "conf/users.h"

/* What the file's content comes to, for those who are not given it. */
#define MARK_KEY "users-mark"

static int
add_network(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings *s = record;

	return settings_add_network(ctx, value, &s->access, &s->access_n);
}

static int
add_exempt(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings *s = record;

	return settings_add_network(
	    ctx, value, &s->login_exempt, &s->login_exempt_n);
}

static void
take_mark(struct build *b)
{
	const char *text;
	size_t len;
	int error;

	text = bundle_get(b->bundle, MARK_KEY, &len, &error);
	if (text != NULL)
		b->s->users_mark = strtoull(text, NULL, 16);
}

static int
make_mark(struct build *b, const char *text, size_t len)
{
	unsigned char hash[crypto_generichash_BYTES_MIN];
	char hex[17];
	int n;

	crypto_generichash(
	    hash, sizeof(hash), (const unsigned char *)text, len, NULL, 0);
	memcpy(&b->s->users_mark, hash, sizeof(b->s->users_mark));
	n = snprintf(hex, sizeof(hex), "%" PRIx64, b->s->users_mark);
	return bundle_set(b->bundle, MARK_KEY, hex, (size_t)n);
}

static int
no_file(struct conf_ctx *ctx, const char *path, int error)
{
	if (error == -ENOENT)
		conf_error(ctx,
		    "'users-file': %s is not there: make it with `cagent-ctl "
		    "passwd USER`",
		    path);
	else if (error == -EPERM)
		conf_error(ctx,
		    "'users-file': %s: expected a file that others cannot "
		    "read, nor its group write",
		    path);
	else if (error == -EINVAL)
		conf_error(
		    ctx, "'users-file': %s: expected a regular file", path);
	else
		conf_error(ctx, "'users-file': %s: %s", path, strerror(-error));
	return -1;
}

static int
read_users(struct conf_ctx *ctx, const char *path)
{
	struct build *b = conf_arg(ctx);
	char key[sizeof(b->s->users_file) + 8], why[USERS_WHY_MAX];
	const char *text;
	size_t len;
	int error;

	snprintf(key, sizeof(key), "users:%s", path);
	text = bundle_get(b->bundle, key, &len, &error);
	if (text == NULL && b->live)
		return no_file(ctx, path, error);
	if (text == NULL) {
		take_mark(b);
		return 0;
	}
	if (users_parse(path, text, len, &b->s->login_users, why) != 0) {
		conf_error(ctx, "'users-file': %s", why);
		return -1;
	}
	if (make_mark(b, text, len) != 0) {
		conf_error(ctx, "'users-file': %s: out of memory", path);
		return -1;
	}
	return 0;
}

static int
set_users_file(struct conf_ctx *ctx, void *record, const char *value)
{
	struct settings *s = record;
	size_t len = strlen(value);

	if (value[0] != '/' || len >= sizeof(s->users_file))
		return -1;
	memcpy(s->users_file, value, len + 1);
	return read_users(ctx, value);
}

#define A_NETWORK "a network like 192.0.2.0/24 or 2001:db8::/32"
const struct conf_option settings_access_options[] = {
    {.key = "network",
	.type = CONF_CUSTOM,
	.parse = add_network,
	.repeats = true,
	.required = true,
	.expects = A_NETWORK},
    {.key = "users-file",
	.type = CONF_CUSTOM,
	.parse = set_users_file,
	.expects = "an absolute path of at most 1023 bytes"},
    {.key = "login-exempt",
	.type = CONF_CUSTOM,
	.parse = add_exempt,
	.repeats = true,
	.expects = A_NETWORK},
    SETTINGS_MS("login-remember", login_remember_ms, 1000, 24 * 3600000),
    {.key = NULL},
};

void *
settings_access_begin(struct conf_ctx *ctx, void *build, const char *name)
{
	struct build *b = build;

	b->access_set = true;
	return settings_agent_begin(ctx, build, name);
}
