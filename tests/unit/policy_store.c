/* The file of what was accepted: whole after any kill, torn slots, damage. */
#include <sys/mman.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/mono.h"
#include "cagentd/control/policy_store.h"
#include "tests/unit/unit.h"

#define KILLS  200
#define LENGTH 20000

static int
new_file(void)
{
	int fd = memfd_create("state", MFD_CLOEXEC);

	CHECK(fd != -1, "memfd_create: %s", strerror(errno));
	return fd;
}

/* Every part of it says which one it is. */
static struct policy_kept
kept_of(uint64_t n, uint8_t *memory)
{
	struct policy_kept k = {.rank = {1, n}};

	memset(memory, (int)(n & 0xff), LENGTH);
	memcpy(memory, &n, sizeof(n));
	k.parts[POLICY_PART_ROOT].data = memory;
	k.parts[POLICY_PART_ROOT].len = 100;
	k.parts[POLICY_PART_POLICY].data = memory;
	k.parts[POLICY_PART_POLICY].len = LENGTH;
	memset(k.anchor, 7, sizeof(k.anchor));
	return k;
}

static int
write_one(struct policy_store *st, uint64_t n)
{
	static uint8_t memory[LENGTH];
	struct policy_kept k = kept_of(n, memory);

	return policy_store_write(st, &k);
}

/* Which one is kept: 0 for none, or an error. */
static int64_t
kept_now(int fd)
{
	static uint8_t memory[LENGTH];
	struct policy_kept k, want;
	struct policy_store st;
	int error = policy_store_open(&st, fd, &k);
	int64_t n = error;

	if (error == 0 && k.parts[POLICY_PART_ROOT].len > 0) {
		n = (int64_t)k.rank.serial;
		want = kept_of((uint64_t)n, memory);
		CHECK_INT(k.parts[POLICY_PART_POLICY].len, LENGTH);
		CHECK(memcmp(k.parts[POLICY_PART_POLICY].data,
			  want.parts[POLICY_PART_POLICY].data, LENGTH) == 0,
		    "the policy of %lld", (long long)n);
		CHECK(memcmp(k.anchor, want.anchor, sizeof(k.anchor)) == 0,
		    "the anchor");
		CHECK_INT(k.parts[POLICY_PART_RANK].len, 0);
	}
	policy_kept_free(&k);
	return n;
}

static void
goes_on(void)
{
	struct policy_store st;
	struct policy_kept k;
	int fd = new_file();
	uint64_t n;

	CHECK_INT(kept_now(fd), 0);
	CHECK_INT(policy_store_open(&st, fd, &k), 0);
	for (n = 1; n <= 5; n++) {
		CHECK_INT(write_one(&st, n), 0);
		CHECK_INT(kept_now(fd), n);
	}
	CHECK_INT(policy_store_open(&st, fd, &k), 0);
	policy_kept_free(&k);
	CHECK_INT(write_one(&st, 6), 0);
	CHECK_INT(kept_now(fd), 6);
	close(fd);
}

static void
spoil(int fd, uint32_t slot, off_t at)
{
	uint8_t byte = 0;

	at += (off_t)slot * POLICY_STORE_SLOT;
	CHECK_INT(pread(fd, &byte, 1, at), 1);
	byte ^= 0x10;
	CHECK_INT(pwrite(fd, &byte, 1, at), 1);
}

/* At any byte: the other slot, and with both of them nobody knows. */
static void
damaged(void)
{
	const off_t places[] = {0, 4, 6, 15, 27, 30, 60, 80, 108, 150, 5000};
	struct policy_store st;
	struct policy_kept k;
	size_t i;
	int fd;

	for (i = 0; i < sizeof(places) / sizeof(*places); i++) {
		fd = new_file();
		CHECK_INT(policy_store_open(&st, fd, &k), 0);
		CHECK_INT(write_one(&st, 1), 0);
		CHECK_INT(write_one(&st, 2), 0);
		spoil(fd, st.slot, places[i]);
		CHECK_INT(kept_now(fd), 1);
		spoil(fd, 1 - st.slot, places[i]);
		CHECK_INT(kept_now(fd), -EBADMSG);
		close(fd);
	}
}

/* A slot that ends early is one that was being written. */
static void
torn(void)
{
	const off_t lengths[] = {1, 20, 107, 108, 109, 300, 20000};
	struct policy_store st;
	struct policy_kept k;
	size_t i;
	int fd;

	for (i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		fd = new_file();
		CHECK_INT(policy_store_open(&st, fd, &k), 0);
		CHECK_INT(write_one(&st, 1), 0);
		CHECK_INT(ftruncate(fd, POLICY_STORE_SLOT + lengths[i]), 0);
		CHECK_INT(kept_now(fd), 1);
		/* Of the very first one: it never came to anything. */
		CHECK_INT(ftruncate(fd, lengths[i]), 0);
		CHECK_INT(kept_now(fd), 0);
		close(fd);
	}
}

/* What the writer says, in memory that both have. */
struct told {
	_Atomic uint64_t begun, done;
};

/* One after another, each said to be done when it is. */
static void __attribute__((noreturn))
writer(int fd, uint64_t n, struct told *told)
{
	struct policy_store st;
	struct policy_kept k;

	if (policy_store_open(&st, fd, &k) != 0)
		_exit(1);
	for (;; n++) {
		told->begun = n;
		if (write_one(&st, n) != 0)
			_exit(1);
		told->done = n;
	}
}

static void
await(const _Atomic uint64_t *p, uint64_t n)
{
	int64_t until_us = mono_us() + 10000000;

	while (*p < n && mono_us() < until_us)
		continue;
	CHECK(*p >= n, "the writer does not come so far");
}

static void
killed(void)
{
	struct told *told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned int seed = 1;
	int64_t n = 0, until_us;
	int fd = new_file(), i, status;
	pid_t pid;

	CHECK(told != MAP_FAILED, "mmap");
	for (i = 0; i < KILLS; i++) {
		pid = fork();
		if (pid == 0)
			writer(fd, (uint64_t)n + 1, told);
		await(&told->begun, (uint64_t)n + 1);
		if (i % 2 == 1)
			await(&told->done, (uint64_t)n + 1);
		until_us = mono_us() + rand_r(&seed) % 1000;
		while (mono_us() < until_us)
			continue;
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		CHECK(WIFSIGNALED(status), "the writer has left by itself");
		n = kept_now(fd);
		/* It may not have come to say so. */
		CHECK(n >= (int64_t)told->done && n <= (int64_t)told->begun &&
			  n + 1 >= (int64_t)told->begun,
		    "kill %d: %lld is kept, %llu was begun, %llu done", i,
		    (long long)n, (unsigned long long)told->begun,
		    (unsigned long long)told->done);
	}
	CHECK(n >= KILLS / 2, "only %lld writes", (long long)n);
	munmap(told, sizeof(*told));
	close(fd);
}

static void
full(void)
{
	struct policy_store st;
	struct policy_kept k;
	int fd = new_file();

	CHECK_INT(policy_store_open(&st, fd, &k), 0);
	CHECK_INT(write_one(&st, 1), 0);
	st.fd = -1;
	CHECK_INT(write_one(&st, 2), -EBADF);
	st.fd = fd;
	CHECK_INT(kept_now(fd), 1);
	CHECK_INT(write_one(&st, 3), 0);
	CHECK_INT(kept_now(fd), 3);
	close(fd);
}

static const struct unit_case cases[] = {
    {"one after another, over restarts", goes_on},
    {"a damaged slot, and two", damaged},
    {"a torn slot, and the first one", torn},
    {"killed at any moment", killed},
    {"what cannot be written", full},
};

UNIT_MAIN("policy_store", cases)
