/*
 * Owns the control socket: peers, their lines, limits and deadlines.  What is
 * answered is ranker_ctl_answer.c's.
 */
#include "policyd/ranker/ranker_ctl.h"

#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/loop.h"
#include "policyd/common/pdctl.h"
#include "policyd/ranker/ranker.h"
#include "policyd/ranker/ranker_ctl_answer.h"

#define ACCEPT_PAUSE_US 1000000
#define GROUPS_MAX	1024 /* a peer in more is not looked through */

/*
 *   reading ──line, its limit, its deadline──> answering
 *   reading ──line that has a body──> loading ──all of it──> answering
 *   answering ──sent──> lingering
 *
 * Each has a deadline.  Lingering: our side is closed, and what still comes is
 * thrown away, so that closing does not look like an error to a peer that has
 * not read all.
 */
enum peer_state {
	PEER_READING,
	PEER_LOADING,
	PEER_ANSWERING,
	PEER_LINGERING
};

struct peer {
	TAILQ_ENTRY(peer) entry;
	struct ranker_ctl *ctl;
	enum peer_state state;
	int fd;
	uid_t uid;
	bool may_change;
	struct op recv, send, deadline;
	int64_t since_us; /* accepted */
	size_t line_len;
	char line[PDCTL_LINE_MAX];
	uint8_t *body; /* while it comes, else NULL */
	size_t body_len, body_want;
};

struct ranker_ctl {
	struct loop *loop;
	struct ranker *ranker;
	int fd;
	/* Of the configured user, whose group may open the socket. */
	uid_t own_uid;
	gid_t own_gid;
	uid_t page_uid; /* is in it to read the store, and for nothing else */
	struct op accept, pause;
	uint32_t peers_n, bodies_n;
	TAILQ_HEAD(peers, peer) peers;
};

static void accept_more(struct ranker_ctl *);

static void
body_free(struct peer *p)
{
	if (p->body == NULL)
		return;
	free(p->body);
	p->body = NULL;
	p->ctl->bodies_n--;
}

static void
peer_close(struct peer *p)
{
	struct ranker_ctl *ctl = p->ctl;
	struct loop *loop = ctl->loop;

	TAILQ_REMOVE(&ctl->peers, p, entry);
	ctl->peers_n--;
	loop_cancel(loop, &p->deadline);
	loop_close(loop, p->fd);
	body_free(p);
	free(p);
	accept_more(ctl);
}

static void on_deadline(struct loop *, struct op *, const struct op_result *);

/* The only place where a peer's state changes.  0 or -errno. */
static int
enter(struct peer *p, enum peer_state state)
{
	struct loop *loop = p->ctl->loop;
	int64_t us;

	p->state = state;
	us = state == PEER_LINGERING ? RANKER_CTL_HURRY_US
				     : RANKER_CTL_DEADLINE_US;
	return loop_timer(
	    loop, &p->deadline, loop_now_us(loop) + us, on_deadline);
}

static void on_sent(struct loop *, struct op *, const struct op_result *);

static void
linger(struct peer *p)
{
	/* When recv has ended, the peer has closed its side already. */
	if (!loop_op_active(&p->recv) || enter(p, PEER_LINGERING) != 0)
		peer_close(p);
	else
		loop_shutdown(p->ctl->loop, p->fd);
}

static void
on_sent(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct peer *p = container_of(op, struct peer, send);

	(void)loop; /* the peer's */
	if (r->res < 0)
		peer_close(p);
	else
		linger(p);
}

/* Send the answer in q and go on from there. */
static void
say(struct peer *p, struct ranker_ctl_query *q)
{
	struct buf *out = q->out;

	if (out == NULL) {
		peer_close(p);
		return;
	}
	if (enter(p, PEER_ANSWERING) != 0) {
		buf_free(out);
		peer_close(p);
	} else if (loop_send(p->ctl->loop, &p->send, p->fd, out, on_sent) !=
		   0) {
		peer_close(p);
	}
}

static struct ranker_ctl_query
query_of(const struct peer *p)
{
	return (struct ranker_ctl_query){.ranker = p->ctl->ranker,
	    .uid = p->uid,
	    .may_change = p->may_change};
}

static void
refuse(struct peer *p, enum ranker_ctl_code code, const char *why)
{
	struct ranker_ctl_query q = query_of(p);

	ranker_ctl_answer_error(&q, code, why);
	say(p, &q);
}

static void
on_deadline(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct peer *p = container_of(op, struct peer, deadline);

	(void)loop, (void)r; /* time is the only news */
	if (p->state == PEER_READING)
		refuse(p, RANKER_CTL_USAGE, "no complete line came in time");
	else if (p->state == PEER_LOADING)
		refuse(
		    p, RANKER_CTL_USAGE, "not all of the message came in time");
	else
		peer_close(p);
}

/* What follows the body is nobody's. */
static void
read_body(struct peer *p, const uint8_t *data, size_t len)
{
	size_t left = p->body_want - p->body_len;
	struct ranker_ctl_query q = query_of(p);

	if (len > left)
		len = left;
	memcpy(p->body + p->body_len, data, len);
	p->body_len += len;
	if (p->body_len < p->body_want)
		return;
	q.body = p->body;
	q.body_len = p->body_len;
	ranker_ctl_answer(&q, p->line, p->line_len);
	body_free(p);
	say(p, &q);
}

static void
begin_body(struct peer *p, size_t want, const uint8_t *data, size_t len)
{
	if (p->ctl->bodies_n < RANKER_CTL_BODIES_MAX)
		p->body = malloc(want);
	if (p->body == NULL) {
		refuse(p, RANKER_CTL_INTERNAL,
		    "no room for the message: try again");
		return;
	}
	p->ctl->bodies_n++;
	p->body_want = want;
	if (enter(p, PEER_LOADING) != 0)
		peer_close(p);
	else
		read_body(p, data, len);
}

/* What follows the newline is nobody's, unless the verb asks for it. */
static void
read_line(struct peer *p, const uint8_t *data, size_t len)
{
	const uint8_t *end = memchr(data, '\n', len);
	size_t n = end != NULL ? (size_t)(end - data) : len;
	struct ranker_ctl_query q;

	if (n > sizeof(p->line) - p->line_len) {
		refuse(p, RANKER_CTL_USAGE, "the line is too long");
		return;
	}
	memcpy(p->line + p->line_len, data, n);
	p->line_len += n;
	if (end == NULL)
		return;
	q = query_of(p);
	ranker_ctl_answer(&q, p->line, p->line_len);
	if (q.body_want > 0)
		begin_body(p, q.body_want, end + 1, len - n - 1);
	else
		say(p, &q);
}

static void
recv_ended(struct peer *p, int res)
{
	if (res < 0 || p->state == PEER_LINGERING ||
	    (p->state == PEER_READING && p->line_len == 0))
		peer_close(p);
	else if (p->state == PEER_READING)
		refuse(p, RANKER_CTL_USAGE, "the line has no end");
	else if (p->state == PEER_LOADING)
		refuse(p, RANKER_CTL_USAGE, "the message has no end");
}

static void
on_recv(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct peer *p = container_of(op, struct peer, recv);

	(void)loop; /* the peer's */
	if (r->res <= 0)
		recv_ended(p, r->res);
	else if (p->state == PEER_READING)
		read_line(p, r->data, (size_t)r->res);
	else if (p->state == PEER_LOADING)
		read_body(p, r->data, (size_t)r->res);
}

/* Root, our own user, or a member of our group who is no process of ours. */
static bool
may_change(const struct ranker_ctl *ctl, int fd, const struct ucred *cred)
{
	gid_t groups[GROUPS_MAX];
	socklen_t len = sizeof(groups);
	size_t i;

	if (cred->uid == 0 || cred->uid == ctl->own_uid)
		return true;
	if (cred->uid == ctl->page_uid)
		return false;
	if (cred->gid == ctl->own_gid)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) == -1)
		return false;
	for (i = 0; i < len / sizeof(*groups); i++) {
		if (groups[i] == ctl->own_gid)
			return true;
	}
	return false;
}

static void
peer_new(struct ranker_ctl *ctl, int fd)
{
	struct peer *p = calloc(1, sizeof(*p));
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (p == NULL ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1) {
		log_warn("control socket: a peer is turned away");
		free(p);
		close(fd);
		return;
	}
	p->ctl = ctl;
	p->fd = fd;
	p->uid = cred.uid;
	p->may_change = may_change(ctl, fd, &cred);
	p->since_us = loop_now_us(ctl->loop);
	TAILQ_INSERT_TAIL(&ctl->peers, p, entry);
	ctl->peers_n++;
	if (enter(p, PEER_READING) != 0 ||
	    loop_recv(ctl->loop, &p->recv, fd, on_recv) != 0)
		peer_close(p);
}

static void
on_pause_over(struct loop *loop, struct op *op, const struct op_result *r)
{
	(void)loop, (void)r; /* time is the only news */
	accept_more(container_of(op, struct ranker_ctl, pause));
}

/* Others may wait: who has not asked yet gets less time to.  Moving a timer
 * that is under way needs no memory. */
static void
hurry(struct ranker_ctl *ctl)
{
	struct peer *p;

	TAILQ_FOREACH (p, &ctl->peers, entry) {
		if (p->state == PEER_READING)
			loop_timer(ctl->loop, &p->deadline,
			    p->since_us + RANKER_CTL_HURRY_US, on_deadline);
	}
}

static void
on_accept(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct ranker_ctl *ctl = container_of(op, struct ranker_ctl, accept);

	if (r->res >= 0) {
		peer_new(ctl, r->res);
		if (ctl->peers_n >= RANKER_CTL_PEERS_MAX) {
			loop_cancel(loop, &ctl->accept);
			hurry(ctl);
		}
	} else {
		log_warnx("control socket: accept: %s", strerror(-r->res));
		loop_timer(loop, &ctl->pause,
		    loop_now_us(loop) + ACCEPT_PAUSE_US, on_pause_over);
	}
}

/* Unless it is under way, or there are as many peers as may be. */
static void
accept_more(struct ranker_ctl *ctl)
{
	struct loop *loop = ctl->loop;

	if (ctl->peers_n >= RANKER_CTL_PEERS_MAX ||
	    loop_op_active(&ctl->accept) || loop_op_active(&ctl->pause))
		return;
	if (loop_accept(loop, &ctl->accept, ctl->fd, on_accept) != 0)
		loop_timer(loop, &ctl->pause,
		    loop_now_us(loop) + ACCEPT_PAUSE_US, on_pause_over);
}

int
ranker_ctl_start(struct ranker_ctl **out, struct ranker *ranker, int fd)
{
	const struct settings_account *own = &ranker->conf->ranker_user;
	struct ranker_ctl *ctl = calloc(1, sizeof(*ctl));
	struct loop *loop = ranker->loop;
	int error;

	*out = NULL;
	if (ctl == NULL) {
		close(fd);
		return -ENOMEM;
	}
	ctl->loop = loop;
	ctl->ranker = ranker;
	/* As root we become the configured user when the sandbox closes. */
	ctl->own_uid = geteuid() == 0 ? own->uid : geteuid();
	ctl->own_gid = own->gid;
	ctl->page_uid = ranker->conf->page_user.uid;
	ctl->fd = fd;
	TAILQ_INIT(&ctl->peers);
	/* Where there are no files it could only take the clock. */
	json_object_seed((size_t)randombytes_random());
	error = loop_accept(loop, &ctl->accept, fd, on_accept);
	if (error != 0) {
		loop_close(loop, fd);
		free(ctl);
		return error;
	}
	*out = ctl;
	return 0;
}

void
ranker_ctl_stop(struct ranker_ctl *ctl)
{
	struct peer *p;

	if (ctl == NULL)
		return;
	while ((p = TAILQ_FIRST(&ctl->peers)) != NULL)
		peer_close(p);
	loop_cancel(ctl->loop, &ctl->pause);
	loop_close(ctl->loop, ctl->fd);
	free(ctl);
}
