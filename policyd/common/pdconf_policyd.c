/* The section [policyd]: where the server is, and who its processes are. */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/rundir.h"
#include "policyd/common/pdconf_build.h"

#define SECOND_MS INT64_C(1000)
#define HOUR_MS	  (3600 * SECOND_MS)

static const struct conf_word log_levels[] = {
    {"error", LOG_LEVEL_ERROR},
    {"warn", LOG_LEVEL_WARN},
    {"info", LOG_LEVEL_INFO},
    {"debug", LOG_LEVEL_DEBUG},
    {NULL, 0},
};

struct places {
	union net_addr *at;
	int *lines;
	uint32_t *n;
};

static int
add_place(struct conf_ctx *ctx, const struct places *p, const char *key,
    const char *value)
{
	union net_addr addr;
	uint32_t i;

	if (net_addr_parse(value, &addr) < 0 || addr.sa.sa_family == AF_UNIX)
		return -1;
	for (i = 0; i < *p->n; i++) {
		if (net_addr_port(&addr) == 0 ||
		    !net_addr_equal(&p->at[i], &addr))
			continue;
		conf_error(ctx, "'%s': %s stands at line %d already", key,
		    value, p->lines[i]);
		return -1;
	}
	if (*p->n == PDCONF_LISTENERS_MAX) {
		conf_error(ctx, "'%s': expected at most %d of them", key,
		    PDCONF_LISTENERS_MAX);
		return -1;
	}
	p->lines[*p->n] = conf_line(ctx);
	p->at[(*p->n)++] = addr;
	return 0;
}

static int
add_listener(struct conf_ctx *ctx, void *record, const char *value)
{
	struct pdbuild *b = conf_arg(ctx);
	struct pdconf *c = record;

	return add_place(ctx,
	    &(struct places){c->listeners, b->listen_lines, &c->listeners_n},
	    "listen", value);
}

static int
add_page(struct conf_ctx *ctx, void *record, const char *value)
{
	struct pdbuild *b = conf_arg(ctx);
	struct pdconf *c = record;

	if (strcmp(value, "none") == 0) {
		b->no_page = true;
		return 0;
	}
	return add_place(ctx,
	    &(struct places){c->pages, b->page_lines, &c->pages_n}, "page",
	    value);
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

#define PATH(field)                                                       \
	static int set_##field(                                           \
	    struct conf_ctx *ctx, void *record, const char *value)        \
	{                                                                 \
		struct pdconf *c = record;                                \
                                                                          \
		(void)ctx; /* an absolute path is all that is expected */ \
		return set_path(c->field, sizeof(c->field), value);       \
	}
PATH(run_dir)
PATH(state_dir)
PATH(pid_file)
PATH(root)
PATH(rank_key)
PATH(seal_key)

/* Digits alone. */
static bool
parse_id(const char *s, uint32_t *out)
{
	const char *bad;

	if (s[0] < '0' || s[0] > '9')
		return false;
	*out = (uint32_t)strtonum(s, 0, UINT32_MAX - 1, &bad);
	return bad == NULL;
}

/* From "name", "uid" or "uid:gid"; false when there is no such user. */
static bool
find_account(const char *text, struct settings_account *a)
{
	char copy[sizeof(a->name)], *gid = copy, *uid;
	const struct passwd *pw;

	snprintf(a->name, sizeof(a->name), "%s", text);
	snprintf(copy, sizeof(copy), "%s", text);
	a->uid = (uid_t)-1;
	a->gid = (gid_t)-1;
	uid = strsep(&gid, ":");
	if (parse_id(uid, &a->uid) &&
	    parse_id(gid != NULL ? gid : uid, &a->gid))
		return true;
	a->uid = (uid_t)-1;
	pw = getpwnam(text);
	if (pw == NULL)
		return false;
	a->uid = pw->pw_uid;
	a->gid = pw->pw_gid;
	return true;
}

#define ACCOUNT(field)                                             \
	static int set_##field(                                    \
	    struct conf_ctx *ctx, void *record, const char *value) \
	{                                                          \
		struct pdconf *c = record;                         \
                                                                   \
		(void)ctx; /* what is expected says it all */      \
		return strlen(value) < sizeof(c->field.name) &&    \
			       find_account(value, &c->field)      \
			   ? 0                                     \
			   : -1;                                   \
	}
ACCOUNT(collector_user)
ACCOUNT(prober_user)
ACCOUNT(ranker_user)
ACCOUNT(signer_user)
ACCOUNT(page_user)

#define A_USER "a user of this machine, a uid or uid:gid"
#define A_PATH "an absolute path of at most 1023 bytes"
const struct conf_option pdconf_policyd_options[] = {
    PDCONF_LIST(
	"listen", add_listener, "an address like 192.0.2.1:7443 or [::]:7443"),
    PDCONF_LIST("page", add_page,
	"an address like 127.0.0.1:7480 or [::1]:7480, or none"),
    PDCONF_CUSTOM(
	"run-dir", set_run_dir, "an absolute path of at most 75 bytes"),
    PDCONF_CUSTOM("state-dir", set_state_dir, A_PATH),
    PDCONF_CUSTOM("pid-file", set_pid_file, A_PATH),
    {.key = "log-level",
	.type = CONF_ENUM,
	.offset = PDCONF_AT(log_level),
	.words = log_levels},
    PDCONF_CUSTOM("collector-user", set_collector_user, A_USER),
    PDCONF_CUSTOM("prober-user", set_prober_user, A_USER),
    PDCONF_CUSTOM("ranker-user", set_ranker_user, A_USER),
    PDCONF_CUSTOM("signer-user", set_signer_user, A_USER),
    PDCONF_CUSTOM("page-user", set_page_user, A_USER),
    PDCONF_CUSTOM("root", set_root, A_PATH),
    PDCONF_CUSTOM("rank-key", set_rank_key, A_PATH),
    PDCONF_CUSTOM("seal-key", set_seal_key, A_PATH),
    PDCONF_MS("report-interval", report_interval_ms, SECOND_MS, 24 * HOUR_MS),
    PDCONF_MS("heartbeat", heartbeat_ms, SECOND_MS, 24 * HOUR_MS),
    PDCONF_MS("rank-lifetime", rank_lifetime_ms, 2 * SECOND_MS, 720 * HOUR_MS),
    PDCONF_INT("max-agents", agents_max, 1, 1000000),
    {.key = NULL},
};

int
pdconf_policyd_end(struct conf_ctx *ctx, void *build, void *record)
{
	struct pdbuild *b = build;
	struct pdconf *c = record;

	if (b->no_page && c->pages_n > 0) {
		conf_error(ctx, "'page': expected none, or addresses, "
				"found both");
		return -1;
	}
	/* One that comes late must not find the one before it expired. */
	if (c->rank_lifetime_ms < 2 * c->heartbeat_ms) {
		conf_error(ctx, "'rank-lifetime': expected at least twice the "
				"'heartbeat'");
		return -1;
	}
	return 0;
}

static void
fill_account(struct settings_account *a, const char *name)
{
	if (a->name[0] == '\0')
		(void)find_account(name, a); /* who needs it will see */
}

static void
fill_path(char *out, size_t size, const char *path)
{
	if (out[0] == '\0')
		snprintf(out, size, "%s", path);
}

void
pdconf_policyd_fill(struct pdbuild *b)
{
	struct pdconf *c = b->c;

	if (c->listeners_n == 0)
		net_addr_parse(
		    "127.0.0.1:7443", &c->listeners[c->listeners_n++]);
	if (c->pages_n == 0 && !b->no_page)
		net_addr_parse("127.0.0.1:7480", &c->pages[c->pages_n++]);
	if (c->run_dir[0] == '\0')
		rundir_default(
		    "cagent-policyd", c->run_dir, sizeof(c->run_dir));
	if (c->pid_file[0] == '\0')
		snprintf(c->pid_file, sizeof(c->pid_file),
		    "%s/" PDCONF_PID_NAME, c->run_dir);
	fill_path(
	    c->state_dir, sizeof(c->state_dir), "/var/lib/cagent-policyd");
	fill_path(
	    c->root, sizeof(c->root), SYSCONFDIR "/cagent-policyd/root.1");
	fill_path(c->rank_key, sizeof(c->rank_key),
	    SYSCONFDIR "/cagent-policyd/online.key");
	fill_path(c->seal_key, sizeof(c->seal_key),
	    SYSCONFDIR "/cagent-policyd/seal.key");
	fill_account(&c->collector_user, "_cagentpc");
	fill_account(&c->prober_user, "_cagentpp");
	fill_account(&c->ranker_user, "_cagentpr");
	fill_account(&c->signer_user, "_cagentps");
	fill_account(&c->page_user, "_cagentpw");
}
