#ifndef CAGENTD_SHARED_H
#define CAGENTD_SHARED_H

#include <stdbool.h>
#include <stdint.h>

#include "cagentd/settings.h"

/*
 * What the master makes once and hands out: the run directory with the tier
 * table and cagent-ctl's socket, the slabs, the listeners, the sealed
 * configuration.  It maps none of it and reads none of it.
 */
struct shared_listener {
	union net_addr addr; /* as configured; port 0 stays 0 */
	int fd;
};

struct shared {
	int table_rw, table_ro;
	int control_socket;
	int wake;
	int conf;	/* sealed, with secrets */
	int conf_plain; /* without */
	int slab_rw[SETTINGS_WORKERS_MAX];
	int slab_ro[SETTINGS_WORKERS_MAX];
	struct shared_listener listeners[SETTINGS_LISTENERS_MAX];
	uint32_t listeners_n;
};

/* All but listeners, configuration and slabs; fatal() with what is wrong. */
void shared_init(struct shared *, const struct settings *);
/* The slabs of all workers that s wants, where not there yet.  0 or -errno. */
int shared_slabs(struct shared *, const struct settings *s);
/* Open what s wants and close what it no longer does; all or nothing.
 * 0, or -errno with *which the address that failed. */
int shared_listen(
    struct shared *, const struct settings *s, const union net_addr **which);
void shared_unlisten(struct shared *);
/* Seal the configuration; the earlier one is closed.  0 or -errno. */
int shared_seal(struct shared *, const struct bundle *);

/* Names under the run directory; out holds SHARED_PATH_MAX bytes. */
#define SHARED_PATH_MAX 128
const char *shared_path(
    const struct settings *, const char *name, char out[SHARED_PATH_MAX]);
#define SHARED_TABLE   "tiers"
#define SHARED_CONTROL "control"
#define SHARED_PID     "cagentd.pid"

#endif
