/*
 * What each process of the policy server may do: set up by the code and the
 * table of rights that the daemon uses, each role tries every act behind the
 * sandbox, where only what is its own may succeed, and once without.  And who
 * has the secrets.
 */
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/log.h"
#include "base/proc.h"
#include "policyd/common/blob.h"
#include "policyd/common/pdchild.h"
#include "policyd/common/pdfield.h"
#include "tests/integ/rig_policyd.h"
#include "trust/keyfile.h"

/* How the child says what became of its act. */
#define EXIT_TRIED 64 /* plus the errno; 0 is /bin/true's */

#define C      (1u << PDPROC_COLLECTOR)
#define P      (1u << PDPROC_PROBER)
#define R      (1u << PDPROC_RANKER)
#define W      (1u << PDPROC_PAGE)
#define NOBODY 0u

/* --- acts: 0, or the errno -------------------------------------------------- */

static char store[PDCHILD_STORE_MAX], beside[PDCHILD_STORE_MAX];

static int
result(long rc)
{
	return rc == -1 ? errno : 0;
}

static int
act_passwd(void)
{
	return result(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static int
act_key(void)
{
	return result(open("/proc/self/cwd/../keys/online.key", O_RDONLY));
}

static int
act_store_read(void)
{
	return result(open(store, O_RDONLY | O_CLOEXEC));
}

static int
act_store_write(void)
{
	return result(open(store, O_RDWR | O_CLOEXEC));
}

static int
act_make(void)
{
	return result(open(beside, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int
act_run_dir(void)
{
	return result(open("new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int
act_mkdir(void)
{
	return result(mkdir("new-dir", 0700));
}

static int
act_chmod(void)
{
	return result(chmod(store, 0666));
}

static int
act_inet(void)
{
	return result(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int
act_unix(void)
{
	return result(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int
act_netlink(void)
{
	return result(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
}

static int
act_serve(void)
{
	struct sockaddr_in sin = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1 || bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1)
		return errno;
	return result(listen(fd, 1));
}

static int
act_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return result(pid);
}

static int
act_exec(void)
{
	char *const none[] = {NULL};

	execve("/bin/true", none, none);
	return errno;
}

static int
act_kill(void)
{
	return result(kill(getppid(), SIGURG)); /* which it ignores */
}

static int
act_ptrace(void)
{
	return result(ptrace(PTRACE_SEIZE, getppid(), NULL, NULL));
}

static int
act_memory(void)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)getppid());
	return result(open(path, O_RDONLY | O_CLOEXEC));
}

static int
act_root(void)
{
	return result(setresuid(0, 0, 0));
}

/* What the store's owner does all day. */
static int
act_commit(void)
{
	sqlite3 *db = NULL;
	int rc = sqlite3_open_v2(store, &db, SQLITE_OPEN_READWRITE, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db,
		    "PRAGMA synchronous = FULL; BEGIN IMMEDIATE;"
		    "INSERT INTO t VALUES (2); COMMIT;"
		    "PRAGMA wal_checkpoint(TRUNCATE)",
		    NULL, NULL, NULL);
	sqlite3_close(db);
	return rc == SQLITE_OK ? 0 : EACCES;
}

static int
act_query(void)
{
	sqlite3 *db = NULL;
	int rc = sqlite3_open_v2(store, &db, SQLITE_OPEN_READONLY, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_exec(
		    db, "SELECT count(*) FROM t", NULL, NULL, NULL);
	sqlite3_close(db);
	return rc == SQLITE_OK ? 0 : EACCES;
}

static const struct act {
	const char *words;
	int (*run)(void);
	uint32_t may; /* roles */
} acts[] = {
    {"open /etc/passwd", act_passwd, NOBODY},
    {"open the rank key", act_key, NOBODY},
    {"open the store", act_store_read, R | W},
    {"open the store for writing", act_store_write, R},
    {"make a file beside it", act_make, R},
    {"make a file in the root", act_run_dir, R},
    {"make a directory", act_mkdir, NOBODY},
    {"chmod the store", act_chmod, NOBODY},
    {"commit to the store", act_commit, R},
    {"query the store", act_query, R | W},
    {"an internet socket", act_inet, P},
    {"a unix socket", act_unix, NOBODY},
    {"a netlink socket", act_netlink, NOBODY},
    {"a listener", act_serve, NOBODY},
    {"fork", act_fork, NOBODY},
    {"exec", act_exec, NOBODY},
    {"signal the master", act_kill, NOBODY},
    {"ptrace the master", act_ptrace, NOBODY},
    {"open the master's memory", act_memory, NOBODY},
    {"become root", act_root, NOBODY},
};
#define ACTS_N (sizeof(acts) / sizeof(*acts))

/* --- a role in the wrong hands, in a process of its own ---------------------- */

static void
no_line(void *arg, enum pdproc_role peer, int fd)
{
	(void)arg;
	(void)peer;
	close(fd);
}

static void
name_files(const struct pdchild_start *start)
{
	bool inside = (start->sandbox & SANDBOX_CHROOT) != 0;

	pdchild_store_path(start, store);
	snprintf(beside, sizeof(beside), "%s/new-%d",
	    inside ? "" : start->conf->state_dir, (int)getpid());
}

/* argv: program, --role, role, act, on or off. */
static int
role_main(char **argv)
{
	const struct act *act = &acts[strtoul(argv[3], NULL, 10) % ACTS_N];
	enum pdproc_role role = (enum pdproc_role)pdproc_role_parse(argv[2]);
	struct pdchild child = {.line = no_line};
	struct pdchild_start start;
	struct loop *loop;

	log_open("attacker", LOG_DEST_STDERR, LOG_LEVEL_WARN);
	pdchild_receive(role, &start);
	if (chdir(start.conf->run_dir) == -1 || loop_new(&loop) != 0)
		fatal("attacker: no start");
	if (strcmp(argv[4], "on") == 0) {
		pdchild_join(&child, role, loop, &start);
		pdchild_ready(&child, &start);
	}
	name_files(&start);
	_exit(EXIT_TRIED + act->run());
}

/* --- its master ---------------------------------------------------------------- */

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

/* What pdkids_tell.c tells a child. */
static void
give_all(int chan, enum pdproc_role role, const char *text)
{
	static const struct chan_owner owner = {on_message, on_closed, NULL};
	struct loop *loop = NULL;
	struct chan *c = NULL;
	int rc;

	/* The channel takes its fd; a copy is the same channel. */
	rc = loop_new(&loop);
	if (rc == 0)
		rc = chan_new(&c, loop, dup(chan), &pdproc_rules, PDPROC_MASTER,
		    role, &owner);
	if (rc == 0)
		rc = blob_send(c, PDMSG_CONF, text, strlen(text));
	if (rc == 0)
		rc = chan_send(c, PDMSG_START, NULL, 0, NULL, 0);
	REQUIRE(rc == 0, "the child cannot be told: %s", strerror(-rc));
	chan_free(c);
	loop_free(loop);
}

/* Behind the sandbox the attacker must be: with all that root can have. */
static void
check_sandboxed(int chan, enum pdproc_role role)
{
	const uint32_t all = SANDBOX_UID | SANDBOX_CAPS | SANDBOX_CHROOT |
			     SANDBOX_NO_NEW_PRIVS | SANDBOX_RLIMITS |
			     SANDBOX_SECCOMP;
	static uint8_t buf[CHAN_DATA_MAX];
	int fds[CHAN_FDS_MAX], rc;
	char text[SANDBOX_STRLEN];
	struct pdfield f = {buf, 8, false};
	struct chan_msg msg = {0};
	uint32_t reached;

	rc = chan_wait(chan, &pdproc_rules, PDPROC_MASTER, role,
	    PDPROC_START_MS, buf, fds, &msg);
	f.at = msg.data;
	REQUIRE(rc == 0 && msg.type == PDMSG_READY, "it is not ready: %s",
	    strerror(-rc));
	reached = (uint32_t)pdfield_get(&f, 8);
	REQUIRE((reached & all) == all, "the sandbox is only: %s",
	    sandbox_format(reached, text));
}

/* The act's errno. */
static int
attempt(const char *text, enum pdproc_role role, size_t act, bool on)
{
	char program[] = "server_rights", flag[] = "--role", word[16],
	     index[16], mode[4];
	char *argv[] = {program, flag, word, index, mode, NULL};
	int fds[2], rc, status;
	pid_t pid;

	snprintf(word, sizeof(word), "%s", pdproc_role_word(role));
	snprintf(index, sizeof(index), "%zu", act);
	snprintf(mode, sizeof(mode), "%s", on ? "on" : "off");
	REQUIRE(chan_pair(fds) == 0, "no channel");
	rc = proc_spawn("/proc/self/exe", argv, fds[1], -1, &pid);
	REQUIRE(rc == 0, "spawn: %s", strerror(-rc));
	close(fds[1]);
	give_all(fds[0], role, text);
	if (on)
		check_sandboxed(fds[0], role);
	while ((rc = waitpid(pid, &status, 0)) == -1 && errno == EINTR)
		;
	REQUIRE(rc == pid, "wait: %s", strerror(errno));
	close(fds[0]);
	REQUIRE(WIFEXITED(status) && (WEXITSTATUS(status) == 0 ||
					 WEXITSTATUS(status) >= EXIT_TRIED),
	    "%s: %s: status %#x", word, acts[act].words, status);
	return WEXITSTATUS(status) == 0 ? 0 : WEXITSTATUS(status) - EXIT_TRIED;
}

static char *
prepare(struct rig_policyd *p)
{
	char path[3 * RIG_PATH_MAX], *text;
	sqlite3 *db = NULL;

	log_open("server_rights", LOG_DEST_STDERR, LOG_LEVEL_WARN);
	rig_policyd_init(p, "server");
	rig_policyd_write(p);
	text = rig_read(p->path, NULL);
	REQUIRE(text != NULL && mkdir(p->run_dir, 0755) == 0 &&
		    mkdir(p->state_dir, 0750) == 0,
	    "no place: %s", strerror(errno));
	snprintf(path, sizeof(path), "%s/" PDCONF_STORE_NAME, p->state_dir);
	REQUIRE(sqlite3_open(path, &db) == SQLITE_OK &&
		    sqlite3_exec(db,
			"PRAGMA journal_mode = WAL; CREATE TABLE t (v);"
			"INSERT INTO t VALUES (1)",
			NULL, NULL, NULL) == SQLITE_OK,
	    "no store: %s", sqlite3_errmsg(db));
	/* Left open, as by the ranker. */
	snprintf(path, sizeof(path), "chown -R %d:%d %s && chmod 0640 %s/*",
	    RIG_UID_RANKER, RIG_UID_RANKER, p->state_dir, p->state_dir);
	REQUIRE(system(path) == 0, "chown");
	return text;
}

static void
try_all(enum pdproc_role role)
{
	static struct rig_policyd p;
	char *text = prepare(&p);
	bool may;
	size_t i;
	int rc;

	for (i = 0; i < ACTS_N; i++) {
		may = (acts[i].may & 1u << role) != 0;
		rc = attempt(text, role, i, true);
		CHECK(may == (rc == 0), "%s: %s", acts[i].words,
		    rc == 0 ? "it can" : strerror(rc));
	}
	free(text);
}

static void
t_collector(void)
{
	try_all(PDPROC_COLLECTOR);
}

static void
t_prober(void)
{
	try_all(PDPROC_PROBER);
}

static void
t_ranker(void)
{
	try_all(PDPROC_RANKER);
}

static void
t_signer(void)
{
	try_all(PDPROC_SIGNER);
}

static void
t_page(void)
{
	try_all(PDPROC_PAGE);
}

/* Each act can be done, were it not forbidden. */
static void
t_without(void)
{
	static struct rig_policyd p;
	char *text = prepare(&p);
	size_t i;
	int rc;

	for (i = 0; i < ACTS_N; i++) {
		rc = attempt(text, PDPROC_RANKER, i, false);
		CHECK(rc == 0, "%s: fails without a sandbox, too: %s",
		    acts[i].words, strerror(rc));
	}
	free(text);
}

/* --- who has the secrets --------------------------------------------------------- */

static bool
range_has(int fd, uintptr_t from, uintptr_t to, const void *what, size_t len)
{
	static uint8_t buf[(1 << 20) + 64];
	uintptr_t at;
	ssize_t n;

	/* Steps overlap by what is looked for. */
	for (at = from; at < to; at += 1 << 20) {
		n = pread(fd, buf,
		    to - at < sizeof(buf) ? to - at : sizeof(buf), (off_t)at);
		if (n > 0 && memmem(buf, (size_t)n, what, len) != NULL)
			return true;
	}
	return false;
}

/* Is it anywhere in what the process can write? */
static bool
has(pid_t pid, const void *what, size_t len)
{
	char path[64], line[512], mode[8];
	uintptr_t from, to;
	bool found = false;
	FILE *maps;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	maps = fopen(path, "re");
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	REQUIRE(maps != NULL && fd != -1, "%s: %s", path, strerror(errno));
	while (!found && fgets(line, sizeof(line), maps) != NULL) {
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s", &from, &to,
			mode) == 3 &&
		    strncmp(mode, "rw", 2) == 0 && strstr(line, "[v") == NULL)
			found = range_has(fd, from, to, what, len);
	}
	fclose(maps);
	close(fd);
	return found;
}

static void
only_in(struct rig_policyd *p, const char *owner, const char *name,
    const void *what, size_t len)
{
	static const char *const roles[] = {
	    "collector", "prober", "ranker", "signer", "page"};
	size_t i;
	pid_t pid;

	CHECK(!has(p->proc.pid, what, len), "the master has the %s", name);
	for (i = 0; i < sizeof(roles) / sizeof(*roles); i++) {
		pid = rig_policyd_child(p, roles[i]);
		REQUIRE(pid != 0, "no %s", roles[i]);
		CHECK(has(pid, what, len) == (strcmp(roles[i], owner) == 0),
		    "the %s %s the %s", roles[i],
		    strcmp(roles[i], owner) == 0 ? "lacks" : "has", name);
	}
}

static struct keyfile_secret *
read_key(const struct rig_policyd *p, const char *name)
{
	char path[RIG_PATH_MAX + 32], why[KEYFILE_WHY_MAX] = "";
	struct keyfile_secret *key = NULL;

	snprintf(path, sizeof(path), "%s/%s.key", p->keys, name);
	REQUIRE(keyfile_read_secret(path, &key, why) == 0, "%s", why);
	return key;
}

/* Also when it has begun anew: by a reload, and after its death. */
static void
t_secrets(void)
{
	static const char password[] = "open sesame, and be quick about it";
	struct keyfile_secret *rank, *seal;
	static struct rig_policyd p;
	char path[RIG_PATH_MAX];
	pid_t pid;
	int i;

	rig_policyd_init(&p, "server");
	rig_path(path, "password");
	rig_write(path, password, 0600);
	rig_policyd_add(
	    &p, "[login \"hq-1\"]\nusername = u\npassword-file = %s\n", path);
	rank = read_key(&p, "online");
	seal = read_key(&p, "seal");
	rig_policyd_start(&p);
	for (i = 0; i < 2; i++) {
		only_in(&p, "signer", "rank key", rank->sign, KEYFILE_KEY_LEN);
		only_in(&p, "collector", "sealing key", seal->seal,
		    KEYFILE_KEY_LEN);
		only_in(
		    &p, "prober", "password", password, sizeof(password) - 1);
		if (i > 0)
			break;
		CHECK_INT(rig_policyd_reload(&p, 15000, NULL), 0);
		pid = rig_policyd_child(&p, "signer");
		REQUIRE(kill(pid, SIGKILL) == 0, "kill");
		rig_policyd_await_child(&p, "signer", pid, 15000);
	}
	keyfile_free(rank);
	keyfile_free(seal);
	rig_policyd_stop(&p);
}

#define ROOT (RIG_NEEDS_ROOT | RIG_NEEDS_NETNS)
static const struct rig_case cases[] = {
    {"collector", t_collector, 0, ROOT},
    {"prober", t_prober, 0, ROOT},
    {"ranker", t_ranker, 0, ROOT},
    {"signer", t_signer, 0, ROOT},
    {"page", t_page, 0, ROOT},
    {"without", t_without, 0, ROOT},
    {"secrets", t_secrets, 0, ROOT},
};

int
main(int argc, char **argv)
{
	const struct rig_suite suite = {
	    "server_rights", cases, sizeof(cases) / sizeof(*cases), NULL};

	if (argc == 5 && strcmp(argv[1], "--role") == 0)
		return role_main(argv);
	return rig_main(&suite, argc, argv);
}
