/* cagent-policyd: reads its arguments and runs the command they name. */
#include <sys/prctl.h>
#include <sys/resource.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "base/stdfds.h"
#include "policyd/args.h"
#include "policyd/say.h"
#include "policyd/verb.h"

/* Secrets go through this process: nobody looks into it, and it leaves no
 * core. */
static int
close_up(void)
{
	const struct rlimit none = {0, 0};

	if (setrlimit(RLIMIT_CORE, &none) == -1 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		return say("cannot forbid core dumps: %s", strerror(errno));
	if (sodium_init() == -1)
		return say("libsodium does not start");
	return VERB_OK;
}

static int
dispatch(const struct call *call)
{
	int rc;

	if (call->version) {
		puts("cagent-policyd " CAGENT_VERSION);
		return VERB_OK;
	}
	if (call->help) {
		args_help(call->verb);
		return VERB_OK;
	}
	rc = close_up();
	return rc == VERB_OK ? call->verb->run(call) : rc;
}

int
main(int argc, char **argv, char **envp)
{
	struct call call = {.now_s = (int64_t)time(NULL)};
	int status;

	/* First: it moves the arguments out of the title's way. */
	if (argc > 0)
		setproctitle_init(argc, argv, envp);
	stdfds_fill();
	signal(SIGPIPE, SIG_IGN);
	status = args_parse(argc, argv, &call);
	if (status == VERB_OK)
		status = dispatch(&call);
	if (fflush(stdout) != 0 || ferror(stdout) != 0)
		return say("cannot write: %s", strerror(errno));
	return status;
}
