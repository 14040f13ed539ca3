/* Owns the order and the number of probes under way; what one does is
 * probe.c's, what they mean verdict.c's. */
#include "probe/series.h"

#include <sys/socket.h>

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "base/mono.h"
#include "base/tls.h"

/* Every answer is one, whatever it is asked for; it need only be something
 * that its protocol can carry. */
static void
ask_for_itself(struct series *s)
{
	s->query.kind = QUERY_ALIVE;
	s->query.host = s->hop->host;
	if (!s->hop->direct && !hop_carries(s->hop->type, &s->query.host))
		wire_host_set(&s->query.host, "localhost", 9);
}

static void
init_one(struct series *s, struct series_set *set, uint32_t i)
{
	const struct opts *o = set->opts;
	uint32_t targets_n = o->targets_n > 0 ? o->targets_n : 1;

	/* By target, so that what is compared stands together. */
	s->set = set;
	s->hop = &o->hops[i % o->hops_n];
	s->target = i / o->hops_n % targets_n;
	if (o->targets_n > 0)
		s->query = o->targets[s->target];
	else
		ask_for_itself(s);
	s->via.direct = s->hop->direct;
	s->via.type = s->hop->type;
	s->via.ips = s->ips;
	s->via.port = s->hop->direct ? s->query.host.port : s->hop->host.port;
	if (s->hop->has_user)
		s->via.user = s->hop->user;
	s->via.password = s->hop->password;
}

/* 0 or -errno. */
static int
secure(struct series *s, const struct opts *o)
{
	struct tls_client_spec spec = {.authorities = o->authorities};
	const struct wire_host *h = &s->hop->host;
	char text[NET_IP_STRLEN], why[TLS_WHY_MAX];
	struct net_ip ip = {.family = h->kind == WIRE_HOST_V6 ? 6 : 4};

	if (!s->hop->secure)
		return 0;
	memcpy(ip.bytes, h->ip, sizeof(ip.bytes));
	spec.name =
	    h->kind == WIRE_HOST_NAME ? h->name : net_ip_format(&ip, text);
	return tls_client_new(&s->via.tls, &spec, why);
}

int
series_init(struct series_set *set)
{
	const struct opts *o = set->opts;
	uint32_t i;

	set->all_n = o->hops_n * (o->targets_n > 0 ? o->targets_n : 1);
	set->parallel = o->parallel;
	TAILQ_INIT(&set->queue);
	set->all = calloc(set->all_n, sizeof(*set->all));
	if (set->all == NULL)
		return -ENOMEM;
	for (i = 0; i < set->all_n; i++) {
		init_one(&set->all[i], set, i);
		set->all[i].results =
		    calloc(o->count, sizeof(*set->all[i].results));
		if (set->all[i].results == NULL || secure(&set->all[i], o) != 0)
			return -ENOMEM;
	}
	return 0;
}

void
series_fini(struct series_set *set)
{
	uint32_t i;

	for (i = 0; set->all != NULL && i < set->all_n; i++) {
		probe_cancel(&set->all[i].probe);
		if (set->loop != NULL)
			loop_cancel(set->loop, &set->all[i].timer);
		free(set->all[i].results);
		tls_client_unref(set->all[i].via.tls);
	}
	free(set->all);
	set->all = NULL;
}

uint32_t
series_total(const struct series_set *set)
{
	return set->all_n * set->opts->count;
}

/* --- names --- */

static void
add_address(struct series *s, const struct sockaddr *sa, socklen_t len)
{
	union net_addr addr = {0};
	struct net_ip ip;
	uint32_t i;

	if (len > sizeof(addr) || s->via.ips_n == SERIES_IPS_MAX)
		return;
	memcpy(&addr, sa, len);
	net_addr_ip(&addr, &ip);
	for (i = 0; i < s->via.ips_n; i++) {
		if (net_ip_equal(&s->ips[i], &ip))
			return;
	}
	if (ip.family != 0)
		s->ips[s->via.ips_n++] = ip;
}

static void
look_up_name(struct series *s, const char *name)
{
	const struct addrinfo hints = {
	    .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *list, *ai;
	int error;

	if (s->set->news != NULL)
		s->set->news(s->set->arg, s->set, name);
	error = getaddrinfo(name, NULL, &hints, &list);
	if (error != 0) {
		s->unknown = gai_strerror(error);
		return;
	}
	for (ai = list; ai != NULL; ai = ai->ai_next)
		add_address(s, ai->ai_addr, ai->ai_addrlen);
	freeaddrinfo(list);
	if (s->via.ips_n == 0)
		s->unknown = "it has no address";
}

static void
look_up(struct series *s)
{
	const struct wire_host *h =
	    s->hop->direct ? &s->query.host : &s->hop->host;

	switch (h->kind) {
	case WIRE_HOST_NAME:
		look_up_name(s, h->name);
		return;
	case WIRE_HOST_V4:
	case WIRE_HOST_V6:
		s->ips[0].family = h->kind == WIRE_HOST_V4 ? 4 : 6;
		memcpy(
		    s->ips[0].bytes, h->ip, h->kind == WIRE_HOST_V4 ? 4 : 16);
		s->via.ips_n = 1;
		return;
	case WIRE_HOST_NONE:
		break;
	}
	s->unknown = "there is no host";
}

/* The same name as that of an earlier series is not asked for again. */
static bool
is_known(struct series *s)
{
	struct series *e;

	for (e = s->set->all; e != s; e++) {
		if (e->hop != s->hop ||
		    (s->hop->direct && e->target != s->target))
			continue;
		memcpy(s->ips, e->ips, sizeof(s->ips));
		s->via.ips_n = e->via.ips_n;
		s->unknown = e->unknown;
		return true;
	}
	return false;
}

void
series_look_up(struct series_set *set)
{
	struct series *s;

	for (s = set->all; s < set->all + set->all_n; s++) {
		if (!is_known(s))
			look_up(s);
	}
}

/* --- probes --- */

static void start_next(struct series_set *);

static void
is_due(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct series *s = container_of(op, struct series, timer);

	(void)loop, (void)r; /* time is the only news */
	TAILQ_INSERT_TAIL(&s->set->queue, s, entry);
	start_next(s->set);
}

static void
keep(struct series *s, const struct probe_result *r)
{
	struct series_set *set = s->set;

	s->results[s->n++] = *r;
	set->ended++;
	set->failed += r->reason != REASON_OK;
	if (set->news != NULL)
		set->news(set->arg, set, NULL);
	if (set->ended == series_total(set))
		loop_stop(set->loop);
}

static void
on_done(struct probe *p, const struct probe_result *r)
{
	struct series *s = container_of(p, struct series, probe);
	struct series_set *set = s->set;

	set->active--;
	keep(s, r);
	/* The timer's memory is there since its first use. */
	if (s->n < set->opts->count)
		loop_timer(set->loop, &s->timer,
		    mono_us() + set->opts->interval_us, is_due);
	start_next(set);
}

/* All that are left fail before they begin. */
static void
fail_rest(struct series *s, enum wire_reason reason)
{
	const struct probe_result r = {.reason = reason,
	    .code = -1,
	    .connect_us = -1,
	    .handshake_us = -1,
	    .first_us = -1,
	    .total_us = -1};

	while (s->n < s->set->opts->count)
		keep(s, &r);
}

static void
start_one(struct series *s)
{
	const int64_t us = s->set->opts->timeout_us;
	const struct probe_limits limits = {.connect_us = us,
	    .handshake_us = us,
	    .answer_us = us,
	    .all_us = us,
	    .rate_us = us,
	    .rate_bytes = s->set->opts->rate_bytes};

	if (probe_start(&s->probe, s->set->loop, &s->via, &s->query, &limits,
		on_done) == 0)
		s->set->active++;
	else
		fail_rest(s, REASON_OVERLOAD);
}

static void
start_next(struct series_set *set)
{
	struct series *s;

	while (set->active < set->parallel &&
	       (s = TAILQ_FIRST(&set->queue)) != NULL) {
		TAILQ_REMOVE(&set->queue, s, entry);
		start_one(s);
	}
}

int
series_start(struct series_set *set)
{
	struct series *s;
	int error;

	for (s = set->all; s < set->all + set->all_n; s++) {
		if (s->unknown != NULL) {
			fail_rest(s, s->hop->direct ? REASON_NAME_UNKNOWN
						    : REASON_HOP_UNREACHABLE);
			continue;
		}
		error = loop_timer(set->loop, &s->timer, mono_us(), is_due);
		if (error != 0)
			return error;
	}
	return 0;
}
