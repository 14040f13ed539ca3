#ifndef CAGENT_CTL_DOCTOR_H
#define CAGENT_CTL_DOCTOR_H

#include <jansson.h>
#include <stdint.h>

struct call;

enum doctor_result {
	DOCTOR_OK,
	DOCTOR_SKIP, /* could not be found out here, which says nothing */
	DOCTOR_WARN,
	DOCTOR_FAIL
};

/* What the checks know and find. */
struct doctor {
	const struct call *call;
	const char *file;  /* the configuration */
	json_t *status;	   /* the daemon's; NULL when it gave none */
	int error;	   /* then why, -errno */
	int64_t answer_us; /* how long it took */
	int64_t now_us;	   /* wall clock */
	json_t *checks;	   /* objects: name, result, text, fix */
	enum doctor_result worst;
};

/* One check's outcome; fix says what to do, "" when there is nothing. */
void doctor_add(struct doctor *, const char *name, enum doctor_result,
    const char *fix, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* The groups of checks; each adds some. */
void doctor_daemon(struct doctor *);  /* it runs, answers, is complete */
void doctor_sandbox(struct doctor *); /* its rights, role by role */
void doctor_paths(struct doctor *);   /* intermediaries, listeners */
void doctor_policy(struct doctor *);  /* where it comes from, how old */
void doctor_files(struct doctor *);   /* table, run directory, config */
void doctor_host(struct doctor *);    /* clock, limits, kernel */

/* Which Landlock the kernel has: 0 none, else its ABI. */
int doctor_landlock_abi(void);

#endif
