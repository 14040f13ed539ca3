/* Owns making the tier table's file; never truncates one that may be mapped. */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shm/table_layout.h"

#define OPEN_FLAGS (O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)

static bool
file_ours(int fd)
{
	uint64_t want[TABLE_HEAD_WORDS], got[TABLE_HEAD_WORDS];
	struct stat st;

	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) || st.st_nlink != 1 ||
	    st.st_uid != geteuid() || st.st_size != (off_t)table_size())
		return false;
	table_head(want);
	return pread(fd, got, sizeof(got), 0) == (ssize_t)sizeof(got) &&
	       memcmp(got, want, sizeof(got)) == 0;
}

/* The file that is there, if it can be taken over; -1 if not. */
static int
file_take(const char *path, unsigned int mode)
{
	int fd = open(path, OPEN_FLAGS);

	if (fd == -1)
		return -1;
	if (file_ours(fd) && fchmod(fd, (mode_t)mode) == 0)
		return fd;
	close(fd);
	return -1;
}

static int
file_fill(int fd, unsigned int mode)
{
	uint64_t head[TABLE_HEAD_WORDS];
	ssize_t n;
	int r;

	/* Taking the blocks now makes a full disk an error here and not a
	 * SIGBUS at some later publication. */
	r = posix_fallocate(fd, 0, (off_t)table_size());
	if (r != 0)
		return -r;
	table_head(head);
	n = pwrite(fd, head, sizeof(head), 0);
	if (n != (ssize_t)sizeof(head))
		return n == -1 ? -errno : -EIO;
	/* open() took the umask off. */
	return fchmod(fd, (mode_t)mode) == -1 ? -errno : 0;
}

/* A whole file takes path's place in one step; those who have mapped the old
 * one keep it. */
static int
file_new(const char *path, unsigned int mode)
{
	char tmp[PATH_MAX];
	int fd, r;

	r = snprintf(tmp, sizeof(tmp), "%s.new", path);
	if (r < 0 || (size_t)r >= sizeof(tmp))
		return -ENAMETOOLONG;
	/* One that an earlier run left when it was killed here. */
	if (unlink(tmp) == -1 && errno != ENOENT)
		return -errno;
	fd = open(tmp, OPEN_FLAGS | O_CREAT | O_EXCL, 0600);
	if (fd == -1)
		return -errno;
	r = file_fill(fd, mode);
	if (r == 0 && rename(tmp, path) == -1)
		r = -errno;
	if (r < 0) {
		unlink(tmp);
		close(fd);
		return r;
	}
	return fd;
}

int
table_create(const char *path, unsigned int mode)
{
	int fd = file_take(path, mode);

	return fd >= 0 ? fd : file_new(path, mode);
}
