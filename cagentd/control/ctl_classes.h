#ifndef CAGENTD_CTL_CLASSES_H
#define CAGENTD_CTL_CLASSES_H

#include <stddef.h>

struct settings;

/* Why a tunnel is of its class (enum slab_class_why): "default", "rule",
 * "history", "behaviour"; "" for any other number. */
const char *ctl_class_why(unsigned int why);
/* The name of a class; "class 9" for one that is not configured any more.
 * returns out, or borrowed from the settings. */
#define CTL_CLASS_LEN 16
const char *ctl_class_name(const struct settings *, unsigned int class,
    char out[static CTL_CLASS_LEN]);

#endif
