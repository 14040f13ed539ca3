#ifndef CAGENTD_LOGIN_H
#define CAGENTD_LOGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "cagentd/decide/classify.h"

struct loop;
struct settings;

/*
 * A worker's logins: asks the verifying process whether a password is its
 * user's, remembers for a while what was right (by a keyed hash, never the
 * password), and makes guessing slow: each failure of a source (the uid that
 * the kernel tells, else the address, of IPv6 its /64) delays the next answer
 * more, and after LOGIN_FAILURES_MAX within LOGIN_WINDOW_US nobody is asked on
 * its behalf until the window is over.  What is remembered is not affected.
 *
 * Questions outlive a verifier that dies.  They have no deadline of their own:
 * their owner cancels them.
 */
struct logins;
struct login;

enum login_answer {
	LOGIN_RIGHT,
	LOGIN_WRONG, /* or refused for its source's failures: no difference */
	LOGIN_BUSY,  /* nobody could look: too many wait already */
	LOGIN_LATER  /* the callback will say */
};
/* Once, with anything but LOGIN_LATER; the login is gone by then. */
typedef void login_fn(void *arg, enum login_answer);

#define LOGIN_WAITING_MAX  256 /* of one worker, asked or not yet */
#define LOGIN_ASKED_MAX	   4   /* of those, by now: the next in turn follow */
#define LOGIN_FAILURES_MAX 10
#define LOGIN_WINDOW_US	   60000000
#define LOGIN_DELAY_US	   250000 /* after the first failure; then doubled */
#define LOGIN_DELAY_MAX_US 4000000

/* Does this client have to show a password?  MAY: what it shows is looked at,
 * and a wrong one refused. */
enum login_need {
	LOGIN_NONE, /* there is no users file: what it shows means nothing */
	LOGIN_MAY,  /* on a unix socket, or in login-exempt */
	LOGIN_MUST
};
enum login_need login_need(const struct settings *, const struct client *);

/* Who says that he is whom; all borrowed for the call. */
struct login_claim {
	const struct client *client; /* has_uid, uid and source count */
	const char *user, *password;
};

/*
 * At once where it is remembered, or nobody will look; else LOGIN_LATER, with
 * *under_way to be cancelled by its owner, who forgets it when fn is called.
 * After LOGIN_RIGHT the user's name fits into client.login.
 */
enum login_answer login_check(struct logins *, const struct login_claim *,
    login_fn *fn, void *arg, struct login **under_way);
void login_cancel(struct login *); /* NULL allowed; no callback after it */

/* 0 or -ENOMEM. */
int logins_new(struct logins **, struct loop *);
void logins_free(struct logins *); /* NULL allowed; nothing under way */
/* From here on by these; another users file, and what was remembered is
 * forgotten. */
void logins_use(struct logins *, const struct settings *);
/* fd: the channel to a (new) verifier; owned from here on.  0 or -errno. */
int logins_attach(struct logins *, int fd);

#endif
