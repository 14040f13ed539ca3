/* [access]: the users file, who is given what is in it, and what is said of
 * one that will not do. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/bundle.h"
#include "conf/settings.h"
#include "conf/users.h"
#include "tests/unit/unit.h"

#define HASH                                                 \
	"$argon2id$v=19$m=8,t=1,p=1$JDOXSRG6Oexqet/jAqNtqw$" \
	"6X8/NGAvpCIMZzHCkCHcxqOeMGhWepACax6hi5iqHs0"

static char dir[64], conf[80], file[80];

static void
write_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ssize_t n = write(fd, text, strlen(text));

	CHECK(n == (ssize_t)strlen(text) && fchmod(fd, mode) == 0, "%s",
	    strerror(errno));
	close(fd);
}

static void
begin(void)
{
	char text[256];

	snprintf(dir, sizeof(dir), "/tmp/unit-access-XXXXXX");
	CHECK(mkdtemp(dir) != NULL, "mkdtemp: %s", strerror(errno));
	snprintf(conf, sizeof(conf), "%s/c", dir);
	snprintf(file, sizeof(file), "%s/u", dir);
	snprintf(text, sizeof(text),
	    "[access]\nnetwork = 127.0.0.0/8\nusers-file = %s\n", file);
	write_file(conf, text, 0644);
}

static void
end(void)
{
	unlink(conf);
	unlink(file);
	CHECK_INT(rmdir(dir), 0);
}

static struct settings *
sealed(const struct bundle *b, unsigned int with)
{
	struct conf_errors e = {.n = 0};
	struct bundle *copy = NULL;
	struct settings *s = NULL;
	int fd = bundle_seal(b, with);

	CHECK_INT(bundle_open(&copy, fd), 0);
	CHECK_INT(settings_parse(copy, &s, &e), 0);
	CHECK_STR(e.text, "");
	bundle_free(copy);
	close(fd);
	return s;
}

/* All know that there is one, and whether it is another; one has it. */
static void
one_is_given_the_users(void)
{
	struct settings *s, *with, *without;
	struct conf_errors e;
	struct bundle *b;
	uint64_t mark;

	begin();
	write_file(file, "alice:" HASH "\n", 0640);
	CHECK_INT(settings_load(conf, &b, &s, &e), 0);
	with = sealed(b, BUNDLE_USERS);
	without = sealed(b, BUNDLE_SECRETS);
	CHECK_INT(with->login_users->n, 1);
	CHECK(users_find(with->login_users, "alice") != NULL, "alice");
	CHECK(without->login_users == NULL, "the users got out");
	CHECK_STR(without->users_file, file);
	mark = s->users_mark;
	CHECK(mark != 0 && with->users_mark == mark &&
		  without->users_mark == mark,
	    "marks differ");
	settings_unref(s);
	settings_unref(with);
	settings_unref(without);
	bundle_free(b);
	write_file(file, "bob:" HASH "\n", 0640);
	CHECK_INT(settings_load(conf, &b, &s, &e), 0);
	CHECK(s->users_mark != mark, "the same mark");
	settings_unref(s);
	bundle_free(b);
	end();
}

static const struct {
	const char *text; /* NULL: no file */
	mode_t mode;
	const char *before, *after; /* the file's name */
} bad[] = {
    {NULL, 0, "", " is not there: make it with `cagent-ctl passwd USER`"},
    {"", 0644, "",
	": expected a file that others cannot read, nor its group write"},
    {"", 0660, "",
	": expected a file that others cannot read, nor its group write"},
    {"\nalice\n", 0600, "", ":2: expected name:hash, found no ':'"},
};

static void
says_what_is_wrong(void)
{
	struct conf_errors e;
	struct settings *s;
	struct bundle *b;
	char want[256];
	size_t i;

	begin();
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (bad[i].text != NULL)
			write_file(file, bad[i].text, bad[i].mode);
		CHECK_INT(settings_load(conf, &b, &s, &e), -EINVAL);
		snprintf(want, sizeof(want), "%s:3: 'users-file': %s%s%s\n",
		    conf, bad[i].before, file, bad[i].after);
		CHECK_STR(e.text, want);
	}
	end();
}

static const struct unit_case cases[] = {
    {"one is given the users", one_is_given_the_users},
    {"says what is wrong", says_what_is_wrong},
};

UNIT_MAIN("settings_access", cases)
