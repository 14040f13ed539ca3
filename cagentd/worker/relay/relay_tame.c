/* Owns how much of a limited direction may be under way where it cannot be
 * overtaken any more. */
#include <sys/socket.h>

#include <linux/tcp.h>
#include <netinet/in.h>

#include <limits.h>

#include "cagentd/worker/relay/relay_impl.h"

static void
set(int fd, int level, int option, int64_t value)
{
	int v = value < INT_MAX ? (int)value : INT_MAX;

	/* What it is for holds without it, if less well. */
	(void)setsockopt(fd, level, option, &v, sizeof(v));
}

/* Of the path itself: queues on it are not to be fed for their own sake. */
static void
measure(struct lane *lane, int fd)
{
	struct tcp_info info = {.tcpi_min_rtt = 0};
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == -1)
		return;
	/* Not measured yet: all bits are set. */
	lane->rtt_us =
	    info.tcpi_min_rtt != UINT32_MAX ? info.tcpi_min_rtt : info.tcpi_rtt;
	lane->segment = info.tcpi_advmss;
}

static int64_t
within(int64_t v, int64_t least, int64_t most)
{
	if (v < least)
		return least;
	return v < most ? v : most;
}

/* What a rate brings in a time, which is not long. */
static int64_t
in_us(int64_t rate, int64_t us)
{
	return rate / 1000 * us / 1000;
}

/*
 * The buffer, and not just the window: what a window clamp bounds is what may
 * come beyond all that is here unread.  A buffer that is set is not moderated
 * any more, and the kernel takes half of it for itself.  It shrinks by and by,
 * as what was promised may still come.
 */
static void
tame_in(struct lane *lane, int fd, int64_t rate)
{
	int64_t least = RELAY_WINDOW_SEGMENTS * (int64_t)lane->segment;
	int64_t window = in_us(rate, lane->rtt_us + RELAY_WINDOW_US);

	window =
	    within(window, within(least, RELAY_WINDOW_LEAST, RELAY_WINDOW_MOST),
		RELAY_WINDOW_MOST);
	if (window < lane->window - lane->window / 4)
		window = lane->window - lane->window / 4;
	if (window == lane->window)
		return;
	lane->window = window;
	set(fd, SOL_SOCKET, SO_RCVBUF, window);
	set(fd, IPPROTO_TCP, TCP_WINDOW_CLAMP, RELAY_WINDOW_MOST);
}

/* What is sent is taken of its limits when it leaves its sender: what then
 * waits in the pipe, or in the kernel, goes out at once when it can. */
static void
tame_out(struct lane *lane, int fd, int64_t rate)
{
	int64_t most = within(
	    in_us(rate, RELAY_NOTSENT_US), RELAY_NOTSENT_LEAST, RELAY_NOTSENT);

	lane->most = (size_t)most;
	set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, most);
	set(fd, SOL_SOCKET, SO_MAX_PACING_RATE,
	    within(rate, 0, INT64_MAX / RELAY_PACING) * RELAY_PACING);
}

/*
 * What waits should wait where it can still be overtaken: with who sends to
 * us, not in a queue on the way, where a keystroke is behind it, and in our
 * memory, not in the kernel's.  A client's window is the kernel's affair:
 * between it and us is not the link.
 */
void
relay_tame(struct relay *r, struct lane *lane)
{
	int fd = r->side[RELAY_UPSTREAM].stream.fd;
	enum pace_way way = relay_way(lane->end->which);
	int64_t rate = turns_expect(r->turns, r->class, way, lane->had);

	if (rate == 0)
		return;
	if (lane->looks++ % RELAY_RTT_LOOKS == 0)
		measure(lane, fd);
	if (way == PACE_DOWN)
		tame_in(lane, fd, rate);
	else if (rate - lane->tamed > rate / 8 || lane->tamed - rate > rate / 8)
		tame_out(lane, fd, lane->tamed = rate);
}

void
relay_tame_first(const struct relay *r, struct lane *lane)
{
	if (lane->end->which != RELAY_CLIENT)
		return;
	lane->most = RELAY_NOTSENT_LEAST;
	set(r->side[RELAY_UPSTREAM].stream.fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT,
	    RELAY_NOTSENT_LEAST);
}

/* It is served as it comes from here on: what it may do is the kernel's to
 * find out. */
void
relay_untame(const struct relay *r, enum relay_side from)
{
	int fd = r->side[RELAY_UPSTREAM].stream.fd;

	if (relay_way(from) == PACE_DOWN) {
		set(fd, SOL_SOCKET, SO_BUF_LOCK, 0);
		return;
	}
	set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, -1);
	set(fd, SOL_SOCKET, SO_MAX_PACING_RATE, -1);
}
