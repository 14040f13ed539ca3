/* The shape, ration and destinations of log lines. */
#include "base/log.h"

#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/logline.h"

#include "tests/unit/unit.h"

static void
test_bucket_burst_then_rate(void)
{
	struct logline_bucket b = {0};
	int64_t now = INT64_C(5000000000);
	int i, n = 0;

	for (i = 0; i < LOG_BURST + 100; i++)
		n += logline_bucket_take(&b, now);
	CHECK_INT(n, LOG_BURST);
	for (n = 0, i = 0; i < 10000; i++, now += 1000)
		n += logline_bucket_take(&b, now);
	CHECK(n >= 10 * LOG_RATE - 1 && n <= 10 * LOG_RATE + 1,
	    "%d lines in 10 s at a rate of %d", n, LOG_RATE);
	now += INT64_C(3600) * 1000000;
	for (n = 0, i = 0; i < LOG_BURST + 100; i++)
		n += logline_bucket_take(&b, now);
	CHECK_INT(n, LOG_BURST);
}

static void
test_bucket_clock_backwards(void)
{
	struct logline_bucket b = {0};
	int i;

	for (i = 0; i < LOG_BURST; i++)
		CHECK(logline_bucket_take(&b, 1000000 - i), "take %d", i);
	CHECK(!logline_bucket_take(&b, 1), "past the burst");
	CHECK(logline_bucket_take(&b, 1 + 1000000 / LOG_RATE), "one later");
}

static const struct {
	const char *name, *in, *want;
} escapes[] = {
    {"plain", "a line", "a line"},
    {"newline forges", "a\nb", "a\\x0ab"},
    {"escape sequence", "\033[2J", "\\x1b[2J"},
    {"delete", "\x7f", "\\x7f"},
    {"backslash", "\\x0a", "\\\\x0a"},
    {"valid UTF-8", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
	"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
    {"C1 control", "\xc2\x9b", "\\xc2\\x9b"},
    {"first past C1", "\xc2\xa0", "\xc2\xa0"},
    {"latin-1", "\xe9!", "\\xe9!"},
    {"lone continuation", "\x80", "\\x80"},
    {"over-long /", "\xc0\xaf", "\\xc0\\xaf"},
    {"over-long 3", "\xe0\x80\xaf", "\\xe0\\x80\\xaf"},
    {"over-long 4", "\xf0\x8f\x80\x80", "\\xf0\\x8f\\x80\\x80"},
    {"surrogate", "\xed\xa0\x80", "\\xed\\xa0\\x80"},
    {"beyond", "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
    {"f5", "\xf5\x80\x80\x80", "\\xf5\\x80\\x80\\x80"},
    {"cut short", "\xe2\x82", "\\xe2\\x82"},
    {"cut by ASCII", "\xe2\x82z", "\\xe2\\x82z"},
};

static void
test_escape(void)
{
	char out[256];
	size_t i, n;

	for (i = 0; i < sizeof(escapes) / sizeof(*escapes); i++) {
		n = logline_escape(
		    out, sizeof(out), escapes[i].in, strlen(escapes[i].in));
		CHECK(strcmp(out, escapes[i].want) == 0, "%s: \"%s\"",
		    escapes[i].name, out);
		CHECK(n == strlen(out), "%s: returned %zu", escapes[i].name, n);
	}
	n = logline_escape(out, sizeof(out), "a\0b", 3);
	CHECK_STR(out, "a\\x00b");
	CHECK_INT(n, 6);
}

static void
test_escape_cuts(void)
{
	static const char in[] = "\xe2\x82\xac\nab"; /* 3 + 4 + 1 + 1 */
	char out[32];

	logline_escape(out, 10, in, sizeof(in) - 1);
	CHECK_STR(out, "\xe2\x82\xac\\x0a"
		       "ab");
	logline_escape(out, 9, in, sizeof(in) - 1);
	CHECK_STR(out, "\xe2\x82\xac...");
	logline_escape(out, 7, in, sizeof(in) - 1);
	CHECK_STR(out, "\xe2\x82\xac...");
	logline_escape(out, 6, in, sizeof(in) - 1);
	CHECK_STR(out, "...");
	logline_escape(out, 4, in, sizeof(in) - 1);
	CHECK_STR(out, "...");
}

/* 2026-11-22T09:38:56.123Z */
#define WHEN INT64_C(1795340336123456)

static const struct {
	struct logline l;
	enum logline_form form;
	const char *want;
} lines[] = {
    {{WHEN, "cagentd", "worker 2", "a\nb", 0, 123, LOG_LEVEL_WARN},
	LOGLINE_PLAIN,
	"2026-11-22T09:38:56.123Z cagentd[123]: worker 2: warning: "
	"a\\x0ab\n"},
    {{WHEN, "cagentd", "", "up", 0, 1, LOG_LEVEL_INFO}, LOGLINE_PLAIN,
	"2026-11-22T09:38:56.123Z cagentd[1]: up\n"},
    {{WHEN, "cagentd", "", "up", 17, 1, LOG_LEVEL_DEBUG}, LOGLINE_JOURNAL,
	"<7>cagentd[1]: debug: (lines dropped: 17) up\n"},
    {{WHEN, "cagentd", "", "no", 0, 1, LOG_LEVEL_ERROR}, LOGLINE_JOURNAL,
	"<3>cagentd[1]: error: no\n"},
    {{WHEN, "cagentd", "control", "up", 0, 9, LOG_LEVEL_INFO}, LOGLINE_SYSLOG,
	"<30>Nov 22 09:38:56 cagentd[9]: control: up"},
    {{WHEN - INT64_C(20) * 86400 * 1000000, "cagentd", "", "up", 0, 9,
	 LOG_LEVEL_WARN},
	LOGLINE_SYSLOG, "<28>Nov  2 09:38:56 cagentd[9]: warning: up"},
};

static void
test_format(void)
{
	char out[LOG_LINE_MAX];
	size_t i, n;

	for (i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		n = logline_format(&lines[i].l, lines[i].form, out);
		CHECK(n == strlen(lines[i].want) &&
			  memcmp(out, lines[i].want, n) == 0,
		    "line %zu: \"%.*s\"", i, (int)n, out);
	}
}

static void
test_format_longest(void)
{
	static char text[2 * LOG_LINE_MAX], prog[LOG_LINE_MAX];
	struct logline l = {.prog = "p", .role = "", .text = text};
	char out[LOG_LINE_MAX];
	size_t n;

	memset(text, 'x', sizeof(text) - 1);
	n = logline_format(&l, LOGLINE_PLAIN, out);
	CHECK_INT(n, LOG_LINE_MAX);
	CHECK(memcmp(out + n - 4, "...\n", 4) == 0, "cut without saying so");
	memset(prog, 'p', sizeof(prog) - 1);
	l.prog = prog;
	n = logline_format(&l, LOGLINE_SYSLOG, out);
	CHECK_INT(n, LOG_LINE_MAX - 1);
}

/* Put fd in the place of stderr; returns what stood there. */
static int
stderr_become(int fd)
{
	int saved = dup(STDERR_FILENO);

	dup2(fd, STDERR_FILENO);
	return saved;
}

static void
stderr_back(int saved)
{
	dup2(saved, STDERR_FILENO);
	close(saved);
	log_open("test", LOG_DEST_STDERR, LOG_LEVEL_INFO);
}

/* What waits in fd, as a string; fd is non-blocking. */
static char *
drain(int fd, char *out, size_t size)
{
	ssize_t n = read(fd, out, size - 1);

	out[n < 0 ? 0 : n] = '\0';
	return out;
}

static void
test_levels_and_errno(void)
{
	char got[4096];
	int p[2], saved;

	CHECK_INT(pipe2(p, O_NONBLOCK), 0);
	saved = stderr_become(p[1]);
	CHECK_INT(log_open("test", LOG_DEST_STDERR, LOG_LEVEL_WARN), 0);
	log_role("worker 7");
	errno = ENOENT;
	log_info("not shown");
	CHECK(!log_enabled(LOG_LEVEL_INFO), "info at level warn");
	log_warn("open %s", "x");
	CHECK_INT(errno, ENOENT);
	log_errx("plain");
	log_level_set(LOG_LEVEL_DEBUG);
	log_debug("shown");
	CHECK_INT(errno, ENOENT);
	log_role("");
	drain(p[0], got, sizeof(got));
	stderr_back(saved);
	CHECK(strstr(got, "not shown") == NULL, "%s", got);
	CHECK(strstr(got, "worker 7: warning: open x: No such file or "
			  "directory\n") != NULL,
	    "%s", got);
	CHECK(strstr(got, "worker 7: error: plain\n") != NULL, "%s", got);
	CHECK(strstr(got, "worker 7: debug: shown\n") != NULL, "%s", got);
	close(p[0]);
	close(p[1]);
}

/* Our own fd is non-blocking, the one that others share stays as it was. */
static void
test_full_pipe(void)
{
	char got[4096];
	ssize_t n;
	int p[2], saved;

	CHECK_INT(pipe2(p, 0), 0);
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	CHECK_INT(fcntl(p[1], F_SETPIPE_SZ, 4096), 4096);
	saved = stderr_become(p[1]);
	log_open("test", LOG_DEST_STDERR, LOG_LEVEL_INFO);
	CHECK(log_fd() != STDERR_FILENO, "the shared description is used");
	CHECK((fcntl(p[1], F_GETFL) & O_NONBLOCK) == 0, "made non-blocking");
	memset(got, 'x', sizeof(got));
	n = write(p[1], got, sizeof(got));
	log_info("lost one");
	log_info("lost two");
	CHECK_INT(read(p[0], got, sizeof(got)), n);
	log_info("found");
	drain(p[0], got, sizeof(got));
	stderr_back(saved);
	CHECK(strstr(got, "(lines dropped: 2) found\n") != NULL, "%s", got);
	CHECK(strstr(got, "lost") == NULL, "%s", got);
	close(p[0]);
	close(p[1]);
}

static void
test_reader_gone(void)
{
	int p[2], saved;

	CHECK_INT(pipe2(p, O_NONBLOCK), 0);
	saved = stderr_become(p[1]);
	log_open("test", LOG_DEST_STDERR, LOG_LEVEL_INFO);
	close(p[0]);
	signal(SIGPIPE, SIG_DFL);
	log_info("to nobody"); /* SIGPIPE or a hang would end this test */
	signal(SIGPIPE, SIG_IGN);
	stderr_back(saved);
	close(p[1]);
}

static void
test_stderr_closed(void)
{
	int saved = dup(STDERR_FILENO);

	close(STDERR_FILENO);
	CHECK_INT(log_open("test", LOG_DEST_STDERR, LOG_LEVEL_INFO), 0);
	CHECK_INT(log_fd(), -1);
	log_info("to nobody");
	stderr_back(saved);
}

static void
test_journal_stream(void)
{
	char got[4096], env[64];
	struct stat st;
	int sv[2], saved;

	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv), 0);
	CHECK_INT(fstat(sv[1], &st), 0);
	snprintf(env, sizeof(env), "%llu:%llu", (unsigned long long)st.st_dev,
	    (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", env, 1);
	saved = stderr_become(sv[1]);
	log_open("test", LOG_DEST_STDERR, LOG_LEVEL_INFO);
	log_warnx("w");
	drain(sv[0], got, sizeof(got));
	CHECK(strncmp(got, "<4>test[", 8) == 0, "%s", got);
	setenv("JOURNAL_STREAM", "1:2", 1);
	log_open("test", LOG_DEST_STDERR, LOG_LEVEL_INFO);
	log_warnx("w");
	drain(sv[0], got, sizeof(got));
	CHECK(strncmp(got, "2", 1) == 0, "another's stream: %s", got);
	unsetenv("JOURNAL_STREAM");
	stderr_back(saved);
	close(sv[0]);
	close(sv[1]);
}

static void
test_flood_is_rationed(void)
{
	static char got[1 << 20];
	int fd, saved, i, n = 0;
	char *p;

	fd = open("/tmp", O_TMPFILE | O_RDWR | O_APPEND, 0600);
	CHECK(fd != -1, "O_TMPFILE: %s", strerror(errno));
	saved = stderr_become(fd);
	log_open("test", LOG_DEST_STDERR, LOG_LEVEL_INFO);
	for (i = 0; i < 20 * LOG_BURST; i++)
		log_info("flood");
	lseek(fd, 0, SEEK_SET);
	drain(fd, got, sizeof(got));
	for (p = got; (p = strchr(p, '\n')) != NULL; p++)
		n++;
	stderr_back(saved);
	close(fd);
	/* Some come back while this runs; never a tenth of them. */
	CHECK(n >= 1 && n <= 2 * LOG_BURST, "%d lines of a flood", n);
}

static int
fatal_status(void (*fn)(const char *, ...), char *got, size_t size)
{
	int p[2], status = 0;
	pid_t pid;

	CHECK_INT(pipe2(p, O_NONBLOCK), 0);
	pid = fork();
	if (pid == 0) {
		dup2(p[1], STDERR_FILENO);
		log_open("test", LOG_DEST_STDERR, LOG_LEVEL_ERROR);
		errno = EPERM;
		fn("last words");
		_exit(0);
	}
	waitpid(pid, &status, 0);
	drain(p[0], got, size);
	close(p[0]);
	close(p[1]);
	return status;
}

static void
test_fatal(void)
{
	char got[1024];
	int status;

	/* The flood above used up the ration: these come out all the same. */
	status = fatal_status(fatal, got, sizeof(got));
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1, "%x", status);
	CHECK(strstr(got, "error: last words: Operation not permitted\n") ||
		  strstr(got, "last words: Operation not permitted\n"),
	    "%s", got);
	status = fatal_status(fatalx, got, sizeof(got));
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1, "%x", status);
	CHECK(strstr(got, "last words\n") != NULL, "%s", got);
}

/* A datagram socket at /dev/log; the caller is alone in its mount namespace. */
static int
devlog_bind(void)
{
	struct sockaddr_un sun = {AF_UNIX, "/dev/log"};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	unlink(sun.sun_path);
	if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		return -1;
	return fd;
}

static void
expect(int ok, int step)
{
	if (!ok)
		_exit(step);
}

static void
syslog_child(void)
{
	char got[2048];
	int fd, i;

	if (unshare(CLONE_NEWNS) == -1 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ||
	    mount("tmpfs", "/dev", "tmpfs", 0, NULL) == -1)
		_exit(100);
	expect(log_open("test", LOG_DEST_SYSLOG, LOG_LEVEL_INFO) == -ENOENT, 1);
	expect(log_fd() != -1, 2);
	fd = devlog_bind();
	expect(fd != -1, 3);
	expect(log_open("test", LOG_DEST_SYSLOG, LOG_LEVEL_INFO) == 0, 4);
	log_warnx("hello");
	drain(fd, got, sizeof(got));
	expect(strncmp(got, "<28>", 4) == 0, 5);
	expect(strstr(got, "warning: ") != NULL, 6);
	expect(strcmp(got + strlen(got) - 5, "hello") == 0, 7);
	close(fd); /* a restart of syslogd */
	fd = devlog_bind();
	expect(fd != -1, 8);
	log_warnx("again");
	expect(strstr(drain(fd, got, sizeof(got)), "again") != NULL, 9);
	close(fd); /* and another, of which somebody tells */
	fd = devlog_bind();
	log_take(log_socket());
	log_warnx("taken");
	expect(strstr(drain(fd, got, sizeof(got)), "taken") != NULL, 13);
	close(fd);
	errno = ERANGE;
	log_warnx("lost"); /* reconnects at most once a second */
	expect(errno == ERANGE, 12);
	fd = devlog_bind();
	expect(log_open("test", LOG_DEST_SYSLOG, LOG_LEVEL_INFO) == 0, 10);
	log_warnx("found");
	drain(fd, got, sizeof(got));
	expect(strstr(got, "(lines dropped: 1) found") != NULL, 11);
	for (i = 0; i < 1000; i++) /* nobody reads: must not block */
		log_warnx("full");
	_exit(0);
}

static void
test_syslog(void)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		syslog_child();
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 100) {
		unit_skip("needs a mount namespace");
		return;
	}
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "step %d failed (status %x)", WEXITSTATUS(status), status);
}

static const struct unit_case cases[] = {
    {"bucket: burst, then rate", test_bucket_burst_then_rate},
    {"bucket: clock backwards", test_bucket_clock_backwards},
    {"escape", test_escape},
    {"escape cuts at characters", test_escape_cuts},
    {"format", test_format},
    {"longest line", test_format_longest},
    {"levels, errno", test_levels_and_errno},
    {"full pipe drops, counts, never blocks", test_full_pipe},
    {"reader gone", test_reader_gone},
    {"stderr closed", test_stderr_closed},
    {"journal stream", test_journal_stream},
    {"syslog", test_syslog},
    {"flood is rationed", test_flood_is_rationed},
    {"fatal", test_fatal},
};

int
main(void)
{
	setenv("TZ", "UTC", 1);
	return unit_main("log", cases, sizeof(cases) / sizeof(*cases));
}
