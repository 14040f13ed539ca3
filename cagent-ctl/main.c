/* cagent-ctl: the operator's command; asks the daemon, prints the answer. */
#include <sys/ioctl.h>

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cagent-ctl/args.h"
#include "cagent-ctl/render.h"
#include "cagent-ctl/say.h"
#include "cagent-ctl/verb.h"
#include "cagent-ctl/watch.h"

/* No file of ours may take the number of a closed stdin, stdout or stderr. */
static void
fill_std_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

static bool
colour_wanted(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return (no == NULL || *no == '\0') && term != NULL &&
	       strcmp(term, "dumb") != 0 && isatty(STDOUT_FILENO) == 1;
}

static unsigned int
terminal_width(void)
{
	struct winsize ws;

	return isatty(STDOUT_FILENO) == 1 &&
		       ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0
		   ? ws.ws_col
		   : 0;
}

static int
dispatch(const struct call *call)
{
	if (call->version) {
		fputs("cagent-ctl " CAGENT_VERSION "\n", call->out);
		return VERB_OK;
	}
	if (call->help) {
		args_help(call);
		return VERB_OK;
	}
	if (call->describe) {
		render_describe(call);
		return VERB_OK;
	}
	if (call->watch_us != 0)
		return watch_run(call);
	return call->verb->run(call);
}

/* A reader that has seen enough is none of our failures. */
static int
finish(const struct call *call, int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	if (errno == EPIPE)
		return status;
	say(call, "cannot write: %s", strerror(errno));
	return VERB_FAILED;
}

int
main(int argc, char **argv)
{
	struct call call = {.out = stdout, .err = stderr};
	int status;

	fill_std_fds();
	signal(SIGPIPE, SIG_IGN);
	setlocale(LC_CTYPE, "");
	call.colour = colour_wanted();
	call.width = terminal_width();
	call.pretty = isatty(STDOUT_FILENO) == 1;
	status = args_parse(argc, argv, &call);
	if (status == VERB_OK)
		status = dispatch(&call);
	return finish(&call, status);
}
