/* The sections [user] and [login]: those who may have more, or less. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "conf/settings_build.h"

#define UNSAID (-1)

#define LIMIT(word, field, most)                                           \
	{                                                                  \
		.key = word, .type = CONF_INT,                             \
		.offset = offsetof(struct settings_user, field), .min = 0, \
		.max = most                                                \
	}

const struct conf_option settings_user_options[] = {
    LIMIT("max-connections", connections_max, SETTINGS_USER_OPEN_MAX),
    LIMIT("max-rate", rate_max, SETTINGS_USER_RATE_MAX),
    LIMIT("max-burst", burst_max, SETTINGS_USER_RATE_MAX),
    {.key = NULL},
};

static struct settings_user *
begin(struct conf_ctx *ctx, struct build *b, const char *name)
{
	struct settings *s = b->s;
	struct settings_user *u;

	if (s->user_limits_n == SETTINGS_USERS_MAX) {
		conf_error(ctx,
		    "expected at most %d sections [user] and "
		    "[login]",
		    SETTINGS_USERS_MAX);
		return NULL;
	}
	/* Records must not move while the file is read. */
	if (s->user_limits == NULL)
		s->user_limits =
		    calloc(SETTINGS_USERS_MAX, sizeof(*s->user_limits));
	if (s->user_limits == NULL) {
		conf_error(ctx, "out of memory");
		return NULL;
	}
	u = &s->user_limits[s->user_limits_n];
	if (strlen(name) >= sizeof(u->name)) {
		conf_error(ctx, "expected a name of at most %zu bytes",
		    sizeof(u->name) - 1);
		return NULL;
	}
	memcpy(u->name, name, strlen(name) + 1);
	u->uid = (uid_t)-1;
	u->connections_max = u->rate_max = u->burst_max = UNSAID;
	s->user_limits_n++;
	return u;
}

void *
settings_user_begin(struct conf_ctx *ctx, void *build, const char *name)
{
	struct settings_user *u = begin(ctx, build, name);
	struct settings_account account;

	if (u == NULL)
		return NULL;
	if (strchr(name, ':') == NULL) {
		settings_account(build, name, &account);
		u->uid = account.uid;
	}
	if (u->uid != (uid_t)-1)
		return u;
	conf_error(ctx,
	    "[user \"%s\"]: expected a user of this machine or a uid; who "
	    "logs in is a [login]",
	    name);
	return NULL;
}

void *
settings_login_begin(struct conf_ctx *ctx, void *build, const char *name)
{
	struct settings_user *u = begin(ctx, build, name);

	if (u != NULL)
		u->login = true;
	return u;
}

int
settings_user_end(struct conf_ctx *ctx, void *build, void *record)
{
	const struct settings_user *u = record;
	const char *kind = u->login ? "login" : "user";

	(void)build;
	if (u->connections_max == UNSAID && u->rate_max == UNSAID &&
	    u->burst_max == UNSAID) {
		conf_error(ctx,
		    "[%s \"%s\"]: expected 'max-connections', 'max-rate' or "
		    "'max-burst', found none of them",
		    kind, u->name);
		return -1;
	}
	return 0;
}
