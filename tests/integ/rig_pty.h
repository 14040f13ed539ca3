#ifndef TESTS_INTEG_RIG_PTY_H
#define TESTS_INTEG_RIG_PTY_H

#include <termios.h>

#include "tests/integ/rig_proc.h"

/*
 * A program on a terminal of its own, and the person before it: what it says
 * is read, and keys are pressed.
 */
#define RIG_PTY_SEEN_MAX 262144

struct rig_pty {
	pid_t pid;
	int master, slave, pidfd;
	struct termios was; /* before the program */
	size_t len;
	char seen[RIG_PTY_SEEN_MAX + 1]; /* since the last keys */
};

struct rig_pty_start {
	const char *const *argv; /* NULL-terminated */
	const char *term;	 /* $TERM */
	unsigned short rows, cols;
};

void rig_pty_start(struct rig_pty *, const struct rig_pty_start *);
/* Press keys; what was seen is forgotten. */
void rig_pty_press(struct rig_pty *, const char *keys);
/* Wait until it says that; again (or NULL) are keys that make it say all once
 * more, pressed now and then.  Fails the case at the deadline. */
void rig_pty_see(
    struct rig_pty *, const char *text, const char *again, int timeout_ms);
/* Another size, which it is told of. */
void rig_pty_resize(struct rig_pty *, unsigned short rows, unsigned short cols);
/* Its exit code, or -signal; -1000 when it has to be killed.  The case fails
 * unless the terminal is as it was. */
int rig_pty_end(struct rig_pty *, int timeout_ms);

#endif
