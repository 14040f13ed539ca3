#ifndef BASE_FDIO_H
#define BASE_FDIO_H

#include <sys/types.h>

#include <stddef.h>

/*
 * Whole runs of bytes into and out of regular files: what a signal has
 * interrupted or the kernel cut short goes on.
 */

/* At the file's position, and on the disk when it returns: 0 or -errno. */
int fdio_save(int fd, const void *data, size_t len);
/* Anywhere, and not on the disk before somebody syncs it: 0 or -errno. */
int fdio_pwrite(int fd, off_t at, const void *data, size_t len);

/* Up to the end of the file: how many, or -errno. */
ssize_t fdio_pread(int fd, off_t at, void *out, size_t len);

#endif
