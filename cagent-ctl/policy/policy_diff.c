/* Owns `cagent-ctl policy diff`: from one policy to another; the comparing is
 * diff(1)'s. */
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
#include "cagent-ctl/policy/policy.h"
#include "cagent-ctl/render.h"
#include "cagent-ctl/say.h"
#include "cagent-ctl/verb.h"
#include "wire/ctl.h"
#include "wire/envelope.h"

#define LABEL_MAX 256

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

static void __attribute__((noreturn))
run(const int fds[3], const char *before, const char *after)
{
	if (dup2(fds[0], OLD_FD) != -1 && dup2(fds[1], NEW_FD) != -1 &&
	    dup2(fds[2], STDOUT_FILENO) != -1) {
		signal(SIGPIPE, SIG_DFL);
		execlp("diff", "diff", "-u", "--label", before, "--label",
		    after, "/dev/fd/10", "/dev/fd/11", (char *)NULL);
	}
	_exit(127);
}

/* diff's exit status: 0 the same, 1 they differ, else trouble; or -errno. */
static int
compare(const int fds[3], const char *before, const char *after)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == -1)
		return -errno;
	if (pid == 0)
		run(fds, before, after);
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

char *
policy_compare(
    const struct policy_text *before, const struct policy_text *after)
{
	int fds[3] = {memory_file(before->data, before->len),
	    memory_file(after->data, after->len), memory_file("", 0)};
	char old[LABEL_MAX], fresh[LABEL_MAX], *text = NULL;
	int i, rc = -ENOMEM;

	format_quote(before->label, old, sizeof(old));
	format_quote(after->label, fresh, sizeof(fresh));
	if (fds[0] >= 0 && fds[1] >= 0 && fds[2] >= 0)
		rc = compare(fds, old, fresh);
	if (rc == 0 || rc == 1)
		text = contents(fds[2]);
	for (i = 0; i < 3; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	return text;
}

void
policy_print(const struct call *call, char *text)
{
	char *line, *rest = text;

	while ((line = strsep(&rest, "\n")) != NULL) {
		if (rest != NULL || *line != '\0')
			fprintf(call->out, "%s\n", format_clean(line));
	}
}

static int
report(const struct call *call, char *text)
{
	json_t *doc;

	if (text == NULL)
		return say_failure(call, VERB_FAILED, "no-diff",
		    "diff(1) cannot be run, or failed");
	if (call->json) {
		doc = json_pack("{s:i, s:b, s:b, s:o}", "schema", CTL_SCHEMA,
		    "ok", 1, "same", *text == '\0', "diff",
		    field_json_string(text));
		render_json(call, doc);
		json_decref(doc);
	} else if (*text == '\0') {
		fputs("nothing would change\n", call->out);
	} else {
		policy_print(call, text);
	}
	return VERB_OK;
}

/* One of the two: what it is of, and where its text is. */
struct side {
	struct policy_text text;
	char label[LABEL_MAX];
	json_t *doc;   /* owned; NULL: of a file */
	uint8_t *data; /* owned; NULL: of the daemon */
};

static void
side_free(struct side *s)
{
	json_decref(s->doc);
	free(s->data);
}

static int
of_file(const struct call *call, struct side *s, const char *path)
{
	enum envelope_fault fault;
	struct envelope e;
	size_t len;
	int status = policy_read(call, path, &s->data, &len);

	if (status != VERB_OK)
		return status;
	s->text = (struct policy_text){path, s->data, len};
	/* The text of a signed policy, or the file itself. */
	if (envelope_decode(s->data, len, &e, &fault) > 0)
		s->text = (struct policy_text){path, e.body, e.body_len};
	return VERB_OK;
}

/* word: NULL for what is in force; a serial, or a file. */
static int
side_load(const struct call *call, struct side *s, const char *word)
{
	const char *body;
	int status;

	*s = (struct side){.doc = NULL};
	if (word != NULL && word[strspn(word, "0123456789")] != '\0')
		return of_file(call, s, word);
	if (word == NULL)
		snprintf(s->label, sizeof(s->label), "in force");
	else
		snprintf(s->label, sizeof(s->label), "policy %s", word);
	status = word == NULL ? ask(call, &s->doc, "policy")
			      : policy_past(call, word, &s->doc);
	if (s->doc == NULL)
		return status;
	body = field_string(s->doc, "body");
	s->text = (struct policy_text){s->label, body, strlen(body)};
	return VERB_OK;
}

int
policy_diff(const struct call *call, const char *before, const char *after)
{
	struct side old = {.doc = NULL}, fresh = {.doc = NULL};
	char *text;
	int status = side_load(call, &fresh, after);

	if (status == VERB_OK)
		status = side_load(call, &old, before);
	if (status == VERB_OK) {
		text = policy_compare(&old.text, &fresh.text);
		status = report(call, text);
		free(text);
	}
	side_free(&old);
	side_free(&fresh);
	return status;
}
