/*
 * Owns the difference between what a tunnel was reckoned to take of the link
 * and what the kernel says that it took: segments that were not full, others
 * sent twice, acknowledgments.
 */
#include <sys/socket.h>

#include <linux/tcp.h>
#include <netinet/in.h>

#include "cagentd/worker/relay/relay_impl.h"

/* One that keeps the count: of both ways. */
static struct lane *
keeper(const struct relay *r)
{
	return r->side[RELAY_UPSTREAM].lane != NULL
		   ? r->side[RELAY_UPSTREAM].lane
		   : r->side[RELAY_CLIENT].lane;
}

/* Longer than it has ever been, a round trip is for the queues on the way. */
static int64_t
queue_us(const struct tcp_info *info)
{
	int64_t us = (int64_t)info->tcpi_rtt - info->tcpi_min_rtt;

	if (us > RELAY_QUEUE_MOST_US)
		us = RELAY_QUEUE_MOST_US;
	return us > RELAY_QUEUE_US ? us - RELAY_QUEUE_US : 0;
}

static bool
ask(const struct relay *r, struct wire *out)
{
	int fd = r->side[RELAY_UPSTREAM].stream.fd;
	struct tcp_info info = {.tcpi_segs_out = 0};
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == -1)
		return false;
	*out =
	    (struct wire){.segments = {info.tcpi_segs_out, info.tcpi_segs_in},
		.bytes = {info.tcpi_bytes_sent, info.tcpi_bytes_received},
		.twice = {info.tcpi_bytes_retrans, 0},
		.queue_us = queue_us(&info)};
	return true;
}

/* Bytes that had not been sent before. */
static uint64_t
moved(const struct wire *was, const struct wire *now, enum pace_way way)
{
	return now->bytes[way] - was->bytes[way] -
	       (now->twice[way] - was->twice[way]);
}

int64_t
relay_wire_more(
    const struct wire *was, const struct wire *now, enum pace_way way)
{
	enum pace_way back = way == PACE_UP ? PACE_DOWN : PACE_UP;
	uint64_t n = moved(was, now, way);
	int64_t more = pace_wire(now->segments[way] - was->segments[way],
			   now->bytes[way] - was->bytes[way]) -
		       pace_reckoned(n, moved(was, now, back));

	/* Each works off its part of what waits, by sending less. */
	if (way == PACE_UP)
		more += (int64_t)n * now->queue_us / RELAY_DRAIN_US;
	return more;
}

void
relay_wire_look(struct relay *r)
{
	struct lane *lane = keeper(r);
	int64_t now_us = loop_now_us(r->loop);
	enum pace_way way;
	struct wire now;

	if (lane == NULL || lane->wire_us + RELAY_LOOK_US / 2 > now_us ||
	    !ask(r, &now))
		return;
	for (way = PACE_UP; lane->wire_us != 0 && way < PACE_BOTH_WAYS; way++)
		turns_correct(
		    r->turns, way, relay_wire_more(&lane->wire, &now, way));
	lane->wire = now;
	lane->wire_us = now_us;
}
