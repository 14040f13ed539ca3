/* Owns which memory of others a worker has mapped; reads none of it. */
#include "cagentd/worker/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cagentd/roles.h"

static void
map_slab(struct memory *m, uint32_t i, int fd)
{
	int error;

	slab_unmap(m->slabs[i]);
	m->slabs[i] = NULL;
	error = slab_map(fd, i == m->index, &m->slabs[i]);
	close(fd);
	if (error == 0)
		return;
	/* Another's is its own affair: its tunnels go uncounted here. */
	log_warnx("slab %u: %s", i, strerror(-error));
	if (i == m->index && error == -EPROTO)
		exit(ROLES_EXIT_SLAB);
}

/* Tunnels can do without. */
static void
map_traffic(struct memory *m, int fd)
{
	int error = fd != -1 ? traffic_map(fd, true, &m->traffic) : -ENOENT;

	if (error != 0)
		log_warnx("what all workers know: %s", strerror(-error));
	if (fd != -1)
		close(fd);
}

void
memory_map(struct memory *m, uint32_t index, const struct child_start *start)
{
	uint32_t i;

	m->index = index;
	for (i = 0; i < SETTINGS_WORKERS_MAX; i++) {
		if (start->slab_fds[i] != -1)
			map_slab(m, i, start->slab_fds[i]);
	}
	map_traffic(m, start->traffic_fd);
}

void
memory_take_slabs(struct memory *m, const struct chan_msg *msg)
{
	uint32_t first, i;

	if (child_first_worker(msg, &first) != 0)
		return;
	for (i = 0; i < msg->fds_n; i++) {
		if (first + i == m->index)
			continue; /* for our successor */
		map_slab(m, first + i, msg->fds[i]);
		msg->fds[i] = -1;
	}
}

void
memory_unmap(struct memory *m)
{
	uint32_t i;

	for (i = 0; i < SETTINGS_WORKERS_MAX; i++)
		slab_unmap(m->slabs[i]);
	traffic_unmap(m->traffic);
}
