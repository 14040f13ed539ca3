#ifndef SHM_SEALED_H
#define SHM_SEALED_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Memory that several processes map: a memfd whose size is sealed, so that
 * nobody can shrink it under a reader, and a second descriptor by which it can
 * be read alone.
 */

/* Zeroed memory that begins with head; the descriptor to write by, or -errno.
 * *ro_fd: the one to read by. */
int sealed_create(const char *name, size_t size, const void *head,
    size_t head_len, int *ro_fd);
/* Map it: 0, -errno, or -EPROTO when it is not sealed or of another size. */
int sealed_map(int fd, size_t size, bool writable, void **);

#endif
