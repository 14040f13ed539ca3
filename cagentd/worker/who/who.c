/*
 * Owns the question who is asking: the kernel's answers and the names of
 * services; opens no file, and blocks for nothing.
 */
#include "cagentd/worker/who/who.h"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cagentd/worker/who/who_diag.h"

#define ANSWER_MAX 4096
/* Answers that came too late for an earlier question. */
#define STALE_MAX 8

static void on_timer(struct loop *, struct op *, const struct op_result *);

/* The answer to that question, which is waiting already. */
static enum who_diag_answer
receive(struct who *w, const struct who_tuple *t, struct who_found *found)
{
	uint8_t in[ANSWER_MAX];
	struct sockaddr_nl from = {0};
	enum who_diag_answer a;
	socklen_t from_len;
	ssize_t n;
	int i;

	for (i = 0; i < STALE_MAX; i++) {
		from_len = sizeof(from);
		n = recvfrom(w->fd, in, sizeof(in), MSG_DONTWAIT,
		    (struct sockaddr *)&from, &from_len);
		if (n == -1)
			return WHO_DIAG_NONE;
		if (from_len != sizeof(from) || from.nl_pid != 0)
			continue; /* not the kernel */
		a = who_diag_decode(in, (size_t)n, t, w->seq, found);
		if (a != WHO_DIAG_OTHER)
			return a;
	}
	return WHO_DIAG_NONE;
}

static bool
look_up(struct who *w, const struct who_tuple *t, struct who_found *found)
{
	uint8_t ask[WHO_DIAG_LEN];

	if (w->fd == -1)
		return false;
	who_diag_encode(t, ++w->seq, ask);
	if (sendto(w->fd, ask, sizeof(ask), MSG_DONTWAIT, NULL, 0) !=
	    (ssize_t)sizeof(ask))
		return false;
	return receive(w, t, found) == WHO_DIAG_FOUND;
}

/* Nobody's connection: has the kernel what it takes to answer at all? */
static int
probe(struct who *w)
{
	const struct who_tuple t = {.client = {4, {127, 0, 0, 1}},
	    .agent = {4, {127, 0, 0, 1}},
	    .client_port = 1,
	    .agent_port = 1};
	uint8_t ask[WHO_DIAG_LEN], in[ANSWER_MAX];
	struct nlmsgerr e;
	struct nlmsghdr head;
	ssize_t n;

	who_diag_encode(&t, ++w->seq, ask);
	if (send(w->fd, ask, sizeof(ask), 0) != (ssize_t)sizeof(ask))
		return -errno;
	n = recv(w->fd, in, sizeof(in), MSG_DONTWAIT);
	if (n < (ssize_t)(sizeof(head) + sizeof(e)))
		return n == -1 ? -errno : -EPROTO;
	memcpy(&head, in, sizeof(head));
	memcpy(&e, in + sizeof(head), sizeof(e));
	return head.nlmsg_type != NLMSG_ERROR || e.error == -ENOENT ? 0
								    : e.error;
}

int
who_init(struct who *w, struct loop *loop)
{
	int error = 0;

	memset(w, 0, sizeof(*w));
	w->loop = loop;
	LIST_INIT(&w->waits);
	w->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    NETLINK_SOCK_DIAG);
	if (w->fd == -1)
		return -errno;
	error = probe(w);
	if (error != 0) {
		close(w->fd);
		w->fd = -1;
	}
	return error;
}

void
who_fini(struct who *w)
{
	loop_cancel(w->loop, &w->timer);
	if (w->fd != -1)
		close(w->fd);
	w->fd = -1;
}

void
who_use(struct who *w, const struct settings *s)
{
	uint32_t i;

	w->ask_service = false;
	w->ask_uid = s->user_connections > 0 || s->user_rate > 0 ||
		     s->user_limits_n > 0 || s->users_file[0] != '\0';
	for (i = 0; i < s->rules_n; i++) {
		w->ask_uid |= s->rules[i].users_n > 0;
		w->ask_service |= s->rules[i].services_n > 0;
	}
}

/* Where it comes from. */
static bool
from_of(int fd, const union net_addr *peer, struct who_tuple *t)
{
	union net_addr asked = {0};
	socklen_t len = sizeof(asked);

	if (peer == NULL && getpeername(fd, &asked.sa, &len) == -1)
		return false;
	if (peer == NULL)
		peer = &asked;
	net_addr_ip(peer, &t->client);
	t->client_port = net_addr_port(peer);
	t->interface =
	    peer->sa.sa_family == AF_INET6 ? peer->in6.sin6_scope_id : 0;
	return t->client.family != 0;
}

/* Where it goes, as the client sees it. */
static bool
to_of(int fd, const union net_addr *seen, struct who_tuple *t)
{
	union net_addr own = {0};
	socklen_t len = sizeof(own);

	if (seen == NULL && getsockname(fd, &own.sa, &len) == -1)
		return false;
	if (seen == NULL)
		seen = &own;
	net_addr_ip(seen, &t->agent);
	t->agent_port = net_addr_port(seen);
	return true;
}

static struct who_service *
service_of(struct who *w, uint64_t cgroup)
{
	uint32_t i;

	for (i = 0; i < WHO_SERVICES_MAX; i++) {
		if (w->known[i].cgroup == cgroup)
			return &w->known[i];
	}
	return NULL;
}

static bool
is_asked(const struct who *w, uint64_t cgroup)
{
	const struct who_wait *wait;

	LIST_FOREACH (wait, &w->waits, entry) {
		if (wait->cgroup == cgroup)
			return true;
	}
	return false;
}

static void
set_service(struct client *c, const struct who_service *s)
{
	memcpy(c->service, s->name, sizeof(c->service));
}

/* True: the name is there, or there will be none. */
static bool
find_service(struct who *w, uint64_t cgroup, struct who_wait *wait)
{
	int64_t now = loop_now_us(w->loop);
	const struct who_service *s = service_of(w, cgroup);

	if (s != NULL && s->again_us > now) {
		set_service(wait->client, s);
		return true;
	}
	if (w->ask == NULL)
		return true;
	if (!loop_op_active(&w->timer) &&
	    loop_timer(w->loop, &w->timer, now + WHO_WAIT_US, on_timer) != 0)
		return true;
	if (!is_asked(w, cgroup))
		w->ask(w->arg, cgroup);
	wait->who = w;
	wait->cgroup = cgroup;
	wait->until_us = now + WHO_WAIT_US;
	LIST_INSERT_HEAD(&w->waits, wait, entry);
	return false;
}

static void
identify_unix(int fd, struct client *c)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0) {
		c->has_uid = true;
		c->uid = cred.uid;
	}
}

bool
who_start(struct who *w, int fd, bool unix_socket, const union net_addr *seen,
    struct who_wait *wait)
{
	struct client *c = wait->client;
	struct who_found found;
	struct who_tuple t;

	wait->who = NULL;
	if (unix_socket) {
		identify_unix(fd, c);
		return true;
	}
	if (!from_of(fd, wait->peer, &t))
		return true;
	c->source = t.client;
	if (w == NULL || !(w->ask_uid || w->ask_service) ||
	    !to_of(fd, seen, &t) || !look_up(w, &t, &found))
		return true;
	c->has_uid = true;
	c->uid = found.uid;
	return !w->ask_service || found.cgroup == 0 ||
	       find_service(w, found.cgroup, wait);
}

void
who_cancel(struct who_wait *wait)
{
	if (wait->who != NULL)
		LIST_REMOVE(wait, entry);
	wait->who = NULL;
}

/* Of those that wait for too long, or for that group, the first, again and
 * again: what it calls may cancel others. */
static void
release(struct who *w, int64_t now, uint64_t cgroup)
{
	struct who_wait *wait;

	for (;;) {
		LIST_FOREACH (wait, &w->waits, entry) {
			if (wait->until_us <= now || wait->cgroup == cgroup)
				break;
		}
		if (wait == NULL)
			return;
		who_cancel(wait);
		wait->done(wait);
	}
}

static void
on_timer(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct who *w = container_of(op, struct who, timer);
	struct who_wait *wait;
	int64_t next = INT64_MAX;

	(void)r; /* time is the only news */
	release(w, loop_now_us(loop), 0);
	LIST_FOREACH (wait, &w->waits, entry) {
		if (wait->until_us < next)
			next = wait->until_us;
	}
	if (next != INT64_MAX)
		/* Its place has just been left: it fits. */
		(void)loop_timer(loop, op, next, on_timer);
}

void
who_answer(struct who *w, uint64_t cgroup, const char *name)
{
	struct who_service *s = service_of(w, cgroup);
	struct who_wait *wait;
	size_t len = strlen(name);

	if (cgroup == 0 || len >= sizeof(s->name))
		return;
	if (s == NULL)
		s = &w->known[w->next++ % WHO_SERVICES_MAX];
	/* A group keeps its name, and its number is never another's. */
	*s = (struct who_service){.cgroup = cgroup,
	    .again_us =
		len > 0 ? INT64_MAX : loop_now_us(w->loop) + WHO_AGAIN_US};
	memcpy(s->name, name, len);
	LIST_FOREACH (wait, &w->waits, entry) {
		if (wait->cgroup == cgroup)
			set_service(wait->client, s);
	}
	release(w, INT64_MIN, cgroup);
}
