#ifndef CONF_SETTINGS_BUILD_H
#define CONF_SETTINGS_BUILD_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/conf.h"
#include "conf/settings.h"

struct bundle;

/*
 * Settings in the making, for settings*.c alone: what the sections said, with
 * the lines, until references between them can be resolved.
 */
struct build_tier {
	struct settings_tier tier;
	int64_t rank;
	int line;
};

struct build_intermediary {
	STAILQ_ENTRY(build_intermediary) next;
	struct settings_intermediary i;
	int64_t weight, connections_max;
	char tier[SETTINGS_NAME_MAX + 1]; /* a rank or a name */
	int tier_line;
};

struct build_rule {
	STAILQ_ENTRY(build_rule) next;
	struct settings_rule rule;
	char via[SETTINGS_NAME_MAX + 1]; /* of a tier or an intermediary */
	int via_line;			 /* 0: no via */
};

struct build {
	struct settings *s;
	struct bundle *bundle; /* borrowed */
	bool live; /* files are read now: a missing secret is an error */
	bool listen_set, access_set;
	int listen_lines[SETTINGS_LISTENERS_MAX];
	struct build_tier tiers[SETTINGS_TIERS_MAX];
	uint32_t tiers_n;
	bool ranks[SETTINGS_RANK_MAX + 1]; /* in use */
	uint32_t ranks_n;
	STAILQ_HEAD(, build_intermediary) intermediaries;
	uint32_t intermediaries_n;
	STAILQ_HEAD(, build_rule) rules;
	uint32_t rules_n;
};

extern const struct conf_option settings_agent_options[];
extern const struct conf_option settings_access_options[];
extern const struct conf_option settings_direct_options[];
extern const struct conf_option settings_tier_options[];
extern const struct conf_option settings_intermediary_options[];
extern const struct conf_option settings_rule_options[];
extern const struct conf_word settings_classes[];

/* begin() and end() of the sections; see struct conf_section. */
void *settings_agent_begin(struct conf_ctx *, void *build, const char *name);
void *settings_access_begin(struct conf_ctx *, void *build, const char *name);
int settings_agent_end(struct conf_ctx *, void *build, void *record);
void *settings_tier_begin(struct conf_ctx *, void *build, const char *name);
int settings_tier_end(struct conf_ctx *, void *build, void *record);
void *settings_intermediary_begin(
    struct conf_ctx *, void *build, const char *name);
int settings_intermediary_end(struct conf_ctx *, void *build, void *record);
void *settings_rule_begin(struct conf_ctx *, void *build, const char *name);
int settings_rule_end(struct conf_ctx *, void *build, void *record);

/* The timeouts that were not said: the attempt's follows the dial's, and the
 * check's the attempt's. */
void settings_fill_timeouts(struct settings *);

/* Is it a name of ours?  Says so if not. */
bool settings_name_ok(struct conf_ctx *, const char *name);
/* The rank that a word means, a number or the name of a tier; 0 after
 * conf_error_at() if there is no such tier.  exists: a bare number must be
 * the rank of something too. */
uint16_t settings_rank(
    struct conf_ctx *, struct build *, const char *word, int line, bool exists);
/* Digits alone and nothing else, at most max; -1 otherwise. */
int64_t settings_number(const char *s, int64_t max);
/* From "name", "uid" or "uid:gid"; ids are -1 when there is no such user. */
void settings_account(struct build *, const char *, struct settings_account *);
/* Room for one more after n items of that size: the array, perhaps moved, or
 * NULL after conf_error() with the old one intact. */
void *settings_grow(struct conf_ctx *, void *array, size_t n, size_t size);
/* Values of lists: 0, or -1 for "expected ...". */
int settings_add_network(struct conf_ctx *, const char *value,
    struct net_prefix **networks, size_t *n);
int settings_add_domain(
    struct conf_ctx *, const char *value, char ***domains, size_t *n);

#endif
