/*
 * Makes the agent's settings out of a bundle and owns their memory; what a
 * section may say is in the other settings_*.c.
 */
#include "conf/settings.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/rundir.h"
#include "conf/bundle.h"
#include "conf/settings_build.h"
#include "wire/ctl.h"

const char settings_default_path[] = SYSCONFDIR "/cagent/cagentd.ini";

static const struct conf_section sections[] = {
    {.kind = "agent",
	.options = settings_agent_options,
	.begin = settings_agent_begin,
	.end = settings_agent_end},
    {.kind = "access",
	.options = settings_access_options,
	.begin = settings_access_begin},
    {.kind = "direct",
	.options = settings_direct_options,
	.begin = settings_agent_begin},
    {.kind = "link",
	.options = settings_link_options,
	.begin = settings_agent_begin},
    {.kind = "policy",
	.options = settings_policy_options,
	.begin = settings_policy_begin,
	.end = settings_policy_end},
    {.kind = "user",
	.named = true,
	.repeats = true,
	.options = settings_user_options,
	.begin = settings_user_begin,
	.end = settings_user_end},
    {.kind = "login",
	.named = true,
	.repeats = true,
	.options = settings_user_options,
	.begin = settings_login_begin,
	.end = settings_user_end},
    SETTINGS_SHARED_SECTIONS,
    {.kind = NULL},
};

bool
settings_name_ok(struct conf_ctx *ctx, const char *name)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.";

	if (name[strspn(name, chars)] == '\0')
		return true;
	conf_error(ctx,
	    "expected a name of lower-case letters, digits, '-', '_' and '.', "
	    "found '%s'",
	    name);
	return false;
}

int64_t
settings_number(const char *s, int64_t max)
{
	int64_t v = 0;

	if (s[0] == '\0')
		return -1;
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9' || v > (max - (*s - '0')) / 10)
			return -1;
		v = v * 10 + (*s - '0');
	}
	return v;
}

/* "uid" or "uid:gid"; a uid alone is its gid as well. */
static bool
parse_ids(const char *s, struct settings_account *a)
{
	const char *colon = strchr(s, ':');
	size_t len = colon != NULL ? (size_t)(colon - s) : strlen(s);
	char text[16];
	int64_t uid, gid;

	if (len >= sizeof(text))
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	uid = settings_number(text, UINT32_MAX - 1);
	gid = colon != NULL ? settings_number(colon + 1, UINT32_MAX - 1) : uid;
	if (uid < 0 || gid < 0)
		return false;
	a->uid = (uid_t)uid;
	a->gid = (gid_t)gid;
	return true;
}

void
settings_account(struct build *b, const char *text, struct settings_account *a)
{
	char key[sizeof(a->name) + 8];
	const char *ids;
	size_t len;
	int error;

	snprintf(a->name, sizeof(a->name), "%s", text);
	a->uid = (uid_t)-1;
	a->gid = (gid_t)-1;
	if (parse_ids(text, a) || b->bundle == NULL)
		return;
	snprintf(key, sizeof(key), "user:%s", text);
	ids = bundle_get(b->bundle, key, &len, &error);
	if (ids != NULL)
		parse_ids(ids, a);
}

static void
set_defaults(struct settings *s)
{
	net_addr_parse("127.0.0.1:1080", &s->listeners[0]);
	s->listeners_n = 1;
	snprintf(s->group, sizeof(s->group), "default");
	snprintf(s->state_dir, sizeof(s->state_dir), "/var/lib/cagent");
	snprintf(s->ca_file, sizeof(s->ca_file), SETTINGS_AUTHORITIES);
	s->log_level = LOG_LEVEL_INFO;
	s->login_remember_ms = 300000;
	s->learn_age_ms = 3600000;
	s->udp = true;
	s->splice = true;
	s->behaviour = true;
	s->bind = true;
	s->udp_idle_timeout_ms = 60000;
	s->warm_connections = 32;
	s->warm_from_ms = 2;
	s->bind_timeout_ms = 60000;
	s->policy_intermediaries_max = 256;
	s->policy_intermediaries_min = 1;
	s->report_least_ms = 10000;
	settings_unsay_limits(s);
}

/* The cores this process may use, asked once for all processes. */
static uint32_t
cores(struct bundle *b)
{
	const char *known;
	char text[16];
	cpu_set_t set;
	size_t len;
	int error, n = 1;

	known = bundle_get(b, "cores", &len, &error);
	if (known != NULL)
		n = (int)settings_number(known, SETTINGS_WORKERS_MAX);
	else if (sched_getaffinity(0, sizeof(set), &set) == 0)
		n = CPU_COUNT(&set);
	if (n < 1)
		n = 1;
	if (n > SETTINGS_WORKERS_MAX)
		n = SETTINGS_WORKERS_MAX;
	len = (size_t)snprintf(text, sizeof(text), "%d", n);
	if (known == NULL && bundle_put(b, "cores", text, len) != 0)
		return 1; /* no room: then the same for all */
	return (uint32_t)n;
}

/* It hangs on who asks and on the environment: asked once, too. */
static void
default_run_dir(struct build *b)
{
	struct settings *s = b->s;
	const char *known;
	size_t len;
	int error;

	known = bundle_get(b->bundle, "run-dir", &len, &error);
	if (known != NULL && len < sizeof(s->run_dir)) {
		memcpy(s->run_dir, known, len + 1);
		return;
	}
	rundir_default("cagent", s->run_dir, sizeof(s->run_dir));
	/* No room: then the same for all, as long as they agree. */
	(void)bundle_put(b->bundle, "run-dir", s->run_dir, strlen(s->run_dir));
}

/* Who has opened the listeners has put down what they have become. */
static void
fill_bound(struct build *b)
{
	struct settings *s = b->s;
	char line[NET_ADDR_STRLEN];
	union net_addr addr;
	const char *text;
	uint32_t i;
	size_t len;
	int error;

	memcpy(s->bound, s->listeners, sizeof(s->bound));
	text = bundle_get(b->bundle, SETTINGS_BOUND, &len, &error);
	for (i = 0; text != NULL && i < s->listeners_n; i++) {
		snprintf(
		    line, sizeof(line), "%.*s", (int)strcspn(text, "\n"), text);
		if (net_addr_parse(line, &addr) > 0)
			s->bound[i] = addr;
		text += strcspn(text, "\n");
		text += *text != '\0';
	}
}

/* What was not said, where the default hangs on something else. */
static int
fill_in(struct build *b)
{
	struct settings *s = b->s;

	if (s->workers == 0)
		s->workers = cores(b->bundle);
	if (s->control_user.name[0] == '\0')
		settings_account(b, "_cagent", &s->control_user);
	if (s->worker_user.name[0] == '\0')
		settings_account(b, "_cagentw", &s->worker_user);
	if (s->resolver_user.name[0] == '\0')
		settings_account(b, "_cagentr", &s->resolver_user);
	if (s->verifier_user.name[0] == '\0')
		settings_account(b, "_cagentv", &s->verifier_user);
	if (s->run_dir[0] == '\0')
		default_run_dir(b);
	if (s->pid_file[0] == '\0')
		snprintf(s->pid_file, sizeof(s->pid_file), "%s/" CTL_PID_NAME,
		    s->run_dir);
	if (s->report_name[0] == '\0')
		settings_default_name(b);
	fill_bound(b);
	settings_fill_classes(b);
	settings_fill_limits(s, b->policy);
	if (s->access_n != 0)
		return 0;
	s->access = calloc(2, sizeof(*s->access));
	if (s->access == NULL)
		return -ENOMEM;
	net_prefix_parse("127.0.0.0/8", &s->access[0]);
	net_prefix_parse("::1", &s->access[1]);
	s->access_n = 2;
	return 0;
}

static int __attribute__((format(printf, 2, 3)))
trouble(struct conf_errors *errors, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(errors->text, sizeof(errors->text), fmt, ap);
	va_end(ap);
	errors->n = 1;
	return -EINVAL;
}

/* The text of the configuration and the name it goes by. */
static const char *
main_text(struct bundle *b, const char **path, size_t *len,
    struct conf_errors *errors)
{
	char key[BUNDLE_KEY_MAX + 1];
	const char *text;
	int error;

	*path = bundle_get(b, SETTINGS_MAIN, len, &error);
	if (*path == NULL) {
		trouble(errors, "no configuration: %s\n", strerror(-error));
		return NULL;
	}
	if (strcmp(*path, "-") == 0) {
		*len = 0;
		return "";
	}
	snprintf(key, sizeof(key), "conf:%s", *path);
	text = bundle_get(b, key, len, &error);
	if (text == NULL)
		trouble(errors, "%s: %s\n", *path, bundle_trouble(error));
	return text;
}

/* A policy's body, or NULL.  Where none is allowed, none is looked at. */
struct policy {
	const char *body;
	size_t len;
};

/* Which one it is, where the bundle says.  False: that there is none any more,
 * as no root has the version 0. */
static bool
read_mark(struct build *b)
{
	const char *text;
	char *rest;
	size_t len;
	int error;

	text = bundle_get(b->bundle, SETTINGS_POLICY_MARK, &len, &error);
	if (text == NULL) /* then it came without one: a policy to be tried */
		return true;
	b->s->policy_epoch = (uint32_t)strtoul(text, &rest, 10);
	b->s->policy_serial = strtoull(rest, NULL, 10);
	return b->s->policy_epoch != 0;
}

static int
parse_policy(
    struct build *b, const struct policy *given, struct conf_errors *errors)
{
	struct policy p = *given;
	int error;

	if (b->s->policy_root[0] == '\0')
		return 0;
	if (p.body == NULL) {
		p.body = bundle_get(b->bundle, SETTINGS_POLICY, &p.len, &error);
		if (!read_mark(b))
			return 0;
	}
	if (p.body == NULL)
		return 0;
	b->policy = calloc(1, sizeof(*b->policy));
	if (b->policy == NULL)
		return trouble(errors, "policy: out of memory\n");
	settings_unsay_limits(b->policy);
	b->in_policy = true;
	b->s->policy_in_force = true;
	if (conf_parse("policy", p.body, p.len, settings_policy_sections, b, b,
		errors) != 0)
		return -EINVAL;
	return settings_policy_check(b, errors);
}

static int
parse(struct build *b, const struct policy *policy, struct conf_errors *errors)
{
	const char *path, *text;
	size_t len;

	text = main_text(b->bundle, &path, &len, errors);
	if (text == NULL ||
	    conf_parse(path, text, len, sections, b, b, errors) != 0 ||
	    parse_policy(b, policy, errors) != 0)
		return -EINVAL;
	if (fill_in(b) != 0 || settings_move_lists(b) != 0)
		return trouble(errors, "%s: out of memory\n", path);
	return 0;
}

static int
make(struct bundle *bundle, bool live, const struct policy *policy,
    struct settings **s, struct conf_errors *errors)
{
	struct build *b = settings_build_new(bundle);
	int error;

	*s = NULL;
	errors->n = 0;
	errors->text[0] = '\0';
	if (b == NULL)
		return trouble(errors, "out of memory\n");
	b->live = live;
	set_defaults(b->s);
	settings_places_read(b);
	error = parse(b, policy, errors);
	if (error == 0)
		*s = b->s;
	else
		settings_unref(b->s);
	free(b->policy);
	settings_build_fini(b);
	return error;
}

static int
put_policy(struct bundle *b, const struct settings_body *p)
{
	char mark[40];
	int n = snprintf(
	    mark, sizeof(mark), "%" PRIu32 " %" PRIu64, p->epoch, p->serial);
	int error = bundle_set(b, SETTINGS_POLICY, p->text, p->len);

	return error != 0
		   ? error
		   : bundle_set(b, SETTINGS_POLICY_MARK, mark, (size_t)n);
}

/* To be handed on: classes have the indices that they had, whoever makes it
 * again. */
static int
make_for_all(struct bundle *b, bool live, struct settings **s,
    struct conf_errors *errors)
{
	const struct policy in_bundle = {NULL, 0};
	int error, more = 1;

	*s = NULL;
	while (more > 0) {
		settings_unref(*s);
		error = make(b, live, &in_bundle, s, errors);
		if (error != 0)
			return error;
		more = settings_places_settle(b, *s);
	}
	if (more == 0)
		return 0;
	settings_unref(*s);
	*s = NULL;
	return trouble(errors, "out of memory\n");
}

/* What there is besides the file. */
static int
put_source(struct bundle *b, const struct settings_source *from)
{
	int error =
	    bundle_put(b, SETTINGS_MAIN, from->path, strlen(from->path));

	if (error == 0 && from->policy != NULL)
		error = put_policy(b, from->policy);
	if (error == 0 && from->before != NULL)
		error = settings_places_write(b, from->before);
	return error;
}

int
settings_reload(const struct settings_source *from, struct bundle **b,
    struct settings **s, struct conf_errors *errors)
{
	int error;

	*s = NULL;
	*b = bundle_new();
	if (*b == NULL)
		return trouble(errors, "out of memory\n");
	if (strlen(from->path) > BUNDLE_KEY_MAX - strlen("conf:"))
		error = trouble(errors, "the file's name is too long\n");
	else if (put_source(*b, from) != 0)
		error = trouble(errors, "out of memory\n");
	else
		error = make_for_all(*b, true, s, errors);
	if (error != 0) {
		bundle_free(*b);
		*b = NULL;
	}
	return error;
}

int
settings_load(const char *path, struct bundle **b, struct settings **s,
    struct conf_errors *errors)
{
	const struct settings_source from = {.path = path};

	return settings_reload(&from, b, s, errors);
}

int
settings_change_policy(struct bundle *b, const struct settings_body *policy,
    struct settings **s, struct conf_errors *errors)
{
	*s = NULL;
	if (put_policy(b, policy) != 0)
		return trouble(errors, "policy: out of memory\n");
	bundle_thaw(b); /* a rule may name a user */
	return make_for_all(b, false, s, errors);
}

int
settings_parse(struct bundle *b, struct settings **s, struct conf_errors *e)
{
	return make(b, false, &(struct policy){NULL, 0}, s, e);
}

int
settings_parse_policy(struct bundle *b, const char *body, size_t len,
    struct settings **s, struct conf_errors *e)
{
	return make(b, false, &(struct policy){body, len}, s, e);
}
