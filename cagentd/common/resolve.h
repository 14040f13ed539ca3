#ifndef CAGENTD_RESOLVE_H
#define CAGENTD_RESOLVE_H

#include <sys/queue.h>

#include <stdint.h>

#include "base/net.h"
#include "cagentd/common/msg.h"

struct loop;

/*
 * A worker's or the control process's line to the resolver process.  Questions outlive a resolver that
 * dies: they are asked again when the next one is attached.  Answers come by
 * callback, never before resolve_start() has returned; a question has no
 * deadline of its own, its owner cancels it.
 */
struct resolve;
struct resolve_query;
typedef void resolve_fn(struct resolve_query *, const struct msg_resolved *);

/* Embedded by its owner; zeroed before first use. */
struct resolve_query {
	LIST_ENTRY(resolve_query) entry;
	resolve_fn *fn; /* NULL: not under way */
	uint64_t id;
	char name[NET_HOST_MAX + 1];
};

/* Questions under way at once in one process. */
#define RESOLVE_PENDING_MAX 4096

int resolve_new(struct resolve **, struct loop *);
void resolve_free(struct resolve *); /* NULL allowed */
/* fd: the channel between us, of that role, and a (new) resolver; owned from
 * here on.  0 or -errno. */
int resolve_attach(struct resolve *, enum proc_role, int fd);
/* 0, -ENOBUFS (too many under way), -EINVAL (no valid name). */
int resolve_start(
    struct resolve *, struct resolve_query *, const char *name, resolve_fn *);
void resolve_cancel(struct resolve *, struct resolve_query *);

#endif
