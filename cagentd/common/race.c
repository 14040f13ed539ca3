/* Owns the connecting to one of several addresses; knows nothing of what is
 * then said, nor of how long it may take in all. */
#include "cagentd/common/race.h"

#include <errno.h>
#include <string.h>

#include "base/net_fast.h"

void
race_order(struct net_ip *ips, uint32_t n)
{
	struct net_ip turn;
	uint32_t i, j;

	for (i = 1; i < n; i++) {
		for (j = i; j < n && ips[j].family == ips[i - 1].family; j++)
			continue;
		if (j == n)
			return;
		turn = ips[j];
		memmove(&ips[i + 1], &ips[i], (j - i) * sizeof(turn));
		ips[i] = turn;
	}
}

/* Ours, and perhaps over by the next try: it says nothing of the address. */
static bool
is_shortage(int error)
{
	switch (-error) {
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		return true;
	default:
		return false;
	}
}

/* How much an error says of the peer; see race.h. */
static int
truth(int error, uint8_t family)
{
	if (is_shortage(error))
		return 4;
	switch (-error) {
	case EADDRNOTAVAIL:
		/* No port is left; for IPv6 it is switched off, rather. */
		return family == 6 ? 0 : 4;
	case ECONNREFUSED:
	case ECONNRESET:
		return 3;
	case ETIMEDOUT:
		return 2;
	case ENETUNREACH:
	case EAFNOSUPPORT:
		return 0;
	default:
		return 1;
	}
}

static void
note(struct race *r, uint32_t address, int error)
{
	uint8_t family = r->ips[address].family;

	if (r->error == 0 || truth(error, family) >= r->error_truth) {
		r->error = error;
		r->error_truth = truth(error, family);
	}
}

static void
leave(struct race *r, struct race_lane *lane)
{
	loop_close(r->loop, lane->fd);
	lane->fd = -1;
}

void
race_cancel(struct race *r)
{
	size_t i;

	loop_cancel(r->loop, &r->timer);
	for (i = 0; i < RACE_MAX; i++)
		leave(r, &r->lanes[i]);
}

static void on_connect(struct loop *, struct op *, const struct op_result *);
static void on_delay(struct loop *, struct op *, const struct op_result *);

/* A free one, or that of the address that was begun with first. */
static struct race_lane *
take_lane(struct race *r)
{
	struct race_lane *oldest = &r->lanes[0];
	size_t i;

	for (i = 0; i < RACE_MAX; i++) {
		if (r->lanes[i].fd == -1)
			return &r->lanes[i];
		if (r->lanes[i].address < oldest->address)
			oldest = &r->lanes[i];
	}
	note(r, oldest->address, -ETIMEDOUT);
	leave(r, oldest);
	return oldest;
}

/* 0: the address is being connected to; or -errno. */
static int
begin(struct race *r, uint32_t address)
{
	struct race_lane *lane = take_lane(r);
	union net_addr addr;
	socklen_t len;
	int error;

	len = net_addr_make(&r->ips[address], r->port, &addr);
	lane->fd = net_bare_socket(addr.sa.sa_family);
	if (lane->fd < 0) {
		error = lane->fd;
		lane->fd = -1;
		return error;
	}
	lane->address = address;
	if (r->dscp != 0) /* it is a wish to routers, no more */
		(void)net_mark(lane->fd, r->dscp);
	if (r->window != 0) /* where it cannot be, it is larger at first */
		(void)net_first_window(lane->fd, r->window);
	if (r->fast && address == 0) /* slower without it, and no worse */
		(void)net_fast_connect(lane->fd);
	loop_prompt(r->loop, lane->fd);
	error = loop_connect(
	    r->loop, &lane->connect, lane->fd, &addr.sa, len, on_connect);
	if (error != 0)
		leave(r, lane);
	return error;
}

static bool
is_under_way(const struct race *r)
{
	size_t i;

	for (i = 0; i < RACE_MAX; i++) {
		if (r->lanes[i].fd != -1)
			return true;
	}
	return false;
}

/* Begin with the next address that lets us.  0: something is under way; or
 * the -errno to end with. */
static int
advance(struct race *r)
{
	int error = -EAGAIN;

	while (r->next < r->ips_n && error != 0) {
		error = begin(r, r->next);
		if (is_shortage(error) && is_under_way(r))
			break; /* this one's turn comes again */
		if (error != 0)
			note(r, r->next, error);
		r->next++;
	}
	if (!is_under_way(r))
		return r->error;
	if (r->next < r->ips_n)
		return loop_timer(r->loop, &r->timer,
		    loop_now_us(r->loop) + RACE_DELAY_US, on_delay);
	loop_cancel(r->loop, &r->timer);
	return 0;
}

static void
go_on(struct race *r)
{
	int error = advance(r);

	if (error == 0)
		return;
	race_cancel(r);
	r->done(r, error);
}

static void
on_delay(struct loop *loop, struct op *op, const struct op_result *result)
{
	(void)loop, (void)result; /* time is the only news */
	go_on(container_of(op, struct race, timer));
}

static void
on_connect(struct loop *loop, struct op *op, const struct op_result *result)
{
	struct race_lane *lane = container_of(op, struct race_lane, connect);
	struct race *r = lane->race;
	int fd = lane->fd;

	(void)loop;
	if (result->res < 0) {
		note(r, lane->address, result->res);
		leave(r, lane);
		go_on(r);
		return;
	}
	lane->fd = -1;
	race_cancel(r);
	r->done(r, fd);
}

int
race_start(struct race *r, struct loop *loop, const struct race_field *field,
    race_fn *done)
{
	size_t i;
	int error;

	*r = (struct race){.loop = loop,
	    .done = done,
	    .ips = field->ips,
	    .ips_n = field->ips_n,
	    .port = field->port,
	    .fast = field->fast,
	    .dscp = field->dscp,
	    .window = field->window};
	for (i = 0; i < RACE_MAX; i++) {
		r->lanes[i].race = r;
		r->lanes[i].fd = -1;
	}
	error = advance(r);
	if (error != 0)
		race_cancel(r);
	return error;
}
