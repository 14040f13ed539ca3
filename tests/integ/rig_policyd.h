#ifndef TESTS_INTEG_RIG_POLICYD_H
#define TESTS_INTEG_RIG_POLICYD_H

#include "tests/integ/rig_proc.h"

/*
 * The policy server under test, with keys and a root of its own, made by
 * `cagent-policyd init`: in keys, admin.key signs policies.  Its program is
 * CAGENT_POLICYD of the environment, or the one built beside this test.
 */
#define RIG_POLICYD_START_MS 15000
#define RIG_POLICYD_STOP_MS  15000
#define RIG_UID_COLLECTOR    64911
#define RIG_UID_PROBER	     64912
#define RIG_UID_RANKER	     64913
#define RIG_UID_SIGNER	     64914
#define RIG_UID_PAGE	     64915

struct rig_policyd {
	const char *name; /* borrowed: of its log and files */
	unsigned int uid; /* 0: as the test */
	const char *const *env;
	struct rig_proc proc;
	uint16_t port, page;	 /* of the first listeners, once started */
	char path[RIG_PATH_MAX]; /* of the configuration */
	char home[RIG_PATH_MAX]; /* all that follows is in there */
	char run_dir[RIG_PATH_MAX], state_dir[RIG_PATH_MAX], keys[RIG_PATH_MAX];
	size_t lines_len, sections_len;
	char lines[2048];
	char sections[8192];
};

/* With keys, and ports that the kernel gives; uid of rig_policyd_init_as():
 * whom all belongs to. */
void rig_policyd_init(struct rig_policyd *, const char *name);
void rig_policyd_init_as(
    struct rig_policyd *, const char *name, unsigned int uid);
/* The path of the program. */
void rig_policyd_program(char *out, size_t cap);
/* One more line of [policyd]. */
void rig_policyd_key(struct rig_policyd *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* More text behind [policyd]: whole sections. */
void rig_policyd_add(struct rig_policyd *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Write the configuration as it stands now. */
void rig_policyd_write(struct rig_policyd *);
/* Write it and start; returns when all processes are ready, or ends the case.
 * A second start goes on with the keys and the store of the first; the port
 * is another one then, unless a 'listen' says which. */
void rig_policyd_start(struct rig_policyd *);
/* Write it and SIGHUP: 0 reloaded, 1 refused, -ETIMEDOUT or -ESRCH.  line (or
 * NULL, of 512 bytes) receives the log's line. */
int rig_policyd_reload(struct rig_policyd *, int timeout_ms, char *line);
/* SIGTERM; the case fails unless it exits with 0. */
void rig_policyd_stop(struct rig_policyd *);

/* Its process of that role ("collector", "ranker", ...); 0: none. */
pid_t rig_policyd_child(const struct rig_policyd *, const char *role);
/* Wait for one that is not `not`; ends the case at the deadline. */
pid_t rig_policyd_await_child(
    const struct rig_policyd *, const char *role, pid_t not, int timeout_ms);

/* Run a command of it; args are NULL-terminated.  ask: of the server that
 * runs (its --run-dir is added). */
void rig_policyd_run(
    struct rig_policyd *, struct rig_output *, const char *const *args);
void rig_policyd_ask(
    struct rig_policyd *, struct rig_output *, const char *const *args);
/* Sign that body as a policy for the audience, into the file; publish it.  The
 * case ends when this fails. */
void rig_policyd_sign(struct rig_policyd *, const char *file,
    const char *audience, const char *body);
void rig_policyd_publish(
    struct rig_policyd *, const char *audience, const char *body);
/* A new one-time token of that group, in the file that path receives. */
void rig_policyd_token(
    struct rig_policyd *, const char *group, char path[static RIG_PATH_MAX]);

#endif
