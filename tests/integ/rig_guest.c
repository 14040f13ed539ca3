/* The other side of the policy server: an agent that says what a test wants
 * it to. */
#include "tests/integ/rig_guest.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "tests/integ/rig_net.h"
#include "trust/keyfile.h"

void
rig_guest_init(
    struct rig_guest *g, const struct rig_policyd *p, const char *name)
{
	char path[RIG_PATH_MAX + 16], why[KEYFILE_WHY_MAX];
	struct keyfile_public server;

	memset(g, 0, sizeof(*g));
	g->fd = -1;
	snprintf(g->name, sizeof(g->name), "%s", name);
	REQUIRE(sodium_init() != -1, "libsodium");
	crypto_box_keypair(g->keys.public_key, g->keys.secret_key);
	snprintf(path, sizeof(path), "%s/seal.pub", p->keys);
	REQUIRE(keyfile_read_public(path, &server, why) == 0, "%s", why);
	memcpy(g->server, server.key, sizeof(g->server));
}

void
rig_guest_close(struct rig_guest *g)
{
	if (g->fd != -1)
		close(g->fd);
	g->fd = -1;
	g->have = 0;
}

static int
write_all(struct rig_guest *g, const uint8_t *data, size_t len)
{
	struct pollfd p = {.fd = g->fd, .events = POLLOUT};
	ssize_t n;

	while (len > 0) {
		if (poll(&p, 1, RIG_GUEST_MS) != 1)
			return -ETIMEDOUT;
		n = write(g->fd, data, len);
		if (n == -1 && errno == EAGAIN)
			continue;
		if (n == -1)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int
say(struct rig_guest *g, enum sealed_type type, const uint8_t *body, int len)
{
	struct sealed what = {
	    .type = type, .sequence = ++g->sequence, .issued_s = time(NULL)};
	uint8_t out[8192];
	int n;

	memcpy(what.receiver, g->server, sizeof(what.receiver));
	randombytes_buf(what.nonce, sizeof(what.nonce));
	REQUIRE(len > 0, "a body that cannot be");
	n = sealed_encode(&what, body, (size_t)len, &g->keys, out, sizeof(out));
	REQUIRE(n > 0, "a message that cannot be");
	return write_all(g, out, (size_t)n);
}

int
rig_guest_register(
    struct rig_guest *g, const struct rig_policyd *p, const char *token)
{
	struct manage_register r = {
	    .software = "guest", .policy = g->policy, .rank = g->rank};
	uint8_t body[1024];
	int rc;

	rig_guest_close(g);
	snprintf(r.name, sizeof(r.name), "%s", g->name);
	snprintf(r.group, sizeof(r.group), "said");
	snprintf(r.token, sizeof(r.token), "%s", token);
	rc = rig_net_connect("127.0.0.1", p->port, RIG_GUEST_MS);
	if (rc < 0)
		return rc;
	g->fd = rc;
	rc = say(g, SEALED_REGISTER, body,
	    manage_register_encode(&r, body, sizeof(body)));
	if (rc != 0)
		return rc;
	do {
		rc = rig_guest_next(g, RIG_GUEST_MS);
	} while (rc == 2);
	if (rc < 0)
		return rc;
	return g->nack ? -EACCES : 0;
}

int
rig_guest_report(struct rig_guest *g, const struct manage_row *row)
{
	const struct manage_report head = {
	    .instance = 1, .why = MANAGE_INTERVAL, .rows_n = 1};
	uint8_t body[2048];
	int n = manage_report_encode(&head, body, sizeof(body)), m;

	REQUIRE(n > 0, "a report that cannot be");
	m = manage_row_encode(row, body + n, sizeof(body) - (size_t)n);
	REQUIRE(m > 0, "a row that cannot be");
	return say(g, SEALED_REPORT, body, n + m);
}

/* --- what it is told --- */

static void
take_signed(struct rig_guest *g, const struct envelope *e)
{
	const struct manage_mark mark = {e->epoch, e->serial};

	g->published++;
	if (e->type == ENVELOPE_POLICY)
		g->policy = mark;
	if (e->type != ENVELOPE_RANK)
		return;
	g->rank = mark;
	snprintf(g->body, sizeof(g->body), "%.*s", (int)e->body_len,
	    (const char *)e->body);
}

static int
take_sealed(struct rig_guest *g, size_t len)
{
	struct sealed what;
	uint8_t body[4096];

	if (sealed_peek(g->in, len, &what) < 0 ||
	    what.body_len > sizeof(body) ||
	    !sealed_open(g->in, len, &g->keys, &what, body))
		return -EPROTO;
	g->nack = what.type == SEALED_NACK;
	if (manage_answer_decode(body, what.body_len, g->nack, &g->answer) < 0)
		return -EPROTO;
	return 1;
}

/* What is there already: as rig_guest_next(), or 0. */
static int
take(struct rig_guest *g)
{
	enum envelope_fault fault;
	struct envelope e;
	struct sealed what;
	int n, kind;

	if (g->have < 4)
		return 0;
	if (memcmp(g->in, ENVELOPE_MAGIC, 4) == 0) {
		n = envelope_decode(g->in, g->have, &e, &fault);
		kind = 2;
	} else {
		n = sealed_peek(g->in, g->have, &what);
		if (n > 0 && (size_t)n > g->have)
			return 0;
		kind = 1;
	}
	if (n <= 0)
		return n < 0 ? -EPROTO : 0;
	if (kind == 2)
		take_signed(g, &e);
	else
		kind = take_sealed(g, (size_t)n);
	g->have -= (size_t)n;
	memmove(g->in, g->in + n, g->have);
	return kind;
}

int
rig_guest_next(struct rig_guest *g, int timeout_ms)
{
	int64_t deadline_ms = rig_now_ms() + timeout_ms;
	struct pollfd p = {.events = POLLIN};
	ssize_t got;
	int rc;

	while ((rc = take(g)) == 0) {
		p.fd = g->fd;
		if (poll(&p, 1, rig_left_ms(deadline_ms)) != 1)
			return -ETIMEDOUT;
		got = read(g->fd, g->in + g->have, sizeof(g->in) - g->have);
		if (got == -1 && errno == EAGAIN)
			continue;
		if (got <= 0)
			return got == 0 ? -ECONNRESET : -errno;
		g->have += (size_t)got;
	}
	return rc;
}

bool
rig_guest_await_rank(struct rig_guest *g, const char *text, int timeout_ms)
{
	int64_t deadline_ms = rig_now_ms() + timeout_ms;

	while (strstr(g->body, text) == NULL) {
		if (rig_guest_next(g, rig_left_ms(deadline_ms)) < 0)
			return false;
	}
	return true;
}

void
rig_guest_token(struct rig_policyd *p, const char *group, char out[65])
{
	struct rig_output o;

	rig_policyd_ask(p, &o,
	    (const char *const[]){"token", "new", "--group", group, NULL});
	REQUIRE(o.code == 0, "token: %s", o.err);
	snprintf(out, 65, "%.*s", (int)strcspn(o.out, " \n"), o.out);
	rig_output_free(&o);
}
