#ifndef CAGENTD_CLASS_PLAN_H
#define CAGENTD_CLASS_PLAN_H

#include "conf/settings.h"
#include "shm/pace.h"
#include "shm/slab.h"

/* What the configuration says of classes and the link, as those go by it who
 * move bytes. */
void class_plan(const struct settings *, struct pace_plan *out);
/* And what counts classes: which name each has. */
void class_names(const struct settings *, struct slab *);

#endif
