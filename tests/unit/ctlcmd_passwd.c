/* `cagent-ctl passwd`: the file it changes, and what it takes as a password. */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/conf.h"
#include "cagent-ctl/args.h"
#include "cagent-ctl/passwd_file.h"
#include "cagent-ctl/verb.h"
#include "tests/unit/unit.h"

#define HASH                                                 \
	"$argon2id$v=19$m=8,t=1,p=1$JDOXSRG6Oexqet/jAqNtqw$" \
	"6X8/NGAvpCIMZzHCkCHcxqOeMGhWepACax6hi5iqHs0"
#define HASH_2                                                \
	"$argon2id$v=19$m=16,t=1,p=1$JDOXSRG6Oexqet/jAqNtqw$" \
	"6X8/NGAvpCIMZzHCkCHcxqOeMGhWepACax6hi5iqHs0"

static char dir[64], file[128], other[128];

static void
begin(void)
{
	snprintf(dir, sizeof(dir), "/tmp/unit-passwd-XXXXXX");
	CHECK(mkdtemp(dir) != NULL, "mkdtemp: %s", strerror(errno));
	snprintf(file, sizeof(file), "%s/users", dir);
	snprintf(other, sizeof(other), "%s/other", dir);
}

/* Nothing but what a test has made is left there. */
static void
end(void)
{
	unlink(file);
	unlink(other);
	CHECK(rmdir(dir) == 0, "something is left: %s", strerror(errno));
}

static void
put(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t n = write(fd, text, strlen(text));

	CHECK(n == (ssize_t)strlen(text) && fchmod(fd, mode) == 0, "%s: %s",
	    path, strerror(errno));
	close(fd);
}

static void
expect(const char *want, mode_t mode)
{
	struct stat st = {0};
	char *text = NULL;
	size_t len = 0;

	CHECK_INT(conf_read_file(file, 65536, true, &text, &len), 0);
	CHECK_STR(text, want);
	CHECK_INT(stat(file, &st), 0);
	CHECK_INT(st.st_mode & 0777, mode);
	free(text);
}

static void
makes_a_file(void)
{
	char why[PASSWD_WHY_MAX];
	bool was = true;

	begin();
	CHECK_INT(passwd_change(file, "alice", HASH, &was, why), 0);
	CHECK(!was, "she was there");
	expect("alice:" HASH "\n", 0600);
	end();
}

/* A line's change is that line's alone. */
static void
changes_one_line(void)
{
	char why[PASSWD_WHY_MAX];
	bool was;

	begin();
	put(file, "# us\n\nal:" HASH "\nalice:" HASH "\nzoe:" HASH, 0640);
	CHECK_INT(passwd_change(file, "alice", HASH_2, &was, why), 0);
	CHECK(was, "she was not there");
	expect("# us\n\nal:" HASH "\nalice:" HASH_2 "\nzoe:" HASH "\n", 0640);
	CHECK_INT(passwd_change(file, "bob", HASH, &was, why), 0);
	expect("# us\n\nal:" HASH "\nalice:" HASH_2 "\nzoe:" HASH "\nbob:" HASH
	       "\n",
	    0640);
	CHECK_INT(passwd_change(file, "alice", NULL, &was, why), 0);
	expect("# us\n\nal:" HASH "\nzoe:" HASH "\nbob:" HASH "\n", 0640);
	CHECK_INT(passwd_change(file, "alice", NULL, &was, why), -ESRCH);
	expect("# us\n\nal:" HASH "\nzoe:" HASH "\nbob:" HASH "\n", 0640);
	end();
}

static void
takes_away_what_others_may(void)
{
	char why[PASSWD_WHY_MAX];
	bool was;

	begin();
	put(file, "", 0666);
	CHECK_INT(passwd_change(file, "alice", HASH, &was, why), 0);
	expect("alice:" HASH "\n", 0640);
	end();
}

static void
follows_a_link(void)
{
	char why[PASSWD_WHY_MAX];
	struct stat st;
	bool was;

	begin();
	put(other, "", 0600);
	CHECK_INT(symlink(other, file), 0);
	CHECK_INT(passwd_change(file, "alice", HASH, &was, why), 0);
	CHECK(lstat(file, &st) == 0 && S_ISLNK(st.st_mode), "a file by now");
	expect("alice:" HASH "\n", 0600);
	end();
}

/* What cagentd would refuse is said, and stays. */
static void
refuses_a_broken_file(void)
{
	static const char broken[] = "al:" HASH "\nzoe\n";
	char why[PASSWD_WHY_MAX], want[PASSWD_WHY_MAX];
	struct users *users;
	bool was;

	begin();
	put(file, broken, 0600);
	CHECK_INT(passwd_change(file, "alice", HASH, &was, why), -EINVAL);
	snprintf(
	    want, sizeof(want), "%s:2: expected name:hash, found no ':'", file);
	CHECK_STR(why, want);
	expect(broken, 0600);
	CHECK_INT(passwd_read(file, &users, why), -EINVAL);
	CHECK_STR(why, want);
	CHECK_INT(passwd_read(other, &users, why), -ENOENT);
	CHECK_INT(
	    passwd_change("/nowhere/at/all", "a", HASH, &was, why), -ENOENT);
	CHECK(passwd_change(dir, "a", HASH, &was, why) != 0, "a directory");
	end();
}

static void
finds_the_file(void)
{
	static const struct {
		const char *conf, *want;
	} all[] = {
	    {"[access]\nusers-file = /a/b\n", "/a/b"},
	    {"[agent]\nusers-file = /a/b\n", NULL},
	    {"[access]\nnetwork = ::1\nusers-file=/a ; so\n", "/a"},
	    {"[access]\n;users-file = /a\n[direct]\nusers-file = /b\n", NULL},
	    {"[access]\nusers-files = /a\n", NULL},
	    {"[access]\nusers-file = a\n", NULL},
	    {"nonsense\n[access]\r\nusers-file = /a \r\n", "/a"},
	    {"", NULL},
	};
	char path[PATH_MAX];
	size_t i;
	bool found;

	begin();
	for (i = 0; i < sizeof(all) / sizeof(*all); i++) {
		put(other, all[i].conf, 0600);
		found = passwd_path(other, path);
		CHECK(found == (all[i].want != NULL), "case %zu", i);
		CHECK_STR(
		    path, found ? all[i].want : SYSCONFDIR "/cagent/users");
	}
	unlink(other);
	CHECK(!passwd_path(other, path), "no file");
	end();
}

/* The command with that on stdin, which is no terminal: its status. */
static int
run(const char *const *words, const char *in, size_t len, char *out)
{
	static char name[] = "cagent-ctl", copies[8][160];
	char *argv[10] = {name}, *said = NULL;
	size_t said_len = 0;
	struct call call = {0};
	int n, status, fds[2], keep = dup(STDIN_FILENO);

	for (n = 0; words[n] != NULL; n++) {
		snprintf(copies[n], sizeof(copies[n]), "%s", words[n]);
		argv[n + 1] = copies[n];
	}
	CHECK(pipe(fds) == 0 && write(fds[1], in, len) == (ssize_t)len &&
		  dup2(fds[0], STDIN_FILENO) == STDIN_FILENO,
	    "%s", strerror(errno));
	close(fds[0]);
	close(fds[1]);
	call.out = call.err = open_memstream(&said, &said_len);
	status = args_parse(n + 1, argv, &call);
	if (status == VERB_OK)
		status = call.verb->run(&call);
	fclose(call.out);
	snprintf(out, 512, "%s", said);
	free(said);
	dup2(keep, STDIN_FILENO);
	close(keep);
	return status;
}

#define RUN(in, ...)                                                \
	run((const char *const[]){"passwd", __VA_ARGS__, NULL}, in, \
	    sizeof(in) - 1, out)

static void
takes_a_line_of_stdin(void)
{
	struct users *users = NULL;
	char out[512], why[PASSWD_WHY_MAX];

	begin();
	CHECK_INT(RUN("secret\nmore", "-f", file, "alice"), VERB_OK);
	CHECK(strstr(out, "alice: is new in ") != NULL, "%s", out);
	CHECK_INT(passwd_read(file, &users, why), 0);
	CHECK(users->n == 1 && crypto_pwhash_str_verify(
				   users->one[0].hash, "secret", 6) == 0,
	    "not her password");
	users_free(users);
	CHECK_INT(RUN("", "-f", file, "-l"), VERB_OK);
	CHECK_STR(out, "alice\n");
	CHECK_INT(RUN("", "-f", file, "-D", "alice"), VERB_OK);
	CHECK_INT(RUN("", "-f", file, "-D", "alice"), VERB_FAILED);
	expect("", 0600);
	end();
}

static void
refuses_passwords_and_names(void)
{
	static const char x256[256 + 1] = {[0 ... 255] = 'x'};
	char out[512];

	begin();
	CHECK_INT(RUN("\n", "-f", file, "a"), VERB_FAILED);
	CHECK(strstr(out, "not empty") != NULL, "%s", out);
	CHECK_INT(RUN("", "-f", file, "a"), VERB_FAILED);
	CHECK_INT(RUN("a\tb\n", "-f", file, "a"), VERB_FAILED);
	CHECK(strstr(out, "control characters") != NULL, "%s", out);
	CHECK_INT(RUN("a\0b\n", "-f", file, "a"), VERB_FAILED);
	CHECK(strstr(out, "NUL") != NULL, "%s", out);
	CHECK_INT(run((const char *const[]){"passwd", "-f", file, "a", NULL},
		      x256, 256, out),
	    VERB_FAILED);
	CHECK(strstr(out, "at most 255 bytes") != NULL, "%s", out);
	CHECK_INT(RUN("x\n", "-f", file, "a:b"), VERB_USAGE);
	CHECK_INT(RUN("x\n", "-f", file, ""), VERB_USAGE);
	CHECK_INT(RUN("x\n", "-f", file), VERB_USAGE);
	CHECK_INT(RUN("x\n", "-f", file, "-l", "a"), VERB_USAGE);
	CHECK_INT(RUN("x\n", "-f", file, "a", "password"), VERB_USAGE);
	CHECK(access(file, F_OK) == -1, "a file was made");
	end();
}

static const struct unit_case cases[] = {
    {"makes a file", makes_a_file},
    {"changes one line", changes_one_line},
    {"takes away what others may", takes_away_what_others_may},
    {"follows a link", follows_a_link},
    {"refuses a broken file", refuses_a_broken_file},
    {"finds the file", finds_the_file},
    {"takes a line of stdin", takes_a_line_of_stdin},
    {"refuses passwords and names", refuses_passwords_and_names},
};

UNIT_MAIN("ctlcmd_passwd", cases)
