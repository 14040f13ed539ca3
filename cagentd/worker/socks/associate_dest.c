/* Owns the destinations of an association: which way each goes, and what waits
 * until that is known; moves nothing to the client but their answers. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "cagentd/worker/socks/associate_impl.h"
#include "cagentd/worker/own.h"

static void dest_flush(struct associate_dest *);
static bool go_via(struct associate_dest *);

/* Of the same kind, so that the rest of each is zero alike. */
static bool
same_host(const struct wire_host *a, const struct wire_host *b)
{
	if (a->kind != b->kind || a->port != b->port)
		return false;
	if (a->kind == WIRE_HOST_NAME)
		return strcmp(a->name, b->name) == 0;
	return memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

static struct associate_dest *
find(struct associate *a, const struct wire_host *host)
{
	struct associate_dest *d;

	TAILQ_FOREACH (d, &a->dests, entry) {
		if (same_host(&d->host, host))
			return d;
	}
	return NULL;
}

/* --- what waits --- */

static void
wait_no_more(struct associate *a, struct associate_waiting *w)
{
	TAILQ_REMOVE(&a->waiting, w, entry);
	a->waiting_n--;
	a->waiting_bytes -= w->len;
	free(w);
}

static void
wait_for(struct associate_dest *d, const uint8_t *data, size_t len)
{
	struct associate *a = d->owner;
	struct associate_waiting *w = NULL;

	if (a->waiting_n < ASSOCIATE_WAITING_MAX &&
	    len <= ASSOCIATE_WAITING_BYTES - a->waiting_bytes)
		w = malloc(sizeof(*w) + len);
	if (w == NULL) {
		associate_drop(a);
		return;
	}
	w->dest = d;
	w->len = len;
	memcpy(w->data, data, len);
	TAILQ_INSERT_TAIL(&a->waiting, w, entry);
	a->waiting_n++;
	a->waiting_bytes += len;
}

/* --- straight to it --- */

static uint8_t
class_of(const struct associate_dest *d)
{
	return associate_class(d->owner, d->settings, &d->verdict);
}

static void
from_direct(
    void *arg, const union net_addr *from, const uint8_t *data, size_t len)
{
	struct associate *a = arg;
	struct wire_host host = {.port = net_addr_port(from)};
	struct associate_dest *d;
	struct net_ip ip, at;

	net_addr_ip(from, &ip);
	host.kind = ip.family == 4 ? WIRE_HOST_V4 : WIRE_HOST_V6;
	memcpy(host.ip, ip.bytes, sizeof(host.ip));
	TAILQ_FOREACH (d, &a->dests, entry) {
		if (d->state != DEST_DIRECT)
			continue;
		net_addr_ip(&d->at, &at);
		if (net_ip_equal(&at, &ip) &&
		    net_addr_port(&d->at) == host.port)
			break;
	}
	if (d != NULL)
		associate_deliver(a, class_of(d), &host, data, len);
	else
		associate_drop(a);
}

static void
on_direct(struct associate *a, int at, const struct op_result *r)
{
	if (r->res >= 0) {
		datagram_receive(
		    a->direct[at], ASSOCIATE_BATCH, from_direct, a);
		return;
	}
	loop_close(a->env->loop, a->direct[at]);
	a->direct[at] = -1;
}

static void
on_direct4(struct loop *loop, struct op *op, const struct op_result *r)
{
	(void)loop;
	on_direct(container_of(op, struct associate, direct_poll[0]), 0, r);
}

static void
on_direct6(struct loop *loop, struct op *op, const struct op_result *r)
{
	(void)loop;
	on_direct(container_of(op, struct associate, direct_poll[1]), 1, r);
}

/* The socket for that family, or -errno. */
static int
direct_socket(struct associate *a, int family)
{
	int at = family == AF_INET6, error, fd;

	if (a->direct[at] != -1)
		return a->direct[at];
	fd = datagram_open(family, NULL);
	if (fd < 0)
		return fd;
	error = loop_poll(a->env->loop, &a->direct_poll[at], fd, POLLIN,
	    at == 0 ? on_direct4 : on_direct6);
	if (error != 0) {
		loop_close(a->env->loop, fd);
		return error;
	}
	a->direct[at] = fd;
	a->direct_mark[at] = 0;
	return fd;
}

/* It goes by the class of who is sent to: the next datagram bears its mark. */
static void
mark(struct associate_dest *d, int fd)
{
	uint8_t m = settings_class_mark(d->settings, d->verdict.class);
	uint8_t *is = &d->owner->direct_mark[d->at.sa.sa_family == AF_INET6];

	if (*is != m)
		(void)net_mark(fd, m); /* as in race.c */
	*is = m;
}

/* No way there, which is soon said of a datagram. */
static bool
is_no_way(int error)
{
	return error == -ENETUNREACH || error == -EHOSTUNREACH ||
	       error == -EACCES || error == -EPERM || error == -EINVAL ||
	       error == -EAFNOSUPPORT;
}

static void
send_direct(struct associate_dest *d, const uint8_t *data, size_t len)
{
	const struct datagram one = {NULL, 0, data, len};
	uint8_t class = class_of(d);
	int fd = direct_socket(d->owner, d->at.sa.sa_family);
	int error = fd;

	if (fd >= 0) {
		if (!associate_admit(d->owner, class, PACE_UP, len))
			return;
		mark(d, fd);
		error = datagram_send(fd, &d->at, &one);
	}
	if (error == 0) {
		associate_passed(d->owner, class, PACE_UP, len);
		return;
	}
	associate_drop(d->owner);
	/* What is sent next is to go as a connection would. */
	if (is_no_way(error) && d->verdict.direct_first)
		(void)go_via(d);
}

/* --- which way --- */

static bool
go_via(struct associate_dest *d)
{
	d->hop = associate_hop_for(d->owner, d);
	if (d->hop == NULL)
		return false;
	d->hop->dests_n++;
	d->state = DEST_VIA;
	return true;
}

/* It must not, or cannot, be reached directly. */
static bool
go_elsewhere(struct associate_dest *d)
{
	if (d->verdict.direct_first)
		return go_via(d);
	d->state = DEST_FORBIDDEN;
	return true;
}

static bool
may(const struct associate_dest *d, const struct net_ip *ip)
{
	return classify_direct(d->settings, &d->verdict, &d->host, ip) &&
	       !own_listens(d->settings, ip, d->host.port);
}

/* What is sent to is what was judged, and has a way there. */
static bool
take_address(struct associate_dest *d, const struct msg_resolved *m)
{
	union net_addr local;
	uint32_t i;

	for (i = 0; i < m->ips_n; i++) {
		if (!may(d, &m->ips[i]))
			continue;
		net_addr_make(&m->ips[i], d->host.port, &d->at);
		if (datagram_local(&d->at, &local) == 0)
			return true;
	}
	return false;
}

static void
on_resolved(struct resolve_query *q, const struct msg_resolved *m)
{
	struct associate_dest *d =
	    container_of(q, struct associate_dest, query);
	bool goes = true;

	d->owner->lookups_n--;
	if (m->outcome == NAMES_OK && take_address(d, m))
		d->state = DEST_DIRECT;
	else
		goes = (m->outcome == NAMES_OK || d->verdict.direct_first) &&
		       go_elsewhere(d);
	if (goes)
		dest_flush(d);
	else
		associate_dest_forget(d); /* the next one asks again */
}

static bool
go_direct(struct associate_dest *d)
{
	struct associate *a = d->owner;
	struct net_ip ip = {.family = d->host.kind == WIRE_HOST_V4 ? 4 : 6};

	if (d->host.kind != WIRE_HOST_NAME) {
		memcpy(ip.bytes, d->host.ip, sizeof(ip.bytes));
		if (!may(d, &ip))
			return go_elsewhere(d);
		net_addr_make(&ip, d->host.port, &d->at);
		d->state = DEST_DIRECT;
		return true;
	}
	if (a->lookups_n >= ASSOCIATE_LOOKUPS_MAX ||
	    resolve_start(
		a->env->resolve, &d->query, d->host.name, on_resolved) != 0)
		return false;
	a->lookups_n++;
	d->state = DEST_LOOKING_UP;
	return true;
}

static bool
choose_way(struct associate_dest *d)
{
	if (d->verdict.via == VIA_DENY) {
		d->state = DEST_FORBIDDEN;
		return true;
	}
	if (d->verdict.via == VIA_DIRECT || d->verdict.direct_first)
		return go_direct(d);
	return go_via(d);
}

/* --- their life --- */

void
associate_dest_forget(struct associate_dest *d)
{
	struct associate *a = d->owner;
	struct associate_waiting *w, *next;

	for (w = TAILQ_FIRST(&a->waiting); w != NULL; w = next) {
		next = TAILQ_NEXT(w, entry);
		if (w->dest != d)
			continue;
		associate_drop(a);
		wait_no_more(a, w);
	}
	if (d->state == DEST_LOOKING_UP && d->query.fn != NULL) {
		resolve_cancel(a->env->resolve, &d->query);
		a->lookups_n--;
	}
	if (d->hop != NULL)
		d->hop->dests_n--;
	TAILQ_REMOVE(&a->dests, d, entry);
	a->dests_n--;
	settings_unref(d->settings);
	free(d);
}

static struct associate_dest *
make(struct associate *a, const struct wire_host *host)
{
	struct associate_dest *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	if (a->dests_n >= ASSOCIATE_DESTS_MAX)
		associate_dest_forget(TAILQ_LAST(&a->dests, associate_dests));
	d->owner = a;
	d->host = *host;
	d->settings = settings_ref(*a->settings);
	d->state = DEST_FORBIDDEN;
	classify(d->settings, host, &a->client, NULL, &d->verdict);
	TAILQ_INSERT_HEAD(&a->dests, d, entry);
	if (a->dests_n++ == 0)
		associate_watch(a);
	if (d->verdict.via != VIA_DENY)
		associate_class_is(a, d);
	if (choose_way(d))
		return d;
	associate_dest_forget(d);
	return NULL;
}

void
associate_dest_lost(struct associate_dest *d, bool direct)
{
	d->hop = NULL;
	/* What could not be reached directly before is not tried so again. */
	if (direct && !d->verdict.direct_first && go_direct(d))
		dest_flush(d);
	else
		associate_dest_forget(d);
}

void
associate_dest_expire(struct associate *a)
{
	int64_t now = associate_now_us(a);
	struct associate_dest *d;

	while ((d = TAILQ_LAST(&a->dests, associate_dests)) != NULL) {
		if (now - d->used_us < d->settings->udp_idle_timeout_ms * 1000)
			return;
		associate_dest_forget(d);
	}
}

static void
pass(struct associate_dest *d, const uint8_t *data, size_t len)
{
	const struct datagram one = {NULL, 0, data, len};

	switch (d->state) {
	case DEST_LOOKING_UP:
		wait_for(d, data, len);
		return;
	case DEST_DIRECT:
		send_direct(d, data, len);
		return;
	case DEST_VIA:
		if (d->hop->stands)
			associate_hop_send(d->hop, &d->host, &one);
		else
			wait_for(d, data, len);
		return;
	case DEST_FORBIDDEN:
		associate_drop(d->owner);
		return;
	}
}

static bool
must_wait(const struct associate_dest *d)
{
	return d->state == DEST_LOOKING_UP ||
	       (d->state == DEST_VIA && !d->hop->stands);
}

void
associate_flush(struct associate *a)
{
	struct associate_waiting *w, *next;

	for (w = TAILQ_FIRST(&a->waiting); w != NULL; w = next) {
		next = TAILQ_NEXT(w, entry);
		if (must_wait(w->dest))
			continue;
		pass(w->dest, w->data, w->len);
		wait_no_more(a, w);
	}
}

static void
dest_flush(struct associate_dest *d)
{
	associate_flush(d->owner);
}

void
associate_forward(struct associate *a, const struct wire_host *host,
    const uint8_t *data, size_t len)
{
	struct associate_dest *d = find(a, host);

	if (d == NULL)
		d = make(a, host);
	if (d == NULL) {
		associate_drop(a);
		return;
	}
	d->used_us = associate_now_us(a);
	TAILQ_REMOVE(&a->dests, d, entry);
	TAILQ_INSERT_HEAD(&a->dests, d, entry);
	pass(d, data, len);
}
