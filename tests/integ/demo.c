/* What `make run` starts: that all of it is there, works together, and is gone
 * afterwards. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_client.h"

#define START_MS 40000

/* The folder that it has made in ours, or "". */
static void
find_dir(char out[RIG_PATH_MAX])
{
	struct dirent *e;
	DIR *d = opendir(rig_dir());

	out[0] = '\0';
	REQUIRE(d != NULL, "%s: %s", rig_dir(), strerror(errno));
	while ((e = readdir(d)) != NULL) {
		if (strncmp(e->d_name, "cagent-run.", 11) == 0)
			rig_path(out, "%.64s", e->d_name);
	}
	closedir(d);
}

static void
await(struct rig_proc *p, const char *text)
{
	const struct rig_wait w = {.timeout_ms = START_MS};
	int rc = rig_proc_wait_log(p, text, &w);

	REQUIRE(rc == 0, "it never says \"%s\": %s", text, strerror(-rc));
}

/* What it says when it is asked, by a program of ours. */
static void
expect(const char *program, const char *const *args, const char *says)
{
	int64_t deadline = rig_now_ms() + START_MS;
	const char *argv[RIG_ARGS_MAX] = {program};
	const struct rig_spawn s = {.name = "asked", .argv = argv};
	struct rig_output o;
	bool ok;
	size_t n;

	for (n = 0; args[n] != NULL; n++)
		argv[n + 1] = args[n];
	argv[n + 1] = NULL;
	do {
		rig_run(&o, &s, 15000);
		ok = o.code == 0 && strstr(o.out, says) != NULL;
		if (!ok && !rig_pause(deadline))
			CHECK(false, "%s %s: exit %d, no \"%s\" in \"%s\"",
			    program, args[0], o.code, says, o.out);
		rig_output_free(&o);
	} while (!ok && rig_now_ms() < deadline);
}

#define EXPECT(program, says, ...) \
	expect(program, (const char *const[]){__VA_ARGS__, NULL}, says)

static void
t_run(void)
{
	char bin[PATH_MAX], ctl[PATH_MAX + 32], server[PATH_MAX + 32],
	    tmp[RIG_PATH_MAX + 16], dir[RIG_PATH_MAX],
	    at_agent[RIG_PATH_MAX + 16], at_server[RIG_PATH_MAX + 16];
	const char *const argv[] = {"etc/demo", bin, NULL};
	const char *const env[] = {tmp, NULL};
	const struct rig_spawn s = {.name = "demo", .argv = argv, .env = env};
	struct rig_proc p = {0};
	pid_t pids[RIG_DESCENDANTS_MAX];
	int64_t deadline;

	rig_agent_program(bin, sizeof(bin));
	*strrchr(bin, '/') = '\0';
	snprintf(ctl, sizeof(ctl), "%s/cagent-ctl", bin);
	snprintf(server, sizeof(server), "%s/cagent-policyd", bin);
	snprintf(tmp, sizeof(tmp), "TMPDIR=%s", rig_dir());
	rig_proc_start(&p, &s);
	await(&p, "http://127.0.0.1:7480/");
	await(&p, "Ctrl-C ends everything.");
	find_dir(dir);
	snprintf(at_agent, sizeof(at_agent), "%s/agent", dir);
	snprintf(at_server, sizeof(at_server), "%s/server", dir);
	/* Its intermediaries are the policy's, and the server knows it. */
	EXPECT(ctl, "standby", "--run-dir", at_agent, "tiers");
	EXPECT(server, "laptop", "agents", "--run-dir", at_server);
	EXPECT(server, "1 of 1 connected", "use", "standby", "--not", "paris",
	    "--for", "1m", "--run-dir", at_server);
	EXPECT(ctl, "drained by the policy server", "--run-dir", at_agent,
	    "tiers");
	CHECK(rig_proc_wait_port(&p, "127.0.0.1", 7480, 0) == 0, "no page");
	rig_proc_signal_group(&p, SIGINT);
	CHECK_INT(rig_proc_wait(&p, 15000), 0);
	find_dir(dir);
	CHECK(dir[0] == '\0', "%s is left", dir);
	deadline = rig_now_ms() + 5000;
	while (rig_descendants(getpid(), pids, RIG_DESCENDANTS_MAX) > 0 &&
	       rig_pause(deadline))
		;
	CHECK(rig_descendants(getpid(), pids, RIG_DESCENDANTS_MAX) == 0,
	    "processes are left");
}

static const struct rig_case cases[] = {
    /* Its ports are fixed. */
    {"run", t_run, 120, RIG_NEEDS_NETNS},
};

RIG_MAIN("demo", cases, NULL)
