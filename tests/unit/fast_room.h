#ifndef TESTS_UNIT_FAST_ROOM_H
#define TESTS_UNIT_FAST_ROOM_H

#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/unit.h"

/* A network of a case's own, with loopback alone, in which both ends of TCP
 * Fast Open are let. */
struct fast_room {
	void (*fn)(void);
	bool skipped;
};

static inline bool
fast_room_enter(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd;
	bool ok;

	if (unshare(CLONE_NEWNET) != 0)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ok = fd != -1 && ioctl(fd, SIOCSIFFLAGS, &lo) == 0;
	close(fd);
	fd = open("/proc/sys/net/ipv4/tcp_fastopen", O_WRONLY | O_CLOEXEC);
	ok = ok && fd != -1 && write(fd, "3", 1) == 1;
	close(fd);
	return ok;
}

static inline void *
fast_room_thread(void *arg)
{
	struct fast_room *room = arg;

	if (fast_room_enter())
		room->fn();
	else
		room->skipped = true;
	return NULL;
}

static inline void
fast_room_run(void (*fn)(void))
{
	struct fast_room room = {.fn = fn};
	pthread_t thread;

	CHECK_INT(pthread_create(&thread, NULL, fast_room_thread, &room), 0);
	CHECK_INT(pthread_join(thread, NULL), 0);
	if (room.skipped)
		unit_skip("needs to make a network namespace");
}

#endif
