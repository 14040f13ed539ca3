/* Owns `cagent-ctl policy diff`: from the policy in force to another one; the
 * comparing is diff(1)'s. */
#include <sys/mman.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cagent-ctl/ask.h"
#include "cagent-ctl/field.h"
#include "cagent-ctl/format.h"
#include "cagent-ctl/policy.h"
#include "cagent-ctl/render.h"
#include "cagent-ctl/say.h"
#include "cagent-ctl/verb.h"
#include "wire/ctl.h"
#include "wire/envelope.h"

/* The numbers that diff finds them under, in /dev/fd. */
enum {
	OLD_FD = 10,
	NEW_FD
};

/* A file in memory with that text, or -errno. */
static int
memory_file(const void *text, size_t len)
{
	int fd = memfd_create("cagent-ctl", MFD_CLOEXEC);
	size_t done = 0;
	ssize_t n = 0;

	if (fd == -1)
		return -errno;
	while (done < len && n != -1) {
		n = write(fd, (const char *)text + done, len - done);
		done += n > 0 ? (size_t)n : 0;
	}
	if (n != -1 && lseek(fd, 0, SEEK_SET) == 0)
		return fd;
	n = -errno;
	close(fd);
	return (int)n;
}

static void __attribute__((noreturn)) run(const int fds[3], const char *label)
{
	if (dup2(fds[0], OLD_FD) != -1 && dup2(fds[1], NEW_FD) != -1 &&
	    dup2(fds[2], STDOUT_FILENO) != -1) {
		signal(SIGPIPE, SIG_DFL);
		execlp("diff", "diff", "-u", "--label", "in force", "--label",
		    label, "/dev/fd/10", "/dev/fd/11", (char *)NULL);
	}
	_exit(127);
}

/* diff's exit status: 0 the same, 1 they differ, else trouble; or -errno. */
static int
compare(const int fds[3], const char *label)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == -1)
		return -errno;
	if (pid == 0)
		run(fds, label);
	while (waitpid(pid, &status, 0) == -1) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* All that was written there; the caller frees. */
static char *
contents(int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);
	char *text = size >= 0 ? malloc((size_t)size + 1) : NULL;
	ssize_t n;

	if (text == NULL)
		return NULL;
	n = pread(fd, text, (size_t)size, 0);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void
print_clean(const struct call *call, char *text)
{
	char *line, *rest = text;

	while ((line = strsep(&rest, "\n")) != NULL) {
		if (rest != NULL || *line != '\0')
			fprintf(call->out, "%s\n", format_clean(line));
	}
}

static int
report(const struct call *call, int rc, int out)
{
	char *text = contents(out);
	json_t *doc;

	if (rc < 0 || rc > 1 || text == NULL) {
		free(text);
		return say_failure(call, VERB_FAILED, "no-diff",
		    "diff(1) cannot be run, or failed");
	}
	if (call->json) {
		doc = json_pack("{s:i, s:b, s:b, s:o}", "schema", CTL_SCHEMA,
		    "ok", 1, "same", rc == 0, "diff", field_json_string(text));
		render_json(call, doc);
		json_decref(doc);
	} else if (rc == 0) {
		fputs("nothing would change\n", call->out);
	} else {
		print_clean(call, text);
	}
	free(text);
	return VERB_OK;
}

/* The text of a signed policy, or the file itself. */
static void
body_of(const uint8_t **data, size_t *len)
{
	enum envelope_fault fault;
	struct envelope e;

	if (envelope_decode(*data, *len, &e, &fault) <= 0)
		return;
	*data = e.body;
	*len = e.body_len;
}

int
policy_diff(const struct call *call, const char *path)
{
	int fds[3] = {-1, -1, -1}, i, rc = -ENOMEM, status;
	const uint8_t *text;
	uint8_t *data;
	const char *old;
	char label[256];
	json_t *doc;
	size_t len;

	status = policy_read(call, path, &data, &len);
	if (status != VERB_OK)
		return status;
	text = data;
	body_of(&text, &len);
	status = ask(call, &doc, "policy");
	if (doc == NULL) {
		free(data);
		return status;
	}
	old = field_string(doc, "body");
	fds[0] = memory_file(old, strlen(old));
	fds[1] = memory_file(text, len);
	fds[2] = memory_file("", 0);
	if (fds[0] >= 0 && fds[1] >= 0 && fds[2] >= 0)
		rc = compare(fds, format_quote(path, label, sizeof(label)));
	status = report(call, rc, fds[2]);
	for (i = 0; i < 3; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	json_decref(doc);
	free(data);
	return status;
}
