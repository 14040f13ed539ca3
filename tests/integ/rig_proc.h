#ifndef TESTS_INTEG_RIG_PROC_H
#define TESTS_INTEG_RIG_PROC_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/integ/rig.h"

/*
 * Programs started by a case.  Each writes stdout and stderr into a log file
 * of the case's folder, has its own process group, and dies with the case.
 * Start them from the case's main thread only: the kernel ties that promise
 * to the thread that forked.
 */
#define RIG_DESCENDANTS_MAX 256
#define RIG_ARGS_MAX	    40

struct rig_proc {
	pid_t pid; /* 0: none */
	int pidfd;
	int status; /* of waitpid(), once done */
	bool done;
	size_t log_from; /* before that the log is of one that had the name */
	char name[32];	 /* its log is NAME.log */
};

struct rig_spawn {
	const char *name;
	const char *const *argv; /* NULL-terminated */
	const char *const *env;	 /* more "K=V", NULL-terminated, or NULL */
	const char *dir;	 /* to work in, or NULL */
	pid_t netns;		 /* in the network namespace of this process */
	unsigned int uid;	 /* 0: as the caller */
	unsigned int files;	 /* RLIMIT_NOFILE; 0: as the caller */
	const char *out;	 /* stdout into this file, not the log */
};

/* Start; ends the case when there is no such program. */
void rig_proc_start(struct rig_proc *, const struct rig_spawn *);

/* Bytes in its log now: a point to wait from. */
size_t rig_proc_mark(const struct rig_proc *);
/*
 * Wait until its log, from byte mark on, contains text.  line (or NULL)
 * receives the whole line.
 * returns 0, -ETIMEDOUT, or -ESRCH when it ended without saying so.
 */
struct rig_wait {
	size_t mark;
	int timeout_ms;
	char *line;
	size_t line_cap;
};
int rig_proc_wait_log(
    struct rig_proc *, const char *text, const struct rig_wait *);
/* Wait until something accepts there: 0, -ETIMEDOUT or -ESRCH. */
int rig_proc_wait_port(
    struct rig_proc *, const char *address, uint16_t port, int timeout_ms);

/* 0 once it has ended (status is set), -ETIMEDOUT. */
int rig_proc_wait(struct rig_proc *, int timeout_ms);
/* To the process, and to its whole group. */
void rig_proc_signal(const struct rig_proc *, int sig);
void rig_proc_signal_group(const struct rig_proc *, int sig);
/* SIGTERM, and SIGKILL to its group when it is not gone in time; its exit
 * code, or -signal, or -1000 when it had to be killed. */
int rig_proc_stop(struct rig_proc *, int timeout_ms);
/* SIGKILL to the whole group, and wait. */
void rig_proc_kill(struct rig_proc *);

/* What a program that ran to its end has said.  Freed by rig_output_free(). */
struct rig_output {
	int code; /* exit code, -signal, or -1000 for a timeout */
	char *out;
	size_t out_len;
	char *err; /* with its log, NUL-terminated like out */
	size_t err_len;
};
void rig_run(struct rig_output *, const struct rig_spawn *, int timeout_ms);
void rig_output_free(struct rig_output *);

/* A whole file, NUL-terminated, malloc()ed; NULL when it cannot be read. */
char *rig_read(const char *path, size_t *len);

int rig_pidfd(pid_t);
/* All descendants of a process, parents before children. */
size_t rig_descendants(pid_t, pid_t *pids, size_t max);
/* SIGKILL and reap every descendant of this process. */
void rig_end_all(void);

#endif
