/*
 * A worker in the hands of an attacker: set up by the code and the table of
 * rights that the daemon uses, it tries each act once behind the sandbox,
 * where it must fail, and once without, where it must succeed.
 */
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/proc.h"
#include "conf/bundle.h"
#include "cagentd/common/child.h"
#include "cagentd/common/msg.h"
#include "cagentd/master/shared.h"
#include "shm/slab.h"
#include "shm/table.h"
#include "tests/integ/rig.h"
#include "tests/integ/rig_attack.h"
#include "tests/integ/rig_net.h"

#define WORKER_UID 65533u
#define OWN	   0u
#define OTHER	   1u

/* How the attacker's process says what became of its act. */
#define EXIT_TRIED 64 /* plus the errno; 0 is /bin/true's */

struct act {
	const char *name, *words;
	int (*run)(const struct attack_arms *);
	enum attack_proof proof;
	const char *impossible;
};

#define X(name, words, proof, impossible) \
	{#name, words, attack_##name, proof, impossible},
static const struct act acts[] = {ATTACKS(X)};
#undef X
#define ACTS_N (sizeof(acts) / sizeof(*acts))

/* Written by the cases, each a process, for the table at the end. */
struct outcome {
	int off, on; /* an errno, or 0: the act succeeded */
	bool tried;
	const char *remark;
};
static struct outcome *outcomes;

static int target_word = 1;

struct master {
	struct settings *settings;
	struct shared shared;
	pid_t fellow;
};

/* --- the attacker, in a process of its own ----------------------------- */

static void
on_message(void *arg, struct chan *c, const struct chan_msg *m)
{
	(void)arg;
	(void)c;
	(void)m;
}

static void
on_closed(void *arg, struct chan *c, const char *why)
{
	(void)arg;
	(void)c;
	(void)why;
}

static void
take_arms(struct attack_arms *a, const struct child_start *start)
{
	static struct slab *own, *other;

	a->master = getppid();
	a->run_dir = start->settings->run_dir;
	a->table_fd = start->table_fd;
	a->own_fd = start->slab_fds[OWN];
	a->other_fd = start->slab_fds[OTHER];
	a->slab_len = sizeof(struct slab);
	a->listener = start->listener_fds[0];
	a->table =
	    mmap(NULL, table_size(), PROT_READ, MAP_SHARED, a->table_fd, 0);
	if (a->table == MAP_FAILED || slab_map(a->own_fd, true, &own) != 0 ||
	    slab_map(a->other_fd, false, &other) != 0)
		fatalx("attacker: what it was given cannot be mapped");
	a->other = other;
	attack_load(a);
}

/* argv: program, --attack, act, on or off, word, fellow. */
static int
attacker_main(char **argv)
{
	static const struct chan_owner owner = {on_message, on_closed, NULL};
	const struct act *act = &acts[strtoul(argv[2], NULL, 10) % ACTS_N];
	struct attack_arms arms = {0};
	struct child_start start;
	struct child child = {0};
	struct loop *loop;

	log_open("attacker", LOG_DEST_STDERR, LOG_LEVEL_WARN);
	child_receive(ROLE_WORKER, &start);
	take_arms(&arms, &start);
	arms.word = (uintptr_t)strtoull(argv[4], NULL, 16);
	arms.fellow = (pid_t)strtol(argv[5], NULL, 10);
	if (strcmp(argv[3], "on") == 0) {
		if (loop_new(&loop) != 0)
			fatalx("attacker: no loop");
		child_enter(&child, ROLE_WORKER, loop, &start, &owner);
		arms.run_dir = ""; /* seen from inside */
	}
	_exit(EXIT_TRIED + act->run(&arms));
}

/* --- the master ---------------------------------------------------------- */

static void
master_init(struct master *m)
{
	char conf[RIG_PATH_MAX], run[RIG_PATH_MAX], text[1024];
	struct conf_errors errors = {0};
	const union net_addr *which = NULL;
	struct shared_new new;
	struct bundle *b = NULL;

	rig_path(run, "run");
	rig_path(conf, "cagentd.ini");
	REQUIRE(mkdir(run, 0755) == 0, "%s: %s", run, strerror(errno));
	snprintf(text, sizeof(text),
	    "[agent]\nrun-dir = %s\nworkers = 2\nlisten = 127.0.0.1:%u\n"
	    "control-user = %u\nworker-user = %u\nresolver-user = %u\n",
	    run, rig_port("127.0.0.1"), WORKER_UID - 1, WORKER_UID,
	    WORKER_UID - 2);
	rig_write(conf, text, 0644);
	REQUIRE(settings_load(conf, &b, &m->settings, &errors) == 0, "%s",
	    errors.text);
	m->settings->serial = 1;
	shared_init(&m->shared, m->settings);
	REQUIRE(shared_open(&m->shared, m->settings, b, &new, &which) == 0 &&
		    shared_slabs(&m->shared, m->settings) == 0,
	    "the master cannot share");
	shared_use(&m->shared, &new);
	bundle_free(b);
}

static void
give(int chan, uint32_t type, const uint64_t *v, int fd)
{
	static const struct chan_owner owner = {on_message, on_closed, NULL};
	uint8_t buf[CHAN_DATA_MAX];
	struct loop *loop = NULL;
	struct chan *c = NULL;
	size_t len = v != NULL ? msg_u64_encode(*v, buf) : 0;
	int rc;

	if (type == MSG_LISTENERS)
		buf[len++] = LISTENER_PROXY;
	/* The channel takes its fd; a copy is the same channel. */
	rc = loop_new(&loop);
	if (rc == 0)
		rc = chan_new(&c, loop, dup(chan), &procs_rules, ROLE_MASTER,
		    ROLE_WORKER, &owner);
	if (rc == 0)
		rc = chan_send(c, type, buf, len, &fd, fd != -1 ? 1 : 0);
	REQUIRE(rc == 0, "message %u: %s", type, strerror(-rc));
	chan_free(c);
	loop_free(loop);
}

/* What children.c gives a worker. */
static void
give_all(const struct master *m, int chan)
{
	const uint64_t serial = 1, own = OWN, other = OTHER;

	give(chan, MSG_CONF, &serial, m->shared.conf.fds[SHARED_SECRETS]);
	give(chan, MSG_TABLE, NULL, m->shared.table_ro);
	give(chan, MSG_TRAFFIC, NULL, m->shared.traffic_rw);
	give(chan, MSG_WAKE, NULL, m->shared.wake);
	give(chan, MSG_SLAB, &own, m->shared.slab_rw[OWN]);
	give(chan, MSG_SLAB, &other, m->shared.slab_ro[OTHER]);
	give(chan, MSG_LISTENERS, NULL, m->shared.listeners[0].fd);
	give(chan, MSG_START, NULL, -1);
}

/* Behind the sandbox the attacker must be: with all that root can have. */
static void
check_sandboxed(int chan)
{
	const uint32_t all = SANDBOX_UID | SANDBOX_CAPS | SANDBOX_CHROOT |
			     SANDBOX_NO_NEW_PRIVS | SANDBOX_RLIMITS |
			     SANDBOX_SECCOMP;
	static uint8_t buf[CHAN_DATA_MAX];
	int fds[CHAN_FDS_MAX];
	char text[SANDBOX_STRLEN];
	struct chan_msg msg;
	uint64_t reached = 0;
	int rc;

	rc = chan_wait(chan, &procs_rules, ROLE_MASTER, ROLE_WORKER,
	    PROCS_START_MS, buf, fds, &msg);
	REQUIRE(rc == 0 && msg.type == MSG_READY &&
		    msg_u64_decode(msg.data, msg.len, &reached) == 0,
	    "the worker is not ready: %s", strerror(-rc));
	REQUIRE((reached & all) == all, "the sandbox is only: %s",
	    sandbox_format((uint32_t)reached, text));
}

static int
spawn_and_wait(const struct master *m, size_t act, bool on)
{
	char program[] = "attack", flag[] = "--attack", index[16], word[32],
	     fellow[16], mode[4];
	char *argv[] = {program, flag, index, mode, word, fellow, NULL};
	int fds[2], rc, status;
	pid_t pid;

	snprintf(index, sizeof(index), "%zu", act);
	snprintf(mode, sizeof(mode), "%s", on ? "on" : "off");
	snprintf(word, sizeof(word), "%" PRIxPTR, (uintptr_t)&target_word);
	snprintf(fellow, sizeof(fellow), "%d", (int)m->fellow);
	REQUIRE(chan_pair(fds) == 0, "no channel");
	rc = proc_spawn("/proc/self/exe", argv, fds[1], -1, &pid);
	REQUIRE(rc == 0, "spawn: %s", strerror(-rc));
	close(fds[1]);
	give_all(m, fds[0]);
	if (on)
		check_sandboxed(fds[0]);
	REQUIRE(waitpid(pid, &status, 0) == pid, "wait: %s", strerror(errno));
	close(fds[0]);
	REQUIRE(WIFEXITED(status) && (WEXITSTATUS(status) == 0 ||
					 WEXITSTATUS(status) >= EXIT_TRIED),
	    "the attacker %s with status %#x", on ? "in" : "out", status);
	return WEXITSTATUS(status) == 0 ? 0 : WEXITSTATUS(status) - EXIT_TRIED;
}

/* Another process of the worker's uid; it blocks what is sent to it. */
static pid_t
fellow_start(void)
{
	int ready[2];
	char c;
	pid_t pid;

	REQUIRE(pipe2(ready, O_CLOEXEC) == 0, "pipe: %s", strerror(errno));
	pid = fork();
	if (pid == 0) {
		if (setresgid(WORKER_UID, WORKER_UID, WORKER_UID) == -1 ||
		    setresuid(WORKER_UID, WORKER_UID, WORKER_UID) == -1 ||
		    write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	REQUIRE(pid > 0 && read(ready[0], &c, 1) == 1, "no fellow worker");
	close(ready[0]);
	return pid;
}

static bool
pending(pid_t pid)
{
	char path[32], line[128];
	unsigned long long set = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, "ShdPnd:", 7) == 0)
			set = strtoull(line + 7, NULL, 16);
	}
	if (f != NULL)
		fclose(f);
	return (set >> (SIGTERM - 1) & 1) != 0;
}

/* The act's errno, by its own word and by what it did. */
static int
attempt(struct master *m, size_t i, bool on)
{
	pid_t victim = 0;
	int rc;

	m->fellow = fellow_start();
	rc = spawn_and_wait(m, i, on);
	REQUIRE(rc != ATTACK_UNPREPARED, "it did not come to the act");
	if (acts[i].proof == BY_SIGNAL_TO_MASTER)
		victim = getpid();
	if (acts[i].proof == BY_SIGNAL_TO_FELLOW)
		victim = m->fellow;
	if (victim != 0 && rc == 0 && !pending(victim))
		rc = EPERM; /* it was told so, and not obeyed */
	CHECK(victim == 0 || rc == 0 || !pending(victim),
	    "refused, and yet it came");
	kill(m->fellow, SIGKILL);
	waitpid(m->fellow, NULL, 0);
	return rc;
}

static void
run_act(size_t i)
{
	struct outcome *o = &outcomes[i];
	struct master m = {0};
	sigset_t term;

	/* Blocked, it stays pending where it can be seen. */
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	log_open("attack", LOG_DEST_STDERR, LOG_LEVEL_WARN);
	master_init(&m);
	o->on = attempt(&m, i, true);
	if (acts[i].proof == NO_ATTACK)
		CHECK(o->on == 0, "%s: %s", acts[i].words, strerror(o->on));
	else
		CHECK(
		    o->on != 0, "%s: succeeded in the sandbox", acts[i].words);
	CHECK_INT(target_word, 1);
	o->off = attempt(&m, i, false);
	o->tried = true;
	if (o->off == ENOSYS)
		o->remark = "not in this kernel";
	else if (o->off != 0)
		o->remark = acts[i].impossible;
	CHECK(o->off == 0 || o->remark != NULL, "%s: fails without it, too: %s",
	    acts[i].words, strerror(o->off));
}

static const char *
outcome_word(int error)
{
	const char *name = strerrorname_np(error);

	if (error == 0)
		return "done";
	return name != NULL ? name : "?";
}

static void
report(void)
{
	bool head = true;
	size_t i;

	for (i = 0; i < ACTS_N; i++) {
		if (!outcomes[i].tried)
			continue;
		if (head)
			printf("  %-40s %-8s %-8s\n", "act", "off", "on");
		head = false;
		printf("  %-40s %-8s %-8s%s%s\n", acts[i].words,
		    outcome_word(outcomes[i].off), outcome_word(outcomes[i].on),
		    outcomes[i].remark != NULL ? " " : "",
		    outcomes[i].remark != NULL ? outcomes[i].remark : "");
	}
}

#define X(name, words, proof, impossible) NUMBER_##name,
enum {
	ATTACKS(X)
};
#undef X
#define X(name, words, proof, impossible) \
	static void case_##name(void)     \
	{                                 \
		run_act(NUMBER_##name);   \
	}
ATTACKS(X)
#undef X

#define X(name, words, proof, impossible) \
	{#name, case_##name, 0, RIG_NEEDS_ROOT | RIG_NEEDS_NETNS},
static const struct rig_case cases[] = {ATTACKS(X)};
#undef X

int
main(int argc, char **argv)
{
	const struct rig_suite suite = {"attack", cases, ACTS_N, report};

	if (argc == 6 && strcmp(argv[1], "--attack") == 0)
		return attacker_main(argv);
	outcomes = mmap(NULL, sizeof(*outcomes) * ACTS_N,
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (outcomes == MAP_FAILED)
		return 1;
	return rig_main(&suite, argc, argv);
}
