/* Owns the layout of what all workers write: making and mapping it. */
#include "shm/traffic.h"

#include <sys/mman.h>

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "shm/sealed.h"

struct head {
	uint64_t magic, layout;
	uint8_t key[HISTORY_KEY_LEN];
};

static_assert(
    offsetof(struct traffic, history.key) == offsetof(struct head, key),
    "the key is part of the head");

int
traffic_create(const uint8_t key[static HISTORY_KEY_LEN], int *ro_fd)
{
	struct head head = {TRAFFIC_MAGIC, TRAFFIC_LAYOUT, {0}};

	memcpy(head.key, key, sizeof(head.key));
	return sealed_create("cagent-traffic", sizeof(struct traffic), &head,
	    sizeof(head), ro_fd);
}

int
traffic_map(int fd, bool writable, struct traffic **out)
{
	void *p;
	int error = sealed_map(fd, sizeof(struct traffic), writable, &p);

	*out = p;
	if (error != 0)
		return error;
	if ((*out)->magic == TRAFFIC_MAGIC && (*out)->layout == TRAFFIC_LAYOUT)
		return 0;
	traffic_unmap(*out);
	*out = NULL;
	return -EPROTO;
}

void
traffic_unmap(struct traffic *t)
{
	if (t != NULL)
		munmap(t, sizeof(*t));
}
