#ifndef BASE_PROC_H
#define BASE_PROC_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

/* Where a child finds its channel to the master. */
#define PROC_CHAN_FD 3

/*
 * fork and exec path with argv; the child keeps stdin (from /dev/null),
 * stdout and stderr, chan_fd as PROC_CHAN_FD, keep_fd (or -1) as
 * PROC_CHAN_FD + 1, and nothing else; default signal dispositions, no
 * blocked signals.  There is no parent-death signal: the kernel forgets one
 * when the child changes its uid, and the end of the channel tells the same
 * with and without root.
 * returns 0 with *pid, or -errno (also of a failed exec).
 */
int proc_spawn(
    const char *path, char *const argv[], int chan_fd, int keep_fd, pid_t *pid);

/* Detach: fork, setsid, chdir /, std fds to /dev/null.  In the parent does
 * not return before the child calls proc_ready() (exit 0) or dies (exit 1).
 * 0 or -errno.  Before threads and children; open the log again after it. */
int proc_detach(int *ready_fd);
void proc_ready(int ready_fd);

/* sd_notify(3)'s protocol without the library: no-op unless NOTIFY_SOCKET is
 * set.  state, e.g. "READY=1". */
void proc_notify(const char *state);

/*
 * When a child that died may be started again: at once after a long life,
 * then 100 ms doubling to PROC_BACKOFF_MAX_US, and at most
 * PROC_FORKS_A_MINUTE starts a minute over all children.
 */
#define PROC_BACKOFF_MIN_US 100000
#define PROC_BACKOFF_MAX_US 10000000
#define PROC_LONG_LIFE_US   10000000
#define PROC_FORKS_A_MINUTE 10

struct proc_backoff {
	int64_t started_us; /* set by the owner at every start */
	int64_t delay_us;   /* 0: none yet */
};
/* Pure, to be called once a death: the delay from now until the next start. */
int64_t proc_backoff_next(struct proc_backoff *, int64_t now_us);
/* Pure: a window of the last starts; is one more allowed now?  If not,
 * *wait_us says when.  Records it when allowed. */
struct proc_throttle {
	int64_t starts_us[PROC_FORKS_A_MINUTE];
	uint32_t next; /* starts so far; zeroed at first */
};
bool proc_throttle_take(
    struct proc_throttle *, int64_t now_us, int64_t *wait_us);

#endif
