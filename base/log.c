/* Owns where the process's log lines go; must not block, allocate or say more
 * than its ration, and leaves errno as it found it. */
#include "base/log.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/logline.h"
#include "base/mono.h"

#define SYSLOG_PATH  "/dev/log"
#define RECONNECT_US 1000000
#define TEXT_MAX     (2 * LOG_LINE_MAX) /* so that the line does the cutting */

static struct {
	const char *prog;
	int fd;	     /* written to; -1: nowhere */
	bool own;    /* fd is ours to close */
	bool socket; /* send with MSG_DONTWAIT */
	enum logline_form form;
	enum log_level level;
	struct logline_bucket bucket;
	uint64_t dropped; /* since the last line that got out */
	int64_t reconnect_us;
	char role[32];
} lg = {.prog = "cagent", .fd = STDERR_FILENO, .level = LOG_LEVEL_INFO};

static int
syslog_connect(int fd)
{
	const struct sockaddr_un sun = {AF_UNIX, SYSLOG_PATH};

	return connect(fd, (const struct sockaddr *)&sun, sizeof(sun));
}

int
log_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err;

	if (fd == -1)
		return -errno;
	if (syslog_connect(fd) == -1) {
		err = errno;
		close(fd);
		return -err;
	}
	return fd;
}

/* sd_journal_stream: is stderr the stream that the journal told us about? */
static bool
stderr_is_journal(const struct stat *st)
{
	const char *env = getenv("JOURNAL_STREAM");
	char want[64];

	snprintf(want, sizeof(want), "%llu:%llu",
	    (unsigned long long)st->st_dev, (unsigned long long)st->st_ino);
	return env != NULL && strcmp(env, want) == 0;
}

/*
 * A pipe or terminal is shared with processes that may need it blocking, and
 * between a poll and a write another of them can fill it: so it is opened once
 * more, non-blocking, for us alone.  Where that is not allowed poll must do.
 */
static int
stderr_reopen(const struct stat *st)
{
	if (!S_ISFIFO(st->st_mode) && !S_ISCHR(st->st_mode))
		return -1;
	return open(
	    "/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

static void
open_stderr(void)
{
	struct stat st;
	int fd;

	if (fstat(STDERR_FILENO, &st) == -1) {
		lg.fd = -1;
		return;
	}
	fd = stderr_reopen(&st);
	lg.own = fd != -1;
	lg.fd = fd != -1 ? fd : STDERR_FILENO;
	lg.socket = S_ISSOCK(st.st_mode);
	lg.form = stderr_is_journal(&st) ? LOGLINE_JOURNAL : LOGLINE_PLAIN;
}

int
log_open(const char *prog, enum log_dest dest, enum log_level level)
{
	int err = 0, fd;

	if (lg.own)
		close(lg.fd);
	lg.own = false;
	lg.prog = prog;
	lg.level = level;
	/* Reads files, which a sandbox will not allow; even for UTC. */
	tzset();
	if (dest == LOG_DEST_SYSLOG) {
		fd = log_socket();
		if (fd >= 0) {
			lg.fd = fd;
			lg.own = lg.socket = true;
			lg.form = LOGLINE_SYSLOG;
			return 0;
		}
		err = fd;
	}
	open_stderr();
	return err;
}

void
log_role(const char *role)
{
	snprintf(lg.role, sizeof(lg.role), "%s", role);
}

void
log_level_set(enum log_level level)
{
	lg.level = level;
}

bool
log_enabled(enum log_level level)
{
	return level <= lg.level;
}

void
log_take(int fd)
{
	if (lg.form != LOGLINE_SYSLOG) {
		close(fd);
		return;
	}
	if (lg.own)
		close(lg.fd);
	lg.fd = fd;
	lg.own = true;
}

int
log_fd(void)
{
	return lg.fd;
}

static bool
put(const char *line, size_t len)
{
	struct pollfd pfd = {.fd = lg.fd, .events = POLLOUT};

	if (poll(&pfd, 1, 0) != 1 || pfd.revents != POLLOUT)
		return false;
	if (lg.socket)
		return send(lg.fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
	return write(lg.fd, line, len) > 0;
}

/*
 * A restarted syslog has a new socket at the old place.  Inside a sandbox
 * without that place this fails, and goes on failing, once a second.
 */
static void
reconnect(int64_t now_us)
{
	if (lg.form != LOGLINE_SYSLOG || now_us < lg.reconnect_us)
		return;
	lg.reconnect_us = now_us + RECONNECT_US;
	(void)syslog_connect(lg.fd); /* put() will tell */
}

static void
say(enum log_level level, const char *text)
{
	struct logline l = {
	    .wall_us = mono_wall_us(),
	    .prog = lg.prog,
	    .role = lg.role,
	    .text = text,
	    .dropped = lg.dropped,
	    .pid = getpid(),
	    .level = level,
	};
	char line[LOG_LINE_MAX];
	size_t len = logline_format(&l, lg.form, line);

	if (put(line, len)) {
		lg.dropped = 0;
		return;
	}
	reconnect(mono_us());
	if (lg.form == LOGLINE_SYSLOG && put(line, len))
		lg.dropped = 0;
	else
		lg.dropped++;
}

/* err: appended as text unless 0. */
static void __attribute__((format(printf, 3, 0)))
vsay(enum log_level level, int err, const char *fmt, va_list ap)
{
	char text[TEXT_MAX];
	size_t at;
	int n;

	n = vsnprintf(text, sizeof(text), fmt, ap);
	at = n < 0 ? 0 : (size_t)n;
	if (err != 0 && at < sizeof(text))
		snprintf(text + at, sizeof(text) - at, ": %s", strerror(err));
	say(level, n < 0 ? fmt : text);
}

static void __attribute__((format(printf, 3, 0)))
vlog(enum log_level level, int err, const char *fmt, va_list ap)
{
	int saved = errno;

	if (!log_enabled(level))
		return;
	if (logline_bucket_take(&lg.bucket, mono_us()))
		vsay(level, err, fmt, ap);
	else
		lg.dropped++;
	errno = saved;
}

void
log_err(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog(LOG_LEVEL_ERROR, errno, fmt, ap);
	va_end(ap);
}

void
log_errx(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog(LOG_LEVEL_ERROR, 0, fmt, ap);
	va_end(ap);
}

void
log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog(LOG_LEVEL_WARN, errno, fmt, ap);
	va_end(ap);
}

void
log_warnx(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog(LOG_LEVEL_WARN, 0, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog(LOG_LEVEL_INFO, 0, fmt, ap);
	va_end(ap);
}

void
log_debug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog(LOG_LEVEL_DEBUG, 0, fmt, ap);
	va_end(ap);
}

/* The last words are not rationed. */
void
fatal(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsay(LOG_LEVEL_ERROR, errno, fmt, ap);
	va_end(ap);
	exit(1);
}

void
fatalx(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsay(LOG_LEVEL_ERROR, 0, fmt, ap);
	va_end(ap);
	exit(1);
}
