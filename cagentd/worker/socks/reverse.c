/* Owns the wait for a connection from outside; relays nothing. */
#include "cagentd/worker/socks/reverse.h"

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "cagentd/worker/socks/datagram.h"

void
reverse_cancel(struct reverse *b)
{
	struct loop *loop = b->how.loop;

	if (!b->running)
		return;
	b->running = false;
	resolve_cancel(b->how.resolve, &b->query);
	loop_cancel(loop, &b->timer);
	loop_cancel(loop, &b->gone);
	loop_close(loop, b->listener);
	b->listener = -1;
}

static void
finish(struct reverse *b, enum wire_reason reason, int fd,
    const struct wire_host *from)
{
	static const struct wire_host none;

	reverse_cancel(b);
	b->how.done(b, reason, fd, from != NULL ? from : &none);
}

static void
on_timer(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct reverse *b = container_of(op, struct reverse, timer);

	(void)loop, (void)r; /* time is the only news */
	finish(b, REASON_TIMEOUT, -1, NULL);
}

static void
on_gone(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct reverse *b = container_of(op, struct reverse, gone);

	(void)loop, (void)r; /* it has left, or there is nothing to see */
	finish(b, REASON_CANCELLED, -1, NULL);
}

static void
host_of(const union net_addr *addr, struct wire_host *out)
{
	struct net_ip ip;

	net_addr_ip(addr, &ip);
	*out = (struct wire_host){.port = net_addr_port(addr)};
	out->kind = ip.family == 4 ? WIRE_HOST_V4 : WIRE_HOST_V6;
	memcpy(out->ip, ip.bytes, sizeof(out->ip));
}

static bool
is_awaited(const struct reverse *b, const union net_addr *peer)
{
	struct net_ip ip;
	uint32_t i;

	net_addr_ip(peer, &ip);
	for (i = 0; i < b->allowed_n; i++) {
		if (net_ip_equal(&b->allowed[i], &ip))
			return true;
	}
	return false;
}

static void
on_accept(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct reverse *b = container_of(op, struct reverse, accept);
	union net_addr peer;
	socklen_t len = sizeof(peer);
	struct wire_host from;

	if (r->res < 0) {
		finish(b, REASON_OVERLOAD, -1, NULL);
		return;
	}
	memset(&peer, 0, sizeof(peer));
	if (getpeername(r->res, &peer.sa, &len) == -1 ||
	    !is_awaited(b, &peer)) {
		loop_close(loop, r->res);
		return;
	}
	host_of(&peer, &from);
	finish(b, REASON_OK, r->res, &from);
}

/* At that address, where nothing else listens. */
static int
open_listener(struct reverse *b, union net_addr *at)
{
	socklen_t len = sizeof(*at);
	int fd = net_stream_socket(at->sa.sa_family);
	int error;

	if (fd < 0)
		return fd;
	/* As in race.c; who is accepted inherits it. */
	if (b->how.dscp != 0)
		(void)net_mark(fd, b->how.dscp);
	if (bind(fd, &at->sa, net_addr_len(at)) == -1 || listen(fd, 1) == -1 ||
	    getsockname(fd, &at->sa, &len) == -1)
		error = -errno;
	else
		error = loop_accept(b->how.loop, &b->accept, fd, on_accept);
	if (error != 0) {
		loop_close(b->how.loop, fd);
		return error;
	}
	b->listener = fd;
	return 0;
}

/* The first of those allowed that there is a way to says where we are. */
static enum wire_reason
listen_for(struct reverse *b)
{
	enum wire_reason reason = REASON_DENIED;
	union net_addr to, at;
	struct wire_host bound;
	uint32_t i;
	int error;

	for (i = 0; i < b->allowed_n; i++) {
		/* Of UDP, where any port will do, and nothing is sent. */
		net_addr_make(&b->allowed[i], 9, &to);
		error = datagram_local(&to, &at);
		if (error == 0)
			error = open_listener(b, &at);
		if (error == 0) {
			host_of(&at, &bound);
			b->how.ready(b, &bound);
			return REASON_OK;
		}
		reason = wire_connect_reason(true, error);
	}
	return reason;
}

static bool
is_any(const struct net_ip *ip)
{
	const struct net_ip any = {.family = ip->family};

	return net_ip_equal(ip, &any);
}

static void
allow(struct reverse *b, const struct net_ip *ip)
{
	if ((b->how.only_v4 && ip->family != 4) || is_any(ip))
		return;
	if (b->allowed_n < NAMES_ADDRESSES_MAX &&
	    classify_direct(b->how.settings, &b->verdict, b->how.host, ip))
		b->allowed[b->allowed_n++] = *ip;
}

static void
on_resolved(struct resolve_query *q, const struct msg_resolved *m)
{
	struct reverse *b = container_of(q, struct reverse, query);
	enum wire_reason reason = REASON_NAME_FAILED;
	uint32_t i;

	if (m->outcome == NAMES_OK) {
		for (i = 0; i < m->ips_n; i++)
			allow(b, &m->ips[i]);
		reason = listen_for(b);
	} else if (m->outcome == NAMES_UNKNOWN) {
		reason = REASON_NAME_UNKNOWN;
	}
	if (reason != REASON_OK)
		finish(b, reason, -1, NULL);
}

static void
on_start(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct reverse *b = container_of(op, struct reverse, timer);
	const struct wire_host *host = b->how.host;
	struct net_ip ip = {.family = host->kind == WIRE_HOST_V4 ? 4 : 6};
	enum wire_reason reason = REASON_OK;

	(void)r; /* only the turn matters */
	(void)loop_timer(loop, &b->timer,
	    loop_now_us(loop) + b->how.settings->bind_timeout_ms * 1000,
	    on_timer);
	if (host->kind != WIRE_HOST_NAME) {
		memcpy(ip.bytes, host->ip, sizeof(ip.bytes));
		allow(b, &ip);
		reason = listen_for(b);
	} else if (resolve_start(b->how.resolve, &b->query, host->name,
		       on_resolved) != 0) {
		reason = REASON_OVERLOAD;
	}
	if (reason != REASON_OK)
		finish(b, reason, -1, NULL);
}

void
reverse_start(struct reverse *b, const struct reverse_start *how)
{
	struct loop *loop = how->loop;

	b->how = *how;
	b->verdict = *how->verdict;
	b->listener = -1;
	b->running = true;
	/* In the callback of another timer, so that it needs no memory. */
	(void)loop_timer(loop, &b->timer, loop_now_us(loop), on_start);
	/* The end of its stream is one of its wait: who has closed and who only
	 * says no more look alike.  What it has said before stays unread, for
	 * who comes.  Without this the client is missed later. */
	(void)loop_poll(loop, &b->gone, how->client, POLLRDHUP, on_gone);
}
