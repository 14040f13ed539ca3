/* cagentd: reads its arguments and becomes the role they name. */
#include <assert.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/stdfds.h"
#include "cagentd/common/procs.h"
#include "cagentd/replay.h"
#include "cagentd/roles.h"
#include "cagentd/test.h"
#include "conf/settings.h"

struct arguments {
	const char *path;
	const char *role;
	const char *replay;
	uint32_t index;
	bool named, check, detach, syslog, verbose;
};

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: cagentd [-DtvV] [-f FILE]\n"
	    "       cagentd -r FILE\n"
	    "  -f FILE  the configuration (default %s);\n"
	    "           - for none: all defaults\n"
	    "  -r FILE  make the decisions recorded in FILE again, say whether\n"
	    "           each comes to the same, and exit\n"
	    "  -t       check the configuration, say what is wrong, and exit\n"
	    "  -D       detach: pid file, log to syslog\n"
	    "  -v       log more, until the configuration says how much\n"
	    "  -V       print the version and exit\n"
	    "  -h       print this and exit\n",
	    settings_default_path);
}

static int
role_main(const struct arguments *a)
{
	int role = procs_role_parse(a->role);
	char name[32];

	/* A terminal's signals go to all of us, and so do those of killall(1):
	 * what becomes of the tunnels, the master decides. */
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	snprintf(name, sizeof(name), "%s %u", a->role, a->index);
	setproctitle("%s", role == ROLE_WORKER ? name : a->role);
	log_role(role == ROLE_WORKER ? name : a->role);
	switch (role) {
	case ROLE_WORKER:
		return worker_main(a->index);
	case ROLE_CONTROL:
		return control_main();
	case ROLE_RESOLVER:
		return resolver_main();
	case ROLE_VERIFIER:
		return verifier_main();
	default:
		fatalx("--role is for cagentd's own use");
	}
}

static int
parse(int argc, char **argv, struct arguments *a)
{
	static const struct option options[] = {
	    {"role", required_argument, NULL, 'R'},
	    {"index", required_argument, NULL, 'I'},
	    {"syslog", no_argument, NULL, 'S'},
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'}, {NULL, 0, NULL, 0}};
	const char *bad;
	int c;

	while (
	    (c = getopt_long(argc, argv, "DVf:hr:tv", options, NULL)) != -1) {
		switch (c) {
		case 'D':
			a->detach = true;
			break;
		case 'R':
			a->role = optarg;
			break;
		case 'I':
			a->index = (uint32_t)strtonum(
			    optarg, 0, SETTINGS_WORKERS_MAX - 1, &bad);
			if (bad != NULL)
				return -1;
			break;
		case 'S':
			a->syslog = true;
			break;
		case 'V':
			printf("cagentd %s\n", CAGENT_VERSION);
			exit(0);
		case 'f':
			assert(optarg != NULL);
			a->path = optarg;
			a->named = true;
			break;
		case 'r':
			a->replay = optarg;
			break;
		case 'h':
			usage(stdout);
			exit(0);
		case 't':
			a->check = true;
			break;
		case 'v':
			a->verbose = true;
			break;
		default:
			return -1;
		}
	}
	return optind == argc ? 0 : -1;
}

/* -D changes to /, so the file needs a name that holds from there; links stay,
 * since they may lead elsewhere at the next reload. */
static const char *
absolute(const char *path)
{
	static char full[PATH_MAX];
	size_t len;

	if (path[0] == '/' || strcmp(path, "-") == 0 ||
	    getcwd(full, sizeof(full)) == NULL)
		return path;
	len = strlen(full);
	if (len + 1 + strlen(path) >= sizeof(full))
		return path;
	snprintf(full + len, sizeof(full) - len, "/%s", path);
	return full;
}

/* Started just like that, on a machine where nothing has been set up. */
static void
check_default(const char *path)
{
	if (access(path, F_OK) == 0)
		return;
	fprintf(stderr,
	    "cagentd: there is no %s yet: write one (an example that says\n"
	    "what may stand in it comes with the package, an empty one will\n"
	    "do), name another by -f FILE, or run with defaults by -f -\n",
	    path);
	exit(1);
}

int
main(int argc, char **argv, char **envp)
{
	struct arguments a = {.path = settings_default_path};
	struct master_options options;

	/* First: it moves the arguments out of the title's way. */
	if (argc > 0)
		setproctitle_init(argc, argv, envp);
	stdfds_fill();
	if (argc < 1 || parse(argc, argv, &a) != 0) {
		usage(stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	log_open("cagentd", a.syslog ? LOG_DEST_SYSLOG : LOG_DEST_STDERR,
	    a.verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	if (a.replay != NULL)
		return replay_main(a.replay);
	if (a.role == NULL && !a.named)
		check_default(a.path);
	if (a.check)
		return test_configuration(a.path);
	if (a.role != NULL)
		return role_main(&a);
	setproctitle("master");
	options = (struct master_options){absolute(a.path), a.detach};
	return master_main(&options);
}
