#ifndef POLICYD_PDCONF_H
#define POLICYD_PDCONF_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/conf.h"
#include "base/net.h"
#include "conf/settings.h"
#include "policyd/decide/fuse.h"
#include "policyd/decide/order.h"
#include "wire/manage.h"

/*
 * The policy server's configuration, typed and checked; immutable once made,
 * counted.  The grammar is that of base/conf.h; cagent-policyd.ini(5)
 * describes every key.  All processes parse the same bytes.
 *
 *   [policyd]
 *   listen = 0.0.0.0:7443      agents; may be repeated
 *   page = 127.0.0.1:7480      the page and the JSON API; may be repeated, or
 *                              none
 *   run-dir, state-dir, pid-file, log-level
 *   collector-user, prober-user, ranker-user, signer-user, page-user
 *   root = /etc/cagent-policyd/root.1      the first one, or a later one
 *   rank-key = /etc/cagent-policyd/online.key
 *   seal-key = /etc/cagent-policyd/seal.key
 *   report-interval = 1m       what agents are told
 *   heartbeat = 1m             a fresh rank, though nothing has changed
 *   rank-lifetime = 1h         until a rank expires
 *   max-agents = 15000         connections
 *
 *   [quota]                    of each agent
 *   messages = 60              a minute, and as many at once
 *   bytes = 4m                 likewise
 *
 *   [probe]
 *   target = 192.0.2.1:80      or http://host/path; may be repeated; none:
 *                              nothing is probed
 *   interval = 10s, timeout = 5s
 *   throughput = 64k           read that much of the answer; 0: no
 *   max-probes = 64            at once
 *
 *   [load "hq-1"]              ask that intermediary for its load
 *   agent-check = 192.0.2.7:5555
 *   metric = http://192.0.2.7:9100/metrics
 *   selector = connections{kind="socks"}
 *   full = 500                 the value at which it wants weight 0
 *
 *   [login "hq-1"]             how to log in there
 *   username = probe
 *   password-file = /etc/cagent-policyd/hq-1.secret
 *
 *   [ranking]
 *   window = 1m                of reports and probes
 *   min-agents = 3, min-samples = 5
 *   probe-fall = 3, probe-rise = 2
 *   min-success = 80           percent
 *   slow-factor = 200          percent of the others' median
 *   slow-over = 50ms
 *   lower-after = 30s, raise-after = 1m
 *
 *   [store]
 *   keep-reports = 24h, keep-probes = 24h, keep-ranks = 720h,
 *   keep-events = 2160h
 */
#define PDCONF_LISTENERS_MAX 8
#define PDCONF_TARGETS_MAX   8
#define PDCONF_PATH_MAX	     1024
#define PDCONF_TEXT_MAX	     (256u << 10) /* bytes of the file */

/* Something to reach through an intermediary. */
struct pdconf_target {
	struct wire_host host;
	char path[512]; /* "": any first byte will do, else GET */
};

struct pdconf_load {
	char name[MANAGE_NAME_MAX + 1]; /* of the intermediary */
	bool metric;			/* else an agent-check line */
	struct wire_host host;
	char path[512];	    /* metric */
	char selector[512]; /* metric */
	int64_t full;	    /* metric */
};

struct pdconf_login {
	char name[MANAGE_NAME_MAX + 1];
	char username[256];
	char password_file[PDCONF_PATH_MAX];
};

struct pdconf {
	uint32_t refs;
	union net_addr listeners[PDCONF_LISTENERS_MAX];
	uint32_t listeners_n;
	union net_addr pages[PDCONF_LISTENERS_MAX];
	uint32_t pages_n;
	char run_dir[76]; /* leaves room for a socket's name */
	char state_dir[PDCONF_PATH_MAX], pid_file[PDCONF_PATH_MAX];
	char root[PDCONF_PATH_MAX], rank_key[PDCONF_PATH_MAX],
	    seal_key[PDCONF_PATH_MAX];
	int log_level;
	struct settings_account collector_user, prober_user, ranker_user,
	    signer_user, page_user;
	int64_t report_interval_ms, heartbeat_ms, rank_lifetime_ms;
	int64_t agents_max;

	int64_t quota_messages, quota_bytes;

	struct pdconf_target targets[PDCONF_TARGETS_MAX];
	uint32_t targets_n;
	int64_t probe_interval_ms, probe_timeout_ms, probe_throughput,
	    probes_max;
	struct pdconf_load *loads;
	uint32_t loads_n;
	struct pdconf_login *logins;
	uint32_t logins_n;

	int64_t window_ms;
	struct fuse_rules fuse;
	struct order_rules order;

	int64_t keep_reports_ms, keep_probes_ms, keep_ranks_ms, keep_events_ms;
};

/* Text that came from the file called name.  0 with one reference, or -EINVAL
 * with errors. */
int pdconf_parse(const char *name, const char *text, size_t len,
    struct pdconf **, struct conf_errors *);
struct pdconf *pdconf_ref(struct pdconf *);
void pdconf_unref(struct pdconf *); /* NULL allowed */

/* SYSCONFDIR "/cagent/cagent-policyd.ini" */
extern const char pdconf_default_path[];

#define PDCONF_CONTROL_NAME "control"	 /* socket, in the run directory */
#define PDCONF_STORE_NAME   "policyd.db" /* in the state directory */
#define PDCONF_PID_NAME	    "cagent-policyd.pid"

#endif
