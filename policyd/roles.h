#ifndef POLICYD_ROLES_H
#define POLICYD_ROLES_H

#include <stdbool.h>

/* What each process of the daemon does until it ends: an exit status. */

struct serve_options {
	const char *path; /* of the configuration, absolute */
	bool detach;
};
int pdmaster_main(const struct serve_options *);

int collector_main(void);
int prober_main(void);
int ranker_main(void);
int signer_main(void);
int page_main(void);

#endif
