/*
 * The life of a fleet's keys with cagent-policyd: made, put into a root,
 * signed by several, used, replaced; and at each step somebody tries what he
 * must not, and is told why not.
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integ/rig_agent.h"

#define RUN_MS	 10000
#define ARGS_MAX 24

static void
program_path(char out[static RIG_PATH_MAX + 16])
{
	const char *set = getenv("CAGENT_POLICYD");
	char *slash;

	if (set != NULL) {
		snprintf(out, RIG_PATH_MAX, "%s", set);
		return;
	}
	rig_agent_program(out, RIG_PATH_MAX);
	slash = strrchr(out, '/');
	REQUIRE(slash != NULL, "%s", out);
	snprintf(slash, 16, "/cagent-policyd");
}

/* Run the command line in the case's folder; it must end with code and, on
 * stdout or stderr, say so. */
static void
run(int code, const char *says, const char *line)
{
	char program[RIG_PATH_MAX + 16], copy[1024], *rest = copy, *word;
	const char *argv[ARGS_MAX + 2] = {program};
	const struct rig_spawn s = {
	    .name = "policyd", .argv = argv, .dir = rig_dir()};
	struct rig_output o;
	size_t n = 1;

	program_path(program);
	REQUIRE(strlen(line) < sizeof(copy), "%s", line);
	memcpy(copy, line, strlen(line) + 1);
	while ((word = strsep(&rest, " ")) != NULL && n <= ARGS_MAX) {
		if (*word != '\0')
			argv[n++] = word;
	}
	rig_run(&o, &s, RUN_MS);
	CHECK(o.code == code, "%s: exit %d, not %d: %s%s", line, o.code, code,
	    o.out, o.err);
	CHECK(strstr(o.out, says) != NULL || strstr(o.err, says) != NULL,
	    "%s: nothing of '%s' in: %s%s", line, says, o.out, o.err);
	/* What is refused leaves nothing on stdout that looks like success. */
	CHECK(code == 0 || strstr(o.out, "good") == NULL, "%s", o.out);
	rig_output_free(&o);
}

#define OK(says, line)	   run(0, says, line)
#define FAILS(says, line)  run(1, says, line)
#define MISUSE(says, line) run(2, says, line)

static void
file(const char *name, const char *text)
{
	char path[RIG_PATH_MAX];

	rig_path(path, "%s", name);
	rig_write(path, text, 0644);
}

static mode_t
mode_of(const char *name)
{
	char path[RIG_PATH_MAX];
	struct stat st;

	rig_path(path, "%s", name);
	return stat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

static void
flip(const char *name, off_t from_end)
{
	char path[RIG_PATH_MAX], byte = 0;
	struct stat st = {0};
	int fd;

	rig_path(path, "%s", name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	CHECK(fd != -1 && fstat(fd, &st) == 0 &&
		  pread(fd, &byte, 1, st.st_size - 1 - from_end) == 1,
	    "%s", path);
	byte ^= 1;
	CHECK(pwrite(fd, &byte, 1, st.st_size - 1 - from_end) == 1, "%s", path);
	close(fd);
}

/* Of its header (wire/envelope.h). */
static unsigned long long
serial_of(const char *name)
{
	char path[RIG_PATH_MAX];
	uint8_t *data;
	unsigned long long serial = 0;
	size_t len, i;

	rig_path(path, "%s", name);
	data = (uint8_t *)rig_read(path, &len);
	REQUIRE(data != NULL && len > 24, "%s", path);
	for (i = 16; i < 24; i++)
		serial = serial << 8 | data[i];
	free(data);
	return serial;
}

static const char policy_body[] = "[tier \"gold\"]\nrank = 1\n";

#define SIGN_POLICY \
	"sign policy body --root fleet/root.1 --expires 30d --audience york "
#define SIGN_RANK                                              \
	"sign rank rank.ini --root fleet/root.1 --expires 1h " \
	"--audience york "

static void
t_one_key(void)
{
	unsigned long long serial;

	file("body", policy_body);
	file("rank.ini", "[rank]\npolicy-serial = 1\n");
	file("late.ini", "[rank]\n\npolicy-serial = 1\n");
	file("bad.ini", "[intermediary \"a\"]\ntype = http\nadress = h:80\n");
	file("bad-rank.ini",
	    "[rank]\npolicy-serial = 1\n[intermediary \"a\"]\nweight = 0\n");
	OK("root = /etc/cagent/root.1", "init fleet");
	CHECK_INT(mode_of("fleet"), 0700);
	CHECK_INT(mode_of("fleet/admin.key"), 0600);
	CHECK_INT(mode_of("fleet/online.key"), 0600);
	CHECK_INT(mode_of("fleet/seal.key"), 0600);
	FAILS("new or an empty folder", "init fleet");
	OK("admin  root, policy; has signed this", "root show fleet/root.1");
	OK("root 1: good", "verify fleet/root.1 --root fleet/root.1");

	OK("of root 1 for york", SIGN_POLICY "--key fleet/admin.key -o policy");
	serial = serial_of("policy");
	CHECK(serial > 1700000000, "serial %llu", serial);
	OK("good", "verify policy --root fleet/root.1 --audience york");
	OK("signed by admin", "verify policy --root fleet/root.1");
	FAILS("wrong-audience",
	    "verify policy --root fleet/root.1 --audience leeds");
	/* In the same second too. */
	OK("policy", SIGN_POLICY "--key fleet/admin.key -o policy");
	CHECK(serial_of("policy") > serial, "%llu again", serial);
	OK("policy 7 of", SIGN_POLICY "--key fleet/admin.key -o p7 --serial 7");
	OK("rank", SIGN_RANK "--key fleet/online.key -o rank");
	OK("good", "verify rank --root fleet/root.1 --audience york");

	/* The online key signs ranks, and nothing else; no other key does. */
	FAILS("not a policy key of root 1",
	    SIGN_POLICY "--key fleet/online.key -o no");
	FAILS("not a rank key of root 1",
	    SIGN_RANK "--key fleet/admin.key -o no");
	FAILS("cannot sign", SIGN_POLICY "--key fleet/seal.key -o no");
	FAILS("a public key", SIGN_POLICY "--key fleet/admin.pub -o no");
	FAILS("bad.ini:3: unknown key 'adress' in [intermediary]; did you mean "
	      "'address'?",
	    "sign policy bad.ini --root fleet/root.1 --expires 30d "
	    "--audience york --key fleet/admin.key -o no");
	FAILS("it is not signed",
	    "sign policy bad.ini --root fleet/root.1 --expires 30d "
	    "--audience york --key fleet/admin.key -o no");
	FAILS("bad-rank.ini:4: 'weight': expected",
	    "sign rank bad-rank.ini --root fleet/root.1 --expires 1h "
	    "--audience york --key fleet/online.key -o no");
	FAILS("policy-serial = N",
	    "sign rank late.ini --root fleet/root.1 --expires 1h "
	    "--audience york --key fleet/online.key -o no");
	FAILS("body:1: unknown section [tier]",
	    "sign rank body --root fleet/root.1 --expires 1h --audience york "
	    "--key fleet/online.key -o no");
	CHECK(mode_of("no") == 0, "something was written");

	flip("policy", 10);
	FAILS("bad-signature", "verify policy --root fleet/root.1");
	flip("policy", 10);
	OK("good", "verify policy --root fleet/root.1");
	flip("policy", 90); /* in the body */
	FAILS("bad-signature", "verify policy --root fleet/root.1");
	file("junk", "CAGE is not enough");
	FAILS("not a message", "verify junk --root fleet/root.1");
	FAILS("not a message", "verify rank --root junk");
	FAILS("No such file", "verify gone --root fleet/root.1");
}

#define ROOT_NEW                                                      \
	"root new --key a.pub --key b.pub --key c.pub --threshold 2 " \
	"--policy-key p.pub --policy-key q.pub --policy-threshold 2 " \
	"--rank-key r.pub --seal-key s.pub --expires 365d "

static void
make_keys(void)
{
	OK("a.key", "keygen a");
	OK("b.key", "keygen b");
	OK("c.key", "keygen --sign c");
	OK("p.key", "keygen p");
	OK("q.key", "keygen q");
	OK("r.key", "keygen r");
	OK("s.key", "keygen --seal s");
	OK("x.key", "keygen x");
	CHECK_INT(mode_of("a.key"), 0600);
	CHECK_INT(mode_of("a.pub"), 0644);
	FAILS("is there already", "keygen a");
}

static void
sign_root_1(void)
{
	OK("0 of 2 signatures", ROOT_NEW "-o root.1");
	FAILS("is there already", ROOT_NEW "-o root.1");
	FAILS("nobody has signed it yet", "verify root.1 --root root.1");
	OK("1 of 2 signatures by the keys of root 1: a; not yet b, c",
	    "root add-signature root.1 --key a.key");
	FAILS("expected 2 signatures by root keys of root 1, found 1",
	    "verify root.1 --root root.1");
	FAILS("has signed it already", "root add-signature root.1 --key a.key");
	FAILS("not a root key", "root add-signature root.1 --key p.key");
	FAILS("not a root key", "root add-signature root.1 --key x.key");
	FAILS("cannot sign", "root add-signature root.1 --key s.key");
	OK("2 of 2 signatures by the keys of root 1: a, c; not yet b",
	    "root add-signature root.1 --key c.key");
	OK("root 1: good", "verify root.1 --root root.1");
}

static void
t_two_of_three(void)
{
	make_keys();
	FAILS("at least 1 keys with 'role = policy'",
	    "root new --key a.pub --expires 1d -o no");
	FAILS("at least 2 keys with 'role = root'",
	    "root new --key a.pub --threshold 2 --policy-key a.pub "
	    "--expires 1d -o no");
	FAILS("no role beside 'rank'",
	    "root new --key a.pub --policy-key p.pub --rank-key p.pub "
	    "--expires 1d -o no");
	FAILS("a sealing key cannot have the role 'root'",
	    "root new --key s.pub --policy-key p.pub --expires 1d -o no");
	FAILS("not a public key",
	    "root new --key a.key --policy-key p.pub --expires 1d -o no");
	CHECK(mode_of("no") == 0, "something was written");
	sign_root_1();
}

static void
t_policy_of_two(void)
{
	make_keys();
	sign_root_1();
	file("body", policy_body);
	OK("not complete: expected 2 signatures",
	    "sign policy body --key p.key --root root.1 --audience york "
	    "--expires 30d -o policy");
	FAILS("too-few-signatures", "verify policy --root root.1");
	FAILS("not a policy key", "add-signature policy --key a.key --root "
				  "root.1");
	FAILS("has signed it already",
	    "add-signature policy --key p.key --root root.1");
	MISUSE("--root", "add-signature policy --key q.key");
	OK("of root 1 for york",
	    "add-signature policy --key q.key --root root.1");
	OK("good", "verify policy --root root.1 --audience york");
	OK("of root 1 for everybody",
	    "sign policy body --key p.key --key q.key --root root.1 "
	    "--audience * --expires 30d -o both");
	OK("good", "verify both --root root.1 --audience york");
}

#define ROTATE "root rotate root.1 --expires 365d "

/* c is lost and x comes for it. */
static void
rotate(void)
{
	OK("root 2, to be signed", ROTATE "--remove c --key x.pub -o root.2");
	FAILS("say which root that was: --root OLD",
	    "root add-signature root.2 --key c.key");
	OK("1 of 2 signatures by the keys of root 1: c",
	    "root add-signature root.2 --key c.key --root root.1");
	OK("1 of 2 signatures by the keys of root 2: x",
	    "root add-signature root.2 --key x.key");
	FAILS("by root keys of root 1, found 1", "verify root.2 --root root.1");
	OK("2 of 2 signatures by the keys of root 2: a, x",
	    "root add-signature root.2 --key a.key --root root.1");
	OK("root 2: good", "verify root.2 --root root.1");
	OK("root 2: good", "verify root.2 --root root.2");
}

static void
t_rotation(void)
{
	make_keys();
	sign_root_1();
	file("body", policy_body);
	FAILS("no key of root 1 has that name", ROTATE "--remove z -o no");
	FAILS(
	    "at least 2 keys with 'role = policy'", ROTATE "--remove p -o no");
	rotate();
	OK("of root 1",
	    "sign policy body --key p.key --key q.key --root root.1 "
	    "--audience york --expires 30d -o old");
	FAILS("old-root", "verify old --root root.2");
	OK("of root 2",
	    "sign policy body --key p.key --key q.key --root root.2 "
	    "--audience york --expires 30d -o new");
	OK("good", "verify new --root root.2");
	FAILS("unknown-root", "verify new --root root.1");
	/* Back, and two steps at once. */
	FAILS("rollback", "verify root.1 --root root.2");
	OK("root 3", "root rotate root.2 --expires 1d -o root.3");
	OK("root 3", "root add-signature root.3 --key a.key");
	FAILS("expected root 2, found root 1",
	    "root add-signature root.3 --key b.key --root root.1");
	OK("2 of 2", "root add-signature root.3 --key b.key --root root.2");
	OK("root 3: good", "verify root.3 --root root.2");
	FAILS("skipped-root", "verify root.3 --root root.1");
	FAILS("not a root key", "root add-signature root.3 --key c.key --root "
				"root.2");
	flip("root.3", 10);
	FAILS("bad-signature", "verify root.3 --root root.2");
	FAILS("is wrong", "root show root.3");
}

static void
t_secrets_are_guarded(void)
{
	char path[RIG_PATH_MAX];

	OK("admin", "init fleet");
	file("body", policy_body);
	rig_path(path, "fleet/admin.key");
	CHECK_INT(chmod(path, 0640), 0);
	FAILS("others may read or write (mode 640)",
	    SIGN_POLICY "--key fleet/admin.key -o no");
	CHECK_INT(chmod(path, 0604), 0);
	FAILS("chmod 600", SIGN_POLICY "--key fleet/admin.key -o no");
	CHECK_INT(chmod(path, 0400), 0);
	OK("policy", SIGN_POLICY "--key fleet/admin.key -o policy");
	rig_path(path, "fifo");
	CHECK_INT(mkfifo(path, 0600), 0);
	FAILS("not a regular file", SIGN_POLICY "--key fifo -o no");
	FAILS("not a regular file", "verify fifo --root fleet/root.1");
	CHECK(mode_of("no") == 0, "something was written");
}

static void
t_command_line(void)
{
	OK("usage:", "--help");
	OK("usage:", "sign --help");
	OK(CAGENT_VERSION, "--version");
	MISUSE("expected a command", "");
	MISUSE("did you mean 'verify'", "verfy x --root y");
	MISUSE("did you mean 'root rotate'", "root rotat");
	MISUSE("unknown option: --kye", "keygen --kye x");
	MISUSE("expected a value after it", "keygen x --root");
	MISUSE("takes no --root", "keygen --root a b");
	MISUSE("expected one argument, found 0", "keygen");
	MISUSE("expected one argument, found 2", "keygen a b");
	MISUSE("found both", "keygen --sign --seal a");
	MISUSE("lacks --root", "verify x");
	MISUSE("lacks -o", "root new --key a.pub --expires 1d");
	MISUSE("from 1 to 8",
	    "root new --key a.pub --threshold 9 --expires 1d -o x");
	FAILS("the name of a key", "keygen ./");
	OK("a.key", "keygen a");
	OK("root 1",
	    "root new --key a.pub --policy-key a.pub --expires 1d -o r");
	OK("1 of 1", "root add-signature r --key a.key");
	file("body", "");
	MISUSE("expected policy or rank",
	    "sign root body --key a.key --root r --audience x --expires 1d "
	    "-o p");
	MISUSE("a group's name",
	    "sign policy body --key a.key --root r --audience X --expires 1d "
	    "-o p");
	MISUSE("a time to come",
	    "sign policy body --key a.key --root r --audience x --expires 1y "
	    "-o p");
	MISUSE("a time to come",
	    "sign policy body --key a.key --root r --audience x --expires "
	    "2001-01-01T00:00:00Z -o p");
	MISUSE("takes no --key-expires", "root show r --key-expires a=1d");
	FAILS("expected NAME=TIME",
	    "root rotate r --expires 1d --key-expires a -o n");
	FAILS("no key of root 1 has that name",
	    "root rotate r --expires 1d --key-expires b=1d -o n");
	FAILS("a time to come",
	    "root rotate r --expires 1d --key-expires a=1999-01-01T00:00:00Z "
	    "-o n");
	FAILS("no key of root 1 has that name",
	    "root rotate r --expires 1d --revoke b -o n");
	FAILS(
	    "with 'role = root'", "root rotate r --expires 1d --revoke a -o n");
	FAILS("[key \"a\"] is 'revoked'",
	    "root rotate r --expires 1d --revoke a --key a.pub --policy-key "
	    "a.pub -o n");
	OK("root 2",
	    "root rotate r --expires 1d --key-expires a=2100-01-01T00:00:00Z "
	    "-o n");
	OK("until 2100-01-01T00:00:00Z", "root show n");
	FAILS("expected auto or a number",
	    "sign policy body --key a.key --root r --audience x --expires 1d "
	    "--serial -1 -o p");
	OK("policy 18446744073709551615",
	    "sign policy body --key a.key --root r --audience x --expires 1d "
	    "--serial 18446744073709551615 -o p");
}

static const struct rig_case cases[] = {
    {"one key", t_one_key, 0, 0},
    {"two of three", t_two_of_three, 0, 0},
    {"a policy of two", t_policy_of_two, 0, 0},
    {"rotation", t_rotation, 0, 0},
    {"secrets are guarded", t_secrets_are_guarded, 0, 0},
    {"command line", t_command_line, 0, 0},
};
RIG_MAIN("policy_keys", cases, NULL)
