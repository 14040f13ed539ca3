#ifndef POLICYD_PDACCEPT_H
#define POLICYD_PDACCEPT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "policyd/common/pdconf.h"

/*
 * Take connections from the inherited listeners: pausing for a moment when
 * the process is out of fds or memory, and for as long as the owner holds it.
 * Who waits stays in the kernel's backlog.
 */
#define PDACCEPT_PAUSE_US 50000

struct pdaccept;
struct pdaccept_listener {
	struct pdaccept *accept;
	struct op op;
	int fd;
};

struct pdaccept {
	struct loop *loop;
	void (*fn)(struct pdaccept *, int fd); /* fd is the owner's */
	struct pdaccept_listener listeners[PDCONF_LISTENERS_MAX];
	uint32_t listeners_n;
	bool held;
	struct op timer; /* always armed, so that a pause needs no memory */
};

/* The fds are taken.  0 or -ENOMEM. */
int pdaccept_start(struct pdaccept *, struct loop *, const int *fds, uint32_t n,
    void (*fn)(struct pdaccept *, int fd));
void pdaccept_hold(struct pdaccept *, bool hold);
/* Close the listeners. */
void pdaccept_stop(struct pdaccept *);

#endif
