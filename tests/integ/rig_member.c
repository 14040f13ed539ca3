/* A member of a fleet that says what a case wants said. */
#include "tests/integ/rig_member.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "shm/hist.h"
#include "tests/integ/rig.h"

#define ANSWER_MS 20000
#define BODY_MAX  65536

void
rig_member_init(struct rig_member *m, unsigned int number, const char *group,
    const uint8_t server[SEALED_KEY_LEN])
{
	uint8_t seed[crypto_box_SEEDBYTES];

	REQUIRE(sodium_init() != -1, "sodium_init");
	memset(m, 0, sizeof(*m));
	memset(seed, 0x5a, sizeof(seed));
	memcpy(seed, &number, sizeof(number));
	crypto_box_seed_keypair(m->keys.public_key, m->keys.secret_key, seed);
	snprintf(m->name, sizeof(m->name), "member-%u", number);
	snprintf(m->group, sizeof(m->group), "%s", group);
	memcpy(m->server, server, sizeof(m->server));
	m->fd = -1;
	m->instance = number + 1;
	m->in = malloc(RIG_MEMBER_IN_MAX);
	REQUIRE(m->in != NULL, "memory");
}

void
rig_member_close(struct rig_member *m)
{
	if (m->fd != -1)
		close(m->fd);
	m->fd = -1;
	m->in_len = 0;
}

void
rig_member_free(struct rig_member *m)
{
	rig_member_close(m);
	free(m->in);
	m->in = NULL;
}

static uint64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static bool
send_all(struct rig_member *m, const uint8_t *data, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = send(m->fd, data, len, MSG_NOSIGNAL);
		if (n == -1)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

bool
rig_member_send(struct rig_member *m, enum sealed_type type,
    const uint8_t *body, size_t len)
{
	static uint8_t out[SEALED_MAX];
	uint64_t now = now_us();
	struct sealed s = {.type = type, .issued_s = (int64_t)(now / 1000000)};
	int n;

	m->sequence = m->sequence + 1 > now ? m->sequence + 1 : now;
	s.sequence = m->sequence;
	if (type == SEALED_REGISTER || type == SEALED_REPORT)
		m->asked = m->sequence;
	memcpy(s.receiver, m->server, sizeof(s.receiver));
	randombytes_buf(s.nonce, sizeof(s.nonce));
	n = sealed_encode(&s, body, len, &m->keys, out, sizeof(out));
	REQUIRE(n > 0, "sealed_encode");
	return send_all(m, out, (size_t)n);
}

static void
connect_to(struct rig_member *m, uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	rig_member_close(m);
	m->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	REQUIRE(m->fd != -1, "socket");
	if (connect(m->fd, (struct sockaddr *)&a, sizeof(a)) == -1)
		rig_member_close(m);
}

bool
rig_member_join(struct rig_member *m, uint16_t port, const char *token)
{
	struct manage_register r = {0};
	uint8_t body[1024];
	int n;

	connect_to(m, port);
	if (m->fd == -1)
		return false;
	snprintf(r.name, sizeof(r.name), "%s", m->name);
	snprintf(r.group, sizeof(r.group), "%s", m->group);
	snprintf(r.token, sizeof(r.token), "%s", token);
	snprintf(r.software, sizeof(r.software), "test");
	r.root_epoch = 1;
	n = manage_register_encode(&r, body, sizeof(body));
	REQUIRE(n > 0, "manage_register_encode");
	return rig_member_send(m, SEALED_REGISTER, body, (size_t)n) &&
	       rig_member_await_answer(m, ANSWER_MS) && !m->nack;
}

static struct manage_row *
row_of(struct rig_member *m, const char *name)
{
	struct manage_row *r;
	uint16_t at = 0;

	while (at < m->rows_n && strcmp(m->rows[at].name, name) < 0)
		at++;
	r = &m->rows[at];
	if (at < m->rows_n && strcmp(r->name, name) == 0)
		return r;
	REQUIRE(m->rows_n < RIG_MEMBER_ROWS_MAX, "too many rows");
	memmove(r + 1, r, (size_t)(m->rows_n - at) * sizeof(*r));
	m->rows_n++;
	*r = (struct manage_row){.observed = 1, .tier = 1};
	snprintf(r->name, sizeof(r->name), "%s", name);
	return r;
}

void
rig_member_saw(struct rig_member *m, const char *name, unsigned int attempts,
    unsigned int good, int64_t handshake_us)
{
	struct manage_row *r = row_of(m, name);

	r->attempts += attempts;
	r->successes += good;
	r->charged += attempts - good;
	r->handshake.count[hist_bucket(handshake_us)] += good;
	r->first_byte.count[hist_bucket(handshake_us)] += good;
}

bool
rig_member_report(struct rig_member *m, bool wait)
{
	static uint8_t body[BODY_MAX];
	struct manage_report r = {.instance = m->instance, .rows_n = m->rows_n};
	size_t len;
	uint16_t i;
	int n;

	n = manage_report_encode(&r, body, sizeof(body));
	REQUIRE(n > 0, "manage_report_encode");
	len = (size_t)n;
	for (i = 0; i < m->rows_n; i++) {
		n = manage_row_encode(
		    &m->rows[i], body + len, sizeof(body) - len);
		REQUIRE(n > 0, "manage_row_encode");
		len += (size_t)n;
	}
	if (m->fd == -1 || !rig_member_send(m, SEALED_REPORT, body, len))
		return false;
	return !wait || (rig_member_await_answer(m, ANSWER_MS) && !m->nack);
}

static void
acknowledge(struct rig_member *m, const struct envelope *e)
{
	struct manage_answer a = {
	    .of = (uint8_t)e->type, .what = {e->epoch, e->serial}};
	uint8_t body[1024];
	int n = manage_answer_encode(&a, false, body, sizeof(body));

	REQUIRE(n > 0, "manage_answer_encode");
	rig_member_send(m, SEALED_ACK, body, (size_t)n);
}

static int
take_signed(struct rig_member *m)
{
	enum envelope_fault fault;
	struct envelope e;
	int n = envelope_decode(m->in, m->in_len, &e, &fault);

	CHECK(
	    n != WIRE_BAD, "a signed message: %s", envelope_fault_text(fault));
	if (n <= 0)
		return n;
	m->serial[e.type] = e.serial;
	if (e.type == ENVELOPE_RANK)
		snprintf(m->rank, sizeof(m->rank), "%.*s", (int)e.body_len,
		    (const char *)e.body);
	acknowledge(m, &e);
	return n;
}

static int
take_sealed(struct rig_member *m)
{
	static uint8_t body[SEALED_BODY_MAX];
	struct sealed s;
	int n = sealed_peek(m->in, m->in_len, &s);

	CHECK(n != WIRE_BAD, "a sealed message: rubbish");
	if (n <= 0 || (size_t)n > m->in_len)
		return n <= 0 ? n : WIRE_MORE;
	if (!CHECK(sealed_open(m->in, (size_t)n, &m->keys, &s, body) &&
		       memcmp(s.sender, m->server, sizeof(s.sender)) == 0,
		"a sealed message: not for %s, or not by the server", m->name))
		return WIRE_BAD;
	m->nack = s.type == SEALED_NACK;
	CHECK(manage_answer_decode(body, s.body_len, m->nack, &m->answer) > 0,
	    "an answer that cannot be read");
	if (m->nack)
		snprintf(m->refused, sizeof(m->refused), "%s", m->answer.code);
	return n;
}

/* All messages that are there whole; false: rubbish. */
static bool
take_all(struct rig_member *m)
{
	int n = 1;

	while (n > 0 && m->in_len >= 4) {
		n = memcmp(m->in, ENVELOPE_MAGIC, 4) == 0 ? take_signed(m)
							  : take_sealed(m);
		if (n > 0) {
			m->in_len -= (size_t)n;
			memmove(m->in, m->in + n, m->in_len);
		}
	}
	return n != WIRE_BAD;
}

/* Something more is there: false at the deadline or the end. */
static bool
read_more(struct rig_member *m, int64_t deadline_ms)
{
	struct pollfd p = {.fd = m->fd, .events = POLLIN};
	ssize_t n;

	if (m->fd == -1 || poll(&p, 1, rig_left_ms(deadline_ms)) <= 0)
		return false;
	n = recv(m->fd, m->in + m->in_len, RIG_MEMBER_IN_MAX - m->in_len, 0);
	if (n <= 0) {
		rig_member_close(m);
		return false;
	}
	m->in_len += (size_t)n;
	return true;
}

bool
rig_member_await(struct rig_member *m, enum envelope_type type, uint64_t serial,
    int timeout_ms)
{
	int64_t deadline = rig_now_ms() + timeout_ms;

	while (m->serial[type] < serial) {
		if (!read_more(m, deadline) || !take_all(m))
			return false;
	}
	return true;
}

bool
rig_member_await_answer(struct rig_member *m, int timeout_ms)
{
	int64_t deadline = rig_now_ms() + timeout_ms;
	uint64_t want = m->asked;

	while (m->answer.sequence != want) {
		if (!read_more(m, deadline) || !take_all(m))
			return false;
	}
	return true;
}

bool
rig_member_await_nack(struct rig_member *m, const char *code, int timeout_ms)
{
	int64_t deadline = rig_now_ms() + timeout_ms;

	while (strcmp(m->refused, code) != 0) {
		if (!read_more(m, deadline) || !take_all(m))
			return false;
	}
	return true;
}
