#ifndef POLICYD_PDLISTEN_H
#define POLICYD_PDLISTEN_H

#include <stdbool.h>
#include <stdint.h>

#include "policyd/common/pdconf.h"

/* The listeners that the master keeps open while its children come and go. */
struct pdlistener {
	union net_addr addr; /* as configured; port 0 stays 0 */
	int fd;
	bool said;
};
struct pdlisten {
	struct pdlistener at[PDCONF_LISTENERS_MAX];
	uint32_t n;
};

/*
 * What the addresses want, in *next: those that are open in l stay open, the
 * others are opened, all or nothing.  patience_us: mono_us() until which an
 * address in use may still come free.  0, or -errno with *which the one that
 * failed.
 */
struct pdlisten_want {
	const union net_addr *addrs;
	uint32_t n;
	int64_t patience_us;
};
int pdlisten_prepare(const struct pdlisten *l, const struct pdlisten_want *,
    struct pdlisten *next, const union net_addr **which);
/* next takes the place of l: what only that has is closed. */
void pdlisten_use(struct pdlisten *l, const struct pdlisten *next);
/* next is not to be: what only that has is closed. */
void pdlisten_drop(const struct pdlisten *l, const struct pdlisten *next);

/* Log "BEFORE ADDRESS AFTER" of each, once. */
void pdlisten_say(struct pdlisten *, const char *before, const char *after);

/* The control socket in the run directory, for the ranker's group; fatal()
 * with what is wrong.  *was_there: one of a master that was killed. */
int pdlisten_control(const struct pdconf *, bool *was_there);
void pdlisten_control_remove(const struct pdconf *);

#endif
