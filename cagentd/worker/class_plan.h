#ifndef CAGENTD_CLASS_PLAN_H
#define CAGENTD_CLASS_PLAN_H

#include "conf/settings.h"
#include "shm/pace.h"

/* What the configuration says of classes and the link, as those go by it who
 * move bytes. */
void class_plan(const struct settings *, struct pace_plan *out);

#endif
