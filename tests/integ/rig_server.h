#ifndef TESTS_INTEG_RIG_SERVER_H
#define TESTS_INTEG_RIG_SERVER_H

#include <sys/queue.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/integ/rig.h"

/*
 * A TCP server in a thread of the case: one listener, one epoll, one step
 * function that is asked what to do next with a connection.  Origins and bad
 * intermediaries are step functions.
 */
#define RIG_LINK_IN_MAX 16384

struct rig_server;

struct rig_link {
	LIST_ENTRY(rig_link) entry;
	struct rig_server *server;
	int fd;
	unsigned int wants;
	int64_t due_ms; /* the step is called at that time too; 0: never */
	/* The step's own: */
	int state;
	uint64_t got;  /* bytes of the body received */
	uint64_t put;  /* bytes sent of what is being sent */
	uint64_t size; /* of what is being sent */
	bool fin;      /* the peer has finished */
	int file;      /* being sent; -1 none */
	size_t in_len;
	uint8_t in[RIG_LINK_IN_MAX];
};

enum {
	RIG_WANT_IN = 1,
	RIG_WANT_OUT = 2,
	RIG_CLOSE = 4,
	RIG_RESET = 8
};

/* Called on accept, and whenever what it asked for has come about.  Returns
 * RIG_WANT_ flags, or RIG_CLOSE or RIG_RESET. */
typedef unsigned int rig_step(struct rig_link *);

struct rig_server {
	const char *address; /* borrowed */
	uint16_t port;	     /* chosen when 0 */
	rig_step *step;
	int kind;	 /* the step's own */
	const char *dir; /* borrowed; files to serve */
	uint64_t size;	 /* of transfers */
	int delay_ms;	 /* RIG_ORIGIN_HTTP: thinks so long, in 10 ms */
	int backlog;	 /* 0: plenty */
	bool lenient;	 /* errors are expected and fail nothing */

	pthread_t thread;
	int listener, epoll, stop;
	LIST_HEAD(, rig_link) links;
	atomic_uint accepted, served, open;
	atomic_uint errors;
	char error[200]; /* the first; read after rig_server_stop() */
};

/* address, step and the step's own fields are set.  Ends the case when it
 * cannot start. */
void rig_server_start(struct rig_server *);
/* Ends all its connections; fails the case if errors were seen. */
void rig_server_stop(struct rig_server *);
/* Wait until that many were served to the end: false at the deadline.  A
 * client may be through before the server has read its end. */
bool rig_server_served(struct rig_server *, unsigned int n, int timeout_ms);
/* From a step: something that must not happen. */
void rig_server_error(struct rig_server *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* For steps.  Bytes moved, 0: would block (or: end, then link->fin is set),
 * -1: the connection is broken. */
long rig_link_read(struct rig_link *, uint8_t *out, size_t cap);
long rig_link_write(struct rig_link *, const uint8_t *in, size_t len);
/* Collect into link->in until what stands there ends a head (an empty line):
 * its length, 0 for more, -1 for an end or a head too long. */
long rig_link_read_head(struct rig_link *);

#endif
