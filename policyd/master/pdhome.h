#ifndef POLICYD_PDHOME_H
#define POLICYD_PDHOME_H

struct pdconf;
struct pidfh;

/*
 * The server's places in the file system: the run directory and the state
 * directory, each held so that no second server uses it, and the pid file.
 */
struct pdhome {
	int run_fd;
	/* Locked; the ranker has it too, so that a store has one writer though
	 * a master was killed. */
	int state_fd;
	struct pidfh *pidfile;
};

/* Make and take all; fatal() with who has them or what is wrong. */
void pdhome_take(struct pdhome *, const struct pdconf *);
/* The pid file names this process from here on. */
void pdhome_ready(struct pdhome *);
/* The pid file goes, the directories stay. */
void pdhome_leave(struct pdhome *);

#endif
