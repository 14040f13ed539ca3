#ifndef TESTS_INTEG_RIG_BROWSER_H
#define TESTS_INTEG_RIG_BROWSER_H

#include "tests/integ/rig_proc.h"

/* Headless Chromium with a new profile, which looks up no name and asks
 * nobody anything of its own accord. */

/* Run it with these arguments, up to NULL. */
void rig_browse(struct rig_output *, const char *const *args);
#define RIG_BROWSE(o, ...) \
	rig_browse(o, (const char *const[]){__VA_ARGS__, NULL})

/* Skips the case where it does not start.  known: what earlier cases have
 * found, in memory that all share. */
enum rig_browser {
	RIG_BROWSER_UNKNOWN,
	RIG_BROWSER_WORKS,
	RIG_BROWSER_FAILS
};
void rig_browser_need(enum rig_browser *known);

#endif
