/* Owns the directories' locks and the pid file, and nothing in between. */
#include "policyd/master/pdhome.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <bsd/libutil.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mono.h"
#include "policyd/common/pdconf.h"

/* How long the ranker of a master that was killed may take to leave. */
#define PATIENCE_US	 5000000
#define PATIENCE_STEP_MS 10

static int
open_dir(const char *dir, mode_t mode, struct stat *st)
{
	int fd;

	if (mkdir(dir, mode) == -1 && errno != EEXIST)
		fatal("%s", dir);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || fstat(fd, st) == -1)
		fatal("%s: must be a directory", dir);
	return fd;
}

static int
open_run_dir(const char *dir)
{
	/* Others may look inside only where a service is everybody's. */
	mode_t mode = geteuid() == 0 ? 0755 : 0700;
	struct stat st;
	int fd = open_dir(dir, mode, &st);

	if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		fatalx("%s: must be a directory of ours that only we can write",
		    dir);
	return fd;
}

/*
 * The ranker writes there, and the page, which has its group, reads.  What a
 * service manager has made for us is root's, and is given away; what belongs
 * to others is not.
 */
static int
open_state_dir(const char *dir, const struct settings_account *ranker)
{
	bool root = geteuid() == 0;
	uid_t owner = root ? ranker->uid : geteuid();
	struct stat st;
	int fd = open_dir(dir, root ? 0750 : 0700, &st);

	if (root && st.st_uid == 0) {
		if (fchmod(fd, 0750) == -1 ||
		    fchown(fd, ranker->uid, ranker->gid) == -1)
			fatal("%s", dir);
	} else if (st.st_uid != owner)
		fatalx("%s: must be a directory of uid %u, found uid %u", dir,
		    (unsigned int)owner, (unsigned int)st.st_uid);
	if ((st.st_mode & S_IWOTH) != 0)
		fatalx("%s: others must not be able to write it", dir);
	return fd;
}

static bool
lock(int fd, int64_t patience_us)
{
	int64_t until = mono_us() + patience_us;

	while (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		if (mono_us() >= until)
			return false;
		poll(NULL, 0, PATIENCE_STEP_MS);
	}
	return true;
}

static void
lock_pidfile(struct pdhome *h, const char *file)
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
pdhome_take(struct pdhome *h, const struct pdconf *c)
{
	h->run_fd = open_run_dir(c->run_dir);
	lock_pidfile(h, c->pid_file);
	h->state_fd = open_state_dir(c->state_dir, &c->ranker_user);
	/* Two servers with a pid file each would share all the rest. */
	if (!lock(h->run_fd, 0)) {
		pdhome_leave(h);
		fatalx("%s: another policy server runs there", c->run_dir);
	}
	if (!lock(h->state_fd, PATIENCE_US)) {
		pdhome_leave(h);
		fatalx("%s: another policy server has it", c->state_dir);
	}
}

void
pdhome_ready(struct pdhome *h)
{
	if (pidfile_write(h->pidfile) == -1)
		log_warn("the pid file cannot be written");
}

void
pdhome_leave(struct pdhome *h)
{
	if (pidfile_remove(h->pidfile) == -1)
		log_warn("the pid file cannot be removed");
	close(h->run_fd);
	close(h->state_fd);
}
