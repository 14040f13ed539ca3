#ifndef TESTS_INTEG_RIG_AGENT_H
#define TESTS_INTEG_RIG_AGENT_H

#include "tests/integ/rig_client.h"
#include "tests/integ/rig_peers.h"

/*
 * The daemon under test.  Its programs are CAGENTD and CAGENT_CTL of the
 * environment, or those built beside this test.
 */
#define RIG_AGENT_START_MS 15000
#define RIG_AGENT_STOP_MS  15000
#define RIG_UID_CONTROL	   64901
#define RIG_UID_WORKER	   64902
#define RIG_UID_RESOLVER   64903
#define RIG_UID_VERIFIER   64904

struct rig_agent {
	const char *name;      /* borrowed: of its log and files */
	const char *listen;    /* NULL: 127.0.0.1:0 */
	const char *log_level; /* NULL: debug; not above info */
	unsigned int workers;
	unsigned int files; /* RLIMIT_NOFILE; 0: as the test has */
	unsigned int uid;   /* 0: as the test */
	bool guarded;	    /* no intermediary is asked for loopback */
	const char *const *env;
	struct rig_proc proc;
	uint16_t port;		 /* of the first listener, once started */
	char path[RIG_PATH_MAX]; /* of the configuration */
	char run_dir[RIG_PATH_MAX];
	size_t keys_len, sections_len;
	char keys[2048];
	char sections[16384];
};

/* An agent of two workers, no intermediary. */
void rig_agent_init(struct rig_agent *, const char *name);
/* The path of the program. */
void rig_agent_program(char *out, size_t cap);
/* One more line of [agent]. */
void rig_agent_key(struct rig_agent *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* More text behind [agent]: whole sections. */
void rig_agent_add(struct rig_agent *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Destinations on loopback without an intermediary. */
void rig_agent_direct(struct rig_agent *);
void rig_agent_intermediary(struct rig_agent *, const char *name,
    const char *type, const char *address, uint16_t port);

/* Write the configuration as it stands now. */
void rig_agent_write(struct rig_agent *);
/* Write it and start; returns when the agent is ready, or ends the case. */
void rig_agent_start(struct rig_agent *);
/* SIGHUP: 0 reloaded, 1 refused, -ETIMEDOUT or -ESRCH.  line (or NULL, of
 * 512 bytes) receives the log's line. */
int rig_agent_reload(struct rig_agent *, int timeout_ms, char *line);
/* SIGTERM; the case fails unless it exits with 0. */
void rig_agent_stop(struct rig_agent *);
/* cagentd -t on its configuration. */
void rig_agent_test(struct rig_agent *, struct rig_output *);

/* Once a worker has been at work, with `event-loop = loop` in [agent]: it does
 * have that loop.  Ends the case, as skipped, where there is none to be had. */
void rig_agent_has_loop(struct rig_agent *, const char *loop);
/* A number that its status tells, as "tunnels"; ends the case where there is
 * none. */
long long rig_agent_count(struct rig_agent *, const char *key);

/* The child of that title, "worker 0", "control" or "resolver"; 0: none. */
pid_t rig_agent_child(const struct rig_agent *, const char *title);
/* Wait for one that is not `not`; ends the case at the deadline. */
pid_t rig_agent_await_child(
    const struct rig_agent *, const char *title, pid_t not, int timeout_ms);
/* The child that owns the connection from this local port; 0: unknown. */
pid_t rig_agent_owner(const struct rig_agent *, uint16_t client_port);

/* A client's view of it. */
struct rig_proxy rig_agent_proxy(const struct rig_agent *, enum rig_proto);
/* All five protocols. */
#define RIG_AGENT_PROXIES 5
void rig_agent_proxies(
    const struct rig_agent *, struct rig_proxy out[RIG_AGENT_PROXIES]);

/* A request through it to an origin of this machine; the case fails unless it
 * is served. */
void rig_agent_serves(struct rig_agent *, const char *host, const char *when);

/* Run cagent-ctl against it; args are NULL-terminated. */
void rig_ctl(struct rig_agent *, struct rig_output *, const char *const *args);

/* CPU time of a process so far, its resident memory, and of that what it has
 * taken for itself (-1: the kernel does not say). */
int64_t rig_cpu_ms(pid_t);
int64_t rig_rss_kb(pid_t);
int64_t rig_anon_kb(pid_t);
size_t rig_fds(pid_t);

#endif
