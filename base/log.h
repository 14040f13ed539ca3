#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

/*
 * The process's log: one line a call, to stderr or to syslog's socket, never
 * blocking.  Past LOG_BURST lines, LOG_RATE lines a second are written; the
 * rest are counted and the count is said by the next line that gets out.
 * Control characters in a line are escaped, so that a peer cannot forge one.
 * errno is left as it was.  In a sandbox this needs poll, write, sendto,
 * getpid and (only to find a restarted syslog again) connect.
 */
#define LOG_LINE_MAX 1024
#define LOG_RATE     50
#define LOG_BURST    200

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};

enum log_dest {
	LOG_DEST_STDERR,
	LOG_DEST_SYSLOG
};

/*
 * Open the destination.  prog (borrowed for ever) stands before every line:
 * "cagentd[1234]: worker 2: ..."; on stderr a UTC time before it, or the
 * journal's <priority> when stderr is a stream of the journal.
 * May be called again to change anything.
 * returns 0 or -errno (syslog's socket could not be reached; stderr is kept).
 */
int log_open(const char *prog, enum log_dest dest, enum log_level level);

/* What this process is, e.g. "worker 2"; "" for none.  Copied, 31 bytes. */
void log_role(const char *role);

void log_level_set(enum log_level level);
bool log_enabled(enum log_level level);

/* A new socket to syslog, for another process that cannot reach it: fd or
 * -errno. */
int log_socket(void);
/* Such a socket in the place of the present one, if that is one too; owned
 * from here on. */
void log_take(int fd);

/* The fd that log_open() writes to, to keep open in a child; -1 if none. */
int log_fd(void);

/* err and warn append ": strerror(errno)"; those with x do not. */
void log_err(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_errx(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warnx(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* For start-up and broken invariants only: log and exit(1). */
void fatal(const char *fmt, ...)
    __attribute__((noreturn, format(printf, 1, 2)));
void fatalx(const char *fmt, ...)
    __attribute__((noreturn, format(printf, 1, 2)));

#endif
