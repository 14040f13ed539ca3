#ifndef CONF_SETTINGS_H
#define CONF_SETTINGS_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/conf.h"
#include "base/net.h"
#include "wire/hop.h"

struct bundle;
struct match;
struct tls_client;
struct users;

/*
 * The agent's configuration, typed and checked; immutable once made, and
 * counted: who keeps it across a callback takes a reference.  The grammar is
 * that of base/conf.h; cagentd.ini(5) describes every key.
 */
#define SETTINGS_LISTENERS_MAX	    16
#define SETTINGS_WORKERS_MAX	    64
#define SETTINGS_INTERMEDIARIES_MAX 1024
#define SETTINGS_TIERS_MAX	    64
#define SETTINGS_CACHES_MAX	    32 /* a bit each in a verdict */
#define SETTINGS_RULES_MAX	    10000
#define SETTINGS_RANK_MAX	    1000
#define SETTINGS_LIST_MAX	    10000 /* networks, and domains */
#define SETTINGS_NAME_MAX	    63
#define SETTINGS_NAMESERVERS_MAX    8
#define SETTINGS_SERVERS_MAX	    8
#define SETTINGS_SUBSCRIBERS_MAX    16 /* the configuration's and policy's */
#define SETTINGS_SEAL_KEY_LEN	    32
#define SETTINGS_USERS_MAX	    1000 /* with limits of their own */
#define SETTINGS_USER_OPEN_MAX	    1000000
#define SETTINGS_USER_RATE_MAX	    100000
#define SETTINGS_CLASSES_MAX	    16 /* a bit each in a tier */
#define SETTINGS_PRIORITY_MAX	    7

/* Those that there are without being said: indices of settings.classes, where
 * [class] sections follow, in file order, and then a policy's; but a name keeps
 * the index that it had in the settings before. */
enum settings_built_in {
	CLASS_CRITICAL,
	CLASS_INTERACTIVE,
	CLASS_NORMAL, /* the default */
	CLASS_BULK,
	CLASS_BUILT_IN /* how many */
};

/* Bytes a second, each way; 0: nothing is said. */
struct settings_rates {
	int64_t up, down; /* from the client, and to it */
};

/* What becomes of a tunnel whose tier's intermediaries are all at their
 * connection limits. */
enum settings_full {
	FULL_NEXT_TIER,
	FULL_WAIT,
	FULL_REFUSE
};

struct settings_class {
	char name[SETTINGS_NAME_MAX + 1];
	bool by_policy;
	/* No section says it any more.  It is found by no name, but keeps its
	 * index while there are others for new names; what began in it goes by
	 * what is said of normal, without its guarantee. */
	bool gone;
	uint8_t priority; /* 0 is first, to SETTINGS_PRIORITY_MAX */
	uint16_t weight;  /* 1..1000, among those of its priority */
	struct settings_rates guarantee; /* of all its tunnels */
	struct settings_rates ceiling, user_ceiling, tunnel_ceiling;
	int dscp; /* 0..63; -1: none is set */
	/* Tiers of intermediaries it may use, a bit for each rank; all when
	 * ranks_n is 0. */
	uint32_t ranks_n;
	uint64_t ranks[SETTINGS_RANK_MAX / 64 + 1];
	enum settings_full when_full;
	uint32_t queue_max;    /* FULL_WAIT: how many, in one worker */
	int64_t queue_wait_ms; /* FULL_WAIT: how long at most */
};

/* What comes in at a listener. */
enum settings_listener {
	LISTENER_PROXY,	   /* SOCKS and HTTP, told apart by the first byte */
	LISTENER_REDIRECT, /* connections that were on their way elsewhere, by
			    * nftables' redirect: SO_ORIGINAL_DST */
	LISTENER_TPROXY	   /* likewise, by tproxy: the socket's own address */
};

/* Lower-case letters, digits and '-', '_', '.' make a name. */
struct settings_account {
	char name[64]; /* as written: a user name, "uid" or "uid:gid" */
	uid_t uid;     /* (uid_t)-1 when the user does not exist */
	gid_t gid;
};

struct settings_tier {
	char name[SETTINGS_NAME_MAX + 1];
	uint16_t rank;	       /* 1 is used first */
	uint32_t reserved_for; /* bit set of 1u << class; 0: for all */
	int64_t slow_over_ms;  /* 0: by comparison with its members */
};

/* What an intermediary is there for. */
enum settings_duty {
	DUTY_RANKED,  /* [intermediary]: any request, by its tier */
	DUTY_CACHE,   /* [cache]: plain HTTP requests, before the others */
	DUTY_SERVICE, /* [service]: those whose content is meant for it */
	DUTY_COUNT
};

/* TLS to it: type = https. */
struct settings_tls {
	char server_name[NET_HOST_MAX + 1]; /* to be in its certificate */
	/* PEM, as they stood in the files when they were read. */
	char *ca;   /* whom to believe; NULL: settings.authorities */
	char *cert; /* ours, with its chain; NULL: none */
	char *key;  /* sodium_malloc(); NULL: none, or no secrets given */
	/* Made of these by a process that connects; NULL: it has not been, or
	 * could not be.  A reference. */
	struct tls_client *client;
};

struct settings_ports {
	uint16_t first, last;
};

/* Which plain HTTP requests a cache or a service is for; as in a rule, keys
 * of one kind are alternatives, different kinds must all match, and an empty
 * list matches everything. */
struct settings_serves {
	char **domains; /* "example.com" also matches what is below it */
	size_t domains_n;
	struct settings_ports *ports;
	size_t ports_n;
	char **paths; /* how they begin */
	size_t paths_n;
	char **extensions; /* lower case, without the dot */
	size_t extensions_n;
	char **contents; /* media types; "image/" is any image */
	size_t contents_n;
};

struct settings_intermediary {
	char name[SETTINGS_NAME_MAX + 1];
	enum hop_type type;
	enum settings_duty duty;
	struct settings_serves serves; /* DUTY_CACHE, DUTY_SERVICE */
	uint32_t cache_bit;	     /* DUTY_CACHE: its own; each has another */
	struct settings_tls *tls;    /* NULL: without */
	char host[NET_HOST_MAX + 1]; /* a name or an address literal */
	uint16_t port;
	uint16_t tier;		  /* rank; 0 unless DUTY_RANKED */
	uint32_t weight;	  /* 1..1000 */
	uint32_t connections_max; /* 0: no limit */
	bool fast_open;		  /* TCP_FASTOPEN; default: no */
	char username[256];	  /* "": no login */
	char *password;		  /* sodium_malloc(); NULL: none, or this
				     process was given no secrets */
	bool by_policy;		  /* not from the configuration */
};

/* What moves a worker's bytes. */
enum settings_loop {
	SETTINGS_LOOP_AUTO,  /* io_uring where it can be had; the default */
	SETTINGS_LOOP_URING, /* the same, and a warning where it cannot */
	SETTINGS_LOOP_EPOLL
};

enum settings_via {
	VIA_DEFAULT, /* direct where allowed, else by tier */
	VIA_DIRECT,
	VIA_TIER,
	VIA_INTERMEDIARY,
	VIA_CACHE, /* these two first, and then as by default */
	VIA_SERVICE,
	VIA_DENY
};

/* May a client's first bytes be sent by a second path when the first one
 * brought nothing back? */
enum settings_replay {
	REPLAY_SAFE, /* those that do no harm twice; the default */
	REPLAY_NEVER,
	REPLAY_ALWAYS
};

/* Keys of one kind are alternatives; different kinds must all match; an
 * empty list matches everything. */
struct settings_rule {
	char name[SETTINGS_NAME_MAX + 1];
	bool by_policy;
	char **domains; /* "example.com" also matches what is below it */
	size_t domains_n;
	struct net_prefix *networks;
	size_t networks_n;
	struct settings_ports *ports;
	size_t ports_n;
	uid_t *users; /* by the kernel's word */
	size_t users_n;
	char **logins; /* by their password */
	size_t logins_n;
	char **services; /* "a.service" or "user@1.service/b", "*" is any */
	size_t services_n;
	struct net_prefix *sources;
	size_t sources_n;
	/* Of plain HTTP requests; tunnels have neither. */
	char **methods;
	size_t methods_n;
	char **paths; /* how they begin */
	size_t paths_n;
	uint32_t protocols; /* bit set of 1u << enum wire_protocol; 0: all */
	bool has_class;
	uint8_t class; /* index */
	bool has_replay;
	enum settings_replay replay;
	enum settings_via via;
	uint16_t via_tier;	   /* rank */
	uint32_t via_intermediary; /* index; of a cache or service as well */
};

/* Something to connect to, by a name or an address literal. */
struct settings_endpoint {
	char host[NET_HOST_MAX + 1];
	uint16_t port;
};

/* Another management application, which gets the same reports. */
struct settings_subscriber {
	char name[SETTINGS_NAME_MAX + 1];
	struct settings_endpoint at;
	uint8_t key[SETTINGS_SEAL_KEY_LEN]; /* public, X25519 */
	int64_t interval_ms;		    /* 0: reports_interval_ms */
	bool by_policy;
};

/* Whose limits are others than those of all users. */
struct settings_user {
	char name[64];
	bool login; /* who has logged in by that name; else the local user */
	uid_t uid;
	/* -1: as for all; 0: no limit */
	int64_t connections_max, rate_max, burst_max;
};

struct settings {
	uint32_t refs;
	uint64_t serial; /* set by the master: rises with each reload */

	/* [agent] */
	union net_addr listeners[SETTINGS_LISTENERS_MAX];
	enum settings_listener listener_kinds[SETTINGS_LISTENERS_MAX];
	uint32_t listeners_n;
	/* The same with the ports that the kernel has chosen, as soon as they
	 * are open: in all processes but the master. */
	union net_addr bound[SETTINGS_LISTENERS_MAX];
	uint32_t workers; /* "auto" is resolved here: one a core */
	char group[SETTINGS_NAME_MAX + 1];
	char run_dir[108 - 32]; /* leaves room for a socket's name */
	char state_dir[1024];
	char pid_file[1024];
	char decisions[1024]; /* the file to record them in; "": none */
	bool no_path_direct;  /* no-path = direct; default: refuse */
	bool pass_loopback;   /* may intermediaries be asked for theirs? */
	int event_loop;	      /* enum settings_loop */
	int log_level;	      /* enum log_level */
	bool log_tunnels;     /* a line each, at its end */
	struct settings_account control_user, worker_user, resolver_user,
	    verifier_user;
	/* Servers to ask instead of resolv.conf's. */
	union net_addr nameservers[SETTINGS_NAMESERVERS_MAX];
	uint32_t nameservers_n;
	int64_t handshake_timeout_ms; /* a client's, in all: 10 s */
	int64_t attempt_timeout_ms;   /* one attempt: 3 s */
	int64_t dial_timeout_ms;      /* all attempts: 8 s */
	int64_t attempts;	      /* 4 */
	int64_t attempts_each;	      /* on one intermediary: 2 */
	int64_t hedge_percent;	      /* of requests: 5; 0: never */
	int64_t idle_timeout_ms;      /* of a tunnel: 1 h */
	int64_t http_idle_timeout_ms; /* between HTTP requests: 60 s */
	int64_t drain_timeout_ms;     /* at the end: 30 s */
	int64_t connections_max;      /* clients a worker; 0: by the fds */
	/* Of one user, over all workers. */
	int64_t user_connections; /* 0: no limit */
	int64_t user_rate;	  /* requests a second; 0: no limit */
	int64_t user_burst;	  /* of them at once; 0: as user_rate */
	/* Connections that wait for a request, a worker and intermediary. */
	int64_t warm_connections; /* at most: 32; 0: none */
	int64_t warm_from_ms;	  /* where the round trip takes: 2 ms */
	bool udp;		  /* SOCKS5 UDP ASSOCIATE is served */
	bool bind;		  /* SOCKS BIND is served */
	bool splice;		  /* bulk goes past our memory */
	bool behaviour; /* a tunnel's class follows it, but for a rule's */
	int64_t udp_idle_timeout_ms; /* of a destination: 60 s */
	int64_t bind_timeout_ms;     /* for who is to come: 60 s */
	/* Active checks of intermediaries. */
	int64_t check_interval_ms;     /* 10 s; 0: none are made */
	int64_t check_timeout_ms;      /* of one; as attempt_timeout_ms */
	struct wire_host check_target; /* WIRE_HOST_NONE: each one itself */

	/* The authorities of intermediaries over TLS that name none: the file,
	 * and what is in it; NULL: nobody needs them. */
	char ca_file[1024];
	char *authorities;

	/* [access]; without one the loopback networks */
	struct net_prefix *access;
	size_t access_n;
	char users_file[1024];	   /* "": nobody has to log in */
	uint64_t users_mark;	   /* changes when what is in it does */
	struct users *login_users; /* NULL: this process was not given them */
	struct net_prefix *login_exempt; /* who there need not */
	size_t login_exempt_n;
	int64_t login_remember_ms; /* 5 min */

	/* [direct] */
	struct net_prefix *direct_networks;
	size_t direct_networks_n;
	char **direct_domains;
	size_t direct_domains_n;
	struct net_prefix *direct_learn; /* what may be learned as direct */
	size_t direct_learn_n;
	uint64_t direct_learn_scope; /* changes when that list does */
	int64_t learn_age_ms;	     /* without being used: 1 h */

	/* [link]: of this host; 0: not known */
	struct settings_rates link;

	/* [policy]: what a signed policy may do here; root "": none may */
	char policy_root[1024];		    /* path of the first root */
	struct net_prefix *policy_networks; /* of its intermediaries */
	size_t policy_networks_n;
	char **policy_domains;
	size_t policy_domains_n;
	int64_t policy_intermediaries_max; /* 256 */
	int64_t policy_intermediaries_min; /* usable ones in all: 1 */
	/* The policy server: to be tried in turn; root must be there. */
	struct settings_endpoint policy_servers[SETTINGS_SERVERS_MAX];
	uint32_t policy_servers_n;
	char policy_token_file[1024]; /* its path, for the master; "": none */
	bool policy_no_subscribers;   /* subscribers = no: a policy adds none */
	char report_name[SETTINGS_NAME_MAX + 1]; /* name; else our host's */
	int64_t report_least_ms; /* report-interval: no more often, 10 s */
	bool policy_in_force;	 /* these settings are partly a policy's, */
	uint32_t policy_epoch;	 /* which is this one */
	uint64_t policy_serial;

	/* [reports] and [subscriber] */
	int64_t reports_interval_ms; /* 0: as the server says */
	struct settings_subscriber subscribers[SETTINGS_SUBSCRIBERS_MAX];
	uint32_t subscribers_n;

	struct settings_class classes[SETTINGS_CLASSES_MAX];
	uint32_t classes_n;
	/* By rising rank, also those that only an intermediary names. */
	struct settings_tier tiers[SETTINGS_TIERS_MAX];
	uint32_t tiers_n;
	struct settings_intermediary *intermediaries; /* in file order */
	uint32_t intermediaries_n;
	struct settings_user *user_limits; /* [user] and [login] */
	uint32_t user_limits_n;
	struct settings_rule *rules; /* in file order: first match wins */
	uint32_t rules_n;
	struct match *match; /* to find what the lists say (conf/match.h) */
};

/*
 * Read and check path and all it names, as the master and `cagentd -t` do.
 * path "-" reads no file: defaults (a loopback listener, no intermediary).
 * 0 with *s (one reference) and *b (caller frees), or -EINVAL with errors
 * filled (also for a file that cannot be read).
 */
int settings_load(const char *path, struct bundle **b, struct settings **s,
    struct conf_errors *errors);

/* A policy's body that was verified, and which one it is; epoch 0: there is
 * none any more. */
struct settings_body {
	const char *text;
	size_t len;
	uint32_t epoch;
	uint64_t serial;
};

/* The same in the place of settings that are in force. */
struct settings_source {
	const char *path;
	const struct settings_body *policy; /* merged in; NULL: without one */
	const struct settings *before;	    /* NULL: there are none */
};
int settings_reload(const struct settings_source *, struct bundle **b,
    struct settings **s, struct conf_errors *errors);

/* Out of the sealed bundle of a configuration that is in force, with that
 * policy in the place of the one before; secrets are not read again.  0, or
 * -EINVAL with errors: the bundle is then to be thrown away. */
int settings_change_policy(struct bundle *, const struct settings_body *,
    struct settings **s, struct conf_errors *errors);

/* The same out of a sealed bundle.  A missing secret leaves password NULL.
 * The item SETTINGS_MAIN holds path; what the machine was asked (the number
 * of cores) is in the bundle too, so that all processes agree. */
#define SETTINGS_MAIN "main"
int settings_parse(
    struct bundle *b, struct settings **s, struct conf_errors *errors);

/*
 * The same with the body of a policy merged in, which was verified before;
 * settings_parse() takes that of the bundle's item SETTINGS_POLICY, if there
 * is one.  What the configuration says wins: its intermediaries and tiers over
 * those of the same name, its numbers over the policy's; its rules come first.
 * A policy that goes beyond [policy] is refused whole: -EINVAL with errors
 * that name it "policy".
 */
#define SETTINGS_BOUND	     "bound"	    /* settings.bound, a line each */
#define SETTINGS_PLACES	     "class-places" /* names by index, a line each */
#define SETTINGS_POLICY	     "policy"
#define SETTINGS_POLICY_MARK "policy-mark" /* "EPOCH SERIAL" */
int settings_parse_policy(struct bundle *, const char *body, size_t len,
    struct settings **, struct conf_errors *);

/*
 * A policy's body alone, for those who make one or go by it and are no agent:
 * its whole grammar, with none of the limits that a configuration sets.  What
 * it names must be in it.  name is for the errors.  *s holds what it says (one
 * reference), all of it by_policy, and is no agent's: no listener, no user.
 * No file is opened and nobody asked.  0, or -EINVAL with errors.
 */
int settings_read_policy(const char *name, const struct settings_body *,
    struct settings **s, struct conf_errors *errors);

/* Of settings that nobody else has, and whose rules nobody looks at any more:
 * leave the ranked intermediaries alone. */
void settings_keep_ranked(struct settings *);

struct settings *settings_ref(struct settings *);
void settings_unref(struct settings *); /* NULL allowed */

/* The tier of that rank, or NULL; index of that name, or -1. */
const struct settings_tier *settings_tier(
    const struct settings *, uint16_t rank);
int settings_intermediary(const struct settings *, const char *name);

/* The name of the class of that index, also of one that is gone, "?" past the
 * last; index of that name, or -1. */
const char *settings_class_name(const struct settings *, uint32_t class);
int settings_class(const struct settings *, const char *name);
/* What a class of other settings is, that were before these: of the same index,
 * or normal where that is another name's by now. */
uint8_t settings_class_since(
    const struct settings *, const struct settings *before, uint8_t class);
/* The names of all, "critical, interactive, normal or bulk", cut off where
 * there is no room.  returns out. */
#define SETTINGS_CLASS_LIST_LEN 160
const char *settings_class_list(
    const struct settings *, char *out, size_t size);
/* What it is marked with on its way out (dscp); 0: nothing. */
uint8_t settings_class_mark(const struct settings *, uint32_t class);
/* May it use the intermediaries of that tier? */
bool settings_class_may(const struct settings *, uint32_t class, uint16_t rank);
/* What stands before the address of such a listener: "redirect:", or "". */
const char *settings_listener_prefix(enum settings_listener);
/* The kind of its section: "intermediary", "cache" or "service". */
const char *settings_duty_word(enum settings_duty);

/* The default file: SYSCONFDIR "/cagent/cagentd.ini". */
extern const char settings_default_path[];

#endif
