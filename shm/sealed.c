/* Owns how memory for several processes is made and mapped; not what is in
 * it. */
#include "shm/sealed.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static int
put(int fd, const void *data, size_t len)
{
	ssize_t n = pwrite(fd, data, len, 0);

	if (n == (ssize_t)len)
		return 0;
	return n == -1 ? -errno : -EIO;
}

static int
init(int fd, size_t size, const void *head, size_t head_len)
{
	int error;

	/* A memfd starts with mode 0777, and then whoever holds the read-only
	 * fd could reopen it for writing through /proc. */
	if (fchmod(fd, 0600) == -1 || ftruncate(fd, (off_t)size) == -1)
		return -errno;
	error = put(fd, head, head_len);
	if (error != 0)
		return error;
	return fcntl(fd, F_ADD_SEALS, SEALS) == -1 ? -errno : 0;
}

int
sealed_create(const char *name, size_t size, const void *head, size_t head_len,
    int *ro_fd)
{
	char path[32];
	int error, fd, ro;

	fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1)
		return -errno;
	error = init(fd, size, head, head_len);
	if (error == 0) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		ro = open(path, O_RDONLY | O_CLOEXEC);
		if (ro != -1) {
			*ro_fd = ro;
			return fd;
		}
		error = -errno;
	}
	close(fd);
	return error;
}

int
sealed_map(int fd, size_t size, bool writable, void **out)
{
	off_t has;
	int seals;
	void *p;

	*out = NULL;
	/* Not fstat(), which is a call with a path: a sandboxed process that
	 * maps after a reload has none of those. */
	has = lseek(fd, 0, SEEK_END);
	if (has == -1)
		return errno == ESPIPE ? -EPROTO : -errno;
	seals = fcntl(fd, F_GET_SEALS);
	if (seals == -1 || (seals & SEALS) != SEALS || has != (off_t)size)
		return -EPROTO;
	p = mmap(NULL, size, PROT_READ | (writable ? PROT_WRITE : 0),
	    MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	*out = p;
	return 0;
}
