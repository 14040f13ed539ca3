/* Runs Chromium without a screen, quietly. */
#include "tests/integ/rig_browser.h"

#include <stdio.h>
#include <string.h>

#define N(a)	(sizeof(a) / sizeof(*(a)))
#define LOAD_MS 90000

/* What it must not do of its own accord, as far as there are words for it. */
static const char *const quiet[] = {"chromium", "--headless", "--no-sandbox",
    "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions",
    "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-default-apps", "--no-first-run",
    "--no-default-browser-check", "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--enable-logging=stderr", "--log-level=0", "--virtual-time-budget=6000"};

/* last: what to do, up to NULL.  The profile is a new one. */
void
rig_browse(struct rig_output *o, const char *const *last)
{
	static unsigned int count;
	char profile[RIG_PATH_MAX + 24], dir[RIG_PATH_MAX];
	char home[RIG_PATH_MAX + 8];
	const char *argv[RIG_ARGS_MAX], *const env[] = {home, NULL};
	const struct rig_spawn s = {
	    .name = "chromium", .argv = argv, .env = env};
	size_t n;

	rig_path(dir, "profile%u", ++count);
	snprintf(profile, sizeof(profile), "--user-data-dir=%s", dir);
	snprintf(home, sizeof(home), "HOME=%s", rig_dir());
	for (n = 0; n < N(quiet); n++)
		argv[n] = quiet[n];
	argv[n++] = profile;
	for (; *last != NULL && n + 1 < RIG_ARGS_MAX; last++)
		argv[n++] = *last;
	argv[n] = NULL;
	rig_run(o, &s, LOAD_MS);
}

void
rig_browser_need(enum rig_browser *known)
{
	struct rig_output o;

	if (*known == RIG_BROWSER_UNKNOWN) {
		RIG_BROWSE(&o, "--dump-dom", "about:blank");
		*known = o.code == 0 && strstr(o.out, "<html") != NULL
			     ? RIG_BROWSER_WORKS
			     : RIG_BROWSER_FAILS;
		if (*known == RIG_BROWSER_FAILS)
			rig_note("%.300s", o.err);
		rig_output_free(&o);
	}
	if (*known == RIG_BROWSER_FAILS)
		rig_skip("chromium does not start here");
}
