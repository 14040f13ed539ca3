/* Owns the run directory's lock and the pid file, and nothing in between. */
#include "cagentd/master/home.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <bsd/libutil.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "conf/settings.h"

static int
own_directory(const char *dir)
{
	struct stat st;
	int fd;

	/* Others may look inside only where a service is everybody's. */
	if (mkdir(dir, geteuid() == 0 ? 0755 : 0700) == -1 && errno != EEXIST)
		fatal("%s", dir);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1)
		fatal("%s: must be a directory", dir);
	/* Whoever can write here could swap the table under us. */
	if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		fatalx("%s: must be a directory of ours that only we can write",
		    dir);
	return fd;
}

static void
lock_pidfile(struct home *h, const char *file)
{
	pid_t other = 0;

	h->pidfile = pidfile_open(file, 0644, &other);
	if (h->pidfile != NULL)
		return;
	if (errno == EEXIST && other > 0)
		fatalx("already running as pid %d (%s)", (int)other, file);
	if (errno == EEXIST)
		fatalx("already starting (%s)", file);
	fatal("%s", file);
}

void
home_take(struct home *h, const struct settings *s)
{
	h->dir_fd = own_directory(s->run_dir);
	lock_pidfile(h, s->pid_file);
	/* Two agents with a pid file each would share all the rest. */
	if (flock(h->dir_fd, LOCK_EX | LOCK_NB) == -1) {
		home_leave(h);
		fatalx("%s: another agent runs there", s->run_dir);
	}
}

void
home_ready(struct home *h)
{
	if (pidfile_write(h->pidfile) == -1)
		log_warn("the pid file cannot be written");
}

void
home_leave(struct home *h)
{
	if (pidfile_remove(h->pidfile) == -1)
		log_warn("the pid file cannot be removed");
	close(h->dir_fd);
}

static int
check_user(const struct settings_account *a, char *why, size_t size)
{
	if (geteuid() != 0 || (a->uid != (uid_t)-1 && a->uid != 0))
		return 0;
	if (a->uid == 0)
		snprintf(why, size, "user %s is root: name another in [agent]",
		    a->name);
	else
		snprintf(why, size,
		    "user %s does not exist: make it (the package and `make "
		    "install` do), or name another in [agent]",
		    a->name);
	return -1;
}

int
home_verifier(const struct settings *s, char *why, size_t size)
{
	return s->users_file[0] == '\0'
		   ? 0
		   : check_user(&s->verifier_user, why, size);
}

void
home_users(const struct settings *s)
{
	const struct settings_account *users[] = {
	    &s->control_user, &s->worker_user, &s->resolver_user};
	char why[256];
	size_t i;

	for (i = 0; i < sizeof(users) / sizeof(*users); i++) {
		if (check_user(users[i], why, sizeof(why)) != 0)
			fatalx("%s", why);
	}
	if (home_verifier(s, why, sizeof(why)) != 0)
		fatalx("%s", why);
}
