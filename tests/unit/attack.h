#ifndef TESTS_ATTACK_H
#define TESTS_ATTACK_H

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

/* What somebody of another uid managed with a read-only fd of shared memory. */
enum {
	ATTACK_REOPEN = 1,
	ATTACK_MMAP = 2,
	ATTACK_MPROTECT = 4,
	ATTACK_MEM = 8,
	ATTACK_TRUNCATE = 16,
	ATTACK_CHMOD = 32,
	ATTACK_NOT_RUN = 64
};

static inline int
attack_child(int ro_fd, size_t size)
{
	char path[64];
	int fd, got = 0;
	void *at;

	if (setgid(65534) == -1 || setuid(65534) == -1)
		return ATTACK_NOT_RUN;
	prctl(PR_SET_DUMPABLE, 1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ro_fd);
	fd = open(path, O_RDWR | O_CLOEXEC);
	got |= fd != -1 ? ATTACK_REOPEN : 0;
	at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ro_fd, 0);
	got |= at != MAP_FAILED ? ATTACK_MMAP : 0;
	at = mmap(NULL, size, PROT_READ, MAP_SHARED, ro_fd, 0);
	if (at == MAP_FAILED)
		return ATTACK_NOT_RUN;
	got |= mprotect(at, size, PROT_READ | PROT_WRITE) == 0 ? ATTACK_MPROTECT
							       : 0;
	fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	if (fd == -1)
		return ATTACK_NOT_RUN;
	got |= pwrite(fd, "x", 1, (off_t)(uintptr_t)at) == 1 ? ATTACK_MEM : 0;
	got |= ftruncate(ro_fd, 0) == 0 ? ATTACK_TRUNCATE : 0;
	got |= fchmod(ro_fd, 0666) == 0 ? ATTACK_CHMOD : 0;
	return got;
}

/* Needs root.  Bits of what succeeded. */
static inline int
attack_ro(int ro_fd, size_t size)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(attack_child(ro_fd, size));
	if (pid == -1 || waitpid(pid, &status, 0) == -1 || !WIFEXITED(status))
		return ATTACK_NOT_RUN;
	return WEXITSTATUS(status);
}

#endif
