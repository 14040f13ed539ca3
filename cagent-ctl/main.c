/* cagent-ctl: the operator's command; asks the daemon, prints the answer. */
#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/stdfds.h"
#include "cagent-ctl/args.h"
#include "cagent-ctl/render.h"
#include "cagent-ctl/say.h"
#include "cagent-ctl/screen.h"
#include "cagent-ctl/verb.h"
#include "cagent-ctl/watch.h"

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

static bool
reader_gone(void)
{
	struct pollfd fd = {.fd = STDOUT_FILENO};

	return poll(&fd, 1, 0) == 1 && (fd.revents & POLLERR) != 0;
}

/* A reader that has seen enough is none of our failures. */
static int
finish(const struct call *call, int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	if (errno == EPIPE || reader_gone())
		return status;
	say(call, "cannot write: %s", strerror(errno));
	return VERB_FAILED;
}

int
main(int argc, char **argv)
{
	struct call call = {.out = stdout, .err = stderr};
	int status;

	stdfds_fill();
	signal(SIGPIPE, SIG_IGN);
	setlocale(LC_CTYPE, "");
	call.colour = screen_colour();
	call.width = screen_size(NULL);
	call.pretty = isatty(STDOUT_FILENO) == 1;
	status = args_parse(argc, argv, &call);
	if (status == VERB_OK)
		status = dispatch(&call);
	return finish(&call, status);
}
