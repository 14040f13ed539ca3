/* Reads and writes whole runs of bytes; opens nothing. */
#include "base/fdio.h"

#include <errno.h>
#include <unistd.h>

int
fdio_save(int fd, const void *data, size_t len)
{
	const char *p = data;
	ssize_t n;

	while (len > 0) {
		n = write(fd, p, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return fsync(fd) == -1 ? -errno : 0;
}

int
fdio_pwrite(int fd, off_t at, const void *data, size_t len)
{
	const char *p = data;
	ssize_t n;

	while (len > 0) {
		n = pwrite(fd, p, len, at);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -errno;
		p += n;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

ssize_t
fdio_pread(int fd, off_t at, void *out, size_t len)
{
	char *p = out;
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = pread(fd, p + done, len - done, at + (off_t)done);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}
