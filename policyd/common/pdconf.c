/* Owns the configuration: its sections, its defaults and its life; opens no
 * file. */
#include "policyd/common/pdconf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "policyd/common/pdconf_build.h"

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS	  (60 * MINUTE_MS)
#define YEAR_MS	  (365 * 24 * HOUR_MS)

const char pdconf_default_path[] = SYSCONFDIR "/cagent/cagent-policyd.ini";

const struct conf_option pdconf_quota_options[] = {
    PDCONF_INT("messages", quota_messages, 1, 100000),
    PDCONF_BYTES("bytes", quota_bytes, 64 << 10, 1 << 30),
    {.key = NULL},
};

#define BUILT(field) offsetof(struct pdbuild, field)
#define RULE_INT(word, field, least, most)                             \
	{                                                              \
		.key = word, .type = CONF_INT, .offset = BUILT(field), \
		.min = least, .max = most                              \
	}
#define RULE_MS(word, field, least, most)                             \
	{                                                             \
		.key = word, .type = CONF_MS, .offset = BUILT(field), \
		.min = least, .max = most                             \
	}
const struct conf_option pdconf_ranking_options[] = {
    RULE_MS("window", window_ms, SECOND_MS, HOUR_MS),
    RULE_INT("min-agents", agents_min, 1, 10000),
    RULE_INT("min-samples", samples_min, 1, 1000000),
    RULE_INT("probe-fall", probe_fall, 1, 100),
    RULE_INT("probe-rise", probe_rise, 1, 100),
    RULE_INT("min-success", success_min, 0, 100),
    RULE_INT("slow-factor", slow_factor, 100, 10000),
    RULE_MS("slow-over", slow_over_ms, 0, MINUTE_MS),
    RULE_MS("lower-after", lower_after_ms, 0, 24 * HOUR_MS),
    RULE_MS("raise-after", raise_after_ms, 0, 24 * HOUR_MS),
    {.key = NULL},
};

const struct conf_option pdconf_store_options[] = {
    PDCONF_MS("keep-reports", keep_reports_ms, MINUTE_MS, 10 * YEAR_MS),
    PDCONF_MS("keep-probes", keep_probes_ms, MINUTE_MS, 10 * YEAR_MS),
    PDCONF_MS("keep-ranks", keep_ranks_ms, MINUTE_MS, 10 * YEAR_MS),
    PDCONF_MS("keep-events", keep_events_ms, MINUTE_MS, 10 * YEAR_MS),
    {.key = NULL},
};

void *
pdconf_begin(struct conf_ctx *ctx, void *build, const char *name)
{
	struct pdbuild *b = build;

	(void)ctx;
	(void)name; /* there is one of each */
	return b->c;
}

static void *
begin_ranking(struct conf_ctx *ctx, void *build, const char *name)
{
	(void)ctx;
	(void)name; /* there is one */
	return build;
}

static const struct conf_section sections[] = {
    {.kind = "policyd",
	.options = pdconf_policyd_options,
	.begin = pdconf_begin,
	.end = pdconf_policyd_end},
    {.kind = "quota", .options = pdconf_quota_options, .begin = pdconf_begin},
    {.kind = "probe", .options = pdconf_probe_options, .begin = pdconf_begin},
    {.kind = "load",
	.named = true,
	.repeats = true,
	.options = pdconf_load_options,
	.begin = pdconf_load_begin,
	.end = pdconf_load_end},
    {.kind = "login",
	.named = true,
	.repeats = true,
	.options = pdconf_login_options,
	.begin = pdconf_login_begin},
    {.kind = "ranking",
	.options = pdconf_ranking_options,
	.begin = begin_ranking},
    {.kind = "store", .options = pdconf_store_options, .begin = pdconf_begin},
    {.kind = NULL},
};

static void
set_defaults(struct pdbuild *b)
{
	struct pdconf *c = b->c;

	c->refs = 1;
	c->log_level = LOG_LEVEL_INFO;
	c->report_interval_ms = MINUTE_MS;
	c->heartbeat_ms = MINUTE_MS;
	c->rank_lifetime_ms = HOUR_MS;
	c->agents_max = 15000;
	c->quota_messages = 60;
	c->quota_bytes = 4 << 20;
	c->probe_interval_ms = 10 * SECOND_MS;
	c->probe_timeout_ms = 5 * SECOND_MS;
	c->probe_throughput = 64 << 10;
	c->probes_max = 64;
	c->keep_reports_ms = 24 * HOUR_MS;
	c->keep_probes_ms = 24 * HOUR_MS;
	c->keep_ranks_ms = 30 * 24 * HOUR_MS;
	c->keep_events_ms = 90 * 24 * HOUR_MS;
	b->window_ms = MINUTE_MS;
	b->agents_min = 3;
	b->samples_min = 5;
	b->probe_fall = 3;
	b->probe_rise = 2;
	b->success_min = 80;
	b->slow_factor = 200;
	b->slow_over_ms = 50;
	b->lower_after_ms = 30 * SECOND_MS;
	b->raise_after_ms = MINUTE_MS;
}

static void
move_rules(const struct pdbuild *b)
{
	struct pdconf *c = b->c;

	c->window_ms = b->window_ms;
	c->fuse = (struct fuse_rules){.agents_min = (uint32_t)b->agents_min,
	    .samples_min = (uint32_t)b->samples_min,
	    .probe_fall = (uint32_t)b->probe_fall,
	    .probe_rise = (uint32_t)b->probe_rise};
	c->order = (struct order_rules){
	    .success_min_permille = (uint32_t)b->success_min * 10,
	    .slow_factor_percent = (uint32_t)b->slow_factor,
	    .slow_over_us = (uint32_t)b->slow_over_ms * 1000,
	    .bad_for_us = b->lower_after_ms * 1000,
	    .good_for_us = b->raise_after_ms * 1000};
}

int
pdconf_parse(const char *name, const char *text, size_t len,
    struct pdconf **out, struct conf_errors *errors)
{
	struct pdbuild b = {.c = calloc(1, sizeof(*b.c))};
	int error = -ENOMEM;

	*out = NULL;
	if (b.c != NULL) {
		set_defaults(&b);
		b.c->loads = calloc(MANAGE_ROWS_MAX, sizeof(*b.c->loads));
		b.c->logins = calloc(MANAGE_ROWS_MAX, sizeof(*b.c->logins));
		if (b.c->loads != NULL && b.c->logins != NULL)
			error = conf_parse(
			    name, text, len, sections, &b, &b, errors);
	}
	if (error == -ENOMEM) {
		errors->n = 1;
		snprintf(errors->text, sizeof(errors->text), "out of memory\n");
	}
	if (error != 0) {
		pdconf_unref(b.c);
		return -EINVAL;
	}
	pdconf_policyd_fill(&b);
	move_rules(&b);
	*out = b.c;
	return 0;
}

struct pdconf *
pdconf_ref(struct pdconf *c)
{
	c->refs++;
	return c;
}

void
pdconf_unref(struct pdconf *c)
{
	if (c == NULL || --c->refs > 0)
		return;
	free(c->loads);
	free(c->logins);
	free(c);
}
