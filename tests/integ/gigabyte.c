/* Much both ways at once, of which both ends take the SHA-256: the same through
 * pipes and through buffers, and on either event loop. */
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_net.h"

#define GIGABYTE   (UINT64_C(1) << 30)
#define BRIEFLY	   (UINT64_C(1) << 24)
#define CHUNK	   (256 * 1024)
#define STALL_MS   60000 /* nothing moves */
#define DEADLINE_S 300
#define LINES	   4
#define LINE_LEN   160

enum {
	UP,
	DOWN,
	WAYS
};

/* One end of one way. */
struct flow {
	int way, fd;
	bool sends;
	uint64_t size;
	uint64_t hold; /* so much goes out before `go` is said */
	sem_t *go;     /* to a sender: it may send the rest; by a receiver: it
			* has the end.  NULL: nobody waits. */
	uint64_t moved;
	int error;
	uint8_t sum[crypto_hash_sha256_BYTES];
	pthread_t thread;
};

struct shown {
	unsigned int n;
	char lines[LINES][LINE_LEN];
};

/* Piece number n of a way: nothing in it can be foretold from the others. */
static void
piece(int way, uint64_t n, uint8_t out[static CHUNK])
{
	uint8_t key[crypto_stream_chacha20_KEYBYTES] = {(uint8_t)(way + 1)};
	uint8_t nonce[crypto_stream_chacha20_NONCEBYTES];

	_Static_assert(sizeof(nonce) == sizeof(n), "the number is the nonce");
	memcpy(nonce, &n, sizeof(n));
	crypto_stream_chacha20(out, CHUNK, nonce, key);
}

static bool
await(struct flow *f, short events)
{
	struct pollfd p = {.fd = f->fd, .events = events};

	if (poll(&p, 1, STALL_MS) == 1)
		return true;
	f->error = ETIMEDOUT;
	return false;
}

static bool
put(struct flow *f, const uint8_t *in, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = send(f->fd, in, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n == -1 && errno != EAGAIN) {
			f->error = errno;
			return false;
		}
		if (n == -1 && !await(f, POLLOUT))
			return false;
		if (n == -1)
			continue;
		in += n;
		len -= (size_t)n;
		f->moved += (uint64_t)n;
	}
	return true;
}

static void *
give(void *arg)
{
	crypto_hash_sha256_state st;
	struct flow *f = arg;
	uint8_t buf[CHUNK];
	uint64_t n;

	crypto_hash_sha256_init(&st);
	for (n = 0; n < f->size / CHUNK; n++) {
		if (n == f->hold / CHUNK && f->go != NULL)
			sem_wait(f->go);
		piece(f->way, n, buf);
		crypto_hash_sha256_update(&st, buf, CHUNK);
		if (!put(f, buf, CHUNK))
			return NULL;
	}
	crypto_hash_sha256_final(&st, f->sum);
	if (shutdown(f->fd, SHUT_WR) == -1)
		f->error = errno;
	return NULL;
}

static void *
take(void *arg)
{
	crypto_hash_sha256_state st;
	struct flow *f = arg;
	uint8_t buf[CHUNK];
	ssize_t n = 1;

	crypto_hash_sha256_init(&st);
	while (n != 0 && f->error == 0) {
		n = recv(f->fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n > 0) {
			crypto_hash_sha256_update(&st, buf, (size_t)n);
			f->moved += (uint64_t)n;
		} else if (n == -1 && errno != EAGAIN) {
			f->error = errno;
		} else if (n == -1) {
			await(f, POLLIN);
		}
	}
	crypto_hash_sha256_final(&st, f->sum);
	/* Also when it broke, so that nobody waits for ever. */
	if (f->go != NULL)
		sem_post(f->go);
	return NULL;
}

static int
accepted(int listener)
{
	struct pollfd p = {.fd = listener, .events = POLLIN};
	int fd;

	REQUIRE(poll(&p, 1, STALL_MS) == 1, "nobody came to the origin");
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	REQUIRE(fd != -1, "accept: %s", strerror(errno));
	return fd;
}

static void
judge(const struct flow f[static 2], const char *word)
{
	int i;

	for (i = 0; i < 2; i++) {
		CHECK(f[i].error == 0 && f[i].moved == f[i].size,
		    "%s, %s: %s at %llu of %llu bytes", word,
		    f[i].sends ? "sending" : "receiving", strerror(f[i].error),
		    (unsigned long long)f[i].moved,
		    (unsigned long long)f[i].size);
	}
	CHECK(memcmp(f[0].sum, f[1].sum, sizeof(f[0].sum)) == 0,
	    "%s: it is not what was sent", word);
}

/* Both ways at once; when the client has ended its own, a quarter of the other
 * is still to come. */
static void
carry(int client, int origin, uint64_t size, struct flow f[WAYS][2])
{
	sem_t ended;
	int way, i;

	sem_init(&ended, 0, 0);
	for (way = 0; way < WAYS; way++) {
		for (i = 0; i < 2; i++) {
			f[way][i] = (struct flow){.way = way,
			    .fd = (way == UP) == (i == 0) ? client : origin,
			    .sends = i == 0,
			    .size = size,
			    .hold = size / 4 * 3};
		}
	}
	f[UP][1].go = &ended;
	f[DOWN][0].go = &ended;
	for (i = 0; i < WAYS * 2; i++) {
		struct flow *one = &f[i / 2][i % 2];

		REQUIRE(pthread_create(&one->thread, NULL,
			    one->sends ? give : take, one) == 0,
		    "cannot start a thread");
	}
	for (i = 0; i < WAYS * 2; i++)
		pthread_join(f[i / 2][i % 2].thread, NULL);
	sem_destroy(&ended);
	judge(f[UP], "up");
	judge(f[DOWN], "down");
}

static void
show(const char *words, uint64_t size, struct flow f[WAYS][2], uint64_t piped)
{
	struct shown *s = rig_shared();
	char up[17], down[17];

	sodium_bin2hex(up, sizeof(up), f[UP][1].sum, 8);
	sodium_bin2hex(down, sizeof(down), f[DOWN][1].sum, 8);
	snprintf(s->lines[s->n++], LINE_LEN,
	    "%-20s %llu bytes each way, SHA-256 up %s, down %s; %llu by pipe",
	    words, (unsigned long long)size, up, down,
	    (unsigned long long)piped);
}

static void
through(const char *loop, const char *splice)
{
	uint64_t size = getenv("GIGABYTE") != NULL ? GIGABYTE : BRIEFLY, piped;
	struct rig_peer peer = {.address = NULL};
	struct flow f[WAYS][2];
	struct rig_agent a;
	struct rig_proxy p;
	struct rig_conn c;
	uint16_t port = 0;
	enum rig_fail fail;
	int listener, origin;
	char words[64];

	snprintf(words, sizeof(words), "%s, splice %s:", loop, splice);
	REQUIRE(sodium_init() >= 0, "libsodium");
	listener = rig_net_listen("127.0.0.1", &port, 16);
	REQUIRE(listener >= 0, "listen: %s", strerror(-listener));
	rig_peer_start(&peer, RIG_PEER_DANTED, "peer");
	rig_agent_init(&a, "agent");
	a.workers = 1;
	rig_agent_key(&a, "event-loop = %s", loop);
	rig_agent_key(&a, "splice = %s", splice);
	rig_agent_intermediary(&a, "peer", peer.type, peer.address, peer.port);
	rig_agent_start(&a);
	p = rig_agent_proxy(&a, RIG_SOCKS5);
	fail = rig_dial(&c, &p, "127.0.0.1", port, STALL_MS);
	REQUIRE(fail == RIG_OK, "%s: %s", rig_fail_word(fail), c.text);
	origin = accepted(listener);
	carry(c.fd, origin, size, f);
	close(origin);
	rig_conn_close(&c);
	rig_agent_has_loop(&a, loop);
	piped = (uint64_t)rig_agent_count(&a, "spliced");
	CHECK((piped > size) == (strcmp(splice, "yes") == 0),
	    "%s %llu bytes went by pipe", words, (unsigned long long)piped);
	show(words, size, f, piped);
	rig_agent_stop(&a);
	close(listener);
}

static void
report(void)
{
	const struct shown *s = rig_shared();
	unsigned int i;

	for (i = 0; i < s->n; i++)
		printf("  | %s\n", s->lines[i]);
}

#define THROUGH(name, loop, splice)    \
	static void t_##name(void)     \
	{                              \
		through(loop, splice); \
	}

THROUGH(epoll_splice, "epoll", "yes")
THROUGH(epoll_copy, "epoll", "no")
THROUGH(uring_splice, "io_uring", "yes")
THROUGH(uring_copy, "io_uring", "no")

static const struct rig_case cases[] = {
    {"epoll-splice", t_epoll_splice, DEADLINE_S, 0},
    {"epoll-copy", t_epoll_copy, DEADLINE_S, 0},
    {"uring-splice", t_uring_splice, DEADLINE_S, 0},
    {"uring-copy", t_uring_copy, DEADLINE_S, 0},
};

RIG_MAIN("gigabyte", cases, report)
