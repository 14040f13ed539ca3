/* Says in words what a choice was made by. */
#include <stdio.h>

#include "cagentd/decide/path.h"

const char *
path_skip_text(enum path_skip skip)
{
	switch (skip) {
	case PATH_ELIGIBLE:
		return "eligible";
	case PATH_SKIP_TIER:
		return "the rule asks for another tier or intermediary";
	case PATH_SKIP_UNWANTED:
		return "not for this request";
	case PATH_SKIP_RESERVED:
		return "its tier is reserved for other classes";
	case PATH_SKIP_CLASS:
		return "its tier is none that the class may use";
	case PATH_SKIP_EJECTED:
		return "ejected";
	case PATH_SKIP_DRAIN:
		return "draining";
	case PATH_SKIP_FULL:
		return "at its connection limit";
	case PATH_SKIP_TRIAL:
		return "half-open, its trials are under way";
	case PATH_SKIP_TRIED:
		return "already tried for this request";
	case PATH_SKIP_TYPE:
		return "cannot carry this kind of address";
	case PATH_SKIP_DUTY:
		return "there for something else";
	case PATH_SKIP_CONF:
		return "not in the configuration that this request has";
	case PATH_SKIP_LOWER:
		return "below a tier that is full, and that its class keeps "
		       "to";
	case PATH_SKIP_COUNT:
		break;
	}
	return "?";
}

static const char *
why(const struct path_pick *p)
{
	switch (p->why) {
	case PATH_WHY_ONLY:
		return "the only candidate";
	case PATH_WHY_CHEAPER:
		return "cheaper than";
	case PATH_WHY_DRAWN:
		return "drawn, as cheap as";
	case PATH_WHY_TRIAL:
		return "half-open, on trial";
	}
	return "?";
}

const char *
path_why_text(
    const struct path_pick *p, const char *rival, char *out, size_t size)
{
	bool two = p->why == PATH_WHY_CHEAPER || p->why == PATH_WHY_DRAWN;
	char costs[64] = "", rank[TABLE_RANK_TEXT_LEN];

	/* As path_cost() scales them. */
	if (two)
		snprintf(costs, sizeof(costs), " (%llu to %llu)",
		    (unsigned long long)p->cost / 1024,
		    (unsigned long long)p->rival_cost / 1024);
	snprintf(out, size, "%s, %s%s%s%s%s%s%s",
	    table_rank_text(p->rank, rank), why(p), two ? " " : "",
	    two ? rival : "", costs,
	    p->avoided ? ", though it failed a moment ago" : "",
	    p->spilled ? ", as the tier above has lost weight" : "",
	    p->passed ? ", as better tiers have no candidate" : "");
	return out;
}
