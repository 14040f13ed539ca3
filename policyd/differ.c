/* Owns the comparing of two texts, by diff(1), which gets them as files that
 * have no name. */
#include "policyd/differ.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "policyd/common/pdctl.h"
#include "policyd/human.h"
#include "policyd/say.h"
#include "policyd/verb.h"

/* The numbers that diff finds them under, in /dev/fd. */
enum {
	OLD_FD = 10,
	NEW_FD
};

/* A file in memory with that text, or -1. */
static int
memory_file(const char *text)
{
	size_t len = strlen(text), done = 0;
	int fd = memfd_create("cagent-policyd", MFD_CLOEXEC);
	ssize_t n = 0;

	while (fd != -1 && done < len && n != -1) {
		n = write(fd, text + done, len - done);
		done += n > 0 ? (size_t)n : 0;
	}
	if (fd == -1 || (n != -1 && lseek(fd, 0, SEEK_SET) == 0))
		return fd;
	close(fd);
	return -1;
}

static void __attribute__((noreturn))
run(const int fds[3], const char *old, const char *new)
{
	if (dup2(fds[0], OLD_FD) != -1 && dup2(fds[1], NEW_FD) != -1 &&
	    dup2(fds[2], STDOUT_FILENO) != -1) {
		signal(SIGPIPE, SIG_DFL);
		execlp("diff", "diff", "-u", "--label", old, "--label", new,
		    "/dev/fd/10", "/dev/fd/11", (char *)NULL);
	}
	_exit(127);
}

/* diff's exit status: 0 the same, 1 they differ, else trouble. */
static int
compare(const int fds[3], const char *old, const char *new)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == -1)
		return 128;
	if (pid == 0)
		run(fds, old, new);
	while (waitpid(pid, &status, 0) == -1) {
		if (errno != EINTR)
			return 128;
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
print_clean(char *text)
{
	char *line, *rest = text;

	while ((line = strsep(&rest, "\n")) != NULL) {
		if (rest != NULL || *line != '\0')
			puts(human_clean(line));
	}
}

static int
report(const struct call *call, int rc, int out)
{
	char *text = rc == 0 || rc == 1 ? contents(out) : NULL;
	json_t *doc;

	if (text == NULL)
		return say_failure(call, VERB_FAILED, "no-diff",
		    "diff(1) cannot be run, or failed");
	if (call->json) {
		doc = json_pack("{s:i, s:b, s:b, s:s}", "schema", PDCTL_SCHEMA,
		    "ok", 1, "same", rc == 0, "diff", text);
		json_dumpf(doc, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(doc);
	} else if (rc == 0) {
		puts("they are the same");
	} else {
		print_clean(text);
	}
	free(text);
	return VERB_OK;
}

int
differ(const struct call *call, const struct differ_text *old,
    const struct differ_text *new)
{
	const int fds[3] = {
	    memory_file(old->text), memory_file(new->text), memory_file("")};
	int i, rc = 128;

	if (fds[0] >= 0 && fds[1] >= 0 && fds[2] >= 0)
		rc = compare(fds, old->label, new->label);
	rc = report(call, rc, fds[2]);
	for (i = 0; i < 3; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	return rc;
}
