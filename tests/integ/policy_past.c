/* Earlier policies: what is remembered over restarts, and the way back to one
 * of them. */
#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "tests/integ/rig_agent.h"

#define ARGS 24

static const char gold[] = "[tier \"gold\"]\nrank = 1\n";
static const char silver[] = "[tier \"silver\"]\nrank = 2\n";

static void
run(struct rig_output *o, const char *name, const char *line)
{
	char program[RIG_PATH_MAX], words[512], *slash, *rest = words, *word;
	const char *argv[ARGS] = {program};
	const struct rig_spawn spawn = {
	    .name = "command", .argv = argv, .dir = rig_dir()};
	size_t n = 1;

	rig_agent_program(program, sizeof(program));
	slash = strrchr(program, '/');
	snprintf(slash + 1, sizeof(program) - (size_t)(slash + 1 - program),
	    "%s", name);
	snprintf(words, sizeof(words), "%s", line);
	while ((word = strsep(&rest, " ")) != NULL) {
		REQUIRE(n + 1 < ARGS, "too many words: %s", line);
		if (*word != '\0')
			argv[n++] = word;
	}
	rig_run(o, &spawn, 20000);
}

static void
policyd(const char *line)
{
	struct rig_output o;

	run(&o, "cagent-policyd", line);
	REQUIRE(o.code == 0, "cagent-policyd %s: %s", line, o.err);
	rig_output_free(&o);
}

/* The command ends with that code and says that. */
static void
ctl(const struct rig_agent *a, int code, const char *says, const char *line)
{
	struct rig_output o;
	char with[640];

	snprintf(with, sizeof(with), "--run-dir %s %s", a->run_dir, line);
	run(&o, "cagent-ctl", with);
	CHECK(o.code == code &&
		  (strstr(o.out, says) != NULL || strstr(o.err, says) != NULL),
	    "%s: exit %d, expected %d and \"%s\", found \"%s\" \"%s\"", line,
	    o.code, code, says, o.out, o.err);
	rig_output_free(&o);
}

static void
file(const char *name, const char *text)
{
	char path[RIG_PATH_MAX];

	rig_path(path, "%s", name);
	rig_write(path, text, 0644);
}

static void
start(struct rig_agent *a, const char *root)
{
	char path[RIG_PATH_MAX];

	rig_path(path, "%s", root);
	rig_agent_init(a, "agent");
	rig_agent_key(a, "check-interval = 0s");
	rig_agent_add(a,
	    "[policy]\nroot = %s\nnetwork = 127.0.0.0/8\n"
	    "min-intermediaries = 0\n",
	    path);
	rig_agent_start(a);
}

#define SIGN                                                                   \
	"sign policy %s --key keys/admin.key --root keys/root.1 --audience * " \
	"--expires 10d --serial %d -o %s"

static void
make(const char *body, int serial, const char *out)
{
	char line[256];

	snprintf(line, sizeof(line), SIGN, body, serial, out);
	policyd(line);
}

/* Gold is 5, silver 8, and that is in force. */
static void
setup(struct rig_agent *a)
{
	file("gold", gold);
	file("silver", silver);
	policyd("init keys");
	make("gold", 5, "gold.5");
	make("silver", 8, "silver.8");
	start(a, "keys/root.1");
	ctl(a, 0, "in force", "policy load gold.5");
	ctl(a, 0, "in force", "policy load silver.8");
}

static void
t_history(void)
{
	static struct rig_agent a;

	setup(&a);
	ctl(&a, 1, "higher serial", "policy load gold.5");
	rig_agent_stop(&a);
	rig_agent_start(&a);
	ctl(&a, 0, "policy 5 of root 1 accepted for *, until",
	    "policy history");
	ctl(&a, 0, "signed by admin; held now\n", "policy history");
	ctl(&a, 0, "policy 5 of root 1 refused: expected a serial above 8",
	    "policy history");
	ctl(&a, 0, "\"outcome\":\"refused\",\"fault\":\"rollback\"",
	    "policy history --json");
	ctl(&a, 0, "[tier \"gold\"]", "policy show --serial 5");
	ctl(&a, 0, "past", "policy show --serial 5");
	ctl(&a, 0, "held", "policy show --serial 8");
	ctl(&a, 1, "no policy 6 is remembered", "policy show --serial 6");
	ctl(&a, 2, "expected a serial", "policy show --serial x");
	ctl(&a, 0, "-[tier \"gold\"]\n-rank = 1\n+[tier \"silver\"]",
	    "policy diff 5 8");
	ctl(&a, 0, "+[tier \"gold\"]", "policy diff 5");
	ctl(&a, 0, "nothing would change", "policy diff 8 silver");
	ctl(&a, 0, "nothing would change", "policy diff ./gold.5 5");
	ctl(&a, 1, "no policy 7", "policy diff 7 8");
	ctl(&a, 2, "too many arguments", "policy diff 5 8 9");
	ctl(&a, 2, "policy show [--serial SERIAL]", "policy show 5");
	ctl(&a, 2, "policy load FILE", "policy load gold.5 --root keys/root.1");
	ctl(&a, 2, "expected show, history", "policy shwo");
	rig_agent_stop(&a);
}

static long long
serial_in_force(struct rig_agent *a)
{
	const char *const args[] = {"policy", "show", "--json", NULL};
	long long n = -1;
	struct rig_output o;
	json_t *doc;

	rig_ctl(a, &o, args);
	doc = json_loads(o.out, 0, NULL);
	if (json_is_integer(json_object_get(doc, "serial")))
		n = json_integer_value(json_object_get(doc, "serial"));
	json_decref(doc);
	rig_output_free(&o);
	return n;
}

#define ROLLBACK "policy rollback 5 --root keys/root.1 --key "

static void
t_rollback(void)
{
	static struct rig_agent a;
	char path[RIG_PATH_MAX], *text;
	long long serial;
	size_t len;

	setup(&a);
	/* What nobody may sign with, or should. */
	ctl(&a, 1, "wrong-role", ROLLBACK "keys/online.key --json");
	ctl(&a, 1, "cannot sign", ROLLBACK "keys/seal.key");
	ctl(&a, 1, "a public key", ROLLBACK "keys/admin.pub");
	ctl(&a, 1, "No such file", ROLLBACK "keys/gone.key");
	rig_path(path, "keys/admin.key");
	REQUIRE(chmod(path, 0644) == 0, "chmod");
	ctl(&a, 1, "admin.key", ROLLBACK "keys/admin.key");
	REQUIRE(chmod(path, 0600) == 0, "chmod");
	ctl(&a, 2, "--expires", ROLLBACK "keys/admin.key --expires yesterday");
	ctl(&a, 2, "expected --key KEY --root ROOT, or -o",
	    "policy rollback 5");
	ctl(&a, 2, "expected --key KEY --root ROOT, or -o",
	    "policy rollback 5 --key keys/admin.key");
	ctl(&a, 1, "no policy 6", "policy rollback 6 -o text");
	CHECK_INT(serial_in_force(&a), 8);

	/* The text alone, for elsewhere. */
	ctl(&a, 0, "to be signed with a serial above 8",
	    "policy rollback 5 -o text");
	rig_path(path, "text");
	text = rig_read(path, &len);
	CHECK(text != NULL && strcmp(text, gold) == 0, "text: %s", text);
	free(text);
	ctl(&a, 1, "File exists", "policy rollback 5 -o text");
	CHECK_INT(serial_in_force(&a), 8);

	ctl(&a, 0, "+[tier \"gold\"]", ROLLBACK "keys/admin.key");
	serial = serial_in_force(&a);
	CHECK(serial > 1700000000, "serial %lld", serial);
	ctl(&a, 0, "[tier \"gold\"]", "policy show");
	ctl(&a, 1, "higher serial", "policy load gold.5");
	ctl(&a, 1, "higher serial", "policy load silver.8");
	/* In the same second, too; and over a restart. */
	ctl(&a, 0, "is in force", ROLLBACK "keys/admin.key --expires 3d");
	CHECK(serial_in_force(&a) > serial, "serial %lld again", serial);
	rig_agent_stop(&a);
	rig_agent_start(&a);
	ctl(&a, 0, "[tier \"gold\"]", "policy show");
	ctl(&a, 0, "+[tier \"silver\"]",
	    "policy rollback 8 --root keys/root.1 --key keys/admin.key -o back");
	ctl(&a, 0, "[tier \"gold\"]", "policy show");
	ctl(&a, 0, "in force", "policy load back");
	ctl(&a, 0, "[tier \"silver\"]", "policy show");
	rig_agent_stop(&a);
}

/* Keys that come and go with roots: what only one that went has signed is not
 * signed anew; two must sign. */
static void
t_keys(void)
{
	static struct rig_agent a;

	file("gold", gold);
	policyd("keygen a");
	policyd("keygen p");
	policyd("keygen q");
	policyd("keygen r");
	policyd("root new --key a.pub --policy-key p.pub --expires 9d -o r1");
	policyd("root add-signature r1 --key a.key");
	policyd("root rotate r1 --policy-key q.pub --policy-key r.pub --remove "
		"p --policy-threshold 2 --expires 9d -o r2");
	policyd("root add-signature r2 --key a.key --root r1");
	policyd("sign policy gold --key p.key --root r1 --audience * --expires "
		"1d --serial 3 -o g3");
	start(&a, "r1");
	ctl(&a, 0, "in force", "policy load g3");
	ctl(&a, 1, "found a policy",
	    "policy rollback 3 --key p.key --root g3"); /* not a root */
	ctl(&a, 0, "root 2 is trusted", "policy load r2");
	ctl(&a, 1, "the daemon goes by root 2, and this is root 1",
	    "policy rollback 3 --key p.key --root r1");
	ctl(&a, 1, "root 2 does not name; look at its text",
	    "policy rollback 3 --key q.key --root r2");
	policyd("sign policy gold --key q.key --key r.key --root r2 --audience "
		"* --expires 1d --serial 1 -o g1");
	ctl(&a, 0, "in force", "policy load g1");
	ctl(&a, 1, "expected 2 signatures",
	    "policy rollback 1 --key q.key --root r2");
	ctl(&a, 0, "not complete",
	    "policy rollback 1 --key q.key --root r2 -o half");
	ctl(&a, 1, "expected 2 signatures", "policy load half");
	policyd("add-signature half --key r.key --root r2");
	ctl(&a, 0, "in force", "policy load half");
	ctl(&a, 0, "root 2 accepted", "policy history");
	rig_agent_stop(&a);
}

static const char peer[] =
    "[intermediary \"peer\"]\ntype = socks5\naddress = 127.0.0.1:9\n";

static void
remove_state(void)
{
	char path[RIG_PATH_MAX];

	rig_path(path, "agent.state/policy.state");
	REQUIRE(unlink(path) == 0, "%s", path);
}

/* A key that was stolen: what it has signed is in force until a root says that
 * it is not. */
static void
t_revoked(void)
{
	static struct rig_agent a;

	file("gold", peer);
	policyd("keygen a");
	policyd("keygen p");
	policyd("keygen q");
	policyd("root new --key a.pub --policy-key p.pub --key-expires p=400d "
		"--expires 9d -o r1");
	policyd("root add-signature r1 --key a.key");
	policyd("root rotate r1 --policy-key q.pub --remove p --expires 9d -o "
		"r2");
	policyd("root add-signature r2 --key a.key --root r1");
	policyd("root rotate r1 --policy-key q.pub --revoke p --expires 9d -o "
		"r2-revokes");
	policyd("root add-signature r2-revokes --key a.key --root r1");
	policyd("sign policy gold --key p.key --root r1 --audience * --expires "
		"1d --serial 3 -o g3");
	start(&a, "r1");
	ctl(&a, 0, "in force", "policy load g3");
	ctl(&a, 0, "root 2 is trusted from now on\n", "policy load r2");
	ctl(&a, 0, "peer", "show peer");
	rig_agent_stop(&a);
	remove_state();
	rig_agent_start(&a);
	ctl(&a, 0, "in force", "policy load g3");
	ctl(&a, 0, "revoked, and there is none", "policy load r2-revokes");
	ctl(&a, 1, "peer", "show peer");
	ctl(&a, 0, "none", "policy show");
	ctl(&a, 1, "made under root 1", "policy load g3");
	CHECK_INT(rig_agent_reload(&a, 5000, NULL), 0);
	ctl(&a, 1, "peer", "show peer");
	rig_agent_stop(&a);
	rig_agent_start(&a);
	ctl(&a, 0, "none", "policy show");
	policyd("sign policy gold --key q.key --root r2-revokes --audience * "
		"--expires 1d --serial 1 -o g1");
	ctl(&a, 0, "in force", "policy load g1");
	ctl(&a, 0, "peer", "show peer");
	rig_agent_stop(&a);
}

static const struct rig_case cases[] = {
    {"what is remembered", t_history, 0, 0},
    {"back to an earlier one", t_rollback, 0, 0},
    {"keys come and go", t_keys, 0, 0},
    {"a key is revoked", t_revoked, 0, 0},
};
RIG_MAIN("policy_past", cases, NULL)
