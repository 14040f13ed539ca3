/* The command that is the daemon: becomes the master, or the role it names. */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/log.h"
#include "policyd/common/pdconf.h"
#include "policyd/common/pdload.h"
#include "policyd/common/pdproc.h"
#include "policyd/roles.h"
#include "policyd/say.h"
#include "policyd/verb.h"

static int
check(const char *path)
{
	struct conf_errors errors;
	struct pdload l;
	int error = pdload(path, &l, &errors);

	if (error != 0)
		fputs(errors.text, stderr);
	pdload_free(&l);
	return error == 0 ? VERB_OK : VERB_FAILED;
}

static int
role_main(const char *word)
{
	int role = pdproc_role_parse(word);

	/* A terminal's signals go to all of us, and so do those of killall(1):
	 * when to leave, the master says. */
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	setproctitle("%s", word);
	log_role(word);
	switch (role) {
	case PDPROC_COLLECTOR:
		return collector_main();
	case PDPROC_PROBER:
		return prober_main();
	case PDPROC_RANKER:
		return ranker_main();
	case PDPROC_SIGNER:
		return signer_main();
	case PDPROC_PAGE:
		return page_main();
	default:
		return say_usage("--role is for our own use");
	}
}

/* -D changes to /, so the file needs a name that holds from there; links stay,
 * since they may lead elsewhere at the next reload. */
static const char *
absolute(const char *path)
{
	static char full[PATH_MAX];
	size_t len;

	if (path[0] == '/' || getcwd(full, sizeof(full)) == NULL)
		return path;
	len = strlen(full);
	if (len + 1 + strlen(path) >= sizeof(full))
		return path;
	snprintf(full + len, sizeof(full) - len, "/%s", path);
	return full;
}

int
serve_run(const struct call *c)
{
	const char *path = c->config != NULL ? c->config : pdconf_default_path;
	struct serve_options options = {.detach = c->detach};

	log_open("cagent-policyd",
	    c->syslog ? LOG_DEST_SYSLOG : LOG_DEST_STDERR,
	    c->verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	if (c->role != NULL)
		return role_main(c->role);
	if (c->config == NULL && access(path, F_OK) == -1)
		return say("there is no %s yet: write one ('cagent-policyd "
			   "init DIR' makes one with its keys), or name "
			   "another by -f FILE",
		    path);
	if (c->test)
		return check(path);
	setproctitle("master");
	options.path = absolute(path);
	return pdmaster_main(&options);
}
