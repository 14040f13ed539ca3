/* Runs the cases of one integration test program; knows nothing of agents. */
#include "tests/integ/rig.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/integ/rig_logs.h"
#include "tests/integ/rig_ns.h"
#include "tests/integ/rig_proc.h"

#define EXIT_SKIPPED 77

enum verdict {
	VERDICT_PASSED,
	VERDICT_FAILED,
	VERDICT_SKIPPED
};

static const struct rig_suite *suite;
static const struct rig_case *current;
static char case_dir[RIG_PATH_MAX];
static atomic_int failures;
static void *shared;
static bool isolated;
static bool keep;
static volatile sig_atomic_t interrupted;

const char *
rig_dir(void)
{
	return case_dir;
}

void *
rig_shared(void)
{
	return shared;
}

bool
rig_isolated(void)
{
	return isolated;
}

int64_t
rig_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t
rig_now_ms(void)
{
	return rig_now_us() / 1000;
}

int
rig_left_ms(int64_t deadline_ms)
{
	int64_t left = deadline_ms - rig_now_ms();

	if (left < 0)
		return 0;
	return left > 1000000 ? 1000000 : (int)left;
}

bool
rig_pause(int64_t deadline_ms)
{
	int left = rig_left_ms(deadline_ms);

	if (left == 0)
		return false;
	poll(NULL, 0, left < 10 ? left : 10);
	return true;
}

void
rig_path(char out[static RIG_PATH_MAX], const char *fmt, ...)
{
	va_list ap;
	int len, more;

	len = snprintf(out, RIG_PATH_MAX, "%s/", case_dir);
	va_start(ap, fmt);
	more = vsnprintf(out + len, (size_t)(RIG_PATH_MAX - len), fmt, ap);
	va_end(ap);
	REQUIRE(
	    more >= 0 && len + more < RIG_PATH_MAX, "path too long: %s", out);
}

void
rig_write(const char *path, const char *text, unsigned int mode)
{
	size_t len = strlen(text);
	FILE *f = fopen(path, "we");

	REQUIRE(f != NULL, "%s: %s", path, strerror(errno));
	REQUIRE(fwrite(text, 1, len, f) == len && fclose(f) == 0, "%s: %s",
	    path, strerror(errno));
	REQUIRE(chmod(path, mode) == 0, "%s: %s", path, strerror(errno));
}

__attribute__((format(printf, 2, 0))) static void
vsay(const char *before, const char *fmt, va_list ap)
{
	char text[1024];

	vsnprintf(text, sizeof(text), fmt, ap);
	fprintf(stdout, "  %s: %s: %s%s\n", suite->name, current->name, before,
	    text);
	fflush(stdout);
}

__attribute__((format(printf, 3, 0))) static void
failed_at(const char *file, int line, const char *fmt, va_list ap)
{
	char before[RIG_PATH_MAX + 32];

	snprintf(before, sizeof(before), "FAILED %s:%d: ", file, line);
	atomic_fetch_add(&failures, 1);
	vsay(before, fmt, ap);
}

bool
rig_check(bool ok, const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	if (ok)
		return true;
	va_start(ap, fmt);
	failed_at(file, line, fmt, ap);
	va_end(ap);
	return false;
}

void
rig_check_int(
    long long got, long long want, const char *what, const char *file, int line)
{
	rig_check(
	    got == want, file, line, "%s is %lld, not %lld", what, got, want);
}

void
rig_require(bool ok, const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	if (ok)
		return;
	va_start(ap, fmt);
	failed_at(file, line, fmt, ap);
	va_end(ap);
	_exit(1);
}

/* The form in which tests/run collects them. */
__attribute__((format(printf, 1, 0))) static void
say_skipped(const char *fmt, va_list ap)
{
	char text[512];

	vsnprintf(text, sizeof(text), fmt, ap);
	printf("  skipped: %s: %s: %s\n", suite->name, current->name, text);
	fflush(stdout);
}

void
rig_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say_skipped(fmt, ap);
	va_end(ap);
	_exit(EXIT_SKIPPED);
}

void
rig_note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsay("", fmt, ap);
	va_end(ap);
}

static void
run_child(void)
{
	int err;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	if ((current->needs & RIG_NEEDS_ROOT) && geteuid() != 0)
		rig_skip("needs root");
	err = current->needs & RIG_HOST_NET ? -ENOTSUP : rig_ns_isolate();
	isolated = err == 0;
	if ((current->needs & RIG_NEEDS_NETNS) && !isolated)
		rig_skip("needs network namespaces: %s", strerror(-err));
	current->fn();
	_exit(atomic_load(&failures) == 0 ? 0 : 1);
}

static enum verdict
await_child(pid_t pid)
{
	int status, ms, rc;
	struct pollfd p = {.events = POLLIN};

	ms =
	    1000 * (current->deadline_s ? current->deadline_s : RIG_DEADLINE_S);
	p.fd = rig_pidfd(pid);
	rc = poll(&p, 1, ms);
	if (rc == 0) {
		printf("  %s: %s: FAILED: not done after %d s\n", suite->name,
		    current->name, ms / 1000);
		rig_stacks();
	}
	if (rc != 1)
		kill(pid, SIGKILL);
	close(p.fd);
	if (waitpid(pid, &status, 0) != pid)
		return VERDICT_FAILED;
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIPPED)
		return VERDICT_SKIPPED;
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL) {
		printf("  %s: %s: FAILED: ended by signal %d\n", suite->name,
		    current->name, WTERMSIG(status));
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? VERDICT_PASSED
							     : VERDICT_FAILED;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	if ((type == FTW_DP ? rmdir(path) : unlink(path)) == -1)
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	return 0;
}

static enum verdict
run_case(void)
{
	int64_t start = rig_now_ms();
	const char *tmp = getenv("TMPDIR");
	enum verdict v;
	pid_t pid;

	snprintf(case_dir, sizeof(case_dir), "%s/rig-XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(case_dir) == NULL || chmod(case_dir, 0755) == -1) {
		perror(case_dir);
		return VERDICT_FAILED;
	}
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		run_child();
	v = pid > 0 ? await_child(pid) : VERDICT_FAILED;
	rig_end_all();
	if (v == VERDICT_FAILED)
		rig_logs_print(case_dir);
	if (v != VERDICT_SKIPPED) {
		printf("  %s: %s: %s, %.1f s\n", suite->name, current->name,
		    v == VERDICT_PASSED ? "ok" : "FAILED",
		    (double)(rig_now_ms() - start) / 1000);
	}
	if (keep)
		printf("  %s: %s: kept %s\n", suite->name, current->name,
		    case_dir);
	else
		nftw(case_dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return v;
}

static bool
selected(const char *name, int argc, char **argv)
{
	int i;

	for (i = 0; i < argc; i++) {
		if (strcmp(name, argv[i]) == 0)
			return true;
	}
	return argc == 0;
}

static void
on_term(int sig)
{
	interrupted = sig;
}

static void
prepare(void)
{
	static const char *const unwanted[] = {"http_proxy", "https_proxy",
	    "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY",
	    "NO_PROXY", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"};
	struct sigaction sa = {.sa_handler = on_term};
	struct rlimit files;
	size_t i;

	for (i = 0; i < sizeof(unwanted) / sizeof(*unwanted); i++)
		unsetenv(unwanted[i]);
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("LC_ALL", "C", 1);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	shared = mmap(NULL, RIG_SHARED_LEN, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		abort();
	umask(022);
	signal(SIGPIPE, SIG_IGN);
	/* signal() would restart the poll() that waits for a case. */
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
}

int
rig_main(const struct rig_suite *s, int argc, char **argv)
{
	unsigned int count[3] = {0};
	bool list = false;
	size_t i;
	int c;

	while ((c = getopt(argc, argv, "kl")) != -1) {
		if (c != 'k' && c != 'l') {
			fprintf(
			    stderr, "usage: %s [-kl] [case ...]\n", argv[0]);
			return 2;
		}
		keep |= c == 'k';
		list |= c == 'l';
	}
	suite = s;
	setvbuf(stdout, NULL, _IOLBF, 0);
	prepare();
	for (i = 0; i < s->cases_n && !interrupted; i++) {
		current = &s->cases[i];
		if (!selected(current->name, argc - optind, argv + optind))
			continue;
		if (list)
			printf("%s\n", current->name);
		else
			count[run_case()]++;
	}
	if (list)
		return 0;
	if (s->report != NULL)
		s->report();
	printf("%s: %u passed, %u failed, %u skipped\n", s->name,
	    count[VERDICT_PASSED], count[VERDICT_FAILED],
	    count[VERDICT_SKIPPED]);
	return count[VERDICT_FAILED] == 0 && !interrupted ? 0 : 1;
}
