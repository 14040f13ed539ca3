/* A scripted manager for an agent under test. */
#include "tests/integ/rig_manager.h"

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/integ/rig_net.h"

static void
listen_there(struct rig_manager *m)
{
	m->listener = rig_net_listen("127.0.0.1", &m->port, 16);
	REQUIRE(m->listener >= 0, "listen: %s", strerror(-m->listener));
}

void
rig_manager_start(struct rig_manager *m, unsigned int key)
{
	manager_fake_init(&m->fake, (uint8_t)key);
	m->fd = -1;
	m->port = 0;
	listen_there(m);
}

void
rig_manager_hang_up(struct rig_manager *m)
{
	if (m->fd != -1)
		close(m->fd);
	m->fd = -1;
	m->fake.in_len = 0;
}

void
rig_manager_stop(struct rig_manager *m)
{
	rig_manager_hang_up(m);
	close(m->listener);
	m->listener = -1;
}

void
rig_manager_restart(struct rig_manager *m)
{
	listen_there(m);
}

static bool
is_ready(int fd, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, timeout_ms) == 1;
}

bool
rig_manager_accept(struct rig_manager *m, int timeout_ms)
{
	rig_manager_hang_up(m);
	if (is_ready(m->listener, timeout_ms))
		m->fd = accept4(
		    m->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	return m->fd != -1;
}

/* More of what the agent says; false: nothing, or the end. */
static bool
more(struct rig_manager *m, int timeout_ms)
{
	struct manager_fake *f = &m->fake;
	ssize_t n;

	if (m->fd == -1 || !is_ready(m->fd, timeout_ms))
		return false;
	n = read(m->fd, f->in + f->in_len, sizeof(f->in) - f->in_len);
	if (n > 0)
		f->in_len += (size_t)n;
	return n > 0 || (n == -1 && errno == EAGAIN);
}

bool
rig_manager_hear(struct rig_manager *m, int timeout_ms)
{
	int64_t deadline = rig_now_ms() + timeout_ms;

	while (!manager_fake_next(&m->fake)) {
		if (rig_left_ms(deadline) == 0 ||
		    !more(m, rig_left_ms(deadline)))
			return false;
	}
	return true;
}

bool
rig_manager_is_left(struct rig_manager *m, int timeout_ms)
{
	int64_t deadline = rig_now_ms() + timeout_ms;

	while (rig_left_ms(deadline) > 0) {
		m->fake.in_len = 0;
		if (!more(m, rig_left_ms(deadline)))
			return rig_left_ms(deadline) > 0;
	}
	return false;
}

/* The agent may have hung up: then the case sees that from what comes. */
void
rig_manager_send(struct rig_manager *m, const void *data, size_t len)
{
	const uint8_t *p = data;
	struct pollfd out = {.fd = m->fd, .events = POLLOUT};
	ssize_t n;

	while (len > 0) {
		n = send(m->fd, p, len, MSG_NOSIGNAL);
		if (n == -1 && errno == EAGAIN &&
		    poll(&out, 1, RIG_MANAGER_MS) == 1)
			continue;
		if (n <= 0)
			return;
		p += n;
		len -= (size_t)n;
	}
}

void
rig_manager_answer(
    struct rig_manager *m, const struct manage_answer *a, bool nack)
{
	uint8_t out[1024];
	size_t len = manager_fake_answer(&m->fake, a, nack, out, sizeof(out));

	rig_manager_send(m, out, len);
}

void
rig_manager_ack(struct rig_manager *m, uint32_t interval_ms)
{
	const struct manage_answer a = {.of = (uint8_t)m->fake.head.type,
	    .sequence = m->fake.head.sequence,
	    .interval_ms = interval_ms};

	rig_manager_answer(m, &a, false);
}

void
rig_manager_let_in(
    struct rig_manager *m, uint32_t interval_ms, struct manage_register *said)
{
	REQUIRE(rig_manager_accept(m, RIG_MANAGER_MS), "no agent comes");
	REQUIRE(rig_manager_hear(m, RIG_MANAGER_MS) &&
		    m->fake.head.type == SEALED_REGISTER,
	    "it does not register");
	REQUIRE(manage_register_decode(
		    m->fake.body, m->fake.head.body_len, said) > 0,
	    "its register cannot be read");
	rig_manager_ack(m, interval_ms);
}

bool
rig_manager_answered(struct rig_manager *m, struct manage_answer *a)
{
	bool nack;

	while (rig_manager_hear(m, RIG_MANAGER_MS)) {
		if (m->fake.head.type == SEALED_REPORT) {
			rig_manager_ack(m, 0);
			continue;
		}
		nack = m->fake.head.type == SEALED_NACK;
		REQUIRE(manage_answer_decode(
			    m->fake.body, m->fake.head.body_len, nack, a) > 0,
		    "its answer cannot be read");
		return !nack;
	}
	REQUIRE(false, "it does not answer");
	return false;
}

static void
find_row(struct rig_manager *m, const char *name, struct manage_row *row)
{
	size_t used, len = m->fake.head.body_len;
	struct manage_report head;
	uint16_t i;
	int n;

	n = manage_report_decode(m->fake.body, len, &head);
	REQUIRE(n > 0, "a report's head");
	for (i = 0, used = (size_t)n; i < head.rows_n; i++) {
		n = manage_row_decode(m->fake.body + used, len - used, row);
		REQUIRE(n > 0, "a report's row");
		used += (size_t)n;
		if (strcmp(row->name, name) == 0)
			return;
	}
	memset(row, 0, sizeof(*row));
}

bool
rig_manager_report(struct rig_manager *m, const char *name,
    struct manage_report *head, struct manage_row *row)
{
	if (!rig_manager_hear(m, RIG_MANAGER_MS) ||
	    m->fake.head.type != SEALED_REPORT)
		return false;
	CHECK(manage_report_ok(m->fake.body, m->fake.head.body_len),
	    "a report as it should be");
	REQUIRE(
	    manage_report_decode(m->fake.body, m->fake.head.body_len, head) > 0,
	    "a report's head");
	find_row(m, name, row);
	return true;
}
