/* Reads a whole regular file into memory; must not look at what is in it. */
#include "base/conf.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
open_regular(const char *path, bool private, struct stat *st)
{
	/* Non-blocking, or a fifo without a writer would hold us here. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int err = 0;

	if (fd == -1) /* ENXIO: a socket, or a device that is not there */
		return errno == ENXIO ? -EINVAL : -errno;
	if (fstat(fd, st) == -1)
		err = -errno;
	else if (!S_ISREG(st->st_mode))
		err = -EINVAL;
	else if (private && (st->st_mode & (S_IWGRP | S_IWOTH | S_IROTH)) != 0)
		err = -EPERM;
	if (err == 0)
		return fd;
	close(fd);
	return err;
}

/* Up to size bytes; the count or -errno. */
static ssize_t
read_all(int fd, char *out, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len < size) {
		n = read(fd, out + len, size - len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* One byte more than the file's size is asked for, to see it grow. */
static int
read_unchanged(int fd, const struct stat *before, char *out)
{
	struct stat after;
	ssize_t n = read_all(fd, out, (size_t)before->st_size + 1);

	if (n < 0)
		return (int)n;
	if (fstat(fd, &after) == -1)
		return -errno;
	if (n != before->st_size || !same_file(before, &after))
		return -ETXTBSY;
	out[n] = '\0';
	return 0;
}

int
conf_read_file(
    const char *path, size_t max, bool private, char **data, size_t *len)
{
	struct stat st = {0};
	size_t size;
	char *p;
	int fd, err;

	*data = NULL;
	*len = 0;
	fd = open_regular(path, private, &st);
	if (fd < 0)
		return fd;
	size = (size_t)st.st_size;
	p = size > max ? NULL : malloc(size + 1);
	err = size > max ? -EFBIG : -ENOMEM;
	if (p != NULL)
		err = read_unchanged(fd, &st, p);
	close(fd);
	if (err != 0) {
		if (p != NULL)
			explicit_bzero(p, size + 1);
		free(p);
		return err;
	}
	*data = p;
	*len = size;
	return 0;
}
