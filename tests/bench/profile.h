#ifndef TESTS_BENCH_PROFILE_H
#define TESTS_BENCH_PROFILE_H

#include <sys/types.h>

#include <stdbool.h>

#include "tests/integ/rig_proc.h"

/*
 * Where a process spends its time while it is measured: with BENCH_PROFILE in
 * the environment and perf(1) on the machine.  What is measured meanwhile is
 * not what it would be without.
 */
struct profile {
	struct rig_proc perf;
	char path[RIG_PATH_MAX]; /* of its data */
};

bool profile_wanted(void);
/* False: there is no perf here, which is noted. */
bool profile_start(struct profile *, pid_t);
/* Print what it was in most, the kernel's and its own, each line behind
 * "  | ". */
void profile_end(struct profile *, const char *what);

#endif
