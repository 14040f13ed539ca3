/* Whole runs of bytes, short reads, errors. */
#include <sys/mman.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fdio.h"
#include "tests/unit/unit.h"

static void
in_and_out(void)
{
	int fd = memfd_create("file", MFD_CLOEXEC);
	char out[16] = "";

	CHECK_INT(fdio_save(fd, "hello ", 6), 0);
	CHECK_INT(fdio_save(fd, "world", 5), 0);
	CHECK_INT(fdio_pwrite(fd, 1, "E", 1), 0);
	CHECK_INT(fdio_pread(fd, 0, out, sizeof(out)), 11);
	CHECK_STR(out, "hEllo world");
	memset(out, 0, sizeof(out));
	CHECK_INT(fdio_pread(fd, 6, out, 3), 3);
	CHECK_STR(out, "wor");
	CHECK_INT(fdio_pread(fd, 11, out, 3), 0);
	CHECK_INT(fdio_pread(fd, 100, out, 3), 0);
	CHECK_INT(fdio_pwrite(fd, 20, "end", 3), 0);
	CHECK_INT(lseek(fd, 0, SEEK_END), 23);
	CHECK_INT(fdio_save(fd, "", 0), 0);
	close(fd);
}

static void
errors(void)
{
	int fds[2];
	char out[4];

	CHECK_INT(fdio_save(-1, "x", 1), -EBADF);
	CHECK_INT(fdio_pwrite(-1, 0, "x", 1), -EBADF);
	CHECK_INT(fdio_pread(-1, 0, out, 1), -EBADF);
	CHECK_INT(pipe(fds), 0);
	/* What cannot be on a disk is not saved. */
	CHECK_INT(fdio_save(fds[1], "x", 1), -EINVAL);
	CHECK_INT(fdio_pread(fds[0], 0, out, 1), -ESPIPE);
	close(fds[0]);
	close(fds[1]);
}

static const struct unit_case cases[] = {
    {"in and out", in_and_out},
    {"errors", errors},
};

UNIT_MAIN("fdio", cases)
