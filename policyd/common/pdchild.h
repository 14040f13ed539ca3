#ifndef POLICYD_PDCHILD_H
#define POLICYD_PDCHILD_H

#include <stdint.h>

#include "base/chan.h"
#include "base/loop.h"
#include "policyd/common/pdconf.h"
#include "policyd/common/pdproc.h"

/*
 * What every child of the master does alike: receive what it may have, drop
 * what it may not do, say that it is ready and then that it is alive.  (The
 * agent's are in cagentd/common/child.h.)
 */
#define PDCHILD_LOGINS_MAX MANAGE_ROWS_MAX
#define PDCHILD_SECRET_LEN 64

struct pdchild_login {
	char name[MANAGE_NAME_MAX + 1];
	char username[256];
	char password[256];
};

struct pdchild_start {
	struct pdconf *conf; /* the child's reference */
	/* sodium_malloc()ed PDCHILD_SECRET_LEN bytes, the child's.  Signer: the
	 * rank key's seed and public key; collector: the sealing secret and
	 * public key; NULL for others. */
	uint8_t *secret;
	uint8_t *root; /* ranker: a signed root, malloc; NULL for others */
	size_t root_len;
	int listeners[CHAN_FDS_MAX];
	uint32_t listeners_n;
	int control_fd;		      /* -1: not given */
	int lines[PDPROC_COUNT];      /* channels to other roles, by role; -1 */
	struct pdchild_login *logins; /* sodium_malloc()ed; NULL: none */
	uint32_t logins_n;
	uint32_t sandbox; /* bits reached, after pdchild_join() */
};

/* Wait for the master's messages up to PDMSG_START, and read what only this
 * role may have.  Anything but success is fatal(): there is nobody else to
 * tell. */
void pdchild_receive(enum pdproc_role, struct pdchild_start *);

struct pdchild {
	struct loop *loop;
	struct chan *chan; /* to the master */
	struct op alive;
	enum pdproc_role role;
	/*
	 * A channel to another role, now or later, in the place of one that
	 * has closed: the fd is taken.  Also PDMSG_DRAIN, of which nothing is
	 * passed on, stops the loop, and the master's end does.
	 */
	void (*line)(void *arg, enum pdproc_role peer, int fd);
	void *arg;
};

/*
 * Drop rights and open the channel.  line() is called for each of
 * start->lines before this returns.  In between a child may open what needs
 * no right any more; then it says that it is ready, and goes on saying that it
 * is alive.
 */
void pdchild_join(
    struct pdchild *, enum pdproc_role, struct loop *, struct pdchild_start *);
void pdchild_ready(struct pdchild *, const struct pdchild_start *);
/* The channel alone; the loop is the caller's. */
void pdchild_free(struct pdchild *);

/* Where the store is, as seen from the ranker and the page after
 * pdchild_join(); out holds PDCHILD_STORE_MAX. */
#define PDCHILD_STORE_MAX (PDCONF_PATH_MAX + 32)
const char *pdchild_store_path(
    const struct pdchild_start *, char out[PDCHILD_STORE_MAX]);

#endif
