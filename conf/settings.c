/*
 * Makes the agent's settings out of a bundle and owns their memory; what a
 * section may say is in settings_agent.c, settings_tiers.c, settings_rules.c.
 */
#include "conf/settings.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

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
    {.kind = "tier",
	.named = true,
	.repeats = true,
	.options = settings_tier_options,
	.begin = settings_tier_begin,
	.end = settings_tier_end},
    {.kind = "intermediary",
	.named = true,
	.repeats = true,
	.options = settings_intermediary_options,
	.begin = settings_intermediary_begin,
	.end = settings_intermediary_end},
    {.kind = "rule",
	.named = true,
	.repeats = true,
	.options = settings_rule_options,
	.begin = settings_rule_begin,
	.end = settings_rule_end},
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
	if (parse_ids(text, a))
		return;
	snprintf(key, sizeof(key), "user:%s", text);
	ids = bundle_get(b->bundle, key, &len, &error);
	if (ids != NULL)
		parse_ids(ids, a);
}

static void
set_defaults(struct settings *s)
{
	s->refs = 1;
	net_addr_parse("127.0.0.1:1080", &s->listeners[0]);
	s->listeners_n = 1;
	snprintf(s->group, sizeof(s->group), "default");
	snprintf(s->state_dir, sizeof(s->state_dir), "/var/lib/cagent");
	s->log_level = LOG_LEVEL_INFO;
	s->handshake_timeout_ms = 10000;
	s->attempts = 4;
	s->attempts_each = 2;
	s->hedge_percent = 5;
	s->idle_timeout_ms = 3600000;
	s->drain_timeout_ms = 30000;
	s->learn_age_ms = 3600000;
	s->check_interval_ms = 10000;
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
	if (s->run_dir[0] == '\0')
		default_run_dir(b);
	if (s->pid_file[0] == '\0')
		snprintf(s->pid_file, sizeof(s->pid_file), "%s/" CTL_PID_NAME,
		    s->run_dir);
	settings_fill_timeouts(s);
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

static void
add_tier(struct settings *s, const struct settings_tier *t)
{
	uint32_t i = s->tiers_n;

	for (; i > 0 && s->tiers[i - 1].rank > t->rank; i--)
		s->tiers[i] = s->tiers[i - 1];
	s->tiers[i] = *t;
	s->tiers_n++;
}

/* settings_intermediary_end() has counted the ranks. */
static void
move_tiers(struct build *b)
{
	struct settings_tier unnamed = {.rank = 0};
	const struct build_intermediary *i;
	uint32_t t;

	for (t = 0; t < b->tiers_n; t++)
		add_tier(b->s, &b->tiers[t].tier);
	STAILQ_FOREACH(i, &b->intermediaries, next)
	{
		if (settings_tier(b->s, i->i.tier) != NULL)
			continue;
		unnamed.rank = i->i.tier;
		add_tier(b->s, &unnamed);
	}
}

static int
move_lists(struct build *b)
{
	struct settings *s = b->s;
	struct build_intermediary *i;
	struct build_rule *r;

	s->intermediaries =
	    calloc(b->intermediaries_n + 1, sizeof(*s->intermediaries));
	s->rules = calloc(b->rules_n + 1, sizeof(*s->rules));
	if (s->intermediaries == NULL || s->rules == NULL)
		return -ENOMEM;
	move_tiers(b);
	while ((i = STAILQ_FIRST(&b->intermediaries)) != NULL) {
		STAILQ_REMOVE_HEAD(&b->intermediaries, next);
		s->intermediaries[s->intermediaries_n++] = i->i;
		free(i);
	}
	while ((r = STAILQ_FIRST(&b->rules)) != NULL) {
		STAILQ_REMOVE_HEAD(&b->rules, next);
		s->rules[s->rules_n++] = r->rule;
		free(r);
	}
	return 0;
}

static void
free_domains(char **domains, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		free(domains[i]);
	free(domains);
}

static void
fini_rule(struct settings_rule *r)
{
	free_domains(r->domains, r->domains_n);
	free(r->networks);
	free(r->ports);
	free(r->users);
}

static void
build_fini(struct build *b)
{
	struct build_intermediary *i;
	struct build_rule *r;

	while ((i = STAILQ_FIRST(&b->intermediaries)) != NULL) {
		STAILQ_REMOVE_HEAD(&b->intermediaries, next);
		sodium_free(i->i.password);
		free(i);
	}
	while ((r = STAILQ_FIRST(&b->rules)) != NULL) {
		STAILQ_REMOVE_HEAD(&b->rules, next);
		fini_rule(&r->rule);
		free(r);
	}
	free(b);
}

struct settings *
settings_ref(struct settings *s)
{
	s->refs++;
	return s;
}

void
settings_unref(struct settings *s)
{
	uint32_t i;

	if (s == NULL || --s->refs > 0)
		return;
	for (i = 0; i < s->intermediaries_n; i++)
		sodium_free(s->intermediaries[i].password);
	for (i = 0; i < s->rules_n; i++)
		fini_rule(&s->rules[i]);
	free(s->intermediaries);
	free(s->rules);
	free(s->access);
	free(s->direct_networks);
	free_domains(s->direct_domains, s->direct_domains_n);
	free(s->direct_learn);
	free(s);
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

static const char *
file_trouble(int error)
{
	switch (error) {
	case -EINVAL:
		return "it is not a regular file";
	case -EFBIG:
		return "it is larger than 4 MB";
	case -ETXTBSY:
		return "it changed while it was read";
	default:
		return strerror(-error);
	}
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
		trouble(errors, "%s: %s\n", *path, file_trouble(error));
	return text;
}

static int
parse(struct build *b, struct conf_errors *errors)
{
	const char *path, *text;
	size_t len;

	text = main_text(b->bundle, &path, &len, errors);
	if (text == NULL ||
	    conf_parse(path, text, len, sections, b, b, errors) != 0)
		return -EINVAL;
	if (fill_in(b) != 0 || move_lists(b) != 0)
		return trouble(errors, "%s: out of memory\n", path);
	return 0;
}

static int
make(struct bundle *bundle, bool live, struct settings **s,
    struct conf_errors *errors)
{
	struct build *b;
	int error;

	*s = NULL;
	errors->n = 0;
	errors->text[0] = '\0';
	b = calloc(1, sizeof(*b));
	if (b == NULL || sodium_init() == -1 ||
	    (b->s = calloc(1, sizeof(*b->s))) == NULL) {
		free(b);
		return trouble(errors, "out of memory\n");
	}
	STAILQ_INIT(&b->intermediaries);
	STAILQ_INIT(&b->rules);
	b->bundle = bundle;
	b->live = live;
	set_defaults(b->s);
	error = parse(b, errors);
	if (error == 0)
		*s = b->s;
	else
		settings_unref(b->s);
	build_fini(b);
	return error;
}

int
settings_load(const char *path, struct bundle **b, struct settings **s,
    struct conf_errors *errors)
{
	int error;

	*s = NULL;
	*b = bundle_new();
	if (*b == NULL)
		return trouble(errors, "out of memory\n");
	if (strlen(path) > BUNDLE_KEY_MAX - strlen("conf:"))
		error = trouble(errors, "the file's name is too long\n");
	else if (bundle_put(*b, SETTINGS_MAIN, path, strlen(path)) != 0)
		error = trouble(errors, "out of memory\n");
	else
		error = make(*b, true, s, errors);
	if (error != 0) {
		bundle_free(*b);
		*b = NULL;
	}
	return error;
}

int
settings_parse(struct bundle *b, struct settings **s, struct conf_errors *e)
{
	return make(b, false, s, e);
}

const struct settings_tier *
settings_tier(const struct settings *s, uint16_t rank)
{
	uint32_t i;

	for (i = 0; i < s->tiers_n; i++) {
		if (s->tiers[i].rank == rank)
			return &s->tiers[i];
	}
	return NULL;
}

int
settings_intermediary(const struct settings *s, const char *name)
{
	uint32_t i;

	for (i = 0; i < s->intermediaries_n; i++) {
		if (strcmp(s->intermediaries[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

const char *settings_class_word(enum traffic_class class)
{
	const struct conf_word *w = settings_classes;

	while (w->word != NULL && w->value != (int)class)
		w++;
	return w->word != NULL ? w->word : "?";
}
