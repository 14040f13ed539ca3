#ifndef CAGENTD_CONTROL_H
#define CAGENTD_CONTROL_H

#include <stdint.h>

#include "cagentd/common/procs.h"
#include "cagentd/control/events.h"
#include "cagentd/control/ranking.h"
#include "conf/settings.h"

/*
 * What the control process knows, for those who answer cagent-ctl from it:
 * to be read, and changed only through ranking_drain() and ranking_pin().
 */
struct control {
	struct loop *loop;
	struct settings *settings;
	struct ranking ranking;
	struct events events;
	/* As the master told; role ROLE_MASTER: not told yet. */
	struct proc_child children[PROCS_CHILDREN_MAX];
	uint32_t sandbox;   /* our own bits */
	int64_t started_us; /* wall clock */
};

#endif
