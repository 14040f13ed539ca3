/* The history's file: over restarts, torn at any byte, full, damaged. */
#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cagentd/control/policy_history.h"
#include "tests/unit/unit.h"

static int
new_file(void)
{
	int fd = memfd_create("history", MFD_CLOEXEC);

	CHECK(fd != -1, "memfd_create: %s", strerror(errno));
	log_level_set(LOG_LEVEL_ERROR);
	return fd;
}

static struct policy_history *
open_again(int fd)
{
	struct policy_history *h = NULL;

	CHECK_INT(policy_history_open(&h, dup(fd)), 0);
	if (h == NULL)
		abort();
	return h;
}

/* A policy whose every byte says which one it is. */
static int
take(struct policy_history *h, uint64_t serial, size_t len)
{
	static uint8_t message[ENVELOPE_MAX];
	struct policy_past p = {.kind = POLICY_PAST_TAKEN,
	    .type = ENVELOPE_POLICY,
	    .when_s = (int64_t)serial * 10,
	    .epoch = 3,
	    .serial = serial,
	    .message_len = len};

	memset(message, (int)(serial & 0xff), len);
	snprintf(p.text, sizeof(p.text), "policy %d", (int)serial);
	return policy_history_add(h, &p, message);
}

static int
refuse(struct policy_history *h, uint64_t serial)
{
	struct policy_past p = {.kind = POLICY_PAST_REFUSED,
	    .type = ENVELOPE_RANK,
	    .when_s = (int64_t)serial,
	    .serial = serial};

	snprintf(p.code, sizeof(p.code), "rollback");
	return policy_history_add(h, &p, NULL);
}

static void
has(const struct policy_history *h, uint64_t serial, size_t len)
{
	const struct policy_past *p = policy_history_find(h, serial);
	uint8_t *message = NULL;
	size_t i = 0;

	CHECK(p != NULL, "policy %d is not there", (int)serial);
	if (p == NULL)
		return;
	CHECK_INT(p->when_s, serial * 10);
	CHECK_INT(p->epoch, 3);
	CHECK_INT(p->message_len, len);
	CHECK_INT(policy_history_message(h, p, &message), 0);
	while (message != NULL && i < len && message[i] == (serial & 0xff))
		i++;
	CHECK_INT(i, len);
	free(message);
}

static void
over_restarts(void)
{
	int fd = new_file();
	struct policy_history *h = open_again(fd);
	const struct policy_past *p;

	CHECK_INT(policy_history_n(h), 0);
	CHECK(policy_history_find(h, 1) == NULL, "of nothing");
	CHECK_INT(take(h, 1, 500), 0);
	CHECK_INT(refuse(h, 7), 0);
	CHECK_INT(take(h, 2, 0), 0);
	policy_history_close(h);
	h = open_again(fd);
	CHECK_INT(policy_history_n(h), 3);
	has(h, 1, 500);
	p = policy_history_at(h, 1);
	CHECK_INT(p->kind, POLICY_PAST_REFUSED);
	CHECK_INT(p->type, ENVELOPE_RANK);
	CHECK_STR(p->code, "rollback");
	CHECK_STR(policy_history_at(h, 2)->text, "policy 2");
	CHECK(policy_history_find(h, 7) == NULL, "one that was refused");
	CHECK(policy_history_find(h, 2) == NULL, "one without its message");
	/* The same serial under another root: the newest. */
	CHECK_INT(take(h, 1, 77), 0);
	has(h, 1, 77);
	policy_history_close(h);
	close(fd);
	CHECK_INT(policy_history_n(NULL), 0);
}

/* A crash while the third was written, at each of its bytes. */
static void
torn(void)
{
	struct policy_history *h;
	off_t two, three, len;
	int fd = new_file();

	h = open_again(fd);
	CHECK_INT(take(h, 1, 100), 0);
	CHECK_INT(take(h, 2, 100), 0);
	two = lseek(fd, 0, SEEK_END);
	CHECK_INT(take(h, 3, 100), 0);
	three = lseek(fd, 0, SEEK_END);
	policy_history_close(h);
	CHECK(three > two, "nothing was written");
	for (len = three - 1; len >= two; len--) {
		CHECK_INT(ftruncate(fd, len), 0);
		h = open_again(fd);
		CHECK_INT(policy_history_n(h), 2);
		has(h, 2, 100);
		policy_history_close(h);
	}
	/* And it goes on from there. */
	CHECK_INT(ftruncate(fd, three - 1), 0);
	h = open_again(fd);
	CHECK_INT(take(h, 4, 90), 0);
	policy_history_close(h);
	h = open_again(fd);
	CHECK_INT(policy_history_n(h), 3);
	has(h, 4, 90);
	policy_history_close(h);
	close(fd);
}

static void
spoil(int fd, off_t at)
{
	uint8_t byte = 0;

	CHECK_INT(pread(fd, &byte, 1, at), 1);
	byte ^= 1;
	CHECK_INT(pwrite(fd, &byte, 1, at), 1);
}

static void
damaged(void)
{
	struct policy_history *h;
	uint8_t *message;
	int fd = new_file();

	h = open_again(fd);
	CHECK_INT(take(h, 1, 100), 0);
	CHECK_INT(take(h, 2, 100), 0);
	CHECK_INT(take(h, 3, 100), 0);
	/* While it is open: found out when it is asked for. */
	spoil(fd, (off_t)policy_history_at(h, 1)->at + 60);
	CHECK_INT(
	    policy_history_message(h, policy_history_find(h, 2), &message),
	    -EBADMSG);
	CHECK(message == NULL, "a message all the same");
	policy_history_close(h);
	h = open_again(fd);
	CHECK_INT(policy_history_n(h), 1);
	has(h, 1, 100);
	policy_history_close(h);
	spoil(fd, 9);
	h = open_again(fd);
	CHECK_INT(policy_history_n(h), 0);
	CHECK_INT(take(h, 5, 100), 0);
	policy_history_close(h);
	h = open_again(fd);
	CHECK_INT(policy_history_n(h), 1);
	has(h, 5, 100);
	policy_history_close(h);
	close(fd);
}

/* The newest of each kind, and none of one kind pushes out the other. */
static void
as_many_as_may_be(void)
{
	int fd = new_file();
	struct policy_history *h = open_again(fd);
	uint64_t i;

	for (i = 1; i <= 3; i++)
		CHECK_INT(take(h, i, 10), 0);
	for (i = 1; i <= 2000; i++)
		CHECK_INT(refuse(h, i), 0);
	CHECK_INT(policy_history_n(h), 3 + POLICY_HISTORY_REFUSED);
	has(h, 1, 10);
	for (i = 4; i <= 200; i++)
		CHECK_INT(take(h, i, 10), 0);
	CHECK_INT(
	    policy_history_n(h), POLICY_HISTORY_TAKEN + POLICY_HISTORY_REFUSED);
	policy_history_close(h);
	h = open_again(fd);
	CHECK_INT(
	    policy_history_n(h), POLICY_HISTORY_TAKEN + POLICY_HISTORY_REFUSED);
	CHECK_INT(
	    policy_history_at(h, 0)->serial, 2000 - POLICY_HISTORY_REFUSED + 1);
	has(h, 200, 10);
	has(h, 200 - POLICY_HISTORY_TAKEN + 1, 10);
	CHECK(policy_history_find(h, 200 - POLICY_HISTORY_TAKEN) == NULL,
	    "one too many");
	policy_history_close(h);
	CHECK(lseek(fd, 0, SEEK_END) < 2 * POLICY_HISTORY_AREA, "the file");
	close(fd);
}

static void
no_flood(void)
{
	int fd = new_file(), i;
	struct policy_history *h = open_again(fd);
	struct policy_past p = {.kind = POLICY_PAST_REFUSED, .when_s = 5};

	for (i = 0; i < 1000; i++)
		CHECK_INT(policy_history_add(h, &p, NULL), 0);
	CHECK_INT(policy_history_n(h), POLICY_HISTORY_RATE);
	p.when_s++;
	CHECK_INT(policy_history_add(h, &p, NULL), 0);
	CHECK_INT(policy_history_n(h), POLICY_HISTORY_RATE + 1);
	policy_history_close(h);
	close(fd);
}

/* The largest messages: areas change, the newest stay, the file stays small.
 * A crash before the other area counts changes nothing. */
static void
large(void)
{
	int fd = new_file();
	struct policy_history *h = open_again(fd);
	uint64_t i;

	for (i = 1; i <= 40; i++) {
		CHECK_INT(take(h, i, ENVELOPE_MAX), 0);
		has(h, i, ENVELOPE_MAX);
		if (i > 5)
			has(h, i - 5, ENVELOPE_MAX);
	}
	CHECK(policy_history_find(h, 1) == NULL, "no room for that");
	policy_history_close(h);
	CHECK(lseek(fd, 0, SEEK_END) <= 2 * POLICY_HISTORY_AREA, "the file");
	h = open_again(fd);
	has(h, 40, ENVELOPE_MAX);
	has(h, 35, ENVELOPE_MAX);
	policy_history_close(h);
	close(fd);
}

static void
not_written(void)
{
	struct policy_history *h = NULL;
	char name[] = "/proc/self/fd/000000";
	int fd = new_file(), reader;

	h = open_again(fd);
	CHECK_INT(take(h, 1, 10), 0);
	policy_history_close(h);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	reader = open(name, O_RDONLY | O_CLOEXEC);
	CHECK_INT(policy_history_open(&h, reader), 0);
	CHECK_INT(take(h, 2, 10), -EBADF);
	CHECK_INT(policy_history_n(h), 2);
	CHECK(policy_history_find(h, 2) == NULL, "its message");
	has(h, 1, 10);
	policy_history_close(h);
	close(fd);
	CHECK(policy_history_open(&h, -1) < 0 && h == NULL, "no file");
}

static const struct unit_case cases[] = {
    {"over restarts", over_restarts},
    {"torn at the end", torn},
    {"damaged", damaged},
    {"as many as may be", as_many_as_may_be},
    {"no flood", no_flood},
    {"the largest messages", large},
    {"what cannot be written", not_written},
};

UNIT_MAIN("policy_history", cases)
