/* Owns the intermediaries of an association: finds one that relays datagrams,
 * and another when it fails; knows no client. */
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cagentd/worker/socks/associate_impl.h"
#include "wire/socks5_udp.h"

static void on_dialed(struct dial *, struct dialed *);

/* --- while it stands --- */

static uint8_t
class_of(const struct associate_hop *h)
{
	return associate_class(h->owner, h->settings, &h->verdict);
}

/* May an answer come from there?  What a name was found to be is not known
 * here. */
static bool
was_asked(const struct associate_hop *h, const struct wire_host *host)
{
	const struct associate_dest *d;
	const struct wire_host *to;

	TAILQ_FOREACH (d, &h->owner->dests, entry) {
		to = &d->host;
		if (d->hop != h || to->port != host->port)
			continue;
		if (to->kind == WIRE_HOST_NAME ||
		    (to->kind == host->kind &&
			memcmp(to->ip, host->ip, sizeof(to->ip)) == 0))
			return true;
	}
	return false;
}

/* The first answer proves it, and with that the try. */
static void
prove(struct associate_hop *h)
{
	struct associate *a = h->owner;
	int64_t now = associate_now_us(a);

	if (!h->proved)
		dial_judge(&h->dial, REASON_OK, true);
	if (!h->proved && h->asked_us != 0)
		record_first_byte(a->env->record, h->who, now - h->asked_us);
	h->proved = true;
	h->asked_us = 0;
}

static void
from_relay(
    void *arg, const union net_addr *from, const uint8_t *data, size_t len)
{
	struct associate_hop *h = arg;
	struct wire_host host;
	int n = socks5_udp_decode(data, len, &host);

	(void)from; /* the socket is connected to it */
	if (n < 0 || !was_asked(h, &host)) {
		associate_drop(h->owner);
		return;
	}
	prove(h);
	h->down += len - (size_t)n;
	associate_deliver(
	    h->owner, class_of(h), &host, data + n, len - (size_t)n);
}

void
associate_hop_send(struct associate_hop *h, const struct wire_host *host,
    const struct datagram *payload)
{
	uint8_t head[SOCKS5_UDP_HEAD_MAX];
	int n = socks5_udp_encode(host, head, sizeof(head));
	uint8_t class = class_of(h);
	const struct datagram d = {
	    head, n > 0 ? (size_t)n : 0, payload->data, payload->len};

	if (!associate_admit(h->owner, class, PACE_UP, payload->len))
		return;
	if (n < 0 || datagram_send(h->fd, NULL, &d) != 0) {
		associate_drop(h->owner);
		return;
	}
	associate_passed(h->owner, class, PACE_UP, payload->len);
	h->up += payload->len;
	if (h->asked_us == 0)
		h->asked_us = associate_now_us(h->owner);
}

/* --- its life --- */

static void
dial(struct associate_hop *h)
{
	const struct dial_request request = {.settings = h->settings,
	    .verdict = &h->verdict,
	    .associate = true,
	    .client = -1};

	memset(&h->dial, 0, sizeof(h->dial));
	dial_start(&h->dial, h->owner->env, &request, on_dialed);
}

static void
take_down(struct associate_hop *h)
{
	struct associate *a = h->owner;

	stream_cancel(a->env->loop, h->control, &h->recv);
	stream_close(a->env->loop, h->control, false);
	h->control = STREAM_NONE;
	loop_close(a->env->loop, h->fd);
	h->fd = -1;
	record_bytes(a->env->record, h->who, h->up, h->down);
	record_leave(a->env->record, h->who);
	h->up = h->down = 0;
	h->stands = false;
}

void
associate_hop_free(struct associate_hop *h)
{
	if (h->stands && !h->proved)
		dial_judge(&h->dial, REASON_CANCELLED, h->asked_us != 0);
	if (h->stands)
		take_down(h);
	dial_cancel(&h->dial);
	LIST_REMOVE(h, entry);
	h->owner->hops_n--;
	settings_unref(h->settings);
	free(h);
}

/* Nobody can take what goes by it; each destination's next datagram is judged
 * anew. */
static void
give_up(struct associate_hop *h, enum wire_reason reason)
{
	struct associate *a = h->owner;
	bool direct = reason == REASON_NO_PATH && h->settings->no_path_direct &&
		      h->verdict.via == VIA_DEFAULT;
	struct associate_dest *d, *next;

	a->hold_until_us = associate_now_us(a) + ASSOCIATE_HOLD_US;
	for (d = TAILQ_FIRST(&a->dests); d != NULL; d = next) {
		next = TAILQ_NEXT(d, entry);
		if (d->hop == h)
			associate_dest_lost(d, direct);
	}
	associate_hop_free(h);
}

/* Another one is to take its place.  One that has proved itself was a good
 * choice then: all may be tried again. */
static void
replace(struct associate_hop *h, enum wire_reason reason)
{
	bool asked = h->asked_us != 0, proved = h->proved;

	take_down(h);
	h->proved = false;
	h->asked_us = 0;
	if (proved)
		dial(h);
	else
		dial_again(&h->dial, reason, asked, on_dialed);
}

static void
on_control(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct associate_hop *h = container_of(op, struct associate_hop, recv);

	(void)loop;
	if (r->res <= 0)
		replace(h, REASON_HOP_HUNG_UP);
}

static void
on_relay(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct associate_hop *h = container_of(op, struct associate_hop, poll);

	(void)loop;
	if (r->res < 0)
		replace(h, REASON_HOP_HUNG_UP);
	else
		datagram_receive(h->fd, ASSOCIATE_BATCH, from_relay, h);
}

/*
 * Where its relay is: at the address that it says, if that is its own or one
 * that anybody may be connected to; else the port that it says at its own, as
 * those mean it who answer with 0.0.0.0, a name, or an address behind their
 * translator.  So no intermediary has us send to a network that only we are
 * in.
 */
static int
relay_address(const struct associate_hop *h, const struct wire_host *bound,
    union net_addr *out)
{
	static const struct verdict plain = {.via = VIA_DEFAULT, .rule = -1};
	struct net_ip ip = {.family = bound->kind == WIRE_HOST_V4 ? 4 : 6};
	socklen_t len = sizeof(*out);

	memset(out, 0, sizeof(*out));
	if (getpeername(h->control.fd, &out->sa, &len) == -1)
		return -errno;
	if (out->sa.sa_family == AF_INET6)
		out->in6.sin6_port = htons(bound->port);
	else
		out->in.sin_port = htons(bound->port);
	if (bound->kind != WIRE_HOST_V4 && bound->kind != WIRE_HOST_V6)
		return 0;
	memcpy(ip.bytes, bound->ip, sizeof(ip.bytes));
	if (classify_direct(h->settings, &plain, bound, &ip))
		net_addr_make(&ip, bound->port, out);
	return 0;
}

static int
stand(struct associate_hop *h, const struct wire_host *bound)
{
	uint8_t mark = settings_class_mark(h->settings, h->verdict.class);
	struct loop *loop = h->owner->env->loop;
	union net_addr at;
	int error = relay_address(h, bound, &at);

	if (error == 0)
		h->fd = datagram_connect(&at);
	if (error == 0 && h->fd < 0) {
		error = h->fd;
		h->fd = -1;
	}
	if (error == 0 && mark != 0)
		(void)net_mark(h->fd, mark); /* as in race.c */
	if (error == 0)
		error = loop_poll(loop, &h->poll, h->fd, POLLIN, on_relay);
	if (error == 0)
		error = stream_recv(loop, h->control, &h->recv, on_control);
	return error;
}

static void
on_dialed(struct dial *d, struct dialed *r)
{
	struct associate_hop *h = container_of(d, struct associate_hop, dial);

	if (r->reason != REASON_OK) {
		give_up(h, r->reason);
		return;
	}
	buf_free(r->early);
	h->control = r->stream;
	h->who = r->try->hop;
	h->stands = true;
	if (stand(h, &r->bound) != 0) {
		give_up(h, REASON_OVERLOAD);
		return;
	}
	tunnels_via(h->owner->row, h->who.slot, h->who.incarnation);
	associate_flush(h->owner);
}

static bool
same_verdict(const struct verdict *a, const struct verdict *b)
{
	return a->via == b->via && a->class == b->class && a->tier == b->tier &&
	       a->intermediary == b->intermediary;
}

struct associate_hop *
associate_hop_for(struct associate *a, const struct associate_dest *d)
{
	struct associate_hop *h;

	LIST_FOREACH (h, &a->hops, entry) {
		if (h->settings == d->settings &&
		    same_verdict(&h->verdict, &d->verdict))
			return h;
	}
	if (a->hops_n >= ASSOCIATE_HOPS_MAX ||
	    associate_now_us(a) < a->hold_until_us)
		return NULL;
	h = calloc(1, sizeof(*h));
	if (h == NULL)
		return NULL;
	h->owner = a;
	h->settings = settings_ref(d->settings);
	h->verdict = d->verdict;
	h->control = STREAM_NONE;
	h->fd = -1;
	LIST_INSERT_HEAD(&a->hops, h, entry);
	a->hops_n++;
	dial(h);
	return h;
}

/* Silent since it was asked, and others are not known to be. */
static bool
is_mute(struct associate_hop *h, int64_t now)
{
	if (!h->stands || h->proved || h->asked_us == 0 ||
	    now - h->asked_us < ASSOCIATE_MUTE_US)
		return false;
	if (dial_may_replace(&h->dial, true))
		return true;
	h->asked_us = 0; /* it is looked at again after the next one */
	return false;
}

void
associate_hops_tick(struct associate *a)
{
	int64_t now = associate_now_us(a);
	struct associate_hop *h, *next;

	for (h = LIST_FIRST(&a->hops); h != NULL; h = next) {
		next = LIST_NEXT(h, entry);
		if (h->dests_n == 0)
			associate_hop_free(h);
		else if (is_mute(h, now))
			replace(h, REASON_HOP_MUTE);
	}
}
