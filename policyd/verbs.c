/* Owns the table of commands; each one's work is in a file of its own. */
#include "policyd/verb.h"

#include <stdio.h>
#include <string.h>

#include "base/conf.h"

#define NAME_MAX_LEN 64

const struct verb verbs[] = {
    {"init", "[--expires TIME] DIR",
	"all keys and the first root, for whom one key is enough", init_run, 1,
	1, TAKES_EXPIRES, 0},
    {"keygen", "[--sign|--seal] NAME", "a key: NAME.key and NAME.pub",
	keygen_run, 1, 1, TAKES_KIND, 0},
    {"root new",
	"--key PUB... [--threshold N] --policy-key PUB...\n"
	"      [--policy-threshold N] [--rank-key PUB...] [--seal-key PUB...]\n"
	"      [--key-expires NAME=TIME...] --expires TIME -o FILE",
	"the first root, to be signed", root_new_run, 0, 0,
	TAKES_KEY | TAKES_ROLE_KEYS | TAKES_THRESHOLDS | TAKES_KEY_EXPIRES |
	    TAKES_EXPIRES | TAKES_OUTPUT,
	TAKES_KEY | TAKES_EXPIRES | TAKES_OUTPUT},
    {"root rotate",
	"OLD [--remove NAME...] [--revoke NAME...] [--key PUB...]\n"
	"      [--threshold N] [--policy-key PUB...] [--policy-threshold N]\n"
	"      [--rank-key PUB...] [--seal-key PUB...]\n"
	"      [--key-expires NAME=TIME...] --expires TIME -o FILE",
	"the root after OLD, to be signed", root_rotate_run, 1, 1,
	TAKES_KEY | TAKES_ROLE_KEYS | TAKES_THRESHOLDS | TAKES_REMOVE |
	    TAKES_KEY_EXPIRES | TAKES_EXPIRES | TAKES_OUTPUT,
	TAKES_EXPIRES | TAKES_OUTPUT},
    {"root add-signature", "FILE --key KEY [--root OLD]",
	"sign a root; with a key of the root before: --root OLD",
	add_signature_run, 1, 1, TAKES_KEY | TAKES_ROOT, TAKES_KEY},
    {"root show", "FILE", "what a root says, and who has signed it",
	root_show_run, 1, 1, 0, 0},
    {"sign",
	"policy|rank BODY --key KEY... --root ROOT --audience GROUP\n"
	"      [--serial auto|N] --expires TIME -o FILE",
	"make a message of a body", sign_run, 2, 2,
	TAKES_KEY | TAKES_ROOT | TAKES_AUDIENCE | TAKES_SERIAL | TAKES_EXPIRES |
	    TAKES_OUTPUT,
	TAKES_KEY | TAKES_ROOT | TAKES_AUDIENCE | TAKES_EXPIRES | TAKES_OUTPUT},
    {"add-signature", "FILE --key KEY --root ROOT",
	"sign a policy that needs more than one", add_signature_run, 1, 1,
	TAKES_KEY | TAKES_ROOT, TAKES_KEY | TAKES_ROOT},
    {"verify", "FILE --root ROOT [--audience GROUP]",
	"whether an agent with that root would take a message", verify_run, 1,
	1, TAKES_ROOT | TAKES_AUDIENCE, TAKES_ROOT},
    {"serve", "[-Dtv] [-f FILE]",
	"the policy server; -D: detach, -t: only check the configuration",
	serve_run, 0, 0, TAKES_CONFIG | TAKES_SERVE, 0},
    {"publish", "FILE... [--wait [--timeout TIME]] [--force]",
	"hand out roots and policies", publish_run, 1, VERB_ARGS_MAX,
	TAKES_SERVER | TAKES_WAIT | TAKES_FORCE, 0},
    {"policy show", "[--audience GROUP]", "what was published last",
	policy_show_run, 0, 0, TAKES_SERVER | TAKES_AUDIENCE, 0},
    {"policy history", "", "all that was published", policy_history_run, 0, 0,
	TAKES_SERVER, 0},
    {"policy rollback", "SERIAL [--audience GROUP] -o FILE",
	"the text of an older policy, to be signed anew", policy_rollback_run,
	1, 1, TAKES_SERVER | TAKES_AUDIENCE | TAKES_OUTPUT, TAKES_OUTPUT},
    {"policy diff", "SERIAL SERIAL [--audience GROUP]",
	"how two policies differ", policy_diff_run, 2, 2,
	TAKES_SERVER | TAKES_AUDIENCE, 0},
    {"use", "NAME... [--not NAME...] --for TIME [--group GROUP] [--why TEXT]",
	"an override: these intermediaries, but not those, until then", use_run,
	0, VERB_ARGS_MAX,
	TAKES_SERVER | TAKES_NOT | TAKES_FOR | TAKES_GROUP | TAKES_WHY,
	TAKES_FOR},
    {"overrides", "", "those in force", overrides_run, 0, 0, TAKES_SERVER, 0},
    {"override end", "ID", "end one early", override_end_run, 1, 1,
	TAKES_SERVER, 0},
    {"token new", "--group GROUP [--for TIME] [-o FILE]",
	"a one-time token, by which an agent can register", token_new_run, 0, 0,
	TAKES_SERVER | TAKES_GROUP | TAKES_FOR | TAKES_OUTPUT, TAKES_GROUP},
    {"agents", "", "who is registered", agents_run, 0, 0, TAKES_SERVER, 0},
    {"agent show", "NAME", "all about one", agent_show_run, 1, 1, TAKES_SERVER,
	0},
    {"agent add", "NAME --group GROUP --key BASE64|PUB",
	"one that needs no token", agent_add_run, 1, 1,
	TAKES_SERVER | TAKES_GROUP | TAKES_KEY, TAKES_GROUP | TAKES_KEY},
    {"agent remove", "NAME", "forget one, and close its connection",
	agent_remove_run, 1, 1, TAKES_SERVER, 0},
    {"ranks", "[--group GROUP]", "where each intermediary stands, and why",
	ranks_run, 0, 0, TAKES_SERVER | TAKES_GROUP, 0},
    {"why", "NAME [--group GROUP]", "the same of one, in a sentence", why_run,
	1, 1, TAKES_SERVER | TAKES_GROUP, 0},
    {"status", "", "the server as a whole", status_run, 0, 0, TAKES_SERVER, 0},
    {"events", "[-F] [--since TIME]", "what has happened, and what happens",
	events_run, 0, 0, TAKES_SERVER | TAKES_SINCE | TAKES_FOLLOW, 0},
    {NULL, NULL, NULL, NULL, 0, 0, 0, 0}};

const struct verb *
verb_find(int argc, char *const *argv, int *used)
{
	const struct verb *v;
	char two[NAME_MAX_LEN];

	if (argc < 1)
		return NULL;
	snprintf(two, sizeof(two), "%s %s", argv[0], argc > 1 ? argv[1] : "");
	for (v = verbs; v->name != NULL; v++) {
		*used = strchr(v->name, ' ') != NULL ? 2 : 1;
		if (strcmp(v->name, *used == 2 ? two : argv[0]) == 0)
			return v;
	}
	return NULL;
}

bool
verb_begins(const char *word)
{
	const struct verb *v;
	size_t len = strlen(word);

	for (v = verbs; v->name != NULL; v++) {
		if (strncmp(v->name, word, len) == 0 && v->name[len] == ' ')
			return true;
	}
	return false;
}

const char *
verb_nearest(const char *name)
{
	const char *words[sizeof(verbs) / sizeof(*verbs)] = {NULL};
	size_t i;

	for (i = 0; verbs[i].name != NULL; i++)
		words[i] = verbs[i].name;
	return conf_nearest(name, words);
}
