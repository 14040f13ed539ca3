/* The default run directory, by who asks and by the environment. */
#include "base/rundir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#define SIZE 76 /* as in struct settings */

static void
for_root(void)
{
	char out[SIZE];

	if (geteuid() != 0) {
		unit_skip("needs root");
		return;
	}
	setenv("XDG_RUNTIME_DIR", "/run/user/0", 1);
	CHECK_STR(rundir_default("x", out, sizeof(out)), "/run/x");
}

/* What an ordinary user gets with that XDG_RUNTIME_DIR (NULL: unset). */
static void
as_user(const char *xdg, char out[SIZE])
{
	ssize_t n;
	int p[2];
	pid_t pid;

	CHECK_INT(pipe(p), 0);
	pid = fork();
	if (pid == 0) {
		if (geteuid() == 0 && setuid(64001) == -1)
			_exit(1);
		if (xdg != NULL)
			setenv("XDG_RUNTIME_DIR", xdg, 1);
		else
			unsetenv("XDG_RUNTIME_DIR");
		rundir_default("x", out, SIZE);
		_exit(write(p[1], out, SIZE) == SIZE ? 0 : 1);
	}
	close(p[1]);
	n = read(p[0], out, SIZE);
	CHECK_INT(n, SIZE);
	close(p[0]);
	waitpid(pid, NULL, 0);
}

static void
for_others(void)
{
	char out[SIZE] = "", tmp[SIZE], longest[SIZE], over[SIZE + 1];

	snprintf(tmp, sizeof(tmp), "/tmp/x-%lu",
	    geteuid() == 0 ? 64001ul : (unsigned long)geteuid());
	as_user("/run/user/7", out);
	CHECK_STR(out, "/run/user/7/x");
	as_user(NULL, out);
	CHECK_STR(out, tmp);
	as_user("", out);
	CHECK_STR(out, tmp);
	as_user("run/user/7", out);
	CHECK_STR(out, tmp);
	/* "/x" and its end must fit. */
	memset(longest, 'l', sizeof(longest));
	longest[0] = '/';
	longest[SIZE - 3] = '\0';
	as_user(longest, out);
	CHECK_INT(strlen(out), SIZE - 1);
	memset(over, 'l', sizeof(over));
	over[0] = '/';
	over[SIZE - 2] = '\0';
	as_user(over, out);
	CHECK_STR(out, tmp);
}

static const struct unit_case cases[] = {
    {"for root", for_root},
    {"for others", for_others},
};

UNIT_MAIN("rundir", cases)
