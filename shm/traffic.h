#ifndef SHM_TRAFFIC_H
#define SHM_TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/history.h"
#include "shm/pace.h"

/*
 * What all workers write: what they know together of tunnels that have ended,
 * and how much of the link was taken.  A worker that was taken over can write
 * rubbish here, and with that disturb in which class tunnels begin and who is
 * served when; whoever reads takes it for hostile.  A sealed memfd, made once
 * and kept over restarts and reloads.
 */
#define TRAFFIC_MAGIC  0x5446524331ull
#define TRAFFIC_LAYOUT 2

struct traffic {
	uint64_t magic;
	uint64_t layout;
	struct history history;
	struct pace_state pace;
};

/* A sealed memfd that holds an empty one; fd (read-write) or -errno.  *ro_fd:
 * the same, opened for reading only. */
int traffic_create(const uint8_t key[static HISTORY_KEY_LEN], int *ro_fd);
/* Map it; 0, -errno, or -EPROTO when it is none of ours. */
int traffic_map(int fd, bool writable, struct traffic **);
void traffic_unmap(struct traffic *); /* NULL allowed */

#endif
