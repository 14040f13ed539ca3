#ifndef CAGENTD_CHILDREN_TELL_H
#define CAGENTD_CHILDREN_TELL_H

#include <stddef.h>
#include <stdint.h>

#include "cagentd/master/children.h"

/*
 * What the master says to its children.  One that cannot be told, because it
 * does not read, is killed; one whose channel is gone is about to be reaped,
 * and nothing is said to it.
 */

/* fd: -1 for none; stays the caller's. */
void children_tell(const struct children_one *, uint32_t type, const void *data,
    size_t len, int fd);
/* All that it may have, up to MSG_START. */
void children_provide(struct children_one *);
/* What a reload changes. */
void children_tell_conf(const struct children_one *);
/* The control process alone. */
void children_tell_identity(const struct children *);
void children_tell_listeners(const struct children_one *);
void children_tell_decisions(const struct children_one *);
/* A worker asks for a control group's service. */
void children_tell_service(struct children_one *, const struct chan_msg *);
/* n slabs from that worker's on. */
void children_tell_slabs(
    const struct children_one *, uint32_t first, uint32_t n);
/* A line to the resolver, and one to the verifier, for one that may have it
 * and has none, if both are there. */
void children_link(struct children_one *);

/* A new way to syslog for all, who cannot find it themselves. */
void children_tell_log(struct children *);

/* The control process is told of one child, or of all. */
void children_report(const struct children_one *);
void children_report_all(struct children *);
/* A line for the control process's log of events. */
void children_note(struct children *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* "worker 2", "control" into out; returns out. */
#define CHILDREN_NAME_MAX 32
const char *children_name(
    const struct children_one *, char out[CHILDREN_NAME_MAX]);

#endif
