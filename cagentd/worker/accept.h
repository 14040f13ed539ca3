#ifndef CAGENTD_ACCEPT_H
#define CAGENTD_ACCEPT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "conf/settings.h"

/*
 * Take connections from the inherited listeners: pausing for a moment when
 * the process is out of fds or memory, and for as long as the owner holds it.
 * Waiting clients stay in the kernel's backlog; none is turned away.
 */
#define ACCEPT_PAUSE_US 50000

struct accept;
struct accept_listener;
union net_addr;
/* fd is the owner's.  peer: its address, lent; NULL: it is to be asked. */
typedef void accept_fn(struct accept *, int fd,
    const struct accept_listener *from, const union net_addr *peer);

struct accept_listener {
	struct accept *accept;
	struct op op;
	int fd;
	bool unix_socket;
	enum settings_listener kind;
};

struct accept {
	struct loop *loop;
	accept_fn *fn;
	void (*paused)(struct accept *); /* out of fds or memory: counted */
	struct accept_listener listeners[SETTINGS_LISTENERS_MAX];
	uint32_t listeners_n;
	bool held;
	struct op timer;
};

/* 0 or -ENOMEM; later pauses need no memory. */
int accept_init(struct accept *, struct loop *, accept_fn *,
    void (*paused)(struct accept *));
/* Listen on these instead of what was before; the fds are taken. */
void accept_set(struct accept *, const int *fds,
    const enum settings_listener *kinds, uint32_t n);
/* At the connection limit: stop taking, until it is let go. */
void accept_hold(struct accept *, bool hold);
/* As the configuration says, within what the fds allow: two a client, and
 * one more while two paths are tried. */
uint32_t accept_clients_max(const struct settings *, uint64_t fds);
/* Close the listeners. */
void accept_stop(struct accept *);

#endif
