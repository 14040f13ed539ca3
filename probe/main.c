/* cagent-probe: the active prober on the command line. */
#include <sys/ioctl.h>
#include <sys/signalfd.h>

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mono.h"
#include "base/stdfds.h"
#include "probe/opts.h"
#include "probe/report.h"
#include "probe/series.h"

#define PROGRESS_US 100000

/* The columns of the terminal behind stdout, or 0. */
static unsigned int
terminal_width(void)
{
	struct winsize ws = {0};

	if (isatty(STDOUT_FILENO) != 1)
		return 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == -1 || ws.ws_col == 0)
		return 80;
	return ws.ws_col;
}

static bool
colour_wanted(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return (no == NULL || *no == '\0') && term != NULL &&
	       strcmp(term, "dumb") != 0 && isatty(STDOUT_FILENO) == 1;
}

/* --- progress --- */

struct progress {
	bool shown;
	int64_t next_us;
};

static void
progress_news(void *arg, const struct series_set *set, const char *name)
{
	struct progress *p = arg;
	FILE *err = set->opts->err;

	if (mono_us() < p->next_us)
		return;
	p->next_us = mono_us() + PROGRESS_US;
	p->shown = true;
	if (name != NULL)
		fprintf(err, "\r\033[Klooking up %.200s", name);
	else
		fprintf(err, "\r\033[K%u of %u probes, %u failed", set->ended,
		    series_total(set), set->failed);
	fflush(err);
}

static void
progress_end(const struct progress *p, FILE *err)
{
	if (p->shown) {
		fputs("\r\033[K", err);
		fflush(err);
	}
}

/* --- the run --- */

static void
on_signal(struct loop *loop, struct op *op, const struct op_result *r)
{
	(void)op, (void)r; /* which one does not matter */
	loop_stop(loop);
}

/* A signal that ends us ends the run, and what is known then is told: the
 * fd, or -errno. */
static int
watch_signals(struct loop *loop, struct op *op)
{
	sigset_t set;
	int fd, error;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1)
		return -errno;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd == -1)
		return -errno;
	error = loop_poll(loop, op, fd, POLLIN, on_signal);
	if (error == 0)
		return fd;
	close(fd);
	return error;
}

static int
probe_all(struct series_set *set)
{
	struct op signals = {0};
	int error, fd;

	error = series_init(set);
	if (error != 0)
		return error;
	/* While names are looked up a signal ends us at once. */
	series_look_up(set);
	fd = watch_signals(set->loop, &signals);
	if (fd < 0)
		return fd;
	error = series_start(set);
	if (error == 0 && set->ended < series_total(set))
		error = loop_run(set->loop);
	loop_cancel(set->loop, &signals);
	loop_close(set->loop, fd);
	return error;
}

static int
tell(const struct series_set *set)
{
	struct report report = {.set = set, .width = terminal_width()};
	int status = OPTS_FAILED;

	if (report_init(&report) != 0) {
		opts_fail(set->opts, "internal", "out of memory");
	} else {
		if (set->opts->json)
			report_json(&report);
		else
			report_table(&report);
		if (!set->opts->quiet)
			report_notes(&report);
		status = report_exit(&report);
	}
	report_fini(&report);
	return status;
}

static int
run(const struct opts *o)
{
	struct progress progress = {0};
	struct series_set set = {.opts = o, .arg = &progress};
	int error, status = OPTS_FAILED;

	if (!o->quiet && isatty(STDERR_FILENO) == 1)
		set.news = progress_news;
	error = loop_new(&set.loop);
	if (error == 0)
		error = probe_all(&set);
	progress_end(&progress, o->err);
	if (error != 0)
		opts_fail(o, "internal", "%s", strerror(-error));
	else
		status = tell(&set);
	series_fini(&set);
	loop_free(set.loop);
	return status;
}

static bool
reader_gone(void)
{
	struct pollfd fd = {.fd = STDOUT_FILENO};

	return poll(&fd, 1, 0) == 1 && (fd.revents & POLLERR) != 0;
}

/* A reader that has seen enough is none of our failures. */
static int
finish(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	if (errno == EPIPE || reader_gone())
		return status;
	fprintf(stderr, "cagent-probe: cannot write: %s\n", strerror(errno));
	return OPTS_FAILED;
}

int
main(int argc, char **argv)
{
	struct opts opts = {.out = stdout, .err = stderr};
	int status;

	stdfds_fill();
	signal(SIGPIPE, SIG_IGN);
	setlocale(LC_CTYPE, "");
	opts.colour = colour_wanted();
	status = opts_parse(argc, argv, &opts);
	if (status == OPTS_OK && opts.version)
		fputs("cagent-probe " CAGENT_VERSION "\n", stdout);
	else if (status == OPTS_OK && opts.help)
		opts_help(&opts);
	else if (status == OPTS_OK)
		status = run(&opts);
	opts_fini(&opts);
	return finish(status);
}
