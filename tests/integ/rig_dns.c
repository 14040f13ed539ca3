/* The only DNS server that an isolated case can reach: it knows no name but
 * those that are laid as traps. */
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

/* --- names under .rebind --- */

#define TYPE_A	  1
#define TYPE_AAAA 28
#define TRAP_MAX  2

struct trap {
	const char *label;
	uint16_t type;
	const char *ips[TRAP_MAX];
};

static const struct trap traps[] = {
    {"both", TYPE_A, {RIG_NS_THERE, "127.0.0.1"}},
    {"loop", TYPE_A, {"127.0.0.1"}},
    {"six", TYPE_AAAA, {"::1", "::ffff:127.0.0.1"}},
    {"own", TYPE_A, {RIG_NS_HERE}},
};

/* flip0 to flip9: the first answer leads to the peer, all later ones here. */
static const struct trap flips[] = {
    {"flip", TYPE_A, {RIG_NS_THERE}},
    {"flip", TYPE_A, {"127.0.0.1"}},
};

/* Of the first label; NULL: there is no such name. */
static const struct trap *
trap_of(const uint8_t *name, uint16_t type)
{
	static bool flipped[10];
	size_t i, len = name[0];
	uint8_t n;

	if (len == 5 && memcmp(name + 1, "flip", 4) == 0 && name[5] >= '0' &&
	    name[5] <= '9') {
		n = name[5] - '0';
		i = flipped[n];
		flipped[n] = flipped[n] || type == TYPE_A;
		return &flips[i];
	}
	for (i = 0; i < sizeof(traps) / sizeof(*traps); i++) {
		if (strlen(traps[i].label) == len &&
		    memcmp(name + 1, traps[i].label, len) == 0)
			return &traps[i];
	}
	return NULL;
}

/* One record of no lifetime, for the name in the question; its length. */
static size_t
put_record(uint8_t *out, uint16_t type, const char *ip)
{
	static const uint8_t head[] = "\xc0\x0c\0\0\0\1\0\0\0\0\0";
	uint8_t len = type == TYPE_A ? 4 : 16;

	memcpy(out, head, sizeof(head));
	out[3] = (uint8_t)type;
	out[11] = len;
	inet_pton(type == TYPE_A ? AF_INET : AF_INET6, ip, out + 12);
	return 12u + len;
}

/* Into an answer to the question that ends at *end, which moves, if that is of
 * a trap's name. */
static void
lay_trap(uint8_t *buf, size_t *end)
{
	static const uint8_t zone[] = "\x06rebind";
	const struct trap *t;
	uint16_t type = (uint16_t)(buf[*end - 4] << 8 | buf[*end - 3]);
	size_t i;

	if (*end < HEADER_LEN + 4 + sizeof(zone) ||
	    memcmp(buf + *end - 4 - sizeof(zone), zone, sizeof(zone)) != 0)
		return;
	t = trap_of(buf + HEADER_LEN, type);
	if (t == NULL)
		return;
	buf[3] = 0x80;
	for (i = 0; i < TRAP_MAX && type == t->type && t->ips[i] != NULL; i++) {
		*end += put_record(buf + *end, type, t->ips[i]);
		buf[7]++;
	}
}

static void *
answer(void *arg)
{
	int fd = *(int *)arg;
	struct sockaddr_storage from;
	socklen_t from_len;
	uint8_t buf[1024];
	ssize_t got;
	size_t end;
	bool mute;

	for (;;) {
		from_len = sizeof(from);
		got = recvfrom(
		    fd, buf, 512, 0, (struct sockaddr *)&from, &from_len);
		if (got < HEADER_LEN)
			continue;
		end = question_end(buf, (size_t)got, &mute);
		if (end == 0 || mute)
			continue;
		buf[2] = 0x85; /* an authoritative response, recursion asked */
		buf[3] = 0x83; /* recursion available, NXDOMAIN */
		memset(buf + 6, 0, 6);
		lay_trap(buf, &end);
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
