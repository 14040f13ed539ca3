/* The only DNS server that an isolated case can reach: it knows no name. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>

#include "tests/integ/rig.h"
#include "tests/integ/rig_ns.h"

#define HEADER_LEN 12

/* The end of the question at offset HEADER_LEN, or 0; *mute for .silent. */
static size_t
question_end(const uint8_t *in, size_t len, bool *mute)
{
	static const uint8_t silent[] = "\x06silent";
	size_t at = HEADER_LEN;

	*mute = false;
	while (at < len && in[at] != 0 && in[at] < 64) {
		*mute = len - at > 8 && memcmp(in + at, silent, 8) == 0;
		at += in[at] + 1u;
	}
	return at + 5 <= len && in[at] == 0 ? at + 5 : 0;
}

static void *
answer(void *arg)
{
	int fd = *(int *)arg;
	struct sockaddr_storage from;
	socklen_t from_len;
	uint8_t buf[512];
	ssize_t got;
	size_t end;
	bool mute;

	for (;;) {
		from_len = sizeof(from);
		got = recvfrom(fd, buf, sizeof(buf), 0,
		    (struct sockaddr *)&from, &from_len);
		if (got < HEADER_LEN)
			continue;
		end = question_end(buf, (size_t)got, &mute);
		if (end == 0 || mute)
			continue;
		buf[2] = 0x85; /* an authoritative response, recursion asked */
		buf[3] = 0x83; /* recursion available, NXDOMAIN */
		memset(buf + 6, 0, 6);
		sendto(fd, buf, end, 0, (struct sockaddr *)&from, from_len);
	}
	return NULL;
}

void
rig_dns_start(void)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(53)};
	static int fd;
	sigset_t all, old;
	pthread_t thread;

	REQUIRE(rig_isolated(), "port 53 only in a namespace");
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	REQUIRE(bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == 0,
	    "bind 127.0.0.1:53: %s", strerror(errno));
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	REQUIRE(pthread_create(&thread, NULL, answer, &fd) == 0,
	    "cannot start a thread");
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_detach(thread);
}
