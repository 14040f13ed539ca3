/* The last word to a client that gets no tunnel. */
#include "cagentd/worker/relay/farewell.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/fake.h"
#include "tests/unit/unit.h"

struct rig {
	struct loop *loop;
	struct farewell farewell;
	int fd; /* the client's end */
	int n;
	int fds;
};

static void
done(struct farewell *f)
{
	container_of(f, struct rig, farewell)->n++;
}

static struct rig *
rig_new(struct buf *word)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	int fds[2];

	rig->fds = fake_open_fds();
	rig->loop = rig_loop();
	rig_tcp_pair(fds);
	rig->fd = fds[0];
	/* Unread when the farewell begins. */
	rig_write(rig->fd, "payload that nobody will read");
	farewell_start(&rig->farewell, rig->loop, fds[1], word, done);
	CHECK_INT(rig->n, 0);
	return rig;
}

static void
rig_free(struct rig *rig)
{
	farewell_cancel(&rig->farewell);
	farewell_cancel(&rig->farewell);
	loop_close(rig->loop, rig->fd);
	CHECK_INT(loop_turn(rig->loop, 0), 0);
	loop_free(rig->loop);
	CHECK_INT(fake_open_fds(), rig->fds);
	free(rig);
}

/* The word, whole, and then an end that is no reset, though the client's
 * bytes were never wanted. */
static void
is_heard(void)
{
	struct rig *rig = rig_new(buf_copy("sorry", 5));
	char got[16];

	rig_settle(rig->loop);
	CHECK_INT(recv(rig->fd, got, sizeof(got), 0), 5);
	CHECK(memcmp(got, "sorry", 5) == 0, "the word");
	CHECK_INT(recv(rig->fd, got, sizeof(got), 0), 0);
	rig_write(rig->fd, "and more");
	rig_settle(rig->loop);
	CHECK_INT(rig->n, 0);
	shutdown(rig->fd, SHUT_WR);
	RIG_UNTIL(rig->loop, rig->n > 0);
	CHECK_INT(rig->n, 1);
	CHECK_INT(recv(rig->fd, got, sizeof(got), 0), 0);
	rig_free(rig);
}

static void
is_short_without_a_word(void)
{
	struct rig *rig = rig_new(NULL);

	RIG_UNTIL(rig->loop, rig->n > 0);
	rig_free(rig);
	rig = rig_new(buf_new(10));
	RIG_UNTIL(rig->loop, rig->n > 0);
	rig_free(rig);
}

static void
ends_with_a_client_that_resets(void)
{
	struct rig *rig = rig_new(buf_copy("sorry", 5));
	const struct linger now = {.l_onoff = 1, .l_linger = 0};

	rig_settle(rig->loop);
	setsockopt(rig->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	loop_close(rig->loop, rig->fd);
	rig->fd = -1;
	RIG_UNTIL(rig->loop, rig->n > 0);
	rig_free(rig);
}

/* Who sends without end is cut off at a size, */
static void
ends_with_a_flood(void)
{
	static char flood[65536];
	struct rig *rig = rig_new(buf_copy("sorry", 5));
	size_t sent = 0;
	ssize_t n;

	while (rig->n == 0 && sent < 64 * sizeof(flood)) {
		n = send(
		    rig->fd, flood, sizeof(flood), MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			sent += (size_t)n;
		loop_turn(rig->loop, 0);
	}
	CHECK_INT(rig->n, 1);
	rig_free(rig);
}

/* and who neither sends nor closes by the clock. */
static void
ends_with_time(void)
{
	struct rig *rig = rig_new(buf_copy("sorry", 5));

	rig_settle(rig->loop);
	CHECK_INT(rig->n, 0);
	CHECK(
	    rig->farewell.timer.at_us <= mono_us() + FAREWELL_US, "a deadline");
	RIG_UNTIL(rig->loop, rig->n > 0);
	CHECK_INT(rig->n, 1);
	rig_free(rig);
}

static void
can_be_cancelled(void)
{
	struct rig *rig = rig_new(buf_copy("sorry", 5));

	farewell_cancel(&rig->farewell);
	rig_settle(rig->loop);
	CHECK_INT(rig->n, 0);
	rig_free(rig);
}

static const struct unit_case cases[] = {
    {"is heard", is_heard},
    {"is short without a word", is_short_without_a_word},
    {"ends with a client that resets", ends_with_a_client_that_resets},
    {"ends with a flood", ends_with_a_flood},
    {"ends with time", ends_with_time},
    {"can be cancelled", can_be_cancelled},
};

UNIT_MAIN("farewell", cases)
