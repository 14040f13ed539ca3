/* Owns the master's part in policy: opens the file that is the control
 * process's, takes the body that it sends; believes what it is told of it. */
#include "cagentd/master/master_policy.h"

#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/log.h"
#include "base/mono.h"
#include "cagentd/common/msg.h"

#define STATE_NAME   "policy.state"
#define HISTORY_NAME "policy.history"
/* How long a control process that outlived its master may take to leave. */
#define PATIENCE_US	 5000000
#define PATIENCE_STEP_MS 10

static int
open_dir(const char *dir)
{
	int fd;

	if (mkdir(dir, 0700) == -1 && errno != EEXIST)
		fatal("state-dir %s", dir);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		fatal("state-dir %s", dir);
	return fd;
}

/* Two writers would undo each other's floor. */
static void
lock_state(int fd, const char *dir)
{
	int64_t until = mono_us() + PATIENCE_US;

	while (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		if (errno != EWOULDBLOCK || mono_us() >= until)
			fatal("%s/" STATE_NAME ": another agent has it", dir);
		poll(NULL, 0, PATIENCE_STEP_MS);
	}
}

/* The control process's alone; `dir` is where it is. */
static int
open_file(const struct settings *s, int dir, const char *name)
{
	const struct settings_account *owner = &s->control_user;
	struct stat st;
	int fd = openat(dir, name,
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);

	if (fd == -1 || fstat(fd, &st) == -1)
		fatal("%s/%s", s->state_dir, name);
	if (!S_ISREG(st.st_mode))
		fatalx("%s/%s: must be a regular file", s->state_dir, name);
	if (geteuid() == 0 && owner->uid != (uid_t)-1 &&
	    fchown(fd, owner->uid, owner->gid) == -1)
		fatal("%s/%s: chown", s->state_dir, name);
	if (fchmod(fd, 0600) == -1)
		fatal("%s/%s", s->state_dir, name);
	return fd;
}

/* Of that size for ever, so that nobody can make it eat all memory. */
static int
make_memory(void)
{
	int fd = memfd_create("cagent-policy", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd == -1 || fchmod(fd, 0600) == -1 ||
	    ftruncate(fd, PROCS_POLICY_MAX) == -1 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) ==
		-1)
		fatal("memory for a policy");
	return fd;
}

void
master_policy_open(const struct settings *s, int fds[MASTER_POLICY_FDS])
{
	int dir;

	fds[0] = fds[1] = fds[2] = -1;
	if (s->policy_root[0] == '\0')
		return;
	dir = open_dir(s->state_dir);
	fds[0] = open_file(s, dir, STATE_NAME);
	fds[2] = open_file(s, dir, HISTORY_NAME);
	if (fsync(dir) == -1)
		fatal("state-dir %s", s->state_dir);
	close(dir);
	lock_state(fds[0], s->state_dir);
	fds[1] = make_memory();
}

static int
read_text(int fd, size_t len, char **out)
{
	char *text = malloc(len + 1);
	size_t done = 0;
	ssize_t n;

	if (text == NULL)
		return -ENOMEM;
	while (done < len) {
		n = pread(fd, text + done, len - done, (off_t)done);
		if (n <= 0) {
			free(text);
			return n == 0 ? -EPROTO : -errno;
		}
		done += (size_t)n;
	}
	text[len] = '\0';
	*out = text;
	return 0;
}

int
master_policy_read(
    const struct chan_msg *m, int memory, struct master_policy *out)
{
	struct msg_policy what;
	uint8_t hash[sizeof(what.hash)];
	int error;

	memset(out, 0, sizeof(*out));
	error = msg_policy_decode(m->data, m->len, &what);
	if (error == 0)
		error = read_text(memory, (size_t)what.len, &out->text);
	if (error != 0)
		return error;
	/* Of our copy, which does not change any more. */
	crypto_generichash(
	    hash, sizeof(hash), (const uint8_t *)out->text, what.len, NULL, 0);
	if (memcmp(hash, what.hash, sizeof(hash)) != 0) {
		free(out->text);
		out->text = NULL;
		return -ESTALE;
	}
	out->body = (struct settings_body){
	    out->text, (size_t)what.len, what.epoch, what.serial};
	return 0;
}

bool
master_policy_same(const struct master_policy *x, const struct master_policy *y)
{
	const struct settings_body *a = &x->body, *b = &y->body;

	return x->text != NULL && y->text != NULL && a->epoch == b->epoch &&
	       a->serial == b->serial && a->len == b->len &&
	       memcmp(a->text, b->text, a->len) == 0;
}
