#ifndef CAGENTD_ROLES_H
#define CAGENTD_ROLES_H

#include <stdbool.h>
#include <stdint.h>

/* The mains of the roles; each returns the process's exit status. */

struct master_options {
	const char *path; /* the configuration */
	bool detach;
};
int master_main(const struct master_options *);

int worker_main(uint32_t index);
int control_main(void);
int resolver_main(void);
int verifier_main(void);

/* Of a worker whose own slab is none: the master gives its successor a new
 * one. */
#define ROLES_EXIT_SLAB 3

#endif
