#ifndef CAGENTD_HOME_H
#define CAGENTD_HOME_H

#include <stddef.h>

struct settings;
struct pidfh;

/*
 * The master's place in the file system: the run directory, held so that no
 * second agent uses it, and the pid file.
 */
struct home {
	int dir_fd;
	struct pidfh *pidfile;
};

/* Started by root: the users that the children become are there, and are not
 * root; else fatal(). */
void home_users(const struct settings *);
/* So is the verifier's, if there is to be one: 0, or -1 with why not. */
int home_verifier(const struct settings *, char *why, size_t size);
/* Make and take both; fatal() with who has them or what is wrong. */
void home_take(struct home *, const struct settings *);
/* The pid file names this process from here on. */
void home_ready(struct home *);
/* The pid file goes, the directory stays. */
void home_leave(struct home *);

#endif
