/* Signs a policy in a process of its own, the only one that reads the key; it
 * has no connection, and ends with that. */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fdio.h"
#include "cagent-ctl/policy/policy.h"
#include "cagent-ctl/say.h"
#include "cagent-ctl/verb.h"
#include "trust/keyfile.h"
#include "wire/envelope.h"

/* Where the child finds the memory for its answer: all else is closed. */
#define ANSWER_FD 3

static bool
sign_with(const struct envelope *e, const struct keyfile_secret *key)
{
	size_t cap = ENVELOPE_HEADER_LEN + e->body_len + 1 +
		     ENVELOPE_KEY_ID_LEN + ENVELOPE_SIGNATURE_LEN;
	uint8_t *message = malloc(cap);
	int n = -1;

	if (message != NULL)
		n = envelope_encode(e, message, cap);
	if (n > 0)
		n = envelope_sign(
		    message, (size_t)n, cap, key->public.key, key->sign);
	return n > 0 && fdio_pwrite(ANSWER_FD, 0, message, (size_t)n) == 0;
}

static int
fail(const char *why)
{
	/* Nobody is there to be told more. */
	(void)fdio_pwrite(ANSWER_FD, 0, why, strlen(why));
	return 1;
}

static int
child(const struct policy_order *order, int answer)
{
	char why[KEYFILE_WHY_MAX];
	struct keyfile_secret *key;
	bool ok;

	if (dup2(answer, ANSWER_FD) == -1 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		return 2;
	closefrom(ANSWER_FD + 1);
	if (keyfile_read_secret(order->key_path, &key, why) != 0)
		return fail(why);
	if (key->public.kind != KEYFILE_SIGN) {
		keyfile_free(key);
		return fail("--key: a sealing key, which cannot sign");
	}
	ok = sign_with(order->envelope, key);
	keyfile_free(key);
	return ok ? 0 : fail("it cannot be signed: out of memory");
}

/* What it has left, or why not. */
static int
collect(const struct call *call, int status, uint8_t *data, ssize_t n)
{
	if (status == 0 && n > 0)
		return VERB_OK;
	if (status != 1 || n <= 0)
		return say_failure(call, VERB_FAILED, "no-signature",
		    "the process that signs has failed");
	data[n] = '\0';
	return say_failure(
	    call, VERB_FAILED, "no-signature", "%s", (const char *)data);
}

static int
await(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) == -1) {
		if (errno != EINTR)
			return 2;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

int
policy_sign(const struct call *call, const struct policy_order *order,
    uint8_t **message, size_t *len)
{
	int fd = memfd_create("cagent-ctl", MFD_CLOEXEC), status;
	uint8_t *data = malloc(ENVELOPE_MAX + 1);
	ssize_t n = -1;
	pid_t pid = -1;

	*message = NULL;
	fflush(NULL);
	if (fd != -1 && data != NULL)
		pid = fork();
	if (pid == 0)
		_exit(child(order, fd));
	status = pid != -1 ? await(pid) : 2;
	if (pid != -1)
		n = fdio_pread(fd, 0, data, ENVELOPE_MAX);
	if (fd != -1)
		close(fd);
	status = collect(call, status, data, n);
	if (status == VERB_OK) {
		*message = data;
		*len = (size_t)n;
	} else {
		free(data);
	}
	return status;
}
