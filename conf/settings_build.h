#ifndef CONF_SETTINGS_BUILD_H
#define CONF_SETTINGS_BUILD_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/conf.h"
#include "conf/settings.h"

struct bundle;
struct tls_authorities;

/*
 * Settings in the making, for settings*.c alone: what the sections said, with
 * the lines, until references between them can be resolved.
 */
/* A name that is looked up when all sections have been read. */
struct build_word {
	char word[SETTINGS_NAME_MAX + 1];
	int line; /* 0: none was said */
};

/* What was written of both ways: bytes a second, or percent of the link. */
struct build_rates {
	struct settings_rates said;
	bool up_percent, down_percent;
	int line; /* 0: nothing */
};

struct build_class {
	struct settings_class *class; /* in the settings; NULL: dropped */
	bool said;		      /* it has a section */
	bool rested;		      /* it had none before, either */
	int64_t priority;
	int64_t weight, queue_max, queue_wait_ms; /* 0: not said */
	int when_full;				  /* enum settings_full */
	struct build_rates guarantee, ceiling, user_ceiling, tunnel_ceiling;
	struct build_word tiers[SETTINGS_TIERS_MAX];
	uint32_t tiers_n;
};

struct build_tier {
	struct settings_tier tier;
	struct build_word classes[SETTINGS_CLASSES_MAX];
	uint32_t classes_n;
	bool dropped; /* the configuration has one of this name */
	int64_t rank;
	int line;
};

struct build_intermediary {
	STAILQ_ENTRY(build_intermediary) next;
	struct settings_intermediary i;
	bool dropped; /* the configuration has one of this name */
	int64_t weight, connections_max;
	char tier[SETTINGS_NAME_MAX + 1]; /* a rank or a name */
	int tier_line;
	int line; /* of its section */
	int kind; /* of settings_hop_types */
};

struct build_rule {
	STAILQ_ENTRY(build_rule) next;
	struct settings_rule rule;
	char via[SETTINGS_NAME_MAX + 1]; /* of a tier or an intermediary */
	int via_line;			 /* 0: no via */
	struct build_word class;
};

struct build {
	struct settings *s;
	struct bundle *bundle; /* borrowed; NULL: a policy's body alone */
	bool in_policy;	       /* which is read now, after the configuration */
	bool any_place;	       /* where its intermediaries may be */
	struct settings *policy; /* what it says of limits; NULL: is none */
	bool live; /* files are read now: a missing secret is an error */
	bool listen_set, access_set;
	int listen_lines[SETTINGS_LISTENERS_MAX];
	struct build_class classes[SETTINGS_CLASSES_MAX]; /* as the settings' */
	struct build_class dropped_class; /* the configuration has it, too */
	struct settings_rates guaranteed; /* so far, and what of it was said */
	struct settings_rates guaranteed_percent; /* in percent of the link */
	struct build_tier tiers[SETTINGS_TIERS_MAX];
	uint32_t tiers_n;
	bool ranks[SETTINGS_RANK_MAX + 1]; /* in use */
	uint32_t ranks_n;
	STAILQ_HEAD(, build_intermediary) intermediaries;
	uint32_t intermediaries_n, caches_n;
	STAILQ_HEAD(, build_rule) rules;
	uint32_t rules_n;
	struct tls_authorities *authorities; /* those in s; NULL: not parsed */
	/* One of the policy that gives way to the configuration's. */
	struct settings_subscriber dropped_subscriber;
};

/*
 * The rows of the numbers that a policy may set, too, where the configuration
 * does not; SETTINGS_UNSAID until one of them has.  The defaults are in
 * settings_limits.c.
 */
#define SETTINGS_UNSAID	   (-1)
#define SETTINGS_AT(field) offsetof(struct settings, field)
#define SETTINGS_MS(word, field, least, most)                               \
	{                                                                   \
		.key = word, .type = CONF_MS, .offset = SETTINGS_AT(field), \
		.min = least, .max = most                                   \
	}
#define SETTINGS_INT(word, field, least, most)                               \
	{                                                                    \
		.key = word, .type = CONF_INT, .offset = SETTINGS_AT(field), \
		.min = least, .max = most                                    \
	}
/* clang-format off */
#define SETTINGS_LIMIT_ROWS                                                  \
	SETTINGS_MS("handshake-timeout", handshake_timeout_ms, 100, 300000), \
	SETTINGS_MS("attempt-timeout", attempt_timeout_ms, 100, 60000),      \
	SETTINGS_MS("dial-timeout", dial_timeout_ms, 100, 300000),           \
	SETTINGS_INT("attempts", attempts, 1, 8),                            \
	SETTINGS_INT("attempts-each", attempts_each, 1, 8),                  \
	SETTINGS_INT("hedge-percent", hedge_percent, 0, 100),                \
	SETTINGS_MS("idle-timeout", idle_timeout_ms, 1000, 168 * 3600000),   \
	SETTINGS_MS("http-idle-timeout", http_idle_timeout_ms, 100,          \
	    24 * 3600000),                                                   \
	SETTINGS_MS("drain-timeout", drain_timeout_ms, 0, 24 * 3600000),     \
	SETTINGS_INT("max-connections", connections_max, 0, 1000000),        \
	SETTINGS_INT("user-connections", user_connections, 0,                \
	    SETTINGS_USER_OPEN_MAX),                                         \
	SETTINGS_INT("user-rate", user_rate, 0, SETTINGS_USER_RATE_MAX),     \
	SETTINGS_INT("user-burst", user_burst, 0, SETTINGS_USER_RATE_MAX),   \
	SETTINGS_MS("check-interval", check_interval_ms, 0, 24 * 3600000),   \
	SETTINGS_MS("check-timeout", check_timeout_ms, 100, 60000)
/* Where Debian and others have what curl(1) and wget(1) go by. */
#define SETTINGS_AUTHORITIES "/etc/ssl/certs/ca-certificates.crt"
/* As a type, besides those of enum hop_type: HOP_HTTP over TLS. */
#define SETTINGS_HTTPS 100
/* Of intermediaries, caches and services alike. */
#define SETTINGS_HOP(field) offsetof(struct build_intermediary, field)
#define SETTINGS_HOP_ROWS                                                   \
	{.key = "type",                                                     \
	    .type = CONF_ENUM,                                              \
	    .offset = SETTINGS_HOP(kind),                                   \
	    .words = settings_hop_types,                                    \
	    .required = true,                                               \
	    .expects = "socks5, socks4a, http or https"},                   \
	{.key = "address",                                                  \
	    .type = CONF_CUSTOM,                                            \
	    .parse = settings_hop_address,                                  \
	    .required = true,                                               \
	    .expects =                                                      \
		"an address like proxy.example:1080 or [2001:db8::1]:1080"}, \
	{.key = "weight",                                                   \
	    .type = CONF_INT,                                               \
	    .offset = SETTINGS_HOP(weight),                                 \
	    .min = 1,                                                       \
	    .max = 1000},                                                   \
	{.key = "max-connections",                                          \
	    .type = CONF_INT,                                               \
	    .offset = SETTINGS_HOP(connections_max),                        \
	    .min = 0,                                                       \
	    .max = 1000000},                                                \
	{.key = "username",                                                 \
	    .type = CONF_STRING,                                            \
	    .offset = SETTINGS_HOP(i.username),                             \
	    .size = sizeof(((struct settings_intermediary *)0)->username)}, \
	{.key = "password-file",                                            \
	    .type = CONF_CUSTOM,                                            \
	    .parse = settings_hop_password_file,                            \
	    .expects = "the absolute path of a private file"},              \
	{.key = "server-name",                                              \
	    .type = CONF_CUSTOM,                                            \
	    .parse = settings_tls_server_name,                              \
	    .expects = "a host's name or an address"},                      \
	{.key = "ca-file",                                                  \
	    .type = CONF_CUSTOM,                                            \
	    .parse = settings_tls_ca_file,                                  \
	    .expects = "the absolute path of a file in PEM"},               \
	{.key = "cert-file",                                                \
	    .type = CONF_CUSTOM,                                            \
	    .parse = settings_tls_cert_file,                                \
	    .expects = "the absolute path of a file in PEM"},               \
	{.key = "key-file",                                                 \
	    .type = CONF_CUSTOM,                                            \
	    .parse = settings_tls_key_file,                                 \
	    .expects = "the absolute path of a private file in PEM"}
/* The rows of [direct], and the sections, that a policy has as well. */
#define SETTINGS_DIRECT_ROWS                                                 \
	{.key = "network",                                                   \
	    .type = CONF_CUSTOM,                                             \
	    .parse = settings_direct_network,                                \
	    .repeats = true,                                                 \
	    .expects = "a network like 192.0.2.0/24 or 2001:db8::/32"},      \
	{.key = "domain",                                                    \
	    .type = CONF_CUSTOM,                                             \
	    .parse = settings_direct_domain,                                 \
	    .repeats = true,                                                 \
	    .expects = "a domain like corp.example, which means what is "    \
		       "below it too"}
#define SETTINGS_SHARED_SECTIONS \
	{.kind = "class", \
	.named = true, \
	.repeats = true, \
	.options = settings_class_options, \
	.begin = settings_class_begin, \
	.end = settings_class_end}, \
	{.kind = "tier", \
	.named = true, \
	.repeats = true, \
	.options = settings_tier_options, \
	.begin = settings_tier_begin, \
	.end = settings_tier_end}, \
	{.kind = "intermediary", \
	.named = true, \
	.repeats = true, \
	.options = settings_intermediary_options, \
	.begin = settings_intermediary_begin, \
	.end = settings_intermediary_end}, \
	{.kind = "cache", \
	.named = true, \
	.repeats = true, \
	.options = settings_cache_options, \
	.begin = settings_cache_begin, \
	.end = settings_intermediary_end}, \
	{.kind = "service", \
	.named = true, \
	.repeats = true, \
	.options = settings_service_options, \
	.begin = settings_service_begin, \
	.end = settings_intermediary_end}, \
	{.kind = "rule", \
	.named = true, \
	.repeats = true, \
	.options = settings_rule_options, \
	.begin = settings_rule_begin, \
	.end = settings_rule_end}, \
	{.kind = "reports", \
	.options = settings_reports_options, \
	.begin = settings_reports_begin}, \
	{.kind = "subscriber", \
	.named = true, \
	.repeats = true, \
	.options = settings_subscriber_options, \
	.begin = settings_subscriber_begin, \
	.end = settings_subscriber_end}
/* clang-format on */

int settings_hop_address(struct conf_ctx *, void *record, const char *value);
int settings_hop_password_file(
    struct conf_ctx *, void *record, const char *value);
/* Of what is over TLS. */
int settings_tls_server_name(
    struct conf_ctx *, void *record, const char *value);
int settings_tls_ca_file(struct conf_ctx *, void *record, const char *value);
int settings_tls_cert_file(struct conf_ctx *, void *record, const char *value);
int settings_tls_key_file(struct conf_ctx *, void *record, const char *value);
/* Of [agent]. */
int settings_tls_authorities_file(
    struct conf_ctx *, void *record, const char *value);
/* What the type means, and whether all that TLS needs is there: 0, or -1
 * after conf_error(). */
int settings_tls_end(
    struct conf_ctx *, struct build *, struct build_intermediary *);
void settings_tls_free(struct settings_tls *); /* NULL allowed */
int settings_direct_network(struct conf_ctx *, void *record, const char *value);
int settings_direct_domain(struct conf_ctx *, void *record, const char *value);

extern const struct conf_option settings_agent_options[];
extern const struct conf_option settings_access_options[];
extern const struct conf_option settings_direct_options[];
extern const struct conf_option settings_link_options[];
extern const struct conf_option settings_class_options[];
extern const struct conf_option settings_tier_options[];
extern const struct conf_option settings_intermediary_options[];
extern const struct conf_option settings_cache_options[];
extern const struct conf_option settings_service_options[];
extern const struct conf_option settings_rule_options[];
extern const struct conf_option settings_user_options[];
extern const struct conf_option settings_policy_options[];
extern const struct conf_option settings_reports_options[];
extern const struct conf_option settings_subscriber_options[];
/* Of a policy's body. */
extern const struct conf_section settings_policy_sections[];
extern const struct conf_word settings_hop_types[];

/* begin() and end() of the sections; see struct conf_section. */
void *settings_agent_begin(struct conf_ctx *, void *build, const char *name);
void *settings_policy_begin(struct conf_ctx *, void *build, const char *name);
int settings_policy_end(struct conf_ctx *, void *build, void *record);
void *settings_access_begin(struct conf_ctx *, void *build, const char *name);
int settings_agent_end(struct conf_ctx *, void *build, void *record);
void *settings_class_begin(struct conf_ctx *, void *build, const char *name);
int settings_class_end(struct conf_ctx *, void *build, void *record);
void *settings_tier_begin(struct conf_ctx *, void *build, const char *name);
int settings_tier_end(struct conf_ctx *, void *build, void *record);
void *settings_intermediary_begin(
    struct conf_ctx *, void *build, const char *name);
/* Of a cache or a service, too. */
int settings_intermediary_end(struct conf_ctx *, void *build, void *record);
void *settings_cache_begin(struct conf_ctx *, void *build, const char *name);
void *settings_service_begin(struct conf_ctx *, void *build, const char *name);
void *settings_rule_begin(struct conf_ctx *, void *build, const char *name);
int settings_rule_end(struct conf_ctx *, void *build, void *record);
void *settings_user_begin(struct conf_ctx *, void *build, const char *name);
void *settings_login_begin(struct conf_ctx *, void *build, const char *name);
int settings_user_end(struct conf_ctx *, void *build, void *record);

void *settings_reports_begin(struct conf_ctx *, void *build, const char *name);
void *settings_subscriber_begin(
    struct conf_ctx *, void *build, const char *name);
int settings_subscriber_end(struct conf_ctx *, void *build, void *record);

/* An empty one, whose settings have one reference; NULL: out of memory. */
struct build *settings_build_new(struct bundle *);
/* What was built moves to the settings; 0 or -ENOMEM. */
int settings_move_lists(struct build *);
/* Free all that has not moved. */
void settings_build_fini(struct build *);

/* May an intermediary that a policy names be there?  Says so if not. */
bool settings_policy_allows(struct conf_ctx *, const struct build *,
    const struct settings_intermediary *);
/* What holds for the policy as a whole: 0, or -EINVAL with errors. */
int settings_policy_check(const struct build *, struct conf_errors *);

/* From "host:port", a name in lower case; 0, or -1 for "expected ...". */
int settings_endpoint(const char *value, struct settings_endpoint *);
/* By what name managers know this agent, where none was said. */
void settings_default_name(struct build *);

/* Nothing is said of the limits yet. */
void settings_unsay_limits(struct settings *);
/* Those that were not said are policy's (NULL: there is none), or the default:
 * the attempt's time follows the dial's, and the check's the attempt's. */
void settings_fill_limits(struct settings *, const struct settings *policy);
/* Is an attempt's time within the dial's, as far as they were said?  0, or -1
 * after conf_error(). */
int settings_check_timeouts(struct conf_ctx *, const struct settings *);

/* The record of a new one; NULL after conf_error(). */
struct build_intermediary *settings_hop_begin(
    struct conf_ctx *, struct build *, const char *name, enum settings_duty);
/* The classes that are there without being said. */
void settings_built_in(struct settings *);
/* What they are guaranteed of what others have left; and what holds for those
 * that are gone. */
void settings_fill_classes(struct build *);
/* The classes that there were before, by the bundle, all of them gone until
 * they are said. */
void settings_places_read(struct build *);
/* Into the bundle: whatever is made of it has these classes where s has them.
 * 0 or -errno. */
int settings_places_write(struct bundle *, const struct settings *s);
/*
 * After s has been made of a bundle: 0: each name that was there has its index,
 * and the bundle knows those of the others.  1: new names have taken the places
 * of some that came later; made again, all will have theirs.  Or -errno.
 */
int settings_places_settle(struct bundle *, const struct settings *s);
/* "50mbit", "10mbit up, 50mbit down", or in percent: 0, or -1 for
 * "expected ...". */
int settings_rates(
    const struct conf_ctx *, const char *value, struct build_rates *);
/* A rate as it is written; returns out. */
#define SETTINGS_RATE_LEN 24
const char *settings_rate_text(
    int64_t rate, char out[static SETTINGS_RATE_LEN]);
/* For later; -1, for "expected ...", when no name is so long. */
int settings_keep_word(
    const struct conf_ctx *, const char *value, struct build_word *);
/* The class that a word names, once all sections have been read; -1 after
 * conf_error_at(). */
int settings_class_at(struct conf_ctx *, const struct build *, const char *key,
    const struct build_word *);
/* What is wrong with what a cache or service is for, or NULL. */
const char *settings_serves_trouble(const struct settings_intermediary *);
void settings_serves_fini(struct settings_serves *);

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
/* One more in a list of n?  Requests are compared with each; says so if
 * not. */
bool settings_has_place(struct conf_ctx *, size_t n);
/* Values of lists: 0, or -1 for "expected ...". */
int settings_add_network(struct conf_ctx *, const char *value,
    struct net_prefix **networks, size_t *n);
int settings_add_domain(
    struct conf_ctx *, const char *value, char ***domains, size_t *n);
/* One more of a list of words, in lower case if fold. */
int settings_add_word(
    struct conf_ctx *, const char *value, bool fold, char ***words, size_t *n);
int settings_add_path(
    struct conf_ctx *, const char *value, char ***paths, size_t *n);
/* Values of rules that say who asks, and how (settings_asks.c). */
int settings_rule_user(struct conf_ctx *, void *record, const char *value);
int settings_rule_login(struct conf_ctx *, void *record, const char *value);
int settings_rule_service(struct conf_ctx *, void *record, const char *value);
int settings_rule_source(struct conf_ctx *, void *record, const char *value);
int settings_rule_protocol(struct conf_ctx *, void *record, const char *value);
int settings_rule_method(struct conf_ctx *, void *record, const char *value);
int settings_rule_path(struct conf_ctx *, void *record, const char *value);
int settings_add_ports(struct conf_ctx *, const char *value,
    struct settings_ports **ports, size_t *n);
void settings_free_words(char **words, size_t n);

#endif
