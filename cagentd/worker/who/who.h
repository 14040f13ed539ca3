#ifndef CAGENTD_WHO_H
#define CAGENTD_WHO_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "cagentd/decide/classify.h"

/*
 * Who is asking [0032], as far as the kernel tells.
 *
 * On a unix socket: the uid that connected (SO_PEERCRED).  Over TCP from this
 * host: the uid of who opened the client's socket, and the control group it
 * did that in, by sock_diag; the answer is there when the question has been
 * sent, and takes 4 us.  It is asked only where the settings need it.
 * A client in another network namespace, and one that is gone already, is
 * unknown; so is everybody where the kernel's answer is anything but plain.
 *
 * A group's name stands in files, which a worker has none of: the master is
 * asked, once for each group, and the client waits for that, WHO_WAIT_US at
 * most.
 */
#define WHO_WAIT_US	 1000000
#define WHO_SERVICES_MAX 256
/* What has no name is asked again after so long. */
#define WHO_AGAIN_US 1000000

struct who_wait;
typedef void who_fn(struct who_wait *);

/* Of a client, in its owner's memory. */
struct who_wait {
	/* Set by the owner. */
	struct client *client; /* to be filled: source, uid, service */
	/* Its address; NULL: it is asked for.  Borrowed for who_start(). */
	const union net_addr *peer;
	who_fn *done;
	/* The stage's. */
	LIST_ENTRY(who_wait) entry;
	struct who *who; /* NULL: it does not wait */
	uint64_t cgroup;
	int64_t until_us;
};

struct who_service {
	uint64_t cgroup;  /* 0: a free place */
	int64_t again_us; /* INT64_MAX: what is known stays true */
	char name[CLIENT_SERVICE_MAX + 1];
};

struct who {
	struct loop *loop;
	int fd; /* netlink; -1: there is none */
	uint32_t seq;
	bool ask_uid, ask_service;
	void (*ask)(void *arg, uint64_t cgroup); /* the master; NULL: nobody */
	void *arg;
	LIST_HEAD(, who_wait) waits;
	struct op timer;
	uint32_t next; /* place to be given away */
	struct who_service known[WHO_SERVICES_MAX];
};

/* Before the sandbox, which lets no such socket be made.  0, or -errno and
 * nobody is known over TCP. */
int who_init(struct who *, struct loop *);
void who_fini(struct who *);
/* What is to be found out. */
void who_use(struct who *, const struct settings *);

/*
 * Fill wait->client for the connection fd; seen: its address as the client
 * sees it, where that is not fd's own (a connection that was redirected), or
 * NULL.  True: it is done.  False: done() comes later, not before this
 * returns, unless it is cancelled.
 */
bool who_start(struct who *, int fd, bool unix_socket,
    const union net_addr *seen, struct who_wait *wait);
void who_cancel(struct who_wait *); /* idempotent */

/* The master's answer: "" has no name. */
void who_answer(struct who *, uint64_t cgroup, const char *name);

#endif
