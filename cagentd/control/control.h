#ifndef CAGENTD_CONTROL_H
#define CAGENTD_CONTROL_H

#include <stdint.h>

#include "cagentd/common/procs.h"
#include "cagentd/control/events.h"
#include "cagentd/control/policy.h"
#include "cagentd/control/ranking.h"
#include "conf/settings.h"

struct links;

/*
 * What the control process knows, for those who answer cagent-ctl from it:
 * to be read, and changed only through ranking_drain(), ranking_pin() and
 * policy_take().
 */
struct control {
	struct loop *loop;
	struct settings *settings;
	struct ranking ranking;
	struct events events;
	struct policy policy;
	struct links *links; /* to managers; read by who answers cagent-ctl */
	/* Have the policy that is held put in force. */
	void (*apply_policy)(struct control *);
	/* The same of its ranking, which may be none any more. */
	void (*apply_ranks)(struct control *);
	/* As the master told; role ROLE_MASTER: not told yet. */
	struct proc_child children[PROCS_CHILDREN_MAX];
	uint32_t sandbox;   /* our own bits */
	int64_t started_us; /* wall clock */
	uid_t started_as;   /* whom: root has changed to its role's user */
};

#endif
