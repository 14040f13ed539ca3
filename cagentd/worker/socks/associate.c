/* Owns an association: the client's side of it, its timer and its end; finds no
 * path. */
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cagentd/worker/socks/associate_impl.h"
#include "wire/socks5_udp.h"

int64_t
associate_now_us(const struct associate *a)
{
	return loop_now_us(a->env->loop);
}

void
associate_drop(struct associate *a)
{
	slab_add(&a->slab->datagrams_dropped, 1);
}

void
associate_passed(
    struct associate *a, uint8_t class, enum pace_way way, size_t len)
{
	a->moved_us = associate_now_us(a);
	slab_add(&a->slab->datagrams, 1);
	associate_class_moved(a, class, way, len);
}

void
associate_deliver(struct associate *a, uint8_t class,
    const struct wire_host *host, const uint8_t *data, size_t len)
{
	uint8_t head[SOCKS5_UDP_HEAD_MAX];
	int n = socks5_udp_encode(host, head, sizeof(head));
	const struct datagram d = {head, n > 0 ? (size_t)n : 0, data, len};

	if (!associate_admit(a, class, PACE_DOWN, len))
		return;
	if (n > 0 && datagram_send(a->fd, &a->client_at, &d) == 0)
		associate_passed(a, class, PACE_DOWN, len);
	else
		associate_drop(a);
}

static void
from_client(
    void *arg, const union net_addr *from, const uint8_t *data, size_t len)
{
	struct associate *a = arg;
	struct wire_host host;
	struct net_ip ip;
	int n;

	net_addr_ip(from, &ip);
	if (!net_ip_equal(&ip, &a->source) ||
	    (a->source_port != 0 && a->source_port != net_addr_port(from))) {
		associate_drop(a);
		return;
	}
	n = socks5_udp_decode(data, len, &host);
	if (n < 0) {
		associate_drop(a);
		return;
	}
	a->source_port = net_addr_port(from);
	a->client_at = *from;
	associate_forward(a, &host, data + n, len - (size_t)n);
}

static void
on_client(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct associate *a = container_of(op, struct associate, poll);

	(void)loop;
	if (r->res < 0)
		a->done(a->arg);
	else
		datagram_receive(a->fd, ASSOCIATE_BATCH, from_client, a);
}

/* The connection carries nothing more: what is said there is not looked at,
 * and its end is the association's. */
static void
on_control(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct associate *a = container_of(op, struct associate, recv);

	(void)loop;
	if (r->res <= 0)
		a->done(a->arg);
}

static int64_t
idle_end(const struct associate *a)
{
	return a->moved_us + (*a->settings)->idle_timeout_ms * 1000;
}

static void
on_tick(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct associate *a = container_of(op, struct associate, timer);
	bool busy;

	(void)r; /* time is the only news */
	if (associate_now_us(a) >= idle_end(a)) {
		a->done(a->arg);
		return;
	}
	associate_dest_expire(a);
	associate_hops_tick(a);
	busy = a->dests_n > 0 || a->hops_n > 0;
	/* Its memory is this one's. */
	(void)loop_timer(loop, &a->timer,
	    busy ? associate_now_us(a) + ASSOCIATE_TICK_US : idle_end(a),
	    on_tick);
}

void
associate_watch(struct associate *a)
{
	/* Moving an armed timer needs no memory. */
	(void)loop_timer(a->env->loop, &a->timer,
	    associate_now_us(a) + ASSOCIATE_TICK_US, on_tick);
}

static void
to_host(const union net_addr *addr, struct wire_host *out)
{
	struct net_ip ip;

	net_addr_ip(addr, &ip);
	*out = (struct wire_host){.port = net_addr_port(addr)};
	out->kind = ip.family == 4 ? WIRE_HOST_V4 : WIRE_HOST_V6;
	memcpy(out->ip, ip.bytes, sizeof(out->ip));
}

/* A socket at the address where the client has found us, which is one that it
 * can reach. */
static int
open_client_side(struct associate *a, struct wire_host *bound)
{
	union net_addr peer, local;
	socklen_t peer_len = sizeof(peer), len = sizeof(local);

	memset(&peer, 0, sizeof(peer));
	memset(&local, 0, sizeof(local));
	if (getpeername(a->control, &peer.sa, &peer_len) == -1 ||
	    getsockname(a->control, &local.sa, &len) == -1)
		return -errno;
	net_addr_ip(&peer, &a->source);
	/*
	 * Of who has connected by a unix socket nothing is known by which its
	 * datagrams could be told from those of others on this host, who may
	 * not have been let in.
	 */
	if (a->source.family == 0)
		return -ENOTSUP;
	if (local.sa.sa_family == AF_INET6)
		local.in6.sin6_port = 0;
	else
		local.in.sin_port = 0;
	a->fd = datagram_open(local.sa.sa_family, &local);
	if (a->fd < 0)
		return a->fd;
	len = sizeof(local);
	if (getsockname(a->fd, &local.sa, &len) == -1)
		return -errno;
	to_host(&local, bound);
	return 0;
}

static int
start(struct associate *a, struct wire_host *bound)
{
	struct loop *loop = a->env->loop;
	int error = open_client_side(a, bound);

	if (error == 0)
		error = loop_poll(loop, &a->poll, a->fd, POLLIN, on_client);
	if (error == 0)
		error = loop_recv(loop, &a->recv, a->control, on_control);
	if (error == 0)
		error = loop_timer(loop, &a->timer, idle_end(a), on_tick);
	return error;
}

int
associate_start(struct associate **out, const struct associate_start *s,
    struct wire_host *bound)
{
	struct associate *a = calloc(1, sizeof(*a));
	int error;

	if (a == NULL)
		return -ENOMEM;
	a->env = s->dial;
	a->slab = s->slab;
	a->turns = s->turns;
	a->settings = s->settings;
	a->client = *s->client;
	a->done = s->done;
	a->arg = s->arg;
	a->control = s->fd;
	a->fd = a->direct[0] = a->direct[1] = -1;
	/* The address that it says it will send from is the connection's, or
	 * one behind a translator that means nothing here. */
	a->source_port = s->source->port;
	TAILQ_INIT(&a->dests);
	TAILQ_INIT(&a->waiting);
	LIST_INIT(&a->hops);
	a->moved_us = associate_now_us(a);
	error = start(a, bound);
	if (error != 0) {
		associate_free(a);
		return error;
	}
	slab_add(&a->slab->associations, 1);
	associate_class_begin(a);
	*out = a;
	return 0;
}

void
associate_free(struct associate *a)
{
	struct associate_dest *d;
	struct associate_hop *h;

	if (a == NULL)
		return;
	while ((d = TAILQ_FIRST(&a->dests)) != NULL)
		associate_dest_forget(d);
	while ((h = LIST_FIRST(&a->hops)) != NULL)
		associate_hop_free(h);
	loop_cancel(a->env->loop, &a->timer);
	loop_cancel(a->env->loop, &a->recv);
	loop_close(a->env->loop, a->direct[0]);
	loop_close(a->env->loop, a->direct[1]);
	loop_close(a->env->loop, a->fd);
	associate_class_end(a);
	free(a);
}
