/*
 * What is accepted stays so: the floor on disk while its writer is killed at
 * every system call, runs out of space, or finds its files damaged.
 */
#include "trust/floor.h"

#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/trust_sample.h"
#include "tests/unit/unit.h"

#define KILLS 200

static char dir[32], why[FLOOR_WHY_MAX];

static void
begin(void)
{
	memcpy(dir, "/tmp/floor.XXXXXX", 18);
	CHECK(mkdtemp(dir) != NULL, "mkdtemp");
}

static const char *
path_of(const char *name, char out[64])
{
	snprintf(out, 64, "%s/%s", dir, name);
	return out;
}

static void
end(void)
{
	static const char *const names[] = {"root.kept", "policy.kept",
	    "rank.kept", "root.new", "policy.new", "rank.new"};
	char path[64];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		unlink(path_of(names[i], path));
	CHECK_INT(rmdir(dir), 0);
}

/* A policy of the given serial whose body says so. */
static struct verified *
message(const struct verified *root, enum envelope_type type, uint64_t serial)
{
	struct verify ctx = {
	    .mode = VERIFY_ALONE, .root = root, .now_s = SAMPLE_NOW};
	struct envelope e =
	    sample_header(type, verified_envelope(root)->epoch, serial);
	struct trust_why t;
	struct sample s;
	char body[64];

	snprintf(body, sizeof(body), "[rank]\npolicy-serial = %llu\n",
	    (unsigned long long)serial);
	memcpy(e.audience, "york", 5);
	sample_sign(&s, e, body, type == ENVELOPE_RANK ? "6" : "4");
	return verify_message(&ctx, s.data, s.len, &t);
}

static struct floor *
open_floor(struct floor_kept *kept)
{
	struct floor *f;

	CHECK_INT(floor_open(dir, "york", &f, kept, why), 0);
	CHECK(f != NULL, "%s", why);
	if (f == NULL)
		exit(1);
	return f;
}

static int
keep(struct floor *f, const struct verified *root, enum envelope_type type,
    uint64_t serial)
{
	struct verified *v = message(root, type, serial);
	int rc = floor_keep(f, v, root);

	verified_free(v);
	return rc;
}

static bool
same(const struct verified *v, const struct verified *root,
    enum envelope_type type, uint64_t serial)
{
	struct verified *want = message(root, type, serial);
	const uint8_t *a, *b;
	size_t n, m;
	bool ok;

	a = verified_message(want, &n);
	b = v != NULL ? verified_message(v, &m) : NULL;
	ok = b != NULL && n == m && memcmp(a, b, n) == 0;
	verified_free(want);
	return ok;
}

static void
is_empty_at_first(void)
{
	struct floor_kept kept;
	struct floor *f;

	begin();
	f = open_floor(&kept);
	CHECK(kept.root == NULL && kept.policy == NULL && kept.rank == NULL,
	    "empty");
	CHECK(floor_mark(f, ENVELOPE_POLICY).epoch == 0, "no mark");
	floor_close(f);
	end();
	CHECK_INT(floor_open(dir, "york", &f, &kept, why), -ENOENT);
	CHECK(strstr(why, dir) != NULL, "%s", why);
}

static void
refuses_a_directory_of_everybody(void)
{
	static const mode_t modes[] = {0770, 0702, 0777, 01777};
	struct floor_kept kept;
	struct floor *f;
	size_t i;

	begin();
	for (i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		CHECK_INT(chmod(dir, modes[i]), 0);
		CHECK_INT(floor_open(dir, "york", &f, &kept, why), -EPERM);
		CHECK(strstr(why, "its owner alone") != NULL, "%s", why);
	}
	CHECK_INT(chmod(dir, 0755), 0);
	f = open_floor(&kept);
	floor_close(f);
	end();
}

static void
keeps(void)
{
	struct verified *root = sample_verified_root(3);
	struct floor_kept kept;
	struct floor *f;
	struct stat st;
	char path[64];

	begin();
	f = open_floor(&kept);
	CHECK_INT(floor_keep(f, root, NULL), 0);
	CHECK_INT(keep(f, root, ENVELOPE_POLICY, 7), 0);
	CHECK_INT(keep(f, root, ENVELOPE_RANK, 7), 0);
	CHECK_INT(keep(f, root, ENVELOPE_POLICY, 7), -ESTALE);
	CHECK_INT(keep(f, root, ENVELOPE_POLICY, 6), -ESTALE);
	CHECK_INT(floor_keep(f, root, NULL), -ESTALE);
	floor_close(f);
	CHECK(stat(path_of("policy.kept", path), &st) == 0 &&
		  (st.st_mode & 0777) == 0600,
	    "mode");
	f = open_floor(&kept);
	CHECK(kept.root != NULL && verified_root(kept.root)->version == 3,
	    "root");
	CHECK(same(kept.policy, root, ENVELOPE_POLICY, 7), "policy");
	CHECK(same(kept.rank, root, ENVELOPE_RANK, 7), "rank");
	CHECK_INT(floor_mark(f, ENVELOPE_POLICY).epoch, 3);
	CHECK_INT(floor_mark(f, ENVELOPE_POLICY).serial, 7);
	CHECK_INT(keep(f, root, ENVELOPE_POLICY, 7), -ESTALE);
	floor_kept_free(&kept);
	floor_close(f);
	verified_free(root);
	end();
}

/* The policy outlives the root that it was accepted under. */
static void
keeps_over_a_rotation(void)
{
	struct verified *three = sample_verified_root(3),
			*four = sample_verified_root(4);
	struct floor_kept kept;
	struct floor *f;

	begin();
	f = open_floor(&kept);
	CHECK_INT(floor_keep(f, three, NULL), 0);
	CHECK_INT(keep(f, three, ENVELOPE_POLICY, 7), 0);
	CHECK_INT(floor_keep(f, four, NULL), 0);
	CHECK_INT(floor_keep(f, three, NULL), -ESTALE);
	floor_close(f);
	f = open_floor(&kept);
	CHECK(verified_root(kept.root)->version == 4, "root 4");
	CHECK(same(kept.policy, three, ENVELOPE_POLICY, 7), "policy of 3");
	/* Serials start over. */
	CHECK_INT(keep(f, four, ENVELOPE_POLICY, 1), 0);
	CHECK_INT(keep(f, three, ENVELOPE_POLICY, 8), -ESTALE);
	floor_kept_free(&kept);
	floor_close(f);
	verified_free(three);
	verified_free(four);
	end();
}

static void
passes_over_what_does_not_fit(void)
{
	struct verified *root = sample_verified_root(3);
	struct floor_kept kept;
	struct floor *f;

	begin();
	f = open_floor(&kept);
	CHECK_INT(floor_keep(f, root, NULL), 0);
	CHECK_INT(keep(f, root, ENVELOPE_POLICY, 7), 0);
	CHECK_INT(keep(f, root, ENVELOPE_RANK, 7), 0);
	CHECK_INT(keep(f, root, ENVELOPE_POLICY, 8), 0);
	floor_close(f);
	/* The rank is for the policy before: no rank, yet a floor. */
	f = open_floor(&kept);
	CHECK(same(kept.policy, root, ENVELOPE_POLICY, 8), "policy 8");
	CHECK(kept.rank == NULL, "rank for 7");
	CHECK_INT(floor_mark(f, ENVELOPE_RANK).serial, 7);
	floor_kept_free(&kept);
	floor_close(f);
	/* We are in another group now. */
	CHECK_INT(floor_open(dir, "leeds", &f, &kept, why), 0);
	CHECK(kept.root != NULL && kept.policy == NULL && kept.rank == NULL,
	    "another group's");
	CHECK_INT(floor_mark(f, ENVELOPE_POLICY).epoch, 0);
	floor_kept_free(&kept);
	floor_close(f);
	verified_free(root);
	end();
}

static void
starts_anew_by_hand(void)
{
	struct verified *four = sample_verified_root(4),
			*one = sample_verified_root(1);
	struct floor_kept kept;
	struct floor *f;

	begin();
	f = open_floor(&kept);
	CHECK_INT(floor_keep(f, four, NULL), 0);
	CHECK_INT(keep(f, four, ENVELOPE_POLICY, 7), 0);
	CHECK_INT(floor_restart(f, one), 0);
	CHECK_INT(floor_mark(f, ENVELOPE_ROOT).epoch, 1);
	CHECK_INT(keep(f, one, ENVELOPE_POLICY, 1), 0);
	floor_close(f);
	f = open_floor(&kept);
	CHECK(verified_root(kept.root)->version == 1, "root 1");
	CHECK(same(kept.policy, one, ENVELOPE_POLICY, 1), "policy 1");
	floor_kept_free(&kept);
	floor_close(f);
	verified_free(one);
	verified_free(four);
	end();
}

static void
expect_damage(const char *what, size_t at)
{
	struct floor_kept kept;
	struct floor *f = NULL;
	int rc = floor_open(dir, "york", &f, &kept, why);

	CHECK(rc == -EBADMSG && f == NULL && kept.root == NULL, "%s %zu: %d",
	    what, at, rc);
	CHECK(strstr(why, "policy.kept: damaged (") != NULL, "%s", why);
	floor_kept_free(&kept);
	floor_close(f);
}

static void
refuses_damage(void)
{
	struct verified *root = sample_verified_root(3);
	struct floor_kept kept;
	struct floor *f;
	char path[64];
	uint8_t byte;
	struct stat st;
	off_t i;
	int fd;

	begin();
	f = open_floor(&kept);
	CHECK_INT(floor_keep(f, root, NULL), 0);
	CHECK_INT(keep(f, root, ENVELOPE_POLICY, 7), 0);
	floor_close(f);
	fd = open(path_of("policy.kept", path), O_RDWR);
	CHECK(fd != -1 && fstat(fd, &st) == 0, "%s", path);
	for (i = 0; i < st.st_size; i++) {
		CHECK_INT(pread(fd, &byte, 1, i), 1);
		byte ^= 0x10;
		CHECK_INT(pwrite(fd, &byte, 1, i), 1);
		expect_damage("flipped", (size_t)i);
		byte ^= 0x10;
		CHECK_INT(pwrite(fd, &byte, 1, i), 1);
	}
	f = open_floor(&kept);
	floor_kept_free(&kept);
	floor_close(f);
	CHECK_INT(pwrite(fd, "x", 1, st.st_size), 1);
	expect_damage("longer", 1);
	for (i = st.st_size - 1; i >= 0; i -= 13) {
		CHECK_INT(ftruncate(fd, i), 0);
		expect_damage("cut", (size_t)i);
	}
	close(fd);
	/* One file for another. */
	unlink(path);
	CHECK_INT(mkdir(path, 0700), 0);
	expect_damage("a directory", 0);
	rmdir(path);
	verified_free(root);
	end();
}

/* Out of space: the one before stays, and it is said. */
static void
keeps_the_old_when_it_cannot_write(void)
{
	struct verified *root = sample_verified_root(3);
	struct rlimit all, none;
	struct floor_kept kept;
	struct floor *f;

	begin();
	f = open_floor(&kept);
	CHECK_INT(floor_keep(f, root, NULL), 0);
	CHECK_INT(keep(f, root, ENVELOPE_POLICY, 7), 0);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &all);
	none = all;
	none.rlim_cur = 100;
	setrlimit(RLIMIT_FSIZE, &none);
	CHECK_INT(keep(f, root, ENVELOPE_POLICY, 8), -EFBIG);
	setrlimit(RLIMIT_FSIZE, &all);
	CHECK_INT(floor_mark(f, ENVELOPE_POLICY).serial, 7);
	floor_close(f);
	f = open_floor(&kept);
	CHECK(same(kept.policy, root, ENVELOPE_POLICY, 7), "policy 7");
	floor_kept_free(&kept);
	CHECK_INT(keep(f, root, ENVELOPE_POLICY, 8), 0);
	floor_close(f);
	verified_free(root);
	end();
}

/* The steps that make it durable, as the kernel sees them. */
struct steps {
	char text[512];
	uint32_t n;
};

static void
add_step(struct steps *s, long nr)
{
	const char *word = nr == SYS_fsync    ? "fsync "
			   : nr == SYS_openat ? "open "
			   : nr == SYS_write  ? "write "
			   : nr == SYS_close  ? "close "
					      : NULL;
	size_t len = strlen(s->text);

	if (nr == SYS_renameat2
#ifdef SYS_renameat
	    || nr == SYS_renameat
#endif
	)
		word = "rename ";
	if (word != NULL)
		snprintf(s->text + len, sizeof(s->text) - len, "%s", word);
}

static void __attribute__((noreturn)) writer(
    struct floor *f, const struct verified *next, const struct verified *root)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1)
		_exit(2);
	raise(SIGSTOP);
	_exit(floor_keep(f, next, root) == 0 ? 0 : 1);
}

/*
 * Let the writer go up to its nth stop at a system call, on entry or on
 * return, and kill it there.  true: it has ended before.
 */
static bool
kill_at(pid_t pid, uint32_t n, struct steps *s)
{
	struct __ptrace_syscall_info info;
	int status;

	s->text[0] = '\0';
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return true;
	ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD);
	for (s->n = 0; s->n < n; s->n++) {
		ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
		if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
			return true;
		if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) >
			0 &&
		    info.op == PTRACE_SYSCALL_INFO_ENTRY)
			add_step(s, (long)info.entry.nr);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return false;
}

/* One policy more, its writer killed at stop n; what is found is old or new,
 * whole, and never older than what was found before. */
static bool
kill_one(
    const struct verified *root, uint32_t n, uint64_t *serial, struct steps *s)
{
	struct floor_kept kept;
	struct floor *f = open_floor(&kept);
	struct verified *next = message(root, ENVELOPE_POLICY, *serial + 1);
	uint64_t found;
	pid_t pid;
	bool done;

	floor_kept_free(&kept);
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		writer(f, next, root);
	done = kill_at(pid, n, s);
	floor_close(f);
	verified_free(next);
	f = open_floor(&kept);
	found = floor_mark(f, ENVELOPE_POLICY).serial;
	CHECK(found == *serial || found == *serial + 1,
	    "stop %u: %llu after %llu", n, (unsigned long long)found,
	    (unsigned long long)*serial);
	CHECK(same(kept.policy, root, ENVELOPE_POLICY, found),
	    "stop %u: another message than its floor's", n);
	CHECK(
	    !done || found == *serial + 1, "stop %u: written and not there", n);
	*serial = found;
	floor_kept_free(&kept);
	floor_close(f);
	return done;
}

static bool
can_trace(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 ? 0 : 1);
	return waitpid(pid, &status, 0) == pid && status == 0;
}

static void
survives_kills(void)
{
	struct verified *root = sample_verified_root(3);
	struct steps s;
	struct floor_kept kept;
	struct floor *f;
	uint64_t serial = 1;
	uint32_t n = 0, kills, rounds = 0;

	if (!can_trace()) {
		unit_skip("ptrace is not allowed here");
		verified_free(root);
		return;
	}
	begin();
	f = open_floor(&kept);
	CHECK_INT(keep(f, root, ENVELOPE_POLICY, serial), 0);
	floor_close(f);
	for (kills = 0; kills < KILLS; kills++) {
		if (!kill_one(root, n++, &serial, &s))
			continue;
		rounds++;
		n = 0;
		/* Data before the name, the name before we go on. */
		CHECK(strstr(s.text, "open write fsync close rename fsync ") !=
			  NULL,
		    "%s", s.text);
	}
	CHECK(rounds >= 3 && serial > rounds, "%u rounds, serial %llu", rounds,
	    (unsigned long long)serial);
	verified_free(root);
	end();
}

static const struct unit_case cases[] = {
    {"is empty at first", is_empty_at_first},
    {"refuses a directory of everybody", refuses_a_directory_of_everybody},
    {"keeps", keeps},
    {"keeps over a rotation", keeps_over_a_rotation},
    {"passes over what does not fit", passes_over_what_does_not_fit},
    {"starts anew by hand", starts_anew_by_hand},
    {"refuses damage", refuses_damage},
    {"keeps the old when it cannot write", keeps_the_old_when_it_cannot_write},
    {"survives kills", survives_kills},
};
UNIT_MAIN("floor", cases)
