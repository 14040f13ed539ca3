/* The whole agent is killed while it takes a policy: what it has said to be in
 * force is, and no serial is ever used for another content. */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_policy.h"

#define KILLS	  200 /* POLICY_KILLS in the environment: as many */
#define PATIENCE  10000000
#define TAIL_LEN  2048
#define LATEST_US 20000

/* When it is killed, and a little later. */
enum moment {
	MOMENT_ANY,	 /* from when the message is sent */
	MOMENT_WRITTEN,	 /* once the file has changed: about the fsync */
	MOMENT_ACCEPTED, /* once the log says so: between fsync and publish */
	MOMENTS
};

static struct rig_agent agent;
static char file[RIG_PATH_MAX], state[RIG_PATH_MAX], log_path[RIG_PATH_MAX];
static char answer[4096];

static const char *
body_of(uint64_t serial, char out[256])
{
	snprintf(out, 256,
	    "[limits]\nidle-timeout = %" PRIu64 "s\n"
	    "[intermediary \"i%" PRIu64 "\"]\ntype = http\n"
	    "address = 127.0.0.1:9\n",
	    1000 + serial, serial);
	return out;
}

static void
start(void)
{
	rig_agent_start(&agent);
}

static void
setup(void)
{
	char root[RIG_PATH_MAX];

	rig_path(root, "root");
	rig_path(file, "message");
	rig_path(state, "agent.state/policy.state");
	rig_path(log_path, "agent.log");
	rig_policy_root(root, 1);
	rig_agent_init(&agent, "agent");
	rig_agent_key(&agent, "check-interval = 0s");
	rig_agent_add(&agent,
	    "[policy]\nroot = %s\nnetwork = 127.0.0.0/8\n"
	    "min-intermediaries = 0\n",
	    root);
	start();
}

static int
offer(uint64_t serial, const char *body)
{
	size_t len;
	char *data;
	int fd;

	rig_policy_write(
	    file, &(struct rig_signed){.serial = serial, .body = body});
	data = rig_read(file, &len);
	REQUIRE(data != NULL, "%s", file);
	fd = rig_control_open(&agent, "policy-load %zu", len);
	rig_control_send(fd, data, len);
	free(data);
	return fd;
}

/* What it said, if anything; was that yes? */
static bool
is_taken(int fd)
{
	json_t *doc;
	bool ok;

	rig_control_receive(fd, answer, sizeof(answer));
	close(fd);
	doc = json_loads(answer, 0, NULL);
	ok = json_is_true(json_object_get(doc, "ok"));
	json_decref(doc);
	return ok;
}

static struct timespec
written_at(void)
{
	struct stat st;

	REQUIRE(stat(state, &st) == 0, "%s", state);
	return st.st_mtim;
}

/* Does its end say so? */
static bool
log_says(const char *text)
{
	char tail[TAIL_LEN + 1];
	int fd = open(log_path, O_RDONLY | O_CLOEXEC);
	off_t size = fd != -1 ? lseek(fd, 0, SEEK_END) : 0;
	ssize_t n = 0;

	if (fd != -1) {
		n = pread(
		    fd, tail, TAIL_LEN, size > TAIL_LEN ? size - TAIL_LEN : 0);
		close(fd);
	}
	tail[n > 0 ? n : 0] = '\0';
	return strstr(tail, text) != NULL;
}

static void
await(enum moment m, uint64_t serial, const struct timespec *before)
{
	int64_t until = rig_now_us() + PATIENCE;
	struct timespec now;
	char text[64];

	snprintf(text, sizeof(text), "policy %" PRIu64 " (root 1) was accepted",
	    serial);
	while (m != MOMENT_ANY && rig_now_us() < until) {
		now = written_at();
		if (m == MOMENT_WRITTEN &&
		    memcmp(&now, before, sizeof(now)) != 0)
			return;
		if (m == MOMENT_ACCEPTED && log_says(text))
			return;
	}
}

/* Loads a policy while the agent is killed; was it acknowledged? */
static bool
load_and_kill(uint64_t serial, enum moment m, unsigned int after_us)
{
	static const unsigned int latest_us[MOMENTS] = {LATEST_US, 500, 2000};
	struct timespec before = written_at();
	pid_t control = rig_agent_child(&agent, "control");
	int64_t until;
	char body[256];
	int fd;

	fd = offer(serial, body_of(serial, body));
	await(m, serial, &before);
	until = rig_now_us() + after_us % latest_us[m];
	while (rig_now_us() < until)
		continue;
	kill(agent.proc.pid, SIGKILL);
	kill(control, SIGKILL);
	rig_proc_wait(&agent.proc, 10000);
	return is_taken(fd);
}

static long long
serial_in_force(void)
{
	int fd = rig_control_open(&agent, "status");
	long long serial = 0;
	json_t *doc, *n;

	rig_control_receive(fd, answer, sizeof(answer));
	close(fd);
	doc = json_loads(answer, 0, NULL);
	CHECK(doc != NULL, "status: %s", answer);
	n = json_object_get(doc, "policy_serial");
	if (json_is_integer(n))
		serial = json_integer_value(n);
	json_decref(doc);
	return serial;
}

/* What was refused once it was in force, with another text. */
static void
is_used_up(uint64_t serial)
{
	CHECK(!is_taken(offer(serial, "[limits]\nattempts = 1\n")),
	    "serial %" PRIu64 " was used again", serial);
	CHECK(strstr(answer, "higher serial") != NULL, "%s", answer);
}

static void
t_killed(void)
{
	const char *said = getenv("POLICY_KILLS");
	int i, kills = said != NULL ? (int)strtol(said, NULL, 10) : KILLS;
	int acked = 0, kept = 0, lost = 0;
	unsigned int seed = 1;
	uint64_t last = 1;
	long long serial;
	char body[256];
	bool ok;

	setup();
	CHECK(is_taken(offer(1, body_of(1, body))), "%s", answer);
	for (i = 0; i < kills; i++) {
		ok = load_and_kill(last + 1, (enum moment)(i % MOMENTS),
		    (unsigned int)rand_r(&seed));
		start();
		serial = serial_in_force();
		CHECK(serial == (long long)last + 1 ||
			  (!ok && serial == (long long)last),
		    "kill %d: %lld is in force, %sacknowledged %" PRIu64, i,
		    serial, ok ? "" : "not ", last + 1);
		if (serial < (long long)last)
			break;
		acked += ok;
		kept += !ok && serial > (long long)last;
		lost += serial == (long long)last;
		last = (uint64_t)serial;
		is_used_up(last);
	}
	rig_note("%d kills: %d acknowledged, %d kept and not, %d never came",
	    kills, acked, kept, lost);
	/* Some in each place, or the moments are no good. */
	CHECK(kept >= kills / 10, "only %d between the disk and the answer",
	    kept);
	rig_agent_stop(&agent);
}

static const struct rig_case cases[] = {
    {"killed while it takes a policy", t_killed, 200, 0},
};
RIG_MAIN("policy_kill", cases, NULL)
