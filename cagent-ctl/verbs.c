/* Owns the table of commands; each one's work is in a file of its own. */
#include <string.h>

#include "base/conf.h"
#include "cagent-ctl/check.h"
#include "cagent-ctl/verb.h"

#define VERBS_MAX 24

#define DEGRADED                                                           \
	"Exits with 4 when something is degraded, with 3 when cagentd is " \
	"not running.\n"

#define ORDER                                                                 \
	"Only root and the daemon's own user may.  What is so already is no " \
	"failure.\n"

#define POLICY                                                                  \
	"  show [--serial N]   the one in force or an earlier one, its text\n"  \
	"  history             what was taken and refused, the newest last\n"   \
	"  load FILE           give the daemon a signed root, policy or "       \
	"rank\n"                                                                \
	"  verify FILE --root ROOT\n"                                           \
	"                      whether a signed message is good, without the "  \
	"daemon\n"                                                              \
	"  diff [A] B          what B would change in A, or in the one in "     \
	"force;\n"                                                              \
	"                      each is a serial of the history or a FILE\n"     \
	"  rollback SERIAL --key KEY --root ROOT [--expires TIME] [-o FILE]\n"  \
	"                      sign its text anew with a higher serial, and "   \
	"load it,\n"                                                            \
	"                      or with -o put it into FILE instead\n"           \
	"  rollback SERIAL -o FILE\n"                                           \
	"                      its text into FILE, to be signed elsewhere\n"    \
	"  server              whom the agent reports to: the links, as they "  \
	"are\n"                                                                 \
	"  key                 the agent's public key, by which they know it\n" \
	"An older one is not taken again.  Only root and the daemon's own "     \
	"user may load.\n"

#define PASSWD                                                               \
	"The password is asked for on the terminal, twice, or is a line of " \
	"stdin when\nthat is none; it is never an argument.  FILE is the "   \
	"users-file of\n" CHECK_DEFAULT ", or else\n" SYSCONFDIR             \
	"/cagent/users.  A reload of cagentd puts it in force.\n"

#define TOP                                                                  \
	"On a terminal it goes on until q is pressed (h tells of the other " \
	"keys); elsewhere,\nand with --json, two looks are taken and what "  \
	"they say is printed.  KEY is as for\ntunnels; a TEXT is found "     \
	"anywhere, in any case.\n"

#define ENV                                                                     \
	"A line KEY=VALUE each, of the daemon's listeners, or of those in the " \
	"configuration\nFILE, " CHECK_DEFAULT " when the daemon cannot be "     \
	"asked.  There is no\nHTTP_PROXY: in a CGI program that is a field of " \
	"the request.\n"

const struct verb verbs[] = {
    {"", "", "the status in short, and the tiers", DEGRADED, summary_run, 0, 0,
	TAKES_WATCH, summary_fields},
    {"status", "", "the daemon, its processes, clients and requests", DEGRADED,
	status_run, 0, 0, TAKES_WATCH, status_fields},
    {"tiers", "", "all intermediaries, the best tier first",
	"Read from shared memory: it needs no answer of the daemon.\n" DEGRADED,
	tiers_run, 0, 0, TAKES_WATCH, tiers_fields},
    {"show", "NAME", "all that is known of one intermediary", "", show_run, 1,
	1, TAKES_WATCH, show_fields},
    {"why", "NAME", "why an intermediary stands where it does", "", why_run, 1,
	1, 0, why_fields},
    {"route", "URL|HOST:PORT", "the way a request would go, and why",
	"Nothing is sent anywhere: it is the daemon's own choice, made dry.\n",
	route_run, 1, 1, TAKES_USER, route_fields},
    {"classes", "", "how traffic is spread over its classes", "", classes_run,
	0, 0, TAKES_WATCH, classes_fields},
    {"tunnels", "[KEY=VALUE...]", "the open tunnels, and whose they are",
	"KEY is class, user, via (an intermediary, or direct) or host (a part "
	"of it);\nall that are said must be so.\n",
	tunnels_run, 0, 4, TAKES_WATCH, tunnels_fields},
    {"top", "[KEY=VALUE|TEXT...]",
	"live: tunnels, users, classes, intermediaries", TOP, top_run, 0, 4,
	TAKES_TOP, top_fields},
    {"learned", "", "destinations that answer without an intermediary", "",
	learned_run, 0, 0, TAKES_WATCH, learned_fields},
    {"events", "[-f] [-n N]", "what has changed, the newest last",
	"With -f it goes on until interrupted, which exits with 0.\n",
	events_run, 0, 0, TAKES_FOLLOW, events_fields},
    {"drain", "NAME", "no new requests for an intermediary; open tunnels go on",
	ORDER, order_run, 1, 1, 0, order_fields},
    {"enable", "NAME", "new requests for it again", ORDER, order_run, 1, 1, 0,
	order_fields},
    {"pin", "NAME TIER", "use an intermediary as a member of that tier", ORDER,
	order_run, 2, 2, 0, order_fields},
    {"unpin", "NAME", "back to the tier of the policy or configuration", ORDER,
	order_run, 1, 1, 0, order_fields},
    {"env", "[FILE]", "the environment that points programs at cagentd", ENV,
	env_run, 0, 1, TAKES_ENV, env_fields},
    {"config", "check [FILE]", "whether cagentd would take a configuration",
	"FILE is " CHECK_DEFAULT " when not said.\n", config_run, 1, 2, 0,
	config_fields},
    {"policy", "show|history|load|verify|diff|rollback|server|key ...",
	"the signed policy in force, and others", POLICY, policy_run, 1, 3,
	TAKES_POLICY, policy_fields},
    {"passwd", "[-f FILE] [-D] USER | -l",
	"who may log in, and by what password", PASSWD, passwd_run, 0, 1,
	TAKES_PASSWD, passwd_fields},
    {"doctor", "[FILE]", "what is wrong with the installation, and the cure",
	"FILE is the configuration to check, " CHECK_DEFAULT
	" when not said.\nExits with 4 when something is not ok.\n",
	doctor_run, 0, 1, 0, doctor_fields},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, NULL}};

const struct verb *
verb_find(const char *name)
{
	const struct verb *v;

	for (v = verbs; v->name != NULL; v++) {
		if (*name != '\0' && strcmp(v->name, name) == 0)
			return v;
	}
	return NULL;
}

const char *
verb_nearest(const char *s)
{
	const char *words[VERBS_MAX + 1];
	const struct verb *v;
	size_t n = 0;

	for (v = verbs; v->name != NULL && n < VERBS_MAX; v++) {
		if (*v->name != '\0')
			words[n++] = v->name;
	}
	words[n] = NULL;
	return conf_nearest(s, words);
}
