#ifndef CAGENT_CTL_TOP_H
#define CAGENT_CTL_TOP_H

#include <stdint.h>

#include "cagent-ctl/top/top_model.h"
#include "cagent-ctl/top/top_pick.h"
#include "cagent-ctl/top/top_view.h"

struct call;

#define TOP_INTERVAL_US	    1000000 /* when not said */
#define TOP_INTERVAL_MIN_US 100000
#define TOP_INTERVAL_MAX_US (3600 * 1000000ll)

/* What is to be seen, as the command line says; strings borrowed from it. */
struct top_wish {
	enum top_view view;
	struct top_order order[TOP_VIEWS];
	struct top_filter filter;
	int64_t interval_us;
	int64_t limit; /* rows of a view; -1: all */
};

/* Read it.  What is wrong is said; VERB_OK or VERB_USAGE. */
int top_wish_read(const struct call *, struct top_wish *);

/*
 * Look at the agent, within timeout_us an answer: 0, or -errno without a word
 * (-EPROTO also when it is of another version).  The tier table is left out
 * when there is none to be read.
 */
int top_look(const struct call *, int64_t timeout_us, struct top_look *out);

/* The lists of a model, each as it is wanted; -ENOMEM or 0. */
int top_apply(json_t *model, const struct top_wish *);

#endif
