#ifndef CAGENTD_REPLAY_H
#define CAGENTD_REPLAY_H

/*
 * `cagentd -r FILE`: make every choice of a record of decisions again, and say
 * on stdout whether each comes to the same.
 *
 * What is broken is passed over and counted: half a record stands where a
 * worker was killed while it wrote, or where the file was cut.
 *
 * returns the exit status: 0 all are the same; 1 one differs, or has lost its
 * table; 2 the file cannot be read, or is no record of decisions.
 */
int replay_main(const char *path);

#endif
